"""Administration of approvals: to look at."""

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest

from whoosh_site.core.admin import CREATED, ReadOnlyAdmin, moment
from workflows.models import Approval

EXPIRES, DECIDED = moment("expires_at"), moment("decided_at")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Approvals: decided on their own page."""

    word = "approval"
    list_display = ["question", "team", "state", "decided_by", CREATED]
    list_filter = ["state", ("team", OfVisibleRows)]
    search_fields = ["question", "comment"]
    date_hierarchy = "created_at"
    fields = readonly_fields = [
        "question", "text", "data", "digest", "team", "execution", "node", "deciders", "users",
        "requester", "requester_may", "state", CREATED, EXPIRES, "decided_by", DECIDED, "comment",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Approval]:
        """Lists do not read what stands on the page of one."""
        return super().get_queryset(request).select_related("team", "decided_by")
