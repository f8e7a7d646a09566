"""From a node's parameters to a request, for one item; and how to take its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item
from workflows.engine.node import Context
from workflows.engine.values import UNDEFINED
from workflows.nodes.files import blobs
from workflows.nodes.web.request import (
    Body,
    Request,
    Upload,
    address,
    header,
    json_object,
    json_value,
    pairs,
    word,
)

SENDING = ("PATCH", "POST", "PUT", "DELETE")
ACCEPT = {
    "json": "application/json,text/*;q=0.99",
    "text": "application/json,text/html,application/xml,text/*;q=0.9,*/*;q=0.1",
    "file": "*/*",
    "autodetect": "application/json,text/html,application/xml,text/*;q=0.9,image/*;q=0.8,*/*;q=0.7",
}


@dataclass(frozen=True)
class Taking:
    """How to take answers. `form`: autodetect, json, text or file; `name`: the field of the last.

    `split`: a list becomes an item for each of its values. `seconds`: until an answer begins.
    """

    form: str = "autodetect"
    name: str = "data"
    full: bool = False
    never_error: bool = False
    split: bool = True
    redirects: int = 21
    seconds: float = 300.0


async def request_of(context: Context, index: int, one: Item) -> Request:
    """Return the request the parameters of version 3 and later ask for."""
    options = context.value("options", index, {}) or {}
    headers: dict[str, str] = {}
    if context.value("sendHeaders", index):
        if context.value("specifyHeaders", index) == "json":
            given = json_object(context.value("jsonHeaders", index), "Headers")
        else:
            given = pairs(_listed(context.value("headerParameters", index), "parameters"))
        headers = dict(header(name, value) for name, value in given.items())
    query: dict[str, Any] = {}
    if context.value("sendQuery", index):
        if context.value("specifyQuery", index) == "json":
            query = json_object(context.value("jsonQuery", index), "Query Parameters")
        else:
            listed = _listed(context.value("queryParameters", index), "parameters")
            query = pairs(listed, repeated=True)
    if options.get("lowercaseHeaders") is False and headers:
        context.warn("Names of headers travel in lower case here; HTTP makes no difference.")
    headers = {name.lower(): value for name, value in headers.items()}
    body = await _body(context, index, one) if context.value("sendBody", index) else None
    arrays = str(options.get("queryParameterArrays") or "indices")
    method = str(context.value("method", index) or "GET").upper()
    return Request(method, address(context.value("url", index)), query, headers, body, arrays)


async def _body(context: Context, index: int, one: Item) -> Body:
    kind = context.value("contentType", index)
    how = context.value("specifyBody", index)
    if kind == "json" and how == "json":
        return Body("json", json_value(context.value("jsonBody", index), "JSON Body"))
    if kind == "raw":
        text = word(context.value("body", index))
        return Body("bytes", text.encode(), str(context.value("rawContentType", index) or ""))
    if kind == "form-urlencoded" and how == "string":
        data = word(context.value("body", index)).encode()
        return Body("bytes", data, "application/x-www-form-urlencoded")
    if kind == "binaryData":
        field = str(context.value("inputDataFieldName", index) or "")
        mime = str(blobs.record_of(one, field).get("mimeType") or "application/octet-stream")
        return Body("bytes", await blobs.read(context, one, field), mime)
    listed = _listed(context.value("bodyParameters", index), "parameters")
    if kind == "multipart-form-data":
        return Body("multipart", pairs(await _uploads(context, one, listed), repeated=True))
    if kind not in ("json", "form-urlencoded"):
        raise NodeError(f"The body content type {kind!r} is not there.")
    form = kind == "form-urlencoded"
    return Body("form" if form else "json", pairs(listed, repeated=form))


async def _uploads(context: Context, one: Item, listed: Sequence[Any]) -> list[Any]:
    made = []
    for part in listed:
        if part.get("parameterType") == "formBinaryData":
            field = str(part.get("inputDataFieldName") or "")
            upload = await _upload(context, one, field)
            made.append({"name": part.get("name"), "value": upload})
        else:
            made.append(part)
    return made


async def _upload(context: Context, one: Item, field: str) -> Upload:
    record = blobs.record_of(one, field)
    data = await blobs.read(context, one, field)
    mime = str(record.get("mimeType") or "application/octet-stream")
    return Upload(str(record.get("fileName") or field), mime, data)


def _listed(value: Any, name: str) -> Sequence[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    listed = found if isinstance(found, list) else [found] if found else []
    return [one for one in listed if isinstance(one, Mapping)]


def taking_of(context: Context, index: int) -> Taking:
    """Return how version 3 and later take answers."""
    options = context.value("options", index, {}) or {}
    response = (options.get("response") or {}).get("response") or {}
    redirect = (options.get("redirect") or {}).get("redirect") or {}
    follows = redirect.get("followRedirects", context.version >= 4) is not False
    form = str(response.get("responseFormat") or "autodetect")
    if form not in ACCEPT:
        raise NodeError(f"The response format {form!r} is not there.")
    return Taking(
        form=form,
        name=str(response.get("outputPropertyName") or "data"),
        full=response.get("fullResponse") is True,
        never_error=response.get("neverError") is True,
        redirects=whole(redirect.get("maxRedirects"), 21, "Max Redirects") if follows else 0,
        seconds=whole(options.get("timeout"), 300_000, "Timeout") / 1000,
    )


def whole(value: Any, default: int, what: str) -> int:
    """Return a number of an option; the default for none, NodeError for what is no number."""
    if value is None or value == "" or value is UNDEFINED:
        return default
    try:
        return max(int(float(value)), 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise NodeError(f"{what} is {value!r}, which is no number.") from error


# -- versions 1 and 2 ----------------------------------------------------------------------------


async def old_request_of(context: Context, index: int, one: Item) -> Request:
    """Return the request the parameters of versions 1 and 2 ask for."""
    options = context.value("options", index, {}) or {}
    method = str(context.value("requestMethod", index) or "GET").upper()
    if context.value("jsonParameters", index):
        headers = json_object(context.value("headerParametersJson", index), "Headers")
        query = json_object(context.value("queryParametersJson", index), "Query Parameters")
    else:
        headers = pairs(_listed(context.value("headerParametersUi", index), "parameter"))
        listed = _listed(context.value("queryParametersUi", index), "parameter")
        query = pairs(listed, repeated=True)
    arrays = str(options.get("queryParameterArrays") or "indices")
    return Request(
        method,
        address(context.value("url", index)),
        query,
        dict(header(name.lower(), value) for name, value in headers.items()),
        await _old_body(context, index, one, options) if method in SENDING else None,
        "repeat" if options.get("useQueryString") else arrays,
    )


async def _old_body(
    context: Context, index: int, one: Item, options: Mapping[str, Any]
) -> Body | None:
    kind = str(options.get("bodyContentType") or "json")
    mime = str(options.get("bodyContentCustomMimeType") or "")
    if not context.value("jsonParameters", index):
        given = pairs(
            _listed(context.value("bodyParametersUi", index), "parameter"), repeated=kind != "json"
        )
    elif context.value("sendBinaryData", index):
        field = str(context.value("binaryPropertyName", index) or "data")
        return await _old_upload(context, one, field, kind, mime)
    elif kind == "raw":
        words = context.value("bodyParametersJson", index)
        return Body("bytes", word(words).encode(), mime)
    else:
        value = context.value("bodyParametersJson", index)
        given = json_value(value, "Body Parameters") if value not in (None, "") else {}
    if not given:
        return None
    if kind == "raw":
        return Body("bytes", word(given).encode(), mime)
    if kind != "json" and not isinstance(given, dict):
        raise NodeError("Body Parameters must be a JSON object.")
    return Body(
        {"form-urlencoded": "form", "multipart-form-data": "multipart"}.get(kind, "json"), given
    )


async def _old_upload(context: Context, one: Item, field: str, kind: str, mime: str) -> Body:
    """Send files: `data`, or for a form `name:field` pairs with commas between them."""
    if kind == "multipart-form-data":
        made: dict[str, Any] = {}
        for part in field.split(","):
            name, colon, inner = part.strip().partition(":")
            made[name] = await _upload(context, one, inner if colon else name)
        return Body("multipart", made)
    upload = await _upload(context, one, field)
    return Body("bytes", upload.data, mime or upload.mime)


def old_taking_of(context: Context, index: int) -> Taking:
    """Return how versions 1 and 2 take answers."""
    options = context.value("options", index, {}) or {}
    form = str(context.value("responseFormat", index) or "json")
    method = str(context.value("requestMethod", index) or "GET").upper()
    follows = options.get("followRedirect", True) is not False and method in ("GET", "HEAD")
    return Taking(
        form="text" if form == "string" else form,
        name=str(context.value("dataPropertyName", index) or "data"),
        full=options.get("fullResponse") is True,
        never_error=options.get("ignoreResponseCode") is True,
        split=options.get("splitIntoItems") is True,
        redirects=21 if follows or options.get("followAllRedirects") is True else 0,
        seconds=whole(options.get("timeout"), 300_000, "Timeout") / 1000,
    )
