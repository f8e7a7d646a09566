"""What a task says to a model."""

import json
from collections.abc import Iterable
from typing import Any

from projects.models import Attachment, Task

Message = dict[str, Any]


def conversation(task: Task, attachments: Iterable[Attachment]) -> list[Message]:
    """Return the messages of a first attempt: title, description, texts; images beside them."""
    texts = [task.title]
    if task.description.strip():
        texts.append(task.description.strip())
    images = []
    for attachment in attachments:
        if attachment.kind == Attachment.Kind.IMAGE:
            images.append(attachment.content)
        else:
            texts.append(f"[{attachment.name}]\n{attachment.content.rstrip()}")
    if task.schema is not None:
        texts.append(_wanted_form(task.schema))
    message: Message = {"role": "user", "content": "\n\n".join(texts)}
    return [message | {"images": images}] if images else [message]


def repair(messages: list[Message], answer: str, misfit: str) -> list[Message]:
    """Return the conversation that sends an answer back with what is wrong with it."""
    complaint = (
        f"This answer does not fit the schema: {misfit}. "
        "Answer again with the corrected JSON and nothing else."
    )
    return [
        *messages,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": complaint},
    ]


def _wanted_form(schema: dict[str, Any]) -> str:
    return f"Answer with JSON that fits this schema, and nothing else:\n{json.dumps(schema)}"
