"""No queries are a batch of none: every verb answers nothing, with the columns of a full answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

X = np.random.default_rng(5).standard_normal((6, 3)).astype(np.float32)

EMPTY: dict[str, Any] = {
    "list": [],
    "tuple": (),
    "dict keys": {}.keys(),
    "range": range(0),
    "NumPy": np.array([]),
    "NumPy float32": np.empty(0, np.float32),
    "NumPy objects": np.array([], object),
    "NumPy texts": np.array([], "U3"),
    "NumPy StringDType": np.array([], np.dtypes.StringDType()),
    "no rows": np.empty((0, 3)),
    "no rows of another width": np.empty((0, 7), np.float32),
    "no rows of no width": np.empty((0, 0)),
    "pandas": pd.Series([], dtype=float),
    "pandas objects": pd.Series([], dtype=object),
    "pandas strings": pd.Series([], dtype="string"),
    "pandas category": pd.Series([], dtype="category"),
    "pandas Index": pd.Index([]),
    "pandas Arrow": pd.Series([], dtype=pd.ArrowDtype(pa.list_(pa.float32()))),
    "polars": pl.Series([]),
    "polars strings": pl.Series([], dtype=pl.String),
    "polars lists": pl.Series([], dtype=pl.List(pl.Float32)),
    "polars arrays": pl.Series([], dtype=pl.Array(pl.Float64, 3)),
    "polars objects": pl.Series([], dtype=pl.Object),
    "pyarrow": pa.array([]),
    "pyarrow numbers": pa.array([], pa.float32()),
    "pyarrow strings": pa.array([], pa.large_string()),
    "pyarrow lists": pa.array([], pa.list_(pa.float32())),
    "pyarrow fixed": pa.array([], pa.list_(pa.float32(), 3)),
    "pyarrow no chunks": pa.chunked_array([], pa.list_(pa.float32())),
    "pyarrow no chunks of text": pa.chunked_array([], pa.string()),
}
BITS: dict[str, Any] = {
    "list": [],
    "bytes": b"",
    "booleans": np.empty((0, 24), bool),
    "polars Binary": pl.Series([], dtype=pl.Binary),
    "polars booleans": pl.Series([], dtype=pl.List(pl.Boolean)),
    "pyarrow binary": pa.array([], pa.binary()),
    "pyarrow no chunks": pa.chunked_array([], pa.binary(3)),
    "pandas": pd.Series([], dtype=object),
}
FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"emb": list(X), "g": [0, 0, 1, 1, 2, 2], "id": list("abcdef")}),
    "polars": lambda: pl.DataFrame({"emb": X, "g": [0, 0, 1, 1, 2, 2], "id": list("abcdef")}),
    "pyarrow": lambda: pa.table({"emb": X.tolist(), "g": [0, 0, 1, 1, 2, 2], "id": list("abcdef")}),
}


def _columns(frame: Any) -> list[str]:
    return list(getattr(frame, "column_names", getattr(frame, "columns", [])))


def _schema(frame: Any) -> list[Any]:
    return list(frame.schema if isinstance(frame, pa.Table) else frame.dtypes)


@pytest.mark.sample(7)
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("name", EMPTY)
def test_an_index_answers_no_queries_with_the_schema_of_some(name: str, kind: Any) -> None:
    index = rv.Index.build(X, kind=kind, ids=list("abcdef"))
    query = EMPTY[name]
    for ask in (
        lambda q: index.search(q, k=2),
        lambda q: index.search(q, k=2, diversity=0.5),
        lambda q: index.search(q, k=2, ids=["a"]),
        lambda q: index.search(q, k=2, where=[True] * 6),
        lambda q: index.within(q, min_similarity=-1.0),
    ):
        some, none = ask(X[:2]), ask(query)
        assert len(none.counts) == 0
        assert none.ids.dtype == some.ids.dtype
        assert none.scores.dtype == np.float32
        assert none.ids.shape[0] == none.scores.shape[0] == 0
        assert none.hits() == []
        for method in ("to_pandas", "to_polars", "to_arrow"):
            full, empty = getattr(some, method)(), getattr(none, method)()
            assert len(empty) == 0
            assert _columns(empty) == _columns(full)
            if method != "to_pandas":  # which has texts as objects where there are none
                assert _schema(empty) == _schema(full)
        for make in FRAMES.values():
            frame = make()
            assert _columns(none.rows(frame, ids_on="id")) == _columns(
                some.rows(frame, ids_on="id")
            )
    assert index.search(query, k=2).ids.shape == (0, 2)


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("name", EMPTY)
def test_a_frame_answers_no_queries_with_the_schema_of_some(name: str, library: str) -> None:
    frame = FRAMES[library]()
    typed_text = any(word in name for word in ("text", "string", "String"))
    for ask in (
        lambda q: rv.search(frame, q, on="emb", k=2),
        lambda q: rv.search(frame, q, on="emb", k=2, by="g"),
        lambda q: rv.search(frame, q, on="emb", k=2, diversity=0.3),
        lambda q: rv.search(frame, q, on="emb", k=2, min_similarity=0.1),
        lambda q: rv.search(frame, q, on="emb", k=2, index=rv.Index.build(X)),
        lambda q: rv.within(frame, q, on="emb", min_similarity=0.1),
    ):
        some, none = ask(X[:2]), ask(EMPTY[name])
        assert type(none) is type(frame)
        assert len(none) == 0
        want = _columns(some)
        if typed_text:
            want.insert(want.index("rank"), "query")
            assert _columns(none) == want
        else:
            assert _columns(none) == want
            assert _schema(none) == _schema(some)


@pytest.mark.parametrize("library", FRAMES)
def test_an_empty_frame_asks_and_is_asked(library: str) -> None:
    frame = FRAMES[library]()
    empty = frame.slice(0, 0) if library != "pandas" else frame.iloc[:0]
    asked = rv.search(frame, empty, on="emb", k=2)
    assert len(asked) == 0
    for found in (
        rv.search(empty, X[0], on="emb", k=2),
        rv.search(empty, X[:2], on="emb", k=2),
        rv.search(empty, [], on="emb", k=2),
        rv.search(empty, X[:2], on="emb", k=2, by="g"),
        rv.within(empty, X[:2], on="emb", min_similarity=0.1),
    ):
        assert len(found) == 0
        assert _columns(found)[:2] == ["emb", "g"]
        assert _columns(found)[-1] == "cosine_similarity"


@pytest.mark.parametrize("name", BITS)
def test_bits_answer_no_queries(name: str) -> None:
    rows = np.arange(12, dtype=np.uint8).reshape(4, 3)
    index = rv.Index.build(rows, metric="hamming")
    assert index.search(BITS[name], k=2).ids.shape == (0, 2)
    assert len(index.within(BITS[name], max_distance=3).counts) == 0
    frame = pl.DataFrame({"b": [bytes(row) for row in rows]})
    assert len(rv.search(frame, BITS[name], metric="hamming", k=2)) == 0


def test_an_index_of_no_rows_answers_every_verb() -> None:
    index = rv.Index.build(np.empty((0, 3), np.float32))
    assert index.search(X[0], k=2).ids.tolist() == []
    assert index.search(X[:2], k=2).counts.tolist() == [0, 0]
    assert index.search([], k=2).ids.shape == (0, 2)
    assert index.within(X[:2], min_similarity=0.0).counts.tolist() == [0, 0]
    assert index.neighbors(k=2).ids.shape == (0, 2)
    for method in ("to_pandas", "to_polars", "to_arrow"):
        assert len(getattr(index.neighbors(k=2), method)()) == 0
    assert index.add(None, []) == 0
    assert index.add([], np.empty((0, 3))) == 0
    assert index.delete([]) == 0
    assert len(index) == 0
