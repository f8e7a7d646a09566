"""Administration of executions: to look at."""

import json

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from whoosh_site.core.admin import CREATED, STARTED, ReadOnlyAdmin, moment
from workflows.models import Execution

FINISHED, DUE = moment("finished_at"), moment("due", "Goes on")


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """Executions; what their nodes gave stands on their page."""

    word = "execution"
    list_display = ["id", "workflow", "state", "source", "started_by", "ms", CREATED]
    list_display_links = ["workflow"]
    list_filter = ["state", "source", ("team", OfVisibleRows), ("workflow", OfVisibleRows)]
    search_fields = ["workflow__name", "error"]
    date_hierarchy = "created_at"
    fields = readonly_fields = [
        "workflow", "version", "team", "state", "source", "mode", "slot", "started_by",
        "retry_of", "about", "parent", "start_node", "until_node", "pins", "kept", "stored_bytes",
        CREATED, STARTED, FINISHED, DUE, "ms", "error_node", "error", "waits_for", "deaths",
        "trouble", "figures", "found",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Execution]:
        """Lists do not read what stands on the page of one."""
        return super().get_queryset(request).brief()

    @admin.display(description="Nodes")
    def figures(self, execution: Execution) -> SafeString:
        """Each with its figures, in the order they ran."""
        return _pre(execution.nodes)

    @admin.display(description="Warnings")
    def found(self, execution: Execution) -> SafeString:
        """What n8n would be silent about."""
        return _pre(execution.warnings)


def _pre(rows: list[dict[str, object]]) -> SafeString:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return format_html("<pre>{}</pre>", "\n".join(lines)) if lines else SafeString("–")
