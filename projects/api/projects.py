"""Projects."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import services
from projects.models import Project
from whoosh_site.core.models.people import Team
from whoosh_site.core.rest import OwnTeam, ReadView, Strict


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project and how many tasks it has; `open` ones have not ended."""

    team = serializers.CharField(source="team.name", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)
    tasks = serializers.IntegerField(source="task_count", read_only=True)
    open = serializers.IntegerField(source="open_count", read_only=True)

    class Meta:
        model = Project
        fields = ["id", "team", "name", "description", "created_by", "created_at", "tasks", "open"]
        read_only_fields = fields


class NewProjectSerializer(Strict):
    """A project to be made; without a team in the caller's first."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(required=False, default="", allow_blank=True)
    team = OwnTeam(slug_field="name", queryset=Team.objects.none(), required=False)


class ChangedProjectSerializer(Strict):
    """What may be changed."""

    name = serializers.CharField(max_length=80, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class ProjectViewSet(ReadView):
    """What tasks are gathered under."""

    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    filterset_fields = ["name"]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    rules = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "project.change",
        "partial_update": "project.change",
        "destroy": "project.delete",
    }

    def get_queryset(self) -> Any:
        """Return projects with their numbers of tasks."""
        return super().get_queryset().with_counts()

    @extend_schema(request=NewProjectSerializer, responses={201: ProjectSerializer})
    def create(self, request: Request) -> Response:
        """Add a project."""
        wish = NewProjectSerializer(data=request.data, context={"request": request})
        wish.is_valid(raise_exception=True)
        project = services.create_project(by=self.actor, **wish.validated_data)
        return self._shown(project, status.HTTP_201_CREATED)

    @extend_schema(request=ChangedProjectSerializer, responses=ProjectSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename or describe anew."""
        project = self.get_object()
        wish = ChangedProjectSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        services.change_project(project, by=self.actor, **wish.validated_data)
        return self._shown(project, status.HTTP_200_OK)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete; refused while it has tasks."""
        services.delete_project(self.get_object(), by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, project: Project, code: int) -> Response:
        row = self.get_queryset().get(pk=project.pk)
        return Response(ProjectSerializer(row).data, status=code)
