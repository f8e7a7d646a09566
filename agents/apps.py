"""Start-up of the agents room."""

import importlib

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Hosts, models, capabilities, calls and health."""

    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Fill the shelves of this room."""
        modules = (
            "permissions",
            "config",
            "kinds",
            "live",
            "navigation",
            "panels",
            "search",
            "builtin",
            "tasks",
        )
        for module in modules:
            importlib.import_module(f"agents.{module}")
