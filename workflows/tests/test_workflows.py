"""Workflows and their versions, through the services."""

import json

import pytest

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, Forbidden, NotFound
from whoosh_site.core.models import AuditEntry, Notice
from workflows import services
from workflows.models import Tag, Workflow
from workflows.services import versions
from workflows.tests.conftest import written

ODD = '{"nodes": [], "b": 1.0, "a": 1e3, "connections": {},\n "name": "Odd", "b": 2}\n'


@pytest.fixture
def by(people):
    return Actor(people.member)


def test_a_document_is_kept_as_the_text_it_came_as(keep):
    assert keep(ODD).text == ODD
    assert Workflow.objects.get().current.text == ODD


def test_every_save_makes_a_version_and_the_same_text_makes_none(keep, by):
    workflow = keep()
    services.save_version(workflow, written(meta={"a": 1}), by=by, base=1, name="with meta")
    services.save_version(workflow, written(meta={"a": 1}), by=by)
    assert [(v.number, v.name) for v in workflow.versions.all()] == [(2, "with meta"), (1, "")]
    assert workflow.versions.first().author == by.user
    assert Workflow.objects.get().current.number == 2


def test_who_edited_an_older_version_is_told(keep, by):
    workflow = keep()
    services.save_version(workflow, written(meta=1), by=by, base=1)
    with pytest.raises(Conflict, match="version 2 is the current one, yours was made from 1"):
        services.save_version(workflow, written(meta=2), by=by, base=1)


def test_an_earlier_version_is_restored_as_the_newest(keep, by):
    workflow = keep()
    services.save_version(workflow, written(meta=1), by=by)
    restored = services.restore_version(workflow, 1, by=by)
    assert (restored.number, restored.name, restored.text) == (3, "as version 1", written())


def test_a_version_that_is_not_there_says_which_are(keep, by):
    with pytest.raises(NotFound, match="no version 7. There are 1 to 1"):
        services.restore_version(keep(), 7, by=by)


def test_a_version_gets_a_name_and_loses_it(keep, by):
    workflow = keep()
    services.name_version(workflow.current, "first light", by=by)
    assert str(workflow.versions.get()) == "version 1 (first light)"
    services.name_version(workflow.current, "", by=by)
    assert str(workflow.versions.get()) == "version 1"


def test_a_name_that_is_taken_gets_a_number_and_the_document_keeps_its_own(keep):
    keep(written("Moon"))
    second = keep(written("Moon", meta=1))
    assert second.name == "Moon (2)"
    assert json.loads(second.text)["name"] == "Moon"


def test_names_are_told_apart_by_their_case(keep):
    assert [keep(written(name)).name for name in ("moon", "Moon")] == ["moon", "Moon"]


def test_importing_the_same_again_changes_nothing(keep):
    assert keep() == keep()
    assert Workflow.objects.get().versions.count() == 1


def test_importing_a_name_again_makes_a_version_where_that_is_wanted(keep):
    keep(), keep(written(meta=1), same_name="version")
    assert Workflow.objects.get().current.number == 2


def test_two_workflows_of_n8n_with_one_name_stay_two(keep):
    keep(written(id="a")), keep(written(id="b"), same_name="version")
    assert sorted(Workflow.objects.values_list("name", "origin")) == [
        ("Tides", "a"), ("Tides (2)", "b"),
    ]  # fmt: skip


def test_renaming_reaches_the_document_as_a_new_version(keep, by):
    workflow = keep(ODD)
    services.rename_workflow(workflow, "Even", by=by)
    assert Workflow.objects.get().name == "Even"
    assert workflow.text == ODD.replace('"Odd"', '"Even"')
    assert workflow.current.number == 2


def test_renaming_to_a_taken_name_changes_nothing(keep, by):
    keep(written("Moon"))
    workflow = keep()
    with pytest.raises(Conflict, match="has a workflow called 'Moon' already"):
        services.rename_workflow(workflow, "Moon", by=by)
    assert workflow.versions.count() == 1


def test_a_new_name_in_a_saved_document_renames_the_workflow(keep, by):
    workflow = keep()
    services.save_version(workflow, written("Moon"), by=by)
    assert Workflow.objects.get().name == "Moon"


