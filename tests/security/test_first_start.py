"""F12: a fresh installation is safe before anybody has set anything."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as loaded
from django.contrib.auth import get_user_model
from django.test import Client

from tests.security.world import dump
from whoosh_site.core import startup
from whoosh_site.core.models import ApiKey
from whoosh_site.core.models.access import OneTimeLink

ANSWER = {
    "username": "first", "email": "", "password": "quite-a-long-word", "again": "quite-a-long-word",
}  # fmt: skip
SHOW = (
    "from django.conf import settings as s; import json; print(json.dumps({n: getattr(s, n, None)"
    " for n in ('DEBUG', 'ALLOWED_HOSTS', 'SESSION_COOKIE_SECURE', 'CSRF_COOKIE_SECURE',"
    " 'SECURE_HSTS_SECONDS', 'SESSION_COOKIE_HTTPONLY', 'CSRF_TRUSTED_ORIGINS')}))"
)


def started(folder, code, **environment):
    """Run a line of Python under the product's settings, with nothing else in the environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept |= {"WHOOSH_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "whoosh_site.settings"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        cwd=loaded.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def link(db):
    """The path of a set-up link, as the console prints it."""
    return startup.setup_link("")


def test_a_fresh_database_has_no_account_and_no_key(db):
    """F12: no default password, no guest, no key."""
    assert not get_user_model().objects.exists()
    assert not ApiKey.objects.exists()
    for name in ("admin", "root", "whoosh", "user", "guest"):
        for password in ("admin", "password", "whoosh", "root", "", "changeme"):
            answer = Client().post("/login/", {"username": name, "password": password})
            assert "_auth_user_id" not in answer.client.session


def test_nothing_set_means_no_debug_and_no_foreign_host(tmp_path):
    """F12: also when bound to every address, no host but this machine's is answered."""
    shown = started(tmp_path, SHOW)
    assert shown.returncode == 0, shown.stderr
    assert '"DEBUG": false' in shown.stdout
    assert '["127.0.0.1", "localhost", "[::1]"]' in shown.stdout
    assert '"SESSION_COOKIE_HTTPONLY": true' in shown.stdout
    assert "*" not in startup.hosts_of("0.0.0.0")


def test_secrets_made_at_the_first_start_are_long_random_and_private(tmp_path):
    """F12: two installations share nothing."""
    code = "from django.conf import settings as s; print(s.SECRET_KEY)"
    one, two = (started(tmp_path / name, code).stdout.strip() for name in ("one", "two"))
    assert one != two
    assert len(one) >= 50
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0
    for file in (tmp_path / "one").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


@pytest.mark.parametrize(
    "key",
    ["x", "secret", "a" * 64, "changeme" * 8, "password" * 8, "secret" * 10, "12345678" * 8,
     "django-insecure-" + "k3j5h2g9f8d7s6a1" * 3],
)  # fmt: skip
def test_a_weak_secret_key_stops_the_start(key, tmp_path):
    """F12: short, repeated and example keys; the message names the variable, not the key."""
    refused = started(tmp_path, SHOW, WHOOSH_SECRET_KEY=key)
    assert refused.returncode != 0
    assert "WHOOSH_SECRET_KEY" in refused.stderr
    assert len(key) < 10 or key not in refused.stderr


def test_a_weak_secret_key_in_a_file_stops_the_start(tmp_path):
    """F12: the other way to hand it in."""
    file = tmp_path / "key"
    file.write_text("a" * 64)
    refused = started(tmp_path / "var", SHOW, WHOOSH_SECRET_KEY_FILE=str(file))
    assert refused.returncode != 0
    assert "WHOOSH_SECRET_KEY" in refused.stderr


def test_a_secret_key_that_is_long_and_random_is_taken(tmp_path):
    """F12: the other side."""
    key = "N7vQx2Zr9LmT4bYwK8cHsE1uGdPa6JfX"
    assert started(tmp_path, SHOW, WHOOSH_SECRET_KEY=key).returncode == 0


def test_the_set_up_link_makes_one_administrator_and_is_spent(link):
    """F12: it works once."""
    assert Client().get(link).status_code == 200
    assert Client().post(link, ANSWER).status_code == 302
    assert get_user_model().objects.get(username="first").is_superuser
    assert Client().get(link).status_code == 404
    assert Client().post(link, ANSWER | {"username": "second"}).status_code == 404
    assert get_user_model().objects.count() == 1


def test_only_the_hash_of_the_set_up_link_is_kept(link):
    """F12: whoever reads the database cannot use it."""
    token = link.strip("/").split("/")[-1]
    assert len(token) >= 43
    assert token not in dump()


def test_looking_at_the_link_does_not_spend_it(link):
    """F12: nor do previews of chat programs, which send GET and HEAD."""
    for _ in range(3):
        assert Client().get(link).status_code == 200
        Client().head(link)
    assert Client().post(link, ANSWER).status_code == 302


def test_the_set_up_link_is_dead_once_there_is_an_administrator(link):
    """F12: however that one was made."""
    get_user_model().objects.create_superuser("other", "", "quite-a-long-word")
    assert Client().get(link).status_code == 404
    assert Client().post(link, ANSWER).status_code == 404
    assert not get_user_model().objects.filter(username="first").exists()
    assert startup.setup_link("") == ""


