"""Administration of agents: live state, actions, a form that tests the endpoint."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from agents import admin_joining, services  # noqa: F401  (it registers itself)
from agents.forms import AgentForm, in_the_form
from agents.live import tell
from agents.models import (
    Agent,
    AgentCapability,
    AgentModel,
    Call,
    Capability,
    Gpu,
    Model,
    ModelJob,
)
from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import CREATED, LabelledInline, ReadOnlyAdmin, RoomAdmin, moment
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.models import Team
from whoosh_site.core.templatetags.ui import amount, duration, size


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
    """What the host holds; found by asking it. Only how many calls a model takes is typed."""

    model = AgentModel
    extra = 0
    can_delete = False
    readonly_fields = ["model", "in_memory", "kept", "quantisation", "context_length", "speed"]
    fields = [*readonly_fields, "slots"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Models are found, not typed."""
        return False

    @admin.display(description="In memory")
    def in_memory(self, held: AgentModel) -> str:
        """As pages call it."""
        return "yes" if held.resident else "no"

    @admin.display(description="Kept there")
    def kept(self, held: AgentModel) -> str:
        """For how long; set on the model's page."""
        return "pinned" if held.pinned else held.keep_alive or "as the host does"

    @admin.display(description="Quantisation")
    def quantisation(self, held: AgentModel) -> str:
        """As pages spell it."""
        return held.quantization or "–"

    @admin.display(description="Tokens/s")
    def speed(self, held: AgentModel) -> str:
        """Rounded."""
        return amount(held.tps)


def row_changes(formset: Any) -> dict[str, list[str]]:
    """Return what a saved list of rows added, changed and removed, in words."""
    found = {
        "added": [str(row) for row in formset.new_objects],
        "changed": [str(row) for row, _ in formset.changed_objects],
        "removed": [str(row) for row in formset.deleted_objects],
    }
    return {verb: rows for verb, rows in found.items() if rows}


