"""The index of words beside bm25s: python benchmarks/words.py [--rows N].

Both cut the same texts themselves, keep every word, and find the same ten rows. Times are the best
of three, in seconds of the clock and of the processor: the latter do not count what other processes
took. bm25s runs on NumPy, without numba.
"""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

import bm25s
import numpy as np
from neighbours import Neighbours
from spent import best

from ruvector._native.words import build_words, search_words, words_info

K = 10
QUERIES = 1000
VOCABULARY = 60_000


def texts_of(rows: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Return texts of 2 to 22 words, and queries of 2 to 5; words are as frequent as Zipf says."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(2, VOCABULARY + 2)
    letters = np.array(list("etaoinshrdlu"))
    words = ["".join(letters[rng.integers(0, 12, 2 + i.bit_length() // 2)]) + str(i % 7)
             for i in range(VOCABULARY)]  # fmt: skip

    def some(count: int, low: int, high: int) -> list[str]:
        lengths = rng.integers(low, high, count)
        drawn = rng.choice(VOCABULARY, lengths.sum(), p=frequency / frequency.sum())
        ends = np.cumsum(lengths)
        return [" ".join(words[w] for w in drawn[end - n : end])
                for n, end in zip(lengths.tolist(), ends.tolist(), strict=True)]  # fmt: skip

    return some(rows, 2, 23), some(QUERIES, 2, 6)


def cut(texts: list[str]) -> Any:
    """Cut texts as bm25s does, every word kept."""
    pattern = r"(?u)\b\w+\b"
    return bm25s.tokenize(texts, token_pattern=pattern, stopwords=[], show_progress=False)


def index_of(texts: list[str]) -> bm25s.BM25:
    """Build the peer's index."""
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(cut(texts), show_progress=False)
    return peer


def measure(rows: int) -> list[str]:
    """Return the lines of the table."""
    texts, queries = texts_of(rows)
    build, ours = best(lambda: build_words(texts))
    build_peer, peer = best(lambda: index_of(texts))
    one, _ = best(lambda: [search_words(ours, [query], K) for query in queries[:100]])
    one_peer, _ = best(
        lambda: [peer.retrieve(cut([q]), k=K, show_progress=False) for q in queries[:100]]
    )
    many, found = best(lambda: search_words(ours, queries, K))
    many_peer, theirs = best(lambda: peer.retrieve(cut(queries), k=K, show_progress=False))
    full = found[2] == K
    np.testing.assert_allclose(found[1][full], theirs.scores[full], rtol=1e-5)
    about = words_info(ours)
    lines = [
        f"{rows:,} texts, {about['tokens']:,} words, {about['terms']:,} different; index "
        f"{about['bytes'] / 1e6:.1f} MB",
        "",
        "| what | ours | bm25s | processor, ours | bm25s | times |",
        "|---|---|---|---|---|---|",
    ]
    for what, mine, other, count, unit in [
        ("build, texts/s", build, build_peer, rows, 0),
        ("one query, ms", one, one_peer, 100, 1e3),
        (f"{QUERIES:,} queries, ms each", many, many_peer, QUERIES, 1e3),
    ]:  # fmt: skip
        cells = [f"{count / t:,.0f}" if not unit else f"{unit * t / count:.3f}"
                 for t in (mine.clock, other.clock, mine.processor, other.processor)]  # fmt: skip
        times = f"{other.clock / mine.clock:.1f}x, {other.processor / mine.processor:.1f}x"
        lines.append(f"| {what} | {' | '.join(cells)} | {times} |")
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    with Neighbours() as others:
        lines = measure(parser.parse_args().rows)
    print("\n".join(lines))
    print(f"\nOther processes used {others.cores or 0:.1f} cores meanwhile.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
