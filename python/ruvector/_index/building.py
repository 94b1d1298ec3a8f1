"""`Index.build`: an index over a column of vectors."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from .. import _native
from .._arguments import bits_of, limit, positive, seed_of, share
from .._errors import InvalidArgument
from .._input.bits import read_bits
from .._input.masks import read_row_ids
from .._input.vectors import read_vectors
from .._metric import BINARY, MetricName, canonical
from .._native.params import Names
from .._settings import current
from .method import method
from .provenance import content_of

if TYPE_CHECKING:
    from .index import Index

Kind: TypeAlias = Literal["auto", "exact", "flat", "ivf"]
Keep: TypeAlias = Literal["auto", "borrow", "copy", "none"]
OnNull: TypeAlias = Literal["error", "skip"]


_PARQUET = (".parquet", b".parquet")

_source: list[Callable[[Any, bool], Any]] = [lambda data, packed: data]


def column_found_by(find: Callable[[Any, bool], Any]) -> None:
    """Have the column of a frame found by whoever knows frames: ``find(data, packed)``."""
    _source[:] = [find]


@method
def build(
    cls: type[Index],
    vectors: Any,
    *,
    ids: Any = None,
    metric: MetricName = "cosine",
    kind: Kind = "auto",
    bits: int | None = None,
    cells: int | None = None,
    keep: Keep = "auto",
    recall: float = 0.95,
    nulls: OnNull = "error",
    seed: int = 42,
    budget: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Index:
    """Build an index over a column of vectors.

    Parameters
    ----------
    vectors : array, Series, Arrow array or stream, or sequence of vectors; or frame
        n rows of d numbers. C-contiguous float32, float64, float16, int8 and uint8 memory
        is borrowed as it is; other strides, orders and number types are copied once. A frame of
        any kind that `search` takes has its only column of vectors indexed, and no other.
    ids : sequence of n whole numbers or texts, optional
        What the rows are called in answers; their positions 0..n-1 when not given.
    metric : {"cosine", "dot", "l2", "euclidean", "sqeuclidean", "hamming", "jaccard"}
        ``l2`` (= ``euclidean``) is not squared. The last two compare rows of bits, always
        with kind ``exact``: `vectors` is uint8 of shape (n, w) packed 8 to a byte as by
        ``np.packbits(bits, axis=1)``, Arrow FixedSizeBinary or lists of uint8 (borrowed), or
        booleans of shape (n, d) (packed: one copy). ``hamming`` is the number of bits that
        differ, ``jaccard`` 1 - both / any, 0 for two rows of zeros.
    kind : {"auto", "exact", "flat", "ivf"}
        ``exact`` compares with every vector, ``flat`` with RaBitQ codes first, ``ivf`` with
        the codes of the cells nearest to the query, as many as the recall target needs on
        these rows. ``auto`` is exact up to 10,000 rows, flat up to 250,000.
    bits : int, optional
        Bits per dimension in the codes, 1 to 9; 5 when vectors can be reranked (4 where
        ``info()["copies"]`` says that rows have second codes), else 8.
    cells : int, optional
        Cells of kind ``ivf``; by the number of rows when not given.
    keep : {"auto", "borrow", "copy", "none"}
        The vectors themselves: borrowed, copied, or dropped once they are coded. ``auto``
        borrows what can be borrowed, else holds the one copy made.
    recall : float
        Share of the true neighbours that searches aim for; 1.0 is exact.
    nulls : {"error", "skip"}
        What a null row does: refuse the column, or never be found.
    seed : int
        Seed of the rotation and the cells; equal input and seed give equal index bytes.
    budget : int, optional
        Bytes that the build may allocate, the index included; LimitExceeded names the
        smallest budget that works.
    threads : int, optional
        Threads to use; all cores the process may use when not given.
    progress : bool, optional
        Show a progress line; by default after one second.

    Returns
    -------
    Index

    Raises
    ------
    InvalidVector
        NaN, infinity, text, ragged or null rows; names row and column.
    InvalidArgument, LimitExceeded, DuplicateId, ColumnError
    KeyboardInterrupt
        Ctrl-C stops a build within a tenth of a second; nothing is left behind.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> ix = rv.Index.build(np.eye(3, dtype="float32"))
    >>> ix.search(np.array([1, 0, 0], "float32"), k=1).ids.tolist()
    [0]
    """
    shown = current.progress if progress is None else progress
    with Making(
        vectors, ids, metric, keep, kind=kind, bits=bits, cells=cells, recall=recall, nulls=nulls,
        seed=seed, budget=budget, threads=threads,
    ) as making:  # fmt: skip
        return making.index(cls, _native.build_from(*making.given, shown))


class Making:
    """A build whose arguments are checked: what the library is given, and the index of it.

    Close when the library is done; it is a context that closes.
    """

    __slots__ = ("_column", "_keep", "given")

    given: tuple[Any, Names | None, dict[str, Any]]  # column, ids, options

    def __init__(
        self,
        vectors: Any,
        ids: Any,
        metric: MetricName,
        keep: Keep,
        *,
        kind: Kind,
        bits: int | None,
        cells: int | None,
        recall: float,
        nulls: OnNull,
        seed: int,
        budget: int | None,
        threads: int | None,
    ) -> None:
        metric_name = canonical(metric)
        packed = metric_name in BINARY
        if isinstance(vectors, str | os.PathLike) and os.fspath(vectors)[-8:] in _PARQUET:
            raise InvalidArgument(
                f"vectors={vectors!r} is the path of a parquet file; use "
                "rv.Index.build_parquet(path, column)"
            )
        vectors = _source[0](vectors, packed)
        column = read_bits(vectors, metric_name) if packed else read_vectors(vectors)
        self._column, self._keep = column, keep
        try:
            if column.handle is None:
                raise InvalidArgument(
                    f"{column.rows} rows that tell no number of dimensions; for an empty index "
                    "pass an array of shape (0, dim)"
                )
            options = {
                "metric": metric_name,
                "kind": kind,
                "bits": 0 if bits is None else bits_of(bits),
                "cells": 0 if cells is None else positive("cells", cells),
                "budget": 0 if budget is None else positive("budget", budget),
                "keep": _kept(keep, column),
                "recall": share(recall),
                "nulls": nulls,
                "bad": current.bad_vectors,
                "seed": seed_of(seed),
                "provenance": column.provenance or content_of(column),
                "threads": current.threads if threads is None else limit(threads),
            }
            self.given = column.handle, None if ids is None else read_row_ids(ids), options
        except BaseException:
            column.close()
            raise

    def index(self, cls: type[Index], handle: Any) -> Index:
        """Return what the library built as an index."""
        column, keep = self._column, self._keep
        lent = keep not in ("copy", "none") and not column.nulls
        matrix = column.matrix if lent else None
        if matrix is not None and matrix.dtype.char not in "fd":
            matrix = None
        return cls._from_handle(handle, matrix=matrix, copied=column.copied or keep == "copy")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._column.close()


def _kept(keep: str, column: Any) -> str:
    """Return what the engine is told: a copy that reading made need not be copied again."""
    if keep == "borrow" and column.copied:
        raise InvalidArgument(
            f"keep='borrow': {column.layout} could not be read without a copy; use keep='auto', "
            "which holds that one copy"
        )
    return "borrow" if keep == "copy" and column.copied else keep
