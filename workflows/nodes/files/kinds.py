"""Kinds of files: MIME types, extensions, and the record that stands for a file in an item.

A record is n8n's: mimeType, fileType, fileExtension, fileName, fileSize ("1.04 kB"), bytes. What
it is found by (`id`) is added by whoever stores the bytes.
"""

import mimetypes
import re
import unicodedata
from typing import Any

LONGEST_NAME = 200
_KNOWN = mimetypes.MimeTypes(filenames=())
_EXTENSIONS = {
    "application/json": "json",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/gzip": "gz",
    "application/xml": "xml",
    "application/yaml": "yaml",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "image/jpeg": "jpeg",
    "image/webp": "webp",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
}
_BY_NAME = {
    **{extension: mime for mime, extension in _EXTENSIONS.items()},
    "jpg": "image/jpeg",
    "markdown": "text/markdown",
    "yml": "application/yaml",
    "txt": "text/plain",
    "log": "text/plain",
}
_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftyp", "video/mp4"),
)


def mime_of(name: str = "", data: bytes = b"") -> str:
    """Return the MIME type a name or, failing that, the first bytes tell; else text/plain."""
    extension = extension_in(name).lower()
    if extension:
        found = _BY_NAME.get(extension) or _KNOWN.guess_type(f"x.{extension}")[0]
        if found:
            return found
    for place, sign, mime in _SIGNATURES:
        if data[place : place + len(sign)] == sign:
            return mime
    return "text/plain"


def extension_of(mime: str) -> str:
    """Return the usual extension of a MIME type, without its dot; nothing for plain bytes."""
    mime = mime.partition(";")[0].strip().lower()
    if mime in ("", "text/plain", "application/octet-stream"):
        return ""
    return _EXTENSIONS.get(mime) or (_KNOWN.guess_extension(mime) or "").lstrip(".")


def extension_in(name: str) -> str:
    """Return the extension a file name ends in, without its dot."""
    stem, dot, extension = name.rpartition(".")
    return extension if dot and stem and re.fullmatch(r"\w{1,16}", extension) else ""


def type_of(mime: str) -> str:
    """Return n8n's coarse type of a file; nothing for what no viewer shows."""
    mime = mime.partition(";")[0].strip().lower()
    for start in ("image", "audio", "video"):
        if mime.startswith(f"{start}/"):
            return start
    exact = {"application/json": "json", "application/pdf": "pdf", "text/html": "html"}
    return exact.get(mime) or ("text" if mime.startswith("text/") else "")


def size_in_words(count: int) -> str:
    """Return a number of bytes as n8n writes it: 4 B, 1.04 kB, 16.1 MB."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{float(f'{size:.3g}'):g} {units[0]}"


def clean_name(name: str) -> str:
    """Return a name that is safe to show and to save under: one line, no folders, not too long."""
    name = name.replace("\\", "/").rpartition("/")[2]
    kept = (one for one in name if unicodedata.category(one)[0] != "C")
    name = "".join(kept).strip().lstrip(".").strip() or "file"
    if len(name) > LONGEST_NAME:
        extension = extension_in(name)
        name = f"{name[: LONGEST_NAME - 20]}.{extension}" if extension else name[:LONGEST_NAME]
    return name


def record(size: int, mime: str, name: str = "") -> dict[str, Any]:
    """Return what is known of a file of this many bytes."""
    made: dict[str, Any] = {"mimeType": mime}
    name = clean_name(name) if name else ""
    if file_type := type_of(mime):
        made["fileType"] = file_type
    if extension := extension_in(name) or extension_of(mime):
        made["fileExtension"] = extension
    if name:
        made["fileName"] = name
    return {**made, "fileSize": size_in_words(size), "bytes": size}
