"""A few rows are added without a column; what that takes and refuses is what a column would."""

from __future__ import annotations

from ctypes import byref, c_int64

import numpy as np
import pytest

import ruvector as rv
from ruvector._errors import DimensionMismatch, DuplicateId, InvalidArgument, InvalidVector
from ruvector._native import update as _update
from ruvector._native.arrow import address
from ruvector._native.library import call

RNG = np.random.default_rng(31)
ROWS = RNG.normal(size=(300, 12)).astype(np.float32)


def index(**more):
    return rv.Index.build(ROWS[:200], metric="l2", **more)


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_a_matrix_and_a_column_of_equal_rows_make_equal_indexes(kind, tmp_path):
    direct, column = index(kind=kind), index(kind=kind)
    assert _update.few(ROWS[200:])
    assert direct.add(None, ROWS[200:]) == 0
    assert column.add(None, ROWS[200:].astype(np.float64)) == 0
    assert len(direct) == len(column) == 300
    for query in ROWS[::37]:
        one, other = direct.search(query, 9), column.search(query, 9)
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()
    direct.save(tmp_path / "direct")
    column.save(tmp_path / "column")
    assert (tmp_path / "direct").read_bytes() == (tmp_path / "column").read_bytes()


def test_added_rows_may_change_afterwards():
    ix = index(kind="flat")
    rows = ROWS[200:210].copy()
    ix.add(None, rows)
    rows[:] = 0
    assert ix.search(ROWS[205], 1).ids.tolist() == [205]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (np.full((1, 12), np.nan, np.float32), InvalidVector),
        (np.full((2, 12), np.inf, np.float32), InvalidVector),
        (np.zeros((1, 11), np.float32), DimensionMismatch),
        (np.zeros((3, 13), np.float32), DimensionMismatch),
    ],
)
def test_a_matrix_that_does_not_fit_adds_nothing(rows, error):
    ix = index()
    with pytest.raises(error):
        ix.add(None, rows)
    assert len(ix) == 200


def test_ids_are_checked_as_for_a_column():
    ix = rv.Index.build(ROWS[:50], ids=[f"a{i}" for i in range(50)])
    with pytest.raises(DuplicateId):
        ix.add(["a7"], ROWS[:1])
    with pytest.raises(InvalidArgument):
        ix.add(["b1", "b2"], ROWS[:1])
    with pytest.raises(InvalidArgument):
        ix.add(None, ROWS[:1])
    assert ix.add(["a7"], ROWS[60:61], replace=True) == 1
    assert ix.search(ROWS[60], 1).ids.tolist() == ["a7"]


def test_what_the_short_way_does_not_take():
    for rows in (
        ROWS.astype(np.float64), ROWS[:, ::2], ROWS.T, ROWS[0], ROWS[:0], ROWS.tolist(),
        np.zeros((1, _update.SHORT_NUMBERS + 1), np.float32), np.ma.masked_array(ROWS),
    ):  # fmt: skip
        assert not _update.few(rows)
    whole = index()
    whole.add(None, np.asfortranarray(ROWS[200:]))
    assert whole.search(ROWS[250], 1).ids.tolist() == [250]


@pytest.mark.parametrize(
    ("rows", "n", "dim"),
    [(None, 1, 12), (ROWS, -1, 12), (ROWS, 1, 0), (ROWS, 1, -5), (ROWS, 1, 1 << 40),
     (ROWS, 1 << 40, 12), (ROWS, 1 << 62, 1 << 16)],
)  # fmt: skip
def test_impossible_shapes_are_refused_before_anything_is_read(rows, n, dim):
    ix = index()
    counts = (c_int64 * 2)()
    with pytest.raises((InvalidArgument, DimensionMismatch)):
        where = None if rows is None else address(rows)
        call("rv_add_matrix", ix._handle.value, where, n, dim, None, 0, 0, counts)
    with pytest.raises(InvalidArgument):
        call("rv_add_matrix", ix._handle.value, address(ROWS), 1, 12, None, 0, 0, None)
    assert len(ix) == 200
    call("rv_add_matrix", ix._handle.value, address(ROWS), 0, 12, None, 0, 0, byref(counts))
    assert list(counts) == [0, 200]
