"""Looks of triggers: nothing seen twice, nothing lost, nothing left behind without news."""

import json
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from whoosh_site.core import leases
from whoosh_site.core.actor import SYSTEM
from whoosh_site.core.errors import Conflict
from workflows import services
from workflows.models import Execution, Trigger
from workflows.services import firing
from workflows.tests.conftest import code, node, written

KIND = "application/rss+xml"


def feed(*titles):
    items = "".join(f"<item><title>{t}</title><guid>{t}</guid></item>" for t in titles)
    text = f"<rss version='2.0'><channel><title>News</title>{items}</channel></rss>"
    return {"/feed": (200, KIND, text.encode())}


def reading(url, *more, after=None, **settings):
    after = after or node("End", "noOp")
    first = node("Feed", "rssFeedReadTrigger", feedUrl=url)
    links = {"Feed": {"main": [[{"node": after["name"], "type": "main", "index": 0}]]}}
    settings = {"executionOrder": "v1", **settings}
    return written("News", first, after, *more, connections=links, settings=settings)


@pytest.fixture
def look(carry):
    """Let the next look of the one trigger be due, and all runs be carried; return the trigger."""

    def looked():
        trigger = Trigger.objects.get()
        slot = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
        Trigger.objects.filter(pk=trigger.pk).update(due_at=slot)
        assert firing.fire(timezone.now()) == 1
        carry("execution")
        trigger.refresh_from_db()
        return trigger

    return looked


@pytest.fixture
def reads(keep, site, settings):
    """Keep and activate a workflow that reads the feed of the site."""
    settings.HTTP_ALLOW = [site.allowed]

    def made(*titles, **how):
        workflow = keep(reading(f"{site(feed(*titles))}/feed", **how))
        services.activate_workflow(workflow, by=SYSTEM)
        return workflow

    return made


def titles(run):
    return [one["json"]["title"] for one in services.find_step(run, "Feed").outputs[0]]


def test_the_first_look_remembers_and_later_ones_start_with_what_is_new(reads, site, look):
    workflow = reads("b", "a")
    assert look().trouble == ""
    assert not Execution.objects.exists()
    workflow.refresh_from_db()
    assert len(json.loads(workflow.static_text)["node:Feed"]["seen"]) == 2
    site(feed("d", "c", "b", "a"))
    trigger = look()
    run = Execution.objects.get()
    assert (run.state, run.source, run.mode) == ("success", "poll", "production")
    assert titles(run) == ["d", "c"]
    assert [one["name"] for one in run.nodes] == ["Feed", "End"]
    assert trigger.last_at is not None
    look()
    site(feed("a"))
    look()
    site(feed("d", "a"))
    look()
    assert Execution.objects.count() == 1
    assert len(site.asked) == 5


def test_a_look_that_fails_loses_nothing_and_is_told_of_once(reads, site, look, keep):
    alarm = keep(written("Alarm", node("Heard", "errorTrigger")))
    reads("a", errorWorkflow=str(alarm.pk))
    look()
    site({})
    for _ in range(3):
        assert "status code 404" in look().trouble
    failed, heard = Execution.objects.order_by("pk")
    assert (failed.state, failed.error_node) == ("error", "Feed")
    told = json.loads(heard.input_text)[0]["json"]
    assert "404" in told["trigger"]["error"]["message"]
    assert (told["trigger"]["mode"], told["workflow"]["name"]) == ("trigger", "News")
    site(feed("b", "a"))
    assert look().trouble == ""
    assert titles(Execution.objects.order_by("pk").last()) == ["b"]


def test_what_was_seen_is_not_seen_again_when_the_rest_of_the_run_fails(reads, site, look):
    reads("a", after=code("End", "throw new Error('no')"))
    look()
    site(feed("b", "a"))
    look()
    failed = Execution.objects.get()
    assert (failed.state, failed.error_node, titles(failed)) == ("error", "End", ["b"])
    look()
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("titles_then", [("a",), ("b", "a")])
def test_a_failed_look_that_is_retried_looks_again(reads, site, look, work, titles_then):
    reads("a")
    look()
    site({})
    look()
    site(feed(*titles_then))
    done = work(services.retry_execution(Execution.objects.get(), by=SYSTEM))
    assert (done.state, titles(done)) == ("success", list(titles_then[:-1]))
    look()
    assert Execution.objects.count() == 2


def test_a_retry_of_the_rest_takes_no_later_look_back(reads, site, look, work):
    workflow = reads("a", after=code("End", "throw new Error('no')"))
    look()
    site(feed("b", "a"))
    look()
    failed = Execution.objects.get()
    site(feed("c", "b", "a"))
    look()
    mended = workflow.text.replace("throw new Error('no')", "return []")
    services.save_version(workflow, mended, by=SYSTEM)
    again = services.retry_execution(failed, by=SYSTEM, newest=True)
    assert work(again).state == "success"
    look()
    assert Execution.objects.filter(source="poll").count() == 2


