"""Forms of this room. They check shape; services decide."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from whoosh_site.core.errors import TooMany
from whoosh_site.core.models.access import Scope
from whoosh_site.core.models.people import User


class Styled:
    """Give every widget the look of the product."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # type: ignore[attr-defined]
            widget = field.widget
            boxes = isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple)
            select = isinstance(widget, forms.Select) and not boxes
            kind = "form-check-input" if boxes else "form-select" if select else "form-control"
            widget.attrs.setdefault("class", kind)


class ManyFiles(forms.FileInput):
    """A field for several files."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all of them."""
        return files.getlist(name) if hasattr(files, "getlist") else []


class LoginForm(Styled, AuthenticationForm):
    """User name or e-mail address, and password."""

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = "User name or e-mail"

    def clean(self) -> dict[str, Any]:
        """Show the wait after too many tries as an error of the form."""
        try:
            return super().clean()
        except TooMany as error:
            raise forms.ValidationError(error.message) from error


class PasswordForm(Styled, forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, not a common word.",
    )
    again = forms.CharField(
        label="Password again",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Compare both."""
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", "The two passwords differ.")
        return data


class NewPasswordForm(PasswordForm):
    """A new password by a one-time link: nothing else is on the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["autofocus"] = True


class ChangePasswordForm(PasswordForm):
    """A new password of somebody who knows the current one."""

    current = forms.CharField(
        label="Current password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("current", "password", "again")

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_current(self) -> str:
        """Ask as the sign-in does, so that guesses are slowed down here too."""
        current = self.cleaned_data["current"]
        name = self.request.user.get_username()
        try:
            known = authenticate(self.request, username=name, password=current)
        except TooMany as error:
            raise forms.ValidationError(error.message) from error
        if known != self.request.user:
            raise forms.ValidationError("This is not your current password.")
        return current


class SetupForm(PasswordForm):
    """The first administrator."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        validators=[User.username_validator],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    email = forms.EmailField(required=False, label="E-mail (optional)")
    field_order = ("username", "email", "password", "again")


class PreferencesForm(Styled, forms.Form):
    """What a person sets for themselves."""

    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    email = forms.EmailField(required=False, label="E-mail")
    theme = forms.ChoiceField(
        choices=[("auto", "Like the system"), ("light", "Light"), ("dark", "Dark")], required=False
    )


class KeyForm(Styled, forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=80, help_text="What it is for, such as 'laptop scripts'.")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ, Scope.RUN],
    )
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, label="Expires after days (optional)"
    )
