"""``ruvector score``: for every row of parquet files, what an index finds."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import ruvector as rv

from ..files import array_of, index_of
from ..output import document, facts

OPTIONS = (
    "columns", "right", "ids_on", "id_column", "min_similarity", "max_distance", "memory",
    "batch_rows", "threads",
)  # fmt: skip


def run(asked: argparse.Namespace) -> None:
    """Score, resume where a run before was killed, and print what was done."""
    options: dict[str, Any] = {
        name: getattr(asked, name) for name in OPTIONS if getattr(asked, name) is not None
    }
    if asked.where is not None:
        options["where"] = array_of(asked.where)
    if asked.model is not None:
        options["embedder"] = rv.Embedder.from_pretrained(asked.model)
    with nullcontext(asked.index) if asked.vectors is None else index_of(asked) as index:
        report = rv.score_parquet(
            asked.inputs, index, out=asked.out, on=asked.on, k=asked.k,
            resume=not asked.no_resume, on_error=asked.on_error, **options,
        )  # fmt: skip
    if report.skipped and not asked.quiet and sys.stderr is not None:
        for file, reason in report.skipped:
            print(f"ruvector: set aside: {file}: {reason}", file=sys.stderr)
    if asked.json:
        document(asdict(report))
        return
    facts(
        [
            ("out", report.out),
            ("rows in", f"{report.rows_in:,} of {report.files:,} files"),
            ("without vector", f"{report.null_queries:,}" if report.null_queries else None),
            ("rows out", f"{report.rows_out:,}"),
            (
                "parts",
                f"{report.parts:,}: {report.parts_done:,} now, {report.parts_before:,} before",
            ),
            ("time", f"{report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s"),
        ]
    )
