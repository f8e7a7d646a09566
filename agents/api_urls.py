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
router.register("discoveries", api.DiscoveryViewSet, "discovery")
router.register("join-tokens", api.JoinTokenViewSet, "join-token")
router.register("join-requests", api.JoinRequestViewSet, "join-request")

urlpatterns = [
    path("agents/join/", api.JoinView.as_view(), name="join"),  # no agent's id looks like this
    path("", include(router.urls)),
]
