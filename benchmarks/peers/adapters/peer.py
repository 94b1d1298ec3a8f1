"""What the measuring process needs of an index, whoever made it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from ..truth import Matrix

K = 10


class Peer(ABC):
    """An index of one library: made empty, built once, then tuned and asked many times.

    Attributes
    ----------
    dim, metric : int, str
        Of the data set; ``"cosine"`` rows have length 1, so L2 orders them the same way.
    stages : dict
        Seconds of parts of the build, where the library lets them be told apart.
    borrowed : int
        Bytes of the caller's rows that searches need beside the index.
    """

    def __init__(self, dim: int, metric: str) -> None:
        self.dim = dim
        self.metric = metric
        self.stages: dict[str, float] = {}
        self.borrowed = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to `stages`."""
        begin = time.perf_counter()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - begin

    @abstractmethod
    def build(self, rows: Matrix, threads: int) -> None:
        """Index `rows`, training included."""

    @abstractmethod
    def tune(self, threads: int, **settings: Any) -> None:
        """Set what the following searches use; not timed."""

    @abstractmethod
    def many(self, queries: Matrix) -> Any:
        """Ids of the 10 nearest rows of every query, in one call where there is one."""

    def singles(self, queries: Matrix) -> Sequence[Any]:
        """Queries in the form that `one` takes: what a caller with one query would hold."""
        return [queries[i : i + 1] for i in range(len(queries))]

    def one(self, query: Any) -> Any:
        """Ids of the 10 nearest rows of one query: the call that is timed."""
        return self.many(query)

    @abstractmethod
    def save(self, path: str) -> None:
        """Write the index; the size of the file is what it takes on disk."""

    def version(self, distribution: str) -> str:
        """The version that is measured."""
        return metadata.version(distribution)

    def backend(self) -> str:
        """Which kernels run, as far as the library tells."""
        return ""
