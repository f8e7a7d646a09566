"""whoosh.yaml: what is refused, what is kept, and that a dump is the same again."""

from pathlib import Path

import pytest
import yaml

from whoosh_site.core import config, tunables
from whoosh_site.core.actor import SYSTEM, Actor
from whoosh_site.core.config import ADDED, CHANGED, KEPT, LEFT, Section, sections
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import AuditEntry, ConfigSection, Setting
from whoosh_site.core.shapes import TEXT, keys

pytestmark = pytest.mark.django_db
SEED = (Path(__file__).parent / "data" / "whoosh.yaml").read_text(encoding="utf-8")


def load(text, **more):
    return config.load(text, by=SYSTEM, **more)


def refused(text, **more) -> str:
    """Return why a file is refused, after a look that it changed nothing."""
    before = config.dump()
    with pytest.raises(BadInput) as caught:
        load(text, **more)
    tunables.forget()
    assert config.dump() == before
    assert "\n" not in caught.value.message
    return caught.value.message


def seed_with(old: str, new: str) -> str:
    assert SEED.count(old) == 1
    return SEED.replace(old, new)


# -- the plan's own file -----------------------------------------------------------------------


def test_the_plans_file_loads():
    done = load(SEED)
    assert (done.count(ADDED), done.count(CHANGED)) == (3, 2)
    assert tunables.value("cluster_name") == "Development Cluster"
    assert [change.what for change in done.changes if change.kind == KEPT] == [
        "workflows.templates",
        "monitoring.metrics_retention_days",
        "monitoring.alert_thresholds",
        "mcp_servers.registry",
        "security.require_approval",
    ]


def test_loading_it_twice_changes_nothing():
    load(SEED)
    entries, text = AuditEntry.objects.count(), config.dump()
    done = load(SEED)
    assert {change.kind for change in done.changes} == {LEFT, KEPT}
    assert (AuditEntry.objects.count(), config.dump()) == (entries, text)


def test_its_dump_holds_the_same_data():
    load(SEED)
    assert yaml.safe_load(config.dump()) == yaml.safe_load(SEED)


def test_its_dump_keeps_the_order_of_the_file():
    load(SEED)
    dumped = yaml.safe_load(config.dump())["whoosh"]
    assert list(dumped) == list(yaml.safe_load(SEED)["whoosh"])
    assert list(dumped["agents"]) == ["acacia", "walnut", "ironwood"]


def test_a_dump_loads_and_changes_nothing():
    load(SEED)
    text = config.dump()
    assert {change.kind for change in load(text).changes} == {LEFT, KEPT}
    assert config.dump() == text


def test_a_dump_of_nothing_loads_too():
    text = config.dump()
    assert load(text).count(CHANGED) == 0
    assert config.dump() == text


def test_every_change_is_audited_with_who_loaded(people):
    config.load(SEED, by=Actor(people.admin))
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"admin"}
    assert AuditEntry.objects.filter(action="registered").count() == 3


def test_what_a_file_does_not_name_stays():
    load(SEED)
    load("whoosh:\n  cluster:\n    region: elsewhere\n")
    assert tunables.value("cluster_name") == "Development Cluster"
    assert tunables.value("cluster_region") == "elsewhere"


def test_a_changed_setting_is_reported_with_old_and_new():
    load(SEED)
    done = load(seed_with("api_rate_limit: 100", "api_rate_limit: 50"))
    found = [change for change in done.changes if change.kind == CHANGED]
    assert [(change.what, change.details) for change in found] == [
        ("security.api_rate_limit", "100 -> 50")
    ]


# -- sections nobody uses yet ------------------------------------------------------------------


def test_unused_sections_are_kept_word_for_word():
    load("mcp_servers:\n  registry:\n    zeta: 'ws://[::1]:1/ü?a=1#b'\n    alpha: ''\n")
    dumped = yaml.safe_load(config.dump())["whoosh"]["mcp_servers"]
    assert list(dumped["registry"].items()) == [("zeta", "ws://[::1]:1/ü?a=1#b"), ("alpha", "")]


def test_kept_numbers_stay_as_they_were_written():
    load("whoosh:\n  monitoring:\n    alert_thresholds: {cpu_usage: 85.0, gpu_usage: 95}\n")
    assert "cpu_usage: 85.0\n" in config.dump()
    assert "gpu_usage: 95\n" in config.dump()


def test_kept_keys_change_when_the_file_does():
    load(SEED)
    load(seed_with("require_approval: true", "require_approval: false"))
    assert yaml.safe_load(config.dump())["whoosh"]["security"]["require_approval"] is False
    assert ConfigSection.objects.filter(path="security").count() == 1


