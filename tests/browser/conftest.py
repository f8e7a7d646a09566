"""A real Chromium on a real installation. Screenshots land in WHOOSH_SHOTS, if that is set."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.watched import LOOKS, Watched
from tests.fake_agent import FakeHost, running
from tests.process.installation import PASSWORD, Installation, installation

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def binary() -> str:
    """Return the system's Chromium, or nothing."""
    named = os.environ.get("WHOOSH_BROWSER")
    return named if named is not None else shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser for the whole run."""
    if not binary():
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation like a home lab's: two hosts that answer, one that does not."""
    oak = FakeHost("ollama", models=("llama3:8b", "llava-vision:7b"), slots=2, tps=40)
    birch = FakeHost("vllm", models=("qwen3:32b",), slots=8, tps=80)
    with (
        running(oak) as first,
        running(birch) as second,
        installation(tmp_path_factory.mktemp("home")) as made,
    ):
        made.oak = first  # type: ignore[attr-defined]
        skills = {"backend": 0.9, "review": 0.6}
        gpu = {"gpu_type": "NVIDIA RTX 4090", "vram_gb": 24, "cpu_cores": 16, "ram_gb": 64}
        made.add_agent(
            "oak", first.url, name="OAK builder", slots=2, capabilities=skills, hardware=gpu
        )
        made.add_agent("birch", second.url, name="BIRCH thinker", capabilities=["frontend"])
        made.add_agent("ash", "http://127.0.0.1:9", name="ASH asleep", tags=["attic"])
        made.manage("ask", "Which tree is the oldest?", "--agent", "oak")
        made.manage("ask", "And which is the tallest?", "--agent", "oak")
        yield made


@pytest.fixture(scope="session")
def cookie(chromium: Any, home: Installation) -> list[Any]:
    """The session of the administrator, signed in by the form as a person does it."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{home.url}/login/")
    page.get_by_label("User name or e-mail").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{home.url}/")
    cookies = context.cookies()
    context.close()
    return list(cookies)


@pytest.fixture(scope="session")
def signed_in(chromium: Any, home: Installation, cookie: list[Any]) -> Iterator[Any]:
    """A signed-in context, with the files a browser has cached by then."""
    context = opened(chromium, home)
    context.add_cookies(cookie)
    yield context
    context.close()


def opened(chromium: Any, home: Installation) -> Any:
    """Return a new context."""
    first = LOOKS["light"]
    return chromium.new_context(viewport=first.size, color_scheme=first.scheme, base_url=home.url)


@pytest.fixture
def open_page(chromium: Any, home: Installation, signed_in: Any) -> Iterator[Any]:
    """Open an address; whatever the browser complains about fails the test.

    `stranger=True` opens it in a context of its own, not signed in and with nothing remembered.
    """
    pages: list[Watched] = []

    def opener(path: str, *, stranger: bool = False) -> Watched:
        context = opened(chromium, home) if stranger else signed_in
        watched = Watched(context, home.url, own=stranger)
        pages.append(watched)
        watched.goto(path)
        return watched

    yield opener
    complaints = [complaint for watched in pages for complaint in watched.close()]
    assert complaints == []
