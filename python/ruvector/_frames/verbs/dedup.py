"""`rv.dedup`: a frame without the rows that are near to one kept before them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..._habits import told
from ..._metric import MetricName
from ..._native.task import Progress
from ..lazy import lazily
from ..question import FrameT, Label


@lazily
@told
def dedup(
    frame: FrameT,
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
) -> FrameT:
    """Drop the rows of a frame that are near to a row kept before them.

    Rows are gone through in order: one that is within the threshold of a row already kept is
    dropped, else it is kept. So no two rows that are left are within the threshold, and every row
    dropped is within that of a row that is left.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed. A polars LazyFrame is read when the answer is collected.
    on : column label, or list of patterns of number columns, optional
        The column compared: vectors as they are, text embedded first (and cached). The only
        column of vectors when not given.
    text : column label, optional
        `on`, insisting on text.
    min_similarity : float
        The least score of two duplicates, for ``cosine`` and ``dot``; inclusive, compared as
        float32. There is no default, as it differs by what made the vectors:
        `similarity_quantiles` helps to choose, `duplicate_groups` shows what a choice does.
    max_distance : float
        The greatest score of two duplicates, for ``l2`` and the other distances.
    keep : {"first", "last"}
        Go through the rows from the first one on, or from the last one on: which one of two
        duplicates stays.
    by : column label, or list of them, optional
        Compare only rows with equal values there. Null is what it is to the frame's own
        ``groupby``: in pandas such rows are in no group, so they are kept; in polars and pyarrow
        they are a group.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text.
    metric : str, optional
        ``"cosine"`` when not given.
    progress : bool or callable, optional
        Show a progress line, by default after one second; or called with (rows done, rows).

    Returns
    -------
    frame of the same type
        The rows kept, in their order, with all their columns and (in pandas) their index labels.
        Rows without a vector (null, or empty text) are kept.

    Raises
    ------
    InvalidArgument
        No threshold, or one that no score is within; `keep` is something else.
    MetricError
        A threshold that the metric has not.
    ColumnError
        The column is missing, ambiguous or of the wrong kind.
    InvalidVector
        NaN, infinity or ragged rows among the vectors; names column and row.
    EmbedError, MissingExtra
    KeyboardInterrupt
        Ctrl-C stops the work and changes nothing.

    See Also
    --------
    duplicate_groups : which row was dropped for which, and their scores.
    duplicated : the same as a column of booleans.
    similarity_quantiles : how near rows are to each other, to choose a threshold.

    Notes
    -----
    Scores are those of `within`, asked with the row that is dropped. The answer is exact at every
    size and does not depend on the number of threads. Every row is compared with those kept before
    it, by codes first (Gao and Long, SIGMOD 2024), in memory that grows with the rows and not with
    the pairs: 117,000 texts of 256 dimensions take some seconds, ten times as many a hundred
    times as long.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"name": ["a", "a'", "b"], "emb": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]})
    >>> df["emb"] = [np.array(v) for v in df["emb"]]
    >>> rv.dedup(df, min_similarity=0.95)["name"].tolist()
    ['a', 'b']
    """
    from ..duplicates import duplicates  # here, so that importing the package stays short

    found = duplicates(
        frame, on, text, min_similarity, max_distance, keep, by, embedder, metric, progress
    )
    answer: FrameT = found.frame.take(np.flatnonzero(found.kept < 0), None, {})
    return answer
