"""The index of words: every layout of texts, BM25 as `bm25s` computes it, and its edges."""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
import unicodedata
from ctypes import byref

import bm25s
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_boundary_interrupt import interrupt_after

from ruvector import _native
from ruvector._errors import ColumnError, InvalidArgument, LimitExceeded
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native.words import build_words, search_words, words_info

TEXTS = [
    "Refund took 3 weeks", None, "the parcel was late, very late", "refund REFUND please", "",
    "東京 refund", "Ein Paket aus Köln kam zu spät, und nur halb", "refund took 3 weeks",
]  # fmt: skip

COLUMNS = {
    "list": lambda: TEXTS,
    "polars": lambda: pl.Series(TEXTS),
    "polars categorical": lambda: pl.Series(TEXTS, dtype=pl.Categorical),
    "polars enum": lambda: pl.Series(TEXTS, dtype=pl.Enum(sorted({*filter(None, TEXTS), ""}))),
    "pyarrow": lambda: pa.chunked_array([TEXTS]),
    "pyarrow chunks": lambda: pa.chunked_array([TEXTS[:2], TEXTS[2:2], TEXTS[2:]]),
    "pyarrow slice": lambda: pa.chunked_array([["x", *TEXTS, "y"]])[1:-1],
    "pyarrow large": lambda: pa.chunked_array([TEXTS], pa.large_string()),
    "pyarrow view": lambda: pa.chunked_array([pa.array(TEXTS, pa.string_view())]),
    "pyarrow dictionary": lambda: pa.chunked_array([pa.array(TEXTS).dictionary_encode()]),
    "pyarrow dictionary slice": lambda: pa.chunked_array(
        [pa.array(["x", *TEXTS]).dictionary_encode()]
    )[1:],
    "pandas": lambda: pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())).array.__arrow_array__(),
    "duckdb": lambda: duckdb.from_arrow(pa.table({"t": TEXTS})).to_arrow_table().column(0),
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", COLUMNS)
def test_texts_of_every_layout_are_the_same_index(name):
    words = build_words(COLUMNS[name]())
    gc.collect()  # the column is gone, and so may its memory be
    assert {k: v for k, v in words_info(words).items() if k not in ("bytes", "version")} == {
        "rows": 8, "texts": 6, "terms": 22, "tokens": 30,
    }  # fmt: skip
    rows, scores, counts = search_words(words, ["refund", "LATE parcel", "京", "nothing", ""], 3)
    assert counts.tolist() == [3, 1, 1, 0, 0]
    assert rows.tolist() == [[3, 5, 0], [2, -1, -1], [5, -1, -1], [-1] * 3, [-1] * 3]
    assert (np.diff(scores[0]) <= 0).all() and np.isnan(scores[1, 1:]).all()


def test_a_mask_says_who_may_be_found_and_changes_no_score():
    words = build_words(TEXTS)
    rows, scores, counts = search_words(words, ["refund"], 8)
    mask = np.arange(8) % 2 == 1
    few, same, n = search_words(words, ["refund"], 8, mask=mask)
    keep = mask[rows[0, : counts[0]]]
    assert few[0, : n[0]].tolist() == rows[0, : counts[0]][keep].tolist()
    assert same[0, : n[0]].tolist() == scores[0, : counts[0]][keep].tolist()
    assert search_words(words, ["refund"], 8, mask=np.zeros(8, bool))[2].tolist() == [0]
    with pytest.raises(InvalidArgument, match="a mask of 3 rows, the index has 8"):
        search_words(words, ["refund"], 8, mask=np.ones(3, bool))


def test_what_is_no_column_of_texts_is_refused_with_the_way_out():
    for column, said in [
        (pl.Series([1, 2]), "a column of int64 holds no texts; use string"),
        (pl.Series([[1.0]]), "no texts"),
        (pl.DataFrame({"a": ["x"], "b": ["y"]}), "select the column"),
        (pa.chunked_array([pa.array([1, 2]).dictionary_encode()]), "int64 holds no texts"),
        (pa.chunked_array([pa.array([b"x"])]), "a column of binary holds no texts"),
    ]:
        with pytest.raises(ColumnError, match=said):
            build_words(column)
    with pytest.raises(InvalidArgument, match="entry 1 is int"):
        build_words(["a", 1])


def test_a_capsule_is_used_once():
    class Again:
        def __init__(self):
            self.capsule = pl.Series(TEXTS).__arrow_c_stream__()

        def __arrow_c_stream__(self):
            return self.capsule

    again = Again()
    assert words_info(build_words(again))["rows"] == 8
    with pytest.raises(InvalidArgument, match="consumed before"):
        build_words(again)


def test_a_handle_of_something_else_is_an_error():
    words, column = build_words(["a"]), _native.column_from_matrix(np.ones((2, 2), np.float32))
    with pytest.raises(InvalidArgument):
        search_words(column, ["a"], 1)
    with pytest.raises(InvalidArgument):
        _native.search_rows(words, np.ones((1, 2), np.float32), 1)
    with pytest.raises(LimitExceeded):
        search_words(words, ["a", "b"], 2**31)
    words.close()
    with pytest.raises(Exception, match="closed"):
        search_words(words, ["a"], 1)


