"""Credentials: made, changed, shared, found by what documents say, used in runs."""

import json
from typing import Any

import pytest

from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden
from whoosh_site.core.models import AuditEntry
from workflows import services
from workflows.credentials import shelf
from workflows.models import Credential
from workflows.tests.conftest import chain, node

pytestmark = pytest.mark.django_db

CANARY = "canary-5d1e77"


@pytest.fixture
def make(people: Any) -> Any:
    """Make a credential of `ours`: `make("httpHeaderAuth", name="x-key", value="...")`."""

    def maker(
        kind: str = "httpHeaderAuth", called: str = "Shop", *, by: Any = SYSTEM, team: Any = None,
        hosts: Any = ("api.example",), ref: str = "", **values: Any,
    ) -> Credential:  # fmt: skip
        values = values or {"name": "x-key", "value": CANARY}
        return services.create_credential(
            kind, called, values, by=by, team=team or people.ours, hosts=hosts, ref=ref
        )

    return maker


def asks(url: str, reference: Any, **more: Any) -> str:
    """Return a document whose one node calls an address with a credential."""
    http = node("Ask", "httpRequest", url=url, **more)
    http |= {"typeVersion": 4.2, "credentials": {"httpHeaderAuth": reference}}
    auth = {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}
    http["parameters"] |= auth
    return chain("Asks", http)


# -- made and changed ----------------------------------------------------------------------------


def test_every_type_has_a_form_and_names_what_it_needs():
    for kind in shelf:
        assert kind.label
        assert kind.said()
        assert len({one.name for one in kind.fields}) == len(kind.fields), kind.key
        assert any(one.secret for one in kind.fields), kind.key


def test_hosts_come_from_the_values_unless_somebody_says_more(make):
    made = make("smtp", hosts=(), host="Mail.Example", port=25, password=CANARY)
    assert made.hosts == ["mail.example:25"]
    services.change_credential(made, by=SYSTEM, values={"host": "other.example", "password": "new"})
    assert made.hosts == ["other.example:25"]
    more = {"hosts": ["a.example", "other.example"], "values": {"password": "newer"}}
    services.change_credential(made, by=SYSTEM, name="Post", **more)
    assert (made.name, made.hosts) == ("Post", ["a.example", "other.example"])


def test_hosts_are_needed_where_no_value_names_one(make):
    with pytest.raises(BadInput, match="hosts: say which"):
        make(hosts=())
    with pytest.raises(BadInput, match="hosts: JWT Auth is sent nowhere"):
        make("jwtAuth", secret=CANARY)
    assert make("jwtAuth", hosts=(), secret=CANARY).hosts == []


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("httpHeaderAuth", {"name": "x", "valeu": "y"}, "valeu: Header Auth has no such field"),
        ("httpHeaderAuth", {"name": "x"}, "value: Value is needed"),
        ("smtp", {"host": "a", "port": "x"}, "port: give a whole number"),
        ("smtp", {"host": "a", "secure": "yes"}, "secure: give true or false"),
        ("postgres", {"ssl": "maybe"}, "ssl: use disable, allow, require"),
        ("httpCustomAuth", {"json": "{"}, "json: This is no JSON"),
        ("httpCustomAuth", {"json": '{"header": {}}'}, "json: 'header' is none of"),
        ("oAuth2Api", {"authUrl": "ftp://a", "accessTokenUrl": "https://a", "clientId": "c"},
         "authUrl: Give an address"),
        ("nothing", {}, "type: there is no credential type"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make, kind, values, said):
    with pytest.raises(BadInput, match=said):
        services.create_credential(kind, "It", values, by=SYSTEM, team=None, hosts=["a.example"])


def test_an_empty_secret_stays_and_none_takes_it_away(make):
    made = make("smtp", hosts=(), host="mail.example", user="ana", password=CANARY)
    assert services.change_credential(made, by=SYSTEM, values={"user": "eva", "password": ""}) == [
        "values"
    ]
    assert (made.entered["user"], made.entered["password"]) == ("eva", CANARY)
    services.change_credential(made, by=SYSTEM, values={"password": None})
    assert made.entered["password"] == ""


