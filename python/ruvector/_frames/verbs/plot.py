"""`rv.plot`: the vectors of a frame as a picture."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ... import _native
from ..._arguments import positive
from ..._errors import EmptyIndex, InvalidArgument
from ..._habits import told
from ..._metric import BINARY, SCORE_NAMES, MetricName, canonical, larger_is_better, threshold
from ..._show import drawing
from .. import protocol
from ..adapters import wrap
from ..mapping import Places, Rows, drawn_rows, finite_rows, hit_rows, matrix_of, project, values_at
from ..question import Label
from ..target import Stages, Target, open_index, open_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any  # whoever reads the hints must not need matplotlib

_MOST_POINTS = 20_000
_MOST_ASKED = 2_000
_MOST_HITS = 20  # that are listed
_MOST_TEXTS = 40  # beside points, where no hits say which
_MOST_TRIED = 400
_AIM = 0.95


@told
def plot(
    frame: Any,
    *,
    on: Label | list[str] | None = None,
    text: Label | None = None,
    kind: Literal["map", "similarity"] = "map",
    hits: Any = None,
    color: Label | None = None,
    label: Label | None = None,
    projection: Any = "pca",
    metric: MetricName | None = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    embedder: Any = None,
    sample: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the vectors of a frame: as a map of its rows, or how alike the nearest rows are.

    ``kind="map"`` projects every row on the plane of the two directions in which the vectors vary
    most (principal components, of length 1 each with ``cosine``). ``kind="similarity"`` draws how
    many rows have their nearest other row at which score: where to put the threshold of `dedup`
    and `sim_join`.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
    on, text, embedder : as in `search`
    kind : {"map", "similarity"}
    hits : frame, positions of rows or booleans, optional
        Rows to mark on the map: what a search of this frame returned, or which rows.
    color : column label, optional
        Colours the points: by a scale for numbers, else by the six most frequent values.
    label : column label, optional
        Text of the first 20 hits, listed by number; without hits, texts beside some points.
    projection : {"pca", "umap"} or array, shape (n, 2)
        UMAP where ``umap-learn`` is installed; or your own coordinates, one row a row.
    metric : str, optional
        ``"cosine"`` when not given.
    min_similarity, max_distance : float, optional
        The threshold drawn into ``kind="similarity"``, with how many rows are within.
    sample : int, optional
        Rows drawn at random when there are more: 20,000 on the map (hits stay), 2,000 whose
        nearest row is looked for.
    ax : matplotlib Axes, optional
        Where to draw. New ones are transparent with grey ink, for light and dark.

    Returns
    -------
    matplotlib Axes
        Rows without a vector are left out. Equal frames give equal pictures.

    Raises
    ------
    MissingExtra
        matplotlib (or umap-learn) is not installed; says the pip line.
    EmptyIndex
        There is nothing to draw.
    InvalidVector
        A row is not finite; names it.
    ColumnError, MetricError, InvalidArgument, EmbedError

    Examples
    --------
    >>> import numpy as np, pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"emb": list(np.eye(4, dtype="float32"))})
    >>> rv.plot(df).get_xlabel()                                        # doctest: +SKIP
    'principal component 1'
    """
    wrapped, name = wrap(frame), canonical("cosine" if metric is None else metric)
    bound = threshold(name, min_similarity, max_distance)
    if name in BINARY:
        raise InvalidArgument(f"metric={metric!r} compares bits; a picture is drawn of numbers")
    most = None if sample is None else positive("sample", sample)
    _check(kind, bound, hits=hits, color=color, label=label, projection=projection)
    if ax is None:
        drawing.pyplot()  # before any work
    target = open_target(wrapped, on, text, embedder, Stages(), name)
    if kind == "similarity":
        return _similarities(target, name, bound, most or _MOST_ASKED, ax)
    vectors = target.vectors
    matrix = matrix_of(vectors, target.label)
    assert vectors is not None
    marked = np.empty(0, np.int64) if hits is None else hit_rows(wrapped, target, hits)
    rows = drawn_rows(vectors, matrix, most or _MOST_POINTS, marked)
    rows = finite_rows(matrix, rows, target.label)
    if not len(rows):
        raise EmptyIndex(f"column {target.label!r} has no vector to draw")
    places = project(matrix, projection, name, vectors.rows, rows)
    ax = drawing.axes_for(ax, 7.0, 5.0)
    _draw_points(ax, wrapped, places, color, faint=hits is not None and color is None)
    marked = np.searchsorted(places.rows, marked[np.isin(marked, places.rows)])
    if hits is not None:
        _mark(ax, places, marked)
    if label is not None:
        _write(ax, wrapped, places, marked if hits is not None else None, label)
    shown = f"{len(rows):,}" + (f" of {vectors.rows:,}" if len(rows) < vectors.rows else "")
    title = f"{_said(target.label)}: {shown} rows, {vectors.dim} dimensions"
    drawing.name_axes(ax, *places.axes, title)
    return ax


