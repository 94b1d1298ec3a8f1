"""curves-<set>.png: recall against queries a second, one at a time and in a batch."""

from __future__ import annotations

import pathlib
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from . import curves
from .curves import WAYS
from .records import Result, SetResults
from .table import TITLES
from .variants import OURS

LOWEST = 0.85
_OURS_COLOUR = "#c1121f"
_COLOURS = {
    "NumPy": "#6b7280",
    "rabitqlib IVF": "#1d4ed8",
    "SymphonyQG": "#0891b2",
    "rabitqlib HNSW": "#7dd3fc",
    "faiss IVF": "#15803d",
    "faiss HNSW": "#86c06c",
    "turbovec": "#a21caf",
    "hnswlib": "#d97706",
    "usearch": "#eab308",
    "Rust ruvector": "#78350f",
}


def draw(one: SetResults, machine: dict[str, Any], path: pathlib.Path) -> None:
    """Write the picture of one data set: each family's frontier, ours on top."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.6), sharey=True)
    families: dict[str, list[Result]] = {}
    for result in one.results:
        families.setdefault(result.family, []).append(result)
    for way, axis in zip(WAYS, axes, strict=True):
        for family, results in families.items():
            if family != OURS:
                _line(axis, curves.frontier((p for r in results for p in r.points), way), family)
        ours = [result for result in families.get(OURS, []) if result.group == 0]
        for style, result in zip(("-", "--", ":"), ours, strict=False):
            _line(axis, curves.frontier(result.points, way), result.name, style)
        threads = machine["threads"]
        on = "one thread" if way == "one" else f"{one.meta['nq']:,} queries, {threads} threads"
        axis.set_title(f"{TITLES[way]}, {on}", fontsize=11)
        _furnish(axis)
    axes[0].set_ylabel("queries a second")
    m = one.meta
    title = f"{m['name']}: {m['n']:,} x {m['dim']}, {m['metric']}, k = 10"
    figure.suptitle(f"{title}. {machine['cpu']}, {machine['date']}", fontsize=12)
    shown = sorted(zip(*axes[0].get_legend_handles_labels(), strict=True), key=_place)
    figure.legend(*zip(*shown, strict=True), loc="lower center", ncols=7, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def _place(entry: tuple[Any, str]) -> bool:
    """Ours before the peers in the legend; otherwise as drawn."""
    return entry[1] in _COLOURS


def _line(axis: Axes, curve: curves.Curve, name: str, style: str = "-") -> None:
    """One curve, from the last point below LOWEST on."""
    shown = [point for point in curve if point[0] >= LOWEST]
    ours = name not in _COLOURS
    axis.plot(
        [recall for recall, _ in shown],
        [rate for _, rate in shown],
        label=name,
        linestyle=style,
        color=_COLOURS.get(name, _OURS_COLOUR),
        linewidth=2.6 if ours else 1.3,
        marker="o" if ours else "s",
        markersize=5 if ours else 3.5,
        zorder=3 if ours else 2,
    )


def _furnish(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.0f}"))
    axis.set_xlim(LOWEST, 1.003)
    axis.set_xlabel("recall@10")
    for target in curves.TARGETS:
        axis.axvline(target, color="#d1d5db", linewidth=0.8, zorder=0)
    axis.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
