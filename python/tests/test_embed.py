"""`embed` adds a column of vectors, and what it made is known again, however it was cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._text import made as _made
from ruvector._text.embedder import resolve

WORDS = ["refund took weeks", "parcel broken", None, "", "card charged twice", "parcel broken"]
LIBRARIES = ["pandas", "pandas object", "polars", "pyarrow"]


class Letters:
    """Counts letters: equal texts have equal vectors."""

    def __init__(self, sign: float = 1) -> None:
        self.sign = sign
        self.calls: list[list[str]] = []

    def encode(self, texts: list[str]) -> Any:
        self.calls.append(list(texts))
        return np.array([[self.sign * t.count(c) for c in "abcdefgh"] for t in texts], np.float32)


@pytest.fixture(autouse=True)
def _empty() -> Any:
    rv.cache.clear()
    yield
    rv.cache.clear()


def frame_of(library: str, **columns: list[Any]) -> Any:
    if library == "polars":
        return pl.DataFrame(columns)
    if library == "pyarrow":
        return pa.table(columns)
    dtype = object if library == "pandas object" else None
    return pd.DataFrame({name: pd.Series(cells, dtype=dtype) for name, cells in columns.items()})


def names_of(frame: Any) -> list[Any]:
    return list(getattr(frame, "column_names", frame.columns))


def cells_of(frame: Any, name: str) -> list[Any]:
    column = frame[name]
    cells = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    return [None if cell is None else np.asarray(cell).tolist() for cell in cells]


def take(frame: Any, rows: list[int]) -> Any:
    if isinstance(frame, pd.DataFrame):
        return frame.iloc[rows]
    return frame.take(rows) if isinstance(frame, pa.Table) else frame[rows]


@pytest.mark.parametrize("library", LIBRARIES)
def test_embed_adds_the_vectors_of_texts_at_the_end(library: str) -> None:
    frame = frame_of(library, n=list(range(6)), body=WORDS)
    made = rv.embed(frame, "body")
    assert type(made) is type(frame)
    assert names_of(frame) == ["n", "body"]
    assert names_of(made) == ["n", "body", "embedding"]
    model = resolve(None)
    for word, cell in zip(WORDS, cells_of(made, "embedding"), strict=True):
        if word:
            np.testing.assert_array_equal(np.array(cell, np.float32), model.encode(word))
        else:
            assert cell is None
    matrix = rv.to_matrix(made["embedding"])
    assert (matrix.dtype, matrix.shape) == (np.float32, (6, 256))
    found = rv.search(made, "the card", k=2)
    assert names_of(found) == ["n", "body", "embedding", "cosine_similarity"]
    assert cells_of(found, "body")[0] == "card charged twice"
    again = rv.embed(made, on="body", into="second", embedder=Letters())
    assert names_of(again) == ["n", "body", "embedding", "second"]


def test_columns_have_the_type_that_suits_each_library() -> None:
    column = rv.embed(frame_of("polars", body=WORDS), "body")["embedding"]
    assert column.dtype == pl.Array(pl.Float32, 256)
    column = rv.embed(frame_of("pyarrow", body=WORDS), "body")["embedding"]
    assert column.type == pa.list_(pa.float32(), 256)
    texts = [w or "x" for w in WORDS]
    column = rv.embed(frame_of("pandas", body=texts), "body")["embedding"]
    assert column.dtype == object
    bases = {id(cell.base) for cell in column}
    assert len(bases) == 1  # rows of one matrix
    assert column[0].dtype == np.float32
    index = rv.Index.build(column)
    column[0][:] = 7
    with pytest.raises(rv.VectorsChanged):  # borrowed: no copy was made
        index.search(np.ones(256, np.float32), k=6)


class Mine(pd.DataFrame):
    """A subclass, as geopandas has."""

    _metadata = ["note"]  # noqa: RUF012

    @property
    def _constructor(self) -> Any:
        return Mine


def test_pandas_keeps_class_index_duplicate_names_and_levels() -> None:
    frame = Mine({"a": [1, 2, 3], "body": ["ab", "b", "c"]}, index=[5, 5, 1])
    frame.note = "kept"
    made = frame.ruvector.embed("body", embedder=Letters())
    assert type(made) is Mine
    assert made.note == "kept"
    assert made.index.tolist() == [5, 5, 1]
    frame = pd.DataFrame([[1, 2, "ab"], [3, 4, "b"]], columns=["x", "x", "body"])
    made = frame.ruvector.embed("body", embedder=Letters())
    assert made.columns.tolist() == ["x", "x", "body", "embedding"]
    pd.testing.assert_frame_equal(made.iloc[:, :3], frame)
    levels = pd.DataFrame({("t", "body"): ["ab", "b"], ("n", ""): [1, 2]})
    levels.index = pd.MultiIndex.from_tuples([("r", 1), ("s", 2)])
    made = levels.ruvector.embed(("t", "body"), embedder=Letters())
    assert made.columns.tolist() == [("t", "body"), ("n", ""), ("embedding", "")]
    assert made.index.equals(levels.index)


def test_a_cell_that_is_written_to_changes_neither_cache_nor_frame() -> None:
    frame = pd.DataFrame({"body": ["ab", "b"]})
    made = frame.ruvector.embed("body", embedder=resolve(LETTERS))
    made["embedding"][0][:] = 99
    assert frame.columns.tolist() == ["body"]
    again = frame.ruvector.embed("body", embedder=resolve(LETTERS))
    assert again["embedding"][0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_embed_refuses(library: str) -> None:
    frame = frame_of(library, n=[1, 2], body=["a", "b"], embedding=["x", "y"])
    with pytest.raises(rv.ColumnError, match=r"already has a column 'embedding'.*into="):
        rv.embed(frame, "body")
    with pytest.raises(rv.ColumnError, match="no column 'bodi'"):
        rv.embed(frame, "bodi", into="v")
    with pytest.raises(rv.InvalidArgument, match="into="):
        rv.embed(frame, "body", into=3)  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="batch_size=0"):
        rv.embed(frame, "body", into="v", batch_size=0)
    numbers = frame_of(library, n=[1.5, 2.5])
    with pytest.raises(rv.ColumnError, match=r"column 'n' is a column of .*not of text"):
        rv.embed(numbers, "n")


def test_a_cell_that_is_not_text_is_named() -> None:
    frame = pd.DataFrame({"body": pd.Series(["a", None, 5], dtype=object)})
    with pytest.raises(rv.EmbedError, match=r"column 'body': row 2 is 5") as caught:
        rv.embed(frame, "body", embedder=Letters())
    assert caught.value.row == 2


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("texts", [[], [None, None], ["", " "]], ids=["empty", "null", "blank"])
def test_columns_without_a_text_have_null_vectors(library: str, texts: list[Any]) -> None:
    frame = frame_of(library, body=texts)
    if library == "polars":
        frame = frame.with_columns(pl.col("body").cast(pl.String))
    if library == "pyarrow":
        frame = pa.table({"body": pa.array(texts, pa.string())})
    if library == "pandas":
        frame = frame.astype("str") if not texts or texts[0] is not None else frame
    if not texts and library == "pandas object":
        return  # an object column of no cells is of no type
    made = rv.embed(frame, "body", embedder=Letters())
    assert cells_of(made, "embedding") == [None] * len(texts)
    if library == "polars":
        assert made["embedding"].dtype == pl.Array(pl.Float32, 8)


LETTERS = Letters()
OTHER = Letters(-1)
texts_strategy = st.lists(st.text("abcdefgh ", min_size=1, max_size=6), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(texts=texts_strategy, data=st.data(), library=st.sampled_from(LIBRARIES))
def test_any_rows_of_an_embedded_column_know_their_embedder(
    texts: list[str], data: Any, library: str
) -> None:
    made = rv.embed(frame_of(library, body=texts), "body", embedder=LETTERS)
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=50))
    part = take(made, rows)
    query = next((texts[row] for row in rows if texts[row].strip()), None)
    if query is None:
        return
    found = rv.search(part, query, k=3, metric="l2")
    want = rv.search(part, LETTERS.encode([query])[0], k=3, metric="l2")
    assert cells_of(found, "body") == cells_of(want, "body")


@pytest.mark.parametrize("library", LIBRARIES)
def test_vectors_of_other_makers_are_of_unknown_origin(library: str) -> None:
    body = [f"{'abcdefgh'[i % 8]} {'ab' * (i % 5)}" for i in range(300)]
    mine = rv.embed(frame_of(library, body=body), "body", embedder=LETTERS)
    matrix = np.array(rv.to_matrix(mine["embedding"]))
    foreign = frame_of(library, body=body)
    foreign = rv.embed(foreign, "body", embedder=Letters(3))  # asks the same texts
    assert len(rv.search(foreign, "ab", k=1)) == 1

    def column(rows: Any) -> Any:
        like = pd.DataFrame({"body": body}) if library.startswith("pandas") else foreign
        return rv.to_column(rows, like=like)

    def searched(rows: Any) -> Any:
        values = column(rows)
        if library == "polars":
            frame: Any = pl.DataFrame({"body": body, "v": values})
        else:
            frame = pa.table({"v": values}) if library == "pyarrow" else pd.DataFrame({"v": values})
        return rv.search(frame, "ab", on="v", k=1)

    assert len(searched(matrix)) == 1  # the same rows, whoever holds them
    with pytest.raises(rv.EmbedError, match=r"not known what made the vectors of 'v'.*embedder="):
        searched(matrix * 2)
    with pytest.raises(rv.EmbedError, match="not known"):
        searched(matrix.astype(np.float64) + 0.25)
    changed = matrix.copy()
    changed[211] += 0.5
    with pytest.raises(rv.EmbedError, match=r"1 of the 300 vectors .*first in row 211") as caught:
        searched(changed)
    assert caught.value.row == 211
    two = matrix.copy()
    two[100:] = OTHER.encode(body)[100:]
    with pytest.raises(rv.EmbedError, match=r"200 of the 300|100 of the 300|not known"):
        searched(two)


def test_two_embedders_are_told_apart_by_what_they_made() -> None:
    body = ["ab", "cd", "ef"]
    frame = pd.DataFrame({"body": body})
    frame = frame.ruvector.embed("body", into="one", embedder=LETTERS)
    frame = frame.ruvector.embed("body", into="two", embedder=OTHER)
    for name in ("one", "two"):
        hits = rv.search(frame, "cd", on=name, k=1, metric="l2")
        assert hits["l2_distance"].tolist() == [0]


def test_indexes_of_what_was_embedded_take_texts(tmp_path: Any) -> None:
    frame = pl.DataFrame({"body": [w or "x" for w in WORDS]}).ruvector.embed("body")
    index = frame.ruvector.build_index("embedding")
    assert index.search("parcel broken", k=1).ids.tolist() == [1]
    index.save(tmp_path / "ix", vectors=True)
    rv.cache.clear()
    loaded = rv.Index.load(tmp_path / "ix")
    assert loaded.search("parcel broken", k=1).ids.tolist() == [1]
    hits = frame.ruvector.search("card", index=loaded, k=1)
    assert hits["body"].to_list() == ["card charged twice"]
    plain = rv.Index.build(rv.to_matrix(frame["embedding"]))
    frame = frame.ruvector.embed("body", into="again")
    assert len(frame.ruvector.search("card", index=plain, on="again", k=1)) == 1


def test_large_columns_are_known_by_their_hash() -> None:
    body = [f"{i:06d}".translate(str.maketrans("0123456789", "abcdefghab")) for i in range(12_000)]
    frame = pl.DataFrame({"body": body}).ruvector.embed("body", embedder=LETTERS)
    first = frame.ruvector.explain(body[7], on="embedding", metric="l2")
    second = frame.ruvector.explain(body[7], on="embedding", metric="l2")
    assert (first.index, second.index) == ("built", "cached")
    assert "find embedder" in repr(second)


def test_clearing_the_cache_forgets_origins_and_the_rows_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame({"body": ["ab", "cd"]}).ruvector.embed("body", embedder=LETTERS)
    assert rv.cache.info().rows_made == 2
    rv.cache.clear()
    assert rv.cache.info().rows_made == 0
    with pytest.raises(rv.EmbedError, match="not known"):
        frame.ruvector.search("ab")
    monkeypatch.setattr(_made, "MOST_ROWS", 1000)
    kept = _made.Made()
    rng = np.random.default_rng(5)
    old = rng.integers(1, 2**63, 900, dtype=np.uint64)
    kept.put(resolve(OTHER), old)
    blocks = [rng.integers(0, 2**63, n, dtype=np.uint64) for n in (1, 50, 3, 3, 200, 1, 400, 20)]
    for block in blocks:
        kept.put(resolve(LETTERS), block)
        assert len(kept) <= 1000
        assert kept.origin(block).embedder is not None
    assert kept.origin(old).embedder is None
    everything = np.concatenate(blocks)
    maker = kept.origin(everything).embedder
    assert maker is not None
    assert maker.key == resolve(LETTERS).key
    strange = np.concatenate([everything, [np.uint64(12345)]])
    assert kept.origin(strange)[1:3] == (1, len(strange) - 1)
