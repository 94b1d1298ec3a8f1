"""Every verb on every odd frame of pandas: the rows of the plain one, as the odd one has them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from every_verb import (
    ABOUT,
    GROUPS,
    QUERY,
    ROWS,
    TEXTS,
    VERBS,
    D,
    N,
    filtered,
    pandas_frame,
    short_of,
    worded,
)

import ruvector as rv

PLAIN = pandas_frame()
WANTED = {name: call(PLAIN)["row"].tolist() for name, (call, _) in VERBS.items()}


def indexed(make: Callable[[], Any]) -> Callable[[], pd.DataFrame]:
    return lambda: PLAIN.set_axis(make(), axis=0)


def beside(make: Callable[[], Any]) -> Callable[[], pd.DataFrame]:
    return lambda: PLAIN.assign(other_thing=make())


def replaced(column: str, make: Callable[[], Any]) -> Callable[[], pd.DataFrame]:
    return lambda: PLAIN.assign(**{column: make()})


def fixed() -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), D)


def arrow(array: Any) -> Any:
    return pd.array(array, dtype=pd.ArrowDtype(array.type))


def twice_named() -> pd.DataFrame:
    wide = PLAIN.assign(a=1, b="x", c=range(N))
    return wide.set_axis(["row", "text", "g", "emb", "same", "same", "same"], axis=1)


def sliced() -> pd.DataFrame:
    longer = pd.concat([PLAIN.tail(3), PLAIN, PLAIN.head(2)])
    return longer.iloc[3 : 3 + N]


def chunked() -> pd.DataFrame:
    parts = [PLAIN.assign(emb=arrow(fixed())).iloc[a:b] for a, b in ((0, 7), (7, 8), (8, N))]
    return pd.concat(parts)


def of_levels() -> pd.DataFrame:
    pairs = [("row", ""), ("text", ""), ("g", ""), ("emb", ""), ("extra", "one"), ("extra", "two")]
    return PLAIN.assign(a=1, b=2).set_axis(pd.MultiIndex.from_tuples(pairs), axis=1)


class Mine(pd.DataFrame):  # type: ignore[misc,unused-ignore]
    """A frame that remembers where it comes from."""

    _metadata = ["origin"]  # noqa: RUF012

    @property
    def _constructor(self) -> Any:
        return Mine


def subclass() -> Any:
    mine = Mine(PLAIN)
    mine.origin = "somewhere"
    return mine


EDGES: dict[str, Callable[[], Any]] = {
    # index labels
    "texts for labels": indexed(lambda: [f"r{i}" for i in range(N)]),
    "duplicate labels": indexed(lambda: [i // 3 for i in range(N)]),
    "one label": indexed(lambda: ["all"] * N),
    "labels in disorder": indexed(lambda: pd.Index(np.random.default_rng(1).permutation(N))),
    "a named index": indexed(lambda: pd.Index(range(100, 100 + N), name="key")),
    "an index called like a column": indexed(lambda: pd.Index(range(N), name="row")),
    "missing labels": indexed(lambda: [None, 1.5, *range(N - 2)]),
    "dates": indexed(lambda: pd.date_range("2026-01-01", periods=N, tz="Europe/Vienna")),
    "categories for labels": indexed(lambda: pd.CategoricalIndex(list("abcd") * 6)),
    "intervals": indexed(lambda: pd.interval_range(0, N)),
    "a MultiIndex": indexed(
        lambda: pd.MultiIndex.from_product([["a", "b"], range(N // 2)], names=["x", None])
    ),
    "a MultiIndex of duplicates": indexed(
        lambda: pd.MultiIndex.from_arrays([["a"] * N, [1] * N], names=["x", "x"])
    ),
    # columns beside the vectors
    "categories": beside(lambda: pd.Categorical(list("xyzx") * 6, ordered=True)),
    "nullable whole numbers": beside(lambda: pd.array([None, *range(N - 1)], dtype="Int64")),
    "nullable booleans": beside(lambda: pd.array([None, True, False] * 8, dtype="boolean")),
    "nullable floats": beside(lambda: pd.array([None, 1.5] * 12, dtype="Float32")),
    "strings": beside(lambda: pd.array(["a", None] * 12, dtype="string")),
    "Arrow strings": beside(lambda: arrow(pa.array(["a", None] * 12))),
    "Arrow lists": beside(lambda: arrow(pa.array([[1], None, []] * 8))),
    "Arrow structs": beside(lambda: arrow(pa.array([{"a": 1}, None] * 12))),
    "times with zones": beside(lambda: pd.date_range("2026", periods=N, tz="UTC")),
    "periods": beside(lambda: pd.period_range("2026", periods=N, freq="M")),
    "durations": beside(lambda: pd.to_timedelta(range(N), unit="h")),
    "sparse": beside(lambda: pd.arrays.SparseArray([0, 0, 1] * 8)),
    "complex": beside(lambda: np.arange(N) * 1j),
    "anything": beside(lambda: [object, None, {}, 1.5] * 6),
    "duplicate names": twice_named,
    "columns of levels": of_levels,
    "labels of numbers": lambda: PLAIN.assign(a=1, b=2).rename(columns={"a": 0, "b": 1.5}),
    # the columns themselves
    "Arrow vectors": replaced("emb", lambda: arrow(fixed())),
    "Arrow lists of vectors": replaced("emb", lambda: arrow(fixed().cast(pa.list_(pa.float32())))),
    "float64 cells": replaced("emb", lambda: list(ROWS.astype(np.float64))),
    "cells of lists": replaced("emb", lambda: ROWS.tolist()),
    "cells of tuples": replaced("emb", lambda: list(map(tuple, ROWS.tolist()))),
    "texts of categories": replaced("text", lambda: pd.Categorical(TEXTS)),
    "texts of Arrow": replaced("text", lambda: arrow(pa.array(TEXTS))),
    "texts of objects": replaced("text", lambda: pd.Series(TEXTS, dtype=object)),
    "groups of categories": replaced("g", lambda: pd.Categorical.from_codes(GROUPS, list("abcd"))),
    "groups of texts": replaced("g", lambda: [f"g{g}" for g in GROUPS]),
    # the frame
    "a slice": sliced,
    "every second row of a longer frame": lambda: PLAIN.loc[PLAIN.index.repeat(2)].iloc[::2],
    "chunks": chunked,
    "read only": lambda: PLAIN.assign(emb=[_frozen(row) for row in ROWS]),
    "attrs": lambda: _with_attrs(PLAIN.copy()),
    "a subclass": subclass,
}


def _frozen(row: Any) -> Any:
    row = row.copy()
    row.flags.writeable = False
    return row


def _with_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    frame.attrs["source"] = "somewhere"
    return frame


def same(found: pd.DataFrame, want: pd.DataFrame) -> None:
    """Compare column by column by position: values, types, labels, index."""
    pd.testing.assert_index_equal(found.index, want.index, exact="equiv")
    pd.testing.assert_index_equal(found.columns, want.columns, exact="equiv")
    for position in range(want.shape[1]):
        mine, theirs = found.iloc[:, position], want.iloc[:, position]
        assert mine.dtype == theirs.dtype
        for a, b in zip(mine.tolist(), theirs.tolist(), strict=True):
            if isinstance(b, np.ndarray | list | tuple):
                np.testing.assert_array_equal(a, b)
            else:
                assert (a is b) or a == b or (a != a and b != b) or (a is pd.NA and b is pd.NA)


@pytest.mark.filterwarnings("ignore:.*lists.*:ruvector.RuVectorWarning")
@pytest.mark.parametrize("edge", EDGES)
def test_every_verb_keeps_the_rows_as_they_are(edge: str) -> None:
    frame = EDGES[edge]()
    before = copy.deepcopy(frame)
    for name, (call, added) in VERBS.items():
        answer = call(frame)
        assert type(answer) is type(frame), name
        assert answer.attrs == frame.attrs, name
        assert getattr(answer, "origin", None) == getattr(frame, "origin", None), name
        width = frame.shape[1]
        names = [c[0] if isinstance(c, tuple) else c for c in answer.columns[width:]]
        assert names == added, name
        found = answer.iloc[:, :width]
        assert found.iloc[:, 0].tolist() == WANTED[name], name
        same(found, frame.iloc[WANTED[name]])
    same(frame, before)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.filterwarnings("ignore:.*lists.*:ruvector.RuVectorWarning")
def test_answers_about_rows_have_their_labels(edge: str) -> None:
    frame = EDGES[edge]()
    for name, (call, columns) in ABOUT.items():
        answer, want = call(frame), call(PLAIN)
        assert [c[0] if isinstance(c, tuple) else c for c in answer] == columns, name
        assert answer.to_numpy().tolist() == want.to_numpy().tolist()
        rows = answer.iloc[:, 0 if name == "neighbors" else 1]
        pd.testing.assert_index_equal(answer.index, frame.iloc[rows.tolist()].index)
    mask = rv.duplicated(frame, on="emb", min_similarity=0.99)
    pd.testing.assert_index_equal(mask.index, frame.index)
    assert mask.tolist() == [i in (9, 17) for i in range(N)]
    kept = rv.dedup(frame, on="emb", min_similarity=0.99)
    same(kept, frame[~mask.to_numpy()])


@pytest.mark.parametrize("name", VERBS)
def test_no_rows_give_the_whole_schema(name: str) -> None:
    call, _ = VERBS[name]
    full, empty = call(PLAIN), call(PLAIN.iloc[:0])
    assert empty.columns.tolist() == full.columns.tolist()
    assert len(empty) == 0
    added = [c for c in full.columns if c not in PLAIN.columns]
    for column in added:
        if name != "sim_join left":  # whose numbers may have gaps
            assert empty[column].dtype == full[column].dtype, column
    typed = PLAIN.assign(emb=arrow(fixed())).iloc[:0]
    assert call(typed)["emb"].dtype == typed["emb"].dtype


@pytest.mark.parametrize("name", VERBS)
def test_scores_are_float32_and_ranks_are_whole_from_one(name: str) -> None:
    call, added = VERBS[name]
    answer = call(PLAIN)
    for column in added:
        if column in ("cosine_similarity", "l2_distance", "bm25_score", "fused_score"):
            assert answer[column].dtype == np.float32, column
    if "rank" in added and name != "sim_join left":
        assert answer["rank"].dtype == np.int64
        assert answer["rank"].min() == 1
    if "query_row" in added:
        assert answer["query_row"].dtype == np.int64
        assert answer["query_row"].min() == 0


@pytest.mark.parametrize("taken", sorted({c for _, added in VERBS.values() for c in added}))
def test_a_column_that_the_answer_would_add_is_never_overwritten(taken: str) -> None:
    frame = PLAIN.assign(**{taken: "mine"})
    for name, (call, added) in VERBS.items():
        if taken not in added:
            assert call(frame)[taken].tolist() == ["mine"] * len(WANTED[name]), name
        elif name.startswith("sim_join") and taken in ("other", "vec"):
            answer = call(frame)  # of two frames: the right one's gets the suffix
            assert answer[taken].tolist() == ["mine"] * len(answer)
            assert f"{taken}_right" in answer
        else:
            with pytest.raises(rv.ColumnError, match=taken):
                call(frame)


def test_score_columns_are_renamed_where_they_clash() -> None:
    frame = PLAIN.assign(cosine_similarity="mine")
    with rv.config(score_column="how like"):
        for name, (call, added) in VERBS.items():
            if "cosine_similarity" in added:
                assert "how like" in call(frame), name


# ---- null and bad rows ----

NULL = [3, 9, 20]
GAPS = PLAIN.assign(emb=[None if i in NULL else row for i, row in enumerate(ROWS)])


@pytest.mark.parametrize("kind", ["object", "Arrow"])
@pytest.mark.parametrize("name", [n for n in VERBS if n not in ("embed", "search texts")])
def test_null_rows_are_never_candidates(name: str, kind: str) -> None:
    frame = GAPS
    if kind == "Arrow":
        mask = pa.array([i in NULL for i in range(N)])
        values = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), D, mask=mask)
        frame = PLAIN.assign(emb=arrow(values))
    answer = VERBS[name][0](frame)
    rows = set(answer["row"])
    if name in ("neighbors", "dedup", "dedup by", "sim_join left"):
        assert set(NULL) <= rows, "every row has an answer, of nothing"
    elif name != "hybrid":  # words find a row without a vector
        assert not rows & set(NULL)
    if name == "sim_join left":
        left = answer[answer["row"].isin(NULL)]
        assert len(left) == len(NULL)
        assert left["other"].isna().all()
        assert left["cosine_similarity"].isna().all()
    if name.startswith("search"):
        plan = rv.last_plan()
        assert plan is not None
        assert plan.null_rows == len(NULL)


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", [n for n in VERBS if n not in ("embed", "search texts")])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_rows_are_named_or_count_as_null(name: str, bad: float) -> None:
    rows = ROWS.copy()
    rows[6, 2] = bad
    frame = PLAIN.assign(emb=list(rows))
    with pytest.raises(rv.InvalidVector, match=r"'emb'.*row 6\b.*column 2"):
        VERBS[name][0](frame)
    with rv.config(bad_vectors="skip"):
        found = set(VERBS[name][0](frame)["row"])
    every = name in ("neighbors", "dedup", "dedup by", "sim_join left")
    assert (6 in found) == every or name == "hybrid"


@pytest.mark.parametrize("name", [n for n in VERBS if n not in ("embed", "search texts")])
def test_ragged_rows_are_named(name: str) -> None:
    cells = [*ROWS[:5], ROWS[5][:2], *ROWS[6:]]
    with pytest.raises(rv.InvalidVector, match=r"'emb'.*5"):
        VERBS[name][0](PLAIN.assign(emb=cells))


def test_which_column_is_meant_is_asked_when_it_is_not_clear() -> None:
    two: Any = PLAIN.assign(also=list(ROWS[:, :3]))
    none: Any = PLAIN.drop(columns="emb")
    calls: list[Callable[[Any], Any]] = [
        lambda f: rv.search(f, QUERY), lambda f: rv.within(f, QUERY, min_similarity=0.1),
        lambda f: rv.dedup(f, min_similarity=0.9), lambda f: rv.neighbors(f),
        lambda f: rv.duplicated(f, min_similarity=0.9), lambda f: rv.build_index(f),
        lambda f: rv.similarity_quantiles(f), lambda f: rv.recall(f),
        lambda f: rv.similar_to(f, 3), lambda f: rv.sim_join(f, f),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(rv.ColumnError, match=r"'emb' \(5 dim.*'also' \(3 dim.*on="):
            call(two)
        with pytest.raises(rv.ColumnError, match=r"no column holds vectors.*(text|on)='text'"):
            call(none)


def test_like_a_row_by_its_label() -> None:
    labels: Any = pd.MultiIndex.from_product([["a", "b"], range(N // 2)])
    frame = PLAIN.set_axis(labels, axis=0)
    want = rv.similar_to(PLAIN, 4, k=3)["row"].tolist()
    assert rv.similar_to(frame, ("a", 4), k=3)["row"].tolist() == want
    dates = PLAIN.set_axis(pd.date_range("2026-01-01", periods=N), axis=0)
    assert rv.similar_to(dates, pd.Timestamp("2026-01-05"), k=3)["row"].tolist() == want
    with pytest.raises(rv.RuVectorError, match="'a'"):
        rv.similar_to(frame, "a")
    doubled = PLAIN.set_axis([i // 2 for i in range(N)], axis=0)
    with pytest.raises(rv.RuVectorError, match="2"):
        rv.similar_to(doubled, 2)


@pytest.mark.parametrize("call", short_of(PLAIN).values(), ids=list(short_of(PLAIN)))
def test_a_query_of_other_dimensions_is_told_both(call: Callable[[], Any]) -> None:
    with pytest.raises(rv.DimensionMismatch, match=r"\b3\b.*\b5\b|\b5\b.*\b3\b"):
        call()


@pytest.mark.parametrize("call", worded(PLAIN).values(), ids=list(worded(PLAIN)))
def test_a_text_needs_what_made_the_vectors(call: Callable[[], Any]) -> None:
    with pytest.raises(rv.EmbedError, match=r"'emb'.*embedder=|embedder=.*'emb'"):
        call()


@pytest.mark.parametrize("name", filtered(PLAIN))
def test_nobody_left_gives_the_whole_schema(name: str) -> None:
    call = filtered(PLAIN)[name]
    none, everybody = call(np.zeros(N, bool)), call(np.ones(N, bool))
    assert len(none) == 0
    assert len(everybody) > 0
    assert none.dtypes.to_dict() == everybody.dtypes.to_dict()
    assert call(np.arange(N) == 4)["row"].tolist() == [4], "k means k where so many may be found"
