"""The section `agents` of whoosh.yaml: every key, all three dialects, references, refusals."""

import pytest
import yaml

from agents.config import columns
from agents.models import Agent, Capability
from whoosh_site.core import config, secrets
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.config import ADDED, CHANGED, KEPT, LEFT, REMOVED
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import AuditEntry

pytestmark = pytest.mark.django_db

HIVE = """\
hive:
  cluster:
    name: Old Cluster
  agents:
    walnut:
      name: WALNUT
      endpoint: http://192.168.1.27:11434
      model: starcoder2:15b
      specialization: Senior Full-Stack Development
      capabilities: [frontend, backend]
      hardware:
        gpu_type: AMD Radeon RX 9060 XT (gfx1200)
        vram_gb: 15.9
        cpu_cores: 16
  monitoring:
    metrics_retention_days: 30
"""
BARE = """\
agents:
  rosewood:
    name: ROSEWOOD
    endpoint: http://192.168.1.132:11434
    model: deepseek-r1:8b
    specialization: quality_assurance
    priority: 2
    status: maintenance
    capabilities:
      testing: 0.9
      code-review: 0.75
    tasks:
      current: []
      completed: [TASK-1, TASK-2]
    hardware:
      gpus:
        - {gpu_type: NVIDIA RTX 2080 Super, vram_gb: 8}
        - {gpu_type: NVIDIA RTX 3070, vram_gb: 8}
      cpu_cores: 16
      ram_gb: 64
      storage_type: NVMe
      network_role: worker
    performance_targets:
      min_tokens_per_second: 15
      max_response_time_ms: 30000
      target_availability: 0.99
    monitoring:
      health_check_interval: 30
      metrics_retention_hours: 24
monitoring:
  refresh_interval_seconds: 2
  performance_window_minutes: 5
  alert_thresholds:
    min_tokens_per_second: 5
    max_response_time_ms: 60000
    min_availability: 0.9
network:
  timeout_seconds: 30
  retry_attempts: 3
  retry_delay_seconds: 5
logging:
  level: INFO
  file: logs/agents.log
  max_size_mb: 10
  backup_count: 5
"""


def load(text, **more):
    return config.load(text, by=SYSTEM, **more)


def one(keys: str, **more):
    """Load one agent `oak` with these lines, and return it."""
    load(agent(keys), **more)
    return Agent.objects.get(name="oak")


def agent(keys: str) -> str:
    lines = "".join(f"      {line}\n" for line in keys.splitlines())
    return f"whoosh:\n  agents:\n    oak:\n      endpoint: http://10.0.0.1:11434\n{lines}"


def dumped() -> dict:
    return yaml.safe_load(config.dump())["whoosh"]["agents"]


def refused(text, **more) -> str:
    with pytest.raises(BadInput) as caught:
        load(text, **more)
    assert not Agent.objects.exists()
    return caught.value.message


# -- dialects ----------------------------------------------------------------------------------


def test_hive_yaml_is_read():
    assert load(HIVE).count(ADDED) == 1
    walnut = Agent.objects.get(name="walnut")
    assert (walnut.title, walnut.preferred_model, walnut.cpu_cores) == (
        "WALNUT",
        "starcoder2:15b",
        16,
    )
    assert [(gpu.name, gpu.vram_gb) for gpu in walnut.gpus.all()] == [
        ("AMD Radeon RX 9060 XT (gfx1200)", 15.9)
    ]
    assert (
        yaml.safe_load(config.dump())["whoosh"]["agents"] == yaml.safe_load(HIVE)["hive"]["agents"]
    )


def test_the_bare_agents_yaml_is_read():
    load(BARE)
    rosewood = Agent.objects.get(name="rosewood")
    assert (rosewood.min_tps, rosewood.max_response_time, rosewood.target_availability) == (
        15,
        30,
        0.99,
    )
    assert (rosewood.priority, rosewood.enabled, rosewood.maintenance) == (2, True, True)
    assert (rosewood.ram_gb, rosewood.vram_gb) == (64, 16)
    assert rosewood.hardware_notes == {"storage_type": "NVMe", "network_role": "worker"}
    assert {str(skill) for skill in rosewood.capabilities.all()} == {
        "testing 0.9",
        "code-review 0.75",
    }


