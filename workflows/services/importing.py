"""Workflows from outside: files, pasted text, addresses."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from agents import services as agents
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models.people import Team
from workflows.models import Workflow
from workflows.n8n.reading import Given, read_all, shortened
from workflows.services.activating import activate_workflow
from workflows.services.versions import relabeled, save_version
from workflows.services.workflows import UNNAMED, create_workflow

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
COPY, VERSION = "copy", "version"
SAME_NAME = (COPY, VERSION)
"""What an import does about a name that is taken: a number behind it, or a new version."""


@dataclass(frozen=True)
class Imported:
    """One workflow that came in, and what became of it: created, changed or unchanged."""

    workflow: Workflow
    outcome: str


def read_workflows(text: str, stem: str = "") -> list[Given]:
    """Return the workflows in a text, those without a name called after their file.

    Raises:
        BadInput: it holds something else; says what.
    """
    found = read_all(text)
    named: list[Given] = []
    for number, given in enumerate(found, 1):
        tail = f" {number}" if len(found) > 1 else ""
        name = given.name or shortened(f"{stem or UNNAMED}{tail}")
        named.append(relabeled(given, name))
    return named


MOST_IMPORTED = 500


@transaction.atomic
def import_workflows(
    found: Iterable[Given],
    *,
    by: Actor,
    team: Team | None = None,
    same_name: str = COPY,
    activate: bool = False,
) -> list[Imported]:
    """Keep documents that were read, all or none.

    A workflow that is here already with the same name and text stays as it is. `same_name` says
    what happens to another text: it becomes a new version, unless n8n's ids show two workflows;
    or a workflow of its own, with a number behind its name.
    """
    if same_name not in SAME_NAME:
        raise BadInput(f"same_name: use {' or '.join(SAME_NAME)}.")
    found = list(found)
    if len(found) > MOST_IMPORTED:
        raise BadInput(
            f"This holds {len(found)} workflows; at most {MOST_IMPORTED} are imported at once."
        )
    team = team or agents.team_for(agents.Wish(()), by)
    done = [_import(given, by, team, same_name) for given in found]
    for one in done:
        if activate and one.workflow.active_id != one.workflow.current_id:
            activate_workflow(one.workflow, by=by)
    return done


def _import(given: Given, by: Actor, team: Team, same_name: str) -> Imported:
    rows = Workflow.objects.filter(team=team, name=given.name).select_related("current", "team")
    there = rows.first()
    if there is not None and there.text == given.text:
        return Imported(there, UNCHANGED)
    if there is None or same_name == COPY or _strangers(there, given):
        return Imported(create_workflow(given, by=by, team=team), CREATED)
    save_version(there, given.text, by=by, renames=False)
    return Imported(there, CHANGED)


def _strangers(there: Workflow, given: Given) -> bool:
    return bool(there.origin and given.origin and there.origin != given.origin)
