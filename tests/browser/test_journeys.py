"""What a person does, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.fake_agent import FakeHost, running
from tests.process.installation import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_asking_streams_the_answer_and_says_who_gave_it_and_why(open_page, home):
    seen = open_page("/ask/")
    page = seen.page
    page.get_by_label("Prompt").fill("Tell **me** " + "more " * 30)
    page.get_by_label("Agent").select_option("oak")
    page.get_by_label("Prompt").press("Control+Enter")
    page.wait_for_url("**/calls/*/")
    streamed = page.locator("[data-text]")
    expect(streamed).to_contain_text("You said: Tell", timeout=5000)
    assert "more " * 30 not in streamed.inner_text()  # it is still coming
    expect(page.locator("#facts")).to_contain_text("Done", timeout=10000)
    expect(page.locator("#answer strong")).to_have_text("me")
    expect(page.locator("#facts")).to_contain_text("oak")
    expect(page.locator("#facts")).to_contain_text("is in memory")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    page.get_by_text("How it was chosen").click()
    expect(page.locator(".wh-scores")).to_contain_text("not the agent asked for")
    seen.shoot("call-done")


def test_what_would_happen_is_explained_without_asking(open_page, home):
    seen = open_page("/ask/")
    asked = len(home.oak.requests)
    seen.page.get_by_label("Prompt").fill("Where would this go?")
    seen.page.get_by_role("button", name="What would happen?").click()
    expect(seen.page.locator("#foreseen")).to_contain_text("soonest of ")
    expect(seen.page.locator("#foreseen")).to_contain_text("offline")
    assert seen.page.get_by_label("Prompt").input_value() == "Where would this go?"
    assert not any(one.path == "/api/chat" for one in home.oak.requests[asked:])
    assert seen.flaws("foreseen") == []


def test_the_stop_button_reaches_the_host_and_keeps_what_had_come(open_page, home):
    page = open_page("/ask/").page
    before = home.oak.canceled
    page.get_by_label("Prompt").fill("long " * 300)
    page.get_by_label("Agent").select_option("oak")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("[data-text]")).to_contain_text("You said: long", timeout=5000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#answer")).to_contain_text("what had come by then", timeout=5000)
    assert home.oak.canceled == before + 1


def test_the_agents_page_shows_a_dead_host_within_thirty_seconds_without_reload(open_page, home):
    with running(FakeHost("ollama", models=("tiny:1b",))) as host:
        home.add_agent("willow", host.url, name="WILLOW")
        page = open_page("/agents/").page
        row = page.locator("tr", has_text="WILLOW")
        expect(row).to_contain_text("Online", timeout=20000)
        page.evaluate("window.same = true")
        host.down()
        expect(row).to_contain_text("Offline", timeout=30000)
        expect(row).to_contain_text("connection refused")
        assert page.evaluate("window.same") is True


def test_the_dashboard_follows_calls_made_elsewhere(open_page, home):
    seen = open_page("/")
    home.manage("ask", "From another window", "--agent", "oak")
    expect(seen.page.locator("#panel-calls")).to_contain_text("From another window", timeout=5000)
    seen.shoot("dashboard-live")


def test_what_changed_while_the_tab_was_hidden_is_fetched_when_it_is_looked_at(open_page, home):
    page = open_page("/").page
    calls = page.locator("#panel-calls")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    home.manage("ask", "While nobody looked", "--agent", "oak")
    page.wait_for_timeout(3000)
    assert "While nobody looked" not in calls.inner_text()
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(calls).to_contain_text("While nobody looked", timeout=5000)


def test_the_admin_form_tests_an_endpoint_before_saving_and_says_what_it_found(open_page, home):
    seen = open_page("/admin/agents/agent/add/")
    page = seen.page
    page.get_by_label("Name:").fill("maple")
    page.get_by_label("Endpoint:").fill(home.oak.url.replace("127.0.0.1", "localhost"))
    page.get_by_role("button", name="Test the endpoint").click()
    expect(page.locator("#examination")).to_contain_text("tick 'Allow this machine' below")
    page.get_by_label("Allow this machine").check()
    page.get_by_role("button", name="Test the endpoint").click()
    expect(page.locator("#examination")).to_contain_text("ollama")
    expect(page.locator("#examination")).to_contain_text("llama3:8b")
    seen.shoot("admin-tested")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("main")).to_contain_text("answers in")
    badge = page.locator("tr", has_text="maple").locator("[id^=badge]")
    expect(badge).to_contain_text("Online", timeout=20000)
    delete(page, "maple")


def delete(page: Any, name: str, kind: str = "agents") -> None:
    """Delete an agent, or another row, by the admin's action."""
    page.locator("tr", has_text=name).get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label=f"Delete selected {kind}")
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Yes, I’m sure").click()
    expect(page.locator("main")).to_contain_text("Successfully deleted")


