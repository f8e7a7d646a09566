"""F09: guessing passwords and keys is slow, and tells nothing."""

import contextlib
import threading
import time

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connections
from django.test import Client, RequestFactory
from django.utils import timezone

from tests.security.world import dump
from whoosh_site.core.auth import NameOrEmailBackend, address_of
from whoosh_site.core.errors import TooMany
from whoosh_site.core.models import Lockout, User
from whoosh_site.core.models.access import FREE_TRIES, LONGEST_WAIT

RIGHT, WRONG = "pass-word-1", "wrong-word"


def sign_in_as(name, password, *, path="/login/", address="127.0.0.1"):
    """Return the answer of the sign-in form."""
    body = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(path, body)


@pytest.fixture(autouse=True)
def clock(clock):
    """Time stands still in all these tests."""
    return clock


def told(answer):
    """Return what the page says, without the token of its form and the name typed."""
    return [str(error) for error in answer.context["form"].non_field_errors()]


def longest_wait():
    """Return the seconds until the last block ends."""
    ends = [row.until for row in Lockout.objects.filter(until__gt=timezone.now())]
    return max(((end - timezone.now()).total_seconds() for end in ends), default=0)


def test_fifty_wrong_passwords_are_slowed_down_more_and_more(people, clock):
    """F09: each further guess waits twice as long, up to a quarter of an hour."""
    waits = []
    for _ in range(50):
        clock.pass_by(longest_wait())
        sign_in_as("owner", WRONG)
        waits.append(longest_wait())
    assert waits[:FREE_TRIES] == [0] * FREE_TRIES
    growing = waits[FREE_TRIES : FREE_TRIES + 9]
    assert growing == [2**n for n in range(9)]
    assert waits[-1] == LONGEST_WAIT.total_seconds()


def test_the_right_password_is_refused_while_its_account_waits(people, clock):
    """F09: fifty guesses in a row, then the right one."""
    for _ in range(50):
        sign_in_as("owner", WRONG)
    answer = sign_in_as("owner", RIGHT, address="10.1.1.1")
    assert answer.status_code == 200
    assert "Too many failed tries" in told(answer)[0]
    clock.pass_by(longest_wait())
    assert sign_in_as("owner", RIGHT).status_code == 302


def test_one_address_does_not_try_fifty_accounts(people):
    """F09: guesses are counted by address too, whatever the names."""
    for number in range(50):
        sign_in_as(f"name{number}", WRONG, address="10.2.2.2")
    answer = sign_in_as("owner", RIGHT, address="10.2.2.2")
    assert "Too many failed tries" in told(answer)[0]
    assert sign_in_as("owner", RIGHT, address="10.2.2.3").status_code == 302


FORWARDED = ["x-forwarded-for", "x-real-ip", "client-ip", "true-client-ip", "cf-connecting-ip"]


@pytest.mark.parametrize(
    ("base", "peer"), [("", "127.0.0.1"), ("https://whoosh.example.org", "10.0.0.7")]
)
def test_a_forwarded_address_is_not_believed(base, peer, people, settings):
    """F09: a new address in every guess does not help, unless our own proxy says it."""
    settings.BASE_URL = base
    for number in range(22):
        address = f"10.9.9.{number}"
        headers = dict.fromkeys(FORWARDED, address) | {"forwarded": f"for={address}"}
        body = {"username": f"name{number}", "password": WRONG}
        answer = Client(REMOTE_ADDR=peer).post("/login/", body, headers=headers)
    assert "Too many failed tries" in told(answer)[0]


def through_proxy(name, password, *hops):
    """Return the answer of the sign-in form behind a reverse proxy on this machine."""
    body, headers = {"username": name, "password": password}, {"x-forwarded-for": ", ".join(hops)}
    return Client().post("/login/", body, headers=headers)


def test_behind_our_proxy_one_guesser_does_not_block_everybody(people, settings):
    """F09: the last hop is what the proxy itself saw; what stands before it is the guesser's."""
    settings.BASE_URL = "https://whoosh.example.org"
    for number in range(22):
        hops = (f"10.8.8.{number}", "198.51.100.7")
        answer = through_proxy(f"name{number}", WRONG, *hops)
    assert "Too many failed tries" in told(answer)[0]
    assert "Too many" in told(through_proxy("owner", RIGHT, "198.51.100.7"))[0]
    assert through_proxy("owner", RIGHT, "198.51.100.8").status_code == 302


HTTPS, CLEAR = "https://whoosh.example.org", "http://whoosh.example.org"


