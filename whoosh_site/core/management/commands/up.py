"""Start everything and keep it running."""

import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from whoosh_site import env
from whoosh_site.core import startup, supervisor
from whoosh_site.core.errors import WhooshError
from whoosh_site.core.management.base import WhooshCommand
from whoosh_site.core.watches import RunnerWatch, TasksWatch


class Command(WhooshCommand):
    """Web, workers and the built-in model as supervised children of this process."""

    help = "Start the web server and the workers, and keep them running until Ctrl-C."
    migrates = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, how many workers, and what rooms add."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")
        parser.add_argument("--workers", type=int, help="workers for short jobs (default 2)")
        for extra in startup.extras:
            extra().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, start, print the address, watch, stop."""
        os.chdir(settings.ROOT)  # children are found from here
        lock = startup.only_one(settings.VAR)
        with lock:
            keeper = supervisor.Supervisor(settings.VAR / "logs", self._say)
            names = [*startup.hosts_of(options["host"]), *settings.ALLOWED_HOSTS]
            os.environ["WHOOSH_ALLOWED_HOSTS"] = ",".join(dict.fromkeys(names))
            with startup.preparing():
                keeper.add(startup.web(options["host"], options["port"]))
                self._prepare(keeper)
            self._greet(options["host"], options["port"])
            startup.set_schedules()
            tasks = startup.cluster("tasks", options["workers"])
            runner = startup.cluster("runner")
            startup.forget_connections()
            keeper.add(tasks, TasksWatch(tasks))
            keeper.add(runner, RunnerWatch(runner))
            for extra in startup.extras:
                child = extra().child(options, self.stdout)
                if child is not None:
                    keeper.add(child)
            keeper.run()
        self._say("stopped")

    def _prepare(self, keeper: supervisor.Supervisor) -> None:
        """Collect static files beside the migrations, while the web process loads its code."""
        collect = subprocess.Popen(
            [sys.executable, str(settings.ROOT / "manage.py"), "collect"],
            stdout=subprocess.DEVNULL,
        )
        try:
            startup.migrate()
            if collect.wait() != 0:
                raise WhooshError("Static files could not be collected; see the error above.")
        except BaseException:
            collect.kill()
            collect.wait()
            keeper.stop()
            raise

    def _greet(self, host: str, port: int) -> None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  (compared)
        base = settings.BASE_URL or f"http://{env.bracketed(shown)}:{port}"
        self._say(f"WHOOSH is starting on {base}/")
        link = startup.setup_link(base)
        if link:
            self._say(f"First start: make your administrator account here (once): {link}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
