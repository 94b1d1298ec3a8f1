"""What parts of a cluster find, merged: the answer of one machine, whatever the parts were."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._clusters import partial as parts
from ruvector._clusters import routing
from ruvector._clusters.answers import answer_stream, ids_of, take_pairs
from ruvector._clusters.asking import (
    PLACE_BITS,
    Asked,
    ask_index,
    ask_rows,
    ask_shards,
    long_form,
    placed,
    wide,
)
from ruvector._clusters.columns import join_layout, score_layout
from ruvector._clusters.opened import AtPath, Source
from ruvector._clusters.partial import Partial
from ruvector._frames.pairing.pairs import NO_PAIRS

LIST = pa.list_(pa.float32())
DIM = 8


def table_of(rows: int, seed: int, name: str, nulls: tuple[int, ...] = ()) -> Any:
    """Rows with vectors near one of six clouds."""
    random = np.random.default_rng(seed)
    clouds = np.random.default_rng(3).normal(size=(6, DIM)) * 3
    made = clouds[random.integers(0, 6, rows)] + random.normal(size=(rows, DIM))
    cells = made.astype(np.float32).tolist()
    for row in nulls:
        cells[row] = None
    return pa.table({name: pa.array(range(rows)), "v": pa.array(cells, LIST)})


def local(left: Any, right: Any, **more: Any) -> Any:
    """Join on this machine, exactly."""
    return rv.sim_join(left, right, on="v", recall=1.0, **more)


def asked_of(k: int = 3, metric: str = "cosine", **more: Any) -> Asked:
    values = {"bound": None, "recall": 1.0, **more}
    return Asked("v", "v", k, metric, **values)


def layout_of(left: Any, right: Any, metric: str = "cosine", how: str = "inner") -> Any:
    return join_layout(left.schema, right.schema, None, metric, "_right", how)


def by_queries(left: Any, right: Any, asked: Asked, how: str, cuts: list[int]) -> Any:
    """Join as the plan of queries does, with right rows in parts that end at `cuts`."""
    partial = Partial(left.schema, right.schema, 3)
    rows = np.arange(len(left))
    found = [parts.markers(partial, left, rows)]
    for part, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(right)], strict=True)):
        chunk = right.slice(begin, end - begin)
        half = len(chunk) // 2
        batches = [
            (chunk.slice(0, half), parts.numbered(part, 0, half)),
            (chunk.slice(half), parts.numbered(part, half, len(chunk) - half)),
        ]
        found.append(parts.search_stream(partial, left.select(["v"]), rows, batches, asked))
    return merged(pa.concat_tables(found), partial, left, right, asked, how)


def merged(table: Any, partial: Partial, left: Any, right: Any, asked: Asked, how: str) -> Any:
    layout = layout_of(left, right, asked.metric, how)
    buckets = table.column(parts.BUCKET).to_numpy()
    order = np.random.default_rng(1).permutation(len(table))  # a shuffle keeps no order
    answers = []
    for bucket in np.unique(buckets):
        mine = order[buckets[order] == bucket]
        answers.append(parts.merge_bucket(table.take(mine), partial, layout, asked, how))
    return pa.concat_tables(answers).sort_by([("ask", "ascending"), ("rank", "ascending")])


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_parts_of_the_right_side_answer_as_the_whole(metric: str, how: Any) -> None:
    left, right = table_of(60, 1, "ask", (4, 59)), table_of(400, 2, "name", (0, 399))
    wanted = local(left, right, k=3, how=how, metric=metric)
    for cuts in ([], [100, 101, 350], [1, 2, 3]):
        found = by_queries(left, right, asked_of(3, metric), how, cuts)
        assert found.schema.names == wanted.schema.names
        assert found.to_pylist() == wanted.to_pylist()


def test_ties_go_to_the_smaller_row_in_any_parts() -> None:
    left = pa.table({"ask": [0], "v": pa.array([[1.0, 0.0]], LIST)})
    right = pa.table({"name": range(9), "v": pa.array([[1.0, 0.0]] * 9, LIST)})
    for cuts in ([], [4], [1, 2, 8]):
        found = by_queries(left, right, asked_of(4), "inner", cuts)
        assert found["name"].to_pylist() == [0, 1, 2, 3]
        assert found["rank"].to_pylist() == [1, 2, 3, 4]


def test_a_threshold_holds_in_every_part() -> None:
    left, right = table_of(20, 1, "ask"), table_of(200, 2, "name")
    wanted = rv.sim_join(left, right, on="v", k=50, min_similarity=0.6, recall=1.0, how="left")
    found = by_queries(left, right, asked_of(50, bound=0.6), "left", [50, 120])
    assert found.to_pylist() == wanted.to_pylist()


def test_no_right_rows_find_nothing_and_left_rows_stay() -> None:
    left, right = table_of(5, 1, "ask"), table_of(0, 2, "name")
    found = by_queries(left, right, asked_of(), "left", [])
    assert found["ask"].to_pylist() == [0, 1, 2, 3, 4]
    assert found["name"].null_count == 5
    assert not len(by_queries(left, right, asked_of(), "inner", []))


def test_merging_is_that_of_merge_topk() -> None:
    left, right = table_of(30, 1, "ask"), table_of(300, 2, "name")
    asked = asked_of(5, "l2")
    shards = [
        rv.Index.build(right["v"].slice(i, 100), ids=range(i, i + 100), metric="l2")
        for i in (0, 100, 200)
    ]
    wanted = rv.merge_topk([wide(ask_index(left, one, asked), 30, asked) for one in shards], 5)
    found = by_queries(left, right, asked, "inner", [100, 200])
    assert found["name"].to_pylist() == wanted.ids.ravel().tolist()
    assert found["l2_distance"].to_pylist() == wanted.scores.ravel().tolist()
    pairs = ask_shards(left, shards, asked)
    assert pairs.found.tolist() == wanted.ids.ravel().tolist()
    assert pairs.ranks.tolist() == [1, 2, 3, 4, 5] * 30


@pytest.mark.parametrize("ids", [range(100), [f"t{i}" for i in range(100)]])
def test_pairs_survive_the_form_of_a_result(ids: Any) -> None:
    right = table_of(100, 2, "name")
    left = table_of(10, 1, "ask", (3,))
    index = rv.Index.build(right["v"], ids=list(ids))
    asked = asked_of(4, bound=0.5)
    pairs = ask_index(left, index, asked)
    again = long_form(wide(pairs, len(left), asked))
    for mine, theirs in zip(again[:4], pairs[:4], strict=True):
        assert mine.tolist() == theirs.tolist()
    assert not len(long_form(wide(NO_PAIRS, 3, asked)).left)
    assert not len(ask_shards(left, [index, index], asked._replace(bound=1.0)).left)


@pytest.mark.parametrize("unsigned", [False, True])
def test_ids_have_the_type_of_the_answer_where_nothing_is_found(unsigned: bool) -> None:
    left = table_of(3, 1, "ask")
    kind = pa.uint64() if unsigned else pa.string()
    layout = score_layout(left.schema, ["ask"], kind, "cosine")
    answer = take_pairs(left, NO_PAIRS, None, layout, "inner")
    assert answer.schema == layout.schema
    assert len(answer) == 0
    assert ids_of(np.array([2**63], np.uint64), layout).to_pylist() == (
        [2**63] if unsigned else [str(2**63)]
    )


def test_a_stream_answers_as_the_whole_and_names_partition_and_row(tmp_path: Any) -> None:
    left, right = table_of(50, 1, "ask"), table_of(300, 2, "name")
    index = rv.Index.build(right["v"], ids=right["name"], keep="copy")
    index.save(tmp_path / "ix.rvx")
    source = Source((AtPath(str(tmp_path / "ix.rvx")),))
    layout = join_layout(left.schema, None, pa.int64(), "cosine", "_right", "inner")
    batches = [left.slice(0, 20), left.slice(20)]
    found = pa.concat_tables(answer_stream(batches, source, asked_of(), layout, "inner", 4))
    assert found.to_pylist() == rv.sim_join(left, index, on="v", k=3, recall=1.0).to_pylist()
    cells = left["v"].to_pylist()
    cells[33][2] = float("nan")
    bad = left.set_column(1, "v", pa.array(cells, LIST))
    with pytest.raises(rv.InvalidVector, match=r"partition 4, row 33: .*column 2 holds NaN") as e:
        list(answer_stream([bad.slice(0, 20), bad.slice(20)], source, asked_of(), layout, "x", 4))
    assert (e.value.row, e.value.column) == (33, 2)
    again = pickle.loads(pickle.dumps(e.value))
    assert (type(again), str(again)) == (rv.InvalidVector, str(e.value))
    assert (again.row, again.column) == (33, 2)


def test_long_answers_come_in_several_tables(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("ruvector._clusters.answers._CELLS", 40)
    left, right = table_of(50, 1, "ask"), table_of(100, 2, "name")
    index = rv.Index.build(right["v"], keep="copy")
    index.save(tmp_path / "ix.rvx")
    layout = join_layout(left.schema, None, pa.int64(), "cosine", "_right", "inner")
    source = Source((AtPath(str(tmp_path / "ix.rvx")),))
    tables = list(answer_stream([left], source, asked_of(10), layout, "inner", None))
    assert [len(table) for table in tables] == [40] * 12 + [20]


def test_an_error_of_the_other_side_keeps_its_row() -> None:
    left = rv.InvalidVector("left column 'v': row 3 is bad", row=3)
    with pytest.raises(rv.InvalidVector, match=r"^left column 'v': row 3") as caught:
        raise_at(7, 100, "right", left)
    assert caught.value.row == 3
    right = rv.InvalidVector("right column 'v': row 3 is bad", row=3)
    with pytest.raises(rv.InvalidVector, match=r"^partition 7, row 103: right .*row 103 is bad"):
        raise_at(7, 100, "right", right)
    with pytest.raises(rv.DimensionMismatch, match="partition 7, rows from 100 on: widths"):
        raise_at(7, 100, "left", rv.DimensionMismatch("widths"))


def raise_at(partition: int, first: int, side: str, error: Exception) -> None:
    with placed(partition, first, side):
        raise error


def test_numbers_tell_partition_and_place() -> None:
    numbers = parts.numbered(5, 1000, 3)
    assert numbers.tolist() == [(5 << PLACE_BITS) + row for row in (1000, 1001, 1002)]
    assert parts.place_of(numbers) == (5, 1000)
    assert parts.place_of(numbers[:0]) == (None, 0)


def routed(left: Any, right: Any, asked: Asked, how: str, cells: Any) -> Any:
    """Join as the routed plan does, rows numbered in two partitions a side."""
    partial = Partial(left.schema, right.schema, 2)
    sent = []
    for side, table, send in (
        ("left", left, routing.send_left), ("right", right, routing.send_right),
    ):  # fmt: skip
        half = len(table) // 2
        for part, chunk in enumerate((table.slice(0, half), table.slice(half))):
            numbers = parts.numbered(part, 0, len(chunk))
            assert side
            sent.append(send(cells, partial, chunk, numbers, asked))
    both = pa.concat_tables(sent)
    assert both.schema == routing.routed_schema(partial)
    keys = both.column(routing.CELL).to_numpy()
    found = [
        routing.search_cell(both.filter(pa.array(keys == key)), partial, asked)
        for key in np.unique(keys)
    ]
    return merged(pa.concat_tables(found), partial, left, right, asked, how)


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_cells_that_all_are_asked_answer_as_the_whole(metric: str, how: Any) -> None:
    left, right = table_of(80, 1, "ask", (0, 50)), table_of(500, 2, "name", (7,))
    wanted = local(left, right, k=4, how=how, metric=metric)
    asked = asked_of(4, metric)
    cells = routing.train(left, right, (80, 500), asked, 2)
    assert cells.probes == len(cells.centroids)
    assert routed(left, right, asked, how, cells).to_pylist() == wanted.to_pylist()


def test_salted_cells_answer_as_whole_ones() -> None:
    left, right = table_of(90, 1, "ask", (3,)), table_of(500, 2, "name")
    asked = asked_of(4)
    cells = routing.train(left, right, (90, 500), asked, 2)
    n = len(cells.centroids)
    random = np.random.default_rng(0)
    salted = cells._replace(down=random.integers(1, 4, n), across=random.integers(1, 6, n))
    assert salted.hot > 0
    wanted = rv.sim_join(left, right, on="v", k=4, how="left", recall=1.0)
    assert routed(left, right, asked, "left", salted).to_pylist() == wanted.to_pylist()


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_probes_reach_the_recall_that_was_asked_for(metric: str) -> None:
    left, right = table_of(400, 1, "ask"), table_of(4000, 2, "name")
    exact = local(left, right, k=5, metric=metric)
    wanted = set(zip(exact["ask"].to_pylist(), exact["name"].to_pylist(), strict=True))
    for recall in (0.8, 0.95):
        asked = asked_of(5, metric, recall=recall)
        cells = routing.train(left, right, (400, 4000), asked, 2, 30)
        assert 1 <= cells.probes < 30
        found = routed(left, right, asked, "inner", cells)
        got = set(zip(found["ask"].to_pylist(), found["name"].to_pylist(), strict=True))
        assert len(got) == len(found)
        assert len(got & wanted) / len(wanted) >= recall


def test_hot_cells_are_cut_and_others_are_not() -> None:
    assert routing.salts(np.array([10.0, 10, 10, 10])).tolist() == [1, 1, 1, 1]
    assert routing.salts(np.array([70.0, 10, 10, 10])).tolist() == [2, 1, 1, 1]
    assert routing.salts(np.array([1e6, *[1.0] * 99])).tolist()[0] == 50
    assert routing.salts(np.array([1e9, *[0.0] * 9999])).max() == 1024
    assert routing.salts(np.zeros(3)).tolist() == [1, 1, 1]
    assert routing.salts(np.array([])).tolist() == []


def test_rows_of_one_cloud_make_hot_cells() -> None:
    right = table_of(2000, 2, "name")
    far = pa.array([[50.0] * DIM] * 6000, LIST)
    hot = pa.table({"name": range(6000), "v": far})
    cells = routing.train(right, pa.concat_tables([right, hot]), (2000, 8000), asked_of(), 2, 16)
    assert cells.hot >= 1


def test_training_draws_the_same_cells_every_time() -> None:
    left, right = table_of(50, 1, "ask"), table_of(600, 2, "name")
    one, two = (routing.train(left, right, (50, 600), asked_of(), 2, 8) for _ in range(2))
    assert np.array_equal(one.centroids, two.centroids)
    assert one.probes == two.probes
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(again.centroids, one.centroids)


def test_a_sample_without_vectors_has_no_cells() -> None:
    empty = table_of(0, 1, "name")
    with pytest.raises(rv.InvalidArgument, match="no right row of the sample has a vector"):
        routing.train(empty, empty, (0, 0), asked_of(), 2)


def test_few_rows_make_few_cells() -> None:
    left, right = table_of(5, 1, "ask"), table_of(9, 2, "name")
    cells = routing.train(left, right, (5, 9), asked_of(), 64)
    assert len(cells.centroids) == 2
    wanted = rv.sim_join(left, right, on="v", k=3, recall=1.0)
    assert routed(left, right, asked_of(), "inner", cells).to_pylist() == wanted.to_pylist()


def test_queries_of_nothing_and_rows_of_nothing_find_nothing() -> None:
    empty, some = table_of(0, 1, "ask"), table_of(4, 1, "ask")
    assert not len(ask_rows(empty, some, asked_of()).left)
    assert not len(ask_rows(some, empty, asked_of()).left)
