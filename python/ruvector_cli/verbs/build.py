"""``ruvector build``: an index of the vectors in parquet files, or of one array."""

from __future__ import annotations

import argparse
import time
from typing import Any

import ruvector as rv

from ..files import array_of, bytes_of, is_array
from ..output import document, facts, size
from ..problem import Usage

OPTIONS = "metric", "kind", "bits", "cells", "recall", "nulls", "seed", "threads"
KEPT: dict[str, Any] = {"files": "files", "inside": "memory", "none": None}


def run(asked: argparse.Namespace) -> None:
    """Write an index file, complete or not at all, and say what it is."""
    begin = time.monotonic()
    options = {name: getattr(asked, name) for name in OPTIONS if getattr(asked, name) is not None}
    with _built(asked, options) as index:
        index.save(asked.out, vectors=asked.keep == "inside")
        told = {"path": asked.out, "rows": len(index), "dim": index.dim, "metric": index.metric,
                "kind": index.kind, "bits": index.bits, "file_bytes": bytes_of(asked.out),
                "vectors": asked.keep == "inside",
                "seconds": round(time.monotonic() - begin, 3)}  # fmt: skip
    if asked.json:
        document(told)
        return
    facts(
        [
            ("index", asked.out),
            ("rows", f"{told['rows']:,} x {told['dim']}, {told['metric']}"),
            ("kind", f"{told['kind']}, {told['bits']} bits" if told["bits"] else told["kind"]),
            ("size", size(told["file_bytes"])),
            ("time", f"{told['seconds']:.1f} s"),
        ]
    )


def _built(asked: argparse.Namespace, options: dict[str, Any]) -> rv.Index:
    if not any(map(is_array, asked.inputs)):
        more = {"memory": asked.memory} if asked.memory is not None else {}
        return rv.Index.build_parquet(
            asked.inputs, asked.column, ids=asked.ids, vectors=KEPT[asked.keep], **more, **options
        )
    if len(asked.inputs) > 1:
        raise Usage("one .npy file, or parquet files", "ruvector build")
    for name in ("column", "ids", "memory"):
        if getattr(asked, name) is not None:
            raise Usage(f"--{name} is for parquet files", "ruvector build")
    keep: Any = "none" if asked.keep == "none" else "borrow"
    return rv.Index.build(array_of(asked.inputs[0]), keep=keep, **options)
