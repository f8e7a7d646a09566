"""Calendar files (RFC 5545): events into plain objects, and one event into a file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workflows.engine.errors import NodeError
from workflows.engine.values import DateText

_TEXTS = {
    "UID": "uid", "SUMMARY": "summary", "DESCRIPTION": "description", "LOCATION": "location",
    "STATUS": "status", "URL": "url", "CLASS": "class", "COMMENT": "comment",
    "TRANSP": "timeTransparent",
}  # fmt: skip
_TIMES = {
    "DTSTAMP": "stamp", "DTSTART": "start", "DTEND": "end", "CREATED": "created",
    "LAST-MODIFIED": "lastModified", "RECURRENCE-ID": "recurrenceId",
}  # fmt: skip
_RULE = {
    "FREQ": "frequency", "INTERVAL": "interval", "COUNT": "count", "BYDAY": "byDay",
    "BYMONTH": "byMonth", "BYMONTHDAY": "byMonthday", "BYSETPOS": "bySetPos",
    "WKST": "workweekStart",
}  # fmt: skip


def read_calendar(text: str) -> dict[str, Any]:
    """Return a calendar: version, prodId, method, name and its events."""
    import icalendar

    try:
        found = icalendar.Calendar.from_ical(text)
        if not isinstance(found, icalendar.Calendar):
            raise ValueError("it holds something else")
        return _calendar(found)
    except (ValueError, AttributeError, RecursionError) as error:
        raise NodeError(f"The file is no calendar that can be read: {error}") from error


def _calendar(found: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    heads = (
        ("VERSION", "version"), ("PRODID", "prodId"), ("METHOD", "method"),
        ("X-WR-CALNAME", "name"),
    )  # fmt: skip
    for word, name in heads:
        if word in found:
            made[name] = str(found[word])
    return {**made, "events": [_event(one) for one in found.walk("VEVENT")]}


def _event(found: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for word, name in {**_TEXTS, **_TIMES}.items():
        if word in found:
            made[name] = str(found[word]) if word in _TEXTS else _time(_first(found[word]).dt)
    for word, name in (("SEQUENCE", "sequence"), ("PRIORITY", "priority")):
        if word in found:
            made[name] = int(found[word])
    if "DURATION" in found:
        made["duration"] = {"seconds": int(found["DURATION"].dt.total_seconds())}
    if "CATEGORIES" in found:
        made["categories"] = [str(cat) for one in _all(found["CATEGORIES"]) for cat in one.cats]
    if "GEO" in found:
        latitude, longitude = found["GEO"].to_ical().split(";")
        made["geo"] = {"lat": float(latitude), "lon": float(longitude)}
    if "RRULE" in found:
        made["recurrenceRule"] = _rule(_first(found["RRULE"]))
    return {**made, **_people(found)}


def _people(found: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if "ORGANIZER" in found:
        made["organizer"] = _person(found["ORGANIZER"])
    if "ATTENDEE" in found:
        made["attendees"] = [_person(one) for one in _all(found["ATTENDEE"])]
    return made


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _time(when: date) -> dict[str, Any]:
    if not isinstance(when, datetime):
        return {"date": DateText(f"{when.isoformat()}T00:00:00.000Z"), "type": "DATE"}
    zone = getattr(when.tzinfo, "key", None)
    instant = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    made: dict[str, Any] = {"date": _instant(instant), "type": "DATE-TIME"}
    if zone and zone != "UTC":
        made["local"] = {"date": _instant(when.replace(tzinfo=UTC)), "timezone": zone}
    return made


def _instant(when: datetime) -> DateText:
    return DateText(when.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def _rule(found: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for word, name in _RULE.items():
        values = found.get(word)
        if values:
            plain = [one if isinstance(one, int) else str(one) for one in _all(values)]
            made[name] = plain if name.startswith("by") else plain[0]
    if found.get("UNTIL"):
        made["until"] = _time(_first(found["UNTIL"]))
    return made


def _person(found: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"email": str(found).removeprefix("mailto:").removeprefix("MAILTO:")}
    for word, name in (("CN", "name"), ("PARTSTAT", "partstat"), ("ROLE", "role")):
        if word in found.params:
            made[name] = str(found.params[word])
    if "RSVP" in found.params:
        made["rsvp"] = str(found.params["RSVP"]).upper() == "TRUE"
    return made


# -- writing -------------------------------------------------------------------------------------


def write_calendar(event: Mapping[str, Any], *, zone: str, stamp: datetime, uid: str) -> str:
    """Return a calendar of one event.

    `event`: title, start, end (ISO texts), allDay, and the optional fields as the node has them.
    An event of whole days ends with its last day included. Times without an offset are in `zone`.
    """
    import icalendar

    made = icalendar.Event()
    made.add("uid", event.get("uid") or uid)
    if event.get("title"):
        made.add("summary", str(event["title"]))
    made.add("dtstamp", stamp)
    _add_times(made, event, zone)
    for name in ("description", "location", "url", "status"):
        if event.get(name):
            made.add(name, str(event[name]))
    if event.get("sequence") not in (None, ""):
        made.add("sequence", int(event["sequence"]))
    if event.get("busyStatus"):
        made.add("x-microsoft-cdo-busystatus", str(event["busyStatus"]))
    _add_rule(made, event.get("recurrenceRule"))
    _add_place_and_people(made, event)
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//WHOOSH//Convert to File//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    if event.get("calName"):
        calendar.add("x-wr-calname", str(event["calName"]))
    calendar.add_component(made)
    return str(calendar.to_ical().decode())


def _add_times(made: Any, event: Mapping[str, Any], zone: str) -> None:
    start = moment(event.get("start"), "Start", zone)
    end = moment(event.get("end") or event.get("start"), "End", zone)
    if event.get("allDay"):
        made.add("dtstart", start.date())
        made.add("dtend", end.date() + timedelta(days=1))
    else:
        made.add("dtstart", start.astimezone(UTC))
        made.add("dtend", end.astimezone(UTC))


def _add_rule(made: Any, rule: Any) -> None:
    import icalendar

    if not rule:
        return
    try:
        made.add("rrule", icalendar.vRecur.from_ical(str(rule).strip().removeprefix("RRULE:")))
    except ValueError as error:
        raise NodeError(f"The recurrence rule {rule!r} is none: {error}") from error


def _add_place_and_people(made: Any, event: Mapping[str, Any]) -> None:
    import icalendar

    place = event.get("geo") or {}
    if place:
        made.add("geo", (float(place.get("lat") or 0), float(place.get("lon") or 0)))
    people = [("organizer", one) for one in [event.get("organizer")] if one]
    people += [("attendee", one) for one in event.get("attendees") or []]
    for word, one in people:
        person = icalendar.vCalAddress(f"mailto:{one.get('email', '')}")
        if one.get("name"):
            person.params["CN"] = str(one["name"])
        if word == "attendee":
            person.params["RSVP"] = "TRUE" if one.get("rsvp") else "FALSE"
        made.add(word, person, encode=0)


def moment(value: Any, what: str, zone: str) -> datetime:
    """Return a time a parameter gives; NodeError names the parameter when it is none."""
    try:
        found = datetime.fromisoformat(str(value).partition("[")[0])
    except ValueError as error:
        raise NodeError(
            f"{what} is {value!r}, which is no date. Write it like 2024-01-31T09:00:00."
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=_zone(zone))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
