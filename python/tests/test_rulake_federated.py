"""Many collections are searched as one: the union, exactly; or what could be asked, and why not."""

from __future__ import annotations

import pathlib
import pickle
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector._lake.adapter import BackendAdapter

RNG = np.random.default_rng(19)
ROWS = RNG.standard_normal((900, 16)).astype(np.float32)
IDS = np.arange(900) * 5
PARTS = {("a", "one"): slice(0, 300), ("a", "two"): slice(300, 500), ("b", "one"): slice(500, 900)}


def stores(ids: Any = IDS) -> list[rv.LocalBackend]:
    made = {name: rv.LocalBackend(name) for name in ("a", "b")}
    for (backend, collection), part in PARTS.items():
        made[backend].put(collection, ids[part], ROWS[part])
    return list(made.values())


@pytest.fixture
def lake() -> rv.RuLake:
    return rv.RuLake(stores(), recall=1)


@pytest.mark.parametrize("metric", ["l2", "cosine", "dot", "sqeuclidean"])
@pytest.mark.parametrize("targets", [None, list(PARTS)])
def test_an_exact_search_is_that_of_the_union(metric: Any, targets: Any) -> None:
    lake = rv.RuLake(stores(), recall=1, metric=metric)
    union = rv.Index.build(ROWS, ids=IDS, metric=metric)
    queries = RNG.standard_normal((20, 16)).astype(np.float32)
    batch = lake.search_federated(queries, k=12, targets=targets)
    for i, query in enumerate(queries):
        direct = union.search(query, k=12, recall=1.0)
        found = lake.search_federated(query, k=12, targets=targets)
        assert found.ids.tolist() == direct.ids.tolist() == batch.ids[i].tolist()
        assert found.scores.tolist() == direct.scores.tolist() == batch.scores[i].tolist()
        for hit in found.hits():
            part = PARTS[hit.backend, hit.collection]
            assert part.start <= hit.id // 5 < part.stop


def test_the_usual_search_finds_most_of_it() -> None:
    lake = rv.RuLake(stores(), kind="flat")
    union = rv.Index.build(ROWS, ids=IDS, metric="l2")
    queries = RNG.standard_normal((50, 16)).astype(np.float32)
    found, direct = lake.search_federated(queries).ids, union.search(queries, recall=1.0).ids
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, direct, strict=True))
    assert hits / direct.size > 0.95


def test_a_batch_has_places_for_all(lake: rv.RuLake) -> None:
    found = lake.search_federated(ROWS[:3], k=1000)
    assert found.ids.shape == (3, 1000) and found.counts.tolist() == [900] * 3
    assert found.backends[0, 900] is None and found.ids[0, 900] == -1
    assert np.isnan(found.scores[0, 900])
    frame = found.to_pandas()
    assert len(frame) == 2700 and frame["id"].nunique() == 900
    assert pickle.loads(pickle.dumps(found)).hits() == found.hits()
    assert lake.search_federated(np.empty((0, 16), np.float32)).ids.shape == (0, 10)
    assert lake.search_federated(ROWS[0], k=0).hits() == []
    assert lake.search_federated(ROWS[0], targets=[]).hits() == []


def test_only_collections_of_the_query_s_dimensions_are_asked() -> None:
    made = stores()
    made[0].put("other", [1], np.ones((1, 3), np.float32))
    lake = rv.RuLake(made)
    assert lake.search_federated(ROWS[0], k=1000).counts.tolist() == [900]
    assert lake.search_federated(np.ones(3, np.float32)).hits() == [
        rv.LakeHit("a", "other", 1, 0.0)
    ]
    with pytest.raises(rv.DimensionMismatch):
        lake.search_federated(np.ones(5, np.float32))
    with pytest.raises(rv.DimensionMismatch):
        lake.search_federated(ROWS[0], targets=[("a", "other"), ("a", "one")])


