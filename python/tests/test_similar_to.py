"""`similar_to`: the rows most like a row, which is left out, on all three libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sim_join import FRAMES, every_library, frame, lists, names

import ruvector as rv

RNG = np.random.default_rng(23)
ROWS = RNG.standard_normal((30, 8)).astype("f4")


def nearest(row: int, k: int, allowed: Any = None) -> list[int]:
    scores = ROWS @ ROWS[row] / np.linalg.norm(ROWS, axis=1)
    scores[row] = -np.inf
    if allowed is not None:
        scores[~np.asarray(allowed)] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    return best[np.isfinite(scores[best])].tolist()


@pytest.mark.parametrize("library", FRAMES)
@settings(max_examples=40, deadline=None)
@given(row=st.integers(0, 29), k=st.integers(0, 40), filtered=st.booleans(), given=st.booleans())
def test_rows_are_those_of_a_loop(
    library: str, row: int, k: int, filtered: bool, given: bool
) -> None:
    rows = frame(library, ROWS, n=list(range(30)))
    mask = np.arange(30) % 3 > 0 if filtered else None
    index = rv.build_index(rows) if given else None
    answer = rv.similar_to(rows, row, k, where=mask, index=index)
    assert lists(answer, "n") == nearest(row, k, mask)
    assert names(answer) == ["v", "n", "cosine_similarity"]


def test_pandas_labels_are_those_of_loc() -> None:
    rows = frame("pandas", ROWS, n=list(range(30)))
    labels: list[tuple[Any, Any]] = [
        (pd.Index([f"r{i}" for i in range(30)]), "r4"),
        (pd.Index(range(100, 130)), 104),
        (pd.Index([i / 2 for i in range(30)]), 2.0),
        (pd.date_range("2020", periods=30), pd.Timestamp("2020-01-05")),
        (pd.date_range("2020", periods=30), "2020-01-05"),
        (pd.MultiIndex.from_product([["a", "b"], range(15)]), ("a", 4)),
        (pd.CategoricalIndex([f"c{i}" for i in range(30)]), "c4"),
        (pd.interval_range(0, 30), 4.5),
        (pd.interval_range(0, 30), pd.Interval(4, 5)),
        (pd.period_range("2020-01", periods=30, freq="M"), "2020-05"),
        (pd.timedelta_range("0h", periods=30, freq="h"), pd.Timedelta("4h")),
        (pd.Index([*range(4), np.nan, *range(5, 30)]), np.nan),
    ]
    for index, label in labels:
        labelled = rows.set_axis(index)
        answer = labelled.ruvector.similar_to(label, k=3)
        assert answer["n"].tolist() == nearest(4, 3), label
        assert answer.index.tolist() == [index[i] for i in nearest(4, 3)]


def test_labels_that_no_row_has_or_several() -> None:
    rows = frame("pandas", ROWS).set_axis([*"abc", *"abc", *range(24)])
    with pytest.raises(rv.DuplicateId, match=r"2 rows have the index label 'b' \(positions 1, 4\)"):
        rv.similar_to(rows, "b")
    for label in ("z", 24, None, ["a"], ("a", "b"), {"a": 1}):
        with pytest.raises(rv.UnknownId, match="no row has the index label"):
            rv.similar_to(rows, label)
    deep = frame("pandas", ROWS).set_axis(pd.MultiIndex.from_product([range(3), range(10)]))
    with pytest.raises(rv.DuplicateId, match=r"10 rows .* label 1 \(positions 10, 11,"):
        rv.similar_to(deep, 1)
    same = frame("pandas", ROWS).set_axis([0] * 30)
    with pytest.raises(rv.DuplicateId, match=r"30 rows .* 9, \.\.\.\)"):
        rv.similar_to(same, 0)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_libraries_have_positions(library: str) -> None:
    rows = frame(library, ROWS, n=list(range(30)))
    assert lists(rv.similar_to(rows, -1, 3), "n") == nearest(29, 3)
    assert lists(rv.similar_to(rows, np.int64(4), 3), "n") == nearest(4, 3)
    for row in (30, -31):
        with pytest.raises(rv.UnknownId, match=f"there is no row {row}; the frame has 30 rows"):
            rv.similar_to(rows, row)
    for label in ("a", 1.0, None, True):
        with pytest.raises(rv.UnknownId, match=r"must be a row number|there is no row True"):
            rv.similar_to(rows, label)


@every_library
def test_rows_that_are_equal_are_found(library: str) -> None:
    rows = frame(library, np.repeat(ROWS[:4], 2, axis=0), n=list(range(8)))
    answer = rv.similar_to(rows, 5, 1)
    assert lists(answer, "n") == [4]
    assert lists(answer, "cosine_similarity") == pytest.approx([1])


@every_library
def test_a_row_without_a_vector_is_like_nothing(library: str) -> None:
    cells: list[Any] = list(ROWS)
    cells[3] = None
    with pytest.raises(rv.InvalidVector, match=r"column 'v': row 3 \(label 3\) is null") as told:
        rv.similar_to(frame(library, cells), 3)
    assert told.value.row == 3
    for index in (None, rv.Index.build(ROWS)):
        rows = frame(library, cells if index is None else ROWS)
        assert len(lists(rv.similar_to(rows, 4, 30, index=index), "v")) == 28 + (index is not None)
    index = rv.build_index(frame(library, cells))
    with pytest.raises(rv.InvalidVector, match=r"row 3 \(label 3\) is null"):
        rv.similar_to(frame(library, cells), 3, index=index)
    cells[5] = np.full(8, np.nan)
    with rv.config(bad_vectors="skip"), pytest.raises(rv.InvalidVector, match="not finite"):
        rv.similar_to(frame(library, cells), 5)
    with pytest.raises(rv.InvalidVector, match="row 5"):
        rv.similar_to(frame(library, cells), 5)


@every_library
def test_filters_thresholds_and_columns(library: str) -> None:
    rows = frame(library, ROWS, n=list(range(30)))
    where: Any = {"pandas": "n < 9", "polars": pl.col("n") < 9, "pyarrow": pc.field("n") < 9}
    mask = np.arange(30) < 9
    answer = rv.similar_to(rows, 20, 4, where=where[library], columns=["n"])
    assert names(answer) == ["n", "cosine_similarity"]
    assert lists(answer, "n") == nearest(20, 4, mask)
    assert mask.sum() == 9
    answer = rv.similar_to(rows, 4, 40, where=mask)
    assert lists(answer, "n") == nearest(4, 40, mask)
    assert mask[4]  # the caller's mask is as it was
    answer = rv.similar_to(rows, 4, 40, min_similarity=0.2)
    assert all(score >= 0.2 for score in lists(answer, "cosine_similarity"))
    answer = rv.similar_to(rows, 4, 3, metric="l2", max_distance=9)
    assert "l2_distance" in names(answer)


@every_library
def test_an_index_joined_by_ids_and_one_that_grew(library: str) -> None:
    keys = [f"k{i * 7 % 30}" for i in range(30)]
    rows = frame(library, ROWS, n=list(range(30)), key=keys)
    index = rv.build_index(rows, ids="key")
    answer = rv.similar_to(rows, 4, 3, index=index)
    assert lists(answer, "n") == nearest(4, 3)
    index.delete([keys[nearest(4, 1)[0]]])
    answer = rv.similar_to(rows, 4, 2, index=index)
    assert lists(answer, "n") == nearest(4, 3)[1:]


@every_library
def test_text_is_embedded_as_the_column_is(library: str) -> None:
    def letters(texts: list[str]) -> Any:
        return np.array([[t.count(c) for c in "abcdefgh"] for t in texts], "f4")

    rows = FRAMES[library]({"body": ["aab", "ccd", None, "ab", ""], "n": [0, 1, 2, 3, 4]})
    answer = rv.similar_to(rows, 0, 1, text="body", embedder=letters)
    assert lists(answer, "n") == [3]
    index = rv.build_index(rows, text="body", embedder=letters)
    assert lists(rv.similar_to(rows, 0, 1, text="body", index=index), "n") == [3]
    with pytest.raises(rv.InvalidVector, match="row 2"):
        rv.similar_to(rows, 2, text="body", embedder=letters)


@every_library
def test_rows_of_bits(library: str) -> None:
    cells = [bytes([0b1111, 0]), bytes([0b0111, 0]), None, bytes([0, 255])]
    rows = FRAMES[library]({"v": cells, "n": [0, 1, 2, 3]})
    answer = rv.similar_to(rows, 0, on="v", metric="hamming")
    assert lists(answer, "n") == [1, 3]
    assert lists(answer, "hamming_distance") == [1, 12]
