"""After any two changes of an index, every verb answers from exactly the rows that are left.

The oracle is a list of rows in float64, bits unpacked one by one. The same of every sequence of
three changes, for all ways to keep vectors, is a Go test.
"""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ruvector as rv

NUMBERS = ("cosine", "dot", "l2", "sqeuclidean")
BITS = ("hamming", "jaccard")
SURE = {"recall": 1.0}


class Ledger:
    """An index, and the rows that it should hold in their order."""

    def __init__(self, kind: str, metric: str, keep: str, start: int, path: Path) -> None:
        self.rng = np.random.default_rng(start)
        self.metric, self.path = metric, path
        self.bits = metric in BITS
        self.width = 3 if self.bits else 6
        self.next = 0
        rows = self.fresh(start)
        self.index = rv.Index.build(
            np.array([rows[i] for i in rows]), metric=metric, kind=kind, keep=keep
        )
        self.rows = rows

    def fresh(self, n: int) -> dict[int, npt.NDArray[Any]]:
        """Return n rows under the ids that they will have."""
        if self.bits:
            made = self.rng.integers(0, 256, (n, self.width)).astype(np.uint8)
        else:
            made = self.rng.standard_normal((n, self.width)).astype(np.float32)
        self.next += n
        return {self.next - n + i: row for i, row in enumerate(made)}

    def scores(self, query: Any) -> dict[int, float]:
        """Return the score of every row in float64."""
        return {i: self.score(row, query) for i, row in self.rows.items()}

    def score(self, row: Any, query: Any) -> float:
        """Compare two rows in float64, bits one by one."""
        if self.bits:
            x, q = np.unpackbits(row), np.unpackbits(query)
            if self.metric == "hamming":
                return float((x != q).sum())
            return 1.0 - float((x & q).sum()) / max(float((x | q).sum()), 1.0)
        x, q = row.astype(float), query.astype(float)
        if self.metric == "dot":
            return float(x @ q)
        if self.metric == "cosine":
            return float(x @ q / (np.linalg.norm(x) * np.linalg.norm(q)))
        square = float(((x - q) ** 2).sum())
        return square if self.metric == "sqeuclidean" else square**0.5

    def best(self, query: Any, k: int, among: Any = None, without: int = -1) -> list[int]:
        """Return the ids of the k best rows, ties in the order of rows."""
        larger = self.metric in ("cosine", "dot")
        found = [
            (-score if larger else score, place, i)
            for place, (i, score) in enumerate(self.scores(query).items())
            if (among is None or i in among) and i != without
        ]
        return [i for _, _, i in sorted(found)[:k]]

    def same(self, answer: rv.SearchResult, query: Any, want: list[int]) -> None:
        """Compare one answer: ids in their order, scores, and the limits of the metric."""
        assert answer.ids.tolist() == want
        truth = [self.score(self.rows[i], query) for i in want]
        np.testing.assert_allclose(answer.scores, truth, rtol=2e-6, atol=2e-6)
        low = {"cosine": -1.0, "dot": -np.inf}.get(self.metric, 0.0)
        high = {"cosine": 1.0, "jaccard": 1.0}.get(self.metric, np.inf)
        assert ((answer.scores >= low) & (answer.scores <= high)).all()


def _add(book: Ledger, n: int) -> None:
    rows = book.fresh(n)
    book.index.add(None, np.array(list(rows.values())))
    book.rows.update(rows)


def _delete(book: Ledger, which: slice) -> None:
    gone = list(book.rows)[which]
    assert book.index.delete(gone) == len(gone)
    for i in gone:
        del book.rows[i]


