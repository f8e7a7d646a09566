"""Execute Command: only where an administrator says so, alone, within limits."""

import asyncio
import os

import pytest

from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
from workflows.engine.errors import NodeError, ScriptTimeout
from workflows.scripts.command import run_command
from workflows.tests.conftest import chain, keep, node, start, work  # noqa: F401


def command(text, **more):
    return chain("Run", node("It", "executeCommand", command=text, **more))


@pytest.fixture
def ran(people, keep, start, work):  # noqa: F811
    def done(text, **more):
        execution = work(start(keep(command(text, **more))))
        last = list(execution.steps())[-1].outputs
        return execution, [one["json"] for one in (last[0] if last else [])]

    return done


@pytest.fixture
def allowed(people):
    tunables.change("workflow_command_teams", people.ours.name, by=SYSTEM)


def test_it_is_off_until_an_administrator_names_the_team(people, ran, tmp_path):
    tunables.change("workflow_command_teams", people.theirs.name, by=SYSTEM)
    execution, _ = ran(f"touch {tmp_path}/done")
    assert "Commands are off" in execution.error
    assert not (tmp_path / "done").exists()


def test_what_it_writes_comes_back(allowed, ran):
    execution, rows = ran("echo out; echo no >&2")
    assert execution.state == "success", execution.error
    assert rows == [{"exitCode": 0, "stderr": "no", "stdout": "out"}]


def test_a_command_that_fails_ends_the_run_with_its_code(allowed, ran):
    assert "exit code 3" in ran("echo no >&2; exit 3")[0].error


def test_it_sees_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("WHOOSH_SECRET_KEY", "canary")
    ran = asyncio.run(run_command("env"))
    names = {line.partition("=")[0] for line in ran.stdout.splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path):
    with pytest.raises(ScriptTimeout):
        asyncio.run(run_command(f"sleep 300 & echo $! > {tmp_path}/pid; wait", limit=1.0))
    assert gone(int((tmp_path / "pid").read_text()))


def test_one_that_is_cancelled_is_ended_with_its_children(tmp_path):
    pid = tmp_path / "pid"

    async def cancelled():
        task = asyncio.create_task(run_command(f"sleep 300 & echo $! > {pid}; wait"))
        while not (pid.exists() and pid.read_text().strip()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert gone(int(pid.read_text()))


def test_one_that_writes_without_end_is_ended():
    with pytest.raises(NodeError, match="more than 1 MB"):
        asyncio.run(run_command("yes"))
