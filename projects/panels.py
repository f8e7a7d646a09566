"""What this room shows on the dashboard, and what it finds wrong."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from projects.models import Task
from projects.models.tasks import OPEN
from whoosh_site.core import health
from whoosh_site.core.actor import Actor
from whoosh_site.core.health import Finding, Question, questions
from whoosh_site.core.leases import QUARANTINED
from whoosh_site.core.models.people import User
from whoosh_site.core.panels import Panel, panels
from whoosh_site.core.permissions import may
from whoosh_site.core.templatetags.ui import counted

LATELY = timedelta(days=1)


@panels.add
class TasksNow(Panel):
    """The newest tasks, those that have not ended first."""

    key, label = "tasks", "Tasks"
    order = 15
    template = "projects/panels/tasks.html"
    topics = ("tasks", "calls")

    def context(self, user: User) -> dict[str, Any]:
        """Return ten tasks, and whether the user may add one."""
        tasks = Task.objects.visible_to(user).brief()
        still = list(tasks.filter(state__in=OPEN)[:10])
        rest = tasks.exclude(state__in=OPEN)[: 10 - len(still)]
        may_submit = may(Actor(user), "task.submit", user.roles)
        return {"tasks": [*still, *rest], "may_submit": may_submit}


@questions.add
class TasksSucceed(Question):
    """No task is given up on."""

    key = "tasks"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of tasks of a day that were put in quarantine."""
        tasks = Task.objects.all() if user is None else Task.objects.visible_to(user)
        lately = timezone.now() - LATELY
        count = tasks.filter(state=QUARANTINED, finished_at__gte=lately).count()
        if count:
            yield Finding(
                health.ERROR, f"{counted(count, 'task')} put in quarantine today.",
                "Look at them and run them again.", "/tasks/?state=quarantined",
            )  # fmt: skip
        else:
            yield Finding(health.OK, "No task is in quarantine")
