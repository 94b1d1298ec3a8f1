"""Second codes of rows: an index that has some answers, changes and travels like any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ruvector as rv

N, D, ASKED, TOPICS = 20_000, 256, 200, 500


def _topical(rng: np.random.Generator, count: int) -> np.ndarray:
    """Rows that have four of 500 topics each, so that many lie between cells."""
    centres = np.random.default_rng(7).standard_normal((TOPICS, D))
    shares = np.zeros((count, TOPICS))
    for _ in range(4):
        shares[np.arange(count), rng.integers(0, TOPICS, count)] += rng.random(count) ** 2
    return (shares @ centres + 0.3 * rng.standard_normal((count, D))).astype(np.float32)


ROWS = _topical(np.random.default_rng(71), N)
QUERIES = _topical(np.random.default_rng(72), ASKED)


@pytest.fixture(scope="module")
def index() -> rv.Index:
    return rv.Index.build(ROWS, kind="ivf")


def _missed(index: rv.Index, truth: np.ndarray) -> float:
    found = np.asarray(index.search(QUERIES, 10, recall=0.99).ids).reshape(ASKED, 10)
    assert all(len(set(row)) == 10 for row in found), "no row comes up twice"
    return 1 - float(np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]))


def _nearest(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.argsort(-(QUERIES @ unit.T), axis=1)[:, :10]


def test_copies_are_made_where_they_pay_and_counted(index: rv.Index) -> None:
    info = index.info()
    assert 0 < info["copies"] < N
    assert _missed(index, _nearest(ROWS)) < 0.02
    assert index.memory_bytes > N * (D // 8 * 5 + 28)


def test_an_index_with_copies_travels(index: rv.Index, tmp_path: Path) -> None:
    path = tmp_path / "copies.rvx"
    index.save(path, vectors=True)
    want = index.search(QUERIES, 10, recall=0.99)
    for again in (rv.Index.load(path), rv.Index.load(path, mmap=True)):
        assert again.info()["copies"] == index.info()["copies"]
        got = again.search(QUERIES, 10, recall=0.99)
        np.testing.assert_array_equal(np.asarray(got.ids), np.asarray(want.ids))
        np.testing.assert_array_equal(got.scores, want.scores)
        again.verify()
        again.close()


def test_deleted_rows_stay_away_and_compact_drops_copies() -> None:
    index = rv.Index.build(ROWS, kind="ivf")
    gone = np.arange(0, N, 3)
    assert index.delete(gone) == len(gone)
    left = np.setdiff1d(np.arange(N), gone)
    truth = left[_nearest(ROWS[left])]
    copies = index.info()["copies"]
    assert copies > 0
    assert _missed(index, truth) < 0.02
    assert not np.isin(np.asarray(index.search(QUERIES, 10, recall=0.99).ids), gone).any()
    index.compact()
    assert index.info()["copies"] == 0
    assert _missed(index, truth) < 0.03
    index.close()


@pytest.mark.parametrize("measured", [False, True])
def test_what_is_recommended_has_the_bytes_that_it_said(measured: bool) -> None:
    advice = rv.recommend(ROWS, sample=N) if measured else rv.recommend(N, D)
    said = next(row for row in advice.table if row.kind == "ivf" and row.keep == "auto")
    with rv.Index.build(ROWS, metric=advice.metric, **said.params) as built:
        info = built.info()
        assert info["copies"] > 0
        assert info["bits"] == (said.bits if measured else 4)
        assert info["index_bytes"] <= 1.06 * said.index_bytes
        assert info["index_bytes"] > 0.9 * said.index_bytes
    with rv.Index.build(ROWS, metric=advice.metric, bits=5, **said.params) as larger:
        assert larger.info()["index_bytes"] > 1.06 * said.index_bytes
