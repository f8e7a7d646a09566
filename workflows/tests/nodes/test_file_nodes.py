"""The nodes that touch files of this machine: off, or below the roots only."""

import os

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.read_binary_file import ReadBinaryFile
from workflows.nodes.read_binary_files import ReadBinaryFiles
from workflows.nodes.read_write_file import ReadWriteFile
from workflows.nodes.write_binary_file import WriteBinaryFile


@pytest.fixture
def root(tmp_path, outside):
    """An opened folder with files in it, beside a secret one."""
    folder = tmp_path / "open"
    (folder / "in" / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.json", "in/c.json", "in/deep/d.json", ".hidden.json"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    outside.file_roots = (str(folder),)
    return folder


def selected(run, selector, **options):
    (items,) = run(ReadWriteFile, {"fileSelector": str(selector), "options": options})
    return items


def names(items):
    return [one["binary"]["data"]["fileName"] for one in items]


@pytest.mark.parametrize(
    ("node", "parameters"),
    [
        (ReadWriteFile, {"fileSelector": "/etc/passwd"}),
        (ReadWriteFile, {"operation": "write", "fileName": "/tmp/x"}),
        (ReadBinaryFile, {"filePath": "/etc/passwd"}),
        (ReadBinaryFiles, {"fileSelector": "/etc/*"}),
        (WriteBinaryFile, {"fileName": "/tmp/x"}),
    ],
)
def test_without_roots_they_are_off_and_say_what_turns_them_on(run, node, parameters):
    with pytest.raises(NodeError, match="are turned off") as caught:
        run(node, parameters)
    assert "WHOOSH_FILE_ROOTS" in caught.value.description


def test_a_file_is_read(run, outside, root):
    (one,) = selected(run, root / "a.txt", dataPropertyName="data", mimeType="text/x-mine")
    assert outside.blobs[one["binary"]["data"]["id"]] == b"a.txt"
    assert one["json"]["mimeType"] == "text/x-mine"
    assert one["binary"]["data"]["directory"] == str(root)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.json", ["b.json"]),
        ("**/*.json", ["b.json", "c.json", "d.json"]),
        ("in/*", ["c.json"]),
        ("?.{txt,json}", ["a.txt", "b.json"]),
        ("[!b].*", ["a.txt"]),
        (".*.json", [".hidden.json"]),
        ("none.txt", []),
    ],
)
def test_patterns_name_files(run, root, pattern, found):
    assert names(selected(run, f"{root}/{pattern}")) == found


def test_read_binary_files_gives_an_item_for_each(run, root):
    (items,) = run(ReadBinaryFiles, {"fileSelector": f"{root}/**/c.*", "dataPropertyName": "f"})
    assert [one["binary"]["f"]["fileName"] for one in items] == ["c.json"]


OUTSIDE = ["/etc/passwd", "{root}/../secret.txt", "~/.ssh/id_rsa", "../../../../../etc/passwd"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_lies_outside_is_refused(run, root, path):
    path = path.format(root=root)
    for node, name in ((ReadWriteFile, "fileSelector"), (ReadBinaryFile, "filePath"), (ReadBinaryFiles, "fileSelector")):  # fmt: skip  # noqa: E501
        with pytest.raises(NodeError, match="is not allowed"):
            run(node, {name: path})


def test_a_folder_whose_name_only_begins_alike_is_outside(run, root):
    (root.parent / "open2").mkdir()
    (root.parent / "open2" / "x").write_text("secret")
    with pytest.raises(NodeError, match="is not allowed"):
        run(ReadBinaryFile, {"filePath": f"{root}2/x"})


def test_a_link_that_leads_outside_is_refused(run, root):
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "up").symlink_to(root.parent)
    for path in ("link.txt", "up/secret.txt"):
        with pytest.raises(NodeError, match="is not allowed"):
            run(ReadBinaryFile, {"filePath": str(root / path)})
    assert names(selected(run, f"{root}/*.txt")) == ["a.txt"]
    with pytest.raises(NodeError, match="is not allowed"):
        selected(run, f"{root}/up/*.txt")


def test_the_products_own_folders_stay_closed_below_a_root(run, outside, root):
    outside.own_folders = (str(root / "in"),)
    with pytest.raises(NodeError, match="is not allowed"):
        run(ReadBinaryFile, {"filePath": str(root / "in" / "c.json")})
    assert names(selected(run, f"{root}/**/*.json")) == ["b.json"]
    outside.file_roots = (str(root / "in"),)
    with pytest.raises(NodeError, match="is not allowed"):
        run(ReadBinaryFile, {"filePath": str(root / "in" / "c.json")})
    outside.file_roots = (str(root / "in" / "deep"),)
    assert names(selected(run, f"{root}/in/deep/*.json")) == ["d.json"]


def test_a_link_to_another_place_inside_is_followed(run, outside, root):
    (root / "same.txt").symlink_to(root / "a.txt")
    (items,) = run(ReadBinaryFile, {"filePath": str(root / "same.txt")})
    assert outside.blobs[items[0]["binary"]["data"]["id"]] == b"a.txt"


def test_what_is_no_file_is_refused(run, root):
    os.mkfifo(root / "pipe")
    with pytest.raises(NodeError, match="is no file"):
        run(ReadBinaryFile, {"filePath": str(root / "pipe")})
    with pytest.raises(NodeError, match="could not be read"):
        run(ReadBinaryFile, {"filePath": str(root / "none")})


def test_a_relative_pattern_looks_where_the_server_runs(run, root, monkeypatch):
    assert selected(run, "*.md") == []
    monkeypatch.chdir(root)
    assert names(selected(run, "*.txt")) == ["a.txt"]


@pytest.fixture
def given(run, root):
    """An item with the file a.txt."""
    return selected(run, root / "a.txt")


def test_a_file_is_written_and_added_to(run, root, given):
    for append in (False, True):
        parameters = {
            "operation": "write", "fileName": str(root / "new"), "options": {"append": append},
        }  # fmt: skip
        (items,) = run(ReadWriteFile, parameters, given)
    assert (root / "new").read_text() == "a.txta.txt"
    assert items[0]["json"]["fileName"] == str(root / "new")
    assert items[0]["binary"] == given[0]["binary"]


def test_nothing_is_written_outside(run, root, given):
    (root / "out").symlink_to(root.parent / "made.txt")
    for path in (root.parent / "made.txt", root / "out", root / ".." / "made.txt"):
        with pytest.raises(NodeError, match="is not allowed"):
            run(WriteBinaryFile, {"fileName": str(path)}, given)
    assert not (root.parent / "made.txt").exists()


def test_a_folder_that_is_not_there_is_named(run, root, given):
    with pytest.raises(NodeError, match="could not be written: No such file"):
        run(WriteBinaryFile, {"fileName": str(root / "no" / "x")}, given)
