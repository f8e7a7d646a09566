"""Administration of hosts that join by themselves: tokens for them, and what they ask."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents import services
from agents.models import JoinRequest, JoinToken
from agents.services.joining import MOST_DAYS
from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import CREATED, EXPIRES, ReadOnlyAdmin, RoomAdmin, moment
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.rest import public_url
from whoosh_site.core.templatetags.ui import icon

DECIDED = moment("decided_at", "Decided")


class JoinTokenForm(forms.ModelForm):
    """A new token."""

    days = forms.IntegerField(
        min_value=1, max_value=MOST_DAYS, initial=7, label="Expires after days"
    )

    class Meta:
        model = JoinToken
        fields = ["name", "team", "most_uses"]


@admin.register(JoinToken)
class JoinTokenAdmin(RoomAdmin):
    """Tokens for hosts. A token is shown once, when it is made; deleting it revokes it."""

    form = JoinTokenForm
    list_display = ["name", "team", "prefix", "used", EXPIRES, CREATED]
    list_filter = [("team", OfVisibleRows)]
    search_fields = ["name", "prefix"]
    readonly_fields = ["prefix", "used", EXPIRES, CREATED]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A new token has neither prefix nor uses."""
        new = ["name", "team", "most_uses", "days"]
        return new if obj is None else ["name", "team", *self.readonly_fields]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Hosts join the administrator's own team, if nothing else is said."""
        return {"team": request.user.home_team} | super().get_changeform_initial_data(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token is made and revoked, never changed."""
        return False

    @admin.display(description="Used")
    def used(self, token: JoinToken) -> str:
        """How often, of how often it may be."""
        return f"{token.uses} of {token.most_uses}"

    def save_model(self, request: HttpRequest, obj: JoinToken, form: Any, change: bool) -> None:
        """Make it by the service; show its text once."""
        token, text = services.make_join_token(by=Actor.of(request), **form.cleaned_data)
        obj.pk, obj.prefix = token.pk, token.prefix
        obj._state.adding = False
        messages.success(request, _to_copy(text, public_url(request, reverse("join"))))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service wrote the audit line."""
        return admin.ModelAdmin.log_addition(self, request, obj, message)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[JoinToken]) -> None:
        """Revoke by the service."""
        for token in queryset:
            services.revoke_join_token(token, by=Actor.of(request))


def _to_copy(text: str, door: str) -> SafeString:
    """Return the message with the token, and how a host asks with it."""
    return format_html(
        "This is the join token. Copy it now: it is not shown again."
        '<div class="wh-link"><span id="join-token"><code>{0}</code></span> '
        '<button class="btn btn-sm" type="button" data-copy="join-token">{1} '
        "<span data-label>Copy</span></button></div>"
        "<div class=\"wh-link\"><span>On the host: <code>curl -H 'Authorization: Bearer {0}' "
        "-H 'Content-Type: application/json' -d '{{\"name\": \"NAME\"}}' {2}</code></span></div>",
        text,
        icon("copy"),
        door,
    )


@admin.register(JoinRequest)
class JoinRequestAdmin(ReadOnlyAdmin):
    """Hosts that asked to join. Approving looks at the host first; nothing was sent before."""

    list_display = [
        "name", "shown_endpoint", "state", "team", "address", "trouble", CREATED, DECIDED,
    ]  # fmt: skip
    list_filter = ["state", ("team", OfVisibleRows)]
    search_fields = ["name", "endpoint"]
    actions = ["approve", "reject"]
    fields = readonly_fields = [
        "name", "endpoint", "allow_local", "protocol", "slots", "capabilities", "tags", "team",
        "token", "address", CREATED, "state", "trouble", "decided_by", DECIDED, "agent",
    ]  # fmt: skip

    @admin.display(description="Endpoint", ordering="endpoint")
    def shown_endpoint(self, row: JoinRequest) -> str:
        """Say when it is this machine."""
        return f"{row.endpoint} (this machine)" if row.allow_local else row.endpoint

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deleted record lets the host ask again."""
        return request.user.is_superuser

    @admin.action(description="Approve")
    def approve(self, request: HttpRequest, queryset: models.QuerySet[JoinRequest]) -> None:
        """Look at the hosts and make them agents."""
        self._each(request, queryset, services.approve_join, "is an agent now")

    @admin.action(description="Reject")
    def reject(self, request: HttpRequest, queryset: models.QuerySet[JoinRequest]) -> None:
        """Turn the hosts away."""
        self._each(request, queryset, services.reject_join, "was turned away")

    def _each(
        self, request: HttpRequest, rows: Any, service: Callable[..., Any], done: str
    ) -> None:
        for row in rows:
            try:
                service(row, by=Actor.of(request))
                messages.success(request, f"{row.name} {done}.")
            except WhooshError as error:
                messages.error(request, f"{row.name}: {error.message}")
