"""`sim_join` keeps what a library keeps in its own left join: labels, types, nulls, classes."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

LEFT = np.eye(4, dtype="f4")[[2, 0, 3, 1]]
RIGHT = np.eye(4, dtype="f4")[:3]  # the third left row is near to none of these
WANTED = [2, 0, None, 1]


def right_columns() -> dict[str, Any]:
    """Return a column of every type that pandas merges."""
    when = pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"])
    return {
        "int": np.array([1, 2, 3]), "uint8": np.array([1, 2, 3], "u1"),
        "float32": np.array([1, 2, 3], "f4"), "bool": np.array([True, False, True]),
        "complex": np.array([1j, 2j, 3j]), "time": when, "zone": when.tz_localize("Europe/Berlin"),
        "span": when - when[0], "period": pd.period_range("2020", periods=3),
        "interval": pd.interval_range(0, 3), "text": ["a", "b", "c"],
        "category": pd.Categorical(["x", "y", "x"]), "object": [{1}, {2}, "c"],
        "Int64": pd.array([1, 2, 3], "Int64"), "boolean": pd.array([True, None, False], "boolean"),
        "Float32": pd.array([1, None, 3], "Float32"),
        "string": pd.array(["a", "b", None], "string"),
        "arrow": pd.array([1, 2, 3], "int64[pyarrow]"),
        "lists": pd.array([["a"], ["b"], []], pd.ArrowDtype(pa.list_(pa.string()))),
        "dates": pd.array([datetime.date(2020, 1, i) for i in (1, 2, 3)],
                          pd.ArrowDtype(pa.date32())),
        "sparse": pd.arrays.SparseArray([0, 1, 0]),
    }  # fmt: skip


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("some", [True, False])
def test_pandas_types_are_those_of_merge(how: Any, some: bool) -> None:
    left = pd.DataFrame({"v": list(LEFT), "key": [2, 0, 9, 1]})
    right = pd.DataFrame({"v": list(RIGHT), "key": [0, 1, 2], **right_columns()})
    if not some:
        left, right = left.drop(index=2), right
    joined = rv.sim_join(left, right, how=how, min_similarity=0.5)
    wanted = left.merge(right.drop(columns="v"), on="key", how=how)
    names = list(right_columns())
    pd.testing.assert_frame_equal(joined[names].reset_index(drop=True), wanted[names])


def test_pandas_types_are_those_of_merge_with_a_frame_without_rows() -> None:
    left = pd.DataFrame({"v": list(LEFT), "key": [2, 0, 9, 1]})
    right = pd.DataFrame({"key": [0, 1, 2], **right_columns()}).iloc[:0]
    right.insert(0, "v", pd.Series([], dtype=object))
    joined = rv.sim_join(left, right, on="v", how="left")
    wanted = left.merge(right.drop(columns="v"), on="key", how="left")
    assert len(joined) == 4
    for name in right_columns():
        assert joined[name].dtype == wanted[name].dtype, name
        assert joined[name].isna().all()


def test_left_index_labels_stay() -> None:
    right = pd.DataFrame({"v": list(RIGHT), "m": [0, 1, 2]}, index=["x", "y", "z"])
    for index in (
        pd.Index(["a", "a", "b", "c"], name="who"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("b", 1)], names=["p", "q"]),
        pd.date_range("2020", periods=4),
        pd.Index([np.nan, 1.0, np.nan, 2.0]),
        pd.CategoricalIndex(["a", "b", "a", "b"]),
    ):
        left = pd.DataFrame({"v": list(LEFT), "n": range(4)}, index=index)
        joined = rv.sim_join(left, right, k=2, how="left")
        pd.testing.assert_index_equal(joined.index, index.repeat(2))
        joined = rv.sim_join(left, right, min_similarity=0.5)
        pd.testing.assert_index_equal(joined.index, index[[0, 1, 3]])


def test_left_columns_are_unchanged_to_the_type() -> None:
    columns = {name: [*values, None] for name, values in right_columns().items()}
    left = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    left["category"] = left["category"].astype(pd.CategoricalDtype(["y", "x"], ordered=True))
    left["v"] = list(LEFT)
    joined = rv.sim_join(left, pd.DataFrame({"v": list(RIGHT)}), how="left")
    assert joined[list(left.columns)].dtypes.equals(left.dtypes)
    pd.testing.assert_frame_equal(joined[list(left.columns)], left)


def test_names_that_repeat_are_kept() -> None:
    left = pd.DataFrame([[1, 2, 3]] * 4, columns=["a", "a", "b"])
    left["v"] = list(LEFT)
    right = pd.DataFrame([[4, 5, 6]] * 3, columns=["a", "c", "c"])
    right["w"] = list(RIGHT)
    joined = rv.sim_join(left, right, min_similarity=0.5)
    assert joined.columns.tolist() == [
        "a", "a", "b", "v", "a_right", "c", "c", "w", "rank", "cosine_similarity"
    ]  # fmt: skip
    assert joined.iloc[0, [0, 1, 2, 4, 5, 6]].tolist() == [1, 2, 3, 4, 5, 6]


def test_labels_that_are_no_text() -> None:
    when = pd.Timestamp("2020")
    left = pd.DataFrame({0: list(LEFT), 1: range(4), when: 1, None: 2})
    right = pd.DataFrame({"w": list(RIGHT), 1: range(3), when: 3})
    joined = rv.sim_join(left, right, min_similarity=0.5)
    assert joined.columns.tolist()[4:] == [
        "w",
        "1_right",
        f"{when}_right",
        "rank",
        "cosine_similarity",
    ]
    assert joined["1_right"].tolist() == [2, 0, 1]


def test_labels_of_several_levels() -> None:
    left = pd.DataFrame({("x", "v"): list(LEFT), ("x", "n"): range(4)})
    left.columns = left.columns.set_names(["top", "low"])
    right = pd.DataFrame({("x", "v"): list(RIGHT), ("y", "n"): range(3)})
    joined = rv.sim_join(left, right, min_similarity=0.5)
    assert joined.columns.tolist() == [
        ("x", "v"), ("x", "n"), ("x_right", "v"), ("y", "n"), ("rank", ""),
        ("cosine_similarity", ""),
    ]  # fmt: skip
    assert joined.columns.names == ["top", "low"]
    flat = pd.DataFrame({"v": list(RIGHT), "m": range(3)})
    joined = rv.sim_join(left, flat, min_similarity=0.5)
    assert joined.columns.tolist()[2:4] == [("v", ""), ("m", "")]
    joined = rv.sim_join(flat, right, how="left", min_similarity=0.5)
    assert joined.columns.tolist()[2:4] == [("x", "v"), ("y", "n")]


def test_a_column_of_by_may_be_called_by_its_first_level() -> None:
    left = pd.DataFrame({("v", ""): list(LEFT), ("g", ""): [1, 1, 2, 2]})
    right = pd.DataFrame({("v", ""): list(RIGHT), ("g", ""): [1, 1, 2], ("m", "x"): range(3)})
    for by in ("g", ("g", "")):
        joined = rv.sim_join(left, right, on="v", by=by)
        assert [label[0] for label in joined.columns][:4] == ["v", "g", "v_right", "m"]
        assert joined[("m", "x")].tolist()[2:] == [2, 2]


class Kept(pd.DataFrame):
    """A frame with something of its own."""

    _metadata = ("source",)
    source: str = ""

    @property
    def _constructor(self) -> Any:
        return Kept


@pytest.mark.parametrize("how", ["inner", "left"])
def test_subclasses_and_what_they_carry_are_kept(how: Any) -> None:
    left = Kept({"v": list(LEFT)})
    left.source, left.attrs = "here", {"made": 1}
    right = pd.DataFrame({"w": list(RIGHT)})
    right.attrs = {"made": 2}
    joined = rv.sim_join(left, right, how=how, min_similarity=0.5)
    assert type(joined) is Kept
    assert (joined.source, joined.attrs) == ("here", {"made": 1})
    assert type(rv.sim_join(right, left, how=how)) is pd.DataFrame


@pytest.mark.filterwarnings("error")
def test_an_answer_can_be_written_to_and_warns_of_nothing() -> None:
    left = pd.DataFrame({"v": list(LEFT), "n": range(4)})
    right = pd.DataFrame({"w": list(RIGHT), **{f"c{i}": range(3) for i in range(300)}})
    joined = rv.sim_join(left, right, how="left", min_similarity=0.5)
    joined["new"] = 1
    joined.loc[:, "n"] = 7
    assert left["n"].tolist() == [0, 1, 2, 3]


def test_polars_types_stay_and_nulls_are_null() -> None:
    columns = {
        "int": pl.Series([1, 2, 3], dtype=pl.Int16), "flag": [True, False, True],
        "text": ["a", "b", "c"], "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "enum": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "x"])),
        "lists": [["a"], ["b", "c"], None], "struct": [{"a": 1}, {"a": 2}, None],
        "when": [datetime.datetime(2020, 1, i) for i in (1, 2, 3)],
        "decimal": pl.Series(["1.50", "2.25", "3.00"]).cast(pl.Decimal(10, 2)),
        "object": pl.Series([object(), object(), object()], dtype=pl.Object),
        "binary": [b"a", b"b", None], "null": [None, None, None],
    }  # fmt: skip
    left = pl.DataFrame({"v": pl.Series(LEFT, dtype=pl.Array(pl.Float32, 4))})
    right = pl.DataFrame({"w": pl.Series(RIGHT, dtype=pl.Array(pl.Float32, 4)), **columns})
    joined = left.ruvector.sim_join(right, how="left", min_similarity=0.5)
    assert joined.schema == {
        **left.schema, **right.schema, "rank": pl.UInt32, "cosine_similarity": pl.Float32
    }  # fmt: skip
    for name in right.columns:
        values = right[name].to_list()
        assert joined[name].to_list() == [None if row is None else values[row] for row in WANTED]
    inner = left.ruvector.sim_join(right, min_similarity=0.5)
    assert inner.equals(joined.filter(pl.col("rank").is_not_null()).select(inner.columns)) or (
        inner.drop("object").equals(joined.drop("object").drop_nulls("rank"))
    )


def test_polars_columns_in_chunks_and_slices() -> None:
    left = pl.concat([pl.DataFrame({"v": pl.Series([row], dtype=pl.Array(pl.Float32, 4))})
                      for row in LEFT], rechunk=False)  # fmt: skip
    pad = pl.DataFrame({"w": pl.Series(RIGHT[::-1], dtype=pl.Array(pl.Float32, 4)), "m": [7, 8, 9]})
    rows = pl.DataFrame({"w": pl.Series(RIGHT, dtype=pl.Array(pl.Float32, 4)), "m": [0, 1, 2]})
    right = pl.concat([pad, rows, pad], rechunk=False)[3:6]
    joined = left.ruvector.sim_join(right, how="left", min_similarity=0.5)
    assert joined["m"].to_list() == WANTED


ARROW = {
    "int": pa.array([1, 2, 3]), "text": pa.array(["a", "b", "c"]),
    "view": pa.array(["a", "b", None], pa.string_view()),
    "bytes": pa.array([b"a", b"b", None], pa.binary_view()),
    "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["p", "q"])),
    "struct": pa.array([{"a": 1}, {"a": 2}, None]), "null": pa.nulls(3),
    "list": pa.array([["a"], ["b", "c"], None]),
    "views": pa.array([["a"], ["b"], None], pa.list_view(pa.string())),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(6.0).reshape(3, 2)),
    "duration": pa.array([1, 2, None], pa.duration("s")),
}  # fmt: skip


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("name", ARROW)
def test_arrow_types_stay_and_nulls_are_null(name: str, how: Any) -> None:
    kind = pa.list_(pa.float32(), 4)
    left = pa.table({"v": pa.array(LEFT.tolist(), kind)}, metadata={"made": "here"})
    column = pa.chunked_array([ARROW[name][:1], ARROW[name][1:]])
    right = pa.table({"w": pa.array(RIGHT.tolist(), kind), name: column})
    joined = rv.sim_join(left, right, right_on="w", how=how, min_similarity=0.5)
    joined.validate(full=True)
    assert joined.schema.field(name).type == ARROW[name].type
    assert joined.schema.metadata == {b"made": b"here"}
    values = ARROW[name].to_pylist()
    wanted = [None if row is None else values[row] for row in WANTED]
    assert joined[name].to_pylist() == (wanted if how == "left" else [wanted[i] for i in (0, 1, 3)])


def test_arrow_fields_without_nulls_have_nulls_after_a_left_join() -> None:
    kind = pa.list_(pa.float32(), 4)
    schema = pa.schema([
        pa.field("w", kind, nullable=False), pa.field("m", pa.int64(), False, {"unit": "m"})
    ])  # fmt: skip
    right = pa.table({"w": pa.array(RIGHT.tolist(), kind), "m": pa.array([0, 1, 2])}, schema)
    left = pa.table({"v": pa.array(LEFT.tolist(), kind)})
    joined = rv.sim_join(left, right, how="left", min_similarity=0.5)
    joined.validate(full=True)
    assert joined["m"].to_pylist() == WANTED
    assert joined.schema.field("m") == pa.field("m", pa.int64(), True, {"unit": "m"})
    assert not rv.sim_join(left, right).schema.field("m").nullable
