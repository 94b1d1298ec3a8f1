"""Rows of an index that is given are those of the frame: by ids, or by content that is equal."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

SEED = 11
N = 300
RNG = np.random.default_rng(SEED)
ROWS = RNG.standard_normal((N, 8)).astype("f4")
WORDS = ["cat", "mat", "login", "password", "zip", "file", "date", "tax", "moon", "tea", "road"]
TEXTS = [f"the {WORDS[i % 11]} of {WORDS[i * 7 % 10]} number {i}" for i in range(N)]
KEYS = {
    "texts": [f"key {i * 37 % N}" for i in range(N)],
    "int64": [i * 37 % N - 150 for i in range(N)],
    "uint64": [2**63 - 100 + i * 37 % N for i in range(N)],
    "int32": np.arange(N, dtype="i4")[::-1].tolist(),
}
LIBRARIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": lambda data: pd.DataFrame(data, index=[f"r{i}" for i in range(len(data["n"]))]),
    "polars": lambda data: pl.DataFrame(
        {k: pl.Series(np.array(v), dtype=pl.Array(pl.Float32, 8)) if k == "emb" else v
         for k, v in data.items()}
    ),
    "pyarrow": lambda data: pa.table(
        {k: pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(v)), 8) if k == "emb" else v
         for k, v in data.items()}
    ),
}  # fmt: skip
KINDS = {"int64": "i8", "uint64": "u8", "int32": "i4"}


def data_of(kind: str, rows: Any = range(N)) -> dict[str, Any]:
    keys = np.array(KEYS[kind], KINDS.get(kind, object))
    rows = list(rows)
    return {
        "n": np.array(rows),
        "key": keys[rows] if kind != "texts" else [KEYS[kind][row] for row in rows],
        "body": [TEXTS[row] for row in rows],
        "emb": [ROWS[row] for row in rows],
    }


def column(frame: Any, name: str) -> list[Any]:
    values = frame[name]
    return list(values.to_pylist() if isinstance(frame, pa.Table) else values.to_list())


def reloaded(index: rv.Index, path: Path) -> list[rv.Index]:
    index.save(path / "x", vectors=True)
    return [index, rv.Index.load(path / "x"), pickle.loads(pickle.dumps(index))]


def nearest(query: Any, rows: Any = range(N)) -> list[int]:
    """Return rows from the nearest on, by float64."""
    matrix = ROWS.astype("f8")
    scores = matrix @ query / np.linalg.norm(matrix, axis=1)
    allowed = set(rows)
    return [int(row) for row in np.argsort(-scores, kind="stable") if row in allowed]


ORDERS = {
    "same": list(range(N)),
    "reversed": list(range(N))[::-1],
    "shuffled": np.random.default_rng(5).permutation(N).tolist(),
    "more": [*np.random.default_rng(6).permutation(N).tolist()],
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KEYS)
def test_rows_are_joined_by_ids_in_any_order(library: str, kind: str, tmp_path: Path) -> None:
    make = LIBRARIES[library]
    frame = make(data_of(kind))
    query = ROWS[41] + ROWS[7]
    want = nearest(query)
    for index in reloaded(rv.build_index(frame, on="emb", ids="key"), tmp_path):
        for order in ORDERS.values():
            other = make(data_of(kind, order))
            assert column(rv.search(other, query, k=9, index=index), "n") == want[:9]
            assert column(rv.search(other, ROWS[:2], k=1, index=index), "n") == [0, 1]
            far = rv.within(other, query, min_similarity=-1, index=index)
            assert column(far, "n") == want
            some = np.isin(order, range(100, 130))
            kept = nearest(query, range(100, 130))
            assert column(rv.search(other, query, k=N, index=index, where=some), "n") == kept
            kept_far = rv.within(other, query, min_similarity=-1, index=index, where=some)
            assert column(kept_far, "n") == kept
            result = index.search(query, 9)
            assert column(result.rows(other), "n") == want[:9]
            assert column(index.within(ROWS[:2], min_similarity=0.99).rows(other), "n") == [0, 1]
            assert column(index.neighbors(2).rows(other), "n") == column(
                index.neighbors(2).rows(frame), "n"
            )
            assert (
                column(pickle.loads(pickle.dumps(result)).rows(other, ids_on="key"), "n")
                == (want[:9])
            )


@pytest.mark.parametrize("kind", KEYS)
def test_a_join_is_that_of_pandas_polars_and_duckdb(kind: str) -> None:
    data = data_of(kind)
    frame = pd.DataFrame(data)
    index = rv.build_index(frame, on="emb", ids="key")
    order = ORDERS["shuffled"][:220]
    other = {"key": [data["key"][row] for row in order], "note": [f"note {row}" for row in order]}
    hits = pd.DataFrame({"key": index.search(ROWS[3], N).ids})
    hits = hits[hits["key"].isin(other["key"])].reset_index(drop=True)
    notes = pd.DataFrame(other)
    by_pandas = hits.merge(notes, on="key", how="left")["note"].tolist()
    by_polars = pl.from_pandas(hits).join(pl.from_pandas(notes), on="key", how="left")
    hits["place"] = range(len(hits))
    by_duckdb = duckdb.sql("select note from hits join notes using (key) order by place").fetchall()
    mine = rv.search(
        notes, ROWS[3], k=N, index=index, where=np.ones(len(order), bool)
    )["note"].tolist()  # fmt: skip
    assert mine == by_pandas == by_polars["note"].to_list() == [row for (row,) in by_duckdb]


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_id_that_the_frame_lacks_or_has_twice_is_an_error(library: str) -> None:
    make = LIBRARIES[library]
    for kind in KEYS:
        index = rv.build_index(make(data_of(kind)), on="emb", ids="key")
        fewer = make(data_of(kind, [row for row in range(N) if row != 41]))
        shown = repr(np.array(KEYS[kind], object)[41])
        for ask in (
            lambda: rv.search(fewer, ROWS[41], k=3, index=index),  # noqa: B023
            lambda: rv.within(fewer, ROWS[41], min_similarity=0.9, index=index),  # noqa: B023
            lambda: rv.search(fewer, ROWS[41], k=1, by="body", index=index),  # noqa: B023
            lambda: index.search(ROWS[41], 3).rows(fewer),  # noqa: B023
        ):
            with pytest.raises(rv.UnknownId, match=shown):
                ask()
        limited = rv.search(fewer, ROWS[41], k=3, index=index, where=np.ones(N - 1, bool))
        assert column(limited, "n") == nearest(ROWS[41])[1:4]
        twice = make(data_of(kind, [*range(N), 41]))
        for ask in (
            lambda: rv.search(twice, ROWS[41], k=3, index=index),  # noqa: B023
            lambda: rv.search(twice, ROWS[41], k=3, index=index, by="body"),  # noqa: B023
            lambda: index.search(ROWS[41], 3).rows(twice),  # noqa: B023
        ):
            with pytest.raises(rv.DuplicateId, match=f"{shown} in rows 41 and 300"):
                ask()
        assert column(rv.search(twice, ROWS[5], k=1, index=index), "n") == [5]
        more = make(data_of(kind, range(N)))
        smaller = rv.build_index(make(data_of(kind, range(200))), on="emb", ids="key")
        assert column(rv.search(more, ROWS[5], k=1, index=smaller), "n") == [5]


@pytest.mark.parametrize("library", LIBRARIES)
def test_ids_on_names_another_column_and_without_one_it_is_asked_for(library: str) -> None:
    make = LIBRARIES[library]
    data = data_of("texts")
    frame = make(data)
    renamed = make({("code" if k == "key" else k): v for k, v in data_of("texts").items()})
    named = rv.build_index(frame, on="emb", ids="key")
    unnamed = rv.build_index(frame, on="emb", ids=list(data["key"]))
    other = rv.Index.build(ROWS, ids=list(data["key"]))
    for index in (named, unnamed, other):
        assert column(rv.search(renamed, ROWS[9], k=1, index=index, ids_on="code"), "n") == [9]
        assert column(
            rv.within(renamed, ROWS[9], min_similarity=0.99, index=index, ids_on="code"), "n"
        ) == [9]  # fmt: skip
        assert column(index.search(ROWS[9], 1).rows(renamed, ids_on="code"), "n") == [9]
        for ask in (
            lambda: rv.search(renamed, ROWS[9], k=1, index=index),  # noqa: B023
            lambda: rv.within(renamed, ROWS[9], min_similarity=0.99, index=index),  # noqa: B023
            lambda: index.search(ROWS[9], 1).rows(renamed),  # noqa: B023
        ):
            with pytest.raises(rv.ColumnError, match="ids_on="):
                ask()
        for wrong in ("nobody", "n", "emb"):
            with pytest.raises(rv.ColumnError, match=wrong):
                rv.search(renamed, ROWS[9], k=1, index=index, ids_on=wrong)
    positions = rv.build_index(frame, on="emb")
    mixed = make(data_of("texts", ORDERS["shuffled"]))
    assert column(rv.search(mixed, ROWS[9], k=1, index=positions, ids_on="n"), "n") == [9]


def test_a_series_of_the_frame_as_ids_is_remembered_by_its_name() -> None:
    frame = pd.DataFrame(data_of("int64"))
    index = rv.build_index(frame, on="emb", ids=frame["key"])
    assert rv.search(frame[::-1], ROWS[9], k=1, index=index)["n"].tolist() == [9]
    other = frame["key"].sample(frac=1, random_state=1)
    with pytest.raises(rv.ColumnError, match="ids_on="):
        rv.search(frame, ROWS[9], k=1, index=rv.build_index(frame, on="emb", ids=other))


@pytest.mark.parametrize("label", [5, ("a", "b"), "päth '\""])
def test_labels_of_every_type_are_remembered_in_files(label: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(N), "emb": list(ROWS)})
    frame.columns = pd.Index(["n", "emb"], tupleize_cols=False)
    frame[label] = [i * 3 for i in range(N)]
    if isinstance(label, tuple):
        frame.columns = pd.MultiIndex.from_tuples([("n", ""), ("emb", ""), label])
    on = ("emb", "") if isinstance(label, tuple) else "emb"
    for index in reloaded(rv.build_index(frame, on=on, ids=label), tmp_path):
        found = rv.search(frame[::-1], ROWS[9], k=1, index=index)
        assert found[label].tolist() == [27]


# ---- without ids: content ----


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("on", ["emb", "body"])
def test_without_ids_other_content_is_refused_and_the_row_is_named(
    library: str, on: str, tmp_path: Path
) -> None:
    make = LIBRARIES[library]
    data = data_of("texts")
    frame = make(data)
    query: Any = ROWS[41] if on == "emb" else TEXTS[41]
    changed = {**data, on: [*data[on][:170], data[on][3], *data[on][171:]]}
    others = {
        0: make(data_of("texts", ORDERS["reversed"])),
        170: make(changed),
        5: make(data_of("texts", [*range(5), 6, 5, *range(7, N)])),
    }
    for index in reloaded(rv.build_index(frame, on=on), tmp_path):
        for again in (frame, make(data)):
            assert column(rv.search(again, query, k=1, index=index), "n") == [41]
            assert column(rv.search(again, query, k=1, index=index, on=on), "n") == [41]
        for row, other in others.items():
            for ask in (
                lambda: rv.search(other, query, k=1, index=index),  # noqa: B023
                lambda: rv.search(other, query, k=1, index=index, on=on),  # noqa: B023
                lambda: rv.within(other, query, min_similarity=0.9, index=index),  # noqa: B023
                lambda: rv.explain(other, query, index=index),  # noqa: B023
                lambda: rv.search(other, query, k=1, by="key", index=index),  # noqa: B023
                lambda: index.search(query, 1).rows(other),  # noqa: B023
            ):
                with pytest.raises(rv.VectorsChanged, match=f"row {row}") as caught:
                    ask()
                assert caught.value.row == row
        assert column(rv.search(frame, query, k=1, index=index), "n") == [41]


def test_reversed_texts_are_not_answered_with_the_scores_of_others() -> None:
    frame = pd.DataFrame({"text": ["The cat sat", "A dog ran", "Stocks fell"]})
    index = frame.ruvector.build_index(on="text")
    with pytest.raises(rv.VectorsChanged, match="row 0"):
        frame.iloc[::-1].ruvector.search("The cat sat", text="text", index=index, k=1)
    by_label = frame.assign(id=["a", "b", "c"])
    index = by_label.ruvector.build_index(on="text", ids="id")
    found = by_label.iloc[::-1].ruvector.search("The cat sat", text="text", index=index, k=1)
    assert found["text"].tolist() == ["The cat sat"]


def test_on_names_the_column_that_must_have_the_indexs_content() -> None:
    frame = pd.DataFrame(data_of("texts"))
    of_text = rv.build_index(frame, on="body")
    with pytest.raises(rv.VectorsChanged, match="'emb'"):
        rv.search(frame, "tea", on="emb", index=of_text)
    with pytest.raises(rv.ColumnError, match="nobody"):
        rv.search(frame, "tea", on="nobody", index=of_text)
    with pytest.raises(rv.ColumnError, match="text="):
        rv.search(frame, "tea", text="emb", index=of_text)
    with pytest.raises(rv.VectorsChanged, match="'key'"):
        rv.search(frame, "tea", on="key", index=of_text)
    of_vectors = rv.build_index(frame, on="emb")
    with pytest.raises(rv.VectorsChanged, match="'body'"):
        rv.search(frame, ROWS[0], on="body", index=of_vectors)
    frame["made"] = list(rv.Embedder.from_pretrained().encode(TEXTS))
    assert rv.search(frame, TEXTS[8], on="made", index=of_text, k=1)["n"].tolist() == [8]
    moved = frame.rename(columns={"body": "words"})
    assert rv.search(moved, TEXTS[8], on="words", index=of_text, k=1)["n"].tolist() == [8]
    with pytest.raises(rv.ColumnError, match="'body'"):
        rv.search(moved, TEXTS[8], index=of_text, k=1)
    with pytest.raises(rv.ColumnError, match="'body'"):
        of_text.search(TEXTS[8], 1).rows(moved)


def test_texts_that_have_equal_vectors_are_other_texts() -> None:
    frame = pd.DataFrame({"body": ["Tea", "road", "moon"]})
    index = rv.build_index(frame, on="body", embedder=lambda texts: np.eye(len(texts), 3) + 1)
    assert len(rv.search(frame, "tea", index=index)) == 3
    with pytest.raises(rv.VectorsChanged, match="'body'"):
        rv.search(frame.assign(body=["tea", "road", "moon"]), "tea", index=index)


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_index_that_saw_no_frame_is_compared_with_its_vectors(library: str) -> None:
    make = LIBRARIES[library]
    data = data_of("texts")
    frame, other = make(data), make(data_of("texts", [0, 2, 1, *range(3, N)]))
    for index in (
        rv.Index.build(ROWS),
        rv.Index.build(ROWS, keep="copy", kind="flat"),
        rv.Index.build(ROWS, keep="none", kind="flat"),
    ):
        for _ in range(2):
            assert column(rv.search(frame, ROWS[9], k=1, index=index), "n") == [9]
        with pytest.raises(rv.VectorsChanged):
            rv.search(other, ROWS[9], k=1, index=index)
        with pytest.raises(rv.VectorsChanged):
            index.search(ROWS[9], 1).rows(other)
        del data["emb"]
        bare = make(data)
        assert column(rv.search(bare, ROWS[9], k=1, index=index), "n") == [9]
        assert column(index.search(ROWS[9], 1).rows(bare), "n") == [9]
        data["emb"] = list(ROWS)
    encode = rv.Embedder.from_pretrained().encode
    of_texts = rv.Index.build(encode(TEXTS))
    for _ in range(2):
        assert column(rv.search(frame, TEXTS[9], text="body", k=1, index=of_texts), "n") == [9]
    with pytest.raises(rv.VectorsChanged, match="row 1"):
        rv.search(other, TEXTS[9], text="body", k=1, index=of_texts)


def test_null_and_bad_rows_belong_to_the_content(tmp_path: Path) -> None:
    cells: list[Any] = list(ROWS)
    cells[7], cells[90] = None, None
    frame = pd.DataFrame({"n": range(N), "emb": cells})
    for index in reloaded(rv.build_index(frame, on="emb"), tmp_path):
        assert rv.search(frame, ROWS[9], k=1, index=index)["n"].tolist() == [9]
        wide = frame.assign(emb=[None if c is None else c.astype("f8") for c in cells])
        assert rv.search(wide, ROWS[9], k=1, index=index)["n"].tolist() == [9]
        for row, cell in ((7, ROWS[7]), (90, ROWS[3]), (50, None)):
            other = [*cells[:row], cell, *cells[row + 1 :]]
            with pytest.raises(rv.VectorsChanged, match=f"row {row}"):
                rv.search(frame.assign(emb=other), ROWS[9], k=1, index=index)
    with rv.config(bad_vectors="skip"):
        cells[11] = np.full(8, np.nan, "f4")
        frame = pd.DataFrame({"n": range(N), "emb": cells})
        index = rv.build_index(frame, on="emb")
        assert rv.search(frame, ROWS[9], k=1, index=index)["n"].tolist() == [9]
    texts: list[Any] = [*TEXTS[:5], None, *TEXTS[6:]]
    of_text = rv.build_index(pd.DataFrame({"body": texts}), on="body")
    with pytest.raises(rv.VectorsChanged, match="row 5"):
        rv.search(pd.DataFrame({"body": TEXTS}), TEXTS[9], k=1, index=of_text)


def test_bits_and_gathered_columns_are_compared_too() -> None:
    bits = np.packbits(RNG.random((N, 64)) < 0.5, axis=1)
    frame = pd.DataFrame({"n": range(N), "b": list(bits)})
    index = rv.build_index(frame, on="b", metric="hamming")
    assert rv.search(frame, bits[9], k=1, on="b", index=index)["n"].tolist() == [9]
    with pytest.raises(rv.VectorsChanged, match="row 0"):
        rv.search(frame[::-1], bits[9], k=1, index=index)
    wide = pd.DataFrame({f"e{i}": ROWS[:, i] for i in range(8)} | {"n": range(N)})
    index = rv.build_index(wide, on=["e*"])
    assert rv.search(wide, ROWS[9], k=1, index=index)["n"].tolist() == [9]
    with pytest.raises(rv.VectorsChanged, match="row 0"):
        rv.search(wide[::-1], ROWS[9], k=1, index=index)


def test_a_changed_index_is_joined_by_ids_alone() -> None:
    frame = pd.DataFrame(data_of("int64", range(N - 5)))
    whole = pd.DataFrame(data_of("int64", ORDERS["shuffled"]))
    index = rv.build_index(frame, on="emb", ids="key")
    index.add(KEYS["int64"][N - 5 :], ROWS[N - 5 :])
    index.delete([KEYS["int64"][9]])
    for _ in range(2):
        assert rv.search(whole, ROWS[N - 2], k=1, index=index)["n"].tolist() == [N - 2]
        want = [row for row in nearest(ROWS[9], range(50)) if row != 9]
        some = whole["n"] < 50
        found = rv.search(whole, ROWS[9], k=N, index=index, where=some)
        assert found["n"].tolist() == want
        assert index.search(ROWS[N - 2], 1).rows(whole)["n"].tolist() == [N - 2]
        with pytest.raises(rv.InvalidArgument, match="by="):
            rv.search(whole, ROWS[9], index=index, by="body")
        with pytest.raises(rv.UnknownId):
            rv.search(frame, ROWS[N - 2], k=1, index=index)
        index.compact()
    plain = rv.build_index(frame, on="emb")
    plain.add(None, ROWS[N - 5 :])
    with pytest.raises(rv.InvalidArgument, match="ids_on="):
        rv.search(frame, ROWS[9], index=plain)
    numbered = pd.DataFrame(data_of("int64"))
    assert rv.search(numbered, ROWS[N - 2], k=1, index=plain, ids_on="n")["n"].tolist() == [N - 2]


def test_hostile_memories_of_a_frame_are_no_columns() -> None:
    from ruvector._index import provenance as _provenance

    deep = "[" * 100_000
    for origin in (deep, "null", "3", '"x"', "[]", '{"column": ' + deep, "\x00", "{" * 70_000):
        assert _provenance.recall(origin) == _provenance.Remembered(embedded=True)
    odd = '{"column": {"a": 1}, "ids": 7.5, "texts": 3, "vectors": [1]}'
    known = _provenance.recall(odd)
    assert (known.texts, known.vectors, known.embedded) == ("", "", False)
