"""Prompts and their answers."""

import functools
import json
from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agents import services
from agents.models import Call
from agents.services.stream import events
from whoosh_site.core.models.access import ApiKey
from whoosh_site.core.models.people import Team, User
from whoosh_site.core.openapi import IDEMPOTENCY_KEY
from whoosh_site.core.rest import REPLAY, OwnTeam, ReadView, Strict, idempotent
from whoosh_site.core.rest_policy import IN_EVERY_ZONE, Filters

LONGEST_WAIT = 300


class CallSerializer(serializers.ModelSerializer[Call]):
    """A call: what was asked, who answered and why, the exact figures."""

    state = serializers.ChoiceField(
        source="shown_state", choices=Call.State.choices, read_only=True
    )
    agent = serializers.CharField(source="agent_name", read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)

    class Meta:
        model = Call
        fields = [
            "id",
            "state",
            "team",
            "created_by",
            "source",
            "created_at",
            "title",
            "wanted_agent",
            "wanted_model",
            "wanted_capability",
            "messages",
            "options",
            "schema",
            "agent",
            "model",
            "context_length",
            "reason",
            "decision",
            "trouble",
            "answer",
            "thinking",
            "tool_calls",
            "done_reason",
            "error_code",
            "error",
            "attempt",
            "sent_at",
            "finished_at",
            "wait_ms",
            "load_ms",
            "slot_wait_ms",
            "first_token_ms",
            "prompt_ms",
            "answer_ms",
            "total_ms",
            "prompt_tokens",
            "answer_tokens",
            "tps",
            "prompt_tps",
        ]
        read_only_fields = fields


class BriefCallSerializer(CallSerializer):
    """A call without its texts, for lists."""

    class Meta(CallSerializer.Meta):
        fields = [name for name in CallSerializer.Meta.fields if name not in Call.TEXTS]
        read_only_fields = fields


class ToolCallSerializer(Strict):
    """A tool the model wanted called, as an earlier answer had it."""

    id = serializers.CharField(required=False, allow_blank=True)
    name = serializers.CharField()
    arguments = serializers.DictField(required=False)


class MessageSerializer(Strict):
    """One turn of a conversation; a tool's result names the call it answers."""

    role = serializers.ChoiceField(choices=["system", "user", "assistant", "tool"])
    content = serializers.CharField(allow_blank=True, trim_whitespace=False, default="")
    images = serializers.ListField(child=serializers.CharField(), required=False, max_length=16)
    tool_calls = ToolCallSerializer(many=True, required=False)
    tool_name = serializers.CharField(required=False, allow_blank=True)
    tool_call_id = serializers.CharField(required=False, allow_blank=True)


