"""Calls in every state, messages and copying, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def ask(page: Any, prompt: str, agent: str = "oak") -> None:
    """Ask on the page, of one agent."""
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Agent").select_option(agent)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/calls/*/")


def test_a_call_can_be_read_while_it_runs_and_when_it_was_stopped(open_page):
    seen = open_page("/ask/")
    ask(seen.page, "long " * 600)
    expect(seen.page.locator("[data-text]")).to_contain_text("You said", timeout=15000)
    expect(seen.page.locator("#who")).to_contain_text("oak · llama3:8b")
    expect(seen.page.locator("[data-waiting]")).to_be_hidden()
    assert seen.flaws("call-running") == []
    seen.page.get_by_role("button", name="Stop").click()
    expect(seen.page.locator("#answer")).to_contain_text("what had come by then", timeout=15000)
    expect(seen.page.get_by_role("button", name="Copy answer")).to_be_visible()
    assert seen.flaws("call-stopped") == []


def test_a_failed_call_can_be_read(open_page, home):
    fault = home.oak.faults.add("status", paths="/api/chat", status=500, body="out of memory")
    seen = open_page("/ask/")
    ask(seen.page, "This fails")
    expect(seen.page.locator("#facts")).to_contain_text("Failed", timeout=15000)
    home.oak.faults.remove(fault)
    assert seen.flaws("call-failed") == []


def test_a_waiting_call_says_what_for_and_does_not_flicker(open_page, home):
    seen = open_page("/ask/")
    ask(seen.page, "Nobody is there", agent="ash")
    expect(seen.page.locator("#waiting")).to_contain_text("ash", timeout=15000)
    shown = set()
    for _ in range(8):
        shown.add(seen.page.locator("#facts .status").inner_text())
        seen.page.wait_for_timeout(300)
        seen.page.reload()
    assert shown == {"Waiting"}
    assert seen.flaws("call-waiting") == []
    seen.page.get_by_role("button", name="Stop").click()
    expect(seen.page.locator("#answer")).to_contain_text("Stopped before an answer came")


def test_links_in_an_answer_can_be_told_from_words(open_page):
    seen = open_page("/ask/")
    ask(seen.page, "Look at [the docs](https://example.org/) for more")
    expect(seen.page.locator("#answer a")).to_have_text("the docs", timeout=15000)
    assert seen.flaws("call-links") == []


def test_the_words_do_not_change_their_size_at_the_end(open_page):
    page = open_page("/ask/").page
    ask(page, "Tell me " * 20)
    size = "e => { const s = getComputedStyle(e); return s.fontSize + s.lineHeight; }"
    streamed = page.locator("[data-text]").evaluate(size)
    expect(page.locator("#facts")).to_contain_text("Done", timeout=15000)
    assert page.locator("#answer .markdown").evaluate(size) == streamed


def test_a_message_can_be_read(open_page):
    seen = open_page("/agents/2/")
    seen.page.get_by_role("button", name="Check now").click()
    expect(seen.page.get_by_role("alert")).to_contain_text("BIRCH thinker is being checked")
    assert seen.flaws("message") == []


def test_asking_again_fills_the_form(open_page):
    page = open_page("/calls/1/").page
    page.get_by_role("link", name="Ask again").click()
    expect(page.get_by_label("Prompt")).to_have_value("Which tree is the oldest?")
    expect(page.get_by_label("Agent")).to_have_value("oak")


@pytest.mark.parametrize("clipboard", ["as it is", "missing"])
def test_copying_works_without_the_browsers_clipboard(open_page, clipboard):
    seen = open_page("/login/", stranger=False)
    page = seen.page
    if clipboard == "missing":
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    seen.goto("/calls/1/")
    page.get_by_role("button", name="Copy answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    seen.goto("/ask/")
    page.get_by_label("Prompt").press("Control+V")
    expect(page.get_by_label("Prompt")).to_have_value(re.compile("You said: Which tree"))


def test_a_link_for_a_password_is_copied_by_a_button(open_page):
    seen = open_page("/admin/core/user/")
    page = seen.page
    page.locator("tr", has_text="admin").get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label="Make a link to set a password")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("alert")).to_contain_text("Send this link to admin")
    seen.shoot("admin-link")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()


def test_the_cells_of_an_admin_list_are_named_on_a_phone(open_page):
    seen = open_page("/admin/agents/agent/")
    seen.turn("phone")
    cell = seen.page.locator("tr", has_text="birch").locator("td.field-software")
    label = cell.evaluate("e => getComputedStyle(e, '::before').content")
    assert label == '"Software"'
