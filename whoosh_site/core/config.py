"""whoosh.yaml: sections on a shelf, one strict loader, one dumper.

1. Read strictly (`yamlfile`), find the root: `whoosh:`, the older `hive:`, or bare sections.
2. Resolve `${NAME}`, `{env}` and `{file}` in the sections that are used, keeping the reference.
3. Check every section against its schema; any problem stops here, before anything is changed.
4. Apply section by section in one transaction; every change is audited and reported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db import transaction

from whoosh_site.core import audit, tunables, yamlfile
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models.system import ConfigSection
from whoosh_site.core.references import resolved
from whoosh_site.core.shapes import NUMBER, TEXT, TEXTS, WHOLE, check, keys, named, typed, unknown
from whoosh_site.core.shelf import Shelf

ROOTS = ("whoosh", "hive")
ADDED, CHANGED, LEFT, REMOVED, KEPT = "added", "changed", "left", "removed", "kept"


@dataclass(frozen=True)
class Change:
    """What happened to one thing."""

    kind: str
    what: str
    details: str = ""


@dataclass
class Load:
    """One run of `load_config`: who loads, what was found, what was done."""

    by: Actor
    document: yamlfile.Document
    prune: bool = False
    changes: list[Change] = field(default_factory=list)
    path: yamlfile.Path = ()
    """Where the section being applied stands in the file."""
    references: dict[yamlfile.Path, Any] = field(default_factory=dict)
    """Original text of every value that was a reference, by its path inside the section."""

    def report(self, kind: str, what: str, details: str = "") -> None:
        """Note what happened to one thing."""
        self.changes.append(Change(kind, what, details))

    def problem(self, inside: yamlfile.Path, what: str) -> BadInput:
        """Return the error for a value of this section."""
        return self.document.problem((*self.path, *inside), what)

    def as_written(self, inside: yamlfile.Path, value: Any) -> Any:
        """Return a value of this section with references as they stand in the file."""
        if inside in self.references:
            return self.references[inside]
        if isinstance(value, dict):
            return {key: self.as_written((*inside, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.as_written((*inside, index), item) for index, item in enumerate(value)]
        return value

    def count(self, kind: str) -> int:
        """Return how many things this happened to."""
        return sum(1 for change in self.changes if change.kind == kind)


class Section:
    """One top-level key of whoosh.yaml. Put a subclass on the shelf `sections`."""

    key: ClassVar[str]
    order: ClassVar[int] = 100
    schema: ClassVar[Mapping[str, Any]]
    resolves: ClassVar[bool] = True
    """Whether references are resolved; a section nobody uses yet keeps them as they are."""

    def apply(self, data: Any, load: Load) -> None:  # checked by `schema` before
        """Bring the rows in line with the data; report every thing once."""
        raise NotImplementedError

    def dump(self) -> Any:
        """Return the section's data, or None to leave it out."""
        raise NotImplementedError


sections: Shelf[Section] = Shelf("whoosh.yaml section")


class SettingsSection(Section):
    """Keys that are tunables, beside keys whose room is not built yet and which are kept."""

    used: ClassVar[Mapping[str, str]] = {}
    """Name in the file -> key of the tunable."""

    def apply(self, data: dict[str, Any], load: Load) -> None:
        """Set the tunables; keep the rest word for word."""
        for name, key in self.used.items():
            if name in data:
                self._set(name, key, data[name], load)
        self._keep(data, load)
        for name in data:
            if name not in self.used:
                load.report(KEPT, f"{self.key}.{name}", "not yet used")

    def _set(self, name: str, key: str, value: Any, load: Load) -> None:
        old = tunables.value(key)
        try:
            changed = tunables.change(key, value, by=load.by)
        except BadInput as error:
            raise load.problem((name,), error.message.removeprefix(f"{key}: ")) from error
        kind, details = (CHANGED, f"{old} -> {value}") if changed else (LEFT, "")
        load.report(kind, f"{self.key}.{name}", details)

    def _keep(self, data: dict[str, Any], load: Load) -> None:
        """Remember what no room uses yet, and the references behind what is used."""
        row = ConfigSection.objects.filter(path=self.key).first()
        kept = json.loads(row.text) if row else {}
        for name, value in data.items():
            if name not in self.used:
                kept[name] = load.as_written((name,), value)
            elif (name,) in load.references:
                kept[name] = {"text": load.references[(name,)], "value": value}
            else:
                kept.pop(name, None)
        text = json.dumps(kept, ensure_ascii=False)
        if row is None and kept:
            row = ConfigSection.objects.create(path=self.key, text=text)
            audit.record(load.by, "added", row)
        elif row is not None and row.text != text:
            ConfigSection.objects.filter(pk=row.pk).update(text=text)
            audit.record(load.by, "changed", row)

    def dump(self) -> dict[str, Any] | None:
        """Return tunables and kept keys in the schema's order."""
        row = ConfigSection.objects.filter(path=self.key).first()
        found = json.loads(row.text) if row else {}
        for name, key in self.used.items():
            value, reference = tunables.value(key), found.get(name)
            behind = reference is not None and reference["value"] == value
            found[name] = reference["text"] if behind else value
        order = list(self.schema["properties"])
        return {name: found[name] for name in sorted(found, key=order.index)} or None


