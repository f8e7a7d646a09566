"""Workflows in a real browser: imported, looked at, compared, activated."""

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def node(name, kind, x, y, **more):
    spec = {"id": name, "name": name, "type": kind, "typeVersion": 1, "position": [x, y]}
    return spec | {"parameters": {}} | more


MORNINGS = {"content": "## Mornings\nBefore the *sun* is up.", "height": 320, "width": 440}
THINKING = {"content": "**Thinking**", "height": 460, "width": 380, "color": 5}


def garden(name, **code):
    """Return a workflow with a decision, an agent with its helpers, a loop and two notes."""
    base, chain = "n8n-nodes-base.", "@n8n/n8n-nodes-langchain."
    nodes = [
        node("Every morning", f"{base}scheduleTrigger", 0, 200),
        node("Ask the weather station", f"{base}noOp", 220, 200),
        node("Is it dry?", f"{base}noOp", 440, 200),
        node("Plan the watering", f"{chain}agent", 680, 60),
        node("A small model", f"{chain}lmChatOllama", 660, 300),
        node("Memory", f"{chain}memoryBufferWindow", 820, 300),
        node("Turn the tap", f"{base}noOp", 1080, 60, parameters={"jsCode": "open\nclose"} | code),
        node("Leave it", f"{base}noOp", 680, 480, disabled=True),
        node("Nobody comes here", f"{base}noOp", 1080, 480),
        node("Note", f"{base}stickyNote", -60, 80, parameters=MORNINGS),
        node("Note 2", f"{base}stickyNote", 620, -40, parameters=THINKING),
    ]

    def main(*ends):
        return {"main": [[{"node": end, "type": "main", "index": 0} for end in ends]]}

    def serves(kind):
        return {kind: [[{"node": "Plan the watering", "type": kind, "index": 0}]]}

    links = {
        "Every morning": main("Ask the weather station"),
        "Ask the weather station": main("Is it dry?"),
        "Is it dry?": {"main": [main("Plan the watering")["main"][0], main("Leave it")["main"][0]]},
        "Plan the watering": main("Turn the tap"),
        "A small model": serves("ai_languageModel"),
        "Memory": serves("ai_memory"),
        "Turn the tap": main("Ask the weather station"),
    }
    settings = {"executionOrder": "v1"}
    return json.dumps({"name": name, "nodes": nodes, "connections": links, "settings": settings})


def paste(seen, text, **fields):
    page = seen.page
    seen.goto("/workflows/import/")
    page.get_by_label("Pasted text").fill(text)
    for label, value in fields.items():
        page.get_by_label(label).select_option(value)
    page.get_by_role("button", name="Import").click()
    page.wait_for_url(re.compile(r"/workflows/\d+/$"))


def test_a_pasted_workflow_is_drawn_with_what_was_found_in_it(open_page):
    seen = open_page("/workflows/import/")
    page = seen.page
    assert seen.flaws("workflow-import") == []
    paste(seen, garden("Garden"))
    expect(page.locator("main")).to_contain_text("Garden is imported, with")
    drawing = page.locator(".wh-graph svg")
    expect(drawing.locator(".wh-graph-node")).to_have_count(9)
    expect(drawing.locator(".wh-graph-serves")).to_have_count(2)
    expect(drawing.locator(".wh-graph-note")).to_have_count(2)
    expect(page.locator("tr", has_text="Nobody comes here")).to_contain_text(
        "No trigger leads here"
    )
    assert seen.flaws("workflow") == []
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#facts")).to_contain_text("Active")
    expect(page.get_by_role("button", name="Deactivate")).to_be_visible()
    page.goto("/workflows/")
    expect(page.locator("#rows")).to_contain_text("Garden")
    assert seen.flaws("workflows") == []


def test_versions_are_compared_named_and_restored(open_page):
    seen = open_page("/workflows/")
    page = seen.page
    paste(seen, garden("Compared"))
    changed = garden("Compared", jsCode="open\nwait\nclose", litres=5)
    paste(seen, changed.replace("Leave it", "Wait a day"), **{"If the name is taken": "version"})
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("#rows tbody tr")).to_have_count(2)
    assert seen.flaws("workflow-versions") == []
    page.get_by_role("link", name="What it changed").click()
    expect(page.locator("main")).to_contain_text("+wait")
    expect(page.locator("main")).to_contain_text("parameters.litres")
    expect(page.locator("main")).to_contain_text("Wait a day")
    assert seen.flaws("workflow-dif") == []
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="1", exact=True).click()
    page.get_by_label("Name of this version").fill("before the dry summer")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("main")).to_contain_text("not the current one")
    assert seen.flaws("workflow-version") == []
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("main")).to_contain_text("It is version 3 (as version 1) now.")


def test_an_open_page_shows_what_somebody_else_did(open_page, home):
    seen = open_page("/workflows/")
    page = seen.page
    paste(seen, garden("Watched"))
    page.wait_for_function("() => document.documentElement.dataset.live === 'on'")
    file = home.var / "watched.json"
    file.write_text(garden("Watched").replace("Leave it", "Wait a day"), encoding="utf-8")
    home.manage("import_workflow", str(file), "--activate")
    expect(page.locator("#facts")).to_contain_text("Active", timeout=10000)
    expect(page.locator("#body")).to_contain_text("Wait a day", timeout=10000)
    expect(page.get_by_role("button", name="Deactivate")).to_be_visible()


def test_an_empty_import_says_what_to_do(open_page):
    seen = open_page("/workflows/import/")
    seen.page.get_by_label("Pasted text").fill('{"nodes": 7}')
    seen.page.get_by_role("button", name="Import").click()
    expect(seen.page.locator("main")).to_contain_text("has to be a list, but is a number")
    seen.complaints.clear()  # the browser tells of every 422
    assert seen.flaws("workflow-refused") == []
