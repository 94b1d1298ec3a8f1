"""A person's program over lakes."""

import asyncio
import tempfile
from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
import polars as pl

import ruvector as rv
from ruvector import Consistency

rows = np.eye(4, dtype=np.float32)
store = rv.LocalBackend("mine")
store.put("docs", [7, 42, 99, 2000], rows)
assert_type(store.upsert("docs", [7], rows[:1]), int)
assert_type(store.delete("docs", [5], missing="ignore"), int)
assert_type(store.id, str)

lake = rv.RuLake([store], consistency=Consistency.EVENTUAL(ttl=2.5), cache_bytes=10**8)
same = rv.RuLake.builder().rerank_factor(20).rotation_seed(42).max_cache_entries(9).build()
assert_type(same, rv.RuLake)

found = lake.search_one("docs", rows[0], k=2, consistency=Consistency.FRESH, backend="mine")
assert_type(found, rv.LakeResult)
assert_type(found.scores, npt.NDArray[np.float32])
assert_type(found.plan, rv.Plan)
assert_type(found.errors, Mapping[tuple[str, str], BaseException])
assert_type(lake.search_batch("docs", rows), rv.LakeResult)
assert_type(lake.search_federated(rows[0], targets=[("mine", "docs")]), rv.LakeResult)

frame = pl.DataFrame({"id": [7, 42, 99, 2000], "name": list("abcd")})
gathered = lake.search_one("docs", rows[0], k=2, frame=frame, ids_on="id")
assert_type(gathered, pl.DataFrame)
assert gathered["name"].to_list()[0] == "a"
assert_type(found.rows(frame), pl.DataFrame)

key = ("mine", "docs")
with tempfile.TemporaryDirectory() as folder:
    assert_type(lake.publish_bundle(key, folder), rv.RuLakeBundle)
    assert_type(lake.refresh_from_bundle_dir(key, folder), rv.RefreshResult)
    assert_type(lake.save_cache_to_dir(key, folder), str)
    assert_type(lake.warm_from_dir(key, folder), int)
assert_type(lake.cache_stats(), rv.CacheStats)
assert_type(lake.cache_stats().hits, int)
assert_type(key in lake, bool)
lake.pin(key)
lake.unpin(key)

with lake.session() as session:
    session.search_one("docs", rows[0])
    session.invalidate_cache(key)


async def main() -> None:
    """Ask in an event loop."""
    assert_type(await lake.search_one_async("docs", rows[1], k=1), rv.LakeResult)
    assert_type(await lake.search_federated_async(rows[1]), rv.LakeResult)
    assert_type(await lake.cache_stats_async(), rv.CacheStats)


asyncio.run(main())


def first_id(result: rv.LakeResult) -> Any:
    """Return the id of the best row."""
    return result.hits()[0].id


assert first_id(found) == 7