def test_what_no_room_uses_of_the_bare_form_is_kept():
    done = load(BARE)
    kept = [change.what for change in done.changes if change.kind == KEPT]
    assert kept[:2] == ["agents.rosewood.tasks", "agents.rosewood.monitoring"]
    row, old = dumped()["rosewood"], yaml.safe_load(BARE)["agents"]["rosewood"]
    assert (row["tasks"], row["monitoring"]) == (old["tasks"], old["monitoring"])
    whole = yaml.safe_load(config.dump())["whoosh"]
    for section in ("network", "logging"):
        assert whole[section] == yaml.safe_load(BARE)[section]


@pytest.mark.parametrize("text", [HIVE, BARE])
def test_every_dialect_twice_changes_nothing(text):
    load(text)
    before, entries = config.dump(), AuditEntry.objects.count()
    assert {change.kind for change in load(text).changes} <= {LEFT, KEPT}
    assert {change.kind for change in load(before).changes} <= {LEFT, KEPT}
    assert (config.dump(), AuditEntry.objects.count()) == (before, entries)


@pytest.mark.parametrize(
    ("status", "enabled", "maintenance"),
    [
        ("active", True, False),
        ("available", True, False),
        ("disabled", False, False),
        ("inactive", False, False),
        ("maintenance", True, True),
    ],
)
def test_the_older_status_sets_the_switches(status, enabled, maintenance):
    found = columns({"endpoint": "http://x", "status": status})
    assert (found["enabled"], found["maintenance"]) == (enabled, maintenance)


def test_a_switch_wins_over_the_older_status():
    found = columns({"endpoint": "http://x", "status": "disabled", "enabled": True})
    assert found["enabled"] is True


def test_without_a_status_the_switches_stay(make_agent):
    make_agent("oak", endpoint="http://10.0.0.1:11434", enabled=False, maintenance=True)
    oak = one("slots: 3")
    assert (oak.enabled, oak.maintenance, oak.slots) == (False, True, 3)


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ("name: Oak", "title", "Oak"),
        ("protocol: openai", "protocol", "openai"),
        ("model: llama3:8b", "preferred_model", "llama3:8b"),
        ("models: [a, b]", "models_fixed", ["a", "b"]),
        ("specialization: trees", "specialization", "trees"),
        ("slots: 2", "slots", 2),
        ("tags: [lab, gpu]", "tags", ["lab", "gpu"]),
        ("enabled: false", "enabled", False),
        ("maintenance: true", "maintenance", True),
        ("priority: 5", "priority", 5),
        ("hardware: {cpu_cores: 8}", "cpu_cores", 8),
        ("hardware: {ram_gb: 0.5}", "ram_gb", 0.5),
        ("performance_targets: {min_tps: 1.5}", "min_tps", 1.5),
        ("performance_targets: {max_response_time: 2}", "max_response_time", 2),
        ("performance_targets: {target_availability: 1}", "target_availability", 1),
    ],
)
def test_each_key_reaches_its_column_and_comes_back(line, column, value):
    assert getattr(one(line), column) == value
    key, given = next(iter(yaml.safe_load(line).items()))
    assert dumped()["oak"] == {"endpoint": "http://10.0.0.1:11434", key: given}


def test_a_key_at_its_default_is_not_dumped():
    one("slots: 1\nenabled: true\nmaintenance: false\ntags: []")
    assert dumped() == {"oak": {"endpoint": "http://10.0.0.1:11434"}}


def test_several_cards_come_back_as_a_list():
    one("hardware:\n  gpu_type: A\n  vram_gb: 8\n  gpus:\n    - {gpu_type: B}")
    assert dumped()["oak"]["hardware"]["gpus"] == [
        {"gpu_type": "A", "vram_gb": 8},
        {"gpu_type": "B"},
    ]


