"""Borrowed vectors that their owner changes are noticed: by every verb, at every k."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

N, D = 2_000, 32
SEED = 4021
KINDS = ("exact", "flat", "ivf")
METRICS = ("cosine", "dot", "l2", "sqeuclidean")
DTYPES = ("f4", "f8", "f2", "i1", "u1")
KS = (1, 3, 5, 10)


def _rows(dtype: str = "f4", n: int = N, d: int = D) -> np.ndarray:
    print(f"seed {SEED}")
    rng = np.random.default_rng(SEED)
    return np.ascontiguousarray(rng.integers(0, 60, (n, d)).astype(dtype))


def _columns(rows: np.ndarray) -> dict[str, Any]:
    """The same memory in every form that is borrowed."""
    flat = pa.array(rows.reshape(-1)) if rows.dtype != np.float16 else pa.array(rows.ravel())
    fixed = pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
    half = len(rows) // 2
    offsets = pa.array(np.arange(len(rows) + 1, dtype="i4") * rows.shape[1])
    return {
        "numpy": rows,
        "object cells": pd.Series(list(rows)),
        "memoryview": memoryview(rows),
        "fixed": fixed,
        "list": pa.ListArray.from_arrays(offsets, flat),
        "chunks": pa.chunked_array([fixed[:half], fixed[half:]]),
        "pandas arrow": pd.Series(fixed, dtype=pd.ArrowDtype(fixed.type)),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_shuffle_is_noticed_at_the_first_search(kind: str, dtype: str) -> None:
    rows = _rows(dtype)
    before, rng = rows.copy(), np.random.default_rng(SEED + 1)
    for metric in METRICS:
        index = rv.Index.build(rows, kind=kind, metric=metric, keep="borrow")
        for k in KS:
            index.search(before[3], k)
            rng.shuffle(rows)
            with pytest.raises(rv.VectorsChanged, match="row"):
                index.search(before[3], k)
            rows[:] = before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_added_to_all_rows_is_noticed_by_each_of_200_searches(kind: str, dtype: str) -> None:
    rows = _rows(dtype)
    queries = rows[:200].astype("f4")
    for metric in METRICS:
        index = rv.Index.build(rows, kind=kind, metric=metric, keep="borrow")
        rows += rows.dtype.type(1)
        for query in queries:
            with pytest.raises(rv.VectorsChanged):
                index.search(query, 5)
        rows -= rows.dtype.type(1)
        index.search(queries[0], 5)


def test_fifty_thousand_rows_shuffled_are_noticed_100_times_of_100() -> None:
    rows = _rows(n=50_000)
    before, rng = rows.copy(), np.random.default_rng(SEED + 2)
    index = rv.Index.build(rows, keep="borrow")
    for i in range(100):
        order = rng.permutation(len(rows))[: len(rows) if i < 10 else 600]
        if i < 10:
            rows[:] = before[order]
        with pytest.raises(rv.VectorsChanged):
            index.search(before[i], 1)


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_the_rows_are_noticed_within_four_searches(kind: str) -> None:
    rows = _rows()
    before, rng = rows.copy(), np.random.default_rng(SEED + 3)
    index = rv.Index.build(rows, kind=kind, metric="l2", keep="borrow")
    for i in range(60):
        half = [slice(0, N // 2), slice(N // 2, N), slice(0, N, 2), slice(1, N, 2)][i % 4]
        chosen: Any = half if i < 12 else rng.permutation(N)[: N // 2]
        rows[chosen] += 1
        with pytest.raises(rv.VectorsChanged):
            for _ in range(4):
                index.search(before[i], KS[i % 4])
        rows[:] = before


def _verbs(folder: Path) -> dict[str, Callable[[rv.Index], Any]]:
    def close(index: rv.Index) -> Any:
        larger = index.metric in ("cosine", "dot")
        limit = {"min_similarity": 0.9} if larger else {"max_distance": 1.0}
        return index.within(np.ones(D, "f4"), **limit)

    return {
        "search": lambda ix: ix.search(np.ones(D, "f4"), 1),
        "batch": lambda ix: ix.search(np.ones((3, D), "f4"), 2),
        "mask": lambda ix: ix.search(np.ones(D, "f4"), 1, where=np.arange(N) % 2 == 0),
        "ids": lambda ix: ix.search(np.ones(D, "f4"), 1, ids=[1, 5, 9]),
        "like": lambda ix: ix.search(id=4, k=2),
        "diversity": lambda ix: ix.search(np.ones(D, "f4"), 2, diversity=0.5),
        "estimates": lambda ix: ix.search(np.ones(D, "f4"), 2, rerank=0),
        "within": close,
        "neighbors": lambda ix: ix.neighbors(k=2),
        "recall": lambda ix: ix.recall(k=2, sample=5),
        "row": lambda ix: ix[3],
        "rows": lambda ix: ix[[3, 4]],
        "matrix": lambda ix: np.asarray(ix),
        "save": lambda ix: ix.save(folder / "whole.rvx", vectors=True),
        "bare": lambda ix: ix.save(folder / "bare.rvx", vectors=False),
        "pickle": pickle.dumps,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_notices(kind: str, tmp_path: Path) -> None:
    rows = _rows()
    for name, verb in _verbs(tmp_path).items():
        index = rv.Index.build(rows, kind=kind, keep="borrow")
        verb(index)
        rows += 1
        with pytest.raises(rv.VectorsChanged):
            print(name, verb(index))
        rows -= 1
        verb(index)


def test_every_form_of_borrowed_memory_is_watched() -> None:
    for dtype in ("f4", "f8", "i1", "u1"):
        rows = _rows(dtype)
        for name, column in _columns(rows).items():
            index = rv.Index.build(column, kind="flat")
            index.search(np.ones(D), 1)
            rows += rows.dtype.type(1)
            with pytest.raises(rv.VectorsChanged):
                print(dtype, name, index.search(np.ones(D), 1))
            rows -= rows.dtype.type(1)


def test_polars_over_memory_of_numpy_is_watched() -> None:
    rows = _rows()
    column = pl.Series("emb", rows)  # copied or not: an answer is of the rows as they are now
    index = rv.Index.build(column, metric="l2")
    rows += 100
    try:
        found = index.search(column.to_numpy()[5], 1)
    except rv.VectorsChanged:
        return
    assert found.scores.tolist() == [0.0]


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_packed_bits_are_watched(metric: str) -> None:
    bits = np.random.default_rng(SEED).integers(0, 256, (N, 16), np.uint8)
    before = bits.copy()
    index = rv.Index.build(bits, metric=metric, keep="borrow")
    for k in KS:
        index.search(before[0], k)
        np.bitwise_not(bits, out=bits)
        with pytest.raises(rv.VectorsChanged):
            index.search(before[0], k)
        bits[:] = before[::-1]
        with pytest.raises(rv.VectorsChanged):
            index.search(before[0], k)
        bits[:] = before


def test_vectors_given_to_a_loaded_index_are_watched(tmp_path: Path) -> None:
    rows = _rows()
    for kind in KINDS:
        rv.Index.build(rows, kind=kind).save(tmp_path / kind, vectors=False)
        index = rv.Index.load(tmp_path / kind, vectors=rows)
        index.search(rows[0], 1)
        rows += 1
        with pytest.raises(rv.VectorsChanged):
            index.search(rows[0], 1)
        rows -= 1


def test_copies_deleted_rows_and_added_rows_are_left_alone() -> None:
    rows = _rows()
    copied = rv.Index.build(rows, keep="copy")
    shrunk = rv.Index.build(rows, keep="borrow")
    shrunk.delete(np.arange(0, N, 2))
    more = rows[:50].copy()
    shrunk.add(None, more)
    rows[::2] += 7
    more += 7
    for _ in range(80):
        shrunk.search(np.ones(D), 3)
    rows += 7
    for _ in range(80):
        copied.search(np.ones(D), 3)
    with pytest.raises(rv.VectorsChanged):
        shrunk.search(np.ones(D), 3)


def test_the_error_says_which_row_and_what_to_do() -> None:
    rows = _rows()
    index = rv.Index.build(rows, keep="borrow")
    rows += 1
    with pytest.raises(rv.VectorsChanged, match="keep='copy'") as caught:
        index.search(np.ones(D), 1)
    assert caught.value.row is not None
    assert 0 <= caught.value.row < N
