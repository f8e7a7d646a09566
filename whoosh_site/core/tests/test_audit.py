"""The audit trail: append-only, chained, and honest about gaps."""

import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from whoosh_site.core import audit
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.models import ApiKey, AuditEntry, Team
from whoosh_site.core.models.audit import GENESIS, AppendOnlyError

DETAILS = {"n": 1.5, "nested": {"ü": [1, None, True]}, "big": 2**60, "text": "a\nb"}


@pytest.fixture
def chain(people):
    """Three entries."""
    for action in ("made", "changed", "removed"):
        audit.record(Actor(people.owner), action, people.ours, DETAILS)
    return AuditEntry.objects.order_by("number")


def tamper(**columns):
    """Change a row behind the application's back."""
    (name, value), number = columns.popitem(), 2
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE core_auditentry SET {name}=%s WHERE number=%s", [value, number])


def test_an_entry_tells_who_did_what_to_what(people):
    entry = audit.record(Actor(people.owner), "renamed", people.ours, {"old": "A"}, team_id=7)
    entry.refresh_from_db()
    assert str(entry) == f"owner renamed {people.ours.name}"
    assert (entry.actor_id, entry.target_type, entry.target_id) == (
        people.owner.pk,
        "core.Team",
        str(people.ours.pk),
    )
    assert (entry.team_id, entry.details) == (7, {"old": "A"})


def test_an_entry_names_the_key_that_was_used(people):
    key = ApiKey(user=people.owner, prefix="abcd1234")
    entry = audit.record(Actor(people.owner, key), "looked", people.ours)
    assert entry.actor == "owner via key abcd1234"


def test_the_system_acts_without_a_user(people):
    entry = audit.record(SYSTEM, "tidied", people.ours)
    assert (entry.actor, entry.actor_id) == ("system", None)


def test_the_team_of_the_target_is_noted(make_agent):
    agent = make_agent("oak")
    entry = audit.record(SYSTEM, "looked at", agent)
    assert entry.team_id == agent.team_id


def test_an_entry_outlives_its_object_and_its_author(people):
    audit.record(Actor(people.stranger), "made", people.theirs)
    people.stranger.delete()
    people.theirs.delete()
    assert str(AuditEntry.objects.first()) == "stranger made Others"
    assert audit.verify()[1] is None


def test_entries_are_numbered_and_each_holds_the_digest_before_it(chain):
    first, second, third = chain
    assert [entry.number for entry in chain] == [1, 2, 3]
    assert first.previous == GENESIS
    assert (second.previous, third.previous) == (first.digest, second.digest)
    assert all(entry.digest == entry.computed_digest() for entry in chain)


def test_an_untouched_chain_holds(chain):
    assert audit.verify() == (3, None)


def test_an_empty_chain_holds(db):
    assert audit.verify() == (0, None)


def test_an_entry_goes_with_the_change_it_tells_of(people):
    with transaction.atomic():
        audit.record(SYSTEM, "made", people.ours)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entries: entries[0].save(),
        lambda entries: entries[0].delete(),
        lambda entries: entries.delete(),
        lambda entries: entries.update(actor="nobody"),
        lambda entries: entries.bulk_update(list(entries), ["actor"]),
        lambda entries: entries.all()._raw_delete("default"),
        lambda entries: entries.filter(number=1).delete(),
        lambda entries: entries.update_or_create(number=1, defaults={"actor": "nobody"}),
        lambda entries: entries.bulk_create(
            list(entries), update_conflicts=True, unique_fields=["id"], update_fields=["actor"]
        ),
        lambda entries: AuditEntry.objects.bulk_create([AuditEntry(number=9)]),
    ],
)
def test_nothing_of_the_application_changes_or_removes_an_entry(chain, attempt):
    with pytest.raises(AppendOnlyError, match="append-only"):
        attempt(AuditEntry.objects.order_by("number"))
    assert audit.verify() == (3, None)


@pytest.mark.parametrize(
    "columns",
    [
        {"actor": "somebody else"},
        {"action": "looked"},
        {"target": "another"},
        {"details": json.dumps(DETAILS | {"n": 2})},
        {"team_id": 99},
        {"at": "2020-01-01 00:00:00+00:00"},
        {"actor_id": 0},
    ],
)
def test_a_change_behind_our_back_is_found(chain, columns):
    tamper(**columns)
    count, broken = audit.verify()
    assert (count, broken.number) == (1, 2)
    assert broken.why == "was changed after it was written"


def test_a_gap_is_found(chain):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_auditentry WHERE number=2")
    count, broken = audit.verify()
    assert (count, broken.why) == (1, "is missing")


def test_an_entry_slipped_in_anew_does_not_follow(chain):
    forged = chain[1]
    forged.actor, forged.previous = "somebody else", "f" * 64
    tamper(actor=forged.actor)
    tamper(previous=forged.previous)
    tamper(digest=forged.computed_digest())
    assert audit.verify()[1].why == "does not follow the entry before it"


def test_a_forged_entry_breaks_the_one_after_it(chain):
    forged = chain[1]
    forged.actor = "somebody else"
    tamper(actor=forged.actor)
    tamper(digest=forged.computed_digest())
    count, broken = audit.verify()
    assert (count, broken.number) == (2, 3)


def test_two_entries_cannot_have_one_number(chain):
    twin = AuditEntry(number=3, at=chain[2].at, previous="x", digest="y")
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_writers_at_the_same_time_keep_one_chain(transactional_db):
    team = Team.objects.first()

    def write():
        for _ in range(8):
            audit.record(SYSTEM, "looked at", team)
        connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify() == (32, None)


def test_owners_see_their_team_and_admins_everything(people):
    for team in (people.ours, people.theirs):
        audit.record(SYSTEM, "looked at", team, team_id=team.pk)
    seen = {
        name: set(
            AuditEntry.objects.visible_to(getattr(people, name)).values_list("target", flat=1)
        )
        for name in ("admin", "owner", "member", "viewer", "stranger")
    }
    ours, theirs = {people.ours.name}, {people.theirs.name}
    assert seen == {
        "admin": ours | theirs,
        "owner": ours,
        "member": set(),
        "viewer": set(),
        "stranger": theirs,
    }


# -- the command -------------------------------------------------------------------------------


def test_the_command_counts_what_holds(chain):
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue() == "3 entries, the chain holds\n"


def test_the_command_fails_at_a_change(chain):
    tamper(actor="somebody else")
    with pytest.raises(CommandError, match="Entry 2 was changed after it was written; 1 before"):
        call_command("verify_audit")


def test_the_command_fails_at_a_gap_with_exit_1(chain):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_auditentry WHERE number=1")
    with pytest.raises(CommandError, match="Entry 1 is missing; 0 before") as caught:
        call_command("verify_audit")
    assert caught.value.returncode == 1
