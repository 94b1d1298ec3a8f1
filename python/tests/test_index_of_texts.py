"""An index that knows its embedder takes texts, and grows with frames of the columns it knows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

LIBRARIES = ["pandas", "pandas object", "polars", "pyarrow"]
BODY = ["refund took weeks", "parcel broken", None, "card charged twice", "password forgotten"]
MORE = ["the moon landing", "", "a cup of tea"]


class Letters:
    """Counts letters."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> Any:
        self.asked += texts
        return np.array([[t.count(c) + 0.01 for c in "abcdefghijklmnop"] for t in texts], "f4")


def frame_of(library: str, key: list[Any], body: list[Any], **more: Any) -> Any:
    data = {"key": key, "body": body, **more}
    if library == "polars":
        return pl.DataFrame(data, schema_overrides={"body": pl.String})
    if library == "pyarrow":
        return pa.table(data).set_column(1, "body", pa.array(body, pa.string()))
    frame = pd.DataFrame(data)
    return frame.astype({"body": object if library == "pandas object" else "str"})


def both(library: str, first: Any, second: Any) -> Any:
    if library == "polars":
        return pl.concat([first, second])
    if library == "pyarrow":
        return pa.concat_tables([first, second])
    return pd.concat([first, second], ignore_index=True)


def cells(frame: Any, name: str) -> list[Any]:
    column = frame[name]
    return list(column.to_pylist() if isinstance(frame, pa.Table) else column.to_list())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("keys", [(list("abcde"), list("xyz")), ([5, 4, 3, 2, 1], [7, 8, 9])])
