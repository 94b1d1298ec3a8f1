"""A lake over stores that are written in Python: answers, freshness, failures, hangs."""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import Any

import duckdb
import lancedb
import numpy as np
import obstore
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector import Consistency

RNG = np.random.default_rng(5)
ROWS = RNG.standard_normal((400, 16)).astype(np.float32)
IDS = np.arange(400) * 3 + 1
QUERIES = RNG.standard_normal((10, 16)).astype(np.float32)


class Mine(rv.BackendAdapter):
    """Rows in a dictionary; what `behave` has is called before a method answers."""

    def __init__(self, name: str = "mine", **rows: Any) -> None:
        self.id = name
        self.rows = rows or {"docs": (IDS, ROWS)}
        self.number = 1
        self.calls: list[str] = []
        self.behave: dict[str, Any] = {}

    def _called(self, verb: str, collection: str) -> None:
        self.calls.append(verb)
        assert threading.current_thread() is not threading.main_thread()
        self.behave.get(verb, lambda _: None)(collection)

    def list_collections(self) -> Any:
        self._called("list", "")
        return self.rows

    def generation(self, collection: str) -> Any:
        self._called("generation", collection)
        if collection not in self.rows:
            raise rv.UnknownCollection(f"no {collection}")
        return self.number

    def pull_vectors(self, collection: str) -> Any:
        self._called("pull", collection)
        return self.rows[collection]


def equal(found: Any, direct: Any) -> None:
    np.testing.assert_array_equal(found.ids, direct.ids)
    np.testing.assert_array_equal(found.scores, direct.scores)


def _duckdb(_: pathlib.Path) -> Any:
    base = duckdb.connect()
    base.register("frame", pa.table({"id": IDS, "v": list(ROWS)}))
    base.execute("CREATE TABLE docs AS SELECT id, v::FLOAT[16] AS v FROM frame")
    return rv.DuckDBBackend("store", base, ids="id", column="v")


def _sqlite(folder: pathlib.Path) -> Any:
    base = sqlite3.connect(folder / "a.db")
    base.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, v BLOB)")
    rows = [(int(i), row.tobytes()) for i, row in zip(IDS, ROWS, strict=True)]
    base.executemany("INSERT INTO docs VALUES (?, ?)", rows)
    base.commit()
    return rv.SQLiteBackend("store", folder / "a.db", ids="id", column="v")


def _lancedb(folder: pathlib.Path) -> Any:
    base = lancedb.connect(folder)
    vectors = pa.FixedSizeListArray.from_arrays(ROWS.ravel(), 16)
    base.create_table("docs", pa.table({"id": IDS, "v": vectors}))
    return rv.LanceDBBackend("store", base, ids="id", column="v")


def _pandas(_: pathlib.Path) -> Any:
    frame = pd.DataFrame({"id": IDS, "v": list(ROWS)})
    return rv.FrameBackend("store", {"docs": frame}, ids="id", column="v")


def _polars(_: pathlib.Path) -> Any:
    return rv.FrameBackend("store", {"docs": pl.DataFrame({"id": IDS, "v": ROWS})}, ids="id",
                           column="v")  # fmt: skip


def _objects(folder: pathlib.Path) -> Any:
    vectors = pa.FixedSizeListArray.from_arrays(ROWS.ravel(), 16)
    pq.write_table(pa.table({"id": IDS, "v": vectors}), folder / "docs.parquet")
    store = obstore.store.LocalStore(str(folder))
    return rv.ObjectStoreBackend("store", store, ids="id", column="v")


