"""`df.ruvector.recall`: what the searches of a frame find, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

RNG = np.random.default_rng(1302)
MANY = RNG.standard_normal((10_500, 24), dtype=np.float32)
FEW = MANY[:300]


def frame(library: str, rows: Any, null: bool = False) -> Any:
    if library == "pandas":
        return pd.DataFrame({"emb": [None if null and i == 3 else r for i, r in enumerate(rows)]})
    if library == "polars":
        held = pl.DataFrame({"emb": rows})
        return (
            held.with_columns(emb=pl.when(pl.int_range(pl.len()) != 3).then("emb"))
            if null
            else held
        )
    mask = pa.array(np.arange(len(rows)) == 3) if null else None
    return pa.table(
        {"emb": pa.FixedSizeListArray.from_arrays(rows.reshape(-1), rows.shape[1], mask=mask)}
    )


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_small_frames_are_exact(library: str) -> None:
    for null in (False, True):
        report = rv.recall(frame(library, FEW, null))
        assert report[:3] == (1.0, 1.0, 1.0)
        assert (report.k, report.sample) == (10, 0)
        assert repr(report) == "RecallReport(recall@10 1.0, exact: every row is measured)"
        assert "exact" in report._repr_html_()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_it_is_the_recall_of_the_index_that_searches_use(library: str) -> None:
    rv.cache.clear()
    held = frame(library, MANY, null=True)
    report = rv.recall(held, k=5, sample=100, recall=0.5)
    assert rv.cache.info().indexes == 1
    assert 0.5 <= report.low < report.mean <= report.high <= 1
    assert (report.k, report.sample) == (5, 100)
    rv.search(held, MANY[0], recall=0.5)
    plan = rv.last_plan()
    assert plan is not None
    assert "cached" in repr(plan), "the index that was measured"
    assert rv.recall(held, "emb", 5, 100, recall=0.5) == report
    assert rv.recall(held, recall=1.0).low == 1
    own = rv.Index.build(np.delete(MANY, 3, 0), kind="flat", bits=5)
    assert abs(own.recall(5, 1000, recall=0.5).mean - report.mean) < 0.05


def test_afterwards_the_cache_holds_no_vectors() -> None:
    rv.cache.clear()
    held = pd.DataFrame({"emb": list(MANY)})
    rv.recall(held, sample=10)
    found = rv.search(held, MANY[7], k=1)
    assert found.index.tolist() == [7]
    other = pd.DataFrame({"emb": list(MANY.copy())})
    assert rv.search(other, MANY[9], k=1).index.tolist() == [9]


def test_the_accessor_forwards() -> None:
    held: Any = pd.DataFrame({"emb": list(FEW), "text": ["a"] * 300})
    assert held.ruvector.recall(k=3).k == 3
    polars: Any = pl.DataFrame({"emb": FEW})
    assert polars.ruvector.recall("emb").mean == 1.0
    texts = held.ruvector.recall(text="text", embedder=lambda t: np.ones((len(t), 3)))
    assert texts.mean == 1.0


@pytest.mark.parametrize("metric", ["dot", "l2", "sqeuclidean"])
def test_every_metric_is_measured(metric: Any) -> None:
    assert rv.recall(frame("polars", MANY), metric=metric, sample=20).mean > 0.9


def test_nothing_to_find_is_exact_and_what_is_wrong_is_said() -> None:
    assert rv.recall(frame("polars", FEW[:0])).mean == 1.0
    held = frame("polars", FEW)
    for arguments, error, says in (
        ({"k": 0}, rv.InvalidArgument, "k=0"),
        ({"sample": 0}, rv.InvalidArgument, "sample=0"),
        ({"recall": 2}, rv.InvalidArgument, "recall=2"),
        ({"metric": "ip"}, rv.MetricError, "'ip'"),
        ({"on": "nope"}, rv.ColumnError, "nope"),
        ({"top_k": 3}, TypeError, "use k=3"),
    ):
        with pytest.raises(error, match=says):
            rv.recall(held, **arguments)  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="frame"):
        rv.recall(FEW)
