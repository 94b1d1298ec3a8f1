"""The verbs that answer with rows of the frame, called in one way each: for the edge tables.

A frame here has the columns ``row`` (its number), ``text``, ``g`` (a group) and ``emb``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

import ruvector as rv

N, D = 24, 5
RNG = np.random.default_rng(1303)
ROWS = RNG.standard_normal((N, D), dtype=np.float32)
ROWS[9] = ROWS[4] * 2  # one direction: to dedup it is a duplicate
ROWS[17] = ROWS[2]
OTHERS = RNG.standard_normal((6, D), dtype=np.float32)
QUERY = RNG.standard_normal(D, dtype=np.float32)
TEXTS = [f"alpha beta{i % 3} word{i}" for i in range(N)]
GROUPS = [i % 4 for i in range(N)]


def embed(texts: list[str]) -> npt.NDArray[np.float32]:
    """Return vectors that depend on each text alone."""
    return np.array([np.random.default_rng(len(t) + ord(t[-1])).random(D) for t in texts])


def pandas_frame() -> pd.DataFrame:
    """Return the frame as pandas has it after reading a file: objects."""
    return pd.DataFrame({"row": range(N), "text": TEXTS, "g": GROUPS, "emb": list(ROWS)})


def polars_frame() -> pl.DataFrame:
    """Return the frame as polars has it."""
    return pl.DataFrame({"row": range(N), "text": TEXTS, "g": GROUPS, "emb": ROWS})


def right_of(frame: Any) -> Any:
    """Return a frame of the same library to join with, whose columns have other names."""
    if isinstance(frame, pl.DataFrame | pl.LazyFrame):
        return pl.DataFrame({"other": range(6), "vec": OTHERS})
    return pd.DataFrame({"other": range(6), "vec": list(OTHERS)})


Verb = Callable[[Any], Any]

# The answer is rows of the frame, with all their columns, then the columns named here.
VERBS: dict[str, tuple[Verb, list[str]]] = {
    "search": (lambda f: rv.search(f, QUERY, on="emb", k=5), ["cosine_similarity"]),
    "search l2": (lambda f: rv.search(f, QUERY, on="emb", metric="l2"), ["l2_distance"]),
    "search batch": (
        lambda f: rv.search(f, OTHERS, on="emb", k=3), ["query_row", "rank", "cosine_similarity"],
    ),
    "search texts": (
        lambda f: rv.search(f, ["beta1 x", "beta2 y"], text="text", embedder=embed, k=2),
        ["query_row", "query", "rank", "cosine_similarity"],
    ),
    "search by": (lambda f: rv.search(f, QUERY, on="emb", k=1, by="g"), ["cosine_similarity"]),
    "search diverse": (
        lambda f: rv.search(f, QUERY, on="emb", k=4, diversity=0.5), ["cosine_similarity"],
    ),
    "within": (
        lambda f: rv.within(f, QUERY, on="emb", min_similarity=0.1), ["cosine_similarity"],
    ),
    "hybrid": (
        lambda f: rv.hybrid(f, "beta1", text="text", on="emb", embedder=embed, k=4),
        ["bm25_score", "cosine_similarity", "fused_score"],
    ),
    "sim_join": (
        lambda f: rv.sim_join(f, right_of(f), left_on="emb", right_on="vec", k=2),
        ["other", "vec", "rank", "cosine_similarity"],
    ),
    "sim_join left": (
        lambda f: rv.sim_join(
            f, right_of(f), left_on="emb", right_on="vec", how="left", min_similarity=0.5
        ),
        ["other", "vec", "rank", "cosine_similarity"],
    ),
    "neighbors": (lambda f: rv.neighbors(f, 2, on="emb", out="column"), ["neighbors"]),
    "embed": (lambda f: rv.embed(f, "text", into="made", embedder=embed), ["made"]),
    "dedup": (lambda f: rv.dedup(f, on="emb", min_similarity=0.99), []),
    "dedup by": (lambda f: rv.dedup(f, on="emb", min_similarity=0.4, by="g"), []),
}  # fmt: skip

# The answer is about rows, by their numbers: these columns and no others.
ABOUT: dict[str, tuple[Verb, list[str]]] = {
    "neighbors": (
        lambda f: rv.neighbors(f, 2, on="emb"),
        ["query_row", "neighbor_row", "rank", "cosine_similarity"],
    ),
    "duplicate_groups": (
        lambda f: rv.duplicate_groups(f, on="emb", min_similarity=0.99),
        ["kept_row", "dropped_row", "cosine_similarity"],
    ),
}


def short_of(frame: Any) -> dict[str, Callable[[], Any]]:
    """Return calls with queries of three dimensions, where the frame's vectors have five."""
    short, name = QUERY[:3], {"vec": list(np.eye(3, dtype=np.float32))}
    right: Any = pl.DataFrame(name) if isinstance(frame, pl.DataFrame) else pd.DataFrame(name)
    return {
        "search": lambda: rv.search(frame, short, on="emb"),
        "batch": lambda: rv.search(frame, [short, short], on="emb"),
        "by": lambda: rv.search(frame, short, on="emb", by="g"),
        "within": lambda: rv.within(frame, short, on="emb", min_similarity=0.1),
        "sim_join": lambda: rv.sim_join(frame, right, left_on="emb", right_on="vec"),
        "similarity": lambda: rv.similarity(frame["emb"], short),
        "hybrid": lambda: rv.hybrid(
            frame, "beta1", text="text", on="emb", embedder=lambda t: np.eye(3)[: len(t)]
        ),
    }


def worded(frame: Any) -> dict[str, Callable[[], Any]]:
    """Return calls that compare words with vectors, of which it is not known what made them."""
    return {
        "search": lambda: rv.search(frame, "some words", on="emb"),
        "batch": lambda: rv.search(frame, ["some", "words"], on="emb"),
        "within": lambda: rv.within(frame, "some words", on="emb", min_similarity=0.1),
        "hybrid": lambda: rv.hybrid(frame, "some words", text="text", on="emb"),
        "similarity": lambda: rv.similarity(frame["emb"], "some words"),
        "sim_join": lambda: rv.sim_join(frame, frame[["text"]], left_on="emb", right_on="text"),
    }


def filtered(frame: Any) -> dict[str, Verb]:
    """Return calls that take ``where=``."""
    return {
        "search": lambda w: rv.search(frame, QUERY, on="emb", where=w),
        "search by": lambda w: rv.search(frame, QUERY, on="emb", by="g", where=w),
        "within": lambda w: rv.within(frame, QUERY, on="emb", min_similarity=-1, where=w),
        "hybrid": lambda w: rv.hybrid(
            frame, "beta1", text="text", on="emb", embedder=embed, where=w
        ),
    }
