"""Managing models of the hosts, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.fake_agent import FakeHost, FakeModel, running
from tests.process.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FORGET = "from agents.models import Agent; Agent.objects.filter(name='pine').delete()"


@pytest.fixture(scope="module")
def pine(home: Installation) -> Iterator[FakeHost]:
    """A second Ollama host, with older builds than oak's; its pulls take a while."""
    old = [
        FakeModel("llama3:8b", billions=8.0, build="old"),
        FakeModel("llava-vision:7b", billions=7.0, build="old"),
    ]
    models = (*old, "tiny:1b", "tossed:1b")
    host = FakeHost("ollama", models=models, pull_seconds=6, pull_steps=60)
    with running(host):
        home.add_agent("pine", host.url, name="PINE spare")
        yield host
        home.manage("shell", "-c", FORGET)


def model_page(open_page: Any, name: str) -> Any:
    """Open a model's page from the list, once both hosts have told of it."""
    seen = open_page(f"/models/?name={name}")
    expect(seen.page.locator("#rows")).to_contain_text("pine", timeout=20000)
    seen.page.get_by_role("link", name=name, exact=True).click()
    expect(seen.page.locator("h1")).to_have_text(name)
    seen.page.wait_for_function("() => document.documentElement.dataset.live === 'on'")
    return seen


def pull(page: Any, model: str) -> Any:
    """Pull on the models page to pine; returns the job's line."""
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_label("PINE spare").check()
    page.get_by_role("button", name="Pull", exact=True).click()
    return page.locator("#jobs .list-group-item", has_text=f"Pull {model}")


def test_a_pull_is_watched_to_its_end_and_the_model_appears(open_page, pine, home):
    page = open_page("/models/").page
    expect(page.locator("#rows")).to_contain_text("pine", timeout=20000)
    line = pull(page, "newcomer:3b")
    page.evaluate("window.same = true")
    expect(line).to_contain_text("Running", timeout=10000)
    expect(line).to_contain_text("MB/s", timeout=10000)
    expect(line).to_contain_text("left")
    early = int(line.locator("progress").get_attribute("value"))
    expect(line).to_contain_text("Done", timeout=20000)
    assert 0 < early < 1_800_000_000
    expect(page.locator("#rows")).to_contain_text("newcomer:3b", timeout=10000)
    assert page.evaluate("window.same") is True


def test_a_running_pull_looks_right_and_can_be_canceled(open_page, pine):
    pine.settings.pull_seconds = 60
    seen = open_page("/models/")
    line = pull(seen.page, "long:70b")
    pine.settings.pull_seconds = 6
    expect(line).to_contain_text("left", timeout=15000)
    assert seen.flaws("models-pulling") == []
    line.get_by_role("button", name="Cancel").click()
    expect(seen.page.get_by_role("alert").first).to_contain_text("is being canceled")
    expect(line).to_contain_text("Canceled", timeout=10000)
    assert pine.downloads.fetched["long:70b"] < 42_000_000_000


def test_a_model_no_registry_has_says_so(open_page, pine):
    pine.settings.registry = ()
    try:
        line = pull(open_page("/models/").page, "nosuch:1b")
        expect(line).to_contain_text("The registry has no model nosuch:1b.", timeout=10000)
    finally:
        pine.settings.registry = None


def test_a_bad_name_is_told_in_the_form(open_page, pine):
    seen = open_page("/models/")
    pull(seen.page, "not good")
    expect(seen.page.locator("#pull")).to_contain_text("'not good' is no model name")
    assert seen.flaws("models-bad-name") == []
    seen.complaints.clear()  # the browser reports the 422 itself


def test_different_files_are_shown_on_the_models_page(open_page, pine):
    seen = model_page(open_page, "llama3:8b")
    expect(seen.page.locator("#rows .alert")).to_contain_text("different files")
    assert seen.flaws("model-differs") == []


def test_a_model_is_loaded_pinned_and_unloaded_by_buttons(open_page, pine):
    page = model_page(open_page, "tiny:1b").page
    row = page.locator("tr", has_text="PINE spare")

    def press(button: str, said: str) -> None:
        row.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text(f"tiny:1b on PINE spare: {said}")

    press("Load", "it is under way")
    expect(row).to_contain_text("for 5 min", timeout=15000)
    press("Pin", "it stays in memory")
    expect(row).to_contain_text("for good", timeout=15000)
    expect(row).to_contain_text("pinned")
    expect(row.get_by_role("button", name="Unload")).to_be_hidden()
    press("Unpin", "it is no longer pinned")
    press("Unload", "it is under way")
    expect(row.get_by_role("button", name="Load", exact=True)).to_be_visible(timeout=15000)
    page.get_by_label("Host", exact=True).select_option(label="PINE spare")
    page.get_by_label("Time after each call").fill("2h")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("kept 2h")


def test_pulling_again_ends_the_difference(open_page, pine):
    page = model_page(open_page, "llava-vision:7b").page
    page.locator("tr", has_text="PINE spare").get_by_role("button", name="Pull again").click()
    expect(page.locator("#jobs")).to_contain_text("Done", timeout=20000)
    expect(page.locator("#rows .alert")).to_be_hidden(timeout=15000)


def test_deleting_asks_first(open_page, pine):
    seen = model_page(open_page, "tossed:1b")
    page = seen.page
    row = page.locator("tr", has_text="PINE spare")
    questions = []
    page.once("dialog", lambda dialog: (questions.append(dialog.message), dialog.dismiss()))
    row.get_by_role("button", name="Delete").click()
    assert questions[0].startswith("Delete tossed:1b from the disk of PINE spare?")
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/models/")
    expect(page.locator("#jobs")).to_contain_text("Delete tossed:1b")
    expect(page.locator("#rows")).not_to_contain_text("tossed:1b", timeout=15000)
    seen.complaints.clear()  # the page of the model may ask for a part once more, which is 404


def test_an_agents_page_shows_its_jobs(open_page, pine):
    page = open_page("/models/").page
    pull(page, "shown:1b")
    page.get_by_role("link", name="Agents").click()
    page.get_by_role("link", name="PINE spare").click()
    expect(page.locator("#jobs")).to_contain_text("Pull shown:1b")
    page.get_by_role("link", name="Pull a model").click()
    expect(page.get_by_label("PINE spare")).to_be_checked()
