"""What an index remembers of the frame that it was built from, in the file too."""

from __future__ import annotations

import functools
import math
from typing import Any, Final, NamedTuple

from .. import _native
from .._input.values import is_null
from .._input.vectors import Vectors
from .._text.embedder import Embedder

_MOST: Final = 1 << 16  # characters: ours are some hundred


class Provenance(NamedTuple):
    """What is known of an index's origin."""

    column: Any = None  # what was indexed: a label, or a list of patterns
    ids: Any = None  # the label of the column that holds the ids
    texts: str = ""  # digest of the texts, in their order
    vectors: str = ""  # hash of the vectors, in their order
    embedded: bool = False  # whether an embedder made the vectors, or something unknown did


def remember(
    embedder: Embedder | None, column: Any, ids: Any, texts: bytes | None, vectors: bytes | None
) -> str:
    """Return as JSON what `recall` reads, and what made the vectors."""
    import json  # here, so that importing the package stays short

    known: dict[str, Any] = {"column": _written(column)}
    if embedder is not None:
        known |= embedder.provenance
    if ids is not None:
        known["ids"] = _written(ids)
    if texts is not None:
        known["texts"] = texts.hex()
    if vectors is not None:
        known["vectors"] = vectors.hex()
    return json.dumps(known, sort_keys=True)


def content_of(column: Vectors) -> str:
    """Return as JSON what an index remembers of vectors that come from no frame."""
    return remember(None, None, None, None, _native.column_hash(column.handle))


@functools.lru_cache(maxsize=64)
def recall(origin: str) -> Provenance:
    """Read what `remember` wrote; of any other text only that something is known."""
    import json  # here, so that importing the package stays short

    if not origin:
        return Provenance()
    try:
        known = json.loads(origin) if len(origin) <= _MOST else None
        if isinstance(known, dict):
            return Provenance(
                _read(known.get("column")),
                _read(known.get("ids")),
                _text(known.get("texts")),
                _text(known.get("vectors")),
                "embedder" in known or "column" not in known,
            )
    except (ValueError, TypeError, RecursionError):
        pass
    return Provenance(embedded=True)


def _written(label: Any) -> Any:
    """Return a label as JSON has it; one of another type is known by its text alone."""
    if isinstance(label, tuple):
        return {"levels": [_written(part) for part in label]}
    if isinstance(label, list):
        return [str(part) for part in label]
    if label is not None and is_null(label):
        return {"na": True}
    return label if label is None or type(label) in (str, int, bool) else str(label)


def _read(label: Any) -> Any:
    if isinstance(label, dict):
        if "na" in label:
            return math.nan
        return tuple(_read(part) for part in label["levels"]) if "levels" in label else None
    if isinstance(label, list):
        return [str(part) for part in label]
    return label


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
