"""Leaves of the error tree for hosts and models, split by what the caller can do."""

from collections.abc import Mapping

from agents.plain import words
from whoosh_site.core.errors import BadInput, NotFound, Outside


class AgentError(Outside):
    """A host could not do what was asked."""

    code = "agent_error"

    def __init__(self, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(words(message), details)  # a host's own words are among them


class AgentOffline(AgentError):
    """No connection to the host; another one may do it."""

    code = "agent_offline"


class AgentSlow(AgentError):
    """The host did not answer in time."""

    code = "agent_slow"
    status = 504


class AgentUnauthorised(AgentError):
    """The host wants another key; an operator must act."""

    code = "agent_unauthorised"
    retryable = False


class AgentBusy(AgentError):
    """The host says it has too much to do."""

    code = "agent_busy"
    status = 503


class AgentFailed(AgentError):
    """The host failed inside, or its answer broke off."""

    code = "agent_failed"


class AgentTalksNonsense(AgentError):
    """Something answers there, but no model host."""

    code = "agent_nonsense"
    retryable = False


class AgentMoved(AgentTalksNonsense):
    """The endpoint sends elsewhere; says where."""

    code = "agent_moved"


class RequestRefused(AgentError):
    """The host understands the request and will not do it."""

    code = "request_refused"
    status = 400
    retryable = False


class EndpointRefused(RequestRefused):
    """The address policy does not let us go there; an administrator may allow it."""

    code = "endpoint_refused"
    status = 403


class ModelMissing(AgentError):
    """The host does not have this model."""

    code = "model_missing"
    status = 404


class NoAgent(AgentError):
    """No agent fits now; says what it waits for."""

    code = "no_agent"
    status = 503


class UnknownName(NotFound):
    """No agent, model or capability of this name; says which exist."""

    code = "unknown_name"


class UnusableEndpoint(BadInput):
    """The endpoint's address cannot be used; says why."""

    code = "unusable_endpoint"


class PromptTooLong(BadInput):
    """No model the call may go to holds its prompt; says how much each holds."""

    code = "prompt_too_long"
