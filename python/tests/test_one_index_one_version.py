"""What one thread does to an index never shows in another index, nor half in the same one."""

import threading
import time

import numpy as np
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._native import facts as _facts
from ruvector._native import update as _update
from ruvector._native.one import asked as _asked

SEED = 20261129
RNG = np.random.default_rng(SEED)
D = 16
FAR = 1_000_000  # ids of index i are i * FAR and on: an answer tells whose it is


def rows_of(n, seed=0):
    return np.random.default_rng(SEED + seed).standard_normal((n, D)).astype("f4")


def named(number, n, kind, metric="l2"):
    ids = np.arange(n) + number * FAR
    cells = 4 if kind == "ivf" else None
    return rv.Index.build(rows_of(n, number), ids=ids, kind=kind, metric=metric, cells=cells)


def in_threads(seconds, *works):
    """Repeat works, each in a thread of its own, and raise what any of them raised."""
    failures, until = [], time.monotonic() + seconds

    def loop(work):
        try:
            while time.monotonic() < until and not failures:
                work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=loop, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_change_of_one_index_between_two_looks_at_it_does_not_answer_for_another(monkeypatch):
    a, b = named(1, 50, "exact"), named(2, 50, "exact")
    cost = _asked.cost_of

    def changed_meanwhile(*args):
        found = cost(*args)
        a.upsert([FAR + 5000], rows_of(1))
        return found

    q = rows_of(1, 9)[0]
    monkeypatch.setattr(_asked, "cost_of", changed_meanwhile)
    a.search(q, 3)
    monkeypatch.setattr(_asked, "cost_of", cost)
    b.upsert([2 * FAR + 5000], rows_of(1))
    assert (b.search(q, 3).ids // FAR == 2).all()
    assert (a.search(q, 3).ids // FAR == 1).all()


def test_what_a_reader_learned_of_an_old_version_does_not_outlive_it(monkeypatch):
    ix = named(1, 50, "flat")
    ask = _facts.info

    def then_changed(handle):
        about = ask(handle)
        monkeypatch.setattr(_facts, "info", ask)
        ix.add([FAR + 5000, FAR + 5001], rows_of(2))
        return about

    ix.upsert([FAR], rows_of(1))  # so that the next look asks
    monkeypatch.setattr(_facts, "info", then_changed)
    assert len(ix) == 50
    assert len(ix) == 52
    assert len(ix.search(rows_of(1)[0], 99).ids) == 52


def test_searches_of_one_index_while_another_changes_find_its_own_rows():
    a, b = named(1, 300, "exact"), named(2, 300, "exact")
    v, q = rows_of(1, 7), rows_of(1, 8)[0]

    def search():
        a.search(q, 3)
        b.upsert([2 * FAR + 5000], v)
        assert (b.search(q, 3).ids // FAR == 2).all()

    in_threads(1.5, lambda: a.upsert([FAR + 5000], v), search)


def test_many_threads_on_many_indexes_get_rows_of_the_index_they_ask():
    kinds = [(k, m) for k in ("exact", "flat", "ivf") for m in ("l2", "cosine", "dot")]
    every = [named(i + 1, 200 + i, kind, metric) for i, (kind, metric) in enumerate(kinds)]
    queries = rows_of(8, 99)

    def work(seed):
        rng = np.random.default_rng([SEED, seed])

        def once():
            number = int(rng.integers(len(every)))
            ix, mine = every[number], number + 1
            k, q = int(rng.integers(1, 8)), queries[rng.integers(8)]
            if rng.random() < 0.4:
                ix.upsert([mine * FAR + 900 + seed], rows_of(1, int(rng.integers(9))))
            elif rng.random() < 0.1:
                ix.delete([mine * FAR + 900 + seed], missing="ignore")
            found = ix.search(q if rng.random() < 0.7 else queries[:3], k)
            assert (found.ids // FAR == mine).all(), f"seed {SEED}, index {mine}: {found.ids}"
            assert found.ids.shape[-1] == k

        return once

    in_threads(1.5, *(work(seed) for seed in range(4)))


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_rows_of_several_writers_are_all_counted_and_all_found(kind):
    ix = named(1, 100, kind)

    def write(number):
        for i in range(25):
            ix.add(np.arange(2) + FAR + 1000 * number + 2 * i, rows_of(2, i))
            if i % 5 == 0:
                ix.delete([FAR + 1000 * number])
                ix.add([FAR + 1000 * number], rows_of(1))

    threads = [threading.Thread(target=write, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ix) == ix.info()["rows"] == 100 + 3 * 50
    found = ix.search(rows_of(1, 3)[0], 10_000, recall=1.0)
    assert len(set(found.ids.tolist())) == 250
    assert len(ix.search(rows_of(2, 3), 250).ids[0]) == 250
    assert ix.compact() is None and len(ix) == 250


@pytest.mark.parametrize("verb", ["add", "upsert", "delete", "compact"])
def test_a_change_that_is_interrupted_after_it_was_made_is_known(monkeypatch, verb):
    ix = named(1, 100, "flat")
    assert len(ix) == 100
    ix.delete([FAR])
    made = _update.call

    def interrupted(name, *args):
        made(name, *args)
        if name in ("rv_add_matrix", "rv_delete", "rv_compact_start"):
            raise KeyboardInterrupt

    monkeypatch.setattr(_update, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        if verb == "compact":
            ix.compact()
        elif verb == "delete":
            ix.delete([FAR + 1])
        else:
            getattr(ix, verb)([FAR + 7000], rows_of(1))
    monkeypatch.undo()
    assert len(ix) == ix.info()["rows"] == {"delete": 98, "compact": 99}.get(verb, 100)
    assert len(ix.search(rows_of(1)[0], 500, recall=1.0).ids) == len(ix)


def test_vectors_of_an_index_that_others_write_to_are_those_of_one_version():
    ix = rv.Index.build(rows_of(50), kind="flat", keep="copy")

    def write():
        ix.upsert(np.arange(10), np.full((10, D), 7, "f4"))
        ix.delete(np.arange(10))
        ix.add(np.arange(10), np.full((10, D), 8, "f4"))

    def read():
        found = np.asarray(ix)
        assert len(found) in (40, 50)
        assert len(np.unique(found[(found == found[:, :1]).all(axis=1)])) <= 1

    in_threads(1.0, write, read, read)


def test_an_index_of_no_vectors_yet_hands_out_none():
    ix = rv.Index.build(np.empty((0, D), "f4"))
    assert np.asarray(ix).shape == (0, D)
    with pytest.raises(rv.UnknownId):
        ix[0]


def test_a_mask_that_its_owner_writes_to_is_read_once():
    n = 200_000
    x = RNG.integers(-3, 4, size=(n, 4)).astype("f4")
    ix = rv.Index.build(x, kind="flat", metric="l2")
    halves = np.zeros((2, n), np.bool_)
    halves[0, : n // 2] = halves[1, n // 2 :] = True
    mask, q = halves[0].copy(), x[0]
    stop = threading.Event()

    def flip():
        while not stop.is_set():
            mask[:] = halves[1]
            mask[:] = halves[0]

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            ix.search(q, 5, where=mask)
            for half in halves:
                assert half[ix.search(q, 5, where=half).ids].all()
    finally:
        stop.set()
        thread.join()


def test_a_column_that_is_closed_is_not_taken_for_none():
    x = rows_of(10)
    column = _native.column_from_matrix(x)
    handle = _native.build_from(column, None, {"metric": "l2"})
    column.close()
    with pytest.raises(rv.InvalidArgument, match="closed"):
        _native.attach(handle, column)
    assert _native.info(handle)["vectors"], "and nothing was detached"
    with pytest.raises(rv.InvalidArgument, match="closed"):
        _native.load("/nowhere", column)
