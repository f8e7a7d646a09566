"""What callers are told whom the door turns away."""

from collections.abc import Mapping


class Refusal(Exception):
    """A call that starts nothing: its status, and words for who made it."""

    def __init__(
        self, status: int, message: str, *, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})

    def told(self) -> dict[str, object]:
        """Return it as n8n's door answers: code, message, hint."""
        found: dict[str, object] = {"code": self.status, "message": self.message}
        return found | ({"hint": self.hint} if self.hint else {})
