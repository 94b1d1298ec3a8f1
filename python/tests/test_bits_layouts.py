"""Booleans and packed bits are rows of bits in every order, stride and direction of memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import ruvector as rv

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "rows apart": lambda m: np.repeat(m, 3, axis=0)[::3],
    "columns apart": lambda m: np.repeat(m, 2, axis=1)[:, ::2],
    "from the end": lambda m: np.ascontiguousarray(m[::-1, ::-1])[::-1, ::-1],
    "transposed": lambda m: np.ascontiguousarray(m.T).T,
    "read-only": lambda m: np.frombuffer(m.tobytes(), m.dtype).reshape(m.shape),
}


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(1, 64), (7, 24), (17, 8), (40, 512)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_rows(
    layout: str, shape: tuple[int, int], packed: bool, metric: str
) -> None:
    bits = np.random.default_rng(6).random(shape) < 0.4
    rows = np.packbits(bits, axis=1)
    given = LAYOUTS[layout](rows if packed else bits)
    index = rv.Index.build(given, metric=metric)
    assert (np.asarray(index) == rows).all()
    index.add(None, given)
    assert (index[[0, len(rows)]] == rows[[0, 0]]).all()
    found = index.search(given, 1)
    assert found.scores.tolist() == [[0.0]] * len(rows)
