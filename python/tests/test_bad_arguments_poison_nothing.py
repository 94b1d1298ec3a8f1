"""Impossible counts are refused before anything is done, and leave a healthy index healthy."""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import addressof, byref, c_double, c_int64, c_uint64, c_void_p

import numpy as np
import pytest

import ruvector as rv
from ruvector._errors import NativeError, RuVectorError
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native import structs as _structs

VALUES = np.random.default_rng(3).normal(size=(60, 8)).astype(np.float32)
BITS = np.random.default_rng(4).integers(0, 256, size=(60, 4), dtype=np.uint8)
WRONG = [2**57, 2**60, 2**62, 2**63 - 1, -1, -(2**40), -(2**63)]
KINDS = ["exact", "flat", "ivf", "bits"]
ROOM = [ctypes.create_string_buffer(1 << 16) for _ in range(6)]


@pytest.fixture(scope="module", params=KINDS)
def index(request):
    if request.param == "bits":
        return rv.Index.build(BITS, metric="hamming")
    return rv.Index.build(VALUES, kind=request.param, cells=3 if request.param == "ivf" else None)


def params(index, **more):
    rows = BITS if index._packed else VALUES
    ROOM[0][: rows[:2].nbytes] = rows[:2].tobytes()
    ids, scores, counts = map(addressof, ROOM[1:4])
    given = {"nq": 2, "dim": index.dim, "k": 3, "rerank": -1, "threads": 1, **more}
    return _structs.SearchParams(
        size=ctypes.sizeof(_structs.SearchParams), queries=addressof(ROOM[0]), ids=ids,
        scores=scores, counts=counts, **given,
    )  # fmt: skip


def ids_of(n, form=b"l", size=64):
    return _structs.Values(form, addressof(ROOM[4]), addressof(ROOM[5]), n, size)


def task(name, *arguments):
    cell = c_uint64()
    _library.call(name, *arguments, byref(cell))
    try:
        done = ctypes.c_int32()
        while not done.value:
            _library.call("rv_task_wait", cell.value, 1000, byref(done))
        made = c_uint64()
        _library.call("rv_task_result", cell.value, byref(made))
        _library.library().rv_free(made.value, None)
    finally:
        _library.library().rv_free(cell.value, None)


def searching(field, **more):
    return lambda ix, h, n: _library.call("rv_search", h, byref(params(ix, **{**more, field: n})))


def filtered(kind):
    def run(ix, h, n):
        given = ids_of(n)
        at = addressof(given) if kind == 2 else addressof(ROOM[4])
        size = 1 if kind == 2 else n
        _library.call(
            "rv_search", h, byref(params(ix, filter=at, filter_len=size, filter_kind=kind))
        )

    return run


def like(ix, h, n):
    given = ids_of(n)
    asked = params(ix, like=addressof(given), nq=n)
    _library.call("rv_search", h, byref(asked))


def within(field):
    def run(ix, h, n):
        asked = params(ix, k=0)
        more = {"limit": 0, "max_bytes": 0, field: n}
        found = _structs.WithinParams(
            size=ctypes.sizeof(_structs.WithinParams),
            threshold_kind=1 if ix.metric == "cosine" else 2,
            threshold=0.5, search=addressof(asked), **more,
        )  # fmt: skip
        task("rv_within_start", h, byref(found))

    return run


def neighbors(field):
    def run(ix, h, n):
        more = {"k": 3, "rows": 60, field: n}
        of, near, scores, counts = map(addressof, ROOM[:4])
        asked = _structs.NeighborsParams(
            size=ctypes.sizeof(_structs.NeighborsParams), of=of, neighbors=near, scores=scores,
            counts=counts, threads=1, **more,
        )  # fmt: skip
        task("rv_neighbors_start", h, byref(asked))

    return run


def groups(rows, count):
    def run(ix, h, n):
        asked = params(ix, nq=1, k=1)
        ROOM[5][:240] = bytes(240)
        task(
            "rv_search_groups_start", h, byref(asked), byref(ROOM[5]),
            n if rows else 60, n if count else 1,
        )  # fmt: skip

    return run


def recall(ix, h, k, sample):
    out = (c_double * 5)()
    task("rv_recall_start", h, k, sample, 0.9, 1, byref(out))


def added(ix, h, ids):
    counts = (c_int64 * 2)()
    _library.call("rv_add_matrix", h, ROOM[0], 1, ix.dim, byref(ids), 1, 1, counts)


CALLS = {
    **{f"search {f}": searching(f) for f in ("nq", "dim", "k", "rerank", "probes")},
    "search k of one": searching("k", nq=1),
    "search k of none": searching("k", nq=0),
    "mask": filtered(1),
    "ids": filtered(2),
    "lookup": lambda ix, h, n: _library.call("rv_index_lookup", h, ids_of(n), ROOM[0]),
    "like": like,
    "within limit": within("limit"),
    "within bytes": within("max_bytes"),
    "neighbors k": neighbors("k"),
    "neighbors rows": neighbors("rows"),
    "groups of rows": groups(True, False),
    "number of groups": groups(False, True),
    "recall k": lambda ix, h, n: recall(ix, h, n, 5),
    "recall sample": lambda ix, h, n: recall(ix, h, 3, n),
    "calibrate nq": lambda ix, h, n: task("rv_calibrate_start", h, ROOM[0], n, ix.dim, 1),
    "calibrate dim": lambda ix, h, n: task("rv_calibrate_start", h, ROOM[0], 1, n, 1),
    "vectors": lambda ix, h, n: _library.call("rv_index_vectors", h, ROOM[4], n, ROOM[0], 0),
    "matrix": lambda ix, h, n: _library.call("rv_index_matrix", h, n, ROOM[0], 0),
    "vectors of": lambda ix, h, n: _library.call("rv_index_vectors_of", h, ids_of(n), ROOM[0], 0),
    "vectors of text": lambda ix, h, n: _library.call(
        "rv_index_vectors_of", h, ids_of(2, b"U", n), ROOM[0], 0
    ),
    "delete": lambda ix, h, n: _library.call("rv_delete", h, ids_of(n), 1, c_int64()),
    "add rows": lambda ix, h, n: _library.call(
        "rv_add_matrix", h, ROOM[0], n, 8, None, 0, 1, (c_int64 * 2)()
    ),
    "add dim": lambda ix, h, n: _library.call(
        "rv_add_matrix", h, ROOM[0], 1, n, None, 0, 1, (c_int64 * 2)()
    ),
    "add ids": lambda ix, h, n: added(ix, h, ids_of(n)),
}


