"""A question to a frame, and the steps that search and within have in common.

The verb reads its arguments into a `Question` and says what the answer shall be like, an
`AnswerShape`. `prepare` opens the column and makes the queries, and returns what can be searched,
`Ready`; the verb searches it and gives the rows found back to the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import EmbedError, InvalidArgument, MetricError, MissingExtra
from .._index.index import Index
from .._index.provenance import recall as origin_of
from .._index.texts import given_maker, own_maker
from .._input.bits import read_bit_queries
from .._input.masks import Mask
from .._input.texts import texts_of
from .._metric import BINARY, SCORE_NAMES, canonical, check_bits
from .._native import Handle
from .._native import Plan as NativePlan
from .._record import Record
from .._settings import current
from .._show.plan import Plan, nothing, remember
from .._text.embedder import Embedder, resolve
from . import protocol
from .adapters import wrap
from .answer import Found
from .content import label_of
from .groups import Groups
from .joining import ById, ByPosition, join
from .origin import maker_of_column
from .target import Stages, Target, make_queries, open_index, open_target, query_of_frame

Label: TypeAlias = Any  # what a frame's library calls a column
FrameT = TypeVar("FrameT")  # the type that comes in is the type that goes out


class AnswerShape(Record):
    """What the answer is like: columns of the frame, and the score's name."""

    frame: protocol.Frame
    columns: list[Label] | None  # None: all
    kept: list[Label]  # the names of those
    metric: str
    score_name: str

    def take(self, found: Found) -> Any:
        """Return the rows found as a frame like the one that was given."""
        added = found.columns(self.score_name)
        protocol.check_clash(self.kept, list(added))
        return self.frame.take(found.rows, self.columns, added)


def shape_of(
    frame: Any, columns: Sequence[Label] | None, metric: str | None, index: Index | None
) -> AnswerShape:
    """Return what the answer to a question to a frame is like.

    Raises
    ------
    InvalidArgument, ColumnError, MetricError
        `frame` is none, lacks one of the columns, or has one called like the score; the metric is
        another than the index's.
    """
    wrapped = wrap(frame)
    names = kept = wrapped.names()
    if columns is not None:
        columns = protocol.labels_of(columns)
        kept = [names[protocol.one_of(names, name)] for name in columns]
    name = metric_of(metric, index)
    score_name = current.score_column or SCORE_NAMES[name]
    protocol.check_clash(kept, [score_name])
    return AnswerShape(wrapped, columns, kept, name, score_name)


def metric_of(metric: str | None, index: Index | None) -> str:
    """Return the metric of a question: that of the index, or the one named, or cosine.

    Raises
    ------
    MetricError
        It is not a metric, or another than the index's.
    """
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


class Question(Record):
    """What is asked of a frame, as the arguments of a verb say it."""

    frame: protocol.Frame
    query: Any
    on: Any
    text: Any
    given: Index | None
    ids_on: Any
    embedder: Any
    metric: str
    where: Any
    by: Any
    bound: float | None  # of scores


