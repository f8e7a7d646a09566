"""What administrators allow workflows: addresses, environment variables, Python."""

import os
from collections.abc import Iterator, Mapping

from django.conf import settings

from whoosh_site.core import tunables
from whoosh_site.core.addresses import Allowed, Policy, allowed, public_only
from workflows.engine.bounds import Bounds
from workflows.models import Variable

SECRETS = ("SECRET", "PASSWORD", "PASSWD", "TOKEN", "KEY", "DATABASE", "REDIS", "CREDENTIAL")
"""No variable whose name holds one of these is ever shown to an expression."""

tunables.declare(
    tunables.Tunable(
        "workflow_http_allow",
        "",
        "Addresses workflows may reach",
        "Hosts, host:port or networks, with commas between them, that workflows may reach although "
        "they are not public; beside those of WHOOSH_HTTP_ALLOW.",
    ),
    tunables.Tunable(
        "workflow_env",
        "",
        "Environment variables of expressions",
        "Names, with commas between them, that expressions may read as $env.NAME. Names that sound "
        "like a secret or a database are never given.",
    ),
    tunables.Tunable(
        "workflow_python_teams",
        "",
        "Teams whose Code nodes may run Python",
        "Names of teams, with commas between them; empty: none. Code runs in a safe subset of "
        "Python, in a process of its own.",
    ),
    tunables.Tunable(
        "workflow_command_teams",
        "",
        "Teams whose workflows may run commands",
        "Names of teams, with commas between them; empty: none. Commands run as the user WHOOSH "
        "runs as, and can read what it can, its secret files included.",
    ),
    tunables.Tunable(
        "workflow_items",
        Bounds.items,
        "Items of a node",
        "Items one run of a node may give, over all its outputs; more of them end the run.",
        1000,
        100_000_000,
    ),
    tunables.Tunable(
        "workflow_pages",
        Bounds.pages,
        "Pages of an HTTP Request",
        "Pages one run of an HTTP Request node with pagination may ask for, over all its items.",
        1,
        10_000_000,
    ),
    tunables.Tunable(
        "workflow_page_megabytes",
        Bounds.page_bytes >> 20,
        "Size of the pages of an HTTP Request",
        "What the answers to all pages of one run of an HTTP Request node may hold together.",
        1,
        1_000_000,
        "MB",
    ),
)


def policy() -> Policy:
    """Return where workflows may reach: public addresses, and what is listed."""
    return public_only([*settings.HTTP_ALLOW, *_listed()])


def bounds() -> Bounds:
    """Return how much one run of a node may make."""
    return Bounds(
        items=tunables.value("workflow_items"),
        pages=tunables.value("workflow_pages"),
        page_bytes=tunables.value("workflow_page_megabytes") << 20,
    )


def _listed() -> Iterator[Allowed]:
    for entry in _names("workflow_http_allow"):
        try:
            yield allowed(entry)
        except ValueError:  # typed wrong: it allows nothing
            continue


def environment() -> Mapping[str, str]:
    """Return the environment variables expressions may read."""
    return {
        name: os.environ[name]
        for name in _names("workflow_env")
        if name in os.environ and not any(word in name.upper() for word in SECRETS)
    }


def python_for(team: str) -> bool:
    """Say whether the Code nodes of a team (by name) may run Python."""
    return team in _names("workflow_python_teams")


def commands_for(team: str) -> bool:
    """Say whether the workflows of a team (by name) may run commands of the system."""
    return team in _names("workflow_command_teams")


def variables_of(team_id: int) -> Mapping[str, str]:
    """Return what a team's expressions read as `$vars`."""
    return dict(Variable.objects.filter(team_id=team_id).values_list("name", "value"))


def _names(key: str) -> list[str]:
    return [part.strip() for part in tunables.value(key).split(",") if part.strip()]
