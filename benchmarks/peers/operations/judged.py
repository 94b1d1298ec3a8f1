"""What answers are judged by: masks, exact neighbours among eligible rows, and after changes.

``python -m peers.operations.judged CACHE FULL|SHORT`` makes what is missing in CACHE/operations:
one file a part, read by every process of a run.
"""

from __future__ import annotations

import pathlib
import sys
import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import datasets, truth
from ..truth import Distances, Ids, Matrix

SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
FRESH = 100  # queries that have a mask of their own
DEPTH = 20
SAMPLE = 2_000  # rows whose neighbours judge a graph
MASK_SEED, CHANGE_SEED, SAMPLE_SEED = 31, 32, 33
LEAST = 10
DELETED = 0.01
UPSERTED = 1_000


class Scale(NamedTuple):
    """Sizes of a run: data sets, rows, cells, and appends as (rows a call, calls)."""

    name: str
    data: str
    changing: str
    rows: int
    cells: int
    appends: tuple[tuple[int, int], ...]
    sample: int
    shares: tuple[float, ...]

    @property
    def appended(self) -> int:
        """Rows that are added in all."""
        return sum(rows * calls for rows, calls in self.appends)


FULL = Scale("full", "synth100k", "synth113k", 100_000, 1024,
             ((1, 1_000), (100, 20), (10_000, 1)), SAMPLE, SHARES)  # fmt: skip
SHORT = Scale("short", "synth100k", "synth100k", 20_000, 256,
              ((1, 200), (100, 5), (2_000, 1)), 500, (0.1, 0.01))  # fmt: skip


class Judge(NamedTuple):
    """Eligible rows, and for each query its nearest among them with squared distances.

    Of fresh masks there is one a query: `mask` has shape (queries, rows).
    """

    mask: npt.NDArray[np.bool_]
    ids: Ids
    distances: Distances


def column(share: float) -> str:
    """The name of a mask."""
    return f"share_{share:g}".replace(".", "_")


def masks(rows: int, share: float, count: int) -> npt.NDArray[np.bool_]:
    """`count` masks over `rows` with the same number of eligible rows, at least 10."""
    random = np.random.default_rng((MASK_SEED, round(share * 1e6), count))
    eligible = max(LEAST, round(rows * share))
    made = np.zeros((count, rows), np.bool_)
    for mask in made:
        mask[random.choice(rows, eligible, replace=False)] = True
    return made


def among(rows: Matrix, queries: Matrix, mask: npt.NDArray[np.bool_]) -> tuple[Ids, Distances]:
    """The nearest eligible rows of each query, at most 20."""
    eligible = np.flatnonzero(mask)
    ids, distances = truth.nearest(rows[eligible], queries, DEPTH, 3 * DEPTH)
    return eligible[ids], distances


def filtered(rows: Matrix, queries: Matrix, share: float) -> tuple[Judge, Judge]:
    """The judge of one mask for all queries, and of a mask of its own for the first ones."""
    (mask,) = masks(rows.shape[0], share, 1)
    same = Judge(mask, *among(rows, queries, mask))
    many = masks(len(rows), share, FRESH)
    found = [among(rows, queries[i : i + 1], many[i]) for i in range(FRESH)]
    ids, distances = np.vstack([f[0] for f in found]), np.vstack([f[1] for f in found])
    return same, Judge(many, ids, distances)


def changed(rows: Matrix, queries: Matrix, scale: Scale) -> dict[str, Any]:
    """Neighbours before appends, after them, and after deletions; which ids go and are replaced."""
    total = scale.rows + scale.appended
    random = np.random.default_rng(CHANGE_SEED)
    gone = np.sort(random.choice(total, round(total * DELETED), replace=False))
    stays = np.ones(total, np.bool_)
    stays[gone] = False
    alive = np.flatnonzero(stays)
    replaced = np.sort(random.choice(alive, min(UPSERTED, len(alive) // 20), replace=False))
    kept: dict[str, Any] = {"gone": gone, "replaced": replaced}
    before = np.arange(total) < scale.rows
    states = {"built": before, "appended": np.ones(total, np.bool_), "deleted": stays}
    for state, mask in states.items():
        kept[f"{state}_ids"], kept[f"{state}_distances"] = among(rows[:total], queries, mask)
    return kept


def neighbours(rows: Matrix, sample: int) -> dict[str, Any]:
    """The nearest other rows of some rows."""
    chosen = np.sort(np.random.default_rng(SAMPLE_SEED).choice(len(rows), sample, replace=False))
    ids, distances = truth.nearest(rows, rows[chosen], 2 * DEPTH, 6 * DEPTH)
    others = ids != chosen[:, None]
    keep = np.argsort(~others, axis=1, kind="stable")[:, : 2 * DEPTH - 1]
    return {
        "sample": chosen,
        "ids": np.take_along_axis(ids, keep, 1),
        "distances": np.take_along_axis(distances, keep, 1),
    }


def folder_of(cache: pathlib.Path, scale: Scale) -> pathlib.Path:
    """Where a scale's files are."""
    return cache / "operations" / scale.name


def make(cache: pathlib.Path, scale: Scale) -> None:
    """Make the files that are missing."""
    folder = folder_of(cache, scale)
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    data = datasets.read(cache, scale.data)
    rows = np.ascontiguousarray(data.base[: scale.rows])
    for share in scale.shares:
        file = folder / f"{column(share)}.npz"
        if not file.exists():
            same, fresh = filtered(rows, data.query, share)
            parts = {f"same_{k}": v for k, v in same._asdict().items()}
            parts |= {f"fresh_{k}": v for k, v in fresh._asdict().items()}
            _save(file, parts)
    if not (folder / "graph.npz").exists():
        _save(folder / "graph.npz", neighbours(rows, scale.sample))
    if not (folder / "changes.npz").exists():
        more = datasets.read(cache, scale.changing)
        _save(folder / "changes.npz", changed(more.base, more.query, scale))
    print(f"masks and truths: {time.perf_counter() - begin:.0f} s", flush=True)


def _save(file: pathlib.Path, parts: dict[str, Any]) -> None:
    unfinished = file.with_suffix(".part.npz")
    np.savez(unfinished, **parts)
    unfinished.rename(file)


def read_judges(cache: pathlib.Path, scale: Scale, share: float) -> tuple[Judge, Judge]:
    """(one mask for all, a mask a query)."""
    with np.load(folder_of(cache, scale) / f"{column(share)}.npz") as kept:
        same, fresh = (
            Judge(*(kept[f"{name}_{field}"] for field in Judge._fields))
            for name in ("same", "fresh")
        )
    return same, fresh


def read_part(cache: pathlib.Path, scale: Scale, part: str) -> dict[str, Any]:
    """The arrays of `changes` or `graph`."""
    with np.load(folder_of(cache, scale) / f"{part}.npz") as kept:
        return {name: kept[name] for name in kept.files}


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]), SHORT if sys.argv[2] == "SHORT" else FULL)
