"""Where there are no rows, every id of every type is unknown, and the index stays in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ruvector as rv

IDS: dict[str, Any] = {
    "positions": None,
    "int64": [5, -6],
    "uint64": np.array([5, 2**63 + 6], np.uint64),
    "text": ["a", "b"],
}
ASKED: dict[str, Any] = {
    "int64": [1, -2],
    "uint64": np.array([1, 2**64 - 1], np.uint64),
    "text": ["", "z"],
}
MAKERS = ["built of none", "all deleted", "all deleted and compacted"]


def _index(how: str, kind: str, ids: str) -> rv.Index:
    if how == "built of none":
        return rv.Index.build(np.empty((0, 3), np.float32), kind=kind, metric="l2")
    index = rv.Index.build(np.eye(3)[:2], kind=kind, metric="l2", ids=IDS[ids])
    index.delete([0, 1] if IDS[ids] is None else IDS[ids])
    if how.endswith("compacted"):
        index.compact()
    return index


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("how", MAKERS)
def test_every_verb_says_that_an_id_is_unknown(how: str, kind: str, ids: str, asked: str) -> None:
    index, names, query = _index(how, kind, ids), ASKED[asked], [1.0, 2.0, 3.0]
    # Deleted rows still tell what type their ids have.
    expected = (rv.UnknownId, rv.InvalidArgument) if how == "all deleted" else rv.UnknownId
    calls = {
        "search": lambda: index.search(query, 3, ids=names),
        "within": lambda: index.within(query, max_distance=9, ids=names),
        "id": lambda: index.search(id=names[0], k=1),
        "row": lambda: index[names],
        "delete": lambda: index.delete(names),
    }
    for call in calls.values():
        with pytest.raises(expected):
            call()
    assert len(index.search(query, 3).ids) == 0
    index.add(None if IDS[ids] is None or how == "built of none" else IDS[ids], np.eye(3)[:2])
    assert len(index.search(query, 3).ids) == 2