def test_cards_the_file_does_not_mention_stay():
    one("hardware: {gpu_type: A, vram_gb: 8}")
    assert one("hardware: {cpu_cores: 4}").vram_gb == 8
    assert one("hardware: {gpus: []}").vram_gb == 0


def test_a_plain_list_of_capabilities_keeps_what_was_measured():
    one("capabilities: {backend: 0.9}")
    oak = one("capabilities: [backend, frontend]")
    assert {str(skill) for skill in oak.capabilities.all()} == {"backend 0.9", "frontend 0.5"}


def test_a_card_without_memory_is_dumped_as_it_was_given():
    one("hardware: {gpus: [{gpu_type: a, vram_gb: 0}, {gpu_type: b}]}")
    text = config.dump()
    assert {change.kind for change in load(text).changes} == {LEFT}


def test_a_capability_that_is_left_out_goes():
    one("capabilities: [backend, frontend]")
    oak = one("capabilities: [frontend]")
    assert [skill.capability.name for skill in oak.capabilities.all()] == ["frontend"]
    assert Capability.objects.filter(name="backend").exists()


def test_the_file_on_the_server_may_name_this_machine():
    load("agents: {here: {endpoint: 'http://127.0.0.1:11434'}}", resolve=True)
    assert Agent.objects.get().allow_local


def test_a_changed_agent_is_reported_with_what_changed():
    one("slots: 2")
    done = load(agent("slots: 4\nname: Oak"))
    found = [change for change in done.changes if change.kind == CHANGED]
    assert [(change.what, change.details) for change in found] == [("agent oak", "slots, title")]


def test_agents_go_only_when_pruning_and_never_the_built_in_one(make_agent):
    make_agent("builtin", builtin=True)
    load(HIVE)
    assert load(agent("")).count(REMOVED) == 0
    done = load(agent(""), prune=True)
    assert [change.what for change in done.changes if change.kind == REMOVED] == ["agent walnut"]
    assert set(Agent.objects.values_list("name", flat=True)) == {"oak", "builtin"}


def test_pruning_a_file_without_agents_removes_none():
    load(HIVE)
    assert load("whoosh: {cluster: {name: X}}", prune=True).count(REMOVED) == 0
    assert Agent.objects.exists()


def test_the_built_in_agent_is_not_dumped(make_agent):
    make_agent("builtin", builtin=True)
    assert "agents" not in yaml.safe_load(config.dump())["whoosh"]


# -- references --------------------------------------------------------------------------------


@pytest.fixture
def token(monkeypatch, tmp_path):
    """A token in the environment and in a file."""
    monkeypatch.setenv("OAK_TOKEN", "hunter2-secret")
    (tmp_path / "token").write_text("hunter2-secret\n", encoding="utf-8")
    return tmp_path / "token"


@pytest.mark.parametrize("reference", ["{env: OAK_TOKEN}", "${OAK_TOKEN}", "{file: FILE}"])
def test_a_key_by_reference_is_dumped_as_the_reference(token, reference):
    reference = reference.replace("FILE", str(token))
    assert one(f"api_key: {reference}", resolve=True).api_key.reveal() == "hunter2-secret"
    assert dumped()["oak"]["api_key"] == yaml.safe_load(reference)
    assert "hunter2" not in config.dump()


def test_a_key_given_plainly_is_never_dumped():
    assert one("api_key: hunter2-secret").api_key.reveal() == "hunter2-secret"
    assert "api_key" not in config.dump()
    assert "hunter2" not in config.dump()


def test_the_key_of_a_dump_loads_again_and_changes_nothing(token):
    one("api_key: {env: OAK_TOKEN}", resolve=True)
    assert load(config.dump(), resolve=True).count(LEFT) >= 1
    assert load(config.dump(), resolve=True).count(CHANGED) == 0


