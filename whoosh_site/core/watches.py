"""How the supervisor asks its two clusters whether they still work."""

import logging
import signal
import time
from datetime import datetime

import psutil
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from whoosh_site.core import owner, queue
from whoosh_site.core.models.system import Process
from whoosh_site.core.supervisor import Child, Watch

log = logging.getLogger(__name__)

CANARY_EVERY = 15.0
CANARY_PATIENCE = 45.0
SUSPECT_PATIENCE = 4.0
START_PATIENCE = 8.0
HUNG_AFTER = 30.0


class TasksWatch(Watch):
    """Sends the cluster of short jobs a canary: now and then, and at once when a process died."""

    def __init__(self, child: Child) -> None:
        super().__init__(child)
        self.sent = 0.0
        self.sent_at = timezone.now()
        self.patience = CANARY_PATIENCE
        self.answered = True
        self.cleared = False

    def started(self) -> None:
        """Ask the new cluster at once; older questions are for processes that are gone."""
        super().started()
        self.cleared, self.answered, self.sent = False, True, 0.0

    def look(self) -> str:
        """Return a reason when a canary stayed unanswered although a worker is idle."""
        try:
            return self._look()
        except DatabaseError:
            close_old_connections()  # no database, no verdict; its patience begins anew
            self.sent = time.monotonic()
            return ""

    def _look(self) -> str:
        if not self.cleared:
            queue.clear_here(queue.TASKS)
            queue.give_back(queue.TASKS)
            self.cleared = True
        lost = self.lost_a_process()
        if lost and self.child.age > 1:
            self._ask(SUSPECT_PATIENCE)
        elif self.answered and time.monotonic() - self.sent > CANARY_EVERY:
            self._ask(CANARY_PATIENCE)
        if self.answered:
            return ""
        mine = Process.objects.filter(owner=canary_owner(), beat_at__gte=self.sent_at)
        self.answered = mine.exists()
        silent = time.monotonic() - self.sent > self.patience
        if not self.answered and silent and self.has_idle_worker():
            return f"no answer for {self.patience:g} s although a worker is idle"
        return ""

    def _ask(self, patience: float) -> None:
        asked_at = timezone.now()
        queue.enqueue_here(queue.TASKS, "whoosh_site.core.tasks.canary")
        self.sent, self.sent_at = time.monotonic(), asked_at
        self.patience, self.answered = patience, False


class RunnerWatch(Watch):
    """Keeps one resident runner on this host: asks for it, and restarts a cluster without one."""

    def __init__(self, child: Child) -> None:
        super().__init__(child)
        self.alone_since = time.monotonic()
        self.asked_at = 0.0
        self.looked_at = 0.0
        self.cleared = False
        self.runner: Process | None = None
        """The living runner of this host, when last looked."""
        self.heard: tuple[datetime | None, float] = (None, 0.0)
        """Its last sign of life, and when that was seen on a clock nobody sets."""

    def started(self) -> None:
        """Ask the new cluster for its runner; old messages are for processes that are gone."""
        super().started()
        self.alone_since, self.asked_at, self.cleared = time.monotonic(), 0.0, False

    def look(self) -> str:
        """Return a reason when no runner appears, or it no longer signs its life."""
        if time.monotonic() - self.looked_at < 1:
            return ""
        self.looked_at = time.monotonic()
        try:
            return self._look()
        except DatabaseError:
            close_old_connections()  # no database, no verdict: the runner cannot sign either
            self.heard = (None, 0.0)
            self.alone_since = time.monotonic()
            return ""

    def _look(self) -> str:
        if not self.cleared:
            queue.clear_here(queue.RUNNER)
            self.cleared = True
        self.runner = self._living()
        if self.runner is None:
            return self._without()
        self.alone_since = time.monotonic()
        if self.heard[0] != self.runner.beat_at:
            self.heard = (self.runner.beat_at, time.monotonic())
        if time.monotonic() - self.heard[1] > HUNG_AFTER:
            return f"the runner gave no sign of life for {HUNG_AFTER:g} s"
        return ""

    def _without(self) -> str:
        alone = time.monotonic() - self.alone_since
        if alone > START_PATIENCE:
            return f"no runner for {START_PATIENCE:g} s"
        if not queue.waiting_here(queue.RUNNER) and time.monotonic() - self.asked_at > 3:
            self._ask()
        return ""

    def _ask(self) -> None:
        self.asked_at = time.monotonic()
        queue.enqueue_here(queue.RUNNER, "whoosh_site.core.runner.serve", seconds=-1)

    def _living(self) -> Process | None:
        """Return the living runner of this host; rows of dead ones are deleted."""
        found = None
        for row in Process.objects.filter(job=Process.Job.RUNNER, host=owner.host()):
            if owner.is_dead(row.owner):
                Process.objects.filter(pk=row.pk).delete()
            else:
                found = row
        return found

    def stop_gently(self) -> None:
        """Let the runner put its rows back, then end the cluster."""
        if self.runner is not None and not owner.is_dead(self.runner.owner):
            try:
                psutil.Process(self.runner.pid).send_signal(signal.SIGTERM)
            except psutil.NoSuchProcess:
                log.debug("the runner was gone already")
        super().stop_gently()


def canary_owner() -> str:
    """Return the name under which this host's cluster of short jobs signs."""
    return f"{owner.host()}:tasks"
