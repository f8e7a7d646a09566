"""Fields of nodes that listen for calls."""

from workflows.engine.parameters import (
    Field,
    before,
    choice,
    choices,
    collection,
    flag,
    group,
    groups,
    number,
    shown_when,
    since,
    text,
)
from workflows.engine.triggers import LAST_NODE, ON_RECEIVED, RESPONSE_NODE

METHODS = {name: name for name in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")}
AUTHENTICATION = {
    "none": "None",
    "basicAuth": "Basic Auth",
    "headerAuth": "Header Auth",
    "jwtAuth": "JWT Auth",
}
CREDENTIALS = {
    "basicAuth": "httpBasicAuth",
    "headerAuth": "httpHeaderAuth",
    "jwtAuth": "jwtAuth",
}
"""The type of credential a caller is checked by."""
RESPONSE = {
    ON_RECEIVED: "Immediately",
    LAST_NODE: "When Last Node Finishes",
    RESPONSE_NODE: "Using 'Respond to Webhook' Node",
    "streaming": "Streaming",
}
DATA = {
    "allEntries": "All Entries",
    "firstEntryJson": "First Entry JSON",
    "firstEntryBinary": "First Entry Binary",
    "noData": "No Response Body",
}
HEADERS = groups(
    "responseHeaders",
    "Response Headers",
    group("entries", "Entries", text("name", "Name"), text("value", "Value")),
)
CODES = {code: str(code) for code in (200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 409, 500)}

RESPONDING: tuple[Field, ...] = (
    choice("responseMode", "Respond", RESPONSE, ON_RECEIVED, literal=True),
    number(
        "responseCode",
        "Response Code",
        200,
        versions=before(2),
        when={"responseMode": [ON_RECEIVED, LAST_NODE]},
    ),
    *shown_when(
        {"responseMode": [LAST_NODE]},
        choice("responseData", "Response Data", DATA, "firstEntryJson"),
        text(
            "responseBinaryPropertyName",
            "Property Name",
            "data",
            when={"responseData": ["firstEntryBinary"]},
        ),
    ),
)
GUARDING: tuple[Field, ...] = (
    text("allowedOrigins", "Allowed Origins (CORS)", "*"),
    flag("ignoreBots", "Ignore Bots", hint="Link previewers and crawlers are refused."),
    text("ipWhitelist", "IP(s) Allowlist", hint="Addresses or networks, with commas between."),
)

WEBHOOK: tuple[Field, ...] = (
    flag("multipleMethods", "Allow Multiple HTTP Methods", literal=True),
    choice("httpMethod", "HTTP Method", METHODS, "GET", when={"multipleMethods": [False]}),
    choices(
        "httpMethod", "HTTP Methods", METHODS, ("GET", "POST"), when={"multipleMethods": [True]}
    ),
    text("path", "Path", hint="Parts that begin with a colon are parameters."),
    choice("authentication", "Authentication", AUTHENTICATION, "none", literal=True),
    *RESPONDING,
    collection(
        "options",
        "Options",
        *GUARDING,
        flag("binaryData", "Binary File", versions=before(1.1)),
        text("binaryPropertyName", "Field Name for Binary Data", "data"),
        flag("noResponseBody", "No Response Body"),
        flag("rawBody", "Raw Body", hint="The body as it came, as a file; for signatures."),
        groups(
            "responseCode",
            "Response Code",
            group(
                "values",
                "Values",
                choice("responseCode", "Code", CODES | {"customCode": "Custom Code"}, 200),
                number("customCode", "Code", 200, when={"responseCode": ["customCode"]}),
            ),
            many=False,
            versions=since(2),
        ),
        text("responseData", "Response Data", hint="The body of an immediate answer."),
        text("responseContentType", "Response Content-Type"),
        text("responsePropertyName", "Property Name", "data"),
        HEADERS,
    ),
)
