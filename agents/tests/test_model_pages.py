"""The pages of models: what is where, and what owners can do about it."""

import re

import pytest

from agents.models import Agent, AgentModel, Health, ModelJob
from whoosh_site.core.models import Notice


@pytest.fixture
def fleet(make_agent):
    """Two hosts whose files of one model differ, and one that can only be asked."""
    facts = {"digest": "sha256:aaaaaaaaaaaaaaaa", "size": 4_800_000_000, "quantization": "Q4_K_M"}
    seen = {"resident": True, "tps": 61.0, "prompt_tps": 900.0, "load_ms": 3200.0}
    make_agent("oak", models={"llama3:8b": facts | seen, "seer:7b": {"capabilities": ["vision"]}})
    make_agent("elm", models={"llama3:8b": facts | {"digest": "bbbbbbbbbbbbbbbb"}})
    birch = make_agent("birch", models={"qwen:32b": {}})
    Health.objects.filter(agent=birch).update(found_protocol="openai")


@pytest.fixture
def llama(fleet):
    """The id of the model on two hosts."""
    return AgentModel.objects.filter(model__name="llama3:8b").first().model_id


def agent(name):
    return str(Agent.objects.get(name=name).pk)


def job(**fields):
    oak = Agent.objects.get(name="oak")
    return ModelJob.objects.create(**{"agent": oak, "verb": "pull", "model_name": "m:1b"} | fields)


def shown(text):
    """Return the models in the table."""
    return re.findall(r'id="model-\d+">\s*<td[^>]*><a [^>]*>([^<]+)<', text)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["llama3:8b", "qwen:32b", "seer:7b"]),
        ("?name=LLAMA", ["llama3:8b"]),
        ("?capability=vision", ["seer:7b"]),
        ("?memory=yes", ["llama3:8b"]),
        ("?memory=no&capability=completion", ["qwen:32b"]),
        ("?memory=nonsense", ["llama3:8b", "qwen:32b", "seer:7b"]),
    ],
)
def test_models_are_found_by_name_ability_and_memory(fleet, page, asked, found):
    assert shown(page("viewer", f"/models/{asked}")) == found
    assert shown(page("stranger", f"/models/{asked}")) == []


def test_a_filter_nothing_fits_leads_back(fleet, page):
    text = page("viewer", "/models/?name=zzz")
    assert "No model fits this filter." in text
    assert 'href="/models/"' in text


def test_different_files_under_one_name_are_told_with_what_to_do(fleet, page, llama):
    assert page("viewer", "/models/").count("files differ") == 1
    text = page("viewer", f"/models/{llama}/")
    for words in ("different files", "aaaaaaaaaaaa", "bbbbbbbbbbbb", "Pull it again on each"):
        assert words in text
    AgentModel.objects.filter(agent__name="elm").update(digest="aaaaaaaaaaaaaaaa")
    assert "different files" not in page("viewer", f"/models/{llama}/")


def test_a_models_page_tells_all_of_each_host(fleet, page, llama):
    AgentModel.objects.filter(agent__name="elm").update(keep_alive="2h")
    AgentModel.objects.filter(agent__name="oak").update(pinned=True)
    text = page("viewer", f"/models/{llama}/")
    for words in ("Q4_K_M", "4.8 GB", "61.0", "900 prompt", "3.2 s", "pinned", "kept 2h"):
        assert words in text
    assert "formaction" not in text
    assert "csrfmiddlewaretoken" not in re.sub(r"(?s)^.*<main", "", text)


@pytest.mark.parametrize(("who", "may"), [("viewer", False), ("member", False), ("owner", True)])
def test_owners_are_offered_what_the_host_can_do(fleet, page, llama, who, may):
    text = page(who, f"/models/{llama}/")
    verbs = set(re.findall(rf'formaction="/models/{llama}/(\w+)/"', text))
    assert verbs == ({"load", "unload", "pin", "pull", "delete"} if may else set())
    assert ("Pull a model" in page(who, "/models/")) == may
    qwen = AgentModel.objects.get(model__name="qwen:32b").model_id
    assert "formaction" not in page(who, f"/models/{qwen}/")  # its format has no such verbs


def test_hosts_to_pull_to_are_those_one_may_manage_and_that_can(fleet, page):
    text = page("owner", "/models/?on=elm")
    boxes = re.findall(r'<input type="checkbox" name="agents" value="(\w+)"([^>]*)', text)
    assert {name: "checked" in rest for name, rest in boxes} == {"elm": True, "oak": False}


def test_a_pull_is_started_on_the_chosen_hosts(fleet, sign_in, people, page):
    browser = sign_in(people.owner)
    answer = browser.post("/models/pull/", {"model": "newcomer", "agents": ["oak", "elm"]})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/models/")
    assert set(ModelJob.objects.values_list("agent__name", "model_name")) == {
        ("oak", "newcomer:latest"), ("elm", "newcomer:latest"),
    }  # fmt: skip
    assert page("viewer", "/models/").count("Pull newcomer:latest") == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "", "agents": ["oak"]}, "This field is required."),
        ({"model": "x"}, "Choose at least one host."),
        ({"model": "a b", "agents": ["oak"]}, "&#x27;a b&#x27; is no model name"),
        ({"model": "x", "agents": ["birch"]}, "Select a valid choice. birch is not one"),
    ],
)
def test_a_pull_that_does_not_fit_says_why_and_keeps_what_was_typed(
    fleet, sign_in, people, given, words
):
    answer = sign_in(people.owner).post("/models/pull/", given)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert words in text
    assert f'value="{given["model"]}"' in text or not given["model"]
    assert not ModelJob.objects.exists()


