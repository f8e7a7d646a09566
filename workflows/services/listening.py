"""What a version listens to once it is active: its trigger nodes, their parameters evaluated."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from whoosh_site.core.errors import Conflict
from workflows.allowed import environment, variables_of
from workflows.engine.document import Document, NodeSpec
from workflows.engine.driver import Facts, refuse_unsupported
from workflows.engine.errors import NodeError
from workflows.engine.node import Node
from workflows.engine.parameters import filled, templates
from workflows.engine.scripts import Scope
from workflows.engine.triggers import Listener
from workflows.models import Trigger, Workflow, WorkflowVersion
from workflows.models.triggers import LONGEST_PATH
from workflows.nodes.hooks.fields import CREDENTIALS
from workflows.scripts.session import Session
from workflows.services.clocks import ZONE
from workflows.services.credentials import find_credential
from workflows.services.linting import kinds
from workflows.services.running import TEAM


def triggers_of(workflow: Workflow, version: WorkflowVersion) -> list[Trigger]:
    """Return the triggers of a version, not saved.

    Raises:
        Conflict: a trigger node cannot work; names it, and says what to change.
    """
    document, found = version.document, []

    def zone(listener: Listener) -> dict[str, str]:
        return {ZONE: document.timezone} if listener.rules else {}

    for spec, node in trigger_nodes(document):
        try:
            refuse_unsupported(node, spec, _filled(node, spec))
            listeners = node.listeners(spec, _evaluated(workflow, document, spec, node))
        except NodeError as error:
            said = f"{error.message} {error.description}".strip()
            raise Conflict(f"{spec.name}: {said}", {"node": spec.name}) from error
        for one in listeners:
            _demand_credential(workflow, spec, one.options.get("guard", {}))
            if len(one.path) > LONGEST_PATH:
                raise Conflict(f"{spec.name}: a path of at most {LONGEST_PATH} characters.")
            found.append(
                Trigger(
                    workflow=workflow, version=version, node=spec.name, kind=one.kind,
                    method=one.method, path=one.path, options=dict(one.options) | zone(one),
                    rules=[dict(rule) for rule in one.rules],
                )
            )  # fmt: skip
    return found


def _demand_credential(workflow: Workflow, spec: NodeSpec, guard: Mapping[str, Any]) -> None:
    """Refuse a trigger whose callers would be checked by a credential that is not there."""
    if "credential" not in guard:
        return
    kind, reference = CREDENTIALS[guard["kind"]], guard["credential"]
    if find_credential(workflow.team_id, kind, reference) is None:
        called = reference.get("name") or reference.get("id")
        raise Conflict(
            f"{spec.name}: the credential {called!r} of the type {kind} is not there. Make it "
            "under Credentials, or choose another at the node.",
            {"node": spec.name},
        )


def trigger_nodes(document: Document) -> Iterator[tuple[NodeSpec, type[Node]]]:
    """Yield the enabled nodes a run may begin at, with their types."""
    for spec in document.nodes.values():
        node = kinds().get(spec.type)
        if node is not None and node.starts and not spec.disabled:
            yield spec, node


def _filled(node: type[Node], spec: NodeSpec) -> Mapping[str, Any]:
    return filled(node.fields_of(spec.version), spec.version, spec.parameters)


def _evaluated(
    workflow: Workflow, document: Document, spec: NodeSpec, node: type[Node]
) -> Mapping[str, Any]:
    """Return a node's parameters with its expressions evaluated, without any item."""
    parameters = _filled(node, spec)
    found = list(dict.fromkeys(templates(node.fields_of(spec.version), parameters)))
    if not found:
        return parameters
    scope = Scope(
        node=spec.name, node_type=spec.type, node_version=spec.version, node_id=spec.id,
        run_index=0, items=[{"json": {}}], sources=[None], parameters=parameters,
        state={}, states={}, past=lambda name: (), nodes=Facts(document), wired=lambda name: None,
        workflow={"id": str(workflow.pk), "name": workflow.name, "active": True}, execution={},
        timezone=document.timezone or settings.TIME_ZONE, strict=True,
        vars=variables_of(workflow.team_id), env=environment(),
    )  # fmt: skip
    session = Session(owner=f"{TEAM}{workflow.team_id}")
    values = asyncio.run(_values(session, found, scope))
    return {key: _resolved(value, values) for key, value in parameters.items()}


async def _values(session: Session, found: list[str], scope: Scope) -> Mapping[str, Any]:
    try:
        columns = await session.evaluate(found, scope, [0])
    finally:
        await session.close()
    for column in columns:
        for error in column.errors.values():
            raise error
    return {name: column.values.get(0) for name, column in zip(found, columns, strict=True)}


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return values.get(value, value)
    if isinstance(value, Mapping):
        return {key: _resolved(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, values) for one in value]
    return value
