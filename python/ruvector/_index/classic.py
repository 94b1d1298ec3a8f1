"""The four classic classes: presets of the same engine under their well-known names.

Scores are squared L2 distances, smaller is better. Rows are appended by a later version; until
then these classes have no ``add``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import InvalidArgument, UnknownId
from .._input.vectors import Float32Matrix
from .index import Index, Keep, Kind
from .result import Hit


@runtime_checkable
class AnyIndex(Protocol):
    """What the four classic classes have in common."""

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        ...

    @property
    def memory_bytes(self) -> int:
        """Bytes the index holds itself, borrowed vectors not counted."""
        ...

    def __len__(self) -> int: ...

    def search(self, query: Any, k: int) -> list[Hit]:
        """Return the `k` nearest rows to one query."""
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file."""
        ...


class _Preset:
    """What the four share: an `Index` with metric ``sqeuclidean``. Thread-safe like it."""

    __slots__ = ("_index",)

    _kind: ClassVar[Kind] = "flat"
    _bits: ClassVar[int | None] = 1
    _retains: ClassVar[Keep] = "auto"

    _index: Index

    def __init__(self) -> None:
        name = type(self).__name__
        raise TypeError(f"a {name} is made by {name}.build(vectors) or {name}.load(path)")

    @classmethod
    def _from_index(cls, index: Index) -> Self:
        self = object.__new__(cls)
        self._index = index
        return self

    @classmethod
    def _build(cls, vectors: Any, seed: int, ids: Any) -> Self:
        index = Index.build(
            vectors,
            ids=ids,
            metric="sqeuclidean",
            kind=cls._kind,
            bits=cls._bits,
            keep=cls._retains,
            seed=seed,
        )
        return cls._from_index(index)

    @classmethod
    def _load(cls, path: str | os.PathLike[str]) -> Self:
        index = Index.load(path)
        want = 0 if cls._bits is None else cls._bits
        if index.metric != "sqeuclidean" or index.kind != cls._kind or index.bits != want:
            raise InvalidArgument(
                f"{os.fsdecode(path)} holds {index!r}, not a {cls.__name__}; use Index.load"
            )
        return cls._from_index(index)

    def _depth(self, k: int) -> int | None:
        return 0

    def search(self, query: Any, k: int) -> list[Hit]:
        """Return the `k` rows nearest to one query, with squared L2 distances.

        Parameters
        ----------
        query : 1-D vector of `dim` numbers
        k : int

        Raises
        ------
        DimensionMismatch, InvalidVector, InvalidArgument
        """
        result = self._index.search(query, k, rerank=self._depth(k))
        if result.ids.ndim != 1:
            raise InvalidArgument("query is a batch; the classic classes answer one at a time")
        return result.hits()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index, with its vectors if it retains them."""
        retained = bool(self._index.info()["vectors"])
        self._index.save(path, vectors=retained)

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        return self._index.dim

    @property
    def memory_bytes(self) -> int:
        """Bytes the index holds itself, borrowed vectors not counted."""
        return self._index.memory_bytes

    @property
    def ids(self) -> npt.NDArray[Any]:
        """Ids in row order, shape (n,)."""
        if self._index._id_kind == "positions":
            return np.arange(len(self._index), dtype=np.int64)
        return np.asarray(_native.ids(self._index._handle))

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, id: Any) -> Float32Matrix:
        """Return the retained vector of an id, shape (dim,); UnknownId (a LookupError) if none."""
        self._require_vectors()
        return self._index[id]

    def __iter__(self) -> Iterator[tuple[Any, Float32Matrix]]:
        """Yield ``(id, vector)`` in row order, if vectors are retained."""
        self._require_vectors()
        return zip(self.ids.tolist(), np.asarray(self._index), strict=True)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        self._require_vectors()
        return self._index.__array__(dtype, copy)

    def __eq__(self, other: object) -> bool:
        """Return whether both were built from the same data with the same seed."""
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, _Preset)
        return _native.encode(self._index._handle) == _native.encode(other._index._handle)

    __hash__ = None  # type: ignore[assignment]

    def _require_vectors(self) -> None:
        if not self._index.info()["vectors"]:
            raise UnknownId(f"{type(self).__name__} keeps codes only, not the vectors")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} x {self.dim}, {self.memory_bytes:,} bytes)"


class FlatF32Index(_Preset):
    """Exact search over float32 vectors. Scores are squared L2. Thread-safe."""

    __slots__ = ()

    _kind = "exact"
    _bits = None

    @classmethod
    def build(cls, vectors: Any, *, seed: int = 42, ids: Any = None) -> Self:
        """Build from n vectors of d numbers; see `Index.build` for inputs and errors."""
        return cls._build(vectors, seed, ids)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` wrote."""
        return cls._load(path)

    def _depth(self, k: int) -> int | None:
        return None


class RabitqIndex(_Preset):
    """One bit per dimension, estimated scores (RaBitQ). Scores are squared L2. Thread-safe."""

    __slots__ = ()

    _retains = "none"

    @classmethod
    def build(cls, vectors: Any, *, seed: int = 42, ids: Any = None) -> Self:
        """Build from n vectors of d numbers; see `Index.build` for inputs and errors."""
        return cls._build(vectors, seed, ids)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` wrote."""
        return cls._load(path)


class _Reranked(_Preset):
    __slots__ = ("rerank_factor",)

    rerank_factor: int

    @classmethod
    def build(
        cls, vectors: Any, *, seed: int = 42, rerank_factor: int = 20, ids: Any = None
    ) -> Self:
        """Build from n vectors of d numbers.

        Parameters
        ----------
        vectors, seed, ids
            As `Index.build`, with its errors.
        rerank_factor : int
            ``rerank_factor * k`` candidates are compared by their vectors; 0 for estimates.
        """
        factor = _factor(rerank_factor)
        self = cls._build(vectors, seed, ids)
        self.rerank_factor = factor
        return self

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, rerank_factor: int = 20) -> Self:
        """Read a file that `save` wrote; the factor belongs to searches, not to the file."""
        self = cls._load(path)
        self.rerank_factor = _factor(rerank_factor)
        return self

    def _depth(self, k: int) -> int | None:
        return self.rerank_factor * k


class RabitqPlusIndex(_Reranked):
    """One bit per dimension, then exact distances of the best candidates. Thread-safe."""

    __slots__ = ()


def _factor(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidArgument(f"rerank_factor={value!r} must be a whole number, 0 or more")
    return value


class RabitqAsymIndex(_Reranked):
    """Codes of 6 bits scored with the query in full float32 precision. Thread-safe.

    Rows whose error bound cannot reach the answer are skipped. ``rerank_factor=0`` answers with
    estimates and keeps working when vectors are out of reach.
    """

    __slots__ = ()

    _bits = 6
