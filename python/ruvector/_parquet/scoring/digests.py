"""Digests that bind a job to its index and to what is put beside its rows."""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final

import numpy as np

from ..._errors import CorruptIndex
from ..._index.index import Index
from ..._native.files import encode
from ..._native.task import aside
from .failing import file_error

# The header and the lines of the section table of docs/format.md.
_HEADER: Final = 64
_LINE: Final = struct.Struct("<II QQ Q II Q")
_COUNT: Final = struct.Struct("<I")
_COUNT_AT: Final = 40
_MOST_SECTIONS: Final = 64
# Checksums of blocks are bound by those of their sections, vectors by the digest of section 14.
_LEFT_OUT: Final = frozenset({1, 13})


def index_digest(index: Index, path: str | None) -> str:
    """Return what tells an index from every other: of its file, or of the bytes it would have.

    Of the checksums that the section table has of all codes, ids and parameters, and of the digest
    that is kept of the vectors: a file is not read for it. The same for an index and its file.

    Parameters
    ----------
    path : str, optional
        The file that the index was loaded from.
    """
    if path is None:
        return aside(lambda waiter: _of_table(encode(index._handle, store_vectors=False)))
    try:
        with open(path, "rb") as file:
            return _of_table(file.read(_HEADER + _MOST_SECTIONS * _LINE.size))
    except OSError as error:
        raise file_error(error, path, "the index cannot be read") from error


def _of_table(data: bytes) -> str:
    """Return the digest of a section table: kinds, lengths and checksums, places left out."""
    digest = hashlib.sha256()
    try:
        (sections,) = _COUNT.unpack_from(data, _COUNT_AT)
        for i in range(sections):
            line = _LINE.unpack_from(data, _HEADER + i * _LINE.size)
            kind, _, _, length, count, size, checksum, _ = line
            if kind not in _LEFT_OUT:
                digest.update(struct.pack("<IQQII", kind, length, count, size, checksum))
    except struct.error as error:
        raise CorruptIndex("the section table of the index ends too early") from error
    return digest.hexdigest()


def mask_digest(mask: Any) -> str:
    """Return the digest of a mask of rows."""
    bits = np.packbits(np.asarray(mask, np.bool_))
    return hashlib.sha256(struct.pack("<Q", len(mask)) + bits.tobytes()).hexdigest()