def test_a_key_appears_neither_in_the_audit_trail_nor_in_the_report(token, monkeypatch):
    one("api_key: {env: OAK_TOKEN}", resolve=True)
    monkeypatch.setenv("OAK_TOKEN", "hunter3-secret")
    done = load(agent("api_key: {env: OAK_TOKEN}"), resolve=True)
    assert [change.details for change in done.changes] == ["api_key"]
    told = f"{done.changes} {list(AuditEntry.objects.values())}"
    assert "hunter" not in told


def test_a_key_from_elsewhere_takes_the_reference_out_of_the_dump(token):
    from agents import services

    oak = one("api_key: {env: OAK_TOKEN}", resolve=True)
    services.change_agent(oak, by=SYSTEM, title="Oak")
    assert dumped()["oak"]["api_key"] == {"env": "OAK_TOKEN"}
    services.change_agent(oak, by=SYSTEM, api_key="typed in the admin")
    assert "api_key" not in dumped()["oak"]


def test_a_key_can_be_entered_again_when_the_key_file_is_lost(token, settings, tmp_path):
    settings.FIELD_KEYS_FILE = tmp_path / "first.keys"
    one("api_key: {env: OAK_TOKEN}", resolve=True)
    settings.FIELD_KEYS_FILE = tmp_path / "second.keys"
    assert one("api_key: {env: OAK_TOKEN}", resolve=True).api_key.reveal() == "hunter2-secret"
    secrets._parsed.cache_clear()


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("endpoint: http://${V}:11434", "V", "10.0.0.9"),
        ("slots: ${V}", "V", "4"),
        ("enabled: ${V}", "V", "no"),
        ("models: [a, '${V}']", "V", "b"),
        ("tags: [{env: V}]", "V", "lab"),
        ("capabilities: ['${V}', other]", "V", "backend"),
        ("capabilities: {backend: {env: V}}", "V", "0.9"),
        ("hardware: {gpu_type: '${V}', vram_gb: 8}", "V", "RTX"),
        ("hardware: {gpu_type: RTX, vram_gb: {env: V}}", "V", "24"),
        ("performance_targets: {min_tps: '${V}'}", "V", "12.5"),
    ],
)
def test_any_value_may_be_a_reference_and_is_dumped_as_one(monkeypatch, line, name, text):
    monkeypatch.setenv(name, text)
    file = "agents:\n  oak:\n    endpoint: http://10.0.0.1:11434\n".replace(
        "    endpoint: http://10.0.0.1:11434\n" if line.startswith("endpoint") else "\0", ""
    )
    load(f"{file}    {line}\n", resolve=True)
    key, given = next(iter(yaml.safe_load(line).items()))
    assert dumped()["oak"][key] == given
    assert load(config.dump(), resolve=True).count(CHANGED) == 0


def test_a_value_changed_elsewhere_is_dumped_as_it_is_now(monkeypatch):
    from agents import services

    monkeypatch.setenv("V", "4")
    oak = one("slots: ${V}", resolve=True)
    services.change_agent(oak, by=SYSTEM, slots=9)
    assert dumped()["oak"]["slots"] == 9


def test_unused_keys_keep_their_references_unresolved(monkeypatch):
    monkeypatch.setenv("V", "resolved")
    one("tasks: {current: ['${V}']}", resolve=True)
    assert dumped()["oak"]["tasks"] == {"current": ["${V}"]}


def test_an_agent_called_env_is_no_reference():
    load("agents:\n  env:\n    endpoint: http://10.0.0.1:1\n")
    assert Agent.objects.get().name == "env"


