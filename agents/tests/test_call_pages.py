"""The pages of calls and of asking."""

import pytest

from agents import services
from agents.models import Call
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import Membership


@pytest.fixture
def oak(make_agent):
    """An agent with two models and a capability."""
    agent = make_agent("oak", models={"tiny:1b": {}, "big:70b": {}}, title="Old oak", slots=4)
    services.set_capabilities(agent, ["law"], by=SYSTEM)
    return agent


# -- calls -------------------------------------------------------------------------------------


def test_calls_are_filtered_and_paged(page, record, oak, people):
    record(51, title="Old one", agent_name="oak", tps=12.5)
    record(title="Bad one", state="error", agent_name="elm")
    text = page("viewer", "/calls/")
    assert (text.count("Old one"), text.count("Bad one")) == (49, 1)
    assert "1 of 2" in text
    assert "12.5" in text
    assert page("viewer", "/calls/?page=2").count("Old one") == 2
    only = page("viewer", "/calls/?state=error")
    assert ("Bad one" in only, "Old one" in only) == (True, False)
    assert page("viewer", "/calls/?agent=oak&page=2").count("Old one") == 1
    assert "Bad one" in page("viewer", "/calls/?state=nonsense&page=x")
    assert "Old one" not in page("stranger", "/calls/")


def test_a_waiting_call_says_what_for(page, record):
    (call,) = record(state="queued", trouble="waits for a free slot on oak", finished_at=None)
    for path in ("/calls/", f"/calls/{call.pk}/"):
        assert "waits for a free slot on oak" in page("viewer", path)


def test_a_calls_page_shows_the_answer_the_figures_and_why(page, record, oak, people):
    (call,) = record(
        messages=[{"role": "user", "content": "Why <b>?", "images": ["x", "y"]}],
        answer="**Because** <script>x</script>", thinking="Hm", agent=oak, agent_name="oak",
        model_name="tiny:1b", reason="oak: the only one that fits", wait_ms=12.0, load_ms=2500.0,
        first_token_ms=840.0, total_ms=65_000.0, prompt_tokens=3, answer_tokens=5, tps=50.0,
        attempt=2, tool_calls=[{"name": "weather", "arguments": {"city": "x"}}],
        decision=[{"agent": "elm", "refused": "offline: gone", "parts": [], "seconds": 0},
                  {"agent": "oak", "refused": "", "parts": [["tiny:1b is in memory", 0.0]],
                   "seconds": 6.4}],
    )  # fmt: skip
    text = page("viewer", f"/calls/{call.pk}/")
    for words in ("Why &lt;b&gt;?", "2 images", "<strong>Because</strong>", "Hm", "weather(",
                  "oak: the only one that fits", "12 ms", "2.5 s", "840 ms", "1 min 5 s",
                  "5 tokens, 50.0/s", "offline: gone", "6.4 s", "Attempt"):  # fmt: skip
        assert words in text
    assert "<script>x" not in text
    page("stranger", f"/calls/{call.pk}/", 404)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "error", "error": "oak failed: no memory"}, "oak failed: no memory"),
        ({"state": "canceled"}, "Stopped before an answer came."),
        ({"state": "canceled", "answer": "half"}, "Stopped; this is what had come by then."),
        ({"state": "quarantined", "trouble": "its process died (3 of 3)"}, "In quarantine: its"),
        ({"answer": ""}, "The answer is empty."),
    ],
)
def test_a_calls_page_says_how_it_ended(page, record, fields, words):
    (call,) = record(**fields)
    assert words in page("viewer", f"/calls/{call.pk}/")


def test_a_running_calls_page_says_who_works_on_it(page, record, oak):
    (call,) = record(
        state="running", agent=oak, agent_name="oak", model_name="tiny:1b", finished_at=None
    )
    path = f"/calls/{call.pk}/"
    assert "Waiting for the first words" in page("viewer", f"{path}?fragment=waiting")
    assert "oak · tiny:1b" in page("viewer", f"{path}?fragment=who")


def test_a_call_that_a_runner_looks_through_still_waits(page, record, people):
    (call,) = record(state="running", trouble="waits for a free slot on oak", finished_at=None)
    path = f"/calls/{call.pk}/"
    for seen in (path, "/calls/", "/calls/?state=queued", "/panels/calls/"):
        assert "Waiting" in page("viewer", seen)
        assert "Running" not in page("viewer", seen).replace("Running</option>", "")
    assert "Waits for a free slot on oak" in page("viewer", f"{path}?fragment=waiting")
    assert "No call fits" in page("viewer", "/calls/?state=running")


def test_a_call_that_is_being_stopped_says_so(page, record, oak):
    fields = {"agent": oak, "agent_name": "oak", "cancel_asked": True, "finished_at": None}
    (call,) = record(state="running", **fields)
    assert "Stopping…" in page("viewer", f"/calls/{call.pk}/?fragment=who")
    Call.objects.update(state="canceled")
    assert "Stopping…" not in page("viewer", f"/calls/{call.pk}/?fragment=who")


def test_facts_show_once_they_are_known(page, record):
    (call,) = record(state="queued", finished_at=None)
    facts = page("viewer", f"/calls/{call.pk}/?fragment=facts")
    for label in ("Agent", "Model", "Loading", "First token", "Total", "Waited there", "–"):
        assert label not in facts
    (call,) = record(slot_wait_ms=1500.0, prompt_tokens=1, answer_tokens=0)
    facts = page("viewer", f"/calls/{call.pk}/?fragment=facts")
    for words in ("Waited there</dt><dd>1.5 s", ">1 token<", ">0 tokens<"):
        assert words in facts


