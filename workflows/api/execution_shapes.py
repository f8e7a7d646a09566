"""What executions look like to programs, and what starts them."""

from typing import Any

from rest_framework import serializers

from whoosh_site.core.rest import Strict
from workflows import services
from workflows.models import Execution


class FiguresSerializer(serializers.Serializer[Any]):
    """A node that ran: how often, items that came in and that it gave, milliseconds it took."""

    name = serializers.CharField()
    runs = serializers.IntegerField()
    given = serializers.IntegerField()
    items = serializers.IntegerField()
    ms = serializers.FloatField()
    failed = serializers.BooleanField()
    running = serializers.BooleanField()


class WarningSerializer(serializers.Serializer[Any]):
    """Something n8n would be silent about."""

    node = serializers.CharField()
    message = serializers.CharField()


class FailureSerializer(serializers.Serializer[Any]):
    """Why it failed, and at which node if at one."""

    message = serializers.CharField()
    node = serializers.CharField()


class BriefExecutionSerializer(serializers.ModelSerializer[Execution]):
    """An execution in a list. `ms` is the time it worked; `due_at` when a waiting one goes on.

    `slot` is the moment of a schedule it was started for, `about` the failed run an error
    workflow's run was started for.
    """

    status = serializers.ChoiceField(source="state", choices=Execution.State.choices)
    name = serializers.CharField(source="workflow.name", help_text="Of the workflow")
    version = serializers.IntegerField(source="version.number")
    started_by = serializers.CharField(source="started_by.username", default=None)
    due_at = serializers.DateTimeField(source="due", allow_null=True)
    waits_for = serializers.CharField(help_text="Empty unless it waits")
    error = FailureSerializer(source="failure", allow_null=True)

    class Meta:
        model = Execution
        fields = [
            "id", "status", "workflow", "name", "version", "source", "mode", "slot", "started_by",
            "retry_of", "about", "parent", "kept", "stored_bytes", "created_at", "started_at",
            "finished_at", "ms", "due_at", "waits_for", "error",
        ]  # fmt: skip
        read_only_fields = fields


class ExecutionSerializer(BriefExecutionSerializer):
    """An execution with its nodes, in the order they first ran; their items are asked for apart."""

    nodes = FiguresSerializer(many=True)
    warnings = WarningSerializer(many=True)
    start = serializers.CharField(source="start_node")
    until = serializers.CharField(source="until_node")

    class Meta(BriefExecutionSerializer.Meta):
        fields = [
            *BriefExecutionSerializer.Meta.fields, "start", "until", "pins", "children", "nodes",
            "warnings",
        ]  # fmt: skip
        read_only_fields = fields


class RunSerializer(Strict):
    """How to run a workflow. The body is data only: what runs is a version that was saved."""

    input = serializers.JSONField(
        required=False, help_text="An object, a list of objects, or a list of n8n's items"
    )
    start = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False, max_length=200,
        help_text="The node to start from",
    )  # fmt: skip
    until = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False, max_length=200,
        help_text="Run only this node and what leads to it",
    )  # fmt: skip
    pins = serializers.BooleanField(default=False, help_text="Use pinned data")
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Default: the current one"
    )

    def validate_input(self, value: Any) -> Any:
        """Return items; raises BadInput."""
        return services.read_items(value)


class KeptSerializer(Strict):
    """Whether a run stays, however old or large it is."""

    kept = serializers.BooleanField()


class StartedSerializer(serializers.Serializer[Any]):
    """The execution that was queued."""

    id = serializers.IntegerField()


class RetrySerializer(Strict):
    """Which version runs again, and from where."""

    newest = serializers.BooleanField(
        default=False, help_text="The workflow's current version instead of the one that failed"
    )
    node = serializers.CharField(
        default="", help_text="Run from this node, with what those before it gave"
    )


class PreviewSerializer(Strict):
    """An expression, and where to evaluate it."""

    expression = serializers.CharField(trim_whitespace=False, allow_blank=True)
    node = serializers.CharField(trim_whitespace=False)
    item = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    execution = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1,
        help_text="Whose data; default: the last one that kept any",
    )  # fmt: skip


class PreviewedSerializer(serializers.Serializer[Any]):
    """`type` and `value`, or `error`."""

    type = serializers.CharField(required=False)
    value = serializers.JSONField(required=False)
    error = serializers.CharField(required=False)


class WhichDataSerializer(Strict):
    """A node, one of its runs, one of its outputs, and where to begin."""

    node = serializers.CharField(trim_whitespace=False)
    run = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    output = serializers.IntegerField(default=0, min_value=0, max_value=1000)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)


class NodeDataSerializer(serializers.Serializer[Any]):
    """Items a node gave at one output in one run, a page of them.

    `total` counts those of the output, `outputs` of each output (null: it stayed silent); `next`
    is the offset of the next page.
    """

    node = serializers.CharField()
    run = serializers.IntegerField()
    output = serializers.IntegerField()
    offset = serializers.IntegerField()
    next = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField()
    outputs = serializers.ListField(child=serializers.IntegerField(allow_null=True))
    ms = serializers.FloatField()
    started = serializers.DateTimeField()
    pinned = serializers.BooleanField()
    error = serializers.DictField(allow_null=True)
    logs = serializers.ListField(child=serializers.CharField())
    items = serializers.ListField(child=serializers.DictField())
