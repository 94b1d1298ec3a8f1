"""Texts ask in every type that a text column may have; columns without a text answer nothing."""

from __future__ import annotations

from collections import UserList, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._text.embedder import resolve

WORDS = ["sun", "moon", "a longer word than the others"]
ROWS = ["moon", "sun", "stars", "a longer word than the others"]
WANT = [1, 0, 3]  # the row of each word


class Letters:
    """Counts letters: equal texts have equal vectors."""

    dim = 26

    def encode(self, texts: list[str]) -> Any:
        out = np.zeros((len(texts), 26), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    out[row, ord(letter) - 97] += 1
        return out


EMBEDDER = Letters()


def _arrow(kind: Any) -> Callable[[list[Any]], Any]:
    return lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(kind))


COLUMNS: dict[str, Callable[[list[Any]], Any]] = {
    "pandas": pd.Series,
    "pandas objects": lambda texts: pd.Series(texts, dtype=object),
    "pandas python strings": lambda texts: pd.Series(texts, dtype=pd.StringDtype("python")),
    "pandas string": lambda texts: pd.Series(texts, dtype="string"),
    "pandas category": lambda texts: pd.Series(texts, dtype="category"),
    "pandas Arrow": _arrow(pa.string()),
    "pandas Arrow large": _arrow(pa.large_string()),
    "pandas Arrow view": _arrow(pa.string_view()),
    "pandas Arrow dictionary": _arrow(pa.dictionary(pa.int32(), pa.string())),
    "polars": lambda texts: pl.Series(texts, dtype=pl.String),
    "polars Categorical": lambda texts: pl.Series(texts, dtype=pl.Categorical),
    "polars Enum": lambda texts: pl.Series(texts, dtype=pl.Enum(sorted(set(texts) - {None}))),
    "pyarrow": lambda texts: pa.array(texts, pa.string()),
    "pyarrow large": lambda texts: pa.array(texts, pa.large_string()),
    "pyarrow view": lambda texts: pa.array(texts, pa.string_view()),
    "pyarrow dictionary": lambda texts: pa.array(texts, pa.string()).dictionary_encode(),
    "pyarrow large dictionary": lambda texts: pa.array(
        texts, pa.dictionary(pa.int8(), pa.large_string())
    ),
    "pyarrow runs": lambda texts: pa.RunEndEncodedArray.from_arrays(
        pa.array(range(1, len(texts) + 1), pa.int32()), pa.array(texts, pa.string())
    ),
    "pyarrow chunks": lambda texts: pa.chunked_array([texts[:1], texts[1:]], pa.string()),
}
BATCHES = COLUMNS | {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "user list": UserList,
    "dict keys": lambda texts: dict.fromkeys(texts).keys(),
    "dict values": lambda texts: dict(enumerate(texts)).values(),
    "NumPy": np.array,
    "NumPy big-endian": lambda texts: np.array(texts).astype(
        np.array(texts).dtype.newbyteorder(">")
    ),
    "NumPy objects": lambda texts: np.array(texts, object),
    "NumPy StringDType": lambda texts: np.array(texts, np.dtypes.StringDType()),
    "NumPy strings": lambda texts: [np.str_(text) for text in texts],
    "pandas values": lambda texts: pd.Series(texts).values,
    "pandas unique": lambda texts: pd.Series(texts).unique(),
    "pandas categories": lambda texts: pd.Series(texts, dtype="category").values,
    "pandas unique categories": lambda texts: pd.Series(texts, dtype="category").unique(),
    "pandas Index": pd.Index,
    "pandas object Index": lambda texts: pd.Index(texts, dtype=object),
    "pandas CategoricalIndex": pd.CategoricalIndex,
    "pandas array": pd.array,
    "polars objects": lambda texts: pl.Series(texts, dtype=pl.Object),
}


def _frame_of(column: Any) -> Any:
    if isinstance(column, pl.Series):
        return pl.DataFrame({"t": column})
    if isinstance(column, pd.Series):
        return pd.DataFrame({"t": column})
    return pa.table({"t": column})


def _rows(frame: Any) -> list[dict[str, Any]]:
    if isinstance(frame, pd.DataFrame):
        return [{"t": text} for text in frame["t"].tolist()]
    return frame.to_pylist() if isinstance(frame, pa.Table) else frame.to_dicts()


@pytest.fixture(scope="module")
def index() -> rv.Index:
    return rv.build_index(pd.DataFrame({"t": ROWS}), text="t", embedder=EMBEDDER)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_texts_of_any_type_asks_an_index(name: str, index: rv.Index) -> None:
    found = index.search(BATCHES[name](WORDS), k=1)
    assert found.ids.ravel().tolist() == WANT
    assert index.within(BATCHES[name](WORDS), min_similarity=0.999).counts.tolist() == [1, 1, 1]
    assert index.search(BATCHES[name](WORDS), k=2, diversity=0.1).ids.shape == (3, 2)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_texts_of_any_type_asks_a_frame(name: str, index: rv.Index) -> None:
    frame = pd.DataFrame({"t": ROWS})
    for given in (None, index):
        found = rv.search(
            frame, BATCHES[name](WORDS), text="t", k=1, embedder=EMBEDDER, index=given
        )
        assert found["t"].tolist() == WORDS
        assert found["query"].tolist() == WORDS


