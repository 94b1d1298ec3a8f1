"""The library itself: its version, its kernels, what is alive in it."""

from __future__ import annotations

import json
from typing import Any

from . import library as _library
from .library import call_for_bytes


def library_info() -> dict[str, Any]:
    """Return version, kernels, threads and what is alive in the library."""
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
    return int(_library.library().rv_live())
