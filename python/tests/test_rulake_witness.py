"""Bundles, refreshes, saved caches: what a folder says is what a reader gets, or an error."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector import Consistency, RefreshResult

RNG = np.random.default_rng(18)
ROWS = RNG.standard_normal((500, 20)).astype(np.float32)
KEY = ("mine", "docs")
KINDS_OF_IDS: dict[str, Any] = {
    "sparse": [700, 42, 99, *range(2000, 2497)],
    "uint64": np.arange(500, dtype=np.uint64) + np.uint64(2**63),
    "negative": -np.arange(500),
    "texts": [f"é{i}" for i in range(500)],
}


@pytest.fixture
def store() -> rv.LocalBackend:
    made = rv.LocalBackend("mine")
    made.put("docs", np.arange(500) * 2, ROWS)
    return made


@pytest.fixture
def lake(store: rv.LocalBackend) -> rv.RuLake:
    return rv.RuLake([store])


def frozen() -> rv.RuLake:
    return rv.RuLake(consistency=Consistency.FROZEN)


def test_publish_mutate_republish_refresh(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    assert lake.refresh_from_bundle_dir(KEY, tmp_path) is RefreshResult.BUNDLE_MISSING
    first = lake.publish_bundle(KEY, tmp_path)
    assert first == rv.RuLakeBundle("local://mine/docs", 20, 42, 20, 1)
    assert rv.RuLakeBundle.read(tmp_path) == first
    assert lake.refresh_from_bundle_dir(KEY, tmp_path) is RefreshResult.UP_TO_DATE  # nothing there
    reader = rv.RuLake([store], consistency=Consistency.FROZEN)
    reader.prime(KEY)
    assert reader.cache_witness_of(KEY) == first.witness
    assert reader.refresh_from_bundle_dir(KEY, tmp_path) is RefreshResult.UP_TO_DATE
    store.append("docs", [1], ROWS[:1] + 9)
    assert len(reader.search_one("docs", ROWS[0], k=1000).ids) == 500
    second = lake.publish_bundle(KEY, tmp_path)
    assert second.generation == 2 and second.witness != first.witness
    assert reader.refresh_from_bundle_dir(KEY, tmp_path) is RefreshResult.INVALIDATED
    assert KEY not in reader
    with pytest.raises(rv.CacheMissError, match="prime it"):
        reader.search_one("docs", ROWS[0])
    reader.prime(KEY)
    assert len(reader.search_one("docs", ROWS[0], k=1000).ids) == 501
    assert reader.cache_witness_of(KEY) == second.witness
    assert reader.cache_stats().primes == 2


def test_a_tampered_bundle_drops_nothing(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    lake.prime(KEY)
    lake.publish_bundle(KEY, tmp_path)
    path = tmp_path / "table.rulake.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "generation": 99}))
    with pytest.raises(rv.WitnessMismatch, match=document["rvf_witness"]):
        lake.refresh_from_bundle_dir(KEY, tmp_path)
    path.write_text("{" * 100)
    with pytest.raises(rv.RuVectorError):
        lake.refresh_from_bundle_dir(KEY, tmp_path)
    path.write_bytes(b" " * 65_537)
    with pytest.raises(rv.RuVectorError):
        lake.refresh_from_bundle_dir(KEY, tmp_path)
    assert KEY in lake


@pytest.mark.parametrize("kind", list(KINDS_OF_IDS))
def test_ids_survive_saving_and_warming(kind: str, tmp_path: pathlib.Path) -> None:
    ids = KINDS_OF_IDS[kind]
    store = rv.LocalBackend("mine")
    store.put("docs", ids, ROWS)
    lake = rv.RuLake([store])
    before = [lake.search_one("docs", query, k=7) for query in ROWS[:10]]
    path = lake.save_cache_to_dir(KEY, tmp_path)
    assert pathlib.Path(path).parent == tmp_path and path.endswith(".rvx")
    reader = frozen()
    assert reader.warm_from_dir(KEY, tmp_path) == 500
    for query, expected in zip(ROWS[:10], before, strict=True):
        found = reader.search_one("docs", query, k=7, backend="mine")
        assert found.ids.dtype == expected.ids.dtype
        assert found.hits() == expected.hits()
    stats = reader.cache_stats()
    assert (stats.primes, stats.warm_installs, stats.misses) == (0, 1, 0)
    assert reader.cache_witness_of(KEY) == lake.cache_witness_of(KEY)


def test_saving_after_the_store_moved_on_saves_one_state(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    lake.prime(KEY)
    store.put("docs", [5], ROWS[:1] + 50)
    lake.save_cache_to_dir(KEY, tmp_path)
    reader = frozen()
    rows, bundle = reader.warm_from_dir(KEY, tmp_path), rv.RuLakeBundle.read(tmp_path)
    assert (rows, bundle.generation) in ((500, 1), (1, 2))
    fresh = rv.RuLake([store])
    fresh.warm_from_dir(KEY, tmp_path)
    assert fresh.search_one("docs", ROWS[0], k=9).ids.tolist() == [5]


def test_a_mixed_pair_is_refused(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, old)
    store.append("docs", [1], ROWS[:1])
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, new)
    shutil.copy(new / "table.rulake.json", old / "table.rulake.json")
    with pytest.raises(rv.WitnessMismatch):
        frozen().warm_from_dir(KEY, old)
    source, target = next(old.glob("*.rvx")), next(new.glob("*.rvx"))
    shutil.copy(source, target)
    reader = frozen()
    with pytest.raises(rv.WitnessMismatch):
        reader.warm_from_dir(KEY, new)
    assert KEY not in reader


def test_damaged_files_are_named(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    lake.prime(KEY)
    path = pathlib.Path(lake.save_cache_to_dir(KEY, tmp_path))
    good = path.read_bytes()
    for at in (10, len(good) // 2, len(good) - 5):
        bad = bytearray(good)
        bad[at] ^= 0xFF
        path.write_bytes(bad)
        with pytest.raises((rv.PersistError, rv.WitnessMismatch)):
            frozen().warm_from_dir(KEY, tmp_path)
    path.write_bytes(good)
    assert frozen().warm_from_dir(KEY, tmp_path) == 500
    path.unlink()
    with pytest.raises(rv.FileMissing):
        frozen().warm_from_dir(KEY, tmp_path)
    with pytest.raises(rv.FileMissing):
        frozen().warm_from_dir(KEY, tmp_path / "nowhere")


def test_what_is_not_there_cannot_be_kept(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    with pytest.raises((rv.CacheMissError, rv.UnknownCollection)):
        lake.save_cache_to_dir(KEY, tmp_path)
    with pytest.raises(rv.UnknownBackend):
        lake.publish_bundle(("other", "docs"), tmp_path)
    with pytest.raises(rv.UnknownCollection):
        lake.publish_bundle(("mine", "other"), tmp_path)
    with pytest.raises(rv.CacheMissError):
        frozen().search_one("docs", ROWS[0], backend="mine")
    file = tmp_path / "file"
    file.write_text("x")
    for directory in (file, file / "x"):
        with pytest.raises((rv.PersistError, rv.LakeError)):
            lake.publish_bundle(KEY, directory)
    for wrong in (None, "", 3, "a\0b", b"\xff"):
        with pytest.raises(rv.InvalidArgument):
            lake.publish_bundle(KEY, wrong)
    for format in (1, 4, "2"):
        with pytest.raises(rv.InvalidArgument):
            lake.publish_bundle(KEY, tmp_path, format=format)  # type: ignore[arg-type]


def test_format_3_covers_the_content(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    bundle = lake.publish_bundle(KEY, tmp_path, format=3)
    assert bundle.format_version == 3 and bundle.content is not None
    assert bundle.content.rows == 500 and bundle.content.metric == "l2"
    other = rv.LocalBackend("mine")  # the same name, generation and shape, other vectors
    other.put("docs", np.arange(500) * 2, ROWS + 1)
    same = rv.RuLake([other]).publish_bundle(KEY, tmp_path / "other", format=3)
    assert same.content is not None and same.content.digest != bundle.content.digest
    assert same.witness != bundle.witness


def test_a_fresh_reader_of_a_saved_cache_asks_its_store(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, tmp_path)
    reader = rv.RuLake([store])
    reader.warm_from_dir(KEY, tmp_path)
    reader.search_one("docs", ROWS[0])
    assert reader.cache_stats().primes == 0
    store.delete("docs", 0)
    assert 0 not in reader.search_one("docs", ROWS[0], k=1000).ids
    assert reader.cache_stats().primes == 1
    alone = rv.RuLake()
    alone.warm_from_dir(KEY, tmp_path)
    with pytest.raises(rv.UnknownBackend):
        alone.search_one("docs", ROWS[0], backend="mine")


def test_a_session_publishes_at_its_end(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    with lake.session() as session:
        session.publish_bundle(KEY, tmp_path)
        assert not list(tmp_path.iterdir())
    assert [bundle.witness for bundle in session.published] == [
        rv.RuLakeBundle.read(tmp_path).witness
    ]
    lake.prime(KEY)
    with pytest.raises(rv.UnknownCollection), lake.session() as session:
        session.publish_bundle(("mine", "nothing"), tmp_path / "other")
        session.invalidate_cache(KEY)
    assert KEY not in lake and not session.published
    with pytest.raises(ZeroDivisionError), lake.session() as session:
        session.publish_bundle(KEY, tmp_path / "other")
        raise ZeroDivisionError
    assert not (tmp_path / "other").exists()


WARM = """
import sys, time, numpy as np, ruvector as rv
lake = rv.RuLake(consistency=rv.Consistency.FROZEN)
assert lake.warm_from_dir(("mine", "docs"), sys.argv[1]) == 50_000
query = np.linspace(-1, 1, 64, dtype="float32")
times = []
for _ in range(200):
    start = time.perf_counter()
    found = lake.search_one("docs", query, backend="mine")
    times.append(time.perf_counter() - start)
assert lake.cache_stats().primes == 0
print(*found.ids)
"""


def test_another_process_goes_on_from_what_was_saved(tmp_path: pathlib.Path) -> None:
    store = rv.LocalBackend("mine")
    store.put("docs", np.arange(50_000) * 3, RNG.standard_normal((50_000, 64)).astype(np.float32))
    lake = rv.RuLake([store])
    query = np.linspace(-1, 1, 64, dtype="float32")
    expected = lake.search_one("docs", query).ids.tolist()
    lake.save_cache_to_dir(KEY, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", WARM, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert [int(i) for i in done.stdout.split()] == expected
