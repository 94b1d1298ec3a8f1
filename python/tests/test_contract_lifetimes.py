"""What is borrowed is let go: on close, with the last reference, after errors, on any thread."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library

N, D = 200, 8


class Memory(np.ndarray):  # type: ignore[type-arg]
    """An array that can be watched by a weak reference."""


def _matrix() -> Any:
    """Return a matrix that owns its memory, so that whoever reads it holds this very object."""
    matrix = Memory((N, D), np.float32)
    matrix[...] = np.random.default_rng(3).standard_normal((N, D), dtype=np.float32)
    return matrix


def _gone(watch: weakref.ref[Any]) -> bool:
    gc.collect()
    _native.column_info(_native.column_from_matrix(np.zeros((1, 1), np.float32)))
    _arrow.collect()
    gc.collect()
    return watch() is None


def _live() -> int:
    return _library.library().rv_live()


@pytest.mark.parametrize("kind", ["exact", "flat"])
@pytest.mark.parametrize("how", ["close", "with", "del", "cycle"])
def test_a_borrowed_matrix_is_let_go_with_its_index(kind: str, how: str) -> None:
    matrix = _matrix()
    watch = weakref.ref(matrix)
    index = rv.Index.build(matrix, kind=kind, keep="borrow")
    del matrix
    gc.collect()
    assert watch() is not None
    if how == "close":
        index.close()
    elif how == "with":
        with index:
            index.search(np.ones(D), 1)
    elif how == "cycle":
        loop: list[Any] = [index]
        loop.append(loop)
        del loop
    if how in ("del", "cycle"):
        del index
    assert _gone(watch)


@pytest.mark.parametrize("keep", ["copy", "none"])
def test_an_index_that_does_not_borrow_lets_go_at_once(keep: str) -> None:
    matrix = _matrix()
    watch = weakref.ref(matrix)
    index = rv.Index.build(matrix, kind="flat", keep=keep)
    del matrix
    assert _gone(watch)
    assert index.search(np.ones(D), 3).ids.shape == (3,)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 3e38])
def test_a_build_that_fails_lets_go(spoiled: float) -> None:
    matrix = _matrix()
    matrix[7] = spoiled
    watch = weakref.ref(matrix)
    with pytest.raises(rv.InvalidVector, match="7"):
        rv.Index.build(matrix, metric="l2")
    del matrix
    assert _gone(watch)


def test_a_search_that_fails_lets_go_of_its_query_mask_and_frame() -> None:
    class Frame(pd.DataFrame):  # type: ignore[misc]
        pass

    frame = Frame({"emb": list(np.asarray(_matrix()))})
    query, mask = Memory(D + 1, np.float32), Memory(N, bool)
    query[:], mask[:] = 1, True
    watches = [weakref.ref(frame), weakref.ref(query), weakref.ref(mask)]
    with pytest.raises(rv.DimensionMismatch):
        rv.search(frame, query, where=mask)
    del frame, query, mask
    assert all(map(_gone, watches))


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_frame_verb_holds_nothing_of_the_frame_afterwards(library: str) -> None:
    matrix = _matrix()
    watch = weakref.ref(matrix)
    if library == "pandas":
        frame: Any = pd.DataFrame({"emb": list(matrix)})
    else:
        column = pa.FixedSizeListArray.from_arrays(
            pa.Array.from_buffers(pa.float32(), N * D, [None, pa.py_buffer(matrix)]), D
        )
        frame = pa.table({"emb": column})
        del column
        frame = pl.from_arrow(frame) if library == "polars" else frame
    hits = rv.search(frame, np.ones(D), k=3, columns=[])
    rv.describe(frame)
    assert len(hits) == 3
    del frame, matrix
    assert _gone(watch)


def test_a_result_keeps_its_index_for_rows_and_its_arrays_and_plan_do_not() -> None:
    matrix = _matrix()
    frame = pd.DataFrame({"row": np.arange(N)})
    index = rv.Index.build(matrix)
    result = index.search(np.ones((2, D)), 3)
    watches = [weakref.ref(matrix), weakref.ref(index)]
    del index, matrix
    gc.collect()
    assert result.rows(frame)["row"].tolist() == result.ids.ravel().tolist()
    ids, plan, hits = result.ids, result.plan, result.hits()
    alone = pickle.loads(pickle.dumps(result))
    del result
    assert all(map(_gone, watches))
    assert [[hit.id for hit in row] for row in hits] == ids.tolist() == alone.ids.tolist()
    assert plan.rows == alone.plan.rows == N
    with pytest.raises(rv.InvalidArgument, match="pickled"):
        alone.rows(frame)


def test_a_matrix_outlives_the_column_it_was_read_from() -> None:
    for make in (
        lambda: pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8, dtype="f4")), 2),
        lambda: pl.Series(np.arange(8, dtype="f4").reshape(4, 2), dtype=pl.Array(pl.Float32, 2)),
        lambda: pd.Series(list(np.arange(8, dtype="f4").reshape(4, 2))),
    ):
        matrix = rv.to_matrix(make())
        gc.collect()
        junk = [np.full(8, 99, "f4") for _ in range(500)]
        assert matrix.ravel().tolist() == list(range(8)), len(junk)


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_the_matrix_of_an_index_outlives_it(kind: str) -> None:
    expected = np.asarray(_matrix())
    for keep in ("borrow", "copy"):
        index = rv.Index.build(np.asarray(_matrix()), kind=kind, keep=keep)
        vectors, row = np.asarray(index), index[5]
        index.close()
        del index
        gc.collect()
        assert vectors.tobytes() == expected.tobytes()
        assert row.tobytes() == expected[5].tobytes()


def test_arrow_answers_outlive_their_result() -> None:
    index = rv.Index.build(_matrix(), ids=[f"id {i}" for i in range(N)])
    result = index.search(np.ones((3, D)), 4)
    expected = [hit.id for hits in result.hits() for hit in hits]
    table = pa.table(result)
    del result, index
    gc.collect()
    assert table["id"].to_pylist() == expected


def test_closing_twice_and_closing_while_another_thread_searches_are_harmless() -> None:
    index = rv.Index.build(_matrix(), kind="flat")
    expected = index.search(np.ones(D), 5).ids.tolist()
    answers: list[Any] = []
    started = threading.Event()

    def search() -> None:
        started.set()
        for _ in range(2000):
            try:
                answers.append(index.search(np.ones(D), 5).ids.tolist() == expected)
            except rv.IndexClosed as error:
                answers.append(error)
                return

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    index.close()
    index.close()
    for thread in threads:
        thread.join()
    assert all(answer is True or isinstance(answer, rv.IndexClosed) for answer in answers)


def test_indexes_made_and_dropped_on_many_threads_leave_nothing() -> None:
    matrix = np.asarray(_matrix())
    before = _live(), _arrow.kept()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for i in range(40):
                index = rv.Index.build(matrix, kind="flat" if i % 2 else "exact")
                again = pickle.loads(pickle.dumps(index)) if i % 10 == 0 else index
                assert again.search(matrix[i], 1, recall=1.0).ids.tolist() == [i]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    gc.collect()
    _library.library().rv_free(0, None)
    _arrow.collect()
    assert (_live(), _arrow.kept()) == before


@pytest.mark.parametrize("kind", ["exact", "flat"])
@pytest.mark.parametrize("keep", ["borrow", "copy"])
@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle", "pickle 2", "file"])
def test_every_way_to_copy_an_index_gives_one_that_lives_alone(
    kind: str, keep: str, way: str, tmp_path: Path
) -> None:
    matrix = np.asarray(_matrix())
    ids = np.arange(N) * 3 - 50
    index = rv.Index.build(matrix, ids=ids, kind=kind, keep=keep, metric="l2")
    if way == "copy":
        other = copy.copy(index)
    elif way == "deepcopy":
        other = copy.deepcopy({"inside": [index]})["inside"][0]
    elif way == "file":
        index.save(tmp_path / "index", vectors=True)
        other = rv.Index.load(tmp_path / "index")
    else:
        protocol = 2 if way.endswith("2") else pickle.HIGHEST_PROTOCOL
        other = pickle.loads(pickle.dumps(index, protocol))
    queries = matrix[:20] + np.float32(0.1)
    expected = index.search(queries, 7)
    if way != "copy":
        index.close()
    found = other.search(queries, 7)
    assert found.ids.tobytes() == expected.ids.tobytes()
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert (len(other), other.dim, other.metric, other.kind) == (N, D, "l2", kind)
    assert other[int(ids[3])].tobytes() == matrix[3].tobytes()


def test_sizes_and_mismatches_are_told_by_column_info_without_keeping_the_column() -> None:
    table = pa.table({"emb": pa.array(np.asarray(_matrix()).tolist(), pa.list_(pa.float32(), D))})
    before = _live()
    for _ in range(20):
        rv.describe(table)
        rv.to_matrix(table["emb"])
        with pytest.raises(rv.ColumnError):
            rv.to_matrix(table)
    gc.collect()
    _library.library().rv_free(0, None)
    assert _live() == before
