"""Merged shards answer as one index over all rows, in any order, in steps, and from elsewhere."""

from __future__ import annotations

import itertools
import pickle
from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._index.result import _restore
from ruvector._native.library import call
from ruvector._native.structs import MergeParams, TopK

METRICS = ("cosine", "dot", "l2", "sqeuclidean")

# In the order of their UTF-8, which is not that of their UTF-16.
WORDS = ["", "Z", "a", "ab", "ä", "ツ", "\uffff", "\U0001f600"]


def _ids(kind: str, n: int) -> Any:
    """Ids that grow with rows, so that an index breaks ties as a merge does."""
    if kind == "int64":
        return np.arange(n, dtype=np.int64) * 3 - n
    if kind == "uint64":
        return np.uint64(2**64 - 1 - 2 * n) + np.arange(n, dtype=np.uint64)
    return [WORDS[i // 100] + f"{i % 100:02d}" for i in range(n)]


def _shards(ids: Any, vectors: np.ndarray, cuts: list[int], **options: Any) -> list[rv.Index]:
    edges = [0, *sorted(cuts), len(vectors)]
    return [
        rv.Index.build(vectors[a:b], ids=ids[a:b], **options)
        for a, b in itertools.pairwise(edges)
        if a < b
    ]


def _assert_same(a: rv.SearchResult, b: rv.SearchResult) -> None:
    assert a.ids.dtype == b.ids.dtype
    assert a.ids.tolist() == b.ids.tolist()
    assert a.scores.tobytes() == b.scores.tobytes()
    assert a.counts.tolist() == b.counts.tolist()
    assert a.score_name == b.score_name
    assert a._single == b._single


def _made(ids: Any, scores: Any, name: str = "l2_distance", counts: Any = None) -> rv.SearchResult:
    """A result as one that was pickled elsewhere; of one query where `ids` is flat."""
    ids, scores = np.asarray(ids), np.asarray(scores, np.float32)
    single = ids.ndim == 1
    if counts is None:
        counts = [len(ids)] if single else [ids.shape[1]] * len(ids)
    plan = rv.Index.build([[1.0]]).search([1.0]).plan
    return _restore(ids, scores, np.array(counts, np.int64), name, plan, single)


# ---- what it answers ----


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(METRICS),
    st.sampled_from(["int64", "uint64", "text"]),
    st.integers(1, 300),
    st.lists(st.floats(0, 1), max_size=4),
    st.integers(1, 12),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_merged_shards_answer_as_one_index(
    metric: str, kind: str, n: int, cuts: list[float], k: int, single: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.integers(-2, 3, (n, 4)).astype(np.float32)  # few values: many ties
    queries = random.integers(-2, 3, (5, 4)).astype(np.float32)
    ids = _ids(kind, n)
    asked = queries[0] if single else queries
    options = {"metric": metric, "kind": "exact"}
    shards = _shards(ids, vectors, [int(c * n) for c in cuts], **options)
    whole = rv.Index.build(vectors, ids=ids, **options).search(asked, k)
    merged = rv.merge_topk([shard.search(asked, k) for shard in shards], k)
    if metric != "cosine":  # equal scores are equal distances: ids grow with rows, so ties agree
        _assert_same(merged, whole)
    assert merged.scores.tobytes() == whole.scores.tobytes()
    assert merged.counts.tolist() == whole.counts.tolist()
    every = rv.Index.build(vectors, ids=ids, **options).search(queries, n).hits()
    found = [merged.hits()] if single else merged.hits()
    for hits, true in zip(found, every, strict=False):
        assert set(hits) <= set(true)  # of equal float32 scores any, but each id with its own
        assert len(set(hits)) == len(hits)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_merged_coded_shards_answer_as_one_exact_index(metric: str) -> None:
    random = np.random.default_rng(61)
    vectors = random.standard_normal((3_000, 48)).astype(np.float32)
    queries = random.standard_normal((20, 48)).astype(np.float32)
    ids = _ids("int64", 3_000)
    shards = _shards(ids, vectors, [700, 1_900], metric=metric, kind="flat")
    whole = rv.Index.build(vectors, ids=ids, metric=metric, kind="exact").search(queries, 10)
    _assert_same(rv.merge_topk([s.search(queries, 10, recall=1.0) for s in shards]), whole)


@st.composite
def _results(draw: st.DrawFn, kind: str, nq: int) -> rv.SearchResult:
    """A batch with ids that repeat, in no order, with absent cells that must not be read."""
    k = draw(st.integers(0, 5))
    names: list[Any] = WORDS if kind == "text" else list(range(8))
    pick = st.lists(st.sampled_from(names), min_size=nq * k, max_size=nq * k)
    score = st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, np.inf])
    scores = draw(st.lists(score, min_size=nq * k, max_size=nq * k))
    counts = draw(st.lists(st.integers(0, k), min_size=nq, max_size=nq))
    ids = np.array(draw(pick), object if kind == "text" else kind).reshape(nq, k)
    table = np.array(scores, np.float32).reshape(nq, k)
    table[np.arange(k) >= np.array(counts, int)[:, None]] = np.nan
    return _made(ids, table, draw(st.just("cosine_similarity")), counts)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["int64", "uint64", "text"]), st.integers(0, 3))
