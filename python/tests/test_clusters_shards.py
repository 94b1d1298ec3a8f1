"""Folders of shards, columns of both sides, and indexes that workers have open."""

from __future__ import annotations

import json
import os
import pathlib
import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._clusters import opened as opening
from ruvector._clusters import shards as folders
from ruvector._clusters.broadcast import folder_of_run, write_index
from ruvector._clusters.columns import (
    assemble,
    compared,
    conform,
    join_layout,
    nulls,
    score_layout,
    storage,
    vector_type,
)
from ruvector._clusters.opened import AtPath, Source, opened
from ruvector._clusters.preparing import (
    Sizes,
    Wanted,
    decide,
    last_plan,
    prepare,
    remember,
    vector_bytes,
)
from ruvector._clusters.questions import VECTOR, read_questions, search_layout
from ruvector._clusters.rights import Right, right_of
from ruvector._clusters.shards import Building, build_shard, claim, finish, open_shards

LIST = pa.list_(pa.float32())


def table_of(rows: int, seed: int = 0, first: int = 0) -> Any:
    made = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    return pa.table({"id": range(first, first + rows), "v": pa.array(made.tolist(), LIST)})


def building(folder: Any, **more: Any) -> Building:
    options = {"metric": "cosine", "kind": "auto", "nulls": "skip"}
    values = {"run": "abcd", "metric": "cosine", "vectors": True, "threads": 1, **more}
    return Building(str(folder), column="v", ids="id", options=options, **values)


def built_in(folder: Any, parts: int = 3) -> Any:
    how = building(claim(folder))
    done = [build_shard(table_of(10, i, 10 * i), i, how) for i in range(parts)]
    return finish([one for one in done if one is not None], how)


def test_a_folder_tells_its_shards_again(tmp_path: pathlib.Path) -> None:
    made = built_in(tmp_path / "out")
    again = open_shards(tmp_path / "out")
    assert again == made
    assert (again.rows, again.dim, again.metric, again.id_kind) == (30, 4, "cosine", "int64")
    assert (again.column, again.ids, len(again.files)) == ("v", "id", 3)
    assert again.bytes == sum(os.path.getsize(path) for path in again.paths())
    assert sorted(os.listdir(tmp_path / "out")) == [folders.MANIFEST, *again.files]
    assert "3 files, 30 x 4, cosine" in repr(again)
    found = [rv.Index.load(path).search(np.ones(4, "f4"), k=2) for path in again.paths()]
    assert len(rv.merge_topk(found, 2).ids) == 2


def test_rows_without_a_vector_are_left_out_with_their_ids(tmp_path: pathlib.Path) -> None:
    table = pa.table({"id": ["a", "b", "c"], "v": pa.array([None, [1.0, 0.0], None], LIST)})
    how = building(claim(tmp_path / "out"))
    one = build_shard(table, 0, how)
    assert one is not None
    assert (one.rows, one.dim, one.id_kind) == (1, 2, "string")
    assert build_shard(table.slice(0, 1), 1, how) is None
    assert rv.Index.load(tmp_path / "out" / one.file).search([1.0, 0.0], k=9).ids.tolist() == ["b"]


def test_a_shard_that_cannot_be_is_refused_and_leaves_no_file(tmp_path: pathlib.Path) -> None:
    how = building(claim(tmp_path / "out"))
    bad = pa.table({"id": [1, 2], "v": pa.array([[1.0, 2.0], [1.0, float("nan")]], LIST)})
    with pytest.raises(rv.InvalidVector) as caught:
        build_shard(bad, 0, how)
    assert caught.value.row == 1
    twice = pa.table({"id": [1, 1], "v": pa.array([[1.0, 2.0], [1.0, 0.0]], LIST)})
    with pytest.raises(rv.DuplicateId):
        build_shard(twice, 0, how)
    nameless = pa.table({"id": [1, None], "v": pa.array([[1.0, 2.0], [1.0, 0.0]], LIST)})
    with pytest.raises(rv.InvalidVector, match="1 ids of column 'id' are null"):
        build_shard(nameless, 0, how)
    assert os.listdir(tmp_path / "out") == []


