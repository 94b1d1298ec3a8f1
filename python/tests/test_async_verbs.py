"""`search_async` and `build_async` are `search` and `build` in an event loop."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import uvloop

import ruvector as rv

N, D = 3000, 16
RNG = np.random.default_rng(1501)
ROWS = RNG.standard_normal((N, D), dtype=np.float32)
QUERY = RNG.standard_normal(D, dtype=np.float32)
BATCH = RNG.standard_normal((7, D), dtype=np.float32)
MASK = RNG.random(N) < 0.2
BITS = RNG.integers(0, 256, (N, 4), dtype=np.uint8)
RUNNERS = {"asyncio": asyncio.run, "uvloop": uvloop.run}
Main = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    return lambda main: RUNNERS[request.param](main())


def embed(texts: list[str]) -> np.ndarray:
    return np.array([np.random.default_rng(len(t)).standard_normal(D) for t in texts])


INDEXES: dict[str, dict[str, Any]] = {
    "exact": {"kind": "exact"},
    "flat": {"kind": "flat"},
    "ivf": {"kind": "ivf", "metric": "l2"},
    "texts": {"kind": "flat", "ids": [f"row {i}" for i in range(N)]},
    "uint64": {"kind": "exact", "ids": np.arange(N, dtype=np.uint64) + 2**63},
    "no vectors": {"kind": "flat", "keep": "none"},
}

# Arguments of a search, and the indexes that they do not go with.
QUESTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "one": ({"query": QUERY}, set()),
    "one as a list": ({"query": QUERY.tolist(), "k": 3}, set()),
    "one of float64": ({"query": QUERY.astype(np.float64)}, set()),
    "one as a column": ({"query": pl.Series(QUERY)}, set()),
    "batch": ({"query": BATCH, "k": 5}, set()),
    "batch of lists": ({"query": BATCH.tolist(), "k": 5}, set()),
    "batch of cells": ({"query": pd.Series(list(BATCH)), "k": 5}, set()),
    "batch of none": ({"query": np.empty((0, D), np.float32)}, set()),
    "more than there are": ({"query": BATCH[:2], "k": N + 5}, set()),
    "one, all": ({"query": QUERY, "k": N + 5}, set()),
    "none": ({"query": QUERY, "k": 0}, set()),
    "exactly": ({"query": QUERY, "recall": 1.0}, {"no vectors"}),
    "estimates": ({"query": BATCH, "rerank": 0}, set()),
    "probes": ({"query": QUERY, "probes": 3}, set()),
    "mask": ({"query": QUERY, "where": MASK}, set()),
    "mask of objects": ({"query": QUERY, "where": MASK.tolist()}, set()),
    "mask of pandas": ({"query": BATCH, "where": pd.Series(MASK)}, set()),
    "by id": ({"id": 17, "k": 4}, {"texts", "uint64", "no vectors"}),
    "by ids": ({"id": [17, 3], "k": 4}, {"texts", "uint64", "no vectors"}),
    "by a text": ({"id": "row 5"}, set(INDEXES) - {"texts"}),
    "some ids": ({"query": QUERY, "ids": [3, 5, 8]}, {"texts", "uint64"}),
    "some texts": ({"query": BATCH, "ids": ["row 3", "row 9"]}, set(INDEXES) - {"texts"}),
    "diverse": ({"query": QUERY, "diversity": 0.4}, {"no vectors"}),
    "one thread": ({"query": BATCH, "threads": 1}, set()),
    "text": ({"query": "words", "embedder": embed}, set()),
    "text_s": ({"query": ["some", "words"], "embedder": embed}, set()),
}


@pytest.fixture(scope="module")
def indexes() -> dict[str, rv.Index]:
    return {name: rv.Index.build(ROWS, **options) for name, options in INDEXES.items()}


def same(one: rv.SearchResult, other: rv.SearchResult) -> None:
    assert one.ids.dtype == other.ids.dtype
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores.view(np.uint32), other.scores.view(np.uint32))
    np.testing.assert_array_equal(one.counts, other.counts)
    assert repr(one) == repr(other)
    assert one.score_name == other.score_name
    assert (one.query_ids is None) == (other.query_ids is None)
    for fact in ("kind", "rows", "eligible", "scanned", "reranked", "recall_target", "queries"):
        assert getattr(one.plan, fact, None) == getattr(other.plan, fact, None), fact


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_search(run, indexes, question):
    arguments, unfit = QUESTIONS[question]

    async def main():
        return [
            (name, await index.search_async(**arguments))
            for name, index in indexes.items()
            if name not in unfit
        ]

    for name, result in run(main):
        same(result, indexes[name].search(**arguments))


def test_bits_are_searched(run):
    index = rv.Index.build(BITS, metric="hamming")

    async def main():
        return await index.search_async(BITS[5], 4), await index.search_async(BITS[:3], 2)

    one, batch = run(main)
    same(one, index.search(BITS[5], 4))
    same(batch, index.search(BITS[:3], 2))


WRONG: dict[str, dict[str, Any]] = {
    "nothing": {},
    "both": {"query": QUERY, "id": 3},
    "dimensions": {"query": QUERY[:5]},
    "dimensions of many": {"query": BATCH[:, :5]},
    "nan": {"query": np.full(D, np.nan, np.float32)},
    "nan in a batch": {"query": [[0.0] * D, [np.nan] * D]},
    "axes": {"query": BATCH[None]},
    "null": {"query": [None] * D},
    "text of nothing known": {"query": "words"},
    "an embedder that fails": {"query": "words", "embedder": lambda texts: 1 / 0},
    "k": {"query": QUERY, "k": -1},
    "k of no number": {"query": QUERY, "k": "3"},
    "k beyond all": {"query": BATCH, "k": 2**40},
    "recall": {"query": QUERY, "recall": 1.5},
    "rerank": {"query": QUERY, "rerank": -1},
    "probes": {"query": QUERY, "probes": 0},
    "threads": {"query": QUERY, "threads": -1},
    "diversity": {"query": QUERY, "diversity": 2},
    "mask": {"query": QUERY, "where": MASK[:5]},
    "mask of numbers": {"query": QUERY, "where": [1, 2, 3]},
    "unknown id": {"query": QUERY, "ids": [N + 1]},
    "unknown row": {"id": N + 1},
    "ids of halves": {"query": QUERY, "ids": [0.5]},
}


async def failure_of(work: Coroutine[Any, Any, Any]) -> BaseException:
    try:
        answer = await work
    except BaseException as error:
        return error
    raise AssertionError(f"no error, but {answer!r}")


def alike(one: BaseException, other: BaseException) -> None:
    assert type(one) is type(other)
    assert str(one) == str(other)
    for place in ("row", "column"):
        assert getattr(one, place, None) == getattr(other, place, None)


@pytest.mark.parametrize("wrong", WRONG)
def test_errors_are_those_of_search(run, indexes, wrong):
    index = indexes["flat"]
    error = run(lambda: failure_of(index.search_async(**WRONG[wrong])))
    with pytest.raises(type(error)) as found:
        index.search(**WRONG[wrong])
    alike(error, found.value)


BUILDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "matrix": (ROWS, {}),
    "small": (np.eye(4, dtype=np.float32), {}),
    "float64": (ROWS.astype(np.float64), {"metric": "l2", "kind": "flat", "seed": 7}),
    "cells": (ROWS, {"kind": "ivf", "cells": 20, "recall": 0.9}),
    "lists": (ROWS[:50].tolist(), {"ids": list(range(100, 150))}),
    "objects": (pd.Series(list(ROWS)), {"keep": "copy"}),
    "polars": (pl.Series(ROWS), {"keep": "none", "kind": "flat", "bits": 4}),
    "frame": (pl.DataFrame({"name": ["a"] * 50, "emb": ROWS[:50]}), {}),
    "texts": (ROWS[:50], {"ids": [f"row {i}" for i in range(50)]}),
    "nulls": (pl.Series([None, *ROWS[:50].tolist()]), {"nulls": "skip"}),
    "bits": (BITS, {"metric": "jaccard"}),
    "booleans": (np.eye(8, dtype=bool), {"metric": "hamming"}),
    "none": (np.empty((0, 8), np.float32), {}),
}


@pytest.mark.parametrize("build", BUILDS)
def test_an_index_is_that_of_build(run, build):
    vectors, options = BUILDS[build]
    index = run(lambda: rv.Index.build_async(vectors, **options))
    other = rv.Index.build(vectors, **options)
    assert type(index) is rv.Index
    assert pickle.dumps(index) == pickle.dumps(other)
    assert repr(index) == repr(other)
    assert index._copied == other._copied
    assert (index._matrix is None) == (other._matrix is None)


WRONG_BUILDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "nan": (np.array([[1, 2], [np.nan, 0]], np.float32), {}),
    "nan in much": (np.vstack([ROWS] * 40 + [np.full((1, D), np.nan, np.float32)]), {}),
    "ragged": ([[1.0], [1.0, 2.0]], {}),
    "null": (pl.Series([[1.0], None]), {}),
    "text": (["words"], {}),
    "no dimensions": ([], {}),
    "metric": (ROWS, {"metric": "cosin"}),
    "kind": (ROWS, {"kind": "tree"}),
    "bits": (ROWS, {"bits": 12}),
    "budget": (ROWS, {"budget": 5, "kind": "ivf"}),
    "ids": (ROWS, {"ids": [1]}),
    "ids twice": (ROWS[:2], {"ids": [1, 1]}),
    "borrowed": (ROWS.tolist(), {"keep": "borrow"}),
    "seed": (ROWS, {"seed": -1}),
    "parquet": ("vectors.parquet", {}),
}


@pytest.mark.parametrize("wrong", WRONG_BUILDS)
def test_errors_are_those_of_build(run, wrong):
    vectors, options = WRONG_BUILDS[wrong]
    error = run(lambda: failure_of(rv.Index.build_async(vectors, **options)))
    with pytest.raises(type(error)) as found:
        rv.Index.build(vectors, **options)
    alike(error, found.value)


# ---- the surface ----


@pytest.mark.parametrize("name", ["search", "build"])
def test_a_twin_takes_and_returns_what_its_verb_does(name):
    verb, twin = getattr(rv.Index, name), getattr(rv.Index, f"{name}_async")
    whole, mine = inspect.signature(verb), inspect.signature(twin)
    assert list(mine.parameters.values()) == list(whole.parameters.values())
    assert mine.return_annotation == whole.return_annotation
    assert inspect.iscoroutinefunction(twin)
    assert asyncio.iscoroutinefunction(twin)


def test_a_subclass_builds_its_own_kind(run):
    class Mine(rv.Index):
        __slots__ = ()

    assert type(run(lambda: Mine.build_async(ROWS))) is Mine


def test_calls_that_do_not_fit_are_explained(run, indexes):
    index: Any = indexes["exact"]
    made: Any = rv.Index
    calls: list[tuple[Callable[[], Coroutine[Any, Any, Any]], str]] = [
        (lambda: index.search_async(QUERY, top_k=3), r"Index\.search_async\(\).*use k="),
        (lambda: made.build_async(), r"Index\.build_async\(\) missing 1 required"),
        (lambda: made.build_async(ROWS, distance="l2"), "use metric="),
    ]
    for call, says in calls:
        error = run(lambda call=call: failure_of(call()))
        assert type(error) is TypeError
        with pytest.raises(TypeError, match=says):
            raise error
    with pytest.raises(AttributeError, match=r"use ix\.search_async"):
        index.asearch  # noqa: B018


def test_outside_a_loop_it_is_said_what_to_do(indexes):
    with pytest.raises(RuntimeError, match=r"await this inside async def, or call ix\.search"):
        indexes["exact"].search_async(QUERY).send(None)
    with pytest.raises(RuntimeError, match=r"or call rv\.Index\.build"):
        rv.Index.build_async(ROWS).send(None)


def test_a_coroutine_made_outside_a_loop_runs_in_one(run, indexes):
    waits = indexes["exact"].search_async(QUERY, 3)
    assert len(asyncio.run(waits).ids) == 3
