"""A page that remembers what went wrong on it."""

import os
from pathlib import Path
from typing import Any

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Watched:
    """A browser page: console errors, failed answers and requests to elsewhere are complaints."""

    def __init__(self, context: Any, base: str, look: str, *, own: bool) -> None:
        self.context, self.base, self.look, self.own = context, base, look, own
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.listening = True
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._complain(f"script error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def goto(self, path: str) -> None:
        """Go to an address of the product and wait until its live socket is open, if it has one."""
        self.page.goto(path)
        self.page.wait_for_function(
            "() => !document.querySelector('[hx-ws\\\\:connect]')"
            " || document.documentElement.dataset.live === 'on'"
        )

    def _complain(self, text: str) -> None:
        if self.listening:
            self.complaints.append(f"{self.look} {self.page.url}: {text}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"console {message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        here = (self.base, self.base.replace("http", "ws"), "data:", "blob:")
        if not request.url.startswith(here):
            self._complain(f"request to elsewhere: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 500:
            self._complain(f"{response.status} for {response.url}")

    def axe(self, *, without: str = "") -> list[str]:
        """Return what axe finds at WCAG 2.2 AA, in words; a part can be left out."""
        self.listening = False  # axe fetches and restyles for its own purposes
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        scope = {"include": [["html"]], "exclude": [[without]] if without else []}
        found = self.page.evaluate(
            "([scope, rules]) => axe.run(scope, {runOnly: rules}).then(r => r.violations)",
            [scope, RULES],
        )
        # What the browser says of that comes a frame later.
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        self.listening = True
        return [f"{self.look} {_say(rule['id'], node)}" for rule in found for node in rule["nodes"]]

    def overflows(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))

    def shoot(self, name: str) -> None:
        """Keep a screenshot of the whole page where WHOOSH_SHOTS says."""
        folder = os.environ.get("WHOOSH_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}-{self.look}.png", full_page=True)

    def close(self) -> list[str]:
        """Close the page; returns its complaints."""
        self.listening = False
        self.page.close()
        if self.own:
            self.context.close()
        return self.complaints


def _say(rule: str, node: dict[str, Any]) -> str:
    reasons = node["any"] or node["all"] or node["none"] or [{"message": ""}]
    return f"{rule}: {node['html'][:120]} {reasons[0]['message']}"
