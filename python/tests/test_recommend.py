"""`rv.recommend`: from a model or measured, judged by limits, and built."""

from __future__ import annotations

import pickle
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._recommend import machine as _recommend_machine
from ruvector._recommend.choice import choose
from ruvector._recommend.model import Design
from ruvector._recommend.table import Limits, limits_of
from ruvector._recommend.truth import Truth, interval

SEED = 71
ROWS = np.random.default_rng(SEED).standard_normal((1_500, 24), dtype=np.float32)


@pytest.fixture(scope="module")
def measured() -> rv.Recommendation:
    return rv.recommend(ROWS)


# ---- from a model ----


@pytest.mark.parametrize(
    ("rows", "kind"),
    [(0, "exact"), (1, "exact"), (10_000, "exact"), (10_001, "flat"), (250_000, "flat"),
     (250_001, "ivf"), (2_000_000_000, "ivf")],
)  # fmt: skip
def test_without_limits_the_model_says_what_auto_builds(rows: int, kind: str) -> None:
    advice = rv.recommend(rows, 96)
    assert (advice.kind, advice.source, advice.sample) == (kind, "model", 0)
    assert advice.meets
    assert "kind='auto'" in advice.why
    assert (advice.rows, advice.dim, advice.metric) == (rows, 96, "cosine")


def test_the_kinds_of_the_model_are_those_of_builds_at_the_borders() -> None:
    for rows in (10_000, 10_001):
        vectors = np.zeros((rows, 1), np.float32)
        with rv.Index.build(vectors) as index:
            assert index.kind == rv.recommend(rows, 1).kind


def test_more_rows_never_cost_less() -> None:
    before: dict[tuple[str, int, str], rv.Candidate] = {}
    for rows in (1_000, 5_000, 30_000, 200_000, 1_000_000):
        for now in rv.recommend(rows, 128).table:
            key = (now.kind, now.bits, now.keep)
            if key in before:
                assert now.index_bytes > before[key].index_bytes
                assert now.build_seconds > before[key].build_seconds
                assert now.p50_ms > before[key].p50_ms
                assert now.queries_per_second < before[key].queries_per_second
            before[key] = now
            assert now.p99_ms >= now.p50_ms > 0
            assert 0 <= now.recall_low <= now.recall <= now.recall_high <= 1


def test_cells_are_a_power_of_two_as_the_engine_chooses_them() -> None:
    for rows, dim, cells in ((1_000, 64, 64), (16_000, 64, 256), (16_000, 256, 512)):
        assert Design("ivf", rows, dim, "l2", 5, True).cells == cells


def test_the_yardstick_is_taken_once_for_each_setting_of_threads() -> None:
    first = _recommend_machine.speeds()
    assert _recommend_machine.speeds() is first
    assert all(0.05 <= factor <= 200 for factor in first)
    with rv.config(threads=1):
        assert _recommend_machine.speeds() is not first


# ---- limits ----


def test_a_limit_of_memory_leaves_the_vectors_behind() -> None:
    free = rv.recommend(1_000_000, 384)
    tight = rv.recommend(1_000_000, 384, memory="600MB")
    assert free.params["keep"] == "auto"
    assert tight.params["keep"] == "none"
    assert tight.choice.memory_bytes <= 600_000_000 == tight.memory
    assert tight.meets
    assert "memory" in tight.why
    assert any(not row.meets_memory for row in tight.table)


def test_a_memory_too_small_for_anything_names_the_smallest_that_works() -> None:
    with pytest.raises(rv.LimitExceeded) as caught:
        rv.recommend(1_000_000, 384, memory="1MB")
    smallest, enough = (
        int(found.replace(",", "")) for found in re.findall(r": ([\d,]+) bytes", str(caught.value))
    )
    assert rv.recommend(1_000_000, 384, memory=smallest).choice.memory_bytes == smallest
    assert rv.recommend(1_000_000, 384, memory=enough).choice.meets_recall
    with pytest.raises(rv.LimitExceeded):
        rv.recommend(1_000_000, 384, memory=smallest - 1)
    assert not rv.recommend(1_000_000, 384, memory=enough - 1).choice.meets_recall


