"""Moment's tokens: writing a date by a format, and reading one. English."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from workflows.nodes.dates.fields import Found, number, word
from workflows.nodes.dates.words import DAYS, MONTHS, epoch, offset, ordinal, twelve

PRESETS = {
    "LTS": "h:mm:ss A", "LT": "h:mm A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A", "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}  # fmt: skip
PIECES = re.compile(
    r"(\[[^\[]*\])|(\\?"
    r"(?:[Hh]mm(?:ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[o|w]?|W[o|W]?|Qo?|YYYYYY|YYYYY|YYYY"
    r"|YY?|y{2,4}|yo?|gg(?:ggg?)?|GG(?:GGG?)?|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?"
    r"|LTS|LT|LL?L?L?|l{1,4}))|(.)",
    re.DOTALL,
)
Writer = Callable[[datetime], str]


def _sunday(date: datetime) -> int:
    return date.isoweekday() % 7


def _week(date: datetime) -> tuple[int, int]:
    """Return year and week where weeks begin on Sunday and the first has January 1 (en)."""
    saturday = date + timedelta(days=6 - _sunday(date))
    return saturday.year, (saturday.timetuple().tm_yday - 1) // 7 + 1


def _counted(letter: str, read: Callable[[datetime], int]) -> dict[str, Writer]:
    return {
        letter: lambda d: str(read(d)),
        letter * 2: lambda d: f"{read(d):02}",
        f"{letter}o": lambda d: ordinal(read(d)),
    }


def _writers() -> dict[str, Writer]:
    made: dict[str, Writer] = {}
    for letter, read in {
        "M": lambda d: d.month, "D": lambda d: d.day, "Q": lambda d: (d.month + 2) // 3,
        "w": lambda d: _week(d)[1], "W": lambda d: d.isocalendar().week, "H": lambda d: d.hour,
        "h": lambda d: twelve(d.hour), "k": lambda d: d.hour or 24, "m": lambda d: d.minute,
        "s": lambda d: d.second, "d": _sunday,
    }.items():  # fmt: skip
        made |= _counted(letter, read)
    made |= {
        "MMM": lambda d: MONTHS[d.month - 1][:3],
        "MMMM": lambda d: MONTHS[d.month - 1],
        "DDD": lambda d: str(d.timetuple().tm_yday),
        "DDDo": lambda d: ordinal(d.timetuple().tm_yday),
        "DDDD": lambda d: f"{d.timetuple().tm_yday:03}",
        "dd": lambda d: DAYS[d.weekday()][:2],
        "ddd": lambda d: DAYS[d.weekday()][:3],
        "dddd": lambda d: DAYS[d.weekday()],
        "e": lambda d: str(_sunday(d)),
        "E": lambda d: str(d.isoweekday()),
        "Y": lambda d: str(d.year),
        "y": lambda d: str(d.year),
        "YY": lambda d: f"{d.year % 100:02}",
        "YYYY": lambda d: f"{d.year:04}",
        "YYYYY": lambda d: f"{d.year:05}",
        "YYYYYY": lambda d: f"+{d.year:06}",
        "gg": lambda d: f"{_week(d)[0] % 100:02}",
        "gggg": lambda d: f"{_week(d)[0]:04}",
        "GG": lambda d: f"{d.isocalendar().year % 100:02}",
        "GGGG": lambda d: f"{d.isocalendar().year:04}",
        "A": lambda d: "AM" if d.hour < 12 else "PM",
        "a": lambda d: "am" if d.hour < 12 else "pm",
        "Z": offset,
        "ZZ": lambda d: offset(d, colon=False),
        "z": lambda d: d.tzname() or "",
        "zz": lambda d: d.tzname() or "",
        "X": lambda d: str(int(epoch(d) // 1)),
        "x": lambda d: str(round(epoch(d) * 1000)),
        "hmm": lambda d: f"{twelve(d.hour)}{d.minute:02}",
        "hmmss": lambda d: f"{twelve(d.hour)}{d.minute:02}{d.second:02}",
        "Hmm": lambda d: f"{d.hour}{d.minute:02}",
        "Hmmss": lambda d: f"{d.hour}{d.minute:02}{d.second:02}",
    }
    return made


WRITERS = _writers()


def write(date: datetime, form: str) -> str:
    """Return a date by a format such as `YYYY-MM-DD HH:mm`; text in [brackets] stays."""
    return "".join(_written(date, match) for match in PIECES.finditer(form))


def _written(date: datetime, match: re.Match[str]) -> str:
    quoted, token, other = match.groups()
    if token is None:
        return str(other) if quoted is None else quoted[1:-1]
    if token in PRESETS:
        return write(date, PRESETS[token])
    if token.startswith("S"):
        return f"{date.microsecond:06}".ljust(9, "0")[: len(token)]
    writer = WRITERS.get(token)
    return token.removeprefix("\\") if writer is None else writer(date)


DAY_WITH_ENDING = r"\d{1,2}(?=(?:st|nd|rd|th)?)"
READERS = {
    "M": number("month"), "MM": number("month"), "MMM": word("month", [m[:3] for m in MONTHS]),
    "MMMM": word("month", MONTHS), "D": number("day"), "DD": number("day"),
    "Do": number("day", DAY_WITH_ENDING), "DDD": number("ordinal", r"\d{1,3}"),
    "DDDD": number("ordinal", r"\d{3}"), "YY": number("year", r"\d\d", short_year=True),
    "YYYY": number("year", r"\d{1,4}", short_year=True), "Y": number("year", r"[+-]?\d+"),
    "YYYYY": number("year", r"\d{1,6}"), "YYYYYY": number("year", r"[+-]?\d{1,6}"),
    "Q": number("quarter", r"\d"), "H": number("hour"), "HH": number("hour"),
    "h": number("hour"), "hh": number("hour"), "k": number("hour"), "kk": number("hour"),
    "m": number("minute"), "mm": number("minute"), "s": number("second"), "ss": number("second"),
    "A": word("afternoon", ["am", "pm"], first=0), "a": word("afternoon", ["am", "pm"], first=0),
    "W": number("week"), "WW": number("week"), "w": number("week"), "ww": number("week"),
    "GGGG": number("iso_year", r"\d{1,4}"), "gggg": number("iso_year", r"\d{1,4}"),
    "E": number("weekday", r"\d"), "ddd": word("weekday", [d[:3] for d in DAYS]),
    "dd": word("weekday", [d[:2] for d in DAYS]), "dddd": word("weekday", DAYS),
    "Z": ("offset", r"Z|[+-]\d\d:?\d\d"), "ZZ": ("offset", r"Z|[+-]\d\d:?\d\d"),
    "X": ("seconds", r"[+-]?\d+(?:\.\d{1,3})?"), "x": ("milliseconds", r"[+-]?\d+"),
}  # fmt: skip


def read(text: str, form: str, local: tzinfo) -> datetime | None:
    """Read text by a format; what stands between the parts is passed over. None when none is there.

    Raises:
        NodeError: the format has a token that cannot be read.
    """
    form = PIECES.sub(lambda m: PRESETS.get(m[2] or "", m[0]), form)
    found, texts, at = Found(), [], 0
    for match in PIECES.finditer(form):
        token = match[2]
        if token is None:
            continue
        if token.startswith("S"):
            found.readers.append(number("fraction", r"\d{1,9}"))
            pattern = rf"(\d{{1,{len(token)}}})"
        else:
            pattern = found.pattern(READERS, token)
        piece = re.compile(pattern, re.IGNORECASE).search(text, at)
        texts.append(piece[1] if piece else None)
        at = piece.end() if piece else at
    return found.date(texts, local) if any(one is not None for one in texts) else None
