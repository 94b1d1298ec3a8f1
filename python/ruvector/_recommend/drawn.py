"""The recall/latency curve of a recommendation, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .._show import drawing
from .curve import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS: Final = {
    "exact": (drawing.REST, "o"),
    "flat": (drawing.COLOURS[2], "s"),
    "ivf": (drawing.COLOURS[1], "^"),
}


def draw(
    points: Sequence[CurvePoint], chosen: CurvePoint, target: float, title: str, ax: Axes | None
) -> Axes:
    """Draw recall to the right and milliseconds of a query upwards, by logarithm."""
    ax = drawing.axes_for(ax)
    handles: list[Any] = []
    names: list[str] = []
    for kind, (colour, form) in _KINDS.items():
        mine = [point for point in points if point.kind == kind]
        if mine:
            x = [point.recall for point in mine]
            y = [point.p50_ms for point in mine]
            handles += ax.plot(x, y, color=colour, marker=form, markersize=6, linewidth=1.5)
            names.append(kind)
    handles.append(
        ax.scatter(
            [chosen.recall], [chosen.p50_ms], s=160, facecolors="none", edgecolors=drawing.MARK,
            linewidths=1.8, zorder=3,
        )
    )  # fmt: skip
    names.append("recommended")
    handles.append(ax.axvline(target, color=drawing.MARK, linestyle="--", linewidth=1.2))
    names.append(f"recall target {target:g}")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}")
    ax.tick_params(which="both", colors=ax.xaxis.label.get_color())
    drawing.legend(ax, handles, names)
    drawing.name_axes(ax, "recall@10", "milliseconds a query (median)", title)
    return ax