def test_what_no_candidate_reaches_is_said_and_the_nearest_given() -> None:
    advice = rv.recommend(100_000, 384, qps=1e12)
    assert not advice.meets
    assert "comes nearest" in advice.why
    assert "1e+12" in advice.why or "1,000,000,000,000" in advice.why
    assert "misses qps" in repr(advice)


def test_a_rate_that_auto_does_not_reach_changes_the_kind() -> None:
    table = rv.recommend(200_000, 256).table
    flat = next(row for row in table if row.kind == "flat" and row.bits == 5)
    advice = rv.recommend(200_000, 256, qps=2 * flat.queries_per_second)
    assert advice.kind == "ivf"
    assert "flat 5 bits, which kind='auto' builds, answers" in advice.why


def test_only_an_exact_search_is_recommended_for_a_recall_of_one() -> None:
    for advice in (rv.recommend(1_000_000, 64, 1.0), rv.recommend(ROWS, recall_target=1.0)):
        assert advice.kind == "exact"
        assert [row.kind for row in advice.table if row.meets_recall] == ["exact"]


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("512 MiB", 512 * 2**20), ("1.5kB", 1_500), ("77", 77), (77.0, 77)],
)
def test_memory_is_a_number_or_text(text: Any, count: int) -> None:
    assert limits_of(0.9, text, None).memory == count


def test_numbers_of_numpy_are_numbers() -> None:
    limits = limits_of(np.float32(0.5), np.int64(1_000), np.int32(7))
    assert limits == Limits(0.5, 1_000, 7.0)
    assert rv.recommend(np.int64(10), np.int32(8)).rows == 10


def _row(kind: str, p50: float, build: float, **other: Any) -> rv.Candidate:
    bits = 0 if kind == "exact" else 5
    row = rv.Candidate(kind, bits, 0, "auto", 0.95, 1, 1, build, p50, p50, 1e3 / p50, 1, 1, 1)
    return row._replace(**other)


def test_a_faster_measured_candidate_replaces_auto_only_if_it_pays() -> None:
    limits = Limits(0.95, None, None)
    exact, flat = _row("exact", 1.0, 0.1), _row("flat", 0.4, 0.2)
    assert choose([exact, flat], 5_000, limits, True).candidate is flat
    assert choose([exact, flat], 5_000, limits, False).candidate is exact, "a model is no proof"
    slight = flat._replace(p50_ms=0.7)
    assert choose([exact, slight], 5_000, limits, True).candidate is exact
    long = flat._replace(build_seconds=100.0)
    chosen = choose([exact, long], 5_000, limits, True)
    assert chosen.candidate is exact
    assert "needs 166,500 queries to earn back a build 1e+02 s longer" in chosen.why
    blind = flat._replace(recall=0.5, meets_recall=False)
    assert choose([exact, blind], 5_000, limits, True).why.endswith(
        "the runner-up, flat 5 bits, finds 0.500 of the neighbours, not 0.95."
    )


def test_codes_alone_that_are_hardly_faster_do_not_replace_vectors() -> None:
    limits = Limits(0.95, None, None)
    exact, flat = _row("exact", 1.0, 0.1), _row("flat", 0.4, 0.1)
    alone = flat._replace(keep="none", p50_ms=0.35)
    assert choose([exact, flat, alone], 5_000, limits, True).candidate is flat
    much = alone._replace(p50_ms=0.2)
    assert choose([exact, flat, much], 5_000, limits, True).candidate is much


# ---- measured ----


def test_data_is_measured_and_says_over_how_many_rows(measured: rv.Recommendation) -> None:
    assert (measured.source, measured.sample) == ("measured", 1_500)
    assert "measured on all rows" in repr(measured)
    assert "measured" not in repr(rv.recommend(1_500, 24)).replace("model, not measured", "")
    assert {row.kind for row in measured.table} == {"exact", "flat", "ivf"}
    part = rv.recommend(ROWS, sample=500)
    assert part.sample == 500
    assert "a sample of 500 rows" in repr(part)


