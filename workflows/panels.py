"""What this room shows on the dashboard, and what it finds wrong."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from whoosh_site.core import health
from whoosh_site.core.actor import Actor
from whoosh_site.core.health import Finding, Question, questions
from whoosh_site.core.leases import QUARANTINED
from whoosh_site.core.models.people import User
from whoosh_site.core.panels import Panel, panels
from whoosh_site.core.permissions import may
from whoosh_site.core.templatetags.ui import counted
from workflows.models import Execution, Trigger, Workflow
from workflows.services import database_now

LATELY = timedelta(days=1)
SHOWN = 8


@panels.add
class ExecutionsNow(Panel):
    """The newest executions, those that have not ended first."""

    key, label = "executions", "Executions"
    order = 16
    template = "workflows/panels/executions.html"
    topics = ("executions",)

    def context(self, user: User) -> dict[str, Any]:
        """Return some executions, and what to do while there are none."""
        rows = Execution.objects.visible_to(user).brief()
        still = list(rows.open()[:SHOWN])
        found = [*still, *rows.exclude(pk__in=[one.pk for one in still])[: SHOWN - len(still)]]
        return {
            "executions": found,
            "workflows": bool(found) or Workflow.objects.visible_to(user).exists(),
            "may_import": may(Actor(user), "workflow.change", user.roles),
        }


@questions.add
class ExecutionsEnd(Question):
    """No execution is given up on."""

    key = "executions"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of executions of a day that were put in quarantine."""
        rows = Execution.objects.all() if user is None else Execution.objects.visible_to(user)
        lately = timezone.now() - LATELY
        count = rows.filter(state=QUARANTINED, finished_at__gte=lately).count()
        if count:
            yield Finding(
                health.ERROR, f"{counted(count, 'execution')} put in quarantine today.",
                "Look at what their processes died of, then retry them.",
                "/executions/?state=quarantined",
            )  # fmt: skip
        else:
            yield Finding(health.OK, "No execution is in quarantine")


@questions.add
class SchedulesKept(Question):
    """Schedules start their runs on time, and looks succeed."""

    key = "schedules"

    def ask(self, user: User | None) -> Iterator[Finding]:
        """Tell of moments nobody has seen to, of rules that stand still, of looks that fail."""
        rows = Trigger.objects.all() if user is None else Trigger.objects.visible_to(user)
        clocks = rows.clocks()
        late = clocks.late(database_now()).count()
        if late:
            yield Finding(
                health.ERROR, f"{counted(late, 'schedule')} late by more than a minute.",
                "Look whether a runner is alive, and how busy it is.", "/schedules/",
            )  # fmt: skip
        still = clocks.filter(due_at=None).count()
        if still:
            yield Finding(
                health.WARNING, f"{counted(still, 'schedule')} will never start a run again.",
                "Look at their rules, and activate their workflows anew.", "/schedules/",
            )  # fmt: skip
        failing = clocks.filter(kind=Trigger.Kind.POLL).exclude(trouble="").count()
        if failing:
            yield Finding(
                health.WARNING, f"{counted(failing, 'trigger')} cannot look for news.",
                "Look at what went wrong.", "/schedules/",
            )  # fmt: skip
        if not (late or still or failing):
            count = clocks.count()
            yield Finding(health.OK, f"{counted(count, 'schedule')}, none late")
