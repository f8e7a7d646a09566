"""Start-up of the ground room."""

import importlib

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    """Users, teams, keys, audit, settings, secrets, outbound HTTP, leases, runner, live."""

    name = "whoosh_site.core"
    label = "core"
    verbose_name = "People and system"

    def ready(self) -> None:
        """Fill the shelves of this room."""
        for module in ("checks", "config", "navigation", "receivers", "search", "tasks"):
            importlib.import_module(f"{self.name}.{module}")
        receivers = importlib.import_module(f"{self.name}.receivers")
        post_migrate.connect(receivers.ensure_a_team, sender=self)


class AdminConfig(admin_apps.SimpleAdminConfig):
    """Django admin behind our own sign-in. The URLs load its pages: workers need none of them."""

    default_site = "whoosh_site.core.site.AdminSite"
