"""Addresses of this room's pages."""

from django.urls import path, re_path

from workflows import (
    views,
    views_approvals,
    views_credentials,
    views_doors,
    views_executions,
    views_forms,
    views_hooks,
    views_schedules,
    views_tables,
)

ONE = r"^workflows/(?P<pk>\d{1,18})/"

urlpatterns = [
    path("webhook/<path:path>", views_doors.webhook, name="webhook"),
    path("webhook-test/<path:path>", views_doors.test_webhook, name="webhook-test"),
    path("webhook-waiting/<str:token>", views_doors.waiting_webhook, name="webhook-waiting"),
    path("webhook-waiting/<str:token>/<path:suffix>", views_doors.waiting_webhook),
    path("form/<path:path>", views_forms.form, name="form"),
    path("form-test/<path:path>", views_forms.test_form, name="form-test"),
    path("form-waiting/<str:token>", views_forms.waiting_form, name="form-waiting"),
    path("form-waiting/<str:token>/<path:suffix>", views_forms.waiting_form),
    path("webhooks/", views_hooks.webhook_list, name="webhooks"),
    path("workflows/", views.workflow_list, name="workflows"),
    path("workflows/import/", views.import_workflows, name="import-workflows"),
    path("workflows/<int:pk>/", views.workflow_detail, name="workflow"),
    path("workflows/<int:pk>/edit/", views.edit_workflow, name="edit-workflow"),
    path("workflows/<int:pk>/export/", views.export_workflow, name="export-workflow"),
    path("workflows/<int:pk>/copy/", views.copy_workflow, name="copy-workflow"),
    path("workflows/<int:pk>/delete/", views.delete_workflow, name="delete-workflow"),
    path("workflows/<int:pk>/diff/", views.workflow_diff, name="compare-versions"),
    path("workflows/<int:pk>/versions/", views.workflow_versions, name="versions"),
    path("workflows/<int:pk>/versions/<int:number>/", views.workflow_detail, name="one-version"),
    path("workflows/<int:pk>/run/", views_executions.run_workflow, name="run-workflow"),
    re_path(
        ONE + r"(?P<deed>activate|deactivate|archive|bring-back|listen|stop-listening)/$",
        views.workflow_deed,
        name="workflow-deed",
    ),
    re_path(
        ONE + r"versions/(?P<number>\d{1,9})/(?P<act>restore|activate|name)/$",
        views.version_deed,
        name="version-deed",
    ),
    path("approvals/", views_approvals.approval_list, name="approvals"),
    path("approvals/<int:pk>/", views_approvals.approval_detail, name="approval"),
    path("schedules/", views_schedules.schedule_list, name="schedules"),
    path("executions/", views_executions.execution_list, name="executions"),
    path("executions/<int:pk>/", views_executions.execution_detail, name="execution"),
    path("executions/<int:pk>/file/", views_executions.execution_file, name="execution-file"),
    re_path(
        r"^executions/(?P<pk>\d{1,18})/(?P<step>cancel|retry|retry-newest|from|again|keep|unkeep|delete)/$",
        views_executions.execution_deed,
        name="execution-deed",
    ),
    path("data-tables/", views_tables.data_table_list, name="data-tables"),
    path("data-tables/<int:pk>/", views_tables.data_table_detail, name="data-table"),
    path("data-tables/<int:pk>/delete/", views_tables.delete_data_table, name="delete-data-table"),
    path("credentials/", views_credentials.credential_list, name="credentials"),
    path("credentials/new/", views_credentials.new_credential, name="new-credential"),
    path("credentials/oauth2/callback/", views_credentials.oauth2_callback, name="oauth2-callback"),
    path("credentials/<int:pk>/", views_credentials.credential_detail, name="credential"),
    path("credentials/<int:pk>/test/", views_credentials.try_credential, name="test-credential"),
    path(
        "credentials/<int:pk>/connect/",
        views_credentials.connect_credential,
        name="connect-credential",
    ),
    path(
        "credentials/<int:pk>/delete/",
        views_credentials.delete_credential,
        name="delete-credential",
    ),
]
