"""REST of this room."""

from projects.api.projects import ProjectViewSet
from projects.api.tasks import TaskViewSet

__all__ = ["ProjectViewSet", "TaskViewSet"]
