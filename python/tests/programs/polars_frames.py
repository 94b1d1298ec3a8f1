"""A user's program with polars, as type checkers read it; it runs, too."""

from typing import assert_type

import numpy as np
import numpy.typing as npt
import polars as pl

import ruvector as rv

df = pl.DataFrame({"name": ["a", "b", "c"], "emb": np.eye(3, dtype=np.float32)})
lf = df.lazy()
query = [1.0, 0.5, 0.0]

assert_type(rv.search(df, query, k=2, where=pl.col("name") != "a"), pl.DataFrame)
assert_type(rv.search(lf, query, on="emb"), pl.LazyFrame)
assert_type(rv.within(df, query, min_similarity=0.5), pl.DataFrame)
assert_type(rv.within(lf, query, on="emb", min_similarity=0.5), pl.LazyFrame)
assert_type(rv.sim_join(df, df, k=1), pl.DataFrame)
assert_type(rv.sim_join(lf, rv.Index.build(df["emb"])), pl.LazyFrame)
assert_type(rv.dedup(lf, min_similarity=0.9), pl.LazyFrame)
assert_type(rv.neighbors(lf, k=1), pl.LazyFrame)
assert_type(rv.similar_to(lf, 1), pl.LazyFrame)
assert_type(
    rv.hybrid(df, "b", text="name", on="emb", embedder=lambda texts: np.ones((len(texts), 3))),
    pl.DataFrame,
)
assert_type(rv.dedup(df, min_similarity=0.9), pl.DataFrame)
assert_type(rv.duplicate_groups(df, min_similarity=0.9), pl.DataFrame)
assert_type(rv.similarity_quantiles(df), pl.DataFrame)
assert_type(rv.similar_to(df, 1), pl.DataFrame)
assert_type(rv.neighbors(df, k=1), pl.DataFrame)
assert_type(rv.describe(df), pl.DataFrame)
assert_type(rv.recall(df), rv.RecallReport)
assert_type(rv.explain(df, query), rv.Plan)
assert_type(rv.build_index(df), rv.Index)

# What the user has, the answer has: names of columns, and polars' own methods.
assert rv.search(df, query, k=1)["name"].to_list() == ["a"]
names: list[str] = rv.search(lf, query, on="emb").collect()["name"].to_list()

# Columns.
assert_type(rv.similarity(df["emb"], query), pl.Series)
assert_type(rv.distance(df["emb"], df["emb"], metric="l2"), pl.Series)
assert_type(rv.to_matrix(df["emb"]), npt.NDArray[np.float32])

# Accessors: polars declares no place for them, so that checkers know them by their class.
assert_type(rv.FrameAccessor(df), rv.FrameAccessor[pl.DataFrame])
assert_type(rv.FrameAccessor(df).search(query, k=1), pl.DataFrame)
assert_type(rv.FrameAccessor(df).within(query, min_similarity=0.5), pl.DataFrame)
assert_type(rv.FrameAccessor(df).dedup(min_similarity=0.9), pl.DataFrame)
assert_type(rv.FrameAccessor(df).sim_join(df, k=1), pl.DataFrame)
assert_type(rv.FrameAccessor(df).recall(k=2), rv.RecallReport)
assert_type(rv.FrameAccessor(lf).search(query, on="emb"), pl.LazyFrame)
assert_type(rv.SeriesAccessor(df["emb"]).similarity(query), pl.Series)
assert_type(rv.SeriesAccessor(df["emb"]).to_matrix(), npt.NDArray[np.float32])

# An Index, and its answers as frames.
index = rv.Index.build(df["emb"])
assert_type(index, rv.Index)
found = index.search(query, 2)
assert_type(found, rv.SearchResult)
assert_type(found.scores, npt.NDArray[np.float32])
assert_type(found.counts, npt.NDArray[np.int64])
assert_type(found.plan, rv.Plan)
assert_type(found.to_polars(), pl.DataFrame)
assert_type(found.rows(df), pl.DataFrame)
assert_type(len(index), int)
assert_type(index.recall(k=1), rv.RecallReport)
assert_type(index.recall(k=1).mean, float)
