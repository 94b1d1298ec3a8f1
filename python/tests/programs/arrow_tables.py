"""A user's program with pyarrow, which has no types: everything is allowed, and runs."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

import ruvector as rv

query = [1.0, 0.5, 0.0]
emb = pa.FixedSizeListArray.from_arrays(pa.array(np.eye(3, dtype=np.float32).ravel()), 3)
table = pa.table({"name": ["a", "b", "c"], "emb": emb})

hits = rv.search(table, query, k=1)
assert hits.column("name").to_pylist() == ["a"]
assert rv.within(table, query, min_similarity=0.99).num_rows == 0
assert rv.dedup(table, min_similarity=0.9).num_rows == 3
assert rv.FrameAccessor(table).search(query, k=1).num_rows == 1
matrix: npt.NDArray[np.float32] = rv.to_matrix(emb)
assert rv.similarity(emb, query).to_pylist()[2] == 0
report: rv.RecallReport = rv.recall(table)
