"""Executions in a real browser: started with an input, watched, looked into, retried, canceled."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from workflows.tests.conftest import chain, code, node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ITEMS = """return Array.from({length: 60}, (_, n) => ({json: {
  n, name: `Harbour ${n}`, tide: {high: n / 2, at: ['dawn', 'dusk']},
  note: n % 7 ? '' : 'x '.repeat(200)
}}))"""
PICK = "throw new Error('There is no tide table for this harbour.')"


@pytest.fixture(scope="module")
def keep(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Import a workflow; returns the address of its page: `keep("Tides", node, ...)`."""
    folder = tmp_path_factory.mktemp("workflows")

    def kept(name: str, *nodes: dict[str, Any], **more: Any) -> str:
        path = Path(folder / f"{name}.json")
        path.write_text(chain(name, *nodes, **more), encoding="utf-8")
        said = home.manage("import_workflow", str(path)).stdout
        found = re.search(r"id (\d+)", said)
        assert found is not None, said
        return f"/workflows/{found[1]}/"

    return kept


def run(page: Any, address: str, given: str = "") -> None:
    """Run a workflow from its page."""
    page.goto(address)
    page.get_by_label("Input", exact=True).fill(given)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/executions/\d+/$"))


def test_a_run_is_started_watched_and_looked_into(open_page, keep):
    wait = node("Rest", "wait", resume="timeInterval", amount=4, unit="seconds")
    pins = {"Harbours": [{"json": {"pinned": True}}]}
    nodes = [code("Harbours", ITEMS), wait, node("Table", "convertToFile", operation="toJson")]
    address = keep("Tides", *nodes, pinData=pins)
    seen = open_page(address)
    page = seen.page
    expect(page.locator("#runs")).to_contain_text("It has not run yet.")
    assert seen.flaws("run-form") == []
    run(page, address, '{"from": "me"}')
    page.evaluate("window.same = true")
    rest = page.locator("#nodes tr", has_text="Rest")
    expect(rest).to_contain_text("Running", timeout=20000)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_be_hidden()
    seen.shoot("execution-running")
    expect(page.locator("#facts")).to_contain_text("Succeeded", timeout=20000)
    expect(page.locator("#data")).to_contain_text("What Table gave")
    assert page.evaluate("window.same") is True
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()
    with page.expect_download() as download:
        page.locator("#data td a").first.click()
    assert "Harbour 59" in Path(download.value.path()).read_text()
    page.locator("#nodes").get_by_role("link", name="Harbours").click()
    expect(page.locator("#data tbody tr")).to_have_count(50)
    assert seen.flaws("execution-table") == []
    page.get_by_role("link", name="After").click()
    expect(page.locator("#data tbody tr")).to_have_count(10)
    page.get_by_role("link", name="JSON").click()
    expect(page.locator("#data pre")).to_contain_text('"name": "Harbour 59"')
    assert seen.flaws("execution-json") == []
    page.goto(address)
    expect(page.locator("#runs")).to_contain_text("Succeeded")
    assert seen.flaws("workflow-with-runs") == []


def test_a_failed_run_says_why_and_is_retried(open_page, home, keep):
    address = keep("Harbour", code("Ask", "return [{json: {}}]"), code("Pick", PICK))
    seen = open_page(address)
    page = seen.page
    run(page, address)
    expect(page.locator("#facts")).to_contain_text("There is no tide table", timeout=20000)
    expect(page.locator("#data")).to_contain_text("What Pick gave")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    assert seen.flaws("execution-failed") == []
    keep("Harbour", code("Ask", FAILS), code("Pick", "return [{json: {mended: true}}]"))
    page.reload()
    page.get_by_role("button", name="Retry with the newest version").click()
    expect(page.locator("#facts")).to_contain_text("Succeeded", timeout=20000)
    expect(page.locator("main")).to_contain_text("retry of")
    expect(page.locator("#data")).to_contain_text("mended")


FAILS = "throw new Error('this is not run again')"


def test_bad_json_is_told_by_its_line(open_page, keep):
    seen = open_page(keep("Bad", node("End", "noOp")))
    page = seen.page
    page.get_by_label("Input", exact=True).fill('{\n  "a": 1,\n  b: 2\n}')
    seen.listening = False  # the browser reports the 422 itself
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("form [role=alert]")).to_contain_text("at line 3")
    seen.listening = True
    assert seen.flaws("run-refused") == []


def test_a_waiting_run_is_canceled_and_the_list_follows(open_page, keep):
    wait = node("Rest", "wait", resume="timeInterval", amount=2, unit="hours")
    address = keep("Waiting here", wait)
    seen = open_page(address)
    page = seen.page
    run(page, address)
    expect(page.locator("#facts")).to_contain_text("Waiting", timeout=20000)
    seen.shoot("execution-waiting")
    other = open_page("/executions/?state=waiting")
    row = other.page.locator("tr", has_text="Waiting here")
    expect(row).to_contain_text("Rest waits until")
    assert other.flaws("executions") == []
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#facts")).to_contain_text("Canceled", timeout=10000)
    expect(row).to_have_count(0, timeout=10000)
    dashboard = open_page("/")
    expect(dashboard.page.locator("#panel-executions")).to_contain_text("Waiting here")
    assert dashboard.flaws("dashboard") == []
    admin = open_page("/admin/workflows/execution/")
    assert admin.flaws("admin-executions") == []
