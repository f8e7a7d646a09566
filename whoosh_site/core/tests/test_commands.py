"""The commands: what they print, and how they end."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from whoosh_site.core import audit, config, health
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.models import ApiKey, AuditEntry

FILE = """\
whoosh:
  agents:
    oak: {endpoint: "http://10.0.0.1:11434"}
"""
OTHER = FILE.replace("oak", "elm").replace("10.0.0.1", "10.0.0.2")


def command(*words) -> str:
    """Run a command that succeeds; returns what it printed."""
    out = io.StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue()


def failed(*words) -> tuple[int, str]:
    """Run a command that fails; returns its exit code and its line."""
    with pytest.raises(CommandError) as caught:
        command(*words)
    assert "\n" not in str(caught.value)
    return caught.value.returncode, str(caught.value)


@pytest.fixture
def file(db, tmp_path):
    path = tmp_path / "whoosh.yaml"
    path.write_text(FILE)
    return path


# -- load_config, dump_config ------------------------------------------------------------------


def test_load_config_prints_what_it_did_and_then_nothing_is_left_to_do(file):
    assert command("load_config", file).splitlines() == ["added    agent oak", "1 added"]
    assert command("load_config", file).splitlines() == ["left     agent oak", "1 left"]


def test_a_dry_run_says_the_same_and_changes_nothing(file):
    said = command("load_config", file, "--dry-run")
    assert "added    agent oak" in said
    assert "(dry run: nothing was changed)" in said
    assert "oak" not in config.dump()
    assert not AuditEntry.objects.exists()


def test_prune_removes_the_agents_the_file_does_not_name(file):
    command("load_config", file)
    file.write_text(OTHER)
    assert "removed" not in command("load_config", file)
    assert "removed  agent oak" in command("load_config", file, "--prune")
    assert "oak" not in config.dump()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"whoosh:\n  agents:\n    oak: {endpoint: 7}\n", "line 3"),
        (b"whoosh:\n  agents:\n    oak: {end: x}\n", "line 3"),
        (b"\xff\xfe", "UTF-8"),
        (b"", "whoosh"),
    ],
)
def test_a_bad_file_is_refused_by_name_with_the_line(file, content, complaint):
    file.write_bytes(content)
    code, line = failed("load_config", file)
    assert code == 2
    assert str(file) in line
    assert complaint in line


@pytest.mark.parametrize("name", ["/dev/zero", "."])
def test_what_is_no_file_is_not_read(db, name):
    code, line = failed("load_config", name)
    assert (code, "it is no file" in line) == (2, True)


def test_a_large_file_is_not_read_whole(db, tmp_path):
    file = tmp_path / "large.yaml"
    with file.open("wb") as handle:
        handle.truncate(3_000_000_000)
    code, line = failed("load_config", file)
    assert (code, "the file is larger than 1024 KB" in line) == (2, True)


def test_a_file_that_is_not_there_is_bad_input(db, tmp_path):
    code, line = failed("load_config", tmp_path / "none.yaml")
    assert (code, "No such file or directory" in line) == (2, True)


def test_references_are_resolved_on_the_command_line_and_dumped_as_written(file, monkeypatch):
    monkeypatch.setenv("OAK_KEY", "very-secret-7")
    file.write_text(FILE.replace('11434"', '11434", api_key: {env: OAK_KEY}'))
    command("load_config", file)
    dumped = command("dump_config")
    assert "env: OAK_KEY" in dumped
    assert "very-secret-7" not in dumped


def test_dump_config_writes_the_file_that_changes_nothing(file, tmp_path):
    command("load_config", file)
    target = tmp_path / "dumped.yaml"
    assert command("dump_config", "--output", target) == ""
    assert target.read_text() == command("dump_config")
    last = command("load_config", target).splitlines()[-1]
    assert not {"added", "changed", "removed"} & set(last.replace(",", "").split())


def test_a_dump_that_cannot_be_written_says_so(db, tmp_path):
    code, line = failed("dump_config", "--output", tmp_path / "no" / "file.yaml")
    assert (code, "cannot be written" in line) == (2, True)


# -- create_api_key ----------------------------------------------------------------------------


def test_the_key_stands_alone_on_the_last_line_and_works(people, client):
    text = command("create_api_key", "member", "--scope", "read", "--expires", 3).splitlines()[-1]
    answer = client.get("/api/v1/users/me/", headers={"authorization": f"Bearer {text}"})
    assert answer.json()["username"] == "member"
    key = ApiKey.objects.get()
    assert (key.scopes, key.expires_at is not None) == (["read"], True)


def test_without_a_scope_a_key_has_all_its_user_may_have(people):
    command("create_api_key", "member")
    command("create_api_key", "admin")
    assert ["admin" in key.scopes for key in ApiKey.objects.order_by("pk")] == [False, True]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody"], "nobody"),
        (["member", "--scope", "fly"], "There are:"),
        (["member", "--scope", "admin"], "administrator"),
        (["member", "--expires", "0"], "--expires"),
        (["member", "--expires", "soon"], "--expires"),
        ([], "username"),
    ],
)
def test_a_key_that_cannot_be_made_says_why(people, words, complaint):
    code, line = failed("create_api_key", *words)
    assert complaint in line
    assert code in (1, 2)  # argparse's own errors become 2 on a real command line
    assert not ApiKey.objects.exists()


# -- verify_audit, rotate_secrets --------------------------------------------------------------


def test_verify_audit_counts_the_entries(people):
    audit.record(SYSTEM, "made", people.ours)
    assert command("verify_audit") == "1 entries, the chain holds\n"


def test_verify_audit_fails_at_a_changed_entry(people):
    audit.record(SYSTEM, "made", people.ours)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_auditentry SET action='x'")
    code, line = failed("verify_audit")
    assert (code, "Entry 1" in line) == (1, True)


def test_rotate_secrets_tells_how_many_and_where_the_key_is(make_agent):
    make_agent(api_key="very-secret-7")
    said = command("rotate_secrets")
    assert said.startswith("1 secrets encrypted anew")
    assert "very-secret-7" not in said


# -- health_check ------------------------------------------------------------------------------


def test_health_check_names_what_is_wrong_and_exits_1(db):
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("health_check", stdout=out)
    assert ended.value.code == 1
    assert "error    workers: No runner is alive" in out.getvalue()
    assert "ok       database:" in out.getvalue()


def test_health_check_of_a_sound_system_is_0(db, monkeypatch):
    monkeypatch.delitem(health.questions._items, "workers")
    said = json.loads(command("health_check", "--json"))
    assert said["status"] in ("ok", "warning")
    assert said["findings"]["disk"][0]["level"] == "ok"


def test_health_check_without_a_database_is_an_answer_not_a_crash(monkeypatch):
    def away(*_, **__):
        raise DatabaseError("no route to host")

    monkeypatch.setattr(health, "findings", away)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("health_check", "--json", stdout=out)
    assert "no route to host" in json.loads(out.getvalue())["findings"]["database"][0]["text"]


# -- collect -----------------------------------------------------------------------------------


def test_static_files_are_collected_once(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    assert command("collect") == "collected\n"
    assert (settings.STATIC_ROOT / "app").is_dir()
    assert command("collect") == "nothing to collect\n"
    (settings.STATIC_ROOT / "collected.txt").write_text("old")
    assert command("collect") == "collected\n"
