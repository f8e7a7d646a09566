"""Schedules: what clocks start, when next, and what went wrong."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers

from whoosh_site.core.rest import ReadView
from whoosh_site.core.rest_policy import Filters
from workflows import services
from workflows.models import Trigger
from workflows.models.triggers import CLOCKS
from workflows.shown_clocks import clock, with_last


class ScheduleSerializer(serializers.Serializer[Any]):
    """A trigger of an active workflow that follows a clock.

    `rules` are its rules in words, `timezone` the zone they are read in, `next` the next moments,
    `last_at` when it last started a run or looked, `trouble` why a moment was left out or a look
    failed.
    """

    id = serializers.IntegerField(source="trigger.pk")
    workflow = serializers.IntegerField(source="trigger.workflow_id")
    name = serializers.CharField(source="trigger.workflow.name", help_text="Of the workflow")
    version = serializers.IntegerField(source="trigger.version.number")
    node = serializers.CharField(source="trigger.node")
    kind = serializers.ChoiceField(source="trigger.kind", choices=CLOCKS)
    rules = serializers.ListField(child=serializers.CharField())
    timezone = serializers.CharField()
    due_at = serializers.DateTimeField(source="trigger.due_at", allow_null=True)
    next = serializers.ListField(child=serializers.DateTimeField())
    late = serializers.BooleanField(help_text="Its moment came more than a minute ago")
    last_at = serializers.DateTimeField(source="trigger.last_at", allow_null=True)
    last_execution = serializers.IntegerField(source="trigger.last_run", allow_null=True)
    trouble = serializers.CharField(source="trigger.trouble")

    def to_representation(self, instance: Trigger) -> dict[str, Any]:
        """Show the clock of a row."""
        shown = clock(instance, None, services.database_now())
        return dict(super().to_representation(shown))


class ScheduleFilter(Filters):
    """Filters of the list of schedules."""

    name = filters.CharFilter(field_name="workflow__name", label="Name of the workflow")
    kind = filters.ChoiceFilter(choices=[(kind, kind.capitalize()) for kind in CLOCKS])
    workflow = filters.NumberFilter(
        field_name="workflow", min_value=0, max_value=2**63 - 1, decimal_places=0
    )

    class Meta:
        model = Trigger
        fields: list[str] = []


class ScheduleViewSet(ReadView):
    """Schedules of active workflows. Deactivate the workflow to stop one."""

    queryset = Trigger.objects.all()
    serializer_class = ScheduleSerializer
    filterset_class = ScheduleFilter
    http_method_names = ["get", "head", "options"]
    rules = {"list": "workflow.view", "retrieve": "workflow.view"}

    def get_queryset(self) -> Any:
        """Return rows with what is shown of them."""
        return with_last(super().get_queryset().clocks())
