"""Addresses of this room's pages."""

from django.urls import path, re_path

from projects import views

urlpatterns = [
    path("tasks/", views.task_list, name="tasks"),
    path("tasks/new/", views.new_task, name="new-task"),
    path("tasks/queue/", views.queue, name="queue"),
    path("tasks/many/", views.many, name="many-tasks"),
    path("tasks/<int:pk>/", views.task_detail, name="task"),
    path("tasks/<int:pk>/priority/", views.priority, name="task-priority"),
    path("tasks/<int:pk>/files/<int:file>/", views.attachment, name="attachment"),
    path("tasks/<int:pk>/results/<int:file>/", views.artifact, name="artifact"),
    re_path(
        r"^tasks/(?P<pk>\d{1,18})/(?P<change>cancel|hold|release|run-again)/$",
        views.task_action,
        name="task-action",
    ),
    path("projects/", views.project_list, name="projects"),
    path("projects/new/", views.edit_project, name="new-project"),
    path("projects/<int:pk>/", views.project_detail, name="project"),
    path("projects/<int:pk>/edit/", views.edit_project, name="edit-project"),
    path("projects/<int:pk>/delete/", views.delete_project, name="delete-project"),
]
