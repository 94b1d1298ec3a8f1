"""The short path of one query gives what a batch gives, in fresh arrays, on any thread."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._errors import DimensionMismatch, IndexClosed, InvalidArgument, InvalidVector
from ruvector._native import search as _nearest
from ruvector._native import texts as _embed
from ruvector._native.facts import facts_of
from ruvector._native.one import by_ctypes as _by_ctypes
from ruvector._native.task import Task

RNG = np.random.default_rng(11)
VALUES = RNG.normal(size=(3000, 24)).astype(np.float32)


@pytest.fixture(scope="module", params=["exact", "flat", "ivf"])
def index(request):
    column = _native.column_from_matrix(VALUES)
    handle = _native.build_from(column, None, {"metric": "l2", "kind": request.param})
    column.close()
    yield handle
    handle.close()


def test_one_query_is_answered_as_in_a_batch(index):
    queries = RNG.normal(size=(20, 24)).astype(np.float32)
    ids, scores, counts, _ = _native.search_rows(index, queries, 7)
    assert (ids.shape, scores.shape, counts.tolist()) == ((20, 7), (20, 7), [7] * 20)
    assert (ids.dtype, scores.dtype, counts.dtype) == (np.int64, np.float32, np.int64)
    for i, query in enumerate(queries):
        one = _native.search_rows(index, query, 7)
        assert one[0].tolist() == ids[i].tolist()
        assert one[1].tolist() == scores[i].tolist()
        assert one[2].tolist() == [7]


def test_answers_are_fresh_arrays(index):
    first = _native.search_rows(index, VALUES[1], 5)
    kept = [a.copy() for a in first[:3]]
    plan = first[3].ns_total
    for i in range(50):
        _native.search_rows(index, VALUES[i], 5)
    assert all(np.array_equal(a, b) for a, b in zip(first[:3], kept, strict=True))
    assert first[3].ns_total == plan
    first[0][:] = -5
    assert _native.search_rows(index, VALUES[1], 5)[0].tolist() == kept[0].tolist()


def test_dimensions_k_and_types_may_change_from_call_to_call(index):
    other = _native.build_from(
        _native.column_from_matrix(VALUES[:, :9].copy()), None, {"metric": "l2"}
    )
    for k in (1, 5, 2, 40, 3):
        assert _native.search_rows(index, VALUES[8], k)[0].tolist()[0] == 8
        assert len(_native.search_rows(index, VALUES[8], k)[0]) == k
        assert _native.search_rows(other, VALUES[8, :9], k)[0].tolist()[0] == 8
    assert _native.search_rows(index, VALUES[8].astype(np.float64), 1)[0].tolist() == [8]
    assert _native.search_rows(index, np.repeat(VALUES[8], 2)[::2], 1)[0].tolist() == [8]


def test_indexes_alike_in_all_but_their_rows_are_not_mixed_up(index):
    shifted = np.roll(VALUES, 1, axis=0)
    column = _native.column_from_matrix(shifted)
    kind = {1: "exact", 2: "flat", 3: "ivf"}[_native.search_rows(index, VALUES[0], 1)[3].kind]
    other = _native.build_from(column, None, {"metric": "l2", "kind": kind})
    column.close()
    for row in range(20):
        assert _native.search_rows(index, VALUES[row], 3)[0][0] == row
        assert _native.search_rows(other, VALUES[row], 3)[0][0] == row + 1
    other.close()
    with pytest.raises(IndexClosed):
        _native.search_rows(other, VALUES[0], 3)
    assert _native.search_rows(index, VALUES[9], 3)[0][0] == 9


def test_a_cell_is_charged_for_what_it_holds_and_calibration_for_what_it_found():
    column = _native.column_from_matrix(VALUES)
    handle = _native.build_from(column, None, {"metric": "l2", "kind": "ivf", "cells": 30})
    codes = 3000 * _native.info(handle)["row_bytes"]
    facts = facts_of(handle)
    costs = [_nearest.cost_of(facts, 10, 0, 0.0, probes) for probes in (1, 5, 20, 30, 10**9)]
    assert costs == sorted(costs)
    assert costs[0] < codes / 10 + 30 * 24
    assert costs[-1] == codes + 30 * 24, "never more than all there is"
    assert _nearest.cost_of(facts, 10, 0, 0.8) <= _nearest.cost_of(facts, 10, 0, 0.99) <= costs[-1]
    assert _nearest.cost_of(facts, 10, -1, 1.0) >= VALUES.nbytes
    assert _nearest.cost_of(facts, 10, 50, 0.95) > _nearest.cost_of(facts, 10, 0, 0.95)
    many = _native.build_from(column, None, {"metric": "l2", "kind": "ivf", "cells": 300})
    wide = facts_of(many)
    assert _nearest.cost_of(wide, 10, 0, 0.8) < _nearest.cost_of(wide, 10, 0, 0.99)
    many.close()
    _native.calibrate(handle, RNG.normal(size=(100, 24)).astype(np.float32))
    _native.search_rows(handle, VALUES[0], 1)
    assert facts_of(handle) is not facts
    handle.close()
    column.close()


def test_few_rows_give_few_answers(index):
    ids, scores, counts, _ = _native.search_rows(index, VALUES[0], 5000)
    assert len(ids) == len(scores) == counts[0] == 3000
    mask = np.zeros(3000, np.bool_)
    mask[[7, 9]] = True
    ids, scores, counts, plan = _native.search_rows(index, VALUES[0], 5, mask=mask)
    assert sorted(ids.tolist()) == [7, 9]
    assert counts.tolist() == [2]
    assert plan.eligible == 2
    ids, scores, counts, _ = _native.search_rows(index, VALUES[:2], 5, ids=np.array([7, 9]))
    assert counts.tolist() == [2, 2]
    assert ids[:, 2:].tolist() == [[-1] * 3] * 2
    assert np.isnan(scores[:, 2:]).all()
    for nothing in ({"mask": np.zeros(3000, np.bool_)}, {"ids": np.empty(0, np.int64)}):
        assert _native.search_rows(index, VALUES[0], 5, **nothing)[2].tolist() == [0]
    assert _native.search_rows(index, VALUES[0], 0)[0].tolist() == []
    assert _native.search_rows(index, VALUES[:0], 3)[0].shape == (0, 3)


def test_wrong_searches_are_named_errors(index):
    for error, queries, k, more in [
        (DimensionMismatch, VALUES[0, :5], 3, {}),
        (DimensionMismatch, VALUES[:2, :5], 3, {}),
        (InvalidArgument, VALUES[0], -1, {}),
        (InvalidArgument, VALUES[:2], -1, {}),
        (InvalidArgument, VALUES[None, :2], 1, {}),
        (InvalidArgument, np.float32(3), 1, {}),
        (InvalidArgument, VALUES[0], 1, {"mask": np.ones(5, np.bool_)}),
        (InvalidArgument, VALUES[0], 1, {"mask": np.ones(3000)}),
        (LookupError, VALUES[0], 1, {"ids": np.array([3000])}),
        (InvalidVector, np.full(24, np.nan, np.float32), 1, {}),
    ]:
        with pytest.raises(error):
            _native.search_rows(index, queries, k, **more)
    assert _native.search_rows(index, VALUES[4], 1)[0].tolist() == [4], "and nothing is left behind"


def test_a_long_search_is_a_task_with_the_same_answers(index, monkeypatch):
    queries = RNG.normal(size=(10, 24)).astype(np.float32)
    want = _native.search_rows(index, queries, 4)
    one = _native.search_rows(index, queries[0], 4)
    monkeypatch.setattr(_nearest, "SHORT_BYTES", 0)
    monkeypatch.setattr(_by_ctypes, "SHORT_BYTES", 0)
    assert _by_ctypes.search_one(facts_of(index), queries[0], 4, -1, 0.0, 0.0, 0) is None
    got = _native.search_rows(index, queries, 4)
    assert [a.tolist() for a in got[:3]] == [a.tolist() for a in want[:3]]
    alone = _native.search_rows(index, queries[0], 4)
    assert [a.tolist() for a in alone[:3]] == [a.tolist() for a in one[:3]]
    with pytest.raises(InvalidVector):
        _native.search_rows(index, np.full((1, 24), np.inf, np.float32), 4)


@pytest.fixture(scope="module")
def wide():
    column = _native.column_from_matrix(RNG.normal(size=(10_000, 1024)).astype(np.float32))
    handle = _native.build_from(column, None, {"metric": "l2", "kind": "flat"})
    column.close()
    yield handle
    handle.close()


@pytest.mark.parametrize(
    ("more", "tasks"),
    [({}, 0), ({"recall": 0.99}, 0), ({"rerank": 100}, 0), ({"rerank": 0}, 0),
     ({"recall": 1.0}, 1), ({"rerank": 9_000}, 1), ({"k": 9_000}, 1)],
)  # fmt: skip
def test_a_search_that_measures_most_vectors_is_a_task(wide, more, tasks, monkeypatch):
    started = []

    class Counted(Task):
        def __init__(self, **lent):
            started.append(1)
            super().__init__(**lent)

    monkeypatch.setattr(_nearest, "Task", Counted)
    query = RNG.normal(size=1024).astype(np.float32)
    more = {"k": 5, **more}
    assert len(_native.search_rows(wide, query, **more)[0]) == more["k"]
    assert len(started) == tasks, "10,000 x 1024 floats are 41 MB, their planes 1.4 MB"


@pytest.mark.parametrize(("share", "tasks"), [(0.01, 0), (0.9, 1)])
def test_a_filter_that_leaves_few_rows_makes_a_search_short(share, tasks, monkeypatch):
    rows = RNG.normal(size=(10_000, 768)).astype(np.float32)
    index = rv.Index.build(rows, kind="exact", metric="l2")
    started = []

    class Counted(Task):
        def __init__(self, **lent):
            started.append(1)
            super().__init__(**lent)

    monkeypatch.setattr(_nearest, "Task", Counted)
    mask = RNG.random(len(rows)) < share
    allowed = np.flatnonzero(mask)
    far = ((rows - rows[7]) ** 2).sum(1)
    want = allowed[np.argsort(far[allowed], kind="stable")[:5]].tolist()
    for limits in ({"where": mask}, {"ids": allowed}, {"where": mask}):
        started.clear()
        assert index.search(rows[7], 5, **limits).ids.tolist() == want
        assert len(started) == tasks, "10,000 x 768 floats are 31 MB"
    assert index.search(rows[7], 1).ids.tolist() == [7], "the mask before is forgotten"


def test_an_index_built_for_every_neighbour_is_charged_for_every_vector():
    column = _native.column_from_matrix(VALUES)
    handle = _native.build_from(column, None, {"metric": "l2", "kind": "flat", "recall": 1.0})
    facts = facts_of(handle)
    assert _nearest.cost_of(facts, 1, -1, 0.0) >= VALUES.nbytes
    assert _nearest.cost_of(facts, 1, -1, 0.95) < VALUES.nbytes / 4
    handle.close()
    column.close()


def test_sixteen_threads_get_the_answers_of_one(index):
    queries = RNG.normal(size=(64, 24)).astype(np.float32)
    want = [_native.search_rows(index, q, 6)[0].tolist() for q in queries]
    wrong = []

    def search(start):
        for i in range(len(queries)):
            j = (start + i) % len(queries)
            if _native.search_rows(index, queries[j], 6)[0].tolist() != want[j]:
                wrong.append(j)

    threads = [threading.Thread(target=search, args=(4 * t,)) for t in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_signal_handler_may_search_while_its_thread_searches(index):
    inner = []
    answers = []
    old = signal.signal(
        signal.SIGALRM,
        lambda *_: inner.append(_native.search_rows(index, VALUES[1], 1)[0].tolist()),
    )
    armed = 0
    try:
        while len(inner) < 50:
            if armed == len(inner):  # the last one has rung: handlers do not pile up
                armed += 1
                signal.setitimer(signal.ITIMER_REAL, 0.0003)
            answers.append(_native.search_rows(index, VALUES[2], 1)[0].tolist())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert all(a == [1] for a in inner)
    assert all(a == [2] for a in answers)


def test_another_column_can_be_measured_against():
    column = _native.column_from_matrix(VALUES)
    bare = _native.build_from(column, None, {"metric": "l2", "kind": "flat", "keep": "none"})
    estimated = _native.search_rows(bare, VALUES[3], 3)
    exact = _native.search_rows(bare, VALUES[3], 3, source=column)
    assert (estimated[3].exact_scores, exact[3].exact_scores) == (0, 1)
    assert exact[0][0] == 3
    assert exact[1][0] == 0
    column.close()
    with pytest.raises(InvalidArgument, match="closed"):
        _native.search_rows(bare, VALUES[3], 3, source=column)
    bare.close()


def test_tables_of_tokens_are_pooled():
    table = RNG.normal(size=(500, 32)).astype(np.float16)
    lengths = RNG.integers(0, 9, 400)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = RNG.integers(0, 500, offsets[-1]).astype(np.uint32)
    matrix, valid = _native.pool_tokens(table, tokens, offsets, normalize=False)
    assert valid.tolist() == (lengths > 0).tolist()
    for i in range(400):
        rows = table[tokens[offsets[i] : offsets[i + 1]]].astype(np.float64)
        want = rows.mean(axis=0) if len(rows) else np.zeros(32)
        assert np.allclose(matrix[i], want, atol=1e-6)
    unit, _ = _native.pool_tokens(table, tokens, offsets)
    assert np.allclose(np.linalg.norm(unit[valid], axis=1), 1, atol=1e-6)


def test_rows_of_tokens_are_taken_times_their_weights():
    table = RNG.integers(-128, 128, (50, 8)).astype(np.int8)
    offsets = np.array([0, 3, 3, 7])
    tokens = RNG.integers(0, 50, 7).astype(np.uint32)
    weights = RNG.normal(size=7)
    matrix, valid = _native.pool_tokens(table, tokens, offsets, normalize=False, weights=weights)
    rows = table[tokens] * weights[:, None]
    assert valid.tolist() == [True, False, True]
    assert np.allclose(matrix[0], rows[:3].mean(axis=0), rtol=1e-6)
    assert np.allclose(matrix[2], rows[3:].mean(axis=0), rtol=1e-6)
    with pytest.raises(InvalidArgument, match="6 weights for 7 tokens"):
        _native.pool_tokens(table, tokens, offsets, weights=weights[:6])


def test_pooling_in_parts_changes_nothing(monkeypatch):
    table = RNG.normal(size=(50, 8)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(RNG.integers(0, 9, 100))])
    tokens = RNG.integers(0, 50, offsets[-1]).astype(np.uint32)
    weights = RNG.normal(size=len(tokens))
    want = _native.pool_tokens(table, tokens, offsets, weights=weights)
    monkeypatch.setattr(_embed, "EMBED_TOKENS", 5)
    got = _native.pool_tokens(table, tokens, offsets, weights=weights)
    assert np.array_equal(got[0], want[0])
    assert np.array_equal(got[1], want[1])
    assert _native.pool_tokens(table, tokens[:0], np.zeros(1, np.int64))[0].shape == (0, 8)


def test_tokens_outside_the_table_are_an_error():
    with pytest.raises(_native_error("EmbedError"), match="token 9"):
        _native.pool_tokens(
            np.ones((3, 2), np.float32), np.array([1, 9], np.uint32), np.array([0, 1, 2])
        )
    with pytest.raises(InvalidArgument):
        _native.pool_tokens(np.ones((3, 2)), np.array([1], np.uint32), np.array([0, 1]))


def _native_error(name):
    from ruvector import _errors

    return getattr(_errors, name)


def test_principal_components_are_numpys_up_to_sign():
    axes = np.array([9, 5, 3, 1, 0.5])
    values = (RNG.normal(size=(300, 5)) * axes) @ np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    values = values.astype(np.float32)
    got = _native.pca(_native.column_from_matrix(values), 2)
    centred = values - values.mean(axis=0)
    want = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    assert np.allclose(np.abs(got), np.abs(want), atol=1e-3)
    with pytest.raises(InvalidArgument):
        _native.pca(_native.column_from_matrix(values), 6)
