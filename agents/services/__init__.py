"""Verbs of the agents room: the door other rooms, pages, commands and the runner come in by."""

from agents.services.calls import Wish, ask, cancel_call, foresee, wait_for
from agents.services.carrying import canceled, end_quarantined, run_call
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
    share_agent,
    switch,
)
from agents.services.jobs import canceled_job, claim_jobs, jobs_returned, run_job
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
    "Examination",
    "Wish",
    "agents_named",
    "ask",
    "ask_here",
    "cancel_call",
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
    "dispatch",
    "drain",
    "end_quarantined",
    "examine",
    "foresee",
    "hold_pinned",
    "jobs_returned",
    "keep_checking",
    "keep_model",
    "manageable",
    "refresh",
    "register_agent",
    "run_call",
    "run_job",
    "same_place",
    "set_capabilities",
    "set_gpus",
    "share_agent",
    "start_jobs",
    "switch",
    "verbs_of",
    "vet_endpoint",
    "wait_for",
]
