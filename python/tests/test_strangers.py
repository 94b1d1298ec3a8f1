"""Queries unlike those of the calibration: users are told that their recall does not hold."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import ruvector as rv

ROWS, DIM = 20_000, 32


def _drawn(rng: np.random.Generator, n: int) -> npt.NDArray[np.float32]:
    centres = np.random.default_rng(5).standard_normal((100, DIM))
    near = centres[rng.integers(0, 100, n)] + 0.4 * rng.standard_normal((n, DIM))
    return near.astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> npt.NDArray[np.float32]:
    return _drawn(np.random.default_rng(1), ROWS)


@pytest.fixture(scope="module")
def far() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(2)
    return (_drawn(rng, 300) + 3 * rng.standard_normal((300, DIM))).astype(np.float32)


def _asked(index: rv.Index, queries: npt.NDArray[np.float32]) -> list[str]:
    """Return what is said while queries are asked one at a time."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for query in queries:
            index.search(query, k=10, recall=0.95)
    assert {one.filename for one in caught} <= {__file__}
    return [str(one.message) for one in caught]


def test_queries_far_from_the_calibration_are_told_of_once(
    vectors: npt.NDArray[np.float32], far: npt.NDArray[np.float32]
) -> None:
    index = rv.Index.build(vectors, kind="ivf", metric="l2")
    assert _asked(index, _drawn(np.random.default_rng(3), 300)) == []
    index = rv.Index.build(vectors, kind="ivf", metric="l2")
    (said,) = _asked(index, far)
    assert "index.calibrate(queries)" in said and "recall" in said
    assert _asked(index, far) == []
    index.calibrate(far[:200])
    assert _asked(index, far) == []


def test_the_advice_helps(vectors: npt.NDArray[np.float32], far: npt.NDArray[np.float32]) -> None:
    index = rv.Index.build(vectors, kind="ivf", metric="l2")
    exact = rv.Index.build(vectors, kind="exact", metric="l2").search(far[200:], k=10).ids

    def recall() -> float:
        found = index.search(far[200:], k=10, recall=0.95).ids
        pairs = zip(np.asarray(found), np.asarray(exact), strict=True)
        return float(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs]))

    with pytest.warns(rv.RuVectorWarning, match="many queries lie further"):
        before = recall()
    index.calibrate(far[:200])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = recall()
    assert before < 0.9 < 0.93 <= after


def test_frames_batches_and_joins_tell_it_too(
    vectors: npt.NDArray[np.float32], far: npt.NDArray[np.float32]
) -> None:
    frame = pl.DataFrame({"v": pl.Series(vectors, dtype=pl.Array(pl.Float32, DIM))})
    asked = pl.DataFrame({"v": pl.Series(far, dtype=pl.Array(pl.Float32, DIM))})
    for verb in (
        lambda index: index.search(far, k=5),
        lambda index: frame.ruvector.search(far, on="v", k=5, index=index),
        lambda index: asked.ruvector.sim_join(frame, on="v", k=5, index=index),
    ):
        index = rv.Index.build(frame["v"], kind="ivf", metric="l2")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            verb(index)
        said = [str(one.message) for one in caught]
        assert len([one for one in said if "many queries" in one]) == 1, said
