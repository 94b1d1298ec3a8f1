"""`Index.neighbors`: the graph of the nearest neighbours of its own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._arguments import limit, share, whole
from .._errors import InvalidArgument
from .._native.neighbors import neighbors as find_neighbors
from .._progress import Progress
from .._settings import current
from .._show.plan import Plan, remember
from .method import method
from .result import SearchResult, absent_id, widen

if TYPE_CHECKING:
    from .index import Index


@method
def neighbors(
    self: Index,
    k: int = 15,
    *,
    recall: float | None = None,
    threads: int | None = None,
    progress: Progress = None,
) -> SearchResult:
    """Find the `k` nearest other rows of every row: the graph that UMAP and its kin begin with.

    A row is not its own neighbour, rows that equal it are. Much faster than a search with every
    row: kinds flat and ivf of 8,192 rows or more make the graph as a whole, until a sample of
    256 rows has the share of its true neighbours that `recall` asks for. Changed indexes,
    ``dot`` and recall above 0.99 search row by row; so does what misses its target.

    Parameters
    ----------
    k : int
        Neighbours of each row; fewer come back only when there are fewer rows.
    recall : float, optional
        Share of the true neighbours aimed for, the index's own by default; 1.0 is exact.
    threads : int, optional
    progress : bool or callable, optional
        Show a progress line, by default after one second; or called with (rows done, rows).

    Returns
    -------
    SearchResult
        ``ids``, ``scores``, shape (n, k), and ``counts``, shape (n,). Row i belongs to the
        i-th row of the index, whose id is ``result.query_ids[i]``: rows in the order in which
        they were given, those added later behind, deleted ones left out. Null rows have no
        neighbours. `SearchResult.to_pandas` and its kin have a column ``query_id``.

    Raises
    ------
    InvalidArgument
        k below 0; the index keeps no vectors to ask with.
    LimitExceeded
        n * k is above 2**31.
    IndexClosed
    KeyboardInterrupt
        Ctrl-C stops the work and leaves the index as it is.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> ix = rv.Index.build(np.float32([[0], [1], [3]]), metric="l2")
    >>> ix.neighbors(k=1).ids.ravel().tolist()
    [1, 0, 1]
    """
    k = whole("k", k)
    if k < 0:
        raise InvalidArgument(f"k={k} must be 0 or more")
    names, found, scores, counts, raw = find_neighbors(
        self._handle,
        k,
        recall=0.0 if recall is None else share(recall),
        threads=current.threads if threads is None else limit(threads),
        progress=current.progress if progress is None else progress,
    )
    if self._id_kind == "uint64":
        names = names.view(np.uint64)
    plan = Plan(raw, "given", recall, self._calibrated)
    remember(plan)
    ids: npt.NDArray[Any] = np.full(found.shape, absent_id(names.dtype), names.dtype)
    present = found >= 0
    ids[present] = names[found[present]]
    if k > ids.shape[1]:
        ids, scores = widen(ids, scores, k)
    return SearchResult(ids, scores, counts, self, plan, False, names)
