"""The administration's page of all tunables."""

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.errors import BadInput
from whoosh_site.core.models import AuditEntry, Setting

URL = "/admin/core/setting/"


@pytest.fixture
def page(people, sign_in):
    return sign_in(people.admin)


def filled(**changed):
    """Return what the page's form sends."""
    values = {tunable.key: tunables.value(tunable.key) for tunable in tunables.declared()}
    return {key: value for key, value in (values | changed).items() if value is not False}


def test_all_tunables_are_set_at_once(page):
    assert page.post(URL, filled(cluster_name="Forest", session_timeout=600)).status_code == 302
    assert (tunables.value("cluster_name"), tunables.value("session_timeout")) == ("Forest", 600)
    assert AuditEntry.objects.filter(action="changed", target_type="core.Setting").count() == 2


def test_when_one_is_refused_none_is_set(page, monkeypatch):
    real = tunables.Tunable.checked

    def picky(tunable, value):
        if tunable.key == "session_timeout":
            raise BadInput("not on Mondays")
        return real(tunable, value)

    monkeypatch.setattr(tunables.Tunable, "checked", picky)
    answer = page.post(URL, filled(cluster_name="Forest", session_timeout=600))
    assert answer.status_code == 200
    assert answer.context["form"].errors == {"session_timeout": ["not on Mondays"]}
    assert not Setting.objects.exists()
    assert not AuditEntry.objects.filter(target_type="core.Setting").exists()
    assert "Changed:" not in answer.content.decode()


def test_the_page_tells_each_default(page):
    text = page.get(URL).content.decode()
    assert "Default: 3600." in text
    assert "Default: empty." in text