def test_merging_is_associative_commutative_and_idempotent(
    data: st.DataObject, kind: str, nq: int
) -> None:
    parts = [data.draw(_results(kind, nq)) for _ in range(3)]
    k = data.draw(st.integers(0, 7))
    a, b, c = parts
    whole = rv.merge_topk(parts, k)
    _assert_same(whole, rv.merge_topk([rv.merge_topk([a, b], k), c], k))
    _assert_same(whole, rv.merge_topk([a, rv.merge_topk([b, c], k)], k))
    _assert_same(whole, rv.merge_topk([c, a, b], k))
    _assert_same(whole, rv.merge_topk([whole], k))
    _assert_same(whole, rv.merge_topk([whole, b, whole], k))


def test_an_id_of_several_shards_is_kept_once_with_its_better_score() -> None:
    near = _made([[7, 8]], [[1.0, 4.0]])
    far = _made([[9, 7]], [[2.0, 3.0]])
    assert rv.merge_topk([far, near], 4).ids.tolist() == [[7, 9, 8, -1]]
    assert rv.merge_topk([near, far]).scores.tolist() == [[1.0, 2.0]]
    likeness = [_made([5], [s], "cosine_similarity") for s in (0.25, 0.5)]
    assert rv.merge_topk(likeness).hits() == [rv.Hit(5, 0.5)]


def test_ties_go_to_the_smaller_id_whatever_its_type() -> None:
    numbers = rv.merge_topk([_made([2, -1], [1, 1]), _made([0], [1])], 3)
    assert numbers.ids.tolist() == [-1, 0, 2]
    large = [np.array([2**63, 3], np.uint64), np.array([5], np.uint64)]
    found = rv.merge_topk([_made(ids, [1] * len(ids)) for ids in large], 3).ids
    assert (found.dtype, found.tolist()) == (np.uint64, [3, 5, 2**63])
    texts = [_made(np.array([word], object), [1]) for word in reversed(WORDS)]
    assert rv.merge_topk(texts, 8).ids.tolist() == WORDS
    assert sorted(WORDS, key=lambda word: word.encode()) == WORDS


@pytest.mark.parametrize("kind", ["int64", "uint64", "text"])
def test_absent_cells_are_those_of_a_search(kind: str) -> None:
    vectors = np.eye(4, dtype=np.float32)
    shards = _shards(_ids(kind, 4), vectors, [1, 2])
    one = rv.Index.build(vectors, ids=_ids(kind, 4))
    merged = rv.merge_topk([s.search(vectors[:2], 9) for s in shards])
    _assert_same(merged, one.search(vectors[:2], 9))
    wider = rv.merge_topk([s.search(vectors[:2], 1) for s in shards], 9)
    assert wider.ids.shape == wider.scores.shape == (2, 9)
    assert wider.counts.tolist() == [3, 3]
    assert rv.merge_topk([merged], 0).ids.shape == (2, 0)


def test_k_is_that_of_the_widest_result_unless_given() -> None:
    parts = [_made([1], [1]), _made([2, 3, 4], [2, 3, 4])]
    assert rv.merge_topk(parts).ids.tolist() == [1, 2, 3]
    assert rv.merge_topk(parts, 2).ids.tolist() == [1, 2]
    assert rv.merge_topk(parts, 10**12).ids.tolist() == [1, 2, 3, 4]
    assert rv.merge_topk(iter(parts), np.int64(1)).ids.tolist() == [1]


