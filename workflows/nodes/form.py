"""Form: the next page of a form, or its last word."""

from collections.abc import Mapping
from typing import Any

from workflows.engine.errors import NodeError, Parked
from workflows.engine.items import Outputs
from workflows.engine.node import Context, Node
from workflows.engine.parameters import Field, choice, json, shown_when, text
from workflows.engine.triggers import Reply
from workflows.nodes import shelf
from workflows.nodes.flow import waiting
from workflows.nodes.hooks import forms

PAGE, COMPLETION = {"operation": ["page"]}, {"operation": ["completion"]}


@shelf.add
class Form(Node):
    """Ask the person who sent the form for more, on another page; or end the form."""

    key = "n8n-nodes-base.form"
    label = "Form"
    group = "Flow"
    icon = "checklist"
    versions = (1, 2.3, 2.4, 2.5)
    only_first = True
    reaches_out = True
    differing = (forms.STYLED,)
    fields: tuple[Field, ...] = (
        choice(
            "operation",
            "Page Type",
            {"page": "Next Form Page", "completion": "Form Ending"},
            "page",
            literal=True,
        ),
        *shown_when(
            PAGE,
            choice(
                "defineForm",
                "Define Form",
                {"fields": "Using Fields Below", "json": "Using JSON"},
                "fields",
                literal=True,
            ),
            json("jsonOutput", "Form Fields", "[]", when={"defineForm": ["json"]}),
            forms.ELEMENTS,
            *forms.LIMIT,
        ),
        *shown_when(
            COMPLETION,
            choice(
                "respondWith",
                "On n8n Form Submission",
                {
                    "text": "Show Completion Screen",
                    "redirect": "Redirect to URL",
                    "showText": "Show Text",
                    "returnBinary": "Return Binary File",
                },
                "text",
            ),
            text("redirectUrl", "URL", when={"respondWith": ["redirect"]}),
            text("completionTitle", "Completion Title"),
            text("completionMessage", "Completion Message"),
            text("responseText", "Text", when={"respondWith": ["showText"]}),
        ),
        forms.LOOKS,
    )

    async def run(self, context: Context) -> Outputs:
        """Wait for the page to be sent, or show the ending and go on."""
        if context.value("operation") == "completion":
            await context.outside.respond(Reply(page=_ending(context)))
            return [context.items]
        page = forms.page_of(_resolved(context))
        until = waiting.limit(context)
        raise Parked(until=until, resume="form", outputs=[context.items], details={"page": page})


def _resolved(context: Context) -> Mapping[str, Any]:
    return {name: context.value(name) for name in context.parameters}


def _ending(context: Context) -> dict[str, Any]:
    kind = context.value("respondWith")
    if kind == "redirect":
        return {"redirect": forms.address(context.value("redirectUrl"))}
    if kind == "showText":
        return {"html": forms.words(context.value("responseText") or "")}
    if kind == "returnBinary":
        raise NodeError(
            "A form cannot end with a file here.",
            description="Show a text, or lead on to an address.",
        )
    return {
        "title": forms.words(context.value("completionTitle") or "Form Submitted"),
        "text": forms.words(context.value("completionMessage") or ""),
    }
