"""Rows that are texts: embedded on the way, some at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ..._errors import DimensionMismatch
from ..._index.index import Index
from ..._index.texts import maker_of
from ..._native.parquet.scoring import Part
from ..._text.embedder import Embedder

BATCH: Final = 4096  # texts that are read at once


def maker_for(index: Index, embedder: Embedder | None, on: str) -> Embedder:
    """Return what embeds the texts of a column for an index.

    Raises
    ------
    EmbedError
        It is not known what made the vectors of the index; names the way.
    DimensionMismatch
        It makes vectors of another number of dimensions.
    """
    maker = maker_of(
        index, embedder, f"column {on!r}",
        "score a column of vectors: embed the texts first, rv.embed(frame, column)",
    )  # fmt: skip
    if maker.dim != index.dim:
        raise DimensionMismatch(
            f"embedder {maker.id!r} makes vectors of {maker.dim} dimensions, those of the index "
            f"have {index.dim}; give the embedder that made them"
        )
    return maker


def score_texts(
    part: Part, maker: Embedder, batch_rows: int, tell: Callable[[int], object]
) -> None:
    """Embed all texts of a part and score them.

    Raises
    ------
    EmbedError
        The embedder gives something else than vectors.
    """
    done, empty = 0, np.empty((0, maker.dim), np.float32)
    while texts := part.texts(batch_rows or BATCH):
        asked = [text for text in texts if text is not None]
        part.step(np.atleast_2d(maker.encode(asked)) if asked else empty)
        done += len(texts)
        tell(done)