def test_ids_of_every_type_go_together() -> None:
    number, big, text = (rv.LocalBackend(name) for name in ("number", "big", "text"))
    number.put("c", [-3, 4], ROWS[:2])
    big.put("c", [2**64 - 1, 2**63], ROWS[2:4])
    text.put("c", ["é", ""], ROWS[4:6])
    lake = rv.RuLake([number, big, text])
    expected = [-3, 4, 2**64 - 1, 2**63, "é", ""]
    for i, name in enumerate(expected):
        found = lake.search_federated(ROWS[i], k=6)
        assert found.ids[0] == name and type(found.hits()[0].id) is type(name)
        assert set(found.ids.tolist()) == set(expected)
        assert found.to_polars()["id"].to_list()[0] == str(name)
    batch = lake.search_federated(ROWS[:6], k=8)
    assert batch.ids[:, 0].tolist() == expected and batch.ids[0, 7] is None
    only = lake.search_federated(ROWS[2], k=2, targets=[("big", "c")])
    assert only.ids.dtype == np.uint64 and only.ids[0] == 2**64 - 1
    some = lake.search_federated(ROWS[0], targets=[("number", "c")], ids=[4])
    assert some.ids.tolist() == [4]


def test_copies_are_found_once_where_asked_for() -> None:
    copies = [rv.LocalBackend(name) for name in ("one", "two", "three")]
    for copy in copies:
        copy.put("docs", IDS, ROWS)
    lake = rv.RuLake(copies, recall=1)
    twice = lake.search_federated(ROWS[0], k=6)
    assert twice.ids.tolist()[:3] == [0, 0, 0]
    assert twice.backends.tolist()[:3] == ["one", "three", "two"]  # by name
    listed = [("two", "docs"), ("one", "docs")]
    assert lake.search_federated(ROWS[0], k=2, targets=listed).backends.tolist() == ["two", "one"]
    once = lake.search_federated(ROWS[0], k=6, dedupe=True)
    direct = rv.Index.build(ROWS, ids=IDS, metric="l2").search(ROWS[0], k=6, recall=1.0)
    assert once.ids.tolist() == direct.ids.tolist()


class Broken(BackendAdapter):
    """A store whose collection is there and cannot be read."""

    id = "broken"

    def __init__(self, pause: threading.Event | None = None) -> None:
        self._pause = pause

    def list_collections(self) -> list[str]:
        return ["one"]

    def generation(self, collection: str) -> int:
        if self._pause is not None:
            self._pause.wait(60)
        return 1

    def pull_vectors(self, collection: str) -> Any:
        raise OSError("the disk is on fire")


def test_what_failed_is_told_and_the_rest_answers(lake: rv.RuLake) -> None:
    lake.register_backend(Broken())
    targets = [*PARTS, ("broken", "one")]
    with pytest.raises(rv.BackendError, match="on fire"):
        lake.search_federated(ROWS[0], targets=targets)
    for _ in range(2):
        found = lake.search_federated(ROWS[0], k=1000, targets=targets, partial=True)
        assert len(found.ids) == 900 and list(found.errors) == [("broken", "one")]
        error = found.errors["broken", "one"]
        assert isinstance(error, rv.BackendError) and "on fire" in str(error)
        assert "1 collections failed" in repr(found) and "on fire" in found._repr_html_()
        assert pickle.loads(pickle.dumps(found)).errors.keys() == found.errors.keys()
    with pytest.raises(rv.BackendError):
        lake.search_federated(ROWS[0], targets=[("broken", "one")], partial=True)
    missing = lake.search_federated(ROWS[0], targets=[*PARTS, ("a", "x"), ("y", "z")], partial=True)
    kinds = {key: type(error) for key, error in missing.errors.items()}
    assert kinds == {("a", "x"): rv.UnknownCollection, ("y", "z"): rv.UnknownBackend}


