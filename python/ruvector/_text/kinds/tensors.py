"""Tensors of a safetensors file, read by ourselves: every length is checked before it is used."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError

# The header tells of tensors, some hundred bytes each; files of models have tens to thousands.
_MOST_HEADER: Final = 16 << 20
_MOST_AXES: Final = 8
_LENGTH: Final = 8  # bytes of the number that the file begins with
_NUMPY: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1",
    "BOOL": "<u1",
}  # fmt: skip


class Place(NamedTuple):
    """Where a tensor is: positions are counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Tensors:
    """An open file of tensors, a context manager.

    Nothing is mapped into memory: a file that another process shortens is then an error, and not
    the end of this process.

    Raises
    ------
    EmbedError
        The file is not of this format, or its header does not fit its length.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file: IO[bytes] = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise EmbedError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            self._begin, self.places = self._header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Tensors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor as an array of this machine's byte order; bfloat16 becomes float32."""
        place = self.places[name]
        dtype = np.dtype(_NUMPY[place.dtype])
        self._file.seek(self._begin + place.start)
        count = (place.end - place.start) // dtype.itemsize
        try:
            flat = np.fromfile(self._file, dtype, count)
        except MemoryError:
            raise self._wrong(f"{name!r} needs {place.end - place.start} bytes of memory") from None
        if len(flat) != count:
            raise self._wrong("became shorter while it was read")
        if place.dtype == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        native: npt.NDArray[Any] = flat.astype(flat.dtype.newbyteorder("="), copy=False)
        return native.reshape(place.shape)

    def _header(self) -> tuple[int, dict[str, Place]]:
        size = os.fstat(self._file.fileno()).st_size
        head = self._file.read(_LENGTH)
        length = int.from_bytes(head, "little")
        if len(head) < _LENGTH or length > size - _LENGTH:
            raise self._wrong(
                f"is {size} bytes long, and says that its header alone has {length}: it is no "
                "safetensors file, or was cut"
            )
        if length > _MOST_HEADER:
            raise self._wrong(f"has a header of {length} bytes, {_MOST_HEADER} are the most")
        try:
            told = json.loads(self._file.read(length), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"has a header that is no JSON ({error!s:.100})") from None
        if not isinstance(told, dict):
            raise self._wrong("has a header that is no JSON object")
        told.pop("__metadata__", None)
        begin = _LENGTH + length
        places = {name: self._place(name, entry) for name, entry in told.items()}
        self._check_layout(places, size - begin)
        return begin, places

    def _place(self, name: str, entry: Any) -> Place:
        if not isinstance(entry, Mapping):
            raise self._wrong(f"tensor {name!r:.60} is described by {entry!r:.60}")
        dtype, shape = entry.get("dtype"), entry.get("shape")
        offsets = entry.get("data_offsets")
        if not isinstance(dtype, str) or dtype not in _NUMPY:
            raise self._wrong(f"tensor {name!r:.60} has the type {dtype!r:.40}, which is not read")
        if not _are_sizes(shape) or len(shape) > _MOST_AXES:
            raise self._wrong(f"tensor {name!r:.60} has the shape {shape!r:.60}")
        if not _are_sizes(offsets) or len(offsets) != 2:
            raise self._wrong(f"tensor {name!r:.60} has the data_offsets {offsets!r:.60}")
        need = np.dtype(_NUMPY[dtype]).itemsize
        for axis in shape:
            need *= axis
        if offsets[1] - offsets[0] != need:
            raise self._wrong(
                f"tensor {name!r:.60} of {dtype} {list(shape)} needs {need} bytes, its "
                f"data_offsets {list(offsets)} hold {offsets[1] - offsets[0]}"
            )
        return Place(dtype, tuple(shape), offsets[0], offsets[1])

    def _check_layout(self, places: dict[str, Place], size: int) -> None:
        """Refuse tensors that overlap, leave gaps, or go past the end."""
        at = 0
        for name, place in sorted(places.items(), key=lambda item: item[1][2:]):
            if place.start != at:
                what = "overlaps the one before" if place.start < at else "leaves a gap before it"
                raise self._wrong(f"tensor {name!r:.60} {what}")
            at = place.end
        if at != size:
            raise self._wrong(f"has {size} bytes of tensors, its header tells of {at}")

    def _wrong(self, what: str) -> EmbedError:
        return EmbedError(f"{self._path}: {what}; get the file again from where it is published")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _are_sizes(numbers: Any) -> TypeGuard[list[int]]:
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)
