"""Data of the workflows room."""

from workflows.models.workflows import Tag, Workflow, WorkflowVersion

__all__ = ["Tag", "Workflow", "WorkflowVersion"]
