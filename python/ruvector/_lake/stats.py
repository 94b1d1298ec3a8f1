"""What the cache of a lake did: `CacheStats`; how a bundle was found: `RefreshResult`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._show import html


class RefreshResult(enum.Enum):
    """What `RuLake.refresh_from_bundle_dir` found in a folder.

    ``UP_TO_DATE``: the bundle says what the cache holds, or the cache holds nothing.
    ``INVALIDATED``: it says something else, and what the cache held is dropped.
    ``BUNDLE_MISSING``: there is no bundle.
    """

    UP_TO_DATE = "up_to_date"
    INVALIDATED = "invalidated"
    BUNDLE_MISSING = "bundle_missing"


class CacheStats(NamedTuple):
    """What the cache did so far, of a lake, of one store, or of one collection.

    Attributes
    ----------
    hits : int
        Searches answered from what was there: nobody was asked, or the store said that it is still
        the same. A batch counts once.
    misses : int
        Searches that found nothing, or another state of the collection.
    primes : int
        Indexes that were built from a store.
    evictions : int
        Indexes that made room for others.
    resident_bytes : int
        Bytes that are held now, vectors included. Of a store or a collection: those of its
        indexes, which others may share.
    entries : int
        Indexes that are held now.
    shared_hits : int
        Misses that found the same data, by its witness, in the cache for another collection.
    invalidations : int
        Collections that were dropped because they were refreshed or invalidated.
    warm_installs : int
        Indexes that came from files.
    prime_seconds : float
        Seconds that all primes took together.
    """

    hits: int = 0
    misses: int = 0
    primes: int = 0
    evictions: int = 0
    resident_bytes: int = 0
    entries: int = 0
    shared_hits: int = 0
    invalidations: int = 0
    warm_installs: int = 0
    prime_seconds: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """Share of the searches that were hits; None before the first one."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    def _repr_html_(self) -> str:
        return html.facts("CacheStats", facts_of(self))


def facts_of(stats: CacheStats) -> list[tuple[str, object]]:
    """Return what a table shows of stats."""
    rate = stats.hit_rate
    return [
        ("hit rate", "-" if rate is None else f"{rate:.1%}"),
        ("hits", f"{stats.hits:,}"),
        ("misses", f"{stats.misses:,}"),
        ("primes", f"{stats.primes:,}"),
        ("shared hits", f"{stats.shared_hits:,}"),
        ("evictions", f"{stats.evictions:,}"),
        ("invalidations", f"{stats.invalidations:,}"),
        ("warm installs", f"{stats.warm_installs:,}"),
        ("entries", f"{stats.entries:,}"),
        ("resident", html.size(stats.resident_bytes)),
        ("seconds of primes", f"{stats.prime_seconds:.3f}"),
    ]


def stats_of(said: Mapping[str, Any]) -> CacheStats:
    """Return stats as the library says them."""
    return CacheStats(**{name: said[name] for name in CacheStats._fields if name in said})
