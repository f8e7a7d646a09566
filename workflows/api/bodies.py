"""Documents as the body of a request, kept as they were sent."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from rest_framework.parsers import JSONParser

from whoosh_site.core.errors import BadInput
from workflows.n8n.reading import decoded


class DocumentBody(JSONParser):
    """JSON whose text is the data: reading it would forget order and how numbers are written."""

    def parse(
        self,
        stream: HttpRequest | IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the text; raises BadInput."""
        try:
            # Django counts what it reads as `body`; read as a stream it would have no limit.
            raw = stream.body if isinstance(stream, HttpRequest) else stream.read()
        except RequestDataTooBig as error:
            raise BadInput("The body is too large.") from error
        return decoded(raw)
