"""The shared library: its functions with their types, loading, errors.

Nothing is loaded before the first function is called, so that a process may import ruvector, fork,
and use it in its children.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from .._errors import ForkedProcessError, InvalidArgument, error_of
from .._locks import Lock
from .address_space import require_space

ABI_MAJOR = 2
ABI_MINOR = 3
PATH = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_lib", "libruvector.so")


class Error(ctypes.Structure):
    """struct rv_error"""

    _fields_ = [
        ("size", c_uint32),
        ("kind", c_int32),
        ("row", c_int64),
        ("column", c_int64),
        ("message", c_void_p),
        ("release", c_void_p),
        ("code", c_int32),
        ("pad", c_int32),
    ]


class Bytes(ctypes.Structure):
    """struct rv_bytes"""

    _fields_ = [
        ("size", c_uint32),
        ("pad", c_uint32),
        ("data", c_void_p),
        ("len", c_int64),
        ("release", c_void_p),
    ]


class Plan(ctypes.Structure):
    """struct rv_plan: what a search did; times are in ns."""

    _fields_ = [
        ("size", c_uint32),
        *((name, c_int32) for name in ("kind", "tier", "exact_scores", "threads", "bits")),
        *((name, c_int32) for name in ("plane", "pad")),
        *((name, c_int64) for name in ("rows", "eligible", "nulls", "queries", "cells")),
        *((name, c_int64) for name in ("probed", "scanned", "coded", "reranked", "certified")),
        *((name, c_int64) for name in ("ns_prepare", "ns_route", "ns_scan", "ns_rerank")),
        ("ns_total", c_int64),
        ("epsilon0", c_double),
        ("recall", c_double),
    ]


class Values(ctypes.Structure):
    """struct rv_values"""

    _fields_ = [
        ("format", c_char_p),
        ("data", c_void_p),
        ("offsets", c_void_p),
        ("n", c_int64),
        ("len", c_int64),
    ]


class SearchParams(ctypes.Structure):
    """struct rv_search_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("queries", c_void_p),
        ("nq", c_int64),
        ("dim", c_int64),
        ("k", c_int64),
        ("rerank", c_int64),
        ("probes", c_int64),
        ("epsilon0", c_double),
        ("recall", c_double),
        ("filter", c_void_p),
        ("filter_len", c_int64),
        ("filter_kind", c_int32),
        ("pad", c_int32),
        ("source", c_uint64),
        ("ids", c_void_p),
        ("scores", c_void_p),
        ("counts", c_void_p),
        ("plan", c_void_p),
        ("names", c_void_p),
        ("name_offsets", c_void_p),
        ("like", c_void_p),
        ("diversity", c_double),
        ("numbers", c_int32),
        ("pad2", c_int32),
    ]


class NeighborsParams(ctypes.Structure):
    """struct rv_neighbors_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("k", c_int64),
        ("rows", c_int64),
        ("recall", c_double),
        *((name, c_void_p) for name in ("of", "neighbors", "scores", "counts", "plan")),
        *((name, c_void_p) for name in ("names", "name_offsets")),
    ]


class WithinParams(ctypes.Structure):
    """struct rv_within_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threshold_kind", c_int32),
        ("threshold", c_double),
        ("limit", c_int64),
        ("max_bytes", c_int64),
        ("search", c_void_p),
    ]


class SearchCall(ctypes.Structure):
    """struct rv_search_call"""

    _fields_ = [("index", c_uint64), ("params", c_void_p), ("error", c_void_p)]


class TopK(ctypes.Structure):
    """struct rv_topk"""

    _fields_ = [("k", c_int64), ("ids", c_void_p), ("scores", c_void_p), ("counts", c_void_p)]


