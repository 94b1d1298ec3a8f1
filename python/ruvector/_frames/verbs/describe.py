"""`describe`: the columns of a frame that can be searched, and what is in them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..._errors import RuVectorError
from ..._habits import told
from ..._input.bits import read_bits
from ..._input.vectors import Vectors, read_vectors
from .. import protocol
from ..adapters import wrap
from ..question import FrameT
from ..series.kinds import framed

_CHUNK: Final = 4096
_FIELDS: Final = {
    "column": "text",
    "kind": "text",
    "dtype": "text",
    "dim": "int",
    "rows": "int",
    "nulls": "int",
    "bad": "int",
    "zero": "int",
    "unit_length": "bool",
    "borrowed": "bool",
    "problem": "text",
}


@told
def describe(frame: FrameT) -> FrameT:
    """List the columns that can be searched: how ``on=None`` and ``text=`` choose.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes

    Returns
    -------
    frame of the same library, one row for each column of vectors or text
        ``column``, ``kind`` (``vector``, ``bits`` or ``text``), ``dtype``, ``dim``, ``rows``,
        ``nulls``, ``bad`` (rows with NaN or infinity), ``zero`` (zero vectors, or empty texts),
        ``unit_length`` (all vectors have length 1), ``borrowed`` (searched without a copy),
        ``problem`` (why a search would refuse the column, else null).
    """
    wrapped = wrap(frame)
    found: dict[str, list[Any]] = {name: [] for name in _FIELDS}
    for position, fact in enumerate(protocol.all_facts(wrapped)):
        if fact.kind not in ("vector", "bits", "text"):
            continue
        row: dict[str, Any] = dict.fromkeys(_FIELDS)
        row |= {"column": fact.label, "kind": fact.kind, "dtype": fact.dtype}
        row |= {"dim": fact.dim, "rows": wrapped.height}
        column = wrapped.column_at(position)
        facts = {"vector": _vector_facts, "bits": _bits_facts, "text": _text_facts}[fact.kind]
        row |= facts(column)
        for name in _FIELDS:
            found[name].append(row[name])
    answer: FrameT = wrapped.make(found, _FIELDS)
    return answer


def describe_column(column: Any) -> Any:
    """Describe the column in one row; see ``df.ruvector.describe``."""
    alone = framed(column)
    assert alone is not None
    return describe(alone[0].frame)


def _vector_facts(column: Any) -> dict[str, Any]:
    try:
        vectors = read_vectors(column, "column", warn=False, gaps=True)
    except RuVectorError as error:
        return {"problem": str(error)}
    facts: dict[str, Any] = {"nulls": vectors.nulls, "borrowed": not vectors.copied}
    if vectors.dim:
        facts["dim"] = vectors.dim
        facts |= _norms(vectors)
    if facts.get("bad"):
        facts["problem"] = "NaN or infinity; skip such rows with rv.config(bad_vectors='skip')"
    return facts


def _bits_facts(column: Any) -> dict[str, Any]:
    try:
        rows = read_bits(column, "hamming", "column")
    except RuVectorError as error:
        return {"problem": str(error)}
    facts: dict[str, Any] = {"nulls": rows.nulls, "borrowed": not rows.copied}
    if rows.dim:
        facts["dim"] = 8 * rows.dim
    return facts


def _norms(vectors: Vectors) -> dict[str, Any]:
    matrix = vectors.floats()
    bad = zero = unit = 0
    for start in range(0, len(matrix), _CHUNK):
        part = matrix[start : start + _CHUNK].astype(np.float64)
        square = np.einsum("ij,ij->i", part, part)
        bad += int(np.count_nonzero(~np.isfinite(square)))
        zero += int(np.count_nonzero(square == 0))
        unit += int(np.count_nonzero(np.abs(square - 1) < 1e-3))
    nulls = vectors.nulls  # floats() shows null rows as NaN
    whole = vectors.rows - nulls
    return {"bad": bad - nulls, "zero": zero, "unit_length": whole > 0 and unit == whole}


def _text_facts(column: Any) -> dict[str, Any]:
    cells = list(column) if isinstance(column, np.ndarray) else _cells_of(column)
    texts = [cell for cell in cells if isinstance(cell, str)]
    empty = sum(1 for text in texts if not text.strip())
    return {"nulls": len(cells) - len(texts), "zero": empty}


def _cells_of(column: Any) -> list[Any]:
    cells: list[Any] = column.to_list() if hasattr(column, "to_list") else column.to_pylist()
    return cells
