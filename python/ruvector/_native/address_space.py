"""The address space that loading the library takes."""

from __future__ import annotations

import os

from .._errors import OutOfMemory

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
