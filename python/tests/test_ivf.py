"""Kind ivf from Python: what it is told, what it answers, what its plan and its errors say."""

from __future__ import annotations

import functools
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

N, D, CELLS = 6_000, 24, 64


def _clustered(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Rows around 100 centres, with a mean that is not zero."""
    centres = np.random.default_rng(5).standard_normal((100, dim)) + 0.5
    rows = centres[rng.integers(0, 100, count)] + 0.5 * rng.standard_normal((count, dim))
    return rows.astype(np.float32)


ROWS = _clustered(np.random.default_rng(51), N, D)
QUERIES = _clustered(np.random.default_rng(52), 200, D)


@pytest.fixture(scope="module")
def index() -> rv.Index:
    return rv.Index.build(ROWS, kind="ivf", cells=CELLS, metric="l2")


@functools.cache
def _farthest() -> list[float]:
    """Distance of the tenth neighbour of each query."""
    return [float(oracle.nearest(ROWS, query, 10, "l2")[1][-1]) for query in QUERIES]


def _found(index: rv.Index, **arguments: Any) -> float:
    """Recall@10 of QUERIES against brute force, ties by distance."""
    result = index.search(QUERIES, 10, **arguments)
    hits = 0
    for last, scores in zip(_farthest(), result.scores, strict=True):
        hits += int(np.count_nonzero(scores <= last * (1 + 1e-6)))
    return hits / (10 * len(QUERIES))


def test_an_ivf_index_tells_what_it_is(index: rv.Index) -> None:
    info = index.info()
    assert (index.kind, index.bits, info["kind"], info["cells"]) == ("ivf", 5, "ivf", CELLS)
    assert info["plane"] in (1, 2, 4)
    assert info["calibrated"] is True
    targets = {(p["target"], p["vectors"]) for p in info["calibration"]}
    assert {(t, v) for t in (0.9, 0.95, 0.99) for v in (True, False)} <= targets
    for point in info["calibration"]:
        assert 1 <= point["probes"] <= CELLS
        assert 0 < point["recall"] <= 1
        assert point["epsilon0"] > 0
    assert repr(index) == "Index(6,000 x 24, l2, ivf, 5 bits)"
    html = index._repr_html_()
    assert "recall target 0.95" in html
    assert f'<td style="text-align:left;padding:1px 8px">{CELLS}</td>' in html


@pytest.mark.parametrize("target", [0.90, 0.95, 0.99])
def test_recall_on_queries_it_never_saw_reaches_the_target(index: rv.Index, target: float) -> None:
    got = _found(index, recall=target)
    # 2,000 neighbours, lost a few at a time: three standard deviations are .015 at .95.
    assert got >= target - 0.01 - 3 * np.sqrt(5 * target * (1 - target) / 2_000)


def test_more_probes_find_more_and_all_of_them_find_everything() -> None:
    cells = 2 * CELLS  # more than there are centres: neighbours lie in several cells
    index = rv.Index.build(ROWS, kind="ivf", cells=cells, metric="l2")
    # The target still sets the width of bounds: the highest has the widest.
    shares = [_found(index, probes=probes, recall=0.99) for probes in (1, 4, 16, cells)]
    assert shares == sorted(shares)
    assert shares[0] < 0.96
    assert shares[-1] > 0.995
    assert index.search(QUERIES[0], probes=10**9).plan.probes == cells
    one, four = (index.search(QUERIES, probes=probes).plan for probes in (1, 4))
    assert one.rows_scanned < four.rows_scanned < len(QUERIES) * N / 4


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_recall_one_is_brute_force(metric: Any) -> None:
    index = rv.Index.build(ROWS, kind="ivf", cells=32, metric=metric)
    for query in QUERIES[:5]:
        got = index.search(query, 7, recall=1.0)
        rows, scores = oracle.nearest(ROWS, query, 7, metric)
        assert got.ids.tolist() == rows.tolist()
        np.testing.assert_array_equal(got.scores, scores)


def test_an_answer_is_the_same_alone_and_in_a_batch(index: rv.Index) -> None:
    for arguments in ({}, {"probes": 3}, {"rerank": 0}, {"recall": 0.99}):
        batch = index.search(QUERIES, 5, **arguments)
        for i in (0, 7, 199):
            alone = index.search(QUERIES[i], 5, **arguments)
            assert alone.ids.tolist() == batch.ids[i].tolist()
            np.testing.assert_array_equal(alone.scores, batch.scores[i])


def test_info_tells_what_each_stage_of_the_build_took(index: rv.Index, tmp_path: Path) -> None:
    stages = index.info()["stages"]
    assert list(stages) == ["read", "train", "assign", "encode", "calibrate", "copies"]
    assert stages.pop("copies") == 0, "so few rows have none"
    assert all(took > 0 for took in stages.values())
    index.save(tmp_path / "cells.rvx")
    assert rv.Index.load(tmp_path / "cells.rvx").info()["stages"] is None


def test_a_plan_says_what_was_probed_and_where_the_time_went(index: rv.Index) -> None:
    plan = index.search(QUERIES, 10, recall=0.95).plan
    assert (plan.kind, plan.cells, plan.rows, plan.queries) == ("ivf", CELLS, N, 200)
    assert 1 <= plan.probes < CELLS
    assert plan.plane == index.info()["plane"]
    assert plan.rows_reranked >= 2_000
    assert plan.calibrated
    assert plan.recall_target == 0.95
    assert list(plan.milliseconds)[:2] == ["prepare", "route"]
    assert {"scan", "rerank"} <= set(plan.milliseconds)
    text = repr(plan)
    assert "\n" not in text
    assert f"of {CELLS} cells" in text
    assert "recall 0.95 |" in text
    assert "not calibrated" not in text + plan._repr_html_()
    assert "cells probed" in plan._repr_html_()
    assert "route ms" in plan._repr_html_()
    three = index.search(QUERIES[:10], 10, probes=3).plan
    assert three.probes == pytest.approx(3)
    assert "probed 3 of" in repr(three)


def test_other_kinds_have_one_cell_or_none() -> None:
    flat = rv.Index.build(ROWS, kind="flat").search(QUERIES[0]).plan
    exact = rv.Index.build(ROWS, kind="exact").search(QUERIES[0]).plan
    assert (flat.cells, flat.probes, flat.plane, flat.calibrated) == (1, 0.0, 1, False)
    assert (exact.cells, exact.probes, exact.plane, exact.calibrated) == (0, 0.0, 0, False)
    assert "cells" not in repr(flat) + repr(exact)


def test_filters_leave_k_rows_where_k_are_eligible(index: rv.Index) -> None:
    few = np.zeros(N, bool)
    few[::997] = True
    for query in QUERIES[:20]:
        got = index.search(query, 7, where=few)
        assert sorted(got.ids.tolist()) == np.flatnonzero(few).tolist()
        assert few[got.ids].all()
    assert set(index.search(QUERIES[0], 3, ids=[5, 4_000, 17], probes=1).ids.tolist()) == {
        5, 4_000, 17,
    }  # fmt: skip


def test_files_and_pickles_keep_cells_and_calibration(index: rv.Index, tmp_path: Path) -> None:
    index.save(tmp_path / "whole.rvx", vectors=True)
    index.save(tmp_path / "codes.rvx", vectors=False)
    copies = [
        rv.Index.load(tmp_path / "whole.rvx"),
        rv.Index.load(tmp_path / "codes.rvx", vectors=ROWS),
        pickle.loads(pickle.dumps(index)),
    ]
    want = index.search(QUERIES[:20], 5)
    for copy in copies:
        assert copy.info()["calibration"] == index.info()["calibration"]
        got = copy.search(QUERIES[:20], 5)
        assert got.ids.tolist() == want.ids.tolist()
        np.testing.assert_array_equal(got.scores, want.scores)


def test_the_same_input_gives_the_same_bytes_for_any_number_of_threads() -> None:
    first, second, other = (
        rv.Index.build(ROWS, kind="ivf", cells=40, threads=threads, seed=seed).__reduce__()
        for threads, seed in ((1, 3), (2, 3), (2, 4))
    )
    assert first == second
    assert first != other


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1, 90),
    dim=st.integers(1, 9),
    cells=st.integers(1, 120),
    kinds=st.integers(1, 90),
    metric=st.sampled_from(oracle.METRICS),
    k=st.integers(0, 12),
    keep=st.sampled_from(["borrow", "copy"]),
)
def test_few_rows_equal_rows_and_too_many_cells_are_searched_right(
    rows: int, dim: int, cells: int, kinds: int, metric: Any, k: int, keep: Any
) -> None:
    rng = np.random.default_rng(rows * 1000 + dim)
    vectors = rng.standard_normal((kinds, dim), np.float32)[rng.integers(0, kinds, rows)]
    index = rv.Index.build(vectors, kind="ivf", cells=cells, metric=metric, keep=keep)
    assert 1 <= index.info()["cells"] <= max(1, min(cells, rows))
    query = rng.standard_normal(dim, np.float32)
    got = index.search(query, k, recall=1.0)
    want, scores = oracle.nearest(vectors, query, k, metric)
    assert got.ids.tolist() == want.tolist()
    np.testing.assert_array_equal(got.scores, scores)
    assert len(index.search(query, k, probes=1).ids) == min(k, rows)


def test_arguments_without_meaning_are_refused(index: rv.Index) -> None:
    for cells in (0, -1, 1.5, "many", 2**70):
        with pytest.raises(rv.InvalidArgument, match="cells"):
            rv.Index.build(ROWS, kind="ivf", cells=cells)  # type: ignore[arg-type]
    for budget in (0, -1, "512MB", 1e9):
        with pytest.raises(rv.InvalidArgument, match="budget"):
            rv.Index.build(ROWS, kind="ivf", budget=budget)  # type: ignore[arg-type]
    for probes in (0, -1, 2.0, "all"):
        with pytest.raises(rv.InvalidArgument, match="probes"):
            index.search(QUERIES[0], probes=probes)  # type: ignore[arg-type]


def test_a_budget_that_is_too_small_names_one_that_works() -> None:
    with pytest.raises(rv.LimitExceeded, match="smallest") as caught:
        rv.Index.build(ROWS, kind="ivf", budget=10_000)
    smallest = int("".join(c for c in str(caught.value).rpartition(" ")[2] if c.isdigit()))
    assert smallest > 10_000
    assert rv.Index.build(ROWS, kind="ivf", budget=smallest).kind == "ivf"
    with pytest.raises(rv.LimitExceeded):
        rv.Index.build(ROWS, kind="ivf", budget=smallest - 1)


def test_auto_is_ivf_above_a_quarter_of_a_million_rows() -> None:
    rows = np.random.default_rng(53).standard_normal((250_001, 2), np.float32)
    with pytest.raises(rv.LimitExceeded, match="cells"):  # of kind ivf; building it takes long
        rv.Index.build(rows, budget=1)
    assert rv.Index.build(rows[:-1], keep="none").kind == "flat"


def test_a_frame_builds_and_searches_one() -> None:
    frame = pl.DataFrame({"n": range(N), "emb": pl.Series(ROWS, dtype=pl.Array(pl.Float32, D))})
    index = frame.ruvector.build_index("emb", kind="ivf", cells=50, metric="l2", budget=10**9)
    assert index.info()["cells"] == 50
    hits = frame.ruvector.search(ROWS[77], k=3, index=index, recall=0.99)
    assert hits["n"][0] == 77
    plan = rv.last_plan()
    assert plan is not None
    assert (plan.kind, plan.calibrated, plan.index) == ("ivf", True, "given")


# ---- calibration ----


def test_calibration_with_queries_unlike_the_rows_lets_them_find_more() -> None:
    rng = np.random.default_rng(54)
    index = rv.Index.build(ROWS, kind="ivf", cells=CELLS, metric="l2")
    before = index.info()["calibration"]
    strange = (2 * rng.standard_normal((400, D))).astype(np.float32)  # between the clusters
    with pytest.warns(rv.RuVectorWarning, match="index.calibrate"):
        probed = index.search(strange, 10, recall=0.95).plan.probes
    bytes_before = index.__reduce__()
    assert index.calibrate(strange[:200]) is None
    after = index.info()["calibration"]
    assert after != before
    assert [p["target"] for p in after] == [p["target"] for p in before]
    assert index.search(strange, 10, recall=0.95).plan.probes > probed
    assert index.__reduce__() != bytes_before, "a file keeps it"
    truth = [set(oracle.nearest(ROWS, q, 10, "l2")[0].tolist()) for q in strange[200:]]
    found = index.search(strange[200:], 10, recall=0.95).ids.tolist()
    hits = sum(len(t.intersection(f)) for t, f in zip(truth, found, strict=True))
    assert hits >= 0.92 * 2_000
    again = rv.Index.build(ROWS, kind="ivf", cells=CELLS, metric="l2")
    again.calibrate(strange[:200], threads=1)
    assert again.info()["calibration"] == after


def test_calibration_with_texts_uses_the_embedder_of_the_index() -> None:
    words = ["river", "bank", "money", "water", "loan", "boat", "rate", "fish"]
    texts = [f"{a} {b} {c}" for a in words for b in words for c in words]

    def embed(batch: list[str]) -> np.ndarray:
        return np.array([[t.count(w) + 0.01 * len(t) for w in words] for t in batch], np.float32)

    frame = pl.DataFrame({"body": texts})
    index = frame.ruvector.build_index(text="body", embedder=embed, kind="ivf", cells=16)
    index.calibrate(["river money", "boat loan rate"])
    assert index.search("river money", 3).ids.size == 3


def test_what_cannot_be_calibrated_is_refused(index: rv.Index) -> None:
    with pytest.raises(rv.InvalidArgument, match="flat"):
        rv.Index.build(ROWS, kind="flat").calibrate(QUERIES)
    before = index.info()["calibration"]
    for error, queries in (
        (rv.InvalidArgument, QUERIES[:0]),
        (rv.DimensionMismatch, QUERIES[:, :5]),
        (rv.InvalidVector, np.full((9, D), np.nan, np.float32)),
        (rv.EmbedError, ["text", "more text"]),
    ):
        with pytest.raises(error):
            index.calibrate(queries)
    with pytest.raises(rv.InvalidArgument, match="threads"):
        index.calibrate(QUERIES, threads=-1)
    assert index.info()["calibration"] == before
    bare = rv.Index.build(ROWS, kind="ivf", cells=CELLS, keep="none")
    with pytest.raises(rv.InvalidArgument, match="vectors"):
        bare.calibrate(QUERIES)
    bare.close()
    with pytest.raises(rv.IndexClosed):
        bare.calibrate(QUERIES)


# ---- targets that need vectors ----


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_a_target_out_of_reach_without_vectors_warns_once_with_the_fix(kind: Any) -> None:
    bare = rv.Index.build(ROWS, kind=kind, keep="none", bits=3)
    with pytest.warns(rv.RuVectorWarning, match="vectors=column") as caught:
        bare.search(QUERIES[0], recall=1.0)
        bare.search(QUERIES[0], recall=1.0)
    assert [warning.filename for warning in caught] == [__file__]
    kept = rv.Index.build(ROWS, kind=kind, bits=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept.search(QUERIES[0], recall=1.0)


def test_one_bit_without_vectors_is_warned_of_at_the_targets_it_misses(tmp_path: Path) -> None:
    rv.Index.build(ROWS, kind="ivf", bits=1, cells=CELLS).save(tmp_path / "codes", vectors=False)
    bare = rv.Index.load(tmp_path / "codes")
    points = [p for p in bare.info()["calibration"] if not p["vectors"]]
    assert any(p["recall"] < p["target"] - 0.01 for p in points), "one bit cannot order rows"
    with pytest.warns(rv.RuVectorWarning, match=r"recall=0\.95"):
        bare.search(QUERIES[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rv.Index.load(tmp_path / "codes", vectors=ROWS).search(QUERIES[0], recall=0.99)


def test_a_frame_given_codes_out_of_reach_is_warned_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"emb": pl.Series(ROWS, dtype=pl.Array(pl.Float32, D))})
    index = frame.ruvector.build_index("emb", kind="ivf", bits=1, keep="none", cells=CELLS)
    with pytest.warns(rv.RuVectorWarning, match="out of reach") as caught:
        frame.ruvector.search(QUERIES[0], index=index, recall=0.99)
    assert [warning.filename for warning in caught] == [__file__]
