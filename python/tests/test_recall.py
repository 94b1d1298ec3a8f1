"""Recall is measured: `Index.recall` and its report."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import threading
import time
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._native.library import call

ROWS = np.random.default_rng(61).standard_normal((3_000, 32), dtype=np.float32)
KINDS = ["exact", "flat", "ivf"]


@pytest.mark.parametrize("kind", KINDS)
def test_recall_of_every_row_is_what_searches_row_by_row_find(kind: Any) -> None:
    rows = ROWS[:400]
    index = rv.Index.build(rows, kind=kind, metric="l2", bits=1, cells=20)
    hits = 0
    for own, query in enumerate(rows):
        others = np.arange(400) != own
        last = oracle.nearest(rows, query, 5, "l2", others)[1][-1]
        got = index.search(query, 6, recall=0.9)
        scores = got.scores[got.ids != own][:5]
        hits += int(np.count_nonzero(scores <= last))
    report = index.recall(5, 400, recall=0.9)
    assert report.mean == pytest.approx(hits / 2_000, abs=1e-12)
    assert (report.k, report.sample) == (5, 400)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exact_search_has_recall_one(kind: Any) -> None:
    report = rv.Index.build(ROWS, kind=kind).recall(recall=1.0)
    assert (report.mean, report.high, report.k, report.sample) == (1.0, 1.0, 10, 200)
    assert 0.97 < report.low < 1.0, "200 queries without a miss are no proof of a thousand"


def test_the_default_is_the_target_of_the_index() -> None:
    index = rv.Index.build(ROWS, kind="ivf", recall=0.9)
    assert index.recall() == index.recall(recall=0.9)
    assert index.recall().mean < index.recall(recall=0.99).mean
    assert index.recall(sample=1_000).high - index.recall(sample=1_000).low < 0.04
    assert index.recall() == index.recall(threads=1), "the same sample for any number of threads"


def test_a_report_is_one_line_frozen_and_a_table() -> None:
    report = rv.Index.build(ROWS, kind="ivf").recall(k=3, sample=50)
    assert report.low <= report.mean <= report.high
    text = repr(report)
    assert "\n" not in text
    assert text.startswith(f"RecallReport(recall@3 {report.mean:.4f}, 95 % between ")
    assert "50 queries" in text
    assert "recall@3" in report._repr_html_()
    assert "script" not in report._repr_html_()
    with pytest.raises(AttributeError):
        report.mean = 1.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(report)) == report
    assert isinstance(report, rv.RecallReport)


def test_fewer_rows_than_asked_for_are_all_used() -> None:
    report = rv.Index.build(ROWS[:7]).recall()
    assert (report.mean, report.k, report.sample) == (1.0, 6, 7)


def test_null_rows_neither_ask_nor_answer() -> None:
    vectors = [None if i % 3 == 0 else row for i, row in enumerate(ROWS[:60])]
    report = rv.Index.build(vectors, nulls="skip").recall(100, 100)
    assert (report.mean, report.k, report.sample) == (1.0, 39, 40)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(2, 40),
    different=st.integers(1, 40),
    k=st.integers(1, 50),
    sample=st.integers(1, 50),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(oracle.METRICS),
)
def test_any_shape_gives_a_share_inside_its_interval(
    rows: int, different: int, k: int, sample: int, kind: Any, metric: Any
) -> None:
    vectors = np.repeat(ROWS[:different], -(-rows // different), axis=0)[:rows]
    report = rv.Index.build(vectors, kind=kind, metric=metric, cells=4).recall(k, sample)
    assert 0 <= report.low <= report.mean <= report.high <= 1
    assert (report.k, report.sample) == (min(k, rows - 1), min(sample, rows))
    if kind != "ivf":
        assert report.mean == 1.0


def test_what_cannot_be_measured_is_refused() -> None:
    index = rv.Index.build(ROWS[:50])
    for name in ("k", "sample"):
        for value in (0, -1, 1.5, "ten", None):
            with pytest.raises(rv.InvalidArgument, match=name):
                index.recall(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="recall"):
        index.recall(recall=1.5)
    with pytest.raises(rv.InvalidArgument, match="threads"):
        index.recall(threads=-1)
    with pytest.raises(rv.InvalidArgument, match="vectors=column"):
        rv.Index.build(ROWS, kind="flat", keep="none").recall()
    for few in (0, 1):
        with pytest.raises(rv.InvalidArgument, match=f"{few} rows"):
            rv.Index.build(ROWS[:few]).recall()
    index.close()
    with pytest.raises(rv.IndexClosed):
        index.recall()


def test_the_library_refuses_calls_without_a_place_for_the_answer() -> None:
    handle = rv.Index.build(ROWS[:50])._handle
    task = ctypes.c_uint64(0)
    for arguments in ((None, ctypes.byref(task)), (ctypes.byref((ctypes.c_double * 5)()), None)):
        with pytest.raises(rv.InvalidArgument, match="no place"):
            call("rv_recall_start", handle.value, 1, 1, 0.0, 1, *arguments)
    with pytest.raises(rv.InvalidArgument, match="missing"):
        call("rv_calibrate_start", handle.value, None, 3, 32, 1, ctypes.byref(task))
    with pytest.raises(rv.DimensionMismatch, match="9 dimensions"):
        call("rv_calibrate_start", handle.value, ROWS.ctypes.data, 3, 9, 1, ctypes.byref(task))
    assert task.value == 0


@pytest.mark.parametrize("verb", ["recall", "calibrate"])
def test_an_interrupt_ends_the_measurement_and_changes_nothing(verb: str) -> None:
    rows = np.random.default_rng(62).standard_normal((20_000, 32), dtype=np.float32)
    index = rv.Index.build(rows, kind="ivf", cells=32)
    before = index.info()["calibration"]
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(0.1)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        threading.Thread(target=interrupt).start()
        if verb == "recall":
            index.recall(100, 20_000)
        else:
            index.calibrate(rows)
    assert time.monotonic() - sent[0] < 2.0, "the whole measurement takes many times as long"
    assert index.info()["calibration"] == before
    assert index.search(rows[5], 1).ids.tolist() == [5]