def test_the_answer_can_be_copied_as_it_was_written(page, record):
    (call,) = record(answer="**Because** <b>")
    text = page("viewer", f"/calls/{call.pk}/")
    assert 'id="plain-answer" hidden>**Because** &lt;b&gt;</div>' in text
    assert 'data-copy="plain-answer"' in text


def test_a_running_call_is_stopped_by_a_button_of_those_who_may(page, record, sign_in, people):
    (call,) = record(state="queued", finished_at=None)
    button = f'action="/calls/{call.pk}/cancel/"'
    assert button in page("member", f"/calls/{call.pk}/")
    assert button not in page("viewer", f"/calls/{call.pk}/")
    path = f"/calls/{call.pk}/cancel/"
    assert sign_in(people.viewer).post(path).status_code == 403
    assert sign_in(people.stranger).post(path).status_code == 404
    assert sign_in(people.member).post(path).headers["Location"] == f"/calls/{call.pk}/"
    call.refresh_from_db()
    assert call.state == "canceled"
    assert button not in page("member", f"/calls/{call.pk}/")


def test_the_answer_of_a_running_call_is_left_to_the_stream(page, record):
    (call,) = record(state="running", finished_at=None)
    assert page("viewer", f"/calls/{call.pk}/?fragment=answer", 204) == ""


# -- asking ------------------------------------------------------------------------------------


def test_asking_leads_to_the_call(sign_in, people, oak):
    form = {"prompt": "Why?", "agent": "oak", "model": "tiny:1b", "capability": "law"}
    answer = sign_in(people.member).post("/ask/", form)
    call = Call.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/calls/{call.pk}/")
    assert (call.source, call.streams, call.created_by) == ("page", True, people.member)
    assert (call.wanted_agent, call.wanted_model, call.wanted_capability) == (
        "oak",
        "tiny:1b",
        "law",
    )


def test_the_form_offers_what_one_may_use_and_takes_a_choice_from_the_address(page, oak, people):
    text = page("member", "/ask/?agent=oak&capability=law")
    assert '<option value="oak" selected>Old oak</option>' in text
    assert '<option value="law" selected>law</option>' in text
    assert '<option value="big:70b">big:70b</option>' in text
    services.switch(oak, by=SYSTEM, on=False)
    assert '<option value="oak"' not in page("member", "/ask/")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"prompt": ""}, "This field is required."),
        ({"prompt": "x", "agent": "ash"}, "Select a valid choice. ash is not one"),
        ({"prompt": "x" * 200_001}, "at most 200000 characters"),
    ],
)
def test_a_question_that_does_not_fit_says_why_and_keeps_it(sign_in, people, oak, form, words):
    answer = sign_in(people.member).post("/ask/", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Call.objects.exists()


def test_a_prompt_is_asked_for_the_team_that_has_the_agent(sign_in, people, oak, make_agent):
    Membership.objects.create(team=people.theirs, user=people.member, role="editor")
    make_agent("ash", team=people.theirs)
    client = sign_in(people.member)
    for agent, team in (("oak", people.ours), ("ash", people.theirs), ("", people.ours)):
        assert client.post("/ask/", {"prompt": "Why?", "agent": agent}).status_code == 302
        assert Call.objects.latest("pk").team == team


def test_what_no_team_of_mine_has_is_said_in_the_form(sign_in, people, oak, make_agent):
    Membership.objects.create(team=people.theirs, user=people.member, role="viewer")
    make_agent("ash", team=people.theirs)
    answer = sign_in(people.member).post("/ask/", {"prompt": "Why?", "agent": "ash"})
    assert answer.status_code == 422
    assert "no agent is called &#x27;ash&#x27;. There are: oak." in answer.content.decode()


def test_a_viewer_may_look_but_not_ask(page, sign_in, people, oak):
    assert "You may look, not ask" in page("viewer", "/ask/")
    assert sign_in(people.viewer).post("/ask/", {"prompt": "x"}).status_code == 403


def test_what_one_asked_lately_is_shown_to_oneself(page, oak, record, people):
    record(9, title="Mine")
    record(title="Others", created_by=people.owner)
    text = page("member", "/ask/")
    assert (text.count("Mine"), text.count("Others")) == (8, 0)
    assert "What you ask shows here." in page("admin", "/ask/")


def test_asking_again_begins_with_what_was_asked(page, record, oak):
    (call,) = record(
        messages=[{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Why?"}],
        wanted_agent="oak", wanted_model="tiny:1b", wanted_capability="law",
    )  # fmt: skip
    assert f'href="/ask/?again={call.pk}"' in page("member", f"/calls/{call.pk}/")
    text = page("member", f"/ask/?again={call.pk}")
    assert "autofocus>Why?</textarea>" in text
    for choice in ("oak", "tiny:1b", "law"):
        assert f'<option value="{choice}" selected>' in text


@pytest.mark.parametrize("again", ["{call}", "x", "99999999999999999999", "123456"])
def test_a_call_one_may_not_see_is_not_asked_again(page, record, oak, people, again):
    (call,) = record(team=people.theirs, messages=[{"role": "user", "content": "Theirs"}])
    assert "Theirs" not in page("member", f"/ask/?again={again.format(call=call.pk)}")


def test_a_model_the_chosen_agent_lacks_is_refused_with_those_it_has(
    sign_in, people, oak, make_agent
):
    make_agent("elm", models={"their:1b": {}})
    form = {"prompt": "Why?", "agent": "oak", "model": "their:1b"}
    answer = sign_in(people.member).post("/ask/", form)
    assert answer.status_code == 422
    assert "oak does not have their:1b. Choose one it has, or any: big:70b, tiny:1b." in (
        answer.content.decode()
    )
    assert not Call.objects.exists()
