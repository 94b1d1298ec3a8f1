"""Memory of this process: the address space that the library takes, and words read of it."""

from __future__ import annotations

import os
from ctypes import c_uint64, c_void_p, sizeof

import numpy as np
import numpy.typing as npt

from .._errors import OutOfMemory

POINTER_BYTES = sizeof(c_void_p)
_LOADING = 1700 << 20  # Go reserves most of it and never uses it
_THREAD = 8 << 20


def require_space() -> None:
    """Refuse to load the library where that would end the process: Go has no other way out.

    Raises
    ------
    OutOfMemory
        The limit of the process (``ulimit -v``, RLIMIT_AS) leaves too little.
    """
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return
        with open("/proc/self/statm") as status:
            used = int(status.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        return  # the system does not say
    needed = _LOADING + _THREAD * min(os.cpu_count() or 1, 16)
    if limit - used < needed:
        raise OutOfMemory(
            f"the library needs {needed >> 20:,} MiB of address space to load, and the limit of "
            f"this process leaves {max(limit - used, 0) >> 20:,} MiB; raise it (ulimit -v)"
        )


def words_at(address: int, n: int) -> npt.NDArray[np.uint64]:
    """View n words of 8 bytes; whoever looks keeps alive what lies there."""
    return np.ctypeslib.as_array((c_uint64 * n).from_address(address))
