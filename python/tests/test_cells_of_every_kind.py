"""Whatever lends or holds numbers is a vector, as a cell, as a query, and as a whole column."""

from __future__ import annotations

import array
import decimal
import warnings
from collections import UserList, deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

pytestmark = pytest.mark.filterwarnings("ignore:.*Python lists.*")

X = np.array([[3, 1, 0], [0, 2, 5], [7, 0, 1], [1, 1, 1]], np.float32)


class Lends:
    """A tensor that has ``__array__``."""

    def __init__(self, values: Any) -> None:
        self._values = values
        self.shape = values.shape

    def __len__(self) -> int:
        return len(self._values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values


class Interface:
    """An array of a library that has the array interface alone."""

    def __init__(self, values: Any) -> None:
        self._values = values
        self.__array_interface__ = values.__array_interface__


class DLPack:
    """A tensor that has DLPack alone, as tensors of some libraries do."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._values.__dlpack__(**arguments)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


class Stubborn:
    """A tensor on another device, or of bfloat16: it has the doors, and they are shut."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("Got unsupported ScalarType BFloat16")

    def __dlpack__(self, **arguments: Any) -> Any:
        raise BufferError("cannot export a tensor that requires grad")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Tagged(np.ndarray):
    """A subclass of NumPy's array."""


def _objects(row: Any) -> Any:
    return np.array([float(value) for value in row], object)


def _tensor_column() -> Any:
    flat = pa.array(X.ravel())
    kind = pa.fixed_shape_tensor(pa.float32(), [3])
    return pa.ExtensionArray.from_storage(kind, pa.FixedSizeListArray.from_arrays(flat, 3))


def _tensor_of_one_row(values: Any, number: Any) -> Any:
    kind = pa.fixed_shape_tensor(number, [1, 3])
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), number), 3)
    return pa.ExtensionArray.from_storage(kind, flat)


CELLS: dict[str, Callable[[Any], Any]] = {
    "array": lambda row: row.copy(),
    "subclass": lambda row: row.view(Tagged),
    "(1, d) array": lambda row: row[None].copy(),
    "(1, 1, d) array": lambda row: row[None, None].copy(),
    "matrix row": lambda row: np.array(row, ndmin=2),
    "big-endian": lambda row: row.astype(">f8"),
    "int16": lambda row: row.astype("i2"),
    "uint64": lambda row: row.astype("u8"),
    "every second": lambda row: np.repeat(row, 2)[::2],
    "lends": Lends,
    "lends (1, d)": lambda row: Lends(row[None]),
    "lends whole numbers": lambda row: Lends(row.astype("i8")),
    "interface": Interface,
    "DLPack": DLPack,
    "DLPack (1, d)": lambda row: DLPack(row[None].copy()),
    "memoryview": lambda row: memoryview(row.copy()),
    "array.array": lambda row: array.array("d", row.tolist()),
    "list": lambda row: row.tolist(),
    "tuple": lambda row: tuple(row.tolist()),
    "deque": lambda row: deque(row.tolist()),
    "user list": lambda row: UserList(row.tolist()),
    "list of NumPy numbers": lambda row: list(row),
    "list of tensors": lambda row: [Lends(np.array(value)) for value in row],
    "list of Decimals": lambda row: [decimal.Decimal(int(value)) for value in row],
    "list of Fractions": lambda row: [Fraction(int(value)) for value in row],
    "objects": _objects,
    "objects of NumPy numbers": lambda row: np.array(list(row), object),
    "pandas": pd.Series,
    "pandas objects": lambda row: pd.Series(row.tolist(), dtype=object),
    "pandas nullable": lambda row: pd.Series(row, dtype="Float32"),
    "pandas array": lambda row: pd.array(row, dtype="Float64"),
    "pandas Arrow": lambda row: pd.Series(row, dtype=pd.ArrowDtype(pa.float32())),
    "pandas Index": pd.Index,
    "polars": pl.Series,
    "polars whole": lambda row: pl.Series(row.astype(int)),
    "pyarrow": pa.array,
    "pyarrow chunks": lambda row: pa.chunked_array([row[:1], row[1:]]),
    "pyarrow list scalar": lambda row: pa.array([row.tolist()])[0],
    "pyarrow fixed scalar": lambda row: pa.array([row.tolist()], pa.list_(pa.float32(), 3))[0],
    "pyarrow scalars": lambda row: list(pa.array(row)),
    "pyarrow decimals": lambda row: pa.array([decimal.Decimal(int(v)) for v in row]),
}
NO_CELLS = {"pandas Index"}  # a pandas Series of them is of tuples
COLUMNS: dict[str, Callable[[], Any]] = {
    "lends": lambda: Lends(X),
    "interface": lambda: Interface(X),
    "DLPack": lambda: DLPack(X),
    "objects": lambda: X.astype(object),
    "memoryview": lambda: memoryview(X),
    "iterator": lambda: iter(list(X)),
    "dict values": lambda: dict(enumerate(X)).values(),
    "deque": lambda: deque(X),
    "pandas Arrow values": lambda: (
        pd.Series(X.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float32()))).values
    ),
    "pyarrow tensors": _tensor_column,
    "pyarrow tensors of one row": lambda: _tensor_of_one_row(X, pa.float32()),
    "pyarrow whole tensors": lambda: _tensor_of_one_row(X.astype("i4"), pa.int32()),
    "polars tensors": lambda: pl.Series(_tensor_column()),
    "polars tensors of one row": lambda: pl.Series(_tensor_of_one_row(X, pa.float32())),
    "polars arrays of one row": lambda: pl.Series(X[:, None]),
    "pyarrow decimals": lambda: pa.array(
        [[decimal.Decimal(int(v)) for v in row] for row in X], pa.list_(pa.decimal128(4, 1))
    ),
    "polars decimals": lambda: pl.Series(X.tolist()).cast(pl.List(pl.Decimal(10, 2))),
}


