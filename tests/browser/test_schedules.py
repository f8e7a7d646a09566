"""Schedules in a real browser: what comes next, what ran, what went wrong."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from workflows.tests.conftest import code, node, written

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EVERY = [{"field": "seconds", "secondsInterval": 5}]
WEEKLY = [
    {"field": "weeks", "weeksInterval": 2, "triggerAtDay": [1, 4], "triggerAtHour": 7},
    {"field": "cronExpression", "expression": "30 2 L * *"},
]


@pytest.fixture(scope="module")
def keep(home, tmp_path_factory):
    """Import and activate a workflow with a schedule; returns the address of its page."""
    folder = tmp_path_factory.mktemp("schedules")

    def kept(name, rules, then, *more, **settings):
        links = {"Clock": {"main": [[{"node": then["name"], "type": "main", "index": 0}]]}}
        clock = node("Clock", "scheduleTrigger", rule={"interval": rules})
        nodes = [clock, then, *more]
        for place, one in enumerate(nodes):
            one["position"] = [200 * place, 0]
        settings = {"executionOrder": "v1", **settings}
        path = Path(folder / f"{name}.json")
        path.write_text(written(name, *nodes, connections=links, settings=settings))
        said = home.manage("import_workflow", "--activate", str(path)).stdout
        found = re.search(r"id (\d+)", said)
        assert found is not None, said
        return f"/workflows/{found[1]}/"

    return kept


def test_schedules_show_what_comes_next_and_what_ran(open_page, keep):
    keep("Newsletter of the harbour", WEEKLY, node("End", "noOp"), timezone="Europe/Berlin")
    fails = code("Pick", "throw new Error('There is no tide table.')")
    address = keep("Watched tides", EVERY, fails, node("Heard", "errorTrigger"))
    seen = open_page("/schedules/")
    page = seen.page
    row = page.locator("#rows tr", has_text="Watched tides")
    expect(row).to_contain_text("Every 5 seconds")
    expect(row).to_contain_text("Failed", timeout=30000)
    letter = page.locator("#rows tr", has_text="Newsletter")
    expect(letter).to_contain_text("Every 2 weeks on Monday, Thursday at 07:00")
    expect(letter.locator("time")).to_have_count(5)
    page.goto(address)
    expect(page.locator("#clocks")).to_contain_text("Every 5 seconds")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.locator("#clocks")).to_be_hidden()
    assert seen.flaws("workflow-stopped") == []
    page.goto("/schedules/")
    expect(page.locator("#rows tr", has_text="Watched tides")).to_have_count(0)
    assert seen.flaws("schedules") == []
    page.goto("/executions/?state=error")
    page.locator("#rows a", has_text="Watched tides").first.click()
    page.get_by_role("link", name="error workflow").click()
    expect(page.locator("main")).to_contain_text("about the failed")
    assert seen.flaws("execution-of-an-error") == []
    page.goto(address)
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#clocks")).to_be_visible()
    assert seen.flaws("workflow-with-schedule") == []
    page.get_by_role("button", name="Deactivate").click()
