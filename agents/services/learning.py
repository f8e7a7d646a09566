"""What is learned of a model on a host from the calls that went there."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.models import AgentModel
from agents.services import breaker
from agents.services.health import check_soon
from agents.services.placement import Placement
from whoosh_site.core.bulk import update_each
from whoosh_site.core.prepared import Prepared

SMOOTH = 0.3
LOADED_IN = 500.0
"""Milliseconds below which nothing was loaded: the host only looked for the model."""
KEPT = (
    "pk", "resident", "resident_context", "named_context",
    "tps", "prompt_tps", "load_ms", "call_ms",
)  # fmt: skip


_known = Prepared(
    lambda agent, model: AgentModel.objects.filter(agent=agent, model__name=model).values_list(
        *KEPT, "agent__health__call_failures", "agent__health__open_until"
    ),
    agent=int,
    model=str,
)


def learn(placement: Placement, calls: Sequence[Mapping[str, Any]]) -> None:
    """Keep what calls of one model on one host have shown, oldest first: it works, and how well."""
    agent = placement.agent
    for *values, failures, open_until in _known.rows(agent=agent.pk, model=placement.model):
        known = dict(zip(KEPT, values, strict=True))
        _keep(known, placement.context, calls)
        if failures or open_until:
            breaker.worked(agent)
    if any(map(_loaded, calls)):
        check_soon(agent)  # another model may have had to make room


def _keep(known: dict[str, Any], context: int | None, calls: Sequence[Mapping[str, Any]]) -> None:
    news = known | {"resident": True, "named_context": context or 0}
    if context or any(map(_loaded, calls)):
        news["resident_context"] = context  # of what was not named, the host will tell
    for figures in calls:
        for name, value in _rates(figures).items():
            if value:
                old = news[name]
                news[name] = value if old is None else old + SMOOTH * (value - old)
    if news != known:
        update_each(AgentModel, [({"pk": known.pop("pk")}, {n: news[n] for n in known})])


def _rates(figures: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what one call shows. How long calls take is told without loads, which are rare."""
    load = figures["load_ms"] or 0.0
    return {
        "tps": figures["tps"],
        "prompt_tps": figures["prompt_tps"],
        "load_ms": load if _loaded(figures) else None,
        "call_ms": max(figures["total_ms"] - load, 0.0),
    }


def _loaded(figures: Mapping[str, Any]) -> bool:
    """Whether a call's host loaded the model for it."""
    return bool((figures["load_ms"] or 0) > LOADED_IN)
