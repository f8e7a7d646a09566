"""Hosts are looked for and found, and one that asked is let in, in a real browser."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_journeys import delete
from tests.fake_agent import FakeHost, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def two_hosts():
    """A llama.cpp server, and an Ollama host that wants a key."""
    with (
        running(FakeHost("llamacpp", pace=0)) as open_one,
        running(FakeHost("ollama", pace=0, key="s3cret")) as guarded,
    ):
        yield open_one, guarded


def searched(seen: Any, *places: str) -> Any:
    """Fill the form; return the page of the discovery it leads to."""
    page = seen.page
    page.get_by_label("Hosts and networks").fill("\n".join(places))
    page.get_by_role("button", name="Look for hosts").click()
    page.wait_for_url("**/agents/discover/*/")
    return page


def test_hosts_are_found_without_reload_and_one_becomes_an_agent(open_page, home, two_hosts):
    open_one, guarded = two_hosts
    seen = open_page("/agents/")
    seen.page.get_by_role("link", name="Discover hosts").click()
    assert seen.flaws("discover") == []
    named = [host.url.removeprefix("http://") for host in (open_one, guarded, home)]
    page = searched(seen, *named, "127.0.0.1:9")
    found = page.locator("#found")
    expect(found).to_contain_text("Done", timeout=15000)
    expect(found).to_contain_text("4 of 4 places asked, 2 hosts found")
    expect(found).to_contain_text(f"{home.url} is a WHOOSH itself, not a model host.")
    expect(found).to_contain_text("connection refused")
    row = found.locator("tr", has_text=open_one.url)
    expect(row).to_contain_text("llama.cpp")
    guarded_row = found.locator("tr", has_text=guarded.url)
    expect(guarded_row).to_contain_text("wants a key")
    assert seen.flaws("discovery") == []
    row.get_by_role("checkbox").check()
    row.get_by_label("Name of").fill("oak")  # taken
    page.get_by_role("button", name="Register the chosen").click()
    expect(page.get_by_role("alert")).to_contain_text("an agent is called oak already")
    seen.complaints.clear()  # the browser reports the 422 itself
    assert row.get_by_role("checkbox").is_checked()
    row.get_by_label("Name of").fill("linden")
    page.get_by_role("button", name="Register the chosen").click()
    page.wait_for_url("**/agents/")
    expect(page.locator("tr", has_text="linden")).to_contain_text("Online", timeout=20000)
    page.goto("/admin/agents/agent/")
    delete(page, "linden")


def test_a_long_search_shows_how_far_it_is_and_stops_when_told(open_page, two_hosts):
    open_one, slow = two_hosts
    slow.faults.add("delay", seconds=30)
    seen = open_page("/agents/discover/")
    page = searched(seen, *(host.url.removeprefix("http://") for host in two_hosts))
    found = page.locator("#found")
    expect(found).to_contain_text("1 of 2 places asked, 1 host found")
    expect(found).to_contain_text(open_one.url)
    button = page.get_by_role("button", name="Stop")
    assert seen.flaws("discovery-running") == []
    button.click()
    expect(found).to_contain_text("Stopped", timeout=10000)
    expect(button).to_be_hidden()
    expect(found.get_by_role("checkbox")).to_be_visible()


def test_a_host_that_asks_shows_at_once_and_is_let_in(open_page, home):
    seen = open_page("/admin/agents/jointoken/add/")
    page = seen.page
    assert seen.flaws("join-token-form") == []
    page.get_by_label("Name:").fill("Lab rack")
    page.get_by_role("button", name="Save", exact=True).click()
    token = page.locator("#join-token").inner_text()
    assert seen.flaws("join-token") == []
    seen.goto("/agents/")
    with running(FakeHost("ollama", pace=0)) as host:
        answer = httpx.post(
            f"{home.url}/api/v1/agents/join/",
            headers={"Authorization": f"Bearer {token}"},
            json={"name": "rowan", "endpoint": host.url, "capabilities": ["backend"]},
        )
        assert answer.status_code == 202, answer.text
        notice = page.locator("#waiting")
        expect(notice).to_contain_text("1 host waits for your approval", timeout=10000)
        assert seen.flaws("agents-waiting") == []
        assert host.requests == []
        notice.get_by_role("link").click()
        row = page.locator("tr", has_text="rowan")
        row.get_by_role("checkbox").check()
        assert seen.flaws("join-requests") == []
        page.get_by_label("Action:").select_option(label="Approve")
        page.get_by_role("button", name="Go").click()
        expect(page.locator("main")).to_contain_text("rowan is an agent now.")
        page.goto("/agents/")
        expect(page.locator("tr", has_text="rowan")).to_contain_text("Online", timeout=20000)
        expect(page.locator("#waiting")).to_be_empty()
        page.goto("/admin/agents/agent/")
        delete(page, "rowan")
    page.goto("/admin/agents/joinrequest/")
    delete(page, "rowan", "join requests")
