"""`rv.similarity_quantiles`: how near rows are to each other, to choose a threshold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._arguments import positive, whole
from ..._errors import InvalidArgument
from ..._habits import told
from ..._metric import BINARY, SCORE_NAMES, MetricName, canonical, larger_is_better
from ..._native import Handle
from ..._native.within import within as find_within
from ..._settings import current
from ..adapters import wrap
from ..question import FrameT, Label
from ..target import Stages, open_index, open_target

QUANTILES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_RECALL: Final = 0.99  # of the nearest rows, where they are not found exactly
_PAIRS: Final = 256  # rows of which all pairs are measured

Scores = npt.NDArray[np.float32]


@told
def similarity_quantiles(
    frame: FrameT,
    on: Label | list[str] | None = None,
    *,
    text: Label | None = None,
    sample: int = 1000,
    seed: int = 42,
    metric: MetricName | None = None,
    embedder: Any = None,
) -> FrameT:
    """Measure how near rows are to their nearest row, and to any row: to choose a threshold.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
        Not changed.
    on, text, metric, embedder : optional
        As in `dedup`.
    sample : int
        Rows drawn at random whose nearest other row, of all rows, is looked for.
    seed : int
        Of the draw: the same seed draws the same rows.

    Returns
    -------
    frame of the same type
        Nine rows. ``quantile``, from 0.01 to 0.99, and of scores (named by the metric, such as
        ``cosine_similarity``, as float64) the greatest that at least this share of the sample does
        not exceed: ``nearest_<score>`` between a row and its nearest other row,
        ``random_<score>`` between two rows of any kind, of up to 256 rows. Null when fewer than two
        rows have vectors.

        With ``min_similarity=`` the ``nearest_`` value of quantile 0.9, about a tenth of the rows
        have a duplicate; with ``max_distance=`` it is that of quantile 0.1. Good thresholds are
        well beyond nearly all of ``random_``.

    Raises
    ------
    InvalidArgument
        `sample` is below 1, `seed` below 0.
    MetricError, ColumnError, InvalidVector, EmbedError, MissingExtra
        As `dedup`.
    KeyboardInterrupt

    See Also
    --------
    dedup, duplicate_groups

    Notes
    -----
    Up to 10,000 rows the nearest row is found exactly, above at recall 0.99.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))})
    >>> table = rv.similarity_quantiles(df)
    >>> table.loc[table["quantile"] == 0.5, "nearest_cosine_similarity"].item()
    1.0
    """
    wrapped = wrap(frame)
    name = canonical("cosine" if metric is None else metric)
    sample, seed = positive("sample", sample), whole("seed", seed)
    if seed < 0:
        raise InvalidArgument(f"seed={seed} must be 0 or more")
    stages = Stages()
    target = open_target(wrapped, on, text, embedder, stages, name)
    near = anyhow = np.empty(0, np.float32)
    if target.vectors is not None and target.vectors.handle is not None:
        handle, _, vectors = open_index(target, name, _RECALL, stages)
        rows = _rows_with_vectors(handle, vectors.dim, name, vectors.handle)
        near, anyhow = _measure(handle, rows, sample, seed, wrapped.height, vectors.handle)
    called = current.score_column or SCORE_NAMES[name]
    columns: dict[str, list[float | None]] = {
        "quantile": list(QUANTILES),
        f"nearest_{called}": _quantiles(near),
        f"random_{called}": _quantiles(anyhow),
    }
    answer: FrameT = wrapped.make(columns, dict.fromkeys(columns, "float"))
    return answer


def _rows_with_vectors(handle: Handle, dim: int, metric: str, source: Handle) -> Any:
    """Return the rows that can be found, rising: those that are within any distance."""
    query = np.zeros((1, dim), np.uint8 if metric in BINARY else np.float32)
    everything = -np.inf if larger_is_better(metric) else np.inf
    rows = find_within(handle, query, metric, everything, source=source, threads=current.threads)[0]
    return np.sort(rows)


def _measure(
    handle: Handle, rows: Any, sample: int, seed: int, height: int, source: Handle
) -> tuple[Scores, Scores]:
    """Return the scores of sampled rows with their nearest, and of pairs of any rows."""
    random = np.random.default_rng(seed)
    asked = np.sort(random.choice(rows, min(sample, len(rows)), replace=False))
    near = _like(handle, asked, 1, None, source)
    left, right = (random.choice(rows, min(_PAIRS, len(rows)), replace=False) for _ in range(2))
    mask = np.zeros(height, np.bool_)
    mask[right] = True
    return near, _like(handle, left, len(right), mask, source)


def _like(
    handle: Handle, rows: Any, k: int, mask: npt.NDArray[np.bool_] | None, source: Handle
) -> Scores:
    """Return the scores of the k rows nearest to each row, itself left out."""
    if not len(rows):
        return np.empty(0, np.float32)
    _, scores, counts, _ = _native.search_rows(
        handle,
        np.empty((len(rows), 0), np.float32),
        k,
        recall=_RECALL if mask is None else 1.0,
        mask=mask,
        like=rows,
        source=source,
        threads=current.threads,
    )
    return scores[np.arange(scores.shape[1]) < counts[:, None]]


def _quantiles(scores: Scores) -> list[float | None]:
    if not len(scores):
        return [None] * len(QUANTILES)
    found = np.quantile(scores.astype(np.float64), QUANTILES, method="inverted_cdf")
    return [float(value) for value in found]
