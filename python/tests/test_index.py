"""What an Index promises: search, filters, ids, saving, pickling, closing."""

from __future__ import annotations

import pickle
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import ruvector as rv


def _vectors(n: int = 300, d: int = 16) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((n, d), dtype=np.float32)


def test_an_index_tells_what_it_is() -> None:
    index = rv.Index.build(_vectors(), metric="euclidean")
    assert (len(index), index.dim, index.metric, index.kind, index.bits) == (
        300,
        16,
        "l2",
        "exact",
        0,
    )
    assert index.info()["rows"] == 300
    assert index.memory_bytes >= 0
    assert repr(index) == "Index(300 x 16, l2, exact)"
    assert "<table" in index._repr_html_()
    assert "script" not in index._repr_html_()


@pytest.mark.parametrize("name", ["dim", "metric", "kind", "bits"])
def test_what_an_index_is_cannot_be_assigned(name: str) -> None:
    index = rv.Index.build(_vectors())
    before = getattr(index, name)
    with pytest.raises(AttributeError):
        setattr(index, name, before)
    with pytest.raises(AttributeError):
        delattr(index, name)
    assert getattr(index, name) == before


def test_one_query_gives_one_axis_and_a_batch_gives_two() -> None:
    vectors = _vectors()
    index = rv.Index.build(vectors)
    one = index.search(vectors[3], 5)
    many = index.search(vectors[:4], 5)
    assert one.ids.shape == one.scores.shape == (5,)
    assert many.ids.shape == many.scores.shape == (4, 5)
    assert one.ids.dtype == np.int64
    assert one.scores.dtype == np.float32
    assert many.counts.tolist() == [5, 5, 5, 5]
    assert one.counts.tolist() == [5]
    assert one.counts is one.counts
    assert one.score_name == "cosine_similarity"
    assert many.ids[:, 0].tolist() == [0, 1, 2, 3]


def test_k_zero_finds_nothing_and_k_above_n_finds_all() -> None:
    vectors = _vectors(4)
    index = rv.Index.build(vectors)
    assert index.search(vectors[0], 0).ids.tolist() == []
    assert index.search(vectors[:2], 0).ids.shape == (2, 0)
    assert len(index.search(vectors[0], 10**15).ids) == 4
    wide = index.search(vectors[:2], 6)
    assert wide.ids.shape == (2, 6)
    assert wide.counts.tolist() == [4, 4]
    assert wide.ids[0, 4:].tolist() == [-1, -1]
    assert np.isnan(wide.scores[0, 4:]).all()


def test_all_rows_filtered_gives_no_rows() -> None:
    vectors = _vectors(50)
    index = rv.Index.build(vectors)
    none = np.zeros(50, bool)
    assert index.search(vectors[0], 3, where=none).ids.tolist() == []
    batch = index.search(vectors[:2], 3, where=none)
    assert batch.counts.tolist() == [0, 0]
    assert (batch.ids == -1).all()
    assert index.search(vectors[0], 3, ids=[]).ids.tolist() == []


@pytest.mark.parametrize("rows", [0, 3])
def test_a_batch_of_no_queries_and_an_index_of_no_rows_answer_with_nothing(rows: int) -> None:
    index = rv.Index.build(np.zeros((rows, 4), np.float32))
    assert index.search(np.empty((0, 4), np.float32), 3).ids.shape == (0, 3)
    assert len(index.search(np.ones(4, np.float32), 5).ids) == rows


@pytest.mark.parametrize(
    ("ids", "dtype", "absent"),
    [
        (np.arange(10, 15, dtype=np.int64), np.int64, -1),
        (np.arange(10, 15, dtype=np.int32), np.int64, -1),
        (np.arange(10, 15, dtype=np.uint64), np.uint64, 2**64 - 1),
        (["a", "b", "c", "d", "é"], object, None),
    ],
)
def test_ids_come_back_as_they_were_given(ids: object, dtype: object, absent: object) -> None:
    vectors = _vectors(5)
    index = rv.Index.build(vectors, ids=ids)
    names = list(ids)  # type: ignore[call-overload]
    result = index.search(vectors[4], 1)
    assert result.ids.dtype == dtype
    assert result.ids.tolist() == [names[4]]
    wide = index.search(vectors[:1], 7)
    assert wide.ids.tolist()[0][5:] == [absent, absent]
    np.testing.assert_array_equal(index[names[2]], vectors[2])
    limited = index.search(vectors[4], 5, ids=[names[0], names[1]])
    assert set(limited.ids.tolist()) == {names[0], names[1]}


