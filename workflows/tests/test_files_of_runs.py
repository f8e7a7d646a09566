"""Files in runs, through the services: what stays closed, and what is gone at the end."""

import pytest

from workflows.engine.document import Document
from workflows.services.running import Given, run_document

pytestmark = pytest.mark.django_db(transaction=True)


def document(*nodes):
    """A trigger and these nodes (type, parameters), one after the other."""
    named = [("manualTrigger", {}), *nodes]
    names = [f"{kind} {place}" for place, (kind, _) in enumerate(named)]
    return Document({
        "nodes": [
            {"name": name, "type": f"n8n-nodes-base.{kind}", "parameters": parameters}
            for name, (kind, parameters) in zip(names, named, strict=True)
        ],
        "connections": {
            name: {"main": [[{"node": after}]]}
            for name, after in zip(names, names[1:], strict=False)
        },
    })  # fmt: skip


@pytest.fixture
def ran(run):
    return lambda *nodes: run(run_document(document(*nodes), Given()))


@pytest.fixture
def var(settings, tmp_path):
    """The product's own folder, below an opened one."""
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    settings.FILE_ROOTS = [str(tmp_path)]
    return settings.VAR


def test_file_nodes_are_off_until_an_administrator_opens_folders(ran, settings):
    settings.FILE_ROOTS = []
    outcome = ran(("readBinaryFile", {"filePath": "/etc/passwd"}))
    assert "turned off" in outcome.error["message"]
    assert "WHOOSH_FILE_ROOTS" in outcome.error["description"]


def test_the_products_own_files_are_never_read(ran, var, settings):
    (var / "whoosh.sqlite3").write_text("secret")
    settings.FILE_ROOTS = ["/"]
    for path in (var / "whoosh.sqlite3", settings.ROOT / "manage.py"):
        outcome = ran(("readBinaryFile", {"filePath": str(path)}))
        assert "is not allowed" in outcome.error["message"]


def test_a_file_goes_through_a_run_and_its_copy_is_gone_at_the_end(ran, var, tmp_path):
    (tmp_path / "in.csv").write_text("a\n1\n")
    outcome = ran(
        ("readBinaryFile", {"filePath": str(tmp_path / "in.csv")}), ("extractFromFile", {})
    )
    assert [one["json"] for one in outcome.last_items] == [{"a": "1"}]
    assert [path for path in var.rglob("*") if path.is_file()] == []