def test_a_store_that_hangs_is_waited_for_until_the_deadline(lake: rv.RuLake) -> None:
    pause = threading.Event()
    lake.register_backend(Broken(pause))
    targets = [*PARTS, ("broken", "one")]
    try:
        start = time.perf_counter()
        with pytest.raises(rv.LakeError, match="deadline"):
            lake.search_federated(ROWS[0], targets=targets, deadline=0.3)
        found = lake.search_federated(ROWS[0], k=1000, targets=targets, deadline=0.3, partial=True)
        assert time.perf_counter() - start < 5
        assert len(found.ids) == 900
        assert isinstance(found.errors["broken", "one"], rv.LakeError)
        assert len(lake.search_one("two", ROWS[0]).ids) == 10
    finally:
        pause.set()


@pytest.mark.parametrize(
    "targets",
    ["a", 7, [("a",)], ["ab"], [("a", "")], [("a", "one"), ("a", "one")], [None]],
    ids=str,
)
def test_targets_are_pairs(lake: rv.RuLake, targets: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="targets"):
        lake.search_federated(ROWS[0], targets=targets)


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), "1", True, 1e12], ids=str)
def test_a_deadline_is_seconds_from_now(lake: rv.RuLake, deadline: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="deadline"):
        lake.search_federated(ROWS[0], deadline=deadline)


def test_bad_questions_are_refused(lake: rv.RuLake) -> None:
    with pytest.raises(rv.InvalidVector):
        lake.search_federated(np.full(16, np.nan, np.float32))
    with pytest.raises(rv.InvalidArgument):
        lake.search_federated(ROWS[0], k=-1)
    with pytest.raises(rv.LimitExceeded):
        lake.search_federated(ROWS[0], k=2**40)
    with pytest.raises(rv.RuVectorError):
        rv.RuLake().search_federated(ROWS[0])
    with pytest.raises(TypeError, match="dedupe"):
        lake.search_federated(ROWS[0], dedup=True)  # type: ignore[call-arg]


def test_parquet_files_and_a_folder_are_searched_as_one(tmp_path: pathlib.Path) -> None:
    files, folder = tmp_path / "files", tmp_path / "folder"
    (files / "many").mkdir(parents=True)
    for name, part in (("one", slice(0, 200)), ("many/0", slice(200, 250)),
                       ("many/1", slice(250, 300))):  # fmt: skip
        column = pa.FixedSizeListArray.from_arrays(pa.array(ROWS[part].ravel()), 16)
        table = pa.table({"key": pa.array(IDS[part]), "emb": column})
        pq.write_table(table, files / f"{name}.parquet")
    parquet = rv.ParquetBackend("files", files, column="emb", ids="key")
    disk = rv.FsBackend("disk", folder)
    disk.put("rest", IDS[300:], ROWS[300:])
    lake = rv.RuLake([parquet, disk], recall=1)
    union = rv.Index.build(ROWS, ids=IDS, metric="l2")
    for query in ROWS[:10] + 0.05:
        assert (
            lake.search_federated(query).ids.tolist()
            == union.search(query, recall=1.0).ids.tolist()
        )
    assert {name for _, name in lake.collections()} >= {"many", "rest"}
    again = pickle.loads(pickle.dumps(parquet))
    assert repr(again) == repr(parquet)
    frame = pd.DataFrame({"id": IDS, "row": range(900)})
    assert lake.search_federated(ROWS[7], k=1).rows(frame)["row"].tolist() == [7]


@pytest.mark.parametrize(
    "options", [{"column": ""}, {"ids": 3}, {"dim": 0}, {"dim": 10**6}], ids=str
)
def test_a_parquet_store_says_what_is_wrong(tmp_path: pathlib.Path, options: Any) -> None:
    with pytest.raises((rv.InvalidArgument, rv.LakeError)):
        rv.ParquetBackend("files", tmp_path, **options)
    with pytest.raises((rv.LakeError, rv.PersistError)):
        rv.ParquetBackend("files", tmp_path / "nowhere")
