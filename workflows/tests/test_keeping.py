"""What stays of runs, and what goes: by size, by the files of a team, by what people keep."""

import pytest
from django.conf import settings

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.errors import Forbidden
from workflows import binary, services
from workflows.models import Execution
from workflows.tasks import tidy_executions
from workflows.tests.conftest import chain, code, node

MEGABYTE = 2**20
RANDOM = """
const words = Array.from({length: 50000}, () => Math.random().toString(36) + Math.random());
return [{json: {words: words.join('')}}];
"""


def there():
    return list(Execution.objects.order_by("pk").values_list("pk", flat=True))


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    """Files of other tests do not count."""
    settings.VAR = tmp_path


@pytest.fixture
def filing(keep):
    """A workflow whose runs keep a file of more than a megabyte."""
    file = node("File", "convertToFile", operation="toJson")
    return keep(chain("Files", code("Many", RANDOM), file))


@pytest.fixture
def large(filing, start, work):
    """Four runs with a file of more than a megabyte each, oldest first."""
    return [work(start(filing)) for _ in range(4)]


def test_an_execution_tells_what_its_data_and_files_take(large):
    assert all(one.error == "" and one.stored_bytes > MEGABYTE for one in large)
    taken = binary.taken_by(settings.VAR / "binary" / f"team-{large[0].team_id}")
    assert taken < sum(one.stored_bytes for one in large)


def test_the_oldest_go_when_all_are_too_large_and_what_is_kept_stays(large, people):
    services.keep_execution(large[0], kept=True, by=Actor(people.member))
    Execution.objects.update(stored_bytes=MEGABYTE)
    tunables.change("executions_megabytes", 2, by=SYSTEM)
    tidy_executions()
    assert there() == [large[0].pk, large[2].pk, large[3].pk]
    assert not (settings.VAR / "binary" / f"team-{people.ours.pk}" / str(large[1].pk)).exists()
    services.keep_execution(large[0], kept=False, by=Actor(people.member))
    tidy_executions()
    assert there() == [large[2].pk, large[3].pk]


def test_what_is_kept_outlives_its_age_and_number(large, people):
    services.keep_execution(large[0], kept=True, by=Actor(people.member))
    Execution.objects.update(finished_at="2020-01-01T00:00:00Z")
    tidy_executions()
    assert there() == [large[0].pk]


def test_a_file_beyond_the_quota_of_the_team_fails_its_node(filing, large, start, work, people):
    tunables.change("team_files_megabytes", 4, by=SYSTEM)
    ended = work(start(filing))
    assert (ended.state, ended.error_node) == ("error", "File")
    assert "could not be kept: the files of this team's executions take" in ended.error
    assert "of 4,194,304 bytes" in ended.error
    services.delete_past(30, 2)
    again = work(start(filing))
    assert again.state == "success", again.error


def test_room_is_made_for_files_before_the_quota_is_reached(large, people, keep, start, work):
    other = work(start(keep()))
    taken = binary.taken_by(settings.VAR / "binary" / f"team-{people.ours.pk}")
    tunables.change("team_files_megabytes", taken >> 20, by=SYSTEM)
    services.keep_execution(large[0], kept=True, by=Actor(people.member))
    tidy_executions()
    left = there()
    assert (large[0].pk in left, large[1].pk in left, other.pk in left) == (True, False, True)


def test_nothing_is_deleted_where_that_would_not_make_room(large, people):
    for one in large[:3]:
        services.keep_execution(one, kept=True, by=Actor(people.member))
    tunables.change("team_files_megabytes", 1, by=SYSTEM)
    tidy_executions()
    assert there() == [one.pk for one in large]


def test_only_editors_keep_executions(large, people):
    with pytest.raises(Forbidden):
        services.keep_execution(large[0], kept=True, by=Actor(people.viewer))
