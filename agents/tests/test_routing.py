"""Which agent gets a call: every rule by example, and what holds for all of them."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.routing import Candidate, Held, Need, choose, same_model

CHAT = frozenset({"completion"})
TINY = Held("tiny:1b", abilities=CHAT)


def agent(name="oak", *, status="online", held=(TINY,), **more):
    return Candidate(name, status, held=held, **more)


def won(decision):
    return decision.winner and (decision.winner.agent, decision.winner.model)


def score(need, *candidates, of="oak"):
    return next(s for s in choose(need, candidates).scores if s.agent == of)


def refusal(need, candidate):
    decision = choose(need, [candidate])
    assert decision.winner is None
    return decision.scores[0].refused


# -- who fits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["online", "degraded", "overloaded"])
def test_an_agent_that_answers_may_be_chosen(status):
    assert won(choose(Need(), [agent(status=status)])) == ("oak", "tiny:1b")


@pytest.mark.parametrize("status", ["offline", "unauthorised", "draining", "disabled", "unknown"])
def test_an_agent_that_takes_no_calls_says_why(status):
    assert refusal(Need(), agent(status=status, status_reason="so it is")) == f"{status}: so it is"
    assert refusal(Need(), agent(status=status)) == status


def test_only_the_agent_asked_for_is_taken():
    decision = choose(Need(agent="elm"), [agent("oak"), agent("elm", slots=1)])
    assert won(decision) == ("elm", "tiny:1b")
    assert decision.scores[1].refused == "not the agent asked for (elm)"


def test_an_agent_without_the_capability_is_out():
    assert refusal(Need(capability="law"), agent(skills={"art": 1})) == "lacks the capability law"


def test_an_agent_without_the_model_is_out():
    assert refusal(Need(model="big:70b"), agent()) == "does not have the model big:70b"


def test_a_model_that_cannot_do_it_is_out():
    need = Need(model="tiny:1b", abilities=frozenset({"vision", "tools"}))
    assert refusal(need, agent()) == "has no model for tools, vision"
    assert refusal(Need(abilities=frozenset({"vision"})), agent()) == "has no model for vision"


def test_an_agent_whose_models_do_not_chat_is_out_unless_one_is_asked_for():
    embedder = agent(held=(Held("embedder", abilities=frozenset({"embedding"})),))
    assert refusal(Need(), embedder) == "has no model that can chat"
    assert won(choose(Need(model="embedder"), [embedder])) == ("oak", "embedder")


def test_a_model_that_says_nothing_of_itself_is_believed_to_chat():
    assert won(choose(Need(), [agent(held=(Held("mute"),))])) == ("oak", "mute")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3", "llama3", True),
        ("llama3", "llama3:latest", True),
        ("llama3:latest", "llama3", True),
        ("llama3", "llama3:8b", False),
        ("llama3:8b", "llama3", False),
        ("llama3", "llama33", False),
    ],
)
def test_a_model_without_a_tag_is_the_latest(one, other, same):
    assert same_model(one, other) is same
    assert bool(choose(Need(model=one), [agent(held=(Held(other),))]).winner) is same


# -- which model -------------------------------------------------------------------------------

MODELS = (Held("a", abilities=CHAT), Held("b", True, abilities=CHAT), Held("c", abilities=CHAT))


def test_the_preferred_model_comes_before_one_in_memory_and_that_before_the_first():
    assert won(choose(Need(), [agent(held=MODELS, preferred="c")])) == ("oak", "c")
    assert won(choose(Need(), [agent(held=MODELS)])) == ("oak", "b")
    assert won(choose(Need(), [agent(held=(MODELS[0], MODELS[2]))])) == ("oak", "a")


def test_a_preferred_model_that_is_not_there_or_does_not_chat_is_passed_over():
    held = (Held("embedder", abilities=frozenset({"embedding"})), TINY)
    assert won(choose(Need(), [agent(held=held, preferred="embedder")])) == ("oak", "tiny:1b")
    assert won(choose(Need(), [agent(held=held, preferred="gone")])) == ("oak", "tiny:1b")


def test_images_go_to_a_model_that_sees():
    seer = Held("seer", abilities=CHAT | {"vision"})
    decision = choose(Need(abilities=frozenset({"vision"})), [agent(held=(TINY, seer))])
    assert won(decision) == ("oak", "seer")


# -- the score ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("need", "candidate", "part"),
    [
        (Need(capability="law"), agent(skills={"law": 0.75}), ("law 0.75", 30)),
        (Need(), agent(held=(Held("b", True),)), ("b is in memory", 30)),
        (Need(), agent(slots=4, busy=1), ("3 of 4 slots free", 7.5)),
        (Need(), agent(slots=2, busy=5), ("0 of 2 slots free", 0)),
        (Need(), agent(held=(Held("a", tps=80),)), ("80 tokens/s", 15)),
        (Need(), agent(held=(Held("a", tps=8),), min_tps=9), ("slower than its target of 9", -10)),
        (Need(), agent(preferred="tiny:1b"), ("its preferred model", 5)),
        (Need(), agent(priority=1), ("priority 1", 4)),
        (Need(), agent(priority=5), ("priority 5", -4)),
        (Need(), agent(status="degraded", status_reason="one silence"), ("one silence", -20)),
        (Need(), agent(status="overloaded"), ("overloaded", -30)),
        (
            Need(failed=frozenset({"oak"})),
            agent(),
            ("could not be reached for this call", -200),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_part_of_a_score_is_told_in_words(need, candidate, part):
    assert part in score(need, candidate).parts


def test_speed_counts_against_the_fastest_of_all():
    fast, slow = agent("elm", held=(Held("a", tps=100),)), agent(held=(Held("a", tps=20),))
    assert ("20 tokens/s", 3) in score(Need(), fast, slow).parts


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"skills": {"law": 0.9}}, {"skills": {"law": 0.6}}),
        ({"held": (Held("a", True),)}, {"held": (Held("a"),)}),
        ({"slots": 4}, {"slots": 4, "busy": 2}),
        ({"held": (Held("a", tps=50),)}, {"held": (Held("a", tps=5),)}),
        ({"priority": 1}, {"priority": 4}),
        ({"status": "online"}, {"status": "degraded"}),
        ({"status": "degraded"}, {"status": "overloaded"}),
        # in memory there outweighs every free slot elsewhere
        ({"held": (Held("a", True),), "slots": 4, "busy": 3}, {"held": (Held("a"),), "slots": 4}),
    ],
)
def test_the_better_of_two_is_taken_whatever_its_name(better, worse):
    need = Need(capability="law" if "skills" in better else "")
    for good, bad in (("oak", "elm"), ("elm", "oak")):
        found = choose(need, [agent(good, **better), agent(bad, **worse)])
        assert won(found)[0] == good


def test_equals_are_taken_by_name():
    assert won(choose(Need(), [agent("oak"), agent("elm"), agent("fir")]))[0] == "elm"


def test_a_score_is_kept_as_plain_json():
    kept = score(Need(), agent(slots=3, busy=1)).as_dict()
    assert json.loads(json.dumps(kept)) == {
        "agent": "oak",
        "model": "tiny:1b",
        "points": 6.7,
        "parts": [["2 of 3 slots free", 6.7]],
        "refused": "",
        "full": False,
    }


# -- the reason --------------------------------------------------------------------------------


def test_the_reason_names_the_two_best_parts():
    busy = agent("elm", slots=2, busy=1)
    best = agent(held=(Held("a", True),), preferred="a", slots=2)
    assert choose(Need(), [busy, best]).reason == (
        "oak: best of 2 that fit; a is in memory, 2 of 2 slots free"
    )


def test_the_reason_of_the_only_one_says_so():
    reason = choose(Need(), [agent(), agent("elm", status="offline")]).reason
    assert reason == "oak: the only one that fits; 1 of 1 slots free"


def test_without_agents_a_call_waits_for_one():
    assert choose(Need(), []).reason == "waits for an agent: none is registered"


def test_with_all_slots_taken_a_call_waits_for_one_of_them():
    decision = choose(Need(), [agent(name, busy=1) for name in ("oak", "elm", "fir", "yew")])
    assert decision.winner is None
    assert decision.reason == "waits for a free slot on elm, fir, oak"
    assert all(found.full and not found.refused for found in decision.scores)


@pytest.mark.parametrize(
    ("need", "wish"),
    [
        (Need(), "any model"),
        (Need(capability="law"), "law"),
        (Need(capability="law", model="big:70b"), "law with big:70b"),
    ],
)
def test_what_a_call_waits_for_is_said_with_the_reason_of_each(need, wish):
    reason = choose(need, [agent(status="offline", status_reason="gone")]).reason
    assert reason.startswith(f"waits for an agent for {wish}: oak ")


def test_who_asked_for_one_agent_hears_of_that_one_only():
    known = [agent(), agent("elm", status="draining", status_reason="Takes no new calls.")]
    assert choose(Need(agent="elm"), known).reason == "waits for elm: draining: Takes no new calls."


def test_a_model_whose_host_does_not_tell_what_it_can_do_is_tried():
    need = Need(abilities=frozenset({"vision", "tools"}))
    assert choose(need, [agent(held=[Held("a", abilities=frozenset())])]).winner
    assert not choose(need, [agent(held=[Held("a", abilities=frozenset({"completion"}))])]).winner


def test_model_names_are_compared_as_ollama_does():
    assert same_model("TINY:1B", "tiny:1b")
    assert same_model("embedder", "Embedder:latest")
    assert not same_model("tiny", "tiny:1b")


# -- for all of them ---------------------------------------------------------------------------

NAMES = ("ash", "elm", "fir", "oak", "yew")
WORDS = ("art", "law")
STATUSES = ("online", "degraded", "overloaded", "offline", "draining", "disabled", "unknown")
abilities = st.frozensets(st.sampled_from(["completion", "vision", "embedding"]))
models = st.builds(
    Held,
    st.sampled_from(["a:1b", "b", "c:latest"]),
    st.booleans(),
    st.none() | st.floats(0.1, 500),
    abilities,
)
candidates = st.builds(
    Candidate,
    name=st.sampled_from(NAMES),
    status=st.sampled_from(("online",) * 4 + STATUSES),
    status_reason=st.sampled_from(["", "so it is"]),
    slots=st.integers(1, 4),
    busy=st.integers(0, 5),
    held=st.lists(models, max_size=3, unique_by=lambda held: held.name).map(tuple),
    preferred=st.sampled_from(["", "a:1b", "c"]),
    skills=st.fixed_dictionaries({}, optional=dict.fromkeys(WORDS, st.floats(0, 1))),
    min_tps=st.none() | st.floats(0, 100),
    priority=st.none() | st.integers(1, 5),
)
fields = st.lists(candidates, max_size=5, unique_by=lambda found: found.name)
needs = st.builds(
    Need,
    agent=st.sampled_from(["", "", "", "oak"]),
    model=st.sampled_from(["", "", "a:1b", "c"]),
    capability=st.sampled_from(["", "", *WORDS]),
    abilities=st.sampled_from([frozenset(), frozenset(), frozenset({"vision"})]),
    failed=st.frozensets(st.sampled_from(["elm", "oak"])),
)


@settings(max_examples=60)
@given(needs, fields)
def test_nothing_goes_where_it_cannot_be_done(need, found):
    winner = choose(need, found).winner
    if winner is None:
        return
    taken = next(one for one in found if one.name == winner.agent)
    held = next(one for one in taken.held if one.name == winner.model)
    assert taken.status in ("online", "degraded", "overloaded")
    assert taken.busy < taken.slots
    assert not need.agent or need.agent == taken.name
    assert not need.model or same_model(need.model, held.name)
    assert not need.capability or need.capability in taken.skills
    assert not held.abilities or need.abilities <= held.abilities


@settings(max_examples=60)
@given(needs, fields, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(need, found, random):
    shuffled = random.sample(found, len(found))
    assert choose(need, shuffled) == choose(need, found)


@settings(max_examples=60)
@given(needs, fields)
def test_everybody_gets_a_score_or_a_reason(need, found):
    decision = choose(need, found)
    assert sorted(one.agent for one in decision.scores) == sorted(one.name for one in found)
    for one in decision.scores:
        assert bool(one.refused) != bool(one.parts)
        assert one.points == pytest.approx(sum(points for _, points in one.parts))
    assert decision.reason
    assert bool(decision.winner) == any(not s.refused and not s.full for s in decision.scores)


@settings(max_examples=60)
@given(needs, fields, st.sampled_from(NAMES))
def test_one_more_free_slot_makes_nothing_worse(need, found, name):
    freed = [replace(c, busy=max(c.busy - 1, 0)) if c.name == name else c for c in found]
    before, after = choose(need, found).winner, choose(need, freed).winner
    if before is not None:
        assert after is not None
        assert after.points >= before.points


BEST = agent(held=(Held("a", True, 100),), preferred="a", skills={"law": 1.0}, slots=4, priority=1)
WORST = agent(
    "ash", status="overloaded", held=(Held("a", tps=1),), min_tps=9, skills={"law": 0}, priority=5
)


@settings(max_examples=60)
@given(fields, st.booleans())
@example([BEST, WORST], True)
def test_a_host_that_failed_this_call_is_the_last_resort(found, picky):
    need = Need(capability="law" if picky else "", failed=frozenset({"elm", "oak"}))
    decision = choose(need, found)
    if decision.winner and decision.winner.agent in need.failed:
        free = {one.agent for one in decision.scores if not one.refused and not one.full}
        assert free <= need.failed