@pytest.mark.parametrize("verb", ["load", "unload", "delete", "pull"])
def test_a_verb_is_started_by_a_button(fleet, sign_in, people, llama, verb):
    path, body = f"/models/{llama}/{verb}/", {"agent": agent("oak")}
    answer = sign_in(people.owner).post(path, body, follow=True)
    assert "it is under way" in answer.content.decode()
    assert answer.redirect_chain[0][0] == ("/models/" if verb == "delete" else f"/models/{llama}/")
    assert ModelJob.objects.get().verb == verb
    assert sign_in(people.member).post(path, body).status_code == 403
    assert sign_in(people.stranger).post(path, body).status_code == 404
    assert sign_in(people.owner).get(path).status_code == 405


def test_what_is_refused_is_told_on_the_page_and_can_be_forced(
    fleet, sign_in, people, llama, record
):
    oak = Agent.objects.get(name="oak")
    (call,) = record(state="running", agent=oak, model_name="llama3:8b", finished_at=None)
    browser, path, body = sign_in(people.owner), f"/models/{llama}/unload/", {"agent": agent("oak")}
    text = browser.post(path, body, follow=True).content.decode()
    assert f"is at work on oak for call {call.pk}. Wait for that, or force it." in text
    assert not ModelJob.objects.exists()
    browser.post(path, body | {"force": "on"})
    assert ModelJob.objects.get().force


@pytest.mark.parametrize("given", [{}, {"agent": "x"}, {"agent": "987654"}])
def test_a_button_without_a_host_says_so(fleet, sign_in, people, llama, given):
    answer = sign_in(people.owner).post(f"/models/{llama}/delete/", given, follow=True)
    assert "Choose a host that has llama3:8b." in answer.content.decode()
    assert not ModelJob.objects.exists()


def test_pins_and_times_are_set_by_buttons(fleet, sign_in, people, llama):
    browser, body = sign_in(people.owner), {"agent": agent("elm")}
    held = AgentModel.objects.get(agent__name="elm", model=llama)
    browser.post(f"/models/{llama}/pin/", body)
    browser.post(f"/models/{llama}/keep/", body | {"keep_alive": " 30m "})
    held.refresh_from_db()
    assert (held.pinned, held.keep_alive) == (True, "30m")
    browser.post(f"/models/{llama}/unpin/", body)
    refused = browser.post(f"/models/{llama}/keep/", body | {"keep_alive": "soon"}, follow=True)
    assert "keep_alive: Use a time such as 30m" in refused.content.decode()
    held.refresh_from_db()
    assert (held.pinned, held.keep_alive) == (False, "30m")


# -- jobs ----------------------------------------------------------------------------------------


def test_a_pull_under_way_shows_how_far_it_is(fleet, page, llama):
    job(
        state="running", model_name="llama3:8b", said="pulling abc", rate=50e6,
        layers={"a": [4_000_000_000, 1_000_000_000]},
    )  # fmt: skip
    for path in ("/models/", f"/models/{llama}/", f"/agents/{agent('oak')}/"):
        text = page("viewer", path)
        assert 'max="4000000000" value="1000000000"' in text
        assert "1.0 GB of 4.0 GB · 50 MB/s · 1 min 0 s left · pulling abc" in text
    assert "Pull llama3:8b" not in page("stranger", "/models/")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"trouble": "cannot be reached"}, "Cannot be reached"),
        ({}, "Waits for its turn"),
        ({"state": "error", "error": "no space left"}, "no space left"),
        ({"state": "running", "cancel_asked": True}, "Stopping…"),
        ({"state": "quarantined", "error": "its process died (3 of 3)"}, "its process died"),
    ],
)
def test_a_job_says_what_it_waits_for_or_why_it_failed(fleet, page, fields, words):
    job(**fields)
    assert words in page("viewer", "/models/")


def test_a_job_is_canceled_by_a_button_and_leads_back(fleet, page, sign_in, people, llama):
    one = job()
    path = f"/jobs/{one.pk}/cancel/"
    assert f'formaction="{path}"' in page("owner", "/models/")
    assert f'formaction="{path}"' not in page("member", "/models/")
    assert sign_in(people.member).post(path).status_code == 403
    assert sign_in(people.stranger).post(path).status_code == 404
    assert sign_in(people.owner).post(path).headers["Location"] == "/models/"
    one.refresh_from_db()
    assert one.state == "canceled"
    backs = {
        "agent": (agent("oak"), f"/agents/{agent('oak')}/"),
        "model": (llama, f"/models/{llama}/"),
    }
    for name, (value, back) in backs.items():
        answer = sign_in(people.owner).post(path, {name: value})
        assert answer.headers["Location"] == back


def test_pages_hear_of_jobs_by_a_topic_of_their_own(fleet, people, started):
    Notice.objects.all().delete()
    started("load", "llama3:8b", Agent.objects.get(name="elm"))
    assert set(Notice.objects.values_list("topic", flat=True)) == {f"jobs@{people.ours.pk}"}
