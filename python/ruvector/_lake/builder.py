"""`RuLake.builder()`: the options of a lake one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .consistency import Consistency
    from .lake import RuLake


class RuLakeBuilder:
    """Options of a lake, each set by the method of its name; see `RuLake` for what they mean.

    Values are checked by `build`. Not thread-safe.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.RuLake.builder().rerank_factor(20).rotation_seed(42).build()
    RuLake([], l2, Consistency.FRESH)
    """

    __slots__ = ("_backends", "_make", "_options")

    def __init__(self, make: Callable[..., RuLake]) -> None:
        self._make = make
        self._backends: list[Any] = []
        self._options: dict[str, Any] = {}

    def _set(self, name: str, value: Any) -> Self:
        self._options[name] = value
        return self

    def backend(self, backend: Any) -> Self:
        """Add a store."""
        self._backends.append(backend)
        return self

    def rerank_factor(self, factor: int) -> Self:
        """Set how many rows are measured for each that is wanted."""
        return self._set("rerank_factor", factor)

    def rotation_seed(self, seed: int) -> Self:
        """Set the seed of the codes."""
        return self._set("rotation_seed", seed)

    def max_cache_entries(self, entries: int) -> Self:
        """Set the most indexes in the cache."""
        return self._set("max_cache_entries", entries)

    def cache_bytes(self, size: int) -> Self:
        """Set the most bytes of the cache."""
        return self._set("cache_bytes", size)

    def consistency(self, consistency: Consistency) -> Self:
        """Set how new answers must be."""
        return self._set("consistency", consistency)

    def metric(self, metric: str) -> Self:
        """Set the metric of scores."""
        return self._set("metric", metric)

    def kind(self, kind: str) -> Self:
        """Set the kind of the indexes that are built."""
        return self._set("kind", kind)

    def recall(self, recall: float) -> Self:
        """Set the share of the true neighbours that searches aim for."""
        return self._set("recall", recall)

    def stale_if_error(self, stale: bool = True) -> Self:
        """Answer from the cache when the store cannot be asked."""
        return self._set("stale_if_error", stale)

    def stale_while_revalidate(self, stale: bool = True) -> Self:
        """Answer from the cache while its successor is being built."""
        return self._set("stale_while_revalidate", stale)

    def threads(self, threads: int) -> Self:
        """Set the threads of a build or a long search."""
        return self._set("threads", threads)

    def build(self) -> RuLake:
        """Return the lake.

        Raises
        ------
        InvalidArgument, MetricError
        """
        return self._make(self._backends, **self._options)
