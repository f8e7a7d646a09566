"""The pages on which administrators look for hosts."""

import html

import pytest

from agents import services
from agents.models import Agent, Discovery, JoinRequest
from tests.fake_agent import FakeHost, running
from whoosh_site.core.actor import SYSTEM, Actor

PATH = "/agents/discover/"


@pytest.fixture
def admin(people, sign_in):
    """The browser of an administrator."""
    return sign_in(people.admin)


@pytest.fixture
def done(people, host, carry):
    """A discovery that found one host, and none at another place that was named."""
    named = [host.url.removeprefix("http://"), "127.0.0.1:9"]
    row = services.start_discovery(named, by=Actor(people.admin))
    carry("discovery")
    row.refresh_from_db()
    return row


def read(answer):
    return html.unescape(answer.content.decode())


def test_the_form_starts_a_discovery_and_leads_to_its_page(admin):
    text = "oak.lan, 10.0.0.0/30\n127.0.0.1:9"
    answer = admin.post(PATH, {"targets": text, "ports": "11434 80"})
    row = Discovery.objects.get()
    assert answer["Location"] == row.get_absolute_url()
    assert row.targets == ["oak.lan", "10.0.0.0/30", "127.0.0.1:9"]
    assert (row.ports, row.total) == ([11434, 80], 7)
    page = read(admin.get(row.get_absolute_url()))
    assert "0 of 7 places asked, 0 hosts found" in page
    assert f'data-live="discovery:{row.pk}"' in page
    assert f'action="/agents/discover/{row.pk}/stop/"' in page


@pytest.mark.parametrize(
    ("targets", "ports", "why"),
    [
        ("10.0.0.0/8", "", "these are 16,777,216 addresses"),
        ("169.254.169.254", "", "is no address of a host"),
        ("bücher.lan", "", "neither an address nor a name"),
        ("", "", "This field is required."),
        (",", "", "name a host"),
        ("oak", "0", "0 is no port; use 1 to 65535."),
        ("oak", "70000", "70000 is no port"),
        ("oak", "x", "'x' is no port"),
        ("oak", "²", "'²' is no port"),
        ("oak", "1,2,3,4,5,6,7,8,9,10,11", "11 are too many"),
    ],
)
def test_a_form_that_cannot_be_used_says_why_beside_the_field(targets, ports, why, admin):
    answer = admin.post(PATH, {"targets": targets, "ports": ports})
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert why in read(answer)
    assert "__all__" not in errors
    assert not Discovery.objects.exists()


def test_a_finished_one_offers_new_hosts_and_explains_the_others(admin, done, host):
    page = read(admin.get(done.get_absolute_url()))
    assert "2 of 2 places asked, 1 host found" in page
    assert f'type="checkbox" name="endpoint" value="{host.url}"' in page
    assert f'name="name:{host.url}" value="ollama"' in page
    assert "Named, but no model host" in page
    assert "connection refused" in page
    assert "Stop</button>" not in page


def test_the_live_part_holds_no_form_and_no_token(admin, done):
    part = admin.get(done.get_absolute_url(), {"fragment": "found"}).content.decode()
    assert "<form" not in part
    assert "csrfmiddlewaretoken" not in part
    assert 'id="found"' in part


def test_chosen_hosts_become_agents_under_the_names_typed(admin, done, host, people):
    url = f"{done.get_absolute_url()}register/"
    body = {"endpoint": host.url, f"name:{host.url}": "elm", "team": "Others"}
    answer = admin.post(url, body, follow=True)
    agent = Agent.objects.get()
    assert (agent.name, agent.endpoint, agent.team) == ("elm", host.url, people.theirs)
    assert "Registered: elm." in read(answer)
    assert "registered as elm" in read(admin.get(done.get_absolute_url()))


@pytest.mark.parametrize(
    ("name", "why"), [("oak", "an agent is called oak already"), ("no name", "Use letters")]
)
def test_a_name_that_cannot_be_had_comes_back_with_the_choice(
    name, why, admin, done, host, make_agent
):
    make_agent("oak")
    body = {"endpoint": host.url, f"name:{host.url}": name}
    answer = admin.post(f"{done.get_absolute_url()}register/", body)
    assert answer.status_code == 422
    assert why in read(answer)
    assert f'value="{name}"' in read(answer)
    assert answer.context["hosts"][0]["chosen"]
    assert Agent.objects.count() == 1


def test_nothing_chosen_says_what_to_do(admin, done):
    answer = admin.post(f"{done.get_absolute_url()}register/")
    assert (answer.status_code, "Choose at least one host." in read(answer)) == (422, True)


def test_a_team_that_does_not_exist_registers_nothing(admin, done, host):
    body = {"endpoint": host.url, "team": "Nobody"}
    assert admin.post(f"{done.get_absolute_url()}register/", body).status_code == 404
    assert not Agent.objects.exists()


def test_a_host_that_wants_a_key_leads_to_the_form_that_takes_one(admin, carry):
    with running(FakeHost("ollama", pace=0, key="s3cret")) as host:
        row = services.start_discovery([host.url.removeprefix("http://")], by=SYSTEM)
        carry("discovery")
    page = admin.get(row.get_absolute_url())
    assert 'type="checkbox"' not in page.content.decode()
    (find,) = page.context["hosts"]
    query = {"name": find["name"], "endpoint": host.url, "allow_local": 1}
    form = admin.get("/admin/agents/agent/add/", query).context["adminform"].form
    assert form["endpoint"].value() == host.url
    assert "Add with its key" in read(page)


def test_stopping_leads_back_and_asking_again_fills_the_form(admin):
    row = services.start_discovery(["10.0.0.1", "oak"], [80], by=SYSTEM)
    answer = admin.post(f"{row.get_absolute_url()}stop/", follow=True)
    assert "Stopped" in read(answer)
    form = admin.get(PATH, {"again": row.pk}).context["form"]
    assert (form["targets"].value(), form["ports"].value()) == ("10.0.0.1\noak", "80")
    for nonsense in ("x", "9" * 30, "987654"):
        assert admin.get(PATH, {"again": nonsense}).status_code == 200


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_others_find_neither_the_pages_nor_a_way_to_them(who, people, sign_in, done):
    client = sign_in(getattr(people, who))
    assert client.get(PATH).status_code == 403
    assert client.post(PATH, {"targets": "10.0.0.1"}).status_code == 403
    assert client.get(done.get_absolute_url()).status_code == 404
    assert PATH not in client.get("/agents/").content.decode()


def test_the_page_of_agents_leads_there_also_while_there_is_none(admin, db):
    page = admin.get("/agents/").content.decode()
    assert page.count(f'href="{PATH}"') == 2


def test_the_page_of_agents_tells_administrators_who_waits(admin, people, sign_in):
    row = {"team": people.ours, "address": "10.0.0.1", "name": "elm", "endpoint": "http://10.0.0.1"}
    JoinRequest.objects.create(**row)
    assert "1 host waits for your approval" in read(admin.get("/agents/"))
    part = {"fragment": "waiting"}
    assert "1 host waits" in read(admin.get("/agents/", part))
    assert "waits for your approval" not in read(sign_in(people.owner).get("/agents/"))
