"""Forms of this room."""

from typing import Any

from django import forms

from agents.models import Agent, Capability, Model
from whoosh_site.core.forms import Styled
from whoosh_site.core.models.people import User


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

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", f"Any {name}"), *choices]
