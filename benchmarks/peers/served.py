"""A process of the comparison: variants of one data set, built here and asked in turns with others.

``python -m peers.served CACHE SET THREADS`` answers requests on its standard input, among them
`open` (build), `sweep` (coarsely, to find the settings that matter), `ask` and `batch`.
"""

from __future__ import annotations

import ctypes
import gc
import pathlib
import sys
import time
from typing import Any, NamedTuple

import numpy as np

from . import datasets, pipes, worker
from .adapters.peer import K, Peer
from .truth import Matrix
from .variants import Settings, Variant, for_set, thinned

_FEW = 100  # queries asked one at a time in a sweep
_FEW_SECONDS = 0.5


class _Opened(NamedTuple):
    """A built variant, and its queries in the form that it takes one at a time."""

    variant: Variant
    peer: Peer
    singles: Any


class Served:
    """The variants that live in this process."""

    def __init__(self, cache: pathlib.Path, name: str, threads: int) -> None:
        self._cache, self._name, self._threads = cache, name, threads
        folder = cache / name
        query, ids, far = (np.load(folder / f"{p}.npy") for p in ("query", "gt_ids", "gt_dist"))
        meta = datasets.read_meta(cache, name)
        self._data = datasets.DataSet(np.empty((0, 0), np.float32), query, ids, far, meta)
        self._open: dict[str, _Opened] = {}
        self._tuned: tuple[str, Settings, int] | None = None
        self._found: dict[str, Any] = {}

    def open(self, name: str) -> dict[str, Any]:
        """Build a variant, and say what it took."""
        variant = next(v for v in for_set(self._data.meta) if v.name == name)
        data = self._data._replace(base=self._rows())
        peer = worker.load(variant, self._data.meta["dim"], self._data.meta["metric"])
        record = worker.built(peer, data, variant, self._threads)
        self._open[name] = _Opened(variant, peer, peer.singles(data.query))
        if any(one.peer.borrowed for one in self._open.values()):
            self._data = data  # one copy for all who borrow
        del data
        _give_back()
        return record

    def _rows(self) -> Matrix:
        if len(self._data.base):
            return self._data.base
        rows: Matrix = np.load(self._cache / self._name / "base.npy")
        return rows

    def drop(self, name: str) -> None:
        """Let a variant go."""
        self._open.pop(name)
        self._tuned = None
        if not any(one.peer.borrowed for one in self._open.values()):
            self._data = self._data._replace(base=np.empty((0, 0), np.float32))
        _give_back()

    def sweep(self, name: str, parts: list[str], thin: bool) -> list[dict[str, Any]]:
        """One record a setting, until recall has reached its end: recall and coarse rates."""
        opened = self._open[name]
        swept = thinned(opened.variant.sweep) if thin else opened.variant.sweep
        self._tuned = None
        return list(
            worker.sweep(swept, lambda settings: self._coarsely(opened, settings, set(parts)))
        )

    def _coarsely(self, opened: _Opened, settings: Settings, parts: set[str]) -> dict[str, Any]:
        peer, data = opened.peer, self._data
        peer.tune(self._threads, **settings)
        begin = time.perf_counter()
        found = np.asarray(peer.many(data.query))
        seconds = time.perf_counter() - begin
        reach = worker.recall_of(found, data)
        record = {"record": "coarse", "settings": settings, "recall": reach}
        if reach < worker.LOWEST and len(opened.variant.sweep) > 1:
            return record
        if "batch" in parts:
            record["batch"] = len(data.query) / seconds
        if "one" in parts:
            peer.tune(1, **settings)
            record["one"] = _few_alone(peer, opened.singles)
        return record

    def ask(self, name: str, settings: Settings, queries: list[int], first: bool) -> dict[str, Any]:
        """Ask these queries one at a time, after one that does not count.

        Answers of the `first` pass are kept for `judge`. Nanoseconds of each, and of the processor.
        """
        opened = self._tune(name, settings, 1)
        call, singles, clock = opened.peer.one, opened.singles, time.perf_counter_ns
        answers, spent = [], []
        call(singles[queries[0] - 1])
        gc.disable()
        cpu = time.process_time_ns()
        for number in queries:
            query = singles[number]
            before = clock()
            answer = call(query)
            spent.append(clock() - before)
            answers.append(answer)
        cpu = time.process_time_ns() - cpu
        gc.enable()
        if first:
            kept = self._found.setdefault(_key(name, settings), {})
            kept.update(zip(queries, (np.ravel(a)[:K] for a in answers), strict=True))
        return {"spent": spent, "cpu": cpu}

    def judge(self, name: str, settings: Settings) -> dict[str, float]:
        """Recall of what was found one at a time, and by how much a batch of the same differs."""
        kept = self._found.pop(_key(name, settings), None)
        if kept is None:  # of a process before this one
            opened = self._tune(name, settings, 1)
            kept = {at: np.ravel(opened.peer.one(q))[:K] for at, q in enumerate(opened.singles)}
        opened = self._tune(name, settings, self._threads)
        asked = sorted(kept)
        data = self._data._replace(ids=self._data.ids[asked], distances=self._data.distances[asked])
        alone = worker.recall_of([kept[number] for number in asked], data)
        together = worker.recall_of(opened.peer.many(self._data.query[asked]), data)
        return {"recall": alone, "gap": alone - together}

    def batch(self, name: str, settings: Settings) -> int:
        """Nanoseconds of all queries in one call."""
        opened = self._tune(name, settings, self._threads)
        gc.disable()
        begin = time.perf_counter_ns()
        opened.peer.many(self._data.query)
        spent = time.perf_counter_ns() - begin
        gc.enable()
        return spent

    def _tune(self, name: str, settings: Settings, threads: int) -> _Opened:
        opened = self._open[name]
        if self._tuned != (name, settings, threads):
            opened.peer.tune(threads, **settings)
            self._tuned = name, settings, threads
        return opened


def _few_alone(peer: Peer, singles: Any) -> float:
    """Queries a second of the better of two passes over some queries."""
    peer.one(singles[-1])
    best, count = float("inf"), 0
    begin = time.perf_counter()
    for query in singles[:_FEW]:
        peer.one(query)
        count += 1
        if time.perf_counter() - begin > _FEW_SECONDS:
            break
    best = (time.perf_counter() - begin) / count
    if count == min(_FEW, len(singles)):
        begin = time.perf_counter()
        for query in singles[:count]:
            peer.one(query)
        best = min(best, (time.perf_counter() - begin) / count)
    return 1 / best


def _key(name: str, settings: Settings) -> str:
    return f"{name} {sorted(settings.items())}"


def _give_back() -> None:
    """Return freed memory to the system, so that the next build's peak is its own."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def main(arguments: list[str]) -> int:
    """Answer until nothing more is asked."""
    cache, name, threads = arguments
    one = Served(pathlib.Path(cache), name, int(threads))
    pipes.serve(
        {"open": one.open, "drop": one.drop, "sweep": one.sweep, "ask": one.ask,
         "judge": one.judge, "batch": one.batch}
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
