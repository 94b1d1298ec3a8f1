"""Errors about columns and ids name what the caller meant, in words that run as they stand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._input import cells

ROWS = np.random.default_rng(3).standard_normal((5, 4)).astype(np.float32)
LIBRARIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
every_library = pytest.mark.parametrize("library", LIBRARIES)


def _numbers(library: str) -> Any:
    return LIBRARIES[library]({f"e{i}": ROWS[:, i] for i in range(4)})


def _message(call: Callable[[], Any], kind: type[Exception] = rv.ColumnError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


@every_library
def test_columns_of_numbers_are_said_to_be_gathered_by_a_list(library: str) -> None:
    frame = _numbers(library)
    assert "such as on=['e0', 'e1']" in _message(lambda: rv.search(frame, ROWS[0]))
    assert "on=['e*']" in _message(lambda: rv.search(frame, ROWS[0], on="e*"))
    assert len(rv.search(frame, ROWS[0], on=["e*"])) == 5
    one = LIBRARIES[library]({"e0": ROWS[:, 0], "n": range(5)})
    assert "gathered" not in _message(lambda: rv.search(one, ROWS[0])), "ids are no vectors"


@every_library
def test_several_columns_in_a_tuple_are_said_to_be_a_list(library: str) -> None:
    data = {"a": [1, 1, 2, 2, 2], "b": [1, 1, 1, 2, 2]}
    frame = rv.embed(LIBRARIES[library]({**data, "t": list("vwxyz")}), "t", embedder=_letters)
    call = lambda by: rv.dedup(frame, min_similarity=-1, by=by)  # noqa: E731
    assert "a list: ['a', 'b']" in _message(lambda: call(("a", "b")))
    assert len(call(["a", "b"])) == 3
    assert "a list" not in _message(lambda: call(("a", "c")))


def test_one_column_to_return_stands_alone() -> None:
    frame = pd.DataFrame({0: range(5), "v": list(ROWS), "w": 1})
    for one, names in ((0, [0]), ("v", ["v"]), (["v", 0], ["v", 0]), (frame.columns[:1], [0])):
        found = rv.search(frame, ROWS[0], on="v", columns=one)
        assert list(found.columns) == [*names, "cosine_similarity"]
    groups = rv.duplicate_groups(frame, on="v", min_similarity=-1, columns=0)
    assert list(groups.columns)[:2] == [0, "0_kept"]
    data = pl.DataFrame({"v": ROWS})
    calls: list[Callable[[Any], Any]] = [
        lambda columns: rv.search(data, ROWS[0], columns=columns),
        lambda columns: rv.duplicate_groups(data, min_similarity=0, columns=columns),
    ]
    for call in calls:
        assert "there is no column" in _message(lambda call=call: call(pl.all()))
        assert "there is no column 3" in _message(lambda call=call: call(3))


@every_library
def test_a_score_is_renamed_where_the_score_clashes_alone(library: str) -> None:
    frame = rv.embed(LIBRARIES[library]({"t": ["a", "b"]}), "t", embedder=_letters)
    clashing: list[tuple[str, Callable[[Any], Any], bool]] = [
        ("cosine_similarity", lambda f: rv.search(f, [1, 1]), True),
        ("rank", lambda f: rv.search(f, [[1, 1]]), False),
        ("neighbors", lambda f: rv.neighbors(f, 1, out="column"), False),
        ("bm25_score", lambda f: rv.hybrid(f, "a", text="t", embedder=_letters), False),
        ("fused_score", lambda f: rv.hybrid(f, "a", text="t", embedder=_letters), False),
    ]
    for name, call, renamed in clashing:
        with_on = LIBRARIES[library]({"t": frame["t"], "e": frame["embedding"], name: [1, 2]})
        said = _message(lambda call=call, with_on=with_on: call(with_on))
        assert repr(name) in said and "rename or drop yours" in said
        assert ("score_column" in said) == renamed, said
        if renamed:
            with rv.config(score_column="how close"):
                assert len(call(with_on)) == 2


def _letters(texts: list[str]) -> Any:
    return np.array([[ord(text[0]), 1.0] for text in texts], np.float32)


def test_a_frame_filtered_to_no_rows_names_the_column_that_may_be_meant() -> None:
    frame = pd.DataFrame({"t": ["x"], "v": [ROWS[0]]})
    empty = frame[frame["t"] == "y"]
    said = _message(lambda: rv.search(empty, ROWS[0]))
    assert "name it: on='v'" in said and "text='t'" in said
    assert len(rv.search(empty, ROWS[0], on="v")) == 0
    alone = _message(lambda: rv.search(empty[["v"]], ROWS[0]))
    assert "name it: on='v'" in alone


@every_library
def test_a_join_is_told_the_argument_that_it_has(library: str) -> None:
    make = LIBRARIES[library]
    texts, vectors = make({"t": ["a", "b"]}), rv.embed(make({"t": ["a"]}), "t", embedder=_letters)
    for side, call in (
        ("right", lambda: rv.sim_join(vectors, texts, embedder=_letters)),
        ("left", lambda: rv.sim_join(texts, vectors, embedder=_letters)),
    ):
        said = _message(call)
        assert said.startswith(f"{side} frame:") and "on='t'" in said and "text=" not in said
    assert len(rv.sim_join(texts, texts, on="t", embedder=_letters)) == 2


def test_a_filter_that_sets_a_column_is_told_how_to_compare() -> None:
    frame = pd.DataFrame({"n": range(5), "v": list(ROWS)})
    said = _message(lambda: rv.search(frame, ROWS[0], where="n = 1"), rv.InvalidArgument)
    assert "where='n = 1' sets a column" in said and "==" in said
    assert list(frame.columns) == ["n", "v"] and frame["n"].tolist() == list(range(5))
    assert rv.search(frame, ROWS[0], where="n == 1")["n"].tolist() == [1]


def test_ids_of_rows_have_an_order() -> None:
    names = set("abcde")
    frame = pd.DataFrame({"v": list(ROWS)})
    calls: list[Callable[[], Any]] = [
        lambda: rv.Index.build(ROWS, ids=names),
        lambda: rv.Index.build(ROWS, ids=frozenset(range(5))),
        lambda: frame.ruvector.build_index(ids=names),
        lambda: rv.Index.build(ROWS, ids=list("vwxyz")).add(names, ROWS),
        lambda: rv.Index.build(ROWS, ids=list("vwxyz")).upsert(names, ROWS),
    ]
    for call in calls:
        assert "no order" in _message(call, rv.InvalidArgument)
    index = rv.Index.build(ROWS, ids=dict.fromkeys("abcde").keys())
    assert index.search(ROWS[3], k=1).ids.tolist() == ["d"], "keys have an order"
    assert set(index.search(ROWS[0], ids={"a", "b"}).ids) == {"a", "b"}, "some rows need none"
    assert index.delete({"a", "b"}) == 2


def test_the_advice_about_lists_names_the_column_and_runs(monkeypatch: Any) -> None:
    for name in ("v", ("A", "v"), 7):
        monkeypatch.setattr(cells, "_warned_lists", False)
        df = pd.DataFrame({"x": range(5)})
        df[name] = ROWS.tolist()
        with pytest.warns(rv.RuVectorWarning) as caught:
            rv.search(df, ROWS[0], on=name)
        advice = str(caught[0].message).partition("convert once: ")[2]
        exec(advice, {"rv": rv, "df": df})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            monkeypatch.setattr(cells, "_warned_lists", False)
            assert rv.search(df, ROWS[3], k=1, on=name).index.tolist() == [3]


@every_library
@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_vectors_that_are_not_finite_are_not_embedded(library: str, wrong: float) -> None:
    def half(texts: list[str]) -> Any:
        found = _letters(texts)
        found[[text == "b" for text in texts], 1] = wrong
        return found

    frame = LIBRARIES[library]({"t": ["a", "", "b", "c"]})
    with pytest.raises(rv.InvalidVector, match=r"embedder gave .* as element 1 of") as caught:
        rv.embed(frame, "t", embedder=half)
    assert (caught.value.row, caught.value.column) == (2, 1)
    with rv.config(bad_vectors="skip"):
        matrix = rv.to_matrix(rv.embed(frame, "t", embedder=half)["embedding"])
    assert np.isnan(matrix).all(axis=1).tolist() == [False, True, True, False]
    assert len(rv.search(rv.embed(frame, "t", embedder=_letters), [1.0, 1.0])) == 3


def test_an_embedder_of_another_library_is_asked_by_its_method() -> None:
    class Chain:
        def embed_documents(self, texts: list[str]) -> Any:
            return _letters(texts).tolist()

    frame = pd.DataFrame({"t": ["a", "b"]})
    for embedder in (Chain(), Chain().embed_documents):
        made = rv.embed(frame, "t", embedder=embedder)["embedding"]
        assert made[1].tolist() == [98.0, 1.0]
    assert "embed_documents" in _message(
        lambda: rv.embed(frame, "t", embedder=object()), rv.EmbedError
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda data: rv.search(data, [1.0, 0.0], ids_on="name"),
        lambda data: rv.within(data, [1.0, 0.0], min_similarity=0.5, ids_on="name"),
        lambda data: rv.similar_to(data, 0, ids_on="name"),
        lambda data: rv.neighbors(data, 1, ids_on="name"),
        lambda data: rv.sim_join(data, data, ids_on="name"),
        lambda data: rv.hybrid(data, "x", text="name", on="v", embedder=ones, ids_on="name"),
    ],
)
def test_a_column_of_ids_without_an_index_is_refused(ask: Any) -> None:
    data = pd.DataFrame({"name": ["x", "y"], "v": list(np.eye(2, dtype=np.float32))})
    with pytest.raises(rv.InvalidArgument, match=r"ids_on='name' .* no index= is given"):
        ask(data)


def ones(texts: list[str]) -> Any:
    return np.ones((len(texts), 2), np.float32)


@pytest.mark.parametrize("rows", [[[1e300, 1.0]], [[0.0, 1.0], [-1e39, 1.0]]])
def test_a_number_beyond_float32_is_no_infinity_in_a_matrix(rows: Any) -> None:
    wide, row = np.array(rows), len(rows) - 1
    columns = [wide, pl.Series(wide), pd.Series(list(wide)), pl.Series(rows)]
    for work in (rv.to_matrix, lambda column: rv.to_column(column, like=pl.Series([1]))):
        for column in columns:
            with pytest.raises(rv.InvalidVector, match="which float32 cannot hold") as caught:
                work(column)
            assert (caught.value.row, caught.value.column) == (row, 0)
    kept = np.array([[np.inf, 1.0], [np.nan, 1e38]])
    np.testing.assert_array_equal(rv.to_matrix(kept), kept.astype(np.float32))
