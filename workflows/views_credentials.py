"""Pages of credentials: the list, one of them, its test, and the way to an OAuth2 provider."""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Forbidden, WhooshError
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.permissions import demand, may
from whoosh_site.core.secrets import SecretKeyError
from workflows import services
from workflows.credentials import shelf
from workflows.credentials.oauth2 import CLIENT, OAuth2
from workflows.forms_credentials import CredentialForm
from workflows.models import Credential
from workflows.views import PER_PAGE, _number, _told

PENDING = "oauth2"
"""Where the session keeps what a browser at a provider is known by."""
LONGEST_AWAY = 15 * 60
"""Seconds somebody may take at a provider."""


def _find(request: HttpRequest, pk: int) -> Credential:
    return get_object_or_404(Credential.objects.visible_to(request.user).brief(), pk=pk)


def _may(request: HttpRequest, verb: str, credential: Credential) -> bool:
    return may(Actor.of(request), f"credential.{verb}", [credential.team_id])


@require_GET
@login_required
@live("rows")
def credential_list(request: HttpRequest) -> HttpResponse:
    """All credentials by name."""
    asked = {name: request.GET.get(name, "")[:200] for name in ("type", "q")}
    seen = Credential.objects.visible_to(request.user)
    types = sorted(set(seen.values_list("type", flat=True)))
    rows = seen.brief().order_by("name", "pk")
    if asked["type"]:
        rows = rows.filter(type=asked["type"])
    if asked["q"]:
        rows = rows.filter(name__icontains=asked["q"])
    shown = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "credentials": [(row, _may(request, "change", row)) for row in shown],
        "pages": shown,
        "types": [(key, shelf[key].label if key in shelf else key) for key in types],
        "asked": asked,
        "filtered": any(asked.values()),
        "may_change": may(Actor.of(request), "credential.change", request.user.roles),
    }
    return page(request, "workflows/credentials.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@login_required
def new_credential(request: HttpRequest) -> HttpResponse:
    """Choose a type, and fill in what it asks for."""
    demand(Actor.of(request), "credential.change", request.user.roles)
    kind = shelf.get(request.GET.get("type", "")[:60])
    if kind is None:
        kinds = sorted(shelf, key=lambda one: one.label.lower())
        return render(request, "workflows/credential_types.html", {"kinds": kinds})
    team = _number(request.GET.get("team")) or request.user.home_team
    initial = {"name": request.GET.get("name", "")[:128], "team": team}
    form = CredentialForm(kind, request.user, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_credential(
                kind.key, form.cleaned_data["name"], form.values(), by=Actor.of(request),
                team=form.cleaned_data["team"], hosts=form.hosts(),
                ref=request.GET.get("ref", "")[:64],
            )  # fmt: skip
            messages.success(request, f"The credential {made} is stored.")
            return redirect(made)
        except WhooshError as error:
            if isinstance(error, Forbidden) and error.code == "forbidden":
                raise
            form.blame(error.message)
    context = {"form": form, "kind": kind}
    return render(request, "workflows/credential_new.html", context, status=_status(form))


def _status(form: CredentialForm) -> int:
    return 422 if form.errors else 200


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@login_required
@live("state")
def credential_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One credential: what is known of it, its form, where it is used."""
    credential = _find(request, pk)
    if not _may(request, "change", credential):
        if request.method == "POST":
            demand(Actor.of(request), "credential.change", [credential.team_id])
        return page(request, "workflows/credential.html", {"credential": credential})
    form = None
    if not request.fragment:
        form, done = _changed(request, credential)
        if done:
            return redirect(credential)
    context = _about(request, credential) | {"form": form, "may_change": True}
    status = _status(form) if form is not None else 200
    return page(request, "workflows/credential.html", context, status=status)


def _changed(request: HttpRequest, credential: Credential) -> tuple[CredentialForm | None, bool]:
    """Return the form, and whether what was sent with it is done."""
    kind = credential.kind
    if kind is None:
        return None, False
    try:
        kept = credential.entered
    except SecretKeyError as error:
        messages.error(request, error.message)
        kept = {}
    share = _may(request, "share", credential)
    form = CredentialForm(
        kind, request.user, request.POST or None, credential=credential, kept=kept, share=share,
        initial={"name": credential.name},
    )  # fmt: skip
    if request.method != "POST" or not form.is_valid():
        return form, False
    try:
        by, data = Actor.of(request), form.cleaned_data
        services.change_credential(
            credential, by=by, name=data["name"], values=form.values(),
            hosts=form.hosts() if "hosts" in form.fields else None,
        )  # fmt: skip
        if "shared_with" in data:
            services.share_credential(credential, data["shared_with"], by=by)
        messages.success(request, f"The credential {credential} is saved.")
        return form, True
    except WhooshError as error:
        form.blame(error.message)
        return form, False


def _about(request: HttpRequest, credential: Credential) -> dict[str, Any]:
    kind, people = credential.kind, None
    if kind is not None and issubclass(kind, OAuth2):
        try:
            people = kind.grant(credential.entered) != CLIENT
        except SecretKeyError:
            people = True
    teams = None if request.user.is_superuser else list(request.user.roles)
    return {
        "credential": credential,
        "uses": services.uses_of(credential, teams)[:100] if not request.fragment else [],
        "oauth": people is not None,
        "connects": bool(people),
        "callback": services.redirect_uri(request.build_absolute_uri("/")),
        "may_test": kind is not None and not kind.stays,
        "asks_url": kind is not None and kind.signs and not _named(credential),
        "may_delete": _may(request, "delete", credential),
    }


def _named(credential: Credential) -> bool:
    """Whether the type itself says where to try it."""
    kind = credential.kind
    try:
        return kind is not None and kind.probe(credential.entered) is not None
    except SecretKeyError:
        return False


@require_POST
@login_required
def try_credential(request: HttpRequest, pk: int) -> HttpResponse:
    """Try it, and tell what came of it."""
    credential = _find(request, pk)
    with _told(request):
        url = request.POST.get("url", "")[:2000]
        if services.try_credential(credential, by=Actor.of(request), url=url):
            messages.success(request, f"The credential {credential} works.")
        else:
            credential.refresh_from_db(fields=["test_words"])
            messages.error(request, credential.test_words)
    return redirect(credential)


@require_POST
@login_required
def delete_credential(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete it; where workflows use it, only if that was asked for."""
    credential = _find(request, pk)
    name = str(credential)
    with _told(request):
        force = request.POST.get("force") == "yes"
        services.delete_credential(credential, by=Actor.of(request), force=force)
        messages.success(request, f"The credential {name} is deleted.")
        return redirect("credentials")
    return redirect(credential)


# -- OAuth2 --------------------------------------------------------------------------------------


@require_POST
@login_required
def connect_credential(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the way to the provider, and remember who takes it."""
    credential = _find(request, pk)
    with _told(request):
        base = request.build_absolute_uri("/")
        asked = services.connection(credential, by=Actor.of(request), base=base)
        request.session[PENDING] = {
            "state": asked.state, "verifier": asked.verifier, "redirect_uri": asked.redirect_uri,
            "credential": credential.pk, "version": credential.token_version,
            "until": time.time() + LONGEST_AWAY,
        }  # fmt: skip
        # A form may lead to this site alone (decision 6); from here on it is a link.
        context = {"credential": credential, "url": asked.url, "host": urlsplit(asked.url).netloc}
        return render(request, "workflows/credential_connect.html", context)
    return redirect(credential)


@require_GET
@login_required
def oauth2_callback(request: HttpRequest) -> HttpResponse:
    """Take a person back from the provider, with the code a token is fetched for."""
    asked = request.session.pop(PENDING, None) or {}
    state, code = request.GET.get("state", ""), request.GET.get("code", "")
    if not asked or not secrets.compare_digest(state.encode(), asked["state"].encode()):
        messages.error(
            request, "This is not the answer to what you asked for, or it came twice. Press "
            "Connect on the credential's page once more.",
        )  # fmt: skip
        return redirect("credentials")
    credential = _find(request, asked["credential"])
    with _told(request):
        if asked["until"] < time.time():
            messages.error(request, "That took too long. Press Connect once more.")
        elif not code:
            words = request.GET.get("error_description") or request.GET.get("error") or "no code"
            messages.error(request, f"The provider says no: {words[:200]}")
        else:
            services.connect(credential, code, asked, by=Actor.of(request))
            messages.success(request, f"The credential {credential} is connected.")
    return redirect(credential)
