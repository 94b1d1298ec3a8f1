"""Indexes behind frame verbs are kept by content, hold codes only, and stay within the cap."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pytest

import ruvector as rv
from ruvector import _native

N, D = 12_000, 64
MATRIX = np.random.default_rng(51).standard_normal((N, D), dtype=np.float32)


@pytest.fixture(autouse=True)
def _empty() -> object:
    rv.cache.clear()
    yield
    rv.cache.clear()


def _where_from(frame: object, **arguments: object) -> str:
    return rv.explain(frame, MATRIX[0], k=3, **arguments).index


def test_the_second_search_of_a_large_column_finds_the_index_in_the_cache() -> None:
    frame = pd.DataFrame({"emb": list(MATRIX)})
    assert _where_from(frame) == "built"
    assert _where_from(frame) == "cached"
    info = rv.cache.info()
    assert (info.indexes, info.texts, info.hits, info.misses) == (1, 0, 1, 1)
    assert 0 < info.bytes <= info.limit


def test_equal_content_is_one_index_whatever_holds_it() -> None:
    assert _where_from(pd.DataFrame({"emb": list(MATRIX)})) == "built"
    assert _where_from(pd.DataFrame({"other": [row.copy() for row in MATRIX]})) == "cached"
    assert _where_from(pl.DataFrame({"emb": MATRIX})) == "cached"


def test_other_parameters_are_another_index() -> None:
    frame = pl.DataFrame({"emb": MATRIX})
    assert [_where_from(frame, metric=m) for m in oracle.METRICS] == ["built"] * 4
    assert [_where_from(frame, metric=m) for m in oracle.METRICS] == ["cached"] * 4
    assert _where_from(frame, recall=0.9) == "cached"


def test_up_to_ten_thousand_rows_an_exact_index_is_built_for_each_call() -> None:
    frame = pd.DataFrame({"emb": list(MATRIX[:10_000])})
    for _ in range(2):
        plan = frame.ruvector.explain(MATRIX[0])
        assert (plan.kind, plan.index) == ("exact", "built")
    assert rv.cache.info().indexes == 0
    plan = pd.DataFrame({"emb": list(MATRIX)}).ruvector.explain(MATRIX[0])
    assert plan.kind == "flat"


def test_recall_one_is_exact_on_any_number_of_rows() -> None:
    frame = pl.DataFrame({"emb": MATRIX})
    hits = frame.with_row_index("row").ruvector.search(MATRIX[5] * 2, k=9, recall=1.0, metric="l2")
    rows, _ = oracle.nearest(MATRIX, MATRIX[5] * 2, 9, "l2")
    assert hits["row"].to_list() == rows.tolist()


def test_a_cell_changed_in_place_is_seen() -> None:
    matrix = MATRIX.copy()
    frame = pd.DataFrame({"row": range(N), "emb": list(matrix)})
    far = np.full(D, 9, np.float32)
    first = frame.ruvector.search(far, k=1, metric="l2")["row"].iloc[0]
    frame["emb"].iloc[77][:] = far
    assert frame.ruvector.search(far, k=1, metric="l2")["row"].tolist() == [77]
    assert first != 77


def test_a_column_replaced_in_a_polars_frame_is_seen() -> None:
    frame = pl.DataFrame({"row": range(N), "emb": MATRIX})
    query = MATRIX[4]
    assert frame.ruvector.search(query, k=1)["row"].to_list() == [4]
    for shift in range(1, 6):
        shifted = np.roll(MATRIX, shift, axis=0)
        frame.replace_column(1, pl.Series("emb", shifted, dtype=pl.Array(pl.Float32, D)))
        assert frame.ruvector.search(query, k=1)["row"].to_list() == [4 + shift]


def test_the_cache_holds_codes_and_never_the_users_memory() -> None:
    matrix = MATRIX.copy()
    alive = weakref.ref(matrix)
    frame = pd.DataFrame({"emb": list(matrix)})
    assert _where_from(frame) == "built"
    assert rv.cache.info().bytes < matrix.nbytes
    del frame, matrix
    gc.collect()
    assert alive() is None
    assert rv.cache.info().indexes == 1
    live = _native.live_structs()
    assert _where_from(pd.DataFrame({"emb": list(MATRIX)})) == "cached"
    gc.collect()
    assert _native.live_structs() == live


def test_scores_of_a_cached_index_are_exact() -> None:
    frame = pl.DataFrame({"emb": MATRIX})
    for _ in range(2):
        hits = frame.ruvector.search(MATRIX[8], k=5, metric="l2")
        plan = rv.last_plan()
        assert plan is not None
        assert plan.scores == "exact"
        _, scores = oracle.nearest(MATRIX, MATRIX[8], 5, "l2")
        assert hits["l2_distance"].to_list() == scores.tolist()


def test_the_cap_counts_bytes_and_the_least_recently_used_goes_first() -> None:
    frames = [pl.DataFrame({"emb": MATRIX + np.float32(i)}) for i in range(3)]
    _where_from(frames[0])
    size = rv.cache.info().bytes
    with rv.config(cache_bytes=int(size * 2.5)):
        _where_from(frames[1])
        assert _where_from(frames[0]) == "cached"
        _where_from(frames[2])
        assert rv.cache.info().indexes == 2
        assert rv.cache.info().bytes <= size * 2.5
        assert _where_from(frames[0]) == "cached"
        assert _where_from(frames[1]) == "built"
    with rv.config(cache_bytes=0):
        rv.cache.clear()
        assert _where_from(frames[0]) == "built"
        assert _where_from(frames[0]) == "built"
        assert rv.cache.info().bytes == 0


def test_clearing_forgets_and_shows() -> None:
    _where_from(pl.DataFrame({"emb": MATRIX}))
    assert repr(rv.cache).startswith("Cache(1 indexes, 0 text columns, ")
    assert "<table" in rv.cache._repr_html_()
    assert "<table" in rv.cache.info()._repr_html_()
    rv.cache.clear()
    assert rv.cache.info()[:3] == (0, 0, 0)


def test_large_text_columns_are_embedded_and_indexed_once() -> None:
    def letters(texts: list[str]) -> np.ndarray:
        return np.array([[text.count(c) for c in "0123456789x"] for text in texts], np.float32)

    frame = pd.DataFrame({"body": [f"x{i}" for i in range(N)]})
    origins = [
        frame.ruvector.explain("x123", text="body", embedder=letters).index for _ in range(2)
    ]
    assert origins == ["built", "cached"]
    assert rv.cache.info()[:2] == (1, 1)


def test_many_threads_share_the_cache() -> None:
    frames = [pl.DataFrame({"row": range(N), "emb": MATRIX + np.float32(i)}) for i in range(3)]
    wrong: list[object] = []

    def work(seed: int) -> None:
        for i in range(12):
            frame = frames[(seed + i) % 3]
            hits = frame.ruvector.search(frame["emb"][i], k=1, metric="l2")
            if hits["row"].to_list() != [i]:
                wrong.append(hits)
            if i % 5 == 0:
                rv.cache.clear()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
