"""A small scoring job for tests: files of vectors, an index, and what its output must be."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import ruvector as rv
from ruvector._parquet.scoring import manifest as manifests

DIM = 8
BASE = np.random.default_rng(11).standard_normal((400, DIM), dtype="f4")


def index(**options: Any) -> rv.Index:
    """An exact index of 400 rows."""
    return rv.Index.build(BASE, **options)


def vectors(seed: int, rows: int) -> npt.NDArray[np.float32]:
    """Random vectors."""
    return np.random.default_rng(seed).standard_normal((rows, DIM), dtype="f4")


def table(seed: int, rows: int, nulls: Sequence[int] = ()) -> pa.Table:
    """Documents with a vector each; those of `nulls` have none."""
    cells: list[Any] = list(vectors(seed, rows))
    for row in nulls:
        cells[row] = None
    names = [f"doc {seed}/{row}" for row in range(rows)]
    return pa.table(
        {
            "doc": pa.array(names),
            "n": pa.array(range(rows), pa.int32()),
            "emb": pa.array(cells, pa.list_(pa.float32())),
        }
    )


def write(path: pathlib.Path, seed: int, rows: int = 60, group: int = 20, **more: Any) -> None:
    """Write a file of documents in row groups of `group` rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(seed, rows, **more), path, row_group_size=group)


def files(folder: pathlib.Path, count: int = 3) -> pathlib.Path:
    """Write some files of documents."""
    for i in range(count):
        write(folder / f"f{i}.parquet", i)
    return folder


def parts(out: pathlib.Path) -> list[str]:
    """The names of the parts."""
    return sorted(path.name for path in out.glob("*.parquet"))


def everything(out: pathlib.Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too, by name."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def only_parts(out: pathlib.Path) -> dict[str, bytes]:
    """All files of a folder but the manifest."""
    return {name: data for name, data in everything(out).items() if name != manifests.NAME}


def rows_of(out: pathlib.Path) -> list[dict[str, Any]]:
    """All output rows, in the order of the parts."""
    return [row for name in parts(out) for row in pq.ParquetFile(out / name).read().to_pylist()]


def expected(paths: Sequence[pathlib.Path], ix: rv.Index, k: int) -> list[dict[str, Any]]:
    """What scoring files must give, by `Index.search` of each row alone."""
    found: list[dict[str, Any]] = []
    for path in paths:
        for row, document in enumerate(pq.ParquetFile(path).read().to_pylist()):
            vector = document.pop("emb")
            if vector is None:
                continue
            result = ix.search(np.asarray(vector, "f4"), k)
            for rank, (name, score) in enumerate(
                zip(result.ids.tolist(), result.scores.tolist(), strict=True), 1
            ):
                line = {**document, "query_row": row, "rank": rank, "id": name}
                found.append(line | {result.score_name: score})
    return found
