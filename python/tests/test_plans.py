"""Every answer has a plan, small and frozen; the last one is kept for each thread and task."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import pickle
import threading

import numpy as np
import pytest

import ruvector as rv
from ruvector._native import structs as _structs


def _index(kind: str = "exact") -> tuple[rv.Index, np.ndarray]:
    vectors = np.random.default_rng(3).standard_normal((500, 8), dtype=np.float32)
    return rv.Index.build(vectors, kind=kind), vectors


def test_a_plan_says_what_was_done() -> None:
    vectors = np.random.default_rng(3).standard_normal((9_000, 32), dtype=np.float32)
    index = rv.Index.build(vectors, kind="flat")
    plan = index.search(vectors[:3], 2).plan
    assert plan.kind == "flat"
    assert plan.backend in rv.cpu_features()["available"]
    assert (plan.rows, plan.rows_eligible, plan.null_rows, plan.queries) == (9_000, 9_000, 0, 3)
    assert plan.rows_scanned > 0
    assert plan.rows_reranked >= 6
    assert plan.certified == 1.0
    assert plan.scores == "exact"
    assert plan.index == "given"
    assert plan.bits == 5
    assert plan.epsilon0 == pytest.approx(1.9)
    assert set(plan.milliseconds) <= {"prepare", "route", "scan", "rerank"}
    assert sum(plan.milliseconds.values()) <= plan.total_milliseconds * 1.5 + 1
    assert "\n" not in repr(plan)
    assert "flat" in repr(plan)
    assert "<table" in plan._repr_html_()
    assert "script" not in plan._repr_html_()


@pytest.mark.parametrize(
    ("tier", "name"), [(0, "pure"), (1, "avx2"), (2, "avx512"), (3, "neon"), (9, "9")]
)
def test_a_plan_names_the_kernels_that_ran(tier: int, name: str) -> None:
    raw = _structs.Plan(kind=3, tier=tier, queries=4, probed=10, cells=7, ns_route=2_000_000)
    for plan in (rv.Plan(raw), rv.Plan(bytes(raw)), pickle.loads(pickle.dumps(rv.Plan(raw)))):
        assert (plan.backend, plan.kind, plan.probes, plan.cells) == (name, "ivf", 2.5, 7)
        assert plan.milliseconds == {"route": 2.0}
        assert "probed 2.5 of 7 cells" in repr(plan)
    assert rv.Plan(_structs.Plan()).probes == 0.0


def test_a_plan_is_frozen() -> None:
    index, vectors = _index()
    plan = index.search(vectors[0]).plan
    with pytest.raises(AttributeError, match="frozen"):
        plan.kind = "ivf"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        plan.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        plan.milliseconds["scan"] = 0  # type: ignore[index]


def test_plans_and_results_can_be_copied_and_pickled() -> None:
    index, vectors = _index()
    result = index.search(vectors[:2], 3)
    for plan in (copy.copy(result.plan), pickle.loads(pickle.dumps(result.plan))):
        assert repr(plan) == repr(result.plan)
    again = pickle.loads(pickle.dumps(result))
    assert len(pickle.dumps(result)) < 2_000
    np.testing.assert_array_equal(again.ids, result.ids)
    assert again.hits() == result.hits()
    assert again.score_name == result.score_name
    with pytest.raises(rv.InvalidArgument, match="pickled"):
        again.rows([])


@pytest.mark.parametrize(("recall", "epsilon"), [(0.90, 1.6), (0.95, 1.9), (0.99, 2.4)])
def test_recall_sets_the_bound_from_a_fixed_table_and_the_plan_says_not_calibrated(
    recall: float, epsilon: float
) -> None:
    index, vectors = _index("flat")
    plan = index.search(vectors[0], recall=recall).plan
    assert plan.epsilon0 == pytest.approx(epsilon)
    assert plan.recall_target == recall
    assert not plan.calibrated
    assert "not calibrated" in repr(plan)
    assert "not calibrated" in plan._repr_html_()
    assert "not calibrated" not in repr(index.search(vectors[0]).plan)


@pytest.mark.parametrize("recall", [0, -0.5, 1.01, float("nan"), "high"])
def test_a_recall_target_outside_its_range_is_refused(recall: object) -> None:
    index, vectors = _index()
    with pytest.raises(rv.InvalidArgument, match="recall"):
        index.search(vectors[0], recall=recall)  # type: ignore[arg-type]


def test_the_last_plan_belongs_to_the_thread() -> None:
    index, vectors = _index()
    mine = index.search(vectors[0]).plan
    seen: list[object] = []

    def work() -> None:
        seen.append(rv.last_plan())
        index.search(vectors[:7])
        seen.append(rv.last_plan())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen[0] is None
    assert isinstance(seen[1], rv.Plan)
    assert seen[1].queries == 7
    assert rv.last_plan() is mine


def test_the_last_plan_belongs_to_the_task() -> None:
    index, vectors = _index()

    async def work(n: int) -> int:
        index.search(vectors[:n])
        await asyncio.sleep(0.01)
        plan = rv.last_plan()
        assert plan is not None
        return plan.queries

    async def both() -> list[int]:
        return await asyncio.gather(work(2), work(5))

    assert asyncio.run(both()) == [2, 5]


def test_there_is_no_plan_before_the_first_search() -> None:
    assert contextvars.Context().run(rv.last_plan) is None


@pytest.mark.parametrize("queries", [1, 40])
def test_first_thresholds_are_a_part_of_routing(queries: int) -> None:
    vectors = np.random.default_rng(3).standard_normal((9_000, 32), dtype=np.float32)
    index = rv.Index.build(vectors, kind="ivf")
    raw = index.search(vectors[:queries], 2, threads=1).plan._raw
    assert 0 < raw.ns_first <= raw.ns_route
    flat = rv.Index.build(vectors, kind="flat")
    assert flat.search(vectors[0]).plan._raw.ns_first == 0
