"""`neighbors` of a frame: each row's nearest others, in three forms, on all three libraries."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.neighbors import KNeighborsClassifier
from test_sim_join import FRAMES, every_library, frame, lists, names

import ruvector as rv

RNG = np.random.default_rng(22)
ROWS = RNG.standard_normal((40, 8)).astype("f4")


def model(rows: Any, valid: Any, k: int, metric: str) -> list[tuple[int, int, int, float]]:
    """(query row, neighbour, rank, score) by a loop over all rows."""
    out = []
    for row in np.flatnonzero(valid).tolist():
        allowed = valid.copy()
        allowed[row] = False
        found = zip(*oracle.nearest(rows, rows[row], k, metric, allowed), strict=True)
        out += [(row, other, rank, float(score)) for rank, (other, score) in enumerate(found, 1)]
    return out


def cells_of(answer: Any) -> list[Any]:
    """Return the cells of the column, as (ids, distances) or None."""
    cells = lists(answer, "neighbors")
    return [
        None if cell is None else (list(cell["ids"]), list(cell["distances"])) for cell in cells
    ]


@pytest.mark.parametrize("library", FRAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_long_form_is_that_of_a_loop(library: str, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n, k = data.draw(st.integers(0, 30)), data.draw(st.integers(1, 12))
    metric: Any = data.draw(st.sampled_from(oracle.METRICS))
    rows = rng.integers(-2, 3, (n, 8)).astype("f4")
    valid = rng.random(n) >= data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    cells = [row if ok else None for row, ok in zip(rows, valid, strict=True)]
    answer = rv.neighbors(frame(library, cells), k, on="v", metric=metric)
    score = rv._metric.SCORE_NAMES[metric]
    assert names(answer) == ["query_row", "neighbor_row", "rank", score]
    got = list(zip(*(lists(answer, name) for name in names(answer)), strict=True))
    wanted = model(rows, valid, k, metric)
    assert [row[:3] for row in got] == [row[:3] for row in wanted]
    assert [row[3] for row in got] == pytest.approx([row[3] for row in wanted], rel=1e-5, abs=1e-6)


def test_types_of_the_long_form() -> None:
    answer: Any = rv.neighbors(frame("pandas", ROWS), 3)
    assert answer.dtypes.astype(str).tolist() == ["int64"] * 3 + ["float32"]
    assert rv.neighbors(frame("polars", ROWS), 3).dtypes == [pl.UInt32] * 3 + [pl.Float32]
    assert rv.neighbors(frame("pyarrow", ROWS), 3).schema.types == [pa.int64()] * 3 + [pa.float32()]


def test_a_pandas_answer_has_the_labels_of_the_rows_that_ask() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], range(20)], names=["p", "q"])
    rows = frame("pandas", ROWS).set_axis(index)
    answer = rv.neighbors(rows, 2)
    pd.testing.assert_index_equal(answer.index, index.repeat(2))
    assert rows.ruvector.neighbors(2).equals(answer)


@every_library
def test_rows_that_are_equal_are_neighbours_and_a_row_of_itself_is_not(library: str) -> None:
    rows = np.repeat(ROWS[:3], 3, axis=0)
    answer = rv.neighbors(frame(library, rows), 2)
    assert lists(answer, "neighbor_row") == [
        1, 2, 0, 2, 0, 1, 4, 5, 3, 5, 3, 4, 7, 8, 6, 8, 6, 7
    ]  # fmt: skip


@every_library
def test_the_column_holds_positions_and_distances(library: str) -> None:
    cells: list[Any] = list(ROWS)
    cells[5] = None
    before = frame(library, cells, n=list(range(40)))
    answer = rv.neighbors(before, 4, out="column")
    assert names(answer) == ["v", "n", "neighbors"]
    assert names(before) == ["v", "n"]
    assert type(answer) is type(before)
    valid = np.arange(40) != 5
    wanted = model(ROWS, valid, 4, "cosine")
    for row, cell in enumerate(cells_of(answer)):
        mine = [(other, 1 - score) for query, other, _, score in wanted if query == row]
        assert (cell is None) == (row == 5)
        assert cell is None or cell[0] == [other for other, _ in mine]
        assert cell is None or cell[1] == pytest.approx([d for _, d in mine], abs=1e-5)


def test_types_of_the_column() -> None:
    answer: Any = rv.neighbors(frame("polars", ROWS), out="column")
    fields = {"ids": pl.List(pl.Int64), "distances": pl.List(pl.Float32)}
    assert answer.schema["neighbors"] == pl.Struct(fields)
    answer = rv.neighbors(frame("pyarrow", ROWS), out="column")
    assert answer.schema.field("neighbors").type == pa.struct(
        [("ids", pa.large_list(pa.int64())), ("distances", pa.large_list(pa.float32()))]
    )
    answer.validate(full=True)
    labelled = frame("pandas", ROWS).set_axis([f"r{i}" for i in range(40)])
    answer = rv.neighbors(labelled, out="column")
    assert answer.index.equals(labelled.index)
    cell = answer["neighbors"].iloc[0]
    assert (cell["ids"].dtype, cell["distances"].dtype) == (np.int64, np.float32)


@every_library
def test_the_column_goes_through_parquet(library: str) -> None:
    answer: Any = rv.neighbors(frame(library, ROWS, n=list(range(40))), 3, out="column")
    file = io.BytesIO()
    if library == "pandas":
        answer.drop(columns="v").to_parquet(file)
    elif library == "polars":
        answer.write_parquet(file)
    else:
        pq.write_table(answer, file)
    file.seek(0)
    back = pq.read_table(file).column("neighbors").to_pylist()
    assert [(c["ids"], c["distances"]) for c in back] == cells_of(answer)


@every_library
def test_a_column_of_that_name_is_refused(library: str) -> None:
    taken = frame(library, ROWS, neighbors=[1] * 40)
    with pytest.raises(rv.ColumnError, match="already has a column 'neighbors'"):
        rv.neighbors(taken, out="column")
    taken = frame(library, ROWS, query_row=[1] * 40, rank=[1] * 40)
    assert len(lists(rv.neighbors(taken, 1), "rank")) == 40  # none of its columns is in the answer


@every_library
@pytest.mark.parametrize("metric", ["cosine", "l2", "sqeuclidean"])
def test_csr_holds_distances_nearest_first(library: str, metric: Any) -> None:
    graph = rv.neighbors(frame(library, ROWS), 6, metric=metric, out="csr")
    assert type(graph).__name__ == "csr_array"
    assert (graph.shape, graph.dtype, graph.nnz) == ((40, 40), np.float32, 240)
    wanted = model(ROWS, np.ones(40, bool), 6, metric)
    assert graph.indices.tolist() == [other for _, other, _, _ in wanted]
    scores = np.array([score for *_, score in wanted])
    assert graph.data == pytest.approx(1 - scores if metric == "cosine" else scores, abs=1e-5)


def test_csr_keeps_distances_of_0_and_none_is_negative() -> None:
    rows = np.repeat(RNG.standard_normal((50, 8)).astype("f4"), 2, axis=0)
    graph = rv.neighbors(frame("polars", rows), 3, out="csr")
    assert graph.nnz == 300
    assert (graph.data >= 0).all()
    assert (graph.data.reshape(100, 3)[:, 0] < 1e-6).all()


def test_csr_of_rows_without_vectors_has_empty_rows() -> None:
    cells: list[Any] = list(ROWS)
    cells[0] = cells[39] = None
    graph = rv.neighbors(frame("pandas", cells), 5, out="csr")
    assert graph.shape == (40, 40)
    assert np.diff(graph.indptr).tolist() == [0, *[5] * 38, 0]
    graph = rv.neighbors(frame("pandas", [None, None]), 5, on="v", out="csr")
    assert (graph.shape, graph.nnz) == ((2, 2), 0)


@pytest.mark.filterwarnings("error")
def test_scikit_learn_takes_the_csr_as_it_is() -> None:
    centres = 5 * np.eye(4, 8, dtype="f4")
    rows = np.repeat(centres, 25, axis=0) + RNG.standard_normal((100, 8)).astype("f4") / 4
    graph = rv.neighbors(frame("polars", rows), 24, metric="l2", out="csr")
    labels = DBSCAN(eps=2.0, min_samples=4, metric="precomputed").fit_predict(graph)
    assert len({tuple(labels[i : i + 25].tolist()) for i in range(0, 100, 25)}) == 4
    assert set(labels.tolist()) == {0, 1, 2, 3}
    graph = rv.neighbors(frame("polars", rows), 10, out="csr")
    near = KNeighborsClassifier(5, metric="precomputed")
    near.fit(graph, np.repeat(range(4), 25))
    assert near.score(graph, np.repeat(range(4), 25)) == 1


def test_scipy_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(rv.MissingExtra, match=r"out='csr' needs scipy: pip install scipy") as told:
        rv.neighbors(frame("pandas", ROWS), out="csr")
    assert told.value.pip == "pip install scipy"
    assert len(rv.neighbors(frame("pandas", ROWS), 1)) == 40


@pytest.mark.parametrize("out", ["column", "csr"])
def test_products_are_no_distances(out: Any) -> None:
    with pytest.raises(rv.MetricError, match="metric 'dot' has none: use out='long'"):
        rv.neighbors(frame("pandas", ROWS), metric="dot", out=out)
    index = rv.Index.build(ROWS, metric="dot")
    with pytest.raises(rv.MetricError, match="metric 'dot' has none"):
        rv.neighbors(frame("pandas", ROWS), index=index, out=out)


def test_arguments_that_cannot_be() -> None:
    rows = frame("pandas", ROWS)
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"k": -1}, rv.InvalidArgument, "k=-1 must be 0 or more"),
        ({"k": 2.5}, rv.InvalidArgument, "k=2.5 must be a whole number"),
        ({"out": "coo"}, rv.InvalidArgument, "out='coo' must be 'long', 'column' or 'csr'"),
        ({"recall": 2}, rv.InvalidArgument, "recall=2"),
        ({"metric": "ip"}, rv.MetricError, "metric='ip' is not"),
        ({"on": "x"}, rv.ColumnError, "there is no column 'x'"),
        ({"on": "v", "text": "v"}, rv.InvalidArgument, "both name the column"),
        ({"k": 2**31}, rv.LimitExceeded, "more than 2,147,483,648"),
    ]
    for arguments, kind, message in bad:
        with pytest.raises(kind, match=message):
            rv.neighbors(rows, **arguments)


@every_library
@pytest.mark.parametrize("ids", [False, True])
def test_an_index_that_was_given(library: str, ids: bool) -> None:
    rows = frame(library, ROWS, key=[f"k{i * 7 % 40}" for i in range(40)])
    index = rv.build_index(rows, ids="key" if ids else None)
    wanted = rv.neighbors(rows, 3)
    answer = rv.neighbors(rows, 3, index=index)
    assert lists(answer, "neighbor_row") == lists(wanted, "neighbor_row")
    plan = rv.last_plan()
    assert plan is not None and plan.index == "given"
    if ids:
        back = frame(library, ROWS[::-1], key=[f"k{i * 7 % 40}" for i in range(40)][::-1])
        answer = rv.neighbors(back, 3, index=index)
        assert lists(answer, "neighbor_row") == lists(rv.neighbors(back, 3), "neighbor_row")
        with pytest.raises(rv.UnknownId):
            rv.neighbors(frame(library, ROWS[:5], key=[*"abcde"]), 3, index=index)
    else:
        with pytest.raises(rv.VectorsChanged, match="row 0"):
            rv.neighbors(frame(library, ROWS[::-1], key=["k"] * 40), 3, index=index)


@every_library
def test_text_is_embedded(library: str) -> None:
    def letters(texts: list[str]) -> Any:
        return np.array([[t.count(c) for c in "abcdefgh"] for t in texts], "f4")

    rows = FRAMES[library]({"body": ["aab", "ccd", None, "ab", "cdd"]})
    answer = rv.neighbors(rows, 1, text="body", embedder=letters)
    assert lists(answer, "query_row") == [0, 1, 3, 4]
    assert lists(answer, "neighbor_row") == [3, 4, 0, 1]


@every_library
def test_rows_of_bits(library: str) -> None:
    cells = [bytes([0b1111, 0]), bytes([0b0111, 0]), None, bytes([0, 255])]
    rows = FRAMES[library]({"v": cells})
    answer = rv.neighbors(rows, 1, on="v", metric="hamming", out="csr")
    assert answer.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 11, 0, 0]]


def test_many_rows_are_made_as_a_graph_to_the_recall_asked_for() -> None:
    centres = RNG.standard_normal((60, 16)).astype("f4")
    rows = centres[RNG.integers(0, 60, 12_000)] + RNG.standard_normal((12_000, 16)).astype("f4") / 2
    column = pl.DataFrame({"v": pl.Series(rows, dtype=pl.Array(pl.Float32, 16))})
    told: list[tuple[int, int]] = []
    answer = column.ruvector.neighbors(10, progress=lambda *counts: told.append(counts))
    assert len(answer) == 120_000
    plan = rv.last_plan()
    assert plan is not None and (plan.kind, plan.index) == ("flat", "built")
    got = answer["neighbor_row"].to_numpy().reshape(12_000, 10)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    sample = RNG.choice(12_000, 300, replace=False)
    scores = unit[sample] @ unit.T
    scores[np.arange(300), sample] = -2
    best = np.argsort(-scores, axis=1)[:, :10]
    hits = [len(set(got[row]) & set(true)) for row, true in zip(sample, best.tolist(), strict=True)]
    assert np.mean(hits) / 10 > 0.93
    exact = column.ruvector.neighbors(10, recall=1.0)
    wanted = exact["neighbor_row"].to_numpy().reshape(12_000, 10)[sample]
    assert np.mean(wanted == best) > 0.999
