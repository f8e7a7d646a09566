"""Addresses of this room's pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from whoosh_site.core import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("panels/<slug:key>/", views.panel, name="panel"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
    path("account/", views.account, name="account"),
    path("account/password/", views.change_password, name="change-password"),
    path("account/keys/", views.create_key, name="create-key"),
    path("account/keys/<int:pk>/revoke/", views.revoke_key, name="revoke-key"),
    path("search/", views.find, name="search"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
