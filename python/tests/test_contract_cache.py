"""The cache behind the frame verbs: hits are hits, changes are noticed, the cap is a cap."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pytest

import ruvector as rv

N, D = 10_500, 8
MATRIX = np.random.default_rng(41).standard_normal((N, D), dtype=np.float32)
QUERY = np.random.default_rng(42).standard_normal(D, dtype=np.float32)


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


def _frame(library: str, matrix: Any = MATRIX) -> Any:
    if library == "pandas":
        return pd.DataFrame({"n": np.arange(len(matrix)), "emb": list(matrix)})
    if library == "lists":
        return pd.DataFrame({"n": np.arange(len(matrix)), "emb": [r.copy() for r in matrix]})
    column = pl.Series(matrix, dtype=pl.Array(pl.Float32, D))
    frame = pl.DataFrame({"n": np.arange(len(matrix)), "emb": column})
    return frame if library == "polars" else frame.to_arrow()


def _search(frame: Any, **arguments: Any) -> tuple[list[int], str]:
    hits = rv.search(frame, QUERY, k=5, **arguments)
    return [int(n) for n in hits["n"].to_numpy()], rv.last_plan().index


@pytest.mark.parametrize("library", ["pandas", "lists", "polars", "arrow"])
def test_the_second_search_is_a_hit_with_the_same_answer(library: str) -> None:
    frame = _frame(library)
    first, built = _search(frame)
    second, cached = _search(frame)
    assert (built, cached) == ("built", "cached")
    assert first == second == oracle.nearest(MATRIX, QUERY, 5, "cosine")[0].tolist()
    info = rv.cache.info()
    assert (info.indexes, info.hits, info.misses) == (1, 1, 1)
    assert info.bytes > 0


@pytest.mark.parametrize("library", ["pandas", "lists"])
@pytest.mark.parametrize("row", [0, 1, N // 2, N - 1])
def test_any_cell_changed_in_place_is_noticed(library: str, row: int) -> None:
    frame = _frame(library, MATRIX.copy())
    _search(frame)
    frame["emb"].iat[row][:] = QUERY * 2
    rows, index = _search(frame)
    assert rows[0] == row
    assert index == "built"
    hits = rv.search(frame, QUERY, k=1)
    assert hits["cosine_similarity"].iloc[0] == pytest.approx(1)


def test_one_bit_of_one_number_makes_another_column() -> None:
    matrix = MATRIX.copy()
    _search(_frame("polars", matrix))
    changed = matrix.copy()
    changed[777, 3] = np.nextafter(changed[777, 3], np.float32(9))
    assert _search(_frame("polars", changed))[1] == "built"
    assert _search(_frame("polars", matrix))[1] == "cached"


def test_a_cell_replaced_by_an_equal_one_is_the_same_column() -> None:
    frame = _frame("lists")
    _search(frame)
    frame.at[3, "emb"] = MATRIX[3].copy()
    assert _search(frame)[1] == "cached"


def test_rows_in_another_order_are_another_column_and_slices_are_too() -> None:
    frame = _frame("pandas")
    rows, _ = _search(frame)
    turned, index = _search(frame.iloc[::-1])
    assert (turned, index) == (rows, "built")
    assert _search(frame.iloc[:-1])[1] == "built"
    assert _search(frame)[1] == "cached"


def test_a_null_row_more_is_another_column() -> None:
    frame = _frame("lists")
    rows, _ = _search(frame)
    frame.at[rows[0], "emb"] = None
    less, index = _search(frame)
    assert index == "built"
    assert rows[0] not in less
    assert rv.last_plan().null_rows == 1


def test_filters_queries_thresholds_and_k_share_an_index_and_metrics_do_not() -> None:
    frame = _frame("pandas")
    _search(frame)
    mask = frame["n"] % 2 == 0
    rows, index = _search(frame, where=mask)
    assert index == "cached"
    allowed = oracle.nearest(MATRIX, QUERY, 5, "cosine", allowed=mask.to_numpy())[0]
    assert rows == allowed.tolist()
    assert _search(frame, min_similarity=-1.0)[1] == "cached"
    assert _search(frame, metric="l2")[1] == "built"
    assert rv.cache.info().indexes == 2


def test_renaming_and_other_columns_do_not_matter() -> None:
    frame = _frame("polars")
    _search(frame)
    other = frame.rename({"emb": "vectors"}).with_columns(pl.lit("x").alias("name"))
    assert _search(other)[1] == "cached"


def test_an_index_of_a_column_that_is_gone_answers_for_its_equal() -> None:
    frame = _frame("pandas", MATRIX.copy())
    first, _ = _search(frame)
    del frame
    gc.collect()
    again, index = _search(_frame("pandas", MATRIX.copy()))
    assert (again, index) == (first, "cached")


def test_the_least_recently_used_index_goes_first_and_the_cap_holds() -> None:
    frames = [_frame("polars", MATRIX + np.float32(i)) for i in range(3)]
    _search(frames[0])
    size = rv.cache.info().bytes
    with rv.config(cache_bytes=int(size * 2.5)):
        _search(frames[1])
        assert _search(frames[0])[1] == "cached"
        _search(frames[2])
        info = rv.cache.info()
        assert info.indexes == 2
        assert info.bytes <= info.limit == int(size * 2.5)
        assert _search(frames[0])[1] == "cached"
        assert _search(frames[1])[1] == "built"


@pytest.mark.parametrize("cap", [0, 1, 1000])
def test_a_cap_too_small_for_an_index_keeps_none_and_answers_still(cap: int) -> None:
    frame = _frame("polars")
    with rv.config(cache_bytes=cap):
        for _ in range(2):
            rows, index = _search(frame)
            assert index == "built"
            assert rows == oracle.nearest(MATRIX, QUERY, 5, "cosine")[0].tolist()
            assert rv.cache.info().bytes <= cap


def test_codes_of_a_wide_column_are_smaller_than_its_vectors() -> None:
    matrix = np.random.default_rng(1).standard_normal((N, 256), dtype=np.float32)
    rv.search(pd.DataFrame({"emb": list(matrix)}), matrix[0], k=1)
    assert 0 < rv.cache.info().bytes < matrix.nbytes / 3


def test_a_lowered_cap_holds_from_then_on() -> None:
    frame = _frame("polars")
    _search(frame)
    with rv.config(cache_bytes=0):
        assert rv.cache.info().bytes == 0
        _search(_frame("polars", MATRIX[:10_200]))
        assert rv.cache.info().bytes == 0
    assert _search(frame)[1] == "built"


def test_small_frames_and_given_indexes_leave_the_cache_alone() -> None:
    small = _frame("pandas", MATRIX[:500])
    _search(small)
    _search(small)
    frame = _frame("pandas")
    with rv.Index.build(MATRIX, kind="flat") as index:
        assert _search(frame, index=index)[1] == "given"
    with rv.Index.build(MATRIX) as index:
        index.search(QUERY, 3)
    assert rv.cache.info().indexes == 0


def test_clearing_forgets_counts_and_bytes_and_shows_itself() -> None:
    _search(_frame("polars"))
    assert "1" in repr(rv.cache)
    assert "<script" not in rv.cache._repr_html_()
    rv.cache.clear()
    info = rv.cache.info()
    assert (info.indexes, info.texts, info.bytes) == (0, 0, 0)
    rv.cache.clear()


def test_a_frame_that_fails_is_not_remembered() -> None:
    matrix = MATRIX.copy()
    matrix[5, 1] = np.nan
    for _ in range(2):
        with pytest.raises(rv.InvalidVector, match="row 5"):
            _search(_frame("pandas", matrix))
    assert rv.cache.info().indexes == 0
    with rv.config(bad_vectors="skip"):
        assert 5 not in _search(_frame("pandas", matrix))[0]
    with pytest.raises(rv.InvalidVector, match="row 5"):
        _search(_frame("pandas", matrix))


def test_threads_that_search_clear_and_resize_at_once_get_right_answers() -> None:
    frames = [_frame("polars", MATRIX[: N - i]) for i in range(3)]
    expected = [oracle.nearest(MATRIX[: N - i], QUERY, 5, "cosine")[0].tolist() for i in range(3)]
    failures: list[Any] = []

    def work(seed: int) -> None:
        try:
            for turn in range(8):
                i = (seed + turn) % 3
                if (rows := _search(frames[i])[0]) != expected[i]:
                    failures.append(rows)
                if turn % 4 == seed % 4:
                    rv.cache.clear()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
