"""Rows and queries a hundred powers of ten apart in length are measured, never called changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import ruvector as rv

D = 7
SCALES = [1e15, 1e-44, 1.0, 1e-34, 1e-20, 1e5]


def _scores(metric: str, x: np.ndarray, q: np.ndarray) -> np.ndarray:
    return x @ q if metric == "dot" else np.square(x - q).sum(axis=1)


def _holds(found: rv.SearchResult, metric: str, x: np.ndarray, q: np.ndarray, k: int) -> None:
    expected = _scores(metric, x, q)
    order = np.argsort(-expected if metric == "dot" else expected, kind="stable")[:k]
    sizes = 1e-12 * (np.abs(x * q).sum(axis=1) if metric == "dot" else expected)
    assert len(found.ids) == k
    assert (np.abs(expected[found.ids] - expected[order]) <= sizes[found.ids] + sizes[order]).all()
    close = 3e-7 * np.abs(expected[found.ids]) + sizes[found.ids] + 3e-45
    assert (np.abs(found.scores - expected[found.ids]) <= close).all()


@pytest.mark.parametrize("metric", ["dot", "sqeuclidean"])
@pytest.mark.parametrize("code", ["f4", "f8"])
@pytest.mark.parametrize("query_scale", [1e-30, 1e-21, 1e-3, 1.0, 1e12])
def test_an_exact_index_grows_by_rows_of_any_length(
    metric: str, code: str, query_scale: float
) -> None:
    random = np.random.default_rng(12)
    q = (random.standard_normal(D) * query_scale).astype(code)
    held = np.empty((0, D), code)
    index = rv.Index.build(held, kind="exact", metric=metric)
    for scale in SCALES:
        rows = (random.standard_normal((3, D)) * scale).astype(code)
        index.add(None, rows)
        held = np.concatenate([held, rows])
        x, wide, n = held.astype(float), q.astype(float), len(held)
        _holds(index.search(q, 5 if n > 5 else n), metric, x, wide, min(5, n))
        _holds(index.search(q, n, ids=list(range(n))), metric, x, wide, n)
        batch = index.search(np.stack([q, q]), n)
        assert batch.ids[0].tolist() == batch.ids[1].tolist()
        threshold = {"min_similarity": -np.inf} if metric == "dot" else {"max_distance": np.inf}
        _holds(index.within(q, **threshold), metric, x, wide, n)
        assert len(index.search(q, 3, diversity=0.5).ids) == 3
        assert (index.neighbors(k=1).counts == 1).all()


@pytest.mark.parametrize("code", ["f4", "f8"])
@pytest.mark.parametrize("query_scale", [1e-21, 1.0])
def test_groups_of_rows_of_any_length(code: str, query_scale: float) -> None:
    random = np.random.default_rng(13)
    x = np.concatenate([random.standard_normal((3, D)) * s for s in (1.0, 1e-15)]).astype(code)
    q = (random.standard_normal(D) * query_scale).astype(code)
    frame = pd.DataFrame({"v": list(x), "g": ["a", "b"] * 3})
    hits = rv.search(frame, q, k=2, on="v", by="g", metric="dot")
    expected = x.astype(float) @ q.astype(float)
    for g in "ab":
        rows = np.flatnonzero(frame["g"] == g)
        best = rows[np.argsort(-expected[rows], kind="stable")][:2]
        assert hits.index[hits["g"] == g].tolist() == best.tolist()
