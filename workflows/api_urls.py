"""Addresses of this room's API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from workflows import api

router = SimpleRouter()
router.register("approvals", api.ApprovalViewSet, "approval")
router.register("credential-types", api.CredentialTypeViewSet, "credential-type")
router.register("credentials", api.CredentialViewSet, "credential")
router.register("data-tables", api.DataTableViewSet, "data-table")
router.register("executions", api.ExecutionViewSet, "execution")
router.register("schedules", api.ScheduleViewSet, "schedule")
router.register("webhooks", api.WebhookViewSet, "webhook")
router.register("workflows", api.WorkflowViewSet, "workflow")

urlpatterns = [path("", include(router.urls))]
