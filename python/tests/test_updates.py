"""Rows come and go: add, upsert, delete, compact beside searches."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

KINDS = ["exact", "flat", "ivf"]
METRICS = ["cosine", "dot", "l2", "sqeuclidean"]


def scores_of(rows: Any, query: Any, metric: str) -> Any:
    """Brute force in float64."""
    rows, query = np.asarray(rows, np.float64), np.asarray(query, np.float64)
    dots = rows @ query
    if metric == "dot":
        return dots
    if metric == "cosine":
        norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        return np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    squares = ((rows - query) ** 2).sum(axis=1)
    return squares if metric == "sqeuclidean" else np.sqrt(squares)


def check(index: rv.Index, model: dict[Any, Any], query: Any) -> None:
    """Compare an exact search with brute force over the model."""
    result = index.search(query, 5, recall=1.0)
    assert len(index) == len(model)
    assert len(result.ids) == min(5, len(model))
    if not model:
        return
    names = list(model)
    truth = scores_of(np.stack(list(model.values())), query, index.metric)
    larger = index.metric in ("cosine", "dot")
    best = np.sort(-truth if larger else truth)[:5]
    got = -result.scores if larger else result.scores
    np.testing.assert_allclose(got, best, rtol=2e-5, atol=2e-5)
    own = dict(zip(names, truth.tolist(), strict=True))
    assert len(set(result.ids.tolist())) == len(result.ids)
    for name, score in zip(result.ids.tolist(), result.scores.tolist(), strict=True):
        assert own[name] == pytest.approx(score, rel=2e-5, abs=2e-5)


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, str, bool, list[tuple[str, int]]]:
    """Return a kind, a metric, whether ids are texts, and changes with a seed each."""
    verbs = st.sampled_from(["add", "upsert", "delete", "compact", "save"])
    changes = st.lists(st.tuples(verbs, st.integers(0, 2**20)), min_size=1, max_size=6)
    kinds, metrics = st.sampled_from(KINDS), st.sampled_from(METRICS)
    return draw(kinds), draw(metrics), draw(st.booleans()), draw(changes)


@given(histories())
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_history_leaves_what_a_dict_holds(tmp_path: Any, history: Any) -> None:
    kind, metric, texts, changes = history
    rng = np.random.default_rng(7)
    dim = 6

    def call(n: int) -> Any:
        return f"row {n}" if texts else n

    rows = rng.normal(size=(30, dim)).astype(np.float32)
    names = [call(i) for i in range(30)]
    model = dict(zip(names, rows, strict=True))
    index = rv.Index.build(rows, ids=names, metric=metric, kind=kind)
    fresh = 100
    for verb, seed in changes:
        rng = np.random.default_rng(seed)
        known = [name for name in model if rng.random() < 0.3]
        if verb in ("add", "upsert"):
            new = [call(fresh + i) for i in range(int(rng.integers(0, 12)))]
            fresh += 100
            ids = new + (known if verb == "upsert" else [])
            vectors = rng.normal(size=(len(ids), dim)).astype(np.float32)
            replaced = getattr(index, verb)(ids, vectors)
            assert replaced == (len(known) if verb == "upsert" else 0)
            model.update(zip(ids, vectors, strict=True))
        elif verb == "delete":
            assert index.delete(known) == len(known)
            for name in known:
                del model[name]
        elif verb == "compact":
            index.compact()
        else:
            index.save(tmp_path / "i.rvx", vectors=True)
            index = rv.Index.load(tmp_path / "i.rvx")
        check(index, model, rng.normal(size=dim).astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_positions_go_on_counting_and_are_never_used_twice(kind: str) -> None:
    rows = np.eye(8, dtype=np.float32)
    index = rv.Index.build(rows, kind=kind)
    index.add(None, rows[:2] * 2)
    assert index.search(rows[0], 2, recall=1.0).ids.tolist() == [0, 8]
    index.delete([8, 9])
    index.compact()
    index.add(None, rows[:1])
    assert index.search(rows[0], 2, recall=1.0).ids.tolist() == [0, 10]


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_no_rows_learns_from_the_first_ones(kind: str) -> None:
    index = rv.Index.build(np.empty((0, 16), np.float32), kind=kind)
    rows = np.random.default_rng(3).normal(size=(500, 16)).astype(np.float32)
    index.add(None, rows)
    assert index.search(rows[17], 1).ids.tolist() == [17]
    assert index.recall(k=5, recall=1.0).mean == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_everything_deleted_finds_nothing_and_can_be_filled_again(kind: str) -> None:
    rows = np.random.default_rng(4).normal(size=(300, 8)).astype(np.float32)
    index = rv.Index.build(rows, ids=[f"r{i}" for i in range(300)], kind=kind)
    assert index.delete([f"r{i}" for i in range(300)]) == 300
    assert len(index) == 0
    assert index.search(rows[0], 3).hits() == []
    assert index.search(rows[:2], 3).counts.tolist() == [0, 0]
    index.compact()
    index.add(["new"], rows[:1])
    assert index.search(rows[0], 3).ids.tolist() == ["new"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ids", "vectors", "error", "words"),
    [
        ([1], np.ones((1, 4), np.float32), rv.DuplicateId, "1"),
        ([90, 90], np.ones((2, 4), np.float32), rv.DuplicateId, "row 1"),
        ([90], np.ones((1, 5), np.float32), rv.DimensionMismatch, "5"),
        ([90, 91], [[1, 2, 3, 4], [1, float("nan"), 3, 4]], rv.InvalidVector, "row 1, column 1"),
        ([90], [None], rv.InvalidVector, "row 0"),
        (["x"], np.ones((1, 4), np.float32), rv.InvalidArgument, "string"),
        ([90, 91], np.ones((1, 4), np.float32), rv.InvalidArgument, "2 ids"),
        (np.ones((1, 4)), np.array([9]), rv.InvalidArgument, "swapped"),
    ],
)
def test_bad_rows_are_refused_and_none_of_them_is_added(
    kind: str, ids: Any, vectors: Any, error: type[Exception], words: str
) -> None:
    rows = np.random.default_rng(5).normal(size=(40, 4)).astype(np.float32)
    index = rv.Index.build(rows, ids=np.arange(40), kind=kind)
    before = index.search(rows[3], 40, recall=1.0)
    with pytest.raises(error, match=words):
        index.add(ids, vectors)
    after = index.search(rows[3], 40, recall=1.0)
    assert len(index) == 40
    assert after.ids.tolist() == before.ids.tolist()
    assert after.scores.tolist() == before.scores.tolist()


def test_unknown_ids_are_refused_unless_told_otherwise_and_nothing_goes() -> None:
    index = rv.Index.build(np.eye(4, dtype=np.float32), ids=["a", "b", "c", "d"])
    with pytest.raises(rv.UnknownId, match="zz"):
        index.delete(["a", "zz"])
    assert len(index) == 4
    assert index.delete(["a", "a", "zz"], missing="ignore") == 1
    with pytest.raises(rv.InvalidArgument, match="missing"):
        index.delete("b", missing="maybe")  # type: ignore[arg-type]


def test_what_needs_the_order_of_rows_says_that_it_is_gone() -> None:
    rows = np.eye(4, dtype=np.float32)
    index = rv.Index.build(rows)
    result = index.search(rows[0], 2)
    index.delete(3)
    with pytest.raises(rv.InvalidArgument, match="ids="):
        index.search(rows[0], where=[True] * 4)
    pd = pytest.importorskip("pandas")
    with pytest.raises(rv.InvalidArgument, match="by id"):
        result.rows(pd.DataFrame({"x": range(3)}))
    with pytest.raises(rv.UnknownId):
        index.search(rows[0], ids=[3])
    assert index.search(rows[3], 4, ids=[0, 1]).ids.tolist() == [0, 1]


def test_the_caller_may_change_added_memory_afterwards() -> None:
    index = rv.Index.build(np.eye(4, dtype=np.float32))
    more = np.full((1, 4), 2, np.float32)
    index.add(None, more)
    more[:] = -1
    assert index[4].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_memory_comes_back_after_compact(kind: str) -> None:
    rows = np.random.default_rng(6).normal(size=(20_000, 64)).astype(np.float32)
    index = rv.Index.build(rows, kind=kind, keep="copy")
    full = index.memory_bytes
    index.delete(np.arange(0, 20_000, 2))
    assert "compact" in index.info()["advice"]
    index.compact()
    assert index.memory_bytes < 0.56 * full
    assert not index.info()["advice"]
    assert index.search(rows[1], 1).ids.tolist() == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_another_kind_are_noticed(kind: str) -> None:
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(5_000, 32)).astype(np.float32)
    index = rv.Index.build(rows, kind=kind, metric="l2")
    index.add(None, rng.normal(size=(500, 32)).astype(np.float32))
    assert index.info()["drift"] == pytest.approx(1, abs=0.1)
    assert not index.info()["advice"]
    index.add(None, (rng.normal(size=(500, 32)) + 3).astype(np.float32))
    assert index.info()["drift"] > 1.3
    assert "build the index anew" in index.info()["advice"]


def test_many_readers_see_whole_rows_beside_a_writer() -> None:
    rows = np.random.default_rng(9).normal(size=(400, 16)).astype(np.float32)
    names = [f"r{i}" for i in range(400)]
    index = rv.Index.build(rows, ids=names, kind="flat", metric="l2")
    done, wrong = threading.Event(), []

    def read() -> None:
        i = 0
        while not done.is_set():
            i = (i + 7) % 300
            hits = index.search(rows[i], 1, recall=1.0).hits()
            if [hit.id for hit in hits] != [names[i]] or hits[0].score != 0:
                wrong.append((i, hits))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        index.delete(names[300:])
        index.upsert(names[300:], rows[300:])
        if turn % 10 == 9:
            index.compact()
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
