"""`embed`: a text column as a column of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arguments import positive
from ..._errors import ColumnError, InvalidArgument, InvalidVector
from ..._habits import told
from ..._input.cells import Validity
from ..._input.matrices import column_of
from ..._input.vectors import Float32Matrix
from ..._settings import current
from ..._text.embedder import resolve
from .. import protocol
from ..adapters import wrap
from ..lazy import streamed
from ..origin import remember_made, told_by
from ..question import FrameT, Label
from ..target import Stages, embed_column


@streamed(lambda arguments: True)
@told
def embed(
    frame: FrameT,
    on: Label,
    *,
    into: str = "embedding",
    embedder: Any = None,
    batch_size: int = 256,
    progress: bool | None = None,
) -> FrameT:
    """Add a column with the vectors of a text column.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    on : column label
        The text column.
    into : str
        What the new column is called.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text; the configured one, else the default model.
    batch_size : int
        Texts that a callable or ``encode`` gets at a time. The default model has its own.
    progress : bool, optional
        Show a progress line; by default after one second.

    Returns
    -------
    frame of the same type
        Its columns as they were, and at the end one of float32 vectors: pandas, objects that are
        rows of one matrix; polars, ``Array(Float32, d)``; pyarrow, a FixedSizeList. Null and empty
        texts have a null vector.

    Raises
    ------
    ColumnError
        There is no text column of this name, or the frame has a column called `into` already.
    EmbedError
        A cell is not text, or the embedder gave something else than one vector a text.
    InvalidVector
        The embedder gave NaN or infinity; names the row. ``rv.config(bad_vectors="skip")`` makes
        such vectors null.
    MissingExtra
        The default model is not installed.
    KeyboardInterrupt
        What was embedded so far is in `cache`, as it is when the embedder fails: the next call
        embeds the rest.

    Notes
    -----
    Vectors are cached by text: of a changed column only new texts are embedded, and equal texts
    once. The rows made are remembered in this process, so that a text can be searched in the new
    column, filtered or sorted ones included, without naming the embedder; another embedder is
    refused. In a pyarrow table the column's field says what made it, in its metadata under
    ``ruvector.embedder``, and parquet files that pyarrow writes keep that; `write_parquet` does so
    for frames of any library.

    Examples
    --------
    >>> import pandas as pd, ruvector as rv
    >>> letters = lambda texts: [[t.count("a"), t.count("b")] for t in texts]
    >>> df = pd.DataFrame({"body": ["aab", "b", ""]})
    >>> rv.embed(df, "body", embedder=letters)["embedding"][0].tolist()
    [2.0, 1.0]
    """
    wrapped = wrap(frame)
    if not isinstance(into, str) or not into:
        raise InvalidArgument(f"into={into!r} must be the name of the new column")
    if protocol.times(wrapped.names(), into):
        raise ColumnError(
            f"the frame already has a column {into!r}; name the new one otherwise: into='...'"
        )
    fact = protocol.facts_of(wrapped, on)
    if fact.kind not in ("text", "null"):
        raise ColumnError(f"column {on!r} is a column of {fact.dtype}, not of text")
    size = positive("batch_size", batch_size)
    maker = resolve(embedder)
    matrix, valid, _ = embed_column(wrapped, on, maker, Stages(), size, progress)
    valid = _finite(matrix, valid, on)
    remember_made(matrix, valid, maker)
    column = column_of(np.array(matrix), ~valid, wrapped.frame)  # the cache keeps its own memory
    answer: FrameT = told_by(wrapped.with_columns({into: column}), wrapped.library, into, maker)
    return answer


def _finite(matrix: Float32Matrix, valid: Validity, on: Label) -> Validity:
    """Return which rows have a vector, of finite numbers where the settings skip the others."""
    bad = np.flatnonzero(valid & ~np.isfinite(matrix).all(axis=1))
    if not bad.size:
        return valid
    if current.bad_vectors != "skip":
        row = int(bad[0])
        column = int(np.flatnonzero(~np.isfinite(matrix[row]))[0])
        what = "NaN" if np.isnan(matrix[row, column]) else "infinity"
        raise InvalidVector(
            f"column {on!r}: the embedder gave a vector with {what} (column {column}) for the text "
            f"of row {row}; mend the embedder, or make such vectors null: "
            "rv.config(bad_vectors='skip')",
            row=row,
            column=column,
        )
    valid = valid.copy()
    valid[bad] = False
    return valid