class MergeParams(ctypes.Structure):
    """struct rv_merge_params"""

    _fields_ = [
        ("size", c_uint32),
        ("larger", c_int32),
        ("unsigned_ids", c_int32),
        ("pad", c_int32),
        ("nq", c_int64),
        ("n_parts", c_int64),
        ("parts", c_void_p),
        ("out", TopK),
    ]


class EmbedParams(ctypes.Structure):
    """struct rv_embed_params"""

    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("table", c_void_p),
        ("format", c_char_p),
        ("rows", c_int64),
        ("dim", c_int64),
        ("ids", c_void_p),
        ("n_ids", c_int64),
        ("offsets", c_void_p),
        ("texts", c_int64),
        ("normalize", c_int32),
        ("pad", c_int32),
        ("out", c_void_p),
        ("valid", c_void_p),
    ]


class ExportColumn(ctypes.Structure):
    """struct rv_export_column"""

    _fields_ = [
        ("name", c_char_p),
        ("format", c_char_p),
        ("dim", c_int64),
        ("data", c_void_p),
        ("offsets", c_void_p),
        ("validity", c_void_p),
    ]


_E = c_void_p  # rv_error *, struct pointers and out pointers travel as addresses or byref()
_P = c_void_p
_H = c_uint64

# Name -> (result, arguments) of every function in ruvector.h; a test compares the two.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "rv_abi_version": (c_uint32, []),
    "rv_live": (c_int64, []),
    "rv_wrap_matrix": (
        c_int32,
        [_P, c_int64, c_int64, c_char_p, _P, c_uint64, _P, _P, _E],
    ),
    "rv_wrap_values": (
        c_int32,
        [_P, _P, _P, c_char_p, c_int64, c_uint64, _P, _P, _E],
    ),
    "rv_take_released": (c_int64, [_P, c_int64]),
    "rv_capsule_init": (None, [_P, _P]),
    "rv_capsule_free_array": (None, [_P]),
    "rv_capsule_free_schema": (None, [_P]),
    "rv_capsule_free_stream": (None, [_P]),
    "rv_export_stream": (c_int32, [_P, c_int64, c_int64, _P, _E]),
    "rv_configure": (c_int32, [c_char_p, c_int64, _E]),
    "rv_info": (c_int32, [_H, _P, _E]),
    "rv_free": (c_int32, [_H, _E]),
    "rv_column_import": (c_int32, [_P, _P, _P, _E]),
    "rv_column_import_stream": (c_int32, [_P, _P, _E]),
    "rv_column_copy": (c_int32, [_H, _P, _P, _E]),
    "rv_column_copy_wide": (c_int32, [_H, _P, _P, _E]),
    "rv_column_hash": (c_int32, [_H, _P, _E]),
    "rv_column_hash_start": (c_int32, [_H, _P, _P, _E]),
    "rv_pca_start": (c_int32, [_H, c_int64, _P, _P, _E]),
    "rv_build_start": (c_int32, [_H, _P, _P, c_char_p, c_int64, _P, _E]),
    "rv_search": (c_int32, [_H, _P, _E]),
    "rv_search_one": (c_int32, [_P]),
    "rv_search_start": (c_int32, [_H, _P, _P, _E]),
    "rv_search_groups_start": (c_int32, [_H, _P, _P, c_int64, c_int64, _P, _E]),
    "rv_within_start": (c_int32, [_H, _P, _P, _E]),
    "rv_answer_stream": (c_int32, [_H, _P, _E]),
    "rv_merge_topk": (c_int32, [_P, _E]),
    "rv_calibrate_start": (c_int32, [_H, _P, c_int64, c_int64, c_int32, _P, _E]),
    "rv_recall_start": (c_int32, [_H, c_int64, c_int64, c_double, c_int32, _P, _P, _E]),
    "rv_neighbors_start": (c_int32, [_H, _P, _P, _E]),
    "rv_save_start": (c_int32, [_H, c_char_p, c_int64, c_uint32, _P, _E]),
    "rv_load_start": (c_int32, [c_char_p, c_int64, _H, _P, _E]),
    "rv_encode": (c_int32, [_H, c_uint32, _P, _E]),
    "rv_encoding_start": (c_int32, [_H, c_uint32, _P, _E]),
    "rv_encoding_copy_start": (c_int32, [_H, _P, c_int64, _P, _E]),
    "rv_decode_start": (c_int32, [_P, c_int64, _P, _E]),
    "rv_decode": (c_int32, [c_char_p, c_int64, _P, _E]),
    "rv_index_lookup": (c_int32, [_H, _P, _P, _P, _E]),
    "rv_index_ids": (c_int32, [_H, _P, _P, _E]),
    "rv_index_vectors": (c_int32, [_H, _P, c_int64, _P, _E]),
    "rv_index_vectors_of": (c_int32, [_H, _P, _P, _E]),
    "rv_index_matrix": (c_int32, [_H, c_int64, _P, _E]),
    "rv_index_vectors_wide": (c_int32, [_H, _P, c_int64, _P, _E]),
    "rv_index_vectors_of_wide": (c_int32, [_H, _P, _P, _E]),
    "rv_index_matrix_wide": (c_int32, [_H, c_int64, _P, _E]),
    "rv_add": (c_int32, [_H, _H, _P, c_int32, c_int32, _P, _E]),
    "rv_add_matrix": (c_int32, [_H, _P, c_int64, c_int64, _P, c_int32, c_int32, _P, _E]),
    "rv_add_start": (c_int32, [_H, _H, _P, c_int32, c_int32, _P, _P, _E]),
    "rv_delete": (c_int32, [_H, _P, c_int32, _P, _E]),
    "rv_compact_start": (c_int32, [_H, c_int32, _P, _E]),
    "rv_index_attach": (c_int32, [_H, _H, _E]),
    "rv_index_close": (c_int32, [_H, _E]),
    "rv_task_wait": (c_int32, [_H, c_int64, _P, _E]),
    "rv_task_progress": (c_int32, [_H, _P, _P, _E]),
    "rv_task_cancel": (c_int32, [_H, _E]),
    "rv_task_result": (c_int32, [_H, _P, _E]),
    "rv_embed": (c_int32, [_P, _E]),
}

