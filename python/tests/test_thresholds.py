"""Thresholds that no score can be, or of the wrong kind, are errors that say the range."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

ROWS = np.random.default_rng(4).standard_normal((50, 16)).astype("f4")
BITS = np.packbits(np.random.default_rng(5).random((50, 64)) < 0.5, axis=1)
LARGER = ("cosine", "dot")
WORDS = {
    "cosine": "cosine_similarity is from -1 to 1",
    "dot": "dot_product is any finite number",
    "l2": "l2_distance is 0 or more",
    "sqeuclidean": "sqeuclidean_distance is 0 or more",
    "hamming": "hamming_distance",
    "jaccard": "jaccard_distance is from 0 to 1",
}
NEVER: dict[str, list[float]] = {
    "cosine": [60, 1.01, 1 + 1e-6, 2, -1.01, -60, math.inf, 1e300],
    "dot": [math.inf, 1e300],
    "l2": [-1e-6, -1, -60, -math.inf, -1e300],
    "sqeuclidean": [-1e-6, -1, -math.inf],
    "hamming": [65, 64.5, 1000, -1, -math.inf, 1e30],
    "jaccard": [1.01, 60, -0.01, -math.inf],
}
EVER: dict[str, list[float]] = {
    "cosine": [1, 1 + 1e-12, -1, 0, 0.6, -math.inf],
    "dot": [0, 1e30, -1e30, -math.inf, -1e300],
    "l2": [0, -0.0, 1e30, math.inf, 1e300],
    "sqeuclidean": [0, 5, math.inf, 1e300],
    "hamming": [0, 64, 3.5, math.inf],
    "jaccard": [0, 1, 0.5, math.inf],
}


def _rows(metric: str) -> Any:
    return BITS if metric in ("hamming", "jaccard") else ROWS


def _score(metric: str, rows: Any) -> Any:
    """Return the float64 scores of all rows with row 0."""
    if metric in ("hamming", "jaccard"):
        bits = np.unpackbits(rows, axis=1).astype(bool)
        both, either = (bits & bits[0]).sum(1), (bits | bits[0]).sum(1)
        return (bits ^ bits[0]).sum(1) if metric == "hamming" else 1 - both / either
    wide = rows.astype("f8")
    dots = wide @ wide[0]
    squares = ((wide - wide[0]) ** 2).sum(1)
    norms = np.linalg.norm(wide, axis=1)
    made = {"cosine": dots / norms / norms[0], "dot": dots, "l2": squares**0.5}
    return made.get(metric, squares)


def _frames(metric: str) -> dict[str, Any]:
    rows = _rows(metric)
    kind = pl.UInt8 if rows is BITS else pl.Float32
    frame = pl.DataFrame({"v": pl.Series(rows, dtype=pl.Array(kind, rows.shape[1]))})
    frame = frame.with_columns(group=pl.Series(range(50)) % 5)
    return {
        "pandas": pd.DataFrame({"v": list(rows), "group": np.arange(50) % 5}),
        "polars": frame,
        "pyarrow": pa.table(frame),
    }


def _verbs(metric: str) -> dict[str, Callable[[Any], Any]]:
    name = "min_similarity" if metric in LARGER else "max_distance"
    query = _rows(metric)[0]
    index = rv.Index.build(_rows(metric), metric=metric)
    verbs: dict[str, Callable[[Any], Any]] = {
        "Index.within": lambda bound: index.within(query, **{name: bound}),
        "Index.within batch": lambda bound: index.within(query[None], **{name: bound}),
    }
    for library, frame in _frames(metric).items():
        given = {"on": "v", "metric": metric}
        asked: dict[str, Callable[..., Any]] = {
            "search": lambda f=frame, g=given, **t: rv.search(f, query, **g, **t, k=50),
            "groups": lambda f=frame, g=given, **t: rv.search(f, query, by="group", **g, **t, k=50),
            "within": lambda f=frame, g=given, **t: rv.within(f, query, **g, **t),
            "given": lambda f=frame, **t: rv.search(f, query, on="v", index=index, k=50, **t),
            "given within": lambda f=frame, **t: rv.within(f, query, on="v", index=index, **t),
        }
        for verb, ask in asked.items():
            verbs[f"{library} {verb}"] = lambda bound, ask=ask: ask(**{name: bound})
    return verbs


@pytest.mark.parametrize("metric", WORDS)
def test_thresholds_that_no_score_can_be_are_errors_in_every_verb(metric: str) -> None:
    for verb, ask in _verbs(metric).items():
        for bound in NEVER[metric]:
            with pytest.raises(rv.InvalidArgument, match=WORDS[metric]) as caught:
                ask(bound)
            assert "min_similarity=" in str(caught.value) or "max_distance=" in str(caught.value), (
                verb
            )
        for bound in (math.nan, "0.5", "near", [0.5, 1], b"1"):
            with pytest.raises(rv.InvalidArgument, match=r"min_similarity|max_distance"):
                ask(bound)


@pytest.mark.parametrize("metric", WORDS)
def test_thresholds_that_a_score_can_be_let_the_right_rows_in(metric: str) -> None:
    scores = _score(metric, _rows(metric)).astype("f4")
    for bound in [*EVER[metric], float(np.median(scores))]:
        with np.errstate(over="ignore"):
            limit = np.float32(bound)
        margin = np.abs(scores - limit) > 1e-5 if np.isfinite(limit) else np.ones(50, bool)
        inside = scores >= limit if metric in LARGER else scores <= limit
        for verb, ask in _verbs(metric).items():
            found = ask(bound)
            count = len(found.hits()[0]) if verb.endswith("batch") else len(
                found.ids if verb == "Index.within" else found
            )  # fmt: skip
            low = np.count_nonzero(inside & margin)
            assert low <= count <= low + np.count_nonzero(~margin), (verb, bound)


@pytest.mark.parametrize("metric", WORDS)
def test_thresholds_of_the_wrong_kind_name_the_right_one_and_the_range(metric: str) -> None:
    wrong, right = "max_distance", "min_similarity"
    if metric not in LARGER:
        wrong, right = right, wrong
    frame = _frames(metric)["pandas"]
    index = rv.Index.build(_rows(metric), metric=metric)
    query = _rows(metric)[0]
    for ask in (
        lambda: rv.search(frame, query, on="v", metric=metric, **{wrong: 0.5}),
        lambda: rv.search(frame, query, on="v", metric=metric, by="group", **{wrong: 0.5}),
        lambda: rv.within(frame, query, on="v", metric=metric, **{wrong: 0.5}),
        lambda: rv.search(frame, query, on="v", index=index, **{wrong: 0.5}),
        lambda: index.within(query, **{wrong: 0.5}),
    ):
        with pytest.raises(rv.MetricError, match=f"{right}=.*") as caught:
            ask()
        assert WORDS[metric].split(" is ")[0] in str(caught.value)


def test_a_percentage_is_told_what_it_is_as_a_cosine() -> None:
    frame = _frames("cosine")["pandas"]
    with pytest.raises(rv.InvalidArgument, match=r"60 % is 0\.6"):
        frame.ruvector.within(ROWS[0], min_similarity=60)
    assert len(frame.ruvector.within(ROWS[0], min_similarity=60 / 100)) >= 1


def test_a_threshold_is_checked_before_anything_is_read_or_embedded() -> None:
    def never(texts: list[str]) -> Any:
        raise AssertionError("embedded")

    frame = pd.DataFrame({"text": ["a", "b"]})
    verbs: list[Callable[..., Any]] = [rv.search, rv.within]
    for verb in verbs:
        with pytest.raises(rv.InvalidArgument, match="from -1 to 1"):
            verb(frame, "a", text="text", embedder=never, min_similarity=60)
