"""`Index`: vectors that can be searched. Its verbs are in the files beside this one."""

from __future__ import annotations

import operator
from contextlib import suppress
from pickle import PickleBuffer
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import ForkedProcessError, IndexClosed, InvalidArgument
from .._habits import INDEX, KindOfIndex
from .._input.masks import read_some_ids
from .._input.numbers import FloatMatrix
from .._metric import BINARY, SCORE_NAMES
from .._native import Facts, facts_of
from .._text.embedder import Embedder
from .awaiting import build_async, search_async
from .building import Keep, Kind, OnNull, build
from .changing import add, compact, delete, upsert
from .files import load, save, verify
from .forked import lost
from .neighbors import neighbors
from .provenance import made_of
from .provenance import recall as origin_of
from .quality import calibrate, recall
from .searching import search
from .shown import _repr_html_, by
from .stored import build_parquet
from .within import within

if TYPE_CHECKING:
    from .._text.provenance import Provenance

__all__ = ["Index", "Keep", "Kind", "OnNull"]


class Index(metaclass=KindOfIndex):
    """Vectors that can be searched: built with `build` or read with `load`, then changed by `add`.

    Thread-safe: any number of threads may search one index while one of them changes it, which
    releases the interpreter lock; a search sees the rows that were there when it began. An index
    borrows the memory it was built from unless told otherwise: that memory must not change while
    the index lives (``keep="copy"`` lifts this).

    Attributes
    ----------
    dim : int
        Dimensions of the vectors; of rows of bits, their bits.
    metric : str
        ``"cosine"``, ``"dot"``, ``"l2"``, ``"sqeuclidean"``, ``"hamming"`` or ``"jaccard"``.
    kind : str
        ``"exact"``, ``"flat"`` or ``"ivf"``.
    bits : int
        Bits per dimension in the codes; 0 for ``exact``.
    """

    __slots__ = (
        "__weakref__",
        "_copied",
        "_embedder",
        "_equal",
        "_handle",
        "_matrix",
        "_metric",
        "_origin",
        "_packed",
        "_score_name",
        "_warned",
    )

    __iter__: ClassVar[None] = None  # __getitem__ takes ids, which do not count from 0

    _handle: Any
    _matrix: FloatMatrix | None
    _copied: bool
    _embedder: Embedder | None
    _equal: set[str]  # keys of content that was found to be the index's
    _origin: str
    _metric: str
    _packed: bool  # rows are bits
    _score_name: str
    _warned: bool  # that a recall target needs vectors

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("an Index is made by rv.Index.build(vectors) or rv.Index.load(path)")

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise INDEX.error(self, name)

    @classmethod
    def _from_handle(cls, handle: Any, *, matrix: Any = None, copied: bool = False) -> Self:
        self = object.__new__(cls)
        info = _native.info(handle)
        self._handle = handle
        self._matrix = matrix
        self._copied = copied
        self._embedder = None
        self._equal = set()
        self._origin = info["provenance"]
        self._metric = info["metric"]
        self._packed = self._metric in BINARY
        self._score_name = SCORE_NAMES[self._metric]
        self._warned = False
        return self

    @property
    def _facts(self) -> Facts:
        """What the index is now. Whoever needs two facts takes both from one object."""
        known: Facts | None = self._handle.version.facts
        return facts_of(self._handle) if known is None else known

    @property
    def _changed(self) -> bool:
        return self._facts.changed

    @property
    def _id_kind(self) -> str:
        return self._facts.id_kind

    @property
    def _calibrated(self) -> bool:
        return self._facts.calibrated

    @property
    def dim(self) -> int:
        """Dimensions of the vectors; of rows of bits, their bits."""
        return self._facts.dim

    @property
    def metric(self) -> str:
        """``"cosine"``, ``"dot"``, ``"l2"``, ``"sqeuclidean"``, ``"hamming"``, ``"jaccard"``."""
        return self._metric

    @property
    def kind(self) -> str:
        """``"exact"``, ``"flat"`` or ``"ivf"``."""
        return self._facts.kind

    @property
    def bits(self) -> int:
        """Bits per dimension in the codes; 0 for ``exact``."""
        return self._facts.bits

    def _maker(self) -> Embedder | None:
        """Return the embedder that made the vectors, None if that is not known."""
        if self._embedder is None and origin_of(self._origin).embedded:
            from .._text.recalled import recall_origin  # no part of a start

            self._embedder = recall_origin(self._origin)
        return self._embedder

    def _made(self) -> Embedder | Provenance | None:
        """Return what is known of what made the vectors, without loading it."""
        return made_of(self._origin) if self._embedder is None else self._embedder

    build = classmethod(build)
    build_async = classmethod(build_async)
    build_parquet = classmethod(build_parquet)
    load = classmethod(load)
    save = save
    verify = verify
    search = search
    search_async = search_async
    within = within
    neighbors = neighbors
    recall = recall
    calibrate = calibrate
    add = add
    upsert = upsert
    delete = delete
    compact = compact

    def info(self) -> dict[str, Any]:
        """Return what the index is: kind, metric, bits, rows, dim, nulls, bytes, seed and more.

        After changes also ``added``, ``deleted`` (rows whose memory `compact` gives back),
        ``tail`` (added rows that lie apart until they are many), ``drift`` (mean residual norm of
        added rows over that of the build) and ``advice``, in words, when a rebuild is due.

        Of kind ``ivf`` also ``cells``, ``copies`` (rows with a second code in another cell, made
        where they pay), ``plane`` (bits per dimension that a scan reads) and ``calibration``: for
        each recall target, with and without vectors, the recall measured, the most cells probed,
        the width of bounds and the vectors measured a query.
        ``stages`` are the seconds that the build took (``read``, ``train``, ``assign``, ``encode``,
        ``calibrate``, and ``copies``: making these), None of an index that was loaded.
        ``where`` says which files hold vectors that are not in memory, ``embedder`` what made the
        vectors: a dict with its id and, as far as they are known, ``sha256``, ``dim``,
        ``normalized``, ``query_prefix``, ``document_prefix``, ``max_tokens`` and ``pooling``; None
        where that is not known. ``provenance`` is the text that files of the index carry.
        """
        made = self._made()
        if isinstance(made, Embedder):
            made = made.made()
        known = None if made is None else made.to_dict()
        return {**_native.info(self._handle), "embedder": known}

    @property
    def memory_bytes(self) -> int:
        """Bytes the index holds itself, borrowed vectors not counted."""
        return int(_native.info(self._handle)["index_bytes"])

    def __len__(self) -> int:
        return self._facts.rows

    def __getitem__(self, id: Any) -> npt.NDArray[Any]:
        """Return the vector of an id, shape (dim,), or of several, shape (m, dim).

        float32, or float64 of an index of float64 vectors: what was given, not rounded. Of an
        index of bits packed uint8, dim / 8 a row.

        Raises
        ------
        UnknownId
            No row has this id.
        InvalidArgument
            The index keeps no vectors.
        """
        if isinstance(id, slice):
            raise InvalidArgument("an index is asked by id, not by slice")
        names, single = read_some_ids(id)
        found = _native.vectors_of(self._handle, names)
        return found[0] if single else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all vectors, shape (n, dim), borrowed memory as it is, else a copy.

        float32, or float64 of an index of float64 vectors. Rows that were null are NaN; of an
        index of bits zeros.
        """
        matrix = self._matrix
        if matrix is not None and self._facts.changed:
            matrix = self._matrix = None  # for good
        if matrix is not None:
            _native.vectors(self._handle, ())  # raises when closed, or when the memory changed
            matrix = matrix.view()
            matrix.flags.writeable = False
        if copy is False and (matrix is None or dtype not in (None, matrix.dtype)):
            raise ValueError("the vectors of this index cannot be shown so without a copy")
        if matrix is None:
            matrix = _native.matrix(self._handle)
        elif copy:
            matrix = matrix.copy()
        return np.asarray(matrix, dtype=dtype)

    def close(self) -> None:
        """Free the index and let go of borrowed memory. Later calls raise IndexClosed."""
        self._matrix = None
        with suppress(IndexClosed):
            facts_of(self._handle)  # while it can be asked: an index that is closed still says
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
        return restore, (type(self), _native.encode(self._handle))

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        make, (cls, data) = self.__reduce__()
        # Out of band, nothing copies the bytes again.
        return make, (cls, PickleBuffer(data) if operator.index(protocol) >= 5 else data)

    def __repr__(self) -> str:
        if not self._handle.value:
            return "Index(closed)"
        facts = self._facts
        bits = f", {facts.bits} bits" if facts.bits else ""
        where = f", vectors in {facts.where}" if facts.where else ""
        made = by(self)
        return (
            f"Index({facts.rows:,} x {facts.dim}, {facts.metric}, {facts.kind}{bits}{where}{made})"
        )

    _repr_html_ = _repr_html_


def restore(cls: type[Index], data: Any) -> Index:
    """Return the index that was pickled as `data`; in a forked child what stands for one."""
    try:
        handle = _native.decode(data)
    except ForkedProcessError:
        return lost(cls)
    return cls._from_handle(handle, copied=True)
