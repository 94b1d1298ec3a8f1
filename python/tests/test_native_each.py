"""Searches of many runs at once answer as the searches of each, on an index of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ruvector import _native
from ruvector._errors import IndexClosed, InvalidArgument, UnknownId
from ruvector._native.groups import search_each

RNG = np.random.default_rng(31)
ROWS = RNG.standard_normal((9000, 16)).astype("f4")
QUERIES = RNG.standard_normal((40, 16)).astype("f4")
CUTS = np.array([0, 1, 1, 9, 30, 40])
ENDS = np.cumsum([3, 5, 1, 200, 700])
BEGINS = np.concatenate([[0], ENDS[:-1]])


def allowed() -> Any:
    """Rows of each run, increasing."""
    sizes = (ENDS - BEGINS).tolist()
    return np.concatenate([np.sort(RNG.choice(9000, size, replace=False)) for size in sizes])


def built(kind: str, metric: str = "l2", rows: Any = ROWS) -> _native.Handle:
    column = _native.column_from_matrix(rows)
    return _native.build_from(column, None, {"kind": kind, "keep": "borrow", "metric": metric})


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_runs_answer_as_searches_of_their_own(kind: str) -> None:
    index, rows = built(kind), allowed()
    found, scores, counts, plan = search_each(index, QUERIES, 4, CUTS, rows, BEGINS, ENDS)
    scanned = 0
    for i in range(5):
        part, among = slice(CUTS[i], CUTS[i + 1]), rows[BEGINS[i] : ENDS[i]]
        if part.start == part.stop:
            continue
        ids, values, sizes, alone = _native.search_rows(index, QUERIES[part], 4, ids=among)
        assert found[part].tolist() == ids.tolist()
        assert np.array_equal(scores[part], values, equal_nan=True)
        assert counts[part].tolist() == sizes.tolist() == [min(4, len(among))] * len(sizes)
        scanned += alone.scanned
    assert (plan.queries, plan.scanned) == (40, scanned)
    assert plan.ns_total >= plan.ns_scan > 0


def test_queries_of_float64_and_of_bits() -> None:
    wide = ROWS.astype(np.float64) + 2.0**-40
    index = built("exact", rows=wide)
    rows = np.arange(909)
    found, *_ = search_each(index, wide[:40], 1, CUTS, rows, np.zeros(5, int), np.full(5, 909))
    assert found.ravel().tolist() == list(range(40))
    bits = RNG.integers(0, 256, (500, 4)).astype(np.uint8)
    index = built("exact", "hamming", bits)
    found, scores, *_ = search_each(
        index, bits[:40], 1, CUTS, np.arange(500), np.zeros(5, int), np.full(5, 500)
    )
    assert (scores == 0).all()
    assert (bits[found.ravel()] == bits[:40]).all()


def test_what_cannot_be_is_refused() -> None:
    index, rows = built("exact"), allowed()
    column = _native.column_from_matrix(ROWS)
    column.close()
    with pytest.raises(InvalidArgument, match="closed"):
        search_each(index, QUERIES, 4, CUTS, rows, BEGINS, ENDS, source=column)
    with pytest.raises(UnknownId):
        search_each(index, QUERIES, 4, CUTS, rows + 9000, BEGINS, ENDS)
    _native.close_index(index)
    with pytest.raises(IndexClosed):
        search_each(index, QUERIES, 4, CUTS, rows, BEGINS, ENDS)