@pytest.mark.parametrize("name", COLUMNS)
def test_a_text_column_of_any_type_is_searched(name: str) -> None:
    frame = _frame_of(COLUMNS[name]([*ROWS[:2], None, *ROWS[2:]]))
    found = rv.search(frame, WORDS, text="t", k=1, embedder=EMBEDDER)
    assert [row["t"] for row in _rows(found)] == WORDS
    assert [
        row["t"] for row in _rows(rv.search(frame, "moon", on="t", k=1, embedder=EMBEDDER))
    ] == ["moon"]


UNTYPED: dict[str, Callable[[list[Any]], Any]] = {
    "pandas untyped": lambda texts: pd.Series(texts, dtype=object),
    "pandas category untyped": lambda texts: pd.Series(texts, dtype="category"),
    "polars untyped": lambda texts: pl.Series(texts, dtype=pl.Null),
    "polars objects": lambda texts: pl.Series(texts, dtype=pl.Object),
    "pyarrow untyped": lambda texts: pa.array(texts, pa.null()),
}


@pytest.mark.parametrize("name", [*COLUMNS, *UNTYPED])
@pytest.mark.parametrize("texts", [[], [None, None]], ids=["empty", "all null"])
def test_a_column_without_a_text_answers_nothing_with_every_column(
    name: str, texts: list[Any]
) -> None:
    if name == "polars Enum":
        column: Any = pl.Series(texts, dtype=pl.Enum(["sun"]))
    else:
        column = (COLUMNS | UNTYPED)[name](texts)
    frame = _frame_of(column)
    for ask in (
        lambda: rv.search(frame, WORDS, text="t", embedder=EMBEDDER),
        lambda: rv.search(frame, WORDS, on="t", embedder=EMBEDDER),
        lambda: rv.within(frame, WORDS, text="t", min_similarity=0.5, embedder=EMBEDDER),
    ):
        found = ask()
        assert len(found) == 0
        names = list(getattr(found, "column_names", getattr(found, "columns", [])))
        assert names == ["t", "query_row", "query", "rank", "cosine_similarity"]
    one = rv.search(frame, "sun", text="t", embedder=EMBEDDER)
    assert len(one) == 0
    assert type(one) is type(frame)


@pytest.mark.parametrize("name", BATCHES)
def test_a_null_among_texts_is_named_by_its_row(name: str, index: rv.Index) -> None:
    unable = {"NumPy", "NumPy big-endian", "NumPy StringDType", "NumPy strings"}
    if name in unable:
        batch: Any = np.array(["sun", None], np.dtypes.StringDType(na_object=None))
    else:
        batch = BATCHES[name](["sun", None])
    with pytest.raises(rv.InvalidVector, match="row 1 is null, not text") as caught:
        index.search(batch)
    assert caught.value.row == 1


def test_texts_among_numbers_are_named_by_their_row(index: rv.Index) -> None:
    with pytest.raises(rv.InvalidVector, match=r"row 1 is 5, not text"):
        index.search(["sun", 5])


@pytest.mark.parametrize("name", BATCHES)
def test_an_embedder_encodes_a_batch_of_any_type(name: str) -> None:
    encoded = resolve(EMBEDDER).encode(BATCHES[name](WORDS))
    np.testing.assert_array_equal(encoded, EMBEDDER.encode(WORDS))


class Answers:
    """An embedder that answers in a form of its own."""

    dim = 26

    def __init__(self, form: Callable[[Any], Any]) -> None:
        self._form = form

    def encode(self, texts: list[str]) -> Any:
        return self._form(EMBEDDER.encode(texts))


class DLPack:
    """A tensor that has DLPack alone."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._values.__dlpack__(**arguments)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


FORMS: dict[str, Callable[[Any], Any]] = {
    "lists": lambda found: found.tolist(),
    "rows": list,
    "big-endian": lambda found: found.astype(">f8"),
    "tensor": DLPack,
    "tensors": lambda found: [DLPack(row.copy()) for row in found],
    "rows of one": lambda found: [row[None] for row in found],
    "pyarrow": lambda found: pa.array(found.tolist()),
    "polars": pl.Series,
    "objects": lambda found: found.astype(object),
    "iterator": lambda found: iter(list(found)),
}


@pytest.mark.parametrize("name", FORMS)
def test_an_embedder_may_answer_in_any_form_that_a_column_has(name: str) -> None:
    frame = pd.DataFrame({"t": ROWS})
    found = rv.search(frame, WORDS, text="t", k=1, embedder=Answers(FORMS[name]))
    assert found["t"].tolist() == WORDS


def test_masked_and_missing_vectors_of_an_embedder_are_refused() -> None:
    frame = pd.DataFrame({"t": ROWS})
    for form, says in (
        (lambda found: np.ma.masked_array(found, found == 0), "row 0, element .* is null"),
        (lambda found: [None] * len(found), "no vector"),
        (lambda found: [*found[1:].tolist(), None], "no vector for 1"),
    ):
        with pytest.raises(rv.EmbedError, match=says):
            rv.search(frame, "sun", text="t", embedder=Answers(form))
