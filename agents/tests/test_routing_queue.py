"""Routing while calls wait: which model is kept in memory, and what a place in the queue costs."""

from dataclasses import replace

import pytest

from agents.routing import Held, Need, choose
from agents.tests.test_routing import agent, score, won

OLD = Held("old", True, waiting=6, load_seconds=3, turn=100)
NEW = Held("new", load_seconds=2)


def keeping(**more):
    """An agent with room for one model, which calls wait for."""
    return agent(held=(NEW, replace(OLD, **more)), slots=2, frees_in=1)


@pytest.mark.parametrize("going", [0, 1])
def test_a_model_that_calls_wait_for_is_kept_until_those_left_came_much_later(going):
    found = keeping(going=going)
    decision = choose(Need(model="new", turn=99), [found])
    assert (decision.winner, decision.waits_for) == (None, "oak")
    assert decision.reason == "waits for the calls for old on oak"
    assert ("old is wanted there, for about 6 s", 6) in decision.scores[0].parts
    assert won(choose(Need(model="new", turn=79), [found])) == ("oak", "new")


def test_no_model_is_kept_for_ever():
    need = Need(model="new", turn=99)
    assert won(choose(replace(need, waited=21), [keeping()]))  # who waits may want another host
    assert not won(choose(replace(need, waited=21), [keeping(going=1)]))
    assert won(choose(replace(need, waited=201), [keeping(going=1)]))


@pytest.mark.parametrize(
    ("more", "others"),
    [
        ({"waiting": 0, "going": 1}, ()),
        ({"slots": 1, "going": 1}, ()),  # the other slot would stand empty
        ({}, (agent("elm", held=(OLD,), busy=1),)),
    ],
)
def test_a_model_that_gains_nothing_by_it_is_not_kept(more, others):
    decision = choose(Need(model="new", turn=99), [keeping(**more), *others])
    assert won(decision) == ("oak", "new")


def test_a_model_that_makes_room_for_one_being_loaded_is_not_there_any_more():
    held = (Held("old", True, load_seconds=3), Held("new", coming=True, going=1, load_seconds=2))
    parts = score(Need(model="old"), agent(held=held, slots=2, busy=1)).parts
    assert ("loads old again: it makes room", 3) in parts
    assert ("after new", 2) in parts
    roomy = score(Need(model="old"), agent(held=held, slots=2, busy=1, holds=2)).parts
    assert ("old is in memory", 0) in roomy


def test_who_waits_for_a_slot_waits_for_the_loads_of_those_that_have_it():
    held = (Held("a", coming=True, going=2, load_seconds=9),)
    parts = score(Need(model="a"), agent(held=held, slots=2, busy=2, frees_in=1)).parts
    assert ("all 2 slots busy, one free in about 10 s", 10) in parts


def test_those_that_wait_behind_are_shared_with_the_others_that_have_the_model():
    held, need = (Held("a", True, going=2),), Need(model="a", behind=8)
    full = agent(held=held, slots=2, busy=2, frees_in=1)
    assert ("all 2 slots busy, one free in about 9 s", 9) in score(need, full).parts
    shared = score(need, full, agent("elm", held=held, slots=6, busy=6))
    assert ("all 2 slots busy, one free in about 3 s", 3) in shared.parts
