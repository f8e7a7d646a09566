"""Ask one question from the command line."""

import asyncio
import json
import os
import sys
from typing import Any

from django.core.management.base import CommandParser

from agents import services
from agents.models import Agent, Call
from agents.protocols import Piece
from whoosh_site.core import owner
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import NotFound, WhooshError
from whoosh_site.core.management.base import WhooshCommand


class Command(WhooshCommand):
    """One prompt, routed like any other; needs no server, only a host that answers."""

    help = "Send one prompt to the agent that fits, and print the answer."

    def add_arguments(self, parser: CommandParser) -> None:
        """What, whom, and how to print it."""
        parser.add_argument("prompt", help="what to ask")
        parser.add_argument("--agent", default="", help="only this agent")
        parser.add_argument("--model", default="", help="only this model")
        parser.add_argument("--capability", default="", help="an agent good at this")
        parser.add_argument("--json", action="store_true", help="agent, reason, figures as well")
        parser.add_argument(
            "--fallback",
            action="append",
            default=[],
            metavar="MODEL",
            help="use this model where the one asked for is not to be had",
        )
        parser.add_argument(
            "--explain", action="store_true", help="say where it would go now and why; ask nobody"
        )
        parser.add_argument("--stream", action="store_true", help="print the answer as it comes")
        parser.add_argument(
            "--patience", type=float, default=30, help="seconds to wait for an agent (default 30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask in this process and print."""
        prompt = options["prompt"].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        wish = services.Wish(
            [{"role": "user", "content": prompt}],
            options["agent"],
            options["model"],
            options["capability"],
            options["fallback"],
        )
        if not Agent.objects.exists():
            raise NotFound("No agent is registered. Load a whoosh.yaml or start 'manage.py up'.")
        if options["explain"]:
            self._explain(services.foresee(wish, by=SYSTEM).as_dict(), as_json=options["json"])
            return
        call = services.ask(wish, by=SYSTEM, source=Call.Source.COMMAND, holder=owner.me())
        tell = self._print if options["stream"] and not options["json"] else None
        try:
            call = asyncio.run(services.ask_here(call, patience=options["patience"], tell=tell))
        except BrokenPipeError:  # `ask … --stream | head` has seen enough; the call is canceled
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        if options["json"]:
            self.stdout.write(json.dumps(_result(call), ensure_ascii=False, default=str))
        elif call.state == Call.State.SUCCESS:
            self.stdout.write("" if tell else call.answer)
        if call.state != Call.State.SUCCESS:
            raise WhooshError(call.error or f"The call ended as {call.state}.")

    def _explain(self, found: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        self.stdout.write(str(found["reason"]))
        for score in found["scores"]:
            what = score["refused"] or f"{score['model']}, {score['seconds']:g} s"
            self.stdout.write(f"  {score['agent']}: {what}{' (full)' if score['full'] else ''}")
            for words, seconds in score["parts"]:
                self.stdout.write(f"    {seconds:>7.1f} s  {words}")

    def _print(self, piece: Piece) -> None:
        self.stdout.write(piece.text, ending="")
        self.stdout.flush()


def _result(call: Call) -> dict[str, Any]:
    figures = (
        "wait_ms", "load_ms", "first_token_ms", "prompt_ms", "answer_ms", "total_ms",
        "prompt_tokens", "answer_tokens", "tps", "prompt_tps",
    )  # fmt: skip
    return {
        "id": call.pk,
        "state": call.state,
        "answer": call.answer,
        "thinking": call.thinking,
        "agent": call.agent_name,
        "model": call.model_name,
        "context_length": call.context_length,
        "reason": call.reason,
        "decision": call.decision,
        "done_reason": call.done_reason,
        "error": call.error or None,
        **{name: getattr(call, name) for name in figures},
    }
