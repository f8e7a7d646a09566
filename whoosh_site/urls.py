"""All addresses: the roof wires the rooms together."""

from django.contrib import admin
from django.urls import include, path

from whoosh_site.core.live.sockets import LiveConsumer

admin.autodiscover()

handler404 = "whoosh_site.core.views.not_found"
handler403 = "whoosh_site.core.views.forbidden"
handler500 = "whoosh_site.core.views.server_error"
handler400 = "whoosh_site.core.views.bad_request"

urlpatterns = [
    path("", include("whoosh_site.core.urls")),
    path("", include("agents.urls")),
    path("", include("workflows.urls")),
    path("", include("projects.urls")),
    path("api/v1/", include("whoosh_site.core.api_urls")),
    path("api/v1/", include("agents.api_urls")),
    path("api/v1/", include("workflows.api_urls")),
    path("api/v1/", include("projects.api_urls")),
    path("admin/", admin.site.urls),
]
websockets = [
    path("ws/live/", LiveConsumer.as_asgi()),
]