def _upsert(book: Ledger) -> None:
    new = book.fresh(2)
    names = list(new)
    if book.rows:
        names[0] = list(book.rows)[len(book.rows) // 2]
        del book.rows[names[0]]
    assert book.index.upsert(names, np.array(list(new.values()))) in (0, 1)
    book.rows.update(zip(names, new.values(), strict=True))


def _replace(book: Ledger, other: Callable[[rv.Index, Path], rv.Index]) -> None:
    book.index = other(book.index, book.path)


def _reloaded(index: rv.Index, path: Path) -> rv.Index:
    index.save(path, vectors=True)
    return rv.Index.load(path)


CHANGES: dict[str, Callable[[Ledger], object]] = {
    "add one": lambda book: _add(book, 1),
    "add many": lambda book: _add(book, 40),
    "delete the first": lambda book: _delete(book, slice(0, 1)),
    "delete the last": lambda book: _delete(book, slice(-1, None)),
    "delete the built": lambda book: _delete(book, slice(0, 33)),
    "delete all": lambda book: _delete(book, slice(None)),
    "upsert": _upsert,
    "compact": lambda book: book.index.compact(),
    "pickle": lambda book: _replace(book, lambda index, _: pickle.loads(pickle.dumps(index))),
    "copy": lambda book: _replace(book, lambda index, _: copy.deepcopy(index)),
    "save": lambda book: _replace(book, _reloaded),
}


def _ask(book: Ledger) -> None:
    """Ask every verb."""
    index, rows = book.index, book.rows
    queries = np.array(list(book.fresh(3).values()))
    book.next -= 3
    names = list(rows)
    assert len(index) == len(rows)
    about = index.info()
    assert (about["rows"], about["usable"]) == (len(rows), len(rows))
    json.dumps(about, allow_nan=False)
    assert np.array_equal(np.asarray(index), np.array(list(rows.values())).reshape(-1, book.width))
    for query in queries[:2]:
        for k in (1, 7):
            book.same(index.search(query, k, **SURE), query, book.best(query, k))
    batch = index.search(queries, 4, **SURE)
    for i, query in enumerate(queries):
        n = int(batch.counts[i])
        assert batch.ids[i, :n].tolist() == book.best(query, 4)
    some = names[::3]
    book.same(index.search(queries[0], 5, ids=some, **SURE), queries[0],
              book.best(queries[0], 5, some))  # fmt: skip
    _ask_about_rows(book, names)
    _ask_ranges(book, queries[0])


def _ask_about_rows(book: Ledger, names: list[int]) -> None:
    index, rows = book.index, book.rows
    graph = index.neighbors(2, recall=1.0)
    assert graph.query_ids.tolist() == names
    for place, name in enumerate(names):
        if place % 9 and name != names[-1]:
            continue
        want = book.best(rows[name], 3, without=name)
        assert np.array_equal(index[name], rows[name])
        book.same(index.search(id=name, k=3, **SURE), rows[name], want)
        n = int(graph.counts[place])
        assert graph.ids[place, :n].tolist() == want[:2]
    with pytest.raises(rv.UnknownId):
        index.search(id=book.next + 7, k=1)


def _ask_ranges(book: Ledger, query: Any) -> None:
    ordered = book.best(query, len(book.rows))
    if not ordered:
        return
    half = ordered[: len(ordered) // 2 + 1]
    limit = np.float32(book.score(book.rows[half[-1]], query))
    larger = book.metric in ("cosine", "dot")
    limit = limit - np.float32(1e-5) if larger else limit + np.float32(1e-5)
    scores = book.scores(query)
    inside = [i for i in ordered if (scores[i] >= limit if larger else scores[i] <= limit)]
    name = "min_similarity" if larger else "max_distance"
    book.same(book.index.within(query, **{name: float(limit)}), query, inside)
    diverse = book.index.search(query, 3, diversity=0.3, **SURE)
    assert diverse.ids[0] == ordered[0] and len(set(diverse.ids.tolist())) == min(3, len(ordered))


@pytest.mark.sample(3)
@pytest.mark.parametrize("keep", ["borrow", "copy"])
@pytest.mark.parametrize(
    ("kind", "metric"),
    [*itertools.product(["exact", "flat", "ivf"], NUMBERS), ("exact", BITS[0]), ("exact", BITS[1])],
)
def test_every_verb_answers_after_any_two_changes(
    tmp_path: Path, kind: str, metric: str, keep: str
) -> None:
    for i, names in enumerate(itertools.product(CHANGES, repeat=2)):
        if metric in NUMBERS and i % 4 != len(kind + metric + keep) % 4:
            continue  # of these a quarter each, of bits all
        book = Ledger(kind, metric, keep, (1, 33, 32, 70)[i // 4 % 4], tmp_path / "a.rvx")
        for name in names:
            CHANGES[name](book)
        try:
            _ask(book)
        except Exception as error:
            raise AssertionError(f"{kind} {metric} {keep}, sequence {i}: {names}") from error
        book.index.close()


@pytest.mark.parametrize("verb", ["save", "pickle", "compact", "search", "asarray", "neighbors"])
@pytest.mark.parametrize("metric", BITS)
@pytest.mark.parametrize("cells", [False, True])
def test_bits_added_twice_and_deleted_are_not_lost(
    tmp_path: Path, metric: str, verb: str, cells: bool
) -> None:
    """Copies of packed bits were read as numbers once some of their rows were deleted."""
    rng = np.random.default_rng(3)
    for built, one, two in itertools.product((1, 7, 40), (1, 5, 33), (1, 4, 35)):
        bits = rng.integers(0, 256, (built + one + two, 4)).astype(np.uint8)
        parts = np.split(bits, [built, built + one])
        given = [list(part) if cells else part for part in parts]
        index = rv.Index.build(given[0], metric=metric)
        index.add(None, given[1])
        index.add(None, given[2])
        for gone in ([built], [built + one], [0, len(bits) - 1]):
            index.delete(gone, missing="ignore")
        if verb == "save":
            index = _reloaded(index, tmp_path / "a.rvx")
        elif verb == "pickle":
            index = pickle.loads(pickle.dumps(index))
        elif verb == "compact":
            index.compact()
        elif verb == "neighbors":
            index.neighbors(1)
        left = [i for i in range(len(bits)) if i not in (0, built, built + one, len(bits) - 1)]
        assert np.array_equal(np.asarray(index), bits[left])
        for i in left[:3]:
            answer = index.search(bits[i], 1)
            assert answer.scores[0] == 0 and np.array_equal(index[answer.ids[0]], bits[i])