def test_the_same_seed_measures_the_same_recall() -> None:
    first, again = (rv.recommend(ROWS, sample=700, seed=5) for _ in range(2))
    other = rv.recommend(ROWS, sample=700, seed=6)

    def seen(advice: rv.Recommendation) -> list[tuple[Any, ...]]:
        return [(row.label, row.recall, row.index_bytes, row.aim) for row in advice.table]

    assert seen(first) == seen(again)
    assert seen(first) != seen(other)


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "euclidean", "sqeuclidean"])
def test_every_metric_is_measured_and_built(metric: Any) -> None:
    advice = rv.recommend(ROWS[:400], metric=metric)
    with advice.build(ROWS[:400]) as index:
        assert (
            index.metric
            == advice.metric
            == metric.replace("euclidean", "l2").replace("sql2", "sqeuclidean")
        )


def test_frames_of_every_library_name_the_column_or_have_only_one() -> None:
    vectors = ROWS[:300]
    frames: list[Any] = [
        pd.DataFrame({"emb": list(vectors), "n": range(300)}),
        pl.DataFrame({"emb": pl.Series(vectors, dtype=pl.Array(pl.Float32, 24)), "n": range(300)}),
        pa.table({
            "emb": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 24),
            "n": pa.array(range(300)),
        }),
    ]  # fmt: skip
    for frame in frames:
        advice = rv.recommend(frame, on="emb")
        with advice.build(frame, ids="n") as index:
            assert len(index) == 300
            assert index.search(vectors[7], 1).ids.tolist() == [7]
        assert rv.recommend(frame).dim == 24


def test_text_is_embedded_first() -> None:
    def embed(texts: list[str]) -> np.ndarray:
        return np.array([[len(t), t.count("a"), t.count("e"), 1] for t in texts], np.float32)

    frame = pd.DataFrame({"body": [f"{'a' * (i % 7)}{'e' * (i % 5)} {i}" for i in range(200)]})
    advice = rv.recommend(frame, on="body", embedder=embed)
    assert (advice.rows, advice.dim) == (200, 4)
    with advice.build(frame) as index:
        assert len(index.search("aaa e", 3).ids) == 3


def test_float64_columns_count_what_they_lend() -> None:
    advice = rv.recommend(ROWS[:500].astype(np.float64))
    assert advice.table[0].borrowed_bytes == 500 * 24 * 8


def test_null_rows_of_a_frame_are_left_out_and_those_of_a_column_refused() -> None:
    cells = [None if i % 3 == 0 else row.tolist() for i, row in enumerate(ROWS[:600])]
    frame = pl.DataFrame({"emb": pl.Series(cells, dtype=pl.Array(pl.Float32, 24))})
    advice = rv.recommend(frame)
    assert advice.sample == 400
    with advice.build(frame) as index:
        assert index.info()["nulls"] == 200
    for row in advice.table:
        with rv.build_index(frame, **row.params) as index:
            assert row.index_bytes == index.memory_bytes, row.label
    with pytest.raises(rv.InvalidVector, match="row 0"):
        rv.recommend(frame["emb"])


def test_bad_rows_are_an_error_wherever_they_are_or_are_skipped_when_told() -> None:
    rows = ROWS.copy()
    rows[1_234, 5] = np.nan
    with pytest.raises(rv.InvalidVector, match="1234"):
        rv.recommend(rows, sample=100)
    with rv.config(bad_vectors="skip"):
        advice = rv.recommend(rows)
    assert advice.sample == 1_499


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_to_measure_are_answered_by_the_model(rows: int) -> None:
    advice = rv.recommend(ROWS[:rows])
    assert (advice.source, advice.kind, advice.rows) == ("model", "exact", rows)
    advice.build(ROWS[:rows]).close()


@pytest.mark.parametrize("rows", [2, 3, 12, 40])
def test_few_rows_are_measured(rows: int) -> None:
    advice = rv.recommend(ROWS[:rows])
    assert (advice.source, advice.sample) == ("measured", rows)
    assert advice.table[0].recall == 1.0


def test_duplicates_count_as_found_whichever_was_returned() -> None:
    rows = np.repeat(ROWS[:40], 10, axis=0)
    assert all(row.recall == 1.0 for row in rv.recommend(rows).table if row.keep == "auto")


def test_filtered_measures_with_a_filter() -> None:
    advice = rv.recommend(ROWS, filtered=True)
    assert advice.filtered
    assert "filtered" in repr(advice)
    assert advice.meets
    assert rv.recommend(100_000, 8, filtered=True).choice.p50_ms > (
        rv.recommend(100_000, 8).choice.p50_ms
    )