def test_parts_that_do_not_fit_each_other_make_no_manifest(tmp_path: pathlib.Path) -> None:
    how = building(claim(tmp_path / "out"))
    one = build_shard(table_of(5), 0, how)
    wide = pa.table({"id": [1], "v": pa.array([[1.0] * 9], LIST)})
    two = build_shard(wide, 1, how)
    assert one is not None and two is not None
    with pytest.raises(rv.DimensionMismatch, match="partition 1 has 9 dimensions"):
        finish([two, one], how)
    with pytest.raises(rv.InvalidArgument, match="column 'v' has no vectors"):
        finish([], how)
    os.unlink(tmp_path / "out" / one.file)
    with pytest.raises(rv.PersistError, match="all machines share"):
        finish([one], how)
    assert folders.MANIFEST not in os.listdir(tmp_path / "out")
    folders.abandon(how, mine=True)
    assert not (tmp_path / "out").exists()


def test_what_is_left_by_others_is_not_removed(tmp_path: pathlib.Path) -> None:
    how = building(claim(tmp_path / "out"))
    build_shard(table_of(5), 0, how)
    build_shard(table_of(5), 0, how._replace(run="other"))
    folders.abandon(how, mine=True)
    assert os.listdir(tmp_path / "out") == ["shard-00000-other.rvx"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (folders.MANIFEST, "holds shards already"), ("shard-00000-x.rvx", "an unfinished build"),
        ("notes.txt", "'notes.txt'"),
    ],
)  # fmt: skip
def test_a_folder_that_holds_something_is_refused(
    tmp_path: pathlib.Path, there: str, said: str
) -> None:
    (tmp_path / there).write_text("x")
    with pytest.raises(rv.InvalidArgument, match=said):
        claim(tmp_path)
    assert os.listdir(tmp_path) == [there]


def test_no_folder_where_a_file_lies(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(rv.PersistError, match="no folder can be made here"):
        claim(tmp_path / "file" / "out")


def test_a_folder_without_manifest_says_what_it_may_be(tmp_path: pathlib.Path) -> None:
    with pytest.raises(rv.NotAnIndex, match="their build did not end"):
        open_shards(tmp_path)
    with pytest.raises(rv.FileMissing, match="no such folder of shards"):
        open_shards(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda held: held.update(format="other"), rv.CorruptIndex),
        (lambda held: held.update(version=99), rv.FormatTooNew),
        (lambda held: held.update(shards=3), rv.CorruptIndex),
        (lambda held: held.pop("dim"), rv.CorruptIndex),
        (lambda held: held.update(dim="wide"), rv.CorruptIndex),
        (lambda held: held["shards"][0].update(file="../../etc/passwd"), rv.CorruptIndex),
        (lambda held: held["shards"][0].update(file=""), rv.CorruptIndex),
        (lambda held: held["shards"][0].update(file="gone.rvx"), rv.FileMissing),
        (lambda held: held["shards"][1].update(bytes=7), rv.CorruptIndex),
    ],
)
def test_a_manifest_that_was_changed_is_refused(
    tmp_path: pathlib.Path, change: Any, error: type[Exception]
) -> None:
    built_in(tmp_path / "out")
    path = tmp_path / "out" / folders.MANIFEST
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    with pytest.raises(error):
        open_shards(tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"7", b'{"format":1}'])
def test_a_manifest_of_any_bytes_is_refused(tmp_path: pathlib.Path, data: bytes) -> None:
    (tmp_path / folders.MANIFEST).write_bytes(data)
    with pytest.raises(rv.CorruptIndex, match="damaged, or no manifest"):
        open_shards(tmp_path)