@pytest.mark.parametrize("reference", ["${RETENTION}", "{env: RETENTION}", "{file: /no/such}"])
def test_a_reference_in_an_unused_section_is_kept_unresolved(reference):
    load(f"whoosh:\n  mcp_servers:\n    registry:\n      search: {reference}\n", resolve=True)
    dumped = yaml.safe_load(config.dump())["whoosh"]["mcp_servers"]["registry"]["search"]
    assert dumped == yaml.safe_load(reference)


def test_a_reference_may_stand_for_a_number_nobody_uses_yet():
    load("network:\n  timeout_seconds: ${SECONDS}\n")
    assert yaml.safe_load(config.dump())["whoosh"]["network"] == {"timeout_seconds": "${SECONDS}"}


# -- references --------------------------------------------------------------------------------


@pytest.fixture
def region(monkeypatch, tmp_path):
    """Where the cluster is, as a variable and as a file."""
    monkeypatch.setenv("REGION", "cellar")
    (tmp_path / "region").write_text("cellar\n", encoding="utf-8")
    return tmp_path / "region"


@pytest.mark.parametrize("reference", ["${REGION}", "{env: REGION}", "{{file: {file}}}"])
def test_a_reference_is_resolved_on_the_command_line_and_dumped_as_reference(region, reference):
    reference = reference.replace("{{", "{").replace("}}", "}").replace("{file}", str(region))
    load(f"whoosh:\n  cluster:\n    region: {reference}\n", resolve=True)
    assert tunables.value("cluster_region") == "cellar"
    assert yaml.safe_load(config.dump())["whoosh"]["cluster"]["region"] == yaml.safe_load(reference)


def test_a_reference_may_be_part_of_a_text(region):
    load("whoosh:\n  cluster:\n    region: the ${REGION}, ${REGION} left\n", resolve=True)
    assert tunables.value("cluster_region") == "the cellar, cellar left"
    assert "the ${REGION}, ${REGION} left" in config.dump()


def test_loading_a_dumped_reference_changes_nothing(region):
    load("whoosh:\n  cluster:\n    region: ${REGION}\n", resolve=True)
    done = load(config.dump(), resolve=True)
    assert done.count(CHANGED) == 0
    assert "${REGION}" in config.dump()


def test_a_reference_is_forgotten_when_the_value_changes_elsewhere(region):
    load("whoosh:\n  cluster:\n    region: ${REGION}\n", resolve=True)
    tunables.change("cluster_region", "attic", by=SYSTEM)
    assert yaml.safe_load(config.dump())["whoosh"]["cluster"]["region"] == "attic"


def test_a_plain_value_takes_the_place_of_a_reference(region):
    load("whoosh:\n  cluster:\n    region: ${REGION}\n", resolve=True)
    load("whoosh:\n  cluster:\n    region: cellar\n")
    assert yaml.safe_load(config.dump())["whoosh"]["cluster"]["region"] == "cellar"


def test_a_reference_becomes_the_number_that_is_wanted(monkeypatch):
    monkeypatch.setenv("LIMIT", "250")
    load("whoosh:\n  security:\n    api_rate_limit: ${LIMIT}\n", resolve=True)
    assert tunables.value("api_rate_limit") == 250
    assert "api_rate_limit: ${LIMIT}\n" in config.dump()


def test_a_reference_to_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("LIMIT", "plenty")
    text = "whoosh:\n  security:\n    api_rate_limit: ${LIMIT}\n"
    assert refused(text, resolve=True).startswith(
        "line 3: whoosh.security.api_rate_limit: expected a whole number"
    )


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("${NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("{env: NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("{file: /no/such}", "cannot read /no/such: No such file or directory"),
        ("{file: /}", "cannot read /: it is no file"),
        ("{file: /dev/zero}", "cannot read /dev/zero: it is no file"),
        ("{file: ~nosuchuser/x}", "cannot read ~nosuchuser/x: Could not determine home directory."),
    ],
)
def test_a_reference_to_nothing_is_named_with_its_place(monkeypatch, reference, words):
    monkeypatch.delenv("NO_SUCH", raising=False)
    text = f"whoosh:\n  cluster:\n    region: {reference}\n"
    assert refused(text, resolve=True) == f"line 3: whoosh.cluster.region: {words}"


