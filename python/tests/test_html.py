"""What a notebook shows of every object: compact tables, the same every time, safe and quiet.

The pages are golden/html/*.html; ``RUVECTOR_GOLDEN=write pytest test_html.py`` writes them again.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ruvector as rv
from ruvector._recommend.choice import Choice
from ruvector._recommend.curve import CurvePoint
from ruvector._recommend.table import Limits

GOLDEN = pathlib.Path(__file__).parent / "golden" / "html"
ROWS = np.random.default_rng(17).standard_normal((400, 16), dtype=np.float32)
HOSTILE = "<script>alert(\"1\")</script> & 'co'"
MEASURED = re.compile(
    r"<tr><th[^>]*>\w+ ms</th><td[^>]*>[\d.]+</td></tr>|\b(pure|avx2|avx512|neon)\b"
)


def embed(texts: list[str]) -> Any:
    return np.array([[len(text), 1.0] for text in texts], np.float32)


def _flat(**options: Any) -> rv.Index:
    return rv.Index.build(ROWS, kind="flat", keep="copy", **options)


def _changed() -> rv.Index:
    index = _flat(ids=[f"id {i}" for i in range(400)])
    index.add(["new"], ROWS[:1])
    index.delete(["id 7"])
    return index


def _hostile_ids() -> Any:
    index = rv.Index.build(ROWS[:3], ids=[HOSTILE, "plain", "&amp;"])
    return index.search(ROWS[0], k=3)


def _recommended() -> rv.Recommendation:
    exact = rv.Candidate("exact", 0, 0, "auto", 0.95, 0, 153_600, 0.0, 0.04, 0.05, 9e4, 1, 1, 1)
    flat = rv.Candidate("flat", 5, 1, "auto", 0.95, 40_000, 153_600, 0.1, 0.02, 0.03, 2e5, 0.99,
                        0.98, 1.0)  # fmt: skip
    curve = [CurvePoint("exact", 0.95, 1.0, 0.04), CurvePoint("flat", 0.9, 0.97, 0.018),
             CurvePoint("flat", 0.95, 0.99, 0.02)]  # fmt: skip
    choice = Choice(flat, "flat is faster & <safe>")
    limits = Limits(0.95, 10**9, None)
    return rv.Recommendation((400, 96, "l2"), limits, choice, [exact, flat], curve, sample=400)


def _cache() -> Any:
    rv.cache.clear()
    with rv.config(cache_bytes=10**9):
        return rv.cache.info()


@functools.cache
def _plan() -> rv.Plan:
    return rv.Index.build(ROWS).search(ROWS[:5], k=3, recall=0.9).plan  # the same on any kernel


def _embedder_of_hostile_name() -> rv.Embedder:
    def own(texts: list[str]) -> Any:
        return embed(texts)

    own.__name__ = own.__qualname__ = HOSTILE
    return rv.Embedder.from_pretrained(own)


SHOWN: dict[str, Callable[[], Any]] = {
    "index_exact": lambda: rv.Index.build(ROWS, metric="l2"),
    "index_flat": _flat,
    "index_changed": _changed,
    "index_ivf": lambda: rv.Index.build(ROWS, kind="ivf", cells=4, keep="copy"),
    "index_codes": lambda: rv.Index.build(ROWS, kind="flat", keep="none"),
    "result": lambda: _flat().search(ROWS[0], k=3),
    "result_batch": lambda: _flat().search(ROWS[:2], k=2),
    "result_long": lambda: _flat().search(ROWS[0], k=30),
    "result_empty": lambda: _flat().search(ROWS[0], k=0),
    "result_hostile": _hostile_ids,
    "plan": _plan,
    "recommendation": _recommended,
    "recall": lambda: rv.RecallReport(0.975, 0.961, 0.984, 10, 200),
    "cache_info": _cache,
    "embedder": lambda: rv.Embedder.from_pretrained(embed),
    "embedder_hostile": _embedder_of_hostile_name,
}


def page(name: str) -> str:
    """Return what is shown, without what is measured, a tag a line so that changes are read."""
    text = MEASURED.sub("", SHOWN[name]()._repr_html_())
    return text.replace("</tr>", "</tr>\n").replace("><circle", ">\n<circle") + "\n"


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_what_was_looked_at(name: str) -> None:
    file = GOLDEN / f"{name}.html"
    if os.environ.get("RUVECTOR_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page(name), "utf-8")
    assert page(name) == file.read_text("utf-8")


def others() -> dict[str, Any]:
    frame = pd.DataFrame({HOSTILE: ["a"], "emb": list(ROWS[:1])})
    polars: Any = pl.DataFrame({HOSTILE: ["a"], "emb": ROWS[:1]})
    found = {
        "pandas accessor": frame.ruvector,
        "polars accessor": polars.ruvector,
        "series accessor": frame["emb"].ruvector,
        "cache": rv.cache,
    }
    return {name: thing for name, thing in found.items() if hasattr(thing, "_repr_html_")}


@pytest.mark.parametrize("name", [*SHOWN, *others()])
def test_a_page_is_one_compact_table_that_loads_and_runs_nothing(name: str) -> None:
    thing = SHOWN[name]() if name in SHOWN else others()[name]
    text = thing._repr_html_()
    lowered = text.lower()
    for banned in ("<script", "<link", "<img", "<iframe", "javascript:", " on", "url(", "@import"):
        assert banned not in re.sub(r">[^<]*<", "><", lowered), banned
    assert "http" not in lowered.replace("http://www.w3.org/2000/svg", "")
    tree = ElementTree.fromstring(f"<div>{text}</div>")  # every tag is closed, every sign escaped
    assert len(tree.findall(".//table")) == 1
    assert len(text) < 12_000
    shown = "".join(tree.itertext())
    assert ">None<" not in text and "object at 0x" not in shown


@pytest.mark.parametrize("name", [*SHOWN, *others()])
def test_a_page_has_no_colours_that_hide_on_dark(name: str) -> None:
    thing = SHOWN[name]() if name in SHOWN else others()[name]
    text = thing._repr_html_()
    assert "background" not in text
    assert "color-scheme:light dark" in text
    for style in re.findall(r'style="([^"]*)"', text):
        colours = re.findall(r"(?<![-\w])color:([^;]+)", style)
        assert set(colours) <= {"inherit"}
    for colour in re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', text):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        assert 60 < 0.3 * red + 0.59 * green + 0.11 * blue < 200  # on white and on black


@pytest.mark.parametrize("name", [*SHOWN, *others()])
def test_a_page_has_a_plain_twin(name: str) -> None:
    thing = SHOWN[name]() if name in SHOWN else others()[name]
    text = repr(thing)
    assert "object at 0x" not in text and "<table" not in text
    assert text == repr(thing)


@pytest.mark.parametrize("name", ["result_hostile", "embedder_hostile"])
def test_names_of_users_are_text(name: str) -> None:
    text = SHOWN[name]()._repr_html_()
    assert "<script>" not in text
    tree = ElementTree.fromstring(f"<div>{text}</div>")
    assert any(HOSTILE in (cell.text or "") for cell in tree.iter())


def test_control_signs_do_not_break_a_page() -> None:
    index = rv.Index.build(ROWS[:2], ids=["a\x00b\x0c", "c\r\nd"])
    text = index.search(ROWS[0], k=2)._repr_html_()
    ElementTree.fromstring(f"<div>{text}</div>")
