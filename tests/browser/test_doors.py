"""Forms, chats and addresses in a real browser: strangers send, people watch."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_workflows import paste
from workflows.tests.calls import hook, line, node, sets

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CHAT = "@n8n/n8n-nodes-langchain.chatTrigger"


def field(label, kind="text", **more):
    return {"fieldLabel": label, "fieldType": kind, **more}


def form():
    harbours = {"values": [{"option": "Porto"}, {"option": "Leixões"}]}
    tides = {"values": [{"option": "High"}, {"option": "Low"}]}
    fields = [
        field("Name of the boat", requiredField=True, placeholder="As on the bow"),
        field("Crew", "number"),
        field("Harbour", "dropdown", fieldOptions=harbours),
        field("Tide", "radio", fieldOptions=tides),
        field("What was caught", "checkbox", fieldOptions=harbours | {"values": [
            {"option": "Sardines"}, {"option": "Mackerel"}]}),
        field("Notes", "textarea"),
        field("Day", "date"),
        field("Photo", "file", acceptFileTypes=".png"),
    ]  # fmt: skip
    first = node(
        "Form", "formTrigger", formTitle="Landing", formFields={"values": fields},
        formDescription="Tell the harbour what you bring <b>in</b>.", options={"path": "landing"},
    )  # fmt: skip
    second = node(
        "More", "form", formFields={"values": [field("Weight in kg", "number")]},
        options={"formTitle": "How much is it?", "buttonLabel": "Weigh"},
    )  # fmt: skip
    last = node("End", "form", operation="completion", completionTitle="Landed",
                completionMessage="={{ $json['Weight in kg'] }} kg are written down.")  # fmt: skip
    return line("Landing", first, second, last)


def activate(page):
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#facts")).to_contain_text("Active")


def test_a_stranger_fills_a_form_from_page_to_page(open_page):
    seen = open_page("/workflows/import/")
    paste(seen, form())
    activate(seen.page)
    expect(seen.page.locator("#addresses")).to_contain_text("/form/landing")
    there = open_page("/form/landing", stranger=True)
    page = there.page
    assert there.flaws("form") == []
    page.get_by_label("Name of the boat").fill("Ada")
    page.get_by_label("Crew").fill("3")
    page.get_by_label("Harbour").select_option("Porto")
    page.get_by_label("High").check()
    page.get_by_label("Sardines").check()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="How much is it?")).to_be_visible(timeout=20000)
    assert there.flaws("form-page") == []
    page.get_by_label("Weight in kg").fill("12.5")
    page.get_by_role("button", name="Weigh").click()
    expect(page.get_by_role("heading", name="Landed")).to_be_visible(timeout=20000)
    expect(page.locator("main")).to_contain_text("12.5 kg are written down.")
    assert there.flaws("form-end") == []
    expect(seen.page.locator("#runs")).to_contain_text("Succeeded", timeout=10000)


def test_a_stranger_talks_with_a_workflow(open_page):
    seen = open_page("/workflows/import/")
    code = node("Code", "code", jsCode="return [{json: {output: 'You said: ' + $json.chatInput}}]")
    options = {"title": "Harbour office", "subtitle": "We answer day and night."}
    chat = node("Chat", CHAT, 1.1, webhookId="harbour-office", public=True,
                initialMessages="Ahoy!\nWhat do you bring?", options=options)  # fmt: skip
    paste(seen, line("Harbour office", chat, code))
    activate(seen.page)
    there = open_page("/webhook/harbour-office/chat", stranger=True)
    page = there.page
    page.get_by_label("Your message").fill("Two nets of sardines")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log")).to_contain_text("You said: Two nets of sardines", timeout=20000)
    assert there.flaws("chat") == []


def test_somebody_who_builds_listens_for_a_test_call(open_page, home):
    seen = open_page("/workflows/import/")
    page = seen.page
    paste(seen, line("Called tides", hook("tides", responseMode="lastNode"), sets(seen="yes")))
    page.get_by_role("button", name="Listen for a test call").click()
    expect(page.locator("#addresses")).to_contain_text("for one test call")
    assert seen.flaws("listening") == []
    page.wait_for_function("() => document.documentElement.dataset.live === 'on'")
    answer = httpx.post(f"{home.url}/webhook-test/tides", json={"a": 1}, timeout=30)
    assert answer.json() == {"seen": "yes"}
    expect(page.locator("#runs")).to_contain_text("Succeeded", timeout=10000)
    expect(page.locator("#addresses")).not_to_contain_text("webhook-test", timeout=10000)
    activate(page)
    page.goto("/webhooks/")
    expect(page.locator("#rows")).to_contain_text("/webhook/tides")
    assert seen.flaws("webhooks") == []
    page.locator("tr", has_text="/webhook/tides").get_by_role("button").click()
    expect(page.locator("tr", has_text="/webhook/tides")).to_contain_text("Copied")


def test_a_page_a_workflow_makes_is_none_of_this_sites(open_page, home):
    """D09: signed in as an administrator, a script in an answer finds no session."""
    evil = (
        "<h1>Evil</h1><p id='out'></p><script>let out = document.getElementById('out');"
        "try { out.textContent = 'cookies: ' + document.cookie } catch (e) {"
        " out.textContent = 'shut in' }</script>"
    )
    respond = node("Respond", "respondToWebhook", respondWith="text", responseBody=evil)
    first = hook("evil", httpMethod="GET", responseMode="responseNode")
    seen = open_page("/workflows/import/")
    paste(seen, line("Evil", first, respond))
    activate(seen.page)
    seen.page.goto("/webhook/evil")
    expect(seen.page.locator("#out")).to_have_text("shut in")
