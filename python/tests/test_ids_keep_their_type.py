"""Ids of every type and byte order name the rows they were given to, in every verb."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._input.masks import read_ids

ROWS = np.eye(4, dtype=np.float32)
SMALL = [7, 3, 11, 2]
WIDE = [2**63 + 1, 5, 2**64 - 1, 2**53 + 1]  # float64 has neither the first nor the last two
SIGNED = [-(2**63), 2**63 - 1, -(2**53) - 1, 0]
NAMES = ["é", "b", "", "a longer name than the others"]

_NULLABLE = {"int64": "Int64", "uint64": "UInt64"}

Maker = Callable[[list[Any]], Any]

WHOLE: dict[str, Maker] = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "dict keys": lambda ids: dict.fromkeys(ids).keys(),
    "dict values": lambda ids: dict(enumerate(ids)).values(),
    "iterator": iter,
    "NumPy objects": lambda ids: np.array(ids, object),
    "NumPy scalars": lambda ids: [(np.uint64 if i > 2**62 else np.int64)(i) for i in ids],
    "pyarrow scalars": lambda ids: list(pa.array(ids, _arrow_type(ids))),
    "pyarrow": lambda ids: pa.array(ids, _arrow_type(ids)),
    "pyarrow chunks": lambda ids: pa.chunked_array(
        [pa.array(ids[:1], _arrow_type(ids)), pa.array(ids[1:], _arrow_type(ids))]
    ),
    "pyarrow dictionary": lambda ids: pa.array(ids, _arrow_type(ids)).dictionary_encode(),
    "polars": lambda ids: pl.Series(ids, dtype=_polars_type(ids)),
    "polars objects": lambda ids: pl.Series(ids, dtype=pl.Object),
    "pandas": lambda ids: pd.Series(np.array(ids, _type(ids))),
    "pandas objects": lambda ids: pd.Series(ids, dtype=object),
    "pandas nullable": lambda ids: pd.Series(ids, dtype=_NULLABLE[_type(ids).name]),
    "pandas Arrow": lambda ids: pd.Series(ids, dtype=pd.ArrowDtype(_arrow_type(ids))),
    "pandas category": lambda ids: pd.Series(np.array(ids, _type(ids))).astype("category"),
    "pandas Index": lambda ids: pd.Index(np.array(ids, _type(ids))),
    "pandas array": lambda ids: pd.array(np.array(ids, _type(ids))),
    "big-endian": lambda ids: np.array(ids, _type(ids).newbyteorder(">")),
    "little-endian": lambda ids: np.array(ids, _type(ids).newbyteorder("<")),
    "every second": lambda ids: np.repeat(np.array(ids, _type(ids)), 2)[::2],
    "backwards": lambda ids: np.array(ids[::-1], _type(ids))[::-1],
    "masked without mask": lambda ids: np.ma.masked_array(np.array(ids, _type(ids))),
    "memoryview": lambda ids: memoryview(np.array(ids, _type(ids))),
}  # fmt: skip

TEXTS: dict[str, Maker] = {
    "list": list,
    "dict keys": lambda ids: dict.fromkeys(ids).keys(),
    "iterator": iter,
    "NumPy": np.array,
    "NumPy big-endian": lambda ids: np.array(ids).astype(np.array(ids).dtype.newbyteorder(">")),
    "NumPy StringDType": lambda ids: np.array(ids, np.dtypes.StringDType()),
    "NumPy objects": lambda ids: np.array(ids, object),
    "pandas": pd.Series,
    "pandas values": lambda ids: pd.Series(ids).values,
    "pandas unique": lambda ids: pd.Series(ids).unique(),
    "pandas Index": pd.Index,
    "pandas category": lambda ids: pd.Series(ids, dtype="category"),
    "pandas categories": lambda ids: pd.Series(ids, dtype="category").values,
    "pandas Arrow": lambda ids: pd.Series(ids, dtype=pd.ArrowDtype(pa.large_string())),
    "polars": pl.Series,
    "polars Categorical": lambda ids: pl.Series(ids, dtype=pl.Categorical),
    "polars Enum": lambda ids: pl.Series(ids, dtype=pl.Enum(ids)),
    "pyarrow": pa.array,
    "pyarrow large": lambda ids: pa.array(ids, pa.large_string()),
    "pyarrow views": lambda ids: pa.array(ids, pa.string_view()),
    "pyarrow dictionary": lambda ids: pa.array(ids).dictionary_encode(),
    "pyarrow chunks": lambda ids: pa.chunked_array([ids[:2], ids[2:]], pa.string()),
}


def _type(ids: list[int]) -> np.dtype[Any]:
    return np.dtype(np.uint64 if max(ids) > 2**63 - 1 else np.int64)


def _arrow_type(ids: list[int]) -> Any:
    return pa.from_numpy_dtype(_type(ids))


def _polars_type(ids: list[int]) -> Any:
    return pl.UInt64 if _type(ids) == np.uint64 else pl.Int64


CASES = [
    pytest.param(make, ids, id=f"{name} of {kind}")
    for kind, ids, makers in (
        ("small numbers", SMALL, WHOLE),
        ("both sides of 2**63", WIDE, WHOLE),
        ("all of int64", SIGNED, WHOLE),
        ("texts", NAMES, TEXTS),
    )
    for name, make in makers.items()
]


def _named(make: Maker, ids: list[Any]) -> rv.Index:
    return rv.Index.build(ROWS, ids=make(ids))


def _nearest(index: rv.Index, row: int) -> Any:
    return index.search(ROWS[row], k=1).ids[0]


def _type_of_ids(ids: list[Any]) -> Any:
    return object if isinstance(ids[0], str) else _type(ids)


@pytest.mark.parametrize(("make", "ids"), CASES)
def test_a_search_answers_with_the_ids_of_the_build(make: Maker, ids: list[Any]) -> None:
    index = _named(make, ids)
    found = index.search(ROWS, k=1).ids
    assert found.ravel().tolist() == ids
    assert found.dtype == _type_of_ids(ids)
    assert index.neighbors(k=1).query_ids.tolist() == ids
    assert index.within(ROWS[2], min_similarity=0.5).ids.tolist() == [ids[2]]


@pytest.mark.parametrize(("make", "ids"), CASES)
def test_ids_limit_a_search_to_their_rows(make: Maker, ids: list[Any]) -> None:
    index = rv.Index.build(ROWS, ids=ids)
    two = [ids[0], ids[3]]
    assert sorted(index.search(ROWS[1], k=4, ids=make(two)).ids.tolist()) == sorted(two)
    assert index.within(ROWS[3], min_similarity=0.5, ids=make(two)).ids.tolist() == [ids[3]]
    mask = np.array([True, True, True, False])
    assert index.search(ROWS[1], k=4, ids=make(two), where=mask).ids.tolist() == [ids[0]]
    assert index.search(id=make(two), k=1, ids=make([ids[1], ids[2]])).query_ids.tolist() == two


@pytest.mark.parametrize(("make", "ids"), CASES)
def test_ids_look_up_and_delete_their_rows(make: Maker, ids: list[Any]) -> None:
    index = rv.Index.build(ROWS, ids=ids)
    np.testing.assert_array_equal(index[make([ids[3], ids[1]])], ROWS[[3, 1]])
    assert _native.lookup(index._handle, read_ids(make([ids[3], ids[1]]))).tolist() == [3, 1]
    assert index.delete(make([ids[3], ids[1]])) == 2
    assert sorted(index.search(ROWS[0], k=4).ids.tolist()) == sorted([ids[0], ids[2]])


@pytest.mark.parametrize(("make", "ids"), CASES)
def test_added_and_replaced_rows_have_their_ids(
    make: Maker, ids: list[Any], tmp_path: Path
) -> None:
    index = rv.Index.build(ROWS[:2], ids=make(ids[:2]))
    if _type_of_ids(ids[:2]) != _type_of_ids(ids):
        index = rv.Index.build(ROWS[:2], ids=np.array(ids[:2], np.uint64))
    index.add(make(ids[2:]), ROWS[2:])
    index.upsert(make(ids[:1]), ROWS[:1])
    assert index.search(ROWS, k=1).ids.ravel().tolist() == ids
    index.save(tmp_path / "i", vectors=True)
    for again in (rv.Index.load(tmp_path / "i"), pickle.loads(pickle.dumps(index))):
        found = again.search(ROWS, k=1).ids
        assert found.ravel().tolist() == ids
        assert found.dtype == _type_of_ids(ids)


@pytest.mark.parametrize(
    "one", [np.uint64, np.uint16, int, lambda i: np.array(i, ">u8"), pa.scalar]
)
def test_one_id_of_any_type_is_one_id(one: Callable[[int], Any]) -> None:
    index = rv.Index.build(ROWS, ids=np.array([1, 2, 3, 4], ">u8"))
    np.testing.assert_array_equal(index[one(3)], ROWS[2])
    assert index.search(id=one(3), k=1).ids.shape == (1,)
    assert index.delete(one(3)) == 1
    assert len(index) == 3


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_every_width_and_byte_order_counts_the_same(kind: str) -> None:
    for order in "<>":
        ids = np.array([1, 2, 100, 0], order + kind)
        index = rv.Index.build(ROWS, ids=ids)
        assert index.search(ROWS, k=1).ids.ravel().tolist() == [1, 2, 100, 0]
        assert index.search(ROWS[0], k=4, ids=ids[1:3]).ids.tolist() == [2, 100]
        assert index.delete(ids[:2]) == 2


def test_positions_take_ids_of_every_type_beside_a_mask() -> None:
    index = rv.Index.build(ROWS)
    keep = np.array([True, True, False, False])
    for ids in (np.array([1, 3], np.uint64), np.array([1, 3], ">u4"), pl.Series([1, 3]), [1, 3]):
        assert index.search(ROWS[0], k=4, where=keep, ids=ids).ids.tolist() == [1]


@pytest.mark.parametrize(
    ("frame", "ids"),
    [
        (lambda ids: pd.DataFrame({"id": np.array(ids, _type(ids)), "emb": list(ROWS)}), WIDE),
        (lambda ids: pd.DataFrame({"id": pd.Series(ids, dtype=object), "emb": list(ROWS)}), WIDE),
        (lambda ids: pl.DataFrame({"id": pl.Series(ids, dtype=pl.UInt64), "emb": ROWS}), WIDE),
        (lambda ids: pa.table({"id": pa.array(ids, pa.uint64()), "emb": ROWS.tolist()}), WIDE),
        (
            lambda ids: pa.table({"id": pa.array(ids, pa.string_view()), "emb": ROWS.tolist()}),
            NAMES,
        ),
    ],
    ids=["pandas", "pandas objects", "polars", "pyarrow", "pyarrow views"],
)
def test_a_column_of_ids_is_read_without_float64(frame: Any, ids: list[Any]) -> None:
    index = rv.build_index(frame(ids), on="emb", ids="id")
    assert index.search(ROWS, k=1).ids.ravel().tolist() == ids


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([1, 2, 3, 2**64], "row 3 is 18446744073709551616"),
        ([1, -(2**63) - 1, 3, 4], "row 1 is -9223372036854775809"),
        ([1, 2**63, -1, 4], "row 1 is 9223372036854775808"),
        ([1, 2, True, 4], "row 2 is True"),
        ([True, False, True, False], "bool"),
        (np.array([True, False, True, False]), "bool"),
        ([1, 2.0, 3, 4], r"row 1 is 2\.0"),
        ([1.0, 2.0, 3.0, 4.0], "float64"),
        (pl.Series([1.0, 2.0, 3.0, 4.0]), "float64"),
        (pa.array([1, None, 3, 4]), "row 1 is null"),
        (pl.Series([1, 2, None, 4]), "row 2 is null"),
        (pd.Series([1, 2, 3, None], dtype="Int64"), "row 3 is null"),
        (pd.Series(["a", "b", None, "d"], dtype="category"), "row 2 is null"),
        (np.ma.masked_array([1, 2, 3, 4], [0, 1, 0, 0]), "row 1 is null"),
        (np.array(["a", "b", None, "d"], np.dtypes.StringDType(na_object=None)), "row 2 is null"),
        (["a", "b", 3, "d"], "row 2 is 3"),
        ([b"a", b"b", b"c", b"d"], "row 0 is b'a'"),
        (np.array([1, 2, 3, 4], "M8[D]"), "datetime64"),
    ],
    ids=lambda ids: type(ids).__name__ if hasattr(ids, "to_pylist") else repr(ids),
)
def test_what_is_no_id_is_refused_with_its_row(ids: Any, says: str) -> None:
    index = rv.Index.build(ROWS)
    for verb in (
        lambda: rv.Index.build(ROWS, ids=ids),
        lambda: index.search(ROWS[0], ids=ids),
        lambda: index.delete(ids),
        lambda: index.add(ids, ROWS),
        lambda: index[ids],
    ):
        with pytest.raises(rv.InvalidArgument, match=says):
            verb()
    assert len(index) == 4


@pytest.mark.parametrize("ids", [[], (), np.array([]), pl.Series([]), pa.array([]), {}.keys()])
def test_no_ids_are_no_rows_of_an_index_of_any_kind(ids: Any) -> None:
    for names in (None, SMALL, np.array(SMALL, np.uint64), NAMES):
        index = rv.Index.build(ROWS, ids=names)
        assert index.delete(ids) == 0
        assert index.search(ROWS[0], ids=ids).ids.tolist() == []
        assert index.within(ROWS[0], min_similarity=0, ids=ids).ids.tolist() == []
        assert index[ids].shape == (0, 4)
        assert index.search(id=ids, k=2).ids.shape == (0, 2)
        assert index.add(ids, np.empty((0, 4), np.float32)) == 0
        assert len(index) == 4
