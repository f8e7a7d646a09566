"""Credentials by API and on pages: what goes in, what never comes out, who may what."""

import json
from typing import Any

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Credential
from workflows.tests.conftest import chain, node

HERE = "/api/v1/credentials/"
CANARY = "canary-8ab2f0"
SHOP = {
    "type": "httpHeaderAuth", "name": "Shop", "hosts": ["api.example"],
    "values": {"name": "X-Key", "value": CANARY},
}  # fmt: skip


@pytest.fixture
def shop(api: Any) -> str:
    """The address of a credential."""
    return f"{HERE}{api('member', 'post', HERE, SHOP)[1]['id']}/"


# -- the API -------------------------------------------------------------------------------------


def test_values_go_in_and_never_come_out(api):
    status, made = api("member", "post", HERE, SHOP)
    assert (status, made["name"], made["label"], made["hosts"]) == (
        201, "Shop", "Header Auth", ["api.example"],
    )  # fmt: skip
    every = [made, api("member", "get", f"{HERE}{made['id']}/")[1], api("member", "get", HERE)[1]]
    assert CANARY not in json.dumps(every)
    assert not any("values" in json.dumps(one) for one in every)
    assert Credential.objects.get().entered["value"] == CANARY


def test_f03_a_viewer_sees_a_name_and_a_type(api, shop):
    _, seen = api("viewer", "get", shop)
    assert set(seen) == {"id", "team", "type", "label", "name"}
    for method, path, body in (
        ("post", HERE, SHOP | {"name": "Mine"}), ("patch", shop, {"name": "Mine"}),
        ("post", f"{shop}test/", {}), ("post", f"{shop}share/", {"teams": []}),
        ("get", f"{shop}uses/", None), ("delete", shop, None),
    ):  # fmt: skip
        assert api("viewer", method, path, body)[0] == 403, path


def test_f01_another_team_finds_nothing(api, shop):
    for method, path, body in (
        ("get", shop, None), ("patch", shop, {}), ("delete", shop, None),
        ("post", f"{shop}test/", {}), ("get", f"{shop}uses/", None),
    ):  # fmt: skip
        assert api("stranger", method, path, body)[0] == 404
    assert api("stranger", "get", HERE)[1]["results"] == []


