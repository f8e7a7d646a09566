"""English names and endings of dates, and pieces both kinds of tokens share."""

from datetime import datetime, timedelta

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ..."""
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def offset(date: datetime, *, colon: bool = True, short: bool = False) -> str:
    """Return the offset from UTC: +02:00, +0200, or the shortest form (+2)."""
    minutes = round((date.utcoffset() or timedelta()) / timedelta(minutes=1))
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    if short:
        return f"{sign}{hours}:{rest:02}" if rest else f"{sign}{hours}"
    return f"{sign}{hours:02}{':' if colon else ''}{rest:02}"


def iso(date: datetime, *, utc: bool = False) -> str:
    """Return ISO 8601 with milliseconds, with Z where `utc` or the zone is called UTC."""
    text = date.isoformat(timespec="milliseconds")
    if utc or zone_name(date) == "UTC":
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    return text


def zone_name(date: datetime) -> str:
    """Return the IANA name of a date's zone, or UTC+2."""
    name = getattr(date.tzinfo, "key", None)
    if name:
        return str(name)
    return "UTC" if not date.utcoffset() else f"UTC{offset(date, short=True)}"


AMERICAN = {
    "EST": "Eastern Standard Time", "EDT": "Eastern Daylight Time",
    "CST": "Central Standard Time", "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time", "MDT": "Mountain Daylight Time",
    "PST": "Pacific Standard Time", "PDT": "Pacific Daylight Time",
    "AKST": "Alaska Standard Time", "AKDT": "Alaska Daylight Time",
    "HST": "Hawaii-Aleutian Standard Time",
}  # fmt: skip
ELSEWHERE = {
    "GMT": "Greenwich Mean Time", "BST": "British Summer Time",
    "WET": "Western European Standard Time", "WEST": "Western European Summer Time",
    "CET": "Central European Standard Time", "CEST": "Central European Summer Time",
    "EET": "Eastern European Standard Time", "EEST": "Eastern European Summer Time",
    "MSK": "Moscow Standard Time", "JST": "Japan Standard Time", "KST": "Korean Standard Time",
    "HKT": "Hong Kong Standard Time", "AWST": "Australian Western Standard Time",
    "AEST": "Australian Eastern Standard Time", "AEDT": "Australian Eastern Daylight Time",
    "NZST": "New Zealand Standard Time", "NZDT": "New Zealand Daylight Time",
}  # fmt: skip


def spoken_zone(date: datetime, *, long: bool = False) -> str:
    """Return how an American calls the zone: EST, UTC, or GMT+2 where they have no word."""
    short = date.tzname() or ""
    if short in AMERICAN and zone_name(date).startswith(("America/", "US/", "Pacific/Honolulu")):
        return AMERICAN[short] if long else short
    if zone_name(date) in ("UTC", "Etc/UTC"):
        return "UTC"
    if long and short in ELSEWHERE:
        return ELSEWHERE[short]
    if long and zone_name(date) in ("Asia/Kolkata", "Asia/Calcutta"):
        return "India Standard Time"
    if not date.utcoffset():
        return "GMT"
    return f"GMT{offset(date, short=not long)}"


def epoch(date: datetime) -> float:
    """Return seconds since 1970, whole where they are."""
    return date.timestamp()


def twelve(hour: int) -> int:
    """Return an hour on a clock of twelve."""
    return hour % 12 or 12
