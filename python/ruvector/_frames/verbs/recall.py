"""`rv.recall`: how many of the true neighbours the searches of a frame find, measured."""

from __future__ import annotations

from typing import Any

from ... import _native
from ..._arguments import positive, share
from ..._habits import told
from ..._index.recall import RecallReport
from ..._locks import Lock
from ..._metric import MetricName, canonical
from ..._settings import current
from ..adapters import wrap
from ..question import Label
from ..target import Stages, open_index, open_target

_lent = Lock()  # while an index of the cache has the vectors of one frame


@told
def recall(
    frame: Any,
    on: Label | list[str] | None = None,
    k: int = 10,
    sample: int = 200,
    *,
    text: Label | None = None,
    embedder: Any = None,
    metric: MetricName = "cosine",
    recall: float = 0.95,
) -> RecallReport:
    """Measure recall@k of the searches of a frame: compare answers with those of an exact search.

    The index is the one that `search` uses for the frame behind the scenes, which is built and
    remembered if need be. Of an index of your own ask `Index.recall`.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
    on, text, embedder, metric
        As in `search`.
    k : int
        Neighbours of each row, itself not counted.
    sample : int
        Rows to ask with; always the same ones of the same content.
    recall : float
        The target that searches are given, as in `search`.

    Returns
    -------
    RecallReport
        The mean and its 95 % interval. Up to 10,000 rows, and for ``recall=1.0``, searches measure
        every row: then all are 1.0, and nothing has to be asked. Queries unlike the rows may find
        less.

    Raises
    ------
    InvalidArgument
        `k`, `sample` or `recall` is out of its range.
    ColumnError, InvalidVector, MetricError, EmbedError, MissingExtra
        As in `search`.
    KeyboardInterrupt

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.random.default_rng(0).random((500, 8)))})
    >>> rv.recall(df)
    RecallReport(recall@10 1.0, exact: every row is measured)
    """
    name, aim = canonical(metric), share(recall)
    k, sample = positive("k", k), positive("sample", sample)
    target = open_target(wrap(frame), on, text, embedder, Stages(), name)
    exact = RecallReport(1.0, 1.0, 1.0, k, 0)
    if target.vectors is None or target.vectors.handle is None:
        return exact
    handle, _, vectors = open_index(target, name, aim, Stages())
    if _native.info(handle)["kind"] == "exact":
        return exact
    with _lent:
        _native.attach(handle, vectors.handle)
        try:
            report = _native.measure_recall(handle, k, sample, aim, current.threads)
        finally:
            _native.attach(handle, None)
    return RecallReport(*report)
