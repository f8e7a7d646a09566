"""Addresses of this room's pages."""

from django.urls import path, re_path

from agents import views

urlpatterns = [
    path("agents/", views.agent_list, name="agents"),
    path("agents/discover/", views.discover, name="discover"),
    path("agents/discover/<int:pk>/", views.discovery, name="discovery"),
    path("agents/discover/<int:pk>/stop/", views.stop_discovery, name="stop-discovery"),
    path("agents/discover/<int:pk>/register/", views.register_found, name="register-found"),
    path("agents/matrix/", views.capability_matrix, name="matrix"),
    path("agents/<int:pk>/", views.agent_detail, name="agent"),
    re_path(
        r"^agents/(?P<pk>\d{1,18})/(?P<action>check|drain|resume|enable|disable)/$",
        views.agent_action,
        name="agent-action",
    ),
    path("models/", views.model_list, name="models"),
    path("models/pull/", views.pull_model, name="pull-model"),
    path("models/<int:pk>/", views.model_detail, name="model"),
    re_path(
        r"^models/(?P<pk>\d{1,18})/(?P<verb>pull|load|unload|delete|pin|unpin|keep)/$",
        views.model_action,
        name="model-action",
    ),
    path("jobs/<int:pk>/cancel/", views.cancel_job, name="cancel-job"),
    path("calls/", views.call_list, name="calls"),
    path("calls/<int:pk>/", views.call_detail, name="call"),
    path("calls/<int:pk>/cancel/", views.cancel_call, name="cancel-call"),
    path("ask/", views.ask, name="ask"),
]
