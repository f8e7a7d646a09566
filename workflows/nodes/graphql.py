"""GraphQL: asks an address by GraphQL, once for each item."""

from typing import Any

from workflows.engine.errors import NodeError
from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import (
    Field,
    before,
    choice,
    flag,
    group,
    groups,
    json,
    since,
    text,
)
from workflows.nodes import shelf
from workflows.nodes.files.blobs import for_each
from workflows.nodes.web.request import Body, Request, address, header, json_object, pairs
from workflows.nodes.web.service import Service
from workflows.nodes.web.signing import signer_of

AUTHENTICATION = {
    "none": "None", "basicAuth": "Basic Auth", "customAuth": "Custom Auth",
    "digestAuth": "Digest Auth", "headerAuth": "Header Auth", "oAuth1": "OAuth1",
    "oAuth2": "OAuth2", "queryAuth": "Query Auth",
}  # fmt: skip
FORMATS = {"graphql": "GraphQL (Raw)", "json": "JSON"}
FIELDS: tuple[Field, ...] = (
    choice("authentication", "Authentication", AUTHENTICATION, "none"),
    choice("requestMethod", "HTTP Request Method", {"GET": "GET", "POST": "POST"}, "POST"),
    text("endpoint", "Endpoint", required=True),
    flag("allowUnauthorizedCerts", "Ignore SSL Issues (Insecure)"),
    choice(
        "requestFormat", "Request Format", FORMATS, "graphql", versions=before(1.1),
        when={"requestMethod": ["POST"]},
    ),
    choice(
        "requestFormat", "Request Format", FORMATS, "json", versions=since(1.1),
        when={"requestMethod": ["POST"]},
    ),
    text("query", "Query", required=True),
    json("variables", "Variables", when={"requestFormat": ["json"], "requestMethod": ["POST"]}),
    text("operationName", "Operation Name", when={"requestFormat": ["json"],
                                                  "requestMethod": ["POST"]}),
    choice("responseFormat", "Response Format", {"json": "JSON", "string": "String"}, "json"),
    text("dataPropertyName", "Response Data Property Name", "data",
         when={"responseFormat": ["string"]}),
    groups(
        "headerParametersUi", "Headers",
        group("parameter", "Header", text("name", "Name"), text("value", "Value")),
    ),
)  # fmt: skip


@shelf.add
class GraphQL(Node):
    """Ask an address by GraphQL."""

    key = "n8n-nodes-base.graphql"
    label = "GraphQL"
    group = "Core"
    icon = "world"
    versions = (1, 1.1)
    reaches_out = True
    fields = FIELDS
    unsupported = (
        Unsupported("authentication", ("oAuth1",), "is not there. Send a header instead"),
        Unsupported("allowUnauthorizedCerts", why="is refused: certificates are always checked"),
    )

    async def run(self, context: Context) -> Outputs:
        """Ask for one item after the other."""
        if not context.items:
            return [[]]
        service = Service(context, await signer_of(context), complaint)

        async def work(index: int, one: Item) -> Items:
            if context.value("responseFormat", index) == "string":
                got = await service.got(index, _request(context, index))
                name = str(context.value("dataPropertyName", index) or "data")
                return [{"json": {name: got.text}, "pairedItem": {"item": index}}]
            found = await service.ask(index, _request(context, index))
            if not isinstance(found, dict):
                raise NodeError("The answer is no JSON object: is this a GraphQL endpoint?")
            return [{"json": found, "pairedItem": {"item": index}}]

        return [await for_each(context, work)]


def complaint(answer: Any) -> str:
    """Return the messages of the errors an answer holds; GraphQL gives them with status 200."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    listed = errors if isinstance(errors, list) else []
    return ", ".join(
        str(one.get("message")) if isinstance(one, dict) else str(one) for one in listed
    )


def _request(context: Context, index: int) -> Request:
    given = context.value("headerParametersUi", index) or {}
    headers = dict(header(n, v) for n, v in pairs(given.get("parameter") or []).items())
    headers = {name.lower(): value for name, value in headers.items()}
    url, query = address(context.value("endpoint", index)), str(context.value("query", index) or "")
    if context.value("requestMethod", index) == "GET":
        return Request("GET", url, {"query": query}, headers)
    if context.value("requestFormat", index) == "graphql":
        return Request(
            "POST", url, {}, headers, Body("bytes", query.encode(), "application/graphql")
        )
    variables = json_object(context.value("variables", index), "Variables")
    body = {"query": query, "variables": variables}
    if name := context.value("operationName", index):
        body["operationName"] = str(name)
    return Request("POST", url, {}, headers, Body("json", body))
