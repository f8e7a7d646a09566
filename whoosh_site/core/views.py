"""Pages of this room: dashboard, sign-in, account, search, health, problems."""

import sys
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    transaction,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from whoosh_site.core import audit, health, services
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, NotFound, WhooshError
from whoosh_site.core.forms import (
    ChangePasswordForm,
    KeyForm,
    LoginForm,
    NewPasswordForm,
    PreferencesForm,
    SetupForm,
)
from whoosh_site.core.live.fragments import live
from whoosh_site.core.models.access import ApiKey, OneTimeLink
from whoosh_site.core.models.people import User
from whoosh_site.core.panels import panels
from whoosh_site.core.search import search
from whoosh_site.core.secrets import decrypt, encrypt

FRESH = "fresh_key"  # in the session, encrypted, until the account page has shown it
RETRY_AFTER = 5
"""Seconds after which to try again when the database is away."""
BACKEND = "whoosh_site.core.auth.NameOrEmailBackend"


class Login(LoginView):
    """Sign in with user name or e-mail address."""

    template_name = "core/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_redirect_url(self) -> str:
        """Lead on to the page asked for; the sign-in itself is none."""
        wanted = super().get_redirect_url()
        return "" if urlsplit(wanted).path == self.request.path else wanted

    def form_valid(self, form: LoginForm) -> HttpResponse:
        """Note the sign-in."""
        answer = super().form_valid(form)
        audit.record(Actor(self.request.user), "signed in", self.request.user)
        return answer


@require_GET
@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    """Everything at a glance; each panel lives by itself."""
    ordered = sorted((panel() for panel in panels), key=lambda panel: panel.order)
    return render(request, "core/dashboard.html", {"shown": [p.draw(request) for p in ordered]})


@require_GET
@login_required
@live("panel")
def panel(request: HttpRequest, key: str) -> HttpResponse:
    """One panel of the dashboard, drawn anew."""
    if key not in panels:
        raise Http404(f"no panel {key}")
    return HttpResponse(panels[key]().draw(request))


@require_GET
@login_required
def find(request: HttpRequest) -> HttpResponse:
    """Results of the one search box."""
    text = request.GET.get("q", "")[:200]
    return render(request, "core/search.html", {"q": text, "groups": search(request.user, text)})


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Spend a one-time link: the first administrator, or a new password."""
    link = OneTimeLink.find(token)
    if link is None:
        return _spent(request)
    first = link.purpose == OneTimeLink.Purpose.SETUP
    form = (SetupForm if first else NewPasswordForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = _spend(token, form.cleaned_data, first=first)
        except NotFound:  # somebody was faster
            return _spent(request)
        except (BadInput, IntegrityError) as error:
            form.add_error("password", getattr(error, "message", "This name is taken."))
        else:
            login(request, user, BACKEND)
            return redirect("dashboard")
    return render(request, "core/welcome.html", {"form": form, "first": first, "for": link.user})


def _spent(request: HttpRequest) -> HttpResponse:
    """Say that a link is dead, and the way on."""
    way = "Ask an administrator" if User.objects.administrators().exists() else "Start WHOOSH again"
    advice = f"It works once, for two days. If you have a password, sign in. {way} for a new link."
    return problem(request, 404, "This link is used up or too old", advice)


def _spend(token: str, data: dict[str, Any], *, first: bool) -> Any:
    if not first:
        return services.set_password(token, password=data["password"])
    return services.set_up(
        token, username=data["username"], email=data["email"], password=data["password"]
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """A person's own name, look, password and keys."""
    user = request.user
    initial = {name: getattr(user, name) for name in ("first_name", "last_name", "email")}
    form = PreferencesForm(request.POST or None, initial=initial | user.preferences)
    if request.method == "POST" and form.is_valid() and _keep(request, form):
        messages.success(request, "Saved.")
        return redirect("account")
    return _account(request, form=form, **_fresh_key(request))


def _fresh_key(request: HttpRequest) -> dict[str, str]:
    """Return the key made a moment ago, and forget it: it is shown by one page only."""
    fresh = request.session.pop(FRESH, None)
    if fresh is None:
        return {}
    request.session.save()  # before it is shown, not after
    return {"fresh_name": fresh["name"], "fresh_text": decrypt(fresh["text"])}


def _account(request: HttpRequest, *, status: int = 200, **forms: Any) -> HttpResponse:
    initial = {name: getattr(request.user, name) for name in ("first_name", "last_name", "email")}
    context = {
        "form": PreferencesForm(initial=initial | request.user.preferences),
        "password_form": ChangePasswordForm(request),
        "key_form": KeyForm(),
        "keys": request.user.api_keys.all(),
        "roles": request.user.memberships.select_related("team"),
    }
    return render(request, "core/account.html", context | forms, status=status)


