"""`rv.sim_join`: beside every row of one frame the rows of another that are nearest to it."""

from __future__ import annotations

from typing import Any, Literal

from ..._arguments import share
from ..._errors import InvalidArgument
from ..._habits import told
from ..._index.index import Index
from ..._metric import MetricName, threshold
from ..._progress import Progress
from ..._settings import current
from ..lazy import is_here, streamed
from ..question import FrameT, Label, metric_of


@streamed(is_here("right"))
@told
def sim_join(
    left: FrameT,
    right: Any,
    *,
    on: Label | list[str] | None = None,
    left_on: Label | list[str] | None = None,
    right_on: Label | list[str] | None = None,
    k: int = 1,
    how: Literal["inner", "left"] = "inner",
    by: Label | list[Label] | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    where_right: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    suffix: str = "_right",
    progress: Progress = None,
) -> FrameT:
    """Put beside every row of a frame the rows of another that are nearest to it.

    Parameters
    ----------
    left : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        The rows that ask. Not changed.
    right : frame of the same library, or Index
        The rows that are found; of an `Index` their ids. A frame may be joined with itself: every
        row then finds itself, too (`neighbors` leaves it out).
    on : column label, or list of patterns of number columns, optional
        The column compared, of both frames: vectors as they are, text embedded first (and
        cached). The only column of vectors of each frame when not given.
    left_on, right_on : column label, or list of patterns, optional
        The column of one frame alone, where the two are called differently.
    k : int
        Right rows for each left row, from 1 to 100,000. Fewer come only when fewer are eligible.
    how : {"inner", "left"}
        Whether left rows without a match are left out, or kept with nulls on the right side.
    by : column label, or list of them, optional
        Only rows with equal values in these columns, which both frames have, are a match. As in
        SQL null equals nothing, and neither does NaN (pandas' own ``merge`` matches nulls).
    index : Index, optional
        An index built from the rows of the right frame, as for `search`.
    ids_on : column label, optional
        The column of the right frame that holds the ids of `index`.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text, on both sides. Needed when one side is text and the other vectors.
    where_right : mask or expression, optional
        Right rows that may be found, applied before the search; as ``where`` of `search`. For an
        `Index` one boolean a row.
    min_similarity, max_distance : float, optional
        A pair must be this near; the first for ``cosine`` and ``dot``, the second for distances.
    metric : str, optional
        The index's, else ``"cosine"``.
    recall : float
        Share of the true neighbours aimed for, 1.0 is exact. Up to 10,000 right rows always exact.
    suffix : str
        Put behind the names of right columns that the left frame has, too.
    progress : bool or callable, optional
        Show a progress line, by default after one second; or called with (rows done, rows).

    Returns
    -------
    frame of the type of `left`
        Left rows in order, the matches of each best first, ties by right row. Left columns
        unchanged (in pandas with their index labels), all right columns but those of ``by=``, or
        ``id`` when `right` is an `Index`; then ``rank`` from 1, and the score as float32 named
        by the metric, as in `search`.

        ``how="left"``: what has no match is null. Types of right columns are then those of the
        library's own left join (pandas makes whole numbers floats, where one is missing), and
        ``rank`` and numeric ``id`` are pandas' nullable ``Int64`` and ``UInt64``.

    Raises
    ------
    ColumnError
        A column is missing, ambiguous or of the wrong kind, two columns of the answer would have
        one name, or columns of ``by=`` that can never be equal.
    InvalidArgument
        `left` is no frame, `right` one of another library; k outside its range; ``how`` unknown.
    InvalidVector
        NaN, infinity or ragged rows among the vectors; names side, column and row. Null rows
        match nothing.
    DimensionMismatch, EmbedError, MetricError, VectorsChanged, UnknownId, DuplicateId
    KeyboardInterrupt
        Ctrl-C ends the join.

    Notes
    -----
    Left rows are asked about a thousand at a time, so that memory beyond the two columns and the
    answer does not grow with them. An index that is built for the call is cached by content: a
    second join with the same right column begins to search at once. Texts of both sides are
    embedded as those of a column, not as queries. The contract is that of Spark's nearest-by join.
    May be called from any thread.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> left = pd.DataFrame({"ask": ["x"], "v": list(np.float32([[1, 0.1]]))})
    >>> right = pd.DataFrame({"name": ["a", "b"], "v": list(np.eye(2, dtype="f4"))})
    >>> rv.sim_join(left, right)[["ask", "name", "rank"]].values.tolist()
    [['x', 'a', 1]]
    """
    from ..pairing.join import Answer, Join, find, rows_of_each, sides  # loaded by the first join

    mine, theirs, index = sides(left, right, index)
    k = rows_of_each(k)
    if how not in ("inner", "left"):
        raise InvalidArgument(f"how={how!r} must be 'inner' or 'left'")
    name = metric_of(metric, index)
    asked = Join(
        mine, theirs, index, on if left_on is None else left_on,
        on if right_on is None else right_on, by, ids_on, embedder, where_right, name,
        threshold(name, min_similarity, max_distance),
    )  # fmt: skip
    answer = Answer(asked, how, suffix)
    shown = current.progress if progress is None else progress
    joined: FrameT = answer.take(find(asked, k, share(recall), shown))
    return joined
