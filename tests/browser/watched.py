"""A page that remembers what went wrong on it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
COLOURS = ["color-contrast", "link-in-text-block"]
WIDTHS = ["target-size", "scrollable-region-focusable", "button-name", "link-name", "label"]
SETTLE = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const moving = () => document.getAnimations().filter(
    a => a instanceof CSSTransition && a.playState === 'running');
  await frame();
  for (let still = 0; still < 2; await frame()) {
    still = moving().length ? 0 : still + 1;
    moving().forEach(a => a.finish());
  }
}"""
"""A colour on its way from light to dark has a contrast of its own."""


@dataclass(frozen=True)
class Look:
    """One way to see a page, and what axe checks there."""

    size: dict[str, int]
    scheme: str
    kind: str
    """Whether `checks` are tags or rules of axe."""
    checks: list[str]


LOOKS = {
    "light": Look(WIDE, "light", "tag", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]),
    "dark": Look(WIDE, "dark", "rule", COLOURS),
    "phone": Look(NARROW, "light", "rule", [*COLOURS, *WIDTHS]),
}
"""The first one is how a page is opened. In the others only what they can change is checked."""


class Watched:
    """A browser page: console errors, failed answers and requests to elsewhere are complaints."""

    def __init__(self, context: Any, base: str, *, own: bool) -> None:
        self.context, self.base, self.own = context, base, own
        self.page = context.new_page()
        self.look = "light"
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

    def turn(self, look: str) -> None:
        """See the page in another look; `LOOKS` has them."""
        if look != self.look:
            self.look = look
            self.page.emulate_media(color_scheme=LOOKS[look].scheme)
            self.page.set_viewport_size(LOOKS[look].size)
            self.page.evaluate(SETTLE)

    def flaws(self, name: str, *, without: str = "") -> list[str]:
        """Return what is wrong in any look: axe at WCAG 2.2 AA, or wider than the window.

        Screenshots are kept under the name. What is `without` is not checked by axe.
        """
        found = []
        for look in LOOKS:
            self.turn(look)
            self._keep(name)
            if self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
                found.append(f"{look}: wider than the window")
            found += self._axe(without)
        self.turn("light")
        return found

    def shoot(self, name: str) -> None:
        """Only keep screenshots: in every look, or in the one the page was turned to."""
        now = self.look
        for look in (LOOKS if now == "light" else [now]) if os.environ.get("WHOOSH_SHOTS") else ():
            self.turn(look)
            self._keep(name)
        self.turn(now)

    def _axe(self, without: str) -> list[str]:
        self.listening = False  # axe fetches and restyles for its own purposes
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        look = LOOKS[self.look]
        scope = {"include": [["html"]], "exclude": [[without]] if without else []}
        options = {"runOnly": {"type": look.kind, "values": look.checks}}
        found = self.page.evaluate(
            "([scope, options]) => axe.run(scope, options).then(r => r.violations)",
            [scope, options | {"resultTypes": ["violations"]}],
        )
        # What the browser says of that comes a frame later.
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        self.listening = True
        return [f"{self.look} {_say(rule['id'], node)}" for rule in found for node in rule["nodes"]]

    def _keep(self, name: str) -> None:
        if folder := os.environ.get("WHOOSH_SHOTS"):
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
