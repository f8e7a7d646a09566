"""The form of a credential, made of what its type declares. Services decide."""

import re
from typing import Any

from django import forms

from whoosh_site.core.forms import Styled
from whoosh_site.core.models.people import Team, User
from workflows.credentials import CredentialType
from workflows.engine.parameters import Field
from workflows.models import Credential
from workflows.models.credentials import LONGEST_NAME

KEPT = "Stored. Leave it empty to keep it."
BEFORE = "value-"
"""Before the names of what the type declares, so that none is mistaken for the form's own."""


class CredentialForm(Styled, forms.Form):
    """Name, what the type asks for, and the hosts it may be sent to."""

    name = forms.CharField(
        max_length=LONGEST_NAME, label="Name of the credential",
        help_text="Nodes choose it by this name.",
    )  # fmt: skip
    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)

    def __init__(
        self, kind: type[CredentialType], user: User, *args: Any,
        credential: Credential | None = None, kept: dict[str, Any] | None = None,
        share: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        self.kind, self.credential = kind, credential
        self.base_fields = type(self).base_fields | self._declared(kept or {})
        super().__init__(*args, **kwargs)
        teams = Team.objects.visible_to(user)
        if credential is not None:
            del self.fields["team"]
        else:
            self.fields["team"].queryset = teams
        others = teams.exclude(pk=credential.team_id) if credential is not None else teams.none()
        if share and others.exists():
            self.fields["shared_with"] = forms.ModelMultipleChoiceField(
                others, required=False, widget=forms.CheckboxSelectMultiple,
                initial=list(credential.shared_with.all()) if credential else [],
                help_text="Teams whose workflows may use it too. They do not see what is in it.",
            )  # fmt: skip

    def _declared(self, kept: dict[str, Any]) -> dict[str, forms.Field]:
        made: dict[str, forms.Field] = {}
        for one in self.kind.fields:
            made.setdefault(BEFORE + one.name, _field(one, kept))
        if not self.kind.stays:
            hosts = self.credential.hosts if self.credential else []
            made["hosts"] = forms.CharField(
                required=False, max_length=10_000, label="Hosts it may be sent to",
                widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
                initial="\n".join(hosts), help_text=_about_hosts(self.kind),
            )  # fmt: skip
        return made

    def values(self) -> dict[str, Any]:
        """Return what was entered, by the type's own names."""
        data = self.cleaned_data
        return {one.name: _value(one, data[BEFORE + one.name]) for one in self.kind.fields}

    def hosts(self) -> list[str]:
        """Return the entries of the list of hosts."""
        return [one for one in re.split(r"[\s,]+", self.cleaned_data.get("hosts") or "") if one]

    def blame(self, message: str) -> None:
        """Put an error at the field it names."""
        name, _, words = message.partition(": ")
        field = name if name in self.fields else BEFORE + name
        if words and field in self.fields:
            self.add_error(field, words[:1].upper() + words[1:])
        else:
            self.add_error(None, message)


def _about_hosts(kind: type[CredentialType]) -> str:
    words = "One a line: api.example.com, api.example.com:8443 or *.example.com."
    if kind.hosts_of.__func__ is not CredentialType.hosts_of.__func__:  # type: ignore[attr-defined]
        words += " Empty: the hosts named above."
    return words


def _value(one: Field, found: Any) -> Any:
    return one.default if one.kind == "number" and found is None else found


def _field(one: Field, kept: dict[str, Any]) -> forms.Field:
    """Return the form's field for a declared one. What is needed the service says."""
    how: dict[str, Any] = {
        "label": one.label or one.name, "help_text": one.hint, "required": False,
        "initial": kept.get(one.name, one.default),
    }  # fmt: skip
    if one.kind == "flag":
        return forms.BooleanField(**how)
    if one.kind == "number":
        return forms.IntegerField(min_value=0, max_value=65_535, **how)
    if one.kind == "choice":
        return forms.ChoiceField(choices=[(c.value, c.label) for c in one.choices], **how)
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    if one.secret:
        how["initial"] = ""
        if kept.get(one.name):
            how["help_text"] = f"{one.hint} {KEPT}".strip()
    if one.language or one.kind == "json":
        return forms.CharField(
            widget=forms.Textarea(attrs={"rows": 5, **attrs}), strip=False, **how
        )
    if one.secret:
        attrs["autocomplete"] = "new-password"
        return forms.CharField(widget=forms.PasswordInput(attrs=attrs), strip=False, **how)
    return forms.CharField(widget=forms.TextInput(attrs=attrs), **how)