@pytest.mark.parametrize("reference", ["${HOME}", "{env: HOME}", "{file: /etc/hostname}"])
def test_a_file_that_came_another_way_resolves_nothing(reference):
    text = f"whoosh:\n  cluster:\n    region: {reference}\n"
    assert "only by 'manage.py load_config' on the server" in refused(text)


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("  security:", "  securty:", "securty", "unknown key; did you mean security?"),
        (
            "health_check_interval: 30",
            "health_check_intervall: 30",
            "monitoring.health_check_intervall",
            "unknown key; did you mean health_check_interval?",
        ),
        (
            "cpu_usage: 85",
            "cpu_usage: high",
            "monitoring.alert_thresholds.cpu_usage",
            'expected a number, found "high"',
        ),
        (
            "cpu_usage: 85",
            "cpu_usage: .nan",
            "monitoring.alert_thresholds.cpu_usage",
            "expected a number",
        ),
        (
            'name: "Development Cluster"',
            "name: [a]",
            "cluster.name",
            'expected text, found ["a"]',
        ),
        (
            "session_timeout: 3600",
            "session_timeout: 5",
            "security.session_timeout",
            "5 is below 60 seconds",
        ),
        (
            "session_timeout: 3600",
            "session_timeout: -5",
            "security.session_timeout",
            "-5 is too small (at least 0)",
        ),
        (
            "require_approval: true",
            "require_approval: maybe",
            "security.require_approval",
            'expected true or false, found "maybe"',
        ),
    ],
)
def test_what_does_not_fit_is_named_with_line_and_key_path(old, new, where, what):
    line = SEED.partition(old)[0].count("\n") + 1
    assert refused(seed_with(old, new)) == f"line {line}: whoosh.{where}: {what}"


def test_the_first_of_several_problems_is_named_and_the_others_counted():
    text = "whoosh:\n  monitoring:\n    refresh: 1\n    max_history_samples: x\n    alerts: 2\n"
    message = refused(text)
    assert message.startswith("line 3: whoosh.monitoring.refresh: unknown key")
    assert message.endswith("(and 2 more)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "line 1: the file: expected keys such as 'whoosh:'"),
        ("- a", "line 1: the file: expected keys such as 'whoosh:'"),
        ("---\n", "line 2: the file: expected keys such as 'whoosh:'"),
        ("whoosh:", "line 1: whoosh: expected sections such as 'agents:'"),
        ("whoosh: [1]", "line 1: whoosh: expected sections such as 'agents:'"),
        ("whoosh: {}\nextra: 1", "line 2: extra: unknown key beside 'whoosh:'"),
        ("whoosh: {}\nhive: {}", "line 2: hive: unknown key beside 'whoosh:'"),
        ("whoosh:\n  cluster:", "line 2: whoosh.cluster: expected keys with values, found null"),
        ("cluster: {}\nagentz: {}", "line 2: agentz: unknown key; did you mean agents?"),
    ],
)
def test_a_file_of_another_shape_is_refused(text, message):
    assert refused(text) == message


def test_a_file_without_any_section_is_told_which_there_are():
    message = refused("something: 1")
    assert message.startswith(
        "line 1: the file: no section found; expected 'whoosh:' with agents, "
    )


def test_a_problem_at_the_end_undoes_what_came_before_it():
    refused(seed_with("session_timeout: 3600", "session_timeout: 1"))
    assert not Setting.objects.exists()
    assert not AuditEntry.objects.exists()
    assert tunables.value("cluster_name") == "WHOOSH"


def test_a_setting_is_right_again_after_a_file_was_refused():
    """Reading a setting inside the transaction must not outlive it."""
    text = "whoosh:\n  cluster: {name: Other}\n  security: {session_timeout: 1}\n"
    with pytest.raises(BadInput):
        load(text)
    assert tunables.value("cluster_name") == "WHOOSH"


def test_hive_is_the_same_under_its_former_name():
    load(SEED.replace("whoosh:\n", "hive:\n"))
    assert yaml.safe_load(config.dump()) == yaml.safe_load(SEED)


def test_a_room_adds_a_section_by_putting_it_on_the_shelf(monkeypatch):
    class Notes(Section):
        key = "notes"
        order = 50
        schema = keys(first=TEXT)

        def apply(self, data, load):
            load.report(ADDED, data["first"])

        def dump(self):
            return {"first": "kept"}

    monkeypatch.setitem(sections._items, "notes", Notes)
    assert [change.what for change in load("notes: {first: one}").changes] == ["one"]
    assert yaml.safe_load(config.dump())["whoosh"]["notes"] == {"first": "kept"}
