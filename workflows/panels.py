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
from workflows.models import Execution, Workflow

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
