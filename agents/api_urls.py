"""Addresses of this room's API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from agents import api

router = SimpleRouter()
router.register("agents", api.AgentViewSet, "agent")
router.register("models", api.ModelViewSet, "model")
router.register("jobs", api.ModelJobViewSet, "job")
router.register("capabilities", api.CapabilityViewSet, "capability")
router.register("calls", api.CallViewSet, "call")

urlpatterns = [path("", include(router.urls))]
