"""Fills docs/scale.md: `python benchmarks/scale_page.py` writes it again from scale.json.

The first block is what was measured, as Python; each block of text holds what the block of Python
before it printed. So no figure of the page can be another than its formula gives.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import re
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "scale.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def constants(found: dict[str, Any]) -> str:
    """Return the first block: figures of scale.json, rounded to three digits."""
    sizes = dict(found["sizes"]["value"])
    source, run = sizes.pop("source"), found["parquet"]["run"]
    files, cells = found["parquet"]["value"], found["cells"]["value"]
    search = {int(rows): f"{sizes[rows]['search']:.3g}" for rows in sizes}
    largest = sizes[max(sizes, key=int)]
    named = ", ".join(f"{rows:_}: {seconds}" for rows, seconds in sorted(search.items()))
    lines = [
        f"# benchmarks/peers/results.md: {source['cpu']}, {source['date']}",
        f"SEARCH = {{{named}}}  # a query of a batch, by rows of the index",
        f"BUILD = {largest['build']:.3g}  # a row coded into an index",
        f"BYTES = {largest['bytes']:.0f}  # of a row in an index without vectors",
        f"# benchmarks/scale.py: {run['cpu']}, {run['date']}",
        f"READ = {files['read']:.3g}  # bytes a second of vectors read from parquet",
        f"SCORE = {files['score']:.3g}  # a row read, passed on and written, beside its search",
        f"PART_IN, PART_OUT = {files['write']['input']:.0f}, {files['write']['output']:.0f}"
        "  # bytes a row of the files scored and written",
        f"MERGE = {found['merge']['value']:.3g}  # a query and a part whose answers are merged",
        f"PROBES = {cells['probes']}  # cells a left row asks, of a routed join",
        f"CELL_ROWS, CELL_SECONDS = 50_000, {cells['seconds']:.3g}  # a query in a cell",
    ]
    return "\n".join(lines) + "\n"


def rendered(page: str, found: dict[str, Any]) -> str:
    """Return the page with its figures calculated."""
    names: dict[str, Any] = {}
    printed = ""
    begun = False

    def fill(block: re.Match[str]) -> str:
        nonlocal printed, begun
        language, text = block[1], block[2]
        if language == "python":
            text, begun = (text, True) if begun else (constants(found), True)
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, str(PAGE), "exec"), names)
            printed = out.getvalue()
        elif language == "text":
            text = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
        return f"```{language}\n{text}```"

    return FENCE.sub(fill, page)


if __name__ == "__main__":
    measured = json.loads((HERE / "scale.json").read_text())
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), measured), "utf-8")
