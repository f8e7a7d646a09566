"""The doors calls from outside come in by. No session counts here, and no cookie is set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from whoosh_site.core import tunables
from whoosh_site.core.auth import address_of
from whoosh_site.core.rest import public_url
from workflows import services
from workflows.engine.triggers import CHAT, WEBHOOK, Reply
from workflows.inbound import answering, guarding, reading
from workflows.inbound.refusals import Refusal
from workflows.models import Execution
from workflows.models.executions import TEST, WAITING
from workflows.nodes.hooks import replies
from workflows.nodes.webhook import OUTPUT
from workflows.services import Call, Caught
from workflows.views_chat import chat

PREFLIGHT_KEPT = 300
STARTED = Reply(200, (replies.JSON,), b'{"message": "Workflow was started"}')


@csrf_exempt
async def webhook(request: HttpRequest, path: str) -> HttpResponse:
    """Start the workflow that listens here. Its webhook node says who may call, and the answer."""
    return await _door(request, path, test=False)


@csrf_exempt
async def test_webhook(request: HttpRequest, path: str) -> HttpResponse:
    """Start the workflow somebody just tests: for one call, while its page listens."""
    return await _door(request, path, test=True)


@dataclass(frozen=True)
class Limits:
    """What administrators set for calls."""

    body: int  # bytes
    wait: float  # seconds


def _looked_up(path: str, method: str, test: bool) -> tuple[list[Caught], Limits]:
    found = [
        services.ready(one) if one.method in (method, "") and one.waits else one
        for one in services.triggers_at(path, test=test, kinds=(WEBHOOK, CHAT))
    ]
    body = tunables.value("webhook_body_limit") << 20
    return found, Limits(body, tunables.value("webhook_wait"))


async def _door(request: HttpRequest, path: str, *, test: bool) -> HttpResponse:
    more: dict[str, str] = {}
    try:
        found, limits = await sync_to_async(_looked_up)(path, request.method or "", test)
        if not found:
            raise _unknown(request.method or "", path, test)
        more |= guarding.cross_origin(request, found[0].options["guard"])
        if found[0].kind == CHAT:
            return await chat(request, found[0], limits.body, limits.wait, more)
        if request.method == "OPTIONS" or _is_look(request, found):
            return _preflight(request, found, more)
        caught = _of_method(request, found)
        more = guarding.cross_origin(request, caught.options["guard"])
        return answering.answer(await _called(request, caught, limits), more)
    except Refusal as refusal:
        return answering.refused(refusal, more)


def _unknown(method: str, path: str, test: bool) -> Refusal:
    hint = "Its workflow must be active; the path and the method must be those of its node."
    if test:
        hint = "Press 'Listen for a test call' on the workflow's page first: it lasts for one call."
    words = f'The requested webhook "{method} {path[:200]}" is not registered.'
    return Refusal(404, words, hint=hint)


def _of_method(request: HttpRequest, found: list[Caught]) -> Caught:
    for one in found:
        if one.method == request.method:
            return one
    allowed = ", ".join(sorted({one.method for one in found} | {"OPTIONS"}))
    words = f"This webhook is not registered for {request.method} requests."
    raise Refusal(405, words, hint=f"It listens to: {allowed}.", headers={"Allow": allowed})


def _is_look(request: HttpRequest, found: list[Caught]) -> bool:
    """Whether a HEAD only looks whether something is there: it starts nothing."""
    methods = {one.method for one in found}
    return request.method == "HEAD" and "HEAD" not in methods and "GET" in methods


def _preflight(request: HttpRequest, found: list[Caught], more: Mapping[str, str]) -> HttpResponse:
    methods = ", ".join(sorted({one.method for one in found} | {"OPTIONS"}))
    headers = {"Allow": methods, **more}
    if "Access-Control-Allow-Origin" in more:
        headers["Access-Control-Allow-Methods"] = methods
        headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT)
        asked = request.headers.get("access-control-request-headers", "")
        if asked and "\n" not in asked and len(asked) < 2000:
            headers["Access-Control-Allow-Headers"] = asked
    status = 204 if request.method == "OPTIONS" else 200
    return answering.answer(Reply(status), headers)


async def _called(request: HttpRequest, caught: Caught, limits: Limits) -> Reply:
    item, files = await _item(request, caught, limits, _url(request, caught))
    if caught.options.get(OUTPUT):
        item[OUTPUT] = caught.options[OUTPUT]
    return await _answer(Call(caught, item, files, **_key(request)), limits.wait)


async def _item(
    request: HttpRequest, caught: Caught, limits: Limits, url: str
) -> tuple[dict[str, Any], list[tuple[str, bytes, str, str]]]:
    """Return what a call brings as an item, and files, once its caller may call."""
    guard = caught.options["guard"]
    guarding.demand_welcome(request, guard, address_of(request))
    hidden: Mapping[str, str] = {}
    payload: Mapping[str, Any] | None = None
    if "credential" in guard:
        values = await services.callers_secret(caught.team, guard)
        hidden, payload = guarding.admitted(request, guard["kind"], values)
    sent = await _read(request, caught.options["take"], limits.body)
    json = {
        "headers": {**sent.headers, **hidden},
        "params": dict(caught.params),
        "query": sent.query,
        "body": sent.body,
        "webhookUrl": url,
        "executionMode": "test" if caught.test else "production",
    }
    if payload is not None:
        json["jwtPayload"] = payload
    return {"json": json}, sent.files


async def _read(request: HttpRequest, take: Mapping[str, Any], most: int) -> reading.Sent:
    """Read a call; forms with files are written to disk, so not in the loop."""
    if request.content_type == "multipart/form-data":
        return await sync_to_async(reading.read, thread_sensitive=False)(request, take, most)
    return reading.read(request, take, most)


def _url(request: HttpRequest, caught: Caught) -> str:
    door = "webhook-test" if caught.test else "webhook"
    return f"{origin_of(request)}/{door}/{caught.path}"


def origin_of(request: HttpRequest) -> str:
    """Return under which address this installation was called.

    Raises:
        Refusal: the host is none of ours.
    """
    try:
        return public_url(request, "/").rstrip("/")
    except DisallowedHost:
        raise Refusal(400, "This host name is not one of this installation.") from None


def _key(request: HttpRequest) -> dict[str, str]:
    key = request.headers.get("idempotency-key", "")
    if not key:
        return {}
    if len(key) > services.LONGEST_KEY:
        raise Refusal(400, f"Idempotency-Key: at most {services.LONGEST_KEY} characters.")
    return {"key": key, "fingerprint": services.digest_of(request)}


async def _answer(call: Call, seconds: float) -> Reply:
    if call.caught.test:
        await sync_to_async(services.spend_test)(call.caught)
    if call.caught.waits:
        return await services.answer_of(call, seconds)
    await services.begin(call)
    return _at_once(call.caught.wish)


def _at_once(wish: Mapping[str, Any]) -> Reply:
    code, given = wish["code"], wish["headers"]
    if wish.get("empty"):
        return Reply(code, tuple((n, v) for n, v in given))
    if "text" in wish:
        return replies.of_text(wish["text"], code, given)
    return Reply(code, replies.with_headers(STARTED.headers, given), STARTED.body)


# -- waiting runs ----------------------------------------------------------------------------------


@csrf_exempt
async def waiting_webhook(request: HttpRequest, token: str, suffix: str = "") -> HttpResponse:
    """Let a run go on that waits for a call. Only whoever was given its address has one."""
    more: dict[str, str] = {}
    try:
        execution, limits = await sync_to_async(_waiting)(token)
        parked = execution.parked if execution and execution.state == WAITING else {}
        wrong = parked.get("suffix", "") != suffix.strip("/")
        if execution is None or parked.get("resume") != WEBHOOK or wrong:
            raise Refusal(404, "No execution waits here.", hint="It went on, or waits elsewhere.")
        more = guarding.cross_origin(request, parked["guard"])
        if request.method == "OPTIONS":
            return answering.answer(Reply(204), {"Allow": f"OPTIONS, {parked['method']}", **more})
        if request.method != parked["method"]:
            allowed = f"OPTIONS, {parked['method']}"
            raise Refusal(405, "It waits for another method.", headers={"Allow": allowed})
        return answering.answer(await _resumed(request, execution, parked, limits), more)
    except Refusal as refusal:
        return answering.refused(refusal, more)


def _waiting(token: str) -> tuple[Execution | None, Limits]:
    body = tunables.value("webhook_body_limit") << 20
    return services.find_waited(token), Limits(body, tunables.value("webhook_wait"))


async def _resumed(
    request: HttpRequest, execution: Execution, parked: Mapping[str, Any], limits: Limits
) -> Reply:
    caught = Caught(
        0, "", request.method or "", WEBHOOK, "", parked, 0, "", execution.workflow_id,
        execution.team_id, "", None, None, test=execution.mode == TEST,
    )  # fmt: skip
    item, files = await _item(request, caught, limits, f"{origin_of(request)}{request.path}")
    await services.go_on(execution, WEBHOOK, item, files, caught.wish)
    if not caught.waits:
        return _at_once(caught.wish)
    return await services.waited_for(execution.pk, limits.wait)