def test_activation_holds_on_to_a_version(keep, by):
    workflow = keep()
    services.activate_workflow(workflow, by=by)
    services.save_version(workflow, written(meta=1), by=by)
    workflow = Workflow.objects.get()
    assert (workflow.active.number, workflow.current.number) == (1, 2)
    services.deactivate_workflow(workflow, by=by)
    assert Workflow.objects.get().active is None


def test_an_archived_workflow_is_not_active_until_it_is_back(keep, by):
    workflow = keep(activate=True)
    services.archive_workflow(workflow, by=by)
    assert Workflow.objects.get().active is None
    with pytest.raises(Conflict, match="is archived"):
        services.activate_workflow(workflow, by=by)
    services.bring_back(workflow, by=by)
    services.activate_workflow(workflow, by=by)


def test_tags_come_with_the_document_and_are_changed_here(keep, by):
    workflow = keep(written(tags=[{"id": "1", "name": "sea"}, "old form"]))
    assert [tag.name for tag in workflow.tags.all()] == ["old form", "sea"]
    services.tag_workflow(workflow, ["land"], by=by)
    assert list(Tag.objects.values_list("name", flat=True)) == ["land"]
    with pytest.raises(BadInput, match="tags: 'xxx"):
        services.tag_workflow(workflow, ["x" * 61], by=by)


def test_static_data_comes_with_the_document(keep):
    assert keep(written(staticData={"global": {"n": 1}})).static_text == '{"global": {"n": 1}}'


def test_a_copy_has_its_own_name_and_history(keep, by):
    copy = services.copy_workflow(keep(written(id="7")), by=by)
    assert (copy.name, copy.origin, copy.versions.count()) == ("Tides copy", "", 1)
    assert json.loads(copy.text)["name"] == "Tides copy"


def test_a_deleted_workflow_takes_its_versions_along(keep, by):
    workflow = keep(activate=True)
    services.delete_workflow(workflow, by=by)
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    "verb",
    [
        services.activate_workflow, services.deactivate_workflow, services.archive_workflow,
        services.bring_back, services.copy_workflow, services.delete_workflow,
        lambda workflow, by: services.save_version(workflow, written(meta=1), by=by),
        lambda workflow, by: services.rename_workflow(workflow, "x", by=by),
        lambda workflow, by: services.tag_workflow(workflow, ["x"], by=by),
        lambda workflow, by: services.name_version(workflow.current, "x", by=by),
    ],
)  # fmt: skip
def test_viewers_look_and_change_nothing(keep, people, verb):
    with pytest.raises(Forbidden):
        verb(keep(), by=Actor(people.viewer))
    assert Workflow.objects.get().versions.get().name == ""


def test_changes_are_audited_and_told_to_pages(keep, by):
    workflow = keep(by=by)
    services.activate_workflow(workflow, by=by)
    rows = AuditEntry.objects.filter(target_type="workflows.Workflow")
    assert list(rows.order_by("number").values_list("action", flat=True)) == [
        "created", "activated",
    ]  # fmt: skip
    topics = set(Notice.objects.values_list("topic", flat=True))
    assert {f"workflow:{workflow.pk}", f"workflows@{workflow.team_id}"} <= topics


def test_what_no_database_can_hold_is_kept_in_the_document_only(keep):
    text = written("a\\u0000b").replace("\\\\u0000", "\\u0000")
    workflow = keep(text)
    assert workflow.name == "a\ufffdb"
    assert "\\u0000" in workflow.text


def test_of_two_who_save_at_once_the_second_is_told(keep, by, monkeypatch):
    workflow = keep()
    first = workflow.versions.get()
    services.save_version(workflow, written(meta=1), by=by)
    monkeypatch.setattr(versions, "_current", lambda workflow: first)
    with pytest.raises(Conflict, match="version 2 is the current one, yours was made from 1"):
        services.save_version(workflow, written(meta=2), by=by)
    assert Workflow.objects.get().current.number == 2


def test_the_engine_reads_what_was_mended(keep):
    nodes = {"1": {"id": "1", "name": "Start", "type": "n8n-nodes-base.manualTrigger"}}
    workflow = keep(json.dumps({"nodes": nodes, "settings": '{"executionOrder": "v1"}'}))
    document = workflow.current.document
    assert document.start().name == "Start"
    assert not document.legacy_order
