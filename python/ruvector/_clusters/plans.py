"""Which of three plans answers a join on a cluster, and why; cores divided among workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .._arguments import bytes_of, positive
from .._errors import InvalidArgument
from .._metric import BINARY

PLANS: Final = ("auto", "index", "queries", "routed")
MOST_QUERIES: Final = 100_000  # left rows that are sent to every worker
MEMORY: Final = 512 << 20  # bytes of the right side that every worker may hold


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What a verb does on the cluster.

    Attributes
    ----------
    plan : {"index", "queries", "routed"}
        ``index``: the index goes to every worker, left rows stay where they are. ``queries``:
        left rows go to every worker, right rows stay, the best of all parts are merged.
        ``routed``: rows of both sides go to the worker of their cell.
    why : str
        What decided it.
    workers, threads : int
        Workers, where known (0: the engine decides), and the threads of each.
    left_rows, right_rows : int or None
        Rows, where they were counted.
    right_bytes : int or None
        Bytes of the right side's vectors or index.
    cells, probes, hot : int
        Of ``routed``: cells, cells that each left row asks, cells that were salted.
    """

    plan: str
    why: str
    workers: int = 0
    threads: int = 1
    left_rows: int | None = None
    right_rows: int | None = None
    right_bytes: int | None = None
    cells: int = 0
    probes: int = 0
    hot: int = 0

    def __repr__(self) -> str:
        said = [f"plan {self.plan!r}: {self.why}"]
        if self.workers:
            said.append(f"{self.workers} workers of {self.threads} threads")
        if self.cells:
            said.append(f"{self.cells} cells, {self.probes} probed, {self.hot} salted")
        for name, rows in (("left", self.left_rows), ("right", self.right_rows)):
            if rows is not None:
                said.append(f"{rows:,} {name} rows")
        return "; ".join(said)


def checked(plan: Any, right: str, metric: str) -> str:
    """Return ``plan=`` if it is one that can be.

    Parameters
    ----------
    plan : str
        As the user gave it.
    right : {"index", "shards", "frame"}
        What the right side is.
    metric : str

    Raises
    ------
    InvalidArgument
    """
    if plan not in PLANS:
        raise InvalidArgument(f"plan={plan!r} must be one of {', '.join(map(repr, PLANS))}")
    if plan == "routed" and right != "frame":
        raise InvalidArgument(
            f"plan='routed' sends right rows to cells, and the right side is {_NAMED[right]}: use "
            "plan='index' or 'queries', or pass the rows"
        )
    if plan == "queries" and right == "index":
        raise InvalidArgument(
            "plan='queries' leaves the right side where it is, and one index is in one place: use "
            "plan='index', or build shards"
        )
    if plan == "routed" and metric in BINARY:
        raise InvalidArgument(f"plan='routed' has no cells for metric {metric!r}: use 'queries'")
    return str(plan)


_NAMED: Final = {"index": "an index", "shards": "a folder of shards", "frame": "rows"}


def choose(
    right: str, metric: str, recall: float, right_bytes: int, memory: int, left_rows: Any
) -> tuple[str, str]:
    """Return a plan and why it was chosen.

    Parameters
    ----------
    right : {"index", "shards", "frame"}
    metric : str
    recall : float
    right_bytes, memory : int
        Bytes of the right side, and those that every worker may hold.
    left_rows : callable
        Counts left rows; called only where that decides.
    """
    if right == "index":
        return "index", "the right side is one index"
    size = f"the right side is {said_bytes(right_bytes)}"
    if right_bytes <= memory:
        return "index", f"{size}, within memory={said_bytes(memory)} of a worker"
    size += f", above memory={said_bytes(memory)} of a worker"
    count = left_rows()
    if count <= MOST_QUERIES:
        return "queries", f"{size}, and {count:,} left rows are at most {MOST_QUERIES:,}"
    size += f", and {count:,} left rows are more than {MOST_QUERIES:,}"
    if right == "shards":
        return "index", f"{size}: every worker maps all shards"
    if metric in BINARY:
        return "queries", f"{size}, but there are no cells for metric {metric!r}"
    if recall >= 1:
        return "queries", f"{size}, but recall=1.0 lets no cell be left out"
    return "routed", size


def said_bytes(count: int) -> str:
    """Return bytes in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def memory_of(memory: Any) -> int:
    """Return ``memory=`` in bytes, half a GiB when not given."""
    return MEMORY if memory is None else bytes_of(memory)


def divide(cores: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """Return workers and the threads of each, so that all cores are used and none twice.

    Parameters
    ----------
    cores : int
        Of the cluster.
    workers, threads : int, optional
        As the user gave them: the other follows. Neither: a worker a core.

    Raises
    ------
    InvalidArgument
        Below 1.
    """
    many = None if workers is None else positive("workers", workers)
    each = None if threads is None else positive("threads", threads)
    if many is None:
        many = max(1, cores // (each or 1))
    return many, each or max(1, cores // many)