@transaction.atomic
def _keep(request: HttpRequest, form: PreferencesForm) -> bool:
    data, user = form.cleaned_data, request.user
    user.preferences = user.preferences | {"theme": data.pop("theme") or "auto"}
    for name, value in data.items():
        setattr(user, name, value)
    try:
        with transaction.atomic():
            user.save(update_fields=[*data, "preferences"])
    except IntegrityError:
        form.add_error("email", "Another account uses this address.")
        return False
    audit.record(Actor.of(request), "changed own account", user)
    return True


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """Set a new password; this session goes on, all others end."""
    if request.method == "GET":  # a refused form stays in the address bar
        return redirect("account")
    form, user = ChangePasswordForm(request, request.POST), request.user
    if form.is_valid():
        try:
            services.change_password(
                user, password=form.cleaned_data["password"], by=Actor.of(request)
            )
        except BadInput as error:
            form.add_error("password", error.message)
        else:
            update_session_auth_hash(request, user)
            messages.success(request, "Your password was changed.")
            return redirect("account")
    return _account(request, password_form=form, status=422)


@require_http_methods(["GET", "POST"])
@login_required
def create_key(request: HttpRequest) -> HttpResponse:
    """Make an API key; the account page shows it once."""
    if request.method == "GET":  # a refused form stays in the address bar
        return redirect("account")
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _account(request, key_form=form, status=422)
    data = form.cleaned_data
    try:
        key, text = services.create_api_key(
            user=request.user,
            name=data["name"],
            scopes=data["scopes"],
            by=Actor.of(request),
            expires_in=timedelta(days=data["days"]) if data["days"] else None,
        )
    except WhooshError as error:
        form.add_error("scopes", error.message)
        return _account(request, key_form=form, status=422)
    request.session[FRESH] = {"name": key.name, "text": encrypt(text)}
    return redirect("account")


@require_POST
@login_required
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of a person's own keys."""
    key = get_object_or_404(ApiKey, pk=pk, user=request.user)
    services.revoke_api_key(key, by=Actor.of(request))
    messages.success(request, f"The key {key.name} no longer works.")
    return redirect("account")


# -- for machines ----------------------------------------------------------------------------


@require_GET
async def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive; asks nothing else. By its name another WHOOSH knows this for one."""
    return JsonResponse({"status": "ok", "service": "whoosh"})


@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """Database and workers are ready; says no more than that to strangers."""
    try:
        found = health.findings(needed_only=True)
    except DatabaseError:
        found = {"database": [health.Finding(health.ERROR, "no answer")]}
    ready = health.worst(found) != health.ERROR
    parts = {key: health.worst({key: group}) for key, group in found.items()}
    status = {"status": "ready" if ready else "not ready", "parts": parts}
    return JsonResponse(status, status=200 if ready else 503)


# -- problems --------------------------------------------------------------------------------


def problem(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    """Render the error page, or an API-shaped answer below /api/."""
    if request.path.startswith("/api/"):
        error = {"code": title.lower().replace(" ", "_"), "message": advice, "details": {}}
        return JsonResponse({"error": error}, status=status)
    context = {"title": title, "advice": advice, "status": status}
    return render(request, "problem.html", context, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return problem(request, 404, "Not found", "There is nothing here, or not for you.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return problem(request, 403, "Not allowed", str(exception) or "You may not do this.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, plain: the request was too broken for a page."""
    if request.path.startswith("/api/"):
        return problem(request, 400, "Bad request", "This request cannot be used as it stands.")
    return HttpResponse("Bad request", status=400, content_type="text/plain")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form from elsewhere, or from a session that has ended."""
    advice = "This form came from another site or an old page. Go back, reload and try again."
    return problem(request, 403, "Not accepted", advice)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database is away; without touching the database."""
    if _database_is_away(sys.exc_info()[1]):
        advice = "The database does not answer at the moment. Try again in some seconds."
        response = _plain_problem(request, 503, "Unavailable", advice)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    return _plain_problem(request, 500, "Error", "Something broke here. It was logged.")


def _plain_problem(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem(request, status, title, advice)
    text = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><p>{advice}"
    return HttpResponse(text, status=status)


def _database_is_away(error: BaseException | None) -> bool:
    """Whether it refuses or does not answer; a table or column it lacks is a fault of ours."""
    away = isinstance(error, OperationalError | InterfaceError)
    return away and not str(error).startswith("no such")
