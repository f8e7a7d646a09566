"""Short jobs of this room."""

import os
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.utils import timezone

from whoosh_site.core import owner, queue
from whoosh_site.core.live import notices
from whoosh_site.core.models.access import Lockout, OneTimeLink
from whoosh_site.core.models.system import IdempotentRequest, Process
from whoosh_site.core.watches import canary_owner

LOG_KEPT = timedelta(days=90)
"""Of the administration's own list of recent actions; the audit trail is kept for ever."""
RESULTS_KEPT = timedelta(days=7)


def canary() -> None:
    """Sign that this host's cluster still runs jobs."""
    Process.objects.update_or_create(
        owner=canary_owner(),
        defaults={
            "job": Process.Job.TASKS,
            "host": owner.host(),
            "pid": os.getpid(),
            "beat_at": timezone.now(),
            "carrying": queue.backlog(),
        },
    )


def tidy() -> None:
    """Delete what has served its time: notices, kept answers, links, sessions, traces of jobs."""
    now = timezone.now()
    notices.prune(now)
    IdempotentRequest.objects.filter(created_at__lt=now - IdempotentRequest.KEPT).delete()
    OneTimeLink.objects.filter(expires_at__lt=now - IdempotentRequest.KEPT).delete()
    Process.objects.filter(beat_at__lt=now - Process.QUIET * 30).delete()
    Lockout.prune(now)
    Session.objects.filter(expire_date__lt=now).delete()
    LogEntry.objects.filter(action_time__lt=now - LOG_KEPT).delete()
    queue.forget_results(now - RESULTS_KEPT)


queue.every(10, "whoosh_site.core.tasks.tidy")