@pytest.mark.parametrize(
    ("base", "peer", "header", "counted"),
    [
        (HTTPS, "127.0.0.1", "10.1.1.1, 198.51.100.7", "198.51.100.7"),
        (HTTPS, "127.0.0.1", "10.1.1.1,2001:db8::7", "2001:db8::7"),
        (HTTPS, "::1", "198.51.100.7", "198.51.100.7"),
        (HTTPS, "::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (HTTPS, "127.0.0.1", "", "127.0.0.1"),
        (HTTPS, "127.0.0.1", "198.51.100.7, unknown", "127.0.0.1"),
        (HTTPS, "127.0.0.1", "198.51.100.7:5000", "127.0.0.1"),
        (HTTPS, "10.0.0.7", "198.51.100.7", "10.0.0.7"),
        (HTTPS, "", "198.51.100.7", ""),
        (CLEAR, "127.0.0.1", "198.51.100.7", "127.0.0.1"),
        ("", "127.0.0.1", "198.51.100.7", "127.0.0.1"),
    ],
)
def test_only_our_own_proxy_names_the_address_that_counts(base, peer, header, counted, settings):
    """F09: and only by the last hop; what is no address there counts as the proxy."""
    settings.BASE_URL = base
    asked = RequestFactory(REMOTE_ADDR=peer).get("/", headers={"x-forwarded-for": header})
    assert address_of(asked) == counted


def test_the_administration_has_no_door_of_its_own(people):
    """F09: its sign-in takes no password and leads to ours."""
    for path in ("/admin/", "/admin/login/", "/admin/core/user/"):
        for _ in range(10):
            answer = Client().post(path, {"username": "admin", "password": RIGHT})
            assert answer.status_code == 302
            assert "sessionid" not in answer.cookies
    answer = Client().get("/admin/login/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/login/")


@pytest.mark.parametrize("name", ["OWNER", " owner ", "Owner", "ｏｗｎｅｒ"])
def test_spellings_of_a_name_are_one_account(name, people):
    """F09: case, blanks and wide letters bring no more guesses."""
    for _ in range(FREE_TRIES + 1):
        sign_in_as("owner", WRONG, address="10.3.3.3")
    assert "Too many failed tries" in told(sign_in_as(name, RIGHT, address="10.3.3.4"))[0]


@pytest.mark.parametrize("name", ["owner", "owner@example.org", "nobody", "nobody@example.org"])
def test_known_and_unknown_names_are_answered_alike(name, people):
    """F09: the same words before and during the wait."""
    seen = [told(sign_in_as(name, WRONG)) for _ in range(FREE_TRIES + 2)]
    assert len({tuple(words) for words in seen[: FREE_TRIES + 1]}) == 1
    assert "correct" in seen[0][0]
    assert seen[-1] == ["Too many failed tries. Wait 1 seconds."]


@pytest.mark.parametrize("kind", ["active", "switched off", "without a password", "unknown"])
@pytest.mark.parametrize("typed", ["name", "mail"])
def test_known_and_unknown_names_cost_the_same_work(kind, typed, people, monkeypatch):
    """F09: one password hash each, whatever the account is."""
    person = people.member
    if kind == "switched off":
        person.is_active = False
    elif kind == "without a password":
        person.set_unusable_password()
    person.save()
    names = {"name": "member", "mail": "member@example.org"}
    name = "unknown@example.org" if kind == "unknown" else names[typed]
    hashed, real = [], MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda *a, **k: hashed.append(1) or real(*a, **k)
    )
    sign_in_as(name, WRONG)
    assert len(hashed) == 1


def test_a_blocked_guess_costs_no_hash_at_all(people, monkeypatch):
    """F09: guessing on is no way to wear the server out."""
    for _ in range(FREE_TRIES + 1):
        sign_in_as("owner", WRONG)
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *_, **__: pytest.fail("hashed"))
    sign_in_as("owner", WRONG)
    sign_in_as("owner", RIGHT)


def test_the_table_of_guesses_holds_neither_names_nor_addresses(people):
    """F09: it is no list of who tried what from where."""
    sign_in_as("some-secret-name", WRONG, address="10.77.66.55")
    assert "some-secret-name" not in dump()
    assert "10.77.66.55" not in dump()


@pytest.mark.parametrize("names", [("owner", "owner@example.org"), ("owner@example.org", "OWNER")])
def test_name_and_mail_address_share_the_tries_of_their_account(names, people):
    """F09: knowing both brings no more guesses."""
    for number in range(FREE_TRIES + 1):
        sign_in_as(names[number % 2], WRONG)
    for name in names:
        assert "Too many failed tries" in told(sign_in_as(name, RIGHT, address="10.6.6.6"))[0]


def test_a_name_that_is_a_number_is_no_account_of_that_number(people):
    """F09: guesses at an unknown name block nobody."""
    for _ in range(FREE_TRIES + 2):
        sign_in_as(str(people.owner.pk), WRONG)
    assert sign_in_as("owner", RIGHT).status_code == 302


