"""``ruvector verify``: whether an index is whole."""

from __future__ import annotations

import argparse

import ruvector as rv

from ..files import bytes_of, index_of, named
from ..output import document, size


def run(asked: argparse.Namespace) -> None:
    """Print that every byte is as it was written; what is not is an error."""
    with index_of(asked) as index:
        try:
            index.verify()
        except rv.RuVectorError as error:
            raise named(error, asked.index) from None
        rows, dim = len(index), index.dim
        vectors = "compared" if asked.vectors else "inside" if index.info()["vectors"] else "absent"
    told = {"path": asked.index, "whole": True, "file_bytes": bytes_of(asked.index),
            "rows": rows, "dim": dim, "vectors": vectors}  # fmt: skip
    if asked.json:
        document(told)
        return
    print(f"{asked.index}: whole, {size(told['file_bytes'])}, {rows:,} rows x {dim}")
