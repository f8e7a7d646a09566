"""Workflows and their versions in the administration."""

import io
import zipfile

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Workflow
from workflows.tests.conftest import written

HERE = "/admin/workflows/workflow/"


@pytest.fixture
def admin(people, sign_in):
    """Return the administrator's browser."""
    return sign_in(people.admin)


def act(browser, action, *rows):
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(HERE, form, follow=True)


def test_several_workflows_are_activated_and_deactivated(admin, keep):
    one, two = keep(), keep(written("Moon"))
    assert "2 workflows activated." in act(admin, "activate", one, two).content.decode()
    assert set(Workflow.objects.values_list("active__number", flat=True)) == {1}
    act(admin, "deactivate", one, two)
    assert set(Workflow.objects.values_list("active", flat=True)) == {None}


def test_what_refuses_says_why(admin, keep):
    workflow = keep()
    services.archive_workflow(workflow, by=SYSTEM)
    assert "Tides is archived" in act(admin, "activate", workflow).content.decode()


def test_several_workflows_are_exported_as_one_archive(admin, keep):
    one, two = keep(), keep(written("Moon"))
    archive = zipfile.ZipFile(io.BytesIO(act(admin, "export", one, two).content))
    assert sorted(archive.namelist()) == [f"{one.pk} Tides.json", f"{two.pk} Moon.json"]
    assert archive.read(f"{two.pk} Moon.json").decode() == services.export_text(two.current)


def test_documents_are_shown_and_cannot_be_changed(admin, keep):
    workflow = keep(written("<b>Tides</b>", meta="needle"))
    for path in (f"{HERE}{workflow.pk}/change/", "/admin/workflows/workflowversion/"):
        text = admin.get(path).content.decode()
        assert "<b>Tides" not in text
        assert 'name="_save"' not in text
    version = f"/admin/workflows/workflowversion/{workflow.current_id}/change/"
    text = admin.get(version).content.decode()
    assert "needle" in text


def test_staff_see_their_teams_and_viewers_act_on_none(people, sign_in, keep):
    workflow = keep()
    for person in (people.viewer, people.stranger):
        person.is_staff = True
        person.save(update_fields=["is_staff"])
    assert "Tides" in sign_in(people.viewer).get(HERE).content.decode()
    assert "Tides" not in sign_in(people.stranger).get(HERE).content.decode()
    act(sign_in(people.viewer), "activate", workflow)
    act(sign_in(people.stranger), "activate", workflow)
    assert Workflow.objects.get().active is None
