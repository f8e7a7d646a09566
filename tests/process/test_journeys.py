"""A user's ways through the running product: command, API, page, live."""

import json
import re
import threading
import time
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.fake_agent import FakeHost, running
from tests.process.installation import Installation, eventually

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def key(fleet: Installation) -> str:
    """An administrator's key with every scope, and a rate limit that does not matter here."""
    fleet.manage("shell", "-c", GENEROUS)
    return fleet.key()


GENEROUS = """
from whoosh_site.core import tunables
from whoosh_site.core.actor import SYSTEM
tunables.change("api_rate_limit", 100000, by=SYSTEM)
"""


@pytest.fixture(autouse=True)
def _oak_is_online(fleet: Installation, key: str) -> None:
    def online() -> bool:
        found = api.get("/agents/", params={"name": "oak"}).json()["results"]
        return bool(found and found[0]["status"] == "online" and found[0]["models"])

    with fleet.api(key) as api:
        eventually(online, 20)


def test_ask_on_the_command_line_answers_without_a_server_of_its_own(fleet):
    done = fleet.manage("ask", "hello there", "--json")
    result = json.loads(done.stdout)
    assert result["answer"] == "You said: hello there"
    assert result["agent"] == "oak"
    assert "only one that fits" in result["reason"]
    assert result["answer_tokens"] > 0


def test_ask_for_an_unknown_model_names_those_that_exist_and_exits_2(fleet):
    done = fleet.manage("ask", "hello", "--model", "nope", check=False)
    assert done.returncode == 2
    assert "llama3:8b" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_api_asks_and_waits(fleet, key):
    with fleet.api(key) as api:
        made = api.post("/calls/", json={"prompt": "one two", "wait": 30})
        assert made.status_code == 200, made.text
        assert made.json()["answer"] == "You said: one two"
        assert api.get(f"/calls/{made.json()['id']}/").json()["state"] == "success"


def test_the_api_streams_pieces_and_then_the_whole_call(fleet, key):
    body = {"prompt": "a b c d e f", "stream": True}
    with fleet.api(key) as api, api.stream("POST", "/calls/", json=body) as answer:
        text = "".join(answer.iter_text())
    events = re.findall(r"event: (\w+)\ndata: (.*)\n", text)
    pieces = [json.loads(data)["text"] for name, data in events if name == "piece"]
    assert "".join(pieces) == "You said: a b c d e f"
    assert events[-1][0] == "end"
    assert json.loads(events[-1][1])["state"] == "success"


