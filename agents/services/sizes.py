"""Prompts against what models can hold: what fits nowhere is refused before it waits."""

from agents import routing
from agents.errors import PromptTooLong
from agents.models import Agent, AgentModel, Call
from agents.services.needs import need_of
from whoosh_site.core.prepared import Prepared

TOLD = 5
"""How many models a refusal names."""

_least = Prepared(
    lambda: (
        AgentModel.objects.filter(context_length__isnull=False)
        .order_by("context_length")
        .values_list("context_length")[:1]
    )
)


def vet_size(call: Call) -> None:
    """See that some model the call may go to holds its prompt. Of whom it is not known, it may.

    Raises:
        PromptTooLong: none does.
    """
    need = need_of(call)
    if all(need.context <= least for (least,) in _least.rows()):
        return
    agents = Agent.objects.of_team(call.team_id)
    if need.agent:
        agents = agents.filter(name=need.agent)
    if need.capability:
        agents = agents.filter(capabilities__capability__name=need.capability)
    held = AgentModel.objects.filter(agent__in=agents.values("pk"))
    if agents.filter(health__models_at=None).exists():
        return  # nobody has seen what it holds
    rows = held.select_related("agent", "model").order_by("-context_length", "agent__name")
    fitting = [row for row in rows if routing.suits(need, row.model.name, row.capabilities)]
    too_small = [row for row in fitting if (row.context_length or need.context) < need.context]
    if fitting and len(too_small) == len(fitting):
        raise _too_long(call, need, fitting)


def _too_long(call: Call, need: routing.Need, fitting: list[AgentModel]) -> PromptTooLong:
    """Return the error: by the length its caller named, or by the prompt itself."""
    each = [f"{row.model} on {row.agent.name} holds {row.context_length:,}" for row in fitting]
    holds = ", ".join(each[:TOLD]) + (
        f" and {len(each) - TOLD} more hold less" if each[TOLD:] else ""
    )
    if need.named_context == need.context:
        asked = f"options.context_length: {need.context:,} tokens of context are asked for"
        message = f"{asked}; {holds}. Name fewer, or a model with more context."
    else:
        said = f"prompt: it has about {call.prompt_size:,} tokens"
        message = f"{said}; {holds}. Shorten it, or name a model with more context."
    details = {
        "prompt_tokens": call.prompt_size,
        "context_lengths": {
            f"{row.model} on {row.agent.name}": row.context_length for row in fitting
        },
    }
    return PromptTooLong(message, details)
