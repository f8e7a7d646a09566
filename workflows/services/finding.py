"""Workflows by what people call them on the command line."""

from typing import Any

from whoosh_site.core.errors import BadInput, NotFound
from whoosh_site.core.models.people import Team
from workflows.models import Workflow
from workflows.n8n.reading import shortened


def find_team(name: str) -> Team | None:
    """Return a team by name, nothing for no name. Raises NotFound naming those that exist."""
    if not name:
        return None
    team = Team.objects.filter(name=name).first()
    if team is None:
        names = ", ".join(Team.objects.values_list("name", flat=True)[:20])
        raise NotFound(f"--team: no team is called {name!r}. There are: {names}.")
    return team


def find_in_team(team: int, which: str) -> Workflow:
    """Return a team's workflow by n8n's id, ours or its name: what a document names another by.

    Raises:
        NotFound: the team has no such workflow.
    """
    rows = Workflow.objects.filter(team=team, current__isnull=False)
    rows = rows.select_related("current", "active")
    wishes: list[dict[str, Any]] = [{"origin": which}, {"name": shortened(which)}]
    if which.isascii() and which.isdecimal() and len(which) < 19:
        wishes.insert(1, {"pk": int(which)})
    for wish in wishes if which else ():
        if (found := rows.filter(**wish).first()) is not None:
            return found
    raise NotFound(f"No workflow of this team has the id or the name {which!r}.")


def find_workflow(said: str, team: Team | None = None) -> Workflow:
    """Return the workflow of this name, or else of this id.

    Raises:
        NotFound: there is none.
        BadInput: several teams have one of this name.
    """
    rows = Workflow.objects.select_related("team", "current", "active")
    rows = rows.filter(team=team) if team else rows
    found = list(rows.filter(name=shortened(said)))
    if not found and said.isascii() and said.isdecimal() and len(said) < 19:
        found = list(rows.filter(pk=int(said)))
    if len(found) > 1:
        teams = ", ".join(sorted(one.team.name for one in found))
        raise BadInput(f"Several teams have a workflow called {said!r}. Give --team: {teams}.")
    if not found:
        names = ", ".join(rows.values_list("name", flat=True)[:10])
        raise NotFound(f"No workflow is called {said!r}. There are: {names or 'none yet'}.")
    return found[0]
