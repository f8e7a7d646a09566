"""Credentials in a real browser: made, tried, connected at a provider, missed by a workflow."""

import json
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.watched import Watched
from tests.oauth_provider import CLIENT, SECRET, provided

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CANARY = "canary-in-the-browser"


@pytest.fixture
def provider(home, monkeypatch):
    """A provider workflows of the installation may reach."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # it is on this machine
    with provided() as found:
        where = f"127.0.0.1:{urlsplit(found.url).port}"
        with home.api(home.key("read", "write", "run", "admin")) as program:
            setting = "/settings/workflow_http_allow/"
            assert program.patch(setting, json={"value": where}).status_code == 200
        yield found


def chosen(seen: Watched, label: str) -> None:
    """Choose a type for a new credential."""
    seen.goto("/credentials/new/")
    seen.page.get_by_role("link", name=label).first.click()


def test_a_credential_is_made_changed_and_used(open_page):
    seen = open_page("/credentials/")
    page = seen.page
    assert seen.flaws("credentials-none") == []
    page.get_by_role("link", name="New credential").first.click()
    assert seen.flaws("credential-types") == []
    page.get_by_role("link", name=re.compile("^Header Auth")).click()
    page.get_by_label("Name of the credential").fill("Tide tables")
    page.get_by_label("Name", exact=True).fill("X-Key")
    page.get_by_label("Value").fill(CANARY)
    seen.listening = False  # the browser complains of a form that comes back
    page.get_by_role("button", name="Save").click()
    expect(page.locator("form.card")).to_contain_text("Say which hosts it may be sent to")
    assert seen.flaws("credential-new") == []
    page.get_by_label("Value").fill(CANARY)
    page.get_by_label("Hosts it may be sent to").fill("api.tides.example")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/credentials/\d+/$"))
    expect(page.locator("main")).to_contain_text("The credential Tide tables is stored")
    assert CANARY not in page.content()
    page.get_by_label("Hosts it may be sent to").fill("evil.example")
    seen.listening = False
    page.get_by_role("button", name="Save").click()
    expect(page.locator("form.card")).to_contain_text("Enter it again")
    assert seen.flaws("credential") == []
    page.get_by_label("Address to try it at").fill("https://evil.example/")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("main")).to_contain_text("may not be sent to evil.example")
    assert seen.flaws("credential-failed") == []
    seen.goto("/credentials/")
    expect(page.locator("#rows")).to_contain_text("Fails")
    assert seen.flaws("credentials") == []


def test_a_workflow_tells_what_it_lacks_and_leads_there(open_page):
    seen = open_page("/workflows/import/")
    page = seen.page
    http = {"name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2}
    http |= {"position": [0, 0], "parameters": {"url": "https://moon.example"}}
    http |= {"credentials": {"httpBasicAuth": {"id": "n8n-7", "name": "Moon phases"}}}
    page.get_by_label("Pasted text").fill(
        json.dumps({"name": "Moon", "nodes": [http], "connections": {}})
    )
    page.get_by_role("button", name="Import").click()
    page.wait_for_url(re.compile(r"/workflows/\d+/$"))
    needs = page.get_by_role("region", name="Credentials")
    expect(needs).to_contain_text("The credential 'Moon phases' (Basic Auth) is not here")
    assert seen.flaws("workflow-needs") == []
    workflow = page.url
    needs.get_by_role("link", name="Make it").click()
    expect(page.get_by_label("Name of the credential")).to_have_value("Moon phases")
    page.get_by_label("User").fill("ana")
    page.get_by_label("Password").fill(CANARY)
    page.get_by_label("Hosts it may be sent to").fill("moon.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Used by")).to_contain_text("Moon")
    page.goto(workflow)
    expect(page.get_by_role("region", name="Credentials")).to_have_count(0)


def test_a_credential_is_connected_at_its_provider(open_page, provider):
    seen = open_page("/credentials/")
    page = seen.page
    chosen(seen, "OAuth2 A token of any")
    page.get_by_label("Name of the credential").fill("Weather service")
    page.get_by_label("Authorization URL").fill(f"{provider.url}/authorize")
    page.get_by_label("Access Token URL").fill(f"{provider.url}/token")
    page.get_by_label("Client ID").fill(CLIENT)
    page.get_by_label("Client Secret").fill(SECRET)
    page.get_by_label("Hosts it may be sent to").fill("127.0.0.1")
    assert seen.flaws("credential-oauth-new") == []
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/credentials/\d+/$"))
    expect(page.get_by_role("region", name="State")).to_contain_text("none yet")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("main")).to_contain_text("sign in there, and say yes")
    assert seen.flaws("credential-connect") == []
    seen.listening = False  # on purpose, the browser leaves for the provider
    page.get_by_role("link", name="Go to 127.0.0.1").click()
    page.wait_for_url(re.compile(r"/credentials/\d+/$"))
    seen.listening = True
    expect(page.locator("main")).to_contain_text("The credential Weather service is connected")
    expect(page.get_by_role("region", name="State")).to_contain_text("admin")
    assert SECRET not in page.content()
    page.get_by_label("Address to try it at").fill(f"{provider.url}/me")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("main")).to_contain_text("The credential Weather service works")
    assert seen.flaws("credential-oauth") == []