def test_a_change_merges_values_and_keeps_secrets(api, shop):
    status, seen = api("member", "patch", shop, {"values": {"name": "X-Other"}, "name": "Store"})
    assert (status, seen["name"]) == (200, "Store")
    assert Credential.objects.get().entered == {"name": "X-Other", "value": CANARY}
    status, answer = api("member", "patch", shop, {"hosts": ["evil.example"]})
    assert status == 400
    assert answer["error"]["message"].startswith("value: enter it again")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"type": "x"}, "no credential type"), ({"values": {"valu": ""}}, "valu"),
        ({"hosts": ["https://a"]}, "hosts"), ({"name": " "}, "name"), ({"team": "Others"}, "team"),
        ({"origin": "x"}, "No such field"), ({"ref": "a b"}, "ref"), ({"hosts": []}, "hosts: say"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(api, body, said):
    status, answer = api("member", "post", HERE, SHOP | body)
    assert status == 400
    assert said in json.dumps(answer)
    assert not Credential.objects.exists()


def test_owners_share_with_teams_they_belong_to(api, shop, people):
    assert api("member", "post", f"{shop}share/", {"teams": []})[0] == 403
    assert api("owner", "post", f"{shop}share/", {"teams": ["Others"]})[0] == 400
    status, seen = api("admin", "post", f"{shop}share/", {"teams": ["Others"]})
    assert (status, seen["shared_with"]) == (200, ["Others"])
    _, guest = api("stranger", "get", shop)
    assert set(guest) == {"id", "team", "type", "label", "name"}
    assert api("stranger", "patch", shop, {"name": "Mine"})[0] == 403
    assert api("owner", "get", shop)[1]["shared_with"] == []
    assert api("owner", "post", f"{shop}share/", {"teams": []})[0] == 200
    assert people.theirs in Credential.objects.get().shared_with.all()  # whom the owner cannot see


def test_one_that_is_used_needs_force_to_go(api, shop, keep):
    http = node("Ask", "httpRequest") | {"credentials": {"httpHeaderAuth": {"name": "Shop"}}}
    workflow = keep(chain("Asks", http))
    found = [{"workflow": workflow.pk, "name": "Asks", "nodes": ["Ask"]}]
    assert api("member", "get", f"{shop}uses/")[1] == found
    status, answer = api("member", "delete", shop)
    assert (status, "'Asks'" in answer["error"]["message"]) == (409, True)
    assert api("member", "delete", f"{shop}?force=true")[0] == 204


def test_types_are_listed_with_their_fields(api):
    _, found = api("viewer", "get", "/api/v1/credential-types/")
    smtp = next(one for one in found["results"] if one["key"] == "smtp")
    assert {"name": "port", "label": "Port", "kind": "number", "default": 465, "hint": "",
            "required": False, "secret": False, "choices": []} in smtp["parameters"]  # fmt: skip
    assert api("viewer", "get", "/api/v1/credential-types/smtp/")[1] == smtp
    assert api("viewer", "get", "/api/v1/credential-types/nothing/")[0] == 404


# -- tried ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "works"), [(200, True), (401, False), (500, False)])
def test_a_test_says_whether_it_works(status, works, api, site, settings, people):
    settings.HTTP_ALLOW = [site.allowed]
    url = site({"/v1/models": (status, "application/json", CANARY.encode())})
    made = services.create_credential(
        "openAiApi", "Models", {"apiKey": CANARY, "url": f"{url}/v1"}, by=SYSTEM, team=people.ours
    )
    code, said = api("member", "post", f"{HERE}{made.pk}/test/")
    assert (code, said["works"]) == (200, works)
    assert CANARY not in said["words"]
    made.refresh_from_db()
    assert (made.works, made.tested_at is None) == (works, False)


def test_a_type_that_names_no_address_is_tried_at_one_of_its_hosts(api, site, settings, people):
    settings.HTTP_ALLOW = [site.allowed]
    url = site({"/in": (200, "text/plain", b"")})
    kind, values = "httpBasicAuth", {"user": "ana", "password": CANARY}
    made = services.create_credential(
        kind, "In", values, by=SYSTEM, team=people.ours, hosts=["127.0.0.1"]
    )
    path = f"{HERE}{made.pk}/test/"
    assert api("member", "post", path)[0] == 400
    assert api("member", "post", path, {"url": f"{url}/in"})[1]["works"] is True
    elsewhere = api("member", "post", path, {"url": "https://evil.example/"})[1]
    assert "may not be sent to evil.example:443" in elsewhere["words"]


def test_what_is_sent_nowhere_is_not_tried(api, people):
    made = services.create_credential(
        "totpApi", "Phone", {"secret": "AAAA"}, by=SYSTEM, team=people.ours
    )
    status, answer = api("member", "post", f"{HERE}{made.pk}/test/")
    assert (status, "sent nowhere" in answer["error"]["message"]) == (400, True)


# -- pages ---------------------------------------------------------------------------------------


def test_a_credential_is_made_under_the_id_a_document_names(people, sign_in, page):
    browser = sign_in(people.member)
    assert "Header Auth" in page("member", "/credentials/new/")
    path = "/credentials/new/?type=httpHeaderAuth&name=Tide+tables&ref=n8n-9"
    assert "Tide tables" in page("member", path)
    sent = {"name": "Tide tables", "team": people.ours.pk, "value-name": "X-Key"}
    wrong = browser.post(path, sent | {"value-value": CANARY})
    assert wrong.status_code == 422
    assert "Say which hosts" in wrong.content.decode()
    assert CANARY not in wrong.content.decode()
    done = browser.post(path, sent | {"value-value": CANARY, "hosts": "api.example, b.example:81"})
    made = Credential.objects.get()
    assert (done.url, made.ref) == (made.get_absolute_url(), "n8n-9")
    assert made.hosts == ["api.example", "b.example:81"]


def test_the_form_shows_what_is_no_secret_and_keeps_what_is(shop, people, sign_in):
    browser, made = sign_in(people.member), Credential.objects.get()
    path = made.get_absolute_url()
    seen = browser.get(path).content.decode()
    assert ("X-Key" in seen, "Leave it empty to keep it" in seen, CANARY in seen) == (
        True, True, False,
    )  # fmt: skip
    sent = {"name": "Store", "value-name": "X-Other", "value-value": "", "hosts": "api.example"}
    assert browser.post(path, sent).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.entered) == ("Store", {"name": "X-Other", "value": CANARY})
    moved = browser.post(path, sent | {"hosts": "evil.example"})
    assert "Enter it again: it may be sent to evil.example" in moved.content.decode()


