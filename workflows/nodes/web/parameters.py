"""The parameters of the HTTP Request node: versions 1 and 2, and those since 3."""

from typing import Any

from workflows.engine.parameters import (
    Condition,
    Field,
    before,
    choice,
    collection,
    flag,
    group,
    groups,
    json,
    number,
    shown_when,
    since,
    text,
)

METHODS = {name: name for name in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")}
OLD_CREDENTIALS = {
    "basicAuth": "httpBasicAuth", "digestAuth": "httpDigestAuth", "headerAuth": "httpHeaderAuth",
    "oAuth1": "oAuth1Api", "oAuth2": "oAuth2Api", "queryAuth": "httpQueryAuth",
}  # fmt: skip
"""Credential types by what version 1 calls them."""
ARRAYS = {"repeat": "No Brackets", "brackets": "Brackets Only", "indices": "Brackets with Indices"}
IDEMPOTENCY = flag(
    "idempotencyKey", "Send Idempotency Key", True,
    hint="A header that is the same whenever this step is repeated. WHOOSH's own.",
)  # fmt: skip


def _authentication(versions: Condition | None = None) -> tuple[Field, ...]:
    words = {
        "none": "None",
        "predefinedCredentialType": "Predefined Credential Type",
        "genericCredentialType": "Generic Credential Type",
    }
    chosen = {"authentication": ["predefinedCredentialType"]}
    generic = {"authentication": ["genericCredentialType"]}
    return (
        choice("authentication", "Authentication", words, "none", versions=versions),
        text("nodeCredentialType", "Credential Type", when=chosen, versions=versions),
        text("genericAuthType", "Generic Auth Type", when=generic, versions=versions),
    )


_PAIR = (text("name", "Name"), text("value", "Value"))


def _parameters(name: str, label: str, **more: Any) -> Field:
    return groups(name, label, group("parameters", "Parameter", *_PAIR), **more)


_KEYPAIR = {"keypair": "Using Fields Below", "json": "Using JSON"}
_JSON_BODY = {"sendBody": [True], "contentType": ["json"]}
_FORM_BODY = {"sendBody": [True], "contentType": ["form-urlencoded"]}
_BY_PAIRS = {"specifyBody": ["keypair"]}
_MULTIPART = {"sendBody": [True], "contentType": ["multipart-form-data"]}

_BODY = (
    flag("sendBody", "Send Body"),
    choice(
        "contentType", "Body Content Type",
        {
            "form-urlencoded": "Form Urlencoded", "multipart-form-data": "Form-Data",
            "json": "JSON", "binaryData": "n8n Binary File", "raw": "Raw",
        },
        "json", when={"sendBody": [True]},
    ),
    choice("specifyBody", "Specify Body", _KEYPAIR, "keypair", when=_JSON_BODY),
    choice(
        "specifyBody", "Specify Body",
        {"keypair": "Using Fields Below", "string": "Using Single Field"}, "keypair",
        when=_FORM_BODY,
    ),
    _parameters("bodyParameters", "Body Parameters", when={**_JSON_BODY, **_BY_PAIRS}),
    _parameters("bodyParameters", "Body Parameters", when={**_FORM_BODY, **_BY_PAIRS}),
    groups(
        "bodyParameters", "Body Parameters",
        group(
            "parameters", "Parameter",
            choice(
                "parameterType", "Parameter Type",
                {"formBinaryData": "n8n Binary File", "formData": "Form Data"}, "formData",
            ),
            text("name", "Name"),
            text("value", "Value", when={"parameterType": ["formData"]}),
            text(
                "inputDataFieldName", "Input Data Field Name",
                when={"parameterType": ["formBinaryData"]},
            ),
        ),
        when=_MULTIPART,
    ),
    json("jsonBody", "JSON", when={**_JSON_BODY, "specifyBody": ["json"]}),
    text("body", "Body", when={**_FORM_BODY, "specifyBody": ["string"]}),
    text(
        "inputDataFieldName", "Input Data Field Name",
        when={"sendBody": [True], "contentType": ["binaryData"]},
    ),
    text("rawContentType", "Content Type", when={"sendBody": [True], "contentType": ["raw"]}),
    text("body", "Body", when={"sendBody": [True], "contentType": ["raw"]}),
)  # fmt: skip

_ON = {"paginationMode": ["updateAParameterInEachRequest", "responseContainsNextURL"]}
_PAGES = group(
    "pagination", "Pagination",
    choice(
        "paginationMode", "Pagination Mode",
        {
            "off": "Off", "updateAParameterInEachRequest": "Update a Parameter in Each Request",
            "responseContainsNextURL": "Response Contains Next URL",
        },
        "updateAParameterInEachRequest",
    ),
    text("nextURL", "Next URL", when={"paginationMode": ["responseContainsNextURL"]}),
    groups(
        "parameters", "Parameters",
        group(
            "parameters", "Parameter",
            choice("type", "Type", {"body": "Body", "headers": "Header", "qs": "Query"}, "qs"),
            *_PAIR,
        ),
        when={"paginationMode": ["updateAParameterInEachRequest"]},
    ),
    choice(
        "paginationCompleteWhen", "Pagination Complete When",
        {
            "responseIsEmpty": "Response Is Empty",
            "receiveSpecificStatusCodes": "Receive Specific Status Code(s)", "other": "Other",
        },
        "responseIsEmpty", when=_ON,
    ),
    text(
        "statusCodesWhenComplete", "Status Code(s) when Complete",
        when={**_ON, "paginationCompleteWhen": ["receiveSpecificStatusCodes"]},
    ),
    text(
        "completeExpression", "Complete Expression",
        when={**_ON, "paginationCompleteWhen": ["other"]},
    ),
    flag("limitPagesFetched", "Limit Pages Fetched", when=_ON),
    number("maxRequests", "Max Pages", 100, when={**_ON, "limitPagesFetched": [True]}),
    number("requestInterval", "Interval Between Requests (ms)", 0, when=_ON),
)  # fmt: skip

_RESPONSE = group(
    "response", "Response",
    flag("fullResponse", "Include Response Headers and Status"),
    flag("neverError", "Never Error"),
    choice(
        "responseFormat", "Response Format",
        {"autodetect": "Autodetect", "file": "File", "json": "JSON", "text": "Text"}, "autodetect",
    ),
    text(
        "outputPropertyName", "Put Output in Field", "data",
        when={"responseFormat": ["file", "text"]},
    ),
)  # fmt: skip

_OPTIONS = collection(
    "options", "Options",
    groups(
        "batching", "Batching",
        group(
            "batch", "Batching",
            number("batchSize", "Items per Batch", 50),
            number("batchInterval", "Batch Interval (ms)", 1000),
        ),
        many=False,
    ),
    flag("allowUnauthorizedCerts", "Ignore SSL Issues"),
    choice("queryParameterArrays", "Array Format in Query Parameters", ARRAYS, "brackets"),
    flag(
        "lowercaseHeaders", "Lowercase Headers", True,
        hint="Turned off, they travel in lower case all the same, and the run says so.",
    ),
    groups(
        "redirect", "Redirects",
        group(
            "redirect", "Redirect",
            flag("followRedirects", "Follow Redirects", False, versions=before(4)),
            flag("followRedirects", "Follow Redirects", True, versions=since(4)),
            number("maxRedirects", "Max Redirects", 21),
        ),
        many=False,
    ),
    groups("response", "Response", _RESPONSE, many=False),
    groups("pagination", "Pagination", _PAGES, many=False, late=True),
    text("proxy", "Proxy"),
    number("timeout", "Timeout", 10_000, hint="Milliseconds until the answer begins."),
    IDEMPOTENCY,
)  # fmt: skip

NEW = (
    choice("method", "Method", METHODS, "GET"),
    text("url", "URL", required=True),
    *_authentication(),
    flag("provideSslCertificates", "SSL Certificates"),
    flag("sendQuery", "Send Query Parameters"),
    *shown_when(
        {"sendQuery": [True]},
        choice("specifyQuery", "Specify Query Parameters", _KEYPAIR, "keypair"),
        _parameters("queryParameters", "Query Parameters", when={"specifyQuery": ["keypair"]}),
        json("jsonQuery", "JSON", when={"specifyQuery": ["json"]}),
    ),
    flag("sendHeaders", "Send Headers"),
    *shown_when(
        {"sendHeaders": [True]},
        choice("specifyHeaders", "Specify Headers", _KEYPAIR, "keypair"),
        _parameters("headerParameters", "Header Parameters", when={"specifyHeaders": ["keypair"]}),
        json("jsonHeaders", "JSON", when={"specifyHeaders": ["json"]}),
    ),
    *_BODY,
    _OPTIONS,
)


# -- versions 1 and 2 ----------------------------------------------------------------------------

_BY_FIELDS, _BY_JSON = {"jsonParameters": [False]}, {"jsonParameters": [True]}
_SENDING = {"requestMethod": ["PATCH", "POST", "PUT", "DELETE"]}


def _old_parameters(name: str, label: str, **when: Any) -> Field:
    return groups(
        name, label, group("parameter", "Parameter", *_PAIR), when={**_BY_FIELDS, **when}
    )  # fmt: skip


_OLD_OPTIONS = collection(
    "options", "Options",
    number("batchInterval", "Batch Interval", 1000), number("batchSize", "Batch Size", 50),
    choice(
        "bodyContentType", "Body Content Type",
        {
            "json": "JSON", "raw": "RAW/Custom", "form-urlencoded": "Form Urlencoded",
            "multipart-form-data": "Form-Data Multipart",
        },
        "json",
    ),
    flag("fullResponse", "Full Response"),
    flag("followAllRedirects", "Follow All Redirects"),
    flag("followRedirect", "Follow GET/HEAD Redirects", True),
    flag("ignoreResponseCode", "Ignore Response Code"),
    text("bodyContentCustomMimeType", "MIME Type"),
    text("proxy", "Proxy"),
    flag("splitIntoItems", "Split Into Items"),
    choice("queryParameterArrays", "Array Format in Query Parameters", ARRAYS, "indices"),
    number("timeout", "Timeout", 10_000),
    flag("useQueryString", "Use Querystring"),
    IDEMPOTENCY,
)  # fmt: skip

OLD = (
    choice(
        "authentication", "Authentication",
        {"none": "None", **{name: name for name in OLD_CREDENTIALS}}, "none", versions=before(2),
    ),
    *_authentication(since(2)),
    choice("requestMethod", "Request Method", METHODS, "GET"),
    text("url", "URL", required=True),
    flag("allowUnauthorizedCerts", "Ignore SSL Issues"),
    choice(
        "responseFormat", "Response Format",
        {"file": "File", "json": "JSON", "string": "String"}, "json",
    ),
    text("dataPropertyName", "Property Name", "data", when={"responseFormat": ["string", "file"]}),
    flag("jsonParameters", "JSON/RAW Parameters"),
    _OLD_OPTIONS,
    flag("sendBinaryData", "Send Binary File", when={**_BY_JSON, **_SENDING}),
    text(
        "binaryPropertyName", "Input Binary Field", "data",
        when={**_BY_JSON, "sendBinaryData": [True]},
    ),
    json("bodyParametersJson", "Body Parameters", when={**_BY_JSON, **_SENDING}),
    _old_parameters("bodyParametersUi", "Body Parameters", **_SENDING),
    json("headerParametersJson", "Headers", when=_BY_JSON),
    _old_parameters("headerParametersUi", "Headers"),
    json("queryParametersJson", "Query Parameters", when=_BY_JSON),
    _old_parameters("queryParametersUi", "Query Parameters"),
)  # fmt: skip
