"""``ruvector search``: the rows nearest to a vector or a text."""

from __future__ import annotations

import argparse
from typing import Any

import ruvector as rv

from ..files import index_of, named, queries_of
from ..output import document, table


def run(asked: argparse.Namespace) -> None:
    """Print ids and scores, best first."""
    query: Any
    if asked.text is None:
        query = queries_of(asked.vector)
    else:
        query = asked.text if len(asked.text) > 1 else asked.text[0]
    options = {name: getattr(asked, name) for name in ("recall", "probes", "threads")}
    if asked.model is not None:
        options["embedder"] = rv.Embedder.from_pretrained(asked.model)
    with index_of(asked) as index:
        try:
            result = index.search(query, asked.k, **options)
        except rv.VectorIndexError as error:
            raise named(error, asked.index) from None
        single = result.ids.ndim == 1
        found: Any = [result.hits()] if single else result.hits()
        _print(asked, index, result, found, single)


def _print(
    asked: argparse.Namespace, index: rv.Index, result: rv.SearchResult, found: Any, single: bool
) -> None:
    if asked.json:
        hits = [
            [{"rank": rank, "id": hit.id, "score": hit.score} for rank, hit in enumerate(row, 1)]
            for row in found
        ]
        plan = result.plan
        document(
            {
                "index": asked.index, "metric": index.metric, "score": result.score_name,
                "k": asked.k, "queries": len(hits), "scores": plan.scores, "hits": hits,
            }
        )  # fmt: skip
        return
    rows = [
        (query, rank, *hit) for query, row in enumerate(found) for rank, hit in enumerate(row, 1)
    ]
    names = ["query_row", "rank", "id", result.score_name]
    table(names[1:], [row[1:] for row in rows]) if single else table(names, rows)
