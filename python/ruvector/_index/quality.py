"""How well an index answers: `Index.recall` measures it, `Index.calibrate` fits it to queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _native
from .._arguments import limit, positive, share
from .._errors import InvalidArgument
from .._settings import current
from .asking import queries_of
from .method import method
from .recall import RecallReport

if TYPE_CHECKING:
    from .index import Index


@method
def calibrate(self: Index, queries: Any, *, threads: int | None = None) -> None:
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
    matrix, _ = queries_of(self, queries)
    _native.calibrate(self._handle, matrix, current.threads if threads is None else limit(threads))
    self._warned = False  # other targets may be out of reach


@method
def recall(
    self: Index,
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
