"""Range search: all rows within a threshold, against NumPy."""

from __future__ import annotations

import ctypes
import pickle
import threading
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector import _native
from ruvector._index import ranges as _ranges
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native import within as _within
from ruvector._native.handle import Handle
from ruvector._native.task import Task

METRICS = ("cosine", "dot", "l2", "sqeuclidean")
KINDS = ("exact", "flat", "ivf")


def scores_of(metric: str, rows: Any, queries: Any) -> Any:
    """Scores in float64, shape (nq, n); the cosine of a zero vector is 0."""
    x, q = rows.astype(np.float64), queries.astype(np.float64)
    if metric in ("cosine", "dot"):
        dots = q @ x.T
        if metric == "dot":
            return dots
        lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)
        return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    squares = ((q[:, None] - x[None]) ** 2).sum(-1)
    return np.sqrt(squares) if metric == "l2" else squares


def threshold(metric: str, value: float) -> dict[str, float]:
    name = "min_similarity" if metric in ("cosine", "dot") else "max_distance"
    return {name: value}


def inside(metric: str, scores: Any, value: float, slack: float = 0.0) -> Any:
    return scores >= value - slack if metric in ("cosine", "dot") else scores <= value + slack


def check(answer: Any, metric: str, scores: Any, value: float, allowed: Any = True) -> None:
    """Rows clearly within are there, rows clearly outside are not; best first, no row twice."""
    for q, hits in enumerate(answer.hits()):
        found = [hit.id for hit in hits]
        assert len(set(found)) == len(found)
        sure = set(np.flatnonzero(inside(metric, scores[q], value, -1e-4) & allowed).tolist())
        likely = set(np.flatnonzero(inside(metric, scores[q], value, 1e-4) & allowed).tolist())
        assert sure <= set(found) <= likely
        own = np.array([hit.score for hit in hits], np.float32)
        np.testing.assert_allclose(own, scores[q][found], atol=1e-4)
        assert inside(metric, own, np.float32(value)).all()
        order = np.diff(own)
        assert (order <= 0).all() if metric in ("cosine", "dot") else (order >= 0).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([0, 1, 33, 1100, 2100]),
    dim=st.sampled_from([1, 3, 24, 65]),
    nq=st.integers(0, 5),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(METRICS),
    place=st.floats(0, 1),
    masked=st.booleans(),
)
def test_a_range_is_what_numpy_finds(
    seed: int, n: int, dim: int, nq: int, kind: str, metric: str, place: float, masked: bool
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, dim), dtype=np.float32)
    rows[::7] = rows[:1]
    queries = rng.standard_normal((nq, dim), dtype=np.float32)
    queries[1:2] = 0
    scores = scores_of(metric, rows, queries)
    value = float(np.quantile(scores, place)) if scores.size else 0.5
    mask = rng.random(n) < 0.4 if masked else np.ones(n, np.bool_)
    with rv.Index.build(rows, kind=kind, metric=metric) as ix:
        answer = ix.within(queries, **threshold(metric, value), where=mask if masked else None)
        check(answer, metric, scores, value, mask)
        assert answer.counts.tolist() == [len(hits) for hits in answer.hits()]
        assert answer.plan.scores == "exact"
        assert rv.last_plan() is answer.plan
        few = ix.within(
            queries, **threshold(metric, value), where=mask if masked else None, limit=2
        )
        assert few.hits() == [hits[:2] for hits in answer.hits()]
        for q in range(nq):
            alone = ix.within(
                queries[q], **threshold(metric, value), where=mask if masked else None
            )
            assert alone.hits() == answer.hits()[q]
            assert alone.ids.shape == alone.scores.shape == (answer.counts[q],)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_score_of_a_row_found_lets_it_in(kind: str, metric: str) -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((1500, 19), dtype=np.float32)
    query = rng.standard_normal(19, dtype=np.float32)
    ix = rv.Index.build(rows, kind=kind, metric=metric)
    all_rows = ix.search(query, k=1500, recall=1.0)
    for k in (0, 1, 17, 800, 1499):
        answer = ix.within(query, **threshold(metric, float(all_rows.scores[k])))
        assert answer.ids.tolist() == all_rows.ids[: k + 1].tolist()
        assert answer.scores.tolist() == all_rows.scores[: k + 1].tolist()


