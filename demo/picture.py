"""The texts in two dimensions, with one question's hits marked."""

from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from ruvector import _native


def draw(
    column: pa.Array, names: list[str], hits: np.ndarray, question: str, path: pathlib.Path
) -> None:
    """Write a PNG: every row by its two principal components, the rows `hits` marked by name."""
    flat = _native.pca(_native.column_from_capsule(column), 2)
    figure = Figure(figsize=(11, 7), dpi=150, layout="tight")
    plane = figure.subplots()
    plane.scatter(*flat.T, s=3, color="#aab7c4", linewidths=0, label=f"{len(flat):,} docstrings")
    plane.scatter(*flat[hits].T, s=60, color="#d1495b", zorder=3, label=f'"{question}"')
    # Names stand to the right of the cloud, in the order of their points, so that no lines cross.
    from_top = sorted(zip(flat[hits].tolist(), names, strict=True), key=lambda hit: -hit[0][1])
    for place, (point, name) in enumerate(from_top):
        plane.annotate(
            name,
            point,
            xytext=(1.02, 0.85 - 0.09 * place),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": "#d1495b", "lw": 0.6, "relpos": (0, 0.5)},
        )
    plane.set(
        title="The standard library by its docstrings (first two principal components)",
        xticks=[],
        yticks=[],
    )
    plane.legend(frameon=False, loc="lower left")
    figure.savefig(path)
