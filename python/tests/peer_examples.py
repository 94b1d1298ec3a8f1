"""What the tests of the comparison with peers share: small data, and every variant there is."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

from peers import datasets, variants

BENCHMARKS = pathlib.Path(datasets.__file__).resolve().parents[1]
SEED = 20261124


def rows_and_queries(count: int, dim: int, seed: int = SEED) -> tuple[Any, Any]:
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    return (
        random.standard_normal((count, dim), dtype=np.float32),
        random.standard_normal((40, dim), dtype=np.float32),
    )


def full_sort(rows: Any, queries: Any, depth: int) -> Any:
    gaps = rows.astype(np.float64)[None] - queries.astype(np.float64)[:, None]
    return np.argsort((gaps**2).sum(axis=2), axis=1, kind="stable")[:, :depth]


@pytest.fixture
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A data set of the generator, small, under a known name."""
    small = {"rows": 3000, "dim": 64, "leaves": 20, "seed": 9}
    monkeypatch.setitem(datasets.GENERATED, "synth100k", small)
    datasets.make(tmp_path, "synth100k")
    return tmp_path


def metas() -> list[dict[str, Any]]:
    about = {"glove": (340_479, 100), "mnist": (69_000, 784), "synth1m": (1_000_000, 384),
             "synth100k": (100_000, 384), "docstrings": (7_445, 256)}  # fmt: skip
    return [
        {"name": name, "n": n, "dim": d, "metric": "l2" if name == "mnist" else "cosine"}
        for name, (n, d) in about.items()
    ]


def every_variant() -> list[variants.Variant]:
    return [v for meta in metas() for v in variants.for_set(meta)]
