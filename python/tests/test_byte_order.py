"""Numbers of the other byte order are the same numbers, wherever they come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ruvector as rv

X = np.array([[3, 1, 0], [0, 2, 5], [7, 0, 1], [1, 1, 1]], np.float64)
FLOATS = ["f2", "f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"]
OTHER = ">" if np.dtype("=i4").newbyteorder("<").isnative else "<"


@pytest.mark.parametrize("kind", FLOATS)
def test_vectors_and_queries_of_the_other_byte_order_are_the_same(
    kind: str, tmp_path: Path
) -> None:
    turned = X.astype(OTHER + kind)
    want = rv.Index.build(X, metric="l2").search(X, k=4)
    for column in (turned, list(turned), pd.Series(list(turned)), turned.T.copy().T):
        index = rv.Index.build(column, metric="l2")
        for query in (turned, list(turned), pd.Series(list(turned))):
            found = index.search(query, k=4)
            np.testing.assert_array_equal(found.ids, want.ids)
            np.testing.assert_array_equal(found.scores, want.scores)
    index = rv.Index.build(turned, metric="l2")
    np.testing.assert_array_equal(index.search(turned[1], k=4).ids, want.ids[1])
    np.testing.assert_array_equal(rv.to_matrix(turned), X)
    assert index.within(turned[1], max_distance=0.5).ids.tolist() == [1]
    index.upsert(np.array([1], OTHER + "u8"), turned[1:2])
    np.testing.assert_array_equal(index.search(turned[1], k=4).scores, want.scores[1])
    copied = rv.Index.build(turned, metric="l2")
    copied.save(tmp_path / "i", vectors=False)
    again = rv.Index.load(tmp_path / "i", vectors=turned)
    np.testing.assert_array_equal(again.search(turned, k=4).ids, want.ids)


def _frame() -> Any:
    frame = pd.DataFrame(X.astype(OTHER + "f8"), columns=["e0", "e1", "e2"])
    frame["group"] = np.array([1, 2, 1, 2], OTHER + "i4")
    frame["id"] = np.array([10, 2**63 + 3, 30, 40], OTHER + "u8")
    frame["kept"] = [True, False, True, True]
    return frame


def test_frames_with_columns_of_the_other_byte_order_answer_rows() -> None:
    frame, on = _frame(), ["e*"]
    query = X[1].astype(OTHER + "f4")
    found = rv.search(frame, query, on=on, metric="l2", k=2)
    assert found["id"].tolist() == [2**63 + 3, 40]
    assert found["e1"].tolist() == [2.0, 1.0]
    assert rv.search(frame, query, on=on, metric="l2", k=1, by="group")["id"].tolist() == [
        2**63 + 3,
        30 if np.linalg.norm(X[2] - X[1]) < np.linalg.norm(X[0] - X[1]) else 10,
    ]
    kept = rv.search(frame, query, on=on, metric="l2", k=1, where="kept")
    assert kept["id"].tolist() == [40]
    index = rv.build_index(frame, on=on, ids="id", metric="l2")
    assert index.search(query, k=1).ids.tolist() == [2**63 + 3]
    back = rv.search(frame.iloc[::-1], query, on=on, index=index, k=1)
    assert back["id"].tolist() == [2**63 + 3]
    assert index.search(query, k=1).rows(frame)["id"].tolist() == [2**63 + 3]
    assert len(rv.search(frame.iloc[:0], query, on=on, metric="l2")) == 0
    assert rv.search(frame, frame, on=on, metric="l2", k=1)["id"].tolist() == frame["id"].tolist()
