"""What a node's parameters mean to the door: where it listens, whom it lets in, what it answers."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from workflows.engine.document import NodeSpec
from workflows.engine.errors import NodeError
from workflows.nodes.hooks.fields import CREDENTIALS
from workflows.nodes.hooks.replies import headers_of

MOST_PARTS = 20
_ODD = re.compile(r"[\s?#%\\\x00-\x1f\x7f]")


def path_of(spec: NodeSpec, given: Any) -> str:
    """Return the path a node listens at: its own, or its webhook id where it has none.

    Raises:
        NodeError: no address can be like this.
    """
    path = str(given or "").strip().strip("/") or spec.webhook_id
    if not path:
        raise NodeError("It has no path.", description="Give it one, such as orders.")
    parts = path.split("/")
    if len(parts) > MOST_PARTS or _ODD.search(path) or any(one in ("", ".", "..") for one in parts):
        raise NodeError(
            f"{path[:100]!r} is no path of an address.",
            description=f"Use up to {MOST_PARTS} parts with / between them, without spaces.",
        )
    if not any(one.startswith(":") for one in parts):
        return path
    own = spec.webhook_id or spec.id
    if not own:
        raise NodeError("A path with parameters needs the node's webhook id.")
    return f"{own}/{path}"


def guards(spec: NodeSpec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return whom the door lets in.

    Raises:
        NodeError: no credential is chosen, or the list of addresses holds something else.
    """
    options = _options(parameters)
    found: dict[str, Any] = {"origins": str(options.get("allowedOrigins") or "*")}
    if options.get("ignoreBots") is True:
        found["bots"] = False
    if listed := str(options.get("ipWhitelist") or "").strip():
        found["addresses"] = [_network(one) for one in listed.split(",") if one.strip()]
    kind = parameters.get("authentication") or "none"
    if kind == "none":
        return found
    if kind not in CREDENTIALS:
        raise NodeError(f"The authentication {kind!r} is not there.")
    reference = spec.credentials.get(CREDENTIALS[kind])
    if not isinstance(reference, Mapping) or not (reference.get("id") or reference.get("name")):
        raise NodeError(
            f"No credential is chosen: callers are checked by one of the type {CREDENTIALS[kind]}.",
            description="Choose one at the node, or let everybody call it.",
        )
    return found | {"kind": kind, "credential": dict(reference)}


def wishes(parameters: Mapping[str, Any], version: float) -> dict[str, Any]:
    """Return what is answered, and when.

    Raises:
        NodeError: no answer can have this status or these headers.
    """
    options = _options(parameters)
    found = {
        "mode": str(parameters.get("responseMode") or "onReceived"),
        "code": _code(parameters, options, version),
        "headers": [list(one) for one in headers_of(options.get("responseHeaders"))],
        "data": parameters.get("responseData") or "firstEntryJson",
        "binary": parameters.get("responseBinaryPropertyName") or "data",
        "type": options.get("responseContentType") or "",
        "property": "",
    }
    if options.get("responseContentType") or "responsePropertyName" in options:
        found["property"] = options.get("responsePropertyName") or "data"
    if options.get("noResponseBody") is True:
        found["empty"] = True
    if isinstance(options.get("responseData"), str):
        found["text"] = options["responseData"]
    return found


def taking(parameters: Mapping[str, Any], version: float) -> dict[str, Any]:
    """Return what becomes of the body."""
    options = _options(parameters)
    return {
        "raw": options.get("rawBody") is True,
        "whole": version < 1.1 and options.get("binaryData") is True,
        "old": version < 1.1,
        "name": options.get("binaryPropertyName") or "",
    }


def _options(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    found = parameters.get("options")
    return found if isinstance(found, Mapping) else {}


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise NodeError(
            f"The IP allowlist holds {text.strip()!r}, which is no address.",
            description="Use addresses such as 10.0.0.7, or networks such as 10.0.0.0/8.",
        ) from None


def _code(parameters: Mapping[str, Any], options: Mapping[str, Any], version: float) -> int:
    given = parameters.get("responseCode") if version < 2 else options.get("responseCode")
    if isinstance(given, Mapping):
        values = given.get("values") or {}
        given = values.get("responseCode")
        given = values.get("customCode") if given == "customCode" else given
    return status_of(given or 200)


def status_of(given: Any) -> int:
    """Return a status of HTTP; NodeError for what is none."""
    try:
        code = int(given)
    except (TypeError, ValueError, OverflowError):
        code = 0
    if not 200 <= code <= 599:
        raise NodeError(
            f"{given!r} is no response code.", description="Use a number from 200 to 599."
        )
    return code
