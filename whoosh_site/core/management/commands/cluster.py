"""Run one worker cluster; `up` starts it, nobody needs to."""

import gc
from typing import Any

from django.core.management.base import CommandParser
from django.db import connections
from django_q.conf import Conf
from django_q.management.commands.qcluster import Command as QCluster

from whoosh_site.core.supervisor import follow_parent, forks_die_with_parent


class Command(QCluster):
    """django-q2's cluster whose processes never outlive their parent."""

    help = "Run one worker cluster in this process (started by 'up')."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which cluster, and how many workers."""
        parser.add_argument("queue", choices=["tasks", "runner"], help="which cluster")
        parser.add_argument("--workers", type=int, help="worker processes")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the cluster with shared memory kept shared."""
        if options["workers"]:
            Conf.WORKERS = options["workers"]
        forks_die_with_parent()
        follow_parent()
        connections.close_all()
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page it touches
        super().handle(run_once=False, cluster_name=None)
