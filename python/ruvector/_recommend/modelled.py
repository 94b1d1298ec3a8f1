"""A recommendation for numbers alone: what the model says of every candidate."""

from __future__ import annotations

from typing import Any

from .choice import choose
from .curve import CurvePoint
from .machine import speeds
from .model import query_seconds, typical_counts, typical_recall
from .result import Recommendation
from .table import AIMS, Limits, designs, modelled


def from_model(
    rows: int, dim: int, metric: str, limits: Limits, filtered: bool, data: Any = (None, None)
) -> Recommendation:
    """Return what to build for so many vectors; `data` is where a frame has them."""
    here = speeds()
    found = designs(rows, dim, metric)
    table = [limits.judge(modelled(d, limits.recall, here, filtered)) for d in found]
    curve = []
    for design in found:
        if not design.vectors or design.bits not in (0, 5):
            continue
        alone = query_seconds(design, typical_counts(design), here, filtered)
        for aim in {"exact": (1.0,), "flat": AIMS[1:3], "ivf": AIMS}[design.kind]:
            # Fewer cells for lower targets: rows scanned go with the root of what may be missed.
            less = min(1.0, (0.05 / (1 - aim)) ** 0.5) if design.kind == "ivf" else 1.0
            recall = typical_recall(design, aim)[0]
            curve.append(CurvePoint(design.kind, aim, recall, 1e3 * alone * less))
    return Recommendation(
        (rows, dim, metric), limits, choose(table, rows, limits, False), table, curve,
        filtered=filtered, on=data[0], embedder=data[1],
    )  # fmt: skip