def test_a_form_for_a_silent_endpoint_says_so_and_saves_only_when_told(open_page):
    page = open_page("/admin/agents/agent/add/").page
    page.get_by_label("Name:").fill("ghost")
    page.get_by_label("Endpoint:").fill("http://127.0.0.1:1")
    page.get_by_label("Allow this machine").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").last).to_contain_text("connection refused")
    page.get_by_label("Save even if it does not answer").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("tr", has_text="ghost")).to_be_visible()
    delete(page, "ghost")


def test_admin_actions_drain_and_resume_an_agent(open_page):
    page = open_page("/admin/agents/agent/").page
    row = page.locator("tr", has_text="birch")
    for action, state in (("Drain", "Draining"), ("Resume", "Online")):
        row.get_by_role("checkbox").check()
        page.get_by_label("Action:").select_option(label=action)
        page.get_by_role("button", name="Go").click()
        expect(row).to_contain_text(state, timeout=15000)


def test_a_new_key_is_shown_once_and_can_be_revoked(open_page):
    seen = open_page("/account/")
    page = seen.page
    page.get_by_label("Name").last.fill("browser test")
    page.get_by_role("button", name="Make key").click()
    shown = page.get_by_label("The new key").input_value()
    assert re.fullmatch(r"whoosh_[0-9a-f]{8}_\S{43}", shown)
    expect(page.get_by_label("The new key")).to_be_focused()
    expect(page.get_by_label("The new key")).to_be_in_viewport()
    assert page.url.endswith("/account/")
    assert seen.flaws("key") == []
    page.reload()
    expect(page.locator("tr", has_text="browser test")).to_have_count(1)
    assert shown not in page.content()
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("tr", has_text="browser test").get_by_role("button", name="Revoke").click()
    expect(page.locator("main")).to_contain_text("no longer works")


def test_search_is_one_slash_away(open_page):
    page = open_page("/").page
    page.keyboard.press("/")
    page.keyboard.type("birch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    page.get_by_role("link", name="BIRCH thinker").click()
    expect(page.get_by_role("heading", name="BIRCH thinker")).to_be_visible()


def test_the_menu_opens_on_a_phone(open_page):
    seen = open_page("/")
    seen.turn("phone")
    page = seen.page
    expect(page.get_by_role("link", name="Capabilities")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    seen.shoot("menu")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Capabilities")).to_be_hidden()
    expect(page.get_by_role("button", name="Menu")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Capabilities").click()
    expect(page.get_by_role("heading", name="Capabilities")).to_be_visible()


def test_everything_on_the_ask_page_is_reached_by_keyboard(open_page):
    page = open_page("/ask/").page
    page.locator("body").press("Tab")
    reached = []
    for _ in range(40):
        name = page.evaluate(
            "(e => e.name || e.getAttribute('aria-label') || e.textContent.trim())"
            "(document.activeElement)"
        )
        reached.append(name)
        page.keyboard.press("Tab")
    for wanted in ("agent", "model", "capability", "Ask", "Agents", "q"):
        assert wanted in reached


def test_signing_out_ends_an_open_page_and_its_socket(open_page, home, chromium):
    page = open_page("/login/", stranger=True).page
    page.get_by_label("User name or e-mail").fill("ADMIN@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{home.url}/")
    other = page.context.new_page()
    other.goto(f"{home.url}/account/")
    other.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/login/**", timeout=15000)


def test_the_theme_switch_is_remembered(open_page, cookie):
    seen = open_page("/login/", stranger=True)
    seen.context.add_cookies(cookie)
    seen.goto("/")
    theme = "document.documentElement.dataset.bsTheme"
    assert seen.page.evaluate(theme) == "light"
    seen.page.get_by_role("button", name="Light or dark").locator("visible=true").click()
    assert seen.page.evaluate(theme) == "dark"
    seen.goto("/")
    assert seen.page.evaluate(theme) == "dark"
