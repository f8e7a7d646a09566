"""Verbs of the workflows room: the door pages, API, commands and the runner come in by."""

from workflows.services.activating import (
    activate_workflow,
    archive_workflow,
    deactivate_workflow,
    listen_again,
)
from workflows.services.approvals import decide_approval, expire_approvals, vet_decider
from workflows.services.calling import (
    LONGEST_KEY,
    Call,
    begin,
    callers_secret,
    digest_of,
    forget_calls,
    reply_of,
    waited_for,
)
from workflows.services.caught import Caught, ready, triggers_at
from workflows.services.claiming import claim_executions, wake_executions
from workflows.services.clocks import coming, database_now, rules_of, zone_name, zone_of
from workflows.services.credentials import (
    Missing,
    Use,
    change_credential,
    create_credential,
    delete_credential,
    find_credential,
    missing_credentials,
    share_credential,
    uses_of,
)
from workflows.services.executing import (
    cancel_execution,
    execution_canceled,
    executions_returned,
    files_of,
    retry_execution,
    run_again,
    run_execution,
    start_execution,
    wait_for_execution,
)
from workflows.services.fetching import fetch_document
from workflows.services.finding import find_team, find_workflow
from workflows.services.firing import keep_time
from workflows.services.given import parse_items, read_items
from workflows.services.here import run_here
from workflows.services.importing import (
    COPY,
    SAME_NAME,
    VERSION,
    Imported,
    import_workflows,
    read_workflows,
)
from workflows.services.keeping import (
    delete_execution,
    delete_past,
    delete_too_large,
    find_step,
    keep_execution,
    make_room_for_files,
    open_file,
)
from workflows.services.listening import trigger_nodes
from workflows.services.oauth import connect, connection, redirect_uri
from workflows.services.previewing import forget_previews, preview_expression
from workflows.services.quick import answer_of
from workflows.services.resume_links import resume_token
from workflows.services.resuming import resume_execution
from workflows.services.running import Given, calm_collector, find_document, run_document
from workflows.services.tables import (
    change_data_table,
    create_data_table,
    delete_data_table,
    rows_of,
)
from workflows.services.testing import listen_for_test, spend_test, stop_test
from workflows.services.trying import try_credential
from workflows.services.usage import usage_of
from workflows.services.versions import (
    diff_versions,
    find_version,
    name_version,
    relabeled,
    restore_version,
    save_version,
)
from workflows.services.waited import find_waited, go_on
from workflows.services.workflows import (
    MOST_AT_ONCE,
    bring_back,
    change_workflow,
    copy_workflow,
    create_workflow,
    delete_workflow,
    export_text,
    file_name,
    rename_workflow,
    tag_workflow,
)

__all__ = [
    "COPY",
    "LONGEST_KEY",
    "MOST_AT_ONCE",
    "SAME_NAME",
    "VERSION",
    "Call",
    "Caught",
    "Given",
    "Imported",
    "Missing",
    "Use",
    "activate_workflow",
    "answer_of",
    "archive_workflow",
    "begin",
    "bring_back",
    "callers_secret",
    "calm_collector",
    "cancel_execution",
    "change_credential",
    "change_data_table",
    "change_workflow",
    "claim_executions",
    "coming",
    "connect",
    "connection",
    "copy_workflow",
    "create_credential",
    "create_data_table",
    "create_workflow",
    "database_now",
    "deactivate_workflow",
    "decide_approval",
    "delete_credential",
    "delete_data_table",
    "delete_execution",
    "delete_past",
    "delete_too_large",
    "delete_workflow",
    "diff_versions",
    "digest_of",
    "execution_canceled",
    "executions_returned",
    "expire_approvals",
    "export_text",
    "fetch_document",
    "file_name",
    "files_of",
    "find_credential",
    "find_document",
    "find_step",
    "find_team",
    "find_version",
    "find_waited",
    "find_workflow",
    "forget_calls",
    "forget_previews",
    "go_on",
    "import_workflows",
    "keep_execution",
    "keep_time",
    "listen_again",
    "listen_for_test",
    "make_room_for_files",
    "missing_credentials",
    "name_version",
    "open_file",
    "parse_items",
    "preview_expression",
    "read_items",
    "read_workflows",
    "ready",
    "redirect_uri",
    "relabeled",
    "rename_workflow",
    "reply_of",
    "restore_version",
    "resume_execution",
    "resume_token",
    "retry_execution",
    "rows_of",
    "rules_of",
    "run_again",
    "run_document",
    "run_execution",
    "run_here",
    "save_version",
    "share_credential",
    "spend_test",
    "start_execution",
    "stop_test",
    "tag_workflow",
    "trigger_nodes",
    "triggers_at",
    "try_credential",
    "usage_of",
    "uses_of",
    "vet_decider",
    "wait_for_execution",
    "waited_for",
    "wake_executions",
    "zone_name",
    "zone_of",
]
