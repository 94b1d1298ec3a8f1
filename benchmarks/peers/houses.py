"""Which process a variant lives in, and which variants fit into memory together.

Most live in one process, where they are asked in turns. Apart live those that would change what
others measure: NumPy and turbovec's rescoring use the BLAS that faiss must be told to be Haswell,
turbovec fixes its threads when it starts, the Rust package has our import name, and graphs of
rabitqlib leave threads behind that spin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .variants import OURS, Variant

TOGETHER = "together"
_APART = {"SymphonyQG", "rabitqlib HNSW", "NumPy", "Rust ruvector", "turbovec"}
SHARE_OF_MEMORY = 0.7


class House(NamedTuple):
    """A process: its name, the virtual environment, its threads, whether faiss lives in it."""

    name: str
    environment: str
    threads: int
    faiss: bool = False


def houses(variant: Variant, threads: int) -> list[tuple[House, list[str]]]:
    """Where a variant lives, and which parts are asked there: `one`, `batch` or both."""
    apart = variant.family in _APART
    name = variant.name if apart else TOGETHER
    if variant.fixed_threads and threads > 1:
        return [
            (House(f"{name}.{threads}", variant.environment, threads), ["batch"]),
            (House(f"{name}.1", variant.environment, 1), ["one"]),
        ]
    return [(House(name, variant.environment, threads, not apart), ["one", "batch"])]


def copies(variant: Variant) -> float:
    """Memory of a variant, as multiples of the rows in float32, rounded up."""
    build = variant.build
    if variant.family == OURS:
        return 0.4
    if variant.family in ("rabitqlib IVF", "rabitqlib HNSW"):
        bits = build["bits"]
        return (1.3 if bits == 32 else bits / 32 + 0.15) + (0.4 if "Hnsw" in variant.adapter else 0)
    known = {"NumPy": 1.0, "SymphonyQG": 3.0, "turbovec": 2.6, "faiss IVF": 1.4, "usearch": 1.6}
    return known.get(variant.family, 3.0 if variant.family == "Rust ruvector" else 1.6)


def groups(variants: Sequence[Variant], meta: dict[str, Any], memory: float) -> list[list[Variant]]:
    """Variants that are measured together, ours in every group; `memory` in bytes.

    A family stays together where it fits. Room is kept for the rows of the main process and for
    one build with rows of its own.
    """
    ours = [v for v in variants if v.family == OURS]
    rows = meta["n"] * meta["dim"] * 4
    room = SHARE_OF_MEMORY * memory / rows - 3.0 - sum(map(copies, ours))
    found: list[list[Variant]] = [[]]
    left = room
    for family in _families(v for v in variants if v.family != OURS):
        needs = sum(map(copies, family))
        if found[-1] and needs > left and needs <= room:
            found.append([])
            left = room
        for variant in family:
            if found[-1] and copies(variant) > left:
                found.append([])
                left = room
            found[-1].append(variant)
            left -= copies(variant)
    return [[*ours, *group] for group in found]


def _families(variants: Iterable[Variant]) -> list[list[Variant]]:
    families: dict[str, list[Variant]] = {}
    for variant in variants:
        families.setdefault(variant.family, []).append(variant)
    return list(families.values())
