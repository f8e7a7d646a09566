"""What tasks look like to programs."""

from typing import Any

from rest_framework import serializers

from projects import services
from projects.models import Artifact, Attachment, Attempt, Event, Task
from projects.models.tasks import PRIORITIES
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import OwnTeam, Part, Strict

LONGEST_WAIT = 300


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    """A file given with a task, without its content."""

    class Meta:
        model = Attachment
        fields = ["id", "name", "kind", "size"]
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One try: its call, and how that was judged."""

    agent = serializers.CharField(source="agent_name")
    model = serializers.CharField(source="model_name")

    class Meta:
        model = Attempt
        fields = [
            "number", "round", "kind", "state", "call", "agent", "model", "answer", "error_code",
            "error", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    """One version of a result."""

    class Meta:
        model = Artifact
        fields = ["id", "name", "version", "media_type", "content", "created_at"]
        read_only_fields = fields


class EventSerializer(serializers.ModelSerializer[Event]):
    """One line of the history; `by` is empty for what WHOOSH did itself."""

    class Meta:
        model = Event
        fields = ["at", "by", "text"]
        read_only_fields = fields


class BriefTaskSerializer(serializers.ModelSerializer[Task]):
    """A task in a list."""

    state = serializers.ChoiceField(
        source="shown_state", choices=Task.State.choices, read_only=True
    )
    project = serializers.CharField(source="project.name", read_only=True, default=None)
    team = serializers.CharField(source="team.name", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)
    waits_for = serializers.CharField(read_only=True, help_text="Empty unless it waits")
    agent = serializers.CharField(source="call.agent_name", read_only=True, default="")
    model = serializers.CharField(source="call.model_name", read_only=True, default="")

    class Meta:
        model = Task
        fields = [
            "id", "state", "team", "project", "title", "priority", "source", "created_by",
            "created_at", "finished_at", "wanted_agent", "wanted_model", "wanted_capability",
            "agent", "model", "waits_for", "call", "round", "error_code", "error",
        ]  # fmt: skip
        read_only_fields = fields


class TaskSerializer(BriefTaskSerializer):
    """A task with its attempts, results and history; `result` is the newest one's content."""

    reason = serializers.CharField(source="call.reason", read_only=True, default="")
    result = serializers.SerializerMethodField()
    artifacts = ArtifactSerializer(many=True, read_only=True)
    attempts = AttemptSerializer(many=True, read_only=True)
    attachments = AttachmentSerializer(many=True, read_only=True)
    history = EventSerializer(source="events", many=True, read_only=True)

    class Meta(BriefTaskSerializer.Meta):
        fields = [
            *BriefTaskSerializer.Meta.fields, "description", "fallbacks", "options", "schema",
            "time_limit", "token_limit", "most_attempts", "reason", "result", "artifacts",
            "attempts", "attachments", "history",
        ]  # fmt: skip
        read_only_fields = fields

    def get_result(self, task: Task) -> str | None:
        """Return the content of the newest result, or nothing."""
        newest = next(iter(task.artifacts.all()), None)
        return newest.content if newest else None


class GivenSerializer(Part):
    """A file to be given with a task: `text`, or an `image` in base64."""

    name = serializers.CharField(max_length=200)
    text = serializers.CharField(required=False, trim_whitespace=False)
    image = serializers.CharField(required=False)

    def validate(self, attrs: dict[str, Any]) -> Any:
        """Return the file as it is kept."""
        if ("text" in attrs) == ("image" in attrs):
            raise serializers.ValidationError({"text": "Give either text or image."})
        try:
            if "image" in attrs:
                return services.read_image(attrs["name"], attrs["image"])
            return services.read_file(attrs["name"], attrs["text"].encode())
        except BadInput as error:
            what = "image" if "image" in attrs else "text"
            said = error.message.removeprefix("attachments: ")
            raise serializers.ValidationError({what: said}) from None


class NewTaskSerializer(Strict):
    """A task to be submitted."""

    title = serializers.CharField(max_length=200)
    description = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False
    )
    project = serializers.CharField(required=False, help_text="Name of a project")
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    agent = serializers.CharField(required=False, default="")
    model = serializers.CharField(required=False, default="")
    capability = serializers.CharField(required=False, default="")
    fallbacks = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=10
    )
    options = serializers.DictField(required=False, default=dict)
    schema = serializers.DictField(required=False, default=None, allow_null=True)
    attachments = GivenSerializer(many=True, required=False, default=list)
    priority = serializers.ChoiceField(choices=PRIORITIES, default=3)
    time_limit = serializers.FloatField(
        required=False, default=None, allow_null=True, help_text="Seconds for one attempt"
    )
    token_limit = serializers.IntegerField(required=False, default=None, allow_null=True)
    most_attempts = serializers.IntegerField(default=3)
    held = serializers.BooleanField(default=False, help_text="Wait for a release")
    wait = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT,
        help_text="Seconds to wait for the end before answering",
    )


class PrioritySerializer(Strict):
    """What of a task may be changed."""

    priority = serializers.ChoiceField(choices=PRIORITIES)


class ManySerializer(Strict):
    """The same to be done with several tasks."""

    action = serializers.ChoiceField(choices=sorted(services.VERBS))
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1), min_length=1, max_length=services.MOST_AT_ONCE
    )


class RefusedSerializer(serializers.Serializer[Any]):
    """A task with which it could not be done."""

    id = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()


class ManyDoneSerializer(serializers.Serializer[Any]):
    """What became of it; tasks the caller does not see are among neither."""

    done = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedSerializer(many=True)
