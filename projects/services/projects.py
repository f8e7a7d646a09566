"""What people do with projects."""

from typing import Any

from django.db import IntegrityError, transaction

from agents import services as agents
from projects.live import tell_project
from projects.models import Project
from whoosh_site.core import audit
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict
from whoosh_site.core.models.people import Team
from whoosh_site.core.permissions import demand


@transaction.atomic
def create_project(
    *, name: str, description: str = "", team: Team | None = None, by: Actor
) -> Project:
    """Add a project, to the caller's first team if none is named.

    Raises:
        BadInput: it has no name.
        Conflict: the team has one of this name.
    """
    team = team or agents.team_for(agents.Wish(()), by)
    demand(by, "project.change", [team.pk])
    project = Project(team=team, name=name.strip(), description=description, created_by=by.user)
    _vet(project)
    _save(project)
    audit.record(by, "created", project)
    tell_project(project)
    return project


@transaction.atomic
def change_project(
    project: Project, *, name: str | None = None, description: str | None = None, by: Actor
) -> Project:
    """Rename or describe a project anew. Raises as `create_project`."""
    demand(by, "project.change", [project.team_id])
    wanted = {"name": name.strip() if name is not None else None, "description": description}
    news = {k: v for k, v in wanted.items() if v is not None and v != getattr(project, k)}
    if not news:
        return project
    for field, value in news.items():
        setattr(project, field, value)
    _vet(project)
    _save(project, update_fields=list(news))
    audit.record(by, "changed", project, {"fields": sorted(news)})
    tell_project(project)
    return project


@transaction.atomic
def delete_project(project: Project, *, by: Actor) -> None:
    """Delete a project without tasks. Raises Conflict while it has some."""
    demand(by, "project.delete", [project.team_id])
    count = project.tasks.count()
    if count:
        words = "1 task belongs" if count == 1 else f"{count} tasks belong"
        raise Conflict(f"{words} to {project}; it goes when they have gone past their retention.")
    audit.record(by, "deleted", project)
    tell_project(project)
    project.delete()


def _vet(project: Project) -> None:
    if not project.name:
        raise BadInput("name: give the project a name.")


def _save(project: Project, **how: Any) -> None:
    try:
        with transaction.atomic():
            project.save(**how)
    except IntegrityError:
        said = f"name: {project.team} has a project called {project.name!r} already."
        raise Conflict(said) from None
