"""Every page in light, dark and on a phone: no complaint, axe clean, nothing sticks out."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = {
    "dashboard": "/",
    "ask": "/ask/",
    "agents": "/agents/",
    "agent": "/agents/1/",
    "matrix": "/agents/matrix/",
    "discover": "/agents/discover/",
    "models": "/models/",
    "model": "/models/1/",
    "calls": "/calls/",
    "call": "/calls/1/",
    "calls-none": "/calls/?state=quarantined",
    "tasks-none": "/tasks/?state=quarantined",
    "queue-empty": "/tasks/queue/",
    "schedules-none": "/schedules/",
    "search": "/search/?q=oak",
    "search-nothing": "/search/?q=zzz",
    "account": "/account/",
    "not-found": "/nothing/here/",
    "admin": "/admin/",
    "admin-agents": "/admin/agents/agent/",
    "admin-agents-found": "/admin/agents/agent/?q=oak",
    "admin-agent": "/admin/agents/agent/1/change/",
    "admin-add": "/admin/agents/agent/add/",
    "admin-capabilities": "/admin/agents/capability/",
    "admin-calls": "/admin/agents/call/",
    "admin-call": "/admin/agents/call/1/change/",
    "admin-models": "/admin/agents/model/",
    "admin-tasks": "/admin/projects/task/",
    "admin-projects": "/admin/projects/project/",
    "admin-jobs": "/admin/agents/modeljob/",
    "admin-users": "/admin/core/user/",
    "admin-user": "/admin/core/user/1/change/",
    "admin-team": "/admin/core/team/1/change/",
    "admin-keys": "/admin/core/apikey/",
    "admin-audit": "/admin/core/auditentry/",
    "admin-settings": "/admin/core/setting/",
    "admin-delete": "/admin/agents/agent/3/delete/",
    "admin-processes": "/admin/core/process/",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_clean_in_every_look(open_page, name):
    seen = open_page(PAGES[name])
    if name == "not-found":
        seen.complaints.clear()  # the browser reports the 404 itself
    assert seen.flaws(name) == []


def test_the_sign_in_page_is_clean_in_every_look(open_page):
    seen = open_page("/login/", stranger=True)
    assert seen.flaws("login") == []


def test_the_api_browser_works_offline_inside_the_shell(open_page):
    seen = open_page("/api/v1/docs/")
    seen.page.get_by_text("/api/v1/agents/", exact=False).first.wait_for()
    # Of a long list only what is in sight is there.
    seen.page.locator(".opblock-summary-path").first.click()
    seen.page.locator(".opblock.is-open .highlight-code").first.wait_for()
    # Swagger UI's own inside is its makers' business; the shell around it is ours.
    assert seen.flaws("docs", without="#swagger-ui") == []
