"""Digest: the answers of RFC 7616 and RFC 2617, to the letter."""

import re

import pytest

from whoosh_site.core import digest

ASKED = 'realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
OPAQUE = 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
URL = "http://www.example.org/dir/index.html"


def answered(asked: str, user: str = "Mufasa", password: str = "Circle of Life", url: str = URL):
    return digest.digest_answer(user, password, "GET", url, {"www-authenticate": asked})


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_standard(algorithm, response, monkeypatch):
    monkeypatch.setattr(digest.secrets, "token_hex", lambda size: CNONCE)
    said = answered(f'Digest {ASKED}, qop="auth, auth-int", algorithm={algorithm}, {OPAQUE}')
    assert f'response="{response}"' in said
    assert re.search(
        rf'{OPAQUE}.*cnonce="{CNONCE}", algorithm={algorithm}, qop=auth, nc=0{{7}}1', said
    )


def test_a_server_of_old_asks_for_no_quality():
    asked = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    said = answered(asked, password="Circle Of Life")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in said
    assert "qop" not in said


def test_a_session_and_a_query_count_too():
    said = answered(f"Digest {ASKED}, qop=auth, algorithm=MD5-sess", url=f"{URL}?a=1")
    assert 'uri="/dir/index.html?a=1"' in said
    assert "algorithm=MD5-sess" in said


def test_a_name_with_a_quote_stays_one_name():
    assert r'username="an\"a\\"' in answered(f"Digest {ASKED}", user='an"a\\')


@pytest.mark.parametrize(
    "asked",
    ["", "Basic realm=x", "Digest realm=x", f"Digest {ASKED}, algorithm=CRC",
     f'Digest {ASKED}, qop="auth-int"', "Digest"],
)  # fmt: skip
def test_what_is_no_digest_we_know_gets_no_answer(asked):
    assert answered(asked) == ""
