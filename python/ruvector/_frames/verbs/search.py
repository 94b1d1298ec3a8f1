"""`rv.search` and its kin: from a frame and a question to the rows that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._arguments import share, whole
from ..._errors import InvalidArgument, MetricError
from ..._index.asking import check_reach
from ..._index.chosen import share_of_diversity
from ..._index.index import Index, Keep, Kind
from ..._index.provenance import recall as recall_provenance
from ..._index.provenance import remember as remember_origin
from ..._input.bits import read_bit_queries
from ..._input.masks import Mask, read_ids
from ..._input.queries import texts_of
from ..._input.vectors import Vectors
from ..._metric import (
    BINARY,
    SCORE_NAMES,
    MetricName,
    canonical,
    check_bits,
    larger_is_better,
    threshold,
)
from ..._native import Handle
from ..._settings import current
from ..._show.plan import Plan, last_plan, nothing, remember
from ..._text.embedder import resolve
from .. import protocol
from ..answer import Found
from ..content import label_of
from ..groups import group_rows, search_groups
from ..joining import ById, ByPosition, join
from ..target import Stages, Target, make_queries, open_index, open_target, query_of_frame

Label: TypeAlias = Any  # what a frame's library calls a column
FrameT = TypeVar("FrameT")  # the type that comes in is the type that goes out


class Limits(NamedTuple):
    """Which rows a search may find, and how they are put together."""

    where: Any = None
    by: Any = None
    varied: float = 0.0
    ids_on: Any = None
    bound: float | None = None


def search(
    frame: FrameT,
    query: Any,
    *,
    k: int = 10,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    index: Index | None = None,
    ids_on: Label | None = None,
    embedder: Any = None,
    metric: MetricName | None = None,
    recall: float = 0.95,
    where: Any = None,
    by: Label | list[Label] | None = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    diversity: float = 0.0,
    columns: Sequence[Label] | None = None,
) -> FrameT:
    """Find the rows of a frame nearest to a text or a vector.

    Parameters
    ----------
    frame : pandas or polars DataFrame, or pyarrow Table
        Not changed. Its columns of vectors are borrowed for the call where memory allows.
    query : str, 1-D vector, or a batch of either
        A batch is a 2-D array, a list of texts, a Series, or a frame with the same column.
    k : int
        Rows to find for each query. Fewer come back only when fewer are eligible.
    on : column label, or list of patterns of number columns, optional
        The column searched: vectors as they are, text embedded first (and cached). The only
        column of vectors when not given.
    text : column label, optional
        `on`, insisting on text.
    index : Index, optional
        An index built from this frame's rows. One with ids is joined to the frame by them, in any
        order. One without is of this frame's rows in their order, which is checked: content that
        is not the index's, vectors or texts, is `VectorsChanged`.
    ids_on : column label, optional
        The column that holds the ids of `index`; the one that ``build_index(ids="column")`` named
        when not given.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of text. Needed for a text query against a column of vectors.
    metric : str, optional
        The index's, else ``"cosine"``.
    recall : float
        Share of the true neighbours aimed for, 1.0 is exact. Up to 10,000 rows always exact.
    where : mask or expression, optional
        Rows that may be found, applied before the search; null is False. pandas: boolean Series
        with the frame's index, NumPy mask, text for ``df.eval``, ``pd.col``, callable. polars:
        expression, Series, SQL text. pyarrow: mask or compute expression. Text for ``df.eval`` is
        code: ``@name`` is a variable of the calling code, attributes and methods included, so
        such text must never come from somebody else.
    by : column label, or list of them, optional
        Find the `k` best rows of every group, that is of the rows with equal values there. Rows
        of a group come together, best first; groups by their best score, equal ones by its row.
        Null is what it is to the frame's own ``groupby``: pandas leaves such rows out, polars and
        pyarrow make a group of them.
    min_similarity, max_distance : float, optional
        The first for ``cosine`` and ``dot``, the second for distances.
    diversity : float
        From 0 (the nearest rows) to 1: how much a row that is like those before it loses, by
        maximal marginal relevance (see `Index.search`). Not with ``by=``.
    columns : sequence of labels, optional
        Columns of the frame to return; all when not given.

    Returns
    -------
    frame of the same type
        The rows found, best first, with all their columns and (in pandas) their index labels,
        then ``query_row``, ``query`` (for texts) and ``rank`` from 1 for a batch (in the group
        with ``by=``), then the score as float32, named by the metric: ``cosine_similarity``,
        ``dot_product``, ``l2_distance``, ``sqeuclidean_distance``, ``hamming_distance``,
        ``jaccard_distance``.

    Raises
    ------
    ColumnError
        The column is missing, ambiguous or of the wrong kind, or the answer's columns clash
        with the frame's.
    InvalidVector
        NaN, infinity, ragged rows or text among the vectors; names column and row. Null rows
        are never found and are counted in the plan.
    VectorsChanged
        `index` is of other content, or of another order; names the first row where it is known.
    UnknownId, DuplicateId
        The frame lacks an id that `index` found, or has it twice.
    DimensionMismatch, MetricError, EmbedError, MissingExtra, InvalidArgument

    See Also
    --------
    last_plan : what the last search of this thread did.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"name": ["a", "b"], "emb": list(np.eye(2))})
    >>> rv.search(df, [1.0, 0.1], k=1)["name"].tolist()
    ['a']
    """
    wrapped = protocol.wrap(frame)
    columns, kept = _kept(wrapped, columns)
    metric_name = _metric_of(metric, index)
    score_name = current.score_column or SCORE_NAMES[metric_name]
    protocol.check_clash(kept, [score_name])
    bound = threshold(metric_name, min_similarity, max_distance)
    limits = Limits(where, by, share_of_diversity(diversity), ids_on, bound)
    found = _find(wrapped, query, k, on, text, index, embedder, metric_name, share(recall), limits)
    found.limit(bound)
    added = found.columns(score_name)
    protocol.check_clash(kept, list(added))
    answer: FrameT = wrapped.take(found.rows, columns, added)
    return answer


def explain(frame: Any, query: Any, **arguments: Any) -> Plan:
    """Run `search` with the same arguments and return what it did instead of the rows.

    Returns
    -------
    Plan
    """
    search(frame, query, **arguments)
    plan = last_plan()
    assert plan is not None
    return plan


def build_index(
    frame: Any,
    on: Label | list[str] | None = None,
    *,
    text: Label | None = None,
    ids: Any = None,
    embedder: Any = None,
    metric: MetricName = "cosine",
    kind: Kind = "auto",
    bits: int | None = None,
    cells: int | None = None,
    keep: Keep = "auto",
    recall: float = 0.95,
    seed: int = 42,
    budget: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Index:
    """Build an index over a column of a frame, to be searched again and again, or saved.

    Parameters
    ----------
    frame : pandas or polars DataFrame, or pyarrow Table
    on, text, embedder
        As in `search`. An index of text remembers its embedder: ``ix.search("some text")``.
    ids : column label or sequence, optional
        What the rows are called in answers of the index; their positions when not given. The name
        of a column is remembered, in files too: `search` and `SearchResult.rows` join by it.
    metric, kind, bits, cells, keep, recall, seed, budget, threads, progress
        As in `Index.build`. Null rows are never found.

    Returns
    -------
    Index
        Give it back to `search` as ``index=`` with this frame.
    """
    wrapped = protocol.wrap(frame)
    target = open_target(wrapped, on, text, embedder, Stages(), canonical(metric))
    assert target.vectors is not None
    ids, ids_on = _ids_of(wrapped, ids)
    target.vectors.provenance = remember_origin(
        target.embedder if target.text else None,
        target.label,
        ids_on,
        target.digest,
        None if target.vectors.handle is None else _native.column_hash(target.vectors.handle),
    )
    built = Index.build(
        target.vectors,
        ids=ids,
        metric=metric,
        kind=kind,
        bits=bits,
        cells=cells,
        keep=keep,
        recall=recall,
        nulls="skip",
        seed=seed,
        budget=budget,
        threads=threads,
        progress=progress,
    )
    built._embedder = target.embedder
    return built


def _ids_of(frame: protocol.Frame, ids: Any) -> tuple[Any, Label | None]:
    """Return the ids and the name of their column; None where there is none."""
    names = frame.names()
    column = isinstance(ids, str) or (isinstance(ids, tuple) and protocol.times(names, ids) > 0)
    if ids is None or (not column and hasattr(ids, "__len__")):
        name = getattr(ids, "name", None)  # of a Series, which may be a column of the frame
        if name is None or protocol.times(names, name) != 1:
            return ids, None
        mine, theirs = read_ids(ids), read_ids(frame.column(name))
        return ids, name if np.array_equal(mine, theirs) else None
    return frame.column(ids), ids


def _kept(
    frame: protocol.Frame, columns: Sequence[Label] | None
) -> tuple[list[Label] | None, list[Label]]:
    """Return the columns asked for, None for all, and the names of those that an answer has."""
    names = frame.names()
    if columns is None:
        return None, names
    asked = [columns] if isinstance(columns, str) else list(columns)
    return asked, [names[protocol.one_of(names, name)] for name in asked]


def _metric_of(metric: str | None, index: Index | None) -> str:
    if index is None:
        return canonical("cosine" if metric is None else metric)
    if not isinstance(index, Index):
        raise InvalidArgument(f"index={type(index).__name__} is not an Index")
    if metric is not None and canonical(metric) != index.metric:
        raise MetricError(
            f"metric={metric!r}, but index= was built for {index.metric!r}: leave metric= out, or "
            "build another index"
        )
    return index.metric


def _find(
    frame: protocol.Frame,
    query: Any,
    k: int,
    on: Any,
    text: Any,
    index: Index | None,
    embedder: Any,
    metric: str,
    recall: float,
    limits: Limits,
) -> Found:
    k = whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    where, by, varied, ids_on, bound = limits
    if by is not None and varied:
        raise InvalidArgument("by= and diversity= at once; search one group with where= instead")
    mask = None if where is None else frame.mask(where)
    groups = None if by is None else group_rows(frame, by)
    stages = Stages()
    target = _target(frame, query, on, text, index, embedder, stages, metric)
    vectors, queries, single, texts = _queries_of(query, target, index, metric, stages, bound)
    ids, joined, source = None, None, None
    if index is not None:
        check_reach(index, recall)
        joined = join_given(index, frame, target, ids_on, stages)
        mask, ids, groups = joined.limits(mask, groups)
        handle, origin, k = index._handle, "given", min(k, len(index))
    elif vectors is None or vectors.handle is None:
        return nothing_found(frame, metric, queries, single, texts, stages)
    else:
        handle, origin, vectors = open_index(target, metric, recall, stages)
        source, k = vectors.handle, min(k, frame.height)
    ranks = None
    if groups is None:
        rows, scores, counts, raw = _nearest_rows(
            handle, queries, k, recall, (mask, ids), source, varied,
            None if joined is None else index,
        )  # fmt: skip
        rows = rows if joined is None else joined.rows(rows)
    else:
        larger = larger_is_better(metric)
        rows, scores, ranks, counts, raw = search_groups(
            handle, queries, k, groups, larger=larger, recall=recall, mask=mask, source=source
        )
        rows = rows if joined is None else joined.rows_of(rows)
    aim = None if raw.kind == 1 else recall
    calibrated = index is not None and index._calibrated
    plan = Plan(raw, origin, aim, calibrated, tuple(stages.spent))
    remember(plan)
    return Found(rows, scores, counts, metric, plan, single, texts, ranks)


def nothing_found(
    frame: protocol.Frame,
    metric: str,
    queries: npt.NDArray[Any],
    single: bool,
    texts: list[str] | None,
    stages: Stages,
) -> Found:
    """Return the answer of a column without vectors."""
    plan = nothing(frame.height, len(queries), tuple(stages.spent))
    remember(plan)
    empty = np.empty(0, np.int64)
    counts = np.zeros(len(queries), np.int64)
    return Found(empty, np.empty(0, np.float32), counts, metric, plan, single, texts)


def join_given(
    index: Index, frame: protocol.Frame, target: Target, ids_on: Any, stages: Stages
) -> ById | ByPosition:
    """Return how rows of a given index become rows of the frame, whose content is compared."""
    if ids_on is not None:
        protocol.one_of(frame.names(), ids_on)
    with stages.measure("compare"):
        return join(index, frame, target.label, ids_on, target.embedder)


def _queries_of(
    query: Any,
    target: Target,
    index: Index | None,
    metric: str,
    stages: Stages,
    bound: float | None,
) -> tuple[Vectors | None, npt.NDArray[Any], bool, list[str] | None]:
    """Return the vectors, the queries, whether there is one alone, and the texts of them."""
    vectors = target.vectors
    dim = index.dim if index is not None else vectors.dim if vectors is not None else 0
    check_bits(metric, bound, dim if index is not None else 8 * dim)
    asked = query_of_frame(query, target.label)
    if metric in BINARY:
        queries, single = read_bit_queries(asked, dim if index is not None else 8 * dim, metric)
        return vectors, queries, single, None
    return vectors, *make_queries(asked, target, dim, stages)


def _nearest_rows(
    handle: Handle,
    queries: npt.NDArray[Any],
    k: int,
    recall: float,
    allowed: tuple[Mask | None, Any],
    source: Handle | None,
    varied: float,
    given: Index | None,
) -> tuple[Any, Any, Any, Any]:
    """Return ids and scores found, query by query, how many of each, and the native plan."""
    ids, scores, counts, raw = _native.search_rows(
        handle,
        queries,
        k,
        rerank=-1,
        epsilon0=0.0,
        recall=recall,
        mask=allowed[0],
        ids=allowed[1],
        texts=given is not None and given._id_kind == "string",
        diversity=varied,
        source=source,
        threads=current.threads,
    )
    if given is not None and given._id_kind == "uint64":
        ids = ids.view(np.uint64)
    present = np.arange(ids.shape[1]) < counts[:, None]
    return ids[present], scores[present], counts, raw


def _target(
    frame: protocol.Frame,
    query: Any,
    on: Any,
    text: Any,
    index: Index | None,
    embedder: Any,
    stages: Stages,
    metric: str,
) -> Target:
    """Open the column; with an index its vectors are not read, only its embedder is settled."""
    if index is None:
        return open_target(frame, on, text, embedder, stages, metric)
    label = label_of(index, frame, on, text)
    if embedder is not None or current.embedder is not None:
        return Target(label, None, resolve(embedder))
    known = recall_provenance(index._origin)
    if not known.embedded and label is not None and not isinstance(label, list):
        fact = protocol.facts_of(frame, label)
        if fact.kind == "text":
            return Target(label, None, resolve(None))
    return Target(label, None, index._maker() if texts_of(query) is not None else None)
