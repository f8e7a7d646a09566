"""A key made on the account page is shown once, and a reload makes no second one."""

from django.contrib.sessions.models import Session

from whoosh_site.core.models import ApiKey


def made(client):
    """Make a key and return the answer and the text of the page it leads to."""
    answer = client.post("/account/keys/", {"name": "laptop", "scopes": ["read"]})
    return answer, client.get("/account/")


def test_making_a_key_leads_to_the_account_page_which_shows_it_once(people, sign_in):
    client = sign_in(people.member)
    answer, page = made(client)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    text = page.context["fresh_text"]
    assert page["Cache-Control"] == "no-store"
    assert f'value="{text}"' in page.content.decode()
    assert text not in client.get("/account/").content.decode()
    assert ApiKey.find(text).name == "laptop"
    assert ApiKey.objects.count() == 1


def test_the_key_stands_at_the_top_of_the_page_and_has_the_focus(people, sign_in):
    page = made(sign_in(people.member))[1].content.decode()
    field = page[page.index('id="fresh-key"') :].partition(">")[0]
    assert "autofocus" in field
    assert page.index('id="fresh-key"') < page.index("First name")


def test_the_session_holds_the_key_encrypted_until_it_was_seen(people, sign_in):
    client = sign_in(people.member)
    client.post("/account/keys/", {"name": "laptop", "scopes": ["read"]})
    before = [row.get_decoded() for row in Session.objects.all()]
    text = client.get("/account/").context["fresh_text"]
    after = [row.get_decoded() for row in Session.objects.all()]
    assert "fresh_key" in before[0]
    assert text.split("_", 2)[2] not in str(before)
    assert "fresh_key" not in after[0]


def test_another_session_does_not_see_it(people, sign_in):
    client, other = sign_in(people.member), sign_in(people.member)
    client.post("/account/keys/", {"name": "laptop", "scopes": ["read"]})
    assert "fresh_text" not in other.get("/account/").context
