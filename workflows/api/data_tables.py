"""Data tables: their columns and rows."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from whoosh_site.core.models.people import Team
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import OwnTeam, Part, ReadView, Strict, idempotent
from workflows import services
from workflows.engine.tables import TYPES
from workflows.models import DataTable

MOST = 1000


class TableColumnSerializer(Part):
    """One column."""

    name = serializers.CharField(max_length=63)
    type = serializers.ChoiceField(choices=TYPES)


class DataTableSerializer(serializers.ModelSerializer[DataTable]):
    """A data table without its rows."""

    team = serializers.CharField(source="team.name", read_only=True)
    columns = serializers.SerializerMethodField()
    rows = serializers.IntegerField(source="rows_count", read_only=True)

    class Meta:
        model = DataTable
        fields = [
            "id", "team", "name", "ref", "columns", "rows", "bytes", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(TableColumnSerializer(many=True))
    def get_columns(self, table: DataTable) -> list[dict[str, str]]:
        """Return the columns in their order."""
        return [{"name": name, "type": kind} for name, kind in table.types.items()]


class ChangedDataTableSerializer(Strict):
    """What of a data table may be changed."""

    name = serializers.CharField(max_length=128, required=False)
    add = TableColumnSerializer(many=True, required=False, max_length=100)
    drop = serializers.ListField(
        child=serializers.CharField(max_length=63), required=False, max_length=100,
        help_text="Columns to drop with all that stands in them",
    )  # fmt: skip


class NewDataTableSerializer(Strict):
    """A data table to be made."""

    name = serializers.CharField(max_length=128)
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    columns = TableColumnSerializer(many=True, required=False, max_length=100)


class RowsWishSerializer(Strict):
    """Which rows to return."""

    first = serializers.IntegerField(
        min_value=0, max_value=10_000_000, default=0, help_text="How many rows to pass over"
    )
    most = serializers.IntegerField(min_value=1, max_value=MOST, default=100)


class RowsSerializer(serializers.Serializer[Any]):
    """Rows in the order they were added."""

    results = serializers.ListField(child=serializers.DictField())


class DataTableViewSet(ReadView):
    """What workflows keep from run to run, in rows of typed columns."""

    queryset = DataTable.objects.select_related("team")
    serializer_class = DataTableSerializer
    filterset_fields = ["name"]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "data_table.view",
        "retrieve": "data_table.view",
        "rows": "data_table.view",
        "create": "data_table.change",
        "partial_update": "data_table.change",
        "destroy": "data_table.delete",
    }

    @extend_schema(
        request=NewDataTableSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: DataTableSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Make a data table."""
        wish = self._said(NewDataTableSerializer, request.data)
        columns = _columns(wish.pop("columns", []))
        made = services.create_data_table(wish.pop("name"), columns, by=self.actor, **wish)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ChangedDataTableSerializer, responses=DataTableSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename it, add columns, drop columns."""
        table = self.get_object()
        wish = self._said(ChangedDataTableSerializer, request.data)
        add = _columns(wish.pop("add", []))
        services.change_data_table(table, by=self.actor, add=add, **wish)
        return Response(self.get_serializer(table).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete it with its rows."""
        services.delete_data_table(self.get_object(), by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[RowsWishSerializer], responses=RowsSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def rows(self, request: Request, pk: str) -> Response:
        """Return rows in the order they were added."""
        table = self.get_object()
        wish = self._said(RowsWishSerializer, request.query_params)
        return Response({"results": services.rows_of(table, wish["first"], wish["most"])})

    def _said(self, kind: type[Strict], data: Any) -> dict[str, Any]:
        wish = kind(data=data, context={"request": self.request})
        wish.is_valid(raise_exception=True)
        return dict(wish.validated_data)


def _columns(given: list[dict[str, str]]) -> dict[str, str]:
    return {one["name"]: one["type"] for one in given}