IDS: dict[str, Any] = {
    "positions": None,
    "int64": np.arange(3000) - 7,
    "uint64": np.arange(3000).astype(np.uint64) + np.uint64(2**63),
    "text": [f"row {i} é" for i in range(3000)],
}


@pytest.mark.parametrize("kind", IDS)
def test_every_type_of_id_comes_back_and_the_arrays_are_padded(kind: str) -> None:
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((3000, 8), dtype=np.float32)
    names = np.arange(3000) if IDS[kind] is None else np.asarray(IDS[kind])
    ix = rv.Index.build(rows, ids=IDS[kind], kind="flat")
    answer = ix.within(rows[:4], min_similarity=0.5)
    nearest = ix.search(rows[:4], k=int(answer.counts.max()), recall=1.0)
    for q, n in enumerate(answer.counts):
        assert answer.ids[q, :n].tolist() == nearest.ids[q, :n].tolist()
        assert answer.ids[q, 0] == names[q]
        absent = {"text": None, "uint64": 2**64 - 1}.get(kind, -1)
        assert set(answer.ids[q, n:].tolist()) <= {absent}
        assert np.isnan(answer.scores[q, n:]).all()
    assert answer.ids.shape == answer.scores.shape == (4, answer.counts.max())
    assert answer.arrays()[0] is answer.ids
    limited = ix.within(rows[0], min_similarity=-1, ids=names[[5, 0, 9]])
    assert set(limited.ids.tolist()) == set(names[[0, 5, 9]].tolist())


def test_answers_leave_as_arrow_pandas_and_polars_without_absent_cells() -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((2000, 8), dtype=np.float32)
    ix = rv.Index.build(rows, metric="l2", ids=[str(i) for i in range(2000)])
    answer = ix.within(rows[:3], max_distance=2.5)
    total = int(answer.counts.sum())
    table = pa.table(answer)
    assert table.column_names == ["query_row", "rank", "id", "l2_distance"]
    assert table.num_rows == total > 3
    frame = pl.DataFrame(answer)
    assert frame.select("query_row", "id", "l2_distance").rows() == [
        (q, hit.id, hit.score) for q, hits in enumerate(answer.hits()) for hit in hits
    ]
    assert frame["rank"].to_list() == [r + 1 for hits in answer.hits() for r in range(len(hits))]
    assert answer.to_polars()["query_row"].dtype == pl.UInt32
    assert len(answer.to_pandas()) == total
    assert answer.to_arrow().equals(table)
    again = pickle.loads(pickle.dumps(answer))
    assert again.hits() == answer.hits()
    assert again.ids.tolist() == answer.ids.tolist()
    assert f"{total:,} rows" in repr(answer)
    assert "l2_distance" in answer._repr_html_()
    numbered = rv.Index.build(rows, metric="l2").within(rows[:3], max_distance=2.5)
    taken = numbered.rows(pl.DataFrame({"n": np.arange(2000)}))
    assert taken["n"].to_list() == [hit.id for hits in numbered.hits() for hit in hits]


