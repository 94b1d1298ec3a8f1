"""Columns beside the searched one are of any type: they are answered with, not touched."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import ruvector as rv

N = 240
ROWS = np.random.default_rng(3).standard_normal((N, 6)).astype("f4")
TEXTS = [None if i % 7 == 3 else f"text number {i % 11}, beyond twelve bytes" for i in range(N)]
GROUPS = [None if i % 7 == 3 else i % 11 for i in range(N)]
QUERY = ROWS[17]
VIEW = pa.string_view()
LENT: list[Any] = []


class Note(pa.ExtensionType):
    """Text of a type that is nobody else's."""

    def __init__(self) -> None:
        super().__init__(VIEW, "ruvector.tests.note")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, data: bytes) -> Note:
        return cls()


def _views() -> Any:
    return pa.array(TEXTS, VIEW)


def _runs(kind: Any) -> Any:
    ends, values = [], []
    for i, text in enumerate(TEXTS):
        if values and values[-1] == text:
            ends[-1] = i + 1
        else:
            ends.append(i + 1)
            values.append(text)
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values, kind))


def _words(kind: Any) -> Any:
    coded = pa.array(TEXTS).dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices, pa.array(coded.dictionary, kind))


def _union(kind: str) -> Any:
    types = pa.array([i % 2 for i in range(N)], pa.int8())
    numbers, texts = pa.array(range(N)), pa.array([str(i) for i in range(N)])
    if kind == "sparse":
        return pa.UnionArray.from_sparse(types, [numbers, texts])
    return pa.UnionArray.from_dense(types, pa.array(range(N), pa.int32()), [numbers, texts])


COLUMNS: dict[str, Callable[[], Any]] = {
    "string_view": _views,
    "binary_view": lambda: pa.array([t and t.encode() for t in TEXTS], pa.binary_view()),
    "run ends": lambda: _runs(pa.string()),
    "run ends of views": lambda: _runs(VIEW),
    "dictionary": lambda: _words(pa.string()),
    "dictionary of views": lambda: _words(VIEW),
    "decimal128": lambda: pa.array([decimal.Decimal(i) / 8 for i in range(N)], pa.decimal128(9, 3)),
    "decimal256": lambda: pa.array(
        [decimal.Decimal(i) / 8 for i in range(N)], pa.decimal256(60, 4)
    ),
    "struct": lambda: pa.array([{"a": i, "b": TEXTS[i]} for i in range(N)]),
    "struct of views": lambda: pa.StructArray.from_arrays([_views()], ["q"]),
    "list of views": lambda: pa.ListArray.from_arrays(pa.array(range(N + 1), "int32"), _views()),
    "list_view": lambda: pa.array(
        [[str(i)] * (i % 3) for i in range(N)], pa.list_view(pa.string())
    ),
    "dense union": lambda: _union("dense"),
    "sparse union": lambda: _union("sparse"),
    "null": lambda: pa.nulls(N),
    "extension": lambda: pa.ExtensionArray.from_storage(Note(), _views()),
    "uuid": lambda: pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([i.to_bytes(16, "big") for i in range(N)], pa.binary(16))
    ),
    "map": lambda: pa.array([[("a", i)] for i in range(N)], pa.map_(pa.string(), pa.int64())),
    "interval": lambda: pa.array([(i, 2, 3) for i in range(N)], pa.month_day_nano_interval()),
    "duration": lambda: pa.array(range(N), pa.duration("ns")),
    "date": lambda: pa.array([dt.date(2020, 1, 1 + i % 28) for i in range(N)]),
    "half": lambda: pa.array(np.arange(N, dtype="f2")),
}


def _nearest(rows: Any, k: int) -> list[int]:
    matrix = ROWS.astype("f8")
    scores = matrix @ matrix[17] / np.linalg.norm(matrix, axis=1) / np.linalg.norm(matrix[17])
    best = np.argsort(-scores, kind="stable")
    return [int(row) for row in best if row in set(rows)][:k]