def test_guesses_at_the_same_time_are_counted_before_they_are_looked_at(
    people, transactional_db, monkeypatch
):
    """F09: forty at once check no more passwords than one after the other."""
    looked, start = [], threading.Barrier(20)

    def slow(user, password):
        looked.append(password)
        time.sleep(0.2)
        return False

    monkeypatch.setattr(User, "check_password", slow)

    def guess(number):
        start.wait()
        for name in ("owner", "owner@example.org"):
            with contextlib.suppress(TooMany):
                NameOrEmailBackend().authenticate(None, name, f"guess {number}")
        connections.close_all()

    threads = [threading.Thread(target=guess, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked) == FREE_TRIES + 1


def test_a_try_between_reading_and_writing_is_counted_too(people, monkeypatch):
    """F09: the count moves on from what was read, or is read again."""
    real, between = Lockout.objects.get_or_create, [1]

    def late(**wanted):
        found = real(**wanted)
        if between:
            between.pop()
            Lockout.tried("somebody")
        return found

    monkeypatch.setattr(Lockout.objects, "get_or_create", late)
    Lockout.tried("somebody")
    assert Lockout.objects.get(subject="somebody").failures == 2


def test_right_passwords_leave_no_count_behind(people):
    """F09: a whole office signs in from one address."""
    for _ in range(30):
        assert sign_in_as("owner", RIGHT, address="10.7.7.7").status_code == 302
    assert not Lockout.objects.exists()


def test_a_right_password_takes_back_its_own_try_only(people, clock):
    """F09: what the address guessed before stays counted."""
    for number in range(3):
        sign_in_as(f"name{number}", WRONG, address="10.7.7.8")
    sign_in_as("owner", RIGHT, address="10.7.7.8")
    address = Lockout.subject_for("address", "10.7.7.8")
    assert Lockout.objects.get(subject=address).failures == 3


def test_a_success_forgives_the_account_but_not_the_address(people, clock):
    """F09: an own account does not reset the count of an address that guesses others."""
    for number in range(21):
        sign_in_as(f"name{number}", WRONG, address="10.4.4.4")
    clock.pass_by(longest_wait())
    assert sign_in_as("stranger", RIGHT, address="10.4.4.4").status_code == 302
    sign_in_as("name99", WRONG, address="10.4.4.4")
    assert "Too many failed tries" in told(sign_in_as("owner", RIGHT, address="10.4.4.4"))[0]


def test_wrong_keys_are_slowed_down_by_address(people, with_key):
    """F09: keys too; a right one works at the same address, for a neighbour may have it."""
    from whoosh_site.core import services
    from whoosh_site.core.actor import SYSTEM

    _, text = services.create_api_key(user=people.owner, name="k", scopes=["read"], by=SYSTEM)

    def answer(key, address="10.5.5.5"):
        return Client(REMOTE_ADDR=address, headers={"x-api-key": key}).get("/api/v1/users/me/")

    codes = [answer(f"whoosh_{n:08}_x").status_code for n in range(50)]
    assert codes[:21] == [401] * 21
    assert set(codes[21:]) == {429}
    assert int(answer("whoosh_00000000_x")["Retry-After"]) >= 1
    assert answer(text).status_code == 200
    assert answer("whoosh_00000000_x", "10.5.5.6").status_code == 401


def test_an_own_key_does_not_reset_the_count_of_wrong_ones(people):
    """F09: right and wrong keys in turn are slowed down as well."""
    from whoosh_site.core import services
    from whoosh_site.core.actor import SYSTEM

    _, text = services.create_api_key(user=people.owner, name="k", scopes=["read"], by=SYSTEM)
    for number in range(21):
        for key in (text, f"whoosh_{number:08}_x"):
            Client(headers={"x-api-key": key}).get("/api/v1/users/me/")
    wrong = Client(headers={"x-api-key": "whoosh_00000000_x"})
    assert wrong.get("/api/v1/users/me/").status_code == 429


def test_one_time_links_cannot_be_guessed(people):
    """F09: they are 256 random bits, and only their hash is kept."""
    from whoosh_site.core.models.access import OneTimeLink

    paths = {OneTimeLink.make("password", people.owner) for _ in range(5)}
    tokens = [path.strip("/").split("/")[-1] for path in paths]
    assert all(len(token) >= 43 for token in tokens)
    assert OneTimeLink.objects.count() == 1
    assert not [token for token in tokens if token in dump()]


def test_a_mail_address_of_one_is_never_the_name_of_another(people):
    """F09: an account cannot shadow another by setting its mail address to that one's name."""
    victim = User.objects.create_user("boss@example.org", "", "boss-word-1")
    User.objects.filter(pk=people.viewer.pk).update(email="boss@example.org")
    assert list(User.objects.named("boss@example.org")) == [victim]
    assert sign_in_as("boss@example.org", "boss-word-1").status_code == 302
    assert sign_in_as("boss@example.org", RIGHT).status_code == 200


def test_a_sign_in_makes_a_new_session(people):
    """F09: a session somebody prepared is not the one that is signed in."""
    client = Client()
    client.force_login(people.viewer)
    client.get("/")
    planted = client.cookies["sessionid"].value
    client.logout()
    client.cookies["sessionid"] = planted
    client.post("/login/", {"username": "owner", "password": RIGHT})
    assert client.cookies["sessionid"].value != planted