@pytest.mark.parametrize("reference", ["${NO_SUCH}", "{env: NO_SUCH}"])
def test_a_missing_variable_is_named_and_nothing_is_applied(monkeypatch, reference):
    monkeypatch.delenv("NO_SUCH", raising=False)
    message = refused(agent(f"api_key: {reference}"), resolve=True)
    assert message == (
        "line 5: whoosh.agents.oak.api_key: the environment variable NO_SUCH is not set"
    )


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("modell: x", "oak.modell: unknown key; did you mean model?"),
        ("slots: two", 'oak.slots: expected a whole number, found "two"'),
        ("slots: 0", "oak.slots: 0 is too small (at least 1)"),
        ("slots: 1001", "oak.slots: 1001 is too large (at most 1000)"),
        ("enabled: 1", "oak.enabled: expected true or false, found 1"),
        ("models: a", 'oak.models: expected a list, found "a"'),
        ("protocol: http", 'oak.protocol: expected one of ollama, openai, found "http"'),
        ("priority: 6", "oak.priority: 6 is too large (at most 5)"),
        ("capabilities: 5", "oak.capabilities: expected a list or keys with values, found 5"),
        ("capabilities: {x: 2}", "oak.capabilities.x: 2 is too large (at most 1)"),
        ("hardware: {vram: 8}", "oak.hardware.vram: unknown key; did you mean vram_gb?"),
        ("hardware: {vram_gb: -1}", "oak.hardware.vram_gb: -1 is too small (at least 0)"),
        ("hardware: {gpus: [{vram: 1}]}", "oak.hardware.gpus[0].vram: unknown key"),
        (
            "performance_targets: {target_availability: 99}",
            "oak.performance_targets.target_availability: 99 is too large (at most 1)",
        ),
        ("name: " + "x" * 121, "oak.name: Ensure this value has at most 120 characters"),
        (
            "hardware: {cpu_cores: 99999999999999999999}",
            "oak.hardware.cpu_cores: 99999999999999999999 is too large",
        ),
        ("hardware: {gpu_type: " + "g" * 121 + "}", "oak.hardware.gpu_type: "),
        ("capabilities: [" + "c" * 81 + "]", "oak.capabilities"),
        ("capabilities: {'a b': 0.5}", "oak.capabilities"),
        ("capabilities: {" + "c" * 81 + ": 0.5}", "oak.capabilities"),
        ("hardware: {ram_gb: 1" + "0" * 400 + "}", "oak.hardware.ram_gb: "),
        (
            "performance_targets: {max_response_time_ms: 1" + "0" * 400 + "}",
            "oak.performance_targets",
        ),
        ("model: " + "m" * 201, "oak.model: Ensure this value has at most 200 characters"),
    ],
)
def test_what_does_not_fit_is_named_with_line_and_key_path(line, message):
    assert refused(agent(line)).startswith(f"line 5: whoosh.agents.{message}")


@pytest.mark.parametrize("name", ["'my oak'", "'-oak'", "'oak!'", "''"])
def test_a_name_that_is_none_is_named_with_its_line(name):
    message = refused(
        f"agents:\n  elm: {{endpoint: 'http://10.0.0.2'}}\n  {name}: {{endpoint: x}}\n"
    )
    assert message.startswith("line 3: agents")
    assert "Use letters, digits" in message


def test_an_agent_without_an_endpoint_is_refused():
    assert refused("agents:\n  oak:\n    slots: 1\n") == "line 2: agents.oak: endpoint is missing"


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [
        ("ftp://10.0.0.1", "is not like http://192.168.1.27:11434"),
        ("10.0.0.1:11434", "is not like http://192.168.1.27:11434"),
        ("http://169.254.169.254", "leads to a metadata address"),
        ("http://ada:pw@10.0.0.1", "leave out user, password"),
        ("http://10.0.0.1:99999", "is not an address"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_named(endpoint, what):
    message = refused(f"agents:\n  oak:\n    slots: 1\n    endpoint: {endpoint}\n")
    assert message.startswith("line 4: agents.oak.endpoint: ")
    assert what in message


def test_two_agents_cannot_have_one_endpoint():
    row = "{endpoint: 'http://10.0.0.1:11434'}"
    message = refused(f"agents:\n  oak: {row}\n  elm: {row}\n")
    assert message == (
        "line 3: agents.elm.endpoint: http://10.0.0.1:11434 is registered already as oak."
    )