def test_getitem_gives_the_vector_of_an_id_or_the_matrix_of_several() -> None:
    vectors = _vectors()
    index = rv.Index.build(vectors)
    np.testing.assert_array_equal(index[7], vectors[7])
    np.testing.assert_array_equal(index[[7, 0]], vectors[[7, 0]])
    with pytest.raises(rv.UnknownId, match="300"):
        index[300]
    with pytest.raises(rv.UnknownId):
        index[-1]
    with pytest.raises(TypeError):
        iter(index)


def test_the_matrix_of_an_index_is_the_users_memory() -> None:
    vectors = _vectors()
    index = rv.Index.build(vectors)
    seen = np.asarray(index)
    assert np.shares_memory(seen, vectors)
    assert not seen.flags.writeable
    assert index.info()["source_address"] == vectors.ctypes.data
    copied = rv.Index.build(vectors, keep="copy")
    assert not np.shares_memory(np.asarray(copied), vectors)
    np.testing.assert_array_equal(np.asarray(copied), vectors)
    assert np.asarray(index, np.float64).dtype == np.float64
    assert index.__array__(copy=True).flags.writeable
    for refused in (copied.__array__, lambda copy: index.__array__(np.float64, copy)):
        with pytest.raises(ValueError, match="copy"):
            refused(copy=False)


def test_a_filter_takes_masks_of_every_library_and_null_is_false() -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    vectors = _vectors(6)
    index = rv.Index.build(vectors)
    mask = [True, None, False, True, False, False]
    for where in (
        pd.Series(mask, dtype="boolean"),
        pd.Series(mask, dtype=object),
        pd.array(mask, dtype="boolean"),
        pl.Series(mask),
        pa.array(mask),
        pa.chunked_array([mask[:2], mask[2:]]),
        [True, False, False, True, False, False],
    ):
        assert sorted(index.search(vectors[0], 9, where=where).ids.tolist()) == [0, 3]


def test_a_mask_and_ids_together_let_both_have_their_way() -> None:
    vectors = _vectors(6)
    index = rv.Index.build(vectors)
    where = np.array([True, True, False, False, True, False])
    found = index.search(vectors[0], 9, where=where, ids=[0, 2, 4])
    assert sorted(found.ids.tolist()) == [0, 4]


def test_rerank_zero_gives_estimates_and_a_number_measures_that_many() -> None:
    vectors = _vectors(2_000, 64)
    index = rv.Index.build(vectors, kind="flat", bits=2)
    estimated = index.search(vectors[5], 3, rerank=0)
    assert estimated.plan.scores == "estimated"
    assert estimated.plan.rows_reranked == 0
    measured = index.search(vectors[5], 3, rerank=40)
    assert measured.plan.scores == "exact"
    assert measured.plan.rows_reranked >= 3
    assert measured.ids[0] == 5


def test_save_and_load_answer_alike_with_and_without_vectors(tmp_path: Path) -> None:
    vectors = _vectors(1_000, 32)
    index = rv.Index.build(vectors, kind="flat", ids=[f"row {i}" for i in range(1_000)])
    with pytest.warns(rv.RuVectorWarning, match="vectors=column") as caught:
        index.save(tmp_path / "codes.rvx")
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index.save(tmp_path / "whole.rvx", vectors=True)
        index.save(str(tmp_path / "bare.rvx"), vectors=False)
    want = index.search(vectors[:5], 4)
    whole = rv.Index.load(tmp_path / "whole.rvx")
    attached = rv.Index.load(tmp_path / "codes.rvx", vectors=vectors)
    for again in (whole, attached):
        got = again.search(vectors[:5], 4)
        assert got.ids.tolist() == want.ids.tolist()
        np.testing.assert_array_equal(got.scores, want.scores)
    np.testing.assert_array_equal(whole["row 7"], vectors[7])
    bare = rv.Index.load(tmp_path / "bare.rvx")
    assert bare.search(vectors[0], 1).plan.scores == "estimated"
    with pytest.raises(rv.RuVectorError):
        bare["row 7"]


