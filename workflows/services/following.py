"""What follows from the end of a production run: its static data, and an error workflow's run.

All of it happens in the transaction that writes the end.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from whoosh_site.core import leases
from whoosh_site.core.errors import NotFound
from workflows.engine.document import Document
from workflows.engine.values import dumps
from workflows.execute import Outcome
from workflows.live import tell_execution
from workflows.models import Execution, Workflow
from workflows.models.executions import PRODUCTION, SUCCESS
from workflows.n8n.findings import storable
from workflows.reach import DEEPEST
from workflows.services.finding import find_in_team
from workflows.services.statics import began_with_a_look, keep_static, node_key

ERROR_TRIGGER = "errorTrigger"
MODES = {"error": "error", "retry": "retry", "webhook": "webhook", "workflow": "integrated"}
"""n8n's word for how a failed run was started; a trigger's own for the others."""


def follow(execution: Execution, outcome: Outcome, *, looking: bool = False) -> None:
    """Do what the end of a run asks for: nothing but for production runs that are over."""
    if execution.mode != PRODUCTION or outcome.parked is not None:
        return
    if outcome.status == SUCCESS:
        leave = [node_key(execution.start_node)] if began_with_a_look(execution) else []
        if trouble := keep_static(execution, outcome.static, leave=leave):
            warn(execution, trouble)
    elif outcome.status == Execution.State.ERROR:
        last = outcome.steps[-1].node if outcome.steps else ""
        start_error_workflow(execution, outcome.error or {}, last=last, looking=looking)


def start_error_workflow(
    execution: Execution, error: Mapping[str, Any], *, last: str = "", looking: bool = False
) -> None:
    """Queue a run of the workflow that is to hear of a failed production run.

    That is the one its settings name, else itself if it has an Error Trigger; never another team's,
    and never because the run of an error workflow failed. `looking` says that the trigger failed,
    before there was anything to run.
    """
    deep = execution.source == Execution.Source.ERROR or execution.depth >= DEEPEST
    if execution.mode != PRODUCTION or deep or hasattr(execution, "error_run"):
        return
    document = execution.version.document
    try:
        target, found = _target(execution, document)
    except NotFound as trouble:
        warn(execution, f"Its error workflow was not started: {trouble.message}")
        return
    if target is None:
        return
    version = target.active or target.current
    start = _error_trigger(found)
    if version is None or not start:
        warn(execution, f"Its error workflow was not started: {target} has no Error Trigger.")
        return
    made = Execution.objects.create(
        team_id=target.team_id,
        workflow=target,
        version=version,
        source=Execution.Source.ERROR,
        mode=PRODUCTION,
        about=execution,
        depth=execution.depth + 1,
        start_node=start,
        input_text=dumps([{"json": _told(execution, error, last, looking)}]).decode(),
    )
    tell_execution(made)
    leases.wake()


def _target(execution: Execution, document: Document) -> tuple[Workflow | None, Document]:
    which = document.settings.get("errorWorkflow")
    if not isinstance(which, str) or not which:
        own = execution.workflow if _error_trigger(document) else None
        return own, document
    found = find_in_team(execution.team_id, which)
    if found.archived:
        raise NotFound(f"{found} is archived.")
    version = found.active or found.current
    return found, version.document if version else document


def _error_trigger(document: Document) -> str:
    for spec in document.nodes.values():
        if spec.short_type == ERROR_TRIGGER and not spec.disabled:
            return spec.name
    return ""


def _told(
    execution: Execution, error: Mapping[str, Any], last: str, looking: bool
) -> dict[str, Any]:
    """Return n8n's data for an Error Trigger."""
    message, node = str(error.get("message", "")), str(error.get("node", ""))
    spec = execution.version.document.nodes.get(node)
    said: dict[str, Any] = {"message": message, "stack": f"{message} ({node})" if node else message}
    if error.get("description"):
        said["description"] = error["description"]
    if spec is not None:
        said["node"] = {"id": spec.id, "name": spec.name, "type": spec.type}
    mode = MODES.get(execution.source, "trigger")
    workflow = {"id": str(execution.workflow_id), "name": execution.workflow.name}
    if looking:
        return {"trigger": {"error": said, "mode": mode}, "workflow": workflow}
    about = {
        "id": str(execution.pk),
        "url": f"{settings.BASE_URL}{execution.get_absolute_url()}",
        "retryOf": str(execution.retry_of_id) if execution.retry_of_id else None,
        "error": said,
        "lastNodeExecuted": node or last,
        "mode": mode,
    }
    return {"execution": about, "workflow": workflow}


def warn(execution: Execution, message: str) -> None:
    """Add a warning to a run that has just ended."""
    row = Execution.objects.filter(pk=execution.pk)
    told = row.values_list("warnings", flat=True).get()
    row.update(warnings=[*told, {"node": "", "message": storable(message)}])