def test_a_process_opens_an_index_once_and_sees_a_new_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ix.rvx"
    rv.Index.build(np.eye(3, dtype="f4"), keep="copy").save(path)
    source = Source((AtPath(str(path)),))
    before = opening.loads
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(opened(source))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opening.loads == before + 1
    assert all(one is found[0] for one in found)
    rv.Index.build(np.eye(5, dtype="f4"), keep="copy").save(path)
    assert len(opened(source).indexes[0]) == 5
    assert opening.loads == before + 2


def test_a_process_has_few_indexes_open(tmp_path: pathlib.Path) -> None:
    for i in range(6):
        rv.Index.build(np.eye(3, dtype="f4"), keep="copy").save(tmp_path / f"{i}.rvx")
        opened(Source((AtPath(str(tmp_path / f"{i}.rvx")),)))
    assert len(opening._open) == 4
    with pytest.raises(rv.FileMissing, match=r"gone\.rvx"):
        opened(Source((AtPath(str(tmp_path / "gone.rvx")),)))


def test_an_index_of_rows_comes_with_its_rows(tmp_path: pathlib.Path) -> None:
    from ruvector._clusters.asking import Asked

    table = table_of(20)
    asked = Asked("v", "v", 2, "l2", None, 0.95)
    paths = write_index(table, asked, str(tmp_path))
    held = opened(Source((AtPath(paths[0]),), AtPath(paths[1])))
    assert held.rows.to_pylist() == table.to_pylist()
    assert (held.indexes[0].metric, len(held.indexes[0])) == ("l2", 20)
    none = pa.table({"id": [1], "v": pa.array([None], LIST)})
    with pytest.raises(rv.InvalidArgument, match="right column 'v' has no vectors"):
        write_index(none, asked, str(tmp_path))
    assert os.path.isdir(folder_of_run())


class Tensor(pa.ExtensionType):  # type: ignore[misc]
    """A column as Ray's tensors are: a list behind a name."""

    def __init__(self) -> None:
        super().__init__(LIST, "tests.tensor")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, kind: Any, data: bytes) -> Tensor:
        return cls()


def test_columns_are_compared_by_their_type() -> None:
    schema = pa.schema({
        "t": pa.string(), "n": pa.int64(), "v": LIST, "big": pa.large_list(pa.float64()),
        "words": pa.list_(pa.string()), "x": Tensor(),
    })  # fmt: skip
    assert [vector_type(kind) for kind in schema.types] == [False, False, True, True, False, True]
    assert compared(schema, "v", "left", "cosine", texts=False) == "v"
    assert compared(schema, "x", "left", "cosine", texts=False) == "x"
    assert compared(schema, "t", "left", "cosine", texts=True) == "t"
    for label, said in (
        ("t", "embed it first"), ("n", "lists of numbers"), ("gone", "no column 'gone'"),
        (3, "no column 3"), ("words", "which is no vector"), (None, "3 columns of vectors"),
    ):  # fmt: skip
        with pytest.raises(rv.ColumnError, match=said):
            compared(schema, label, "left", "cosine", texts=False)
    only = pa.schema({"n": pa.int64(), "v": LIST})
    assert compared(only, None, "right", "l2", texts=False) == "v"
    with pytest.raises(rv.ColumnError, match="right side has no column of vectors"):
        compared(pa.schema({"n": pa.int64()}), None, "right", "l2", texts=False)


def test_an_extension_column_is_read_by_its_storage_and_filled_with_nulls() -> None:
    cells = pa.array([[1.0, 2.0], None], LIST)
    column = pa.ExtensionArray.from_storage(Tensor(), cells)
    assert storage(column).to_pylist() == cells.to_pylist()
    assert storage(pa.chunked_array([column])).to_pylist() == cells.to_pylist()
    assert storage(cells) is cells
    assert nulls(Tensor(), 2).null_count == 2
    layout = join_layout(
        pa.schema({"a": Tensor()}), None, pa.int64(), "l2", "_right", "left"
    )._replace(schema=pa.schema({"a": LIST, "b": pa.int32()}))
    made = assemble(layout, {"a": column}, 2)
    assert made.to_pylist() == [{"a": [1.0, 2.0], "b": None}, {"a": None, "b": None}]


