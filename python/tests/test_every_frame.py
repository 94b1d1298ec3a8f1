"""Every verb on every kind of frame: the rows that pandas gives, as the type that came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import narwhals
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds_of_frames import KINDS, Kind, rows_of

import ruvector as rv

N, D = 40, 4
RANDOM = np.random.default_rng(5)
MATRIX = RANDOM.standard_normal((N, D), dtype=np.float32)
WORDS = ["refund", "late parcel", "wrong size", None, "thanks"] * (N // 5)
QUERY = MATRIX[7] + np.float32(0.01)

Verb = Callable[[Any], Any]


def table(rows: slice = slice(None)) -> Any:
    """Return the rows of the test as a pyarrow Table."""
    cells: list[Any] = MATRIX.tolist()
    cells[11] = None
    return pa.table(
        {
            "id": pa.array(list(range(N))[rows], pa.int64()),
            "word": pa.array(WORDS[rows], pa.string()),
            "emb": pa.array(cells[rows], pa.list_(pa.float32(), D)),
        }
    )


def embed(texts: list[str]) -> Any:
    """Make vectors of texts by their letters."""
    return np.array([[len(t), t.count("e"), t.count("r"), 1] for t in texts], np.float32)


MASK = np.arange(N) % 2 == 0
VERBS: dict[str, Verb] = {
    "search": lambda f: rv.search(f, QUERY, k=5),
    "search, a batch": lambda f: rv.search(f, MATRIX[[3, 9]], k=2, metric="l2"),
    "search, columns": lambda f: rv.search(f, QUERY, k=5, columns=["word", "id"]),
    "search, where": lambda f: rv.search(f, QUERY, k=5, where=MASK),
    "search, by": lambda f: rv.search(f, QUERY, k=1, by="word", where=np.arange(N) % 5 != 3),
    "search, threshold": lambda f: rv.search(f, QUERY, k=9, min_similarity=0.5),
    "search, text": lambda f: rv.search(f, "a refund", k=3, text="word", embedder=embed),
    "search, texts": lambda f: rv.search(f, ["wrong", "x"], k=2, text="word", embedder=embed),
    "search, nothing": lambda f: rv.search(f, QUERY, where=np.zeros(N, bool)),
    "hybrid": lambda f: rv.hybrid(f, "a refund", k=4, text="word", embedder=embed),
    "hybrid, a batch": lambda f: rv.hybrid(f, ["wrong", "x"], k=2, text="word", embedder=embed),
    "within": lambda f: rv.within(f, QUERY, min_similarity=0.3),
    "within, a batch": lambda f: rv.within(f, MATRIX[:3], max_distance=2, metric="l2", limit=4),
    "dedup": lambda f: rv.dedup(f, min_similarity=0.5),
    "dedup, last": lambda f: rv.dedup(f, max_distance=3, metric="l2", keep="last"),
    "duplicate_groups": lambda f: rv.duplicate_groups(f, min_similarity=0.5),
    "duplicate_groups, columns": lambda f: rv.duplicate_groups(
        f, text="word", min_similarity=0.99, columns=["id", "word"], embedder=embed
    ),
    "similarity_quantiles": rv.similarity_quantiles,
    "embed": lambda f: rv.embed(f, "word", embedder=embed),
    "join index": lambda f: rv.sim_join(f, rv.Index.build(MATRIX), k=2),
    "join index, left": lambda f: rv.sim_join(
        f, rv.Index.build(MATRIX[:5]), how="left", min_similarity=0.9
    ),
    "hybrid, four": lambda f: rv.hybrid(f, "late parcel", text="word", embedder=embed, k=4),
    "hybrid, vectors": lambda f: rv.hybrid(f, "size", text="word", on="emb", embedder=embed),
    "neighbors": lambda f: rv.neighbors(f, 3),
    "neighbors, column": lambda f: rv.neighbors(f, 2, metric="l2", out="column"),
    "similar_to": lambda f: rv.similar_to(f, 7, k=4),
    "describe": rv.describe,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_the_answer_is_of_the_type_that_came_in_with_the_rows_of_pandas(
    verb: Verb, kind: Kind
) -> None:
    want = rows_of(KINDS["pandas"], verb(KINDS["pandas"].make(table())))
    got = rows_of(kind, verb(kind.make(table())))
    if verb is rv.describe:
        for row in (*want, *got):
            del row["dtype"], row["borrowed"]
    assert got == want


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("how", ["inner", "left"])
def test_two_frames_of_a_kind_are_joined(kind: Kind, how: Any) -> None:
    left, right = table(slice(0, 20)), table(slice(8, 30))
    want = rv.sim_join(left, right, k=2, how=how, by="word", min_similarity=0.5)
    made = kind.make(left), kind.make(right)
    got = rows_of(kind, rv.sim_join(*made, k=2, how=how, by="word", min_similarity=0.5))
    assert got == want.to_pylist()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_empty_frames_answer_with_all_columns(kind: Kind) -> None:
    found = kind.read(rv.search(kind.make(table(slice(0, 0))), MATRIX[:2], on="emb"))
    assert found.num_rows == 0
    assert found.column_names == ["id", "word", "emb", "query_row", "rank", "cosine_similarity"]


def _values(column: Any) -> list[Any]:
    """Return a column of any library, or a relation of one, as a list."""
    if hasattr(column, "fetchall"):
        return [row[0] for row in column.fetchall()]
    native = column.to_native() if hasattr(column, "to_native") else column
    if hasattr(native, "fetchall"):
        return [row[0] for row in native.fetchall()]
    if hasattr(native, "__arrow_c_stream__"):
        return pa.chunked_array(native).to_pylist()  # type: ignore[no-any-return]
    return list(native)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_column_that_says_who_is_a_duplicate_filters_a_search(kind: Kind) -> None:
    want = rv.duplicated(table(), min_similarity=0.8)
    said = rv.duplicated(kind.make(table()), min_similarity=0.8)
    assert _values(said) == want.to_pylist()
    again = rv.duplicated(kind.make(table()), min_similarity=0.8)
    where = again if kind.answer is not narwhals.LazyFrame else np.array(_values(again))
    if not kind.once and "nanoarrow" not in str(type(where)):
        found = rv.search(kind.make(table()), QUERY, k=N, where=where)
        assert len(rows_of(kind, found)) == sum(want.to_pylist())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_verb_measures_is_the_same_on_every_kind(kind: Kind) -> None:
    assert rv.recall(kind.make(table()), k=3).mean == rv.recall(table(), k=3).mean
    plan = rv.explain(kind.make(table()), MATRIX[:2], k=3)
    assert (plan.queries, plan.rows) == (2, N - 1) or (plan.queries, plan.rows) == (2, N)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_index_is_built_of_every_kind_and_answers_for_it(kind: Kind) -> None:
    index = rv.build_index(kind.make(table()), "emb", ids="id", metric="l2")
    assert len(index) == N
    got = rows_of(kind, rv.search(kind.make(table()), QUERY, k=3, index=index))
    assert got == rows_of(KINDS["pandas"], rv.search(KINDS["pandas"].make(table()), QUERY, k=3,
                                                     index=index))  # fmt: skip
    plan = rv.explain(kind.make(table()), QUERY, index=index)
    assert plan.index == "given"
    gathered = index.search(QUERY, 3).rows(kind.make(table()))
    assert [row["id"] for row in rows_of(kind, gathered)] == [row["id"] for row in got]


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if not k.once])
def test_a_frame_of_every_kind_is_a_batch_of_queries(kind: Kind) -> None:
    want = rv.search(table(), MATRIX[:2], k=2)
    asked = kind.make(table(slice(0, 2)))
    if kind.answer is object:  # exporters are asked for rows, but not asked with
        with pytest.raises(rv.RuVectorError):
            rv.search(table(), asked, k=2)
    else:
        assert rv.search(table(), asked, k=2).equals(want)


@pytest.mark.parametrize("name", [n for n in KINDS if "pandas" not in n and "polars" not in n])
def test_batches_of_no_rows_between_others_are_nothing(name: str) -> None:
    """polars 2.1 does not read such data itself, nor does pyarrow 26 take rows of them."""
    kind, emb = KINDS[name], table()["emb"].chunk(0)
    pieces = [emb.slice(*piece) for piece in ((0, 2), (2, 6), (8, 0), (8, 32))]
    chunked = table().set_column(2, "emb", pa.chunked_array(pieces))
    whole = rows_of(kind, rv.search(kind.make(table()), QUERY, k=5))
    assert rows_of(kind, rv.search(kind.make(chunked), QUERY, k=5)) == whole


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_errors_are_those_of_pandas(kind: Kind) -> None:
    with pytest.raises(rv.ColumnError, match="there is no column 'nothing'"):
        rv.search(kind.make(table()), QUERY, on="nothing")
    with pytest.raises(rv.DimensionMismatch):
        rv.search(kind.make(table()), [1.0])
    clash = table().append_column("rank", pa.array(range(N)))
    with pytest.raises(rv.ColumnError, match="already has a column 'rank'"):
        rv.search(kind.make(clash), MATRIX[:2])


@settings(deadline=None)
@given(
    st.integers(0, 12).flatmap(
        lambda n: st.lists(
            st.none() | st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=n, max_size=n
        )
    ),
    st.integers(0, 5),
    st.sampled_from(["cosine", "dot", "l2"]),
    st.sampled_from(sorted(KINDS)),
)
def test_random_frames_have_one_answer(cells: list[Any], k: int, metric: str, name: str) -> None:
    """As pyarrow Table, whose types say what an empty or null column is."""
    made = pa.table({"id": range(len(cells)), "emb": pa.array(cells, pa.list_(pa.float32(), 2))})
    kind, named = KINDS[name], cast(Any, metric)
    try:
        want = rv.search(made, [1.0, 2.0], k=k, metric=named)
    except rv.RuVectorError as error:
        with pytest.raises(type(error)):
            rv.search(kind.make(made), [1.0, 2.0], k=k, metric=named)
        return
    got = rv.search(kind.make(made), [1.0, 2.0], k=k, on="emb", metric=named)
    assert rows_of(kind, got) == want.to_pylist()
