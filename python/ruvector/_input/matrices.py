"""`to_matrix` and `to_column`: columns of vectors as matrices, and back."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._errors import ColumnError, InvalidVector
from .cells import Validity
from .vectors import Float32Matrix, Vectors, read_vectors


def to_matrix(column: Any) -> Float32Matrix:
    """Return a column of vectors as a float32 matrix, without a copy where memory allows.

    Parameters
    ----------
    column : Series, Arrow array or stream, array, or sequence of vectors
        Any shape that `Index.build` takes.

    Returns
    -------
    ndarray of float32, shape (n, d)
        A read-only view of the column's own memory when that is one float32 matrix without
        nulls, else a copy of the caller's own. Null rows are NaN, and so are null or masked
        elements of a row.

    Raises
    ------
    InvalidVector, ColumnError
        As `Index.build`, and a number beyond float32; NaN and infinity are let through.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> rv.to_matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    vectors = read_vectors(column, "column", gaps=True)
    matrix = _floats_of(vectors)
    if matrix is vectors.matrix and not vectors.copied:
        matrix = matrix.view()
        matrix.flags.writeable = False
    return matrix


def to_column(matrix: Any, like: Any) -> Any:
    """Return a matrix as a column of vectors of the kind that `like` uses.

    Parameters
    ----------
    matrix : array-like, shape (n, d)
        Rows that are NaN throughout become null.
    like : pandas, polars or pyarrow frame or column
        Decides the type; a pandas frame or Series of n rows also gives its index.

    Returns
    -------
    pandas Series of objects (rows of one float32 matrix), polars Series of ``Array(Float32, d)``
    or pyarrow FixedSizeListArray

    Raises
    ------
    ColumnError
        `like` is of no such library, or is a pandas object with another number of rows.
    """
    if _is_relation(like):
        raise ColumnError(
            "like= is a DuckDB relation, which has no columns of its own: make a pyarrow column, "
            "like=relation.to_arrow_table(), or add one of text with rv.embed(relation, 'text')"
        )
    floats = np.ascontiguousarray(_floats_of(read_vectors(matrix, "matrix", gaps=True)))
    null: Validity = np.zeros(len(floats), np.bool_)
    if floats.size:
        np.isnan(floats).all(axis=1, out=null)
    return column_of(floats, null, like)


def _floats_of(vectors: Vectors) -> Float32Matrix:
    """Return all rows as float32; a number that becomes infinite there is InvalidVector."""
    with np.errstate(over="ignore"):
        matrix = vectors.floats()
    if vectors.wide and np.isinf(matrix).any():
        wide = vectors.numbers()
        beyond = np.argwhere(np.isinf(matrix) & np.isfinite(wide))
        if len(beyond):
            row, place = map(int, beyond[0])
            raise InvalidVector(
                f"row {row} has {wide[row, place]!r} at place {place}, which float32 cannot hold: "
                "divide the rows by their lengths first (of cosine no answer changes)",
                row=row,
                column=place,
            )
    return matrix


def column_of(floats: Float32Matrix, null: Validity, like: Any) -> Any:
    """Return rows of a C-contiguous matrix, whose memory the column may keep, as `to_column`."""
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(like, (pandas.DataFrame, pandas.Series)):
        return _pandas_column(pandas, floats, null, like)
    if polars is not None and isinstance(like, (polars.DataFrame, polars.Series)):
        column = polars.Series(values=floats, dtype=polars.Array(polars.Float32, floats.shape[1]))
        if not null.any():
            return column
        return polars.select(polars.when(polars.Series(~null)).then(column)).to_series()
    if pyarrow is not None and type(like).__module__.partition(".")[0] == "pyarrow":
        values = pyarrow.array(floats.reshape(-1))
        mask = pyarrow.array(null) if null.any() else None
        return pyarrow.FixedSizeListArray.from_arrays(values, floats.shape[1], mask=mask)
    if _is_relation(like):
        return floats, ~null  # what a relation makes a column of
    raise ColumnError(
        f"like={type(like).__name__} is not a pandas, polars or pyarrow frame or column"
    )


def _is_relation(like: Any) -> bool:
    kind = getattr(sys.modules.get("duckdb"), "DuckDBPyRelation", None)
    return kind is not None and isinstance(like, kind)


def _pandas_column(pandas: Any, floats: Float32Matrix, null: Validity, like: Any) -> Any:
    if len(like) != len(floats):
        raise ColumnError(f"like= has {len(like)} rows, the matrix has {len(floats)}")
    cells = np.fromiter(floats, object, len(floats))
    cells[null] = None
    return pandas.Series(cells, index=like.index, dtype=object)
