"""Fragments: rendered once for all who see the same, and never for anybody else."""

import threading
from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from whoosh_site.core.live import fragments
from whoosh_site.core.live.fragments import live, page


@pytest.fixture(autouse=True)
def _tick_ten(monkeypatch):
    """Nothing is remembered, and the hub has told tick 10."""
    monkeypatch.setattr(fragments, "_once", fragments._Once())
    monkeypatch.setattr(fragments.hub, "tick", 10)


class View:
    """A live view with a fragment `rows`, that counts how often it was drawn."""

    def __init__(self, draw=None) -> None:
        self.drawn = []
        self.draw = draw or (lambda request: HttpResponse(f"drawn {len(self.drawn)}"))
        self.view = live("rows")(self._view)

    def _view(self, request, *args, **kwargs):
        self.drawn.append(request.fragment)
        return self.draw(request)

    def get(self, audience="ours", path="/agents/", **query):
        request = RequestFactory().get(path, query)
        request.user = SimpleNamespace(audience=audience)
        return self.view(request)


def test_a_fragment_is_drawn_once_per_tick():
    view = View()
    answers = {view.get(fragment="rows", tick=10).content for _ in range(5)}
    assert (answers, view.drawn) == ({b"drawn 1"}, ["rows"])


def test_the_next_tick_is_drawn_anew():
    view = View()
    view.get(fragment="rows", tick=9)
    assert view.get(fragment="rows", tick=10).content == b"drawn 2"


def test_another_audience_is_never_shown_the_same_drawing():
    view = View()
    view.get("ours", fragment="rows", tick=10)
    assert view.get("theirs", fragment="rows", tick=10).content == b"drawn 2"
    assert view.get("ours", fragment="rows", tick=10).content == b"drawn 1"


@pytest.mark.parametrize("other", [{"path": "/calls/"}, {"page": "2"}])
def test_another_address_is_drawn_for_itself(other):
    view = View()
    view.get(fragment="rows", tick=10)
    assert view.get(fragment="rows", tick=10, **other).content == b"drawn 2"


@pytest.mark.parametrize("tick", ["", "0", "-1", "11", "x", "1.5", "9" * 30])
def test_a_tick_the_hub_has_not_reached_is_not_kept(tick):
    view = View()
    for _ in range(2):
        view.get(fragment="rows", tick=tick)
    assert view.drawn == ["rows", "rows"]


def test_the_whole_page_is_drawn_each_time():
    view = View()
    for query in ({}, {"fragment": "unknown", "tick": 10}, {"tick": 10}):
        view.get(**query)
    assert view.drawn == ["", "", ""]


def test_an_error_is_not_kept():
    answers = [HttpResponse(status=500), HttpResponse("good")]
    view = View(lambda request: answers.pop(0))
    assert view.get(fragment="rows", tick=10).status_code == 500
    assert view.get(fragment="rows", tick=10).content == b"good"


def test_a_crash_leaves_nobody_waiting():
    def crash(request):
        raise KeyError

    view = View(crash)
    for _ in range(2):
        with pytest.raises(KeyError):
            view.get(fragment="rows", tick=10)
    assert len(view.drawn) == 2


def test_what_was_drawn_is_forgotten_after_a_while(monkeypatch):
    view = View()
    view.get(fragment="rows", tick=10)
    now = fragments.time.monotonic()
    monkeypatch.setattr(fragments.time, "monotonic", lambda: now + fragments.KEPT_SECONDS + 1)
    assert view.get(fragment="rows", tick=10).content == b"drawn 2"


def test_many_at_the_same_time_wait_for_one_drawing():
    everybody_came = threading.Event()

    def slow(request):
        everybody_came.wait(5)
        return HttpResponse("once")

    view, answers = View(slow), []
    threads = [
        threading.Thread(target=lambda: answers.append(view.get(fragment="rows", tick=10).content))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    everybody_came.set()
    for thread in threads:
        thread.join(10)
    assert (answers, len(view.drawn)) == ([b"once"] * 8, 1)


def test_old_drawings_are_dropped_when_there_are_many(monkeypatch):
    monkeypatch.setattr(fragments, "MOST", 5)
    monkeypatch.setattr(fragments, "KEPT_SECONDS", -1)
    view = View()
    for number in range(20):
        view.get(fragment="rows", tick=10, page=str(number))
    assert len(fragments._once._kept) <= 7


def test_a_page_renders_whole_or_the_fragment_that_was_asked_for(monkeypatch):
    drawn = []
    monkeypatch.setattr(fragments, "render", lambda request, name, *_, **__: drawn.append(name))
    request = RequestFactory().get("/")
    page(request, "agents/list.html", {})
    request.fragment = "rows"
    page(request, "agents/list.html", {})
    assert drawn == ["agents/list.html", "agents/list.html#rows"]
