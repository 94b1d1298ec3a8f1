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
    figure = Figure(figsize=(10, 7), dpi=150, layout="tight")
    plane = figure.subplots()
    plane.scatter(*flat.T, s=3, color="#aab7c4", linewidths=0, label=f"{len(flat):,} docstrings")
    plane.scatter(*flat[hits].T, s=70, color="#d1495b", zorder=3, label=f'"{question}"')
    for rank, (name, point) in enumerate(zip(names, flat[hits], strict=True)):
        plane.annotate(
            name,
            point,
            xytext=(40, 60 - 24 * rank),
            textcoords="offset points",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": "#d1495b", "linewidth": 0.6},
        )
    plane.set(title="The standard library by its docstrings (first two principal components)",
              xticks=[], yticks=[])  # fmt: skip
    plane.legend(frameon=False, loc="lower left")
    figure.savefig(path)
