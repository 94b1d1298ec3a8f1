"""Chunks beside the splitters of others: python benchmarks/chunks.py [--folder F] [--megabytes N].

All cut the same texts, the text files of a folder, to chunks of at most 1,000 characters. Times are
the best of three, in seconds of the clock and of the processor: the latter do not count what other
processes took. Every piece that says where it is is compared with its place.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import chonkie
import langchain_text_splitters as langchain
import semchunk
from neighbours import Neighbours
from spent import Spent, best

import ruvector as rv

BUDGET = 1000
LONGEST = 300_000  # bytes of one text: some of the others take time with its square


def texts_of(folder: str, most: int) -> list[str]:
    """Return the texts of a folder in the order of their paths, as many bytes as asked for."""
    texts, size = [], 0
    for path in sorted(_paths(folder)):
        try:
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
                text = file.read(LONGEST + 1).decode()
        except (OSError, ValueError, EOFError):
            continue
        if len(text) <= LONGEST and text.strip() and "\0" not in text:
            texts.append(text)
            size += len(text)
        if size > most:
            break
    return texts


def _paths(folder: str) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        yield from (os.path.join(where, name) for name in names)


def of_ours(texts: list[str], **how: Any) -> Callable[[], list[tuple[int, int, int]]]:
    """Cut with this package; return text, start and end of the chunks."""

    def work() -> list[tuple[int, int, int]]:
        found = rv.chunk(texts, **how)
        columns = (found.text.tolist(), found.start.tolist(), found.end.tolist())
        return list(zip(*columns, strict=True))

    return work


def with_langchain(texts: list[str]) -> list[tuple[int, str, int]]:
    """Cut with the recursive splitter of langchain, which looks for its pieces in the text."""
    splitter = langchain.RecursiveCharacterTextSplitter(
        chunk_size=BUDGET, chunk_overlap=0, add_start_index=True
    )
    return [
        (row, piece.page_content, piece.metadata["start_index"])
        for row, text in enumerate(texts)
        for piece in splitter.create_documents([text])
    ]


def with_semchunk(texts: list[str]) -> list[tuple[int, str, int]]:
    """Cut with semchunk, by characters."""
    chunker = semchunk.chunkerify(len, BUDGET)
    found = []
    for row, text in enumerate(texts):
        pieces, places = chunker(text, offsets=True)
        found += [(row, piece, at) for piece, (at, _) in zip(pieces, places, strict=True)]
    return found


def with_chonkie(chunker: Any) -> Callable[[list[str]], list[tuple[int, str, int]]]:
    """Cut with a chunker of chonkie, by characters."""

    def work(texts: list[str]) -> list[tuple[int, str, int]]:
        return [
            (row, piece.text, piece.start_index)
            for row, text in enumerate(texts)
            for piece in chunker(text)
        ]

    return work


def measure(folder: str, megabytes: float) -> list[str]:
    """Return the lines of the table."""
    texts = texts_of(folder, int(megabytes * 1e6))
    size = sum(map(len, texts)) / 1e6
    lines = [
        f"{len(texts):,} texts of {folder}, {size:.1f} million characters; at most {BUDGET:,} "
        "characters a chunk.",
        "",
        "| what | seconds | processor | million characters/s | chunks | wrong places |",
        "|---|---|---|---|---|---|",
    ]

    def line(name: str, spent: Spent, chunks: int, wrong: str) -> None:
        lines.append(f"| {name} | {spent.clock:.3f} | {spent.processor:.3f} | "
                     f"{size / spent.processor:.0f} | {chunks:,} | {wrong} |")  # fmt: skip

    exact = {"budget": BUDGET, "unit": "characters"}
    for name, how in [
        ("`rv.chunk`, one thread", {**exact, "threads": 1}),
        ("`rv.chunk`", exact),
        ("`rv.chunk`, Markdown", {**exact, "kind": "markdown", "threads": 1}),
        ("`rv.chunk`, 256 estimated tokens", {"threads": 1}),
    ]:
        spent, found = best(of_ours(texts, **how))
        assert all(texts[row][start:end].strip() for row, start, end in found)
        line(name, spent, len(found), "none")
    for name, work in [
        ("langchain `RecursiveCharacterTextSplitter`", with_langchain),
        ("semchunk", with_semchunk),
        ("chonkie `FastChunker`", with_chonkie(chonkie.FastChunker(chunk_size=BUDGET))),
        ("chonkie `RecursiveChunker`", with_chonkie(chonkie.RecursiveChunker(chunk_size=BUDGET))),
        (
            "chonkie `SentenceChunker`",
            with_chonkie(chonkie.SentenceChunker(chunk_size=BUDGET, chunk_overlap=0)),
        ),
    ]:
        spent, pieces = best(lambda work=work: work(texts))
        wrong = sum(texts[row][at : at + len(piece)] != piece for row, piece, at in pieces)
        line(name, spent, len(pieces), f"{wrong:,}")
    peers = ("langchain-text-splitters", "semchunk", "chonkie")
    return [*lines, "", ", ".join(f"{peer} {version(peer)}" for peer in peers) + "."]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="/usr/share/doc")
    parser.add_argument("--megabytes", type=float, default=5)
    given = parser.parse_args()
    with Neighbours() as others:
        lines = measure(given.folder, given.megabytes)
    print("\n".join(lines))
    print(f"\nOther processes used {others.cores or 0:.1f} cores meanwhile.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
