"""From files to a prompt in five lines, and from vectors that are there in four."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ruvector as rv

DOCS = Path(__file__).parents[2] / "docs"

FROM_FILES = """
import ruvector as rv
kb = rv.read(docs / "*.md", frame=frame).ruvector.embed("text")
hits = kb.ruvector.hybrid(question, text="text", k=5)
prompt = rv.prompt(question, hits)
"""

FROM_VECTORS = """
index = rv.Index.build(kb["embedding"])
found = index.search(rv.Embedder.from_pretrained("default").embed_query(question), k=5)
prompt = rv.prompt(question, found.rows(kb), source=None)
"""


def _run(lines: str, **names: Any) -> dict[str, Any]:
    """Run lines with names given, and return all names."""
    assert len(ast.parse(lines).body) < 5, "under five lines"
    exec(compile(lines, "<five lines>", "exec"), names)
    return names


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_files_become_a_prompt_in_under_five_lines_and_half_a_minute(frame: str) -> None:
    question = "Where is the file of an unfinished save, and who removes it?"
    begin = time.monotonic()
    made = _run(FROM_FILES, docs=DOCS, frame=frame, question=question)
    assert time.monotonic() - begin < 30
    hits = made["hits"]
    assert type(hits).__module__.partition(".")[0] == frame
    assert len(hits) == 5 and {"text", "path", "start", "end", "embedding"} <= set(hits.columns)
    assert question in str(made["prompt"]) and "[1]" in str(made["prompt"])
    first = {column: next(iter(hits[column])) for column in ("text", "path", "start", "end")}
    assert all(line in str(made["prompt"]) for line in first["text"].splitlines())
    assert rv.source(first["path"])[first["start"] : first["end"]] == first["text"]


def test_vectors_that_are_there_answer_in_under_five_lines() -> None:
    texts = ["Rye flour absorbs water.", "Gravel bikes have wide tyres.", "Mars has two moons."]
    kb = pl.DataFrame({"text": texts}).ruvector.embed("text", embedder="default")
    made = _run(FROM_VECTORS, rv=rv, kb=kb, question="which bicycle for gravel roads?")
    assert made["index"].search(made["kb"]["embedding"][1], k=1).ids[0] == 1
    assert made["found"].ids[0] == 1
    assert str(made["prompt"]).index(texts[1]) < str(made["prompt"]).index(texts[0])
