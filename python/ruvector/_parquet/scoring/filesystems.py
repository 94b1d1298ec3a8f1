"""File systems that users bring: fsspec, pyarrow.fs and obstore. None is imported for them."""

from __future__ import annotations

import importlib
import posixpath
from collections.abc import Iterator
from typing import Any

from ..._errors import InvalidArgument, MissingExtra
from .failing import foreign_error
from .places import Mark, Store


class FsspecStore:
    """A file system of fsspec."""

    __slots__ = ("_fs",)

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def mark(self, key: str) -> Mark | None:
        """Return size and the first of etag, version and time of change that is known."""
        self._fs.invalidate_cache()  # or a file that changed would look as it did
        try:
            info = self._fs.info(key)
        except FileNotFoundError:
            return None
        if info.get("type") == "directory":
            return None
        known = (
            "ETag",
            "etag",
            "e_tag",
            "md5",
            "mtime",
            "LastModified",
            "last_modified",
            "created",
        )
        changed = next((str(info[name]) for name in known if info.get(name)), "")
        return Mark(int(info["size"]), changed)

    def below(self, key: str) -> Iterator[str]:
        """Yield keys of files below."""
        self._fs.invalidate_cache()
        yield from self._fs.find(key)

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return some bytes."""
        return bytes(self._fs.cat_file(key, start=start, end=end))

    def name(self, key: str) -> str:
        """Return the URL."""
        return str(self._fs.unstrip_protocol(key))


class PyarrowStore:
    """A file system of pyarrow."""

    __slots__ = ("_fs",)

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def mark(self, key: str) -> Mark | None:
        """Return size and time of change."""
        info = self._fs.get_file_info(key)
        if not info.is_file:
            return None
        return Mark(int(info.size), str(info.mtime_ns or ""))

    def below(self, key: str) -> Iterator[str]:
        """Yield keys of files below."""
        selector = importlib.import_module("pyarrow.fs").FileSelector
        wanted = selector(key, recursive=True, allow_not_found=True)
        for info in self._fs.get_file_info(wanted):
            if info.is_file:
                yield info.path

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return some bytes."""
        with self._fs.open_input_file(key) as file:
            return bytes(file.read_at(end - start, start))

    def name(self, key: str) -> str:
        """Return the URL."""
        kind = str(self._fs.type_name)
        return f"{'file' if kind == 'local' else kind}://{key}"


class ObstoreStore:
    """A store of obstore."""

    __slots__ = ("_store",)

    def __init__(self, store: Any) -> None:
        self._store = store

    def mark(self, key: str) -> Mark | None:
        """Return size and etag."""
        if not key:
            return None
        try:
            meta = self._store.head(key)
        except FileNotFoundError:
            return None
        changed = meta.get("e_tag") or meta.get("last_modified") or ""
        return Mark(int(meta["size"]), str(changed))

    def below(self, key: str) -> Iterator[str]:
        """Yield keys of files below."""
        for some in self._store.list(key or None):
            for meta in some:
                yield str(meta["path"])

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return some bytes."""
        return bytes(self._store.get_range(key, start=start, end=end))

    def name(self, key: str) -> str:
        """Return bucket and key."""
        config = getattr(self._store, "config", None)
        bucket = config.get("bucket") if isinstance(config, dict) else None
        prefix = getattr(self._store, "prefix", None)
        parts = [type(self._store).__name__, bucket, prefix, key]
        return "/".join(str(part).strip("/") for part in parts if part)


def store_of(fs: Any) -> Store | None:
    """Return the store for a user's file system, None where it is something else."""
    for cls in type(fs).__mro__:
        package = cls.__module__.partition(".")[0]
        if package == "obstore":
            return ObstoreStore(fs)
        if package == "fsspec" and cls.__name__ == "AbstractFileSystem":
            return FsspecStore(fs)
        if cls.__module__.startswith("pyarrow._fs") and cls.__name__ == "FileSystem":
            return PyarrowStore(fs)
    return None


def store_of_url(url: str, options: dict[str, Any] | None = None) -> tuple[Store, str]:
    """Return the store and the key that a URL means, through fsspec.

    Raises
    ------
    MissingExtra
        fsspec, or what it needs for this kind of URL, is not installed.
    InvalidArgument
        fsspec knows no such kind of URL.
    """
    protocol = url.partition("://")[0].lower()
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError as error:
        raise _missing(url, "fsspec", f"fsspec {_NEEDED.get(protocol, '')}".strip()) from error
    try:
        fs, key = core.url_to_fs(url, **(options or {}))
    except ImportError as error:
        needed = _NEEDED.get(protocol, "")
        if not needed:
            raise _missing(url, error.name or "a package", error.name or "fsspec") from error
        raise _missing(url, needed, f"fsspec {needed}") from error
    except ValueError as error:
        raise InvalidArgument(
            f"{url!r} cannot be opened: {error}. Pass a path, a URL that fsspec knows, or a pair "
            "(filesystem, path) of fsspec, pyarrow.fs or obstore"
        ) from error
    except Exception as error:  # credentials, hosts
        raise foreign_error(error, url, "an input cannot be opened") from error
    return FsspecStore(fs), key


_NEEDED = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
    "abfss": "adlfs", "hf": "huggingface_hub", "http": "aiohttp", "https": "aiohttp",
}  # fmt: skip


def _missing(url: str, module: str, packages: str) -> MissingExtra:
    pip = f"pip install {packages}"
    return MissingExtra(
        f"{url!r} needs {module}, which is not installed: {pip} (or pass a pair (filesystem, path) "
        "of pyarrow.fs or obstore)",
        pip=pip,
    )


def key_of(path: Any) -> str:
    """Return a path within a file system as its key."""
    key = str(path)
    return posixpath.normpath(key) if key and "://" not in key else key
