"""Verbs of the workflows room: the door pages, API, commands and the runner come in by."""

from workflows.services.executing import (
    cancel_execution,
    execution_canceled,
    executions_returned,
    files_of,
    retry_execution,
    run_execution,
    start_execution,
    wait_for_execution,
    wake_executions,
)
from workflows.services.fetching import fetch_document
from workflows.services.finding import find_team, find_workflow
from workflows.services.given import parse_items, read_items
from workflows.services.importing import (
    COPY,
    SAME_NAME,
    VERSION,
    Imported,
    import_workflows,
    read_workflows,
)
from workflows.services.keeping import delete_execution, delete_past, find_step
from workflows.services.previewing import forget_previews, preview_expression
from workflows.services.running import Given, find_document, run_document
from workflows.services.versions import (
    diff_versions,
    find_version,
    name_version,
    relabeled,
    restore_version,
    save_version,
)
from workflows.services.workflows import (
    activate_workflow,
    archive_workflow,
    bring_back,
    change_workflow,
    copy_workflow,
    create_workflow,
    deactivate_workflow,
    delete_workflow,
    export_text,
    file_name,
    rename_workflow,
    tag_workflow,
)

__all__ = [
    "COPY",
    "Given",
    "Imported",
    "SAME_NAME",
    "VERSION",
    "activate_workflow",
    "archive_workflow",
    "bring_back",
    "cancel_execution",
    "change_workflow",
    "copy_workflow",
    "create_workflow",
    "deactivate_workflow",
    "delete_execution",
    "delete_past",
    "delete_workflow",
    "diff_versions",
    "execution_canceled",
    "executions_returned",
    "export_text",
    "fetch_document",
    "file_name",
    "find_document",
    "files_of",
    "find_step",
    "find_team",
    "find_version",
    "find_workflow",
    "forget_previews",
    "import_workflows",
    "name_version",
    "parse_items",
    "preview_expression",
    "read_items",
    "read_workflows",
    "relabeled",
    "rename_workflow",
    "restore_version",
    "retry_execution",
    "run_document",
    "run_execution",
    "save_version",
    "start_execution",
    "tag_workflow",
    "wait_for_execution",
    "wake_executions",
]
