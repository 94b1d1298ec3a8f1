"""What an error says to do works: it is taken out of the message and run."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

ROWS = np.random.default_rng(8).standard_normal((6, 5)).astype("f4")
ROWS[1] *= 1e-7
ROWS[2] = [1, -2, 3, 0, 1e10]
INDEX = rv.Index.build(ROWS)
FORMS: dict[str, Callable[[Any], str]] = {
    "json": lambda row: json.dumps(row.tolist()),
    "json, tight": lambda row: json.dumps(row.tolist(), separators=(",", ":")),
    "str of NumPy": str,
    "str of a list": lambda row: str(row.tolist()),
    "str of a list of NumPy numbers": lambda row: str(list(row)),
    "str of a tuple": lambda row: str(tuple(row.tolist())),
    "padded": lambda row: "  " + str(row) + "\n",
    "over lines": lambda row: str(row).replace(" ", "\n ", 2),
    "joined by commas": lambda row: ", ".join(map(str, row)),
    "joined by blanks": lambda row: " ".join(map(str, row)),
}
BARE = ("joined by commas", "joined by blanks")  # in a frame these may be meant as text


def _statement(message: str) -> str:
    found = re.search(r"parse the column once: (.*)$", message, re.DOTALL)
    assert found, message
    return found.group(1)


def _run(message: str, **names: Any) -> dict[str, Any]:
    scope = {"np": np, "pd": pd, "pl": pl, "pa": pa, "rv": rv, **names}
    exec(_statement(message), scope)
    return scope


def _near(rows: Any, form: str) -> bool:
    exact = form not in ("str of NumPy", "padded", "over lines")
    return bool(np.allclose(rows, ROWS, rtol=0 if exact else 1e-4, atol=0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("null", [False, True])
def test_vectors_written_as_text_are_parsed_by_the_statement_shown(form: str, null: bool) -> None:
    texts: list[Any] = [FORMS[form](row) for row in ROWS]
    if null:
        texts.insert(0, None)
    label = "an emb's"
    frames: dict[str, Any] = {
        "df pandas": pd.DataFrame({"n": range(len(texts)), label: texts}),
        "df pandas object": pd.DataFrame({label: pd.Series(texts, dtype=object)}),
        "df pandas arrow": pd.DataFrame(
            {label: pd.Series(texts, dtype=pd.ArrowDtype(pa.string()))}
        ),
        "df polars": pl.DataFrame({"n": range(len(texts)), label: texts}),
        "table": pa.table({"n": range(len(texts)), label: texts}),
    }
    for name, frame in frames.items() if form not in BARE else ():
        with pytest.raises(rv.InvalidVector) as caught:
            rv.search(frame, ROWS[0], on=label)
        assert caught.value.row == int(null)
        kind = name.split()[0]
        parsed = _run(str(caught.value), **{kind: frame})[kind]
        assert type(parsed) is type(frame)
        found = rv.to_matrix(parsed[label])[int(null) :]
        assert _near(found, form), name
        assert len(rv.search(parsed, ROWS[0], on=label, k=99)) == len(ROWS)
    columns: dict[str, Any] = {
        "list": texts,
        "NumPy objects": np.array(texts, object),
        "pandas": pd.Series(texts),
        "pandas arrow": pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
        "pandas category": pd.Series(texts, dtype="category"),
        "polars": pl.Series(texts),
        "polars category": pl.Series(texts, dtype=pl.Categorical),
        "pyarrow": pa.array(texts),
        "pyarrow views": pa.array(texts, pa.string_view()),
        "pyarrow dictionary": pa.array(texts).dictionary_encode(),
    }
    if not null:
        columns["NumPy"] = np.array(texts)
    for name, column in columns.items():
        for read in (rv.Index.build, rv.to_matrix):
            with pytest.raises(rv.InvalidVector) as caught:
                read(column)
            vectors = _run(str(caught.value), vectors=column)["vectors"]
            assert _near(rv.to_matrix(vectors)[int(null) :], form), name
            assert len(rv.Index.build(vectors, nulls="skip")) == len(texts)


def test_texts_among_the_vectors_of_a_frame_are_parsed_in_place() -> None:
    cells: list[Any] = [*ROWS[:3], str(ROWS[3].tolist()), None, *ROWS[4:]]
    df = pd.DataFrame({"emb": cells})
    with pytest.raises(rv.InvalidVector, match="row 3") as caught:
        rv.search(df, ROWS[0])
    df = _run(str(caught.value), df=df)["df"]
    assert rv.search(df, ROWS[3], k=1).index.tolist() == [3]


def test_a_vector_that_numpy_shortened_is_said_to_be_lost() -> None:
    text = str(np.arange(2000, dtype="f4"))
    for ask in (
        lambda: rv.search(pd.DataFrame({"emb": [text]}), ROWS[0], on="emb"),
        lambda: rv.Index.build([text]),
    ):
        with pytest.raises(rv.InvalidVector, match="lost") as caught:
            ask()
        assert "json.dumps(vector.tolist())" in str(caught.value)


def test_texts_where_vectors_belong_are_embedded_as_shown() -> None:
    texts = ["a cat", "a road"]
    for column in (texts, pd.Series(texts), pl.Series(texts), pa.array(texts), np.array(texts)):
        with pytest.raises(rv.InvalidVector) as caught:
            rv.Index.build(column)
        way = re.search(r"(rv\.Embedder\S+)$", str(caught.value))
        assert way
        made = eval(way.group(1), {"rv": rv, "texts": texts})
        assert rv.Index.build(made).dim == 256


# ---- queries ----

FRAME = pd.DataFrame({"name": list("abcdef"), "n": range(6), "emb": list(ROWS)})
POLARS = pl.DataFrame(
    {"name": list("abcdef"), "n": range(6), "emb": pl.Series(ROWS, dtype=pl.Array(pl.Float32, 5))}
)
TABLE = POLARS.to_arrow()
RECORDS = np.array(
    [(i, row) for i, row in enumerate(ROWS)], dtype=[("n", "i8"), ("emb", "f4", (5,))]
)
WRONG: dict[str, Any] = {
    "pandas frame": FRAME,
    "polars frame": POLARS,
    "table": TABLE,
    "record batch": TABLE.to_batches()[0],
    "lazy frame": POLARS.lazy(),
    "pandas numbers": pd.DataFrame(ROWS, columns=list("abcde")),
    "polars numbers": pl.DataFrame(ROWS),
    "pandas row": FRAME.iloc[0],
    "pandas row of few": FRAME[["emb", "n"]].iloc[0],
    "row of iterrows": next(iter(FRAME.iterrows())),
    "row of itertuples": next(iter(FRAME.itertuples())),
    "row of itertuples without index": next(iter(FRAME.itertuples(index=False, name=None))),
    "values of a row": FRAME.iloc[0].tolist(),
    "values of a row as an array": FRAME.to_numpy()[0],
    "polars row": POLARS.row(0),
    "polars row by name": POLARS.row(0, named=True),
    "polars structs": POLARS.to_struct("all"),
    "dictionary of a row": FRAME.to_dict("records")[0],
    "dictionaries of rows": FRAME.to_dict("records"),
    "rows of a table": TABLE.to_pylist(),
    "struct": TABLE.to_struct_array().chunk(0)[0],
    "NumPy records": RECORDS,
    "NumPy record": RECORDS[0],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_frame_or_a_row_as_query_is_told_the_part_to_search_with(name: str) -> None:
    query = WRONG[name]
    asks: list[Callable[[Any], list[Any]]] = [
        lambda q: np.ravel(INDEX.search(q, 1).ids).tolist(),
        lambda q: np.ravel(INDEX.within(q, min_similarity=0.999, limit=1).ids).tolist(),
        lambda q: rv.search(FRAME, q, k=1, index=INDEX, on="emb")["n"].tolist(),
        lambda q: rv.search(FRAME, q, k=1, on="emb")["n"].tolist(),
        lambda q: rv.search(POLARS, q, k=1)["n"].to_list(),
        lambda q: rv.within(TABLE, q, min_similarity=0.999, limit=1)["n"].to_pylist(),
    ]
    refused = 0
    for ask in asks:
        try:
            found = ask(query)
        except rv.InvalidVector as error:
            refused += 1
            assert str(error).startswith("query is "), str(error)
            way = re.search(r"(\[row.*|query[\[.].*)$", str(error))
            assert way, str(error)
            found = ask(eval(way.group(1), {"query": query, "np": np}))
        assert found[0] == 0
        assert len(found) in (1, 6)
    assert refused >= 2


def test_a_query_frame_without_the_column_is_an_error_about_the_query() -> None:
    other = pd.DataFrame({"title": ["x"], "a": [ROWS[4]], "b": [np.ones(3, "f4")]})
    with pytest.raises(rv.InvalidVector, match="query is a whole pandas DataFrame") as caught:
        rv.search(FRAME, other, k=1)
    way = re.search(r"query\[.*$", str(caught.value))
    assert way
    assert rv.search(FRAME, eval(way.group(0), {"query": other}), k=1)["n"].tolist() == [4]
    for wrong in (None, 3, object(), {1.0, 2.0}.__class__, FRAME.groupby("name")):
        with pytest.raises(rv.InvalidVector, match=r"query is.*1-D"):
            rv.search(FRAME, wrong)
        with pytest.raises(rv.InvalidVector, match=r"query is.*1-D"):
            INDEX.within(wrong, min_similarity=0)


def test_the_row_of_the_searched_column_is_meant_when_there_are_several() -> None:
    frame = FRAME.assign(other=[np.ones(5, "f4")] * 6)[["other", "n", "emb"]]
    with pytest.raises(rv.InvalidVector, match=re.escape("query['emb']")):
        rv.search(frame, frame.iloc[0], on="emb")
    with pytest.raises(rv.InvalidVector, match=re.escape("query['other']")):
        rv.search(frame, frame.iloc[0], on="other")


# ---- settings and arguments ----


def test_skipping_bad_rows_names_the_setting_that_does_it() -> None:
    rows = ROWS.copy()
    rows[2, 1] = np.nan
    frame = pd.DataFrame({"emb": list(rows)})
    for ask in (lambda: rv.Index.build(rows), lambda: rv.search(frame, ROWS[0])):
        with pytest.raises(rv.InvalidVector, match="row 2") as caught:
            ask()
        setting = re.search(r"rv\.config\([^)]*\)", str(caught.value))
        assert setting, str(caught.value)
        with eval(setting.group(0), {"rv": rv}):
            ask()


def test_skipping_null_rows_names_the_argument_that_does_it() -> None:
    cells: list[Any] = [*ROWS[:2], None, *ROWS[3:]]
    bits = [b"\x01\x02", None, b"\x03\x04"]
    for column, metric in ((cells, "l2"), ([None, None], "l2"), (bits, "hamming")):
        build = rv.Index.build
        with pytest.raises((rv.InvalidVector, rv.InvalidArgument)) as caught:
            build(column, metric=metric)
        found = re.search(r"Index\.build\(\.\.\., (nulls='skip')\)", str(caught.value))
        if column[0] is None:
            continue
        assert found, str(caught.value)
        options = eval(f"dict({found.group(1)})")
        assert len(build(column, metric=metric, **options)) == len(column)


def _failures() -> dict[str, str]:
    """Return what `Index.build` says of many arguments that it refuses."""
    bad: list[Any] = [
        *FORMS, "text", b"bytes", 3, None, object(), [1.0, 2.0], [[1.0], [1.0, 2.0]], [[]],
        [["a"]], ["text"], [[1.0, None]], [[1 + 2j]], [[True, False]], [[1e300]],
        np.zeros((2, 2, 2)), np.zeros((3, 0)), np.array([[np.inf, 1]]), np.array([["a"]]),
        pd.DataFrame({"a": [1]}), FRAME["name"], FRAME["n"], POLARS, POLARS["name"],
        TABLE, TABLE["name"], TABLE["n"], pa.array([[1.0], None]), pa.array([[1.0], [1.0, 2.0]]),
        np.ma.masked_array(ROWS, ROWS > 0), POLARS.lazy(), [{"a": 1}], {"a": 1}, FRAME.iloc[0],
    ]  # fmt: skip
    asked: list[dict[str, Any]] = [{"vectors": vectors} for vectors in bad]
    asked += [
        {"vectors": ROWS, name: value}
        for name, values in {
            "metric": ["manhattan", "hamming", None, 3], "kind": ["hnsw", None, 1],
            "bits": [0, 10, "5"], "keep": ["yes", None], "recall": [0, 2, "high"],
            "nulls": ["drop"], "seed": [-1, "x", 2**70], "budget": [1, -1], "threads": [-1],
            "ids": [[1], [1] * 6, ["a", 1], [None] * 6, [1.5] * 6, "ids", 5], "cells": [-1, 10**9],
        }.items()
        for value in values
    ]  # fmt: skip
    asked += [{"vectors": ROWS, "kind": "ivf", "metric": "l2", "cells": 10**6}]
    asked += [{"vectors": ROWS[:, ::2], "keep": "borrow"}, {"vectors": [[1, 2]], "keep": "borrow"}]
    said = {}
    for options in asked:
        try:
            rv.Index.build(**options)
        except rv.RuVectorError as error:
            said[str({k: repr(v)[:40] for k, v in options.items()})] = str(error)
    return said


def test_build_advises_no_argument_that_it_has_not() -> None:
    mine = set(inspect.signature(rv.Index.build).parameters)
    said = _failures()
    assert len(said) > 50
    for asked, message in said.items():
        alone = re.sub(r"\b(rv|np|pl|pa|Index|json)\.[\w.]+\([^()]*\)", "", message)
        alone = re.sub(r"\.\w+\([^()]*\)", "", alone)
        names = set(re.findall(r"(?<![\w.])([a-z_]+)=(?!=)", alone))
        assert names <= mine, (asked, message, names - mine)


def _advised() -> list[tuple[str, str]]:
    """Return every ``name=`` in the texts of our sources that errors are made of."""
    root = Path(rv.__file__).parents[2]
    found = []
    for path in [*(root / "python/ruvector").rglob("*.py"), *(root / "arrowidx").rglob("*.go")]:
        if path.name.endswith("_test.go"):
            continue
        text = path.read_text()
        if path.suffix == ".py":
            text = re.sub(r'"""(?:.|\n)*?"""', "", text)
        lines = [line for line in text.splitlines() if not line.strip().startswith(("//", "#"))]
        for line in lines:
            for string in re.findall(r'(?<!\br)"((?:[^"\\]|\\.)*)"', line):
                found += [(f"{path.name}: {string}", name) for name in
                          re.findall(r"(?<![-\w.])([a-z_]{2,})=(?![=\s])", string)]  # fmt: skip
    return found


def test_every_argument_that_an_error_names_is_one_of_a_public_function() -> None:
    known: set[str] = set()
    public = [getattr(where, name) for where in (rv, rv.a2a) for name in where.__all__]
    for thing in public:
        members = [thing, *(getattr(thing, m) for m in dir(thing) if not m.startswith("_"))]
        for member in members if inspect.isclass(thing) else [thing]:
            if callable(member):
                try:
                    known |= set(inspect.signature(member).parameters)
                except (ValueError, TypeError):
                    continue
    for engine in ("ray", "spark"):  # importing them needs what need not be installed
        for path in (Path(rv.__file__).parent / engine).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    known |= {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
    # of NumPy, of pyiceberg, of a function that is not public, of a repr, of SQLite's URIs
    known |= {"copy", "axis", "snapshot_id", "dims", "witness", "mode"}
    known |= {"kty"}  # of a JWK
    strange = {(where, name) for where, name in _advised() if name not in known}
    assert not strange