def test_the_index_built_is_the_one_recommended(measured: rv.Recommendation) -> None:
    ids = [f"row {i}" for i in range(len(ROWS))]
    with measured.build(ROWS, ids=ids) as index:
        assert index.kind == measured.kind
        assert index.search(ROWS[3], 1).ids.tolist() == ["row 3"]
    with rv.Index.build(ROWS, **measured.params) as index:
        assert index.memory_bytes == measured.choice.index_bytes
    tight = rv.recommend(ROWS, memory=60_000, recall_target=0.9)
    with tight.build(ROWS) as index:
        assert index.memory_bytes <= 60_000
        assert not index.info()["vectors"]


def test_other_dimensions_than_asked_about_are_refused(measured: rv.Recommendation) -> None:
    with pytest.raises(rv.DimensionMismatch, match="7 dimensions, the recommendation is for 24"):
        measured.build(ROWS[:, :7])


# ---- recall ----


def test_truth_agrees_with_the_engine_in_mean_and_interval() -> None:
    with rv.Index.build(ROWS, kind="flat", bits=1, metric="l2") as index:
        asked = np.arange(len(ROWS))
        truth = Truth(ROWS, "l2", asked, None, 5)
        answer = index.search(ROWS, 6, recall=0.9)
        mean, low, high = truth.recall(answer.ids, answer.counts)
        report = index.recall(5, len(ROWS), recall=0.9)
    assert (mean, low, high) == pytest.approx((report.mean, report.low, report.high), abs=1e-9)


def test_truth_obeys_a_filter_and_counts_absent_rows_as_missed() -> None:
    where = np.zeros(len(ROWS), np.bool_)
    where[:50] = True
    asked = np.array([3, 700])
    truth = Truth(ROWS, "cosine", asked, where, 10)
    with rv.Index.build(ROWS, kind="exact") as index:
        found = index.search(ROWS[asked], 11, where=where)
    assert truth.recall(found.ids, found.counts)[0] == 1.0
    assert truth.recall(found.ids, np.array([0, 11]))[0] == pytest.approx(0.5)
    nothing = Truth(ROWS, "cosine", asked, np.zeros(len(ROWS), np.bool_), 10)
    assert nothing.recall(found.ids, np.array([0, 0])) == (1.0, 0.0, 1.0)


def test_an_interval_is_wider_where_misses_cluster() -> None:
    apart, together = np.full(100, 0.9), np.repeat([1.0, 0.0], [90, 10])
    one, two = interval(apart, 10), interval(together, 10)
    assert one[0] == pytest.approx(two[0])
    assert two[2] - two[1] > 1.5 * (one[2] - one[1])


