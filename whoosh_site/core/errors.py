"""The one error tree. Rooms add leaves in their own errors.py; pages and API map them once.

WhooshError
 |- BadInput        the caller can mend it: names the field, line or node
 |- Forbidden       a role or scope is too weak
 |- NotFound        it does not exist, or not for this person
 |- Conflict        it exists already, or changed meanwhile
 |- TooMany         slow down; `retry_after` says how long
 '- Outside         something beyond this process failed
     |- Refused     the address policy said no
     |- Unreachable no connection
     |- Broken      the answer began and broke off
     |- TimedOut    too slow; `phase` says where
     '- TooLarge    more bytes than allowed
"""

from collections.abc import Mapping


class WhooshError(Exception):
    """Something the user or another room can react to. The message says what to do next."""

    code = "error"
    status = 500
    retryable = False

    def __init__(self, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, object] = dict(details or {})


class BadInput(WhooshError):
    """The request cannot be used as it stands; nothing was changed."""

    code = "bad_input"
    status = 400


class Forbidden(WhooshError):
    """The caller's role or scope is too weak for this."""

    code = "forbidden"
    status = 403


class NotFound(WhooshError):
    """It does not exist, or not for this caller."""

    code = "not_found"
    status = 404


class Conflict(WhooshError):
    """It exists already, or has changed in the meantime."""

    code = "conflict"
    status = 409


class TooMany(WhooshError):
    """Too many tries; wait `retry_after` seconds."""

    code = "too_many"
    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, {"retry_after": round(retry_after)})
        self.retry_after = retry_after


class Outside(WhooshError):
    """Something beyond this process failed."""

    code = "outside"
    status = 502
    retryable = True


class Refused(Outside):
    """The address policy does not allow this connection."""

    code = "address_refused"
    status = 403
    retryable = False


class Unreachable(Outside):
    """No connection."""

    code = "unreachable"


class Broken(Outside):
    """The answer began and broke off."""

    code = "broken"


class TimedOut(Outside):
    """The other side was too slow; `phase` is connect, first byte, between chunks or total."""

    code = "timed_out"
    status = 504

    def __init__(self, phase: str, seconds: float, where: str) -> None:
        super().__init__(f"{where}: no {_WAITED_FOR[phase]} within {seconds:g} s")
        self.phase = phase


class TooLarge(Outside):
    """More bytes than the limit allows."""

    code = "too_large"
    retryable = False


_WAITED_FOR = {
    "connect": "connection",
    "first byte": "first byte of an answer",
    "between chunks": "further data",
    "total": "complete answer",
}
