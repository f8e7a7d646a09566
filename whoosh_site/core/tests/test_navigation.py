"""The side bar marks one entry at most, the nearest one."""

import pytest
from django.test import RequestFactory

from whoosh_site.core import navigation

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", ["Dashboard"]),
        ("/agents/", ["Agents"]),
        ("/agents/7/", ["Agents"]),
        ("/agents/matrix/", ["Capabilities"]),
        ("/admin/core/user/", ["Administration"]),
        ("/account/", []),
    ],
)
def test_the_nearest_entry_is_current(people, path, current):
    request = RequestFactory().get(path)
    request.user = people.admin
    found = navigation.entries(request)
    assert [entry["title"] for entry in found if entry["active"]] == current


def test_only_staff_see_the_administration(people):
    request = RequestFactory().get("/")
    for user, seen in ((people.admin, True), (people.member, False)):
        request.user = user
        assert ("Administration" in [e["title"] for e in navigation.entries(request)]) is seen