def _check(kind: str, bound: float | None, **given: Any) -> None:
    """Refuse arguments of the other kind of picture."""
    if kind not in ("map", "similarity"):
        raise InvalidArgument(f"kind={kind!r} must be 'map' or 'similarity'")
    if kind == "map" and bound is not None:
        raise InvalidArgument("a threshold is drawn into kind='similarity'")
    usual = isinstance(given["projection"], str) and given["projection"] == "pca"
    given["projection"] = None if usual else given["projection"]
    odd = [name for name, value in given.items() if value is not None]
    if kind == "similarity" and odd:
        raise InvalidArgument(f"{odd[0]}= is for kind='map'")


def _said(label: Any) -> str:
    return ", ".join(map(str, label)) if isinstance(label, list) else str(label)


def _size(count: int) -> float:
    return float(np.clip(15_000 / max(count, 1), 6, 36))


def _draw_points(ax: Axes, frame: protocol.Frame, places: Places, color: Any, faint: bool) -> None:
    x, y = places.points.T
    size = _size(len(x))
    if color is None:
        ax.scatter(
            x, y, s=size, c=drawing.REST if faint else drawing.COLOURS[0], alpha=0.6, linewidths=0
        )
        return
    kind, values = values_at(frame, color, places.rows)
    if kind == "number":
        known = np.isfinite(values)
        ax.scatter(x[~known], y[~known], s=size, c=drawing.REST, alpha=0.5, linewidths=0)
        drawn = ax.scatter(
            x[known],
            y[known],
            s=size,
            c=values[known],
            cmap=drawing.scale(),
            alpha=0.8,
            linewidths=0,
        )
        bar = ax.figure.colorbar(drawn, ax=ax)
        ink = ax.xaxis.label.get_color()
        bar.set_label(str(color), color=ink, parse_math=False)
        bar.ax.tick_params(colors=ink)
        bar.outline.set_visible(False)
        return
    often = [value for value, _ in Counter(values).most_common() if value][: len(drawing.COLOURS)]
    cells = np.array(values, object)
    rest = np.array([value not in often for value in values], np.bool_)
    if rest.any():
        ax.scatter(x[rest], y[rest], s=size, c=drawing.REST, alpha=0.4, linewidths=0)
    handles, names = [], []
    for value, colour, form in zip(often, drawing.COLOURS, drawing.FORMS, strict=False):
        mine = cells == value
        ax.scatter(x[mine], y[mine], s=size, c=colour, marker=form, alpha=0.7, linewidths=0)
        handles.append(ax.scatter([], [], s=30, c=colour, marker=form))
        names.append(drawing.short(value))
    if rest.any():
        handles.append(ax.scatter([], [], s=30, c=drawing.REST))
        names.append("others")
    drawing.legend(ax, handles, names, str(color), "upper")


