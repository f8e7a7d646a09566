"""Addresses of buttons, lost sessions and dead links: every way ends on a page that helps."""

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from whoosh_site.core.models import OneTimeLink, User


def test_the_address_of_a_button_is_explained(people, sign_in, make_agent):
    answer = sign_in(people.owner).get(f"/agents/{make_agent('oak').pk}/drain/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "belongs to a button of another page" in answer.content.decode()


def test_the_api_keeps_its_own_words_for_a_wrong_method(people, sign_in):
    answer = sign_in(people.member).delete("/api/v1/calls/")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/json")


@pytest.mark.parametrize(
    ("referer", "onward"),
    [
        ("http://testserver/agents/2/", "/agents/2/"),
        ("http://testserver/calls/?state=error", "/calls/%3Fstate%3Derror"),
        ("http://evil.example/agents/2/", "/"),
        ("", "/"),
    ],
)
def test_a_button_pressed_after_the_session_ended_leads_back_to_its_page(db, referer, onward):
    answer = Client().post("/agents/2/drain/", headers={"referer": referer})
    assert answer["Location"] == f"/login/?next={onward}"


def test_signing_out_leads_to_the_plain_sign_in(people, sign_in):
    assert sign_in(people.member).post("/logout/")["Location"] == "/login/"


@pytest.mark.parametrize("path", ["/account/keys/", "/account/password/"])
def test_the_address_of_a_refused_form_leads_to_the_account(people, sign_in, path):
    assert sign_in(people.member).get(path)["Location"] == "/account/"


def test_a_spent_link_says_so_and_leads_to_the_sign_in(people):
    path = OneTimeLink.make(OneTimeLink.Purpose.PASSWORD, people.viewer)
    new = {"password": "another-pass-word-2", "again": "another-pass-word-2"}
    assert Client().post(path, new).status_code == 302
    for answer in (Client().get(path), Client().post(path, new)):
        text = answer.content.decode()
        assert answer.status_code == 404
        assert "This link is used up or too old" in text
        assert 'href="/login/"' in text


def test_a_spent_set_up_link_without_an_administrator_says_how_to_get_another(db):
    User.objects.filter(is_superuser=True).delete()
    assert "Start WHOOSH again for a new link." in Client().get("/welcome/x/").content.decode()


def test_the_set_up_page_begins_with_the_user_name(db):
    text = Client().get(OneTimeLink.make(OneTimeLink.Purpose.SETUP)).content.decode()
    name = text[text.index('name="username"') :].partition(">")[0]
    assert "autofocus" in name
    assert 'autocomplete="username"' in name
    assert "User name" in text


# -- what only a machine would send ------------------------------------------------------------


def signing_in(**more):
    return Client().post("/login/", {"username": "ada", "password": "x"} | more)


def test_a_name_longer_than_any_is_nobodys(db):
    assert signing_in(username="a" * 60_000).status_code == 200


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "hex", "undefined", "latin-1"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_in_another_encoding_is_refused(db, kind, charset):
    content = f"{kind}; boundary=x; charset={charset}"
    answer = Client().generic("POST", "/login/", b"username=x", content_type=content)
    assert answer.status_code == 415


def test_a_htmx_request_from_no_address_is_led_to_the_sign_in(db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    answer = Client().get("/agents/", headers=headers)
    assert answer["HX-Redirect"] == "/login/?next=%2F"


def test_the_sign_in_leads_never_to_itself(people, sign_in):
    answer = sign_in(people.member).get("/login/?next=/login/")
    assert (answer.status_code, answer.url) == (302, "/")


@pytest.mark.parametrize("chosen", ["abc", "9" * 40, "-1", "²"])
def test_a_chosen_row_that_is_none_is_refused(people, sign_in, make_agent, chosen):
    make_agent("oak")
    body = {"action": "drain", "_selected_action": chosen}
    answer = sign_in(people.admin).post("/admin/agents/agent/", body)
    assert answer.status_code == 400


def test_an_endless_search_is_refused(people, sign_in):
    answer = sign_in(people.admin).get("/admin/agents/agent/", {"q": "a " * 2000})
    assert answer.status_code == 400


def test_the_administration_has_no_way_of_its_own_to_a_new_password(people, sign_in):
    assert sign_in(people.admin).get("/admin/password_change/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/v1/calls/", "/login/"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("database is locked"), 503),
        (InterfaceError("connection already closed"), 503),
        (OperationalError("no such column: wings"), 500),
        (ZeroDivisionError(), 500),
    ],
)
def test_a_database_that_is_away_is_told_apart_from_a_fault(
    people, sign_in, monkeypatch, path, error, status
):
    browser = sign_in(people.member, raise_request_exception=False)

    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr("django.contrib.sessions.backends.base.SessionBase.get", fails)
    answer = browser.get(path)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    word = "unavailable" if path.startswith("/api/") else "database does not answer"
    assert (word in answer.content.decode()) == (status == 503)
