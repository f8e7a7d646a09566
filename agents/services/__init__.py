"""Verbs of the agents room: the door other rooms, pages, commands and the runner come in by."""

from agents.routing import Decision
from agents.services.answers import listen_to
from agents.services.calls import (
    Wish,
    ask,
    cancel_call,
    foresee,
    set_priority,
    team_for,
    wait_for,
)
from agents.services.carrying import canceled, end_quarantined, put_off, run_call
from agents.services.discovery import (
    Chosen,
    Find,
    Survey,
    cancel_discovery,
    discover,
    discoveries_returned,
    discovery_canceled,
    register_found,
    start_discovery,
    with_names,
)
from agents.services.endings import end_canceled, withdraw
from agents.services.endpoints import (
    Examination,
    close_doors,
    examine,
    same_place,
    vet_endpoint,
)
from agents.services.health import check_agent, check_soon, keep_checking
from agents.services.here import ask_here
from agents.services.hosts import (
    change_agent,
    check_now,
    delete_agent,
    drain,
    refresh,
    register_agent,
    set_capabilities,
    set_gpus,
    set_model_slots,
    share_agent,
    switch,
)
from agents.services.jobs import canceled_job, claim_jobs, jobs_returned, run_job
from agents.services.joining import (
    Application,
    approve_join,
    ask_to_join,
    make_join_token,
    reject_join,
    revoke_join_token,
)
from agents.services.keeping import hold_pinned, keep_model
from agents.services.managing import (
    agents_named,
    cancel_job,
    manageable,
    start_jobs,
    verbs_of,
)
from agents.services.placement import dispatch

__all__ = [
    "Decision",
    "Application",
    "Chosen",
    "Examination",
    "Find",
    "Survey",
    "Wish",
    "approve_join",
    "agents_named",
    "ask",
    "ask_here",
    "ask_to_join",
    "cancel_call",
    "cancel_discovery",
    "cancel_job",
    "canceled",
    "canceled_job",
    "change_agent",
    "check_agent",
    "check_now",
    "check_soon",
    "claim_jobs",
    "close_doors",
    "delete_agent",
    "discover",
    "discoveries_returned",
    "discovery_canceled",
    "dispatch",
    "drain",
    "end_canceled",
    "end_quarantined",
    "examine",
    "foresee",
    "hold_pinned",
    "jobs_returned",
    "keep_checking",
    "listen_to",
    "make_join_token",
    "keep_model",
    "manageable",
    "refresh",
    "register_agent",
    "register_found",
    "reject_join",
    "revoke_join_token",
    "put_off",
    "run_call",
    "run_job",
    "same_place",
    "set_capabilities",
    "set_gpus",
    "set_model_slots",
    "set_priority",
    "share_agent",
    "start_discovery",
    "start_jobs",
    "switch",
    "team_for",
    "verbs_of",
    "vet_endpoint",
    "wait_for",
    "withdraw",
    "with_names",
]
