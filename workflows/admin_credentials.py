"""Administration of credentials: who has which. What they hold is entered on their own pages."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter as OfVisibleRows
from django.db import models
from django.http import HttpRequest

from whoosh_site.core.admin import CREATED, USED, ReadOnlyAdmin, moment
from workflows.models import Credential

TESTED = moment("tested_at", "Last test")


@admin.register(Credential)
class CredentialAdmin(ReadOnlyAdmin):
    """Credentials, without what was entered."""

    word = "credential"
    list_display = ["name", "type", "team", "works", USED, CREATED]
    list_filter = ["type", ("team", OfVisibleRows)]
    search_fields = ["name"]
    fields = readonly_fields = [
        "name", "type", "team", "ref", "hosts", "created_by", CREATED, USED, TESTED, "works",
        "test_words", "connected_by", "trouble",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Credential]:
        """Lists read no secret."""
        return super().get_queryset(request).brief()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hosts and tests are for those who may change it."""
        return self.allowed(request, "change", obj)
