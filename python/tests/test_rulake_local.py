"""A lake over stores in memory answers as a direct index does, and follows every change."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import Consistency

RNG = np.random.default_rng(15)
ROWS = RNG.standard_normal((600, 24)).astype(np.float32)
IDS = np.arange(600) * 7 + 3
KEY = ("mine", "docs")


def lake_of(*stores: Any, **options: Any) -> rv.RuLake:
    return rv.RuLake(stores, **options)


@pytest.fixture
def store() -> rv.LocalBackend:
    made = rv.LocalBackend("mine")
    made.put("docs", IDS, ROWS)
    return made


@pytest.fixture
def lake(store: rv.LocalBackend) -> rv.RuLake:
    return rv.RuLake([store])


def equal(found: Any, direct: Any) -> None:
    np.testing.assert_array_equal(found.ids, direct.ids)
    np.testing.assert_array_equal(found.scores, direct.scores)
    np.testing.assert_array_equal(found.counts, direct.counts)
    assert found.ids.dtype == direct.ids.dtype


@pytest.mark.parametrize("metric", ["l2", "cosine", "dot", "sqeuclidean"])
def test_fifty_thousand_rows_equal_a_direct_index(metric: Any) -> None:
    rows = RNG.standard_normal((50_000, 128)).astype(np.float32)
    ids = RNG.permutation(10**6)[:50_000]
    store = rv.LocalBackend("mine")
    store.put("docs", ids, rows)
    lake = rv.RuLake([store], metric=metric)
    direct = rv.Index.build(rows, ids=ids, metric=metric)
    queries = RNG.standard_normal((20, 128)).astype(np.float32)
    for query in queries:
        equal(lake.search_one("docs", query), direct.search(query, rerank=200))
    equal(lake.search_batch("docs", queries), direct.search(queries, rerank=200))
    exact = rv.RuLake([store], metric=metric, recall=1)
    for query in queries[:5]:
        equal(exact.search_one("docs", query), direct.search(query, recall=1.0))
        equal(lake.search_one("docs", query, recall=1.0), direct.search(query, recall=1.0))


@pytest.mark.parametrize(
    "ids",
    [
        *(np.arange(600).astype(t) for t in ("h", "H", "i", "I", "l", "L", ">i4")),
        np.arange(600, dtype=np.uint64) + np.uint64(2**63),
        [f"text {i} é" for i in range(600)],
        [2**64 - 1 - i for i in range(600)],
        np.arange(600) - 300,
        pd.Series(range(600)),
        pl.Series([str(i) for i in range(600)]),
        pa.array(range(600)),
        None,
    ],
    ids=lambda ids: f"{type(ids).__name__}-{getattr(ids, 'dtype', '')}",
)
def test_ids_come_back_as_they_went_in(ids: Any) -> None:
    store = rv.LocalBackend("mine")
    store.put("docs", ids, ROWS)
    lake = rv.RuLake([store])
    expected = (
        list(range(600)) if ids is None else [getattr(i, "as_py", lambda i=i: i)() for i in ids]
    )
    for _ in range(2):
        for row in (0, 17, 599):
            found = lake.search_one("docs", ROWS[row], k=1)
            assert found.ids.tolist() == [expected[row]]
            assert type(found.hits()[0].id) in (int, str)
    batch = lake.search_batch("docs", ROWS[:4], k=1)
    assert batch.ids.ravel().tolist() == expected[:4]
    chosen = [expected[5], expected[9]]
    assert set(lake.search_one("docs", ROWS[0], ids=chosen).ids.tolist()) == set(chosen)


def test_every_change_is_found_at_once(store: rv.LocalBackend, lake: rv.RuLake) -> None:
    assert lake.search_one("docs", ROWS[0], k=1).ids.tolist() == [IDS[0]]
    store.append("docs", [10**6], ROWS[:1] + 100)
    assert lake.search_one("docs", ROWS[0] + 100, k=1).ids.tolist() == [10**6]
    assert store.upsert("docs", [int(IDS[0]), 10**6 + 1], ROWS[:2] - 100) == 1
    assert lake.search_one("docs", ROWS[0] - 100, k=1).ids.tolist() == [IDS[0]]
    assert store.delete("docs", [10**6, 10**6 + 1, 10**6]) == 2
    assert len(lake.search_one("docs", ROWS[0], k=1000).ids) == 600
    store.put("docs", ["a"], np.ones((1, 3), np.float32))
    assert lake.search_one("docs", np.ones(3, np.float32)).hits() == [
        rv.LakeHit("mine", "docs", "a", 0.0)
    ]
    stats = lake.cache_stats()
    assert (stats.primes, stats.hits, stats.entries) == (5, 0, 1)


def test_what_was_given_may_be_changed_afterwards(store: rv.LocalBackend) -> None:
    rows, ids = ROWS.copy(), IDS.copy()
    store.put("other", ids, rows)
    rows[:], ids[:] = 7, 0
    found = rv.RuLake([store]).search_one("other", ROWS[3], k=1)
    assert (found.ids[0], found.scores[0]) == (IDS[3], 0)


def test_upsert_makes_a_collection() -> None:
    store = rv.LocalBackend("mine")
    assert store.upsert("new", [1, 2], np.eye(2, dtype=np.float32)) == 0
    assert rv.RuLake([store]).search_one("new", [0, 1], k=1).ids.tolist() == [2]
    threads = [
        threading.Thread(target=store.upsert, args=("made", [i], np.full((1, 2), i, np.float32)))
        for i in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rv.RuLake([store]).search_one("made", [0, 0], k=100).ids) == 20


def test_consistency_says_when_the_store_is_asked(store: rv.LocalBackend) -> None:
    lake = rv.RuLake([store], consistency=Consistency.EVENTUAL(ttl=3600))
    far = np.full(24, 1000, np.float32)
    before = lake.search_one("docs", far, k=1).ids.tolist()
    store.append("docs", [5], far[None])
    assert lake.search_one("docs", far, k=1).ids.tolist() == before
    frozen = lake.search_one("docs", far, k=1, consistency=Consistency.FROZEN)
    assert frozen.ids.tolist() == before
    fresh = lake.search_one("docs", far, k=1, consistency=Consistency.FRESH)
    assert fresh.ids.tolist() == [5]
    store.delete("docs", 5)
    assert lake.search_one("docs", far, k=1).ids.tolist() == [5]
    lake.set_consistency(KEY, Consistency.FRESH)
    assert lake.search_one("docs", far, k=1).ids.tolist() == before
    store.append("docs", [5], far[None])
    lake.set_consistency(KEY, None)
    assert lake.search_one("docs", far, k=1).ids.tolist() == before
    assert lake.search_one("docs", far, k=1, consistency=Consistency.EVENTUAL(ttl=0)).ids == [5]


def test_stats_are_told_at_three_levels(store: rv.LocalBackend) -> None:
    other = rv.LocalBackend("other")
    other.put("docs", IDS, ROWS)
    other.put("more", IDS, ROWS)
    lake = rv.RuLake([store, other])
    assert lake.cache_stats() == rv.CacheStats() and lake.cache_stats().hit_rate is None
    for _ in range(4):
        lake.search_one("docs", ROWS[0], backend="mine")
        lake.search_batch("more", ROWS[:50])
    whole, stores, keys = (
        lake.cache_stats(), lake.cache_stats_by_backend(), lake.cache_stats_by_collection(),
    )  # fmt: skip
    assert (whole.hits, whole.misses, whole.primes, whole.entries) == (6, 2, 2, 2)
    assert whole.hit_rate == 0.75 and whole.resident_bytes > 2 * ROWS.nbytes
    assert {name: s.hits for name, s in stores.items()} == {"mine": 3, "other": 3}
    assert {key: s.misses for key, s in keys.items()} == {KEY: 1, ("other", "more"): 1}
    assert KEY in lake and "more" in lake and ("other", "docs") not in lake and "x" not in lake
    assert lake.invalidate_cache(KEY) and not lake.invalidate_cache(KEY) and KEY not in lake
    for shown in (lake._repr_html_(), whole._repr_html_()):
        assert "hit rate" in shown and "75.0%" in shown


def test_a_witness_is_that_of_the_data(lake: rv.RuLake, store: rv.LocalBackend) -> None:
    assert lake.cache_witness_of(KEY) is None
    lake.prime(KEY)
    bundle = rv.RuLakeBundle("local://mine/docs", 24, 42, 20, 1)
    assert lake.cache_witness_of(KEY) == bundle.witness
    store.delete("docs", int(IDS[0]))
    lake.search_one("docs", ROWS[0])
    assert lake.cache_witness_of(KEY) == rv.RuLakeBundle("local://mine/docs", 24, 42, 20, 2).witness


def test_pinned_collections_stay(store: rv.LocalBackend) -> None:
    lake = rv.RuLake([store], max_cache_entries=2)
    for name in "abc":
        store.put(name, IDS, ROWS)
    lake.prime(("mine", "a"))
    lake.pin(("mine", "a"))
    for name in "bcbc":
        lake.search_one(name, ROWS[0])
    assert ("mine", "a") in lake and lake.cache_stats().entries == 2
    assert lake.cache_stats().evictions >= 2
    lake.unpin(("mine", "a"))
    for name in "bc":
        lake.search_one(name, ROWS[0])
    assert ("mine", "a") not in lake


def test_a_collection_is_found_by_its_name_where_that_is_enough(store: rv.LocalBackend) -> None:
    other = rv.LocalBackend("other")
    other.put("alone", IDS, ROWS)
    lake = rv.RuLake([store, other])
    assert lake.search_one("alone", ROWS[0], k=1).backends.tolist() == ["other"]
    assert lake.search_one("docs", ROWS[0], k=1).backends.tolist() == ["mine"]
    third = rv.LocalBackend("third")
    third.put("docs", IDS, ROWS)
    lake.register_backend(third)
    with pytest.raises(rv.RuVectorError, match="mine, third"):
        lake.search_one("docs", ROWS[0])
    assert lake.search_one("docs", ROWS[0], k=1, backend="third").backends.tolist() == ["third"]
    assert lake.collections() == [("mine", "docs"), ("other", "alone"), ("third", "docs")]


def test_what_is_not_there_is_named(lake: rv.RuLake) -> None:
    with pytest.raises(rv.UnknownCollection, match="nowhere"):
        lake.search_one("nowhere", ROWS[0])
    with pytest.raises(rv.UnknownCollection, match="nowhere"):
        lake.search_batch("nowhere", ROWS[:2], backend="mine")
    with pytest.raises(rv.UnknownBackend, match="elsewhere"):
        lake.search_one("docs", ROWS[0], backend="elsewhere")
    with pytest.raises(rv.UnknownCollection):
        rv.LocalBackend("x").append("docs", [1], ROWS[:1])
    with pytest.raises(rv.InvalidArgument, match="mine"):
        lake.register_backend(rv.LocalBackend("mine"))
    assert issubclass(rv.UnknownBackend, rv.LakeError) and issubclass(rv.BackendError, rv.LakeError)


NAMES = [
    "",
    "../x",
    "a/b",
    "a\\b",
    "C:x",
    ".",
    "..",
    "a\0b",
    "a\nb",
    "x" * 256,
    "CON",
    "end.",
    7,
    None,
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_that_no_collection_may_have(store: rv.LocalBackend, name: Any) -> None:
    wrong = (rv.InvalidArgument, rv.LakeError)
    with pytest.raises(wrong):
        store.put(name, IDS, ROWS)
    with pytest.raises(wrong):
        rv.RuLake([store]).search_one(name, ROWS[0])
    if name is not None:
        with pytest.raises(wrong):
            rv.LocalBackend(name)
        with pytest.raises(wrong):
            rv.RuLake([store]).search_one("docs", ROWS[0], backend=name)


def test_bad_rows_are_named(store: rv.LocalBackend) -> None:
    bad = ROWS.copy()
    bad[7, 5] = np.nan
    for change in (store.put, store.append, store.upsert):
        with pytest.raises(rv.InvalidVector) as caught:
            change("docs", IDS + 10**6, bad)
        assert (caught.value.row, caught.value.column) == (7, 5)
    with pytest.raises(rv.InvalidVector, match="null") as caught:
        store.put("docs", [1, 2], pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)))
    assert caught.value.row == 1
    with pytest.raises(rv.DuplicateId) as twice:
        store.put("docs", [1, 2, 1], ROWS[:3])
    assert twice.value.row == 2
    with pytest.raises(rv.DuplicateId):
        store.append("docs", IDS[:1], ROWS[:1])
    with pytest.raises(rv.InvalidArgument, match="2 ids for 3"):
        store.put("docs", [1, 2], ROWS[:3])
    with pytest.raises(rv.DimensionMismatch):
        store.append("docs", [10**6], ROWS[:1, :5])
    with pytest.raises(rv.InvalidArgument):
        store.append("docs", ["text"], ROWS[:1])
    with pytest.raises(rv.InvalidArgument, match="ids=None"):
        store.append("docs", None, ROWS[:1])
    with pytest.raises(rv.UnknownId):
        store.delete("docs", [int(IDS[0]), 1])
    assert store.delete("docs", [1, 2], missing="ignore") == 0
    with pytest.raises(rv.InvalidArgument, match="missing"):
        store.delete("docs", [1], missing="skip")  # type: ignore[arg-type]
    assert len(rv.RuLake([store]).search_one("docs", ROWS[0], k=1000).ids) == 600


def test_bad_questions_are_refused(lake: rv.RuLake) -> None:
    for _ in range(2):  # cold and warm
        with pytest.raises(rv.DimensionMismatch, match="24"):
            lake.search_one("docs", ROWS[0, :5])
        with pytest.raises(rv.InvalidVector):
            lake.search_one("docs", np.full(24, np.nan, np.float32))
        with pytest.raises(rv.InvalidVector):
            lake.search_one("docs", ["a", "b"])
        assert len(lake.search_one("docs", ROWS[0], k=2**40).ids) == 600
        with pytest.raises(rv.LimitExceeded):
            lake.search_batch("docs", ROWS[:2], k=2**40)
        lake.invalidate_cache(KEY)
        for k in (-1, 1.5, "3"):
            with pytest.raises((rv.InvalidArgument, rv.LimitExceeded)):
                lake.search_one("docs", ROWS[0], k=k)  # type: ignore[arg-type]
        with pytest.raises(rv.InvalidArgument, match="search_batch"):
            lake.search_one("docs", ROWS[:2])
        with pytest.raises(rv.InvalidArgument, match="search_one"):
            lake.search_batch("docs", ROWS[0])
        with pytest.raises(rv.InvalidArgument, match="pair"):
            lake.search_one(KEY, ROWS[0])  # type: ignore[arg-type]
        with pytest.raises(rv.InvalidArgument):
            lake.search_one("docs", ROWS[0], rerank_factor=0)
        with pytest.raises(rv.InvalidArgument):
            lake.search_one("docs", ROWS[0], recall=2)
        with pytest.raises(rv.UnknownId):
            lake.search_one("docs", ROWS[0], ids=[1])
        with pytest.raises(rv.InvalidArgument):
            lake.search_one("docs", ROWS[0], where=[True])
        lake.search_one("docs", ROWS[0])
    with pytest.raises(TypeError, match="k="):
        lake.search_one("docs", ROWS[0], top_k=3)  # type: ignore[call-overload]
    with pytest.raises(AttributeError, match="search_one"):
        lake.query  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "key", ["docs", ("mine",), ("mine", ""), ("mine", 3), None, 7, ("a", "b", "c")]
)
def test_a_key_is_a_pair_of_names(lake: rv.RuLake, key: Any) -> None:
    for verb in (lake.invalidate_cache, lake.pin, lake.prime, lake.cache_witness_of):
        with pytest.raises(rv.InvalidArgument):
            verb(key)
    if not isinstance(key, str):
        with pytest.raises(rv.InvalidArgument):
            assert key in lake


def test_a_session_sees_one_state(store: rv.LocalBackend, lake: rv.RuLake) -> None:
    far = np.full(24, 1000, np.float32)
    with lake.session() as session:
        before = session.search_one("docs", far, k=1).ids.tolist()
        store.append("docs", [5], far[None])
        assert session.search_one("docs", far, k=1).ids.tolist() == before
        assert session.search_batch("docs", far[None], k=1).ids.ravel().tolist() == before
        assert lake.search_one("docs", far, k=1).ids.tolist() == [5]
        session.invalidate_cache(KEY)
        assert KEY in lake
    assert KEY not in lake
    lake.prime(KEY)
    with pytest.raises(ZeroDivisionError), lake.session() as session:
        session.invalidate_cache(KEY)
        raise ZeroDivisionError
    assert KEY in lake
    with pytest.raises(rv.InvalidArgument, match="with"):
        session.search_one("docs", far)


def test_lakes_and_stores_of_memory_cannot_be_sent(lake: rv.RuLake, store: rv.LocalBackend) -> None:
    for thing in (lake, store):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.copy(thing)


def test_a_closed_lake_says_so(store: rv.LocalBackend) -> None:
    with rv.RuLake([store]) as lake:
        lake.search_one("docs", ROWS[0])
    lake.close()
    for ask in (
        lambda: lake.search_one("docs", ROWS[0]),
        lambda: lake.search_one("docs", ROWS[0], backend="mine"),
        lambda: lake.cache_stats(),
        lambda: lake.prime(KEY),
    ):
        with pytest.raises(rv.RuVectorError, match="closed"):
            ask()
    assert "closed" in repr(lake) and "closed" in lake._repr_html_()
    assert len(rv.RuLake([store]).search_one("docs", ROWS[0]).ids) == 10


def test_threads_search_while_the_store_changes(store: rv.LocalBackend, lake: rv.RuLake) -> None:
    stop, wrong = threading.Event(), []

    def search() -> None:
        try:
            while not stop.is_set():
                found = lake.search_one("docs", ROWS[4], k=2)
                if found.ids[0] != IDS[4] or found.scores[0] != 0:
                    wrong.append(found)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        store.append("docs", [10**7 + i], ROWS[i : i + 1] + 50)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(lake.search_one("docs", ROWS[4], k=1000).ids) == 630


def test_concurrent_misses_prime_once(lake: rv.RuLake) -> None:
    barrier = threading.Barrier(8)

    def search() -> None:
        barrier.wait()
        lake.search_one("docs", ROWS[0])

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lake.cache_stats().primes == 1
