"""What this room hears."""

from typing import Any

from django.utils import timezone

from agents.models import Call
from projects.models import Attempt
from whoosh_site.core.leases import QUEUED


def take_up(*, pk: int, source: str, **_: Any) -> None:
    """Let the attempt of a call that has ended be judged: written down with the call's end."""
    if source == Call.Source.TASK:
        asked = Attempt.objects.filter(call=pk, state=Attempt.ASKED)
        asked.update(state=QUEUED, due_at=timezone.now())
