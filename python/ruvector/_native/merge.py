"""Answers of several shards, merged into the best of all."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, byref, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrow import address
from .library import call
from .structs import MergeParams, Plan, TopK

# Ids (int64 or uint64), scores (nq, k) and counts (nq,) of one shard.
Part = tuple[npt.NDArray[Any], npt.NDArray[np.float32], npt.NDArray[np.int64]]


def merge(cells: Sequence[Part], k: int, larger: bool) -> Part:
    """Return the k best of all parts for each query; ``larger`` says that larger is better."""
    nq, dtype = len(cells[0][2]), cells[0][0].dtype
    out = np.empty((nq, k), dtype), np.empty((nq, k), np.float32), np.empty(nq, np.int64)
    parts = (TopK * len(cells))(*(_struct(*part) for part in cells))
    params = MergeParams(
        size=sizeof(MergeParams), larger=larger, unsigned_ids=dtype == np.uint64, nq=nq,
        n_parts=len(cells), parts=addressof(parts), out=_struct(*out),
    )  # fmt: skip
    call("rv_merge_topk", byref(params))
    return out


def _struct(ids: npt.NDArray[Any], scores: npt.NDArray[Any], counts: npt.NDArray[Any]) -> TopK:
    return TopK(ids.shape[1], address(ids), address(scores), address(counts))


def new_plan(**fields: Any) -> Plan:
    """Return an rv_plan of which all but these fields are 0."""
    return Plan(size=sizeof(Plan), **fields)
