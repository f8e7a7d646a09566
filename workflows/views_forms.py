"""The doors of forms: shown, sent, gone on with. No session counts here, and no cookie is set."""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from whoosh_site.core import tunables
from whoosh_site.core.auth import address_of
from workflows import services
from workflows.engine.triggers import FORM, ON_RECEIVED, RESPONSE_NODE, Reply
from workflows.inbound import answering, forms, guarding, reading
from workflows.inbound.refusals import Refusal
from workflows.models import Execution
from workflows.models.executions import SUCCESS, TEST, WAITING
from workflows.services import Call, Caught
from workflows.views_doors import Limits, origin_of

GONE = "This form is not there. Its workflow is not active, or the address is another one."
BUSY = "What you sent is being worked on."
OTHER = "This form waits for nothing more."


@csrf_exempt
async def form(request: HttpRequest, path: str) -> HttpResponse:
    """Show the form that listens here, or take what was entered and start its workflow."""
    return await _door(request, path, test=False)


@csrf_exempt
async def test_form(request: HttpRequest, path: str) -> HttpResponse:
    """Show a form somebody just tests; it can be sent once, while its page listens."""
    return await _door(request, path, test=True)


def _looked_up(path: str, test: bool) -> tuple[Caught | None, Limits]:
    found = services.triggers_at(path, test=test, kinds=(FORM,))
    limits = Limits(tunables.value("webhook_body_limit") << 20, tunables.value("webhook_wait"))
    return (services.ready(found[0]) if found else None), limits


async def _door(request: HttpRequest, path: str, *, test: bool) -> HttpResponse:
    try:
        caught, limits = await sync_to_async(_looked_up)(path, test)
        if caught is None:
            raise Refusal(404, GONE)
        await _demand_welcome(request, caught.team, caught.options["guard"])
        if request.method == "POST":
            return await _sent(request, caught, limits)
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "A form is shown or sent.", headers={"Allow": "GET, HEAD, POST"})
        query = reading.pairs(request.META.get("QUERY_STRING", ""))
        mark = secrets.token_urlsafe(12)
        return forms.draw(caught.options["page"], query=query, mark=mark, test=test)
    except Refusal as refusal:
        return _refused(refusal)


async def _demand_welcome(request: HttpRequest, team: int, guard: Any) -> None:
    guarding.demand_welcome(request, guard, address_of(request))
    if "credential" in guard:
        values = await services.callers_secret(team, guard)
        guarding.admitted(request, guard["kind"], values)


def _refused(refusal: Refusal) -> HttpResponse:
    response = forms.tell("Not possible", refusal.message, status=refusal.status)
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def _entered(request: HttpRequest, page: Any, most: int) -> forms.Entered:
    reading.body_of(request, most)
    return forms.take(request, page)


async def _take(request: HttpRequest, page: Any, most: int) -> forms.Entered:
    """Read a form; files are written to disk meanwhile, so not in the loop."""
    if request.content_type not in ("multipart/form-data", reading.FORM):
        raise Refusal(415, "Send the form as a browser does.")
    reading.demand_readable(request)
    return await sync_to_async(_entered, thread_sensitive=False)(request, page, most)


async def _sent(request: HttpRequest, caught: Caught, limits: Limits) -> HttpResponse:
    page, options = caught.options["page"], caught.options
    entered = await _take(request, page, limits.body)
    mark = request.POST.get("mark", "")[:40]
    if entered.errors:
        return forms.draw(page, entered=entered, mark=mark, test=caught.test)
    zone = caught.plan.document.timezone or settings.TIME_ZONE
    json = {**entered.values, **_facts(caught.test, zone)}
    if query := reading.pairs(request.META.get("QUERY_STRING", "")):
        json["formQueryParameters"] = query
    mode = caught.wish.get("mode", ON_RECEIVED)
    if mode != RESPONSE_NODE and (mode != ON_RECEIVED or caught.plan.pages):
        mode = "form"
    wish = {"mode": mode, "ending": options["ending"], "origin": origin_of(request),
            "code": 200, "headers": []}  # fmt: skip
    caught = replace(caught, options={**options, "wish": wish})
    if caught.test:
        await sync_to_async(services.spend_test)(caught)
    call = Call(caught, {"json": json}, entered.files)
    if mark:  # whoever presses the button twice sends it once
        call.key = f"{mark} {_digest(entered)}"
    run = await services.begin(call)
    if mode == "form":
        return _led_on(services.resume_token(run))
    if mode == RESPONSE_NODE:
        reply = await services.reply_of(run, limits.wait)
        return answering.answer(reply) if reply else forms.tell("Received", BUSY)
    return _ended(options["ending"])


