"""Tasks in a real browser: submitted, watched, held, canceled, queued, explained."""

import re

import pytest
from playwright.sync_api import expect

from tests.fake_agent import FakeHost, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def slow(home):
    """An agent that takes one call at a time, slowly."""
    with running(FakeHost("ollama", models=("slow:1b",), slots=1, tps=40, tokens=120)) as host:
        home.add_agent("snail", host.url, name="SNAIL", slots=1, capabilities=["patience"])
        yield host


@pytest.fixture(scope="module")
def slower(home):
    """An agent that takes minutes for everything."""
    with running(FakeHost("ollama", models=("slow:1b",), slots=1, tps=5, tokens=900)) as host:
        home.add_agent("sloth", host.url, name="SLOTH", slots=1, capabilities=["sleep"])
        yield host


def submit(page, title, **fields):
    page.goto("/tasks/new/")
    page.get_by_label("Title").fill(title)
    for label, value in fields.items():
        page.get_by_label(label, exact=True).select_option(value)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/tasks/\d+/$"))


def test_a_task_is_submitted_watched_and_done(open_page, slow):
    seen = open_page("/tasks/new/")
    page = seen.page
    assert seen.flaws("task-new") == []
    page.get_by_label("Description").fill("Tell **me** about tides.")
    page.get_by_label("Attachments").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"the moon"}
    )
    page.get_by_label("Title").fill("Tides")
    page.get_by_label("Capability", exact=True).select_option("patience")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/tasks/\d+/$"))
    page.evaluate("window.same = true")
    streamed = page.locator("[data-text]")
    expect(streamed).to_contain_text("You said: Tides", timeout=30000)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_role("button", name="Hold")).to_be_hidden()
    seen.shoot("task-running")
    expect(page.locator("#facts")).to_contain_text("Done", timeout=40000)
    expect(page.locator("#answer strong").first).to_have_text("me")
    expect(page.locator("#attempts")).to_contain_text("1. First")
    expect(page.locator("#log")).to_contain_text("Attempt 1 goes to snail: the only one that fits")
    expect(page.locator("#log")).to_contain_text("Done by snail with slow:1b: result version 1")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    assert page.evaluate("window.same") is True
    page.get_by_text("How it was decided").click()
    expect(page.locator(".wh-scores")).to_contain_text("lacks the capability patience")
    assert seen.flaws("task-done") == []


def test_a_running_task_is_canceled_at_its_host(open_page, slower):
    page = open_page("/tasks/").page
    before = slower.canceled
    submit(page, "Stop me", Capability="sleep")
    expect(page.locator("[data-text]")).to_contain_text("You said", timeout=30000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#facts")).to_contain_text("Canceled", timeout=10000)
    expect(page.locator("#answer")).to_contain_text("before there was a result")
    assert slower.canceled == before + 1


def test_the_queue_shows_who_is_next_and_ticked_tasks_are_handled_together(open_page, home, slower):
    seen = open_page("/tasks/")
    page = seen.page
    submit(page, "The first", Capability="sleep")
    expect(page.locator("#facts")).to_contain_text("Running", timeout=20000)
    for name in ("The second", "The third"):
        submit(page, name, Capability="sleep")
    page.get_by_label("Priority").last.select_option("1")
    page.get_by_role("button", name="Set").click()
    page.goto("/tasks/queue/")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2, timeout=20000)
    expect(rows.first).to_contain_text("The third")
    expect(rows.last).to_contain_text("Waits for a free slot on sloth")
    assert seen.flaws("queue") == []
    page.goto("/tasks/?state=queued")
    page.get_by_label("Tick all").check()
    home.manage("submit_task", "The fourth", "--capability", "sleep", "--hold")
    page.wait_for_timeout(2500)  # the list was fetched again: what is ticked stays so
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("main")).to_contain_text("2 tasks put on hold")
    page.goto("/tasks/")
    expect(page.locator("tr", has_text="The second").first).to_contain_text("On hold")
    assert seen.flaws("tasks") == []
    page.get_by_label("Tick all").check()
    page.get_by_role("button", name="Cancel ticked").click()
    page.goto("/tasks/?state=held")
    expect(page.locator("main")).to_contain_text("No such task")


def test_a_task_that_has_to_wait_says_for_what_and_goes_on_by_itself(open_page, slow):
    page = open_page("/tasks/").page
    submit(page, "In front", Capability="patience")
    expect(page.locator("#facts")).to_contain_text("Running", timeout=20000)
    submit(page, "Behind", Capability="patience")
    expect(page.locator("#answer")).to_contain_text("Waits for a free slot on snail", timeout=5000)
    expect(page.locator("[data-text]")).to_contain_text("You said: Behind", timeout=40000)
    expect(page.locator("#facts")).to_contain_text("Done", timeout=40000)


def test_what_would_happen_to_a_task_is_explained(open_page, slow):
    seen = open_page("/tasks/new/")
    seen.page.get_by_label("Title").fill("Where would this go?")
    seen.page.get_by_role("button", name="What would happen?").click()
    expect(seen.page.locator("#foreseen")).to_contain_text("that fit")
    assert seen.flaws("task-foreseen") == []


def test_a_project_gathers_tasks(open_page, home):
    seen = open_page("/projects/new/")
    page = seen.page
    page.get_by_label("Name").fill("Garden")
    page.get_by_label("Description").fill("What is to be done before spring")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/projects/\d+/$"))
    page.get_by_role("link", name="Submit a task").click()
    page.get_by_label("Title").fill("Draw up a plan")
    page.get_by_label("Agent", exact=True).select_option("oak")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("link", name="Garden").click()
    expect(page.locator("#rows")).to_contain_text("Draw up a plan")
    expect(page.locator("#rows")).to_contain_text("Done", timeout=20000)
    assert seen.flaws("project") == []
    page.goto("/projects/")
    assert seen.flaws("projects") == []
