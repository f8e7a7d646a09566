"""Start-up of the projects room."""

import importlib

from django.apps import AppConfig

from agents.signals import call_ended


class ProjectsConfig(AppConfig):
    """Projects and the tasks agents do for them."""

    name = "projects"
    verbose_name = "Projects"

    def ready(self) -> None:
        """Fill the shelves of this room, and listen."""
        modules = ("permissions", "kinds", "live", "navigation", "panels", "search", "tasks")
        for module in modules:
            importlib.import_module(f"projects.{module}")
        from projects import receivers

        call_ended.connect(receivers.take_up, dispatch_uid="projects")
