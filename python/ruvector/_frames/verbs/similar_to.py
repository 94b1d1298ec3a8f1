"""`rv.similar_to`: the rows of a frame most like one of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..._arguments import share, whole
from ..._errors import EmbedError, InvalidArgument, InvalidVector
from ..._habits import told
from ..._index.asking import check_reach
from ..._index.index import Index
from ..._metric import BINARY, MetricName, threshold
from ..adapters import wrap
from ..answer import Found
from ..lazy import lazily
from ..origin import check_rows
from ..question import FrameT, Label, Queries, Question, prepare, shape_of
from ..target import Stages, Target, open_target
from .search import nearest

_WAY: Final = "search with the row's vector where that is meant: rv.search(frame, vector, index=ix)"


@lazily
@told
def similar_to(
    frame: FrameT,
    label: Any,
    k: int = 10,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    where: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find the rows of a frame most like one of its rows, which is left out itself.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    label : index label, or row number
        The row. pandas: its label, as in ``df.loc[label]``, a tuple for a MultiIndex. polars and
        pyarrow, whose rows have no labels: its position from 0, negative from the end.
    k : int
        Rows to find. Fewer come back only when fewer are eligible.
    on : column label, or list of patterns of number columns, optional
        The column compared: vectors as they are, text embedded first (and cached). The only
        column of vectors when not given.
    text : column label, optional
        `on`, insisting on text.
    index : Index, optional
        An index built from this frame's rows, as for `search`.
    ids_on : column label, optional
        The column that holds the ids of `index`.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text.
    metric : str, optional
        The index's, else ``"cosine"``.
    recall : float
        Share of the true neighbours aimed for, 1.0 is exact. Up to 10,000 rows always exact.
    where : mask or expression, optional
        Rows that may be found, applied before the search; as for `search`.
    min_similarity, max_distance : float, optional
        The first for ``cosine`` and ``dot``, the second for distances.
    columns : sequence of labels, optional
        Columns of the frame to return; all when not given.

    Returns
    -------
    frame of the same type
        The rows found, best first, with all their columns and (in pandas) their index labels,
        then the score as float32, named by the metric, as in `search`.

    Raises
    ------
    UnknownId
        No row has this label, or the frame has fewer rows.
    DuplicateId
        Several rows have it; names their positions.
    InvalidVector
        The row has no vector, or vectors are bad as for `search`.
    ColumnError, InvalidArgument, MetricError, EmbedError, VectorsChanged

    Notes
    -----
    May be called from any thread.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> rows = np.float32([[1, 0], [0, 1], [1, 1]])
    >>> df = pd.DataFrame({"emb": list(rows)}, index=["a", "b", "c"])
    >>> rv.similar_to(df, "a", k=1).index.tolist()
    ['c']
    """
    shape = shape_of(frame, columns, metric, index)
    bound = threshold(shape.metric, min_similarity, max_distance)
    aim, k = share(recall), whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    vector = isinstance(label, list) and label and all(isinstance(x, int | float) for x in label)
    if vector or isinstance(label, np.ndarray):  # neither can be a label
        raise InvalidArgument(
            "similar_to takes the label of a row of the frame; the rows like a vector: "
            "rv.search(frame, vector)"
        )
    row = shape.frame.position(label)
    asked = Question(
        shape.frame, None, on, text, index, ids_on, embedder, shape.metric, where, None, bound
    )
    found = _find(asked, row, label, k, aim)
    found.limit(bound)
    answer: FrameT = shape.take(found)
    return answer


def _find(asked: Question, row: int, label: Any, k: int, recall: float) -> Found:
    """Return the k rows most like a row."""
    frame = asked.frame
    mask = np.ones(frame.height, np.bool_) if asked.where is None else frame.mask(asked.where)
    if len(mask) and mask[row]:  # an outline has no rows
        mask = np.array(mask)  # which may be the user's
        mask[row] = False

    def vector_of_row(asked: Question, target: Target, stages: Stages) -> Queries:
        if asked.frame.outline:
            return np.empty((1, 0), np.float32), True, None
        return _vector(asked, row, label, target, stages), True, None

    ready = prepare(asked, None, mask, recall, vector_of_row)
    if isinstance(ready, Found):
        return ready
    if asked.given is not None:
        check_reach(asked.given, recall)
    return nearest(ready, min(k, ready.height), recall, 0.0)


def _vector(
    asked: Question, row: int, label: Any, target: Target, stages: Stages
) -> npt.NDArray[Any]:
    """Return the vector of a row, shape (1, dim), packed bits being uint8."""
    frame, place = asked.frame, row
    if target.vectors is None:  # with an index, whose column was not read: only this row is
        frame, place = wrap(frame.take(np.array([row]), None, {})), 0
        on, text = (asked.on, asked.text) if target.label is None else (target.label, None)
        target = open_target(frame, on, text, _maker(asked, target), stages, asked.metric)
    assert target.vectors is not None
    if asked.given is not None and not target.text and (made := asked.given._made()) is not None:
        theirs = "the vectors of the index are"
        check_rows(target.vectors, target.label, made, theirs, _WAY, row - place)
    called = f"column {target.label!r}"
    from ..pairing.asking import asking_of  # here, so that importing the package stays short

    asking = asking_of(frame, target.label, target.vectors, asked.metric, called)
    if place not in asking.rows:
        what = "an empty text" if target.text else "null"
        raise InvalidVector(
            f"{called}: row {row} (label {label!r}) is {what}, and nothing is similar to that: "
            "search with another row, or with a vector or text of your own: rv.search(frame, ...)",
            row=row,
        )
    at = int(np.searchsorted(asking.rows, place))
    found, _ = asking.part(slice(at, at + 1))
    if not len(found):
        raise InvalidVector(f"{called}: row {row} (label {label!r}) is not finite", row=row)
    return found


def _maker(asked: Question, target: Target) -> Any:
    """Return the embedder of a text column that an index was built from."""
    if target.embedder is not None or asked.given is None or asked.metric in BINARY:
        return target.embedder
    try:
        return asked.given._maker()
    except EmbedError:
        return None
