"""What an index remembers of the frame that it was built from, in the file too."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import _native
from .._errors import EmbedError
from .._input.values import is_null
from .._input.vectors import Vectors

if TYPE_CHECKING:
    from .._text.provenance import Provenance

_MOST: Final = 1 << 16  # characters: ours are some hundred


class Remembered(NamedTuple):
    """What is known of an index's origin."""

    column: Any = None  # what was indexed: a label, or a list of patterns
    ids: Any = None  # the label of the column that holds the ids
    texts: str = ""  # digest of the texts, in their order
    vectors: str = ""  # hash of the vectors, in their order
    embedded: bool = False  # whether an embedder made the vectors, or something unknown did


def remember(
    made: Provenance | None, column: Any, ids: Any, texts: bytes | None, vectors: bytes | None
) -> str:
    """Return as JSON what `recall` reads, and what made the vectors."""
    import json  # here, so that importing the package stays short

    known: dict[str, Any] = {"column": _written(column)}
    if made is not None:
        known |= made.to_dict()
    if ids is not None:
        known["ids"] = _written(ids)
    if texts is not None:
        known["texts"] = texts.hex()
    if vectors is not None:
        known["vectors"] = vectors.hex()
    return json.dumps(known, sort_keys=True)


def content_of(column: Vectors) -> str:
    """Return as JSON what an index remembers of vectors that come from no frame."""
    return remember(column.made, None, None, None, _native.column_hash(column.handle))


@functools.lru_cache(maxsize=64)
def recall(origin: str) -> Remembered:
    """Read what `remember` wrote; of any other text only that something is known."""
    import json  # here, so that importing the package stays short

    if not origin:
        return Remembered()
    try:
        known = json.loads(origin) if len(origin) <= _MOST else None
        if isinstance(known, dict):
            return Remembered(
                _read(known.get("column")),
                _read(known.get("ids")),
                _text(known.get("texts")),
                _text(known.get("vectors")),
                "embedder" in known or "column" not in known,
            )
    except (ValueError, TypeError, RecursionError):
        pass
    return Remembered(embedded=True)


@functools.lru_cache(maxsize=64)
def made_of(origin: str) -> Provenance | None:
    """Return what `remember` wrote of the embedder; None of any other text."""
    from .._text.provenance import Provenance

    if '"embedder"' not in origin:
        return None
    try:
        return Provenance.from_json(origin) if origin.lstrip()[:1] == "{" else None
    except EmbedError:
        return None


def made_in_files(makers: list[list[str]] | None) -> Provenance | None:
    """Return what files say made their vectors; None where one of them says nothing.

    `makers` are what they say, each with the first file that says it.

    Raises
    ------
    EmbedError
        Two files say what does not compare; names both.
    """
    from .._text.provenance import refused, said_of_text

    read = [(said_of_text(text), file) for text, file in makers or ()]
    known = [(made, file) for made, file in read if made is not None]
    for made, file in known[1:]:
        first, where = known[0]
        if first.differs(made):
            raise refused(
                f"the vectors of {where} were made", first, f"those of {file}", made,
                "index the files of each embedder apart",
            )  # fmt: skip
    return known[0][0] if known and len(known) == len(read) else None


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
