"""Files given with a task: what they are, and how large they may be."""

import base64
import binascii
from dataclasses import dataclass

from projects.models import Attachment
from whoosh_site.core.errors import BadInput

MOST = 16
LARGEST = {Attachment.Kind.TEXT: 1_000_000, Attachment.Kind.IMAGE: 8_000_000}
IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8")


@dataclass(frozen=True)
class Given:
    """One file as it is kept: a text, or an image in base64; `size` in bytes."""

    name: str
    kind: Attachment.Kind
    content: str
    size: int


def read_file(name: str, data: bytes) -> Given:
    """Tell what a file is.

    Raises:
        BadInput: neither text nor an image, or too large; names the file.
    """
    kind = Attachment.Kind.IMAGE if _is_image(data) else Attachment.Kind.TEXT
    if len(data) > LARGEST[kind]:
        most = f"{LARGEST[kind] / 1e6:g} MB"
        raise BadInput(f"attachments: {name} has {len(data) / 1e6:.1f} MB; at most {most}.")
    if kind == Attachment.Kind.IMAGE:
        return Given(name, kind, base64.b64encode(data).decode(), len(data))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise BadInput(
            f"attachments: {name} is neither text in UTF-8 nor an image (PNG, JPEG, GIF, WebP)."
        )
    return Given(name, kind, text, len(data))


def read_image(name: str, encoded: str) -> Given:
    """Take an image in base64. Raises BadInput for what is none."""
    try:
        data = base64.b64decode(encoded.partition("base64,")[2] or encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"attachments: {name} is no base64.") from None
    if not _is_image(data):
        raise BadInput(f"attachments: {name} is no image (PNG, JPEG, GIF, WebP).")
    return read_file(name, data)


def bytes_of(attachment: Attachment) -> bytes:
    """Return a file as it was given."""
    if attachment.kind == Attachment.Kind.IMAGE:
        return base64.b64decode(attachment.content)
    return attachment.content.encode()


def _is_image(data: bytes) -> bool:
    return data.startswith(IMAGES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
