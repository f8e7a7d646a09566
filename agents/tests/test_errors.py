"""The room's errors: what each means to a caller, and that no host's words get lost."""

import pytest

from agents import errors
from agents.protocols.base import refusal, said
from whoosh_site.core.errors import BadInput, NotFound, Outside, WhooshError

LEAVES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and found.__module__ == errors.__name__
]
URL = "http://10.0.0.1:11434"


@pytest.mark.parametrize(
    ("leaf", "code", "status", "retryable"),
    [
        (errors.AgentError, "agent_error", 502, True),
        (errors.AgentOffline, "agent_offline", 502, True),
        (errors.AgentSlow, "agent_slow", 504, True),
        (errors.AgentUnauthorised, "agent_unauthorised", 502, False),
        (errors.AgentBusy, "agent_busy", 503, True),
        (errors.AgentFailed, "agent_failed", 502, True),
        (errors.AgentTalksNonsense, "agent_nonsense", 502, False),
        (errors.RequestRefused, "request_refused", 400, False),
        (errors.EndpointRefused, "endpoint_refused", 403, False),
        (errors.ModelMissing, "model_missing", 404, True),
        (errors.NoAgent, "no_agent", 503, True),
        (errors.UnknownName, "unknown_name", 404, False),
        (errors.UnusableEndpoint, "unusable_endpoint", 400, False),
        (errors.PromptTooLong, "prompt_too_long", 400, False),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_caller_can_tell_what_to_do(leaf, code, status, retryable):
    error = leaf("Why.")
    assert (error.code, error.status, error.retryable) == (code, status, retryable)
    assert (str(error), error.message, error.details) == ("Why.", "Why.", {})


def test_every_error_has_a_code_of_its_own():
    codes = [leaf.code for leaf in LEAVES]
    assert len(codes) == len(set(codes)) == 15
    assert all(issubclass(leaf, WhooshError) for leaf in LEAVES)


def test_what_the_caller_can_mend_is_no_failure_of_a_host():
    assert issubclass(errors.UnknownName, NotFound)
    assert issubclass(errors.UnusableEndpoint, BadInput)
    assert not {leaf for leaf in LEAVES if issubclass(leaf, Outside)} & {
        errors.UnknownName,
        errors.UnusableEndpoint,
    }


@pytest.mark.parametrize(
    ("status", "text", "leaf", "message"),
    [
        (302, "", errors.AgentMoved, f"{URL} redirects to elsewhere."),
        (400, "no such option", errors.RequestRefused, f"{URL} refuses: no such option"),
        (401, "", errors.AgentUnauthorised, f"{URL} wants another key: HTTP 401"),
        (404, "model 'x' not found", errors.ModelMissing, f"{URL}: model 'x' not found"),
        (404, "", errors.AgentTalksNonsense, f"{URL} does not know this request: HTTP 404"),
        (405, "", errors.AgentTalksNonsense, f"{URL} does not know this request: HTTP 405"),
        (422, "bad", errors.RequestRefused, f"{URL} refuses: bad"),
        (429, "slow down", errors.AgentBusy, f"{URL} is busy: slow down"),
        (500, "out of memory", errors.AgentFailed, f"{URL} failed: out of memory"),
        (501, "no", errors.RequestRefused, f"{URL} refuses: no"),
        (503, "", errors.AgentBusy, f"{URL} is busy: HTTP 503"),
    ],
)
def test_a_status_becomes_an_error_in_plain_words(status, text, leaf, message):
    error = refusal(status, text, "", URL, "elsewhere")
    assert type(error) is leaf
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": "out of memory"}', "out of memory"),
        ('{"error": {"message": "no such model", "code": 404}}', "no such model"),
        ('{"error": {"detail": "later"}}', "later"),
        ('{"message": "plain"}', "plain"),
        ('{"error": 7}', ""),
        ('{"error": null}', ""),
        ('["a"]', ""),
        ("<html><title>Router\n login</title>secret</html>", "Router login"),
        ("<html>secret</html>", ""),
        ("[" * 100_000, ""),
        ('{"error": "' + "x" * 900 + '"}', "x" * 500),
    ],
    ids=lambda value: value[:20],
)
def test_only_the_message_of_an_answer_is_repeated(body, message):
    assert said(body) == message
