"""Luxon's tokens: writing a date by a format, and reading one. English, as n8n's default is."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo

from workflows.nodes.dates.fields import Found, number, word
from workflows.nodes.dates.words import (
    DAYS,
    MONTHS,
    epoch,
    offset,
    spoken_zone,
    twelve,
    zone_name,
)

PRESETS = {
    "D": "M/d/yyyy", "DD": "LLL d, yyyy", "DDD": "LLLL d, yyyy", "DDDD": "EEEE, LLLL d, yyyy",
    "t": "h:mm a", "tt": "h:mm:ss a", "ttt": "h:mm:ss a ZZZZ", "tttt": "h:mm:ss a ZZZZZ",
    "T": "HH:mm", "TT": "HH:mm:ss", "TTT": "HH:mm:ss ZZZZ", "TTTT": "HH:mm:ss ZZZZZ",
    "f": "M/d/yyyy, h:mm a", "ff": "LLL d, yyyy, h:mm a", "fff": "LLLL d, yyyy 'at' h:mm a ZZZZ",
    "ffff": "EEEE, LLLL d, yyyy 'at' h:mm a ZZZZZ",
    "F": "M/d/yyyy, h:mm:ss a", "FF": "LLL d, yyyy, h:mm:ss a",
    "FFF": "LLLL d, yyyy 'at' h:mm:ss a ZZZZ", "FFFF": "EEEE, LLLL d, yyyy 'at' h:mm:ss a ZZZZZ",
}  # fmt: skip
PIECES = re.compile(r"'([^']*)'|(([a-zA-Z])\3*)|([^a-zA-Z']+)|'")
Writer = Callable[[datetime], str]


def _padded(read: Callable[[datetime], int]) -> list[Writer]:
    return [lambda date: str(read(date)), lambda date: f"{read(date):02}"]


def _names(read: Callable[[datetime], str], *, narrow: int = 5) -> dict[int, Writer]:
    return {3: lambda d: read(d)[:3], 4: read, narrow: lambda d: read(d)[:1]}


def _writers() -> dict[str, Writer]:
    made: dict[str, Writer] = {
        "S": lambda d: str(d.microsecond // 1000),
        "SSS": lambda d: f"{d.microsecond // 1000:03}",
        "u": lambda d: f"{d.microsecond // 1000:03}",
        "uu": lambda d: f"{d.microsecond // 10000:02}",
        "uuu": lambda d: str(d.microsecond // 100000),
        "Z": lambda d: offset(d, short=True),
        "ZZ": offset,
        "ZZZ": lambda d: offset(d, colon=False),
        "ZZZZ": spoken_zone,
        "ZZZZZ": lambda d: spoken_zone(d, long=True),
        "z": zone_name,
        "a": lambda d: "AM" if d.hour < 12 else "PM",
        "y": lambda d: str(d.year),
        "yy": lambda d: f"{d.year % 100:02}",
        "yyyy": lambda d: f"{d.year:04}",
        "yyyyyy": lambda d: f"{d.year:06}",
        "G": lambda d: "AD",
        "GG": lambda d: "Anno Domini",
        "GGGGG": lambda d: "A",
        "kk": lambda d: f"{d.isocalendar().year % 100:02}",
        "kkkk": lambda d: f"{d.isocalendar().year:04}",
        "o": lambda d: str(d.timetuple().tm_yday),
        "ooo": lambda d: f"{d.timetuple().tm_yday:03}",
        "X": lambda d: str(int(epoch(d) // 1)),
        "x": lambda d: str(round(epoch(d) * 1000)),
    }
    for letters, read in {
        "s": lambda d: d.second, "m": lambda d: d.minute, "h": lambda d: twelve(d.hour),
        "H": lambda d: d.hour, "d": lambda d: d.day, "L": lambda d: d.month,
        "M": lambda d: d.month, "W": lambda d: d.isocalendar().week,
        "n": lambda d: d.isocalendar().week, "q": lambda d: (d.month + 2) // 3,
    }.items():  # fmt: skip
        made |= {letters * (n + 1): write for n, write in enumerate(_padded(read))}
    for letter in "LM":
        made |= {letter * n: w for n, w in _names(lambda d: MONTHS[d.month - 1]).items()}
    for letter in "cE":
        made |= {letter * n: w for n, w in _names(lambda d: DAYS[d.weekday()]).items()}
        made[letter] = lambda d: str(d.isoweekday())
    return made


WRITERS = _writers()


def write(date: datetime, form: str) -> str:
    """Return a date by a format such as `yyyy-MM-dd HH:mm`; text in 'quotes' stays."""
    return "".join(_written(date, match) for match in PIECES.finditer(form))


def _written(date: datetime, match: re.Match[str]) -> str:
    token = match[2]
    if token is None:
        return match[1] or match[4] or ""
    if token in PRESETS:
        return write(date, PRESETS[token])
    writer = WRITERS.get(token)
    return token if writer is None else writer(date)


READERS = {
    "y": number("year", r"\d{1,6}"), "yy": number("year", r"\d{2,4}", short_year=True),
    "yyyy": number("year", r"\d{4}"), "yyyyyy": number("year", r"\d{6}"),
    "M": number("month"), "MM": number("month", r"\d\d"), "L": number("month"),
    "LL": number("month", r"\d\d"), "MMM": word("month", [m[:3] for m in MONTHS]),
    "MMMM": word("month", MONTHS), "LLL": word("month", [m[:3] for m in MONTHS]),
    "LLLL": word("month", MONTHS), "d": number("day"), "dd": number("day", r"\d\d"),
    "o": number("ordinal", r"\d{1,3}"), "ooo": number("ordinal", r"\d{3}"),
    "H": number("hour"), "HH": number("hour", r"\d\d"), "h": number("hour"),
    "hh": number("hour", r"\d\d"), "m": number("minute"), "mm": number("minute", r"\d\d"),
    "s": number("second"), "ss": number("second", r"\d\d"), "q": number("quarter", r"\d"),
    "u": number("fraction", r"\d{1,9}"), "uu": number("fraction", r"\d{1,2}"),
    "uuu": number("fraction", r"\d"), "S": number("millisecond", r"\d{1,3}"),
    "SSS": number("millisecond", r"\d{3}"), "a": word("afternoon", ["am", "pm"], first=0),
    "kkkk": number("iso_year", r"\d{4}"), "W": number("week"), "WW": number("week", r"\d\d"),
    "E": number("weekday", r"\d"), "c": number("weekday", r"\d"),
    "EEE": word("weekday", [d[:3] for d in DAYS]), "EEEE": word("weekday", DAYS),
    "ccc": word("weekday", [d[:3] for d in DAYS]), "cccc": word("weekday", DAYS),
    "Z": ("offset", r"[+-]\d{1,2}(?::\d\d)?"), "ZZ": ("offset", r"[+-]\d{1,2}(?::?\d\d)?"),
    "ZZZ": ("offset", r"[+-]\d{1,2}(?:\d\d)?"), "z": ("zone", r"[A-Za-z_+\-/]{1,256}"),
    "X": ("seconds", r"[+-]?\d+(?:\.\d{1,3})?"), "x": ("milliseconds", r"[+-]?\d+"),
    "G": ("era", r"AD|BC"),
}  # fmt: skip


def read(text: str, form: str, local: tzinfo) -> datetime | None:
    """Read text that has exactly this format; None when it has another.

    Raises:
        NodeError: the format has a token that cannot be read.
    """
    found = Found()
    pattern = "".join(_pattern(match, found) for match in PIECES.finditer(_expanded(form)))
    match = re.fullmatch(pattern, text.strip(), re.IGNORECASE)
    return found.date(match.groups(), local) if match else None


def _expanded(form: str) -> str:
    return PIECES.sub(lambda m: PRESETS.get(m[2] or "", m[0]), form)


def _pattern(match: re.Match[str], found: Found) -> str:
    token = match[2]
    if token is None:
        return re.escape(match[1] or match[4] or "").replace(r"\ ", r"\s")
    return found.pattern(READERS, token)
