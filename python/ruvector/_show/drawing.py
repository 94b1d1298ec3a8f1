"""What pictures have in common: matplotlib when it is asked for, axes, colours."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito 2008, told apart with every kind of colour blindness; without the yellow, which is
# not seen on white, and with a form of its own for each.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C564B")
FORMS: Final = ("o", "s", "^", "D", "v", "p")
REST: Final = "#8C8C8C"
MARK: Final = "#D55E00"  # of Okabe and Ito, too: what is pointed at
SCALE: Final = (COLOURS[0], COLOURS[1])  # of numbers: neither end is lost on white or black
LETTERS: Final = 32  # of a text in a picture
LETTER: Final = (0.0125, 0.04)  # width and height of one, axes being 1 x 1
INK: Final = "#7A7A7A"  # seen on white and on black


def pyplot() -> Any:
    """Return matplotlib.pyplot, imported now.

    Raises
    ------
    MissingExtra
    """
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        pip = "pip install 'ruvector-arrow[viz]'"
        raise MissingExtra(f"pictures need matplotlib: {pip}", pip=pip) from error


def axes_for(ax: Axes | None, width: float = 7.0, height: float = 4.5) -> Axes:
    """Return the axes to draw in: those of the user as they are, else new ones without ground.

    New ones are transparent and their ink is grey, so that they are read on light and dark.

    Raises
    ------
    InvalidArgument
        ``ax`` is something else; says what.
    MissingExtra
    """
    if ax is not None:
        if not hasattr(ax, "scatter") or not hasattr(ax, "set_xlabel"):
            what = type(ax).__name__
            more = "; of several axes pass one, axes[0]" if what in ("ndarray", "list") else ""
            raise InvalidArgument(f"ax={what} is not a matplotlib Axes{more}")
        return ax
    figure, made = pyplot().subplots(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    made.patch.set_alpha(0)
    made.tick_params(colors=INK, which="both")
    for spine in made.spines.values():
        spine.set_color(INK)
    for side in ("top", "right"):
        made.spines[side].set_visible(False)
    for text in (made.xaxis.label, made.yaxis.label, made.title):
        text.set_color(INK)
    out: Axes = made
    return out


def name_axes(ax: Axes, x: str, y: str, title: str) -> None:
    """Write what the axes are; names of a user's columns are never read as formulas."""
    for text, said in ((ax.xaxis.label, x), (ax.yaxis.label, y), (ax.title, title)):
        text.set_text(said)
        text.set_parse_math(False)


def scale() -> Any:
    """Return the colours of numbers, from blue to orange."""
    return importlib.import_module("matplotlib.colors").LinearSegmentedColormap.from_list(
        "ruvector", SCALE
    )


def legend(
    ax: Axes, handles: Sequence[Any], names: Sequence[str], title: str = "", corner: str = ""
) -> None:
    """Draw a legend without a ground, in the ink of the axes.

    ``corner`` (``"upper"`` or ``"lower"``) puts it right of the axes, beside one that is there.
    """
    ink = ax.xaxis.label.get_color()
    told = [f" {name}" if name.startswith("_") else name for name in names]  # else left out
    place: dict[str, Any] = {"loc": "best"}
    if corner:
        place = {
            "loc": f"{corner} left", "bbox_to_anchor": (1.01, 1.0 if corner == "upper" else 0.0),
            "borderaxespad": 0,
        }  # fmt: skip
    earlier = ax.get_legend()
    drawn = ax.legend(
        handles, told, title=title or None, framealpha=0, labelcolor=ink, fontsize=8, **place
    )
    if earlier is not None:
        ax.add_artist(earlier)
    for text in (*drawn.get_texts(), drawn.get_title()):
        text.set_parse_math(False)
    drawn.get_title().set_color(ink)


def short(text: str) -> str:
    """Return a text as one line of few letters."""
    line = " ".join(text.split())
    return line if len(line) <= LETTERS else line[: LETTERS - 1] + "…"


def beside(ax: Axes, point: Any, text: str, mark: bool = False) -> None:
    """Write a short text beside a point, as a mark if it is one."""
    ink = MARK if mark else ax.xaxis.label.get_color()
    ax.annotate(
        short(text), (float(point[0]), float(point[1])), (7, 5) if mark else (5, 3),
        textcoords="offset points", fontsize=8, color=ink, weight="bold" if mark else "normal",
        zorder=4, parse_math=False,
    )  # fmt: skip


def apart(points: Any, lengths: Sequence[int]) -> list[int]:
    """Return which points can have texts of so many letters beside them without overlap.

    ``points``, shape (n, 2), fill the axes; earlier ones go first.
    """
    low, wide = points.min(axis=0), np.ptp(points, axis=0)
    places = (points - low) / np.where(wide > 0, wide, 1)
    boxes: list[tuple[float, float, float]] = []
    kept: list[int] = []
    for at, ((x, y), letters) in enumerate(zip(places.tolist(), lengths, strict=True)):
        end = x + LETTER[0] * (min(letters, LETTERS) + 2)
        if all(end < b[0] or x > b[1] or abs(y - b[2]) > LETTER[1] for b in boxes):
            boxes.append((x, end, y))
            kept.append(at)
    return kept
