"""Random cases answer as a float64 model does, and the model notices what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differential.cases import KINDS, run_case
from differential.drawing import Case, Mismatch
from differential.judging import Asked
from differential.model import Model
from differential.running import findings, new_seed, replay, report

# ---- the promise ----


def test_random_cases_answer_as_the_model_does() -> None:
    seed = new_seed()
    print(f"replay with RUVECTOR_TEST_SEED={seed}, or one case: {replay(f'{seed}:NUMBER')}")
    found = list(findings(seed, 100))
    assert not found, "\n\n".join(report(one) for one in found)


# ---- and what holds it ----

X = np.array([[3.0, 0], [1, 0], [1, 0], [0, 2], [9, 9]])
VALID = np.array([True, True, True, True, False])
QUERY = np.array([1.0, 0.5])
EVERYONE = np.ones(5, bool)


def _asked(metric: str = "l2", allowed: np.ndarray = EVERYONE) -> Asked:
    return Asked(Model(metric, X, VALID, [10, 11, 12, 13, 14]), QUERY, allowed)


def _right(k: int = 4) -> tuple[list[Any], np.ndarray]:
    asked = _asked()
    rows = asked.best[:k]
    return [10 + int(row) for row in rows], asked.scores.values[rows].astype(np.float32)


def test_the_right_answer_is_right() -> None:
    ids, scores = _right()
    assert ids == [11, 12, 13, 10]
    _asked().is_nearest(ids, scores, 4)
    _asked().is_nearest(ids, scores, 99)
    _asked().is_within(ids[:3], scores[:3], float(scores[2]), None)
    _asked().is_plausible(ids, scores + np.float32(0.1), 4)


def _change(ids: list[Any], scores: np.ndarray, how: str) -> tuple[list[Any], np.ndarray]:
    scores = scores.copy()
    if how == "wrong score":
        scores[1] += np.float32(1e-6)
    elif how == "tie not to the smaller row":
        ids = [ids[1], ids[0], *ids[2:]]
    elif how == "number of rows":
        ids, scores = ids[:-1], scores[:-1]
    elif how == "answer with an id twice":
        ids, scores = [ids[0], ids[0], *ids[2:]], scores
    elif how == "answer with an id that is not there":
        ids = [*ids[:-1], 99]
    elif how == "answer with a row that may not be found":
        ids = [*ids[:-1], 14]
    elif how == "score type":
        scores = scores.astype(np.float64)
    elif how == "answer out of order":
        ids, scores = ids[::-1], scores[::-1].copy()
    return ids, scores


@pytest.mark.parametrize(
    "how",
    [
        "wrong score",
        "tie not to the smaller row",
        "number of rows",
        "answer with an id twice",
        "answer with an id that is not there",
        "answer with a row that may not be found",
        "score type",
        "answer out of order",
    ],
)
def test_a_wrong_answer_is_named(how: str) -> None:
    ids, scores = _change(*_right(), how)
    with pytest.raises(Mismatch) as caught:
        _asked().is_nearest(ids, scores, 4)
    assert caught.value.check == how


def test_a_farther_row_in_the_place_of_a_nearer_one_is_named() -> None:
    ids, scores = _right()
    with pytest.raises(Mismatch, match="wrong rows"):
        _asked().is_nearest([*ids[:2], ids[3]], scores[[0, 1, 3]], 3)


def test_a_row_missing_within_a_threshold_or_outside_it_is_named() -> None:
    ids, scores = _right()
    with pytest.raises(Mismatch, match="missing"):
        _asked().is_within(ids[:2], scores[:2], 5.0, None)
    with pytest.raises(Mismatch, match="outside"):
        _asked().is_within(ids, scores, 1.0, None)


def test_estimates_outside_what_the_metric_can_be_are_named() -> None:
    ids, _ = _right(2)
    with pytest.raises(Mismatch, match="cosine outside"):
        _asked("cosine").is_plausible(ids, np.float32([1.002, 1]), 2)
    with pytest.raises(Mismatch, match="distance below 0"):
        _asked("sqeuclidean").is_plausible(ids, np.float32([-0.1, 0]), 2)
    with pytest.raises(Mismatch, match="NaN"):
        _asked("dot").is_plausible(ids, np.float32([np.nan, 0]), 2)


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
def test_scores_are_those_of_long_arithmetic(metric: str) -> None:
    random = np.random.default_rng(7)
    x = random.standard_normal((50, 9)) * 10.0 ** random.integers(-40, 40, (50, 1))
    q = random.standard_normal(9)
    scores = Model(metric, x, np.ones(50, bool), list(range(50))).scores(q)
    wide, long = x.astype(np.longdouble), q.astype(np.longdouble)
    expected = {
        "dot": lambda: (wide * long).sum(1),
        "cosine": lambda: (wide * long).sum(1) / np.sqrt((wide**2).sum(1) * (long**2).sum()),
        "sqeuclidean": lambda: ((wide - long) ** 2).sum(1),
        "l2": lambda: np.sqrt(((wide - long) ** 2).sum(1)),
    }[metric]()
    assert (np.abs(scores.values - expected) <= scores.slack).all()


def test_a_case_is_its_seed() -> None:
    for kind in KINDS:
        one, other = Case("3:4"), Case("3:4")
        assert kind.__doc__
        assert [one.whole(0, 9) for _ in range(9)] == [other.whole(0, 9) for _ in range(9)]
        assert (one.np.random(5) == other.np.random(5)).all()
    assert run_case("3:4") == run_case("3:4")


def _ends(code: str) -> Callable[[int, int, int], list[str]]:
    """A worker that begins a case, and ends as told in the third one."""

    def command(seed: int, first: int, last: int) -> list[str]:
        text = f"""
import faulthandler, json, os, time
for number in range({first}, {last}):
    print(json.dumps({{"begin": number}}), flush=True)
    if number == 2:
        {code}
"""
        return [sys.executable, "-c", text]

    return command


def test_a_crash_is_a_finding_with_its_seed_and_the_next_cases_run() -> None:
    found = list(findings(8, 5, _ends("os.abort()")))
    assert [(one.seed, one.kind) for one in found] == [("8:2", "crash: the process ended with -6")]


def test_a_hang_is_a_finding_with_its_seed() -> None:
    hang = "faulthandler.dump_traceback_later(0.2, exit=True); time.sleep(60)"
    found = list(findings(8, 5, _ends(hang)))
    assert [(one.seed, one.kind) for one in found] == [("8:2", "hang")]
    assert "--one 8:2" in report(found[0])
