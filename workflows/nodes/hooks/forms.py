"""Forms: their fields as nodes declare them, and the page a person sees."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from workflows.engine import conversion
from workflows.engine.errors import NodeError
from workflows.engine.node import Differing
from workflows.engine.parameters import (
    Field,
    choice,
    collection,
    flag,
    group,
    groups,
    number,
    text,
)
from workflows.nodes.flow.wait_fields import FORM_KINDS

LISTED = ("dropdown", "checkbox", "radio")
MOST_FIELDS, MOST_OPTIONS = 200, 500
RECORDED = "Your response has been recorded"

ELEMENTS = groups(
    "formFields",
    "Form Elements",
    group(
        "values",
        "Values",
        text("fieldLabel", "Label"),
        text("fieldName", "Field Name", hint="The key of the answer; the label where it is empty."),
        choice("fieldType", "Element Type", FORM_KINDS, "text"),
        text("elementName", "Element Name", when={"fieldType": ["html"]}),
        text("html", "HTML", when={"fieldType": ["html"]}),
        text("placeholder", "Placeholder"),
        text("defaultValue", "Default Value"),
        text("fieldValue", "Field Value", when={"fieldType": ["hiddenField"]}),
        groups(
            "fieldOptions",
            "Field Options",
            group("values", "Values", text("option", "Option")),
            when={"fieldType": list(LISTED)},
        ),
        flag("multiselect", "Multiple Choice", when={"fieldType": ["dropdown"]}),
        flag("multipleFiles", "Multiple Files", True, when={"fieldType": ["file"]}),
        text("acceptFileTypes", "Accepted File Types", when={"fieldType": ["file"]}),
        flag("requiredField", "Required Field"),
    ),
)
RESPONDING = groups(
    "respondWithOptions",
    "Form Response",
    group(
        "values",
        "Values",
        choice(
            "respondWith",
            "Respond With",
            {"text": "Form Submitted Text", "redirect": "Redirect URL"},
            "text",
        ),
        text("formSubmittedText", "Text to Show", RECORDED),
        text("redirectUrl", "URL to Redirect to"),
    ),
    many=False,
)
LIMIT: tuple[Field, ...] = (
    flag("limitWaitTime", "Limit Wait Time"),
    choice(
        "limitType",
        "Limit Type",
        {"afterTimeInterval": "After Time Interval", "atSpecifiedTime": "At Specified Time"},
        "afterTimeInterval",
        when={"limitWaitTime": [True]},
    ),
    number("resumeAmount", "Amount", 1, when={"limitWaitTime": [True]}),
    choice(
        "resumeUnit",
        "Unit",
        {name: name.capitalize() for name in ("minutes", "hours", "days")},
        "hours",
        when={"limitWaitTime": [True]},
    ),
    Field("maxDateAndTime", "Max Date and Time", "date", when={"limitWaitTime": [True]}),
)
LOOKS = collection(
    "options",
    "Options",
    text("formTitle", "Form Title"),
    text("formDescription", "Form Description"),
    text("buttonLabel", "Button Label", "Submit"),
)
STYLED = Differing("options.customCss", (), ("Pages keep their own look: it is left out.",))


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def words(value: Any) -> str:
    """Return a value as a text every database holds."""
    return _UNSTORABLE.sub("\ufffd", conversion.text(value))


def page_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form shows, of a node's evaluated parameters.

    Raises:
        NodeError: a field is of no kind there is, or there are too many.
    """
    options = parameters.get("options") or {}
    return {
        "title": words(parameters.get("formTitle") or options.get("formTitle") or ""),
        "text": words(parameters.get("formDescription") or options.get("formDescription") or ""),
        "button": words(options.get("buttonLabel") or "Submit"),
        "fields": fields_of(_listed(parameters)),
    }


def _listed(parameters: Mapping[str, Any]) -> Any:
    if parameters.get("defineForm") == "json":
        given = parameters.get("jsonOutput")
        try:
            return orjson.loads(given) if isinstance(given, str) else given
        except ValueError as error:
            raise NodeError(f"The form's fields are no JSON: {error}") from None
    found = parameters.get("formFields")
    return found.get("values") if isinstance(found, Mapping) else []


def fields_of(given: Any) -> list[dict[str, Any]]:
    """Return the fields of a page: kind, label, name of the answer, what may be entered."""
    rows = [one for one in given or () if isinstance(one, Mapping)]
    if len(rows) > MOST_FIELDS:
        raise NodeError(f"A form has at most {MOST_FIELDS} fields.")
    return [_field(one, number) for number, one in enumerate(rows, 1)]


def _field(one: Mapping[str, Any], number: int) -> dict[str, Any]:
    kind = str(one.get("fieldType") or "text")
    if kind not in FORM_KINDS:
        known = ", ".join(FORM_KINDS)
        raise NodeError(f"Field {number} is of the type {kind!r}. There are: {known}.")
    label = words(one.get("fieldLabel") or one.get("fieldName") or one.get("elementName") or "")
    found: dict[str, Any] = {
        "kind": kind,
        "label": label or f"Field {number}",
        "name": words(one.get("fieldName") or one.get("elementName") or label or f"field{number}"),
        "required": one.get("requiredField") is True,
        "hint": words(one.get("placeholder") or ""),
        "default": words(one.get("fieldValue") or one.get("defaultValue") or ""),
    }
    if kind in LISTED:
        found["options"] = _options(one)
    if kind == "dropdown":
        found["many"] = one.get("multiselect") is True
    if kind == "file":
        found["many"] = one.get("multipleFiles") is not False
        found["accept"] = words(one.get("acceptFileTypes") or "")
    if kind == "html":
        found["html"] = words(one.get("html") or "")
    return found


def _options(one: Mapping[str, Any]) -> list[str]:
    given = one.get("fieldOptions")
    rows = given.get("values") if isinstance(given, Mapping) else given
    named = [row.get("option") for row in rows or () if isinstance(row, Mapping)]
    return [words(name) for name in named if name not in (None, "")][:MOST_OPTIONS]


def ending_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown once a form was sent: a text, or where it leads on to."""
    options = parameters.get("options") or {}
    values = (options.get("respondWithOptions") or {}).get("values") or {}
    if values.get("respondWith") == "redirect":
        return {"redirect": address(values.get("redirectUrl"))}
    told = values.get("formSubmittedText") or options.get("formSubmittedText") or RECORDED
    return {"title": "Form Submitted", "text": words(told)}


def address(given: Any) -> str:
    """Return an address a person is led on to; NodeError for what is none."""
    found = words(given or "").strip()
    if found and "://" not in found:
        found = f"https://{found}"
    try:
        parts = urlsplit(found)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(ord(letter) < 33 or ord(letter) > 126 for letter in found):
        raise NodeError(
            f"{found[:200]!r} is no address to lead on to.",
            description="Use one that begins with http:// or https://, without spaces.",
        )
    return found