def pointed(call, *arguments):
    """`_library.call` takes addresses: structs and buffers are passed by reference."""
    passed = [
        byref(a) if isinstance(a, ctypes.Structure | c_int64 | ctypes.Array) else a
        for a in arguments
    ]
    return call(*passed)


@pytest.mark.parametrize("what", CALLS)
def test_an_impossible_count_is_refused_and_the_index_goes_on(index, what, monkeypatch):
    own = _library.call
    monkeypatch.setattr(_library, "call", lambda *arguments: pointed(own, *arguments))
    before, rows = index.info()["rows"], BITS if index._packed else VALUES
    for n in WRONG:
        try:
            CALLS[what](index, index._handle.value, n)
        except NativeError as error:
            pytest.fail(f"{what} = {n}: {error}")
        except RuVectorError:
            pass
        assert index.info()["poisoned"] == ""
    assert index.search(rows[7], 1).ids.tolist() == [7]
    assert index.info()["rows"] == before


def test_arrow_data_that_lies_about_its_metadata_poisons_nothing():
    ix = rv.Index.build(VALUES, ids=np.arange(60))
    for pairs in (-1, -(2**31), 2**31 - 1):
        array, schema = _arrow.ArrowArray(), _arrow.ArrowSchema()
        _arrow.wrap_matrix(VALUES, None, array, schema)
        metadata = ctypes.create_string_buffer(np.int32(pairs).tobytes() + bytes(64))
        schema.metadata = addressof(metadata)
        with pytest.raises(RuVectorError) as caught:
            _library.call("rv_column_import", byref(array), byref(schema), byref(c_uint64()))
        assert not isinstance(caught.value, NativeError)
        _arrow.drop(array, schema)
        assert ix.search(VALUES[3], 1).ids.tolist() == [3]


@contextmanager
def unreadable() -> Iterator[int]:
    """Hand out the address of a page that nobody may read."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = c_void_p
    libc.mmap.argtypes = [c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, c_int64]
    libc.munmap.argtypes = [c_void_p, ctypes.c_size_t]
    page = libc.mmap(None, 1 << 16, 0, 0x22, -1, 0)  # PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS
    try:
        yield page
    finally:
        libc.munmap(page, 1 << 16)


def test_ids_at_memory_that_is_not_there_poison_nothing():
    ix = rv.Index.build(VALUES, ids=np.arange(60))
    with unreadable() as nowhere:
        lost = _structs.Values(b"l", nowhere, None, 3, 0)
        with pytest.raises(rv.InvalidArgument, match="cannot be read"):
            _library.call("rv_delete", ix._handle.value, byref(lost), 1, byref(c_int64()))
    assert len(ix) == 60
    assert ix.search(VALUES[3], 1).ids.tolist() == [3]
    ix.close()


def poisoned(kind, changed):
    """An index in which a search met memory that is gone: a panic that was caught."""
    ids = np.arange(60) * 3
    ix = rv.Index.build(VALUES, ids=ids, kind=kind, cells=3 if kind == "ivf" else None, keep="copy")
    if changed:
        ix.add([1000, 1001], VALUES[:2] + 5)
        ix.delete([3])
    with unreadable() as nowhere:
        asked = params(ix, k=2)
        asked.queries = nowhere
        with pytest.raises(NativeError):
            _library.call("rv_search", ix._handle.value, byref(asked))
    return ix


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_poisoned_index_is_saved_from_its_last_good_version(kind, changed, tmp_path):
    ix = poisoned(kind, changed)
    for refused in (
        lambda: ix.search(VALUES[0], 1),
        lambda: ix.add([7], VALUES[:1]),
        lambda: ix.delete([6]),
        lambda: ix.within(VALUES[0], min_similarity=0.5),
        ix.compact,
    ):
        with pytest.raises(rv.Poisoned, match="save it"):
            refused()
    assert len(ix) == (61 if changed else 60)
    assert "memory" in ix.info()["poisoned"]
    ix.save(tmp_path / "rescued")
    for whole in (rv.Index.load(tmp_path / "rescued"), pickle.loads(pickle.dumps(ix))):
        assert len(whole) == len(ix)
        assert whole.search(VALUES[9], 1).ids.tolist() == [27]
        if changed:
            assert whole.search(VALUES[1] + 5, 1).ids.tolist() == [1001]
            with pytest.raises(rv.UnknownId):
                whole[3]
        assert whole.info()["poisoned"] == ""
        whole.close()
    ix.close()
    with pytest.raises(rv.IndexClosed):
        ix.search(VALUES[0], 1)