def _want(query: Any, k: int = 4) -> tuple[list[int], list[float]]:
    distance = np.sqrt(((X.astype(float) - np.asarray(query, float)) ** 2).sum(axis=1))
    order = np.argsort(distance, kind="stable")[:k]
    return order.tolist(), distance[order].tolist()


def _check(found: Any, query: Any) -> None:
    ids, scores = _want(query)
    assert found.ids.tolist() == ids
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_a_vector_of_any_kind_is_one_query(name: str) -> None:
    index = rv.Index.build(X, metric="l2")
    for row in X:
        if name == "(1, 1, d) array":
            with pytest.raises(rv.InvalidVector, match="3 axes"):
                index.search(CELLS[name](row))
        elif "(1," in name or name == "matrix row":
            found = index.search(CELLS[name](row), k=4)
            assert found.ids.tolist() == [_want(row)[0]]  # a batch of one, as its shape says
        else:
            _check(index.search(CELLS[name](row), k=4), row)


@pytest.mark.parametrize("name", CELLS)
def test_cells_of_any_kind_are_a_column(name: str) -> None:
    cells = [CELLS[name](row) for row in X]
    np.testing.assert_array_equal(rv.to_matrix(cells), X)
    index = rv.Index.build(cells, metric="l2")
    _check(index.search(X[1], k=4), X[1])
    batch = index.search(cells, k=4)
    assert batch.ids.tolist() == [_want(row)[0] for row in X]
    index.upsert([0, 1], cells[:2])
    _check(index.search(X[2], k=4), X[2])


@pytest.mark.parametrize("name", [name for name in CELLS if name not in NO_CELLS])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_cells_of_any_kind_is_searched_by_its_only_column(
    name: str, library: str
) -> None:
    cells = np.empty(len(X) + 2, object)
    for i, row in enumerate(X):
        cells[i + 1] = CELLS[name](row)
    cells[0] = cells[-1] = None
    if library == "pandas":
        frame: Any = pd.DataFrame({"place": range(-1, 5), "emb": pd.Series(cells, dtype=object)})
    else:
        held = pl.Series("emb", cells.tolist(), dtype=pl.Object)
        frame = pl.DataFrame({"place": range(-1, 5)}).with_columns(held)
    for on in (None, "emb"):
        found = rv.search(frame, X[1], metric="l2", k=4, on=on)
        assert list(found["place"]) == _want(X[1])[0]
    assert list(rv.describe(frame)["kind"]) == ["vector"]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_kind_is_read(name: str) -> None:
    np.testing.assert_array_equal(rv.to_matrix(COLUMNS[name]()), X)
    index = rv.Index.build(COLUMNS[name](), metric="l2")
    _check(index.search(X[3], k=4), X[3])
    if name != "iterator":
        assert index.search(COLUMNS[name](), k=1).ids.ravel().tolist() == [0, 1, 2, 3]
    column = COLUMNS[name]()
    if isinstance(column, pl.Series):
        frame: Any = pl.DataFrame({"emb": column})
    elif isinstance(column, pa.Array):
        frame = pa.table({"emb": column})
    else:
        return
    for on in (None, "emb"):
        found = rv.search(frame, X[3], metric="l2", k=4, on=on)
        np.testing.assert_allclose(np.asarray(found["l2_distance"]), _want(X[3])[1], rtol=1e-6)