@pytest.mark.parametrize(
    "change", [{"size": 8}, {"k": -1}, {"nq": 2}, {"nq": -1}, {"filter_kind": 2}, {"ids": None},
               {"filter_kind": 1, "filter_len": 9}, {"k": 2**62, "nq": 2**62}, {"counts": None}],
)  # fmt: skip
def test_questions_that_do_not_fit_their_memory_are_refused(change):
    words = build_words(["a b", "b"])
    room = np.zeros(64, np.int64)
    at = room.ctypes.data
    good = {"size": ctypes.sizeof(_structs.SearchParams), "nq": 1, "k": 2, "ids": at, "scores": at}
    params = _structs.SearchParams(**{**good, "counts": at, "threads": 0, **change})
    offsets = np.array([0, 1], np.int64)
    query = _structs.Values(b"U", ctypes.cast(b"a", ctypes.c_void_p), offsets.ctypes.data, 1, 1)
    task = ctypes.c_uint64()
    with pytest.raises((InvalidArgument, LimitExceeded)):
        _library.call("rv_words_search_start", words.value, byref(query), byref(params),
                      byref(task))  # fmt: skip
        done = ctypes.c_int32()
        _library.call("rv_task_wait", task.value, 10_000, byref(done))
        _library.call("rv_task_result", task.value, byref(ctypes.c_uint64()))


def test_offsets_that_shrink_are_refused():
    offsets = np.array([0, 2, 1], np.int64)
    values = _structs.Values(b"U", ctypes.cast(b"abc", ctypes.c_void_p), offsets.ctypes.data, 2, 3)
    task, out = ctypes.c_uint64(), ctypes.c_uint64()
    _library.call("rv_words_start", 0, byref(values), 1, byref(task))
    _library.call("rv_task_wait", task.value, 10_000, byref(ctypes.c_int32()))
    with pytest.raises(InvalidArgument, match="never shrink"):
        _library.call("rv_task_result", task.value, byref(out))
    _library.call("rv_free", task.value)


def test_ctrl_c_ends_a_build_and_leaves_nothing_running():
    texts = pl.Series(
        [f"word{i % 977} word{i % 7919} and more of them {i}" for i in range(300_000)]
    )
    handles = _native.library_info()["handles"]
    interrupt_after(0.05)
    with pytest.raises(KeyboardInterrupt):
        while True:
            build_words(texts, threads=1).close()
    assert _native.library_info()["handles"] == handles
    told = []
    build_words(texts, threads=1, progress=lambda done, total: told.append((done, total)))
    assert all(0 <= done <= total == 600_000 for done, total in told if done >= 0)


def test_many_threads_search_one_index():
    words = build_words([f"w{i % 7} w{i % 11} x{i}" for i in range(5000)])
    want = [search_words(words, [f"w{i}"], 20)[0].tolist() for i in range(7)]
    wrong = []

    def ask(i):
        for _ in range(30):
            if search_words(words, [f"w{i}"], 20)[0].tolist() != want[i]:
                wrong.append(i)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def cut(text: str) -> list[str]:
    """Terms by the rule of the documents, for letters and digits of scripts with spaces."""
    found = [""]
    for c in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(c)[0]
        if category in "LN" or (category == "M" and found[-1]):
            found[-1] += c.lower()
        else:
            found.append("")
    return [term for term in found if term]


def against_bm25s(texts: list[str], queries: list[str], k: int) -> None:
    """Compare with bm25s (method "lucene") on the same terms; every text must have one."""
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(t, len(vocabulary)) for t in cut(text)] for text in texts]
    terms = len(vocabulary)  # the peer adds an empty one
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(bm25s.tokenization.Tokenized(ids=ids, vocab=vocabulary), show_progress=False)
    words = build_words(texts)
    assert words_info(words)["terms"] == terms
    assert words_info(words)["tokens"] == sum(map(len, ids))
    rows, scores, counts = search_words(words, queries, k)
    for q, query in enumerate(queries):
        known = [vocabulary[t] for t in cut(query) if t in vocabulary]
        want = peer.get_scores_from_ids(known) if known else np.zeros(len(texts), np.float32)
        found = rows[q, : counts[q]]
        assert counts[q] == min(k, np.count_nonzero(want))
        np.testing.assert_allclose(scores[q, : counts[q]], want[found], rtol=2e-6)
        best = np.sort(want[want > 0])[::-1][: counts[q]]
        np.testing.assert_allclose(scores[q, : counts[q]], best, rtol=2e-6)


def test_scores_are_those_of_bm25s_on_a_natural_text():
    texts = [" ".join(vars(m).get("__doc__", "").split()) for m in (np, pd, pl, pa, ctypes, st)
             if m.__doc__]  # fmt: skip
    texts = [part for text in texts for part in text.split(". ") if cut(part)]
    assert len(texts) > 30
    against_bm25s(texts, ["data frame", "a fast array of numbers", "the the", "C types", "q"], 10)


LETTERS = st.text(alphabet="aAbßcÉé\u0301 d1²._\u00c5-", min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTERS.filter(cut), min_size=1, max_size=12), st.lists(LETTERS, max_size=3))
def test_scores_are_those_of_bm25s(texts, queries):
    against_bm25s(texts, [*queries, texts[0]], 5)
