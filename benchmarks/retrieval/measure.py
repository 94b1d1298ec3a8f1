"""Every peer on every task: alone, beside words in `hybrid`, and how fast."""

from __future__ import annotations

import hashlib
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import scores
from .peers import Peer
from .tasks import Task

Floats = npt.NDArray[np.float64]
SPEED_TEXTS = 128


class Found(NamedTuple):
    """nDCG@10 and recall@10 of every query of a task."""

    ndcg: Floats
    recall: Floats


class Row(NamedTuple):
    """One peer, or words alone (`peer` is None), on all tasks."""

    name: str
    peer: Peer | None
    dim: int
    texts_a_second: float
    alone: list[Found]
    hybrid: list[Found]


def vectors(peer: Peer, side: str, texts: list[str], cache: pathlib.Path) -> Any:
    """Return the vectors of texts, kept in `cache` by peer, side and texts."""
    told = repr((peer.id, peer.size, side, texts)).encode("utf-8", "surrogatepass")
    path = cache / f"{hashlib.sha256(told).hexdigest()[:32]}.npy"
    if not path.exists():
        made = (peer.documents if side == "documents" else peer.queries)(texts)
        if made.shape[0] != len(texts) or not np.isfinite(made).all():
            raise ValueError(f"{peer.id} gave {made.shape} for {len(texts)} texts")
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    return np.load(path)


def frame_of(task: Task) -> Any:
    """Return the documents as a frame, with the rows' numbers."""
    import pandas as pd

    return pd.DataFrame({"text": task.documents, "row": np.arange(len(task.documents))})


def fused(task: Task, documents: Any, queries: Any) -> list[list[int]]:
    """Return what `df.ruvector.hybrid` finds with these vectors."""
    known = dict(zip(task.documents, documents, strict=True))
    asked = dict(zip(task.queries, queries, strict=True))

    def embedder(texts: list[str]) -> Any:
        side = asked if all(text in asked for text in texts) else known
        return np.stack([side[text] for text in texts])

    found = frame_of(task).ruvector.hybrid(
        task.queries, text="text", k=scores.DEPTH, embedder=embedder, recall=1.0, columns=["row"]
    )
    return _by_query(found, len(task.queries))


def words(task: Task) -> list[list[int]]:
    """Return what BM25 alone finds: the rows of `hybrid` by their score of words."""
    from ruvector._native.words import build_words, search_words

    rows, _, counts = search_words(build_words(task.documents), task.queries, scores.DEPTH)[:3]
    return [
        [int(row) for row in one[:count]]
        for one, count in zip(rows, np.broadcast_to(counts, len(rows)), strict=True)
    ]


def _by_query(found: Any, count: int) -> list[list[int]]:
    rankings: list[list[int]] = [[] for _ in range(count)]
    for query, row in zip(found["query_row"], found["row"], strict=True):
        rankings[query].append(int(row))
    return rankings


def speed(encode: Callable[[list[str]], Any], texts: list[str]) -> float:
    """Return texts a second, the best of three, after a first call that is not counted."""
    encode(texts[:8])
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        encode(texts)
        best = min(best, time.perf_counter() - begin)
    return len(texts) / best


def everything(peers: list[Peer], tasks: list[Task], cache: pathlib.Path) -> list[Row]:
    """Return a row for words alone, then one a peer."""
    import ruvector

    with ruvector.config(progress=False):
        return _rows(peers, tasks, cache)


def _rows(peers: list[Peer], tasks: list[Task], cache: pathlib.Path) -> list[Row]:
    alone = [Found(*scores.judged(words(task), task.relevant)) for task in tasks]
    rows = [Row("words alone (BM25)", None, 0, 0.0, alone, [])]
    sample = [text for task in tasks if task.name == "name to docstring" for text in task.documents]
    sample = sample[:: max(1, len(sample) // SPEED_TEXTS)][:SPEED_TEXTS]
    for peer in peers:
        row = Row(peer.id, peer, 0, speed(peer.documents, sample), [], [])
        for task in tasks:
            documents = vectors(peer, "documents", task.documents, cache)
            queries = vectors(peer, "queries", task.queries, cache)
            near = scores.nearest(documents, queries)
            row.alone.append(Found(*scores.judged(near, task.relevant)))
            both = fused(task, documents, queries)
            row.hybrid.append(Found(*scores.judged(both, task.relevant)))
        rows.append(row._replace(dim=documents.shape[1]))
        means = [f"{found.ndcg.mean():.3f}" for found in (*row.alone, *row.hybrid)]
        print(f"{peer.id:45} {row.texts_a_second:9,.0f}/s {' '.join(means)}", flush=True)
    return rows
