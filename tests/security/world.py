"""One object of every kind, owned by the team `ours`; and everything the database holds."""

import json
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection
from django.utils import timezone

from agents import services
from agents.models import (
    Agent,
    AgentModel,
    Call,
    Capability,
    Discovery,
    Gpu,
    JoinRequest,
    JoinToken,
    Model,
    ModelJob,
)
from projects import services as projects
from projects.models import Artifact, Attachment, Project, Task
from whoosh_site.core import audit, tunables
from whoosh_site.core import services as core
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.models import ApiKey, AuditEntry, Lockout, Process, Setting
from workflows import services as workflows
from workflows.engine.run import Step
from workflows.models import (
    Approval,
    Credential,
    DataTable,
    Execution,
    KeptSteps,
    Pieces,
    Trigger,
    Variable,
    Workflow,
)

CANARY = "canary-3f9b1c-never-to-be-seen"
# What changes because somebody looked: the session, signs of life, the last use or sign-in.
NOTED = {"sessions.Session", "core.Process"}
LOOKED = {"last_used_at", "last_login"}


@dataclass
class World:
    """Everything a sweep needs an example of."""

    people: Any
    agent: Agent
    held: AgentModel
    model: Model
    capability: Capability
    gpu: Gpu
    call: Call
    project: Project
    task: Task
    attachment: Attachment
    artifact: Artifact
    workflow: Workflow
    execution: Execution
    approval: Approval
    trigger: Trigger
    credential: Credential
    data_table: DataTable
    hook: Trigger
    variable: Variable
    discovery: Discovery
    join_token: JoinToken
    join_text: str
    join_request: JoinRequest
    job: ModelJob
    key: ApiKey
    key_text: str
    entry: AuditEntry
    process: Process
    lockout: Lockout
    setting: Setting


def build(people: Any, make_agent: Any) -> World:
    """Fill the team `ours`; the API's rate limit is out of the way."""
    tunables.change("api_rate_limit", 1_000_000, by=SYSTEM)
    people.ours.name = "Our team"
    people.ours.save(update_fields=["name"])
    agent = make_agent("oak", models={"ours-model:8b": {}}, title="Our oak", api_key=CANARY)
    services.set_capabilities(agent, ["our-skill"], by=SYSTEM)
    services.set_gpus(agent, [("Our card", 24.0)], by=SYSTEM)
    call = _call(people, agent)
    project = projects.create_project(name="Our project", team=people.ours, by=SYSTEM)
    task = _task(people, project)
    token, join_text = services.make_join_token(
        by=SYSTEM, team=people.ours, name="Our rack", most_uses=5
    )
    said = services.Application("our-elm", "http://10.7.7.7:11434")
    workflow = _workflow(people)
    key, text = core.create_api_key(user=people.owner, name="Our key", scopes=["read"], by=SYSTEM)
    return World(
        people=people,
        agent=agent,
        held=agent.models.get(),
        model=Model.objects.get(),
        capability=Capability.objects.get(),
        gpu=agent.gpus.get(),
        call=call,
        project=project,
        task=task,
        workflow=workflow,
        execution=(execution := _execution(people, workflow)),
        approval=_approval(execution),
        trigger=workflow.triggers.get(kind="schedule"),
        hook=workflow.triggers.get(kind="webhook"),
        credential=_credential(people),
        data_table=_data_table(people),
        variable=Variable.objects.create(team=people.ours, name="our_variable", value="ours"),
        job=_job(agent),
        attachment=task.attachments.get(),
        artifact=task.artifacts.get(),
        discovery=services.start_discovery(["10.7.7.7"], by=SYSTEM),
        join_token=token,
        join_text=join_text,
        join_request=services.ask_to_join(said, token=token, sender="10.7.7.7"),
        key=key,
        key_text=text,
        entry=audit.record(SYSTEM, "tested", agent, {"by": "a sweep"}),
        process=Process.objects.create(job="web", host="our-host", owner="our-host:1:1", pid=1),
        lockout=Lockout.objects.create(subject="f" * 64, failures=9, last_at=timezone.now()),
        setting=Setting.objects.get(key="api_rate_limit"),
    )


