"""How long a node waits, as its parameters say."""

from datetime import UTC, datetime, timedelta

from workflows.engine.conversion import moment_of, number, text
from workflows.engine.errors import NodeError
from workflows.engine.node import Context

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


def after(seconds: float) -> str:
    """Return the moment so many seconds from now, as ISO text."""
    try:
        return (now() + timedelta(seconds=seconds)).isoformat()
    except OverflowError as error:
        raise NodeError("The wait is longer than the calendar: choose a smaller amount.") from error


def interval(context: Context, amount: str, unit: str) -> float:
    """Return the seconds that two parameters name."""
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


def moment(context: Context, name: str) -> datetime:
    """Return the moment a parameter names."""
    found = moment_of(context.value(name), context.scope.timezone)
    if found is None:
        raise NodeError(
            f"{text(context.value(name) or 'The empty text')} is no date to wait for.",
            description="Give an ISO 8601 text such as 2030-05-31T10:00:00Z.",
        )
    return found


def limit(context: Context) -> str:
    """Return until when an answer is waited for; nothing for ever."""
    if context.value("limitWaitTime", default=False) is not True:
        return ""
    if context.value("limitType") == "atSpecifiedTime":
        return moment(context, "maxDateAndTime").astimezone(UTC).isoformat()
    return after(interval(context, "resumeAmount", "resumeUnit"))
