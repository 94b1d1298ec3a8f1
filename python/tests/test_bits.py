"""Rows of bits, metrics hamming and jaccard: every shape, answers by brute force in NumPy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nanoarrow as na
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector import _native

METRICS = ("hamming", "jaccard")
W = 5


def packed_rows(n: int, w: int = W, seed: int = 61) -> np.ndarray:
    """Rows with few bits set and many ties; row 1 is zeros."""
    r = np.random.default_rng(seed)
    rows = np.packbits(r.random((n, 8 * w)) < 0.2, axis=1)
    rows[::3] = rows[r.integers(0, n, len(rows[::3]))]
    rows[1:2] = 0
    return rows


def distances(metric: str, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    if metric == "hamming":
        return np.bitwise_count(rows ^ query).sum(1).astype(np.float64)
    both = np.bitwise_count(rows & query).sum(1)
    union = np.bitwise_count(rows | query).sum(1)
    return np.where(union == 0, 0.0, 1 - both / np.maximum(union, 1))


def nearest(
    metric: str, rows: np.ndarray, query: np.ndarray, k: int, admit: Any = None
) -> tuple[list[int], list[float]]:
    scores = distances(metric, rows, query)
    order = np.argsort(scores, kind="stable")
    if admit is not None:
        order = order[admit[order]]
    order = order[:k]
    return order.tolist(), scores[order].astype(np.float32).tolist()


def _lists(rows: np.ndarray) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


def _binary(rows: np.ndarray, kind: Any) -> Any:
    return pa.array([row.tobytes() for row in rows], kind)


BORROWED = {
    "numpy": lambda m: m,
    "numpy slice": lambda m: np.vstack([m[:3], m])[3:],
    "memoryview": memoryview,
    "arrow fixed size binary": lambda m: _binary(m, pa.binary(m.shape[1])),
    "arrow binary": lambda m: _binary(m, pa.binary()),
    "arrow large binary": lambda m: _binary(m, pa.large_binary()),
    "arrow slice": lambda m: _binary(np.vstack([m[:3], m]), pa.binary(m.shape[1]))[3:],
    "arrow chunks": lambda m: pa.chunked_array(
        [_binary(m[:9], pa.binary(W)), _binary(m[9:], pa.binary(W))]
    ),
    "arrow lists of uint8": _lists,
    "pandas arrow": lambda m: pd.Series(
        _binary(m, pa.binary(W)), dtype=pd.ArrowDtype(pa.binary(W))
    ),
    "pandas rows of one matrix": lambda m: pd.Series(list(m)),
    "polars array": lambda m: pl.Series(m, dtype=pl.Array(pl.UInt8, W)),
    "nanoarrow": lambda m: na.Array(_binary(m, pa.binary(W))),
}
COPIED = {
    "booleans": lambda m: np.unpackbits(m, axis=1).astype(bool),
    "list of bytes": lambda m: [row.tobytes() for row in m],
    "pandas bytes": lambda m: pd.Series([row.tobytes() for row in m]),
    "polars binary": lambda m: pl.Series([row.tobytes() for row in m], dtype=pl.Binary),
    "column order": np.asfortranarray,
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [*BORROWED, *COPIED])
def test_every_shape_answers_alike_and_packed_ones_are_borrowed(shape: str, metric: str) -> None:
    rows = packed_rows(40)
    column = (BORROWED | COPIED)[shape](rows)
    index = rv.Index.build(column, metric=metric)
    assert (index.dim, index.kind, index.metric) == (8 * W, "exact", metric)
    assert index.info()["borrowed_bytes"] == rows.nbytes
    if shape in BORROWED:
        assert rv.Index.build(column, metric=metric, keep="borrow").info()["keep"] == "borrow"
    else:
        with pytest.raises(rv.InvalidArgument, match="without a copy"):
            rv.Index.build(column, metric=metric, keep="borrow")
    result = index.search(rows[:6], 9)
    for i in range(6):
        ids, scores = nearest(metric, rows, rows[i], 9)
        assert result.ids[i].tolist() == ids
        assert result.scores[i].tolist() == scores
    assert index[7].dtype == np.uint8
    assert index[7].tolist() == rows[7].tolist()
    assert (np.asarray(index) == rows).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200),
    st.sampled_from([1, 7, 8, 9, 48, 64, 65, 128]),
    st.sampled_from(METRICS),
    st.integers(0, 220),
    st.integers(0, 2**32 - 1),
)
def test_answers_are_those_of_brute_force(n: int, w: int, metric: str, k: int, seed: int) -> None:
    rows = packed_rows(n, w, seed)
    r = np.random.default_rng(seed + 1)
    query = np.packbits(r.random(8 * w) < r.random())
    index = rv.Index.build(rows, metric=metric)
    result = index.search(query, k)
    ids, scores = nearest(metric, rows, query, k)
    assert result.ids.tolist() == ids
    assert result.scores.tolist() == scores
    mask = r.random(n) < 0.4
    result = index.search(query, k, where=mask)
    assert result.ids.tolist() == nearest(metric, rows, query, k, mask)[0]
    if mask.any():
        result = index.search(query, k, ids=np.flatnonzero(mask))
        assert result.ids.tolist() == nearest(metric, rows, query, k, mask)[0]


@pytest.mark.parametrize("metric", METRICS)
def test_queries_of_every_shape_ask_the_same(metric: str) -> None:
    rows = packed_rows(60)
    index = rv.Index.build(rows, metric=metric)
    one, batch = rows[5], rows[5:8]
    expected = index.search(one, 4)
    for query in (
        np.unpackbits(one).astype(bool), np.unpackbits(one).astype(bool).tolist(), one.tobytes(),
        pl.Series(one), pd.Series(one), pa.array(one), memoryview(one),
    ):  # fmt: skip
        found = index.search(query, 4)
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.scores.tolist() == expected.scores.tolist()
    expected = index.search(batch, 4)
    assert expected.ids.shape == (3, 4)
    for query in (
        np.unpackbits(batch, axis=1).astype(bool), [row.tobytes() for row in batch],
        _binary(batch, pa.binary(W)), _lists(batch), pl.Series(batch, dtype=pl.Array(pl.UInt8, W)),
        np.asfortranarray(batch),
    ):  # fmt: skip
        assert index.search(query, 4).ids.tolist() == expected.ids.tolist()


def test_booleans_that_fill_no_byte_are_padded_alike() -> None:
    bits = np.random.default_rng(62).random((30, 13)) < 0.4
    index = rv.Index.build(bits, metric="hamming")
    assert index.dim == 16
    found = index.search(bits[4], 30)
    scores = (bits != bits[4]).sum(1)
    assert found.ids.tolist() == np.argsort(scores, kind="stable").tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_rows_come_and_go_and_files_keep_them(metric: str, tmp_path: Path) -> None:
    rows = packed_rows(50)
    names = [f"row {i}" for i in range(50)]
    index = rv.Index.build(rows[:20], ids=names[:20], metric=metric)
    index.add(names[20:40], rows[20:40])
    assert index.upsert(names[35:], np.unpackbits(rows[35:], axis=1).astype(bool)) == 5
    assert index.delete(names[10:15]) == 5
    kept = [i for i in range(50) if not 10 <= i < 15]
    path = tmp_path / "bits.rvx"
    for _ in range(3):
        found = index.search(rows[12], 60)
        scores = distances(metric, rows[kept], rows[12])
        assert sorted(found.ids.tolist()) == sorted(names[i] for i in kept)
        assert found.scores.tolist() == np.sort(scores).astype(np.float32).tolist()
        assert index["row 37"].tolist() == rows[37].tolist()
        assert index[["row 0", "row 49"]].tolist() == rows[[0, 49]].tolist()
        index.compact()
        index.save(path, vectors=True)
        index = pickle.loads(pickle.dumps(rv.Index.load(path)))
    assert index.recall(k=3, sample=20).mean == 1.0


def test_a_file_without_its_rows_takes_them_back(tmp_path: Path) -> None:
    rows = packed_rows(30)
    index = rv.Index.build(rows, metric="jaccard")
    index.save(tmp_path / "bare.rvx", vectors=False)
    loaded = rv.Index.load(tmp_path / "bare.rvx", vectors=_binary(rows, pa.binary(W)))
    assert loaded.search(rows[3], 5).ids.tolist() == index.search(rows[3], 5).ids.tolist()
    with pytest.raises(rv.VectorsChanged):
        rv.Index.load(tmp_path / "bare.rvx", vectors=rows[::-1].copy())
    with pytest.raises(rv.MetricError, match="jaccard"):
        rv.Index.load(tmp_path / "bare.rvx", vectors=rows.astype(np.float32))


def test_null_rows_are_refused_or_never_found() -> None:
    rows = packed_rows(20)
    cells = [row.tobytes() for row in rows]
    cells[4] = None
    for column in (pa.array(cells, pa.binary(W)), pa.array(cells, pa.binary()), cells):
        with pytest.raises(rv.InvalidVector, match="row 4 is null") as caught:
            rv.Index.build(column, metric="hamming")
        assert caught.value.row == 4
        index = rv.Index.build(column, metric="hamming", nulls="skip")
        assert 4 not in index.search(rows[4], 20).ids.tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_frames_are_searched_by_columns_of_bits(metric: str) -> None:
    rows = packed_rows(40)
    ids, scores = nearest(metric, rows, rows[3], 5)
    number = list(range(40))
    for frame in (
        pd.DataFrame({"n": number, "v": list(rows)}),
        pl.DataFrame({"n": number, "v": pl.Series(rows, dtype=pl.Array(pl.UInt8, W))}),
        pa.table({"n": number, "v": _binary(rows, pa.binary(W))}),
    ):
        for query in (rows[3], np.unpackbits(rows[3]).astype(bool)):
            hits = rv.search(frame, query, on="v", metric=metric, k=5)
            assert list(hits["n"].to_pylist() if isinstance(hits, pa.Table) else hits["n"]) == ids
            got = hits[f"{metric}_distance"]
            assert list(got.to_pylist() if isinstance(hits, pa.Table) else got) == scores
        index = rv.build_index(frame, "v", metric=metric)
        again = rv.search(frame, rows[3], on="v", index=index, k=5)
        assert len(again) == 5
    near = rv.search(frame, rows[3], on="v", metric=metric, k=5, max_distance=0)
    assert near["n"].to_pylist() == [i for i, s in zip(ids, scores, strict=True) if s == 0]


def test_errors_name_both_sides_and_the_way_out() -> None:
    rows = packed_rows(10)
    floats = np.ones((10, 4), np.float32)
    index, numbers = rv.Index.build(rows, metric="hamming"), rv.Index.build(floats)
    fixed = _binary(rows, pa.binary(W))
    for error, words, call in (
        (rv.MetricError, ("float32", "hamming", "packbits"),
         lambda: rv.Index.build(floats, metric="hamming")),
        (rv.MetricError, ("jaccard", "float"), lambda: rv.Index.build(_lists(
            floats), metric="jaccard")),
        (rv.MetricError, ("cosine", "bits", "hamming"), lambda: rv.Index.build(fixed)),
        (rv.InvalidArgument, ("flat", "hamming", "exact"),
         lambda: rv.Index.build(rows, metric="hamming", kind="flat")),
        (rv.InvalidArgument, ("ivf", "jaccard"),
         lambda: rv.Index.build(rows, metric="jaccard", kind="ivf")),
        (rv.InvalidArgument, ("hamming", "keep"),
         lambda: rv.Index.build(rows, metric="hamming", keep="none")),
        (rv.MetricError, ("float32", "hamming", "packbits"),
         lambda: index.search(np.ones(8 * W, np.float32))),
        (rv.MetricError, ("int64", "hamming"), lambda: index.search([1, 2, 3])),
        (rv.DimensionMismatch, ("4 bytes", "32 bits", "5 bytes", "40 bits"),
         lambda: index.search(rows[0, :4])),
        (rv.DimensionMismatch, ("40 bytes", "packbits"),
         lambda: index.search(np.unpackbits(rows[0]))),
        (rv.DimensionMismatch, ("40", "32"), lambda: index.add(None, rows[:, :4])),
        (rv.MetricError, ("float32", "hamming"), lambda: index.add(None, floats)),
        (rv.InvalidVector, ("row 1", "4 bytes", "5"),
         lambda: rv.Index.build([b"12345", b"1234"], metric="hamming")),
        (rv.InvalidVector, ("booleans",), lambda: numbers.search(np.ones(4, bool))),
        (rv.ColumnError, ("packed bits",), lambda: rv.to_matrix(fixed)),
        (rv.MetricError, ("hamming", "jaccard"), lambda: rv.Index.build(rows, metric="tanimoto")),
        (rv.InvalidArgument, ("float32", "bits"),
         lambda: _native.search_rows(index._handle, np.ones(40, np.float32), 1)),
        (rv.InvalidArgument, ("ivf",), lambda: index.calibrate(rows)),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            call()
        for word in words:
            assert word in str(caught.value), (word, str(caught.value))
