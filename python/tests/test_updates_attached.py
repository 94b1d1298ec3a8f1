"""An index that was loaded with its vectors is changed like one that was built with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest

import ruvector as rv

MATRIX = np.random.default_rng(3).standard_normal((9, 5), dtype=np.float32)


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("metric", oracle.METRICS)
@pytest.mark.parametrize("left", [0, 4])
def test_rows_much_longer_than_all_before_are_added_with_their_vectors(
    tmp_path: Path, kind: str, metric: str, left: int
) -> None:
    path = tmp_path / "index"
    with pytest.warns(rv.RuVectorWarning, match="without"):
        rv.Index.build(MATRIX, kind=kind, metric=metric).save(path)
    index = rv.Index.load(path, vectors=MATRIX)
    index.delete(list(range(left, len(MATRIX))))
    longer = MATRIX[:3] * np.float32(50)
    index.add(None, longer)
    assert index.info()["vectors"]
    held = np.concatenate([MATRIX[:left], longer])
    assert (np.asarray(index) == held).all()
    names = np.array([*range(left), *range(len(MATRIX), len(MATRIX) + 3)])
    rows, scores = oracle.nearest(held, MATRIX[1], 4, metric)
    found = index.search(MATRIX[1], 4, recall=1.0)
    assert found.ids.tolist() == names[rows].tolist()
    assert found.scores == pytest.approx(scores, rel=3e-7, abs=1e-7)
    assert len(index.search(MATRIX[1], 2, diversity=0.5).ids) == 2
