"""Files of a model from a hub into the cache: one at a time, checked before anybody sees them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from ..._errors import EmbedError
from ..._native.files import sync_folder
from ..._progress import reporter
from ..._settings import current
from . import transfer
from .aliases import Pin
from .digests import digest_of, git_digest_of, is_sha256
from .hub import ENDPOINT, Place, token
from .transfer import Failed, Hub

MOST_BYTES: Final = 16 << 30  # of weights
MOST_TEXT: Final = 64 << 20  # of any other file
_MOST_LIST: Final = 16 << 20
_MOST_FILES: Final = 100_000
_STILL: Final = 60.0  # seconds that another process may make no progress
_LOOK: Final = 0.05
_ETAG: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,127}")
_WEIGHTS: Final = (".onnx", ".safetensors", ".onnx_data", ".data")


class Facts(NamedTuple):
    """What a hub says of a file before it is sent."""

    etag: str
    size: int | None
    commit: str | None


def hub_of_environment() -> Hub:
    """Return where models are asked for.

    Raises
    ------
    EmbedError
        HF_ENDPOINT is no address that can be trusted.
    """
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    parts = urllib.parse.urlsplit(endpoint)
    if not parts.netloc or parts.username or not transfer.secure(endpoint):
        raise EmbedError(
            f"HF_ENDPOINT={transfer.shown(endpoint)!r} is not taken: it begins with https://, or "
            "is http:// of this machine"
        )
    said = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "")
    seconds = float(said) if said.isdecimal() and 0 < float(said) < 3600 else 10.0
    return Hub(endpoint, token(), seconds)


def listed(place: Place, hub: Hub) -> tuple[str, list[str]]:
    """Return the commit that a revision means now, and the names of its files.

    Raises
    ------
    EmbedError
        The hub was not reached, does not have it, or answers something else.
    """
    url = f"{hub.endpoint}/api/models/{place.repository}/revision/{_quoted(place.revision)}"
    body = transfer.read(hub, url, _MOST_LIST)
    try:
        said = json.loads(body)
        commit, siblings = said["sha"], said["siblings"]
        names = [one["rfilename"] for one in siblings]
    except (ValueError, RecursionError, KeyError, TypeError):
        commit, names = None, []
    good = isinstance(commit, str) and re.fullmatch("[0-9a-f]{40}", commit)
    if not good or len(names) > _MOST_FILES or not all(isinstance(one, str) for one in names):
        raise EmbedError(f"{transfer.shown(url)} did not answer what a hub answers: {body[:60]!r}")
    _write_ref(place, str(commit))
    return str(commit), sorted(filter(_inside, names))


def _inside(name: str) -> bool:
    """Return whether the name of a file stays in the folder that it is written to."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") and len(part) < 200 for part in parts) and not (
        set(name) & set("\\\0\n\r")
    )


def bring(place: Place, commit: str, name: str, pin: Pin | None, hub: Hub) -> tuple[str, int]:
    """Return the path of a file in the cache, and how many bytes were sent for it.

    Raises
    ------
    EmbedError
        The hub was not reached or does not have it, the file is not the expected one, or the
        cache cannot be written.
    """
    url = f"{hub.endpoint}/{place.repository}/resolve/{commit}/{_quoted(name)}"
    try:
        facts = _facts(hub, url, commit)
        if pin is not None and None not in (pin.bytes, facts.size) and pin.bytes != facts.size:
            raise EmbedError(
                f"{transfer.shown(url)} has {facts.size:,} bytes, {pin.bytes:,} are expected"
            )
        most = MOST_BYTES if name.endswith(_WEIGHTS) else MOST_TEXT
        size = facts.size if pin is None or pin.bytes is None else pin.bytes
        if (size or 0) > most:
            raise EmbedError(f"{transfer.shown(url)} has {size:,} bytes, {most:,} are taken")
        blob = os.path.join(place.folder, "blobs", facts.etag)
        sent = 0
        with _alone(place, facts.etag):
            if not os.path.isfile(blob):
                sent = _into(blob, url, size, most, pin, facts.etag, hub)
            elif pin is not None:
                _expect(blob, url, pin, facts.etag)
            _link(place.snapshot(commit), name, blob)
    except OSError as error:
        raise _unwritable(place, error) from error
    return os.path.join(place.snapshot(commit), *name.split("/")), sent


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="/")


