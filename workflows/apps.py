"""Start-up of the workflows room."""

import importlib

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """n8n documents, their engine, nodes and scripts."""

    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        """Fill the shelves of this room."""
        importlib.import_module("workflows.scripts.health")
