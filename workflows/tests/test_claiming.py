"""Which executions a runner takes."""

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(people):
    def started(team):
        text = '{"name": "W", "nodes": [{"name": "A", "type": "n8n-nodes-base.manualTrigger"}]}'
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
    assert taken(limit=3) == ours[:2]
    assert taken(limit=3) == [theirs]
    assert taken() == []
    Execution.objects.filter(pk=ours[0]).update(state="success")
    assert taken() == [ours[2]]
