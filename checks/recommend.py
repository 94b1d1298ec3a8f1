"""The seconds that `rv.recommend` says are those that builds and searches then show, within 2x.

Over the data sets of python/tests/recommend_shapes.py, every candidate. Both sides are measured in
turns, as often, and the best of each are compared: what else runs on the machine only adds time.
What the model says, that has not seen the data, is within 4x for rows like texts.
"""

from __future__ import annotations

import pathlib
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(ROOT / "python/tests"))

from recommend_shapes import SHAPES, Matrix, Shape

import ruvector as rv
from ruvector._recommend.measure import batch, one_by_one

ROUNDS = 2
MOST_ROUNDS = 8  # while a figure is beyond the limit: it may be the machine
WITHIN = 2.0
MODEL_WITHIN = 4.0
FIGURES = ("build", "p50", "p99", "batch")


def shown(rows: Matrix, metric: Any, said: rv.Candidate) -> tuple[float, ...]:
    """Seconds that a build and its searches take: those that a candidate has figures for."""

    def timed() -> float:
        begin = time.perf_counter()
        rv.Index.build(rows, metric=metric, progress=False, **said.params).close()
        return time.perf_counter() - begin

    spent = timed()
    if spent < 0.1:
        spent = min(spent, timed(), timed())
    with rv.Index.build(rows, metric=metric, progress=False, **said.params) as index:
        queries = rows[:: max(1, len(rows) // 400)]
        p50, p99 = one_by_one(index, queries, said.aim, None)
        return spent, p50, p99, batch(index, queries, said.aim, None)


Times = dict[tuple[str, str], float]  # by candidate and figure, in seconds


def named(row: rv.Candidate, figures: tuple[float, ...]) -> Times:
    """The figures of a candidate."""
    label = f"{row.kind} {row.bits} {row.keep}"
    return {(label, name): value for name, value in zip(FIGURES, figures, strict=True)}


def said_of(advice: rv.Recommendation) -> Times:
    """What was said of every candidate."""
    said: Times = {}
    for row in advice.table:
        figures = (
            row.build_seconds, row.p50_ms / 1e3, row.p99_ms / 1e3, 1 / row.queries_per_second,
        )  # fmt: skip
        said |= named(row, figures)
    return said


def round_of(shape: Shape, rows: Matrix) -> tuple[Times, Times]:
    """What was said of every candidate, and what it showed."""
    advice = rv.recommend(rows, metric=shape.metric)
    seen: Times = {}
    for row in advice.table:
        seen |= named(row, shown(rows, shape.metric, row))
    return said_of(advice), seen


def ratios(rounds: list[tuple[Times, Times]]) -> Times:
    """Best said over best shown."""
    return {
        key: min(said[key] for said, _ in rounds) / min(seen[key] for _, seen in rounds)
        for key in rounds[0][0].keys() & rounds[0][1].keys()
    }


def beyond(found: Times, within: float) -> Times:
    """The ratios that are not within the limit."""
    return {key: value for key, value in found.items() if not 1 / within <= value <= within}


def report(title: str, found: Times, within: float) -> int:
    """Print the ratios of a data set; returns how many are beyond the limit."""
    print(f"{title} / shown {min(found.values()):.2f} to {max(found.values()):.2f}")
    wrong = beyond(found, within)
    for (label, name), value in wrong.items():
        print(f"  {label}: {name} {value:.2f}  BEYOND {within:g}x")
    sys.stdout.flush()
    return len(wrong)


def main() -> int:
    """Print every shape; returns how many figures are beyond the limit."""
    wrong = 0
    for shape in SHAPES:
        rows = shape.vectors()
        rounds = [round_of(shape, rows) for _ in range(ROUNDS)]
        while beyond(ratios(rounds), WITHIN) and len(rounds) < MOST_ROUNDS:
            rounds.append(round_of(shape, rows))
        wrong += report(f"{shape!s:34} {len(rounds)} rounds, said", ratios(rounds), WITHIN)
        if shape.make == "texts":
            model = said_of(rv.recommend(*rows.shape, metric=shape.metric))
            found = ratios([(model, seen) for _, seen in rounds])
            wrong += report(f"{shape!s:34} model", found, MODEL_WITHIN)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
