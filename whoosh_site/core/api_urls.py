"""Addresses of this room's API."""

from django.contrib.auth.decorators import login_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from whoosh_site.core import api, openapi

router = SimpleRouter()
router.register("teams", api.TeamViewSet, "team")
router.register("users", api.UserViewSet, "user")
router.register("keys", api.KeyViewSet, "key")
router.register("settings", api.SettingViewSet, "setting")
router.register("audit", api.AuditViewSet, "audit")

AUTHENTICATION = (openapi.KeyScheme,)  # known once it is imported

urlpatterns = [
    path("", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        login_required(
            SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="core/docs.html")
        ),
        name="docs",
    ),
]
