"""Encrypted fields: what the database holds, what a person sees, and what keys can do."""

import io
import stat

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

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


def test_rotation_writes_every_secret_anew_and_drops_the_old_key(key_file, oak):
    old_keys, old = key_file.read_text(), stored(oak)
    assert secrets.rotate() == 1
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert stored(oak) != old
    assert old_keys.strip() not in key_file.read_text()
    assert len(key_file.read_text().splitlines()) == 1
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


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
    key_file.write_text(secrets._fresh_line() + "\n" + key_file.read_text())
    assert secrets.rotate() == 1
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"
    assert len(key_file.read_text().splitlines()) == 1


def test_a_key_file_that_changes_is_read_again(key_file):
    stored_form = secrets.encrypt("x")
    fresh = secrets._fresh_line() + "\n"
    secrets._replace(key_file, fresh + key_file.read_text())
    assert secrets.decrypt(stored_form) == "x"
    assert secrets.encrypt("y").startswith(fresh[:8])


def test_the_command_says_how_many_and_where_the_key_is(key_file, oak):
    said = io.StringIO()
    call_command("rotate_secrets", stdout=said)
    assert said.getvalue().startswith("1 secrets encrypted anew")
    assert str(key_file) in said.getvalue()
    oak.refresh_from_db()
    assert oak.api_key.reveal() == "hunter2-and-more"


def test_every_encrypted_column_is_known(db):
    found = [f"{model._meta.label}.{field.name}" for model, field in secrets.secret_fields()]
    assert found == ["agents.Agent.api_key"]
