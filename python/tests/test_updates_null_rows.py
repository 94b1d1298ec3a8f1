"""Null rows stay rows: whatever is added, deleted or compacted, their ids are there."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import oracle
import pytest

import ruvector as rv

KINDS = ["exact", "flat", "ivf"]
SHORT = np.random.default_rng(4).standard_normal((6, 5), dtype=np.float32)
CELLS: list[Any] = [None, *SHORT[:3], None, *SHORT[3:], None]
ROWS = [1, 2, 3, 5, 6, 7]


def _built(kind: str, metric: str, keep: str = "auto") -> rv.Index:
    return rv.Index.build(CELLS, kind=kind, metric=metric, keep=keep, nulls="skip")


def _answers(index: rv.Index, vectors: np.ndarray, names: list[int], metric: str) -> None:
    query = SHORT[2] + np.float32(0.5)
    rows, _ = oracle.nearest(vectors, query, len(names), metric)
    found = index.search(query, 99, recall=1.0)
    assert found.ids.tolist() == [names[row] for row in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", oracle.METRICS)
@pytest.mark.parametrize("times", [0.5, 50])
def test_rows_of_any_length_are_added_beside_null_rows(
    kind: str, metric: str, times: float
) -> None:
    index = _built(kind, metric)
    added = SHORT[:2] * np.float32(times)
    index.add(None, added)
    assert len(index) == len(CELLS) + 2
    assert index.info()["nulls"] == 3
    assert index.neighbors(k=1).query_ids.tolist() == list(range(len(CELLS) + 2))
    _answers(index, np.concatenate([SHORT, added]), [*ROWS, 9, 10], metric)
    again = pickle.loads(pickle.dumps(index))
    for one in (index, again):
        assert one.delete([0, 4]) == 2
        assert len(one) == len(CELLS)
        one.compact()
        assert one.upsert([8], SHORT[:1] * np.float32(99)) == 1
        assert len(one) == len(CELLS)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_added_where_all_are_null(kind: str) -> None:
    cells = np.ma.masked_array(SHORT[:3])  # their type tells the dimension
    index = rv.Index.build(cells, kind=kind, metric="l2", nulls="skip")
    index.delete([0, 1, 2])
    nothing = rv.Index.build(CELLS, kind=kind, metric="l2", nulls="skip")
    nothing.delete(ROWS)
    for one, count in ((index, 0), (nothing, 3)):
        one.add(None, SHORT * np.float32(7))
        assert len(one) == count + 6
        assert one.search(SHORT[4] * 7, 1, recall=1.0).scores.tolist() == [0.0]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_codes_alone_take_rows_beside_null_rows(kind: str) -> None:
    index = _built(kind, "l2", keep="none")
    index.add(None, SHORT[:1])
    assert len(index) == len(CELLS) + 1
    index.delete([*ROWS, 9])
    index.add(None, SHORT[:1] * np.float32(80))  # nothing left that is shorter
    assert len(index) == 4
    assert len(index.search(SHORT[0], 9).ids) == 1


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1"])
@pytest.mark.parametrize("kind", KINDS)
def test_null_rows_are_nan_in_the_matrix_of_all_rows(kind: str, dtype: str) -> None:
    whole = np.random.default_rng(8).integers(-9, 9, (6, 5)).astype(dtype)
    cells = [None, *whole[:3], None, *whole[3:]]
    index = rv.Index.build(cells, kind=kind, metric="l2", nulls="skip")
    expected = np.vstack([np.full((1, 5), np.nan), whole[:3], np.full((1, 5), np.nan), whole[3:]])
    added = whole[:1] + 1
    for change in range(4):
        for one in (index, pickle.loads(pickle.dumps(index))):
            assert np.array_equal(np.asarray(one), expected, equal_nan=True)
        if change == 0:
            index.add(None, added)
            expected = np.vstack([expected, added])
        elif change == 1:
            index.delete([1, 4])
            expected = expected[[0, 2, 3, 5, 6, 7, 8]]
        else:
            index.compact()