def test_merging_no_queries_gives_no_answers() -> None:
    none = rv.Index.build(np.eye(2), ids=["a", "b"]).search(np.empty((0, 2), np.float32), 3)
    merged = rv.merge_topk([none, none])
    assert merged.ids.shape == (0, 3)
    assert merged.hits() == []


# ---- what comes with it ----


def test_results_of_other_processes_are_merged_like_those_of_this_one() -> None:
    vectors = np.random.default_rng(62).standard_normal((90, 8)).astype(np.float32)
    shards = _shards(_ids("text", 90), vectors, [30, 60])
    here = [shard.search(vectors[:4], 5) for shard in shards]
    sent = [pickle.loads(pickle.dumps(result)) for result in here]
    merged = rv.merge_topk(sent)
    _assert_same(merged, rv.merge_topk(here))
    _assert_same(pickle.loads(pickle.dumps(merged)), merged)
    assert pl.DataFrame(merged).columns == ["query_row", "rank", "id", "cosine_similarity"]
    with pytest.raises(rv.InvalidArgument, match="merged has left its index behind"):
        merged.rows(pl.DataFrame({"v": [1]}))


def test_the_inputs_are_left_as_they_were() -> None:
    parts = [_made([[4, 3, 9]], [[1, 1, 1]], counts=[2]), _made([[2]], [[5]])]
    before = pickle.dumps(parts)
    merged = rv.merge_topk(parts)
    merged.ids[:] = 0
    merged.scores[:] = 0
    assert pickle.dumps(parts) == before


def test_arrays_of_any_layout_are_read() -> None:
    ids, scores = np.arange(12).reshape(3, 4), np.arange(12, dtype=np.float32).reshape(3, 4)
    plain = rv.merge_topk([_made(ids, scores)], 3)
    for other in (np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2]):
        _assert_same(rv.merge_topk([_made(other(ids), other(scores))], 3), plain)
    _assert_same(rv.merge_topk([_made(ids.astype(">i8"), scores.astype(">f4"))], 3), plain)


def test_the_plan_adds_up_the_parts() -> None:
    random = np.random.default_rng(63)
    vectors = random.standard_normal((2_000, 16)).astype(np.float32)
    shards = _shards(_ids("int64", 2_000), vectors, [500], kind="flat")
    parts = [shard.search(vectors[:3], 4, recall=0.9) for shard in shards]
    last = rv.last_plan()
    plan = rv.merge_topk(parts).plan
    assert rv.last_plan() is last
    a, b = (part.plan for part in parts)
    for name in ("rows", "rows_eligible", "rows_scanned", "rows_coded", "rows_reranked", "cells"):
        assert getattr(plan, name) == getattr(a, name) + getattr(b, name), name
    assert (plan.rows, plan.queries, plan.certified) == (2_000, 3, 1.0)
    assert (plan.kind, plan.backend, plan.bits) == (a.kind, a.backend, a.bits)
    assert (plan.index, plan.scores, plan.recall_target) == ("merged", "exact", 0.9)
    assert plan.milliseconds["merge"] > 0
    assert plan.total_milliseconds >= a.total_milliseconds + b.total_milliseconds
    assert "index merged" in repr(plan)


def test_the_plan_of_merged_estimates_claims_no_more_than_its_parts() -> None:
    vectors = np.random.default_rng(64).standard_normal((600, 16)).astype(np.float32)
    shards = _shards(_ids("int64", 600), vectors, [300], kind="flat")
    parts = [shards[0].search(vectors[:4], 3), shards[1].search(vectors[:4], 3, rerank=0)]
    plan = rv.merge_topk(parts).plan
    assert plan.scores == "estimated"
    assert plan.certified <= parts[1].plan.certified
    differing = [shards[0].search(vectors[0], recall=r) for r in (0.9, 0.99)]
    assert rv.merge_topk(differing).plan.recall_target is None


def test_positions_of_different_indexes_are_warned_about() -> None:
    a, b = (rv.Index.build(np.eye(3)) for _ in range(2))
    with pytest.warns(rv.RuVectorWarning, match="2 of the shards were built without ids") as seen:
        rv.merge_topk([a.search([1, 0, 0]), b.search([1, 0, 0])])
    assert seen[0].filename == __file__


