"""The short path of one query: by the function made in C and by ctypes, which answer the same."""

import ctypes
import gc
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import ruvector as rv
from ruvector._native import facts_of
from ruvector._native.one import asked as _asked
from ruvector._native.structs import Python

RNG = np.random.default_rng(20261130)
ROWS = RNG.standard_normal((3000, 24)).astype("f4")
QUERY = RNG.standard_normal(24).astype("f4")
IN_C = _asked.made_in_c()
needs_c = pytest.mark.skipif(IN_C is None, reason="an interpreter without the lock")


@pytest.fixture(params=["c", "ctypes"])
def way(request, monkeypatch):
    """Have new indexes be asked in this way."""
    made = IN_C if request.param == "c" else None
    if request.param == "c" and made is None:
        pytest.skip("an interpreter without the lock")
    monkeypatch.setattr(_asked._ways, "_way", made)
    monkeypatch.setattr(_asked._ways, "_known", True)
    return request.param


def built(rows=ROWS, **options):
    return rv.Index.build(rows, **{"kind": "flat", "metric": "l2", **options})


def nearest(rows, query, k):
    far = ((rows.astype("f8") - np.asarray(query, "f8")) ** 2).sum(1)
    return np.argsort(far, kind="stable")[:k].tolist()


def test_interpreters_with_the_lock_search_in_c():
    locked = sys.implementation.name == "cpython" and "t" not in sys.abiflags
    assert (IN_C is not None) == locked


FORMS = {
    "float32": lambda q: q,
    "float64": lambda q: q.astype("f8"),
    "list": lambda q: q.tolist(),
    "tuple": lambda q: tuple(q.tolist()),
    "strided": lambda q: np.repeat(q, 3)[::3],
    "backwards": lambda q: q[::-1].copy()[::-1],
    "a column of float64": lambda q: np.stack([q, q], 1).astype("f8")[:, 1],
    "not aligned": lambda q: np.frombuffer(b"x" + q.tobytes(), "f4", offset=1),
    "read only": lambda q: np.frombuffer(q.tobytes(), "f4"),
    "a type of its own": lambda q: q.view(pickle.loads(pickle.dumps(q.dtype))),
    "big-endian": lambda q: q.astype(">f4"),
    "long double": lambda q: q.astype("g"),
    "numbers of NumPy in a list": list,
    "a subclass": lambda q: q.view(_Ours),
    "objects": lambda q: q.astype("f8").astype(object),
}


class _Ours(np.ndarray):
    pass


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_every_form_of_a_query_finds_what_its_batch_finds(form, kind, way):
    index = built(kind=kind, **({"cells": 9} if kind == "ivf" else {}))
    for k in (0, 1, 10, 3000, 10**6):
        for again in range(2):  # k alone is remembered
            one = index.search(FORMS[form](QUERY), k)
            batch = index.search(QUERY[None], k)
            n = batch.counts[0]
            assert n == min(k, 3000)
            assert np.array_equal(one.ids, batch.ids[0, :n]), (k, again)
            assert np.array_equal(one.scores, batch.scores[0, :n])
            assert one.counts.tolist() == [n]


def test_what_a_search_is_told_reaches_the_library(way):
    index = built(kind="ivf", cells=30)
    mask = np.zeros(3000, bool)
    mask[5::7] = True
    for more in 2 * (  # what was asked for before is remembered
        {"recall": 0.8}, {"recall": 1.0}, {"recall": 1}, {"recall": np.float32(0.8)},
        {"rerank": 0}, {"rerank": 40}, {"probes": 2},
        {"where": mask}, {"where": mask[::-1]}, {"where": mask, "recall": 1.0, "probes": 30},
    ):  # fmt: skip
        one, batch = index.search(QUERY, 6, **more), index.search(QUERY[None], 6, **more)
        assert one.ids.tolist() == batch.ids[0].tolist(), more
        assert one.scores.tolist() == batch.scores[0].tolist()
        for name in ("probes", "rows_scanned", "rows_reranked", "scores", "recall_target"):
            assert getattr(one.plan, name) == getattr(batch.plan, name), (more, name)
    assert index.search(QUERY, 3, where=mask, recall=1.0).ids.tolist() == [
        np.flatnonzero(mask)[i] for i in nearest(ROWS[mask], QUERY, 3)
    ]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_ids_are_of_the_type_that_was_given(dtype, way):
    ids = np.arange(3000).astype(dtype) + dtype(2**62)
    ids = ids + dtype(2**63) if dtype is np.uint64 else -ids
    for k in (4, 5000):
        found = built(ids=ids).search(QUERY, k)
        assert found.ids.dtype == dtype and found.ids[0] == ids[nearest(ROWS, QUERY, 1)[0]]


