"""REST of this room."""

from workflows.api.approvals import ApprovalViewSet
from workflows.api.credentials import CredentialTypeViewSet, CredentialViewSet
from workflows.api.data_tables import DataTableViewSet
from workflows.api.executions import ExecutionViewSet
from workflows.api.schedules import ScheduleViewSet
from workflows.api.webhooks import WebhookViewSet
from workflows.api.workflows import WorkflowViewSet

__all__ = [
    "ApprovalViewSet",
    "CredentialTypeViewSet",
    "CredentialViewSet",
    "DataTableViewSet",
    "ExecutionViewSet",
    "ScheduleViewSet",
    "WebhookViewSet",
    "WorkflowViewSet",
]