class ByHealth(admin.ChoicesFieldListFilter):
    """Agents by what the last check said."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "state"


@admin.register(Agent)
class AgentAdmin(RoomAdmin):
    """Agents: register, test, watch, drain."""

    word = "agent"
    form = AgentForm
    change_form_template = "agents/admin_form.html"
    list_display = [
        "shown_name", "state", "load", "software", "held_models", "team", "enabled",
    ]  # fmt: skip
    list_filter = [
        ("health__status", ByHealth), ("team", OfVisibleRows), "enabled", "maintenance", "protocol",
        ("capabilities__capability", OfVisibleRows),
    ]  # fmt: skip
    search_fields = ["name", "title", "endpoint", "specialization"]
    inlines = [Gpus, Skills, Held]
    actions = ["check_now", "refresh_models", "drain", "resume", "enable", "disable"]
    readonly_fields = ["state"]
    fieldsets = [
        (None, {"fields": ["name", "title"]}),
        (
            "Endpoint",
            {
                "fields": [
                    "endpoint", "protocol", "api_key", "forget_key", "allow_local", "save_anyway",
                ]
            },
        ),
        ("Whose, and for what", {"fields": ["team", "shared_with", "specialization", "tags"]}),
        ("State", {"fields": ["state", "enabled", "maintenance"]}),
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
        """A new agent has no state and no key yet; one team alone shares with nobody."""
        left_out = {"state", "forget_key"} if obj is None else set()
        if Team.objects.count() == 1:
            left_out.add("shared_with")
        return [
            (name, options | {"fields": [f for f in options["fields"] if f not in left_out]})
            for name, options in super().get_fieldsets(request, obj)
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
    def state(self, agent: Agent) -> SafeString:
        """The live badge and its reason."""
        return render_to_string("agents/_badge.html", {"agent": agent})

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
            problem = in_the_form(error.message)
        said = in_the_form(found.message) if found else ""
        context = {"found": found, "said": said, "problem": problem}
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

    @transaction.atomic
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Share by the service; save the rows below as usual, with one audit line for all."""
        by, agent, changes = Actor.of(request), form.instance, {}
        shared = form.cleaned_data.pop("shared_with", [])
        services.share_agent(agent, shared, by=by)
        for formset in formsets:
            self.save_formset(request, form, formset, change)
            if found := row_changes(formset):
                changes[formset.prefix] = found
        if changes:
            audit.record(by, "changed", agent, changes)
            tell(agent)

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

    def _each(
        self, request: HttpRequest, agents: Any, service: Any, one: str, many: str, **on: bool
    ) -> None:
        done = []
        for agent in agents:
            try:
                service(agent, by=Actor.of(request), **on)
                done.append(agent)
            except WhooshError as error:
                messages.error(request, f"{agent}: {error.message}")
        if done:
            said = f"{done[0]} {one}" if len(done) == 1 else f"{len(done)} agents {many}"
            messages.success(request, f"{said}.")

    @admin.action(description="Check now")
    def check_now(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Look at the hosts at once."""
        self._each(request, queryset, services.check_now, "is being checked", "are being checked")

    @admin.action(description="Refresh models")
    def refresh_models(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Read the hosts' lists of models anew."""
        one, many = "is asked for its models", "are asked for their models"
        self._each(request, queryset, services.refresh, one, many)

    @admin.action(description="Drain")
    def drain(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Start no new calls there."""
        self._each(
            request, queryset, services.drain, "takes no new calls", "take no new calls", on=True
        )

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Take calls again."""
        self._each(
            request, queryset, services.drain, "takes calls again", "take calls again", on=False
        )

    @admin.action(description="Enable")
    def enable(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Switch on."""
        self._each(request, queryset, services.switch, "is switched on", "are switched on", on=True)

    @admin.action(description="Disable")
    def disable(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Switch off."""
        self._each(
            request, queryset, services.switch, "is switched off", "are switched off", on=False
        )


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


SENT, FINISHED = moment("sent_at"), moment("finished_at")


@admin.register(ModelJob)
class ModelJobAdmin(ReadOnlyAdmin):
    """What was done to models at the hosts. Started on the pages of models."""

    word = "model"
    list_display = ["id", "verb", "model_name", "agent", "state", "progress", "created_by", CREATED]
    list_filter = ["state", "verb", ("agent", OfVisibleRows)]
    search_fields = ["model_name", "agent__name"]
    list_select_related = ["agent", "created_by"]
    actions = ["cancel"]
    fields = readonly_fields = [
        "verb", "model_name", "agent", "state", "progress", "said", "trouble", "error_code",
        "error", "force", "created_by", CREATED, FINISHED, "attempt", "tries",
    ]  # fmt: skip

    @admin.display(description="Fetched")
    def progress(self, job: ModelJob) -> str:
        """Bytes, of a pull."""
        return f"{size(job.completed)} of {size(job.total)}" if job.total else "–"

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, queryset: models.QuerySet[ModelJob]) -> None:
        """Take jobs back."""
        for job in queryset:
            try:
                services.cancel_job(job, by=Actor.of(request))
                messages.success(request, f"{job} is being canceled.")
            except WhooshError as error:
                messages.error(request, f"{job}: {error.message}")


class ByState(admin.SimpleListFilter):
    """Calls by the state that is shown; a call a runner looks through waits."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every state."""
        return list(Call.State.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Filter."""
        return queryset.shown_as(self.value()) if self.value() else queryset


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    """Every prompt and how it went."""

    word = "call"
    list_display = [
        "id", "short_title", "state_shown", "agent_name", "model_name", "created_by", "speed",
        "total", CREATED,
    ]  # fmt: skip
    list_filter = [ByState, "source", ("agent", OfVisibleRows), ("team", OfVisibleRows)]
    search_fields = ["title", "agent_name", "model_name"]
    date_hierarchy = "created_at"
    FIELDSETS = {
        "": ["title", "state_shown", "trouble", "team", "created_by", "source", CREATED],
        "Wish": [
            "wanted_agent", "wanted_model", "wanted_capability", "messages", "options", "schema",
        ],
        "Decision": ["agent", "agent_name", "model_name", "reason", "decision"],
        "Outcome": [
            "answer", "thinking", "tool_calls", "done_reason", "error_code", "error", "attempt",
        ],
        "Figures": [
            SENT, FINISHED, "waited_here", "waited_there", "loading", "first_token", "total",
            "prompt_tokens", "prompt_speed", "answer_tokens", "speed",
        ],
    }  # fmt: skip
    fieldsets = [(name or None, {"fields": fields}) for name, fields in FIELDSETS.items()]
    readonly_fields = [field for fields in FIELDSETS.values() for field in fields]

    @admin.display(description="Title", ordering="title")
    def short_title(self, call: Call) -> str:
        """The beginning of the prompt."""
        return Truncator(call.title).chars(60)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Call]:
        """Lists do not read the texts."""
        return super().get_queryset(request).brief()

    @admin.display(description="State", ordering="state")
    def state_shown(self, call: Call) -> str:
        """As pages tell it."""
        return call.shown_label

    @admin.display(description="Tokens/s", ordering="tps")
    def speed(self, call: Call) -> str:
        """Rounded."""
        return amount(call.tps)

    @admin.display(description="Prompt tokens/s")
    def prompt_speed(self, call: Call) -> str:
        """Rounded."""
        return amount(call.prompt_tps)

    @admin.display(description="Waited here")
    def waited_here(self, call: Call) -> str:
        """Before it was sent."""
        return duration(call.wait_ms)

    @admin.display(description="Waited there")
    def waited_there(self, call: Call) -> str:
        """For a slot of the host."""
        return duration(call.slot_wait_ms)

    @admin.display(description="Loading")
    def loading(self, call: Call) -> str:
        """Loading the model."""
        return duration(call.load_ms)

    @admin.display(description="First token")
    def first_token(self, call: Call) -> str:
        """From sending to the first piece."""
        return duration(call.first_token_ms)

    @admin.display(description="Total", ordering="total_ms")
    def total(self, call: Call) -> str:
        """From sending to the end."""
        return duration(call.total_ms)
