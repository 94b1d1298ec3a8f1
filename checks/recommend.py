"""The seconds that `rv.recommend` says are those that builds and searches then show, within 2x.

Over the data sets of python/tests/recommend_shapes.py, every candidate. Both sides are measured in
turns; what is compared is the median over rounds of their ratio, for the machine has pauses.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(ROOT / "python/tests"))

from recommend_shapes import SHAPES, Matrix, Shape

import ruvector as rv
from ruvector._recommend_measure import batch, one_by_one

ROUNDS = 3
MORE_ROUNDS = 4  # for a shape with a figure beyond the limit: it may be the machine
WITHIN = 2.0
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


def compared(shape: Shape, rows: Matrix) -> dict[tuple[str, str], float]:
    """One round: for every candidate and figure, what was said over what was shown."""
    ratios = {}
    for said in rv.recommend(rows, metric=shape.metric).table:
        figures = (
            said.build_seconds, said.p50_ms / 1e3, said.p99_ms / 1e3,
            1 / said.queries_per_second,
        )  # fmt: skip
        seconds = shown(rows, shape.metric, said)
        for name, one, other in zip(FIGURES, figures, seconds, strict=True):
            ratios[f"{said.kind} {said.bits} {said.keep}", name] = one / other
    return ratios


def beyond(rounds: list[dict[tuple[str, str], float]]) -> dict[tuple[str, str], float]:
    """The figures whose median ratio is not within the limit."""
    medians = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
    return {key: value for key, value in medians.items() if not 1 / WITHIN <= value <= WITHIN}


def main() -> int:
    """Print every shape; returns how many figures are beyond the limit."""
    wrong = 0
    for shape in SHAPES:
        rows = shape.vectors()
        rounds = [compared(shape, rows) for _ in range(ROUNDS)]
        if beyond(rounds):
            rounds += [compared(shape, rows) for _ in range(MORE_ROUNDS)]
        medians = [statistics.median(r[key] for r in rounds) for key in rounds[0]]
        far = beyond(rounds)
        wrong += len(far)
        print(f"{shape!s:34} said / shown {min(medians):.2f} to {max(medians):.2f}", flush=True)
        for (label, name), value in far.items():
            print(f"  {label}: {name} {value:.2f}  BEYOND {WITHIN:g}x")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
