"""The fields of Wait."""

from workflows.engine.parameters import (
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

UNITS = {"seconds": "Seconds", "minutes": "Minutes", "hours": "Hours", "days": "Days"}
METHODS = {name: name for name in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")}
AUTHENTICATION = {
    "none": "None",
    "basicAuth": "Basic Auth",
    "headerAuth": "Header Auth",
    "jwtAuth": "JWT Auth",
}
FORM_KINDS = {
    "checkbox": "Checkboxes",
    "html": "Custom HTML",
    "date": "Date",
    "dropdown": "Dropdown",
    "email": "Email",
    "file": "File",
    "hiddenField": "Hidden Field",
    "number": "Number",
    "password": "Password",
    "radio": "Radio Buttons",
    "text": "Text",
    "textarea": "Textarea",
}
RESPONSE = {
    "onReceived": "Immediately",
    "lastNode": "When Last Node Finishes",
    "responseNode": "Using 'Respond to Webhook' Node",
}

INTERVAL = (
    number("amount", "Wait Amount", 1, versions=before(1.1)),
    choice("unit", "Wait Unit", UNITS, "hours", versions=before(1.1)),
    number("amount", "Wait Amount", 5, versions=since(1.1)),
    choice("unit", "Wait Unit", UNITS, "seconds", versions=since(1.1)),
)
WEBHOOK = (
    choice(
        "incomingAuthentication", "Authentication",
        AUTHENTICATION, "none",
    ),
    choice("httpMethod", "HTTP Method", METHODS, "GET", hint="The method of the call waited for."),
    choice("responseMode", "Respond", RESPONSE, "onReceived"),
    number("responseCode", "Response Code", 200, when={"responseMode": ["onReceived", "lastNode"]}),
    choice(
        "responseData", "Response Data",
        {
            "allEntries": "All Entries",
            "firstEntryJson": "First Entry JSON",
            "firstEntryBinary": "First Entry Binary",
            "noData": "No Response Body",
        },
        "firstEntryJson", when={"responseMode": ["lastNode"]},
    ),
    text(
        "responseBinaryPropertyName", "Property Name", "data",
        when={"responseMode": ["lastNode"], "responseData": ["firstEntryBinary"]},
    ),
)  # fmt: skip
FORM = (
    text("formTitle", "Form Title", required=True),
    text("formDescription", "Form Description"),
    groups(
        "formFields", "Form Elements",
        group(
            "values", "Values",
            text("fieldLabel", "Field Name", required=True),
            choice("fieldType", "Element Type", FORM_KINDS, "text"),
            text("placeholder", "Placeholder"),
            groups(
                "fieldOptions", "Field Options",
                group("values", "Values", text("option", "Option")),
                when={"fieldType": ["dropdown", "checkbox", "radio"]},
            ),
            flag("multiselect", "Multiple Choice", when={"fieldType": ["dropdown"]}),
            flag("requiredField", "Required Field"),
        ),
    ),
    choice(
        "responseMode", "Respond When",
        {"onReceived": "Form Is Submitted", "lastNode": "Workflow Finishes",
         "responseNode": "Using 'Respond to Webhook' Node"},
        "onReceived",
    ),
)  # fmt: skip
LIMIT = (
    flag("limitWaitTime", "Limit Wait Time", hint="Whether the run goes on when nobody answers."),
    choice(
        "limitType", "Limit Type",
        {"afterTimeInterval": "After Time Interval", "atSpecifiedTime": "At Specified Time"},
        "afterTimeInterval", when={"limitWaitTime": [True]},
    ),
    number(
        "resumeAmount", "Amount", 1,
        when={"limitType": ["afterTimeInterval"], "limitWaitTime": [True]},
    ),
    choice(
        "resumeUnit", "Unit", UNITS, "hours",
        when={"limitType": ["afterTimeInterval"], "limitWaitTime": [True]},
    ),
    Field(
        "maxDateAndTime", "Max Date and Time", "date",
        when={"limitType": ["atSpecifiedTime"], "limitWaitTime": [True]},
    ),
)  # fmt: skip
WEBHOOK_OPTIONS = collection(
    "options", "Options",
    flag("binaryData", "Binary Data"),
    text("binaryPropertyName", "Field Name for Binary Data", "data"),
    flag("ignoreBots", "Ignore Bots"),
    text("ipWhitelist", "IP(s) Allowlist"),
    flag("noResponseBody", "No Response Body"),
    flag("rawBody", "Raw Body"),
    json("responseData", "Response Data"),
    text("responseContentType", "Response Content-Type"),
    groups(
        "responseHeaders", "Response Headers",
        group("entries", "Entries", text("name", "Name"), text("value", "Value")),
    ),
    text("responsePropertyName", "Property Name", "data"),
    text("webhookSuffix", "Webhook Suffix"),
    when={"resume": ["webhook"]},
)  # fmt: skip
FORM_OPTIONS = collection(
    "options", "Options",
    text("buttonLabel", "Button Label", "Submit"),
    groups(
        "respondWithOptions", "Form Response",
        group(
            "values", "Values",
            choice(
                "respondWith", "Respond With",
                {"text": "Form Submitted Text", "redirect": "Redirect URL"}, "text",
            ),
            text("formSubmittedText", "Text to Show", "Your response has been recorded"),
            text("redirectUrl", "URL to Redirect to"),
        ),
        many=False,
    ),
    flag("ignoreBots", "Ignore Bots"),
    text("webhookSuffix", "Webhook Suffix"),
    when={"resume": ["form"]},
)  # fmt: skip

FIELDS = (
    choice(
        "resume", "Resume",
        {
            "timeInterval": "After Time Interval",
            "specificTime": "At Specified Time",
            "webhook": "On Webhook Call",
            "form": "On Form Submitted",
        },
        "timeInterval",
    ),
    *shown_when({"resume": ["timeInterval"]}, *INTERVAL),
    Field(
        "dateTime", "Date and Time", "date", when={"resume": ["specificTime"]}, required=True,
        hint="The run goes on at this moment, in the workflow's time zone if it names none.",
    ),
    choice(
        "incomingAuthentication", "Authentication", {"none": "None", "basicAuth": "Basic Auth"},
        "none", when={"resume": ["form"]},
    ),
    *shown_when({"resume": ["webhook"]}, *WEBHOOK),
    *shown_when({"resume": ["form"]}, *FORM),
    *shown_when({"resume": ["webhook", "form"]}, *LIMIT),
    WEBHOOK_OPTIONS,
    FORM_OPTIONS,
)  # fmt: skip
