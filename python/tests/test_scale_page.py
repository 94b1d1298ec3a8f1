"""docs/scale.md: its figures are those of its formulas, and its formulas those of sense."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import re
import sys
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

import scale_page

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = scale_page.PAGE.read_text("utf-8")
FOUND = json.loads((ROOT / "benchmarks" / "scale.json").read_text())


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's blocks define."""
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in scale_page.FENCE.finditer(PAGE):
            if block[1] == "python":
                exec(block[2], found)
    return found


def test_every_figure_of_the_page_is_what_its_formula_gives():
    assert scale_page.rendered(PAGE, FOUND) == PAGE


def test_a_figure_that_drifted_is_found():
    drifted = re.sub(r"(\d) us a query", r"\1.5 us a query", PAGE)
    assert drifted != PAGE and scale_page.rendered(drifted, FOUND) == PAGE
    slower = json.loads(json.dumps(FOUND))
    slower["merge"]["value"] *= 2
    assert scale_page.rendered(PAGE, slower) != PAGE


def test_figures_in_the_prose_stand_in_a_table_or_among_the_assumptions():
    prose = scale_page.FENCE.sub("", PAGE)
    blocks = "\n".join(block[2] for block in scale_page.FENCE.finditer(PAGE))
    told = re.findall(r"([\d.,]*\d) (us|s|min|h|GB|TB|dollars)\b", prose)
    assumed = {("10", "TB"), ("64", "GB"), ("1", "GB")}
    missing = [
        (number, unit)
        for number, unit in told
        if (number, unit) not in assumed
        and not re.search(rf"(?<![\d.,]){re.escape(number)} {unit}\b", blocks)
        and not (unit == "dollars" and re.search(rf"(?<![\d.,]){re.escape(number)}$", blocks, re.M))
    ]
    assert told and not missing


def test_memory_moves_and_time_follow_from_the_sizes(names):
    few, many = (names["index_plan"](10**9, right) for right in (10**5, 10**6))
    assert many["moved"] == pytest.approx(10 * few["moved"])
    assert many["memory"] > few["memory"] and many["seconds"] > few["seconds"]
    assert names["index_plan"](10**6, 10**9)["fits"] is False
    codes = names["index_plan"](10**6, 10**8, vectors=False)
    assert codes["fits"] and codes["memory"] > 10**8 * names["BYTES"]
    for plan in (names["index_plan"], names["queries_plan"], names["routed_plan"]):
        assert plan(10**10, 10**6)["seconds"] > plan(10**6, 10**6)["seconds"]
        assert plan(10**5, 10**8)["dollars"] > plan(10**5, 10**6)["dollars"]


def test_no_plan_is_faster_than_its_slowest_part(names):
    left, right = names["ROWS"], 10**6
    found = names["index_plan"](left, right)
    reading = left * names["VECTOR"] / names["NODES"] / names["STORE"]
    searching = left * names["search"](right) / names["NODES"] / names["CORES"]
    assert found["seconds"] >= max(reading, searching)
    hours = found["dollars"] / names["PRICE"] / names["NODES"] / names["CORES"]
    assert hours == pytest.approx(found["seconds"] / 3600)


def test_each_plan_is_the_best_somewhere(names):
    sizes = names["sizes"]
    chosen = {names["best"](left, right)["plan"] for left in sizes for right in sizes}
    assert chosen == {"index", "queries", "routed"}