@pytest.mark.parametrize("make", [_duckdb, _sqlite, _lancedb, _pandas, _polars, _objects])
def test_every_store_answers_as_a_direct_index(tmp_path: pathlib.Path, make: Any) -> None:
    store = make(tmp_path)
    lake = rv.RuLake([store], recall=1)
    direct = rv.Index.build(ROWS, ids=IDS, metric="l2")
    equal(lake.search_batch("docs", QUERIES), direct.search(QUERIES, recall=1))
    equal(lake.search_one("docs", QUERIES[0]), direct.search(QUERIES[0], recall=1))
    stats = lake.cache_stats()
    assert (stats.primes, stats.hits) == (1, 1)
    # Published, followed and warmed like any other store.
    bundle = lake.publish_bundle(("store", "docs"), tmp_path / "b")
    assert bundle.dim == 16
    assert bundle.data_ref == rv.RuLakeBundle.read(tmp_path / "b").data_ref
    lake.save_cache_to_dir(("store", "docs"), tmp_path / "b")
    reader = rv.RuLake([store], recall=1, consistency=Consistency.FROZEN)
    assert reader.warm_from_dir(("store", "docs"), tmp_path / "b") == 400
    equal(reader.search_batch("docs", QUERIES), direct.search(QUERIES, recall=1))
    assert reader.cache_stats().primes == 0


def test_two_stores_are_searched_as_one(tmp_path: pathlib.Path) -> None:
    base = duckdb.connect()
    base.register("frame", pa.table({"id": IDS[:200], "v": list(ROWS[:200])}))
    base.execute("CREATE TABLE docs AS SELECT * FROM frame")
    first = rv.DuckDBBackend("duck", base, ids="id", column="v")
    second = Mine("mine", more=([f"n{i}" for i in range(200)], ROWS[200:]))
    lake = rv.RuLake([first, second], recall=1)
    found = lake.search_federated(QUERIES[0], k=20)
    names = [*IDS[:200].tolist(), *(f"n{i}" for i in range(200))]
    order = np.argsort(((ROWS - QUERIES[0]) ** 2).sum(1), kind="stable")[:20]
    assert [hit.id for hit in found.hits()] == [names[i] for i in order]
    assert set(found.backends) == {"duck", "mine"}
    assert sorted(lake.collections()) == [("duck", "docs"), ("mine", "more")]


def test_changes_are_followed_as_the_consistency_says() -> None:
    store = Mine()
    fresh = rv.RuLake([store])
    frozen = rv.RuLake([store], consistency=Consistency.FROZEN)
    slow = rv.RuLake([store], consistency=Consistency.EVENTUAL(ttl=3600))
    with pytest.raises(rv.CacheMissError, match="mine/docs is not in the cache"):
        frozen.search_one("docs", ROWS[5], backend="mine")
    frozen.prime(("mine", "docs"))
    for lake in (fresh, frozen, slow):
        assert lake.search_one("docs", ROWS[5], k=1).ids.tolist() == [16]
    store.rows["docs"] = (IDS + 1, ROWS)
    store.number = 2
    store.calls.clear()
    assert frozen.search_one("docs", ROWS[5], k=1).ids.tolist() == [16]
    assert slow.search_one("docs", ROWS[5], k=1).ids.tolist() == [16]
    assert store.calls == []
    assert fresh.search_one("docs", ROWS[5], k=1).ids.tolist() == [17]
    store.calls.clear()
    fresh.search_one("docs", ROWS[5], k=1)
    assert store.calls == ["generation"], "what is fresh is not pulled again"


def test_memory_that_an_adapter_writes_to_later_changes_no_answer() -> None:
    rows = ROWS.copy()
    lake = rv.RuLake([Mine(docs=(IDS, rows))])
    direct = rv.Index.build(ROWS, ids=IDS, metric="l2").search(QUERIES[0], rerank=200)
    lake.prime(("mine", "docs"))
    rows[:] = 0
    equal(lake.search_one("docs", QUERIES[0]), direct)


def test_many_searches_pull_once() -> None:
    store = Mine()
    store.behave["pull"] = lambda _: time.sleep(0.1)
    lake = rv.RuLake([store])
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(lake.search_one("docs", QUERIES[0])))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.calls.count("pull") == 1
    for one in found[1:]:
        equal(one, found[0])