def test_c12_a_new_host_asks_for_the_secrets_again(make, people):
    made, by = make(), Actor(people.member)
    for wider in (["evil.example"], ["api.example", "evil.example"], ["*.example"]):
        with pytest.raises((BadInput, Forbidden), match=r"value: enter it again|owner"):
            services.change_credential(made, by=by, hosts=wider)
    services.change_credential(made, by=by, hosts=["api.example:443"])  # narrower
    with pytest.raises(BadInput, match="value: enter it again"):
        services.change_credential(made, by=by, hosts=["api.example"])
    services.change_credential(made, by=by, hosts=["evil.example"], values={"value": "mine"})
    assert made.entered["value"] == "mine"


def test_c12_a_base_address_takes_no_key_along(make, people):
    made = make("openAiApi", hosts=(), apiKey=CANARY)
    with pytest.raises(BadInput, match="apiKey: enter it again"):
        services.change_credential(
            made, by=Actor(people.member), values={"url": "https://evil.example/v1"}
        )


def test_c12_where_tokens_come_from_takes_no_secret_along(make, people):
    made = make(
        "oAuth2Api", authUrl="https://id.example/a", accessTokenUrl="https://id.example/t",
        clientId="c", clientSecret=CANARY,
    )  # fmt: skip
    with pytest.raises(BadInput, match="clientSecret: enter it again"):
        services.change_credential(
            made, by=Actor(people.member), values={"accessTokenUrl": "https://evil.example/t"}
        )


def test_only_owners_open_a_credential_to_all_hosts(make, people):
    for hosts in (["*"], ["*.com"]):
        with pytest.raises(Forbidden):
            make(by=Actor(people.member), hosts=hosts)
    assert make(by=Actor(people.owner), hosts=["*"]).hosts == ["*"]


def test_names_are_unique_among_those_of_a_type(make):
    make()
    with pytest.raises(Conflict, match="name: the team has a credential 'Shop'"):
        make()
    make("httpBasicAuth", user="a", password="b")
    make(called="Other", ref="n8n-1")
    with pytest.raises(Conflict, match="ref: "):
        make(called="Third", ref="n8n-1")


def test_the_trail_names_fields_and_never_a_value(make):
    made = make()
    services.change_credential(made, by=SYSTEM, values={"value": f"{CANARY}-2"})
    lines = AuditEntry.objects.filter(target_id=str(made.pk), target_type="workflows.Credential")
    assert [line.action for line in lines.order_by("number")] == ["created", "changed"]
    assert lines.latest("number").details == {"fields": ["value"]}
    assert CANARY not in json.dumps([line.details for line in lines])


# -- what documents mean -------------------------------------------------------------------------


def test_a_document_means_a_credential_by_its_id_and_then_by_an_only_name(make, people):
    shop, other = make(ref="n8n-1"), make(called="Other")
    team = people.ours.pk
    found = [
        services.find_credential(team, "httpHeaderAuth", reference)
        for reference in (
            {"id": "n8n-1", "name": "Other"}, {"id": "gone", "name": "Other"}, "Shop",
            {"id": None, "name": "Nobody"}, {"id": other.ref},
        )
    ]  # fmt: skip
    assert found == [shop, other, shop, None, other]
    assert services.find_credential(team, "httpBasicAuth", {"id": "n8n-1"}) is None
    assert services.find_credential(people.theirs.pk, "httpHeaderAuth", {"id": "n8n-1"}) is None


def test_a_shared_credential_is_found_after_the_teams_own(make, people):
    shared = make(ref="n8n-1")
    services.share_credential(shared, [people.theirs], by=SYSTEM)
    team, meant = people.theirs.pk, {"id": "x", "name": "Shop"}
    assert services.find_credential(team, "httpHeaderAuth", meant) == shared
    own = make(team=people.theirs)
    assert services.find_credential(team, "httpHeaderAuth", meant) == own
    assert services.find_credential(team, "httpHeaderAuth", {"id": "n8n-1"}) == shared