# ---- what is refused ----


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((-1, 8), {}, "n=-1"),
        ((1e6, 8), {}, "whole number"),
        ((True, 8), {}, "whole numbers"),
        ((10,), {}, "dim="),
        ((10, 0), {}, "dim=0"),
        ((10, 65_537), {}, "65,536"),
        ((10, "many"), {}, "dim='many'"),
        ((10, 8, 0), {}, "recall_target=0"),
        ((10, 8, 1.01), {}, "recall_target"),
        ((10, 8, float("nan")), {}, "recall_target"),
        ((10, 8, "high"), {}, "recall_target"),
        ((10, 8), {"memory": "2 parsecs"}, "2GB"),
        ((10, 8), {"memory": -5}, "memory"),
        ((10, 8), {"memory": 0}, "memory"),
        ((10, 8), {"memory": True}, "memory"),
        ((10, 8), {"memory": 1.5}, "memory"),
        ((10, 8), {"qps": 0}, "qps=0"),
        ((10, 8), {"qps": float("inf")}, "qps"),
        ((10, 8), {"qps": "fast"}, "qps"),
        ((10, 8), {"filtered": "yes"}, "filtered"),
        ((10, 8), {"on": "emb"}, "on="),
        ((10, 8), {"sample": 500}, "sample="),
        ((ROWS,), {"sample": 99}, "100 rows"),
        ((ROWS,), {"sample": 1.5}, "sample"),
        ((ROWS,), {"seed": -1}, "seed"),
        ((ROWS, 24), {}, "dim=24"),
        ((ROWS,), {"on": "emb"}, "rv.Index.build"),
        (([None, None],), {}, "no number of dimensions"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(
    arguments: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(rv.InvalidArgument, match=re.escape(said)):
        rv.recommend(*arguments, **options)


def test_the_errors_of_columns_and_metrics_are_those_of_other_verbs() -> None:
    with pytest.raises(rv.ColumnError, match="no column holds vectors"):
        rv.recommend(pd.DataFrame({"n": [1, 2]}))
    with pytest.raises(rv.ColumnError, match="there is no column 'x'"):
        rv.recommend(pd.DataFrame({"emb": list(ROWS[:5])}), on="x")
    with pytest.raises(rv.MetricError):
        rv.recommend(10, 8, metric="angular")  # type: ignore[call-overload]
    with pytest.raises(rv.MetricError, match="vectors of bits"):
        rv.recommend(10, 8, metric="hamming")
    with pytest.raises(rv.InvalidVector, match="2-D"):
        rv.recommend(ROWS[0])
    with pytest.raises(rv.LimitExceeded, match="2,147,483,647"):
        rv.recommend(2**31, 8)
    with pytest.raises(rv.InvalidVector, match="column 'emb'"):
        rv.recommend(pd.DataFrame({"emb": list(np.array([[1.0, np.nan], [1.0, 2.0]]))}))


# ---- as text, table and picture ----


def test_the_text_has_a_row_a_candidate_and_marks_the_choice(measured: rv.Recommendation) -> None:
    lines = repr(measured).splitlines()
    assert lines[1] == measured.why
    assert measured.why.count(". ") == 0
    assert measured.why.endswith(".")
    assert len(lines) == 3 + len(measured.table)
    (marked,) = [line for line in lines if line.startswith("-> ")]
    assert marked.startswith(f"-> {measured.choice.label}")


def test_the_html_is_a_table_and_a_picture_without_script(measured: rv.Recommendation) -> None:
    for advice in (measured, rv.recommend(1_000_000, 384), rv.recommend(0, 1)):
        page = advice._repr_html_()
        assert "script" not in page
        assert page.count("<tr>") == 1 + len(advice.table)
        assert ("model, not measured" in page) == (advice.source == "model")
        picture = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
        said = [node.text for node in picture.iter() if node.tag.endswith("title")]
        assert f"recall target {advice.recall_target:g}" in said
        assert "recommended" in said
        assert len([text for text in said if text and ", recall=" in text]) == len(advice.curve)
        assert picture.attrib["fill"] == "currentColor", "text takes the colour of the page"
        for node in picture.iter():
            for name in ("x", "cx", "y", "cy"):
                assert 0 <= float(node.attrib.get(name, 0)) <= 460


def test_the_curve_finds_more_for_more_time_on_average() -> None:
    points = [p for p in rv.recommend(1_000_000, 384).curve if p.kind == "ivf"]
    assert len(points) == 5
    assert (
        sorted(points, key=lambda p: p.recall) == points == sorted(points, key=lambda p: p.p50_ms)
    )


def test_the_table_is_a_frame_on_request(measured: rv.Recommendation) -> None:
    frame = measured.to_pandas()
    assert len(frame) == len(measured.table)
    assert frame["chosen"].sum() == 1
    assert frame.loc[frame["chosen"], "kind"].tolist() == [measured.kind]
    assert list(frame.columns[1:]) == list(rv.Candidate._fields)


def test_a_recommendation_is_frozen_and_pickles(measured: rv.Recommendation) -> None:
    with pytest.raises(AttributeError, match="frozen"):
        measured.why = "because"
    with pytest.raises(AttributeError, match="frozen"):
        del measured.table
    with pytest.raises(AttributeError):
        measured.table[0].kind = "flat"  # type: ignore[misc]
    measured.params["kind"] = "nonsense"
    assert measured.params["kind"] == measured.kind, "params is a fresh dict"
    again = pickle.loads(pickle.dumps(measured))
    assert repr(again) == repr(measured)
    assert (again.memory, again.qps) == (None, None)
