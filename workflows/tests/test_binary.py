"""The store of binary data: opaque names, and nobody reads what another run made."""

import asyncio
import stat

import pytest

from workflows.binary import Binaries, runs
from workflows.engine.errors import NodeError


@pytest.fixture
def kept(tmp_path):
    """A store of run r1 of team 1, and the record of a file in it."""
    store = Binaries(tmp_path, owner="1", run="r1")
    return store, asyncio.run(store.keep(b"secret", mime="text/plain", name="a.txt"))


def read(store, record):
    return asyncio.run(store.bytes_of(record))


def test_what_is_kept_is_read_back(kept):
    store, record = kept
    assert read(store, record) == b"secret"
    assert record["fileName"] == "a.txt"
    assert (record["fileSize"], record["fileExtension"], record["fileType"]) == (
        "6 B",
        "txt",
        "text",
    )


def test_the_size_is_the_files_own_whatever_the_record_says(kept):
    store, record = kept
    assert asyncio.run(store.size_of({**record, "bytes": 1, "fileSize": "1 B"})) == 6
    assert asyncio.run(store.size_of({"data": "c2VjcmV0"})) == 6
    with pytest.raises(NodeError, match="does not hold the file"):
        asyncio.run(store.size_of({"id": "r1." + "0" * 32}))


def test_pieces_make_the_whole(kept):
    store, record = kept

    async def gathered():
        return b"".join([piece async for piece in store.pieces(record)])

    assert asyncio.run(gathered()) == b"secret"


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "..\\..\\x",
        "/etc/cron.d/x",
        "a\0b",
        "x" * 5000,
        "CON",
        "...",
        "a\nb.txt",
        "\u202ex",
    ],
)
def test_a_given_name_never_becomes_a_path(tmp_path, name):
    store = Binaries(tmp_path, owner="1", run="r1")
    record = asyncio.run(store.keep(b"x", mime="text/plain", name=name))
    (path,) = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert path.name == record["id"].partition(".")[2]
    assert not set(record["fileName"]) & set("/\\\0\n\u202e")
    assert 0 < len(record["fileName"]) <= 200


def test_files_are_for_the_server_alone(kept, tmp_path):
    (path,) = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "record",
    [
        {"id": "/etc/passwd"},
        {"id": "r1./etc/passwd"},
        {"id": "../1/r1." + "0" * 32},
        {"id": "r1." + "0" * 32},
        {"id": {"$ne": 1}, "data": "aGk="},
        {"id": "filesystem-v2:/etc/passwd", "filepath": "/etc/passwd"},
        {"filepath": "/etc/passwd"},
        {"data": "filesystem-v2", "id": "x"},
    ],
)
def test_a_record_somebody_made_up_reads_nothing(kept, record):
    with pytest.raises(NodeError, match="does not hold the file"):
        read(kept[0], record)


def test_another_run_does_not_read_it_unless_it_goes_on_from_it(kept, tmp_path):
    _, record = kept
    with pytest.raises(NodeError, match="does not hold"):
        read(Binaries(tmp_path, owner="1", run="r2"), record)
    assert read(Binaries(tmp_path, owner="1", run="r2", also=["r1"]), record) == b"secret"


def test_another_team_never_reads_it(kept, tmp_path):
    with pytest.raises(NodeError, match="does not hold"):
        read(Binaries(tmp_path, owner="2", run="r1", also=["r1"]), kept[1])


def test_code_may_carry_bytes_itself(kept):
    assert read(kept[0], {"data": "aGk=", "mimeType": "text/plain"}) == b"hi"


def test_an_owner_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no name"):
        Binaries(tmp_path, owner="../x", run="r1")


def test_a_folder_that_cannot_be_written_fails_the_node(tmp_path):
    (tmp_path / "1").write_text("in the way")
    with pytest.raises(NodeError, match="could not be kept"):
        asyncio.run(Binaries(tmp_path, owner="1", run="r1").keep(b"x", mime="text/plain"))


def test_what_a_run_kept_can_be_forgotten(kept, tmp_path):
    store, record = kept
    assert [(owner, run) for owner, run, _ in runs(tmp_path)] == [("1", "r1")]
    store.forget()
    assert list(runs(tmp_path)) == []
    with pytest.raises(NodeError):
        read(store, record)
