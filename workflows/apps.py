"""Start-up of the workflows room."""

import importlib

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """Documents of n8n, kept, run and triggered."""

    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        """Fill the shelves of this room."""
        modules = (
            "kinds", "live", "navigation", "panels", "permissions", "reference", "scripts.health",
            "search", "tasks",
        )  # fmt: skip
        for module in modules:
            importlib.import_module(f"workflows.{module}")
