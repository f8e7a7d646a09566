"""Daphne with a bound on request bodies; `up` starts it as `python -m whoosh_site.core.webserver`.

Daphne takes in a whole body before Django, and any limit of Django's, sees the request: a stranger
could fill the memory. Here the connection ends once more has come than Django would accept.
"""

from daphne import http_protocol
from daphne.cli import CommandLineInterface
from django.conf import settings

from whoosh_site.core.supervisor import follow_parent

REFUSAL = b"".join(
    [
        b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n",
        b"Content-Type: application/json\r\n\r\n",
        b'{"error": {"code": "too_large", "message": "The request is too large.", "details": {}}}',
    ]
)


class BoundedRequest(http_protocol.WebRequest):
    """A request that is refused while its body comes in, when that is too large."""

    received = 0

    def gotLength(self, length: int | None) -> None:
        """Take the announced length, None for a chunked body."""
        super().gotLength(length)
        self._bound(length or 0)

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.received += len(data)
        if not self._bound(self.received):
            super().handleContentChunk(data)

    def _bound(self, size: int) -> bool:
        """Refuse what is larger than Django would take; returns whether it was."""
        too_large = size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1024
        if too_large:
            self.channel.transport.write(REFUSAL)
            self.channel.loseConnection()
        return too_large


if __name__ == "__main__":
    follow_parent()
    http_protocol.WebRequest = BoundedRequest  # its factory has no other door
    CommandLineInterface.entrypoint()
