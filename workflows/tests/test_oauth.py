"""OAuth2 against a real provider: connected by people, renewed by runs, once and by one."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from tests.oauth_provider import CLIENT, SECRET, Provider, provided
from tests.security.world import dump
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.addresses import allowed
from workflows import services
from workflows.models import Credential
from workflows.services.lending import lent
from workflows.tests.conftest import chain, node

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # it is on this machine
    with provided() as found:
        settings.HTTP_ALLOW = [allowed(f"127.0.0.1:{urlsplit(found.url).port}")]
        yield found


@pytest.fixture
def make(people: Any, provider: Provider) -> Any:
    """Make a credential of the provider: `make(grantType="clientCredentials")`."""

    def maker(**values: Any) -> Credential:
        values = {
            "authUrl": f"{provider.url}/authorize?a=1", "accessTokenUrl": f"{provider.url}/token",
            "clientId": CLIENT, "clientSecret": SECRET, "scope": "tides",
        } | values  # fmt: skip
        return services.create_credential(
            "oAuth2Api", "Tides", values, by=SYSTEM, team=people.ours, hosts=["127.0.0.1"]
        )

    return maker


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def said_yes(url: str) -> str:
    """Go to the provider as a browser does; return the path it sends back to."""
    try:
        urllib.request.build_opener(NoRedirect).open(url)
    except urllib.error.HTTPError as answer:
        with answer:
            back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"
    raise AssertionError("the provider did not send back")


def connected(client: Any, credential: Credential) -> Any:
    """Connect a credential as a person does; return the last page."""
    way = client.post(f"/credentials/{credential.pk}/connect/")
    assert way.status_code == 200
    return client.get(said_yes(way.context["url"]), follow=True)


def asks(provider: Provider, credential: Credential) -> str:
    """Return a document whose one node asks for what is behind a token."""
    http = node("Ask", "httpRequest", url=f"{provider.url}/me")
    http["credentials"] = {"oAuth2Api": {"id": credential.ref, "name": "Tides"}}
    http["parameters"] |= {
        "authentication": "genericCredentialType", "genericAuthType": "oAuth2Api",
    }  # fmt: skip
    return chain("Asks", http | {"typeVersion": 4.2})


@pytest.mark.parametrize(
    ("values", "public"),
    [({}, False), ({"authentication": "body"}, False), ({"grantType": "pkce"}, False),
     ({"clientSecret": ""}, True)],
)  # fmt: skip
def test_a_person_connects_it_and_a_run_uses_the_token(
    values, public, make, provider, sign_in, people, keep, start, work
):
    provider.public = public
    credential = make(**values)
    seen = connected(sign_in(people.member), credential)
    assert "The credential Tides is connected" in seen.content.decode()
    credential.refresh_from_db()
    assert credential.connected_by == people.member
    done = work(start(keep(asks(provider, credential))))
    assert (done.state, done.error) == ("success", "")
    (token,) = provider.access
    kept = json.dumps([step.outputs for step in done.steps()], ensure_ascii=False)
    assert '"token": "••••••••"' in kept
    assert not any(secret in dump() + seen.content.decode() for secret in (token, SECRET))


def test_a_client_signs_in_by_itself(make, provider, keep, start, work):
    credential = make(grantType="clientCredentials")
    assert services.try_credential(credential, by=SYSTEM)
    done = work(start(keep(asks(provider, credential))))
    assert (done.state, done.error) == ("success", "")
    assert [one["grant_type"] for one in provider.asked] == [["client_credentials"]]


@pytest.mark.parametrize("ended", [True, False])
def test_a_token_is_renewed_once_when_it_ended_or_is_refused(
    ended, make, provider, sign_in, people, keep, start, work
):
    credential = make()
    connected(sign_in(people.member), credential)
    if ended:
        past = timezone.now() - timedelta(seconds=1)
        Credential.objects.update(token_ends_at=past)
    provider.access.clear()
    done = work(start(keep(asks(provider, credential))))
    assert (done.state, done.error) == ("success", "")
    assert [one["grant_type"] for one in provider.asked[1:]] == [["refresh_token"]]
    assert Credential.objects.get().connected_by == people.member


def test_a_token_that_was_revoked_says_who_must_log_in_again(
    make, provider, sign_in, people, keep, start, work, page
):
    credential = make()
    connected(sign_in(people.member), credential)
    provider.revoke()
    document = asks(provider, credential)
    for _ in range(2):
        done = work(start(keep(document)))
        assert done.state == "error"
        assert f"{people.member.username} must connect it again" in done.error
    assert len(provider.asked) == 2  # the second run did not even ask
    assert "Connect it again" in page("member", "/credentials/")
    connected(sign_in(people.owner), credential)
    assert work(start(keep(document))).state == "success"


def test_one_that_nobody_connected_says_so(make, provider, keep, start, work):
    done = work(start(keep(asks(provider, make()))))
    assert "Tides is not connected. Press Connect on its page" in done.error


def test_a_provider_that_is_down_is_no_reason_to_log_in_again(make, provider):
    credential = make(grantType="clientCredentials")
    provider.down = True
    assert not services.try_credential(credential, by=SYSTEM)
    credential.refresh_from_db()
    assert (credential.trouble, credential.renewing_until) == ("", None)
    assert SECRET not in credential.test_words
    provider.down = False
    assert services.try_credential(credential, by=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_renew_it_once(make, provider, run):
    credential = make(grantType="clientCredentials")

    async def many() -> list[Any]:
        rows = [await Credential.objects.aget(pk=credential.pk) for _ in range(8)]
        return await asyncio.gather(*(lent(row) for row in rows))

    found = run(many())
    assert len({one.values["accessToken"] for one in found}) == 1
    assert len(provider.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_a_process_that_died_while_renewing_holds_nobody_up_for_ever(make, provider, run):
    credential = make(grantType="clientCredentials")
    past = timezone.now() - timedelta(seconds=1)
    Credential.objects.update(renewing_until=past)
    row = Credential.objects.get(pk=credential.pk)
    assert run(lent(row)).values["accessToken"] in provider.access


@pytest.mark.django_db(transaction=True)
def test_a_token_that_came_after_a_change_is_not_kept(make, provider, run):
    credential = make(grantType="clientCredentials")
    row = Credential.objects.get(pk=credential.pk)

    async def changed_meanwhile() -> None:
        change = sync_to_async(services.change_credential)
        await change(credential, by=SYSTEM, values={"scope": "moons"})
        from workflows.services import oauth

        await sync_to_async(oauth._kept)(row, {"access_token": "of the old one"})

    run(changed_meanwhile())
    assert not Credential.objects.get().token_text


# -- coming back ---------------------------------------------------------------------------------


def test_an_answer_nobody_asked_for_connects_nothing(make, provider, sign_in, people):
    credential = make()
    client = sign_in(people.member)
    way = client.post(f"/credentials/{credential.pk}/connect/")
    back = said_yes(way.context["url"])
    forged = [back.replace("state=", "state=x"), "/credentials/oauth2/callback/?code=a&state="]
    for path in [*forged, back]:  # a wrong answer uses up what was asked
        assert "not the answer to what you asked" in client.get(path, follow=True).content.decode()
    other = sign_in(people.owner)
    assert "not the answer" in other.get(back, follow=True).content.decode()
    assert not Credential.objects.get().token_text
    assert provider.asked == []


def test_what_goes_to_the_provider_is_a_challenge_and_no_secret(make, sign_in, people):
    url = sign_in(people.member).post(f"/credentials/{make().pk}/connect/").context["url"]
    sent = dict(parse_qsl(urlsplit(url).query))
    assert sent["code_challenge_method"] == "S256"
    assert sent["redirect_uri"] == "http://testserver/credentials/oauth2/callback/"
    assert (sent["a"], sent["scope"], SECRET in url) == ("1", "tides", False)


def test_a_provider_that_says_no_is_told(make, sign_in, people):
    client, credential = sign_in(people.member), make()
    way = client.post(f"/credentials/{credential.pk}/connect/")
    state = dict(parse_qsl(urlsplit(way.context["url"]).query))["state"]
    path = f"/credentials/oauth2/callback/?error=access_denied&state={state}"
    assert "The provider says no: access_denied" in client.get(path, follow=True).content.decode()


def test_a_viewer_connects_nothing(make, sign_in, people):
    assert sign_in(people.viewer).post(f"/credentials/{make().pk}/connect/").status_code == 403


def test_c01_tokens_are_asked_for_by_the_address_policy(make, provider, settings):
    settings.HTTP_ALLOW = []
    credential = make(grantType="clientCredentials")
    assert not services.try_credential(credential, by=SYSTEM)
    credential.refresh_from_db()
    assert "an admin can allow it" in credential.test_words
    assert provider.asked == []
