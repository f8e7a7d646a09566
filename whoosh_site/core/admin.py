"""Administration of people and system."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from whoosh_site.core import audit, services, tunables
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import (
    ApiKey,
    AuditEntry,
    Lockout,
    Membership,
    Process,
    Setting,
    Team,
    User,
)
from whoosh_site.core.permissions import may
from whoosh_site.core.rest import public_url, teams_of
from whoosh_site.core.templatetags.ui import clock, icon


def moment(field: str, label: str = "") -> Callable[[Any], SafeString | str]:
    """Return a column that tells a time as pages do: in the reader's own zone."""

    @admin.display(description=label or field.replace("_", " ").capitalize(), ordering=field)
    def told(row: Any) -> SafeString | str:
        return clock(getattr(row, field))

    told.__name__ = field
    return told


LAST_LOGIN, JOINED = moment("last_login"), moment("date_joined")
CREATED, USED = moment("created_at"), moment("last_used_at")
EXPIRES, AT = moment("expires_at"), moment("at")
STARTED, BEAT = moment("started_at"), moment("beat_at")
LAST_AT, UNTIL = moment("last_at"), moment("until")


LONGEST_SEARCH = 200


class RoomAdmin(admin.ModelAdmin):
    """Admin of one model: rows by `.visible_to`, actions by the permission table, all audited."""

    word = ""
    """First part of the rules' names, such as "agent"; without one only administrators enter."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return what this person may see; rows of no team are for administrators."""
        rows = super().get_queryset(request)
        if hasattr(rows, "visible_to"):
            return rows.visible_to(request.user)
        return rows if request.user.is_superuser else rows.none()

    def allowed(self, request: HttpRequest, verb: str, obj: models.Model | None) -> bool:
        """Ask the permission table."""
        if request.user.is_superuser:
            return True
        if not self.word or not request.user.is_staff:
            return False
        teams = teams_of(obj) if obj is not None else list(request.user.roles)
        return may(Actor.of(request), f"{self.word}.{verb}", teams)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the room to those who may look."""
        return self.allowed(request, "view", None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May look."""
        return self.allowed(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """May add."""
        return self.allowed(request, "change", None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May change."""
        return self.allowed(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May delete."""
        return self.allowed(request, "change", obj)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Filter by what the page offers; Django would take every column of the row."""
        offered = [_looked_up(found) for found in self.list_filter]
        named = any(
            f"{lookup}__".startswith(f"{n}__") for n in (*offered, self.date_hierarchy) if n
        )
        return named and super().lookup_allowed(lookup, value, request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer what this person may see."""
        rows = db_field.remote_field.model._default_manager.all()
        if "queryset" not in kwargs and hasattr(rows, "visible_to"):
            kwargs["queryset"] = rows.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        """Return the address of the row's own page, if it has one."""
        return obj.get_absolute_url() if hasattr(obj, "get_absolute_url") else None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Head the list with what it holds; ids that are none and endless searches are refused."""
        if len(request.GET.get("q", "")) > LONGEST_SEARCH:
            raise BadInput(f"Search for at most {LONGEST_SEARCH} characters.")
        chosen = request.POST.getlist("_selected_action")
        if not all(map(_is_id, chosen)):
            raise BadInput("One of the chosen rows does not exist. Choose again.")
        title = str(self.opts.verbose_name_plural)
        context = {"title": title[:1].upper() + title[1:]} | (extra_context or {})
        return super().changelist_view(request, context)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Build the list; a number too large for a date or column is a filter it cannot use."""
        try:
            return super().get_changelist_instance(request)
        except OverflowError as error:
            raise IncorrectLookupParameters(str(error)) from error

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write the audit line beside Django's own."""
        audit.record(Actor.of(request), "created", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write the audit line beside Django's own."""
        audit.record(Actor.of(request), "changed", obj, {"in": message})
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete one as many."""
        self.delete_queryset(request, type(obj)._default_manager.filter(pk=obj.pk))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Delete, then write an audit line for each."""
        gone = list(queryset)  # these keep their ids
        queryset.delete()
        for obj in gone:
            audit.record(Actor.of(request), "deleted", obj)


def _looked_up(found: Any) -> str:
    """Return what a filter of a list looks up: a field, a field with a class, or a class alone."""
    if isinstance(found, str):
        return found
    return str(found[0] if isinstance(found, tuple) else found.parameter_name)


class ReadOnlyAdmin(RoomAdmin):
    """Look, do not touch."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes here."""
        return False


class Chooser(AutocompleteSelect):
    """Django's field with search; shown again with an id that is none, it chooses nothing."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """Look up only what can be an id."""
        return super().optgroups(name, [pk for pk in value if _is_id(str(pk))], attrs)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


class LabelledInline(admin.TabularInline):
    """Rows of a table whose fields speak to screen readers by themselves."""

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Search with our own widget."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Chooser(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Name every field, the delete box included."""
        made = super().get_formset(request, obj, **kwargs)

        class Labelled(made):  # type: ignore[misc, valid-type]
            """Django's formset with labels."""

            def add_fields(self, form: Any, index: int | None) -> None:
                """Add Django's fields, then name them all."""
                super().add_fields(form, index)
                for field in form.fields.values():
                    field.widget.attrs["aria-label"] = str(field.label)

        return Labelled


class TeamsOfUser(LabelledInline):
    """The teams a user belongs to."""

    model = Membership
    extra = 0
    autocomplete_fields = ["team"]


class MembersOfTeam(LabelledInline):
    """The users of a team."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(User)
class UserAdmin(RoomAdmin, DjangoUserAdmin):
    """People: sign-in, teams, password links."""

    list_display = ["user_name", "email", "is_active", "is_superuser", "teams", LAST_LOGIN]
    list_filter = ["is_active", "is_superuser", "is_staff", "memberships__team"]
    search_fields = ["username", "email", "first_name", "last_name"]
    actions = ["make_password_link", "switch_off", "switch_on"]
    inlines = [TeamsOfUser]
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": [LAST_LOGIN, JOINED]}),
    ]
    readonly_fields = [LAST_LOGIN, JOINED]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[User]:
        """Return users with their teams."""
        return super().get_queryset(request).prefetch_related("memberships__team")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Call the user name as every page does."""
        if db_field.name == "username":
            kwargs["label"] = "User name"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="User name", ordering="username")
    def user_name(self, user: User) -> str:
        """The name to sign in with."""
        return user.username

    @admin.display(description="Teams")
    def teams(self, user: User) -> str:
        """Name the user's teams and roles."""
        return ", ".join(f"{m.team} ({m.role})" for m in user.memberships.all()) or "–"

    @admin.action(description="Make a link to set a password")
    def make_password_link(self, request: HttpRequest, users: models.QuerySet[User]) -> None:
        """Show one link per user; it works once, for two days."""
        for user in users:
            path = services.password_link(user, by=Actor.of(request))
            url = public_url(request, path)
            messages.success(request, _link_to_give(user, url))

    @admin.action(description="Switch off")
    def switch_off(self, request: HttpRequest, users: models.QuerySet[User]) -> None:
        """End sign-in, sessions, sockets and keys of these users at once."""
        self._switch(request, users.exclude(pk=request.user.pk), on=False)

    @admin.action(description="Switch on")
    def switch_on(self, request: HttpRequest, users: models.QuerySet[User]) -> None:
        """Let these users sign in again."""
        self._switch(request, users, on=True)

    def _switch(self, request: HttpRequest, users: models.QuerySet[User], *, on: bool) -> None:
        for user in users.filter(is_active=not on):
            User.objects.filter(pk=user.pk).update(is_active=on)
            audit.record(Actor.of(request), "switched on" if on else "switched off", user)
            messages.success(request, f"{user} is switched {'on' if on else 'off'}.")


def _link_to_give(user: User, url: str) -> SafeString:
    """Return the message with the link, a button that copies it, and what to do with it."""
    return format_html(
        "Send this link to {0}; it sets a new password once, within two days:"
        '<div class="wh-link"><span id="link-{1}"><code>{2}</code></span> '
        '<button class="btn btn-sm" type="button" data-copy="link-{1}">{3} '
        "<span data-label>Copy</span></button></div>",
        user,
        user.pk,
        url,
        icon("copy"),
    )


@admin.register(Team)
class TeamAdmin(RoomAdmin):
    """Teams and their members."""

    word = "team"
    list_display = ["name", "members", CREATED]
    search_fields = ["name"]
    ordering = ["name"]
    inlines = [MembersOfTeam]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Team]:
        """Return teams with the number of their members."""
        return super().get_queryset(request).annotate(count=models.Count("memberships"))

    @admin.display(ordering="count")
    def members(self, team: Team) -> int:
        """Count."""
        return team.count

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only administrators make teams."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only administrators delete teams."""
        return request.user.is_superuser


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys of everybody. They are made on the account page; here they are revoked."""

    list_display = ["name", "prefix", "user", "shown_scopes", USED, EXPIRES, CREATED]
    list_filter = ["user"]
    search_fields = ["name", "prefix", "user__username"]
    fields = readonly_fields = [
        "user", "name", "prefix", "shown_scopes", CREATED, USED, EXPIRES,
    ]  # fmt: skip

    @admin.display(description="Scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        """Words with commas."""
        return ", ".join(key.scopes)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators revoke."""
        return request.user.is_superuser

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> None:
        """Revoke by the service."""
        for key in queryset:
            services.revoke_api_key(key, by=Actor.of(request))


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    """The audit trail."""

    word = "audit"
    list_display = ["number", AT, "actor", "action", "target_type", "target"]
    fields = readonly_fields = [
        "number", AT, "actor", "action", "target_type", "target_id", "target", "details",
        "previous", "digest",
    ]  # fmt: skip
    list_filter = ["action", "target_type"]
    search_fields = ["actor", "target"]
    ordering = ["-number"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """Resident processes and their signs of life."""

    list_display = ["job", "host", "pid", STARTED, BEAT, "carrying"]
    fields = readonly_fields = ["job", "host", "owner", "pid", STARTED, BEAT, "carrying"]


@admin.register(Lockout)
class LockoutAdmin(ReadOnlyAdmin):
    """Accounts and addresses that guess; deleting a row lets them try again at once."""

    list_display = ["subject", "failures", LAST_AT, UNTIL]
    fields = readonly_fields = ["subject", "failures", LAST_AT, UNTIL]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators forgive."""
        return request.user.is_superuser


class SettingsForm(forms.Form):
    """All tunables on one page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for tunable in tunables.declared():
            self.fields[tunable.key] = _field(tunable)


def _field(tunable: tunables.Tunable) -> forms.Field:
    unit = f" ({tunable.unit})" if tunable.unit else ""
    shared: dict[str, Any] = {
        "label": f"{tunable.label}{unit}",
        "help_text": f"{tunable.help} Default: {_shown(tunable.default)}.",
        "initial": tunables.value(tunable.key),
        "required": False,
    }
    if isinstance(tunable.default, bool):
        box = forms.CheckboxInput({"class": "form-check-input"})
        return forms.BooleanField(widget=box, **shared)
    if isinstance(tunable.default, int | float):
        kind = forms.IntegerField if isinstance(tunable.default, int) else forms.FloatField
        shared["required"] = True
        return kind(min_value=tunable.lowest, max_value=tunable.highest, **shared)
    return forms.CharField(**shared)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default or "empty")


@admin.register(Setting)
class SettingAdmin(RoomAdmin):
    """One page with every tunable, instead of a list of rows."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tunables are declared in the code."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show and save all tunables."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = SettingsForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._save(request, form):
            return redirect("admin:core_setting_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Settings",
            "form": form,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "core/settings.html", context)

    def _save(self, request: HttpRequest, form: SettingsForm) -> bool:
        """Set all of them, or none when one is refused."""
        by, changed = Actor.of(request), []
        with transaction.atomic():
            for tunable in tunables.declared():
                try:
                    if tunables.change(tunable.key, form.cleaned_data[tunable.key], by=by):
                        changed.append(tunable.label)
                except BadInput as error:
                    form.add_error(tunable.key, error.message)
            if form.errors:
                transaction.set_rollback(True)
        if changed and not form.errors:
            messages.success(request, f"Changed: {', '.join(changed)}.")
        return not form.errors
