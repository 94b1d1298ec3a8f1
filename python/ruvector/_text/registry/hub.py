"""Models in a cache of the Hugging Face layout, and from a hub where they are not in there.

``models--ORG--NAME/refs/REVISION`` holds a commit, ``snapshots/COMMIT/FILE`` are links to
``blobs/ETAG``. Other tools that keep to the layout read what is written here, and the other way
round. Where the network is not to be used, nothing in here touches it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Final, NamedTuple

from ..._errors import EmbedError

ENDPOINT: Final = "https://huggingface.co"
# What sentence-transformers and transformers write beside the weights, as far as it is read.
BESIDE: Final = (
    "config.json", "tokenizer_config.json", "modules.json", "1_Pooling/config.json",
    "sentence_bert_config.json", "config_sentence_transformers.json",
)  # fmt: skip
_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_REVISION: Final = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
_MOST_REF: Final = 200


class Place(NamedTuple):
    """A model on a hub: its repository, a branch, tag or commit of it, and the cache it goes to."""

    repository: str
    revision: str
    cache: str

    @property
    def folder(self) -> str:
        """The model's folder in the cache."""
        return os.path.join(self.cache, "models--" + self.repository.replace("/", "--"))

    @property
    def is_commit(self) -> bool:
        """Whether the revision can mean one thing only."""
        return _COMMIT.fullmatch(self.revision) is not None

    def snapshot(self, commit: str) -> str:
        """Return the folder of the files of a commit."""
        return os.path.join(self.folder, "snapshots", commit)

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"


def place_of(spec: str, revision: str | None, cache_dir: object) -> Place:
    """Return what ``org/name`` or ``org/name@revision`` means.

    Raises
    ------
    EmbedError
        It is written otherwise, or names two revisions.
    """
    repository, at, inside = spec.partition("@")
    if at and revision is not None and revision != inside:
        raise EmbedError(f"{spec!r:.120} names a revision, and revision={revision!r:.60} another")
    chosen = inside if at else "main" if revision is None else revision
    if not _REPOSITORY.fullmatch(repository) or ".." in repository or "--" in repository:
        raise EmbedError(
            f"{repository!r:.120} is no name of a model on a hub; write hf:organisation/name, or "
            "hf:organisation/name@commit"
        )
    if not isinstance(chosen, str) or not _REVISION.fullmatch(chosen) or ".." in chosen:
        raise EmbedError(f"revision {chosen!r:.60} is none; pass a commit, a tag or a branch")
    return Place(repository, chosen, cache_folder(cache_dir))


def cache_folder(cache_dir: object = None) -> str:
    """Return the folder of the cache: the given one, else what the environment says.

    Raises
    ------
    EmbedError
        `cache_dir` is no path.
    """
    if cache_dir is not None:
        try:
            given = os.fspath(cache_dir)  # type: ignore[call-overload]
        except TypeError:
            given = None
        if not isinstance(given, str) or not given:
            raise EmbedError(f"cache_dir={cache_dir!r:.60} is no folder; pass a path")
        return os.path.abspath(os.path.expanduser(given))
    own = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return os.path.abspath(os.path.expanduser(own or os.path.join(_home(), "hub")))


def _home() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return os.path.expanduser(os.environ.get("HF_HOME") or os.path.join(base, "huggingface"))


def offline(local_files_only: bool | None) -> str:
    """Return what forbids the network, "" where nothing does."""
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in _TRUE:
        return "HF_HUB_OFFLINE is set"
    return "local_files_only=True" if local_files_only else ""


def commit_of(place: Place) -> str | None:
    """Return the commit that the cache knows for a place, without the network."""
    if place.is_commit:
        return place.revision
    try:
        with open(os.path.join(place.folder, "refs", place.revision), encoding="ascii") as file:
            commit = file.read(_MOST_REF).strip()
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def kept(place: Place, commit: str, name: str) -> str | None:
    """Return the path of a file that the cache has."""
    path = os.path.join(place.snapshot(commit), *name.split("/"))
    return path if os.path.isfile(path) else None


def kept_names(place: Place, commit: str) -> list[str]:
    """Return the names of the files of a commit that the cache has, sorted."""
    root = place.snapshot(commit)
    found = []
    for folder, _, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        for name in names:
            path = name if inside == "." else "/".join((*inside.split(os.sep), name))
            if os.path.isfile(os.path.join(folder, name)):
                found.append(path)
    return sorted(found)


def token() -> str:
    """Return the user's token for the hub, "" where there is none. Shown nowhere.

    Raises
    ------
    EmbedError
        It has letters that no token has.
    """
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").strip().lower() in _TRUE:
        return ""
    said = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not said:
        path = os.environ.get("HF_TOKEN_PATH") or os.path.join(_home(), "token")
        try:
            with open(os.path.expanduser(path), encoding="utf-8") as file:
                said = file.read(4096)
        except (OSError, ValueError):
            return ""
    said = said.strip()
    if not re.fullmatch(r"[!-~]*", said):
        raise EmbedError("HF_TOKEN has letters that a token cannot have (it is not shown here)")
    return said


def note_complete(place: Place, commit: str, absent: list[str]) -> None:
    """Remember, where other tools do too, which files a commit does not have."""
    for name in absent:
        path = os.path.join(place.folder, ".no_exist", commit, *name.split("/"))
        with suppress(OSError):  # it is asked for again, that is all
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab"):
                pass


def is_complete(place: Place, commit: str) -> bool:
    """Return whether the cache has what a commit has of the files that models are read with."""
    return any(name.endswith((".onnx", ".safetensors")) for name in kept_names(place, commit)) and (
        all(
            kept(place, commit, name)
            or os.path.exists(os.path.join(place.folder, ".no_exist", commit, *name.split("/")))
            for name in BESIDE
        )
    )