class Ready(Record):
    """What is searched, with what, and how its rows become the frame's."""

    question: Question
    handle: Handle
    origin: str  # "given", "built" or "cached"
    queries: npt.NDArray[Any]
    single: bool
    texts: list[str] | None  # of a batch of texts
    mask: Mask | None
    ids: Any
    groups: Groups | None
    source: Handle | None  # the frame's vectors, where the index was not given
    joined: ById | ByPosition | None  # of an index that was given
    stages: Stages
    digest: bytes | None = None  # of the texts that were embedded

    @property
    def height(self) -> int:
        """The rows of the index that is searched, null ones included."""
        given = self.question.given
        return self.question.frame.height if given is None else len(given)

    @property
    def id_kind(self) -> str:
        """The kind of the ids that are found; rows are found by their positions."""
        given = self.question.given
        return "positions" if given is None else given._id_kind

    def nearest(
        self,
        queries: npt.NDArray[Any],
        k: int,
        recall: float,
        mask: Mask | None,
        ids: Any,
        varied: float = 0.0,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64], NativePlan]:
        """Return the frame's rows nearest to queries, their scores, counts, and the plan."""
        found: npt.NDArray[Any]
        found, scores, counts, raw = _native.search_rows(
            self.handle, queries, k, recall=recall, mask=mask, ids=ids,
            texts=self.id_kind == "string", diversity=varied, source=self.source,
            threads=current.threads,
        )  # fmt: skip
        if self.id_kind == "uint64":
            found = found.view(np.uint64)
        present = np.arange(found.shape[1]) < counts[:, None]
        rows = found[present]
        rows = rows if self.joined is None else self.joined.rows(rows)
        return rows, scores[present], counts, raw

    def among(
        self, query: int, rows: npt.NDArray[np.int64], k: int, recall: float, varied: float = 0.0
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the k nearest to one query of some rows of the frame, and their scores."""
        mask = np.zeros(self.question.frame.height, np.bool_)
        mask[rows] = True
        limits: tuple[Any, Any] = mask, None
        if self.joined is not None:
            limits = self.joined.limits(mask, None)[:2]
        queries = self.queries[query : query + 1]
        return self.nearest(queries, k, recall, *limits, varied)[:2]

    def found(
        self,
        rows: npt.NDArray[Any],
        scores: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int64],
        plan: NativePlan,
        aim: float | None,
        ranks: npt.NDArray[np.int64] | None = None,
    ) -> Found:
        """Return rows of the frame as an answer, and remember the plan."""
        asked = self.question
        calibrated = asked.given is not None and asked.given._calibrated
        told = Plan(plan, self.origin, aim, calibrated, tuple(self.stages.spent))
        remember(told)
        return Found(rows, scores, counts, asked.metric, told, self.single, self.texts, ranks)


Queries: TypeAlias = tuple[npt.NDArray[Any], bool, list[str] | None]


def prepare(
    asked: Question,
    groups: Groups | None,
    mask: Mask | None,
    recall: float,
    queries_of: Callable[[Question, Target, Stages], Queries] | None = None,
) -> Ready | Found:
    """Open what is searched and make the queries; an answer at once where there are no vectors.

    ``recall`` is what an index that is built for the call aims for. ``queries_of`` makes queries
    of something else than ``asked.query``.
    """
    check_ids_on(asked.given, asked.ids_on)
    stages = Stages()
    target = _target(asked, stages)
    if asked.frame.outline:
        return _without_rows(asked, target, queries_of or _outlined)
    check_bits(asked.metric, asked.bound, _widths(asked, target)[1])
    queries, single, texts = (queries_of or _queries_of)(asked, target, stages)
    frame, index, vectors = asked.frame, asked.given, target.vectors
    if index is not None:
        if asked.ids_on is not None:
            protocol.one_of(frame.names(), asked.ids_on)
        with stages.measure("compare"):
            joined = join(index, frame, target.label, asked.ids_on, target.embedder)
        mask, ids, groups = joined.limits(mask, groups)
        return Ready(
            asked, index._handle, "given", queries, single, texts, mask, ids, groups, None, joined,
            stages,
        )  # fmt: skip
    if vectors is None or vectors.handle is None:
        plan = nothing(frame.height, len(queries), tuple(stages.spent))
        remember(plan)
        counts, none = np.zeros(len(queries), np.int64), np.empty(0, np.int64)
        return Found(none, np.empty(0, np.float32), counts, asked.metric, plan, single, texts)
    handle, origin, vectors = open_index(target, asked.metric, recall, stages)
    return Ready(
        asked, handle, origin, queries, single, texts, mask, None, groups, vectors.handle, None,
        stages, target.digest,
    )  # fmt: skip


def check_ids_on(index: Index | None, ids_on: Any) -> None:
    """Refuse a column of ids where no index is given that they could be the ids of."""
    if index is None and ids_on is not None:
        raise InvalidArgument(
            f"ids_on={ids_on!r} names the column that holds the ids of index=, and no index= is "
            "given: leave it out, or give the index"
        )


def _without_rows(
    asked: Question, target: Target, queries_of: Callable[[Question, Target, Stages], Queries]
) -> Found:
    """Return the answer to a question to an outline."""
    index = asked.given
    if index is not None and (asked.ids_on is not None or index._id_kind != "positions"):
        join(index, asked.frame, target.label, asked.ids_on)
    queries, single, texts = queries_of(asked, target, Stages())
    plan, counts = nothing(0, len(queries), ()), np.zeros(len(queries), np.int64)
    none, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    return Found(none, scores, counts, asked.metric, plan, single, texts)


def _outlined(asked: Question, target: Target, stages: Stages) -> Queries:
    """As `_queries_of`, but no text is embedded."""
    texts = texts_of(query_of_frame(asked.query, target.label))
    if texts is None:
        return _queries_of(asked, target, stages)
    single = isinstance(asked.query, str)
    return np.empty((len(texts), 0), np.float32), single, None if single else texts


def _target(asked: Question, stages: Stages) -> Target:
    """Open the column; with an index its vectors are not read, only its embedder is settled."""
    frame, on, text, index = asked.frame, asked.on, asked.text, asked.given
    if index is None:
        return open_target(frame, on, text, asked.embedder, stages, asked.metric)
    label = label_of(index, frame, on, text)
    if asked.embedder is not None:
        return Target(label, None, given_maker(index, asked.embedder))
    known = origin_of(index._origin)
    if not known.embedded and label is not None and not isinstance(label, list):
        fact = protocol.facts_of(frame, label)
        if fact.kind == "text":
            return Target(label, None, resolve(None))
    if texts_of(asked.query) is None:
        return Target(label, None, None if current.embedder is None else _settled(index))
    return Target(label, None, own_maker(index) or maker_of_column(frame, label))


def _settled(index: Index) -> Embedder | None:
    """Return what texts of a frame are embedded with to compare them with an index."""
    try:
        return own_maker(index)
    except (EmbedError, MissingExtra):
        return None  # no text is asked, and the comparison says what differs


def _queries_of(asked: Question, target: Target, stages: Stages) -> Queries:
    """Return the queries, whether there is one alone, and the texts of a batch of texts."""
    query, (dim, bits) = query_of_frame(asked.query, target.label), _widths(asked, target)
    if asked.metric in BINARY:
        return *read_bit_queries(query, bits, asked.metric), None
    return make_queries(query, target, dim, stages)


def _widths(asked: Question, target: Target) -> tuple[int, int]:
    """Return the numbers of a vector, and the bits if it is of bits; 0 when not known."""
    index, vectors = asked.given, target.vectors
    if index is not None:
        return index.dim, index.dim
    dim = 0 if vectors is None else vectors.dim
    return dim, 8 * dim
