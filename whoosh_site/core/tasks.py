"""Short jobs of this room."""

import os

from django.utils import timezone

from whoosh_site.core import owner, queue
from whoosh_site.core.live import notices
from whoosh_site.core.models.access import Lockout, OneTimeLink
from whoosh_site.core.models.system import IdempotentRequest, Process
from whoosh_site.core.watches import canary_owner


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
    """Delete what has served its time: notices, kept answers, links, signs of the dead."""
    now = timezone.now()
    notices.prune(now)
    IdempotentRequest.objects.filter(created_at__lt=now - IdempotentRequest.KEPT).delete()
    OneTimeLink.objects.filter(expires_at__lt=now - IdempotentRequest.KEPT).delete()
    Process.objects.filter(beat_at__lt=now - Process.QUIET * 30).delete()
    Lockout.prune(now)


queue.every(10, "whoosh_site.core.tasks.tidy")
