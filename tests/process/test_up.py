"""`manage.py up`: first start, restart, clean stop, no orphans."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.process.installation import Installation, database, eventually, installation

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for the whole file."""
    with installation(tmp_path_factory.mktemp("up")) as made:
        yield made


@pytest.fixture
def made(shared: Installation) -> Installation:
    """That installation, running."""
    if shared.process is None or shared.process.poll() is not None:
        shared.known.clear()
        shared.up("--no-builtin-model")
    eventually(shared.ready, 30)
    return shared


def test_a_first_start_prints_a_set_up_link_that_makes_the_administrator_once(tmp_path):
    with database() as url:
        fresh = Installation(tmp_path, url)
        try:
            fresh.up("--no-builtin-model")
            link = re.search(r"http://\S+/welcome/\S+/", fresh.said())
            assert link is not None
            with httpx.Client(follow_redirects=True) as browser:
                page = browser.get(link[0])
                token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
                words = {"password": "a-long-one-42", "again": "a-long-one-42"}
                form = {"username": "ada", "csrfmiddlewaretoken": token[1]} | words
                made = browser.post(link[0], data=form, headers={"Referer": link[0]})
                assert made.url.path == "/"
                assert browser.get(link[0]).status_code == 404
            fresh.stop()
            fresh.up("--no-builtin-model")
            assert fresh.said().count("/welcome/") == 1
        finally:
            fresh.kill()


def test_a_stop_takes_less_than_ten_seconds_and_leaves_no_child(made):
    assert len(made.processes()) > 8
    assert made.stop() < 10
    assert made.process.returncode == 0
    assert made.survivors() == []


def test_killing_the_supervisor_leaves_no_orphan(made):
    made.processes()
    os.kill(made.process.pid, signal.SIGKILL)
    made.process.wait(5)
    eventually(lambda: not made.survivors(), 5)


def test_a_second_up_on_the_same_folder_is_refused_in_one_line(made):
    done = made.manage("up", "--port", "1", check=False)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert str(made.process.pid) in lines[0]


def titles(made: Installation) -> dict[str, list[psutil.Process]]:
    """Return worker processes by what their title says they do."""
    found: dict[str, list[psutil.Process]] = {"idle": [], "processing": []}
    for process in made.processes():
        try:
            line = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        for word, group in found.items():
            if word in line:
                group.append(process)
    return found


def test_a_cluster_whose_idle_worker_was_killed_works_again_within_ten_seconds(made):
    eventually(lambda: titles(made)["idle"])
    titles(made)["idle"][0].kill()
    began = time.monotonic()
    time.sleep(0.5)
    made.manage("shell", "-c", ENQUEUE_A_MARK)
    eventually(lambda: (made.var / "mark").exists(), 15)
    assert time.monotonic() - began < 12


ENQUEUE_A_MARK = """
from django.conf import settings
from whoosh_site.core import queue
queue.enqueue("pathlib.Path.touch", settings.VAR / "mark")
"""


def test_the_runner_is_back_within_ten_seconds_of_its_death(made):
    runner = eventually(lambda: titles(made)["processing"])[0]
    began = time.monotonic()
    runner.kill()
    eventually(lambda: not made.ready() or titles(made)["processing"], 10)
    eventually(lambda: [p for p in titles(made)["processing"] if p.pid != runner.pid], 10)
    assert time.monotonic() - began < 10


def test_the_web_process_is_back_after_its_death(made):
    web = next(p for p in made.processes() if "webserver" in " ".join(p.cmdline()))
    web.kill()
    web.wait(5)
    eventually(made.alive, 10)
    assert "web ended (signal SIGKILL)" in made.said()


def test_a_body_no_page_would_take_is_refused_while_it_comes_in(made):
    web = next(p for p in made.processes() if "webserver" in " ".join(p.cmdline()))
    made.ready()
    before = web.memory_info().rss

    def endless():
        for _ in range(200):
            yield b"x" * 1_000_000

    for body in ({"content": b"x" * 60_000_000}, {"content": endless()}):
        with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            assert httpx.post(f"{made.url}/login/", timeout=20, **body).status_code == 413
    assert web.memory_info().rss - before < 60_000_000
    assert made.alive()