_loaded: Any = None
_settings: dict[str, Any] = {}
forked = False


def _note_fork() -> None:
    """Runs in a forked child: what was loaded before is of no use there."""
    global forked
    forked = forked or _loaded is not None


def _half_loaded() -> None:
    """Runs in a child that was forked while another thread loaded the library."""
    global forked
    forked = True


_lock = Lock(_half_loaded)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def library() -> Any:
    """Return the library, loading it at the first call."""
    if _loaded is not None:
        return _loaded
    return _load()


def is_loaded() -> bool:
    """Whether a function of the library was called in this process."""
    return _loaded is not None


def _load() -> Any:
    global _loaded
    with _lock:
        if _loaded is None:
            _refuse_musl()
            require_space()
            lib = _open(PATH)
            _declare(lib)
            _check_abi(lib)
            _initialise(lib)
            _loaded = lib
    return _loaded


def _refuse_musl() -> None:
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        libc = ""
    if not libc.startswith("glibc"):
        raise ImportError(
            "ruvector needs glibc; this Python runs on another C library (musl, as in Alpine), "
            "which cannot load a Go library; use an image based on Debian, Ubuntu or Fedora"
        )


def _open(path: str) -> Any:
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"the library of ruvector cannot be loaded: {error}; reinstall ruvector-arrow for this "
            f"platform, or run `make build` in a source tree"
        ) from error


def _declare(lib: Any) -> None:
    for name, (result, arguments) in PROTOTYPES.items():
        try:
            function = getattr(lib, name)
        except AttributeError:
            raise ImportError(
                f"the library of ruvector has no function {name}: it belongs to another version; "
                f"reinstall ruvector-arrow"
            ) from None
        function.restype = result
        function.argtypes = arguments


