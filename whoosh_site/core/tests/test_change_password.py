"""The account page's form for a new password."""

import pytest

from whoosh_site.core import services
from whoosh_site.core.actor import Actor
from whoosh_site.core.models import AuditEntry, Lockout, OneTimeLink, User
from whoosh_site.core.models.access import FREE_TRIES

OLD, NEW = "pass-word-1", "another-pass-word-2"
URL = "/account/password/"


def sent(client, current=OLD, new=NEW, again=None):
    return client.post(URL, {"current": current, "password": new, "again": again or new})


def has(person, password):
    return User.objects.get(pk=person.pk).check_password(password)


def test_the_current_password_is_needed(people, sign_in):
    client = sign_in(people.member)
    for current in ("", "wrong-word", NEW):
        answer = sent(client, current)
        assert answer.status_code == 422
        assert answer.context["password_form"].errors.keys() == {"current"}
    assert has(people.member, OLD)


def test_with_it_the_password_changes_and_this_session_alone_goes_on(people, sign_in):
    client, other = sign_in(people.member), sign_in(people.member)
    assert sent(client).status_code == 302
    assert has(people.member, NEW)
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("member", "set password of", "member")


@pytest.mark.parametrize(
    ("new", "again", "field"), [("1234", "1234", "password"), (NEW, OLD, "again")]
)
def test_a_weak_or_mistyped_one_is_refused(new, again, field, people, sign_in):
    answer = sent(sign_in(people.member), OLD, new, again)
    assert answer.status_code == 422
    assert answer.context["password_form"].errors.keys() == {field}
    assert has(people.member, OLD)


def test_the_link_of_an_administrator_stays(people, sign_in):
    path = services.password_link(people.member, by=Actor(people.admin))
    assert sent(sign_in(people.member)).status_code == 302
    assert OneTimeLink.find(path.strip("/").split("/")[-1])


def test_guesses_are_slowed_down_as_at_the_sign_in(people, sign_in):
    client = sign_in(people.member)
    for _ in range(FREE_TRIES + 1):
        sent(client, "wrong-word")
    answer = sent(client)
    assert "Too many failed tries" in str(answer.context["password_form"].errors["current"])
    assert has(people.member, OLD)


def test_a_right_one_clears_the_count(people, sign_in):
    client = sign_in(people.member)
    sent(client, "wrong-word")
    sent(client)
    assert Lockout.objects.count() == 1  # the address, for its one wrong try


def test_the_page_asks_for_it_first(people, sign_in):
    page = sign_in(people.member).get("/account/").content.decode()
    assert page.index("Current password") < page.index("Password again")
    assert 'autocomplete="current-password"' in page