def _tables(name: str) -> list[Any]:
    column = COLUMNS[name]()
    flat = pa.array(ROWS.ravel())
    beside = {"n": pa.array(range(N)), "emb": pa.FixedSizeListArray.from_arrays(flat, 6)}
    whole = pa.table({"c": column, **beside})
    pieces = pa.concat_tables([whole.slice(0, 51), whole.slice(51, 0), whole.slice(51, 189)])
    around = pa.concat_tables([whole.slice(N - 9, 9), whole, whole.slice(0, 4)])
    return [whole, pieces, around.slice(9, N)]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_verb_answers_with_a_column_of_any_arrow_type(name: str) -> None:
    expected = COLUMNS[name]().to_pylist()
    for table in _tables(name):
        answers = {
            "search": (rv.search(table, QUERY, k=9), _nearest(range(N), 9)),
            "mask": (
                rv.search(table, QUERY, k=9, where=pc.field("n") >= 100),
                _nearest(range(100, N), 9),
            ),
            "within": (rv.within(table, QUERY, min_similarity=-1), _nearest(range(N), N)),
            "none": (rv.search(table, QUERY, k=0), []),
            "batch": (rv.search(table, QUERY[None], k=4), _nearest(range(N), 4)),
            "given": (
                rv.search(table, QUERY, k=3, index=rv.build_index(table, on="emb")),
                _nearest(range(N), 3),
            ),
        }
        for verb, (answer, rows) in answers.items():
            assert answer["n"].to_pylist() == rows, verb
            assert answer["c"].type == table["c"].type, verb
            assert answer["c"].to_pylist() == [expected[row] for row in rows], verb
            answer.validate(full=True)


GROUPED = [name for name in COLUMNS if name.split()[0] in ("string_view", "run", "dictionary")]


@pytest.mark.parametrize("name", [*GROUPED, "extension", "binary_view"])
def test_groups_are_made_of_texts_of_every_type(name: str) -> None:
    best = {}
    for row in _nearest(range(N), N):
        best.setdefault(GROUPS[row], row)
    for table in _tables(name):
        found = rv.search(table, QUERY, k=1, by="c")
        assert sorted(found["n"].to_pylist()) == sorted(best.values())


@pytest.mark.parametrize("name", GROUPED)
def test_expressions_may_name_texts_of_every_type(name: str) -> None:
    word = TEXTS[18]
    rows = [i for i, text in enumerate(TEXTS) if text == word]
    for table in _tables(name):
        found = rv.search(table, QUERY, k=N, where=pc.field("c") == word)
        assert found["n"].to_pylist() == _nearest(rows, N)


def test_an_expression_does_not_copy_the_vectors() -> None:
    flat = pa.array(np.zeros(4_000_000, "f4") + 1)
    table = pa.table(
        {"n": pa.array(range(4000)), "emb": pa.FixedSizeListArray.from_arrays(flat, 1000)}
    )
    rv.search(table, np.ones(1000, "f4"), k=1, where=pc.field("n") == 1)
    before = pa.default_memory_pool()
    lent = pa.proxy_memory_pool(before)
    LENT.append(lent)  # what was allocated may outlive the test
    pa.set_memory_pool(lent)
    try:
        found = rv.search(table, np.ones(1000, "f4"), k=1, where=pc.field("n") > 100)
    finally:
        pa.set_memory_pool(before)
    assert found["n"].to_pylist() == [101]
    assert lent.max_memory() < 1_000_000  # of 16 MB


def test_an_expression_that_cannot_be_evaluated_is_said_to_be_so() -> None:
    table = _tables("map")[0]
    for where in (pc.field("absent") > 1, pc.field("c") == 3, pc.field("n") == "x"):
        with pytest.raises(rv.InvalidArgument, match="cannot be evaluated"):
            rv.search(table, QUERY, where=where)
    with pytest.raises(rv.InvalidArgument, match="whole numbers"):
        rv.search(table, QUERY, where=pc.field("n"))
    assert rv.search(table, QUERY, k=2, where=pc.scalar(True)).num_rows == 2


