"""Columns of texts: borrowed, hashed as a whole and one by one; the tokens of texts, pooled."""

from __future__ import annotations

from ctypes import byref, c_uint64, sizeof
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._errors import InvalidArgument
from .arrow import _STREAM, FORMATS, _pointer, address, collect
from .handle import Handle, info
from .library import call
from .structs import EmbedParams, Values
from .task import Task, aside

Floats = npt.NDArray[np.float32]
RowHashes = npt.NDArray[np.uint64]


class PackedTexts(NamedTuple):
    """Texts in UTF-8, n + 1 offsets, and a bitmap of those that are not null (or None)."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    valid: npt.NDArray[np.uint8] | None

    def values(self) -> Values:
        """Return an rv_values of the texts, in which null is empty."""
        n = len(self.offsets) - 1
        return Values(b"U", address(self.data), address(self.offsets), n, len(self.data))


Texts = Handle | PackedTexts


def texts_from_stream(obj: Any) -> Handle:
    """Borrow a column of texts from anything with ``__arrow_c_stream__``."""
    column, capsule = Handle(), obj.__arrow_c_stream__()
    try:
        call("rv_texts_import_stream", _pointer(capsule, _STREAM), byref(column.cell))
    finally:
        collect()
    return column.adopt()


def texts_hash(texts: Texts) -> bytes:
    """Return 16 bytes that columns of equal texts share, whatever holds them."""
    out = (c_uint64 * 2)()
    _hash(texts, out, None, 0)
    return bytes(out)


def text_hashes(texts: Texts, seed: int) -> RowHashes:
    """Return a hash of each text, shape (n, 2); both numbers are 0 for null alone."""
    n = info(texts)["rows"] if isinstance(texts, Handle) else len(texts.offsets) - 1
    rows: RowHashes = np.empty((n, 2), np.uint64)
    if n:
        _hash(texts, None, rows, seed)
    return rows


def _hash(texts: Texts, whole: Any, rows: RowHashes | None, seed: int) -> None:
    place = None if rows is None else address(rows)
    column, values, valid = 0, None, None
    if isinstance(texts, Handle):
        column = texts.value
        if not column:
            raise InvalidArgument("the texts are closed")
    else:
        values = texts.values()
        valid = None if texts.valid is None else address(texts.valid)
    task = Task(lent=(whole, rows, texts, values))
    where = None if values is None else byref(values)
    call("rv_texts_hash_start", column, where, valid, whole, place, seed, byref(task.cell))
    task.wait()
    task.result()


# Tokens pooled in one call; between calls Ctrl-C is seen.
EMBED_TOKENS = 200_000


def pool_tokens(
    table: npt.NDArray[Any],
    token_ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    normalize: bool = True,
    threads: int | None = 0,
    weights: npt.NDArray[np.float64] | None = None,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the mean of the token rows of every text, (n, d), and which texts have tokens.

    ``table`` is (tokens, d) of int8, float16 or float32; text i owns
    token_ids[offsets[i]:offsets[i+1]]. ``weights`` has one number for each of token_ids, which its
    row is multiplied by.
    """
    if table.ndim != 2 or table.dtype not in (np.int8, np.float16, np.float32):
        raise InvalidArgument(f"the table is {table.ndim}-d {table.dtype}")
    table = np.ascontiguousarray(table)
    tokens = np.ascontiguousarray(token_ids, np.uint32)
    cuts = np.ascontiguousarray(offsets, np.int64)
    if weights is not None:
        weights = np.ascontiguousarray(weights, np.float64)
        if len(weights) != len(tokens):
            raise InvalidArgument(f"{len(weights)} weights for {len(tokens)} tokens")
    texts = len(cuts) - 1
    out = np.empty((max(texts, 0), table.shape[1]), np.float32)
    valid = np.empty(max(texts, 0), np.bool_)
    params = EmbedParams(
        size=sizeof(EmbedParams), threads=threads or 0, table=address(table),
        format=FORMATS[table.dtype.name], rows=len(table), dim=table.shape[1],
        ids=address(tokens), n_ids=len(tokens), normalize=normalize,
        weights=None if weights is None else address(weights),
    )  # fmt: skip
    used = (table, tokens, cuts, out, valid, weights)
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
