"""Every address of the product, read from the URL conf, so that no new one is forgotten."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils.regex_helper import normalize

from tests.security.world import World

SAFE = ("get", "head", "options")
MUTATING = ("post", "put", "patch", "delete")
METHODS = (*SAFE, *MUTATING)
JOIN = "/api/v1/agents/join/"  # a door for hosts with a token; who a person is counts nothing there
# For strangers and their programs.
DOORS = {f"/{door}{test}/{{path}}" for door in ("webhook", "form") for test in ("", "-test")} | {
    f"/{door}-waiting/{{token}}{more}" for door in ("webhook", "form") for more in ("", "/{suffix}")
}
PUBLIC = {"/login/", "/welcome/{token}/", "/healthz", "/readyz", *DOORS}

# What stands for an id in an address: an object of the team `ours`, and one that is not there.
# A new address with an id fails the sweep until its kind is added here.
OURS: dict[str, tuple[Callable[[World], object], object]] = {
    "agents/{pk}": (lambda w: w.agent.pk, 987654),
    "models/{pk}": (lambda w: w.model.pk, 987654),
    "jobs/{pk}": (lambda w: w.job.pk, 987654),
    "modeljob/{object_id}": (lambda w: w.job.pk, 987654),
    "capabilities/{pk}": (lambda w: w.capability.pk, 987654),
    "calls/{pk}": (lambda w: w.call.pk, 987654),
    "tasks/{pk}": (lambda w: w.task.pk, 987654),
    "workflows/{pk}": (lambda w: w.workflow.pk, 987654),
    "webhooks/{pk}": (lambda w: w.hook.pk, 987654),
    "versions/{number}": (lambda w: w.workflow.current.number, 987654),
    "schedules/{pk}": (lambda w: w.trigger.pk, 987654),
    "executions/{pk}": (lambda w: w.execution.pk, 987654),
    "approvals/{pk}": (lambda w: w.approval.pk, 987654),
    "approval/{object_id}": (lambda w: w.approval.pk, 987654),
    "execution/{object_id}": (lambda w: w.execution.pk, 987654),
    "credentials/{pk}": (lambda w: w.credential.pk, 987654),
    "data-tables/{pk}": (lambda w: w.data_table.pk, 987654),
    "credential/{object_id}": (lambda w: w.credential.pk, 987654),
    "variable/{object_id}": (lambda w: w.variable.pk, 987654),
    "workflow/{object_id}": (lambda w: w.workflow.pk, 987654),
    "workflowversion/{object_id}": (lambda w: w.workflow.current.pk, 987654),
    "projects/{pk}": (lambda w: w.project.pk, 987654),
    "files/{file}": (lambda w: w.attachment.pk, 987654),
    "results/{file}": (lambda w: w.artifact.pk, 987654),
    "task/{object_id}": (lambda w: w.task.pk, 987654),
    "project/{object_id}": (lambda w: w.project.pk, 987654),
    "discover/{pk}": (lambda w: w.discovery.pk, 987654),
    "discoveries/{pk}": (lambda w: w.discovery.pk, 987654),
    "join-tokens/{pk}": (lambda w: w.join_token.pk, 987654),
    "join-requests/{pk}": (lambda w: w.join_request.pk, 987654),
    "jointoken/{object_id}": (lambda w: w.join_token.pk, 987654),
    "joinrequest/{object_id}": (lambda w: w.join_request.pk, 987654),
    "keys/{pk}": (lambda w: w.key.pk, 987654),
    "teams/{pk}": (lambda w: w.people.ours.pk, 987654),
    "users/{pk}": (lambda w: w.people.owner.pk, 987654),
    "members/{username}": (lambda w: w.people.viewer.username, "nobody"),
    "audit/{number}": (lambda w: w.entry.number, 987654),
    "agent/{object_id}": (lambda w: w.agent.pk, 987654),
    "capability/{object_id}": (lambda w: w.capability.pk, 987654),
    "model/{object_id}": (lambda w: w.model.pk, 987654),
    "call/{object_id}": (lambda w: w.call.pk, 987654),
    "team/{object_id}": (lambda w: w.people.ours.pk, 987654),
    "user/{object_id}": (lambda w: w.people.owner.pk, 987654),
    "user/{id}": (lambda w: w.people.owner.pk, 987654),
    "apikey/{object_id}": (lambda w: w.key.pk, 987654),
    "auditentry/{object_id}": (lambda w: w.entry.pk, 987654),
    "process/{object_id}": (lambda w: w.process.pk, 987654),
    "lockout/{object_id}": (lambda w: w.lockout.pk, 987654),
    "setting/{object_id}": (lambda w: w.setting.pk, 987654),
}
# Parts of addresses that name no team's object.
NOBODYS: dict[str, tuple[object, ...]] = {
    "{pk}/{action}": ("check", "drain", "resume", "disable", "enable"),
    "{pk}/{change}": ("cancel", "hold", "release", "run-again"),
    "{pk}/{deed}": (
        "activate",
        "deactivate",
        "archive",
        "bring-back",
        "listen",
        "stop-listening",
    ),
    "{pk}/{step}": ("cancel", "retry", "retry-newest", "again", "delete"),
    "{number}/{act}": ("restore", "activate", "name"),
    "{pk}/{verb}": ("pull", "load", "unload", "delete", "pin", "unpin", "keep"),
    "credential-types/{key}": ("httpHeaderAuth",),
    "settings/{key}": ("session_timeout",),
    "panels/{key}": ("problems", "agents", "calls", "figures", "tasks", "executions"),
    "welcome/{token}": ("no-such-token",),
    "webhook/{path}": ("no/such/hook",),
    "webhook-test/{path}": ("no/such/hook",),
    "webhook-waiting/{token}": ("1-" + "0" * 32,),
    "form/{path}": ("no/such/form",),
    "form-test/{path}": ("no/such/form",),
    "form-waiting/{token}": ("1-" + "0" * 32,),
    "{token}/{suffix}": ("approved",),
    "admin/{app_label}": ("agents", "core", "projects", "workflows"),
    "admin/{url}": ("no/such/page",),
}


@dataclass(frozen=True)
class Route:
    """One pattern of the URL conf, ids in braces."""

    path: str
    view: Callable[..., HttpResponse]

    @property
    def kinds(self) -> list[str]:
        """Return every id with the word before it, such as "agents/{pk}"."""
        parts = self.path.strip("/").split("/")
        pairs = itertools.pairwise(["", *parts])
        return [f"{before}/{part}" for before, part in pairs if part.startswith("{")]

    @property
    def of_a_team(self) -> bool:
        """Whether the address names an object of some team."""
        return any(kind in OURS for kind in self.kinds)

    @property
    def fragments(self) -> tuple[str, ...]:
        """Return the live fragments of the page."""
        return getattr(self.view, "fragments", ())

    def urls(self, world: World, *, missing: bool = False) -> list[str]:
        """Return the addresses of our objects, or of objects that do not exist."""
        choices = []
        for kind in self.kinds:
            if kind in OURS:
                there, not_there = OURS[kind]
                choices.append((not_there if missing else there(world),))
            else:
                choices.append(NOBODYS[kind])
        empty = re.sub(r"\{\w+\}", "{}", self.path)
        return [empty.format(*values) for values in itertools.product(*choices)]


@functools.cache
def routes() -> tuple[Route, ...]:
    """Return all of them."""
    return tuple(_walk(get_resolver().url_patterns, "/"))


def pages() -> list[Route]:
    """Return what people open in a browser, the administration included."""
    return [route for route in routes() if route not in resources()]


def resources() -> list[Route]:
    """Return what programs call; the browser of the API is a page."""
    found = [route for route in routes() if route.path.startswith("/api/")]
    return [route for route in found if route.path != "/api/v1/docs/"]


def administration() -> list[Route]:
    """Return the pages of Django's admin."""
    return [route for route in routes() if route.path.startswith("/admin/")]


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Route]:
    for found in patterns:
        path = before + _written(found.pattern)
        if isinstance(found, URLResolver):
            yield from _walk(found.url_patterns, path)
        else:
            yield Route(path, found.callback)


def _written(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern))
    text, _ = normalize(pattern.regex.pattern)[0]
    return re.sub(r"%\((\w+)\)s", r"{\1}", text)


def send(client: Client, method: str, url: str, body: Any = None) -> HttpResponse:
    """Send JSON to the API and forms to pages."""
    call = getattr(client, method)
    if method in SAFE:
        return call(url)
    if url.startswith("/api/"):
        return call(url, {} if body is None else body, content_type="application/json")
    return call(url, body or {})
