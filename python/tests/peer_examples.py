"""What the tests of the comparison with peers share: small data, and every variant there is."""

from __future__ import annotations

import pathlib
import shutil
import sys
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

from peers import datasets, records, variants

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A data set of the generator, small, under a known name; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        small = {"rows": 3000, "dim": 64, "leaves": 20, "seed": 9}
        patch.setitem(datasets.GENERATED, "synth100k", small)
        datasets.make(folder, "synth100k")
    return folder


@pytest.fixture
def cache(made: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """The same, to be changed."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def metas() -> list[dict[str, Any]]:
    about = {
        "glove": (340_479, 100), "mnist": (69_000, 784), "synth1m": (1_000_000, 384),
        "synth100k": (100_000, 384), "docstrings": (7_445, 256), "text": (91_462, 384),
    }  # fmt: skip
    return [
        {"name": name, "n": n, "dim": d, "metric": "l2" if name == "mnist" else "cosine"}
        for name, (n, d) in about.items()
    ]


def every_variant() -> list[variants.Variant]:
    return [v for meta in metas() for v in variants.for_set(meta)]


def build_record(seconds: float) -> dict[str, Any]:
    return {
        "record": "build", "seconds": seconds, "stages": {"train": 0.12345}, "peak_bytes": 10,
        "disk_bytes": 2000, "borrowed_bytes": 4000, "rows": 10, "others": 0.0, "version": "2",
        "backend": "x",
    }  # fmt: skip


def result_of(*found: dict[str, Any]) -> records.Result:
    """What a variant's records come to, a build before them."""
    result = records.collect("v", "f", [build_record(1.0), *found])
    assert result is not None
    return result
