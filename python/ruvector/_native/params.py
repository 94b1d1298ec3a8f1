"""What several verbs put into rv_search_params: who may be found, ids by value, number types."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .arrow import FORMATS, address, machine, pack_texts
from .structs import SearchParams, Values

Names = npt.NDArray[np.int64] | npt.NDArray[np.uint64] | Sequence[str]

FILTER_MASK = 1
FILTER_IDS = 2
# Fields of rv_plan that add up where one search is several.
ADDED_UP = (
    "queries", "probed", "scanned", "coded", "reranked", "certified", "ns_prepare", "ns_route",
    "ns_first", "ns_scan", "ns_rerank", "ns_total",
)  # fmt: skip
CLOSE_BOUNDS = -1  # rerank: as many vectors are measured as the error bounds demand


def values(ids: Names) -> tuple[Values, Any]:
    """Return an rv_values of ids, and what must be kept as long as it is used."""
    if isinstance(ids, np.ndarray):
        ids = machine(ids)
        return Values(FORMATS[ids.dtype.name], address(ids), None, len(ids), 0), ids
    data, offsets, _ = pack_texts(ids)
    return Values(b"U", address(data), address(offsets), len(ids), int(offsets[-1])), (
        data,
        offsets,
    )


def number_type(queries: npt.NDArray[Any], bits: bool) -> type[np.generic]:
    """Return the type in which the library takes queries."""
    if bits:
        return np.uint8
    return np.float64 if queries.dtype == np.float64 else np.float32


def allow_ids(params: SearchParams, ids: Any) -> object:
    """Point params at the ids that may be found and return the memory to keep."""
    given, kept = values(ids)
    params.filter, params.filter_len, params.filter_kind = addressof(given), 1, FILTER_IDS
    return given, kept


def allow(params: SearchParams, mask: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
    """Point params at the mask and return the memory to keep."""
    if mask is None:
        return None
    if mask.ndim != 1 or mask.dtype.kind not in "bu" or mask.dtype.itemsize != 1:
        raise InvalidArgument(f"a mask is one boolean a row, not {mask.ndim}-d {mask.dtype}")
    kept = np.ascontiguousarray(mask)
    params.filter, params.filter_len, params.filter_kind = address(kept), len(kept), FILTER_MASK
    return kept
