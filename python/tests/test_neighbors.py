"""Graphs of neighbours, searches like a row, diverse answers: against NumPy in float64."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

KINDS = ["exact", "flat", "ivf"]


def names_of(kind: str, n: int) -> Any:
    """Return ids of a kind, None for positions."""
    if kind == "positions":
        return None
    if kind == "text":
        return [f"row é {i}" for i in range(n)]
    return np.arange(n, dtype=np.uint64) * 3 + 2**63


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    """Return an index with its vectors and ids; rows are copies of each other now and then."""
    seed = draw(st.integers(0, 2**32 - 1))
    n, dim = draw(st.integers(1, 60)), draw(st.integers(1, 9))
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((n, dim), dtype=np.float32)
    for _ in range(draw(st.integers(0, 12))):
        vectors[random.integers(n)] = vectors[random.integers(n)]
    metric = draw(st.sampled_from(oracle.METRICS))
    names = names_of(draw(st.sampled_from(["positions", "text", "uint64"])), n)
    index = rv.Index.build(
        vectors, ids=names, metric=metric, kind=draw(st.sampled_from(KINDS)), keep="copy"
    )
    ids = np.array(
        range(n) if names is None else names, object if isinstance(names, list) else None
    )
    return {"index": index, "vectors": vectors, "metric": metric, "ids": ids, "random": random}


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@quick
@given(tasks(), st.integers(0, 70))
def test_a_graph_has_the_nearest_others_of_every_row(task: dict[str, Any], k: int) -> None:
    index, vectors, ids = task["index"], task["vectors"], task["ids"]
    graph = index.neighbors(k, recall=1.0)
    n = len(vectors)
    assert graph.ids.shape == graph.scores.shape == (n, k)
    assert graph.query_ids.tolist() == ids.tolist()
    for row in range(n):
        others = np.arange(n) != row
        rows, scores = oracle.nearest(vectors, vectors[row], k, task["metric"], others)
        assert graph.counts[row] == len(rows)
        assert graph.ids[row, : len(rows)].tolist() == ids[rows].tolist()
        np.testing.assert_allclose(graph.scores[row, : len(rows)], scores, rtol=1e-6, atol=1e-6)
        assert np.isnan(graph.scores[row, len(rows) :]).all()


@quick
@given(tasks(), st.integers(0, 12), st.booleans())
def test_a_row_is_asked_with_by_its_id(task: dict[str, Any], k: int, filtered: bool) -> None:
    index, vectors, ids = task["index"], task["vectors"], task["ids"]
    n = len(vectors)
    rows = task["random"].integers(0, n, 3)
    may = task["random"].random(n) < 0.5 if filtered else np.ones(n, bool)
    batch = index.search(id=ids[rows], k=k, recall=1.0, where=may)
    assert batch.query_ids.tolist() == ids[rows].tolist()
    for i, row in enumerate(rows):
        allowed = may & (np.arange(n) != row)
        want, _ = oracle.nearest(vectors, vectors[row], k, task["metric"], allowed)
        assert batch.ids[i, : batch.counts[i]].tolist() == ids[want].tolist()
        one = index.search(id=ids[row], k=k, recall=1.0, ids=ids[may])
        assert one.ids.tolist() == ids[want].tolist()


def most_marginal(sims: Any, to_query: Any, k: int, diversity: float) -> list[int]:
    """Return the places of k candidates, the nearest first, by maximal marginal relevance."""
    chosen = [0] if k and len(to_query) else []
    while 0 < len(chosen) < min(k, len(to_query)):
        near = sims[:, chosen].max(axis=1)
        value = (1 - diversity) * to_query - diversity * near
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
    return chosen


@pytest.mark.parametrize("metric", oracle.METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_diverse_answers_are_chosen_one_by_one(kind: str, metric: str) -> None:
    seed = 7
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((400, 6), dtype=np.float32)
    index = rv.Index.build(vectors, metric=metric, kind=kind)
    sign = 1 if metric in oracle.LARGER else -1
    for k in (1, 5, 40):
        for diversity in (0.25, 0.7, 1):
            query = random.standard_normal(6, dtype=np.float32)
            rows, scores = oracle.nearest(vectors, query, max(4 * k, 64), metric)
            sims = sign * np.stack([oracle.scores(vectors[rows], vectors[r], metric) for r in rows])
            to_query = sign * oracle.scores(vectors[rows], query, metric)
            places = most_marginal(sims, to_query, k, diversity)
            found = index.search(query, k, recall=1.0, diversity=diversity)
            assert found.ids.tolist() == rows[places].tolist()
            np.testing.assert_allclose(found.scores, scores[places], rtol=1e-6, atol=1e-6)


def test_no_diversity_is_a_plain_search() -> None:
    vectors = np.random.default_rng(8).standard_normal((90, 5), dtype=np.float32)
    index = rv.Index.build(vectors)
    plain, none = index.search(vectors[:9], 4), index.search(vectors[:9], 4, diversity=0)
    assert np.array_equal(plain.ids, none.ids)
    assert np.array_equal(plain.scores, none.scores)


def test_a_graph_follows_changes_and_leaves_deleted_rows_out() -> None:
    index = rv.Index.build(np.float32([[0], [1], [3], [9]]), metric="l2")
    index.delete([1])
    index.add(None, np.float32([[4]]))
    graph = index.neighbors(k=2)
    assert graph.query_ids.tolist() == [0, 2, 3, 4]
    assert graph.ids.tolist() == [[2, 4], [4, 0], [4, 2], [2, 0]]
    assert graph.scores.tolist() == [[3, 4], [1, 3], [5, 6], [1, 4]]
    assert index.search(id=4, k=2).ids.tolist() == [2, 0]
    with pytest.raises(rv.UnknownId, match="first 1"):
        index.search(id=1)


def test_frames_of_a_graph_name_the_row_that_was_asked_with() -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    index = rv.Index.build(np.float32([[0], [1], [3]]), ids=["a", "b", "c"], metric="l2")
    graph = index.neighbors(k=1)
    want = {"query_id": ["a", "b", "c"], "rank": [1, 1, 1], "id": ["b", "a", "b"]}
    for frame in (
        graph.to_pandas().to_dict("list"),
        graph.to_polars().to_dict(as_series=False),
        graph.to_arrow().to_pydict(),
        pickle.loads(pickle.dumps(graph)).to_pandas().to_dict("list"),
    ):
        assert frame.pop("l2_distance") == [1, 1, 2]
        assert frame == want


def test_null_rows_have_no_neighbours() -> None:
    pa = pytest.importorskip("pyarrow")
    rows = pa.array([[0.0], None, [3.0]], pa.list_(pa.float32(), 1))
    graph = rv.Index.build(rows, metric="l2", nulls="skip").neighbors(k=2)
    assert graph.counts.tolist() == [1, 0, 1]
    assert graph.ids.tolist() == [[2, -1], [-1, -1], [0, -1]]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_an_index_of_few_rows_has_a_small_graph(n: int) -> None:
    graph = rv.Index.build(np.ones((n, 3), np.float32)).neighbors(k=4)
    assert graph.ids.shape == (n, 4)
    assert graph.counts.tolist() == [max(n - 1, 0)] * n


def test_errors_say_what_is_wrong_and_what_to_do() -> None:
    vectors = np.random.default_rng(9).standard_normal((40, 3), dtype=np.float32)
    index = rv.Index.build(vectors, kind="flat")
    codes = rv.Index.build(vectors, kind="flat", keep="none")
    for match, ask in {
        "k=-1": lambda: index.neighbors(-1),
        "k=1.5": lambda: index.neighbors(1.5),
        "recall": lambda: index.neighbors(3, recall=2),
        "load it with vectors=column": lambda: codes.neighbors(3),
        "neither was given": lambda: index.search(k=3),
        "both were given": lambda: index.search(vectors[0], id=3),
        "diversity=1.5": lambda: index.search(vectors[0], diversity=1.5),
        "diversity=nan": lambda: index.search(vectors[0], diversity=float("nan")),
        "diversity='much'": lambda: index.search(vectors[0], diversity="much"),
        "attach the column": lambda: codes.search(vectors[0], diversity=0.5),
        "a row is asked with by its vector": lambda: codes.search(id=3),
        "string ids": lambda: index.search(id="three"),
    }.items():
        with pytest.raises(rv.InvalidArgument, match=match):
            ask()
    with pytest.raises(rv.UnknownId, match="1 of 2 ids are not in the index, first 40"):
        index.search(id=[3, 40])
    with pytest.raises(rv.LimitExceeded):
        index.neighbors(2**30)
    index.close()
    with pytest.raises(rv.IndexClosed):
        index.neighbors(3)


def test_progress_counts_rows_and_an_interrupt_leaves_the_index_usable() -> None:
    vectors = np.random.default_rng(10).standard_normal((20_000, 32), dtype=np.float32)
    index = rv.Index.build(vectors, kind="flat")
    seen: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.neighbors(5, recall=1.0, threads=1, progress=tell)
    assert all(0 <= done <= total in (0, 20_000) for done, total in seen)
    assert index.search(vectors[0], 1).ids.tolist() == [0]


def test_a_graph_is_that_of_one_moment_beside_a_writer() -> None:
    random = np.random.default_rng(11)
    index = rv.Index.build(random.standard_normal((500, 8), dtype=np.float32), kind="flat")
    stop = threading.Event()

    def write() -> None:
        for i in range(300):
            index.add(None, random.standard_normal((3, 8), dtype=np.float32))
            index.delete([i])
            if stop.wait(0.001):
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            graph = index.neighbors(k=4)
            present = set(graph.query_ids.tolist())
            assert len(present) == len(graph.query_ids) == len(graph.ids)
            assert set(graph.ids.ravel().tolist()) <= present
            assert (graph.ids != graph.query_ids[:, None]).all()
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_is_asked_for_diverse_rows_like_an_index(library: str) -> None:
    frames = pytest.importorskip(library)
    vectors = np.random.default_rng(11).normal(size=(300, 8)).astype(np.float32)
    vectors[1:20] = vectors[0] + 0.01 * vectors[1:20]  # near duplicates
    frame = frames.DataFrame({"row": range(300), "v": list(vectors)})
    index = rv.Index.build(vectors)
    want = index.search(vectors[0], 6, diversity=0.7)
    found = frame.ruvector.search(vectors[0], k=6, on="v", diversity=0.7)
    assert list(found["row"]) == want.ids.tolist()
    assert max(want.ids[1:].tolist()) >= 20, "not only duplicates"
    with pytest.raises(rv.InvalidArgument, match="by="):
        frame.ruvector.search(vectors[0], on="v", diversity=0.7, by="row")
    with pytest.raises(rv.InvalidArgument, match="between 0"):
        frame.ruvector.search(vectors[0], on="v", diversity=-1)