def test_answers_are_memory_of_their_own(way):
    index = built()
    first = index.search(QUERY, 5)
    ids, scores = first.ids.copy(), first.scores.copy()
    second = index.search(-QUERY, 5)
    index.close()
    assert np.array_equal(first.ids, ids) and np.array_equal(first.scores, scores)
    for array in (first.ids, first.scores, second.ids, second.scores):
        assert array.flags.owndata and array.flags.writeable and array.flags.c_contiguous
        array[:] = 0
    assert type(first.ids) is np.ndarray


def test_errors_are_those_of_a_batch(way):
    index = built()
    for again in range(2):
        for query, error, says in [
            (np.full(24, np.nan, "f4"), rv.InvalidVector, "query"),
            ([float("inf")] * 24, rv.InvalidVector, "query"),
            (QUERY[:7], rv.DimensionMismatch, "7 dimensions"),
            ([0.5] * 25, rv.DimensionMismatch, "25 dimensions"),
            ([0.5] * 23 + ["x"], rv.InvalidVector, "query"),
        ]:
            with pytest.raises(error, match=says) as one:
                index.search(query)
            if not isinstance(query, list):
                with pytest.raises(error) as batch:
                    index.search(query[None])
                assert str(one.value) == str(batch.value)
        with pytest.raises(rv.InvalidArgument, match="2 values"):
            index.search(QUERY, 3, where=np.ones(2, bool))
        for k in (-1, 1.5, 10.0, "3", None):
            with pytest.raises(rv.InvalidArgument, match="k="):
                index.search(QUERY, k)
        for recall in (0.0, 1.5, float("nan"), "x"):
            with pytest.raises(rv.InvalidArgument, match="recall="):
                index.search(QUERY, recall=recall)
        with pytest.raises(TypeError, match="recal"):
            index.search(QUERY, recal=0.9)
        assert len(index.search(QUERY).ids) == 10, again
    index.close()
    for _ in range(2):
        with pytest.raises(rv.IndexClosed):
            index.search(QUERY)


def test_a_changed_index_is_asked_anew(way):
    index = built(ROWS[:100])
    assert len(index.search(QUERY, 500).ids) == 100
    index.add([10_000], QUERY[None])
    assert index.search(QUERY, 500).ids[0] == 10_000 and len(index.search(QUERY, 500).ids) == 101
    index.delete([10_000])
    assert 10_000 not in index.search(QUERY, 500).ids


def test_a_query_of_many_dimensions(way):
    rows = RNG.standard_normal((20, 5000)).astype("f4")
    index = built(rows, kind="exact")
    for query in (rows[7], rows[7].astype("f8"), rows[7].tolist()):
        assert index.search(query, 3).ids[0] == 7


def test_ways_of_asking_do_not_pile_up(way):
    index = built(ROWS[:50])
    for k in range(300):
        assert len(index.search(QUERY, k).ids) == min(k, 50)
    assert len(index._handle.version.asked) <= 2 * _asked._MOST_ASKED


def test_the_last_plan_is_that_of_the_answer_in_any_order(way):
    index = built()
    first, second = index.search(QUERY, 1), index.search(QUERY, 2)
    assert rv.last_plan() is second.plan and first.plan is first.plan
    third = index.search(QUERY, 3)
    assert third.plan is rv.last_plan() is not second.plan
    assert first.plan.queries == 1 and first.plan.index == "given"
    assert pickle.loads(pickle.dumps(first)).plan.rows == 3000


def test_threads_ask_one_index_at_once(way):
    index = built()
    queries = RNG.standard_normal((40, 24)).astype("f4")
    want = [index.search(q, 7).ids.tolist() for q in queries]
    wrong = []

    def ask(seed):
        for i in np.random.default_rng(seed).permutation(np.repeat(np.arange(40), 20)):
            form = (queries[i], queries[i].tolist())[seed % 2]
            if index.search(form, 7).ids.tolist() != want[i]:
                wrong.append(i)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_is_left_behind(way):
    index = built()
    mask, wide, numbers = np.ones(3000, bool), QUERY.astype("f8"), QUERY.tolist()
    bad = np.full(24, np.nan, "f4")
    held = (QUERY, mask, wide, numbers, bad, index)

    def ask():
        gc.collect()
        for _ in range(200):
            for query in (QUERY, wide, numbers):
                index.search(query, 5)
                index.search(query, 5, where=mask)
            index.search(QUERY, 10**6)
            with pytest.raises(rv.InvalidVector):
                index.search(bad, 5)
        gc.collect()

    ask()
    counts, blocks = [sys.getrefcount(o) for o in held], sys.getallocatedblocks()
    ask()
    assert [sys.getrefcount(o) for o in held] == counts
    assert sys.getallocatedblocks() - blocks < 300, "a leak of 1 a search would be 1600"


