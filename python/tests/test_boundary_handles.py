"""Wrong, stale and foreign handles are errors; what is in use survives its handle."""

from __future__ import annotations

import ctypes
import gc
import threading
from ctypes import byref

import numpy as np
import pytest
from test_native_interface import python

from ruvector import _native
from ruvector._errors import (
    DimensionMismatch,
    IndexClosed,
    InvalidArgument,
    InvalidVector,
    NotAnIndex,
    PersistError,
    VectorsChanged,
)
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native import task as _task

RNG = np.random.default_rng(7)
VALUES = RNG.normal(size=(200, 16)).astype(np.float32)


def raw(value: int) -> _native.Handle:
    """Return a handle with any number; freeing it does nothing."""
    handle = _native.Handle()
    handle.value = value
    return handle


@pytest.fixture
def column():
    handle = _native.column_from_matrix(VALUES)
    yield handle
    handle.close()


@pytest.fixture
def index(column):
    handle = _native.build_from(column, None, {"metric": "l2"})
    yield handle
    handle.close()


INDEX_VERBS = {
    "search": lambda h: _native.search_rows(h, VALUES[0], 3),
    "batch": lambda h: _native.search_rows(h, VALUES[:2], 3),
    "save": lambda h: _native.save(h, "/tmp/never", True),
    "encode": lambda h: _native.encode(h, True),
    "lookup": lambda h: _native.lookup(h, np.array([1])),
    "ids": _native.ids,
    "vectors": lambda h: _native.vectors(h, [0]),
    "attach": lambda h: _native.attach(h, None),
}
COLUMN_VERBS = {
    "copy": lambda h: _library.call("rv_column_copy", h.value, None, 0, None),
    "hash": _native.column_hash,
    "build": lambda h: _native.build_from(h, None, {}),
    "pca": _native.pca,
    "scores": lambda h: _native.scores(h, h, "cosine", False),
    "scores, task": lambda h: _library.call(
        "rv_scores_start", h.value, h.value, b"dot", 0, 0, None, None, byref(ctypes.c_uint64())
    ),
}


@pytest.mark.parametrize("verb", INDEX_VERBS)
def test_an_index_verb_refuses_what_is_no_index(verb, index, column):
    closed = _native.build_from(column, None, {})
    stale = closed.value
    closed.close()
    for handle, error in [
        (closed, IndexClosed),
        (raw(stale), IndexClosed),
        (raw(column.value), InvalidArgument),
        (raw(2**60), InvalidArgument),
        (raw(2**64 - 1), InvalidArgument),
    ]:
        with pytest.raises(error):
            INDEX_VERBS[verb](handle)


@pytest.mark.parametrize("verb", COLUMN_VERBS)
def test_a_column_verb_refuses_what_is_no_column(verb, index):
    closed = _native.column_from_matrix(VALUES)
    stale = closed.value
    closed.close()
    for handle in (closed, raw(stale), raw(index.value), raw(2**60)):
        with pytest.raises(InvalidArgument):
            COLUMN_VERBS[verb](handle)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("rv_task_wait", [1, byref(ctypes.c_int32())]),
        ("rv_task_progress", [byref(ctypes.c_int64()), byref(ctypes.c_int64())]),
        ("rv_task_cancel", []),
        ("rv_task_result", [byref(ctypes.c_uint64())]),
    ],
)
def test_a_task_verb_refuses_what_is_no_task(name, arguments, index):
    for handle in (0, index.value, 2**60):
        with pytest.raises(InvalidArgument):
            _library.call(name, handle, *arguments)


def test_freeing_is_once_and_nothing_is_fine(index):
    _library.call("rv_free", 0)
    stale = index.value
    index.close()
    index.close()
    with pytest.raises(IndexClosed):
        _library.call("rv_free", stale)


def test_places_for_answers_may_not_be_missing(index, column):
    for name, arguments in [
        ("rv_info", [index.value, None]),
        ("rv_encoding_start", [index.value, 0, None]),
        ("rv_index_ids", [index.value, None, None]),
        ("rv_index_vectors", [index.value, None, 3, None, 0]),
        ("rv_column_hash", [column.value, None]),
        ("rv_column_hash_rows", [column.value, 0, 1, None]),
        ("rv_column_hash_start", [column.value, None, byref(ctypes.c_uint64())]),
        ("rv_column_copy", [column.value, None, 0, None]),
        ("rv_search", [index.value, None]),
        ("rv_embed", [None]),
        ("rv_texts_import_stream", [None, byref(ctypes.c_uint64())]),
        ("rv_words_start", [0, None, 0, None]),
        ("rv_words_search_start", [0, None, None, byref(ctypes.c_uint64())]),
        ("rv_decode_start", [None, 5, byref(ctypes.c_uint64())]),
        ("rv_build_start", [column.value, None, byref(ctypes.c_uint64())]),
        ("rv_index_lookup", [index.value, None, byref(ctypes.c_int64())]),
        ("rv_save_start", [index.value, b"x", 1, 0, None]),
        ("rv_load_start", [b"", 0, 0, byref(ctypes.c_uint64())]),
    ]:
        with pytest.raises(InvalidArgument):
            _library.call(name, *arguments)


def test_errors_need_no_place_for_their_text(index):
    lib = _library.library()
    assert lib.rv_index_vectors(index.value, None, 3, None, 0, None) == InvalidArgument.kind


def test_a_handle_that_is_lost_is_freed():
    before = _native.library_info()["handles"]
    for _ in range(10):
        _native.build_from(_native.column_from_matrix(VALUES), None, {})
    gc.collect()
    assert _native.library_info()["handles"] == before


