"""F09: guessing passwords and keys is slow, and tells nothing."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone

from tests.security.world import dump
from whoosh_site.core.models import Lockout
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


def test_a_forwarded_address_is_not_believed(people):
    """F09: a new address in every guess does not help."""
    names = ["x-forwarded-for", "x-real-ip", "client-ip", "true-client-ip", "cf-connecting-ip"]
    for number in range(22):
        address = f"10.9.9.{number}"
        headers = dict.fromkeys(names, address) | {"forwarded": f"for={address}"}
        body = {"username": f"name{number}", "password": WRONG}
        answer = Client().post("/login/", body, headers=headers)
    assert "Too many failed tries" in told(answer)[0]


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


def test_a_success_forgives_the_account_but_not_the_address(people, clock):
    """F09: an own account does not reset the count of an address that guesses others."""
    for number in range(21):
        sign_in_as(f"name{number}", WRONG, address="10.4.4.4")
    clock.pass_by(longest_wait())
    assert sign_in_as("stranger", RIGHT, address="10.4.4.4").status_code == 302
    sign_in_as("name99", WRONG, address="10.4.4.4")
    assert "Too many failed tries" in told(sign_in_as("owner", RIGHT, address="10.4.4.4"))[0]


def test_wrong_keys_are_slowed_down_by_address(people, with_key):
    """F09: keys too; the right one is refused while the address waits."""
    from whoosh_site.core import services
    from whoosh_site.core.actor import SYSTEM

    _, text = services.create_api_key(user=people.owner, name="k", scopes=["read"], by=SYSTEM)

    def answer(key, address="10.5.5.5"):
        return Client(REMOTE_ADDR=address, headers={"x-api-key": key}).get("/api/v1/users/me/")

    codes = [answer(f"whoosh_{n:08}_x").status_code for n in range(50)]
    assert codes[:21] == [401] * 21
    assert set(codes[21:]) == {429}
    refused = answer(text)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1
    assert answer(text, "10.5.5.6").status_code == 200


def test_an_own_key_does_not_reset_the_count_of_wrong_ones(people):
    """F09: right and wrong keys in turn are slowed down as well."""
    from whoosh_site.core import services
    from whoosh_site.core.actor import SYSTEM

    _, text = services.create_api_key(user=people.owner, name="k", scopes=["read"], by=SYSTEM)
    for number in range(21):
        for key in (text, f"whoosh_{number:08}_x"):
            Client(headers={"x-api-key": key}).get("/api/v1/users/me/")
    assert Client(headers={"x-api-key": text}).get("/api/v1/users/me/").status_code == 429


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
    from whoosh_site.core.models import User

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
