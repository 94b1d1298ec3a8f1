"""The model behind `rv.recommend(rows, dim)`: its constants are the engine's, its sums are sane."""

from __future__ import annotations

import pathlib
import re

import pytest

from ruvector._recommend import model
from ruvector._recommend.model import Counts, Design, Speeds

BUILD = pathlib.Path(__file__).parents[2] / "arrowidx" / "internal" / "build"


def in_go(file: str, name: str) -> list[int]:
    """The numbers of a constant, or of the constants of one line, of the engine."""
    found = re.search(rf"^\s*{name}\s*=\s*([\d_, ]+)", (BUILD / file).read_text(), re.MULTILINE)
    assert found, name
    return [int(number.replace("_", "")) for number in found[1].split(",")]


@pytest.mark.parametrize(
    ("file", "name", "values"),
    [
        ("cells.go", "mostHeld", ["_MOST_HELD"]),
        ("cells.go", "severalHeld", ["_SEVERAL_HELD"]),
        ("cells.go", "smallSet", ["_SMALL_SET"]),
        ("cells.go", "fewestHeld", ["_FEWEST_HELD"]),
        ("cells.go", "heldOutShare", ["_HELD_OUT_SHARE"]),
        ("kmeans.go", "wideRounds, wideRows", ["_WIDE_ROUNDS", "_WIDE_ROWS"]),
        ("kmeans.go", "closeRounds, closeRows", ["_CLOSE_ROUNDS", "_CLOSE_ROWS"]),
    ],
)
def test_numbers_of_the_engine_are_those_of_the_engine(
    file: str, name: str, values: list[str]
) -> None:
    assert in_go(file, name) == [getattr(model, value) for value in values]


@pytest.mark.parametrize(
    ("rows", "held"),
    [(4, 1), (400, 50), (3_000, 64), (6_000, 125), (6_001, 384), (30_000, 625), (10**6, 2_048)],
)
def test_rows_are_held_out_as_builds_do(rows: int, held: int) -> None:
    assert model.held_out(rows) == held


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("bits", [1, 5, 8])
@pytest.mark.parametrize("dim", [1, 16, 100, 384, 4_096])
def test_more_rows_never_cost_less(kind: str, bits: int, dim: int) -> None:
    before = (0.0, 0.0, 0.0)
    for rows in (1, 10, 1_000, 30_000, 10**6, 10**9):
        design = Design(kind, rows, dim, "cosine", 0 if kind == "exact" else bits, True)
        counts = model.typical_counts(design)
        assert all(0 <= count <= rows for count in counts), design
        now = (
            model.build_seconds(design, Speeds()),
            model.query_seconds(design, counts, Speeds(), False),
            model.batch_seconds(design, counts, Speeds()),
        )
        assert all(a < b < float("inf") for a, b in zip(before, now, strict=True)), design
        before = now


def test_seconds_are_those_that_were_measured() -> None:
    """100,000 generated rows of 384 dimensions, as shown on the machine of the prices."""
    counts = Counts(881, 40, 11)
    design = Design("ivf", 100_000, 384, "cosine", 5, True)
    assert model.query_seconds(design, counts, Speeds(), False) == pytest.approx(31e-6, rel=0.3)
    assert model.batch_seconds(design, counts, Speeds()) == pytest.approx(18e-6, rel=0.3)
    assert model.build_seconds(design, Speeds()) == pytest.approx(1.24, rel=0.5)  # 1.7 with copies
