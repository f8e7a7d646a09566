"""Start-up of the workflows room."""

import importlib

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """Documents of n8n, kept, run and triggered."""

    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        """Fill the shelves of this room."""
        for module in ("permissions", "live", "navigation", "search"):
            importlib.import_module(f"workflows.{module}")
