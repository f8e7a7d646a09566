"""Data of the workflows room."""

from workflows.models.answers import Answer, CallKey
from workflows.models.approvals import Approval
from workflows.models.credentials import Credential
from workflows.models.executions import Execution
from workflows.models.kept import ExecutionPart, KeptSteps, Pieces
from workflows.models.tables import DataTable, DataTableRow
from workflows.models.triggers import Trigger
from workflows.models.variables import Remembered, Variable
from workflows.models.workflows import Tag, Workflow, WorkflowVersion

__all__ = [
    "Answer",
    "CallKey",
    "Approval",
    "Credential",
    "DataTable",
    "DataTableRow",
    "Execution",
    "ExecutionPart",
    "KeptSteps",
    "Pieces",
    "Remembered",
    "Tag",
    "Trigger",
    "Variable",
    "Workflow",
    "WorkflowVersion",
]
