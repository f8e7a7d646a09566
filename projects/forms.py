"""Forms of this room. They check shape; services decide."""

import json
from typing import Any

from django import forms

from agents.models import Agent, Capability, Model
from projects import services
from projects.models import Project
from projects.models.tasks import PRIORITIES
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.forms import ManyFiles, Styled
from whoosh_site.core.leases import NORMAL
from whoosh_site.core.models.people import User


class FilesField(forms.Field):
    """Several files, each a text or an image, as the services take them."""

    widget = ManyFiles

    def clean(self, value: Any) -> list[services.Given]:
        """Read them; raises ValidationError for what is neither."""
        try:
            return [services.read_file(file.name, file.read()) for file in value or []]
        except WhooshError as error:
            raise forms.ValidationError(error.message.removeprefix("attachments: ")) from None


class TaskForm(Styled, forms.Form):
    """A task, and who should do it if that matters."""

    title = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autofocus": True}))
    description = forms.CharField(
        required=False,
        max_length=1_000_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Everything the agent should know.",
    )
    attachments = FilesField(
        required=False, help_text="Texts and images; at most 16 files, 16 MB together."
    )
    project = forms.ModelChoiceField(
        Project.objects.none(), required=False, empty_label="No project"
    )
    priority = forms.TypedChoiceField(choices=PRIORITIES, initial=NORMAL, coerce=int)
    capability = forms.ChoiceField(required=False)
    model = forms.ChoiceField(required=False)
    agent = forms.ChoiceField(required=False)
    schema = forms.CharField(
        required=False,
        label="JSON schema of the answer",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="An answer that misses it is sent back once.",
    )
    time_limit = forms.FloatField(
        required=False, min_value=1, max_value=86_400, label="Seconds an attempt may take"
    )
    token_limit = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Tokens the answer may have"
    )
    most_attempts = forms.IntegerField(initial=3, min_value=1, max_value=10, label="Attempts")
    held = forms.BooleanField(required=False, label="Put it on hold first")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = Project.objects.visible_to(user)
        self.fields["project"].queryset = projects
        agents = Agent.objects.visible_to(user).filter(enabled=True)
        self._choose("agent", [(agent.name, str(agent)) for agent in agents])
        self._choose("model", [(m.name, m.name) for m in Model.objects.visible_to(user)])
        skills = Capability.objects.visible_to(user)
        self._choose("capability", [(skill.name, skill.name) for skill in skills])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", f"Any {name}"), *choices]

    def clean_schema(self) -> dict[str, Any] | None:
        """Read the JSON."""
        text = self.cleaned_data["schema"].strip()
        if not text:
            return None
        try:
            schema = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}") from None
        if not isinstance(schema, dict):
            raise forms.ValidationError('A schema is an object, such as {"type": "object"}.')
        return schema

    def order(self) -> services.Order:
        """Return what was filled in."""
        data = {k: v for k, v in self.cleaned_data.items() if k != "project"}
        return services.Order(**data)


class ProjectForm(Styled, forms.ModelForm):
    """A project."""

    class Meta:
        model = Project
        fields = ["team", "name", "description"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = self.fields["team"]
        teams.queryset = teams.queryset.visible_to(user)
        teams.empty_label = None
        if self.instance.pk:
            del self.fields["team"]
