"""Every verb of a lake has a twin for event loops, which cancels, and outside of one says so."""

from __future__ import annotations

import asyncio
import inspect
import pathlib
import statistics
import subprocess
import sys
import textwrap
import time
from typing import Any

import numpy as np
import pytest

import ruvector as rv

RNG = np.random.default_rng(16)
ROWS = RNG.standard_normal((3000, 32)).astype(np.float32)
KEY = ("mine", "docs")
NO_TWIN = {"builder", "session", "close"}


@pytest.fixture
def store() -> rv.LocalBackend:
    made = rv.LocalBackend("mine")
    made.put("docs", np.arange(3000), ROWS)
    return made


@pytest.fixture
def lake(store: rv.LocalBackend) -> rv.RuLake:
    return rv.RuLake([store])


@pytest.mark.parametrize("cls", [rv.RuLake, rv.LocalBackend])
def test_every_verb_has_a_twin_of_its_signature(cls: Any) -> None:
    public = {
        name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))
    }
    verbs = {name for name in public if not name.endswith("_async")} - NO_TWIN
    assert verbs and {name + "_async" for name in verbs} == public - verbs - NO_TWIN
    for name in verbs:
        plain, twin = getattr(cls, name), getattr(cls, name + "_async")
        assert inspect.iscoroutinefunction(twin)
        assert inspect.signature(plain) == inspect.signature(twin), name
        assert twin.__doc__


def test_answers_are_those_of_the_plain_verbs(
    store: rv.LocalBackend, lake: rv.RuLake, tmp_path: pathlib.Path
) -> None:
    query, other = ROWS[3] + 0.1, tmp_path / "two"

    async def main() -> None:
        for _ in range(2):  # cold and warm
            found = await lake.search_one_async("docs", query, k=4)
            assert found.hits() == lake.search_one("docs", query, k=4).hits()
            batch = await lake.search_batch_async("docs", ROWS[:5])
            assert batch.hits() == lake.search_batch("docs", ROWS[:5]).hits()
            whole = await lake.search_federated_async(query, targets=[KEY])
            assert whole.hits() == lake.search_federated(query, targets=[KEY]).hits()
        published = await lake.publish_bundle_async(KEY, tmp_path)
        assert published == lake.publish_bundle(KEY, other)
        up_to_date = rv.RefreshResult.UP_TO_DATE
        assert await lake.refresh_from_bundle_dir_async(KEY, tmp_path) is up_to_date
        await store.upsert_async("docs", [1, 10**6], ROWS[:2])
        await store.append_async("docs", [10**7], ROWS[:1])
        assert await store.delete_async("docs", [10**7]) == 1
        await store.put_async("more", None, ROWS)
        await lake.prime_async(KEY)
        path = await lake.save_cache_to_dir_async(KEY, other)
        assert pathlib.Path(path).parent == other
        second = rv.RuLake(consistency=rv.Consistency.FROZEN)
        assert await second.warm_from_dir_async(KEY, other) == 3001
        await second.register_backend_async(store)
        assert await second.backend_ids_async() == ["mine"]
        assert await second.collections_async() == [KEY, ("mine", "more")]
        assert await second.cache_stats_async() == second.cache_stats()
        assert await second.cache_stats_by_backend_async() == second.cache_stats_by_backend()
        by_key = await second.cache_stats_by_collection_async()
        assert by_key == second.cache_stats_by_collection()
        assert await second.cache_witness_of_async(KEY) == second.cache_witness_of(KEY)
        await second.pin_async(KEY)
        await second.unpin_async(KEY)
        await second.set_consistency_async(KEY, rv.Consistency.FRESH)
        assert await second.invalidate_cache_async(KEY)

    asyncio.run(main())


def test_errors_are_those_of_the_plain_verbs(lake: rv.RuLake, tmp_path: pathlib.Path) -> None:
    async def main() -> None:
        with pytest.raises(rv.UnknownCollection, match="nowhere"):
            await lake.search_one_async("nowhere", ROWS[0])
        with pytest.raises(rv.DimensionMismatch):
            await lake.search_one_async("docs", ROWS[0, :3])
        with pytest.raises(rv.InvalidArgument):
            await lake.search_batch_async("docs", ROWS[:2], k=-1)
        with pytest.raises(rv.UnknownBackend):
            await lake.publish_bundle_async(("x", "y"), tmp_path)

    asyncio.run(main())


def test_outside_a_loop_a_verb_says_so(lake: rv.RuLake) -> None:
    waiting = lake.search_one_async("docs", ROWS[0])
    with pytest.raises(RuntimeError, match="event loop"):
        waiting.send(None)


def test_the_loop_goes_on_while_a_lake_works(store: rv.LocalBackend) -> None:
    rows = RNG.standard_normal((40_000, 64)).astype(np.float32)
    store.put("large", None, rows)
    lake = rv.RuLake([store])

    async def main() -> int:
        turns, done = 0, asyncio.ensure_future(lake.search_one_async("large", rows[0]))
        while not done.done():
            await asyncio.sleep(0)
            turns += 1
        assert (await done).ids[0] == 0
        return turns

    assert asyncio.run(main()) > 20


def test_cancelling_leaves_the_lake_as_it_was(store: rv.LocalBackend) -> None:
    rows = RNG.standard_normal((60_000, 64)).astype(np.float32)
    store.put("large", None, rows)
    lake = rv.RuLake([store])

    async def main() -> None:
        cancelled = 0
        for i in range(5):
            waiting = asyncio.ensure_future(lake.search_one_async("large", rows[0]))
            await asyncio.sleep(i / 1e4)
            if waiting.cancel():
                cancelled += 1
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            lake.invalidate_cache(("mine", "large"))
        assert cancelled
        assert (await lake.search_one_async("large", rows[7], k=1)).ids.tolist() == [7]

    asyncio.run(main())


def test_a_thousand_at_once_need_no_thread_of_python() -> None:
    """In a process of its own: other tests' stores have threads that come and go."""
    code = """
        import asyncio, threading
        import numpy as np, ruvector as rv

        rows = np.random.default_rng(1).standard_normal((2000, 20), dtype=np.float32)
        store = rv.LocalBackend("mine")
        store.put("docs", None, rows)
        lake = rv.RuLake([store])
        lake.prime(("mine", "docs"))
        before = threading.active_count()

        async def main():
            waiting = [lake.search_one_async("docs", rows[i], k=1) for i in range(1000)]
            found = await asyncio.gather(*waiting)
            assert [int(one.ids[0]) for one in found] == list(range(1000))
            return threading.active_count()

        assert asyncio.run(main()) == before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_hundred_at_once_are_not_slower_than_one_after_the_other() -> None:
    rows = RNG.standard_normal((50_000, 128)).astype(np.float32)
    store = rv.LocalBackend("mine")
    store.put("docs", None, rows)
    lake = rv.RuLake([store])
    queries = RNG.standard_normal((100, 128)).astype(np.float32)
    lake.search_one("docs", queries[0])

    async def together() -> None:
        await asyncio.gather(*(lake.search_one_async("docs", query) for query in queries))

    plain, at_once = [], []
    for _ in range(5):
        start = time.perf_counter()
        for query in queries:
            lake.search_one("docs", query)
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        asyncio.run(together())
        at_once.append(time.perf_counter() - start)
    assert statistics.median(at_once) < 10 * statistics.median(plain)
