"""Text: the token rows of every text, pooled."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .arrow import FORMATS, address
from .library import call
from .structs import EmbedParams
from .task import aside

Floats = npt.NDArray[np.float32]

# Tokens pooled in one call; between calls Ctrl-C is seen.
EMBED_TOKENS = 200_000


def pool_tokens(
    table: npt.NDArray[Any],
    token_ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    normalize: bool = True,
    threads: int | None = 0,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the mean of the token rows of every text, (n, d), and which texts have tokens.

    ``table`` is (tokens, d) of float16 or float32; text i owns token_ids[offsets[i]:offsets[i+1]].
    """
    if table.ndim != 2 or table.dtype not in (np.float16, np.float32):
        raise InvalidArgument(f"the table is {table.ndim}-d {table.dtype}")
    table = np.ascontiguousarray(table)
    tokens = np.ascontiguousarray(token_ids, np.uint32)
    cuts = np.ascontiguousarray(offsets, np.int64)
    texts = len(cuts) - 1
    out = np.empty((max(texts, 0), table.shape[1]), np.float32)
    valid = np.empty(max(texts, 0), np.bool_)
    params = EmbedParams(
        size=sizeof(EmbedParams), threads=threads or 0, table=address(table),
        format=FORMATS[table.dtype.name], rows=len(table), dim=table.shape[1],
        ids=address(tokens), n_ids=len(tokens), normalize=normalize,
    )  # fmt: skip
    used = (table, tokens, cuts, out, valid)
    start = 0
    while start < texts:
        end = int(np.searchsorted(cuts, cuts[start] + EMBED_TOKENS, "right")) - 1
        end = min(max(end, start + 1), texts)
        params.offsets = address(cuts) + 8 * start
        params.texts = end - start
        params.out, params.valid = address(out[start:]), address(valid[start:])
        if cuts[end] - cuts[start] > 2 * EMBED_TOKENS:  # one very long text
            aside(lambda _: _pool_part(params, used))
        else:
            _pool_part(params, used)
        start = end
    return out, valid


def _pool_part(params: EmbedParams, used: object) -> None:
    """Pool some texts; `used` is the memory that a call which nobody waits for any more needs."""
    call("rv_embed", byref(params))
