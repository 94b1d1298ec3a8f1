"""`rv.duplicated`: which rows `dedup` drops."""

from __future__ import annotations

from typing import Any, Literal

from ..._habits import told
from ..._metric import MetricName
from ..._native.task import Progress
from ..question import Label


@told
def duplicated(
    frame: Any,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    keep: Literal["first", "last"] = "first",
    by: Label | list[Label] | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    progress: Progress = None,
) -> Any:
    """Say of every row whether it is near to a row kept before it.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    on, text, min_similarity, max_distance, keep, by, embedder, metric, progress : optional
        As in `dedup`.

    Returns
    -------
    pandas Series with the frame's index, polars Series, or pyarrow ChunkedArray of booleans
        Of a DuckDB relation, whose columns do not stand alone, a relation of this one column.
        True for the rows that `dedup` drops; never null.

    Raises
    ------
    InvalidArgument, MetricError, ColumnError, InvalidVector, EmbedError, MissingExtra
        As `dedup`.
    KeyboardInterrupt

    See Also
    --------
    dedup : the frame without these rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))})
    >>> rv.duplicated(df, min_similarity=0.95).tolist()
    [False, True, False]
    """
    from ..duplicates import duplicates  # here, so that importing the package stays short

    found = duplicates(
        frame, on, text, min_similarity, max_distance, keep, by, embedder, metric, progress
    )
    return found.frame.series(found.kept >= 0, "duplicated")
