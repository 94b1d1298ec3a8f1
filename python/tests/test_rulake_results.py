"""Lakes, results, filters and frames have the shapes and the refusals that were promised."""

from __future__ import annotations

import copy
import pickle
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


def test_one_query_has_the_shape_of_what_was_found(lake: rv.RuLake) -> None:
    for _ in range(2):  # cold and warm
        found = lake.search_one("docs", ROWS[4], k=3)
        assert found.ids.shape == found.scores.shape == (3,)
        assert found.ids[0] == IDS[4] and found.scores[0] == 0
        assert found.backends.tolist() == ["mine"] * 3
        assert found.collections.tolist() == ["docs"] * 3
        assert found.hits()[0] == rv.LakeHit("mine", "docs", int(IDS[4]), 0.0)
        assert found.score_name == "l2_distance" and not found.errors
        assert lake.search_one("docs", ROWS[4], k=0).hits() == []
        assert len(lake.search_one("docs", ROWS[4], k=10**9).ids) == 600


def test_a_batch_has_a_row_for_each_query(lake: rv.RuLake) -> None:
    found = lake.search_batch("docs", ROWS[:3], k=700)
    assert found.ids.shape == found.scores.shape == found.backends.shape == (3, 700)
    assert found.counts.tolist() == [600] * 3
    assert (found.ids[:, 600:] == -1).all() and np.isnan(found.scores[:, 600:]).all()
    assert found.backends[0, 599] == "mine" and found.backends[0, 600] is None
    assert [len(hits) for hits in found.hits()] == [600] * 3
    frame = found.to_pandas()
    assert list(frame) == ["query_row", "rank", "backend", "collection", "id", "l2_distance"]
    assert len(frame) == 1800
    assert lake.search_batch("docs", np.empty((0, 24), np.float32)).ids.shape == (0, 10)


def test_a_consistency_is_a_value() -> None:
    eventual = Consistency.EVENTUAL(ttl=1.5)
    assert eventual == Consistency.EVENTUAL(1.5) != Consistency.EVENTUAL(2)
    assert Consistency.FRESH != Consistency.FROZEN and len({eventual, Consistency.FRESH}) == 2
    assert (eventual.mode, eventual.ttl, Consistency.FROZEN.ttl) == ("eventual", 1.5, None)
    for value in (eventual, Consistency.FRESH, Consistency.FROZEN):
        assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
        assert eval(repr(value), {"Consistency": Consistency}) == value
    with pytest.raises(AttributeError):
        eventual.ttl = 3  # type: ignore[misc]


@pytest.mark.parametrize("ttl", [-1, float("nan"), "1", None, True, 1e300])
def test_a_ttl_is_seconds(ttl: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="seconds"):
        Consistency.EVENTUAL(ttl=ttl)


@pytest.mark.parametrize("wrong", ["FRESH", "fresh", 1, Consistency.EVENTUAL, Consistency])
def test_consistency_is_no_text(store: rv.LocalBackend, wrong: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match=r"Consistency\."):
        rv.RuLake([store], consistency=wrong)
    with pytest.raises(rv.InvalidArgument, match=r"Consistency\."):
        rv.RuLake([store]).search_one("docs", ROWS[0], consistency=wrong)


def test_the_builder_makes_the_same_lake(store: rv.LocalBackend) -> None:
    made = (
        rv.RuLake.builder().rerank_factor(20).rotation_seed(42).max_cache_entries(2)
        .consistency(Consistency.FROZEN).cache_bytes(10**9).metric("cosine").kind("flat")
        .recall(0.9).threads(1).stale_if_error().stale_while_revalidate(False).backend(store)
        .build()
    )  # fmt: skip
    same = rv.RuLake(
        [store], consistency=Consistency.FROZEN, max_cache_entries=2, cache_bytes=10**9,
        metric="cosine", kind="flat", recall=0.9, threads=1, stale_if_error=True,
    )  # fmt: skip
    assert made._options == same._options
    assert made.backend_ids() == ["mine"] and made.metric == "cosine"
    assert repr(made) == "RuLake(['mine'], cosine, Consistency.FROZEN)"


