"""Numbers that leave the library are finite, whatever lengths the rows have."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import ruvector as rv


@pytest.mark.parametrize("keep", ["borrow", "copy"])
@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_an_index_of_short_rows_survives_long_ones(
    tmp_path: Path, kind: str, metric: rv.MetricName, keep: str
) -> None:
    """Every verb after rows 10^20 and more times as long were added, or refused by an error."""
    rng = np.random.default_rng(1)
    for first, then in itertools.product((1e-18, 1e-15, 1.0), (0.0, 1e-18, 1e5, 1e18)):
        rows = (rng.standard_normal((40, 8)) * first).astype(np.float32)
        more = (rng.standard_normal((3, 8)) * then).astype(np.float32)
        index = rv.Index.build(rows, kind=kind, metric=metric, keep=keep)
        for _ in range(2):
            try:
                index.add(None, more)
            except rv.InvalidVector:
                assert kind != "exact"  # short and long rows do not fit one code
            about = index.info()
            json.dumps(about, allow_nan=False)
            assert "inf" not in about["advice"] and "nan" not in about["advice"]
            assert repr(index) and index._repr_html_()
            for query in (rows[3], more[1]):
                answer = index.search(query, 5)
                assert len(answer.ids) == 5 and np.isfinite(answer.scores).all()
                plan = answer.plan
                told = [getattr(plan, name) for name in dir(plan) if not name.startswith("_")]
                assert all(math.isfinite(x) for x in told if isinstance(x, float))
            index.save(tmp_path / "a.rvx", vectors=True)
            assert len(rv.Index.load(tmp_path / "a.rvx")) == len(index)
            assert len(pickle.loads(pickle.dumps(index))) == len(index)
            index.compact()


@pytest.mark.filterwarnings("ignore:recall=")
@pytest.mark.parametrize("bits", [1, 2, 5, 9])
@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_estimated_cosines_stay_between_minus_one_and_one(kind: str, bits: int) -> None:
    """The way to estimates, a batch, ranges and changed indexes; distances are not negative."""
    rng = np.random.default_rng(bits)
    rows = rng.standard_normal((400, 5)).astype(np.float32)
    queries = np.vstack([rows[:50], -rows[50:100]])
    for metric, low, high in (("cosine", -1, 1), ("l2", 0, np.inf), ("sqeuclidean", 0, np.inf)):
        index = rv.Index.build(rows, kind=kind, bits=bits, metric=metric, keep="none")
        limit = {"min_similarity": -np.inf} if metric == "cosine" else {"max_distance": np.inf}
        for _ in range(2):
            for answer in (
                index.search(queries, 20, rerank=0),
                index.search(queries, 400, rerank=0),
                *(index.search(query, 20, rerank=0) for query in queries[:20]),
                index.within(queries, **limit),
            ):
                found = answer.scores[~np.isnan(answer.scores)]
                assert len(found) and found.min() >= low and found.max() <= high
            index.add(None, queries / 2)
