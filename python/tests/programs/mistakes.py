"""Mistakes that both type checkers must find: a comment that is not needed is an error to them."""

from typing import assert_type

import numpy as np
import polars as pl

import ruvector as rv


def of_arguments(df: pl.DataFrame, emb: pl.Series, q: list[float]) -> None:
    """Never run: arguments that no verb has, or of another kind."""
    rv.search(df, q, top_k=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    rv.search(df, q, k="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rv.search(df, q, metric="ip")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rv.search(df, q, 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    rv.search(df)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    rv.recall(df, k=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    like, far = rv.similarity, rv.distance
    like(emb, q, metric="l2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    far(emb, q, metric="dot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rv.config(bad_vectors=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rv.Index.build(q, kind="hnsw")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verbs = rv.FrameAccessor(df)
    verbs.search(q, kk=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    verbs.dedup(keep="best")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def of_names(df: pl.DataFrame, emb: pl.Series, q: list[float]) -> None:
    """Never run: names that nothing has."""
    rv.IndexFlatL2(3)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    verbs, column = rv.FrameAccessor(df), rv.SeriesAccessor(emb)
    verbs.find(q)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    column.search(q)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    found = rv.Index.build(np.eye(2)).search(q)
    found.texts()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    # polars has no place for accessors that a checker could see: use the functions.
    df.ruvector.plot()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    col = pl.col("emb")
    col.ruvector.norm()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def of_answers(df: pl.DataFrame, q: list[float]) -> None:
    """Never run: answers taken for another type."""
    lf = df.lazy()
    one: pl.DataFrame
    one = rv.search(lf, q)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(  # type: ignore[assert-type]
        rv.search(df, q),  # pyright: ignore[reportAssertTypeFailure]
        pl.Series,
    )
    found = rv.Index.build(np.eye(2)).search(q)
    i, s = found  # type: ignore[var-annotated]  # pyright: ignore[reportGeneralTypeIssues]
    print(one, i, s)
