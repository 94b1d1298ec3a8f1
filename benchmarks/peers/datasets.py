"""Data sets on disk: made once into the cache, read by every process of a run.

``python -m peers.datasets CACHE NAME...`` makes those that are missing. A folder CACHE/NAME holds
base.npy (n, d) and query.npy (1000, d) in float32, gt_ids.npy and gt_dist.npy (the 100 nearest rows
and their squared float64 distances), and meta.json, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import packages, truth
from .mixture import mixture

Maker = Callable[[pathlib.Path], tuple[truth.Matrix, truth.Matrix, dict[str, Any]]]
GENERATED = {
    "synth100k": {"rows": 100_000, "dim": 384, "leaves": 600, "seed": 11},
    "synth113k": {"rows": 113_000, "dim": 384, "leaves": 600, "seed": 11},
    "synth1m": {"rows": 1_000_000, "dim": 384, "leaves": 2000, "seed": 7},
}
FROM_PACKAGES: dict[str, Maker] = {
    "glove": packages.glove,
    "mnist": packages.mnist,
    "text": packages.text,
    "docstrings": packages.docstrings,
}
NAMES = ("text", "synth100k", "glove", "mnist", "docstrings", "synth1m")


class DataSet(NamedTuple):
    """One data set in memory."""

    base: truth.Matrix
    query: truth.Matrix
    ids: truth.Ids
    distances: truth.Distances
    meta: dict[str, Any]


def read_meta(cache: pathlib.Path, name: str) -> dict[str, Any]:
    """What a made data set is: n, dim, nq, metric, source, seed, sha256."""
    meta: dict[str, Any] = json.loads((cache / name / "meta.json").read_text())
    return meta


def read(cache: pathlib.Path, name: str) -> DataSet:
    """Read a made data set into memory."""
    folder = cache / name
    base, query, ids, distances = (
        np.load(folder / f"{part}.npy") for part in ("base", "query", "gt_ids", "gt_dist")
    )
    return DataSet(base, query, ids, distances, read_meta(cache, name))


def make(cache: pathlib.Path, name: str) -> None:
    """Make a data set with its exact truth, unless it is there already."""
    folder = cache / name
    if (folder / "meta.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    if name in GENERATED:
        base, query, meta = _generate(folder, **GENERATED[name])
    else:
        base, query, meta = FROM_PACKAGES[name](cache / "npm")
        np.save(folder / "base.npy", base)
    np.save(folder / "query.npy", query)
    ids, distances = truth.nearest(base, query)
    np.save(folder / "gt_ids.npy", ids)
    np.save(folder / "gt_dist.npy", distances)
    digest = hashlib.sha256(np.ascontiguousarray(base).data).hexdigest()
    count, dim = base.shape
    meta |= {"name": name, "n": count, "dim": dim, "nq": len(query), "sha256": digest}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    print(f"{name}: {count:,} x {dim}, {time.perf_counter() - begin:.0f} s", flush=True)


def _generate(
    folder: pathlib.Path, rows: int, dim: int, leaves: int, seed: int
) -> tuple[truth.Matrix, truth.Matrix, dict[str, Any]]:
    """The mixture, its rows written through a memory map."""
    base = np.lib.format.open_memmap(folder / "base.npy", "w+", np.float32, (rows, dim))
    query = np.empty((packages.QUERIES, dim), np.float32)
    mixture(base, query, leaves=leaves, seed=seed)
    base.flush()
    source = f"benchmarks/peers/mixture.py, {leaves} leaves"
    return base, query, {"metric": "cosine", "source": source, "seed": seed}


if __name__ == "__main__":
    for wanted in sys.argv[2:]:
        make(pathlib.Path(sys.argv[1]), wanted)
