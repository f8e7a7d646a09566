"""Short jobs of this room."""

from django.conf import settings

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
        "webhook_body_limit",
        16,
        "Body of a webhook",
        "Megabytes a call of a webhook or form may bring; more is refused with 413.",
        1,
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE >> 20,
        "MB",
    ),
    tunables.Tunable(
        "webhook_wait",
        300,
        "Longest wait of a call",
        "Seconds a webhook or form waits for what its run answers; the run goes on afterwards.",
        1,
        3600,
        "seconds",
    ),
    tunables.Tunable(
        "executions_kept",
        10_000,
        "Most executions",
        "Beyond this number the oldest ended executions are deleted, whatever their age.",
        10,
        10_000_000,
    ),
    tunables.Tunable(
        "executions_megabytes",
        10_240,
        "Size of all executions",
        "When the data and files of ended executions take more than this together, the oldest are "
        "deleted; 0: any size.",
        0,
        1_000_000_000,
        "MB",
    ),
    tunables.Tunable(
        "team_files_megabytes",
        10_240,
        "Files of a team",
        "What the files of one team's executions may take together: beyond nine tenths of it the "
        "oldest ended executions with files are deleted, and at it a node that makes a file fails; "
        "0: any size.",
        0,
        1_000_000_000,
        "MB",
    ),
)


def tidy_executions() -> None:
    """Delete executions past their time, and files nobody needs any more."""
    services.delete_past(tunables.value("execution_retention"), tunables.value("executions_kept"))
    services.delete_too_large(tunables.value("executions_megabytes") << 20)
    services.make_room_for_files(tunables.value("team_files_megabytes") << 20)
    services.forget_calls()


queue.every(60, "workflows.tasks.tidy_executions")


def expire_approvals() -> None:
    """Write down which questions nobody answered in time."""
    services.expire_approvals()


queue.every(1, "workflows.tasks.expire_approvals")
