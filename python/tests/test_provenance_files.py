"""Parquet files tell what made their columns of vectors, and who reads them goes by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv

WORDS = ["red apple", "green pear", "blue plum", "old oak", "tall elm", "sour lime"]
KEY = b"ruvector.embedder"
BOTH = r"first_model.*second_model|second_model.*first_model|wordllama.*second_model"


def first_model(texts: list[str]) -> Any:
    return np.array([[t.count(c) + 0.01 for c in "abcdefghijklmnop"] for t in texts], "f4")


def second_model(texts: list[str]) -> Any:
    return np.ascontiguousarray(first_model(texts)[:, ::-1] * 3)


def frame_of(library: str, words: list[str] = WORDS) -> Any:
    data = {"key": list(range(len(words))), "body": words}
    return {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library](data)


def kept(path: Path, library: str = "pyarrow", model: Any = None) -> Path:
    made = rv.embed(frame_of(library), "body", embedder=model)
    assert rv.write_parquet(made, path) == str(path)
    rv.cache.clear()  # and with it what is known of rows
    return path


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_file_tells_what_made_its_columns(library: str, tmp_path: Path) -> None:
    path = kept(tmp_path / "kb.parquet", library)
    said = json.loads(pq.read_schema(path).field("embedding").metadata[KEY])
    assert said == rv.Embedder.from_pretrained().made().to_dict()
    assert not pq.read_schema(path).field("key").metadata
    index = rv.Index.build_parquet(path, "embedding")
    assert index.search("an apple", 1).ids.tolist() == [0]
    assert index.info()["embedder"] == said
    with pytest.raises(rv.EmbedError, match=BOTH):
        index.search("an apple", embedder=second_model)
    column = rv.read_vectors(path)
    assert column.embedder == said
    built = rv.Index.build(column)
    assert built.search("an apple", 1).ids.tolist() == [0]
    built.save(tmp_path / "x", vectors=True)
    assert rv.Index.load(tmp_path / "x").search("an apple", 1).ids.tolist() == [0]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_table_of_pyarrow_tells_too(tmp_path: Path) -> None:
    made = rv.embed(frame_of("pyarrow"), "body")
    pq.write_table(made, tmp_path / "kb.parquet")  # by pyarrow alone
    rv.cache.clear()
    table = pq.read_table(tmp_path / "kb.parquet")
    for some in (table, table.slice(1), table.select(["embedding", "key"]), table.to_batches()[0]):
        assert len(rv.search(some, "an old tree", on="embedding", k=2)) == 2
        with pytest.raises(rv.EmbedError, match=BOTH):
            rv.search(some, "tree", on="embedding", embedder=second_model)
    assert rv.search(table, "an apple", k=1)["key"].to_pylist() == [0]
    assert rv.build_index(table, on="embedding").search("apple", 1).ids.tolist() == [0]
    with pytest.raises(rv.EmbedError, match=BOTH):
        rv.build_index(table, on="embedding", embedder=second_model)
    other = rv.embed(frame_of("pyarrow"), "body", embedder=lambda t: np.ones((len(t), 256), "f4"))
    with pytest.raises(rv.EmbedError, match="lambda"):
        rv.sim_join(table, other, on="embedding")


def test_who_cannot_be_found_again_is_named(tmp_path: Path) -> None:
    path = kept(tmp_path / "kb.parquet", model=first_model)
    index = rv.Index.build_parquet(path, "embedding")
    table = pq.read_table(path)
    for ask in (
        lambda **m: index.search("apple", **m),
        lambda **m: rv.search(table, "apple", on="embedding", **m),
    ):
        with pytest.raises(rv.EmbedError, match=r"first_model.*embedder="):
            ask()
        with pytest.raises(rv.EmbedError, match=BOTH):
            ask(embedder=second_model)
        assert ask(embedder=first_model) is not None
        with rv.config(embedder=first_model):
            assert ask() is not None
        with rv.config(embedder=second_model), pytest.raises(rv.EmbedError, match=BOTH):
            ask()


def test_files_of_two_embedders_are_not_one_column(tmp_path: Path) -> None:
    one = kept(tmp_path / "1.parquet", model=first_model)
    two = kept(tmp_path / "2.parquet", model=second_model)
    plain = tmp_path / "3.parquet"
    rows = pa.array(first_model(WORDS).tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({"embedding": rows}), plain)
    for read in (rv.read_vectors, rv.Index.build_parquet):
        with pytest.raises(rv.EmbedError, match=BOTH) as caught:
            read([one, two], "embedding")
        assert "1.parquet" in str(caught.value)
        assert "2.parquet" in str(caught.value)
    assert rv.read_vectors([one, plain], "embedding").embedder is None, "not all of it is known"
    assert rv.read_vectors([one, one], "embedding").embedder is not None


def test_scored_files_hand_it_on_and_go_by_it(tmp_path: Path) -> None:
    path = kept(tmp_path / "in.parquet")
    index = rv.Index.build_parquet(path, "embedding")
    out = tmp_path / "out"
    rv.score_parquet(path, index, out=out, on="embedding", k=1, columns=["key", "embedding"])
    part = next(out.glob("*.parquet"))
    said = rv.read_vectors(part, "embedding").embedder
    assert said == rv.Embedder.from_pretrained().made().to_dict()
    assert rv.Index.build_parquet(part, "embedding").search("an apple", 1).ids.tolist() == [0]
    rv.cache.clear()
    table = pq.read_table(part).select(["key", "embedding"])
    assert rv.search(table, "an apple", on="embedding", k=1)["key"].to_pylist() == [0]
    with pytest.raises(rv.EmbedError, match=BOTH):
        rv.search(table, "tree", on="embedding", embedder=second_model)
    wide = lambda texts: np.ones((len(texts), 256), "f4")  # noqa: E731
    other = rv.build_index(frame_of("pandas"), text="body", embedder=wide)
    with pytest.raises(rv.EmbedError, match=r"in\.parquet.*wordllama.*lambda"):
        rv.score_parquet(path, other, out=tmp_path / "no", on="embedding")
    numbers = rv.Index.build(wide(WORDS))
    assert rv.score_parquet(path, numbers, out=tmp_path / "yes", on="embedding", k=1).rows_out == 6


HOSTILE = [
    b"no json", b"5", b"[]", b'{"embedder": 5}', b'{"embedder": "x", "dim": -1}', b"\xff\xfe",
    b'{"embedder": ' + b"[" * 50_000 + b"}", b"x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_what_cannot_be_read_says_nothing(said: bytes, tmp_path: Path) -> None:
    array = pa.array(first_model(WORDS).tolist(), pa.list_(pa.float32(), 16))
    field = pa.field("v", array.type, metadata={KEY: said})
    table = pa.Table.from_arrays([array], schema=pa.schema([field], metadata={KEY: said}))
    pq.write_table(table, tmp_path / "x.parquet")
    assert rv.read_vectors(tmp_path / "x.parquet").embedder is None
    index = rv.Index.build_parquet(tmp_path / "x.parquet", "v")
    for ask in (lambda **m: index.search("pear", **m), lambda **m: rv.search(table, "pear", **m)):
        with pytest.raises(rv.EmbedError, match="not known what made"):
            ask()
        assert ask(embedder=first_model) is not None


def test_a_file_does_not_choose_where_texts_go(tmp_path: Path) -> None:
    array = pa.array(first_model(WORDS).tolist(), pa.list_(pa.float32(), 16))
    for name in (
        "openai:http://127.0.0.1:9/v1",
        "hf:nobody/none",
        "os.system",
        "/nowhere",
        "x" * 99,
    ):
        said = json.dumps({"embedder": name}).encode()
        field = pa.field("v", array.type, metadata={KEY: said})
        table = pa.Table.from_arrays([array], schema=pa.schema([field]))
        with pytest.raises(rv.EmbedError, match=r"cannot be loaded by name.*embedder="):
            rv.search(table, "pear")


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(rv.ColumnError, match=r"3.*rename"):
        rv.write_parquet(pd.DataFrame({3: [1]}), tmp_path / "x")
    with pytest.raises(rv.ColumnError, match="cannot be written"):
        rv.write_parquet(pd.DataFrame({"x": [1, "a"]}), tmp_path / "x")
    with pytest.raises(rv.FileMissing, match="nowhere"):
        rv.write_parquet(frame_of("pandas"), tmp_path / "nowhere" / "x")
    with pytest.raises(TypeError):
        rv.write_parquet(frame_of("pandas"), tmp_path / "x", no_such_option=1)
    assert list(tmp_path.iterdir()) == []