def test_what_a_store_raises_is_the_cause_of_what_a_search_raises() -> None:
    store = Mine(docs=(IDS, ROWS), other=(IDS, ROWS))
    good = rv.LocalBackend("good")
    good.put("docs2", IDS, ROWS)
    lake = rv.RuLake([store, good])
    lake.search_one("docs", QUERIES[0])
    failure = ConnectionResetError("the network is down")

    def broken(_: str) -> None:
        raise failure

    store.behave["generation"] = broken
    for search in (
        lambda: lake.search_one("docs", QUERIES[0]),
        lambda: lake.search_batch("docs", QUERIES),
        lambda: lake.search_federated(QUERIES[0]),
        lambda: asyncio.run(lake.search_one_async("docs", QUERIES[0])),
        lambda: lake.publish_bundle(("mine", "docs"), "/nonexistent"),
    ):
        with pytest.raises(rv.BackendError, match=r"mine.*docs.*Reset.*network is down") as caught:
            search()
        assert caught.value.__cause__ is failure
    some = lake.search_federated(QUERIES[0], partial=True)
    assert set(some.backends) == {"good"}
    assert set(some.errors) == {("mine", "docs"), ("mine", "other")}
    assert {e.__cause__ for e in some.errors.values()} == {failure}
    assert lake.search_one("docs2", QUERIES[0]).ids.size == 10, "others are not affected"
    del store.behave["generation"]
    lake.search_one("docs", QUERIES[0])
    store.behave["pull"] = broken
    store.number = 2
    with pytest.raises(rv.BackendError, match="pull_vectors"):
        lake.search_one("docs", QUERIES[0])
    with pytest.raises(rv.UnknownCollection, match="nope"):
        lake.search_one("nope", QUERIES[0], backend="mine")


def test_an_old_answer_is_kept_where_the_lake_allows_it() -> None:
    store = Mine()
    lake = rv.RuLake([store], stale_if_error=True)
    before = lake.search_one("docs", QUERIES[0])

    def broken(_: str) -> None:
        raise OSError("down")

    store.behave["generation"] = store.behave["pull"] = broken
    equal(lake.search_one("docs", QUERIES[0]), before)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ((IDS, ROWS * np.nan), "row 0"),
        ((IDS[:3], ROWS), "3 ids for 400"),
        ((np.zeros(400, int), ROWS), "used before"),
        ((IDS, list(map(str, range(400)))), "text"),
        ((IDS.astype(float), ROWS), "ids"),
    ],
)
def test_rows_that_cannot_be_are_named_and_the_rest_goes_on(rows: Any, why: str) -> None:
    lake = rv.RuLake([Mine(docs=rows, good=(IDS, ROWS))])
    with pytest.raises(rv.BackendError, match=f"(?s)mine.*docs.*{why}"):
        lake.search_one("docs", QUERIES[0])
    assert lake.search_one("good", QUERIES[0]).ids.size == 10


def test_a_generation_that_goes_back_is_named() -> None:
    store = Mine()
    lake = rv.RuLake([store])
    store.number = 5
    lake.search_one("docs", QUERIES[0])
    store.number = 4
    with pytest.raises(rv.BackendError, match="went back from 5 to 4"):
        lake.search_one("docs", QUERIES[0])
    store.number = True
    with pytest.raises(rv.BackendError, match="True"):
        lake.search_one("docs", QUERIES[0])
    store.number = 6
    lake.search_one("docs", QUERIES[0])


