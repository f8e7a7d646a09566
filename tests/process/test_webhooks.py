"""R03: a web process that is killed while webhooks come in loses nothing it answered."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from tests.process.installation import eventually, installation
from workflows.tests.calls import hook, line, sets

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

CALLS, CALLERS = 500, 10
COUNT = """
import collections, json
from workflows.models import Execution
found = collections.Counter(e.items[0]["json"]["body"]["n"] for e in Execution.objects.all())
print(json.dumps({str(n): count for n, count in found.items()}))
"""


@pytest.mark.parametrize("mode", ["onReceived", "lastNode"])
def test_every_answer_has_exactly_one_execution(mode, tmp_path: Path):
    """R03: and a call without an answer has none that is half made."""
    with installation(tmp_path) as made:
        file = made.var / "tides.json"
        file.write_text(line("Tides", hook("tides", responseMode=mode), sets(a="b")))
        made.manage("import_workflow", str(file), "--activate")
        answered, numbers, lock = [], iter(range(CALLS)), threading.Lock()

        def call() -> None:
            with httpx.Client(timeout=20) as client:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    try:
                        answer = client.post(f"{made.url}/webhook/tides", json={"n": number})
                    except httpx.HTTPError:
                        continue
                    if answer.status_code == 200:
                        answered.append(number)

        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for one in callers:
            one.start()
        eventually(lambda: len(answered) > CALLS // 5, 60, 0.005)
        (web,) = [p for p in made.processes() if "whoosh_site.core.webserver" in p.cmdline()]
        web.kill()
        for one in callers:
            one.join(60)
        eventually(made.alive, 30)
        kept = {int(n): count for n, count in json.loads(_count(made)).items()}
        assert set(kept.values()) <= {1}
        assert set(answered) <= set(kept)
        assert len(answered) < CALLS


def _count(made) -> str:
    return made.manage("shell", "-v", "0", "-c", COUNT).stdout.splitlines()[-1]