def load(text: str, *, by: Actor, prune: bool = False, resolve: bool = False) -> Load:
    """Apply a whoosh.yaml; everything or nothing.

    Args:
        text: the file's content.
        by: who loads it.
        prune: remove what the file does not name, in sections it has.
        resolve: whether references may be resolved: only for the command line on the server.

    Raises:
        BadInput: with key path and line; nothing was changed.
    """
    document = yamlfile.read(text)
    root, data = _root(document)
    loading = Load(by, document, prune)
    plan: list[tuple[Section, Any, dict[yamlfile.Path, Any]]] = []
    for key, value in data.items():
        path = (*root, key)
        if key not in sections:
            raise document.problem(path, unknown(key, sections.keys()))
        section, found = sections[key](), {}
        if section.resolves:
            value = resolved(value, path, document, found, resolve=resolve)
            typed(value, found, section.schema, path)
        check(value, section.schema, document, path, resolved=section.resolves)
        plan.append((section, value, found))
    try:
        with transaction.atomic():
            for section, value, found in sorted(plan, key=lambda item: item[0].order):
                loading.path = (*root, section.key)
                loading.references = {p[len(loading.path) :]: text for p, text in found.items()}
                section.apply(value, loading)
    finally:
        tunables.forget()  # what was read inside a transaction may have been rolled back
    return loading


def dump() -> str:
    """Return the configuration as whoosh.yaml; loading it changes nothing."""
    ordered = sorted((section() for section in sections), key=lambda s: (s.order, s.key))
    found = {section.key: section.dump() for section in ordered}
    return yamlfile.write({"whoosh": {key: data for key, data in found.items() if data}})


# -- reading ---------------------------------------------------------------------------------


def _root(document: yamlfile.Document) -> tuple[yamlfile.Path, dict[str, Any]]:
    data = document.data
    if not isinstance(data, dict):
        raise document.problem((), "expected keys such as 'whoosh:'")
    for root in ROOTS:
        if root in data:
            extra = next((key for key in data if key != root), None)
            if extra is not None:
                raise document.problem((extra,), f"unknown key beside '{root}:'")
            if not isinstance(data[root], dict):
                raise document.problem((root,), "expected sections such as 'agents:'")
            return (root,), data[root]
    if not any(key in sections for key in data):
        raise document.problem(
            (), f"no section found; expected 'whoosh:' with {', '.join(sections.keys())}"
        )
    return (), data


# -- sections of this room, and those whose room is not built yet ------------------------------


@sections.add
class ClusterSection(SettingsSection):
    """Name and place of the installation."""

    key = "cluster"
    order = 1
    schema = keys(name=TEXT, region=TEXT)
    used = {"name": "cluster_name", "region": "cluster_region"}


@sections.add
class WorkflowsSection(SettingsSection):
    """Workflow templates; kept."""

    key = "workflows"
    order = 3
    resolves = False
    schema = keys(templates=named(keys(agents=TEXTS, stages=TEXTS)))


@sections.add
class MonitoringSection(SettingsSection):
    """How often hosts are asked; thresholds and retention are kept."""

    key = "monitoring"
    order = 4
    schema = keys(
        metrics_retention_days=NUMBER,
        alert_thresholds=keys(
            cpu_usage=NUMBER,
            memory_usage=NUMBER,
            gpu_usage=NUMBER,
            response_time=NUMBER,
            min_tokens_per_second=NUMBER,
            max_response_time_ms=NUMBER,
            min_availability=NUMBER,
        ),
        health_check_interval=WHOLE,
        refresh_interval_seconds=NUMBER,
        performance_window_minutes=NUMBER,
        max_history_samples=NUMBER,
    )
    used = {"health_check_interval": "health_check_interval"}


@sections.add
class McpSection(SettingsSection):
    """MCP servers; kept."""

    key = "mcp_servers"
    order = 5
    resolves = False
    schema = keys(registry=named(TEXT))


@sections.add
class SecuritySection(SettingsSection):
    """Sign-out and rate limit; whether work needs approval is kept."""

    key = "security"
    order = 6
    schema = keys(require_approval={"type": "boolean"}, api_rate_limit=WHOLE, session_timeout=WHOLE)
    used = {"api_rate_limit": "api_rate_limit", "session_timeout": "session_timeout"}


@sections.add
class NetworkSection(SettingsSection):
    """Of the older agents.yaml; kept."""

    key = "network"
    order = 7
    resolves = False
    schema = keys(timeout_seconds=NUMBER, retry_attempts=NUMBER, retry_delay_seconds=NUMBER)


@sections.add
class LoggingSection(SettingsSection):
    """Of the older agents.yaml; kept."""

    key = "logging"
    order = 8
    resolves = False
    schema = keys(level=TEXT, file=TEXT, max_size_mb=NUMBER, backup_count=NUMBER)