def test_the_stream_of_the_library_is_read_by_others_and_leaves_nothing_behind() -> None:
    rows = np.random.default_rng(6).standard_normal((20_000, 4), dtype=np.float32)
    ix = rv.Index.build(rows, kind="flat", metric="l2")
    before = _native.library_info()["handles"], _native.live_structs()
    answer = Handle()
    counts = np.zeros(2, np.int64)
    search = _structs.SearchParams(
        size=ctypes.sizeof(_structs.SearchParams), queries=rows.ctypes.data, nq=2, dim=4,
        counts=counts.ctypes.data,
    )  # fmt: skip
    params = _structs.WithinParams(
        size=ctypes.sizeof(_structs.WithinParams), threshold_kind=2, threshold=np.inf,
        search=ctypes.addressof(search),
    )  # fmt: skip
    task = Task(lent=(search, params, counts, rows))
    _library.call(
        "rv_within_start", ix._handle.value, ctypes.byref(params), ctypes.byref(task.cell)
    )
    task.wait()
    task.result(answer.cell)
    answer.adopt()
    tables = []
    for read_after_free in (False, True):
        stream = _within.ArrowArrayStream()
        _library.call("rv_answer_stream", answer.value, ctypes.byref(stream))
        if read_after_free:
            answer.close()
        reader = pa.RecordBatchReader._import_from_c(ctypes.addressof(stream))
        tables.append(reader.read_all())
        reader.close()
    assert tables[0].equals(tables[1])
    assert tables[0].column_names == ["query_row", "id", "score"]
    assert tables[0].schema.types == [pa.int64(), pa.int64(), pa.float32()]
    assert tables[0].num_rows == 40_000 == counts.sum()
    assert max(len(chunk) for chunk in tables[0]["id"].chunks) == 16_384
    assert tables[0]["query_row"].to_numpy().tolist() == [0] * 20_000 + [1] * 20_000
    whole = ix.within(rows[:2], max_distance=np.inf)
    assert tables[0]["id"].to_pylist() == whole._found.tolist()  # type: ignore[attr-defined]
    del whole, reader
    assert (_native.library_info()["handles"], _native.live_structs()) == before
    with pytest.raises(rv.InvalidArgument, match="answer is closed"):
        _library.call("rv_answer_stream", 0, ctypes.byref(stream))


def test_rows_that_were_added_and_deleted_are_seen() -> None:
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((2600, 6), dtype=np.float32)
    ix = rv.Index.build(rows[:1200], ids=[f"r{i}" for i in range(1200)], kind="ivf", metric="l2")
    ix.add([f"r{i}" for i in range(1200, 2600)], rows[1200:])
    ix.delete([f"r{i}" for i in range(0, 2600, 3)])
    answer = ix.within(rows[:3], max_distance=1.5)
    scores = scores_of("l2", rows, rows[:3])
    kept = np.arange(2600) % 3 != 0
    for q, hits in enumerate(answer.hits()):
        found = {int(hit.id[1:]) for hit in hits}
        assert found == set(np.flatnonzero((scores[q] <= 1.5) & kept).tolist())
    with pytest.raises(rv.InvalidArgument, match="ids="):
        ix.within(rows[0], max_distance=1, where=np.ones(2600, np.bool_))


def test_codes_without_vectors_say_that_scores_are_estimated() -> None:
    rows = np.random.default_rng(8).standard_normal((3000, 64), dtype=np.float32)
    for kind in ("flat", "ivf"):
        ix = rv.Index.build(rows, kind=kind, keep="none")
        answer = ix.within(rows[0], min_similarity=0.3)
        assert answer.plan.scores == "estimated"
        assert answer.plan.certified == 0
        true = set(np.flatnonzero(scores_of("cosine", rows, rows[:1])[0] >= 0.3).tolist())
        assert len(true & set(answer.ids.tolist())) >= 0.9 * len(true)