def _mark(ax: Axes, places: Places, at: Rows) -> None:
    x, y = places.points[at].T
    ax.scatter(x, y, s=80, facecolors="none", edgecolors=drawing.MARK, linewidths=1.8, zorder=3)
    ax.scatter(x, y, s=12, c=drawing.MARK, linewidths=0, zorder=3)


def _write(ax: Axes, frame: protocol.Frame, places: Places, at: Rows | None, label: Any) -> None:
    """Write texts beside points: numbers beside hits, and a list of what they are."""
    if at is not None:
        at = at[:_MOST_HITS]
        texts = _texts(frame, label, places.rows[at])
        for number, row in enumerate(at, 1):
            drawing.beside(ax, places.points[row], str(number), mark=True)
        names = [f"{number}  {drawing.short(text)}" for number, text in enumerate(texts, 1)]
        handles = [ax.scatter([], [], s=0) for _ in names]
        drawing.legend(ax, handles, names, str(label), "lower")
        return
    count = min(_MOST_TRIED, len(places.rows))
    tried = np.random.default_rng(0).permutation(len(places.rows))[:count]
    texts = _texts(frame, label, places.rows[tried])
    chosen = drawing.apart(places.points[tried], [len(text) for text in texts])
    for i in chosen[:_MOST_TEXTS]:
        drawing.beside(ax, places.points[tried[i]], texts[i])


def _texts(frame: protocol.Frame, label: Any, rows: Rows) -> list[str]:
    _, texts = values_at(frame, label, rows)
    return [f"{text:g}" if isinstance(text, float | np.floating) else text for text in texts]


def _similarities(
    target: Target, metric: str, bound: float | None, most: int, ax: Axes | None
) -> Axes:
    vectors = target.vectors
    if vectors is None or vectors.handle is None or vectors.rows - vectors.nulls < 2:
        raise EmptyIndex(f"column {target.label!r} has no two vectors to compare")
    matrix = vectors.numbers()
    rows = drawn_rows(vectors, matrix, most, np.empty(0, np.int64))
    rows = finite_rows(matrix, rows, target.label)
    handle, _, vectors = open_index(target, metric, _AIM, Stages())
    none = np.empty((len(rows), 0), np.float32)
    _, scores, counts, _ = _native.search_rows(
        handle, none, 1, recall=_AIM, source=vectors.handle, like=rows
    )
    values = scores[:, 0][counts > 0]
    if not len(values):
        raise EmptyIndex(f"column {target.label!r} has no two vectors to compare")
    ax = drawing.axes_for(ax)
    edges = np.histogram_bin_edges(values, bins=min(60, max(10, int(2 * len(values) ** 0.5))))
    _, _, bars = ax.hist(values, bins=list(edges), color=drawing.COLOURS[0], alpha=0.85)
    score = SCORE_NAMES[metric].replace("_", " ")
    if bound is not None:
        _draw_bound(ax, values, edges, bars, bound, larger_is_better(metric))
    shown = f"{len(values):,}" + (f" of {vectors.rows:,}" if len(values) < vectors.rows else "")
    drawing.name_axes(
        ax, f"{score} to the nearest other row", "rows", f"{_said(target.label)}: {shown} rows"
    )
    return ax


def _draw_bound(ax: Axes, values: Any, edges: Any, bars: Any, bound: float, larger: bool) -> None:
    limit = np.float32(bound)
    within = values >= limit if larger else values <= limit
    for bar, low, high in zip(bars, edges[:-1], edges[1:], strict=True):
        if (low >= limit) if larger else (high <= limit):
            bar.set_facecolor(drawing.COLOURS[1])
            bar.set_hatch("//")
            bar.set_edgecolor(drawing.INK)
    line = ax.axvline(bound, color=drawing.MARK, linewidth=1.8, linestyle="--")
    sign = "≥" if larger else "≤"
    said = f"{sign} {bound:g}: {int(within.sum()):,} rows ({within.mean():.1%})"
    drawing.legend(ax, [line], [said])
