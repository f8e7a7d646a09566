"""Which executions a runner takes."""

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(people):
    def started(team, name="W"):
        text = f'{{"name": "{name}", "nodes": [{{"name": "A", "type": "n8n-nodes-base.noOp"}}]}}'
        found = services.read_workflows(text)
        (done,) = services.import_workflows(found, by=SYSTEM, team=team)
        return services.start_execution(done.workflow, by=SYSTEM, source="api").pk

    return started


def taken(limit=50):
    return [lease.pk for lease in services.claim_executions("me:1:1", limit)]


def test_a_team_with_its_number_running_does_not_hold_up_the_others(start, people):
    tunables.change("executions_per_team", 2, by=SYSTEM)
    ours = [start(people.ours) for _ in range(5)]
    theirs = start(people.theirs)
    assert taken() == [ours[0], theirs, ours[1]]
    assert taken() == []
    Execution.objects.filter(pk=ours[0]).update(state="success")
    assert taken() == [ours[2]]


def test_teams_take_turns(start, people):
    ours = [start(people.ours) for _ in range(4)]
    theirs = [start(people.theirs) for _ in range(2)]
    assert taken(limit=4) == [ours[0], theirs[0], ours[1], theirs[1]]


def test_what_is_more_urgent_does_not_wait_for_a_turn(start, people):
    ours = [start(people.ours) for _ in range(2)]
    theirs = start(people.theirs)
    Execution.objects.filter(pk__in=ours).update(priority=1)
    assert taken(limit=2) == ours
    assert taken(limit=2) == [theirs]


def test_a_workflow_with_its_number_running_does_not_hold_up_the_rest_of_its_team(start, people):
    few = [start(people.ours, "Few") for _ in range(3)]
    other = start(people.ours, "Other")
    Workflow.objects.filter(name="Few").update(at_once=2)
    assert taken() == [*few[:2], other]
    assert taken() == []
    Execution.objects.filter(pk=few[1]).update(state="error")
    assert taken() == [few[2]]
