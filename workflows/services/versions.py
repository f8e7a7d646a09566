"""Versions of workflows: every save makes one, none is ever changed."""

import hashlib
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.utils import timezone

from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, NotFound
from whoosh_site.core.permissions import demand
from workflows.live import tell
from workflows.models import Workflow, WorkflowVersion
from workflows.n8n.differing import Difference, difference
from workflows.n8n.findings import ERROR, WARNING
from workflows.n8n.reading import Given, read_one, shortened
from workflows.services.linting import linted
from workflows.services.naming import take_name

LONGEST_LABEL = 120


def add_version(
    workflow: Workflow, given: Given, number: int, *, by: Actor, name: str = ""
) -> WorkflowVersion:
    """Write the next version and make it the current one; IntegrityError when its number exists."""
    findings = linted(given)
    now = timezone.now()
    version = WorkflowVersion.objects.create(
        workflow=workflow,
        number=number,
        text=given.text,
        checksum=hashlib.sha256(given.text.encode()).hexdigest(),
        name=name,
        node_count=given.node_count,
        findings=[one.as_dict() for one in findings],
        error_count=sum(one.severity == ERROR for one in findings),
        warning_count=sum(one.severity == WARNING for one in findings),
        author=by.user,
        created_at=now,
    )
    Workflow.objects.filter(pk=workflow.pk).update(current=version, updated_at=now)
    workflow.current, workflow.updated_at = version, now
    return version


def save_version(
    workflow: Workflow,
    text: str,
    *,
    by: Actor,
    base: int | None = None,
    name: str = "",
    renames: bool = True,
) -> WorkflowVersion:
    """Save a document as the next version; the same text again makes none.

    Args:
        workflow: whose version it is.
        text: the document, kept as it stands.
        by: who saves it.
        base: the number of the version that was edited, to notice that somebody else saved.
        name: what to call the version.
        renames: whether a new name in the document becomes the workflow's.

    Raises:
        BadInput: it is no workflow.
        Conflict: `base` is not the current version any more, or the new name is taken.
    """
    demand(by, "workflow.change", [workflow.team_id])
    label = _label(name)
    given = read_one(text)
    with transaction.atomic():
        current = _current(workflow)
        if base is not None and base != current.number:
            raise _overtaken(workflow, current.number, base)
        if given.text == current.text:
            return current
        try:
            with transaction.atomic():
                version = add_version(workflow, given, current.number + 1, by=by, name=label)
        except IntegrityError:
            raise _overtaken(workflow, current.number + 1, current.number) from None
        audit.record(by, "saved", workflow, {"version": version.number})
        if renames and given.name and given.name != read_one(current.text).name:
            take_name(workflow, given.name, by=by)
        tell(workflow)
    return version


def _current(workflow: Workflow) -> WorkflowVersion:
    found = workflow.versions.first()
    if found is None:
        raise NotFound(f"{workflow} has no version.")
    return found


def _overtaken(workflow: Workflow, now: int, base: int) -> Conflict:
    return Conflict(
        f"{workflow} was saved by somebody else meanwhile: version {now} is the current one, "
        f"yours was made from {base}. Look at what changed, then save again.",
        {"current": now, "base": base},
    )


def find_version(workflow: Workflow, number: int) -> WorkflowVersion:
    """Return a version by its number. Raises NotFound naming those that exist."""
    found = workflow.versions.filter(number=number).first() if number < 2**31 else None
    if found is None:
        last = workflow.current.number if workflow.current else 0
        raise NotFound(f"{workflow} has no version {number}. There are 1 to {last}.")
    return found


def restore_version(workflow: Workflow, number: int, *, by: Actor) -> WorkflowVersion:
    """Save an earlier document once more, as the newest version."""
    old = find_version(workflow, number)
    label = f"as version {old.number}"
    return save_version(workflow, old.text, by=by, name=label)


def name_version(version: WorkflowVersion, name: str, *, by: Actor) -> None:
    """Give a version a name, or take it away with an empty one."""
    demand(by, "workflow.change", [version.workflow.team_id])
    version.name = _label(name)
    with transaction.atomic():
        version.save(update_fields=["name"])
        details = {"version": version.number, "name": version.name}
        audit.record(by, "named a version of", version.workflow, details)
        tell(version.workflow)


def _label(name: str) -> str:
    name = shortened(name)
    if len(name) > LONGEST_LABEL:
        raise BadInput(f"name: at most {LONGEST_LABEL} characters.")
    return name


def diff_versions(old: WorkflowVersion, new: WorkflowVersion) -> Difference:
    """Return what tells two versions apart."""
    return difference(read_one(old.text), read_one(new.text))


def relabeled(given: Given, name: str) -> Given:
    """Return a document that goes by another name; its text stays."""
    return replace(given, name=name)