def _digest(entered: forms.Entered) -> str:
    found = hashlib.sha256(repr(sorted(entered.values.items())).encode("utf-8", "replace"))
    for _, data, _, _ in entered.files:
        found.update(data)
    return found.hexdigest()


def _facts(test: bool, zone: str) -> dict[str, str]:
    now: datetime = timezone.now().astimezone(ZoneInfo(zone))
    return {
        "submittedAt": now.isoformat(timespec="milliseconds"),
        "formMode": "test" if test else "production",
    }


def _led_on(token: str) -> HttpResponse:
    there = Reply(303, (("location", f"/form-waiting/{token}"),))
    return answering.answer(there)


def _ended(ending: Any) -> HttpResponse:
    if "redirect" in ending:
        return answering.answer(Reply(303, (("location", ending["redirect"]),)))
    if "html" in ending:
        return forms.show(ending["html"])
    return forms.tell(ending.get("title") or "Form Submitted", ending.get("text", ""))


# -- gone on with ----------------------------------------------------------------------------------


@csrf_exempt
async def waiting_form(request: HttpRequest, token: str, suffix: str = "") -> HttpResponse:
    """Show the page a run waits with, or its end; take what was entered on it."""
    try:
        execution, limits = await sync_to_async(_waiting)(token)
        if execution is None:
            raise Refusal(404, GONE)
        parked = execution.parked if execution.state == WAITING else {}
        if parked.get("resume") == FORM:
            return await _page(request, execution, parked, limits)
        return _stand(execution, request.path)
    except Refusal as refusal:
        return _refused(refusal)


def _waiting(token: str) -> tuple[Execution | None, Limits]:
    limits = Limits(tunables.value("webhook_body_limit") << 20, tunables.value("webhook_wait"))
    return services.find_waited(token), limits


async def _page(
    request: HttpRequest, execution: Execution, parked: dict[str, Any], limits: Limits
) -> HttpResponse:
    page = parked.get("page") or {"title": "", "text": "", "button": "Submit", "fields": []}
    if guard := parked.get("guard"):
        await _demand_welcome(request, execution.team_id, guard)
    if request.method != "POST":
        return forms.draw(page, test=execution.mode == TEST)
    entered = await _take(request, page, limits.body)
    if entered.errors:
        return forms.draw(page, entered=entered, test=execution.mode == TEST)
    item = {"json": {**entered.values, **_facts(execution.mode == TEST, settings.TIME_ZONE)}}
    wish = {"mode": "form"}
    ending = parked.get("ending") or _wish(execution).get("ending")
    if ending:
        wish["ending"] = ending
    await services.go_on(execution, FORM, item, entered.files, wish)
    return _led_on(request.path.split("/")[2])


def _wish(execution: Execution) -> dict[str, Any]:
    return execution.answer.wish if hasattr(execution, "answer") else {}


def _stand(execution: Execution, here: str) -> HttpResponse:
    """Tell how a run stands that waits for no form."""
    answer = getattr(execution, "answer", None)
    if answer is not None and answer.page:
        return _ended(answer.page)
    if answer is not None and answer.status is not None:
        headers = tuple((name, value) for name, value in answer.headers)
        return answering.answer(Reply(answer.status, headers, bytes(answer.body)))
    if not execution.ended:
        return forms.tell("One moment", BUSY, again=here)
    if execution.state != SUCCESS:
        return forms.tell("Not finished", "Something went wrong on our side.", status=500)
    ending = _wish(execution).get("ending")
    return _ended(ending) if ending else forms.tell("Form Submitted", OTHER)