def test_a_saved_index_grows_with_its_frame(
    library: str, keys: tuple[list[Any], list[Any]], tmp_path: Path
) -> None:
    frame = frame_of(library, keys[0], BODY)
    index = rv.build_index(frame, text="body", ids="key")
    index.save(tmp_path / "ix", vectors=True)
    new = frame_of(library, keys[1], MORE)
    grown = both(library, frame, new)
    for ix in (index, rv.Index.load(tmp_path / "ix"), pickle.loads(pickle.dumps(index))):
        assert ix.add(new) == 0
        assert len(ix) == 7  # the empty text is left out, as it is never found
        hits = rv.search(grown, "who drinks tea", index=ix, k=1)
        assert cells(hits, "key") == [keys[1][2]]
        fresh = rv.build_index(grown, text="body", ids="key")
        for query in ("broken parcels", "moon"):
            want = fresh.search(query, 5)
            got = ix.search(query, 5)
            assert got.ids.tolist() == want.ids.tolist()
            np.testing.assert_allclose(got.scores, want.scores, atol=1e-6)
        with pytest.raises(rv.DuplicateId):
            ix.add(new)
        assert len(ix) == 7
        changed = frame_of(library, keys[1], ["green tea", "a new planet", "coffee"])
        assert ix.upsert(changed) == 2
        assert len(ix) == 8
        assert ix.search("planet", 1).ids.tolist() == [keys[1][1]]
        assert ix.search("green tea", 1).ids.tolist() == [keys[1][0]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_all_or_nothing(library: str) -> None:
    index = rv.build_index(frame_of(library, [1, 2, 3, 4, 5], BODY), text="body", ids="key")
    before = index.search("refund", 5).ids.tolist()
    other = frame_of(library, [8, 9, 8], ["x", "y", "z"])
    with pytest.raises(rv.DuplicateId):
        index.add(other)
    with pytest.raises(rv.DuplicateId):
        index.add(frame_of(library, [8, 1], ["x", "y"]))
    with pytest.raises(rv.InvalidVector, match=r"row 1 has no vector, .*id 2 is in.*delete") as e:
        index.upsert(frame_of(library, [9, 2], ["x", None]))
    assert e.value.row == 1
    assert index.upsert(frame_of(library, [9, 10], ["x", None])) == 0
    index.delete([9])
    assert index.search("refund", 5).ids.tolist() == before


@pytest.mark.parametrize("library", LIBRARIES)
def test_missing_columns_are_named(library: str) -> None:
    index = rv.build_index(frame_of(library, [1, 2, 3, 4, 5], BODY), text="body", ids="key")
    new = frame_of(library, [6], ["x"])
    for name, says in (("key", "ids of the index were column 'key'"), ("body", "column 'body'")):
        if isinstance(new, pd.DataFrame):
            lacking = new.drop(columns=[name])
        else:
            lacking = new.drop_columns([name]) if library == "pyarrow" else new.drop(name)
        with pytest.raises(rv.ColumnError, match=says):
            index.add(lacking)
    positions = rv.build_index(frame_of(library, [1, 2], ["a", "b"]), text="body")
    with pytest.raises(rv.ColumnError, match=r"ids='the column'.*ix\.add\(ids, vectors\)"):
        positions.add(new)
    plain = rv.Index.build(np.eye(3, dtype="f4"), ids=["a", "b", "c"])
    with pytest.raises(rv.ColumnError, match="which column of a frame holds its ids"):
        plain.add(new)
    assert (len(index), len(positions), len(plain)) == (5, 2, 3)


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_embedder_without_a_name_is_given(library: str, tmp_path: Path) -> None:
    letters = Letters()
    frame = frame_of(library, [1, 2, 3, 4, 5], BODY)
    index = rv.build_index(frame, text="body", ids="key", embedder=letters)
    index.save(tmp_path / "ix", vectors=True)
    new = frame_of(library, [6, 7, 8], MORE)
    assert index.add(new) == 0  # it is the one that built it
    loaded = rv.Index.load(tmp_path / "ix")
    for ask in (lambda: loaded.search("tea"), lambda: loaded.add([9], ["tea"])):
        with pytest.raises(rv.EmbedError, match="Letters"):
            ask()
    with pytest.raises(rv.EmbedError, match="Letters"):
        loaded.add(new)
    assert loaded.add(new, embedder=letters) == 0
    assert loaded.upsert([8], ["no tea"], embedder=letters) == 1
    for query in ("a cup of tea", ["parcel broken", "moon"]):
        got = loaded.search(query, 2, embedder=letters)
        assert got.ids.shape[-1] == 2
        assert loaded.within(query, min_similarity=0.1, embedder=letters).ids.size > 0
        again = loaded.search(query, 2, diversity=0.1, embedder=letters)
        assert again.ids.shape == got.ids.shape
    assert loaded.search("parcel broken", 1, embedder=letters).ids.tolist() == [2]
    narrow = lambda texts: np.ones((len(texts), 3), "f4")  # noqa: E731
    for ask in (
        lambda: loaded.search("tea", embedder=narrow),
        lambda: loaded.add([9], ["tea"], embedder=narrow),
    ):
        with pytest.raises(rv.EmbedError, match=r"by '.*Letters', .* is '.*<lambda>'"):
            ask()
    with pytest.raises(rv.EmbedError, match=r"by '.*Letters', .* is '.*<lambda>'"):
        loaded.add(frame_of(library, [19], ["x"]), embedder=narrow)


def test_texts_of_an_index_of_unknown_vectors_need_an_embedder() -> None:
    letters = Letters()
    texts = ["abc", "def"]
    index = rv.Index.build(letters.encode(texts), ids=["1", "2"])
    with pytest.raises(rv.EmbedError, match=r"what is added is text.*embedder="):
        index.add(["3"], ["ghi"])
    with pytest.raises(rv.EmbedError, match=r"not known what made.*embedder="):
        index.search("ghi")
    assert index.add(["3"], ["ghi"], embedder=letters) == 0
    assert index.search("ghi", 1, embedder=letters).ids.tolist() == ["3"]
    with rv.config(embedder=letters):
        assert index.add(["4"], ["mno"]) == 0
        assert index.search("mno", 1).ids.tolist() == ["4"]


@pytest.mark.parametrize(
    "make",
    [
        list, tuple, np.array, pd.Series, pl.Series, pa.array,
        lambda texts: np.array(texts, object), lambda texts: pd.Series(texts, dtype=object),
        lambda texts: pd.Series(texts, dtype="category"),
        lambda texts: pa.chunked_array([texts]),
        lambda texts: pl.Series(texts).cast(pl.Categorical),
    ],
)  # fmt: skip
def test_texts_come_in_any_type(make: Any) -> None:
    letters = Letters()
    index = rv.build_index(pd.DataFrame({"t": ["abc"]}), text="t", embedder=letters)
    assert index.add(None, make(["def", "ghi"])) == 0
    assert index.search("ghi", 1).ids.tolist() == [2]


def test_what_has_no_text_is_refused_by_its_row() -> None:
    index = rv.build_index(pd.DataFrame({"t": ["abc"]}), text="t", embedder=Letters())
    with pytest.raises(rv.EmbedError, match=r"row 1 .* has no text") as caught:
        index.add(None, ["a", " "])
    assert caught.value.row == 1
    with pytest.raises(rv.InvalidVector, match="texts: row 1 is null, not text"):
        index.add(None, ["a", None])
    with pytest.raises(rv.InvalidVector, match="row 0 is 5, not text"):
        index.add(None, [5, "a"])
    with pytest.raises(rv.InvalidArgument, match="one text; pass a list"):
        index.add([7], "a")
    with pytest.raises(rv.InvalidArgument, match="2 ids for 1"):
        index.add([7, 8], ["a"])
    assert index.add(None, []) == 0
    assert index.add(None, pd.Series([], dtype="str")) == 0
    assert len(index) == 1


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_an_index_of_vectors_grows_too(library: str) -> None:
    rng = np.random.default_rng(8)
    rows = rng.standard_normal((30, 6)).astype("f4")

    def make(part: slice, holes: tuple[int, ...] = ()) -> Any:
        some = [None if i in holes else row for i, row in enumerate(rows[part])]
        keys = list(range(30))[part]
        lists = [None if row is None else row.tolist() for row in some]
        if library == "polars":
            return pl.DataFrame({"key": keys, "v": pl.Series(lists, dtype=pl.Array(pl.Float32, 6))})
        if library == "pyarrow":
            return pa.table({"key": keys, "v": pa.array(lists, pa.list_(pa.float32(), 6))})
        return pd.DataFrame({"key": keys, "v": pd.Series(some, dtype=object)})

    index = rv.build_index(make(slice(0, 10)), on="v", ids="key", metric="l2")
    assert index.add(make(slice(10, 20), (2, 7))) == 0
    assert len(index) == 18
    assert index.add(make(slice(12, 13), (0,))) == 0  # no row that could be found
    assert len(index) == 18
    assert index.upsert(make(slice(12, 30))) == 6
    assert len(index) == 30
    hits = rv.search(make(slice(0, 30)), rows[17], index=index, k=1)
    assert cells(hits, "key") == [17]
    with pytest.raises(rv.DimensionMismatch):
        index.add(_wider(library))
    assert len(index) == 30


def _wider(library: str) -> Any:
    if library == "polars":
        return pl.DataFrame({"key": [99], "v": pl.Series([[1.0] * 7])})
    if library == "pyarrow":
        return pa.table({"key": [99], "v": [[1.0] * 7]})
    return pd.DataFrame({"key": [99], "v": [np.ones(7)]})


def test_columns_of_numbers_grow_too() -> None:
    frame = pd.DataFrame({"key": [1, 2], "e0": [1.0, 0.0], "e1": [0.0, 1.0]})
    index = rv.build_index(frame, on=["e*"], ids="key")
    new = pd.DataFrame({"key": [3, 4], "e0": [1.0, np.nan], "e1": [1.0, 1.0]})
    index.add(new)
    assert len(index) == 3
    assert index.search([1.0, 1.0], 1).ids.tolist() == [3]


def test_rows_of_bits_grow_too() -> None:
    bits = np.random.default_rng(3).integers(0, 255, (6, 2), dtype=np.uint8)
    frame = pl.DataFrame({"key": range(4), "b": [bytes(row) for row in bits[:4]]})
    index = rv.build_index(frame, on="b", ids="key", metric="hamming")
    index.add(pl.DataFrame({"key": [4, 5], "b": [bytes(row) for row in bits[4:]]}))
    assert index.search(bits[5], 1).ids.tolist() == [5]


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text("abcdefgh ", max_size=5), min_size=2, max_size=20),
    cut=st.integers(1, 19),
    library=st.sampled_from(LIBRARIES),
)
def test_growing_gives_what_building_gives(texts: list[str], cut: int, library: str) -> None:
    letters = Letters()
    cut = min(cut, len(texts) - 1)
    keys = list(range(100, 100 + len(texts)))
    first = frame_of(library, keys[:cut], texts[:cut])
    second = frame_of(library, keys[cut:], texts[cut:])
    index = rv.build_index(first, text="body", ids="key", embedder=letters, metric="l2")
    index.add(second)
    whole = frame_of(library, keys, texts)
    want = rv.search(whole, "abc", text="body", k=50, metric="l2", embedder=letters)
    got = rv.search(whole, "abc", index=index, k=50)
    assert sorted(cells(got, "l2_distance")) == sorted(cells(want, "l2_distance"))
    assert sorted(cells(got, "key")) == sorted(cells(want, "key"))
