"""System checks: advice at start, each with an id and a hint."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security)
def exposure(**_: Any) -> list[checks.CheckMessage]:
    """Warn about settings that are fine at home and not beyond it."""
    found: list[checks.CheckMessage] = []
    if settings.DEBUG:
        found.append(
            checks.Warning(
                "WHOOSH_DEBUG is on: errors show source code and settings.",
                hint="Leave WHOOSH_DEBUG unset outside development.",
                id="whoosh.W001",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            checks.Warning(
                "WHOOSH_ALLOWED_HOSTS allows every host name.",
                hint="Name the hosts people use; '*' opens the way for DNS rebinding.",
                id="whoosh.W002",
            )
        )
    return found


@checks.register(checks.Tags.database)
def shared_state(**_: Any) -> list[checks.CheckMessage]:
    """Explain what several hosts need."""
    postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    if postgres and not settings.REDIS_URL:
        return [
            checks.Info(
                "Without REDIS_URL each web process counts API requests for itself.",
                hint="Set REDIS_URL when several web processes serve one installation.",
                id="whoosh.I001",
            )
        ]
    return []