def test_a_hang_ends_with_a_deadline_ctrl_c_and_cancelling() -> None:
    release = threading.Event()
    store = Mine(bad=(IDS, ROWS), docs=(IDS, ROWS))
    store.behave["generation"] = lambda name: name == "bad" and release.wait()
    lake = rv.RuLake([store])
    began = time.monotonic()
    with pytest.raises(rv.LakeError, match="deadline"):
        lake.search_federated(QUERIES[0], targets=[("mine", "bad")], deadline=0.1)
    some = lake.search_federated(
        QUERIES[0], targets=[("mine", "bad"), ("mine", "docs")], deadline=0.3, partial=True
    )
    assert set(some.backends) == {"mine"}
    assert list(some.errors) == [("mine", "bad")]
    for search in (
        lambda: lake.search_one("bad", QUERIES[0]), lambda: lake.search_batch("bad", QUERIES)
    ):  # fmt: skip
        timer = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            search()

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await lake.search_one_async("bad", QUERIES[0])

    asyncio.run(cancelled())
    assert time.monotonic() - began < 20
    assert lake.search_one("docs", QUERIES[0]).ids.size == 10
    release.set()


def test_a_pull_that_hangs_leaves_other_collections_alone() -> None:
    release, before = threading.Event(), set(threading.enumerate())
    store = Mine(bad=(IDS, ROWS), docs=(IDS, ROWS))
    store.max_calls = 2
    store.behave["pull"] = lambda name: name == "bad" and release.wait()
    lake = rv.RuLake([store])
    for _ in range(5):
        with pytest.raises(rv.LakeError):
            lake.search_federated(QUERIES[0], targets=[("mine", "bad")], deadline=0.1)
        assert lake.search_one("docs", QUERIES[0]).ids.size == 10
    release.set()
    lake.close()
    until = time.monotonic() + 30
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.02)  # they still hold rows that nobody wants


class Told(Mine):
    def current_bundle(self, collection: str) -> Any:
        self._called("bundle", collection)
        return rv.RuLakeBundle(
            f"s3://bucket/{collection}", 16, 1, 1, self.number, pii_policy="none",
            lineage_id="run 7", memory_class="cold",
        )  # fmt: skip


def test_what_an_adapter_says_of_a_bundle_is_published(tmp_path: pathlib.Path) -> None:
    store = Told()
    lake = rv.RuLake([store])
    bundle = lake.publish_bundle(("mine", "docs"), tmp_path)
    assert bundle == rv.RuLakeBundle.read(tmp_path)
    assert (bundle.pii_policy, bundle.lineage_id, bundle.memory_class) == ("none", "run 7", "cold")
    assert bundle.data_ref == "s3://bucket/docs"
    assert (bundle.rotation_seed, bundle.rerank_factor) == (42, 20), "those of the lake"
    store.current_bundle = lambda collection: {}  # type: ignore[method-assign]
    store.number = 2
    with pytest.raises(rv.BackendError, match="RuLakeBundle"):
        lake.publish_bundle(("mine", "docs"), tmp_path)


def test_names_that_are_taken_start_no_threads() -> None:
    store = Mine()
    lake = rv.RuLake([store])
    before = set(threading.enumerate())
    for _ in range(5):
        with pytest.raises(rv.InvalidArgument, match="already"):
            lake.register_backend(store)
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize("how", ["close", "forget"])
def test_threads_end_with_the_lake(how: str) -> None:
    before = set(threading.enumerate())
    store = Mine()
    lake = rv.RuLake([store])
    lake.search_one("docs", QUERIES[0])
    assert set(threading.enumerate()) - before
    if how == "close":
        lake.close()
    del lake
    gc.collect()
    until = time.monotonic() + 30
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.02)
    assert not set(threading.enumerate()) - before
    again = rv.RuLake([store])
    assert again.search_one("docs", QUERIES[0]).ids.size == 10


ENDS = """
import sys, threading, time
sys.path.insert(0, {here!r})
import ruvector as rv
from test_rulake_adapters import Mine, QUERIES
store = Mine()
store.behave["pull"] = lambda _: (print("asked", flush=True), threading.Event().wait())
lake = rv.RuLake([store])
threading.Thread(target=lambda: lake.search_one("docs", QUERIES[0]), daemon=True).start()
time.sleep(.5)
"""


def test_the_interpreter_ends_while_a_store_hangs() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-c", ENDS.format(here=here)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "asked\n"), done.stderr