def _check_abi(lib: Any) -> None:
    version = lib.rv_abi_version()
    if version >> 16 != ABI_MAJOR or version & 0xFFFF < ABI_MINOR:
        raise ImportError(
            f"the library of ruvector speaks interface {version >> 16}.{version & 0xFFFF}, this "
            f"package {ABI_MAJOR}.{ABI_MINOR}; reinstall ruvector-arrow"
        )


def _initialise(lib: Any) -> None:
    api = ctypes.pythonapi
    lib.rv_capsule_init(
        ctypes.cast(api.PyCapsule_GetPointer, c_void_p), ctypes.cast(api.PyErr_Clear, c_void_p)
    )
    settings = {**_environment(), **_settings}
    _configure(lib, settings)


def _environment() -> dict[str, Any]:
    """What RUVECTOR_* says. Go cannot see variables that were set after the process began."""
    found: dict[str, Any] = {}
    threads = os.environ.get("RUVECTOR_NUM_THREADS")
    if threads:
        if not threads.isdecimal():
            raise InvalidArgument(f"RUVECTOR_NUM_THREADS={threads!r} is not a number of threads")
        found["threads"] = int(threads)
    simd = os.environ.get("RUVECTOR_SIMD")
    if simd:
        found["simd"] = simd
    return found


def _configure(lib: Any, settings: dict[str, Any]) -> None:
    text = json.dumps(settings).encode()
    error = new_error()
    kind = lib.rv_configure(text, len(text), byref(error))
    if kind:
        raise_error(kind, error)


def configure(
    threads: int | None = None, simd: str | None = None, gc_percent: int | None = None
) -> None:
    """Set the default number of threads (0: all cores), the kernels, Go's heap growth.

    Settings made before the library is loaded wait until then and win over the environment.
    """
    given = {"threads": threads, "simd": simd, "gc_percent": gc_percent}
    settings = {name: value for name, value in given.items() if value is not None}
    if is_loaded():
        _configure(_loaded, settings)
    _settings.update(settings)


def new_error() -> Error:
    """Return an rv_error to pass to one call."""
    error = Error()
    error.size = ctypes.sizeof(Error)
    return error


_RELEASE_ERROR = ctypes.CFUNCTYPE(None, POINTER(Error))
_RELEASE_BYTES = ctypes.CFUNCTYPE(None, POINTER(Bytes))


def raise_error(kind: int, error: Error) -> None:
    """Raise what a function that returned ``kind`` wrote into ``error``."""
    message = ""
    if error.message:
        message = ctypes.string_at(error.message).decode("utf-8", "replace")
        _RELEASE_ERROR(error.release)(byref(error))
    raise error_of(kind, message or f"error {kind}", error.row, error.column, error.code)


def call(name: str, *arguments: Any) -> None:
    """Call a function that takes an rv_error last; raise if it fails."""
    if forked:
        raise forked_error()
    error = new_error()
    kind = getattr(library(), name)(*arguments, byref(error))
    if kind:
        raise_error(kind, error)


def call_for_bytes(name: str, *arguments: Any) -> bytes:
    """Call a function that answers with an rv_bytes before its rv_error."""
    out = Bytes()
    out.size = ctypes.sizeof(Bytes)
    call(name, *arguments, byref(out))
    try:
        return ctypes.string_at(out.data, out.len)
    finally:
        _RELEASE_BYTES(out.release)(byref(out))


def release_bytes(out: Bytes) -> None:
    """Free bytes that the library made."""
    _RELEASE_BYTES(out.release)(byref(out))


def forked_error() -> ForkedProcessError:
    """What every call in a forked child raises."""
    return ForkedProcessError(
        "ruvector was used before this process was forked, and the threads it needs did not come "
        "along; start workers with multiprocessing.get_context('spawn') or 'forkserver'"
    )