@pytest.mark.filterwarnings("error")
def test_positions_of_one_index_may_be_merged() -> None:
    a = rv.Index.build(np.eye(3))
    mask = np.array([True, False, False])
    halves = [a.search([1, 0, 0], where=where) for where in (mask, ~mask)]
    assert rv.merge_topk(halves, 3).ids.tolist() == [0, 1, 2]


# ---- what it refuses ----

ONE = _made([1], [1])
BATCH = _made([[1], [2]], [[1], [2]])


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "no results"),
        (ONE, "one SearchResult; pass a list"),
        (3, "one int; pass a list"),
        ([ONE, "x"], r"results\[1\] is str"),
        (
            [ONE, ONE, _made([1], [1], "cosine_similarity")],
            r"results\[0\] has scores called l2_distance, results\[2\] has scores called cosine",
        ),
        ([_made([1], [1], "loudness")], r"results\[0\] has scores called 'loudness'"),
        (
            [ONE, _made(np.array([1], np.uint64), [1])],
            r"results\[0\] has int64 ids, results\[1\] has uint64 ids",
        ),
        ([_made(np.array(["a"], object), [1]), ONE], r"has text ids, results\[1\] has int64"),
        ([_made([1.5], [1])], r"results\[0\] has ids of type float64"),
        ([ONE, BATCH], r"has one query, results\[1\] has a batch of 2 queries"),
        (
            [BATCH, _made([[1]], [[1]])],
            r"has a batch of 2 queries, results\[1\] has a batch of 1 queries",
        ),
        ([_made([1, 2], [1])], r"results\[0\] has ids of shape \(2,\), scores of shape \(1,\)"),
        ([_made(np.array([None], object), [1])], r"results\[0\] has an id of type NoneType"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:24],
)
def test_what_cannot_be_merged_is_refused_by_name(results: Any, message: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=message):
        rv.merge_topk(results)


def test_a_score_that_is_nan_names_its_query_and_shard() -> None:
    bad = _made([[1], [2]], [[1], [np.nan]])
    with pytest.raises(rv.InvalidArgument, match="query 1 of shard 1: the score") as caught:
        rv.merge_topk([BATCH, bad])
    assert (caught.value.row, caught.value.column) == (1, 0)
    _assert_same(
        rv.merge_topk([_made([[1], [2]], [[1], [np.nan]], counts=[1, 0])]),
        _made([[1], [-1]], [[1], [np.nan]], counts=[1, 0]),
    )


@pytest.mark.parametrize("counts", [[2, 1], [-1, 1], [2**62, 1]])
def test_counts_that_reach_outside_the_cells_are_refused(counts: list[int]) -> None:
    with pytest.raises(rv.InvalidArgument, match="query 0 of shard 0"):
        rv.merge_topk([_made([[1], [2]], [[1], [2]], counts=counts)])


@pytest.mark.parametrize(
    ("k", "error"),
    [(-1, rv.InvalidArgument), (1.5, rv.InvalidArgument), (2**40, rv.LimitExceeded)],
)
def test_k_must_make_sense(k: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="k="):
        rv.merge_topk([BATCH], k)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, "older version"),
        ({"nq": -1}, "negative number"),
        ({"n_parts": -1}, "negative number"),
        ({"n_parts": 0}, "no answers to merge"),
        ({"parts": None}, "no shards"),
        ({"out": TopK(-1)}, "the room for the answer has k = -1"),
        ({"out": TopK(2**60)}, "the room for the answer: 2 queries of k"),
        ({"out": TopK(1)}, "the room for the answer lacks"),
        ({"shard": TopK(1)}, "shard 0 lacks"),
        ({"shard": TopK(-3)}, "shard 0 has k = -3"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_the_library_refuses_what_would_reach_outside_its_callers_memory(
    change: dict[str, Any], message: str
) -> None:
    memory = np.zeros(8, np.int64)
    at = memory.ctypes.data
    shard = change.get("shard", TopK(1, at, at, at))
    params = MergeParams(sizeof(MergeParams), 1, 0, 0, 2, 1, addressof(shard), TopK(0, 0, 0, at))
    for name, value in change.items():
        if name != "shard":
            setattr(params, name, value)
    with pytest.raises((rv.InvalidArgument, rv.LimitExceeded), match=message):
        call("rv_merge_topk", byref(params))
    with pytest.raises(rv.InvalidArgument, match="older version"):
        call("rv_merge_topk", None)
