"""Forms of this room. They check shape; services decide."""

from typing import Any

from django import forms

from whoosh_site.core.errors import WhooshError
from whoosh_site.core.forms import ManyFiles, Styled
from whoosh_site.core.models.people import Team, User
from workflows import services
from workflows.engine.document import Document
from workflows.models import Workflow
from workflows.n8n.picture import STICKY
from workflows.n8n.reading import Given, decoded

MOST_FILES = 100


class DocumentsField(forms.Field):
    """Several files with workflows."""

    widget = ManyFiles

    def clean(self, value: Any) -> list[Given]:
        """Read them; raises ValidationError naming the file that is none."""
        files = value or []
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files at once.")
        found: list[Given] = []
        for file in files:
            try:
                stem = file.name.removesuffix(".json")
                found += services.read_workflows(decoded(file.read()), stem)
            except WhooshError as error:
                raise forms.ValidationError(f"{file.name}: {error.message}") from None
        return found


class ImportForm(Styled, forms.Form):
    """Workflows from outside: by file, by paste or from an address."""

    uploads = DocumentsField(
        required=False, label="Files", help_text="JSON files; several at once if you like."
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Pasted text",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="What n8n copies to the clipboard or saves as a file.",
    )
    url = forms.CharField(
        required=False,
        max_length=2000,
        label="Address",
        widget=forms.URLInput(),
        help_text="Of the JSON itself, such as a raw file on GitHub.",
    )
    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    same_name = forms.ChoiceField(
        label="If the name is taken",
        choices=[
            (services.COPY, "Keep both, with a number"),
            (services.VERSION, "Save it as a new version"),
        ],
    )
    activate = forms.BooleanField(required=False, label="Activate what comes in")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.visible_to(user)

    def clean(self) -> dict[str, Any]:
        """See that there is something."""
        data = super().clean() or {}
        given = [data.get("uploads"), (data.get("text") or "").strip(), data.get("url")]
        if not self.errors and not any(given):
            raise forms.ValidationError("Choose files, paste a text or give an address.")
        return data

    def documents(self) -> list[Given]:
        """Return everything that was handed in.

        Raises:
            WhooshError: it is no workflow; the message names the field.
        """
        data = self.cleaned_data
        found: list[Given] = list(data["uploads"])
        if text := data["text"].replace("\r\n", "\n").strip():
            try:
                found += services.read_workflows(text)
            except WhooshError as error:
                error.message = f"text: {error.message}"
                raise
        if data["url"]:
            try:
                found += services.read_workflows(*services.fetch_document(data["url"]))
            except WhooshError as error:
                error.message = f"url: {error.message.removeprefix('url: ')}"
                raise
        return found


class WorkflowForm(Styled, forms.Form):
    """Name, tags, and how many of its runs go on at the same time."""

    name = forms.CharField(max_length=255)
    tags = forms.CharField(
        required=False, max_length=3500, help_text="Words it is found by, commas between them."
    )

    at_once = forms.IntegerField(
        label="Runs at once",
        required=False,
        min_value=0,
        max_value=1000,
        help_text="More of them wait for their turn. 0: as many as the team's may.",
    )

    def __init__(self, workflow: Workflow, *args: Any, **kwargs: Any) -> None:
        tags = ", ".join(tag.name for tag in workflow.tags.all())
        initial = {"name": workflow.name, "tags": tags, "at_once": workflow.at_once}
        super().__init__(*args, initial=initial, **kwargs)

    def clean_tags(self) -> list[str]:
        """Return the words."""
        return [word.strip() for word in self.cleaned_data["tags"].split(",") if word.strip()]


class RunForm(Styled, forms.Form):
    """How to run a version of a workflow."""

    input = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "class": "form-control wh-code"}
        ),
        help_text="JSON: an object, a list of objects, or nothing.",
    )
    file = forms.FileField(required=False, label="Or a file with it")
    start = forms.ChoiceField(required=False, label="Start at")
    until = forms.ChoiceField(required=False, label="Only to")
    pins = forms.BooleanField(required=False, label="Use pinned data")
    version = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput
    )

    def __init__(self, document: Document, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        specs = document.nodes.values()
        names = [(spec.name, spec.name) for spec in specs if spec.short_type != STICKY]
        found = document.start()
        first = found.name if found else "no trigger"
        self.fields["start"].choices = [("", f"The trigger ({first})"), *names]
        self.fields["until"].choices = [("", "The end"), *names]
        if not document.pins:
            del self.fields["pins"]

    def clean(self) -> dict[str, Any]:
        """Read what it starts with, of the file or the text."""
        data = super().clean() or {}
        field = "file" if data.get("file") else "input"
        try:
            text = decoded(data["file"].read()) if data.get("file") else data.get("input") or ""
            data["items"] = services.parse_items(text)
        except WhooshError as error:
            words = error.message.removeprefix("input: ")
            self.add_error(field, words[:1].upper() + words[1:])
        return data

    def wishes(self) -> dict[str, Any]:
        """Return what `services.start_execution` is told."""
        data = self.cleaned_data
        return {name: data[name] for name in ("items", "start", "until", "pins") if name in data}
