"""``ruvector info``: what an index is."""

from __future__ import annotations

import argparse

from ..files import bytes_of, index_of
from ..output import document, facts, size

# What a process wants to know of an index that it has, and nobody of a file.
SILENT = {
    "borrowed_bytes", "index_bytes", "keep", "mapped_bytes", "poisoned", "source_address",
    "usable", "where",
}  # fmt: skip


def run(asked: argparse.Namespace) -> None:
    """Print what the file says of its index."""
    with index_of(asked) as index:
        told = {k: v for k, v in index.info().items() if k not in SILENT}
    told = {"path": asked.index, "file_bytes": bytes_of(asked.index)} | told
    if asked.json:
        document(told)
        return
    facts(
        [
            ("file", asked.index),
            ("size", size(told["file_bytes"])),
            ("rows", f"{told['rows']:,}"),
            ("dimensions", told["dim"]),
            ("metric", told["metric"]),
            ("kind", told["kind"]),
            ("bits", told["bits"] or None),
            ("ids", told["id_kind"]),
            ("null rows", told["nulls"] or None),
            ("vectors", "inside" if told["vectors"] else "not inside: scores are estimates"),
            ("cells", told["cells"] if told["kind"] == "ivf" else None),
            ("recall", told["recall"]),
            ("added", told["added"] or None),
            ("deleted", told["deleted"] or None),
            ("made from", told["provenance"]),
            ("advice", told["advice"]),
        ]
    )
