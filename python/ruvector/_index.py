"""`Index`: vectors that can be searched."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _html, _native
from ._arguments import bits_of, depth, limit, places, seed_of, share
from ._caller import warn
from ._embedder import Embedder, recall_origin
from ._errors import EmbedError, InvalidArgument, UnknownId
from ._mask import Mask, Rows, read_ids, read_mask
from ._metric import SCORE_NAMES, MetricName, canonical
from ._plan import Plan, remember
from ._queries import FLOAT32, read_queries, texts_of
from ._result import SearchResult, widen
from ._settings import current
from ._vectors import Float32Matrix, read_vectors

Kind: TypeAlias = Literal["auto", "exact", "flat"]
Keep: TypeAlias = Literal["auto", "borrow", "copy", "none"]
OnNull: TypeAlias = Literal["error", "skip"]
_CLOSE_BOUNDS: Final = -1


class Index:
    """Vectors that can be searched: built with `build`, read with `load`, never changed.

    Thread-safe: any number of threads may search one index, which releases the interpreter
    lock. An index borrows the memory it was built from unless told otherwise: that memory must
    not change while the index lives (``keep="copy"`` lifts this).

    Attributes
    ----------
    dim : int
        Dimensions of the vectors.
    metric : str
        ``"cosine"``, ``"dot"``, ``"l2"`` or ``"sqeuclidean"``.
    kind : str
        ``"exact"`` or ``"flat"``.
    bits : int
        Bits a dimension in the codes; 0 for ``exact``.
    """

    __slots__ = (
        "__weakref__",
        "_copied",
        "_embedder",
        "_handle",
        "_id_kind",
        "_matrix",
        "_names",
        "_origin",
        "_rows",
        "_score_name",
        "bits",
        "dim",
        "kind",
        "metric",
    )

    __iter__: ClassVar[None] = None  # __getitem__ takes ids, which do not count from 0

    def __init__(self) -> None:
        raise TypeError("an Index is made by Index.build(vectors) or Index.load(path)")

    @classmethod
    def _from_handle(cls, handle: Any, *, matrix: Any = None, copied: bool = False) -> Self:
        self = object.__new__(cls)
        info = _native.info(handle)
        self._handle = handle
        self._matrix = matrix
        self._copied = copied
        self._embedder = None
        self._origin = info["provenance"]
        self._names = None
        self._rows = int(info["rows"])
        self._id_kind = info["id_kind"]
        self.dim = int(info["dim"])
        self.metric = info["metric"]
        self.kind = info["kind"]
        self.bits = int(info["bits"])
        self._score_name = SCORE_NAMES[self.metric]
        return self

    _handle: Any
    _matrix: Float32Matrix | None
    _copied: bool
    _embedder: Embedder | None
    _origin: str
    _names: npt.NDArray[Any] | None
    _rows: int
    _id_kind: str
    _score_name: str
    dim: int
    metric: str
    kind: str
    bits: int

    @classmethod
    def build(
        cls,
        vectors: Any,
        *,
        ids: Any = None,
        metric: MetricName = "cosine",
        kind: Kind = "auto",
        bits: int | None = None,
        keep: Keep = "auto",
        recall: float = 0.95,
        nulls: OnNull = "error",
        seed: int = 42,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> Self:
        """Build an index over a column of vectors.

        Parameters
        ----------
        vectors : array, Series, Arrow array or stream, or sequence of vectors
            n rows of d numbers. C-contiguous float32, float64 and float16 memory is borrowed;
            other strides, orders and number types are copied once.
        ids : sequence of n whole numbers or texts, optional
            What the rows are called in answers; their positions 0..n-1 when not given.
        metric : {"cosine", "dot", "l2", "euclidean", "sqeuclidean"}
            ``l2`` (= ``euclidean``) is not squared.
        kind : {"auto", "exact", "flat"}
            ``exact`` compares with every vector, ``flat`` with RaBitQ codes first. ``auto`` is
            exact up to 10,000 rows.
        bits : int, optional
            Bits a dimension in the codes, 1 to 9; 5 when vectors can be reranked, else 8.
        keep : {"auto", "borrow", "copy", "none"}
            The vectors themselves: borrowed, copied, or dropped once they are coded. ``auto``
            borrows what can be borrowed, else holds the one copy made.
        recall : float
            Share of the true neighbours that searches aim for; 1.0 is exact.
        nulls : {"error", "skip"}
            What a null row does: refuse the column, or never be found.
        seed : int
            Seed of the rotation; equal input and seed give equal index bytes.
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
        column = read_vectors(vectors)
        try:
            if column.handle is None:
                raise InvalidArgument(
                    f"{column.rows} rows that tell no number of dimensions; for an empty index "
                    "pass an array of shape (0, dim)"
                )
            options = {
                "metric": canonical(metric),
                "kind": kind,
                "bits": 0 if bits is None else bits_of(bits),
                "keep": _keep(keep, column),
                "recall": share(recall),
                "nulls": nulls,
                "bad": current.bad_vectors,
                "seed": seed_of(seed),
                "provenance": column.provenance,
                "threads": current.threads if threads is None else limit(threads),
            }
            names = None if ids is None else read_ids(ids)
            shown = current.progress if progress is None else progress
            handle = _native.build(column.handle, names, options, shown)
            copied = column.copied or keep == "copy"
            lent = keep not in ("copy", "none") and not column.nulls
            matrix = column.matrix if lent else None
            if matrix is not None and matrix.dtype != FLOAT32:
                matrix = None
            return cls._from_handle(handle, matrix=matrix, copied=copied)
        finally:
            column.close()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, vectors: Any = None) -> Self:
        """Read an index that `save` wrote.

        Parameters
        ----------
        path : path
        vectors : column of vectors, optional
            The vectors that the file left out, in their original order: attached (borrowed) for
            exact scores.

        Raises
        ------
        NotAnIndex, FormatTooNew, CorruptIndex
            The file is not one of ours, newer than this library, or damaged; any bytes give a
            correct index or one of these.
        VectorsChanged, DimensionMismatch
            `vectors` are not those of the index.
        PersistError
            The file cannot be read; not an OSError.
        """
        if vectors is None:
            return cls._from_handle(_native.load(os.fsdecode(path), None), copied=True)
        column = read_vectors(vectors)
        try:
            return cls._from_handle(_native.load(os.fsdecode(path), column.handle))
        finally:
            column.close()

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        recall: float | None = None,
        rerank: int | None = None,
        where: Any = None,
        ids: Any = None,
        threads: int | None = None,
    ) -> SearchResult:
        """Find the `k` rows nearest to each query.

        Parameters
        ----------
        query : 1-D vector of `dim` numbers, or a batch of them, shape (nq, dim)
            Arrays, sequences, columns of vectors.
        k : int
            Rows to find; fewer come back only when fewer are eligible.
        recall : float, optional
            Share of the true neighbours aimed for, the index's own by default; 1.0 is exact.
        rerank : int, optional
            Candidates compared by their vectors: as many as the error bound demands when not
            given, 0 for estimated scores.
        where : n booleans in row order, optional
            Rows that may be found; null is False.
        ids : sequence of ids, optional
            Ids that may be found.
        threads : int, optional

        Returns
        -------
        SearchResult
            Ties go to the smaller row; the answer does not depend on threads or on the batch.

        Raises
        ------
        DimensionMismatch, InvalidVector
            The query has another number of dimensions, or is not finite.
        InvalidArgument, LimitExceeded
            k below 0, or above 2**31 / nq in a batch; a mask of another length or type.
        UnknownId
            ``ids=`` names one that is not in the index.
        IndexClosed
        """
        if (
            type(query) is np.ndarray
            and query.dtype is FLOAT32
            and query.ndim == 1
            and query.flags.c_contiguous
        ):
            queries, single = query, True
        else:
            queries, single = self._queries(query)
            if single:
                queries = queries[0]
        if type(k) is not int or not single:
            k = places(k, 0 if single else len(queries))  # k of one query is cut to the rows
        if k < 0:
            raise InvalidArgument(f"k={k} must be 0 or more")
        mask = rows = None
        if where is not None or ids is not None:
            mask, rows = self._filter(where, ids)
        found, scores, counts, raw = _native.search(
            self._handle,
            queries,
            k if k <= self._rows else self._rows,
            rerank=_CLOSE_BOUNDS if rerank is None else depth(rerank),
            epsilon0=0.0,
            recall=0.0 if recall is None else share(recall),
            mask=mask,
            rows=rows,
            source=None,
            threads=current.threads if threads is None else limit(threads),
        )
        plan = Plan(raw, "given", recall)
        remember(plan)
        if self._id_kind == "uint64":
            found = found.view(np.uint64)
        elif self._id_kind == "string":
            found = self._text_ids(found)
        if k > self._rows and not single:
            found, scores = widen(found, scores, k)
        return SearchResult(found, scores, counts, self, plan, single)

    def _filter(self, where: Any, ids: Any) -> tuple[Mask | None, Rows | None]:
        """Return ``(mask, rows)`` of which at most one is not None."""
        mask = None if where is None else read_mask(where, self._rows)
        if ids is None:
            return mask, None
        rows = self._known_rows(read_ids(ids))
        if mask is None and rows.size:
            return None, rows
        chosen = np.zeros(self._rows, np.bool_)
        chosen[rows] = True
        return chosen if mask is None else mask & chosen, None

    def _queries(self, query: Any) -> tuple[Float32Matrix, bool]:
        texts = texts_of(query)
        if texts is None:
            return read_queries(query, self.dim)
        embedder = self._maker()
        if embedder is None:
            raise EmbedError(
                "the query is text, and it is not known what made the vectors of this index; "
                "search ix.search(embedder.encode(text)), or a frame with "
                "rv.search(frame, text, index=ix, embedder=...)"
            )
        return embedder.query(texts), isinstance(query, str)

    def _maker(self) -> Embedder | None:
        """Return the embedder that made the vectors, None if that is not known."""
        if self._embedder is None and self._origin:
            self._embedder = recall_origin(self._origin)
        return self._embedder

    def _text_ids(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        if self._names is None:
            names = np.empty(self._rows + 1, object)  # the last cell is what row -1 is called
            names[: self._rows] = _native.ids(self._handle)
            self._names = names
        return self._names[rows]

    def _rows_of(self, ids: Any) -> npt.NDArray[np.int64]:
        """Return the row of each id, -1 where there is none."""
        if not len(ids):
            return np.empty(0, np.int64)
        if isinstance(ids, np.ndarray) and ids.dtype == object:
            ids = ids.tolist()
        if self._id_kind != "positions":
            return _native.lookup(self._handle, ids)
        rows = np.asarray(ids)
        if rows.dtype.kind not in "iu":
            return np.full(len(rows), -1, np.int64)
        return np.where((rows >= 0) & (rows < self._rows), rows, -1).astype(np.int64)

    def _known_rows(self, ids: Any) -> npt.NDArray[np.int64]:
        rows = self._rows_of(ids)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            first = ids[int(unknown[0])]
            raise UnknownId(
                f"{unknown.size} of {len(rows)} ids are not in the index, first {first!r}"
            )
        return rows

    def save(self, path: str | os.PathLike[str], *, vectors: bool | None = None) -> None:
        """Write the index to a file.

        Parameters
        ----------
        path : path
        vectors : bool, optional
            Store the vectors too. By default they are stored if the index holds a copy of its
            own; borrowed ones are left out, with one line that says so.

        Raises
        ------
        InvalidArgument
            Vectors were asked for, but the index has none.
        PersistError
            The file cannot be written; not an OSError.
        """
        store = vectors
        if store is None:
            has_vectors = bool(_native.info(self._handle)["vectors"])
            store = has_vectors and self._copied
            if has_vectors and not store:
                warn(
                    f"{os.fsdecode(path)}: saved without the borrowed vectors; load it with "
                    "Index.load(path, vectors=column), or save with vectors=True"
                )
        _native.save(self._handle, os.fsdecode(path), store)

    def info(self) -> dict[str, Any]:
        """Return what the index is: kind, metric, bits, rows, dim, nulls, bytes, seed and more."""
        return dict(_native.info(self._handle))

    @property
    def memory_bytes(self) -> int:
        """Bytes the index holds itself, borrowed vectors not counted."""
        return int(_native.info(self._handle)["index_bytes"])

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, id: Any) -> Float32Matrix:
        """Return the vector of an id, shape (dim,), or of several, shape (m, dim).

        Raises
        ------
        UnknownId
            No row has this id.
        InvalidArgument
            The index keeps no vectors.
        """
        if isinstance(id, slice):
            raise InvalidArgument("an index is asked by id, not by slice")
        single = isinstance(id, str) or np.ndim(id) == 0
        rows = self._known_rows(read_ids([id] if single else id))
        found = _native.vectors(self._handle, rows)
        return found[0] if single else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all vectors, shape (n, dim): borrowed float32 memory as it is, else a copy."""
        matrix = self._matrix
        if matrix is not None:
            _native.info(self._handle)  # raises when closed
            matrix = matrix.view()
            matrix.flags.writeable = False
        if copy is False and (matrix is None or np.dtype(dtype or FLOAT32) != FLOAT32):
            raise ValueError("the vectors of this index cannot be shown so without a copy")
        if matrix is None:
            matrix = _native.vectors(self._handle, np.arange(self._rows, dtype=np.int64))
        elif copy:
            matrix = matrix.copy()
        return np.asarray(matrix, dtype=dtype)

    def close(self) -> None:
        """Free the index and let go of borrowed memory. Later calls raise IndexClosed."""
        self._matrix = None
        _native.close_index(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), _native.encode(self._handle))

    def __repr__(self) -> str:
        bits = f", {self.bits} bits" if self.bits else ""
        return f"Index({self._rows:,} x {self.dim}, {self.metric}, {self.kind}{bits})"

    def _repr_html_(self) -> str:
        info = _native.info(self._handle)
        rows: list[tuple[str, object]] = [
            ("rows", f"{self._rows:,}"),
            ("dimensions", self.dim),
            ("metric", self.metric),
            ("kind", self.kind),
            ("bits", self.bits or "none"),
            ("null rows", f"{info['nulls']:,}"),
            ("ids", self._id_kind),
            ("index memory", _html.size(info["index_bytes"])),
            ("borrowed memory", _html.size(info["borrowed_bytes"])),
            ("vectors", info["keep"] if info["vectors"] else "codes only"),
        ]
        return _html.facts("ruvector.Index", rows)


def _restore(cls: type[Index], data: bytes) -> Index:
    return cls._from_handle(_native.decode(data), copied=True)


def _keep(keep: str, column: Any) -> str:
    """Return what the engine is told: a copy that reading made need not be copied again."""
    if keep == "borrow" and column.copied:
        raise InvalidArgument(
            f"keep='borrow': {column.layout} could not be read without a copy; use keep='auto', "
            "which holds that one copy"
        )
    return "borrow" if keep == "copy" and column.copied else keep
