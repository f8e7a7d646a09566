"""The section `agents` of whoosh.yaml, in all three dialects."""

from collections.abc import Iterable
from copy import copy
from typing import Any

from agents import services
from agents.models import Agent, AgentCapability
from agents.models.hosts import NAME_RULE
from whoosh_site.core import tunables
from whoosh_site.core.actor import Actor
from whoosh_site.core.config import (
    ADDED,
    CHANGED,
    KEPT,
    LEFT,
    NUMBER,
    REMOVED,
    TEXT,
    TEXTS,
    WHOLE,
    Load,
    Section,
    keys,
    sections,
)
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.secrets import Secret

tunables.declare(
    tunables.Tunable(
        "health_check_interval",
        30,
        "Health check interval",
        "Seconds within which a change of an agent is seen; it is asked three times as often.",
        3,
        3600,
        "seconds",
    )
)

SHARE = {"type": "number", "minimum": 0, "maximum": 1}
FLAG = {"type": "boolean"}
NAME = {
    "type": "string",
    "pattern": NAME_RULE.regex.pattern,
    "maxLength": 80,
    "description": NAME_RULE.message,
}
GPU_NAME = TEXT | {"maxLength": 120}
NOTES = ("storage_type", "network_role", "platform", "xcode_version", "storage_gb")
GPU = keys(gpu_type=GPU_NAME, vram_gb=NUMBER)
AGENT = keys(
    name=TEXT,
    endpoint=TEXT,
    protocol={"enum": ["ollama", "openai"]},
    model=TEXT,
    models=TEXTS,
    specialization=TEXT,
    capabilities={
        "type": ["array", "object"],
        "items": NAME,
        "propertyNames": NAME,
        "additionalProperties": SHARE,
    },
    hardware=keys(
        gpu_type=GPU_NAME,
        vram_gb=NUMBER,
        gpus={"type": "array", "items": GPU},
        cpu_cores=WHOLE,
        ram_gb=NUMBER,
        **{name: {"type": ["string", "number"]} for name in NOTES},
    ),
    performance_targets=keys(
        min_tps=NUMBER,
        max_response_time=NUMBER,
        min_tokens_per_second=NUMBER,
        max_response_time_ms=NUMBER,
        target_availability=SHARE,
    ),
    slots={"type": "integer", "minimum": 1, "maximum": 1000},
    api_key=TEXT | {"writeOnly": True},  # never shown, not even in an error
    tags=TEXTS,
    enabled=FLAG,
    maintenance=FLAG,
    status={"enum": ["active", "disabled", "inactive", "available", "maintenance"]},
    priority={"type": "integer", "minimum": 1, "maximum": 5},
    tasks=keys(current=TEXTS, completed=TEXTS),
    monitoring=keys(
        health_check_interval=NUMBER,
        performance_check_interval=NUMBER,
        metrics_retention_hours=NUMBER,
    ),
) | {"required": ["endpoint"]}
UNUSED = ("tasks", "monitoring")
# Name in the file -> column, for values that are taken as they are.
COLUMNS = {
    "name": "title",
    "endpoint": "endpoint",
    "protocol": "protocol",
    "model": "preferred_model",
    "models": "models_fixed",
    "specialization": "specialization",
    "slots": "slots",
    "api_key": "api_key",
    "tags": "tags",
    "enabled": "enabled",
    "maintenance": "maintenance",
    "priority": "priority",
}
HARDWARE = {"cpu_cores": "cpu_cores", "ram_gb": "ram_gb"}
TARGETS = {
    "min_tps": "min_tps",
    "max_response_time": "max_response_time",
    "max_response_time_ms": "max_response_time",
    "min_tokens_per_second": "min_tps",
    "target_availability": "target_availability",
}


@sections.add
class AgentsSection(Section):
    """Agents by their short names."""

    key = "agents"
    order = 2
    schema = {
        "type": "object",
        "propertyNames": NAME,
        "additionalProperties": AGENT,
    }

    def apply(self, data: dict[str, Any], load: Load) -> None:
        """Add, change and (with prune) remove agents; what is not named in an agent stays."""
        for name, row in data.items():
            try:
                self._one(name, row, load)
            except (BadInput, Conflict) as error:
                column, _, what = error.message.partition(": ")
                raise load.problem((name, *_place(column, row)), what or column) from error
        if load.prune:
            for agent in Agent.objects.exclude(name__in=data).filter(builtin=False):
                services.delete_agent(agent, by=load.by)
                load.report(REMOVED, f"agent {agent.name}")

    def _one(self, name: str, row: dict[str, Any], load: Load) -> None:
        fields = columns(row)
        agent = Agent.objects.filter(name=name).first()
        fields |= self._beside(name, row, agent, load)
        if agent is None:
            # The command line on the server may name this machine itself.
            agent = services.register_agent(
                by=load.by, team=_team(), name=name, **({"allow_local": True} | fields)
            )
            self._parts(agent, row, load.by)
            load.report(ADDED, f"agent {name}")
        else:
            changed = services.change_agent(agent, by=load.by, **fields)
            changed = [field for field in changed if field not in ("references", "kept")]
            changed += self._parts(agent, row, load.by)
            load.report(CHANGED if changed else LEFT, f"agent {name}", ", ".join(changed))
        for key in UNUSED:
            if key in row:
                load.report(KEPT, f"agents.{name}.{key}", "not yet used")

    def _beside(
        self, name: str, row: dict[str, Any], agent: Agent | None, load: Load
    ) -> dict[str, Any]:
        """Return the columns that remember the file itself: references, and unused keys."""
        before = agent.references if agent else {}
        references = {at: old for at, old in before.items() if at.partition("/")[0] not in row}
        for path, text in load.references.items():
            if path[0] == name and path[1] not in UNUSED:
                value = None if path[1] == "api_key" else _at(row, path[1:])
                references["/".join(map(str, path[1:]))] = {"text": text, "value": value}
        unused = {key: load.as_written((name, key), row[key]) for key in UNUSED if key in row}
        return {"references": references, "kept": (agent.kept if agent else {}) | unused}

    def _parts(self, agent: Agent, row: dict[str, Any], by: Actor) -> list[str]:
        changed = []
        wanted = row.get("capabilities")
        if wanted is not None and services.set_capabilities(agent, wanted, by=by):
            changed.append("capabilities")
        gpus = _gpus_of(row.get("hardware", {}))
        if gpus is not None and services.set_gpus(agent, gpus, by=by):
            changed.append("hardware")
        return changed

    def dump(self) -> dict[str, Any] | None:
        """Return every agent but the built-in one."""
        agents = Agent.objects.filter(builtin=False).order_by("pk")
        rows = agents.prefetch_related("gpus", "capabilities__capability")
        return {agent.name: dumped(agent) for agent in rows} or None


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return an agent's columns from its part of the file, whatever the dialect."""
    fields = {column: row[key] for key, column in COLUMNS.items() if key in row}
    hardware, targets = row.get("hardware", {}), row.get("performance_targets", {})
    fields |= {column: hardware[key] for key, column in HARDWARE.items() if key in hardware}
    for key, column in TARGETS.items():
        if key in targets:
            fields[column] = targets[key] / (1000 if key.endswith("_ms") else 1)
    notes = {key: hardware[key] for key in NOTES if key in hardware}
    if notes:
        fields["hardware_notes"] = notes
    status = row.get("status")
    if status is not None:
        fields.setdefault("enabled", status not in ("disabled", "inactive"))
        fields.setdefault("maintenance", status == "maintenance")
    return fields