@needs_c
def test_what_c_does_not_read_is_left_to_python():
    index = built()
    asked = _asked.asked_of({}, facts_of(index._handle), 3, -1, 0.0, 0)
    mask = np.ones(3000, bool)
    for query in (
        None, 5, "text", b"bytes", {}, [], (), QUERY[:5], QUERY[None], QUERY.astype("f2"),
        QUERY.astype(">f4"), QUERY.astype("i4"), list(QUERY), [1] * 24, [0.5] * 23, QUERY[0],
        QUERY.view(_Ours), np.array(0.5), [0.5] * 23 + [None], np.zeros(24, "c8"),
    ):  # fmt: skip
        assert asked.way(asked.rest, query, None) is None
    for unlike in (mask[None], mask.view("u1"), mask.tolist(), mask.repeat(2)[::2], 3):
        assert asked.way(asked.rest, QUERY, unlike) is None
    assert asked.way(asked.rest[:-1], QUERY, None) is None
    assert asked.way(asked.rest, QUERY) is None
    with pytest.raises(TypeError):
        asked.way(5, QUERY, None)
    assert asked.way(asked.rest, QUERY, mask)[0].tolist() == nearest(ROWS, QUERY, 3)


@needs_c
def test_memory_that_there_is_not_is_an_error():
    index = built()
    asked = _asked.asked_of({}, facts_of(index._handle), 3, -1, 0.0, 0)
    for k in (2**58, 2**62):
        rest = bytearray(asked.rest)
        rest[16:24] = k.to_bytes(8, "little")
        with pytest.raises((MemoryError, ValueError)):
            asked.way(bytes(rest), QUERY, None)
    assert len(index.search(QUERY, 3).ids) == 3


@needs_c
def test_objects_that_are_laid_out_otherwise_are_refused(monkeypatch):
    real = Python

    def unlike(probe):
        def table(**given):
            return real(**{**given, "probe": id(probe)})

        table._fields_ = real._fields_
        return table

    for probe in (
        np.arange(3, dtype="f4"), np.zeros((1, 3), "f4"), np.arange(6, dtype="f8")[::2],
        np.zeros(6, ">f4")[::2], [1.0, 2.0, 3.0], np.zeros(6, "f4")[::2],
    ):  # fmt: skip
        monkeypatch.setattr(_asked, "Python", unlike(probe))
        monkeypatch.setattr(_asked, "sizeof", lambda _: ctypes.sizeof(real))
        assert _asked.made_in_c() is None
    monkeypatch.setattr(_asked, "_numpy_api", lambda: None)
    assert _asked.made_in_c() is None


def test_another_numpy_is_refused(monkeypatch):
    versions = ctypes.CFUNCTYPE(ctypes.c_uint32)
    for version, made in ((0x03000000, False), (0x02000000, True), (0x01000009, True)):
        says = versions(lambda version=version: version)
        real = (ctypes.c_void_p * 200).from_address(_asked._numpy_api())
        table = (ctypes.c_void_p * 200)(*real)
        table[0] = ctypes.cast(says, ctypes.c_void_p).value
        with monkeypatch.context() as patch:
            patch.setattr(_asked, "_numpy_api", lambda table=table: ctypes.addressof(table))
            assert (_asked.made_in_c() is not None) == (made and IN_C is not None)


def test_a_variable_says_that_ctypes_is_to_be_used():
    code = (
        "import numpy as np, ruvector as rv\n"
        "from ruvector._native.one import asked\n"
        "rows = np.eye(8, dtype='f4')\n"
        "assert rv.Index.build(rows, metric='l2').search(rows[3], 1).ids == [3]\n"
        "print(asked._ways.in_c() is None)\n"
    )
    for value, said in (("ctypes", "True"), ("", str(IN_C is None))):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "RUVECTOR_SEARCH_BY": value},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == said, done.stderr
