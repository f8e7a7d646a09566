"""Administration of the variables workflows read."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.http import HttpRequest

from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import RoomAdmin
from whoosh_site.core.permissions import demand
from workflows.models import Variable


@admin.register(Variable)
class VariableAdmin(RoomAdmin):
    """Variables: what expressions read as $vars.name."""

    word = "variable"
    list_display = ["name", "team", "value"]
    list_filter = [("team", OfVisibleRows)]
    search_fields = ["name", "value"]
    fields = ["team", "name", "value"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A variable stays its team's."""
        return ["team"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Variable, form: Any, change: bool) -> None:
        """Save, if the team's rules allow it."""
        demand(Actor.of(request), "variable.change", [obj.team_id])
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors."""
        return self.allowed(request, "delete", obj)