class AskSerializer(Strict):
    """A prompt, or a whole conversation, and what it needs."""

    prompt = serializers.CharField(required=False, trim_whitespace=False)
    messages = MessageSerializer(many=True, required=False)
    agent = serializers.CharField(required=False, default="")
    model = serializers.CharField(required=False, default="")
    capability = serializers.CharField(required=False, default="")
    fallbacks = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        default=list,
        max_length=10,
        help_text="Models to use where the one asked for is nowhere to be had",
    )
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)
    options = serializers.DictField(required=False, default=dict)
    schema = serializers.DictField(required=False, default=None, allow_null=True)
    stream = serializers.BooleanField(
        default=False, help_text="Answer with server-sent events as the tokens come"
    )
    wait = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT,
        help_text="Seconds to wait for the end before answering",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Turn a prompt into a conversation."""
        if ("prompt" in attrs) == ("messages" in attrs):
            raise serializers.ValidationError({"prompt": "Give either prompt or messages."})
        if "prompt" in attrs:
            attrs["messages"] = [{"role": "user", "content": attrs.pop("prompt")}]
        return attrs


class ScoreSerializer(serializers.Serializer[Any]):
    """What became of one agent in a decision; `seconds` until the answer would be there."""

    agent = serializers.CharField()
    model = serializers.CharField()
    seconds = serializers.FloatField()
    parts = serializers.ListField(help_text="Pairs of words and seconds")
    refused = serializers.CharField()
    full = serializers.BooleanField()


class DecisionSerializer(serializers.Serializer[Any]):
    """Where a call would go."""

    agent = serializers.CharField(help_text="Empty when it would wait")
    model = serializers.CharField()
    reason = serializers.CharField()
    waits_for = serializers.CharField(help_text="The agent whose slot it would wait for")
    scores = ScoreSerializer(many=True)


class EventStream(BaseRenderer):
    """What a client that accepts events only is told when there are none: an error, or the call."""

    media_type = "text/event-stream"
    format = "events"
    charset = "utf-8"

    def render(self, data: Any, *_: Any, **__: Any) -> str:
        """Return one event."""
        name = "error" if "error" in data and isinstance(data["error"], dict) else "call"
        return f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"


class CallFilter(Filters):
    """Filters of the list of calls."""

    name = filters.CharFilter(field_name="title", lookup_expr="icontains")
    agent = filters.CharFilter(field_name="agent_name")
    model = filters.CharFilter(field_name="model_name")
    created_by = filters.CharFilter(field_name="created_by__username")
    since = filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", validators=IN_EVERY_ZONE
    )

    state = filters.ChoiceFilter(choices=Call.State.choices, method="shown_as")

    class Meta:
        model = Call
        fields = ["source"]

    def shown_as(self, rows: Any, name: str, state: str) -> Any:
        """As the field `state` shows it."""
        return rows.shown_as(state)


class CallViewSet(ReadView):
    """Prompts and their answers. POST asks; the answer comes later, by waiting or as a stream."""

    queryset = Call.objects.select_related("created_by")
    serializer_class = CallSerializer
    filterset_class = CallFilter
    rules = {
        "list": "call.view",
        "retrieve": "call.view",
        "create": "call.create",
        "cancel": "call.cancel",
        "foresee": "call.create",
    }

    def get_serializer_class(self) -> Any:
        """Lists leave the texts out."""
        return BriefCallSerializer if self.action == "list" else CallSerializer

    def get_queryset(self) -> Any:
        """Lists do not even read the texts."""
        rows = super().get_queryset()
        return rows.brief() if self.action == "list" else rows

    def get_renderers(self) -> list[Any]:
        """A prompt may be answered with events."""
        return [*super().get_renderers(), *([EventStream()] if self.action == "create" else [])]

    @extend_schema(
        request=AskSerializer,
        responses={200: CallSerializer, 202: CallSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Any:
        """Ask. 202 with the call at once; with `wait` 200 once it ended; with `stream` events."""
        wish = AskSerializer(data=request.data, context={"request": request})
        wish.is_valid(raise_exception=True)
        data = wish.validated_data
        made = self._ask(request, data)
        call = get_object_or_404(self.get_queryset(), pk=made.data["id"])
        headers = {"Location": f"/api/v1/calls/{call.pk}/"}
        headers |= {name: made[name] for name in (REPLAY,) if made.has_header(name)}
        if data["stream"]:
            told = events(call.pk, _whole, functools.partial(_may_still_read, request, call.pk))
            return StreamingHttpResponse(told, content_type=EventStream.media_type, headers=headers)
        call = services.wait_for(call, data["wait"])
        code = status.HTTP_200_OK if call.ended else status.HTTP_202_ACCEPTED
        return Response(CallSerializer(call).data, status=code, headers=headers)

    @idempotent
    def _ask(self, request: Request, data: dict[str, Any]) -> Response:
        call = services.ask(
            _wish(data),
            by=self.actor,
            team=data.get("team"),
            source=Call.Source.API,
        )
        return Response({"id": call.pk}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=AskSerializer, responses=DecisionSerializer)
    @action(detail=False, methods=["post"])
    def foresee(self, request: Request) -> Response:
        """Say where such a call would go now and why, without asking anybody."""
        wish = AskSerializer(data=request.data, context={"request": request})
        wish.is_valid(raise_exception=True)
        data = wish.validated_data
        found = services.foresee(_wish(data), by=self.actor, team=data.get("team"))
        return Response(DecisionSerializer(found.as_dict()).data)

    @extend_schema(request=None, responses=CallSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the call; a running one is stopped at its host."""
        call = self.get_object()
        services.cancel_call(call, by=self.actor)
        return Response(CallSerializer(services.wait_for(call, 5)).data)


def _whole(call: Call) -> dict[str, Any]:
    return dict(CallSerializer(call).data)


def _may_still_read(request: Request, pk: int) -> bool:
    """Ask anew who the caller is: the key or session may have ended, or the role."""
    user = User.objects.filter(pk=request.user.pk, is_active=True).first()
    if isinstance(request.auth, ApiKey):
        key = ApiKey.objects.filter(pk=request.auth.pk).first()
        signed_in = key is not None and key.alive
    else:
        signed_in = request.session.exists(request.session.session_key)
    return bool(signed_in and user and Call.objects.visible_to(user).filter(pk=pk).exists())


def _wish(data: dict[str, Any]) -> services.Wish:
    return services.Wish(
        messages=[dict(message) for message in data["messages"]],
        agent=data["agent"],
        model=data["model"],
        capability=data["capability"],
        fallbacks=data["fallbacks"],
        options=data["options"],
        schema=data["schema"],
        streams=data["stream"],
    )
