"""Compression."""

import asyncio
import gzip
import io
import tarfile
import zipfile

import pytest

from workflows.engine.errors import NodeError
from workflows.nodes.compression import Compression
from workflows.nodes.files import archives


@pytest.fixture
def holding(outside):
    """An item with files: `holding(a=("a.txt", b"...")`."""

    def made(**files):
        binary = {
            field: asyncio.run(outside.keep(data, mime="x/y", name=name))
            for field, (name, data) in files.items()
        }
        return [{"json": {"kept": 1}, "binary": binary}]

    return made


def files_of(outside, one):
    return {
        field: (record["fileName"], outside.blobs[record["id"]])
        for field, record in one["binary"].items()
    }


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_what_is_packed_is_unpacked_again(run, outside, holding, form):
    given = holding(a=("a.txt", b"one"), b=("a.txt", b"two"))
    parameters = {
        "operation": "compress", "binaryPropertyName": "a, b", "outputFormat": form,
        "fileName": f"all.{form}",
    }  # fmt: skip
    (packed,) = run(Compression, parameters, given)
    (back,) = run(Compression, {}, packed)
    assert files_of(outside, back[0]) == {
        "file_0": ("a.txt", b"one"),
        "file_1": ("a_1.txt", b"two"),
    }
    assert back[0]["json"] == {"kept": 1}


def test_gzip_packs_each_file(run, outside, holding):
    parameters = {"operation": "compress", "outputFormat": "gzip", "outputPrefix": "out"}
    (packed,) = run(Compression, parameters, holding(data=("a.txt", b"one")), version=1)
    ((field, (name, data)),) = files_of(outside, packed[0]).items()
    assert (field, name, gzip.decompress(data)) == ("out0", "a.txt.gz", b"one")
    (back,) = run(Compression, {"binaryPropertyName": "out0"}, packed, version=1)
    assert files_of(outside, back[0]) == {"file_0": ("a.txt", b"one")}


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def test_names_inside_never_become_paths(run, outside, holding):
    data = zipped(**{"../../etc/x": b"1", "/abs/y": b"2", "..\\z": b"3", "d/": b""})
    (back,) = run(Compression, {}, holding(data=("a.zip", data)))
    found = [name for name, _ in files_of(outside, back[0]).values()]
    assert found == ["x", "y", "z"]


def test_links_inside_are_left_out(run, outside, holding):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    given = holding(a=("a.zip", made.getvalue()), b=("b.tar", tar.getvalue()))
    (back,) = run(Compression, {"binaryPropertyName": "a,b"}, given)
    assert back[0]["binary"] == {}


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.gz", "bomb.tar.gz"])
def test_a_bomb_is_refused_before_it_is_whole(run, holding, monkeypatch, name):
    monkeypatch.setattr(archives, "MOST_BYTES", 2 * archives.PIECE)
    bomb = bytes(50 * archives.PIECE)
    data = zipped(a=bomb) if name.endswith("zip") else gzip.compress(bomb)
    assert len(data) < archives.PIECE
    with pytest.raises(NodeError, match="unpacks to more than 2 MB"):
        run(Compression, {}, holding(data=(name, data)))


def test_files_together_may_not_be_too_much_either(run, holding, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 2 * archives.PIECE)
    data = zipped(a=bytes(archives.PIECE), b=bytes(archives.PIECE), c=b"x")
    with pytest.raises(NodeError, match="unpacks to more than"):
        run(Compression, {}, holding(data=("a.zip", data)))


def test_too_many_files_are_refused(run, holding, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    with pytest.raises(NodeError, match="more than 2 files"):
        run(Compression, {}, holding(data=("a.zip", zipped(a=b"", b=b"", c=b""))))


@pytest.mark.parametrize("name", ["a.zip", "a.gz", "a.tar"])
def test_a_damaged_archive_is_refused(run, holding, name):
    with pytest.raises(NodeError, match=f"'{name}' cannot be read"):
        run(Compression, {}, holding(data=(name, b"PK\x03\x04 broken" if "zip" in name else b"xx")))


def test_another_kind_of_file_is_refused(run, holding):
    with pytest.raises(NodeError, match=r"'a\.txt' is no archive"):
        run(Compression, {}, holding(data=("a.txt", b"hello")))