def test_loading_with_other_vectors_is_refused(tmp_path: Path) -> None:
    vectors = _vectors(1_000, 32)
    rv.Index.build(vectors, kind="flat").save(tmp_path / "a.rvx", vectors=False)
    with pytest.raises(rv.RuVectorError):
        rv.Index.load(tmp_path / "a.rvx", vectors=vectors[::-1].copy())
    with pytest.raises(rv.RuVectorError):
        rv.Index.load(tmp_path / "a.rvx", vectors=vectors[:10])


def test_a_copied_index_is_saved_with_its_vectors(tmp_path: Path) -> None:
    vectors = _vectors(200)
    index = rv.Index.build(np.asfortranarray(vectors))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index.save(tmp_path / "a.rvx")
    np.testing.assert_array_equal(rv.Index.load(tmp_path / "a.rvx")[3], vectors[3])


def test_the_same_input_gives_the_same_bytes() -> None:
    vectors = _vectors(2_000, 24)
    one = rv.Index.build(vectors, kind="flat", threads=1)
    two = rv.Index.build(vectors.copy(), kind="flat", threads=2)
    other = rv.Index.build(vectors, kind="flat", seed=43)
    assert one.__reduce__() == two.__reduce__()
    assert one.__reduce__() != other.__reduce__()


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_pickle_round_trips(kind: str) -> None:
    vectors = _vectors(200)
    index = rv.Index.build(vectors, kind=kind, ids=np.arange(200) * 3)
    again = pickle.loads(pickle.dumps(index))
    assert again.search(vectors[9], 3).ids.tolist() == index.search(vectors[9], 3).ids.tolist()
    assert repr(again) == repr(index)


def test_a_closed_index_says_so_everywhere(tmp_path: Path) -> None:
    vectors = _vectors()
    with rv.Index.build(vectors) as index:
        pass
    index.close()
    for use in (
        lambda: index.search(vectors[0]),
        lambda: index.info(),
        lambda: index.memory_bytes,
        lambda: index[0],
        lambda: np.asarray(index),
        lambda: index.save(tmp_path / "x.rvx", vectors=True),
        lambda: pickle.dumps(index),
    ):
        with pytest.raises(rv.IndexClosed):
            use()


def test_an_index_is_only_made_by_build_or_load() -> None:
    with pytest.raises(TypeError, match=r"Index\.build"):
        rv.Index()


def test_null_rows_are_refused_or_skipped() -> None:
    vectors = [np.ones(3, np.float32), None, np.arange(3, dtype=np.float32)]
    with pytest.raises(rv.InvalidVector, match="1") as caught:
        rv.Index.build(vectors)
    assert caught.value.row == 1
    index = rv.Index.build(vectors, nulls="skip")
    result = index.search(np.ones(3, np.float32), 9)
    assert result.ids.tolist() == [0, 2]
    assert result.plan.null_rows == 1


def test_many_threads_searching_one_index_get_the_answers_of_one() -> None:
    vectors = _vectors(3_000, 32)
    index = rv.Index.build(vectors, kind="flat")
    want = [index.search(vectors[i], 5).ids.tolist() for i in range(64)]
    wrong: list[int] = []

    def work() -> None:
        for i in range(64):
            if index.search(vectors[i], 5).ids.tolist() != want[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_text_query_on_an_index_of_unknown_origin_names_the_embedder() -> None:
    with pytest.raises(rv.EmbedError, match="embedder"):
        rv.Index.build(_vectors()).search("how do I")
