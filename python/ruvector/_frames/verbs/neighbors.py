"""`rv.neighbors`: of every row of a frame the rows that are nearest to it."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._arguments import share, whole
from ..._errors import InvalidArgument, MetricError, MissingExtra
from ..._habits import told
from ..._index.asking import check_reach
from ..._index.index import Index
from ..._metric import BINARY, SCORE_NAMES, MetricName, larger_is_better
from ..._native.facts import EVERY_VECTOR
from ..._native.neighbors import neighbors as find_neighbors
from ..._native.task import Progress
from ..._record import Record
from ..._settings import current
from ..._show.plan import Plan, nothing, remember
from .. import protocol
from ..adapters import wrap
from ..content import label_of
from ..joining import join
from ..lazy import lazily
from ..question import FrameT, Label, check_ids_on, metric_of
from ..target import CODE_BITS, EXACT_ROWS, Stages, Target, naming, open_target

Rows = npt.NDArray[np.int64]
Out = Literal["long", "column", "csr"]

COLUMN = "neighbors"


@overload
def neighbors(
    frame: Any,
    k: int = 15,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    out: Literal["csr"],
    progress: Progress = None,
) -> Any: ...


@overload
def neighbors(
    frame: FrameT,
    k: int = 15,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    out: Literal["long", "column"] = "long",
    progress: Progress = None,
) -> FrameT: ...


@lazily
@told
def neighbors(
    frame: Any,
    k: int = 15,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    out: Out = "long",
    progress: Progress = None,
) -> Any:
    """Find the `k` nearest other rows of every row of a frame.

    A row is not its own neighbour, rows that equal it are.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    k : int
        Neighbours of each row; fewer come only where there are fewer rows.
    on : column label, or list of patterns of number columns, optional
        The column compared: vectors as they are, text embedded first (and cached). The only
        column of vectors when not given.
    text : column label, optional
        `on`, insisting on text.
    index : Index, optional
        An index built from this frame's rows that keeps its vectors, as for `search`.
    ids_on : column label, optional
        The column that holds the ids of `index`.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text.
    metric : str, optional
        The index's, else ``"cosine"``.
    recall : float
        Share of the true neighbours aimed for, 1.0 is exact. Up to 10,000 rows always exact.
    out : {"long", "column", "csr"}
        What the answer is.
    progress : bool or callable, optional
        Show a progress line, by default after one second; or called with (rows done, rows).

    Returns
    -------
    ``"long"`` : frame of the same type
        One row for each pair: ``query_row`` and ``neighbor_row``, positions in `frame` from 0
        (int64, UInt32 in polars), ``rank`` from 1, and the score as float32 named by the metric,
        as in `search`. By ``query_row``, best first, ties by ``neighbor_row``. A pandas answer has
        the index labels of the rows that ask.
    ``"column"`` : frame of the same type
        `frame` with a column ``neighbors`` more, in the form that Embedding Atlas reads: of every
        row ``ids`` (positions) and ``distances``, nearest first; null where a row has none. A
        struct of lists, in pandas an object column of dictionaries of arrays.
    ``"csr"`` : scipy.sparse.csr_array of float32, shape (rows, rows)
        Distances, in each row nearest first, those that are 0 stored too: what
        ``metric="precomputed"`` of scikit-learn and UMAP take. Needs scipy.

        Distances are the score where that is one, and for ``cosine`` 1 - similarity, at least 0.

    Raises
    ------
    ColumnError
        The column is missing, ambiguous or of the wrong kind, or the frame has a column
        ``neighbors`` and ``out="column"``.
    MetricError
        Distances are asked for and the metric is ``dot``, which has none.
    InvalidVector
        NaN, infinity or ragged rows. Null rows have no neighbours and are nobody's.
    MissingExtra
        scipy is not installed and ``out="csr"``.
    InvalidArgument, VectorsChanged, UnknownId, DuplicateId, EmbedError
    LimitExceeded
        Rows times k is above 2**31.
    KeyboardInterrupt
        Ctrl-C ends the work.

    Notes
    -----
    Above 10,000 rows the graph is made as a whole (see `Index.neighbors`), which is much faster
    than a search for each row. May be called from any thread.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.float32([[0], [1], [3]]))}, index=["a", "b", "c"])
    >>> rv.neighbors(df, 1, metric="l2")["neighbor_row"].to_dict()
    {'a': 1, 'b': 0, 'c': 1}
    """
    wrapped = wrap(frame)
    count = whole("k", k)
    if count < 0:
        raise InvalidArgument(f"k={count} must be 0 or more")
    check_ids_on(index, ids_on)
    name = metric_of(metric, index)
    _check_out(out, name, wrapped)
    asked = _Asked(
        wrapped, on, text, index, ids_on, embedder, name, share(recall),
        current.progress if progress is None else progress,
    )  # fmt: skip
    graph = _graph(asked, count)
    if out == "long":
        score = current.score_column or SCORE_NAMES[name]
        return wrapped.take(graph.owners(), [], graph.columns(score))
    distances = graph.scores
    if larger_is_better(name):
        distances = np.maximum(1 - distances, 0, dtype=np.float32)
    if out == "csr":
        return _csr(graph, distances)
    fields: dict[str, npt.NDArray[Any]] = {"ids": graph.rows, "distances": distances}
    return wrapped.with_columns({COLUMN: wrapped.structs(COLUMN, fields, graph.counts)})


def _check_out(out: Any, metric: str, frame: protocol.Frame) -> None:
    if out not in ("long", "column", "csr"):
        raise InvalidArgument(f"out={out!r} must be 'long', 'column' or 'csr'")
    if out == "long":
        return
    if metric == "dot":
        raise MetricError(
            f"out={out!r} holds distances, and metric 'dot' has none: use out='long', which has "
            "the products, or metric='cosine', 'l2' or 'sqeuclidean'"
        )
    if out == "column":
        protocol.check_clash(frame.names(), [COLUMN])
    else:
        _scipy()


class _Asked(Record):
    """What is asked, as the arguments say it."""

    frame: protocol.Frame
    on: Any
    text: Any
    given: Index | None
    ids_on: Any
    embedder: Any
    metric: str
    recall: float
    progress: Progress


class _Graph(Record):
    """The neighbours of every row of the frame, one row after the other."""

    counts: Rows
    rows: Rows  # of the frame
    scores: npt.NDArray[np.float32]

    def owners(self) -> Rows:
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def columns(self, score: str) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of the long form."""
        owners = self.owners()
        starts = np.cumsum(self.counts) - self.counts
        ranks = np.arange(1, len(owners) + 1) - starts[owners]
        return {"query_row": owners, "neighbor_row": self.rows, "rank": ranks, score: self.scores}


