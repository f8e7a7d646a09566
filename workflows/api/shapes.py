"""What workflows look like to programs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import OwnTeam, Strict
from workflows import services
from workflows.models import Workflow, WorkflowVersion


class FindingSerializer(serializers.Serializer[Any]):
    """Something that is wrong or worth knowing; `node` is empty where the whole is meant."""

    severity = serializers.ChoiceField(choices=["error", "warning", "note"])
    message = serializers.CharField()
    node = serializers.CharField()


class BriefWorkflowSerializer(serializers.ModelSerializer[Workflow]):
    """A workflow in a list; `version` is the current one's number."""

    team = serializers.CharField(source="team.name", read_only=True)
    tags = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    active = serializers.SerializerMethodField()
    active_version = serializers.IntegerField(
        source="active.number", read_only=True, default=None, allow_null=True
    )
    version = serializers.IntegerField(source="current.number", read_only=True)
    nodes = serializers.IntegerField(source="current.node_count", read_only=True)
    errors = serializers.IntegerField(source="current.error_count", read_only=True)
    warnings = serializers.IntegerField(source="current.warning_count", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)

    class Meta:
        model = Workflow
        fields = [
            "id", "team", "name", "tags", "active", "active_version", "version", "nodes",
            "errors", "warnings", "archived", "at_once", "created_by", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_active(self, workflow: Workflow) -> bool:
        """Say whether triggers run a version of it."""
        return workflow.active_id is not None


class MissingSerializer(serializers.Serializer[Any]):
    """A credential a document names and the team does not have; `known`: it can be made here."""

    type = serializers.CharField()
    name = serializers.CharField()
    ref = serializers.CharField()
    nodes = serializers.ListField(child=serializers.CharField())
    known = serializers.BooleanField()


class WorkflowSerializer(BriefWorkflowSerializer):
    """A workflow with what was found in its current version; the document has its own address."""

    findings = FindingSerializer(source="current.findings", many=True, read_only=True)
    missing_credentials = serializers.SerializerMethodField()

    class Meta(BriefWorkflowSerializer.Meta):
        fields = [*BriefWorkflowSerializer.Meta.fields, "origin", "findings", "missing_credentials"]
        read_only_fields = fields

    @extend_schema_field(MissingSerializer(many=True))
    def get_missing_credentials(self, workflow: Workflow) -> Any:
        """Return what its nodes name and the team does not have."""
        if workflow.current is None:
            return []
        found = services.missing_credentials(workflow.current.document, workflow.team_id)
        return MissingSerializer(found, many=True).data


class DaySerializer(serializers.Serializer[Any]):
    """What the runs of one day came to; days are those of the instance's time zone."""

    day = serializers.DateField()
    runs = serializers.IntegerField(help_text="Runs that were started")
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Failed, canceled or quarantined")
    ms = serializers.FloatField(help_text="Milliseconds they worked, together")


class SinceSerializer(serializers.Serializer[Any]):
    """How far back to look."""

    days = serializers.IntegerField(min_value=1, max_value=366, default=30)


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of one workflow that was handed in."""

    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged"])
    workflow = WorkflowSerializer()


class BriefVersionSerializer(serializers.ModelSerializer[WorkflowVersion]):
    """A version in a list."""

    author = serializers.CharField(source="author.username", read_only=True, default=None)
    nodes = serializers.IntegerField(source="node_count", read_only=True)
    errors = serializers.IntegerField(source="error_count", read_only=True)
    warnings = serializers.IntegerField(source="warning_count", read_only=True)

    class Meta:
        model = WorkflowVersion
        fields = [
            "number",
            "name",
            "author",
            "created_at",
            "checksum",
            "nodes",
            "errors",
            "warnings",
        ]
        read_only_fields = fields


class VersionSerializer(BriefVersionSerializer):
    """A version with its document, as the text it came as."""

    findings = FindingSerializer(many=True, read_only=True)

    class Meta(BriefVersionSerializer.Meta):
        fields = [*BriefVersionSerializer.Meta.fields, "text", "findings"]
        read_only_fields = fields


class HowSerializer(Strict):
    """What an address says about a document that is sent in."""

    name = serializers.CharField(required=False, default="", help_text="Instead of its own")
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    same_name = serializers.ChoiceField(
        choices=services.SAME_NAME, default=services.COPY,
        help_text="For a name that is taken: a number behind it, or a new version",
    )  # fmt: skip
    activate = serializers.BooleanField(default=False)


class FromAddressSerializer(HowSerializer):
    """Where a document is to be fetched from."""

    url = serializers.CharField(max_length=2000)


class SavingSerializer(Strict):
    """What an address says about a document that is saved."""

    base = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1,
        help_text="Version that was edited; refused when another one was saved since",
    )  # fmt: skip
    name = serializers.CharField(
        required=False, default="", max_length=120, help_text="What to call the version"
    )


class ChangedWorkflowSerializer(Strict):
    """What of a workflow may be changed beside its document."""

    name = serializers.CharField(max_length=255, required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, required=False
    )
    archived = serializers.BooleanField(required=False)
    at_once = serializers.IntegerField(
        required=False, min_value=0, max_value=1000,
        help_text="Runs that may go on at the same time; 0: as many as the team's",
    )  # fmt: skip


class NamedVersionSerializer(Strict):
    """What of a version may be changed."""

    name = serializers.CharField(max_length=120, allow_blank=True)


class WhichSerializer(Strict):
    """A version by its number."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class MaybeWhichSerializer(Strict):
    """A version by its number; without one the current."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class CopySerializer(Strict):
    """What a copy is called."""

    name = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)


class BetweenSerializer(serializers.Serializer[Any]):
    """Two versions by number; `to` is the current one unless it is named."""

    vars()["from"] = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    to = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class ChangeSerializer(serializers.Serializer[Any]):
    """A value that changed; JSON, or empty where it was not there. Long texts also by line."""

    path = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()
    lines = serializers.ListField(child=serializers.CharField())


class NodeChangeSerializer(serializers.Serializer[Any]):
    """A node that changed; `was` is its former name if that did."""

    name = serializers.CharField()
    type = serializers.CharField()
    was = serializers.CharField()
    changes = ChangeSerializer(many=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    """What tells two versions apart: nodes by name, connections as "A → B"."""

    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = NodeChangeSerializer(many=True)
    moved = serializers.ListField(child=serializers.CharField())
    connected = serializers.ListField(child=serializers.CharField())
    disconnected = serializers.ListField(child=serializers.CharField())
    settings = ChangeSerializer(many=True)
    rest = ChangeSerializer(many=True)