def test_a_later_look_does_not_wait_for_the_run_of_an_earlier_one(reads, site, look):
    wait = node("End", "wait", resume="timeInterval", amount=2, unit="hours")
    reads("a", after=wait)
    look()
    for names in (("b", "a"), ("c", "b", "a")):
        site(feed(*names))
        look()
    runs = Execution.objects.order_by("pk")
    assert [(one.state, titles(one)) for one in runs] == [("waiting", ["b"]), ("waiting", ["c"])]


def test_a_late_process_moves_no_watermark(reads, site, look, inside):
    workflow = reads("a")
    look()
    site(feed("b", "a"))
    trigger = Trigger.objects.get()
    Trigger.objects.update(due_at=timezone.now())
    firing.fire(timezone.now())
    lease = leases.claim_one(Execution, Execution.objects.get().pk, "somebody")
    Execution.objects.update(attempt=7)  # another process has it by now
    workflow.refresh_from_db()
    before = workflow.static_text
    inside(services.run_execution(lease))
    workflow.refresh_from_db()
    assert workflow.static_text == before
    assert list(Execution.objects.get().steps()) == []
    assert trigger.trouble == ""


def test_a_look_in_hand_keeps_the_next_back(reads):
    reads("a")
    for _ in range(2):
        Trigger.objects.update(due_at=timezone.now())
        assert firing.fire(timezone.now()) == 1
    assert Execution.objects.count() == 1


def test_a_run_by_hand_gives_the_first_entry_and_remembers_nothing(reads, start, work):
    workflow = reads("b", "a")
    assert titles(work(start(workflow))) == ["b"]
    workflow.refresh_from_db()
    assert workflow.static_text == ""


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/feed", "http://[broken"])
def test_an_address_that_is_none_refuses_activation(keep, url):
    with pytest.raises(Conflict, match="URL"):
        services.activate_workflow(keep(reading(url)), by=SYSTEM)


# -- files ---------------------------------------------------------------------------------------


def changed(run):
    found = [one["json"] for one in services.find_step(run, "Files").outputs[0]]
    return sorted((one["event"], os.path.basename(one["path"])) for one in found)


@pytest.fixture
def watches(keep, tmp_path, settings):
    """Keep and activate a workflow that watches a folder."""
    root = tmp_path / "open"
    root.mkdir()
    settings.FILE_ROOTS = [str(root)]

    def made(**how):
        how = {"triggerOn": "folder", "path": str(root), "events": ["add", "change"]} | how
        first = node("Files", "localFileTrigger", **how)
        workflow = keep(written("Files", first, connections={}))
        services.activate_workflow(workflow, by=SYSTEM)
        return root

    return made


def test_files_that_come_and_change_start_runs(watches, look):
    root = watches(options={"ignored": "**/*.tmp"})
    (root / "old.txt").write_text("1")
    look()
    assert not Execution.objects.exists()
    (root / "new.txt").write_text("1")
    (root / "new.tmp").write_text("1")
    (root / "deep").mkdir()
    (root / "deep" / "in.txt").write_text("1")
    (root / "old.txt").write_text("22")
    look()
    run = Execution.objects.get()
    assert changed(run) == [("add", "in.txt"), ("add", "new.txt"), ("change", "old.txt")]
    (root / "old.txt").unlink()
    look()
    assert Execution.objects.count() == 1


def test_deleted_files_and_folders_are_told_where_wished(watches, look):
    root = watches(events=["unlink", "addDir", "unlinkDir"], options={"ignoreInitial": False})
    (root / "deep").mkdir()
    (root / "a").write_text("1")
    look()
    assert changed(Execution.objects.get()) == [("addDir", "deep")]
    (root / "deep").rmdir()
    (root / "a").unlink()
    look()
    assert changed(Execution.objects.order_by("pk").last()) == [
        ("unlink", "a"), ("unlinkDir", "deep"),
    ]  # fmt: skip


def test_one_file_is_watched_for_changes(watches, look, tmp_path):
    file = tmp_path / "open" / "one"
    watches(triggerOn="file", path=str(file))
    look()
    for text in ("1", "22"):
        file.write_text(text)
        look()
    assert changed(Execution.objects.get()) == [("change", "one")]


def test_a_folder_outside_the_roots_is_not_looked_at(watches, look, tmp_path):
    (tmp_path / "secret").mkdir()
    root = watches(path=str(tmp_path / "secret"))
    (root / "a").write_text("1")
    assert "is not allowed" in look().trouble


def test_links_that_lead_out_are_passed_over(watches, look, tmp_path):
    root = watches(options={"ignoreInitial": False})
    (tmp_path / "secret").write_text("1")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "a").write_text("1")
    look()
    assert changed(Execution.objects.get()) == [("add", "a")]
