"""pandas as people have it: odd dtypes, odd indexes, odd names, and nothing of theirs changed."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import oracle
import pandas as pd
import pyarrow as pa
import pytest

import ruvector as rv

N, D = 24, 6
MATRIX = np.random.default_rng(77).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[5] + np.float32(0.02)
ROWS = oracle.nearest(MATRIX, QUERY, 4, "cosine")[0]


def _frame(**columns: Any) -> Any:
    return pd.DataFrame({"n": np.arange(N), "emb": list(MATRIX), **columns})


MATES = {
    "category": pd.Categorical(["a", "b", "c"] * (N // 3), ordered=True),
    "zoned": pd.date_range("2026-10-24", periods=N, freq="6h", tz="America/New_York"),
    "naive": pd.date_range("2026-10-24", periods=N, freq="D"),
    "delta": pd.timedelta_range("1h", periods=N),
    "period": pd.period_range("2026-01", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "nullable": pd.array([None, 1] * (N // 2), dtype="Int64"),
    "truth": pd.array([True, None, False] * (N // 3), dtype="boolean"),
    "string": pd.array(["x", None] * (N // 2), dtype="string"),
    "sparse": pd.arrays.SparseArray([0, 0, 1] * (N // 3)),
    "arrow": pd.array([1, None] * (N // 2), dtype=pd.ArrowDtype(pa.int32())),
    "bytes": [b"\x00\xff"] * N,
    "things": [{"a": i} for i in range(N)],
    "complex": np.arange(N) * 1j,
}


@pytest.mark.parametrize("mate", MATES)
def test_columns_beside_the_vectors_come_back_with_their_type_and_values(mate: str) -> None:
    frame = _frame(mate=MATES[mate])
    hits = frame.ruvector.search(QUERY, k=4)
    expected = frame.iloc[ROWS]
    assert hits["mate"].dtype == frame["mate"].dtype
    pd.testing.assert_series_equal(hits["mate"], expected["mate"])
    batch = frame.ruvector.search(np.stack([QUERY, QUERY]), k=2)
    twice = frame["mate"].iloc[[*ROWS[:2], *ROWS[:2]]]
    pd.testing.assert_series_equal(batch["mate"], twice)


@pytest.mark.parametrize("mate", MATES)
def test_no_rows_keep_the_types_of_all_columns(mate: str) -> None:
    frame = _frame(mate=MATES[mate])
    empty = frame.ruvector.search(QUERY, k=0)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == {**frame.dtypes.to_dict(), "cosine_similarity": np.float32}
    none = frame.iloc[:0].ruvector.search(QUERY, on="emb", k=3)
    assert none.dtypes.to_dict() == empty.dtypes.to_dict()


INDEXES = {
    "repeated": ["same"] * N,
    "multi": pd.MultiIndex.from_product([range(N // 2), ["l", "r"]], names=["outer", "inner"]),
    "category": pd.CategoricalIndex(["a", "b"] * (N // 2), name="c"),
    "zoned": pd.date_range("2026-10-24", periods=N, freq="h", tz="Asia/Tokyo", name="when"),
    "interval": pd.interval_range(0, N),
    "mixed": [i if i % 2 else f"s{i}" for i in range(N)],
    "missing": [None, np.nan, *range(N - 2)],
    "floats": np.linspace(1, 0, N),
    "tuples": pd.Index([(i, "t") for i in range(N)], tupleize_cols=False),
    "backwards": pd.RangeIndex(N, 0, -1, name="down"),
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("batch", [False, True])
def test_labels_of_any_index_are_kept_by_position(kind: str, batch: bool) -> None:
    frame = _frame().set_axis(INDEXES[kind], axis=0)
    query = QUERY[None, :] if batch else QUERY
    where = pd.Series(np.arange(N) != ROWS[0], index=frame.index)
    hits = frame.ruvector.search(query, k=3, where=where)
    assert hits["n"].tolist() == ROWS[1:].tolist()
    pd.testing.assert_index_equal(hits.index, frame.index.take(ROWS[1:]))


class Ledger(pd.DataFrame):  # type: ignore[misc]
    """A subclass with metadata of its own, as geopandas is."""

    _metadata: list[str] = ["owner"]  # noqa: RUF012

    @property
    def _constructor(self) -> Any:
        return Ledger


def test_a_subclass_keeps_its_metadata_and_a_frame_its_attrs() -> None:
    frame = Ledger(_frame())
    frame.owner = "me"
    frame.attrs["source"] = {"file": "a.csv"}
    hits = frame.ruvector.search(QUERY, k=2)
    assert type(hits) is Ledger
    assert hits.owner == "me"
    assert hits.attrs == frame.attrs == {"source": {"file": "a.csv"}}


def test_equally_named_columns_come_back_in_their_places() -> None:
    frame = pd.concat([_frame(), _frame()[["n"]] * 10, _frame()[["n"]] * 100], axis=1)
    hits = frame.ruvector.search(QUERY, k=2)
    assert list(hits.columns) == ["n", "emb", "n", "n", "cosine_similarity"]
    assert hits.iloc[0, [0, 2, 3]].tolist() == [ROWS[0], ROWS[0] * 10, ROWS[0] * 100]


def _same_cells(before: list[Any], after: Any) -> bool:
    return all(a is b for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("query", ["one", "batch", "mask", "text filter", "fails"])
def test_no_search_changes_the_frame_its_cells_or_the_query(query: str) -> None:
    frame = _frame(emb2=[row.tolist() for row in MATRIX])
    frame.flags.allows_duplicate_labels = True
    held = list(frame["emb"])
    before = copy.deepcopy(frame)
    asked = np.stack([QUERY, QUERY]) if query == "batch" else QUERY.copy()
    kept = asked.copy()
    where: Any = {"mask": frame["n"] > 3, "text filter": "n > 3", "fails": "nowhere > 3"}.get(query)
    if query == "fails":
        with pytest.raises(Exception, match="nowhere"):
            frame.ruvector.search(asked, on="emb", k=3, where=where)
    else:
        frame.ruvector.search(asked, on="emb", k=3, where=where)
    pd.testing.assert_frame_equal(frame, before)
    assert _same_cells(held, frame["emb"])
    assert all(cell.flags.writeable for cell in frame["emb"])
    assert asked.flags.writeable
    assert asked.tobytes() == kept.tobytes()
    assert list(frame.columns) == ["n", "emb", "emb2"]


def test_writing_into_the_answer_does_not_reach_the_frame() -> None:
    frame = _frame()
    hits = frame.ruvector.search(QUERY, k=3)
    hits["n"] = -1
    hits.loc[hits.index[0], "emb"] = None
    hits["cosine_similarity"] *= 0
    assert frame["n"].tolist() == list(range(N))
    assert frame["emb"].notna().all()
    assert frame.ruvector.search(QUERY, k=3)["n"].tolist() == ROWS[:3].tolist()


def test_a_read_only_or_copy_on_write_frame_is_searched() -> None:
    locked = MATRIX.copy()
    locked.flags.writeable = False
    frame = pd.DataFrame({"n": np.arange(N), "emb": list(locked)})
    view = frame[["n", "emb"]]
    assert view.ruvector.search(QUERY, k=4)["n"].tolist() == ROWS.tolist()


@pytest.mark.parametrize(
    "cells",
    [
        [tuple(row.tolist()) for row in MATRIX],
        [row.tolist() for row in MATRIX],
        [row.astype(">f4") for row in MATRIX],
        [row.astype("f8")[::-1][::-1] for row in MATRIX],
        [np.repeat(row, 2)[::2] for row in MATRIX],
        [np.ascontiguousarray(row) if i % 2 else row.astype("f8") for i, row in enumerate(MATRIX)],
        [row.tolist() if i % 2 else row for i, row in enumerate(MATRIX)],
        [pd.Series(row) for row in MATRIX],
        [pa.array(row) for row in MATRIX],
        [row.copy().view(np.ndarray)[None, :][0] for row in MATRIX],
    ],
    ids=["tuples", "lists", "big endian", "views", "strided", "mixed types", "lists and arrays",
         "series", "arrow", "views of views"],
)  # fmt: skip
def test_cells_may_be_any_sequence_of_numbers(cells: list[Any]) -> None:
    column = pd.Series([None] * N, dtype=object)
    for i, cell in enumerate(cells):
        column.iat[i] = cell
    frame = pd.DataFrame({"n": np.arange(N), "emb": column})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rv.RuVectorWarning)
        assert frame.ruvector.search(QUERY, on="emb", k=4)["n"].tolist() == ROWS.tolist()


@pytest.mark.parametrize("absent", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_every_spelling_of_a_missing_cell_is_a_null_row(absent: Any) -> None:
    cells = [*MATRIX]
    cells[ROWS[0]] = absent
    frame = pd.DataFrame({"n": np.arange(N), "emb": pd.Series(cells, dtype=object)})
    hits = frame.ruvector.search(QUERY, k=3)
    assert hits["n"].tolist() == ROWS[1:].tolist()
    assert rv.last_plan().null_rows == 1


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (np.zeros((2, 3)), "row 7"),
        (np.zeros(0), "row 7"),
        (np.zeros(D + 1), "row 7"),
        (3.5, "row 7"),
        ({"a": 1}, "row 7"),
        ("[1, 2, 3, 4, 5, 6]", "row 7"),
        (b"abcdef", "row 7"),
        (np.array(["a"] * D), "row 7"),
        (np.array([1j] * D), "row 7"),
        ([1.0, None, 2.0, 3.0, 4.0, 5.0], "row 7"),
        (np.array([np.datetime64("2026-01-01")] * D), "row 7"),
        (object(), "row 7"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_bad_cell_is_named_by_row_and_column(cell: Any, said: str) -> None:
    cells = list(MATRIX)
    cells[7] = cell
    column = pd.Series([None] * N, dtype=object)
    for i, value in enumerate(cells):
        column.iat[i] = value
    frame = pd.DataFrame({"emb": column})
    with pytest.raises(rv.InvalidVector) as caught:
        frame.ruvector.search(QUERY, on="emb", k=1)
    assert said in str(caught.value), caught.value
    assert "emb" in str(caught.value), caught.value