def test_what_is_missing_is_told_with_the_way_to_make_it(make, keep, people, page, api):
    workflow = keep(asks("https://api.example", {"id": "n8n-9", "name": "Tide tables"}))
    (missing,) = services.missing_credentials(workflow.current.document, people.ours.pk)
    assert missing.nodes == ["Ask"]
    seen = page("member", workflow.get_absolute_url())
    assert "The credential &#x27;Tide tables&#x27; (Header Auth) is not here" in seen
    assert missing.url.replace("&", "&amp;") in seen
    assert api("viewer", "get", f"/api/v1/workflows/{workflow.pk}/")[1]["missing_credentials"] == [
        {"type": "httpHeaderAuth", "name": "Tide tables", "ref": "n8n-9", "nodes": ["Ask"],
         "known": True}
    ]  # fmt: skip
    make(called="Whatever", ref="n8n-9")
    assert services.missing_credentials(workflow.current.document, people.ours.pk) == []


def test_one_that_is_used_is_deleted_only_when_that_is_meant(make, keep):
    made = make()
    keep(asks("https://api.example", {"id": made.ref, "name": "old name"}))
    assert [use.nodes for use in services.uses_of(made)] == [["Ask"]]
    with pytest.raises(Conflict, match="'Asks'"):
        services.delete_credential(made, by=SYSTEM)
    services.delete_credential(made, by=SYSTEM, force=True)
    assert not Credential.objects.exists()


# -- runs ----------------------------------------------------------------------------------------


def test_a_run_sends_it_and_keeps_nothing_of_it(make, keep, start, work, site, settings):
    settings.HTTP_ALLOW = [site.allowed]
    url = site({"/a": (200, "application/json", json.dumps({"you": [CANARY]}).encode())})
    made = make(hosts=["127.0.0.1"])
    done = work(start(keep(asks(f"{url}/a", {"id": made.ref, "name": "Shop"}))))
    assert (done.state, done.error) == ("success", "")
    kept = json.dumps([step.outputs for step in done.steps()], ensure_ascii=False)
    assert '"you": ["••••••••"]' in kept
    made.refresh_from_db()
    assert made.last_used_at is not None


@pytest.mark.parametrize(
    ("reference", "hosts", "said"),
    [
        ({"id": "gone", "name": "Gone"}, ["127.0.0.1"], "'Gone' of the type httpHeaderAuth is not"),
        ({"name": "Shop"}, ["api.example"], "'Shop' may not be sent to 127.0.0.1"),
    ],
)
def test_a_run_without_it_says_why(reference, hosts, said, make, keep, start, work, site, settings):
    settings.HTTP_ALLOW = [site.allowed]
    make(hosts=hosts)
    done = work(start(keep(asks(site({}), reference))))
    assert done.state == "error"
    assert said in done.error
    assert site.asked == []


def test_a_run_of_another_team_does_not_get_it(make, keep, start, work, people):
    made = make()
    workflow = keep(
        asks("https://api.example", {"id": made.ref, "name": "Shop"}), team=people.theirs
    )
    done = work(start(workflow, by=people.stranger))
    assert "is not there" in done.error


def test_a_document_from_a_file_gets_none(shell, tmp_path):
    file = tmp_path / "asks.json"
    file.write_text(asks("https://api.example", {"id": "1", "name": "Shop"}))
    _, out, _ = shell("run_workflow", str(file))
    assert "'Shop' cannot be used: this run belongs to no team" in out


def test_f06_a_script_finds_no_credential(make, keep, start, work):
    made = make()
    script = "return [{json: {a: typeof $credentials, b: Object.keys($input.item ?? {})}}]"
    http = {"name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [0, 0]}
    http |= {"parameters": {"jsCode": script}, "credentials": {"httpHeaderAuth": {"id": made.ref}}}
    done = work(start(keep(chain("Looks", http))))
    assert done.state == "success", done.error
    (items,) = list(done.steps())[-1].outputs
    assert items[0]["json"]["a"] == "undefined"


def test_f06_exports_and_copies_hold_an_id_and_a_name(make, keep):
    made = make()
    reference = {"id": made.ref, "name": "Shop"}
    workflow = keep(asks("https://api.example", reference))
    copy = services.copy_workflow(workflow, by=SYSTEM)
    for one in (workflow, copy):
        document = json.loads(services.export_text(one.current))
        assert document["nodes"][-1]["credentials"] == {"httpHeaderAuth": reference}
