"""The shared library: loading, settings, calls, errors. `structs` has its functions' types.

Nothing is loaded before the first function is called, so that a process may import ruvector, fork,
and use it in its children.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import POINTER, byref, c_void_p
from typing import Any

from .._errors import ForkedProcessError, InvalidArgument, error_of
from .._locks import Lock
from .memory import require_space
from .structs import ABI_MAJOR, ABI_MINOR, PROTOTYPES, Bytes, Error, Settings

MOST_THREADS = 2**31 - 1  # that an int32 holds; more than any machine has
UNCHANGED = -1  # of rv_settings: leaves what is
PATH = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_lib", "libruvector.so")


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
    simd = settings.get("simd")
    asked = Settings(
        size=ctypes.sizeof(Settings), threads=min(settings.get("threads", UNCHANGED), MOST_THREADS),
        gc_percent=settings.get("gc_percent", UNCHANGED),
        simd=None if simd is None else simd.encode("utf-8", "replace"),
    )  # fmt: skip
    error = new_error()
    kind = lib.rv_configure(byref(asked), byref(error))
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


def library_info() -> dict[str, Any]:
    """Return version, kernels, threads and what is alive in the library."""
    import json  # here, so that importing the package stays short

    answer: dict[str, Any] = json.loads(call_for_bytes("rv_info", 0))
    return answer


def cpu_features() -> dict[str, Any]:
    """Return what the processor offers and which kernels are in use.

    Returns
    -------
    dict
        ``tier`` (the kernels in use), ``available`` (all that could be) and ``features``.
    """
    about = library_info()
    return {name: about[name] for name in ("tier", "available", "features")}


def live_structs() -> int:
    """Return the number of imported Arrow arrays that are not released."""
    return int(library().rv_live())
