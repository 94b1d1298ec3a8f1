"""What a lake keeps: indexes that are built, published, saved, warmed, pinned and dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._arguments import whole
from .._errors import InvalidArgument
from .._native.lake import calls
from .._native.lake.pending import Pending
from .bundle import RuLakeBundle
from .consistency import Consistency, asked
from .keys import Key, folder_of, key_of
from .method import method, named
from .stats import RefreshResult

if TYPE_CHECKING:
    from .lake import RuLake

_FORMATS = (2, 3)


def _begin(lake: RuLake, verb: str, key: Any, **arguments: Any) -> Pending[Any]:
    backend, collection = key_of(key)
    handle = lake._handle
    return calls.begin(handle, verb, backend=backend, collection=collection, **arguments)


def _ask(lake: RuLake, verb: str, key: Any, **arguments: Any) -> Any:
    backend, collection = key_of(key)
    return calls.ask(lake._handle, verb, backend=backend, collection=collection, **arguments)


def _publishing(lake: RuLake, key: Any, directory: Any, format: Any) -> Pending[Any]:
    number = whole("format", format)
    if number not in _FORMATS:
        raise InvalidArgument(f"format={number} must be 2, or 3 to cover the content as well")
    return _begin(lake, "publish", key, dir=folder_of("directory", directory), format=number)


def _warmed(lake: RuLake, key: Any, said: Any) -> int:
    """Return the rows; what they are is learned now, so that the first search is as the others."""
    lake._target(key_of(key)).look()
    return int(said["rows"])


def _warming(lake: RuLake, key: Any, directory: Any, content: Any) -> Pending[Any]:
    if not isinstance(content, bool):
        raise InvalidArgument(f"content={content!r} must be True or False")
    return _begin(lake, "warm", key, dir=folder_of("directory", directory), content=content)


def _published(said: Any) -> RuLakeBundle:
    return RuLakeBundle.from_json(said["bundle"])


@method
def prime(self: RuLake, key: Key) -> None:
    """Have a collection in the cache, as new as its consistency demands.

    Parameters
    ----------
    key : (backend, collection)

    Raises
    ------
    UnknownBackend, UnknownCollection, BackendError, InvalidVector, OutOfMemory, InvalidArgument
    KeyboardInterrupt
    """
    _begin(self, "prime", key).wait()


@named
async def prime_async(self: RuLake, key: Key) -> None:
    """`prime` in an event loop."""
    await _begin(self, "prime", key).awaited()


@method
def publish_bundle(self: RuLake, key: Key, directory: Any, *, format: int = 2) -> RuLakeBundle:
    """Write what a collection is now to ``table.rulake.json`` in a folder.

    Parameters
    ----------
    key : (backend, collection)
    directory : path
        It is made if it is not there.
    format : {2, 3}
        3 covers the ids and the vectors, too, which are read for it.

    Returns
    -------
    RuLakeBundle
        What was written. The file is there as a whole or not at all; readers see the old one or
        the new one.

    Raises
    ------
    UnknownBackend, UnknownCollection, BackendError, PersistError, InvalidArgument
    KeyboardInterrupt
    """
    return _published(_publishing(self, key, directory, format).wait())


@named
async def publish_bundle_async(
    self: RuLake, key: Key, directory: Any, *, format: int = 2
) -> RuLakeBundle:
    """`publish_bundle` in an event loop."""
    return _published(await _publishing(self, key, directory, format).awaited())


@method
def refresh_from_bundle_dir(self: RuLake, key: Key, directory: Any) -> RefreshResult:
    """Drop a collection from the cache if the bundle in a folder is of another state.

    Returns
    -------
    RefreshResult
        ``UP_TO_DATE`` also where nothing is in the cache; ``INVALIDATED``; ``BUNDLE_MISSING``.

    Raises
    ------
    WitnessMismatch
        The bundle has not the witness that it should have; nothing is dropped.
    InvalidArgument, PersistError
        It is no bundle, or cannot be read.
    """
    folder = folder_of("directory", directory)
    return RefreshResult(_begin(self, "refresh", key, dir=folder).wait()["result"])


@named
async def refresh_from_bundle_dir_async(self: RuLake, key: Key, directory: Any) -> RefreshResult:
    """`refresh_from_bundle_dir` in an event loop."""
    folder = folder_of("directory", directory)
    return RefreshResult((await _begin(self, "refresh", key, dir=folder).awaited())["result"])


@method
def save_cache_to_dir(self: RuLake, key: Key, directory: Any) -> str:
    """Write the index of a collection, with vectors and ids, and its bundle to a folder.

    Returns
    -------
    str
        The path of the index. Index and bundle are of one state of the collection; a reader finds
        the old pair or the new one, whenever the writer ends.

    Raises
    ------
    CacheMissError
        Nothing of the collection is in the cache: search it, or call `prime`, first.
    PersistError, InvalidArgument
    KeyboardInterrupt
    """
    folder = folder_of("directory", directory)
    return str(_begin(self, "save", key, dir=folder).wait()["path"])


@named
async def save_cache_to_dir_async(self: RuLake, key: Key, directory: Any) -> str:
    """`save_cache_to_dir` in an event loop."""
    folder = folder_of("directory", directory)
    return str((await _begin(self, "save", key, dir=folder).awaited())["path"])


@method
def warm_from_dir(self: RuLake, key: Key, directory: Any, *, content: bool = False) -> int:
    """Have the index that `save_cache_to_dir` wrote in the cache, without asking a store.

    The file is mapped and must not be written to; who saves again leaves it as it is. The store
    need not be registered: with ``Consistency.FROZEN`` searches are answered at once.

    Parameters
    ----------
    key : (backend, collection)
    directory : path
    content : bool
        Hash all ids and vectors, too, and compare with the digest of the bundle. The checksums of
        the file are verified in any case, and the digest that the index says it has is compared:
        this finds one that lies, and takes up to half of the time of building a flat index.

    Returns
    -------
    int
        Rows of the index.

    Raises
    ------
    FileMissing
        There is no bundle, or no index.
    WitnessMismatch
        The index is not the one that the bundle speaks of, or either was changed.
    CorruptIndex, PersistError, InvalidArgument
    KeyboardInterrupt
    """
    return _warmed(self, key, _warming(self, key, directory, content).wait())


@named
async def warm_from_dir_async(
    self: RuLake, key: Key, directory: Any, *, content: bool = False
) -> int:
    """`warm_from_dir` in an event loop."""
    return _warmed(self, key, await _warming(self, key, directory, content).awaited())


@method
def invalidate_cache(self: RuLake, key: Key) -> bool:
    """Drop a collection from the cache; the next search reads it again.

    Returns
    -------
    bool
        Whether anything was there.
    """
    return bool(_ask(self, "invalidate", key)["dropped"])


@named
async def invalidate_cache_async(self: RuLake, key: Key) -> bool:
    """`invalidate_cache` in an event loop; nothing is waited for."""
    return bool(_ask(self, "invalidate", key)["dropped"])


@method
def pin(self: RuLake, key: Key) -> None:
    """Keep the index of a collection in the cache, whatever room others need.

    Raises
    ------
    CacheMissError
        Nothing of the collection is in the cache.
    """
    _ask(self, "pin", key)


@named
async def pin_async(self: RuLake, key: Key) -> None:
    """`pin` in an event loop; nothing is waited for."""
    _ask(self, "pin", key)


@method
def unpin(self: RuLake, key: Key) -> None:
    """Let the index of a collection make room for others again.

    Raises
    ------
    CacheMissError
        Nothing of the collection is in the cache.
    """
    _ask(self, "unpin", key)


@named
async def unpin_async(self: RuLake, key: Key) -> None:
    """`unpin` in an event loop; nothing is waited for."""
    _ask(self, "unpin", key)


@method
def set_consistency(self: RuLake, key: Key, consistency: Consistency | None) -> None:
    """Say how new answers from one collection must be; None: as the lake says.

    Raises
    ------
    InvalidArgument
    """
    mode, ttl = asked(consistency)
    _ask(self, "set_consistency", key, mode=mode, ttl_ns=ttl)


@named
async def set_consistency_async(self: RuLake, key: Key, consistency: Consistency | None) -> None:
    """`set_consistency` in an event loop; nothing is waited for."""
    mode, ttl = asked(consistency)
    _ask(self, "set_consistency", key, mode=mode, ttl_ns=ttl)
