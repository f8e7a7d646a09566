"""Verbs of the workflows room: the door pages, API, commands and the runner come in by."""

from workflows.services.fetching import fetch_document
from workflows.services.finding import find_team, find_workflow
from workflows.services.importing import (
    COPY,
    SAME_NAME,
    VERSION,
    Imported,
    import_workflows,
    read_workflows,
)
from workflows.services.versions import (
    diff_versions,
    find_version,
    name_version,
    relabeled,
    restore_version,
    save_version,
)
from workflows.services.workflows import (
    MOST_AT_ONCE,
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
    "MOST_AT_ONCE",
    "SAME_NAME",
    "VERSION",
    "Imported",
    "activate_workflow",
    "archive_workflow",
    "bring_back",
    "change_workflow",
    "copy_workflow",
    "create_workflow",
    "deactivate_workflow",
    "delete_workflow",
    "diff_versions",
    "export_text",
    "fetch_document",
    "file_name",
    "find_team",
    "find_version",
    "find_workflow",
    "import_workflows",
    "name_version",
    "read_workflows",
    "relabeled",
    "rename_workflow",
    "restore_version",
    "save_version",
    "tag_workflow",
]
