"""Data of the workflows room."""

from workflows.models.executions import Execution, ExecutionData
from workflows.models.workflows import Tag, Workflow, WorkflowVersion

__all__ = ["Execution", "ExecutionData", "Tag", "Workflow", "WorkflowVersion"]
