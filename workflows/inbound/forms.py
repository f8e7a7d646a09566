"""Forms at the door: drawn, and read as they come back."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from workflows.inbound.answering import shut_in

POLICY = (
    "sandbox allow-downloads allow-forms allow-popups allow-scripts "
    "allow-top-navigation-by-user-activation; "
    "default-src 'none'; style-src 'self'; img-src 'self' https: data:; form-action *; "
    "base-uri 'none'; frame-ancestors *"
)
"""No script loads on a form (the sandbox lets tools look at it), and it is nobody's page."""
LONGEST = 100_000
MOST_FILES = 20
MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s.]{2,}")
REQUIRED = "This is needed."


@dataclass
class Entered:
    """What somebody entered: by the field's name, files apart; what is wrong, by field."""

    values: dict[str, Any] = field(default_factory=dict)
    files: list[tuple[str, bytes, str, str]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    shown: dict[int, list[str]] = field(default_factory=dict)


def draw(
    page: Mapping[str, Any],
    *,
    entered: Entered | None = None,
    query: Mapping[str, Any] | None = None,
    mark: str = "",
    test: bool = False,
) -> HttpResponse:
    """Return a page with a form; what was entered wrong stands in it, with why."""
    known = entered or Entered()
    rows = []
    for number, one in enumerate(page["fields"]):
        given = (query or {}).get(one["name"], one["default"])
        usual = [str(each) for each in given] if isinstance(given, list) else [str(given)]
        shown = known.shown.get(number, [value for value in usual if value])
        html = clean(one["html"]) if one["kind"] == "html" else ""
        rows.append(
            {**one, "number": number, "shown": shown, "error": known.errors.get(number, ""),
             "html": html, "value": shown[0] if shown else ""}
        )  # fmt: skip
    context = {"page": page, "rows": rows, "text": clean(page["text"]), "mark": mark, "test": test,
               "errors": len(known.errors)}  # fmt: skip
    return shown_alone("doors/form.html", context, 422 if known.errors else 200)


def tell(title: str, text: str, *, status: int = 200, again: str = "") -> HttpResponse:
    """Return a page with a few words; `again` is looked at after a second."""
    context = {"title": title, "text": clean(text), "again": again}
    response = shown_alone("doors/told.html", context, status)
    if again:
        response["Refresh"] = f"1; url={again}"
    return response


def show(html: str) -> HttpResponse:
    """Return a page a workflow wrote, harmless."""
    return shown_alone("doors/told.html", {"title": "", "text": clean(html), "again": ""})


def shown_alone(
    template: str, context: Mapping[str, Any], status: int = 200, policy: str = POLICY
) -> HttpResponse:
    """Return a page that stands for itself: no menu, no session, nothing of the site's."""
    response = shut_in(HttpResponse(render_to_string(template, dict(context)), status=status))
    response["Content-Security-Policy"] = policy
    return response


def clean(html: str) -> str:
    """Return HTML without anything that acts."""
    import nh3  # with the first form

    return nh3.clean(html, url_schemes={"http", "https", "mailto"})


# -- read ----------------------------------------------------------------------------------------


def take(request: HttpRequest, page: Mapping[str, Any]) -> Entered:
    """Return what was entered in a form, checked against what it asks for."""
    found = Entered()
    for number, one in enumerate(page["fields"]):
        name = f"field-{number}"
        if one["kind"] == "html":
            continue
        if one["kind"] == "file":
            _take_files(found, number, one, request.FILES.getlist(name))
            continue
        given = [value for value in request.POST.getlist(name) if value.strip()]
        found.shown[number] = [value[:LONGEST] for value in given]
        try:
            found.values[one["name"]] = _value(one, given)
        except ValueError as error:
            found.errors[number] = str(error)
    return found


def _value(one: Mapping[str, Any], given: Sequence[str]) -> Any:
    """Return the value of a field; ValueError says what is wrong with it."""
    if not given:
        if one["required"]:
            raise ValueError(REQUIRED)
        return [] if one["kind"] == "checkbox" or one.get("many") else None
    if any(len(value) > LONGEST or "\x00" in value for value in given):
        raise ValueError(f"At most {LONGEST} characters.")
    if "options" in one:
        return _chosen(one, given)
    check = CHECKS.get(one["kind"])
    return check(given[0]) if check else given[0]


def _chosen(one: Mapping[str, Any], given: Sequence[str]) -> Any:
    if any(value not in one["options"] for value in given):
        raise ValueError("Choose one of these.")
    if one["kind"] == "checkbox" or one.get("many"):
        return list(dict.fromkeys(given))
    return given[0]


def _number(given: str) -> float:
    try:
        found = float(given)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError("Enter a number.")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _date(given: str) -> str:
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError:
        raise ValueError("Enter a date, such as 2030-05-31.") from None


def _mail(given: str) -> str:
    if not MAIL.fullmatch(given.strip()):
        raise ValueError("Enter an e-mail address.")
    return given.strip()


CHECKS: Mapping[str, Callable[[str], Any]] = {"number": _number, "date": _date, "email": _mail}


def _take_files(
    found: Entered, number: int, one: Mapping[str, Any], uploads: Sequence[UploadedFile]
) -> None:
    if one["required"] and not uploads:
        found.errors[number] = REQUIRED
    elif len(uploads) > (MOST_FILES if one["many"] else 1):
        found.errors[number] = f"At most {MOST_FILES if one['many'] else 1} files."
    elif not all(_accepted(upload, one["accept"]) for upload in uploads):
        found.errors[number] = f"Choose files of these kinds: {one['accept']}."
    else:
        _keep_files(found, one, uploads)


def _keep_files(found: Entered, one: Mapping[str, Any], uploads: Sequence[UploadedFile]) -> None:
    key = re.sub(r"\W+", "_", one["name"]).strip("_") or "file"
    told = []
    for place, upload in enumerate(uploads):
        kind = (upload.content_type or "application/octet-stream").lower()
        name = key if not one["many"] else f"{key}_{place}"
        found.files.append((name, upload.read(), kind, upload.name or ""))
        told.append({"filename": upload.name or "", "mimetype": kind, "size": upload.size})
    found.values[one["name"]] = told if one["many"] else (told[0] if told else None)


def _accepted(upload: UploadedFile, accept: str) -> bool:
    wanted = [word.strip().lower() for word in accept.split(",") if word.strip()]
    if not wanted:
        return True
    name, kind = (upload.name or "").lower(), (upload.content_type or "").lower()
    return any(
        name.endswith(word if word.startswith(".") else f".{word}")
        or word == kind
        or (word.endswith("/*") and kind.startswith(word[:-1]))
        for word in wanted
    )
