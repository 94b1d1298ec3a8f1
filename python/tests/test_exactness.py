"""With vectors at hand, ids and their order equal brute force; ties go to the smaller row."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv

PROBLEMS = [1_000, pytest.param(5_000, marks=pytest.mark.long)]  # for each metric


def _small_problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors with duplicates and ties, and queries some of which are rows."""
    n, d = (
        int(rng.integers(1, 60)),
        int(rng.integers(1, 201) if rng.random() < 0.3 else rng.integers(1, 9)),
    )
    if rng.random() < 0.5:
        vectors = rng.integers(-2, 3, (n, d)).astype(np.float32)
    else:
        vectors = rng.standard_normal((n, d), dtype=np.float32)
    vectors[rng.integers(0, n, n // 3)] = vectors[rng.integers(0, n)]
    if rng.random() < 0.2:
        vectors[rng.integers(0, n)] = 0
    queries = rng.standard_normal((2, d)).astype(np.float32)
    queries[1] = vectors[rng.integers(0, n)]
    return vectors, queries


@pytest.mark.parametrize("problems", PROBLEMS)
@pytest.mark.parametrize("metric", oracle.METRICS)
def test_exact_and_flat_equal_brute_force_on_small_problems_with_duplicates_and_ties(
    metric: str, problems: int
) -> None:
    rng = np.random.default_rng(oracle.seed())
    for problem in range(problems):
        vectors, queries = _small_problem(rng)
        k = int(rng.integers(1, len(vectors) + 2))
        flat = bool(problem % 2)
        bits = int(rng.integers(1, 10)) if flat else None
        with rv.Index.build(
            vectors, metric=metric, kind="flat" if flat else "exact", bits=bits
        ) as index:
            result = index.search(queries, k, rerank=len(vectors) if flat else None, threads=1)
        for i, query in enumerate(queries):
            rows, scores = oracle.nearest(vectors, query, k, metric)
            n = result.counts[i]
            place = (problem, i, vectors.shape, k, bits)
            assert n == len(rows), place
            assert result.ids[i, :n].tolist() == rows.tolist(), place
            np.testing.assert_array_equal(result.scores[i, :n], scores, err_msg=str(place))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 200),
    d=st.integers(1, 70),
    order=st.sampled_from("CF"),
    step=st.integers(1, 3),
    reverse=st.booleans(),
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "uint16", ">f4", ">f8"]),
    metric=st.sampled_from(oracle.METRICS),
    data=st.integers(0, 2**32 - 1),
)
def test_any_stride_order_and_number_type_gives_the_answer_of_brute_force(
    n: int, d: int, order: str, step: int, reverse: bool, dtype: str, metric: str, data: int
) -> None:
    rng = np.random.default_rng(data)
    values = rng.integers(0, 100, (n * step, d * step))
    whole = np.asarray(values, dtype=dtype, order=order)
    view = whole[::step, ::step]
    if reverse:
        view = view[::-1, ::-1]
    query = rng.standard_normal(view.shape[1]).astype(np.float32)
    found = rv.Index.build(view, metric=metric).search(query, 5)
    rows, scores = oracle.nearest(view.astype(np.float32), query, 5, metric)
    assert found.ids.tolist() == rows.tolist()
    np.testing.assert_array_equal(found.scores, scores)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 400), chosen=st.integers(0, 2**32 - 1), k=st.integers(0, 30))
def test_a_filter_is_applied_before_the_search_and_k_means_k(n: int, chosen: int, k: int) -> None:
    rng = np.random.default_rng(chosen)
    vectors = rng.standard_normal((n, 16), dtype=np.float32)
    allowed = rng.random(n) < rng.random()
    query = rng.standard_normal(16, dtype=np.float32)
    for kind in ("exact", "flat"):
        index = rv.Index.build(vectors, metric="l2", kind=kind)
        rows, _ = oracle.nearest(vectors, query, k, "l2", allowed)
        by_mask = index.search(query, k, where=allowed, rerank=n)
        by_ids = index.search(query, k, ids=np.flatnonzero(allowed), rerank=n)
        assert by_mask.ids.tolist() == rows.tolist()
        assert by_ids.ids.tolist() == rows.tolist()


def test_a_flat_index_with_default_bounds_finds_nearly_all_neighbours_of_twenty_thousand() -> None:
    rng = np.random.default_rng(oracle.seed())
    vectors = rng.standard_normal((20_000, 64), dtype=np.float32)
    queries = rng.standard_normal((50, 64), dtype=np.float32)
    index = rv.Index.build(vectors, metric="l2")
    assert index.kind == "flat"
    result = index.search(queries, 10)
    hit = 0
    for i, query in enumerate(queries):
        rows, _ = oracle.nearest(vectors, query, 10, "l2")
        hit += len(set(rows.tolist()) & set(result.ids[i].tolist()))
    assert hit >= 475  # 0.95 of 500


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_a_query_is_answered_alike_alone_in_a_batch_and_on_any_number_of_threads(
    kind: str,
) -> None:
    rng = np.random.default_rng(oracle.seed())
    vectors = rng.standard_normal((11_000, 48), dtype=np.float32)
    queries = rng.standard_normal((9, 48), dtype=np.float32)
    index = rv.Index.build(vectors, kind=kind)
    one, two = index.search(queries, 7, threads=1), index.search(queries, 7, threads=2)
    np.testing.assert_array_equal(one.ids, two.ids)
    np.testing.assert_array_equal(one.scores, two.scores)
    for i, query in enumerate(queries):
        alone = index.search(query, 7)
        assert alone.ids.tolist() == one.ids[i].tolist()
        assert alone.scores.tolist() == one.scores[i].tolist()


def test_a_zero_vector_has_cosine_similarity_zero() -> None:
    vectors = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)
    result = rv.Index.build(vectors).search(np.array([2, 0], np.float32), 3)
    assert result.ids.tolist() == [1, 0, 2]
    assert result.scores.tolist() == [1.0, 0.0, -1.0]
    nothing = rv.Index.build(vectors).search(np.zeros(2, np.float32), 3)
    assert nothing.ids.tolist() == [0, 1, 2]
    assert nothing.scores.tolist() == [0.0, 0.0, 0.0]


def test_recall_one_is_exact_on_a_flat_index() -> None:
    rng = np.random.default_rng(oracle.seed())
    vectors = rng.standard_normal((3_000, 100), dtype=np.float32)
    index = rv.Index.build(vectors, metric="dot", kind="flat", bits=1)
    for query in rng.standard_normal((10, 100), dtype=np.float32):
        rows, _ = oracle.nearest(vectors, query, 10, "dot")
        assert index.search(query, 10, recall=1.0).ids.tolist() == rows.tolist()
