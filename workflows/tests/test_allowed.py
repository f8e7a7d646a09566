"""What administrators allow workflows."""

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows import allowed, services
from workflows.engine.bounds import Bounds
from workflows.engine.document import Document
from workflows.models import Variable

pytestmark = pytest.mark.django_db


def test_only_listed_environment_variables_are_shown(monkeypatch):
    monkeypatch.setenv("LAB_NAME", "attic")
    assert allowed.environment() == {}
    tunables.change("workflow_env", "LAB_NAME, NOT_THERE", by=SYSTEM)
    assert allowed.environment() == {"LAB_NAME": "attic"}


@pytest.mark.parametrize("name", ["WHOOSH_SECRET_KEY", "DATABASE_URL", "MY_PASSWORD", "API_TOKEN"])
def test_names_that_sound_like_secrets_are_never_shown(monkeypatch, name):
    monkeypatch.setenv(name, "x")
    tunables.change("workflow_env", name, by=SYSTEM)
    assert allowed.environment() == {}


def test_an_administrator_lets_workflows_reach_a_private_host():
    from ipaddress import ip_address

    asked = ("nas.lan", ip_address("192.168.1.7"), 80)
    assert allowed.policy()(*asked)
    tunables.change("workflow_http_allow", "192.168.1.0/24, not a host!", by=SYSTEM)
    assert allowed.policy()(*asked) is None


def test_python_is_for_the_teams_that_are_named():
    assert not allowed.python_for("Lab")
    tunables.change("workflow_python_teams", "Lab, Office", by=SYSTEM)
    assert allowed.python_for("Lab")
    assert not allowed.python_for("Garden")


def test_a_team_has_variables_of_its_own(people):
    Variable.objects.create(team=people.ours, name="place", value="attic")
    Variable.objects.create(team=people.theirs, name="place", value="cellar")
    assert allowed.variables_of(people.ours.pk) == {"place": "attic"}


@pytest.mark.django_db(transaction=True)
def test_expressions_read_variables_and_allowed_environment(run):
    value = "={{ $vars.place }}/{{ $env.LAB_NAME }}"
    row = {"id": "1", "name": "seen", "value": value, "type": "string"}
    document = Document({
        "nodes": [
            {"name": "Start", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1},
            {"name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4,
             "parameters": {"assignments": {"assignments": [row]}}},
        ],
        "connections": {"Start": {"main": [[{"node": "Set", "type": "main", "index": 0}]]}},
    })  # fmt: skip
    given = services.Given(vars={"place": "attic"}, env={"LAB_NAME": "lab"})
    outcome = run(services.run_document(document, given))
    assert outcome.last_items[0]["json"] == {"seen": "attic/lab"}


def test_an_administrator_bounds_what_one_run_of_a_node_may_make():
    assert allowed.bounds() == Bounds()
    new = {"workflow_items": 5000, "workflow_pages": 3, "workflow_page_megabytes": 2}
    for key, value in new.items():
        tunables.change(key, value, by=SYSTEM)
    assert allowed.bounds() == Bounds(items=5000, pages=3, page_bytes=2 * 2**20)
