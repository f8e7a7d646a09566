"""One search box over all rooms."""

import pytest

from whoosh_site.core.search import search

pytestmark = pytest.mark.django_db


def titles(user, text) -> dict[str, list[str]]:
    return {title: [hit.title for hit in hits] for title, hits in search(user, text)}


@pytest.mark.parametrize("text", ["", "   ", "\x00"])
def test_nothing_finds_nothing(people, text):
    assert titles(people.admin, text) == {}


def test_an_administrator_finds_people_by_name_and_address(people):
    assert titles(people.admin, "EMBER")["People"] == ["member"]
    assert titles(people.admin, "viewer@example")["People"] == ["viewer"]


def test_others_find_no_people(people):
    people.owner.is_staff = True
    people.owner.save()
    assert titles(people.owner, "member") == {}
    assert titles(people.owner, people.ours.name)["Teams"] == [people.ours.name]
    assert titles(people.owner, "Others") == {}


def test_every_room_answers_for_those_who_may_see(people, make_agent):
    make_agent("oak", models={"llama3:8b": {}})
    make_agent("elm", team=people.theirs, models={"qwen:7b": {}})
    assert titles(people.viewer, "oak")["Agents"] == ["oak"]
    assert titles(people.viewer, "elm") == {}
    assert titles(people.viewer, "llama")["Models"] == ["llama3:8b"]


def test_at_most_eight_of_each_kind_are_shown(people, make_agent):
    for number in range(10):
        make_agent(f"oak{number}", endpoint=f"http://10.9.0.{number}:11434")
    assert len(titles(people.viewer, "oak")["Agents"]) == 8


def test_every_result_leads_somewhere(people, make_agent, sign_in):
    make_agent("oak", models={"llama3:8b": {}})
    client = sign_in(people.admin)
    for text in ("oak", "llama", "member", people.ours.name):
        for _, hits in search(people.admin, text):
            for hit in hits:
                assert client.get(hit.url).status_code == 200, hit
