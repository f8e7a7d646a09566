"""What pages of this room watch, and how its services tell them."""

from projects.models import Project, Task
from whoosh_site.core import live
from whoosh_site.core.live import topics
from whoosh_site.core.models.people import User

topics.declare_lists("projects", "tasks")


def tell(task: Task) -> None:
    """Let the pages that show this task know that it changed."""
    live.announce("tasks", f"task:{task.pk}", teams=[task.team_id])


def tell_project(project: Project) -> None:
    """Let the pages that list projects know that one changed."""
    live.announce("projects", teams=[project.team_id])


@topics.topics.add
class TaskTopic(topics.Topic):
    """One task's page."""

    key = "task"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Task.objects.visible_to(user).filter(pk=pk).exists()
