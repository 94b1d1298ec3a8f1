"""Frames of texts with an embedder of the caller's: every column of texts, every batch of them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import ruvector as rv

from .columns import objects
from .drawing import Case, require
from .framing import LIBRARIES, values_of
from .judging import Asked
from .model import NAMES, Model
from .subject import refuses

DIM = 6
WORDS = ("cat", "dog", "ämter", "ツ", "\U0001f600 smile", "a longer text, with marks.", "cat ")


def embed(texts: Any) -> np.ndarray:
    """Return a direction for every text, the same for the same text."""
    out = np.empty((len(texts), DIM), np.float32)
    for i, text in enumerate(texts):
        seed = zlib.crc32(text.encode())
        out[i] = np.random.default_rng(seed).standard_normal(DIM)
    return out


def _columns(texts: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the texts as columns, by library."""
    arrow = pa.array(texts, pa.string())
    return {
        "pandas": {
            "objects": lambda: pd.Series(objects(texts), dtype=object),
            "str": lambda: pd.Series(texts, dtype="str"),
            "string": lambda: pd.Series(texts, dtype="string"),
            "category": lambda: pd.Series(texts, dtype="category"),
            "arrow": lambda: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
            "arrow large": lambda: pd.Series(texts, dtype=pd.ArrowDtype(pa.large_string())),
        },
        "polars": {
            "String": lambda: pl.Series("t", texts, dtype=pl.String),
            "Categorical": lambda: pl.Series("t", texts, dtype=pl.Categorical),
            "Enum": lambda: pl.Series(
                "t", texts, dtype=pl.Enum(sorted({*WORDS, *filter(None, texts)}))
            ),
        },
        "pyarrow": {
            "string": lambda: arrow,
            "large": lambda: pa.array(texts, pa.large_string()),
            "view": lambda: pa.array(texts, pa.string_view()),
            "dictionary": lambda: arrow.dictionary_encode(),
            "chunks": lambda: pa.chunked_array([arrow[:1], arrow[1:]]),
            "sliced": lambda: pa.array(["x", *texts], pa.string())[1:],
        },
    }


def _batches(texts: list[str]) -> dict[str, Any]:
    columns = _columns(texts)
    flat = {
        f"{library} {name}": make
        for library, table in columns.items()
        for name, make in table.items()
    }
    once = {"dict keys": lambda: dict.fromkeys(texts).keys()}
    return (once if len(set(texts)) == len(texts) else {}) | {
        **flat,
        "list": lambda: list(texts),
        "tuple": lambda: tuple(texts),
        "numpy U": lambda: np.array(texts),
        "numpy objects": lambda: objects(texts),
        "numpy StringDType": lambda: np.array(texts, dtype=np.dtypes.StringDType()),
        "pandas values": lambda: pd.Series(texts, dtype=object).to_numpy(),
        "pandas array": lambda: pd.Series(texts, dtype="str").array,
        "pandas Index": lambda: pd.Index(texts),
        "dict values": lambda: dict(enumerate(texts)).values(),
    }


def _frame(library: str, name: str, texts: list[Any]) -> Any:
    columns = {"row": list(range(len(texts))), "t": _columns(texts)[library][name]()}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library]
    return make(columns)


def texts(case: Case) -> None:
    """Search a column of texts by a text or a batch of texts."""
    n = case.pick([1, 2, 5, 17])
    values: list[Any] = [case.pick([*WORDS, None]) for _ in range(n)]
    values[0] = values[0] or "cat"
    library = case.pick(LIBRARIES)
    name = case.pick(list(_columns(values)[library]))
    case.note(library, "texts as", name)
    frame = _frame(library, name, values)
    valid = np.array([value is not None for value in values])
    model = Model("cosine", embed([value or "" for value in values]) + 0.0, valid, list(range(n)))
    model.x = model.x.astype(np.float64)
    arguments: dict[str, Any] = {case.pick(["on", "text"]): "t"}
    given = case.chance(0.3)
    if given:
        arguments["index"] = rv.build_index(frame, "t", embedder=embed)
        case.note("index given")
    else:
        arguments["embedder"] = embed
    k = case.pick([0, 1, 3, 30])
    asked = [case.pick(WORDS) for _ in range(case.pick([0, 1, 3]))]
    if case.chance(0.4):
        hits = rv.search(frame, "dog", k=k, **arguments)
        everything = np.ones(len(values_of(hits, "row")), bool)
        _check(model, hits, everything, embed(["dog"])[0], k)
    else:
        batches = _batches(asked)
        how = case.pick(list(batches))
        case.note("batch of", len(asked), "as", how)
        hits = rv.search(frame, batches[how](), k=k, **arguments)
        numbers = values_of(hits, "query_row")
        for i, text in enumerate(asked):
            _check(model, hits, numbers == i, embed([text])[0], k)
    if given and values != values[::-1]:
        other = _frame(library, name, values[::-1])
        call = lambda: rv.search(other, "dog", k=1, **arguments)  # noqa: E731
        refuses(call, rv.VectorsChanged, "an index of texts with a frame in another order")


def _check(model: Model, hits: Any, chosen: np.ndarray, query: np.ndarray, k: int) -> None:
    asked = Asked(model, query.astype(np.float64), np.ones(len(model), bool))
    rows = values_of(hits, "row")[chosen].tolist()
    require(len(rows) == min(k, int(model.valid.sum())), "number of texts found", str(rows))
    asked.is_nearest(rows, values_of(hits, NAMES["cosine"])[chosen], k)
