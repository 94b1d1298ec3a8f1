"""Which files of a folder are the model, and opening them.

Files that are opened hold numbers or a graph of known operators: safetensors and ONNX. What would
run code of its maker when it is read, as pickles do, is never opened.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ..._errors import EmbedError, MissingExtra
from ..model import Files, Model
from .digests import check, digest_of

_ONNX: Final = ("onnx/model.onnx", "model.onnx")
_TABLES: Final = ("model.safetensors", "0_StaticEmbedding/model.safetensors")
_PICKLES: Final = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy")
_MOST_CONFIG: Final = 16 << 20
_EXTRAS: Final = {
    ".onnx": ("onnx", ("onnxruntime", "tokenizers")),
    ".safetensors": ("text", ("tokenizers",)),
}


def choose(names: Collection[str], config: Mapping[str, Any], where: str) -> tuple[str, str]:
    """Return the names of the weights and of the tokenizer ("" for models of images).

    Parameters
    ----------
    names : collection of str
        Files, with / between folders.
    config : mapping
        The model's ``config.json``.
    where : str
        The folder, or the model on a hub, for errors.

    Raises
    ------
    EmbedError
        There is none that can be run here; says what would help.
    """
    static = config.get("model_type") == "model2vec" or "StaticModel" in str(
        config.get("architectures", "")
    )
    weights = None if static else _one(names, _ONNX, ".onnx", where)
    weights = weights or _one(names, _TABLES, ".safetensors", where)
    if weights is None:
        raise _nothing(names, where)
    layers = config.get("num_hidden_layers", config.get("hidden_size", config.get("n_layer")))
    if weights.endswith(".safetensors") and layers is not None and not static:
        raise EmbedError(
            f"{where} has a transformer's weights as safetensors; here it is run from an ONNX "
            f"file: optimum-cli export onnx --model {where} {where}/onnx, or pass the object: "
            f"embedder=sentence_transformers.SentenceTransformer({where!r})"
        )
    folder = weights.rpartition("/")[0]
    for name in ("tokenizer.json", f"{folder}/tokenizer.json"):
        if name in names:
            return weights, name
    tokenizers = [n for n in names if n.endswith("tokenizer_config.json") and "/" not in n]
    if weights.endswith(".safetensors") and len(tokenizers) == 1:
        return weights, tokenizers[0]  # of WordLlama
    if weights.endswith(".onnx") and ("preprocessor_config.json" in names or len(names) == 1):
        return weights, ""
    raise EmbedError(
        f"{where} has {weights} and no tokenizer.json; write it with transformers: "
        "AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
    )


def _one(names: Collection[str], usual: tuple[str, ...], ending: str, where: str) -> str | None:
    for name in usual:
        if name in names:
            return name
    found = sorted(name for name in names if name.endswith(ending))
    if len(found) > 1:
        raise EmbedError(
            f"{where} has several models ({', '.join(found[:5])}) and none is called {usual[0]}; "
            "pass the path of one of them"
        )
    return found[0] if found else None


def _nothing(names: Collection[str], where: str) -> EmbedError:
    pickles = sorted(name for name in names if name.endswith(_PICKLES))
    if pickles:
        return EmbedError(
            f"{where} has its weights as {pickles[0]}, which runs code of its maker when it is "
            "read, and is never opened; convert it where you trust it: optimum-cli export onnx "
            f"--model {where} FOLDER (a transformer), or safetensors.numpy.save_file({{'embedding':"
            " table}, 'model.safetensors') (a table of tokens)"
        )
    return EmbedError(
        f"{where} has no model: model.safetensors (a table of tokens) or onnx/model.onnx, with "
        "tokenizer.json and config.json beside it"
    )


def require(weights: str) -> None:
    """Refuse a model whose packages are not installed, before anything is downloaded for it.

    Raises
    ------
    MissingExtra
        Names the package and the pip line.
    """
    extra, packages = _EXTRAS[os.path.splitext(weights)[1]]
    for package in packages:
        try:
            found = importlib.util.find_spec(package)
        except ValueError:  # of a module that was put there by hand
            found = None
        if found is None:
            pip = f"pip install 'ruvector-arrow[{extra}]'"
            raise MissingExtra(
                f"{weights} is run by the package {package}, which is not installed: {pip}",
                pip=pip,
            )


def files_of(path: str, extra: Mapping[str, Any]) -> Files:
    """Return the files of the model in a folder, or of the file at a path.

    `extra` is what is known besides, and more trusted than the files.

    Raises
    ------
    EmbedError
        There is no model that can be run.
    """
    if os.path.isfile(path):
        folder, name = os.path.split(os.path.abspath(path))
        if not name.endswith((".onnx", ".safetensors")):
            raise EmbedError(
                f"{path} is no model; pass a folder, or a file of .onnx or .safetensors"
            )
        tokenizer = next(
            (found for above in (folder, os.path.dirname(folder))
             if os.path.isfile(found := os.path.join(above, "tokenizer.json"))), "",
        )  # fmt: skip
        root = os.path.dirname(tokenizer) or folder
        return Files(root, os.path.join(folder, name), tokenizer, {**read_config(root), **extra})
    folder = os.path.abspath(path)
    config = read_config(folder)
    weights, tokenizer = choose(_names(folder), config, path)
    return Files(
        folder,
        os.path.join(folder, weights),
        os.path.join(folder, tokenizer) if tokenizer else "",
        {**config, **extra},
    )


def _names(folder: str) -> list[str]:
    """Return the files of a folder and of the folders in it, with / between."""
    found: list[str] = []
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_file():
                found.append(entry.name)
            elif entry.is_dir():
                inside = sorted(os.scandir(entry.path), key=lambda entry: entry.name)
                found += [f"{entry.name}/{one.name}" for one in inside if one.is_file()]
    except OSError as error:
        raise EmbedError(f"{folder} cannot be read: {error.strerror or error}") from error
    return found


def read_config(folder: str) -> dict[str, Any]:
    """Return what ``config.json`` of a folder says, {} where there is none.

    Raises
    ------
    EmbedError
        It is no object of JSON, or too large.
    """
    path = os.path.join(folder, "config.json")
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST_CONFIG + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EmbedError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        config = json.loads(text) if len(text) <= _MOST_CONFIG else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise EmbedError(f"{path} is no object of JSON of at most {_MOST_CONFIG:,} bytes")
    # These are ours, and are not for a file to say.
    return {name: value for name, value in config.items() if name not in ("id", "modules")}


def open_files(
    files: Files, name: str, steps: tuple[str, ...], sha256: str | None = None, who: str = "you"
) -> Model:
    """Open a model whose files were found, and know it by what is in them.

    Raises
    ------
    EmbedError
        The weights have another digest than `sha256`, which `who` says, or cannot be opened.
    MissingExtra
        What runs it is not installed.
    """
    require(files.weights)
    weights = files.weights
    digest = files.sha256.get(weights)
    if sha256 is not None and digest != sha256:
        digest = check(weights, sha256, who)
    digest = digest or digest_of(weights)
    others = [path for path in (files.tokenizer, weights + "_data", weights + ".data") if path]
    kept = {path: digest_of(path) for path in others if os.path.isfile(path)}
    known = replace(
        files, config={**files.config, "id": name}, sha256={**files.sha256, **kept, weights: digest}
    )
    model = _opened(known)
    # Not where they lie: a copy of a model is the same model.
    beside = sorted((os.path.basename(path), told) for path, told in kept.items())
    resolved = (*steps, *model.resolved, f"SHA-256 of {weights}: {digest}")
    return replace(
        model, id=name, key=("files", model.key, digest, *beside), sha256=digest, resolved=resolved
    )


def _opened(files: Files) -> Model:
    if files.weights.endswith(".safetensors"):
        from ..kinds.static import open_static

        return open_static(files)
    if not files.tokenizer:
        from ..kinds.image import open_image

        return open_image(files.weights)
    from ..kinds.onnx import open_onnx

    return open_onnx(files)