def test_thresholds_that_cannot_be_are_refused_with_the_way_out() -> None:
    rows = np.eye(4, dtype=np.float32)
    similar, distant = rv.Index.build(rows), rv.Index.build(rows, metric="l2")
    with pytest.raises(rv.MetricError, match=r"max_distance=1 .*use min_similarity="):
        similar.within(rows[0], max_distance=1)
    with pytest.raises(rv.MetricError, match=r"min_similarity=1 .*use max_distance="):
        distant.within(rows[0], min_similarity=1)
    with pytest.raises(rv.MetricError):
        similar.within(rows[0], max_distance=1, min_similarity=1)
    for ix, name, nothing in (
        (similar, "min_similarity", np.inf), (distant, "max_distance", -np.inf),
    ):  # fmt: skip
        with pytest.raises(rv.InvalidArgument, match=f"give {name}="):
            ix.within(rows[0])
        for value in (np.nan, nothing, "near"):
            with pytest.raises(rv.InvalidArgument, match=name):
                ix.within(rows[0], **{name: value})
        assert ix.within(rows[0], **{name: -nothing}).counts.tolist() == [4]
        for limit in (0, -1, 1.5, "all"):
            with pytest.raises(rv.InvalidArgument, match="limit"):
                ix.within(rows[0], **{name: 0.5}, limit=limit)
    with pytest.raises(rv.DimensionMismatch):
        distant.within(np.zeros(3, np.float32), max_distance=1)
    with pytest.raises(rv.InvalidVector):
        distant.within([1, 2, 3, np.nan], max_distance=1)
    with pytest.raises(rv.UnknownId):
        distant.within(rows[0], max_distance=1, ids=[7])
    with pytest.raises(rv.InvalidArgument, match="where"):
        distant.within(rows[0], max_distance=1, where=[True])
    with pytest.raises(rv.InvalidArgument, match="l2_distance is 0 or more"):
        distant.within(rows[0], max_distance=-0.5)
    distant.close()
    with pytest.raises(rv.IndexClosed):
        distant.within(rows[0], max_distance=1)


def test_ranges_beyond_the_memory_are_refused_and_ragged_ones_are_not_padded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(9)
    rows = rng.standard_normal((5000, 4), dtype=np.float32)
    ix = rv.Index.build(rows, metric="l2")
    with pytest.raises(rv.LimitExceeded, match=r"rows found so far for 50 queries.*tighter"):
        ix.within(rows[:50], max_distance=np.inf, max_bytes=1_000_000)
    assert ix.within(rows[:50], max_distance=np.inf, max_bytes=1_000_000, limit=9).ids.shape[1] == 9
    monkeypatch.setattr(_ranges, "PADDED_BYTES", 500_000)
    near = ix.within(np.vstack([rows[:9] + 9e3, rows[:1]]), max_distance=100)
    assert near.counts.tolist() == [0] * 9 + [5000]
    for name in ("ids", "scores"):
        with pytest.raises(rv.LimitExceeded, match=r"to_arrow\(\)"):
            getattr(near, name)
    assert len(near.hits()[9]) == pa.table(near).num_rows == 5000
    with pytest.raises(AttributeError, match="idz"):
        near.idz  # noqa: B018


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_rows_of_bits_are_compared_bit_by_bit(metric: str) -> None:
    rng = np.random.default_rng(11)
    bits = rng.random((3000, 40)) < 0.3
    ix = rv.Index.build(np.packbits(bits, axis=1), metric=metric)
    differ = (bits[:5, None] != bits[None]).sum(-1)
    both, either = (bits[:5, None] & bits[None]).sum(-1), (bits[:5, None] | bits[None]).sum(-1)
    scores = differ if metric == "hamming" else 1 - both / np.maximum(either, 1)
    value = {"hamming": 12.0, "jaccard": 0.625}[metric]
    answer = ix.within(bits[:5], max_distance=value)
    for q, hits in enumerate(answer.hits()):
        assert {hit.id for hit in hits} == set(np.flatnonzero(scores[q] <= value).tolist())
    assert answer.counts.min() > 1
    assert ix.within(bits[0], max_distance=value).hits() == answer.hits()[0]
    with pytest.raises(rv.MetricError, match="max_distance"):
        ix.within(bits[0], min_similarity=0.5)


def test_many_threads_ask_one_index() -> None:
    rows = np.random.default_rng(10).standard_normal((4000, 16), dtype=np.float32)
    ix = rv.Index.build(rows, kind="ivf")
    want = ix.within(rows[:20], min_similarity=0.4).hits()
    wrong: list[int] = []

    def ask(i: int) -> None:
        for threads in (1, 2, 7):
            if ix.within(rows[:20], min_similarity=0.4, threads=threads).hits() != want:
                wrong.append(i)

    workers = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