def test_the_same_idempotency_key_asks_once(fleet, key):
    headers = {"Idempotency-Key": f"once-{time.time()}"}
    with fleet.api(key) as api:
        first = api.post("/calls/", json={"prompt": "once"}, headers=headers)
        again = api.post("/calls/", json={"prompt": "once"}, headers=headers)
        other = api.post("/calls/", json={"prompt": "twice"}, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert other.status_code == 409


def test_canceling_a_running_call_reaches_the_host(fleet, key):
    before = fleet.host.canceled
    with slow(fleet.host), fleet.api(key) as api:
        call = api.post("/calls/", json={"prompt": "x " * 400, "wait": 0}).json()
        eventually(lambda: api.get(f"/calls/{call['id']}/").json()["sent_at"])
        ended = api.post(f"/calls/{call['id']}/cancel/").json()
    assert ended["state"] == "canceled"
    eventually(lambda: fleet.host.canceled == before + 1, 5)


class slow:
    """A host that needs ten seconds for an answer."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host

    def __enter__(self) -> None:
        self.was, self.host.settings.tps = self.host.settings.tps, 40

    def __exit__(self, *_: Any) -> None:
        self.host.settings.tps = self.was


def test_more_calls_than_slots_wait_visibly_and_all_get_an_answer(fleet, key):
    with slow(fleet.host), fleet.api(key) as api:
        prompts = [f"{n} " + "w " * 40 for n in range(10)]
        ids = [api.post("/calls/", json={"prompt": text}).json()["id"] for text in prompts]
        waiting = eventually(lambda: _waiting(api))
        assert "free slot on oak" in waiting[0]["trouble"]
        eventually(lambda: all(_state(api, pk) == "success" for pk in ids), 30)
    assert fleet.host.record.peak <= 4 + 2  # four slots; a probe or two beside them


def _waiting(api: httpx.Client) -> list[dict[str, Any]]:
    rows = api.get("/calls/", params={"state": "queued"}).json()["results"]
    return [row for row in rows if row["trouble"]]


def _state(api: httpx.Client, pk: int) -> str:
    return str(api.get(f"/calls/{pk}/").json()["state"])


def test_a_page_is_told_of_a_call_and_fetches_only_the_part_that_changed(fleet, key):
    with fleet.browse() as browser, fleet.api(key) as api, _socket(fleet, browser) as socket:
        socket.send(json.dumps({"watch": ["calls", "agent:999999"], "since": 0}))
        first = json.loads(socket.recv(5))
        assert first["refused"] == ["agent:999999"]
        api.post("/calls/", json={"prompt": "look"})
        told = json.loads(socket.recv(5))
        assert told["changed"] == ["calls"]
        part = browser.get("/calls/", params={"fragment": "rows", "tick": told["tick"]}).text
        assert part.lstrip().startswith('<div id="rows"')
        assert "look" in part


def _socket(fleet: Installation, browser: httpx.Client) -> Any:
    cookie = f"sessionid={browser.cookies['sessionid']}"
    address = fleet.url.replace("http", "ws") + "/ws/live/"
    return connect(address, origin=fleet.url, additional_headers={"Cookie": cookie})


@pytest.mark.parametrize("message", ["not json", b"\x00\x01", '{"watch": [], "since": NaN}'])
def test_a_malformed_message_closes_the_socket_with_a_code_of_ours(fleet, message):
    with fleet.browse() as browser, _socket(fleet, browser) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(5)
    assert closed.value.rcvd.code == 4400


def test_a_reconnect_heals_what_was_missed(fleet, key):
    with fleet.browse() as browser, fleet.api(key) as api:
        with _socket(fleet, browser) as socket:
            socket.send(json.dumps({"watch": ["calls"], "since": 0}))
            seq = json.loads(socket.recv(5))["seq"]
        api.post("/calls/", json={"prompt": "meanwhile", "wait": 10})
        with _socket(fleet, browser) as socket:
            socket.send(json.dumps({"watch": ["calls"], "since": seq}))
            assert json.loads(socket.recv(5))["changed"] == ["calls"]
            socket.send(json.dumps({"watch": ["calls"], "since": json.loads("999999999")}))
            assert json.loads(socket.recv(5))["changed"] == ["calls"]


def test_a_killed_host_is_seen_offline_within_thirty_seconds_and_back_again(fleet, key):
    with running(FakeHost("llamacpp", models=("tiny",))) as host, fleet.api(key) as api:
        fleet.add_agent("birch", host.url)
        status = _watcher(api, "birch")
        eventually(lambda: status() == "online", 20)
        host.down()
        eventually(lambda: status() == "offline", 30)
        host.up()
        eventually(lambda: status() == "online", 30)
        pk = api.get("/agents/", params={"name": "birch"}).json()["results"][0]["id"]
        assert api.delete(f"/agents/{pk}/").status_code == 204


def test_a_call_whose_host_is_gone_is_answered_by_another(fleet, key):
    with running(FakeHost("ollama", models=("llama3:8b",))) as host, fleet.api(key) as api:
        fleet.add_agent("elm", host.url, priority=1)
        status = _watcher(api, "elm")
        eventually(lambda: status() == "online", 20)
        host.down()
        call = api.post("/calls/", json={"prompt": "anyone", "wait": 20}).json()
        pk = api.get("/agents/", params={"name": "elm"}).json()["results"][0]["id"]
        api.delete(f"/agents/{pk}/")
    assert call["state"] == "success"
    assert call["agent"] == "oak"


def _watcher(api: httpx.Client, name: str) -> Any:
    def status() -> str:
        found = api.get("/agents/", params={"name": name}).json()["results"]
        return str(found[0]["status"]) if found else ""

    return status


def test_a_draining_agent_finishes_what_it_has_and_takes_nothing_new(fleet, key):
    with slow(fleet.host), fleet.api(key) as api:
        call = api.post("/calls/", json={"prompt": "w " * 60}).json()
        eventually(lambda: api.get(f"/calls/{call['id']}/").json()["sent_at"])
        pk = api.get("/agents/", params={"name": "oak"}).json()["results"][0]["id"]
        assert api.post(f"/agents/{pk}/drain/").json()["status"] == "draining"
        late = api.post("/calls/", json={"prompt": "late"}).json()
        try:
            eventually(lambda: _state(api, call["id"]) == "success", 20)
            assert _state(api, late["id"]) == "queued"
        finally:
            api.post(f"/agents/{pk}/resume/")
        eventually(lambda: _state(api, late["id"]) == "success", 20)


def test_many_callers_at_once_lose_nothing(fleet, key):
    done: list[str] = []

    def ask(number: int) -> None:
        with fleet.api(key) as api:
            answer = api.post("/calls/", json={"prompt": f"n{number}", "wait": 60}).json()
            done.append(answer["answer"])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert sorted(done) == sorted(f"You said: n{n}" for n in range(20))


def test_health_check_and_readyz_agree(fleet):
    found = json.loads(fleet.manage("health_check", "--json", check=False).stdout)
    assert found["findings"]["workers"][0]["level"] == "ok"
    assert httpx.get(f"{fleet.url}/readyz").json()["status"] == "ready"
