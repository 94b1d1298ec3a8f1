"""`Searching`: questions to an index, and how well it answers them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _native
from .._arguments import depth, limit, places, positive, share
from .._caller import warn
from .._errors import EmbedError, InvalidArgument, UnknownId
from .._input.bits import read_bit_queries
from .._input.masks import Mask, Rows, read_ids, read_mask
from .._input.queries import FLOAT32, read_queries, texts_of
from .._native import Facts, facts_of, search_one
from .._settings import current
from .._show.plan import Plan, remember
from .chosen import search_chosen
from .indexed import Indexed
from .recall import RecallReport
from .result import SearchResult, widen


class Searching(Indexed):
    """An index that is asked for neighbours and for its recall. Thread-safe."""

    __slots__ = ()

    def search(
        self,
        query: Any = None,
        k: int = 10,
        *,
        id: Any = None,
        diversity: float = 0.0,
        recall: float | None = None,
        rerank: int | None = None,
        where: Any = None,
        ids: Any = None,
        probes: int | None = None,
        threads: int | None = None,
    ) -> SearchResult:
        """Find the `k` rows nearest to each query.

        Parameters
        ----------
        query : 1-D vector of `dim` numbers, or a batch of them, shape (nq, dim)
            Arrays, sequences, columns of vectors. An index of bits takes booleans, uint8 packed
            like its rows, or bytes.
        k : int
            Rows to find; fewer come back only when fewer are eligible.
        id : id or sequence of ids, optional
            Instead of `query`: search with the vectors of these rows, each of which is left out
            of its own answer.
        diversity : float
            From 0, the nearest rows, to 1: rows are chosen one by one among the nearest 4 k (at
            least 64) that are near the query and far from those chosen before, and come in that
            order (maximal marginal relevance, Carbonell and Goldstein 1998, with
            lambda = 1 - diversity). Scores stay those of a plain search.
        recall : float, optional
            Share of the true neighbours aimed for, the index's own by default; 1.0 is exact.
        rerank : int, optional
            Candidates compared by their vectors: as many as the error bound demands when not
            given, 0 for estimated scores.
        where : n booleans in row order, optional
            Rows that may be found; null is False.
        ids : sequence of ids, optional
            Ids that may be found.
        probes : int, optional
            Cells that each query looks into, for kind ``ivf``: as many as the index was
            calibrated for when not given, all of them when more than there are.
        threads : int, optional

        Returns
        -------
        SearchResult
            Ties go to the smaller row; the answer does not depend on threads or on the batch.

        Raises
        ------
        DimensionMismatch, InvalidVector
            The query has another number of dimensions, or is not finite.
        InvalidArgument, LimitExceeded
            k below 0, or above 2**31 / nq in a batch; a mask of another length or type; both
            `query` and `id`, or neither; ``id`` or ``diversity`` of an index without vectors.
        UnknownId
            ``id=`` or ``ids=`` names one that is not in the index.
        IndexClosed
        """
        if id is not None or query is None or diversity:
            limits = recall, rerank, where, ids, probes, threads
            return search_chosen(self, query, id, k, diversity, limits)
        if (
            type(query) is np.ndarray
            and query.dtype is FLOAT32
            and query.ndim == 1
            and len(query)
            and query.flags.c_contiguous
            and not self._packed
        ):
            queries, single = query, True
        else:
            queries, single = self._queries(query)
            if single:
                queries = queries[0]
        if type(k) is not int or not single:
            k = places(k, 0 if single else len(queries))  # k of one query is cut to the rows
        if k < 0:
            raise InvalidArgument(f"k={k} must be 0 or more")
        aim = 0.0 if recall is None else share(recall)
        facts: Facts = self._handle.version.facts or facts_of(self._handle)
        if facts.unreached is not None:
            self._check_reach(aim or facts.target)
        deep = _native.CLOSE_BOUNDS if rerank is None else depth(rerank)
        cells = 0 if probes is None else positive("probes", probes)
        limited = current.threads if threads is None else limit(threads)
        rows = facts.rows
        one = None
        if single and ids is None and facts.id_kind != "string" and not self._packed:
            mask = None if where is None else self._filter(where, None, facts)[0]
            one = search_one(facts, queries, k if k <= rows else rows, deep, 0.0, aim, cells, mask)
        if one is None:
            return self._search_long(
                facts, queries, k, single, (where, ids), recall,
                {"rerank": deep, "recall": aim, "probes": cells, "threads": limited},
            )  # fmt: skip
        found, scores, raw = one
        plan = Plan(raw, "given", recall, facts.calibrated)
        remember(plan)
        if facts.id_kind == "uint64":
            found = found.view(np.uint64)
        return SearchResult(found, scores, None, self, plan, single)

    def _search_long(
        self,
        facts: Facts,
        queries: npt.NDArray[Any],
        k: int,
        single: bool,
        limits: tuple[Any, Any],
        recall: float | None,
        options: dict[str, Any],
    ) -> SearchResult:
        """Search where the short path does not: batches, filters, many rows."""
        mask, names = self._filter(*limits, facts)
        found, scores, counts, raw = _native.search_rows(
            self._handle,
            queries,
            min(k, facts.rows),
            mask=mask,
            ids=names,
            texts=facts.id_kind == "string",
            **options,
        )
        plan = Plan(raw, "given", recall, facts.calibrated)
        remember(plan)
        if facts.id_kind == "uint64":
            found = found.view(np.uint64)
        if k > found.shape[-1] and not single:
            found, scores = widen(found, scores, k)
        return SearchResult(found, scores, counts, self, plan, single)

    def _filter(self, where: Any, ids: Any, facts: Facts) -> tuple[Mask | None, Any]:
        """Return ``(mask, ids)`` of which at most one is not None."""
        if where is not None and facts.changed:
            raise InvalidArgument(
                "where= has a value for each row in the order of the build, but rows were added or "
                "deleted since: limit the search with ids="
            )
        mask = None if where is None else read_mask(where, facts.rows)
        if ids is None:
            return mask, None
        names = read_ids(ids)
        if mask is None:
            return None, names
        chosen = np.zeros(facts.rows, np.bool_)
        chosen[self._known_rows(names)] = True
        return mask & chosen, None

    def _known_rows(self, ids: Any) -> Rows:
        rows = self._rows_of(ids)
        unknown = np.flatnonzero(rows < 0)
        if unknown.size:
            first = ids[int(unknown[0])]
            first = first.item() if isinstance(first, np.generic) else first
            raise UnknownId(
                f"{unknown.size} of {len(rows)} ids are not in the index, first {first!r}"
            )
        return rows

    def _queries(self, query: Any) -> tuple[npt.NDArray[Any], bool]:
        texts = texts_of(query)
        if texts is None:
            if self._packed:
                return read_bit_queries(query, self.dim, self._metric)
            return read_queries(query, self.dim)
        if not texts:
            return read_queries([], self.dim)
        embedder = self._maker()
        if embedder is None:
            raise EmbedError(
                "the query is text, and it is not known what made the vectors of this index; "
                "search ix.search(embedder.encode(text)), or a frame with "
                "rv.search(frame, text, index=ix, embedder=...)"
            )
        return embedder.query(texts), isinstance(query, str)

    def _check_reach(self, target: float) -> None:
        """Say once that a recall target needs vectors, which this index has not."""
        unreached = self._facts.unreached
        if self._warned or unreached is None or target < unreached:
            return
        self._warned = True
        warn(
            f"recall={target:g} is out of reach of codes without vectors: load the index with "
            "Index.load(path, vectors=column), or build it with keep='borrow' or 'copy'"
        )

    def calibrate(self, queries: Any, *, threads: int | None = None) -> None:
        """Fit the index to queries that are unlike its rows, for example questions to answers.

        A build of kind ``ivf`` calibrates with rows of its own. This sets anew, for each recall
        target, the cells probed, the width of bounds and the depth of reranking; it lasts as long
        as this object, and a file saved from it keeps it.

        Parameters
        ----------
        queries : batch of vectors, shape (nq, dim), or of texts
            Some hundred queries like those that will come. Texts need an index of texts.
        threads : int, optional

        Raises
        ------
        InvalidArgument
            The index is not of kind ``ivf``; there are too few queries.
        DimensionMismatch, InvalidVector, EmbedError, IndexClosed
        KeyboardInterrupt
            Ctrl-C leaves the calibration as it was.
        """
        if self._packed:
            raise InvalidArgument(
                f"metric {self._metric!r} compares all rows: only kind 'ivf' is calibrated"
            )
        matrix, _ = self._queries(queries)
        _native.calibrate(
            self._handle, matrix, current.threads if threads is None else limit(threads)
        )
        self._warned = False  # other targets may be out of reach

    def recall(
        self,
        k: int = 10,
        sample: int = 200,
        *,
        recall: float | None = None,
        threads: int | None = None,
    ) -> RecallReport:
        """Measure recall@k: ask for the neighbours of some rows, and compare with an exact search.

        Parameters
        ----------
        k : int
            Neighbours of each row, itself not counted.
        sample : int
            Rows to ask with; always the same ones of one index.
        recall : float, optional
            The target that searches are given; the index's own by default.
        threads : int, optional

        Returns
        -------
        RecallReport
            The mean and a 95 % interval. Queries unlike the rows may find less: see `calibrate`.

        Raises
        ------
        InvalidArgument
            The index keeps no vectors to compare with, or has fewer than two rows.
        IndexClosed
        KeyboardInterrupt

        Examples
        --------
        >>> import numpy as np, ruvector as rv
        >>> ix = rv.Index.build(np.random.default_rng(0).random((500, 8)))
        >>> ix.recall(k=5).mean
        1.0
        """
        report = _native.measure_recall(
            self._handle,
            positive("k", k),
            positive("sample", sample),
            0.0 if recall is None else share(recall),
            current.threads if threads is None else limit(threads),
        )
        return RecallReport(*report)
