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

GB = 2**30


@pytest.mark.parametrize(
    ("need", "candidate", "part"),
    [
        (Need(), agent(held=(Held("b", True),)), ("b is in memory", 0)),
        (Need(), agent(held=(Held("b", size=4 * GB),)), ("loads b", 4)),
        (Need(), agent(held=(Held("b", size=4 * GB, load_seconds=9),)), ("loads b", 9)),
        (Need(), agent(held=(Held("b"),)), ("loads b", 8)),
        (
            Need(),
            agent(held=(Held("b", coming=True, load_seconds=9),)),
            ("b is being loaded already", 4.5),
        ),
        (
            Need(context=9000),
            agent(held=(Held("b", True, context=32_000, loaded_context=4096, load_seconds=6),)),
            ("loads b anew, for more than 4096 tokens of context", 6),
        ),
        (
            Need(prompt_tokens=800),
            agent(held=(Held("a", prompt_tps=200),)),
            ("reads 800 tokens", 4),
        ),
        (Need(), agent(held=(Held("a", tps=64),)), ("speaks 256 tokens at 64 tokens/s", 4)),
        (Need(), agent(), ("speaks 256 tokens at a speed nobody has measured", 12.8)),
        (
            Need(model="a"),
            agent(held=(Held("a", size=4 * GB), Held("b", tps=16, size=8 * GB))),
            ("speaks 256 tokens at about 32 tokens/s, going by its other models", 8),
        ),
        (
            Need(usual_tokens=32),
            agent(held=(Held("a", tps=64),)),
            ("speaks 32 tokens at 64 tokens/s", 0.5),
        ),
        (
            Need(usual_tokens=320, answer_tokens=64),
            agent(held=(Held("a", tps=64),)),
            ("speaks 64 tokens at 64 tokens/s", 1),
        ),
        (Need(answer_tokens=20), agent(slots=4, busy=2), ("2 of 4 slots busy", 0.25)),
        (
            Need(),
            agent(slots=2, busy=2, frees_in=6),
            ("all 2 slots busy, one free in about 6 s", 6),
        ),
        (
            Need(),
            agent(slots=2, busy=2, queued=2, frees_in=6),
            ("all 2 slots busy, one free in about 18 s", 18),
        ),
        (
            Need(answer_tokens=20),
            agent(vram=4, held=(Held("a", True, size=5 * GB),)),
            ("does not fit into 4 GB of VRAM", 3),
        ),
        (
            Need(),
            agent(held=(Held("a", tps=8),), min_tps=9),
            ("slower than its target of 9 tokens/s", 5),
        ),
        (
            Need(),
            agent(held=(Held("a", True, tps=8),), max_seconds=30),
            ("longer than its target of 30 s", 5),
        ),
        (Need(capability="law"), agent(skills={"law": 0.75}), ("law 0.75", 10)),
        (Need(), agent(preferred="tiny:1b"), ("its preferred model", -2)),
        (Need(known_to="oak"), agent(), ("answered this conversation before", -3)),
        (Need(), agent(priority=1), ("priority 1", -4)),
        (Need(), agent(priority=5), ("priority 5", 4)),
        (Need(), agent(status="degraded", status_reason="one silence"), ("one silence", 10)),
        (Need(), agent(status="overloaded"), ("overloaded", 20)),
        (Need(failed=frozenset({"oak"})), agent(), ("did not take this call before", 1000)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_part_of_a_score_is_told_in_words(need, candidate, part):
    assert part in score(need, candidate).parts


def test_where_the_memory_is_not_known_it_holds_what_it_was_seen_to_hold():
    held = (Held("new"), Held("old", True, going=1, load_seconds=11))
    assert ("pushes old out of memory", 11) in score(Need(model="new"), agent(held=held)).parts
    roomy = score(Need(model="new"), agent(held=held, holds=2)).parts
    assert not any("pushes" in words for words, _ in roomy)


def test_calls_that_wait_for_a_model_lose_when_it_is_pushed_out():
    old = Held("old", True, waiting=6, load_seconds=11)
    found = agent(held=(Held("new"), old), slots=2, frees_in=3)
    other = agent("elm", held=(old,), slots=4)
    parts = score(Need(model="new"), found, other).parts
    assert ("pushes old out of memory", 17) in parts  # a third of them is its own


def pushing(**more):
    """An agent of 10 GB that would have to let a model go."""
    old = Held("old", True, size=6 * GB, size_vram=7 * GB, load_seconds=11, **more)
    return agent(vram=10, held=(Held("new", size=6 * GB), old), preferred="new")


def test_a_model_in_use_that_would_have_to_go_counts_with_its_own_load():
    assert ("pushes old out of memory", 11) in score(Need(), pushing(going=1)).parts
    assert not any("pushes" in words for words, _ in score(Need(), pushing()).parts)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"skills": {"law": 0.9}}, {"skills": {"law": 0.6}}),
        ({"held": (Held("a", True),)}, {"held": (Held("a"),)}),
        ({"held": (Held("a", size=GB),)}, {"held": (Held("a", size=9 * GB),)}),
        ({"held": (Held("a", coming=True),)}, {"held": (Held("a"),)}),
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
    kept = score(Need(answer_tokens=10), agent(held=(Held("tiny:1b", True),))).as_dict()
    assert json.loads(json.dumps(kept)) == {
        "agent": "oak",
        "model": "tiny:1b",
        "seconds": 0.5,
        "parts": [
            ["tiny:1b is in memory", 0.0],
            ["speaks 10 tokens at a speed nobody has measured", 0.5],
        ],
        "refused": "",
        "full": False,
    }


# -- fallbacks, context, breaker ---------------------------------------------------------------


def test_a_fallback_is_used_only_where_the_model_is_nowhere_to_be_had():
    need = Need(model="big", fallbacks=("mid", "tiny:1b"))
    small, middle = agent("elm"), agent("fir", held=(Held("mid"),))
    slow = agent("yew", held=(Held("big", load_seconds=99),))
    assert won(choose(need, [small, middle, slow])) == ("yew", "big")
    gone = replace(slow, status="offline")
    assert won(choose(need, [small, middle, gone])) == ("fir", "mid")
    busy = replace(slow, busy=1)
    assert choose(need, [small, middle, busy]).waits_for == "yew"


def test_who_failed_this_call_comes_after_a_fallback_elsewhere():
    need = Need(model="big", fallbacks=("tiny:1b",), failed=frozenset({"oak"}))
    failed, other = agent(held=(Held("big", True),)), agent("elm")
    assert won(choose(need, [failed, other])) == ("elm", "tiny:1b")
    assert choose(need, [failed, replace(other, busy=1)]).waits_for == "elm"
    assert won(choose(need, [failed, replace(other, status="offline")])) == ("oak", "big")
    third = agent("yew", held=(Held("big", load_seconds=99),))
    assert won(choose(need, [failed, other, third])) == ("yew", "big")


def test_what_no_model_holds_is_refused_with_the_numbers():
    held = (Held("a", context=4096), Held("b", context=8192))
    assert refusal(Need(context=9000), agent(held=held)) == (
        "holds 8192 tokens of context at most; this needs 9000"
    )
    assert won(choose(Need(context=5000), [agent(held=held)])) == ("oak", "b")


def test_who_failed_too_often_gets_nothing_for_a_while():
    assert refusal(Need(), agent(open_for=3)).startswith("failed too often")


# -- waiting for the better one ----------------------------------------------------------------

WARM = agent("oak", held=(Held("a", True),), busy=1, frees_in=5)
COLD = agent("elm", held=(Held("a", load_seconds=20),))


def test_a_host_that_has_the_model_in_memory_is_waited_for_when_that_is_sooner():
    decision = choose(Need(model="a"), [WARM, COLD])
    assert (decision.winner, decision.waits_for) == (None, "oak")
    assert decision.reason == "waits for a free slot on oak: elm would take longer"


def test_nobody_waits_for_a_queue_that_takes_longer_than_a_load():
    assert won(choose(Need(model="a"), [replace(WARM, queued=4), COLD]))[0] == "elm"


def test_nobody_waits_when_many_wait_behind():
    assert won(choose(Need(model="a", behind=9), [WARM, COLD]))[0] == "elm"


def test_the_will_to_wait_wanes():
    assert won(choose(Need(model="a", waited=900), [WARM, COLD]))[0] == "elm"


# -- the reason --------------------------------------------------------------------------------


def test_the_reason_says_how_many_fit_and_what_counted_most():
    best, other = agent(held=(Held("a", True),)), agent("elm", held=(Held("a"),))
    assert choose(Need(), [other, best]).reason == (
        "oak: soonest of 2 that fit; a is in memory, "
        "speaks 256 tokens at a speed nobody has measured"
    )
    assert choose(Need(), [best]).reason.startswith("oak: the only one that fits; a is in memory")


def test_without_agents_a_call_waits_for_one():
    assert choose(Need(), []).reason == "waits for an agent: none is registered"


def test_with_all_slots_taken_a_call_waits_for_the_soonest():
    found = [agent(name, busy=1) for name in ("oak", "elm", "fir", "yew")]
    decision = choose(Need(), found)
    assert (decision.winner, decision.waits_for) == (None, "elm")
    assert decision.reason == "waits for a free slot on elm"
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
    name=st.sampled_from(["a:1b", "b", "c:latest"]),
    resident=st.booleans(),
    coming=st.booleans(),
    tps=st.none() | st.floats(0.1, 500),
    load_seconds=st.none() | st.floats(0, 60),
    abilities=abilities,
    context=st.none() | st.integers(512, 100_000),
    size=st.none() | st.integers(0, 2**36),
    slots=st.none() | st.integers(1, 2),
    going=st.integers(0, 2),
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
    queued=st.integers(0, 5),
    min_tps=st.none() | st.floats(0, 100),
    max_seconds=st.none() | st.floats(0, 100),
    vram=st.none() | st.floats(1, 100),
    open_for=st.sampled_from([0.0, 0.0, 0.0, 7.0]),
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
    prompt_tokens=st.integers(0, 50_000),
    context=st.sampled_from([0, 0, 4000, 50_000]),
    waited=st.floats(0, 1000),
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
    assert held.slots is None or held.going < held.slots
    assert not taken.open_for
    assert not need.context or held.context is None or held.context >= need.context
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
        assert one.seconds == pytest.approx(sum(seconds for _, seconds in one.parts))
    assert decision.reason
    fitting = [one for one in decision.scores if not one.refused]
    assert bool(decision.winner or decision.waits_for) == bool(fitting)
    assert not (decision.winner and decision.waits_for)


@settings(max_examples=60)
@given(needs, fields)
def test_whoever_waits_long_enough_goes_to_somebody_free(need, found):
    decision = choose(replace(need, waited=1e9), found)
    fitting = [one for one in decision.scores if not one.refused]
    first = min(((one.failed, one.rank) for one in fitting), default=None)
    best = [one for one in fitting if (one.failed, one.rank) == first]
    assert bool(decision.winner) == any(not one.full for one in best)


BEST = agent(
    held=(Held("a", True, tps=100),), preferred="a", skills={"law": 1.0}, slots=4, priority=1
)
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