def test_a_viewer_and_a_guest_see_no_form(shop, people, sign_in, page):
    path = Credential.objects.get().get_absolute_url()
    seen = page("viewer", path)
    assert "editors of the team" in seen
    assert "api.example" not in seen + page("viewer", "/credentials/")
    assert sign_in(people.viewer).post(path, {}).status_code == 403
    page("stranger", path, 404)


def test_an_owner_shares_on_the_page(shop, people, sign_in):
    people.theirs.memberships.create(user=people.owner, role="viewer")
    path = Credential.objects.get().get_absolute_url()
    sent = {"name": "Shop", "value-name": "X-Key", "value-value": "", "hosts": "api.example"}
    sign_in(people.owner).post(path, sent | {"shared_with": [people.theirs.pk]})
    assert list(Credential.objects.get().shared_with.all()) == [people.theirs]
    sign_in(people.member).post(path, sent)  # who sees no such field
    assert list(Credential.objects.get().shared_with.all()) == [people.theirs]


def test_a_key_that_is_gone_leaves_a_form_to_enter_it_again(
    shop, people, sign_in, settings, tmp_path
):
    settings.FIELD_KEYS_FILE = tmp_path / "other.keys"
    made = Credential.objects.get()
    browser, path = sign_in(people.member), made.get_absolute_url()
    assert "Put that key file back, or enter the secret again" in browser.get(path).content.decode()
    sent = {"name": "Shop", "value-name": "X-Key", "value-value": "new", "hosts": "api.example"}
    assert browser.post(path, sent).status_code == 302
    made.refresh_from_db()
    assert made.entered["value"] == "new"


def test_the_test_button_and_the_delete_button_tell_what_came_of_them(shop, people, sign_in, keep):
    browser, made = sign_in(people.member), Credential.objects.get()
    path = made.get_absolute_url()
    tried = browser.post(f"{path}test/", {"url": "https://evil.example/"}, follow=True)
    assert "may not be sent to evil.example" in tried.content.decode()
    keep(chain("Asks", node("Ask", "httpRequest") | {
        "credentials": {"httpHeaderAuth": {"id": made.ref}}
    }))  # fmt: skip
    assert "Asks" in browser.get(path).content.decode()
    refused = browser.post(f"{path}delete/", follow=True)
    assert "is used by" in refused.content.decode()
    gone = browser.post(f"{path}delete/", {"force": "yes"}, follow=True)
    assert "The credential Shop is deleted" in gone.content.decode()


def test_the_search_and_the_administration_find_it_by_name(shop, people, page):
    assert "Shop" in page("viewer", "/search/?q=shop")
    made = Credential.objects.get()
    assert CANARY not in page("admin", f"/admin/workflows/credential/{made.pk}/change/")
    assert "Shop" in page("admin", "/admin/workflows/credential/?q=shop")