def _polars() -> pl.DataFrame:
    word = pl.Series([text or "none" for text in TEXTS])
    return pl.DataFrame(
        {
            "n": range(N),
            "text": pl.Series(TEXTS, dtype=pl.String),
            "bytes": pl.Series([t and t.encode() for t in TEXTS], dtype=pl.Binary),
            "word": word.cast(pl.Categorical),
            "enum": word.cast(pl.Enum(sorted(set(word)))),
            "decimal": pl.Series(
                [decimal.Decimal(i) / 4 for i in range(N)], dtype=pl.Decimal(9, 2)
            ),
            "struct": pl.Series([{"a": i, "b": TEXTS[i]} for i in range(N)]),
            "list": pl.Series([[TEXTS[i]] for i in range(N)], dtype=pl.List(pl.String)),
            "null": pl.Series([None] * N, dtype=pl.Null),
            "when": pl.Series([dt.datetime(2020, 1, 1 + i % 28) for i in range(N)]),
            "time": pl.Series([dt.time(i % 24) for i in range(N)]),
            "emb": pl.Series(ROWS, dtype=pl.Array(pl.Float32, 6)),
        }
    )


def test_a_polars_frame_as_a_table_is_answered_like_the_polars_frame() -> None:
    frame = _polars()
    table = pa.table(frame)
    assert table["text"].type == VIEW
    verbs: list[Callable[[Any], Any]] = [
        lambda f: rv.search(f, QUERY, k=7),
        lambda f: rv.search(f, ROWS[:3], k=2),
        lambda f: rv.search(f, QUERY, k=1, by="text"),
        lambda f: rv.search(f, QUERY, k=1, by=["word", "enum"]),
        lambda f: rv.search(f, QUERY, k=5, where=np.arange(N) % 2 == 0),
        lambda f: rv.within(f, QUERY, min_similarity=0.1),
        lambda f: rv.search(f, QUERY, k=3, index=rv.build_index(f, on="emb")),
        lambda f: rv.search(f, QUERY, k=3, columns=["text", "bytes"]),
        lambda f: rv.search(f, "text number 3", text="text", k=3),
    ]
    for verb in verbs:
        mine, theirs = verb(table), verb(frame)
        assert mine.column_names == theirs.columns
        for name in theirs.columns:
            assert mine[name].to_pylist() == theirs[name].to_list(), name
            if name in table.column_names:
                assert mine[name].type == table[name].type
    facts = rv.describe(table).to_pylist() if hasattr(rv, "describe") else None
    assert facts is None or {fact["column"] for fact in facts} >= {"text", "emb"}


def test_polars_frames_keep_columns_of_every_type() -> None:
    frame = _polars().with_columns(pl.Series("object", [object() for _ in range(N)], pl.Object))
    found = frame.ruvector.search(QUERY, k=8)
    rows = _nearest(range(N), 8)
    assert found["n"].to_list() == rows
    for name in frame.columns[1:-2]:
        assert found[name].to_list() == [frame[name].to_list()[row] for row in rows], name
        assert found[name].dtype == frame[name].dtype
    assert [*found["object"]] == [frame["object"][row] for row in rows]


@pytest.mark.parametrize("name", ["struct of views", "list of views", "decimal128", "dictionary"])
def test_pandas_frames_keep_columns_of_arrow_types(name: str) -> None:
    column = COLUMNS[name]()
    index = pd.Index([f"row {i}" for i in range(N)])
    series = pd.Series(pd.arrays.ArrowExtensionArray(column), index=index)
    frame = pd.DataFrame({"c": series, "n": np.arange(N), "emb": list(ROWS)}, index=index)
    frame.insert(0, "twice", 1)
    frame = frame.rename(columns={"twice": "n"})
    found = rv.search(frame, QUERY, k=6)
    rows = _nearest(range(N), 6)
    assert found.index.tolist() == [f"row {row}" for row in rows]
    assert list(found.columns) == [*frame.columns, "cosine_similarity"]
    assert found["c"].dtype == series.dtype
    assert pa.chunked_array([column]).type == found["c"].dtype.pyarrow_dtype
    assert found["c"].array.__arrow_array__().to_pylist() == [column[row].as_py() for row in rows]