def test_the_set_up_link_ends_by_itself(link, clock):
    """F12: after two days at most."""
    clock.pass_by(48 * 3600 + 1)
    assert Client().post(link, ANSWER).status_code == 404


def test_a_new_set_up_link_kills_the_one_before(link):
    """F12: only the last start's link works."""
    fresh = startup.setup_link("")
    assert Client().get(link).status_code == 404
    assert Client().get(fresh).status_code == 200


@pytest.mark.parametrize("password", ["short", "password123", "12345678901234", "qwertyuiop"])
def test_the_first_password_is_no_weak_one(password, link):
    """F12: the link stays good for another try."""
    body = ANSWER | {"password": password, "again": password}
    assert Client().post(link, body).status_code == 200
    assert not get_user_model().objects.exists()
    assert Client().post(link, ANSWER).status_code == 302


@pytest.mark.parametrize("password", ["short", "password123", "12345678901234", "qwertyuiop"])
def test_no_way_to_set_a_password_takes_a_weak_one(password, people, sign_in, with_key):
    """F12: neither the account page nor an administrator's request."""
    body = {"current": "pass-word-1", "password": password, "again": password}
    answer = sign_in(people.viewer).post("/account/password/", body)
    assert answer.context["password_form"].errors.keys() == {"password"}
    client, post = with_key(people.admin), {"content_type": "application/json"}
    changed = client.patch(f"/api/v1/users/{people.viewer.pk}/", {"password": password}, **post)
    made = client.post("/api/v1/users/", {"username": "new", "password": password}, **post)
    assert (changed.status_code, made.status_code) == (400, 400)
    people.viewer.refresh_from_db()
    assert people.viewer.check_password("pass-word-1")


def test_a_password_link_makes_no_administrator_and_a_set_up_link_sets_no_password(people):
    """F12: a link is good for its own purpose only."""
    path = OneTimeLink.make(OneTimeLink.Purpose.PASSWORD, people.viewer)
    answer = Client().post(path, ANSWER | {"username": "first", "is_superuser": "on"})
    assert answer.status_code == 302
    people.viewer.refresh_from_db()
    assert (people.viewer.username, people.viewer.is_superuser) == ("viewer", False)
    assert not get_user_model().objects.filter(username="first").exists()


@pytest.mark.parametrize(
    ("base", "begin"),
    [("https://whoosh.example.org", "https://whoosh.example.org"), ("", "http://evil.example")],
)
def test_links_lead_to_the_configured_address(base, begin, people, sign_in, with_key, settings):
    """E10: not to the Host header's, which whoever asks makes up, once there is another."""
    settings.BASE_URL, settings.ALLOWED_HOSTS = base, ["*"]
    url = f"/api/v1/users/{people.viewer.pk}/password-link/"
    made = with_key(people.admin).post(url, headers={"host": "evil.example"}).json()["url"]
    assert made.startswith(f"{begin}/welcome/")
    body = {"action": "make_password_link", "_selected_action": people.viewer.pk, "index": 0}
    client, host = sign_in(people.admin), {"host": "evil.example"}
    page = client.post("/admin/core/user/", body, headers=host, follow=True).content.decode()
    assert f"<code>{begin}/welcome/" in page
    assert page.count("evil.example/welcome") == (not base)


def test_a_link_of_somebody_switched_off_opens_nothing(people):
    """F12: being switched off ends what was handed out before."""
    path = OneTimeLink.make(OneTimeLink.Purpose.PASSWORD, people.viewer)
    get_user_model().objects.filter(pk=people.viewer.pk).update(is_active=False)
    client = Client()
    assert client.post(path, ANSWER).status_code == 404
    people.viewer.refresh_from_db()
    assert people.viewer.check_password("pass-word-1")


def test_a_link_for_a_password_ends_every_other_session(people, sign_in):
    """F12: a stolen session does not outlive the new password."""
    stolen = sign_in(people.viewer)
    path = OneTimeLink.make(OneTimeLink.Purpose.PASSWORD, people.viewer)
    assert Client().post(path, ANSWER).status_code == 302
    assert stolen.get("/").status_code == 302


def test_the_checks_of_deployment_find_nothing_dangerous(tmp_path):
    """F12: Django's own list, with TLS in front."""
    code = (
        "import django; django.setup();"
        "from django.core.checks import run_checks;"
        "print([c.id for c in run_checks(include_deployment_checks=True)])"
    )
    shown = started(tmp_path, code, WHOOSH_BASE_URL="https://whoosh.example.org")
    assert shown.returncode == 0, shown.stderr
    # The proxy in front redirects, and its owner decides about sub-domains and preloading.
    assert set(eval(shown.stdout)) <= {"security.W005", "security.W008", "security.W021"}


@pytest.mark.parametrize(
    ("base", "policy"), [("https://whoosh.example.org", "same-origin"), ("", "None")]
)
def test_windows_of_other_sites_are_kept_apart_where_browsers_can(base, policy, tmp_path):
    """E10: on plain HTTP they cannot, and would complain on every page."""
    code = (
        "import django; django.setup();"
        "from django.test import Client;"
        "answer = Client(headers={'host': 'localhost'}).get('/healthz');"
        "print(answer.headers.get('Cross-Origin-Opener-Policy'))"
    )
    shown = started(tmp_path, code, WHOOSH_BASE_URL=base)
    assert shown.stdout.split() == [policy], shown.stderr
