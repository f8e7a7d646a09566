"""Addresses by which a waiting run goes on: whoever has one may use it, nobody can make one up."""

import hmac
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from workflows.models import Answer, Execution

USUAL = "http://127.0.0.1:8000"
"""Where `manage.py up` serves when nobody says otherwise."""


def resume_addresses(execution: Execution) -> dict[str, str]:
    """Return `resumeUrl` and `resumeFormUrl` of a run, as its expressions read them."""
    token, origin = resume_token(execution.pk), origin_of_run(execution)
    return {
        "resumeUrl": f"{origin}/webhook-waiting/{token}",
        "resumeFormUrl": f"{origin}/form-waiting/{token}",
    }


def resume_token(pk: int) -> str:
    """Return what names a run and proves that its address came from here."""
    return f"{pk}-{_signature(pk)}"


def run_of(token: str) -> int | None:
    """Return which run a token names; None for one that was made up."""
    number, _, given = token.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    signed = hmac.compare_digest(given.encode(), _signature(int(number)).encode())
    return int(number) if signed else None


def _signature(pk: int) -> str:
    return salted_hmac("workflows.resume", str(pk), algorithm="sha256").hexdigest()[:32]


def origin_of_run(execution: Execution) -> str:
    """Return under which address a run is called: as configured, or as it was when it began.

    It stays the same for as long as the run goes on: what is worked out anew may depend on it.
    """
    if settings.BASE_URL:
        return str(settings.BASE_URL)
    row = Answer.objects.filter(pk=execution.pk).only("wish").first()
    if row is not None and row.wish.get("origin"):
        return str(row.wish["origin"])
    first: Any = execution.items[0].get("json") if execution.items else None
    if execution.source != Execution.Source.WEBHOOK or not isinstance(first, dict):
        return USUAL
    called = urlsplit(str(first.get("webhookUrl", "")))
    return f"{called.scheme}://{called.netloc}" if called.netloc else USUAL
