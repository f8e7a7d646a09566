"""A real Chromium on a real installation. Screenshots land in WHOOSH_SHOTS, if that is set."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.watched import Watched
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
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}


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


@pytest.fixture(params=list(LOOKS))
def look(request: pytest.FixtureRequest) -> str:
    """Light, dark and phone."""
    return str(request.param)


@pytest.fixture(scope="session")
def signed_in(chromium: Any, home: Installation, cookie: list[Any]) -> Iterator[dict[str, Any]]:
    """A signed-in context for each look, with the files a browser has cached by then."""
    contexts = {}
    for look, options in LOOKS.items():
        contexts[look] = chromium.new_context(**options, base_url=home.url)
        contexts[look].add_cookies(cookie)
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def open_page(chromium: Any, home: Installation, signed_in: dict[str, Any]) -> Iterator[Any]:
    """Open an address; whatever the browser complains about fails the test.

    `stranger=True` opens it in a context of its own, not signed in and with nothing remembered.
    """
    opened: list[Watched] = []

    def opener(path: str, look: str = "light", *, stranger: bool = False) -> Watched:
        own = chromium.new_context(**LOOKS[look], base_url=home.url) if stranger else None
        watched = Watched(own or signed_in[look], home.url, look, own=stranger)
        opened.append(watched)
        watched.goto(path)
        return watched

    yield opener
    complaints = [complaint for watched in opened for complaint in watched.close()]
    assert complaints == []


def shots() -> Path | None:
    """Return where screenshots go."""
    folder = os.environ.get("WHOOSH_SHOTS")
    if not folder:
        return None
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path
