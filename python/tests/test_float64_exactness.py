"""Promise: answers are those of float64, whatever type the vectors and the queries have."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

Matrix = npt.NDArray[Any]
KINDS = ("exact", "flat", "ivf")
DISTANCES = ("l2", "sqeuclidean")
METRICS = ("cosine", "dot", *DISTANCES)


def distances(x: Matrix, q: Matrix, metric: str) -> Matrix:
    """Return what is smaller for nearer rows, in float64: squared distances, or minus the score."""
    x, q = x.astype(np.float64), q.astype(np.float64)
    if metric == "cosine":

        def even(rows: Matrix) -> Matrix:
            _, exponent = np.frexp(np.abs(rows).max(axis=-1, keepdims=True))
            return np.ldexp(rows, -exponent)

        x, q = even(x), even(q)
        length = np.sqrt((x * x).sum(axis=1)) * np.sqrt((q * q).sum())
        return np.where(length > 0, -(x @ q) / np.where(length > 0, length, 1), 0.0)
    if metric == "dot":
        return -(x @ q)
    return ((x - q) ** 2).sum(axis=1)


def check(x: Matrix, q: Matrix, metric: str, ids: Any, scores: Any, k: int) -> None:
    """Compare an answer with all distances; rows whose distances are equal but for rounding may
    change places.
    """
    d = distances(x, q, metric)
    ids = np.asarray(ids)
    best = np.sort(d)[: min(k, len(d))]
    assert len(ids) == len(best)
    slack = {"cosine": 4e-15, "dot": 4e-15 * float(np.abs(d).max())}.get(metric, 0.0)
    np.testing.assert_allclose(d[ids], best, rtol=1e-12, atol=slack)
    true = -d[ids] if metric in ("cosine", "dot") else d[ids]
    true = np.sqrt(true) if metric == "l2" else true
    np.testing.assert_allclose(scores, true, rtol=2e-7, atol=slack + 1e-44)


def _places(n: int) -> Matrix:
    return np.array([[1.7e9 + i, 4.5e6 + 0.01 * i] for i in range(n)])


def _offset(n: int, d: int, offset: float, noise: float) -> Matrix:
    return offset + noise * np.random.default_rng(d).normal(size=(n, d))


def _lengths(n: int, low: float, high: float) -> Matrix:
    r = np.random.default_rng(5)
    return r.normal(size=(n, 6)) * 10.0 ** r.uniform(low, high, size=(n, 1))


COLUMNS: dict[str, tuple[Matrix, tuple[str, ...]]] = {
    "coordinates": (_places(400), DISTANCES),
    "epoch seconds": (_offset(400, 3, 1.7e9, 30.0), METRICS),
    "1e6 in 32-d": (_offset(400, 32, 1e6, 1.0), METRICS),
    "1e6 in 384-d": (_offset(300, 384, 1e6, 0.1), METRICS),
    "plain": (_offset(400, 24, 0.0, 1.0), METRICS),
    "of all lengths": (_lengths(400, -300, 300), ("cosine",)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_row_finds_itself_and_the_neighbours_that_float64_has(name: str, kind: Any) -> None:
    x, metrics = COLUMNS[name]
    for metric in metrics:
        ix = rv.Index.build(x, metric=metric, kind=kind, recall=1)
        queries = np.concatenate([x[:40], x[40:60] * (1 + 1e-12)])
        batch = ix.search(queries, 7)
        for i, q in enumerate(queries):
            check(x, q, metric, batch.ids[i], batch.scores[i], 7)
            if i % 7 == 0:
                one = ix.search(q, 7)
                assert one.ids.tolist() == batch.ids[i].tolist()
                assert one.scores.tolist() == batch.scores[i].tolist()
        if metric in DISTANCES:
            assert (batch.ids[:40, 0] == np.arange(40)).all()


def test_equal_distances_go_to_the_smaller_row() -> None:
    x = 2.0**40 + np.array([[0.0], [3.0], [1.0], [-1.0], [1.0], [3.0]]) * 2.0**-8
    for kind in KINDS:
        ix = rv.Index.build(x, metric="l2", kind=kind, recall=1)
        assert ix.search(x[0], 6).ids.tolist() == [0, 2, 3, 4, 1, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_filters_ranges_graphs_and_likeness_are_those_of_float64(kind: Any) -> None:
    x = _places(300)
    ix = rv.Index.build(x, metric="l2", kind=kind, recall=1)
    allowed = np.arange(300) % 7 == 3
    rest = np.flatnonzero(allowed)
    for i in (3, 150, 299):
        found = ix.search(x[i], 5, where=allowed)
        best = rest[np.argsort(distances(x[rest], x[i], "l2"), kind="stable")[:5]]
        assert found.ids.tolist() == best.tolist()
        assert ix.search(x[i], 5, ids=rest[::2]).ids.tolist() == [
            row for row in rest[np.argsort(distances(x[rest], x[i], "l2"), kind="stable")]
            if row in set(rest[::2].tolist())
        ][:5]  # fmt: skip
        near = ix.within(x[i], max_distance=2.5)
        assert sorted(near.ids) == [j for j in range(i - 2, i + 3) if 0 <= j < 300]
        like = ix.search(id=i, k=2)
        assert set(like.ids.tolist()) <= {i - 2, i - 1, i + 1, i + 2}
    graph = ix.neighbors(2, recall=1)
    assert all(set(row) == {i - 1, i + 1} for i, row in enumerate(graph.ids) if 0 < i < 299)
    assert ix.recall(k=3).mean == 1
    assert len(set(ix.search(x[9], 4, diversity=0.5).ids.tolist())) == 4


def test_groups_are_those_of_float64() -> None:
    x = _places(200)
    frame = pd.DataFrame({"v": list(x), "g": np.arange(200) % 3})
    found = rv.search(frame, x[50], on="v", k=2, by="g", metric="l2")
    for group, part in found.groupby("g"):
        rows = np.flatnonzero(np.arange(200) % 3 == group)
        best = rows[np.argsort(distances(x[rows], x[50], "l2"), kind="stable")[:2]]
        assert sorted(part.index) == sorted(best)


def _frames(x: Matrix) -> dict[str, Any]:
    d = x.shape[1]
    flat = pa.array(x.reshape(-1))
    return {
        "pandas arrays": pd.DataFrame({"v": list(x)}),
        "pandas lists": pd.DataFrame({"v": x.tolist()}),
        "pandas copies": pd.DataFrame({"v": [row.copy() for row in x]}),
        "polars array": pl.DataFrame({"v": pl.Series(x, dtype=pl.Array(pl.Float64, d))}),
        "polars list": pl.DataFrame({"v": pl.Series(x.tolist(), dtype=pl.List(pl.Float64))}),
        "pyarrow": pa.table({"v": pa.FixedSizeListArray.from_arrays(flat, d)}),
        "pyarrow lists": pa.table({"v": pa.array(x.tolist())}),
    }


@pytest.mark.parametrize("name", list(_frames(_places(1))))
def test_frames_are_searched_in_float64(name: str) -> None:
    x = _places(300)
    frame = _frames(x)[name]
    for i in (0, 77, 299):
        for query in (x[i], x[i].tolist(), pd.Series(x[i]), pl.Series(x[i]), pa.array(x[i])):
            found = rv.search(frame, query, k=1, on="v", metric="l2")
            row = found["v"].to_list() if hasattr(found["v"], "to_list") else found["v"].to_pylist()
            assert np.asarray(row[0]).tolist() == x[i].tolist()
    near = rv.within(frame, x[:3], on="v", max_distance=1.5, metric="l2")
    assert len(near) == 2 + 3 + 3
    ix = rv.build_index(frame, on="v", metric="l2")
    assert ix.search(x[123], 1).ids.tolist() == [123]
    many = rv.search(frame, frame[5:9] if name != "pandas lists" else x[5:9], k=1, on="v",
                     metric="l2")  # fmt: skip
    assert len(many) == 4


def test_columns_of_numbers_are_gathered_without_rounding() -> None:
    x = _places(200)
    for frame in (
        pd.DataFrame({"a": x[:, 0].astype(np.int64), "b": x[:, 1]}),
        pl.DataFrame({"a": x[:, 0].astype(np.int64), "b": x[:, 1]}),
    ):
        found = rv.search(frame, x[31], on=["a", "b"], k=1, metric="l2")
        assert int(found["a"].to_list()[0]) == int(x[31, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_added_saved_and_pickled_is_float64(kind: Any, tmp_path: Path) -> None:
    x = _places(300)
    ix = rv.Index.build(x[:200], metric="l2", kind=kind, recall=1, keep="copy")
    ix.add(None, x[200:290])
    ix.add(None, x[290:])
    ix.save(tmp_path / "ix.rvx", vectors=True)
    loaded = [rv.Index.load(tmp_path / "ix.rvx"), pickle.loads(pickle.dumps(ix))]
    ix.compact()
    bare = rv.Index.build(x, metric="l2", kind=kind, recall=1, keep="copy")
    bare.save(tmp_path / "bare.rvx", vectors=False)
    for one in (ix, *loaded, rv.Index.load(tmp_path / "bare.rvx", vectors=x)):
        for i in (0, 199, 201, 299):
            found = one.search(x[i], 2)
            assert found.ids[0] == i
            assert found.scores[0] == 0
            assert one[i].tolist() == x[i].tolist()
            assert one[i].dtype == np.float64
        shown = np.asarray(one)
        assert shown.dtype == np.float64
        assert (shown == x).all()
    assert np.asarray(ix, np.float32).dtype == np.float32
    assert rv.Index.build(x.astype(np.float32))[0].dtype == np.float32


def test_integers_beyond_float32_are_not_rounded() -> None:
    base = 2**31 - 400
    x = np.array([[base + i, 7] for i in range(300)])
    shapes = {
        "int64": x, "int32": x.astype(np.int32), "uint32": x.astype(np.uint32),
        "uint64": x.astype(np.uint64), "lists": x.tolist(), "cells": pd.Series(list(x)),
        "polars": pl.Series(x.tolist(), dtype=pl.List(pl.Int64)),
        "polars array": pl.Series(x.tolist(), dtype=pl.Array(pl.UInt32, 2)),
        "pyarrow": pa.array(x.tolist(), pa.list_(pa.int64())),
        "pyarrow fixed": pa.array(x.tolist(), pa.list_(pa.uint32(), 2)),
        "pyarrow large": pa.array(x.tolist(), pa.large_list(pa.int32())),
    }  # fmt: skip
    for name, column in shapes.items():
        ix = rv.Index.build(column, metric="l2", recall=1)
        for query in (x[17], x[17].tolist(), x[17].astype(np.uint32), pd.Series(x[17])):
            found = ix.search(query, 3)
            assert found.ids.tolist() == [17, 16, 18], name
            assert found.scores.tolist() == [0, 1, 1], name
        assert ix.search(column[3:5] if name != "lists" else x[3:5], 1).ids.tolist() == [[3], [4]]
    small = rv.Index.build(np.arange(12).reshape(4, 3))
    assert small[0].dtype == np.float32  # float32 holds them


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8"])
def test_queries_of_float64_are_not_rounded_beside_any_column(dtype: str) -> None:
    x = np.random.default_rng(3).integers(0, 100, (300, 4)).astype(dtype)
    queries = (
        x[:20].astype(np.float64) + 0.5 + 1e-10 * np.random.default_rng(4).normal(size=(20, 4))
    )
    for metric in METRICS:
        for kind in KINDS:
            ix = rv.Index.build(x, metric=metric, kind=kind, recall=1)
            found = ix.search(queries, 5)
            for i, q in enumerate(queries):
                check(x, q, metric, found.ids[i], found.scores[i], 5)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_queries_of_every_length_are_directions(kind: Any) -> None:
    for x in (_lengths(300, -300, 300), _lengths(300, -44, 37).astype(np.float32)):
        x[7] = 0
        ix = rv.Index.build(x, kind=kind, recall=1)
        found = ix.search(x[:60], 6)
        for i in range(60):
            check(x, x[i], "cosine", found.ids[i], found.scores[i], 6)
        check(x, x[3], "cosine", ix.search(x[3] * 2.0**-20, 6).ids, found.scores[3], 6)
    ix = rv.Index.build(np.array([[1e-60, 0], [0, 1], [1e-20, 1e-20]]), kind=kind, recall=1)
    answer = ix.search(np.array([1, 0], np.float32), 3)
    assert answer.ids.tolist() == [0, 2, 1]
    assert answer.scores.tolist() == [1.0, np.float32(0.5**0.5), 0.0]
    for tiny in (5e-324, 1e-310, 1e-45, 1e300):
        assert ix.search([tiny, 0], 1).ids.tolist() == [0]


def test_what_no_score_can_hold_is_an_error_that_names_the_row() -> None:
    good = np.ones((5, 3))
    for bad in (1e30, 1e300, np.inf, np.nan):
        x = good.copy()
        x[3, 1] = bad
        for metric in ("dot", *DISTANCES):
            for column in (x, list(x), pl.Series(x.tolist()), pa.array(x.tolist())):
                with pytest.raises(rv.InvalidVector) as caught:
                    rv.Index.build(column, metric=metric)
                assert caught.value.row == 3
                with pytest.raises(rv.InvalidVector):
                    rv.Index.build(good, metric=metric).search(x[3], 1)
    x = good.copy()
    x[2] = 1e-60
    with pytest.raises(rv.InvalidVector) as caught:
        rv.Index.build(x, metric="dot")
    assert caught.value.row == 2


def test_random_small_columns_agree_with_float64() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    r = np.random.default_rng(seed)
    for _ in range(150):
        n, d = int(r.integers(1, 80)), int(r.integers(1, 9))
        metric = METRICS[r.integers(4)]
        offset = 10.0 ** r.integers(-3, 9) * r.integers(0, 2)
        x = offset + r.normal(size=(n, d)) * 10.0 ** r.integers(-6, 4)
        if r.integers(2):
            x = np.round(x, 2)
        x = x.astype(r.choice(["float64", "float32"]))
        if metric == "dot" and not x.any(axis=1).all():
            continue
        ix = rv.Index.build(x, metric=metric, kind=KINDS[r.integers(3)], recall=1)
        q = x[r.integers(n)].astype(r.choice(["float64", "float32"])) * (1 + 1e-9)
        k = int(r.integers(1, 9))
        found = ix.search(q, k)
        check(x, q, metric, found.ids, found.scores, k)
