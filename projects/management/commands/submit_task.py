"""Give a task to the agents from the command line."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from projects import services
from projects.api.shapes import TaskSerializer
from projects.models import Project, Task
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import BadInput, NotFound, WhooshError
from whoosh_site.core.management.base import WhooshCommand
from whoosh_site.core.models.system import Process
from whoosh_site.core.owner import is_dead


class Command(WhooshCommand):
    """One task, queued like any other; a running server works on it."""

    help = "Submit a task to the agent that fits; with --wait print its result."

    def add_arguments(self, parser: CommandParser) -> None:
        """What, for whom, how urgent."""
        parser.add_argument("title", help="what to do, in one line")
        parser.add_argument("--description", default="", help="the rest of what to do")
        parser.add_argument("--project", default="", help="name of a project")
        parser.add_argument("--team", default="", help="whose project it is, if several have it")
        parser.add_argument("--agent", default="", help="only this agent")
        parser.add_argument("--model", default="", help="only this model")
        parser.add_argument("--capability", default="", help="an agent good at this")
        parser.add_argument("--priority", type=int, default=3, help="1 (most urgent) to 5 (least)")
        parser.add_argument(
            "--attach", action="append", default=[], metavar="FILE", help="a text or an image"
        )
        parser.add_argument(
            "--schema", default="", metavar="FILE", help="JSON schema the answer has to fit"
        )
        parser.add_argument("--time-limit", type=float, help="seconds an attempt may take")
        parser.add_argument("--token-limit", type=int, help="tokens the answer may have")
        parser.add_argument("--hold", action="store_true", help="wait until somebody releases it")
        parser.add_argument(
            "--wait", action="store_true", help="wait for the end; print the result"
        )
        parser.add_argument("--json", action="store_true", help="print the whole task as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Submit, and wait if that is wanted."""
        order = services.Order(
            title=options["title"],
            description=options["description"],
            agent=options["agent"],
            model=options["model"],
            capability=options["capability"],
            schema=_schema(options["schema"]),
            attachments=[services.read_file(Path(f).name, _read(f)) for f in options["attach"]],
            priority=options["priority"],
            time_limit=options["time_limit"],
            token_limit=options["token_limit"],
            held=options["hold"],
        )
        if options["hold"] and options["wait"]:
            raise BadInput("--wait: a task on hold does not end by itself; leave one of them out.")
        project = _project(options["project"], options["team"])
        task = services.submit_task(order, by=SYSTEM, source=Task.Source.COMMAND, project=project)
        if options["wait"]:
            task = self._wait(task)
        if options["json"]:
            shown = TaskSerializer(Task.objects.get(pk=task.pk)).data
            self.stdout.write(json.dumps(shown, ensure_ascii=False, default=str))
        elif task.state == Task.State.SUCCESS:
            self.stdout.write(task.artifacts.all()[0].content)
        elif not options["wait"]:
            self.stdout.write(f"Task {task.pk} is {task.shown_label.lower()}.")
        if options["wait"] and task.state != Task.State.SUCCESS:
            raise WhooshError(task.error or f"The task ended as {task.state}.")

    def _wait(self, task: Task) -> Task:
        told = ""
        while not (task := services.wait_for(task, 1)).ended:
            if not _somebody_works():
                raise WhooshError(
                    f"Task {task.pk} is queued, but nobody works here: start 'manage.py up'."
                )
            if task.waits_for != told:
                told = task.waits_for
                self.stderr.write(f"Task {task.pk} {told}" if told else f"Task {task.pk} runs")
        return task


def _somebody_works() -> bool:
    owners = Process.objects.filter(job=Process.Job.RUNNER).values_list("owner", flat=True)
    return any(not is_dead(owner) for owner in owners)


def _project(name: str, team: str) -> Project | None:
    if not name:
        return None
    rows = Project.objects.filter(name=name).select_related("team")
    found = list(rows.filter(team__name=team) if team else rows)
    if len(found) > 1:
        teams = ", ".join(sorted(project.team.name for project in found))
        raise BadInput(f"--project: several teams have a project {name!r}. Give --team: {teams}.")
    if not found:
        names = ", ".join(Project.objects.values_list("name", flat=True)[:20])
        raise NotFound(f"project: no project is called {name!r}. There are: {names or 'none yet'}.")
    return found[0]


def _schema(file: str) -> dict[str, Any] | None:
    if not file:
        return None
    try:
        schema = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"--schema: {file} is no JSON: {error}") from None
    if not isinstance(schema, dict):
        raise BadInput(f"--schema: {file} holds no JSON object.")
    return schema


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
