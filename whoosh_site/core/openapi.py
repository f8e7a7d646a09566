"""What the schema says beyond the serializers: how callers authenticate, errors, headers."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body get the first answer again, for 24 hours.",
)
ERROR = {
    "type": "object",
    "description": "What went wrong, and what to do about it.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object", "additionalProperties": {}},
            },
        }
    },
}
REASONS = {
    "400": "The request cannot be used as it stands",
    "401": "No key, or one that is unknown, expired or revoked",
    "403": "A role or scope is too weak",
    "404": "It does not exist, or not for this caller",
    "409": "It exists already, or the Idempotency-Key was used for another request",
    "429": "Slow down; Retry-After says for how long",
    "503": "The database is away; Retry-After says when to try again",
}


def tell_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the one form of all errors to every operation: a hook of drf-spectacular."""
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            codes = {"400", "401", "403", "429", "503"}
            codes |= {"404"} if "{" in path else set()
            codes |= {"409"} if method in ("post", "put", "patch", "delete") else set()
            for code in sorted(codes):
                answer = {"description": REASONS[code], "content": content}
                operation["responses"].setdefault(code, answer)
    return result


class KeyScheme(OpenApiAuthenticationExtension):
    """An API key as Bearer token."""

    target_class = "whoosh_site.core.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API key"}
