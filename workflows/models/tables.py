"""Data tables: what workflows keep in rows of typed columns."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import Team, User
from workflows.engine.tables import stamp
from workflows.models.credentials import fresh_ref


class DataTableQuerySet(models.QuerySet["DataTable"]):
    """Questions about many tables."""

    def visible_to(self, user: User) -> Self:
        """Tables of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)


class DataTable(models.Model):
    """A table of a team. Documents name it by `ref` or `name`.

    `rows_count`, `bytes` and `last_number` change with its rows, under this row's lock.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="data_tables")
    name = models.CharField(max_length=128)
    ref = models.CharField(max_length=64, default=fresh_ref, help_text="The id documents name")
    columns = models.JSONField(default=list, blank=True, help_text="Pairs of name and type")
    rows_count = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    last_number = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = DataTableQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="data_table_name"),
            models.UniqueConstraint(fields=["team", "ref"], name="data_table_ref"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the table's page."""
        return f"/data-tables/{self.pk}/"

    @property
    def types(self) -> dict[str, str]:
        """Type by name, in the order of the columns."""
        return dict(self.columns)


class DataTableRow(models.Model):
    """One row: values by column, those it has."""

    table = models.ForeignKey(DataTable, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField(help_text="Its id inside the table")
    values = models.JSONField(default=dict)
    bytes = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["table", "number"], name="data_table_row_number")
        ]

    def __str__(self) -> str:
        return f"{self.table_id}/{self.number}"

    def told(self, columns: Any) -> dict[str, Any]:
        """Return the row as nodes see it: every column, empty ones null."""
        own = {
            "id": self.number,
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
        }
        return own | {name: self.values.get(name) for name in columns}
