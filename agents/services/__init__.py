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
    set_model_slots,
    share_agent,
    switch,
)
from agents.services.placement import dispatch

__all__ = [
    "Examination",
    "Wish",
    "ask",
    "ask_here",
    "cancel_call",
    "canceled",
    "change_agent",
    "check_agent",
    "check_now",
    "check_soon",
    "close_doors",
    "delete_agent",
    "dispatch",
    "drain",
    "end_quarantined",
    "examine",
    "foresee",
    "keep_checking",
    "refresh",
    "register_agent",
    "run_call",
    "same_place",
    "set_capabilities",
    "set_gpus",
    "set_model_slots",
    "share_agent",
    "switch",
    "vet_endpoint",
    "wait_for",
]
