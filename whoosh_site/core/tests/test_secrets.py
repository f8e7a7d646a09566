"""Encrypted fields: what the database holds, what a person sees, and what keys can do."""

import fcntl
import io
import stat
import threading

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection, connections

from whoosh_site.core import secrets
from whoosh_site.core.secrets import MASK, Secret, SecretKeyError


@pytest.fixture
def key_file(settings, tmp_path):
    """A key file of this test alone."""
    settings.FIELD_KEYS_FILE = tmp_path / "field.keys"
    yield settings.FIELD_KEYS_FILE
    secrets._parsed.cache_clear()


@pytest.fixture
def oak(key_file, make_agent):
    """An agent, the row of this installation that has a secret."""
    return make_agent("oak", api_key="hunter2-and-more")


def stored(agent) -> str:
    """Return what really stands in the column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM agents_agent WHERE id = %s", [agent.pk])
        return cursor.fetchone()[0]


def another_key(file) -> str:
    file.write_text("00000000:" + Fernet.generate_key().decode() + "\n")
    return file.read_text()


def test_what_was_encrypted_is_read_again(key_file):
    assert secrets.decrypt(secrets.encrypt("grüße 🌳")) == "grüße 🌳"


def test_empty_stays_empty_and_needs_no_key(key_file):
    assert (secrets.encrypt(""), secrets.decrypt("")) == ("", "")
    assert not key_file.exists()


def test_the_same_secret_looks_different_each_time(key_file):
    assert secrets.encrypt("same") != secrets.encrypt("same")


def test_the_key_file_is_for_its_owner_alone(key_file):
    secrets.encrypt("x")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_the_column_holds_ciphertext_that_names_its_key(key_file, oak):
    name, _, token = stored(oak).partition(":")
    assert name == key_file.read_text().partition(":")[0]
    assert len(name) == 8
    assert "hunter2" not in stored(oak)
    assert token.startswith("gAAAA")


def test_a_row_hands_out_a_secret_that_only_reveal_opens(oak):
    assert isinstance(oak.api_key, Secret)
    assert oak.api_key.reveal() == "hunter2-and-more"


def test_printing_a_secret_shows_a_mask(oak):
    shown = f"{oak.api_key} {oak.api_key!r} {vars(oak)} {[oak.api_key]}"
    assert MASK in shown
    assert "hunter2" not in shown


def test_an_empty_secret_prints_as_nothing_and_is_false(key_file):
    assert (str(Secret("")), bool(Secret("")), Secret("").reveal()) == ("", False, "")
    assert Secret.of("x")


def test_secrets_are_equal_when_they_are_stored_equally(key_file):
    one = Secret.of("x")
    assert one == Secret(one.stored)
    assert hash(one) == hash(Secret(one.stored))
    assert one != Secret.of("x")
    assert one != "x"


def test_saving_a_row_again_keeps_its_ciphertext(oak):
    before = stored(oak)
    oak.save()
    assert stored(oak) == before


def test_a_row_that_was_never_saved_has_a_secret_too(key_file):
    from django.apps import apps

    fresh = apps.get_model("agents", "Agent")()
    assert isinstance(fresh.api_key, Secret)
    assert not fresh.api_key


def test_a_missing_key_is_named_and_nothing_is_lost(key_file, oak):
    right, before = key_file.read_text(), stored(oak)
    another_key(key_file)
    with pytest.raises(SecretKeyError, match=rf"key {before[:8]}, which is not in .*field\.keys"):
        oak.api_key.reveal()
    key_file.write_text(right)
    assert oak.api_key.reveal() == "hunter2-and-more"


def test_a_row_with_a_missing_key_can_still_be_read_and_changed(key_file, oak):
    another_key(key_file)
    oak.refresh_from_db()
    oak.title = "Still here"
    oak.save(update_fields=["title"])
    assert str(oak.api_key) == MASK


def test_a_damaged_secret_says_what_to_do(key_file):
    name = secrets.encrypt("x").partition(":")[0]
    with pytest.raises(SecretKeyError, match="damaged. Enter it again"):
        secrets.decrypt(f"{name}:gAAAAnonsense")


@pytest.mark.parametrize("content", ["", "\n\n", "no colon\n"])
def test_a_key_file_without_a_key_is_said_so(key_file, content):
    key_file.write_text(content)
    with pytest.raises(SecretKeyError, match="holds no key; restore it from a backup"):
        secrets.encrypt("x")


@pytest.mark.parametrize("content", [b"abc:not-a-fernet-key\n", b"\xff\xfe\n"])
def test_a_key_file_that_holds_something_else_is_said_so(key_file, content):
    key_file.write_bytes(content)
    with pytest.raises(SecretKeyError, match="field.keys"):
        secrets.encrypt("x")
    assert key_file.read_bytes() == content


# -- rotation ----------------------------------------------------------------------------------


def test_rotation_writes_every_secret_anew_and_keeps_the_key_before_it(key_file, oak):
    first, old = key_file.read_text().strip(), stored(oak)
    assert secrets.rotate() == 1
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert stored(oak) != old
    second, kept = key_file.read_text().splitlines()
    assert stored(oak).partition(":")[0] == second.partition(":")[0]
    assert kept == first
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_the_next_rotation_drops_the_key_before_the_last(key_file, oak):
    first = key_file.read_text().strip()
    secrets.rotate()
    second = key_file.read_text().splitlines()[0]
    assert secrets.rotate() == 1
    assert first not in key_file.read_text()
    assert key_file.read_text().splitlines()[1:] == [second]
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"


def test_what_was_encrypted_before_a_rotation_and_saved_after_it_is_read(key_file, oak):
    late = Secret.of("typed-in-time")
    secrets.rotate()
    type(oak).objects.filter(pk=oak.pk).update(api_key=late)
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "typed-in-time"
    assert secrets.rotate() == 1
    assert not stored(oak).startswith(late.stored[:8])


def test_a_secret_saved_while_a_rotation_runs_is_not_overwritten(key_file, oak, monkeypatch):
    late, real = [Secret.of("typed-meanwhile")], Secret.reveal

    def slow(secret):
        if len(key_file.read_text().splitlines()) > 1 and late:
            type(oak).objects.filter(pk=oak.pk).update(api_key=late.pop())
        return real(secret)

    monkeypatch.setattr(Secret, "reveal", slow)
    assert secrets.rotate() == 1
    monkeypatch.undo()
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "typed-meanwhile"
    assert stored(oak).startswith(key_file.read_text()[:8])


def test_rotations_at_the_same_time_take_turns(key_file, transactional_db, make_agent):
    oak = make_agent("oak", api_key="hunter2-and-more")
    start, counts = threading.Barrier(3), []

    def rotated():
        start.wait()
        counts.append(secrets.rotate())
        connections.close_all()

    threads = [threading.Thread(target=rotated) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1, 1, 1]
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert len(key_file.read_text().splitlines()) == 2


def test_a_rotation_waits_for_one_that_runs(key_file, oak, monkeypatch):
    asked, real = [], fcntl.flock
    monkeypatch.setattr(fcntl, "flock", lambda f, how: asked.append((f.name, how)) or real(f, how))
    secrets.rotate()
    assert asked == [(f"{key_file}.lock", fcntl.LOCK_EX)]


def test_rotation_with_a_missing_key_changes_nothing(key_file, oak):
    before, wrong = stored(oak), another_key(key_file)
    with pytest.raises(SecretKeyError, match="is not in"):
        secrets.rotate()
    assert (stored(oak), key_file.read_text()) == (before, wrong)


def test_a_rotation_that_fails_half_way_loses_no_key(key_file, oak, monkeypatch):
    real = secrets.encrypt

    def broken(text):
        if text:
            raise OSError("disk full")
        return real(text)

    monkeypatch.setattr(secrets, "encrypt", broken)
    with pytest.raises(OSError, match="disk full"):
        secrets.rotate()
    monkeypatch.undo()
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert len(key_file.read_text().splitlines()) == 2


def test_an_interrupted_rotation_is_finished_by_the_next(key_file, oak):
    first = key_file.read_text()
    key_file.write_text(secrets._fresh_line() + "\n" + first)
    assert secrets.rotate() == 1
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert len(key_file.read_text().splitlines()) == 2
    assert first not in key_file.read_text()


def test_a_key_file_that_changes_is_read_again(key_file):
    stored_form = secrets.encrypt("x")
    fresh = secrets._fresh_line()
    secrets._replace(key_file, [fresh, key_file.read_text().strip()])
    assert secrets.decrypt(stored_form) == "x"
    assert secrets.encrypt("y").startswith(fresh[:8])


def test_the_command_says_how_many_and_where_the_key_is(key_file, oak):
    said = io.StringIO()
    call_command("rotate_secrets", stdout=said)
    assert said.getvalue().startswith("1 secrets encrypted anew")
    assert str(key_file) in said.getvalue()
    assert "until the next rotation" in said.getvalue()
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"


def test_every_encrypted_column_is_known(db):
    found = [f"{model._meta.label}.{field.name}" for model, field in secrets.secret_fields()]
    assert found == [
        "agents.Agent.api_key",
        "workflows.Credential.values_text",
        "workflows.Credential.token_text",
    ]
