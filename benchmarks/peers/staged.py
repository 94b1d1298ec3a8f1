"""The process behind `peers.stages`: one build of ours, its queries timed stage by stage.

``python -m peers.staged CACHE SET CELLS THREADS FOLDER`` answers requests on its standard input.
"""

from __future__ import annotations

import gc
import hashlib
import pathlib
import sys
import time
from typing import Any

import numpy as np

import ruvector as rv

from . import datasets, pipes, truth
from .adapters.peer import K
from .stages import COUNTED, STAGES, TIMED, reduced


class Staged:
    """An index of ours, and the times of what it was asked: passes x queries x `TIMED`."""

    def __init__(
        self, cache: pathlib.Path, name: str, cells: int, threads: int, folder: pathlib.Path
    ) -> None:
        self._data = datasets.read(cache, name)
        self._queries = list(self._data.query)
        self._folder, self._cells, self._threads = folder, cells, threads
        self._spent: dict[float, list[Any]] = {}
        self._counts: dict[float, Any] = {}
        self._found: dict[float, Any] = {}

    def build(self) -> dict[str, Any]:
        """Build, or load what the same library built of the same rows before."""
        assert rv.__file__ is not None
        library = pathlib.Path(rv.__file__).parent / "_lib" / "libruvector.so"
        kept = hashlib.sha256(library.read_bytes()).hexdigest()[:16]
        meta = self._data.meta
        kept = f"{meta['name']}-{meta['sha256'][:8]}-{self._cells}-{kept}.rvx"
        begin = time.perf_counter()
        if (self._folder / kept).exists():
            self._index = rv.Index.load(self._folder / kept, vectors=self._data.base)
        else:
            self._index = rv.Index.build(
                self._data.base, keep="borrow", kind="ivf", cells=self._cells,
                metric=meta["metric"], threads=self._threads, progress=False,
            )  # fmt: skip
            self._folder.mkdir(parents=True, exist_ok=True)
            self._index.save(self._folder / kept, vectors=False)
        return {"seconds": time.perf_counter() - begin, "library": str(library),
                "tier": rv.cpu_features()["tier"], "queries": len(self._queries)}  # fmt: skip

    def begin(self, recall: float) -> None:
        """Begin a pass."""
        shape = len(self._queries), len(TIMED)
        self._spent.setdefault(recall, []).append(np.zeros(shape, np.int64))
        if recall not in self._found:
            self._counts[recall] = np.zeros((len(self._queries), len(COUNTED)))
            self._found[recall] = np.full((len(self._queries), K), -1, np.int64)

    def ask(self, recall: float, low: int, high: int) -> None:
        """Ask queries [low, high) one at a time; what they did is read after the last."""
        index, clock, answers, spent = self._index, time.perf_counter_ns, [], []
        index.search(self._queries[low - 1], K, threads=1, recall=recall)
        gc.disable()
        for query in self._queries[low:high]:
            before = clock()
            answer = index.search(query, K, threads=1, recall=recall)
            spent.append(clock() - before)
            answers.append(answer)
        gc.enable()
        for at, call, answer in zip(range(low, high), spent, answers, strict=True):
            plan = answer.plan
            self._spent[recall][-1][at] = [*engine(plan._raw), call]
            self._counts[recall][at] = [getattr(plan, name) for name in COUNTED]
            self._found[recall][at, : len(answer.ids)] = answer.ids

    def figures(self, recall: float) -> dict[str, Any]:
        """Recall, microseconds a query and means of the counts."""
        spent = np.array(self._spent[recall])
        reach = truth.recall(self._found[recall], self._data.ids, self._data.distances, K)
        counts = dict(zip(COUNTED, self._counts[recall].mean(axis=0).tolist(), strict=True))
        return {"recall": reach, "us": reduced(spent), "counts": counts}


def engine(raw: Any) -> list[int]:
    """Nanoseconds of `STAGES` and of the engine as a whole, from an rv_plan."""
    first = getattr(raw, "ns_first", 0)  # of `ns_route`; older builds do not tell
    spent = {name: getattr(raw, f"ns_{name}", 0) for name in STAGES}
    spent |= {"route": raw.ns_route - first, "first": first}
    return [*spent.values(), raw.ns_total]


def main(arguments: list[str]) -> int:
    """Answer until nothing more is asked."""
    cache, name, cells, threads, folder = arguments
    one = Staged(pathlib.Path(cache), name, int(cells), int(threads), pathlib.Path(folder))
    pipes.serve({"build": one.build, "begin": one.begin, "ask": one.ask, "figures": one.figures})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
