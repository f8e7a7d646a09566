"""Bytes into text and back, with the names of encodings n8n's files use."""

import codecs

from workflows.engine.errors import NodeError

_OTHER_NAMES = {"": "utf-8", "ucs2": "utf-16-le", "ucs-2": "utf-16-le", "binary": "latin-1"}
ENCODINGS = {
    "utf8": "utf8", "utf16le": "utf16le", "utf16be": "utf16be", "utf16": "utf16", "utf32": "utf32",
    "utf7": "utf7", "ascii": "ascii", "latin1": "latin1", "iso88591": "iso88591",
    "iso88592": "iso88592", "iso88595": "iso88595", "iso88597": "iso88597", "iso88599": "iso88599",
    "iso885915": "iso885915", "windows1250": "windows1250", "windows1251": "windows1251",
    "windows1252": "windows1252", "windows1253": "windows1253", "windows1254": "windows1254",
    "windows1257": "windows1257", "koi8r": "koi8r", "koi8u": "koi8u", "macroman": "macroman",
    "maccyrillic": "maccyrillic", "cp437": "cp437", "cp850": "cp850", "cp866": "cp866",
    "shiftjis": "shiftjis", "eucjp": "eucjp", "gb18030": "gb18030", "gbk": "gbk", "big5": "big5",
    "euckr": "euckr",
}  # fmt: skip
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def codec(name: str) -> str:
    """Return Python's name of an encoding (`utf16le`, `windows1252`); NodeError for none."""
    word = name.strip().lower()
    tries = [_OTHER_NAMES.get(word, word), word.replace("windows", "cp")]
    tries += [
        word.replace("utf16", "utf-16-").rstrip("-"),
        word.replace("utf32", "utf-32-").rstrip("-"),
    ]
    tries += [word.replace("iso8859", "iso8859-")]
    for one in tries:
        try:
            found = codecs.lookup(one)
        except LookupError:
            continue
        if found._is_text_encoding:
            return found.name
    raise NodeError(f"The encoding {name!r} is not known.")


def decoded(data: bytes, encoding: str = "", *, bom: bool = True) -> str:
    """Return bytes as text. Without an encoding it is UTF-8, or what the bytes look like.

    What does not fit is replaced. `bom` takes a mark at the beginning away.
    """
    for mark, name in BOMS:
        if not encoding and data.startswith(mark):
            encoding = name
    text = data.decode(codec(encoding) if encoding else guess(data), "replace")
    return text.removeprefix("\ufeff") if bom else text


def guess(data: bytes) -> str:
    """Return the encoding bytes look like; UTF-8 whenever they can be."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        import charset_normalizer

        best = charset_normalizer.from_bytes(data[:100_000]).best()
        return "cp1252" if best is None else best.encoding
    return "utf-8"


def encoded(text: str, encoding: str = "", *, bom: bool = False) -> bytes:
    """Return text as bytes; what the encoding has no sign for becomes a question mark."""
    return (("\ufeff" if bom else "") + text).encode(codec(encoding), "replace")
