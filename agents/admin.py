"""Administration of agents: live state, actions, a form that tests the endpoint."""

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents import services
from agents.models import Agent, AgentCapability, AgentModel, Call, Capability, Gpu, Model
from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import LabelledInline, ReadOnlyAdmin, RoomAdmin
from whoosh_site.core.errors import WhooshError


class AgentForm(forms.ModelForm):
    """An agent; its endpoint is tested before it is saved."""

    api_key = forms.CharField(
        required=False,
        label="API key",
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Sent as a Bearer token. Stored encrypted and never shown; empty keeps it.",
    )
    forget_key = forms.BooleanField(required=False, label="Forget the stored key")
    tags = forms.CharField(required=False, help_text="Separated by commas")
    models_fixed = forms.CharField(
        required=False,
        label="Only these models",
        help_text="Separated by commas; empty for all the host has",
    )
    save_anyway = forms.BooleanField(
        required=False,
        label="Save even if it does not answer",
        help_text="For a host that is switched off at the moment",
    )

    class Meta:
        model = Agent
        fields = [
            "name", "title", "team", "shared_with", "endpoint", "protocol", "allow_local",
            "preferred_model", "specialization", "slots", "enabled", "maintenance", "cpu_cores",
            "ram_gb", "min_tps", "max_response_time", "target_availability", "priority",
        ]  # fmt: skip
        widgets = {"shared_with": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examination: services.Examination | None = None
        self.initial["api_key"] = ""  # the field is always empty: only what is typed is a change
        for name in ("tags", "models_fixed"):
            if name in self.fields:
                self.initial[name] = ", ".join(getattr(self.instance, name) or [])

    def clean_tags(self) -> list[str]:
        """Split."""
        return _split(self.cleaned_data["tags"])

    def clean_models_fixed(self) -> list[str]:
        """Split."""
        return _split(self.cleaned_data["models_fixed"])

    def clean(self) -> dict[str, Any]:
        """Ask the endpoint what it is; say what it answered."""
        data = super().clean() or {}
        if "endpoint" in data and self._key_would_move(data):
            old = self.initial["endpoint"]
            self.add_error("api_key", f"Enter it again or forget it: it was stored for {old}.")
        if self.errors or not self._must_ask(data):
            return data
        try:
            url = services.vet_endpoint(data["endpoint"], allow_local=data["allow_local"])
        except WhooshError as error:
            self.add_error("endpoint", error.message)
            return data
        self.examination = async_to_sync(services.examine)(
            url, api_key=self.key(), protocol=data["protocol"], allow_local=data["allow_local"]
        )
        if not self.examination.ok and not data.get("save_anyway"):
            self.add_error("endpoint", f"{self.examination.message} Or save it anyway, below.")
        return data

    def _must_ask(self, data: dict[str, Any]) -> bool:
        asked = {"endpoint", "protocol", "api_key", "forget_key", "allow_local"}
        return data.get("enabled", True) and (
            self.instance.pk is None or bool(asked & set(self.changed_data))
        )

    def _key_would_move(self, data: dict[str, Any]) -> bool:
        given = data.get("api_key") or data.get("forget_key") or not self.instance.api_key
        return not given and not services.same_place(data["endpoint"], self.initial["endpoint"])

    def key(self) -> str:
        """Return the key to use: the typed one, the stored one, or none."""
        if self.cleaned_data.get("forget_key"):
            return ""
        return self.cleaned_data.get("api_key") or self.instance.api_key.reveal()

    def _post_clean(self) -> None:
        # The service saves the row; the key must not be put onto the instance as plain text.
        typed = self.cleaned_data.pop("api_key", "")
        super()._post_clean()
        self.cleaned_data["api_key"] = typed


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


class Gpus(LabelledInline):
    """Graphics cards of the host."""

    model = Gpu
    extra = 0


class Skills(LabelledInline):
    """What the agent is good at."""

    model = AgentCapability
    extra = 0
    autocomplete_fields = ["capability"]


class Held(LabelledInline):
    """What the host holds; found by asking it."""

    model = AgentModel
    extra = 0
    can_delete = False
    fields = readonly_fields = ["model", "resident", "quantization", "context_length", "tps"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Models are found, not typed."""
        return False


@admin.register(Agent)
class AgentAdmin(RoomAdmin):
    """Agents: register, test, watch, drain."""

    word = "agent"
    form = AgentForm
    change_form_template = "agents/admin_form.html"
    list_display = [
        "shown_name", "state", "load", "software", "held_models", "team", "slots", "enabled",
    ]  # fmt: skip
    list_filter = [
        "health__status", ("team", OfVisibleRows), "enabled", "maintenance", "protocol",
        ("capabilities__capability", OfVisibleRows),
    ]  # fmt: skip
    search_fields = ["name", "title", "endpoint", "specialization"]
    inlines = [Gpus, Skills, Held]
    actions = ["check_now", "refresh_models", "drain", "resume", "enable", "disable"]
    LIVE = ("state", "why")
    readonly_fields = LIVE
    fieldsets = [
        (None, {"fields": ["name", "title", "team", "shared_with", "specialization", "tags"]}),
        (
            "Endpoint",
            {
                "fields": [
                    "endpoint", "protocol", "api_key", "forget_key", "allow_local", "save_anyway",
                ]
            },
        ),
        ("State", {"fields": ["state", "why", "enabled", "maintenance"]}),
        ("Work", {"fields": ["slots", "preferred_model", "models_fixed", "priority"]}),
        (
            "Hardware and targets",
            {
                "fields": [
                    "cpu_cores", "ram_gb", "min_tps", "max_response_time", "target_availability",
                ]
            },
        ),
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Agent]:
        """Return agents with their live state."""
        rows = super().get_queryset(request).with_state()
        return rows.annotate(held=models.Count("models", distinct=True))

    def get_fieldsets(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        """A new agent has no state yet, only its switches."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        return [
            (name, options | {"fields": [f for f in options["fields"] if f not in self.LIVE]})
            for name, options in fieldsets
        ]

    def get_inlines(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        """Nobody has asked a new agent what it holds."""
        return self.inlines if obj is not None else [Gpus, Skills]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new agent belongs to the administrator's own team, if nothing else is said."""
        return {"team": request.user.home_team} | super().get_changeform_initial_data(request)

    @admin.display(description="Agent", ordering="name")
    def shown_name(self, agent: Agent) -> str:
        """Name, and title if it has one."""
        return f"{agent.name} – {agent.title}" if agent.title else agent.name

    @admin.display(description="State", ordering="health__status")
    def state(self, agent: Agent) -> SafeString | str:
        """The live badge: it fetches itself again when the agent changes."""
        badge = render_to_string("components/_status.html", {"status": agent.status})
        return format_html(
            '<span id="badge-{0}" data-live="agent:{0}" data-src="{1}" data-fragment="badge">{2}'
            "</span>",
            agent.pk,
            reverse("agent", args=[agent.pk]),
            badge,
        )

    @admin.display(description="Why")
    def why(self, agent: Agent) -> str:
        """The reason of the state."""
        return agent.status_reason or "–"

    @admin.display(description="Busy")
    def load(self, agent: Agent) -> str:
        """Slots in use."""
        return f"{agent.in_flight}/{agent.slots}"

    @admin.display(description="Software")
    def software(self, agent: Agent) -> str:
        """What the last check found."""
        return f"{agent.health.flavour} {agent.health.version}".strip() or "–"

    @admin.display(description="Models", ordering="held")
    def held_models(self, agent: Agent) -> int:
        """How many models the host has."""
        return agent.held

    def get_urls(self) -> list[Any]:
        """Add the test button's address."""
        view = self.admin_site.admin_view(self.examine_view)
        return [path("examine/", view, name="agents_agent_examine"), *super().get_urls()]

    def examine_view(self, request: HttpRequest) -> HttpResponse:
        """Answer the button "Test": what the endpoint says, nothing saved."""
        found: services.Examination | None = None
        problem = ""
        endpoint, local = request.POST.get("endpoint", ""), bool(request.POST.get("allow_local"))
        try:
            if not self.has_add_permission(request):
                problem = "Only administrators test endpoints."
            else:
                found = async_to_sync(services.examine)(
                    services.vet_endpoint(endpoint, allow_local=local),
                    api_key=request.POST.get("api_key") or self._stored_key(request, endpoint),
                    protocol=request.POST.get("protocol", ""),
                    allow_local=local,
                )
        except WhooshError as error:
            problem = error.message
        context = {"found": found, "problem": problem}
        return TemplateResponse(request, "agents/_examination.html", context)

    def _stored_key(self, request: HttpRequest, endpoint: str) -> str:
        """Return the agent's key, for the endpoint it was stored for."""
        pk = request.POST.get("pk", "")
        agent = Agent.objects.filter(pk=pk).first() if pk.isdecimal() else None
        kept = agent and not request.POST.get("forget_key")
        there = agent and services.same_place(endpoint, agent.endpoint)
        return agent.api_key.reveal() if agent and kept and there else ""

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        """Save by the service, so that rules, audit and pages hold here as well."""
        by, data = Actor.of(request), dict(form.cleaned_data)
        for name in ("shared_with", "save_anyway", "forget_key"):
            data.pop(name, None)
        data["api_key"] = form.key()
        if change:
            services.change_agent(Agent.objects.get(pk=obj.pk), by=by, **data)
        else:
            obj.pk = services.register_agent(by=by, **data).pk
            obj._state.adding = False
        obj.refresh_from_db()
        if form.examination is not None:
            level = messages.SUCCESS if form.examination.ok else messages.WARNING
            messages.add_message(request, level, form.examination.message)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Share by the service; inlines as usual."""
        shared = form.cleaned_data.pop("shared_with", [])
        services.share_agent(form.instance, shared, by=Actor.of(request))
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def construct_change_message(self, request: HttpRequest, form: Any, *rest: Any) -> Any:
        """Django's words; the service has written the audit line already."""
        return super().construct_change_message(request, form, *rest)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service wrote the audit line."""
        return admin.ModelAdmin.log_addition(self, request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service wrote the audit line."""
        return admin.ModelAdmin.log_change(self, request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The service writes the audit lines."""
        return admin.ModelAdmin.log_deletions(self, request, queryset)

    def delete_model(self, request: HttpRequest, obj: Agent) -> None:
        """Delete by the service."""
        services.delete_agent(obj, by=Actor.of(request))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Delete each by the service."""
        for agent in queryset:
            services.delete_agent(agent, by=Actor.of(request))

    # -- actions ------------------------------------------------------------------------------

    def _each(self, request: HttpRequest, agents: Any, service: Any, verb: str, **on: bool) -> None:
        done = 0
        for agent in agents:
            try:
                service(agent, by=Actor.of(request), **on)
                done += 1
            except WhooshError as error:
                messages.error(request, f"{agent}: {error.message}")
        if done:
            messages.success(request, f"{done} {verb}.")

    @admin.action(description="Check now")
    def check_now(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Look at the hosts at once."""
        self._each(request, queryset, services.check_now, "are being checked")

    @admin.action(description="Refresh models")
    def refresh_models(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Read the hosts' lists of models anew."""
        self._each(request, queryset, services.refresh, "are asked for their models")

    @admin.action(description="Drain")
    def drain(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Start no new calls there."""
        self._each(request, queryset, services.drain, "take no new calls", on=True)

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Take calls again."""
        self._each(request, queryset, services.drain, "take calls again", on=False)

    @admin.action(description="Enable")
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Switch on."""
        self._each(request, queryset, services.switch, "are switched on", on=True)

    @admin.action(description="Disable")
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Switch off."""
        self._each(request, queryset, services.switch, "are switched off", on=False)


@admin.register(Capability)
class CapabilityAdmin(RoomAdmin):
    """The words agents are described with."""

    word = "capability"
    list_display = ["name", "description", "agents_with"]
    search_fields = ["name", "description"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Capability]:
        """Return words with the number of agents that have them."""
        return super().get_queryset(request).annotate(count=models.Count("agents"))

    @admin.display(description="Agents", ordering="count")
    def agents_with(self, capability: Capability) -> int:
        """Count."""
        return capability.count


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    """Models found on the hosts."""

    word = "model"
    list_display = ["name", "family", "parameters", "on_hosts"]
    search_fields = ["name", "family"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Model]:
        """Return models with the number of their hosts."""
        return super().get_queryset(request).annotate(count=models.Count("hosts"))

    @admin.display(description="Hosts", ordering="count")
    def on_hosts(self, model: Model) -> int:
        """Count."""
        return model.count


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    """Every prompt and how it went."""

    word = "call"
    list_display = [
        "id", "title", "state", "agent_name", "model_name", "created_by", "answer_tokens", "tps",
        "total_ms", "created_at",
    ]  # fmt: skip
    list_filter = ["state", "source", ("agent", OfVisibleRows), ("team", OfVisibleRows)]
    search_fields = ["title", "agent_name", "model_name"]
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Call]:
        """Lists do not read the texts."""
        return super().get_queryset(request).brief()
