"""What an Arrow object holds, looked at before anybody consumes it."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_void_p
from typing import Any

from .._errors import ColumnError
from .arrow import _RELEASE_SCHEMA, _SCHEMA, _STREAM, ArrowSchema, _pointer


class _ArrowArrayStream(ctypes.Structure):
    """struct ArrowArrayStream"""

    _fields_ = [
        *((n, c_void_p) for n in ("get_schema", "get_next", "get_last_error")),
        *((n, c_void_p) for n in ("release", "private_data")),
    ]


_GET_SCHEMA = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.POINTER(ArrowSchema))
_GET_ERROR = ctypes.CFUNCTYPE(c_char_p, c_void_p)


class TakenStream:
    """The stream of an object that was asked for it once; whoever reads it consumes it."""

    __slots__ = ("_capsule", "format")

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule
        self.format = _stream_format(capsule)  # as in the C data interface: "+s" is a table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the stream; our reader of it takes whatever schema it has."""
        return self._capsule


class TakenArray:
    """The array of an object that was asked for it once; whoever reads it consumes it."""

    __slots__ = ("_capsules", "format")

    def __init__(self, capsules: Any) -> None:
        self._capsules = capsules
        schema = ArrowSchema.from_address(_pointer(capsules[0], _SCHEMA))
        self.format = (schema.format or b"").decode()

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        """Return schema and array; our reader of them takes whatever schema they have."""
        return self._capsules


def taken(obj: Any) -> TakenStream | TakenArray:
    """Ask an object with ``__arrow_c_stream__`` or ``__arrow_c_array__`` for its data.

    Raises
    ------
    ColumnError
        Its stream has no schema to tell; the message is the producer's.
    InvalidArgument
        What it gives is no such capsule.
    """
    if hasattr(obj, "__arrow_c_stream__"):
        return TakenStream(obj.__arrow_c_stream__())
    return TakenArray(obj.__arrow_c_array__())


def _stream_format(capsule: Any) -> str:
    at = _pointer(capsule, _STREAM)
    stream, schema = _ArrowArrayStream.from_address(at), ArrowSchema()
    if not stream.release:
        raise ColumnError("this Arrow stream was read before, and a stream is read once")
    code = _GET_SCHEMA(stream.get_schema)(at, byref(schema))
    if code:
        said = _GET_ERROR(stream.get_last_error)(at) if stream.get_last_error else None
        told = (said or f"error {code}".encode()).decode("utf-8", "replace")
        raise ColumnError(f"the Arrow stream tells no schema: {told}")
    try:
        return (schema.format or b"").decode()
    finally:
        if schema.release:
            _RELEASE_SCHEMA(schema.release)(byref(schema))
