"""Files of a folder are collections: written, read, replaced, and never outside of it."""

from __future__ import annotations

import os
import pathlib
import pickle
import struct
import threading
from typing import Any

import numpy as np
import pytest

import ruvector as rv

RNG = np.random.default_rng(17)
ROWS = RNG.standard_normal((300, 16)).astype(np.float32)
IDS = np.arange(300, dtype=np.uint64) * np.uint64(3) + np.uint64(2**63)
WRONG = (rv.InvalidArgument, rv.LakeError)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> rv.FsBackend:
    made = rv.FsBackend("disk", tmp_path / "root")
    made.put("docs", IDS, ROWS)
    return made


def ruvec(ids: Any, rows: Any) -> bytes:
    """The bytes of a file, from the description of the format alone."""
    dim = len(rows[0])
    head = struct.pack("<8sQII", b"ruvec1\0\0", len(ids), dim, 0)
    return head + b"".join(
        struct.pack(f"<Q{dim}f", int(i), *map(float, row)) for i, row in zip(ids, rows, strict=True)
    )


def test_a_written_file_is_searched_and_has_the_format(
    store: rv.FsBackend, tmp_path: pathlib.Path
) -> None:
    lake = rv.RuLake([store])
    direct = rv.Index.build(ROWS, ids=IDS, metric="l2")
    for query in ROWS[:5] + 0.1:
        found, same = lake.search_one("docs", query), direct.search(query, rerank=200)
        np.testing.assert_array_equal(found.ids, same.ids)
        np.testing.assert_array_equal(found.scores, same.scores)
        assert found.ids.dtype == np.uint64 and found.backends[0] == "disk"
    assert (tmp_path / "root" / "docs.ruvec1").read_bytes() == ruvec(IDS, ROWS)
    assert lake.collections() == [("disk", "docs")]


def test_files_of_others_are_collections(store: rv.FsBackend, tmp_path: pathlib.Path) -> None:
    (tmp_path / "root" / "theirs.ruvec1").write_bytes(ruvec([7, 2**64 - 1], ROWS[:2]))
    rv.Index.build(ROWS, ids=[f"t{i}" for i in range(300)], metric="l2", keep="copy").save(
        tmp_path / "root" / "index.rvx"
    )
    lake = rv.RuLake([store])
    assert lake.search_one("theirs", ROWS[1], k=1).ids.tolist() == [2**64 - 1]
    assert lake.search_one("index", ROWS[9], k=1).ids.tolist() == ["t9"]
    assert [name for _, name in lake.collections()] == ["docs", "index", "theirs"]


def test_a_rewrite_within_one_second_is_seen(store: rv.FsBackend) -> None:
    lake = rv.RuLake([store])
    for shift in range(1, 6):
        store.put("docs", IDS, ROWS + shift)
        found = lake.search_one("docs", ROWS[3] + shift, k=1)
        assert (found.ids[0], found.scores[0]) == (IDS[3], 0)
    assert lake.cache_stats().primes == 5


def test_where_the_file_is_is_the_reference(store: rv.FsBackend, tmp_path: pathlib.Path) -> None:
    bundle = rv.RuLake([store]).publish_bundle(("disk", "docs"), tmp_path / "out")
    assert bundle.data_ref == "file://" + os.path.realpath(tmp_path / "root" / "docs.ruvec1")
    assert isinstance(bundle.generation, str) and bundle.dim == 16
    relative = os.path.relpath(tmp_path / "root")
    again = rv.RuLake([rv.FsBackend("other", relative)])
    assert again.publish_bundle(("other", "docs"), tmp_path / "two").data_ref == bundle.data_ref


def test_two_stores_of_one_folder_share_one_index(
    store: rv.FsBackend, tmp_path: pathlib.Path
) -> None:
    lake = rv.RuLake([store, rv.FsBackend("again", tmp_path / "root")])
    for name in ("disk", "again"):
        lake.search_one("docs", ROWS[0], backend=name)
    stats = lake.cache_stats()
    assert (stats.primes, stats.shared_hits, stats.entries) == (1, 1, 1)


