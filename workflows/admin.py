"""Administration of workflows and their versions."""

import io
import zipfile
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from whoosh_site.core.actor import Actor
from whoosh_site.core.admin import CREATED, ReadOnlyAdmin, moment
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.templatetags.ui import counted
from workflows import (  # noqa: F401  (they register)
    admin_approvals,
    admin_credentials,
    admin_executions,
    admin_variables,
    services,
)
from workflows.models import Workflow, WorkflowVersion

UPDATED = moment("updated_at")
SHOWN = 100_000
"""Characters of a document that are shown."""


def _document(text: str) -> SafeString:
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return format_html("<pre>{}</pre>", cut)


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """Workflows: looked at, exported and activated; the document is edited by saving a version."""

    word = "workflow"
    list_display = ["name", "team", "is_active", "version", "nodes", "archived", UPDATED]
    list_filter = ["archived", ("team", OfVisibleRows), ("tags", OfVisibleRows)]
    search_fields = ["name"]
    ordering = ["name"]
    actions = ["export", "activate", "deactivate"]
    fields = readonly_fields = [
        "name", "team", "is_active", "version", "archived", "tag_names", "origin", "created_by",
        CREATED, UPDATED, "document", "static_text",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Workflow]:
        """Lists do not read the documents."""
        return super().get_queryset(request).brief()

    @admin.display(description="Active", ordering="active")
    def is_active(self, workflow: Workflow) -> str:
        """Which version triggers run."""
        return f"version {workflow.active.number}" if workflow.active else "–"

    @admin.display(description="Version")
    def version(self, workflow: Workflow) -> int | None:
        """The current one."""
        return workflow.current.number if workflow.current else None

    @admin.display(description="Nodes")
    def nodes(self, workflow: Workflow) -> int | None:
        """Count."""
        return workflow.current.node_count if workflow.current else None

    @admin.display(description="Tags")
    def tag_names(self, workflow: Workflow) -> str:
        """All of them."""
        return ", ".join(tag.name for tag in workflow.tags.all()) or "–"

    @admin.display(description="Document")
    def document(self, workflow: Workflow) -> SafeString:
        """The current one, as it was given."""
        return _document(workflow.text)

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Who may change workflows."""
        return self.allowed(request, "change", None)

    @admin.action(description="Export as JSON", permissions=["view"])
    def export(self, request: HttpRequest, queryset: models.QuerySet[Workflow]) -> HttpResponse:
        """Download them, several as one archive."""
        packed, rows = io.BytesIO(), list(queryset[: services.MOST_AT_ONCE])
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for row in rows:
                name = f"{row.pk} {services.file_name(row)}"
                archive.writestr(name, services.export_text(row.current))
        answer = HttpResponse(packed.getvalue(), content_type="application/zip")
        answer.headers["Content-Disposition"] = 'attachment; filename="workflows.zip"'
        return answer

    @admin.action(description="Activate the current version", permissions=["handle"])
    def activate(self, request: HttpRequest, queryset: models.QuerySet[Workflow]) -> None:
        """Let triggers run them."""
        self._each(request, queryset, services.activate_workflow, "activated")

    @admin.action(description="Deactivate", permissions=["handle"])
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[Workflow]) -> None:
        """Let no trigger run them."""
        self._each(request, queryset, services.deactivate_workflow, "deactivated")

    def _each(self, request: HttpRequest, workflows: Any, verb: Any, done: str) -> None:
        count = 0
        for workflow in workflows:
            try:
                verb(workflow, by=Actor.of(request))
                count += 1
            except WhooshError as error:
                messages.error(request, error.message)
        if count:
            messages.success(request, f"{counted(count, 'workflow')} {done}.")


@admin.register(WorkflowVersion)
class VersionAdmin(ReadOnlyAdmin):
    """Versions: what was saved, by whom; never changed."""

    word = "workflow"
    list_display = ["workflow", "number", "name", "author", "node_count", "error_count", CREATED]
    list_display_links = ["number"]
    list_filter = [("workflow__team", OfVisibleRows)]
    search_fields = ["workflow__name", "name"]
    date_hierarchy = "created_at"
    fields = readonly_fields = [
        "workflow", "number", "name", "author", CREATED, "checksum", "node_count", "found",
        "document",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[WorkflowVersion]:
        """Lists do not read the documents."""
        rows = super().get_queryset(request).select_related("workflow", "author")
        return rows.defer(*WorkflowVersion.TEXTS)

    @admin.display(description="Found")
    def found(self, version: WorkflowVersion) -> SafeString:
        """What was found when it was saved."""
        lines = [
            f"{one['severity']}: {one['node'] + ': ' if one['node'] else ''}{one['message']}"
            for one in version.findings
        ]
        return format_html("<pre>{}</pre>", "\n".join(lines)) if lines else SafeString("–")

    @admin.display(description="Document")
    def document(self, version: WorkflowVersion) -> SafeString:
        """As it was given."""
        return _document(version.text)
