"""The strict readers of the environment."""

import stat
import subprocess
import sys

import pytest

from whoosh_site import env
from whoosh_site.env import EnvError

LONG = "long-enough-and-not-a-word-said-again-42"
READ_SECRET = (
    "import sys, pathlib; from whoosh_site import env; "
    "print(env.secret('WHOOSH_NO_SUCH', pathlib.Path(sys.argv[1])))"
)


def test_text_is_stripped_and_defaults(monkeypatch):
    monkeypatch.setenv("WHOOSH_T", "  oak \n")
    assert env.text("WHOOSH_T") == "oak"
    assert env.text("WHOOSH_NO_SUCH", "elm") == "elm"


@pytest.mark.parametrize(
    ("word", "meant"), [("1", True), ("TRUE", True), ("Yes", True), (" on ", True)]
)
def test_a_flag_reads_words_for_yes(monkeypatch, word, meant):
    monkeypatch.setenv("WHOOSH_T", word)
    assert env.flag("WHOOSH_T") is meant


@pytest.mark.parametrize("word", ["0", "false", "NO", "off"])
def test_a_flag_reads_words_for_no_whatever_the_default(monkeypatch, word):
    monkeypatch.setenv("WHOOSH_T", word)
    assert env.flag("WHOOSH_T", default=True) is False


@pytest.mark.parametrize("default", [True, False])
def test_an_empty_flag_is_the_default(monkeypatch, default):
    monkeypatch.setenv("WHOOSH_T", "")
    assert env.flag("WHOOSH_T", default=default) is default


@pytest.mark.parametrize("word", ["2", "ja", "truee", "-1"])
def test_a_flag_that_is_neither_yes_nor_no_is_named(monkeypatch, word):
    monkeypatch.setenv("WHOOSH_T", word)
    with pytest.raises(EnvError, match="WHOOSH_T=.*write 1 or 0"):
        env.flag("WHOOSH_T")


def test_names_leave_out_empty_parts(monkeypatch):
    monkeypatch.setenv("WHOOSH_T", " a.example, ,b.example:80 ,")
    assert env.names("WHOOSH_T") == ["a.example", "b.example:80"]


def test_a_secret_in_the_variable_wins_over_both_files(monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.write_text(LONG[::-1])
    monkeypatch.setenv("WHOOSH_T", LONG)
    monkeypatch.setenv("WHOOSH_T_FILE", str(other))
    assert env.secret("WHOOSH_T", tmp_path / "kept") == LONG
    assert not (tmp_path / "kept").exists()


def test_a_secret_is_read_from_the_named_file(monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.write_text(f"{LONG}\n")
    monkeypatch.setenv("WHOOSH_T_FILE", str(other))
    assert env.secret("WHOOSH_T", tmp_path / "kept") == LONG


def test_a_secret_file_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("WHOOSH_T_FILE", str(tmp_path / "none"))
    with pytest.raises(EnvError, match=r"WHOOSH_T_FILE=.*none: No such file"):
        env.secret("WHOOSH_T", tmp_path / "kept")


def test_a_secret_file_that_is_empty_is_no_reason_to_invent_one(monkeypatch, tmp_path):
    (tmp_path / "other").touch()
    monkeypatch.setenv("WHOOSH_T_FILE", str(tmp_path / "other"))
    with pytest.raises(EnvError, match="WHOOSH_T is shorter than 32"):
        env.secret("WHOOSH_T", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_secret_file_that_is_no_text_is_named(monkeypatch, tmp_path):
    (tmp_path / "other").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("WHOOSH_T_FILE", str(tmp_path / "other"))
    with pytest.raises(EnvError, match="WHOOSH_T_FILE=.*not a text file"):
        env.secret("WHOOSH_T", tmp_path / "kept")


def test_a_short_secret_is_refused_without_showing_it(monkeypatch, tmp_path):
    monkeypatch.setenv("WHOOSH_T", "hunter2")
    with pytest.raises(EnvError, match="WHOOSH_T is shorter than 32") as caught:
        env.secret("WHOOSH_T", tmp_path / "kept")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["x" * 40, "changeme" * 5, "django-insecure-" + LONG])
def test_a_long_secret_that_is_not_random_is_refused(monkeypatch, tmp_path, value):
    monkeypatch.setenv("WHOOSH_T", value)
    with pytest.raises(EnvError, match="WHOOSH_T repeats itself or is an example"):
        env.secret("WHOOSH_T", tmp_path / "kept")


def test_a_made_secret_is_long_kept_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "deep" / "secret.key"
    made = env.secret("WHOOSH_NO_SUCH", file)
    assert len(made) >= 50
    assert env.secret("WHOOSH_NO_SUCH", file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_made_secret_leaves_no_draft_behind(tmp_path):
    env.secret("WHOOSH_NO_SUCH", tmp_path / "secret.key")
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_process_that_comes_second_takes_the_first_ones_secret(tmp_path, monkeypatch):
    file = tmp_path / "secret.key"

    def first_writes_meanwhile(size):
        if not file.exists():
            file.write_text(LONG)
        return "draft"

    monkeypatch.setattr(env.secrets, "token_hex", first_writes_meanwhile)
    assert env.secret("WHOOSH_NO_SUCH", file) == LONG


def test_processes_that_start_together_agree_on_one_secret(tmp_path):
    command = [sys.executable, "-c", READ_SECRET, str(tmp_path / "secret.key")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    said = {process.communicate()[0] for process in started}
    assert len(said) == 1
    assert len(said.pop().strip()) >= 50


@pytest.mark.parametrize(
    "written", ["", "http://oak:8000", "https://whoosh.example.org", "https://[::1]:8443/"]
)
def test_an_origin_is_scheme_and_host(monkeypatch, written):
    monkeypatch.setenv("WHOOSH_T", written)
    assert env.origin("WHOOSH_T") == written.rstrip("/")


@pytest.mark.parametrize(
    "written",
    ["oak", "oak:8000", "ftp://oak", "https://", "https://oak/path", "https://oak?x", "http://o:x"],
)
def test_what_is_no_origin_is_refused_by_name(monkeypatch, written):
    monkeypatch.setenv("WHOOSH_T", written)
    with pytest.raises(env.EnvError, match="WHOOSH_T=.*https://whoosh.example.org"):
        env.origin("WHOOSH_T")


def test_only_ipv6_addresses_stand_in_brackets():
    assert [env.bracketed(host) for host in ("oak", "10.0.0.1", "::1")] == [
        "oak",
        "10.0.0.1",
        "[::1]",
    ]


def test_each_part_of_a_list_is_read_and_a_wrong_one_is_told_by_the_variable(monkeypatch):
    monkeypatch.setenv("WHOOSH_T", "1, 2,,")
    assert env.each("WHOOSH_T", int) == [1, 2]
    monkeypatch.setenv("WHOOSH_T", "1, oak")
    with pytest.raises(EnvError, match="WHOOSH_T: invalid literal"):
        env.each("WHOOSH_T", int)