def test_a_null_struct_of_fields_that_are_never_null_keeps_its_type() -> None:
    kind = pa.struct([pa.field("x", pa.int32(), nullable=False)])
    table = pa.table({"s": pa.nulls(2, kind), "t": pa.array([1, None], pa.timestamp("us", "CET"))})
    schema = pa.schema({"s": kind, "t": pa.timestamp("us", "UTC")})
    assert conform(table, schema).schema == schema
    assert conform(table, schema)["s"].null_count == 2


def test_names_of_an_answer_are_those_of_the_local_join() -> None:
    left, right = pa.schema({"id": pa.int64(), "v": LIST}), pa.schema({"v": LIST, "w": pa.int8()})
    layout = join_layout(left, right, None, "l2", "_b", "inner")
    assert layout.schema.names == ["id", "v", "v_b", "w", "rank", "l2_distance"]
    assert layout.right == [("v", "v_b"), ("w", "w")]
    assert join_layout(left, None, pa.string(), "dot", "_b", "left").schema.names == [
        "id", "v", "id_b", "rank", "dot_product",
    ]  # fmt: skip
    with rv.config(score_column="near"):
        assert join_layout(left, right, None, "l2", "_b", "inner").score == "near"
    taken = pa.schema({"rank": pa.int64(), "v": LIST})
    with pytest.raises(rv.ColumnError, match="a column 'rank' that the join adds"):
        join_layout(taken, right, None, "l2", "_b", "inner")
    with pytest.raises(rv.ColumnError, match="another suffix"):
        join_layout(left, right, None, "l2", "", "inner")


def test_columns_of_a_scoring_are_checked() -> None:
    left = pa.schema({"id": pa.int64(), "a": pa.int8(), "v": LIST})
    layout = score_layout(left, ["a"], pa.string(), "cosine")
    assert layout.schema.names == ["a", "rank", "id", "cosine_similarity"]
    with pytest.raises(rv.ColumnError, match="no column 'b'"):
        score_layout(left, ["b"], pa.string(), "cosine")
    with pytest.raises(rv.ColumnError, match="'id' has the name of a column that scoring adds"):
        score_layout(left, ["id"], pa.string(), "cosine")


def wanted(**more: Any) -> Wanted:
    values: dict[str, Any] = dict.fromkeys(Wanted._fields)
    values |= {"k": 2, "how": "inner", "recall": 0.95, "suffix": "_right", "plan": "auto"}
    return Wanted(**{**values, **more})


def test_a_join_is_checked_before_anything_runs(tmp_path: pathlib.Path) -> None:
    left = pa.schema({"a": pa.int64(), "v": LIST, "t": pa.string()})
    frame = right_of(object(), None, True)
    index = right_of(rv.Index.build(np.eye(3, dtype="f4")), None, False)
    shards = right_of(built_in(tmp_path / "out"), None, False)
    for more, right, error, said in (
        ({"k": 0}, frame, rv.InvalidArgument, "k=0"),
        ({"how": "outer"}, frame, rv.InvalidArgument, "how='outer'"),
        ({"recall": 2}, frame, rv.InvalidArgument, "recall=2"),
        ({"max_distance": 1.0}, frame, rv.MetricError, "max_distance"),
        ({"on": "t"}, frame, rv.ColumnError, "embed it first"),
        ({"right_on": "v"}, index, rv.InvalidArgument, "an index has none"),
        ({"where": [True]}, index, rv.InvalidArgument, "3"),
        ({"where": [True] * 30}, shards, rv.InvalidArgument, "shards have no one order"),
    ):  # type: ignore[assignment]
        rights = left if right.kind == "frame" else None
        with pytest.raises(error, match=said):  # type: ignore[arg-type]
            prepare(wanted(**more), left, rights, right, pa.int64(), 1)  # type: ignore[arg-type]
    made = prepare(wanted(where=[True, False, True]), left, None, index, pa.int64(), 3, ["a"], True)
    assert made.asked.where.tolist() == [True, False, True]
    assert (made.asked.left_on, made.asked.threads, made.plan) == ("v", 3, "auto")