def _graph(asked: _Asked, k: int) -> _Graph:
    """Return the neighbours of every row, and remember the plan."""
    stages, height = Stages(), asked.frame.height
    places: Rows | None = None  # in the frame of the index's rows; None: the same
    if asked.given is not None:
        handle, origin, places = asked.given._handle, "given", None
        joined = _joined(asked, stages)
        check_reach(asked.given, asked.recall)
    else:
        target = open_target(
            asked.frame, asked.on, asked.text, asked.embedder, stages, asked.metric
        )
        joined, origin = None, "built"
        if target.vectors is None or target.vectors.handle is None:
            remember(nothing(height, height, tuple(stages.spent)))
            none = np.empty(0, np.int64)
            return _Graph(np.zeros(height, np.int64), none, np.empty(0, np.float32))
        handle = _built(target, asked, stages)
    names, found, scores, counts, raw = find_neighbors(
        handle, k, recall=asked.recall, threads=current.threads, progress=asked.progress
    )
    if joined is not None:
        assert asked.given is not None
        unsigned = asked.given._id_kind == "uint64"
        places = joined.rows(names.view(np.uint64) if unsigned else names)
    calibrated = asked.given is not None and asked.given._calibrated
    aim = None if raw.kind == 1 else asked.recall  # an exact index aims for none
    remember(Plan(raw, origin, aim, calibrated, tuple(stages.spent)))
    return _in_order(height, places, found, scores, counts)


def _joined(asked: _Asked, stages: Stages) -> Any:
    assert asked.given is not None
    label = label_of(asked.given, asked.frame, asked.on, asked.text)
    with stages.measure("compare"):
        return join(asked.given, asked.frame, label, asked.ids_on, None)


def _built(target: Target, asked: _Asked, stages: Stages) -> _native.Handle:
    """Build an index that has the vectors at hand, which a graph asks with."""
    vectors = target.vectors
    assert vectors is not None
    options = {
        "metric": asked.metric, "kind": "exact", "keep": "borrow", "recall": asked.recall,
        "nulls": "skip", "bad": current.bad_vectors, "threads": current.threads,
    }  # fmt: skip
    every = asked.recall > EVERY_VECTOR or asked.metric in BINARY
    if vectors.rows > EXACT_ROWS and not every:
        options |= {"kind": "flat", "bits": CODE_BITS}
    with stages.measure("build"), naming(target.label):
        return _native.build_from(vectors.handle, None, options, asked.progress)


def _in_order(
    height: int, places: Rows | None, found: Rows, scores: npt.NDArray[np.float32], counts: Rows
) -> _Graph:
    """Put the answer into the order of the frame's rows."""
    present = found >= 0
    if places is None:
        return _Graph(counts, found[present], scores[present])
    order = np.argsort(places, kind="stable")
    found, scores, present = found[order], scores[order], present[order]
    whole = np.zeros(height, np.int64)
    whole[places] = counts
    return _Graph(whole, places[found[present]], scores[present])


def _scipy() -> Any:
    try:
        import scipy.sparse as sparse  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        pip = "pip install scipy"
        raise MissingExtra(f"out='csr' needs scipy: {pip}", pip=pip) from error
    return sparse


def _csr(graph: _Graph, distances: npt.NDArray[np.float32]) -> Any:
    height = len(graph.counts)
    starts = np.concatenate([[0], np.cumsum(graph.counts)])
    return _scipy().csr_array((distances, graph.rows, starts), shape=(height, height))
