"""The four classic classes: presets with squared L2 scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest

import ruvector as rv

N, D = 2_000, 64
MATRIX = np.random.default_rng(61).standard_normal((N, D), dtype=np.float32)
CLASSES = [rv.FlatF32Index, rv.RabitqIndex, rv.RabitqPlusIndex, rv.RabitqAsymIndex]
RETAINING = [rv.FlatF32Index, rv.RabitqPlusIndex, rv.RabitqAsymIndex]


@pytest.mark.parametrize("cls", CLASSES)
def test_a_classic_index_builds_searches_and_tells_what_it_is(cls: type) -> None:
    index = cls.build(MATRIX)
    assert isinstance(index, rv.AnyIndex)
    assert len(index) == N
    assert index.dim == D
    assert index.memory_bytes > 0
    assert index.ids.tolist() == list(range(N))
    hits = index.search(MATRIX[7], 5)
    assert all(isinstance(hit, rv.Hit) for hit in hits)
    assert len(hits) == 5
    assert hits[0].id == 7
    assert hits == sorted(hits, key=lambda hit: hit.score)
    assert repr(index).startswith(f"{cls.__name__}(2,000 x 64, ")


@pytest.mark.parametrize("cls", [rv.FlatF32Index, rv.RabitqPlusIndex])
def test_scores_of_measured_candidates_are_squared_distances(cls: type) -> None:
    query = np.random.default_rng(1).standard_normal(D, dtype=np.float32)
    hits = cls.build(MATRIX).search(query, 10)
    rows, scores = oracle.nearest(MATRIX, query, 10, "sqeuclidean")
    assert [hit.score for hit in hits] == scores.tolist()
    assert [hit.id for hit in hits] == rows.tolist()


def test_estimates_are_near_the_squared_distance_and_better_with_more_bits() -> None:
    query = np.random.default_rng(2).standard_normal(D, dtype=np.float32)
    truth = oracle.scores(MATRIX, query, "sqeuclidean")
    errors = {}
    for index in (rv.RabitqIndex.build(MATRIX), rv.RabitqAsymIndex.build(MATRIX, rerank_factor=0)):
        hits = index.search(query, N)
        errors[type(index)] = np.mean([abs(hit.score / truth[hit.id] - 1) for hit in hits])
    assert errors[rv.RabitqAsymIndex] < 0.02
    assert errors[rv.RabitqAsymIndex] < errors[rv.RabitqIndex] < 0.2


@pytest.mark.parametrize("cls", CLASSES)
def test_save_and_load_give_equal_indexes_and_equal_answers(cls: type, tmp_path: Path) -> None:
    index = cls.build(MATRIX, ids=[f"n{i}" for i in range(N)])
    index.save(tmp_path / "x.rvx")
    again = cls.load(tmp_path / "x.rvx")
    assert again == index
    assert again.search(MATRIX[3], 7) == index.search(MATRIX[3], 7)
    assert again.search(MATRIX[3], 1)[0].id == "n3"
    assert list(again.ids[:2]) == ["n0", "n1"]
    other = CLASSES[(CLASSES.index(cls) + 1) % 4] if cls is rv.FlatF32Index else rv.FlatF32Index
    with pytest.raises(rv.InvalidArgument, match=other.__name__):
        other.load(tmp_path / "x.rvx")


@pytest.mark.parametrize("cls", RETAINING)
def test_retained_vectors_come_back_by_id_by_iteration_and_as_a_matrix(cls: type) -> None:
    index = cls.build(MATRIX[:50])
    np.testing.assert_array_equal(index[9], MATRIX[9])
    pairs = list(index)
    assert [id for id, _ in pairs] == list(range(50))
    np.testing.assert_array_equal(pairs[4][1], MATRIX[4])
    assert np.shares_memory(np.asarray(index), MATRIX)
    with pytest.raises(LookupError):
        index[50]


def test_an_index_of_codes_only_has_no_vectors_to_give() -> None:
    index = rv.RabitqIndex.build(MATRIX[:50])
    for use in (lambda: index[0], lambda: list(index), lambda: np.asarray(index)):
        with pytest.raises(LookupError, match="codes only"):
            use()


def test_equality_is_of_data_seed_and_class() -> None:
    one = rv.RabitqIndex.build(MATRIX[:99])
    assert one == rv.RabitqIndex.build(MATRIX[:99].copy())
    assert one != rv.RabitqIndex.build(MATRIX[:99], seed=1)
    assert one != rv.RabitqIndex.build(MATRIX[:98])
    assert one != rv.RabitqPlusIndex.build(MATRIX[:99])
    assert one != 3


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_not_there_yet_is_not_there(cls: type) -> None:
    index = cls.build(MATRIX[:9])
    for name in ("add", "add_batch"):
        assert not hasattr(index, name)
    with pytest.raises(TypeError, match="build"):
        cls()


def test_rerank_factor_belongs_to_plus_and_asym() -> None:
    for cls in (rv.RabitqPlusIndex, rv.RabitqAsymIndex):
        assert cls.build(MATRIX[:9]).rerank_factor == 20
        assert cls.build(MATRIX[:9], rerank_factor=3).rerank_factor == 3
        for factor in (-1, 1.5, True, "x"):
            with pytest.raises(rv.InvalidArgument, match="rerank_factor"):
                cls.build(MATRIX[:9], rerank_factor=factor)
    for cls in (rv.FlatF32Index, rv.RabitqIndex):
        with pytest.raises(TypeError):
            cls.build(MATRIX[:9], rerank_factor=3)


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_are_those_of_the_engine(cls: type) -> None:
    index = cls.build(MATRIX[:9])
    with pytest.raises(rv.DimensionMismatch, match="64"):
        index.search(np.ones(3, np.float32), 1)
    with pytest.raises(rv.InvalidArgument, match="batch"):
        index.search(MATRIX[:2], 1)
    with pytest.raises(rv.InvalidVector):
        cls.build(np.full((2, 3), np.nan))