def _call(people: Any, agent: Agent) -> Call:
    """Return a call that was answered."""
    return Call.objects.create(
        team=people.ours,
        created_by=people.member,
        source=Call.Source.API,
        state=Call.State.SUCCESS,
        title="Our question",
        messages=[{"role": "user", "content": "Our question"}],
        answer="Our answer",
        agent=agent,
        agent_name=agent.name,
        model_name="ours-model:8b",
        tps=10.0,
        finished_at=timezone.now(),
    )


def _task(people: Any, project: Project) -> Task:
    """Return a task on hold that has a file, a result and a history."""
    given = [projects.read_file("our-file.txt", b"Our text")]
    order = projects.Order("Our task", "Our description", attachments=given, held=True)
    by = Actor(people.member)
    task = projects.submit_task(order, by=by, source="page", project=project)
    Artifact.objects.create(
        task=task, name="result", version=1, media_type="text/markdown", content="Our result"
    )
    return task


def _job(agent: Agent) -> ModelJob:
    """Return a job at a host."""
    return ModelJob.objects.create(agent=agent, verb=ModelJob.Verb.LOAD, model_name="ours-model:8b")


def _credential(people: Any) -> Credential:
    """Return a credential for a host of ours."""
    values = {"name": "X-Key", "value": CANARY}
    return workflows.create_credential(
        "httpHeaderAuth", "Our credential", values, by=SYSTEM, team=people.ours,
        hosts=["ours.example"], ref="our-ref",
    )  # fmt: skip


def _data_table(people: Any) -> DataTable:
    """Return a data table without rows."""
    columns = {"ours": "string"}
    return workflows.create_data_table("Our table", columns, by=SYSTEM, team=people.ours)


def _workflow(people: Any) -> Workflow:
    """Return an active workflow with a tag and a named version."""
    node = {"name": "Our node", "type": "n8n-nodes-base.manualTrigger", "position": [0, 0]}
    clock = {"name": "Our clock", "type": "n8n-nodes-base.scheduleTrigger", "position": [0, 200]}
    hook = {"name": "Our hook", "type": "n8n-nodes-base.webhook", "position": [0, 90]}
    hook |= {"parameters": {"path": "our-path", "httpMethod": "POST"}}
    nodes = [node, clock, hook]
    document = {"name": "Our workflow", "nodes": nodes, "tags": [{"name": "our-tag"}]}
    found = workflows.read_workflows(json.dumps(document))
    (done,) = workflows.import_workflows(found, by=SYSTEM, team=people.ours, activate=True)
    workflows.name_version(done.workflow.current, "Our version", by=SYSTEM)
    return done.workflow


def _execution(people: Any, workflow: Workflow) -> Execution:
    """Return a run that failed, with the data of its one node."""
    execution = workflows.start_execution(workflow, by=Actor(people.member), source="page")
    node, items = "Our node", [{"json": {"says": "Our item"}}]
    figures = {"name": node, "runs": 1, "given": 1, "items": 1, "ms": 1.0}
    execution.nodes = [figures | {"failed": True, "running": False}]
    execution.state, execution.error, execution.error_node = "error", "Our error", node
    execution.finished_at = timezone.now()
    execution.save()
    KeptSteps(execution.pk).add(Pieces([Step(node, 0, [None], [items])]), 0)
    return execution


def _approval(execution: Execution) -> Approval:
    """Return a question that waits for a decision."""
    return Approval.objects.create(
        team=execution.team, execution=execution, node="Our node", question="Our question?",
        text="Our details", data='[{"says": "Our item"}]', digest="0" * 64,
    )  # fmt: skip


def rows(*leave_out: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, to tell whether something was changed."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.label in NOTED | set(leave_out):
            continue
        columns = [f.attname for f in model._meta.concrete_fields if f.name not in LOOKED]
        found[model._meta.label] = list(model._default_manager.order_by("pk").values(*columns))
    return found


def dump() -> str:
    """Return everything the database holds as one text, past all models."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts += [repr(row) for row in cursor.fetchall()]
    return "\n".join(texts)
