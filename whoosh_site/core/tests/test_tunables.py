"""Settings an administrator changes while the system runs."""

import pytest
from django.db import transaction

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import BadInput, NotFound
from whoosh_site.core.models import AuditEntry, Setting
from whoosh_site.core.tunables import Tunable, change, value

pytestmark = pytest.mark.django_db
SHARE = Tunable("share", 0.5, "Share", "", 0, 1)


def test_a_tunable_nobody_changed_has_its_default():
    assert value("api_rate_limit") == 100
    assert not Setting.objects.exists()


def test_a_change_is_seen_at_once_in_this_process():
    assert change("api_rate_limit", 7, by=SYSTEM)
    assert value("api_rate_limit") == 7


def test_a_change_elsewhere_is_seen_after_two_seconds(monkeypatch):
    assert value("cluster_name") == "WHOOSH"
    Setting.objects.create(key="cluster_name", value="Elsewhere")
    assert value("cluster_name") == "WHOOSH"
    now = tunables.time.monotonic()
    monkeypatch.setattr(tunables.time, "monotonic", lambda: now + tunables.SEEN_WITHIN + 0.1)
    assert value("cluster_name") == "Elsewhere"


def test_reading_again_and_again_asks_the_database_once(django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(5):
            value("cluster_name")


def test_the_same_value_again_is_no_change():
    change("api_rate_limit", 7, by=SYSTEM)
    assert not change("api_rate_limit", 7, by=SYSTEM)
    assert AuditEntry.objects.count() == 1


def test_the_default_deletes_the_row():
    change("api_rate_limit", 7, by=SYSTEM)
    assert change("api_rate_limit", 100, by=SYSTEM)
    assert not Setting.objects.exists()
    assert value("api_rate_limit") == 100


def test_a_change_is_audited_with_old_and_new(people):
    change("api_rate_limit", 7, by=Actor(people.admin))
    change("api_rate_limit", 100, by=Actor(people.admin))
    reset, changed = AuditEntry.objects.all()
    assert (changed.actor, changed.action, changed.details) == (
        "admin",
        "changed",
        {"key": "api_rate_limit", "old": 100, "new": 7},
    )
    assert (reset.action, reset.details) == (
        "reset",
        {"key": "api_rate_limit", "old": 7, "new": 100},
    )


@pytest.mark.parametrize(
    ("key", "new", "words"),
    [
        ("api_rate_limit", 0, "api_rate_limit: 0 is below 1 requests per minute"),
        ("api_rate_limit", 1_000_001, "is above 1000000 requests per minute"),
        ("session_timeout", 59, "session_timeout: 59 is below 60 seconds"),
        ("session_timeout", 2**70, "is above"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_the_bound(key, new, words):
    with pytest.raises(BadInput) as caught:
        change(key, new, by=SYSTEM)
    assert words in caught.value.message
    assert not Setting.objects.exists()


@pytest.mark.parametrize("new", [1, 60 * 60 * 24 * 30])
def test_a_bound_itself_is_allowed(new):
    key = "api_rate_limit" if new == 1 else "session_timeout"
    assert change(key, new, by=SYSTEM)


@pytest.mark.parametrize(
    ("key", "new", "words"),
    [
        ("api_rate_limit", "7", "expected a whole number, got '7'"),
        ("api_rate_limit", 7.0, "expected a whole number, got 7.0"),
        ("api_rate_limit", True, "expected a whole number, got True"),
        ("api_rate_limit", None, "expected a whole number, got None"),
        ("cluster_name", 7, "expected text, got 7"),
    ],
)
def test_a_value_of_another_kind_is_refused(key, new, words):
    with pytest.raises(BadInput, match=words):
        change(key, new, by=SYSTEM)


def test_a_whole_number_will_do_for_a_number():
    assert SHARE.checked(1) == 1.0
    assert isinstance(SHARE.checked(1), float)


@pytest.mark.parametrize("new", [float("nan"), float("inf"), -0.1, True, "0.5"])
def test_what_is_no_number_within_bounds_is_refused(new):
    with pytest.raises(BadInput, match="share"):
        SHARE.checked(new)


def test_an_unknown_key_names_those_that_exist():
    with pytest.raises(NotFound, match=r"No setting is called 'rate'. There are: api_rate_limit,"):
        change("rate", 1, by=SYSTEM)


def test_a_key_twice_stops_the_start():
    other = Tunable("api_rate_limit", 5, "Another", "")
    with pytest.raises(ValueError, match="two tunables are called 'api_rate_limit'"):
        tunables.declare(other)
    tunables.declare(tunables.find("api_rate_limit"))


def test_a_change_that_is_rolled_back_is_forgotten():
    with transaction.atomic():
        change("api_rate_limit", 7, by=SYSTEM)
        assert value("api_rate_limit") == 7
        transaction.set_rollback(True)
    tunables.forget()
    assert value("api_rate_limit") == 100


@pytest.mark.parametrize("tunable", tunables.declared(), ids=lambda tunable: tunable.key)
def test_every_tunable_explains_itself_and_its_default_fits(tunable):
    assert tunable.checked(tunable.default) == tunable.default
    assert tunable.label
    assert tunable.help.endswith(".")
    if isinstance(tunable.default, int | float) and not isinstance(tunable.default, bool):
        assert tunable.lowest is not None
        assert tunable.highest is not None
