"""REST of this room."""

from workflows.api.workflows import WorkflowViewSet

__all__ = ["WorkflowViewSet"]
