"""Every finite float16, the subnormal ones too, is compared by the number that it is."""

from __future__ import annotations

import numpy as np
import pytest

import ruvector as rv

BITS = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
HALVES = BITS[np.isfinite(BITS)].reshape(-1, 16)  # rows of neighbouring numbers
WIDE = HALVES.astype(np.float64)


def test_every_finite_half_comes_back_as_it_was() -> None:
    index = rv.Index.build(HALVES, metric="l2")
    assert (np.asarray(index) == WIDE).all()
    assert (index[[1, 5, 64]] == WIDE[[1, 5, 64]]).all()


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("scale", [1e-7, 1e-5, 1e-3, 1.0])
@pytest.mark.parametrize("code", ["f4", "f8"])
def test_distances_from_subnormal_halves_are_those_of_their_numbers(
    kind: str, scale: float, code: str
) -> None:
    random = np.random.default_rng(11)
    matrix = (random.standard_normal((60, 19)) * scale).astype(np.float16)
    wide = matrix.astype(np.float64)
    query = (random.standard_normal(19) * scale).astype(code)
    index = rv.Index.build(matrix, kind=kind, metric="l2", recall=1.0)
    expected = np.sqrt(np.square(wide - query).sum(axis=1))
    for found in (index.search(query, 60), index.within(query, max_distance=np.inf)):
        assert found.ids.tolist() == np.argsort(expected, kind="stable").tolist()
        assert found.scores == pytest.approx(expected[found.ids], rel=3e-7)
