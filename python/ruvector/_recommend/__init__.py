"""`recommend`: which index to build, answered from a model or measured on this machine."""

from __future__ import annotations

import operator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from .._arguments import positive, seed_of, whole
from .._errors import InvalidArgument, LimitExceeded, MetricError
from .._frames.adapters import is_frame, wrap
from .._frames.target import Stages, naming, open_target
from .._habits import told
from .._input.vectors import Vectors, read_vectors
from .._metric import MetricName, canonical

if TYPE_CHECKING:
    from .result import Recommendation

_MOST_ROWS: Final = 2**31 - 1
_COMPARED: Final = ("cosine", "dot", "l2", "sqeuclidean")
_MOST_DIMENSIONS: Final = 65_536


@overload
def recommend(
    n: int,
    dim: int,
    recall_target: float = ...,
    *,
    memory: int | str | None = ...,
    qps: float | None = ...,
    metric: MetricName = ...,
    filtered: bool = ...,
) -> Recommendation: ...


@overload
def recommend(
    n: Any,
    *,
    on: Any = ...,
    recall_target: float = ...,
    memory: int | str | None = ...,
    qps: float | None = ...,
    metric: MetricName = ...,
    filtered: bool = ...,
    embedder: Any = ...,
    sample: int | None = ...,
    seed: int = ...,
) -> Recommendation: ...


@told
def recommend(
    n: Any,
    dim: int | None = None,
    recall_target: float = 0.95,
    *,
    on: Any = None,
    memory: int | str | None = None,
    qps: float | None = None,
    metric: MetricName = "cosine",
    filtered: bool = False,
    embedder: Any = None,
    sample: int | None = None,
    seed: int = 42,
) -> Recommendation:
    """Recommend an index: ``recommend(n, dim)`` from a model, ``recommend(data)`` measured.

    Given numbers it answers from a model, whose prices are scaled by how fast this machine is
    (some tens of milliseconds, once a process). How clustered vectors are decides the figures of
    codes and cells by a factor of up to five either way, and a model cannot know it. Given data
    it draws a sample, builds and searches every candidate over it (a few seconds), and reports
    what that gives for all rows.

    Parameters
    ----------
    n : int, or a column of vectors, or a frame
        Number of vectors; or what `Index.build` takes; or a pandas or polars DataFrame or pyarrow
        Table.
    dim : int
        Dimensions, 1 to 65,536; only with a number of vectors.
    recall_target : float
        Share of the true 10 nearest neighbours to find, above 0 and at most 1.
    on : column label, or list of patterns, optional
        The column of a frame, as in `search`: vectors, or text, which is embedded first.
    memory : int or str, optional
        Bytes that may stay in memory, for the index and the vectors that it keeps alive: a number
        or text like ``"2GB"``.
    qps : float, optional
        Queries a second that a batch must reach.
    metric : {"cosine", "dot", "l2", "euclidean", "sqeuclidean"}
    filtered : bool
        Searches will use ``where=`` or ``ids=``: measured with a filter that a tenth of the rows
        pass.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of a column of text.
    sample : int, optional
        Rows to measure, 100 or more, all where there are no more. When not given, by the
        dimensions: for cells 4,096 to 16,384, for codes (built faster) up to 65,536; ``exact`` is
        measured over all. More rows make extrapolation shorter and the answer slower.
    seed : int
        Of the sample.

    Returns
    -------
    Recommendation
        ``.kind``, ``.params``, ``.why``, ``.table``, ``.source`` and ``.build(data)``.

    Raises
    ------
    InvalidArgument
        Numbers outside their range; the message says which.
    LimitExceeded
        Nothing fits into `memory` (names the smallest that works), or `n` is above 2**31 - 1.
    InvalidVector, ColumnError, MetricError, EmbedError
        As `Index.build` and `search`. Every row is read once, NaN is found wherever it is.

    Notes
    -----
    Thread-safe. Measured times are the best of several, and other work on the machine slows them
    down. The model's form is in ``_recommend_model.py``, and a test holds it against builds.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.recommend(5_000, 64).kind
    'exact'
    >>> rv.recommend(1_000_000, 384, memory="600MB").params["keep"]
    'none'
    """
    from .measured import from_data  # here, so that importing the package stays short
    from .modelled import from_model
    from .table import limits_of

    limits = limits_of(recall_target, memory, qps)
    name = canonical(metric)
    if name not in _COMPARED:
        raise MetricError(
            f"metric={metric!r} has nothing to choose: vectors of bits are compared by kind "
            f"'exact' alone; candidates are compared for {', '.join(map(repr, _COMPARED))}"
        )
    if not isinstance(filtered, bool | np.bool_):
        raise InvalidArgument(f"filtered={filtered!r} must be True or False")
    seed = seed_of(seed)
    drawn = None if sample is None else positive("sample", sample)
    if drawn is not None and drawn < 100:
        raise InvalidArgument(f"sample={sample} must be 100 rows or more")
    if _is_number(n):
        if on is not None or sample is not None or embedder is not None:
            raise InvalidArgument(
                "on=, embedder= and sample= are about data; rv.recommend(n, dim) has none"
            )
        return from_model(*_shape(n, dim), name, limits, bool(filtered))
    if dim is not None:
        raise InvalidArgument(
            f"dim={dim!r} goes with a number of vectors, rv.recommend(n, dim); data tell theirs"
        )
    vectors, label = _vectors_of(n, on, embedder)
    with nullcontext() if label is None else naming(label):
        return from_data(vectors, name, limits, bool(filtered), drawn, seed, (label, embedder))


def _is_number(n: Any) -> bool:
    if isinstance(n, float | np.floating):
        raise InvalidArgument(f"n={n!r} must be a whole number of vectors, for example 1_000_000")
    try:
        operator.index(n)
    except TypeError:
        return False
    return True


def _shape(n: Any, dim: Any) -> tuple[int, int]:
    if isinstance(n, bool) or isinstance(dim, bool):
        raise InvalidArgument("n and dim must be whole numbers, not truth values")
    if dim is None:
        raise InvalidArgument(f"n={n} says how many vectors; give dim= too, or pass the data")
    rows, dim = whole("n", n), whole("dim", dim)
    if rows < 0:
        raise InvalidArgument(f"n={rows} must be 0 or more")
    if rows > _MOST_ROWS:
        raise LimitExceeded(f"n={rows:,} is more than the {_MOST_ROWS:,} rows of one index")
    if not 1 <= dim <= _MOST_DIMENSIONS:
        raise InvalidArgument(f"dim={dim} must lie between 1 and {_MOST_DIMENSIONS:,}")
    return rows, dim


def _vectors_of(data: Any, on: Any, embedder: Any) -> tuple[Vectors, Any]:
    """Return the vectors of a column or a frame, and the column's label (None for no frame)."""
    if on is None and not is_frame(data):
        from .._frames.sources import column_of_source

        return read_vectors(column_of_source(data, False)), None
    target = open_target(wrap(data), on, None, embedder, Stages())
    assert target.vectors is not None
    return target.vectors, target.label
