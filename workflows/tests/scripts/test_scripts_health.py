"""What health_check says about scripts."""

import sys

import pytest

from whoosh_site.core.health import ERROR, OK, WARNING
from workflows.engine.errors import ScriptsOff
from workflows.scripts import health


@pytest.fixture(autouse=True)
def _unknown(monkeypatch):
    monkeypatch.setattr(health, "_known", None)


def answer(monkeypatch, level=None, error=None):
    async def found():
        if error is not None:
            raise error
        return level

    monkeypatch.setattr(health, "_level", found)
    return next(health.Scripts().ask(None))


def test_confined_scripts_are_well():
    finding = next(health.Scripts().ask(None))
    assert finding.level == OK or sys.platform != "linux"
    assert finding.text.startswith("Scripts: ")


def test_weaker_isolation_is_said_plainly(monkeypatch):
    finding = answer(monkeypatch, "process")
    assert finding.level == WARNING
    assert "process isolation only" in finding.text


def test_why_scripts_are_off_is_told_with_advice(monkeypatch):
    finding = answer(monkeypatch, error=ScriptsOff("No filter", description="Allow it."))
    assert (finding.level, finding.advice) == (ERROR, "Allow it.")
    assert finding.text == "Scripts: off. No filter."


def test_an_answer_holds_for_a_while(monkeypatch):
    answer(monkeypatch, "kernel")
    assert answer(monkeypatch, "process").level == OK
