"""Tasks and projects in the administration."""

import pytest

from projects.models import Project, Task


@pytest.fixture
def admin(people, sign_in):
    """Return the administrator's browser."""
    return sign_in(people.admin)


def act(admin, action, *tasks):
    form = {"action": action, "_selected_action": [task.pk for task in tasks]}
    return admin.post("/admin/projects/task/", form, follow=True).content.decode()


def test_several_tasks_are_submitted_again_as_new_ones(oak, done, admin):
    one, two = done("one", priority=2), done("two")
    assert "2 tasks submitted." in act(admin, "submit_again", one, two)
    copies = Task.objects.exclude(pk__in=[one.pk, two.pk]).order_by("title")
    assert [(t.title, t.state, t.source, t.priority) for t in copies] == [
        ("one", "queued", "admin", 2),
        ("two", "queued", "admin", 3),
    ]


def test_several_tasks_are_held_released_and_canceled(oak, submitted, admin):
    tasks = [submitted("one"), submitted("two")]
    for action, state in (("hold", "held"), ("release", "queued"), ("cancel", "canceled")):
        act(admin, action, *tasks)
        assert set(Task.objects.values_list("state", flat=True)) == {state}
    assert "ended already" in act(admin, "cancel", *tasks)


def test_the_task_page_shows_attempts_results_and_history(oak, done, admin):
    task = done("count")
    text = admin.get(f"/admin/projects/task/{task.pk}/change/").content.decode()
    for part in ("You said: count", "submitted", "oak", "On hold"):
        assert (part in text) == (part != "On hold")
    assert admin.get("/admin/projects/task/?state=success").content.decode().count("count") >= 1


def test_a_project_is_made_in_the_administration(people, admin):
    form = {"team": people.ours.pk, "name": "Tides", "description": ""}
    admin.post("/admin/projects/project/add/", form)
    project = Project.objects.get()
    assert (project.name, project.created_by) == ("Tides", people.admin)


def test_staff_make_projects_only_where_they_are_editors(people, sign_in):
    people.viewer.is_staff = True
    people.viewer.save(update_fields=["is_staff"])
    form = {"team": people.ours.pk, "name": "Tides", "description": ""}
    sign_in(people.viewer).post("/admin/projects/project/add/", form)
    assert not Project.objects.exists()
