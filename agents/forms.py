"""Forms of this room."""

import re
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django import forms

from agents import routing, services
from agents.models import Agent, AgentModel, Capability, Model
from agents.targets import LAST_PORT, USUAL_PORTS
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.forms import Styled
from whoosh_site.core.models.people import Team, User


class AskForm(Styled, forms.Form):
    """A prompt and, if wanted, who should answer it."""

    prompt = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "Ask anything…", "autofocus": True}),
        max_length=200_000,
    )
    agent = forms.ChoiceField(required=False)
    model = forms.ChoiceField(required=False)
    capability = forms.ChoiceField(required=False)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = Agent.objects.visible_to(user).filter(enabled=True)
        skills = Capability.objects.visible_to(user)
        self._choose("agent", [(agent.name, str(agent)) for agent in agents])
        self._choose("model", [(m.name, m.name) for m in Model.objects.visible_to(user)])
        self._choose("capability", [(skill.name, skill.name) for skill in skills])

    def clean(self) -> dict[str, Any]:
        """Refuse a model the chosen agent lacks: the call would wait for ever."""
        data = super().clean() or {}
        name, model = data.get("agent"), data.get("model")
        if name and model:
            held = AgentModel.objects.filter(agent__name=name).values_list("model__name", flat=True)
            names = sorted(held)
            # An agent nobody has asked yet may have it.
            if names and not any(routing.same_model(model, one) for one in names):
                has = ", ".join(names)
                self.add_error(
                    "model", f"{name} does not have {model}. Choose one it has, or any: {has}."
                )
        return data

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", f"Any {name}"), *choices]


class DiscoverForm(Styled, forms.Form):
    """Where to look for hosts. The service says what is wrong with it."""

    targets = forms.CharField(
        label="Hosts and networks",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "oak.lan  192.168.1.0/24"}),
        help_text="With spaces, commas or lines between them: a host, host:port or a network. "
        "This machine is 127.0.0.1. At most 1,024 addresses.",
    )
    ports = forms.CharField(
        max_length=200,
        required=False,
        initial=", ".join(map(str, USUAL_PORTS)),
        help_text="Asked where no port is named; at most 10. These are Ollama, llama.cpp, "
        "LM Studio and vLLM.",
    )

    def clean_targets(self) -> list[str]:
        """Split."""
        return re.split(r"[\s,]+", self.cleaned_data["targets"])

    def clean_ports(self) -> list[int]:
        """Split into numbers."""
        words = re.split(r"[\s,]+", self.cleaned_data["ports"].strip(", "))
        wrong = [word for word in words if not re.fullmatch(r"[0-9]{0,9}", word)]
        if wrong:
            raise forms.ValidationError(f"{wrong[0][:20]!r} is no port; use 1 to {LAST_PORT}.")
        return [int(word) for word in words if word]

    def refuse(self, error: WhooshError) -> None:
        """Put a service's error beside the field it names."""
        field, _, said = error.message.partition(": ")
        self.add_error(field if field in self.fields else None, said or error.message)


class PullForm(Styled, forms.Form):
    """A model, and the hosts that are to fetch it."""

    model = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "llama3:8b", "autocomplete": "off"}),
        help_text="As its registry names it; without a tag, latest is meant.",
    )
    agents = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label="On hosts",
        error_messages={"required": "Choose at least one host."},
    )

    def __init__(self, agents: Sequence[Agent], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agents"].choices = [(agent.name, str(agent)) for agent in agents]


def in_the_form(message: str) -> str:
    """Say what to do where the form has the switch itself."""
    return message.replace("an admin must allow that", "tick 'Allow this machine' below")


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
        own = self.instance.team_id or getattr(self.initial.get("team"), "pk", None)
        if own and "shared_with" in self.fields:
            self.fields["shared_with"].queryset = Team.objects.exclude(pk=own)

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
        if self.errors:
            return data
        try:
            url = services.vet_endpoint(data["endpoint"], allow_local=data["allow_local"])
        except WhooshError as error:
            self.add_error("endpoint", in_the_form(error.message))
            return data
        if not self._must_ask(data):
            return data
        try:
            self.examination = async_to_sync(services.examine)(
                url, api_key=self.key(), protocol=data["protocol"], allow_local=data["allow_local"]
            )
        except WhooshError as error:
            self.add_error("api_key", error.message.removeprefix("api_key: "))
            return data
        if not self.examination.ok and not data.get("save_anyway"):
            said = in_the_form(self.examination.message)
            self.add_error("endpoint", f"{said} Or save it anyway, below.")
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
