"""Send Email: one message for each item, by an SMTP server."""

import hashlib
from typing import Any, ClassVar

from workflows.engine.items import Item, Items, Outputs
from workflows.engine.node import Context, Differing, Node, Unsupported
from workflows.engine.parameters import Field, choice, collection, flag, text
from workflows.nodes import shelf
from workflows.nodes.files import blobs
from workflows.nodes.lists.paths import names
from workflows.nodes.wires import mail
from workflows.nodes.wires.reaching import place

_CHECKED = "is refused: certificates are always checked"
_PEOPLE = (
    text("fromEmail", "From Email", required=True, hint="Such as Ana <ana@example.org>"),
    text("toEmail", "To Email", required=True, hint="Several with commas"),
)
_COPIES = (text("ccEmail", "CC Email"), text("bccEmail", "BCC Email"))
_FILES = "Names of binary fields, with commas"
_HTML, _BOTH, _TEXT = "html", "both", "text"
OLD = (
    *_PEOPLE,
    *_COPIES,
    text("subject", "Subject"),
    text("text", "Text"),
    text("html", "HTML", language="html"),
    text("attachments", "Attachments", hint=_FILES),
    collection("options", "Options", flag("allowUnauthorizedCerts"), text("replyTo", "Reply To")),
)
NEW = (
    choice("operation", "Operation", {"sendEmail": "Send", "sendAndWait": "Send and Wait for Response"}, "sendEmail", literal=True),  # noqa: E501
    *_PEOPLE,
    text("subject", "Subject"),
    choice("emailFormat", "Email Format", {_TEXT: "Text", _HTML: "HTML", _BOTH: "Both"}, _HTML),
    text("text", "Text", when={"emailFormat": [_TEXT, _BOTH]}),
    text("html", "HTML", language="html", when={"emailFormat": [_HTML, _BOTH]}),
    collection(
        "options", "Options",
        flag("appendAttribution", "Append n8n Attribution"),
        text("attachments", "Attachments", hint=_FILES),
        *_COPIES,
        flag("allowUnauthorizedCerts", "Ignore SSL Issues (Insecure)"),
        text("replyTo", "Reply To"),
    ),
)  # fmt: skip


@shelf.add
class EmailSend(Node):
    """Send a message for each item by an SMTP server."""

    key = "n8n-nodes-base.emailSend"
    label = "Send Email"
    group = "Core"
    icon = "mail"
    versions = (1, 2, 2.1)
    reaches_out = True
    credentials = ("smtp",)
    fields: ClassVar[tuple[Field, ...]] = NEW
    unsupported = (
        Unsupported("operation", ("sendAndWait",)),
        Unsupported("options.allowUnauthorizedCerts", why=_CHECKED),
    )
    differing = (
        Differing("options.appendAttribution", (True,), ("No line about a product is added.",)),
    )

    @classmethod
    def fields_of(cls, version: float) -> tuple[Field, ...]:
        """Return the fields; version 1 has others."""
        return OLD if version < 2 else NEW

    async def run(self, context: Context) -> Outputs:
        """Send the messages one after another; each item becomes what the server said."""
        if not context.items:
            return [[]]
        server = await place(context, "smtp", 465)

        async def work(index: int, one: Item) -> Items:
            message = await _written(context, index, one)
            told = await server.blocking(lambda taken: mail.send(server, taken, message))
            return [{"json": told, "pairedItem": {"item": index}}]

        return [await blobs.for_each(context, work)]


async def _written(context: Context, index: int, one: Item) -> mail.Mail:
    options = context.value("options", index, {}) or {}
    beside = {} if context.version >= 2 else context.parameters

    def given(name: str) -> str:
        found = context.value(name, index) if name in beside else options.get(name)
        return str(found or "")

    def main(name: str) -> str:
        return str(context.value(name, index, "") or "")

    texts = {name: main(name) for name in _formats(context, index)}
    files = []
    for field in names(given("attachments"), "Attachments"):
        record = blobs.record_of(one, field)
        mime = str(record.get("mimeType") or "")
        data = await context.outside.bytes_of(record)
        files.append(mail.Attached(str(record.get("fileName") or field), mime, data))
    headers = [
        ("From", main("fromEmail"), "From Email"), ("To", main("toEmail"), "To Email"),
        ("Cc", given("ccEmail"), "CC Email"), ("Reply-To", given("replyTo"), "Reply To"),
        ("Subject", main("subject"), "Subject"),
    ]  # fmt: skip
    return mail.write(headers, given("bccEmail"), texts, files, _message_id(context, index))


def _formats(context: Context, index: int) -> list[str]:
    if context.version >= 2:
        form: Any = context.value("emailFormat", index)
        return [name for name in (_TEXT, _HTML) if form in (name, _BOTH)]
    return [name for name in (_TEXT, _HTML) if context.value(name, index)]


def _message_id(context: Context, index: int) -> str:
    """Return the same whenever this message of this step is sent again: readers show it once."""
    place = context.first_index + index
    parts = (context.outside.run_key, context.node.name, context.run_index, place)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
