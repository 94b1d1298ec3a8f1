"""Whatever the frames, `sim_join` finds the pairs that a loop over all of them finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

LIBRARIES = ("pandas", "polars", "pyarrow")
METRICS = ("cosine", "dot", "l2", "sqeuclidean")
QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Side(NamedTuple):
    """Rows of one frame: vectors, which of them are not null, and the values of two columns."""

    matrix: Any
    valid: Any
    number: list[int | None]
    word: list[str | None]

    @staticmethod
    def drawn(rng: np.random.Generator, n: int, d: int, nulls: float, values: int) -> Side:
        matrix = rng.integers(-3, 4, (n, d)).astype(np.float32)
        numbers = [int(i) if i else None for i in rng.integers(0, values + 1, n)]
        words = [chr(97 + i) if i else None for i in rng.integers(0, values + 1, n)]
        return Side(matrix, rng.random(n) >= nulls, numbers, words)

    def frame(self, library: str) -> Any:
        """Return the rows as a frame, in two chunks where the library has chunks."""
        cells = [
            row.tolist() if ok else None for row, ok in zip(self.matrix, self.valid, strict=True)
        ]
        kind = pa.list_(pa.float32(), self.matrix.shape[1])
        whole = pa.table({
            "v": pa.array(cells, kind), "row": pa.array(np.arange(len(cells))),
            "number": pa.array(self.number, pa.int64()), "word": pa.array(self.word, pa.string()),
        })  # fmt: skip
        cut = len(cells) // 3
        table = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
        if library == "pyarrow":
            return table
        if library == "polars":
            frame = pl.DataFrame(whole)
            return pl.concat([frame[:cut], frame[cut:]], rechunk=False)
        return pd.DataFrame({
            "v": pd.Series([None if c is None else np.float32(c) for c in cells], dtype=object),
            "row": np.arange(len(cells)), "number": pd.array(self.number, "Int64"),
            "word": pd.Series(self.word, dtype=object),
        })  # fmt: skip


class Join(NamedTuple):
    """One join: the sides, and what is asked."""

    left: Side
    right: Side
    k: int
    how: str
    by: Any
    metric: str
    bound: float | None
    filtered: bool
    allowed: Any


@st.composite
def joins(draw: st.DrawFn) -> Join:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d = draw(st.integers(1, 9))
    sides = [
        Side.drawn(
            rng, draw(st.integers(0, 30)), d, draw(st.sampled_from([0.0, 0.2, 1.0])),
            draw(st.integers(1, 4)),
        )
        for _ in range(2)
    ]  # fmt: skip
    metric = draw(st.sampled_from(METRICS))
    bound = draw(st.sampled_from([None, None, 0.5])) if metric == "cosine" else None
    bound = draw(st.sampled_from([None, 4.0])) if metric in ("l2", "sqeuclidean") else bound
    return Join(
        *sides, draw(st.integers(1, 12)), draw(st.sampled_from(["inner", "left"])),
        draw(st.sampled_from([None, "number", "word", ["word", "number"]])), metric, bound,
        draw(st.booleans()), rng.random(len(sides[1].matrix)) < 0.6,
    )  # fmt: skip


def model(join: Join) -> list[tuple[int, int | None, int | None, float | None]]:
    """(left row, right row, rank, score) of every row of the answer, by a loop over all pairs."""
    left, right, rows = join.left, join.right, []
    keys = [join.by] if isinstance(join.by, str) else join.by or []
    for i, query in enumerate(left.matrix):
        allowed = right.valid & (join.allowed if join.filtered else True)
        for key in keys:
            mine, theirs = getattr(left, key)[i], getattr(right, key)
            equal = [mine is not None and mine == value for value in theirs]
            allowed = allowed & np.array(equal, bool)
        found: list[tuple[int, float]] = []
        if left.valid[i] and allowed.any():
            best = oracle.nearest(right.matrix, query, join.k, join.metric, allowed)
            found = list(zip(*best, strict=True))
        if join.bound is not None:
            larger = join.metric in ("cosine", "dot")
            limit = np.float32(join.bound)
            found = [
                (row, score)
                for row, score in found
                if (np.float32(score) >= limit if larger else np.float32(score) <= limit)
            ]
        rows += [(i, row, rank, score) for rank, (row, score) in enumerate(found, 1)]
        if not found and join.how == "left":
            rows.append((i, None, None, None))
    return rows


def columns(answer: Any, names: list[str]) -> list[list[Any]]:
    """Return columns of an answer as lists, null being None."""
    if isinstance(answer, pd.DataFrame):
        return [
            [None if pd.isna(value) else value for value in answer[name].tolist()] for name in names
        ]
    if isinstance(answer, pl.DataFrame):
        return [answer[name].to_list() for name in names]
    return [answer.column(name).to_pylist() for name in names]


@pytest.mark.parametrize("library", LIBRARIES)
@QUIET
@given(join=joins())
def test_pairs_are_those_of_a_loop(library: str, join: Join) -> None:
    bounds = {"min_similarity" if join.metric == "cosine" else "max_distance": join.bound}
    answer = rv.sim_join(
        join.left.frame(library), join.right.frame(library), on="v", k=join.k, how=join.how,
        by=join.by, metric=join.metric, where_right=join.allowed if join.filtered else None,
        **(bounds if join.bound is not None else {}),
    )  # fmt: skip
    score = rv._metric.SCORE_NAMES[join.metric]
    rows, others, ranks, scores = columns(answer, ["row", "row_right", "rank", score])
    want = model(join)
    assert list(zip(rows, others, ranks, strict=True)) == [row[:3] for row in want]
    for got, (_, _, _, wanted) in zip(scores, want, strict=True):
        assert (got is None) == (wanted is None)
        assert got is None or got == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    keys = [join.by] if isinstance(join.by, str) else join.by or []
    theirs = [name for name in ("v", "row", "number", "word") if name not in keys]
    names = list(answer.column_names if library == "pyarrow" else answer.columns)
    assert sorted(names) == sorted(
        ["v", "row", "number", "word", *(f"{name}_right" for name in theirs), "rank", score]
    )


@pytest.mark.parametrize("library", LIBRARIES)
@QUIET
@given(join=joins())
def test_other_columns_are_those_of_the_rows(library: str, join: Join) -> None:
    left, right = join.left.frame(library), join.right.frame(library)
    answer = rv.sim_join(left, right, on="v", k=join.k, how=join.how, metric=join.metric)
    rows, others, mine, theirs = columns(answer, ["row", "row_right", "word", "number_right"])
    assert mine == [join.left.word[row] for row in rows]
    assert theirs == [None if row is None else join.right.number[int(row)] for row in others]
