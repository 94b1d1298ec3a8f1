"""What an index is between two changes, asked of the library once a version."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from .._metric import BINARY
from .handle import Handle, info

EVERY_VECTOR: Final = 0.99  # recall targets above measure every vector


class Facts(NamedTuple):
    """What one version of one index is. No two versions and no two indexes share an object.

    So an object that is the same as before says that the index and its rows are, too.
    """

    handle: int
    rows: int
    dim: int
    metric: str
    kind: str
    bits: int
    id_kind: str
    changed: bool  # rows were added or deleted: they have no order
    target: float  # of recall, when a search names none
    calibrated: bool
    unreached: float | None  # recall targets from here on need vectors; None: all are in reach
    packed: bool  # rows and queries are packed bits
    scanned: int  # bytes of all codes, or of all vectors for kind exact
    vector: int  # bytes of one that is measured after the scan
    cells: int  # of kind ivf, else 0
    routing: int  # bytes read to choose among them
    probes: tuple[tuple[float, int], ...]  # (target, cells probed for it), targets increasing
    where: str  # the files of vectors that are not in memory


_COLUMN: Final = Facts(
    0, 0, 0, "", "", 0, "", False, 0.0, False, None, False, 0, 0, 0, 0, (), ""
)  # fmt: skip


def facts_of(handle: Handle) -> Facts:
    """Return what an index is now, at least as new as any change that has returned.

    Raises
    ------
    IndexClosed
    """
    # Read once: what is learned of a version that ends meanwhile is kept with that version.
    version = handle.version
    known: Facts | None = version.facts
    if known is None:
        number = handle.value  # before `info`, which refuses one that is closed
        known = version.facts = facts_from(number, info(handle))
    return known


def facts_from(handle: int, about: dict[str, Any]) -> Facts:
    """Return facts of what rv_info says; `handle` is what searches name."""
    if "row_bytes" not in about:
        return _COLUMN._replace(handle=handle)  # a search of it says so itself
    rows, dim, kind = int(about["rows"]), int(about["dim"]), about["kind"]
    cells = about["cells"] if kind == "ivf" else 0
    points = about["calibration"] or ()
    probes = {p["target"]: p["probes"] for p in points if p["vectors"] == about["vectors"]}
    return Facts(
        handle=handle,
        rows=rows,
        dim=dim,
        metric=about["metric"],
        kind=kind,
        bits=int(about["bits"]),
        id_kind=about["id_kind"],
        changed=bool(about["changed"]),
        target=float(about["recall"]),
        calibrated=bool(about["calibrated"]),
        unreached=None if about["vectors"] or not rows else first_unreached(about),
        packed=about["metric"] in BINARY,
        scanned=rows * about["row_bytes"],
        vector=0 if kind == "exact" else 4 * dim,  # exact reads them while it scans
        cells=cells,
        routing=cells * dim,
        probes=tuple(sorted(probes.items())),
        where=about["where"],
    )


def first_unreached(info: dict[str, Any]) -> float:
    """Return the recall target from which on an index without vectors falls short."""
    missed: list[float] = [
        point["target"]
        for point in info.get("calibration") or ()
        if not point["vectors"] and point["recall"] < point["target"] - 0.01
    ]
    return min([*missed, float(np.nextafter(EVERY_VECTOR, 1))])
