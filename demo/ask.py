"""`make demo`: ask the standard library of this Python six questions.

Reads every docstring from the sources, embeds them, builds an index over the Arrow column,
answers, says what was done and how long each part took, and writes demo.png.
"""

from __future__ import annotations

import pathlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from picture import draw
from stdlib_docs import Entry, docstrings

import ruvector as rv

QUESTIONS = [
    "how do I read a zip file",
    "compute the median of numbers",
    "how to make a temporary directory",
    "split a string like a shell does",
    "cache the results of a function",
    "parse command line arguments",
]
MARKED = 0  # the question whose hits the picture marks
K = 5
PICTURE = pathlib.Path("demo.png")

spent: dict[str, float] = {}


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Add the seconds of a block to `spent`."""
    begin = time.perf_counter()
    yield
    spent[part] = spent.get(part, 0.0) + time.perf_counter() - begin


def main() -> int:
    """Everything, in the order of the docstring above."""
    with timed("read the sources"):
        entries = docstrings()
    with timed("load the model"):
        embedder = rv.Embedder.from_pretrained("default")
    with timed("embed"):
        vectors = embedder.encode([entry.text for entry in entries])
        column = rv.to_column(vectors, like=pa.table({}))
    with timed("build the index"):
        index = rv.Index.build(column, metric="cosine")
    print(f"{len(entries):,} docstrings of Python {sys.version.split()[0]}'s standard library\n")
    for question in QUESTIONS:
        with timed("embed six questions"):
            query = embedder.encode([question])[0]
        with timed("search six times"):
            result = index.search(query, K)
        show(question, entries, result)
    with timed("draw"):
        hits = index.search(embedder.encode([QUESTIONS[MARKED]])[0], K).ids
        draw(column, [entries[i].name for i in hits], hits, QUESTIONS[MARKED], PICTURE)
    summary(index, result, len(entries))
    return 0


def show(question: str, entries: list[Entry], result: rv.SearchResult) -> None:
    """One question and its answers: score, name, first line."""
    print(question)
    for row, score in zip(result.ids, result.scores, strict=True):
        entry = entries[row]
        line = f"  {score:.3f}  {entry.name:<44} {entry.first_line}"
        print(line if len(line) <= 110 else line[:107] + "...")
    print()


def summary(index: rv.Index, result: rv.SearchResult, rows: int) -> None:
    """What was done, how many bytes it takes, and where the time went."""
    info = index.info()
    print("what was done")
    print(f"  index     {index.kind}, {index.metric}, {len(index):,} rows x {index.dim}")
    print(f"  last plan {str(result.plan).removeprefix('Plan: ')}")
    print(f"  bytes     {info['index_bytes']:,} of our own, {info['borrowed_bytes']:,} borrowed"
          " from the Arrow column")  # fmt: skip
    features = rv.cpu_features()
    print(f"  backend   {features['tier']} (this CPU has: {', '.join(features['available'])})")
    print(f"  picture   {PICTURE}\n\nseconds")
    for part, seconds in spent.items():
        print(f"  {seconds:8.4f}  {part}")
    print(f"  {sum(spent.values()):8.4f}  in all, {rows:,} texts")


if __name__ == "__main__":
    sys.exit(main())