def test_the_plan_is_remembered_by_thread() -> None:
    frame = right_of(object(), "l2", True)
    left = pa.schema({"v": LIST})
    prepared = prepare(wanted(), left, left, frame, None, 1)
    sizes = Sizes(lambda: 10**10, lambda: 5, 10**9, 2, 1)
    plan = decide(prepared, frame, sizes)
    assert (plan.plan, plan.left_rows, plan.right_bytes) == ("queries", 5, 10**10)
    assert decide(prepared._replace(plan="routed"), frame, sizes).why == "asked for"
    remember(plan)
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(last_plan()))
    thread.start()
    thread.join()
    assert seen == [None]
    assert last_plan() is plan


def test_bytes_of_vectors_follow_their_type() -> None:
    assert vector_bytes(LIST, 10, 4) == 160
    assert vector_bytes(pa.large_list(pa.float64()), 10, 4) == 320
    assert vector_bytes(pa.list_(pa.int8()), 10, 4) == 40
    assert vector_bytes(Tensor(), 10, 4) == 160


def test_a_right_side_is_an_index_a_path_a_folder_or_rows(tmp_path: pathlib.Path) -> None:
    index = rv.Index.build(np.eye(3, dtype="f4"), keep="copy", metric="l2", ids=["a", "b", "c"])
    index.save(tmp_path / "ix.rvx")
    built_in(tmp_path / "out")
    for given, kind in (
        (index, "index"), (tmp_path / "ix.rvx", "index"), (str(tmp_path / "ix.rvx"), "index"),
        (tmp_path / "out", "shards"), (open_shards(tmp_path / "out"), "shards"),
    ):  # fmt: skip
        found = right_of(given, None, False)
        assert found.kind == kind
        assert found.rows == (3 if kind == "index" else 30)
        assert found.bytes > 0
    assert right_of(tmp_path / "ix.rvx", "euclidean", False).id_kind == "string"
    with pytest.raises(rv.MetricError, match="built for 'l2'"):
        right_of(index, "cosine", False)
    with pytest.raises(rv.InvalidArgument, match="int is no right side"):
        right_of(3, None, False)
    with pytest.raises(rv.FileMissing):
        right_of(tmp_path / "gone", None, False)


def test_queries_become_rows_that_ask() -> None:
    one = read_questions([1.0, 2.0], Right("frame", "cosine"), None)
    assert one.single
    assert one.table.to_pylist() == [{VECTOR: [1.0, 2.0]}]
    batch = read_questions(np.eye(2, dtype="f4"), Right("frame", "l2"), None)
    assert batch.table["query_row"].to_pylist() == [0, 1]
    none = read_questions(np.empty((0, 4), "f4"), Right("frame", "l2"), None)
    assert len(none.table) == 0
    texts = read_questions(
        ["a", "b"], Right("frame", "cosine"), lambda texts: np.ones((len(texts), 3), "f4")
    )
    assert texts.table["query"].to_pylist() == ["a", "b"]
    bits = read_questions(np.array([[3, 1]], np.uint8), Right("frame", "hamming"), None)
    assert bits.table[VECTOR].to_pylist() == [[3, 1]]
    right = pa.schema({"n": pa.int64(), "v": LIST})
    layout = join_layout(batch.table.schema, right, None, "l2", "_right", "inner")
    found = search_layout(layout, batch)
    assert found.schema.names == ["n", "v", "query_row", "rank", "l2_distance"]
    assert found.left == ["query_row"]
