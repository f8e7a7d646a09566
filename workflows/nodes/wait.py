"""Wait: holds the run for a time, until a moment, or until somebody answers."""

from datetime import UTC, datetime, timedelta

from workflows.engine.conversion import moment_of, number, text
from workflows.engine.errors import NodeError, Parked
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.nodes import shelf
from workflows.nodes.flow.wait_fields import FIELDS

SHORT = 65
"""Seconds up to which the run sleeps where it is, instead of being put away (n8n)."""
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@shelf.add
class Wait(Node):
    """Wait before the workflow goes on, with the same items."""

    key = "n8n-nodes-base.wait"
    label = "Wait"
    group = "Flow"
    icon = "clock"
    versions = (1, 1.1)
    only_first = True
    reaches_out = True
    fields = FIELDS

    async def run(self, context: Context) -> Outputs:
        """Sleep for less than 65 seconds; longer waits and answers park the run."""
        resume = context.value("resume")
        if resume in ("webhook", "form"):
            raise Parked(until=_limit(context), resume=resume, outputs=[context.items])
        if resume == "timeInterval":
            seconds = _interval(context, "amount", "unit")
        else:
            seconds = (_moment(context, "dateTime") - _now()).total_seconds()
        if seconds >= SHORT:
            raise Parked(until=_after(seconds), outputs=[context.items])
        await context.outside.sleep(max(seconds, 0.0))
        return [context.items]


def _now() -> datetime:
    return datetime.now(UTC)


def _after(seconds: float) -> str:
    try:
        return (_now() + timedelta(seconds=seconds)).isoformat()
    except OverflowError as error:
        raise NodeError("The wait is longer than the calendar: choose a smaller amount.") from error


def _interval(context: Context, amount: str, unit: str) -> float:
    found, called = number(context.value(amount)), context.value(unit)
    if called not in SECONDS:
        raise NodeError(
            "Invalid wait unit. Valid units are 'seconds', 'minutes', 'hours', or 'days'.",
            description=f"It is {text(called)!r}.",
        )
    if found != found or found < 0:
        raise NodeError(
            "Invalid wait amount. Please enter a number that is 0 or greater.",
            description=f"It is {text(context.value(amount))!r}.",
        )
    return found * SECONDS[called]


def _moment(context: Context, name: str) -> datetime:
    found = moment_of(context.value(name), context.scope.timezone)
    if found is None:
        raise NodeError(
            f"{text(context.value(name) or 'The empty text')} is no date to wait for.",
            description="Give an ISO 8601 text such as 2030-05-31T10:00:00Z.",
        )
    return found


def _limit(context: Context) -> str:
    """Return until when an answer is waited for; nothing for ever."""
    if context.value("limitWaitTime", default=False) is not True:
        return ""
    if context.value("limitType") == "atSpecifiedTime":
        return _moment(context, "maxDateAndTime").astimezone(UTC).isoformat()
    return _after(_interval(context, "resumeAmount", "resumeUnit"))