@pytest.mark.parametrize(
    "options",
    [
        {"rerank_factor": 0},
        {"rerank_factor": 1.5},
        {"rotation_seed": -1},
        {"rotation_seed": 2**64},
        {"cache_bytes": 0},
        {"max_cache_entries": -1},
        {"metric": "hamming"},
        {"metric": "angular"},
        {"kind": "hnsw"},
        {"recall": 0},
        {"recall": 1.1},
        {"threads": -1},
        {"backends": ["mine"]},
        {"backends": None},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(options: Any) -> None:
    with pytest.raises((rv.InvalidArgument, rv.MetricError)):
        rv.RuLake(**options)


def test_filters_say_who_may_be_found(lake: rv.RuLake) -> None:
    mask = np.zeros(600, bool)
    mask[[5, 8]] = True
    for where in (mask, pd.Series(mask), pl.Series(mask), pa.array(mask), mask.tolist()):
        assert set(lake.search_one("docs", ROWS[0], where=where).ids) == {IDS[5], IDS[8]}
    assert lake.search_one("docs", ROWS[0], ids=[]).hits() == []
    assert lake.search_batch("docs", ROWS[:2], ids=IDS[3:4]).ids[:, 0].tolist() == [IDS[3]] * 2
    with pytest.raises(rv.InvalidArgument, match="only one"):
        lake.search_one("docs", ROWS[0], where=mask, ids=IDS[:2])


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_rows_of_a_frame_answer(lake: rv.RuLake, kind: str) -> None:
    names = [f"n{i}" for i in range(600)]
    shuffled = RNG.permutation(600)
    plain = pd.DataFrame({"id": IDS[shuffled], "name": np.array(names)[shuffled]})
    frame: Any = {"pandas": plain, "polars": pl.from_pandas(plain),
                  "pyarrow": pa.Table.from_pandas(plain)}[kind]  # fmt: skip
    found = lake.search_one("docs", ROWS[4], k=3, frame=frame)
    assert type(found) is type(frame)
    rows = pd.DataFrame(found if kind == "pandas" else found.to_pandas())
    plainly = lake.search_one("docs", ROWS[4], k=3)
    assert rows["name"].tolist() == [names[i] for i in (plainly.ids - 3) // 7]
    assert rows["l2_distance"].tolist() == plainly.scores.tolist()
    assert type(plainly.rows(frame)) is type(frame)
    assert len(lake.search_batch("docs", ROWS[:5], k=2).rows(frame)) == 10
    other = frame.rename({"id": "key"}) if kind == "polars" else None
    if other is not None:
        with pytest.raises(rv.ColumnError, match="ids_on"):
            lake.search_one("docs", ROWS[4], frame=other)
        assert len(lake.search_one("docs", ROWS[4], k=3, frame=other, ids_on="key")) == 3


def test_where_is_a_condition_on_the_frame(lake: rv.RuLake) -> None:
    frame = pd.DataFrame({"id": [*IDS, -5], "year": [*range(600), 0]})
    some = lake.search_one("docs", ROWS[4], k=3, frame=frame, where="year < 2")
    assert sorted(some["year"]) == [0, 1]
    both = lake.search_one("docs", ROWS[4], frame=frame, where="year < 2", ids=[int(IDS[1])])
    assert both["year"].tolist() == [1]
    few = pl.from_pandas(frame)
    assert len(lake.search_one("docs", ROWS[4], frame=few, where=pl.col("year") == 0)) == 1
    with pytest.raises(rv.UnknownId):
        lake.search_one("docs", ROWS[599], k=1, frame=frame[:3])
    with pytest.raises(rv.InvalidArgument, match="frame"):
        lake.search_one("docs", ROWS[0], ids_on="id")  # type: ignore[call-overload]


def test_a_result_goes_everywhere(lake: rv.RuLake) -> None:
    found = lake.search_one("docs", ROWS[0], k=4)
    for table in (found.to_pandas(), found.to_polars().to_pandas(), found.to_arrow().to_pandas()):
        assert list(table) == ["backend", "collection", "id", "l2_distance"]
        assert table["id"].tolist() == found.ids.tolist()
    assert "mine" in found._repr_html_() and "mine/docs" in repr(found)
    again = pickle.loads(pickle.dumps(found))
    assert again.hits() == found.hits() and again.plan.rows == 600
    with pytest.raises(TypeError, match="hits"):
        list(found)  # type: ignore[call-overload]
    with pytest.raises(AttributeError, match="scores"):
        found.distances  # type: ignore[attr-defined]  # noqa: B018
    assert found.plan.rows == 600 and rv.last_plan() is found.plan


@pytest.mark.parametrize("k", [1, 4, 50])
def test_one_warm_query_of_text_ids_begins_no_task(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(4).standard_normal((40, 8)).astype(np.float32)
    names = [f"{'ä' * (i % 3)}row {i}" for i in range(40)]
    store = rv.LocalBackend("mine")
    store.put("texts", names, rows)
    store.put("numbers", np.arange(40), rows)
    lake = rv.RuLake([store])
    by_task = lake.search_one("texts", rows[0], k)
    lake.search_one("numbers", rows[0], k)

    def no_task(*_: object) -> None:
        raise AssertionError("a task was begun")

    monkeypatch.setattr("ruvector._lake.question.begin_search", no_task)
    assert by_task.ids.tolist() == lake.search_one("texts", rows[0], k).ids.tolist()
    for row in rows:  # answers in turn do not share memory
        texts, numbers = (lake.search_one(name, row, k) for name in ("texts", "numbers"))
        assert texts.ids.dtype == object
        assert texts.ids.tolist() == [names[i] for i in numbers.ids]
        assert texts.scores.tobytes() == numbers.scores.tobytes()
    assert by_task.ids[0] == "row 0"