def _place(column: str, row: dict[str, Any]) -> tuple[str, ...]:
    """Return where in an agent's part of the file a column's value stands."""
    places = [(key,) for key, name in COLUMNS.items() if name == column]
    for part, columns_of_part in (("hardware", HARDWARE), ("performance_targets", TARGETS)):
        places += [(part, key) for key, name in columns_of_part.items() if name == column]
    return next((place for place in places if _at(row, place) is not None), ())


def _team() -> Team:
    team = Team.first_made()
    if team is None:
        raise Conflict("there is no team yet; run 'manage.py migrate'")
    return team


def _gpus_of(hardware: dict[str, Any]) -> list[tuple[str, float | None]] | None:
    """Return the GPUs the file names, or None when it says nothing of them."""
    found = list(hardware.get("gpus", ()))
    if "gpu_type" in hardware or "vram_gb" in hardware:
        found.insert(0, {key: hardware[key] for key in GPU["properties"] if key in hardware})
    if not found and "gpus" not in hardware:
        return None
    return [(gpu.get("gpu_type") or "GPU", gpu.get("vram_gb")) for gpu in found]


def dumped(agent: Agent) -> dict[str, Any]:
    """Return one agent as whoosh.yaml has it; references instead of what they stood for."""
    row: dict[str, Any] = {}
    for key, column in COLUMNS.items():
        value = getattr(agent, column)
        if isinstance(value, Secret):
            continue
        usual = value == Agent._meta.get_field(column).get_default()
        if not usual or key == "endpoint" or key in agent.references:
            row[key] = copy(value)
    row["capabilities"] = _dumped_capabilities(agent)
    row["hardware"] = _dumped_hardware(agent)
    row["performance_targets"] = {
        "min_tps": agent.min_tps,
        "max_response_time": agent.max_response_time,
        "target_availability": agent.target_availability,
    }
    for part in ("hardware", "performance_targets"):
        row[part] = {key: _plain(value) for key, value in row[part].items() if value is not None}
    order = ["name", "endpoint", "protocol", "model", "models", "specialization", "capabilities"]
    row = {key: row[key] for key in [*order, *row] if row.get(key) not in (None, {}, [])}
    _refer(row, agent)
    return row | agent.kept


def _refer(row: dict[str, Any], agent: Agent) -> None:
    """Put references back where what they stood for still stands."""
    for at, reference in agent.references.items():
        *around, last = at.split("/")
        holder = _at(row, around)
        if at == "api_key":
            if agent.api_key:
                row[at] = reference["text"]
        elif reference["value"] is not None and _at(row, (*around, last)) == reference["value"]:
            holder[int(last) if isinstance(holder, list) else last] = reference["text"]


def _at(data: Any, path: Iterable[str | int]) -> Any:
    """Return the value at a path, or None where there is none."""
    for part in path:
        if isinstance(data, list) and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def _dumped_capabilities(agent: Agent) -> list[str] | dict[str, float]:
    rows = sorted(agent.capabilities.all(), key=lambda row: row.pk)
    if all(row.proficiency == AgentCapability.DEFAULT for row in rows):
        return [row.capability.name for row in rows]
    return {row.capability.name: row.proficiency for row in rows}


def _dumped_hardware(agent: Agent) -> dict[str, Any]:
    gpus = list(agent.gpus.all())
    found: dict[str, Any] = {}
    if len(gpus) == 1:
        found = {"gpu_type": gpus[0].name, "vram_gb": gpus[0].vram_gb}
    elif gpus:
        found["gpus"] = [
            {"gpu_type": gpu.name}
            | ({} if gpu.vram_gb is None else {"vram_gb": _plain(gpu.vram_gb)})
            for gpu in gpus
        ]
    return found | {"cpu_cores": agent.cpu_cores, "ram_gb": agent.ram_gb} | agent.hardware_notes


def _plain(value: Any) -> Any:
    """Write 24.0 as 24."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
