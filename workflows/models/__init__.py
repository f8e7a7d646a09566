"""Data of the workflows room."""

from workflows.models.executions import Execution, ExecutionData
from workflows.models.triggers import Trigger
from workflows.models.variables import Remembered, Variable
from workflows.models.workflows import Tag, Workflow, WorkflowVersion

__all__ = [
    "Execution",
    "ExecutionData",
    "Remembered",
    "Tag",
    "Trigger",
    "Variable",
    "Workflow",
    "WorkflowVersion",
]
