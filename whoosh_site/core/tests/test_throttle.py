"""The API's limit of requests a minute."""

import pytest
from django.core.cache import cache
from django.test import Client

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM

URL = "/api/v1/users/me/"


@pytest.fixture(autouse=True)
def limit(db):
    tunables.change("api_rate_limit", 3, by=SYSTEM)


def codes(client, tries=5):
    return [client.get(URL).status_code for _ in range(tries)]


def test_keys_and_people_are_counted_each_for_themselves(people, sign_in, with_key):
    for client in (with_key(people.member), with_key(people.member), sign_in(people.member)):
        assert codes(client) == [200] * 3 + [429] * 2


def test_who_is_refused_is_told_when_to_come_back(people, with_key):
    client = with_key(people.member)
    codes(client)
    assert 1 <= int(client.get(URL)["Retry-After"]) <= 60


def test_strangers_are_refused_before_anything_is_counted(db):
    assert codes(Client()) == [401] * 5


def test_no_counter_is_thrown_out_for_another(people, with_key):
    client = with_key(people.member)
    assert codes(client, 3) == [200] * 3
    for number in range(1000):  # as many other keys
        cache.set(f"throttle-key-{10_000 + number}", [1.0], 60)
    assert codes(client, 1) == [429]
