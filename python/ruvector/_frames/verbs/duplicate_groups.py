"""`rv.duplicate_groups`: which rows `dedup` drops, and for which rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..._habits import told
from ..._metric import MetricName
from ..._native.task import Progress
from .. import protocol
from ..adapters import wrap
from ..lazy import lazily
from ..question import FrameT, Label


@lazily
@told
def duplicate_groups(
    frame: FrameT,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    keep: Literal["first", "last"] = "first",
    by: Label | list[Label] | None = None,
    columns: Sequence[Label] | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    progress: Progress = None,
) -> FrameT:
    """Show the rows that `dedup` drops beside the rows that they are dropped for.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed. A polars LazyFrame is read when the answer is collected.
    on, text, min_similarity, max_distance, keep, by, embedder, metric, progress : optional
        As in `dedup`.
    columns : sequence of labels, optional
        Columns to show of both rows; the column of text when that is what is compared, else none.

    Returns
    -------
    frame of the same type
        A row for each row dropped; those that were dropped for the same row come together, in the
        order of the frame. The `columns` of the row dropped, then those of the row that it was
        dropped for, called ``<name>_kept``, then ``kept_row`` and ``dropped_row``, their positions
        in the frame from 0 on, then the score, named by the metric. In pandas the index has the
        labels of the rows dropped; those of the others are ``df.index[groups["kept_row"]]``.

        A row is dropped for the nearest of the rows kept before it, of equally near ones for the
        one of smallest position.

    Raises
    ------
    ColumnError
        As `dedup`, and when names of the answer clash.
    InvalidArgument, MetricError, InvalidVector, EmbedError, MissingExtra
        As `dedup`.
    KeyboardInterrupt

    See Also
    --------
    dedup : the frame without these rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))})
    >>> groups = rv.duplicate_groups(df, min_similarity=0.95)
    >>> groups[["kept_row", "dropped_row"]].values.tolist()
    [[0, 1]]
    """
    from ..duplicates import duplicates  # here, so that importing the package stays short

    found = duplicates(
        frame, on, text, min_similarity, max_distance, keep, by, embedder, metric, progress
    )
    wrapped, names = found.frame, found.frame.names()
    if columns is None:
        columns = [found.label] if found.text else []
    chosen = protocol.labels_of(columns)
    places = [protocol.one_of(names, label) for label in chosen]
    beside = [(place, _beside(names[place])) for place in places]
    dropped = np.flatnonzero(found.kept >= 0)
    dropped = dropped[np.argsort(found.kept[dropped], kind="stable")]
    kept = found.kept[dropped]
    added: dict[str, npt.NDArray[Any]] = {
        "kept_row": kept,
        "dropped_row": dropped,
        found.score_name: found.scores[dropped],
    }
    shown = [names[place] for place in places]
    for name in [name for _, name in beside] + list(added):
        protocol.check_clash(shown, [name])
        shown.append(name)
    answer: FrameT = wrapped.take(dropped, chosen, {} if chosen else added)
    if chosen:
        rows = np.arange(len(dropped))
        answer = wrap(answer).join_rows(rows, wrapped, kept, beside, added, False)
    return answer


def _beside(name: Any) -> Any:
    """Return what a column of the rows kept is called; labels of several levels stay so."""
    if isinstance(name, tuple):
        return (f"{name[0]}_kept", *name[1:])
    return f"{name}_kept"
