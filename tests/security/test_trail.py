"""F14: the audit trail only grows."""

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction

from tests.security.routes import MUTATING, routes, send
from whoosh_site.core import audit
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import AuditEntry
from whoosh_site.core.models.audit import AppendOnlyError

ALL = AuditEntry.objects.all


@pytest.fixture
def trail(world):
    """Some entries."""
    for number in range(3):
        audit.record(SYSTEM, f"tested {number}", world.agent)
    return list(AuditEntry.objects.order_by("number").values())


def now():
    return list(AuditEntry.objects.order_by("number").values())


WAYS = {
    "update": lambda: ALL().update(action="forged"),
    "update one": lambda: AuditEntry.objects.filter(number=1).update(actor="nobody"),
    "delete": lambda: ALL().delete(),
    "delete one": lambda: AuditEntry.objects.filter(number=1).delete(),
    "raw delete": lambda: ALL()._raw_delete("default"),
    "bulk update": lambda: AuditEntry.objects.bulk_update(list(ALL()), ["action"]),
    "bulk create": lambda: AuditEntry.objects.bulk_create([AuditEntry(number=1)]),
    "upsert": lambda: AuditEntry.objects.bulk_create(
        [AuditEntry(number=1)], update_conflicts=True, update_fields=["action"],
        unique_fields=["number"],
    ),
    "save": lambda: AuditEntry.objects.first().save(),
    "save fields": lambda: AuditEntry.objects.first().save(update_fields=["action"]),
    "delete instance": lambda: AuditEntry.objects.first().delete(),
    "update or create": lambda: AuditEntry.objects.update_or_create(
        number=1, defaults={"action": "forged"}
    ),
    "async update": lambda: async_to_sync(ALL().aupdate)(action="forged"),
    "async delete": lambda: async_to_sync(ALL().adelete)(),
    "async instance": lambda: async_to_sync(AuditEntry.objects.first().adelete)(),
    "base manager": lambda: AuditEntry._base_manager.all().delete(),
    "base update": lambda: AuditEntry._base_manager.all().update(action="forged"),
    "default manager": lambda: AuditEntry._default_manager.all().delete(),
    "Django's own delete": lambda: models.QuerySet.delete(AuditEntry.objects.all()),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_orm_neither_changes_nor_deletes_entries(way, trail):
    """F14."""
    with pytest.raises(AppendOnlyError), transaction.atomic():
        WAYS[way]()
    assert now() == trail


def test_no_address_takes_a_change_of_the_trail(world, trail, sign_in, with_key):
    """F14: by the owner of the team, staff and administrators, by API and administration."""
    world.people.owner.is_staff = True
    world.people.owner.save(update_fields=["is_staff"])
    people = (world.people.owner, world.people.admin)
    clients = [sign_in(person) for person in people] + [with_key(person) for person in people]
    before = now()
    sent = [
        send(client, method, url, {"action": "forged", "post": "yes"}).status_code
        for client in clients
        for route in routes()
        if "audit" in route.path
        for url in route.urls(world)
        for method in MUTATING
    ]
    assert len(sent) > 50
    assert now() == before


def test_the_administration_offers_no_way_to_delete_entries(world, trail, sign_in):
    """F14: nor does its action for many rows."""
    body = {"action": "delete_selected", "_selected_action": world.entry.pk, "post": "yes"}
    client = sign_in(world.people.admin)
    client.post("/admin/core/auditentry/", body)
    client.post(f"/admin/core/auditentry/{world.entry.pk}/delete/", {"post": "yes"})
    assert now() == trail
    assert "delete_selected" not in client.get("/admin/core/auditentry/").content.decode()


def test_entries_outlive_their_people_teams_and_objects(world, trail, with_key):
    """F14: deleting what an entry tells of takes nothing from it."""
    from agents.models import Agent

    before = now()
    Agent.objects.all().delete()
    world.people.ours.delete()
    world.people.owner.delete()
    assert now() == before
    assert audit.verify()[1] is None


TAMPERED = {
    "edit": "UPDATE core_auditentry SET action = 'forged' WHERE number = 2",
    "actor": "UPDATE core_auditentry SET actor = 'somebody else' WHERE number = 2",
    "time": "UPDATE core_auditentry SET at = '2020-01-01 00:00:00+00' WHERE number = 2",
    "details": "UPDATE core_auditentry SET details = '{\"a\": 1}' WHERE number = 2",
    "gap": "DELETE FROM core_auditentry WHERE number = 2",
    "beginning": "DELETE FROM core_auditentry WHERE number = 1",
    "renumbered": "UPDATE core_auditentry SET number = number + 100 WHERE number > 2",
}


@pytest.mark.parametrize("way", TAMPERED)
def test_the_command_finds_what_was_done_in_the_database_itself(way, trail):
    """F14: gaps, edits and re-numbering; exit code 1."""
    with connection.cursor() as cursor:
        cursor.execute(TAMPERED[way])
    with pytest.raises(CommandError) as found:
        call_command("verify_audit")
    assert found.value.returncode == 1


def test_a_forged_entry_at_the_end_is_found(trail):
    """F14: a row somebody put there by hand does not follow the chain."""
    AuditEntry.objects.create(
        number=trail[-1]["number"] + 1, at=trail[-1]["at"], actor="x", action="x",
        target_type="x", target_id="x", target="x", previous="0" * 64, digest="0" * 64,
    )  # fmt: skip
    with pytest.raises(CommandError):
        call_command("verify_audit")


def test_what_people_do_leaves_a_line(world, sign_in, with_key):
    """F14: sign-in, keys, roles, settings, agents: who, what, to which row."""
    client, post = with_key(world.people.admin), {"content_type": "application/json"}
    last = AuditEntry.objects.first().number
    sign_in(world.people.owner).post("/logout/")
    client.post(f"/api/v1/agents/{world.agent.pk}/drain/")
    client.patch("/api/v1/settings/session_timeout/", {"value": 600}, **post)
    body = {"user": "viewer", "role": "editor"}
    client.post(f"/api/v1/teams/{world.people.ours.pk}/members/", body, **post)
    client.delete(f"/api/v1/keys/{world.key.pk}/")
    lines = AuditEntry.objects.filter(number__gt=last)
    assert {line.action for line in lines} == {"drained", "changed", "set member", "revoked"}
    assert all(line.actor.startswith("admin via key ") for line in lines)


def test_a_line_is_written_after_its_change(world, sign_in, with_key, monkeypatch):
    """F14: also for what is deleted, whose id and name are kept; one order of locks for all."""
    from whoosh_site.core.models import Team

    seen, real = [], audit.record

    def record(by, action, target, *rest, **more):
        gone = not type(target)._base_manager.filter(pk=target.pk).exists()
        seen.append((action, target._meta.label, gone, str(target)))
        return real(by, action, target, *rest, **more)

    monkeypatch.setattr(audit, "record", record)
    team, lockout = Team.objects.create(name="Short"), world.lockout
    client, browser = with_key(world.people.admin), sign_in(world.people.admin)
    seen.clear()
    client.delete(f"/api/v1/teams/{team.pk}/")
    client.delete(f"/api/v1/keys/{world.key.pk}/")
    browser.post(f"/admin/core/lockout/{lockout.pk}/delete/", {"post": "yes"})
    assert seen == [
        ("deleted", "core.Team", True, "Short"),
        ("revoked", "core.ApiKey", True, str(world.key)),
        ("deleted", "core.Lockout", True, str(lockout)),
    ]
    last = AuditEntry.objects.filter(action__in=["deleted", "revoked"]).order_by("number")
    ids = [str(pk) for pk in (team.pk, world.key.pk, lockout.pk)]
    assert list(last.values_list("target_id", flat=True)) == ids


def test_viewers_and_editors_read_no_trail_and_owners_only_theirs(world, with_key, trail):
    """F14, F01."""
    counts = {
        who: len(with_key(getattr(world.people, who)).get("/api/v1/audit/").json()["results"])
        for who in ("viewer", "member", "stranger", "owner")
    }
    assert (counts["viewer"], counts["member"], counts["stranger"]) == (0, 0, 0)
    assert counts["owner"] >= 4


def test_the_trail_holds_no_html_and_no_line_breaks_of_its_actors(world, sign_in):
    """F14, E01: a name cannot forge a line in a page or file."""
    world.people.viewer.username = "x\nadmin deleted everything"
    world.people.viewer.save(update_fields=["username"])
    sign_in(world.people.viewer).post("/account/", {"first_name": "<b>", "theme": "dark"})
    entry = AuditEntry.objects.first()
    page = sign_in(world.people.admin).get(f"/admin/core/auditentry/{entry.pk}/change/")
    assert page.status_code == 200
    assert audit.verify()[1] is None
