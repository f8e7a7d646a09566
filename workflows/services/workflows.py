"""What people do with workflows: make, rename, tag, copy, activate, archive, delete, export."""

import re
from collections.abc import Iterable, Iterator

from django.db import transaction

from agents import services as agents
from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand
from workflows.live import tell
from workflows.models import Tag, Workflow, WorkflowVersion
from workflows.n8n import jsontext
from workflows.n8n.reading import LONGEST_NAME, Given, read_one, shortened
from workflows.services.activating import archive_workflow
from workflows.services.naming import saved, take_name
from workflows.services.versions import add_version, save_version

UNNAMED = "Workflow"
MOST_TAGS = 50
LONGEST_TAG = 60
MOST_RUNS = 1000
MOST_AT_ONCE = 500
"""Workflows that are exported together."""


@transaction.atomic
def create_workflow(
    given: Given, *, by: Actor, name: str = "", team: Team | None = None
) -> Workflow:
    """Keep a document as a new workflow, in the caller's first team if none is named.

    Without a name of either kind it is called "Workflow"; a name that is taken gets a number.
    The document stays as it is.
    """
    team = team or agents.team_for(agents.Wish(()), by)
    demand(by, "workflow.change", [team.pk])
    wanted = shortened(name or given.name) or UNNAMED
    workflow = Workflow(
        team=team,
        created_by=by.user,
        origin=given.origin[:LONGEST_NAME],
        static_text=_static_text(given),
    )
    _save_new(workflow, wanted)
    add_version(workflow, given, 1, by=by)
    _set_tags(workflow, given.tags[:MOST_TAGS])
    audit.record(by, "created", workflow)
    tell(workflow)
    return workflow


def _save_new(workflow: Workflow, wanted: str) -> None:
    for name in _names(wanted):
        workflow.name = name
        if saved(workflow, force_insert=True):
            return


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    for number in range(2, 10_000):
        tail = f" ({number})"
        yield wanted[: LONGEST_NAME - len(tail)] + tail
    raise Conflict(f"name: there are too many workflows called {wanted!r}.")


def _static_text(given: Given) -> str:
    piece = jsontext.member(given.text, "staticData")
    text = jsontext.cut(given.text, piece) if piece else ""
    return text if text.startswith("{") else ""


def rename_workflow(workflow: Workflow, name: str, *, by: Actor) -> WorkflowVersion | None:
    """Give a workflow another name; its document gets it too, as a new version.

    Raises:
        BadInput: there is no name.
        Conflict: the team has a workflow of this name.
    """
    demand(by, "workflow.change", [workflow.team_id])
    name = shortened(name)
    if not name:
        raise BadInput("name: give the workflow a name.")
    if name == workflow.name:
        return workflow.current
    with transaction.atomic():
        if read_one(workflow.text).name != name:
            text = jsontext.with_member(workflow.text, "name", name)
            save_version(workflow, text, by=by, renames=False)
        take_name(workflow, name, by=by)
    return workflow.current


@transaction.atomic
def tag_workflow(workflow: Workflow, names: Iterable[str], *, by: Actor) -> None:
    """Set the tags of a workflow. Raises BadInput for too many, or too long ones."""
    demand(by, "workflow.change", [workflow.team_id])
    wanted = list(dict.fromkeys(name for one in names if (name := shortened(one))))
    if len(wanted) > MOST_TAGS:
        raise BadInput(f"tags: at most {MOST_TAGS}.")
    if long := [name for name in wanted if len(name) > LONGEST_TAG]:
        raise BadInput(f"tags: {long[0][:80]!r} is longer than {LONGEST_TAG} characters.")
    if wanted == sorted(tag.name for tag in workflow.tags.all()):
        return
    _set_tags(workflow, wanted)
    audit.record(by, "tagged", workflow, {"tags": wanted})
    tell(workflow)


def _set_tags(workflow: Workflow, names: list[str]) -> None:
    rows = [Tag.objects.get_or_create(team_id=workflow.team_id, name=name)[0] for name in names]
    workflow.tags.set(rows)
    Tag.objects.filter(team_id=workflow.team_id, workflows=None).delete()


@transaction.atomic
def limit_workflow(workflow: Workflow, at_once: int, *, by: Actor) -> None:
    """Say how many of its runs may go on at the same time; 0: as many as the team's may."""
    demand(by, "workflow.change", [workflow.team_id])
    if not 0 <= at_once <= MOST_RUNS:
        raise BadInput(f"at_once: a number from 0 to {MOST_RUNS}.")
    if at_once != workflow.at_once:
        Workflow.objects.filter(pk=workflow.pk).update(at_once=at_once)
        workflow.at_once = at_once
        audit.record(by, "limited", workflow, {"at_once": at_once})
        tell(workflow)


@transaction.atomic
def bring_back(workflow: Workflow, *, by: Actor) -> None:
    """Put an archived workflow back into the list."""
    demand(by, "workflow.change", [workflow.team_id])
    if Workflow.objects.filter(pk=workflow.pk, archived=True).update(archived=False):
        workflow.archived = False
        audit.record(by, "brought back", workflow)
        tell(workflow)


@transaction.atomic
def copy_workflow(workflow: Workflow, *, by: Actor, name: str = "") -> Workflow:
    """Make a new workflow of the current version, in the same team."""
    wanted = shortened(name) or f"{workflow.name} copy"
    text = jsontext.with_member(workflow.text, "name", wanted[:LONGEST_NAME])
    made = create_workflow(read_one(text), by=by, team=workflow.team)
    Workflow.objects.filter(pk=made.pk).update(origin="", static_text="")
    made.origin = made.static_text = ""
    return made


@transaction.atomic
def delete_workflow(workflow: Workflow, *, by: Actor) -> None:
    """Delete a workflow with all its versions."""
    demand(by, "workflow.delete", [workflow.team_id])
    audit.record(by, "deleted", workflow)
    tell(workflow)
    workflow.delete()


@transaction.atomic
def change_workflow(
    workflow: Workflow,
    *,
    by: Actor,
    name: str | None = None,
    tags: Iterable[str] | None = None,
    archived: bool | None = None,
    at_once: int | None = None,
) -> None:
    """Rename, tag, limit, archive or bring back, all or nothing. Raises as these do."""
    if name is not None:
        rename_workflow(workflow, name, by=by)
    if tags is not None:
        tag_workflow(workflow, tags, by=by)
    if at_once is not None:
        limit_workflow(workflow, at_once, by=by)
    if archived is not None:
        (archive_workflow if archived else bring_back)(workflow, by=by)


def file_name(workflow: Workflow) -> str:
    """Return what an exported file is called."""
    return re.sub(r"[^\w .()-]+", "_", workflow.name).strip(" .")[:100] + ".json"


def export_text(version: WorkflowVersion) -> str:
    """Return a version's document, laid out: every key, string and number as it was."""
    return jsontext.laid_out(version.text)