def test_a_row_of_a_mixed_frame_asks_with_its_numbers() -> None:
    mixed = pd.DataFrame({"name": ["a", "b"], "e0": [0.0, 3.0], "e1": [2.0, 1.0], "e2": [5, 0]})
    row = mixed.iloc[1][["e0", "e1", "e2"]]
    assert row.dtype == object
    _check(rv.Index.build(X, metric="l2").search(row, k=4), X[0])
    found = rv.search(mixed, row, on=["e*"], metric="l2", k=1)
    assert found["name"].tolist() == ["b"]
    assert rv.search(mixed, row.to_numpy(), on=["e*"], metric="l2", k=1)["name"].tolist() == ["b"]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda cells: [np.array(cell, np.float32) for cell in cells],
        pd.Series,
        lambda cells: pl.Series(cells, dtype=pl.List(pl.Float32)),
        lambda cells: pa.array(cells, pa.list_(pa.float32())),
        lambda cells: pd.Series(cells, dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
    ],
    ids=["list", "arrays", "pandas", "polars", "pyarrow", "pandas Arrow"],
)
def test_a_row_without_numbers_is_named_wherever_it_is(make: Any, place: int) -> None:
    cells: list[list[float]] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    cells[place] = []
    column = make(cells)
    verbs: list[Callable[[], Any]] = [
        lambda: rv.Index.build(column),
        lambda: rv.to_matrix(column),
        lambda: rv.Index.build(X).search(column),
    ]
    if isinstance(column, pd.Series):
        verbs.append(lambda: rv.search(pd.DataFrame({"emb": column}), X[0]))
    elif isinstance(column, pl.Series):
        verbs.append(lambda: rv.search(pl.DataFrame({"emb": column}), X[0]))
    elif isinstance(column, pa.Array):
        verbs.append(lambda: rv.search(pa.table({"emb": column}), X[0]))
    for verb in verbs:
        with pytest.raises(rv.InvalidVector) as caught:
            verb()
        assert caught.value.row == place, str(caught.value)


def test_most_rows_decide_the_width() -> None:
    for place in range(4):
        cells = [row.copy() for row in X]
        cells[place] = np.ones(5, np.float32)
        with pytest.raises(rv.InvalidVector, match="5 dimensions, most rows have 3") as caught:
            rv.Index.build(cells)
        assert caught.value.row == place


def test_tensors_that_lend_nothing_say_what_to_do() -> None:
    index = rv.Index.build(X)
    with pytest.raises(rv.InvalidVector, match=r"row 1 .*BFloat16.*\.cpu\(\)\.float\(\)") as caught:
        rv.Index.build([X[0], Stubborn(), X[1]])
    assert caught.value.row == 1
    for verb in (index.search, rv.Index.build, rv.to_matrix, lambda q: index.add(None, q)):
        with pytest.raises(rv.InvalidVector, match=r"Stubborn .*\.cpu\(\)\.float\(\)"):
            verb(Stubborn())
    with pytest.raises(rv.InvalidArgument, match="Stubborn"):
        rv.Index.build(X, ids=Stubborn())


