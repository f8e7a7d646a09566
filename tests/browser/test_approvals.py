"""A run that waits for a person: the question opened, on a phone too, and decided."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_executions import keep  # noqa: F401  (a fixture)
from workflows.tests.conftest import code, node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BEDS = """return ['north', 'south', 'herbs'].map((bed, n) => ({json: {
  bed, litres: 4 + n, soil: {moisture: 0.2 + n / 10, ph: 6.5}
}}))"""
TEXT = """The forecast says **no rain** until Friday.

- the north bed is dry
- [the pump](https://example.org/pump) was serviced in May"""


def test_a_question_is_decided_and_the_run_goes_on(open_page, keep):  # noqa: F811
    ask = node("Ask", "x", question="Water these beds now?", text=TEXT, requesterMay=True)
    address = keep("Beds to water", code("Beds", BEDS), {**ask, "type": "whoosh.waitForApproval"})
    seen = open_page("/approvals/")
    page = seen.page
    expect(page.locator("#rows")).to_contain_text("Nothing waits for you")
    assert seen.flaws("approvals-none") == []
    page.goto(address)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/executions/\d+/$"))
    expect(page.locator("#facts")).to_contain_text("Ask waits for an approval", timeout=20000)
    assert seen.flaws("execution-asks") == []
    page.get_by_role("link", name="Open the question").click()
    expect(page.get_by_role("heading", name="Water these beds now?")).to_be_visible()
    assert seen.flaws("approval") == []
    page.goto("/approvals/")
    assert seen.flaws("approvals") == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Water these beds now?").click()
    page.get_by_label("Comment").fill("Not the herbs, they had some.")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#decision")).to_contain_text("Approved by")
    assert seen.flaws("approval-decided") == []
    page.get_by_role("link", name=re.compile("execution")).first.click()
    expect(page.locator("#facts")).to_contain_text("Succeeded", timeout=20000)
