"""A user's program with pandas, as type checkers read it with and without pandas-stubs."""

from typing import assert_type

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped,unused-ignore]

import ruvector as rv

df = pd.DataFrame({"name": ["a", "b", "c"], "emb": list(np.eye(3, dtype=np.float32))})
query = [1.0, 0.5, 0.0]

assert_type(rv.search(df, query, k=2, where="name != 'a'"), pd.DataFrame)
assert_type(rv.within(df, query, min_similarity=0.5), pd.DataFrame)
assert_type(rv.sim_join(df, df, k=1), pd.DataFrame)
assert_type(
    rv.hybrid(df, "b", text="name", on="emb", embedder=lambda texts: np.ones((len(texts), 3))),
    pd.DataFrame,
)
assert_type(rv.dedup(df, min_similarity=0.9), pd.DataFrame)
assert_type(rv.duplicate_groups(df, min_similarity=0.9), pd.DataFrame)
assert_type(rv.similarity_quantiles(df), pd.DataFrame)
assert_type(rv.similar_to(df, 1), pd.DataFrame)
assert_type(rv.neighbors(df, k=1), pd.DataFrame)
assert_type(rv.describe(df), pd.DataFrame)
assert_type(rv.recall(df), rv.RecallReport)
assert_type(rv.build_index(df), rv.Index)
assert_type(rv.FrameAccessor(df).search(query, k=1), pd.DataFrame)
assert_type(rv.FrameAccessor(df).dedup(min_similarity=0.9), pd.DataFrame)
assert_type(rv.to_matrix(df["emb"]), npt.NDArray[np.float32])

# Frames of pandas take any attribute: no error, and no type.
hits = df.ruvector.search(query, k=1)
assert hits["name"].tolist() == ["a"]
assert df["emb"].ruvector.similarity(query).tolist()[2] == 0
assert df.ruvector.recall().mean == 1

# A subclass stays one.


class Mine(pd.DataFrame):  # type: ignore[misc,unused-ignore]
    """A frame of the user's own."""

    @property
    def _constructor(self) -> "type[Mine]":
        return Mine


mine = Mine(df)
assert_type(rv.search(mine, query), Mine)

found = rv.Index.build(df["emb"]).search(query, 2)
assert_type(found.to_pandas(), pd.DataFrame)
assert_type(found.rows(mine), Mine)