NAMES = ["", "../x", "../../etc/passwd", "./secret", "/absolute", "a/b", "a\\b", ".", "..", "a\0b",
         "a\nb", "C:x", "NUL", "com1", "end ", "x" * 256]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_that_reach_elsewhere_are_refused(
    store: rv.FsBackend, tmp_path: pathlib.Path, name: str
) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(WRONG):
        store.put(name, IDS, ROWS)
    with pytest.raises(WRONG):
        rv.RuLake([store]).search_one(name, ROWS[0])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_links_out_of_the_folder_are_not_followed(
    store: rv.FsBackend, tmp_path: pathlib.Path
) -> None:
    outside = tmp_path / "outside.ruvec1"
    outside.write_bytes(ruvec([1], ROWS[:1]))
    (tmp_path / "root" / "link.ruvec1").symlink_to(outside)
    with pytest.raises(rv.LakeError):
        rv.RuLake([store]).search_one("link", ROWS[0])


DAMAGED = {
    "empty": lambda good: b"",
    "short header": lambda good: good[:20],
    "another magic": lambda good: b"ruvec9\0\0" + good[8:],
    "cut": lambda good: good[:-3],
    "longer": lambda good: good + b"x",
    "a count of 2**63": lambda good: good[:8] + struct.pack("<Q", 2**63) + good[16:],
    "dimension 0": lambda good: good[:16] + struct.pack("<I", 0) + good[20:],
    "dimension 2**31": lambda good: good[:16] + struct.pack("<I", 2**31) + good[20:],
    "nan": lambda good: good[:32] + struct.pack("<f", float("nan")) + good[36:],
    "an id twice": lambda good: good[: 24 + 72] + good[24 : 24 + 72] + good[24 + 144 :],
}


@pytest.mark.parametrize("harm", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_named_and_harms_no_other(
    store: rv.FsBackend, tmp_path: pathlib.Path, harm: Any
) -> None:
    (tmp_path / "root" / "bad.ruvec1").write_bytes(harm(ruvec(IDS[:5], ROWS[:5])))
    lake = rv.RuLake([store])
    with pytest.raises(rv.LakeError, match="bad"):
        lake.search_one("bad", ROWS[0])
    assert lake.search_one("docs", ROWS[4], k=1).ids.tolist() == [IDS[4]]


def test_what_the_format_cannot_hold_is_refused(store: rv.FsBackend) -> None:
    for ids in (["a"], [-1]):
        with pytest.raises(WRONG):
            store.put("docs", ids, ROWS[:1])
    with pytest.raises(rv.DuplicateId):
        store.put("docs", [1, 1], ROWS[:2])
    bad = ROWS[:2].copy()
    bad[1, 2] = np.inf
    with pytest.raises(rv.InvalidVector) as caught:
        store.put("docs", [1, 2], bad)
    assert (caught.value.row, caught.value.column) == (1, 2)
    assert len(rv.RuLake([store]).search_one("docs", ROWS[0], k=1000).ids) == 300


def test_a_file_that_goes_is_gone(store: rv.FsBackend, tmp_path: pathlib.Path) -> None:
    lake = rv.RuLake([store])
    lake.search_one("docs", ROWS[0])
    (tmp_path / "root" / "docs.ruvec1").unlink()
    with pytest.raises(rv.UnknownCollection):
        lake.search_one("docs", ROWS[0])
    frozen = lake.search_one("docs", ROWS[0], k=1, consistency=rv.Consistency.FROZEN)
    assert frozen.ids.tolist() == [IDS[0]]


def test_a_store_of_files_can_be_sent(store: rv.FsBackend) -> None:
    again = pickle.loads(pickle.dumps(store))
    assert repr(again) == repr(store) and (again.id, again.root) == (store.id, store.root)
    assert rv.RuLake([again]).search_one("docs", ROWS[2], k=1).ids.tolist() == [IDS[2]]


@pytest.mark.parametrize("root", ["", "a\0b", None, 7, b"\xff\xfe", "/proc/none/x"], ids=repr)
def test_folders_that_are_none(root: Any) -> None:
    with pytest.raises((rv.InvalidArgument, rv.LakeError, rv.PersistError)):
        rv.FsBackend("disk", root)


def test_readers_see_the_old_file_or_the_new_one(store: rv.FsBackend) -> None:
    lake, stop, wrong = rv.RuLake([store]), threading.Event(), []
    states = [np.sort(np.linalg.norm(ROWS + n - ROWS[3], axis=1)) for n in (0, 100, 200)]

    def read() -> None:
        try:
            while not stop.is_set():
                scores = lake.search_one("docs", ROWS[3], k=300).scores
                if not any(np.allclose(scores, whole, atol=1e-3) for whole in states):
                    wrong.append(scores)
        except Exception as error:
            wrong.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for shift in (0, 100, 200, 0, 100):
        store.put("docs", IDS, ROWS + np.float32(shift))
    stop.set()
    thread.join()
    assert not wrong