def _facts(hub: Hub, url: str, commit: str) -> Facts:
    headers = transfer.look(hub, url).headers
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").strip()
    etag = etag.removeprefix("W/").strip('"')
    if not _ETAG.fullmatch(etag) or ".." in etag:
        raise EmbedError(f"{transfer.shown(url)} has no ETag that names a file: {etag!r:.60}")
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    if headers.get("X-Linked-Size") is None and headers.get("Location"):
        size = ""  # that of the redirect
    where = headers.get("X-Repo-Commit")
    if where is not None and where != commit:
        raise EmbedError(
            f"{transfer.shown(url)} answers for commit {where!r:.60}, {commit} was asked for"
        )
    return Facts(etag, int(size) if size.isdecimal() else None, where)


def _into(
    blob: str, url: str, size: int | None, most: int, pin: Pin | None, etag: str, hub: Hub
) -> int:
    """Download to the side, check, and only then let it have its name."""
    os.makedirs(os.path.dirname(blob), exist_ok=True)
    part = blob + ".incomplete"
    before = os.path.getsize(part) if os.path.exists(part) else 0
    free = shutil.disk_usage(os.path.dirname(blob)).free
    if size is not None and size - before > free:
        raise EmbedError(
            f"{os.path.dirname(blob)} has {free:,} bytes free, the model needs {size - before:,} "
            "more; pass cache_dir= of another disk"
        )
    report = reporter(current.progress, "download")
    try:
        transfer.fetch(hub, url, part, size, most, report)
    finally:
        report(-1, -1)
    try:
        _expect(part, url, pin, etag)
    except EmbedError:
        os.unlink(part)
        raise
    with open(part, "rb+") as file:
        sent = os.fstat(file.fileno()).st_size - before
        os.fsync(file.fileno())
    os.replace(part, blob)
    sync_folder(os.path.dirname(blob))
    return sent


def _expect(path: str, url: str, pin: Pin | None, etag: str) -> None:
    """Compare with the digest that is known: the registry's, else what the hub names it by."""
    if pin is not None:
        found, expected, who = digest_of(path), pin.sha256, "the registry"
    elif is_sha256(etag):
        found, expected, who = digest_of(path), etag, "the hub"
    elif re.fullmatch("[0-9a-f]{40}", etag):
        found, expected, who = git_digest_of(path), etag, "the hub"
    else:
        return
    if found != expected:
        raise EmbedError(
            f"{transfer.shown(url)} sent another file: its digest is {found}, {who} says "
            f"{expected}; nothing was kept of it"
        )


def _write_ref(place: Place, commit: str) -> None:
    if place.is_commit:
        return
    path = os.path.join(place.folder, "refs", place.revision)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.{os.getpid()}.tmp"
        with open(part, "w", encoding="ascii") as file:
            file.write(commit)
        os.replace(part, path)
    except OSError as error:
        raise _unwritable(place, error) from error


def _link(snapshot: str, name: str, blob: str) -> None:
    path = os.path.join(snapshot, *name.split("/"))
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    to = os.path.relpath(blob, folder)
    if os.path.islink(path) and os.readlink(path) == to:
        return
    part = f"{path}.{os.getpid()}.tmp"
    with suppress(FileNotFoundError):
        os.unlink(part)
    try:
        os.symlink(to, part)
    except OSError:  # a file system without links
        shutil.copyfile(blob, part)
    os.replace(part, path)


@contextmanager
def _alone(place: Place, etag: str) -> Iterator[None]:
    """Hold what other processes, and other tools, wait for before they download the same file."""
    folder = os.path.join(place.cache, ".locks", os.path.basename(place.folder))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, etag + ".lock")
    part = os.path.join(place.folder, "blobs", etag + ".incomplete")
    with open(path, "a+b") as file:
        seen, since = -1, time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            size = os.path.getsize(part) if os.path.exists(part) else 0
            if size != seen:
                seen, since = size, time.monotonic()
            if time.monotonic() - since > _STILL:
                raise EmbedError(
                    f"another process downloads {place} and makes no progress; end it, or remove "
                    f"{path}"
                )
            time.sleep(_LOOK)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _unwritable(place: Place, error: OSError) -> EmbedError:
    return EmbedError(
        f"the cache {place.cache} cannot be written: {error.strerror or error}; pass cache_dir= "
        "or set HF_HUB_CACHE"
    )


def gone(error: EmbedError) -> bool:
    """Return whether the hub was not reached, so that what is in the cache may serve."""
    return isinstance(error, Failed) and error.status == 0
