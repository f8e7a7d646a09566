"""Addresses of this room's API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from projects import api

router = SimpleRouter()
router.register("projects", api.ProjectViewSet, "project")
router.register("tasks", api.TaskViewSet, "task")

urlpatterns = [path("", include(router.urls))]
