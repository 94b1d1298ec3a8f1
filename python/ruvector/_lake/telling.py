"""What a lake tells of itself: stores, collections, statistics, witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._native.lake import calls
from .keys import Key, key_of, name_of
from .method import method, named
from .stats import CacheStats, stats_of

if TYPE_CHECKING:
    from .lake import RuLake


def _keys(said: Any) -> list[Key]:
    return [(key["backend"], key["collection"]) for key in said["collections"]]


@method
def backend_ids(self: RuLake) -> list[str]:
    """Return the names of the stores, sorted."""
    return list(calls.ask(self._handle, "backends")["backends"])


@named
async def backend_ids_async(self: RuLake) -> list[str]:
    """`backend_ids` in an event loop; nothing is waited for."""
    return list(calls.ask(self._handle, "backends")["backends"])


@method
def collections(self: RuLake) -> list[Key]:
    """Return ``(backend, collection)`` of all that the stores have, sorted; asks every store.

    Raises
    ------
    BackendError
        A store failed.
    KeyboardInterrupt
    """
    return _keys(calls.begin(self._handle, "collections").wait())


@named
async def collections_async(self: RuLake) -> list[Key]:
    """`collections` in an event loop."""
    return _keys(await calls.begin(self._handle, "collections").awaited())


@method
def cache_stats(self: RuLake) -> CacheStats:
    """Return what the cache did since the lake was made."""
    return stats_of(calls.ask(self._handle, "stats"))


@named
async def cache_stats_async(self: RuLake) -> CacheStats:
    """`cache_stats` in an event loop; nothing is waited for."""
    return stats_of(calls.ask(self._handle, "stats"))


@method
def cache_stats_by_backend(self: RuLake) -> dict[str, CacheStats]:
    """Return what the cache did for each store, by its name."""
    return _by_backend(calls.ask(self._handle, "stats_by_backend"))


@named
async def cache_stats_by_backend_async(self: RuLake) -> dict[str, CacheStats]:
    """`cache_stats_by_backend` in an event loop; nothing is waited for."""
    return _by_backend(calls.ask(self._handle, "stats_by_backend"))


def _by_backend(said: Any) -> dict[str, CacheStats]:
    return {one["backend"]: stats_of(one["stats"]) for one in said["stats"]}


@method
def cache_stats_by_collection(self: RuLake) -> dict[Key, CacheStats]:
    """Return what the cache did for each collection, by ``(backend, collection)``."""
    return _by_collection(calls.ask(self._handle, "stats_by_collection"))


@named
async def cache_stats_by_collection_async(self: RuLake) -> dict[Key, CacheStats]:
    """`cache_stats_by_collection` in an event loop; nothing is waited for."""
    return _by_collection(calls.ask(self._handle, "stats_by_collection"))


def _by_collection(said: Any) -> dict[Key, CacheStats]:
    return {(one["backend"], one["collection"]): stats_of(one["stats"]) for one in said["stats"]}


@method
def cache_witness_of(self: RuLake, key: Key) -> str | None:
    """Return the witness of what the cache holds of a collection, None where it holds nothing."""
    return _witness(self, key)


@named
async def cache_witness_of_async(self: RuLake, key: Key) -> str | None:
    """`cache_witness_of` in an event loop; nothing is waited for."""
    return _witness(self, key)


def _witness(lake: RuLake, key: Any) -> str | None:
    backend, collection = key_of(key)
    said = calls.ask(lake._handle, "witness", backend=backend, collection=collection)
    return said["witness"] or None


def contains(self: RuLake, key: Any) -> bool:
    """Whether something of a collection is in the cache.

    Parameters
    ----------
    key : (backend, collection), or the name of a collection of any store

    Raises
    ------
    InvalidArgument
        It is neither.
    """
    if not isinstance(key, str):
        return _witness(self, key) is not None
    name = name_of("collection", key)
    held = cache_stats_by_collection(self)
    return any(at[1] == name and _witness(self, at) is not None for at in held)