@pytest.mark.parametrize("freed", [False, True])
def test_an_interrupt_while_freeing_leaves_the_rest_to_the_finalizer(freed, monkeypatch):
    before = _native.library_info()["handles"]
    column = _native.column_from_matrix(VALUES)

    class Interrupted:
        @staticmethod
        def rv_free(handle, error):
            if freed:
                _library.library().rv_free(handle, error)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_task, "library", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            column.close()
    assert _native.library_info()["handles"] == before + (not freed)
    del column
    gc.collect()
    assert _native.library_info()["handles"] == before


def test_an_interrupt_right_after_memory_was_lent_gives_it_back(column, monkeypatch):
    before = _native.live_structs(), _arrow.kept(), _native.library_info()["handles"]
    called = _arrow.call

    def interrupted(function, *arguments):
        called(function, *arguments)
        if function == "rv_wrap_matrix":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_arrow, "call", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _native.build_from(_native.column_from_matrix(VALUES), np.arange(len(VALUES)), {})
    gc.collect()
    assert (_native.live_structs(), _arrow.kept(), _native.library_info()["handles"]) == before


def test_closing_while_others_search_lets_them_finish(column):
    index = _native.build_from(column, None, {"metric": "l2"})
    problems = []

    def search():
        try:
            while True:
                ids, *_ = _native.search_rows(index, VALUES[5], 1)
                if ids.tolist() != [5]:
                    problems.append(ids)
        except IndexClosed:
            pass
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    _native.close_index(index)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert problems == []


def test_ids_come_back_as_they_were_given(column):
    n = len(VALUES)
    for given in (
        np.arange(n, dtype=np.int64) * -3,
        np.arange(n, dtype=np.uint64) + 2**63,
        [f"doc {i} \N{SNOWMAN}" for i in range(n)],
    ):
        index = _native.build_from(column, given, {})
        got = _native.ids(index)
        assert type(got) is type(given)
        assert list(got) == list(given)
        wanted = [given[3], given[0], given[n - 1]]
        wanted = wanted if isinstance(given, list) else np.array(wanted)
        assert _native.lookup(index, wanted).tolist() == [3, 0, n - 1]
        assert _native.lookup(index, given[:0]).tolist() == []
        index.close()


def test_an_index_survives_bytes_and_files(index, column, tmp_path):
    want = _native.search_rows(index, VALUES[3], 5)
    again = _native.decode(_native.encode(index))
    assert [a.tolist() for a in _native.search_rows(again, VALUES[3], 5)[:3]] == [
        a.tolist() for a in want[:3]
    ]
    path = str(tmp_path / "zażółć.rvx")
    _native.save(index, path, False)
    bare = _native.load(path)
    assert _native.info(bare)["vectors"] is False
    loaded = _native.load(path, column)
    assert _native.search_rows(loaded, VALUES[3], 5)[0].tolist() == want[0].tolist()
    other = _native.column_from_matrix(VALUES + 1)
    with pytest.raises(VectorsChanged):
        _native.load(path, other)
    with pytest.raises(DimensionMismatch):
        _native.attach(bare, _native.column_from_matrix(VALUES[:5]))


def test_files_that_are_no_indexes_are_named_errors(tmp_path, index):
    path = tmp_path / "x"
    with pytest.raises(PersistError):
        _native.load(str(path))
    path.write_bytes(b"something else")
    with pytest.raises(NotAnIndex):
        _native.load(str(path))
    with pytest.raises(PersistError):
        _native.load(str(tmp_path))
    with pytest.raises(PersistError):
        _native.save(index, str(tmp_path / "no" / "folder"), True)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_errors_carry_their_place(column):
    bad = VALUES.copy()
    bad[17, 5] = np.nan
    with pytest.raises(InvalidVector) as caught:
        _native.build_from(_native.column_from_matrix(bad), None, {})
    assert (caught.value.row, caught.value.column) == (17, 5)
    assert caught.value.kind == 3


def test_a_process_may_end_with_everything_open():
    done = python("""
        import threading
        import numpy as np
        from ruvector import _native
        values = np.random.default_rng(1).normal(size=(5000, 64)).astype("f")
        column = _native.column_from_matrix(values)
        index = _native.build_from(column, None, {"kind": "flat"})
        capsule = _native.export_stream(["v"], [values])
        lost = [index, column, capsule]
        lost.append(lost)
        started = threading.Event()
        def busy():
            while True:
                _native.search_rows(index, values[:100], 5)
                started.set()
        threading.Thread(target=busy, daemon=True).start()
        started.wait()
        print("end")
    """)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "end", "")


def test_an_index_carries_a_text_of_its_maker(column):
    index = _native.build_from(column, None, {"provenance": "made by hand \N{SNOWMAN}"})
    assert _native.info(index)["provenance"] == "made by hand \N{SNOWMAN}"
    again = _native.decode(_native.encode(index))
    assert _native.info(again)["provenance"] == "made by hand \N{SNOWMAN}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "flat\0"), ("kind", "cube"), ("kind", 3), ("keep", "\ud800"), ("nulls", "maybe"),
        ("bad", ""), ("bits", 2**64), ("bits", 1.5), ("cells", "5"), ("budget", 2**63),
        ("seed", -1), ("seed", 2**64), ("threads", 2**64), ("recall", "all"),
        ("recall", float("nan")), ("treads", 2),
    ],
)  # fmt: skip
def test_options_that_a_struct_cannot_hold_are_refused(name, value, column):
    with pytest.raises(InvalidArgument, match=name):
        _native.build_from(column, None, {name: value})


def test_options_at_their_edges_are_what_was_asked(column):
    options = {"threads": 2**40, "seed": 2**64 - 1, "bits": None, "provenance": "a\0b"}
    index = _native.build_from(column, None, options)
    assert _native.info(index)["provenance"] == "a\0b"
    index.close()
