"""Short jobs of this room."""

from whoosh_site.core import queue, tunables
from workflows import services

tunables.declare(
    tunables.Tunable(
        "execution_retention",
        30,
        "Executions are kept",
        "Days after which ended executions, their data and files are deleted.",
        1,
        3650,
        "days",
    ),
    tunables.Tunable(
        "executions_per_team",
        20,
        "Runs of a team at once",
        "Executions of one team that may run at the same time on all machines; more of them wait.",
        1,
        1000,
    ),
    tunables.Tunable(
        "executions_kept",
        10_000,
        "Most executions",
        "Beyond this number the oldest ended executions are deleted, whatever their age.",
        10,
        10_000_000,
    ),
)


def tidy_executions() -> None:
    """Delete executions past their time, and files nobody needs any more."""
    services.delete_past(tunables.value("execution_retention"), tunables.value("executions_kept"))


queue.every(60, "workflows.tasks.tidy_executions")


def expire_approvals() -> None:
    """Write down which questions nobody answered in time."""
    services.expire_approvals()


queue.every(1, "workflows.tasks.expire_approvals")
