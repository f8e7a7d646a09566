"""Data of the projects room."""

from projects.models.projects import Project
from projects.models.tasks import Artifact, Attachment, Attempt, Event, Task

__all__ = ["Artifact", "Attachment", "Attempt", "Event", "Project", "Task"]