@pytest.mark.parametrize(
    "cell",
    [{"a": 1}, {1.0, 2.0}, "text", b"by", 3.0, True, np.ones((2, 3)), [[1.0, 2.0, 3.0]],
     [1.0, "x", 2.0], [1.0, [2.0], 3.0], np.array(["a", "b", "c"]), np.array([1, 2, 3], "M8[D]"),
     np.ones(3, complex), [True, False, True], pd.Series(["a", "b", "c"]), object()],
    ids=lambda cell: f"{type(cell).__name__} {str(cell)[:20]}",
)  # fmt: skip
def test_what_is_no_vector_is_named_by_its_row(cell: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(rv.InvalidVector) as caught:
            rv.Index.build([X[0], X[1], cell])
    assert caught.value.row == 2


LABELS: list[Any] = ["emb", ("a", "emb"), ("emb", ""), 7, np.nan, None, pd.NA, ("a", np.nan)]


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_columns_of_any_label_are_named_and_found(label: Any) -> None:
    others = ["name", "g"]
    if isinstance(label, tuple):
        columns: Any = pd.MultiIndex.from_tuples([("name", ""), ("g", ""), label])
        others = [("name", ""), ("g", "")]
    else:
        columns = pd.Index([*others, label], dtype=object)
    frame = pd.DataFrame({0: list("abcd"), 1: [0, 0, 1, 1], 2: list(X)}).set_axis(columns, axis=1)
    want = [list("abcd")[i] for i in _want(X[1], 2)[0]]
    score = ("l2_distance", "") if isinstance(label, tuple) else "l2_distance"
    for on in (label, None):
        found = rv.search(frame, X[1], on=on, metric="l2", k=2)
        assert found[others[0]].tolist() == want
        np.testing.assert_allclose(found[score], _want(X[1], 2)[1], rtol=1e-6)
        assert rv.within(frame, X[1], on=on, metric="l2", max_distance=0.5).shape[0] == 1
        index = rv.build_index(frame, on=on, metric="l2")
        assert rv.search(frame, X[1], on=on, index=index, k=2)[others[0]].tolist() == want
    grouped = rv.search(frame, X[1], on=label, metric="l2", k=1, by=others[1])
    assert len(grouped) == 2
    assert len(rv.search(frame, frame, on=label, metric="l2", k=1)) == 4
    assert len(rv.describe(frame)) == 2
    with pytest.raises(rv.ColumnError, match="no column 'nothing'"):
        rv.search(frame, X[1], on="nothing")


def test_the_first_level_names_a_column_whose_other_levels_are_empty() -> None:
    columns = pd.MultiIndex.from_tuples([("emb", ""), ("a", "x")])
    frame = pd.DataFrame({0: list(X), 1: range(4)}).set_axis(columns, axis=1)
    found = rv.search(frame, X[2], on="emb", metric="l2", k=1)
    assert found[("a", "x")].tolist() == [2]


def test_scalar_columns_with_nulls_of_any_type_leave_their_rows_out() -> None:
    for dtype in ("Float64", "Int64", "float64", "object", pd.ArrowDtype(pa.float32())):
        frame = pd.DataFrame({"e0": pd.array([3, None, 7, 1], "Float64").astype(dtype)})
        frame["e1"], frame["e2"] = [1, 2, 0, 1], [0.0, 5.0, 1.0, 1.0]
        if dtype == "object":
            continue  # which is no column of numbers
        found = rv.search(frame, X[0], on=["e*"], metric="l2", k=4)
        assert found.index.tolist() == [i for i in _want(X[0])[0] if i != 1]


@pytest.mark.parametrize("number", [10**400, -(10**39), 1e39, decimal.Decimal("1e4000")])
@pytest.mark.parametrize("place", [0, 2])
def test_numbers_that_are_too_large_are_refused_in_every_form(number: Any, place: int) -> None:
    row: list[Any] = [1.0, 2, 3]
    row[place] = number
    index = rv.Index.build(X, metric="l2")  # under cosine 1e39 is part of a direction
    for query in (row, [row], np.array(row, object), pd.Series(row, dtype=object)):
        with pytest.raises(rv.InvalidVector, match=r"outside|range|overflows"):
            index.search(query)
    with pytest.raises(rv.InvalidVector, match=r"row 1|range") as caught:
        rv.Index.build([X[0], row], metric="l2")
    assert caught.value.row == 1


@pytest.mark.parametrize(
    "query",
    [
        b"abc", 5, {1.0, 2.0, 3.0}, {"a": 1}, [1j, 2, 3], [True, False, True],
        pl.Series([True, False, True]), pd.Series(pd.date_range("2020", periods=3)),
        pa.array([1, 2, 3], pa.date32()), pa.scalar("text"), pa.array([{"a": 1}]),
        pl.Series([{"a": 1}]), [None] * 3, pd.Series([None] * 3), pl.Series([None] * 3),
        pa.nulls(3), np.zeros(3, [("a", "f4")]), np.array([b"a", b"b", b"c"]),
        pd.Series(pd.interval_range(0, 3)), pa.record_batch({"a": [1.0]}), [[1, 2, 3], 4],
        pl.LazyFrame({"a": [1.0]}), pl.col("a"), object(),
    ],
    ids=lambda query: f"{type(query).__name__} {str(query)[:20]}".replace("\n", " "),
)  # fmt: skip
def test_what_is_no_query_is_an_error_of_ours(query: Any) -> None:
    index = rv.Index.build(X)
    for verb in (
        lambda: index.search(query),
        lambda: index.within(query, min_similarity=0),
        lambda: index.search(query, diversity=0.1),
    ):
        with pytest.raises((rv.InvalidVector, rv.ColumnError), match=r"query|column"):
            verb()


def test_levels_of_labels_are_rows() -> None:
    rows = pd.MultiIndex.from_tuples([tuple(row) for row in X.tolist()])
    np.testing.assert_array_equal(rv.to_matrix(rows), X)
    assert rv.Index.build(X, metric="l2").search(rows, k=1).ids.ravel().tolist() == [0, 1, 2, 3]
