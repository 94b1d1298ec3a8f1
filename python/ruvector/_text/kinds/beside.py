"""What the files beside a model say of it: pooling, length, limits, prefixes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from ..._errors import EmbedError
from ..model import Files

_MOST_BYTES: Final = 32 << 20  # of one of these files; lists of added tokens may be long
# tokenizer_config.json says 10**30 where there is no limit.
_NO_LIMIT: Final = 1 << 20
_DOCUMENTS: Final = ("document", "passage", "corpus")
_QUERIES: Final = ("query", "search_query")
_MODES: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weighted_mean",
    "pooling_mode_lasttoken": "last",
}
_KNOWN: Final = frozenset({"Transformer", "Pooling", "Normalize", "StaticEmbedding"})


def name_of(files: Files) -> str:
    """Return what a model is called: what it was asked for by, else its folder."""
    return str(files.config.get("id") or os.path.basename(os.path.abspath(files.folder)))


def identity(files: Files) -> tuple[Any, ...]:
    """Return what tells a model's files from others: digests, else when they were written."""
    found: list[Any] = []
    for path in filter(None, (files.weights, files.tokenizer)):
        stamp: Any = files.sha256.get(path)
        if stamp is None:
            told = os.stat(path)
            stamp = (os.path.realpath(path), told.st_size, told.st_mtime_ns)
        found.append(stamp)
    return tuple(found)


def typed(files: Files, said: dict[str, Any], name: str, kind: type[Any], otherwise: Any) -> Any:
    """Return what is said under a name, which is of one type; None is nothing."""
    value = said.get(name)
    if value is None:
        return otherwise
    if type(value) is not kind:
        raise EmbedError(f"{files.folder}: {name} is {value!r:.60}, not {kind.__name__}")
    return value


def told_beside(folder: str) -> dict[str, Any]:
    """Return what sentence-transformers' files in a folder say; what nothing says is absent.

    Keys are ``pooling``, ``normalize``, ``max_tokens``, ``lower_case``, ``query_prefix``,
    ``document_prefix`` and ``modules``: the steps after the pooling that are not done here.

    Raises
    ------
    EmbedError
        One of the files is no JSON, is too large, or says what cannot be.
    """
    found: dict[str, Any] = {}
    modules = read_json(os.path.join(folder, "modules.json"))
    kinds = _modules(modules, folder)
    if kinds:
        found["normalize"] = "Normalize" in kinds
        found["modules"] = tuple(kind for kind in kinds if kind not in _KNOWN)
    pooling = read_json(os.path.join(folder, kinds.get("Pooling") or "1_Pooling", "config.json"))
    if isinstance(pooling, dict):
        found.update(_pooling(pooling, folder))
    sizes = read_json(os.path.join(folder, "sentence_bert_config.json"))
    if isinstance(sizes, dict):
        found["lower_case"] = sizes.get("do_lower_case") is True
        _limit(found, sizes.get("max_seq_length"))
    tokenizer = read_json(os.path.join(folder, "tokenizer_config.json"))
    if isinstance(tokenizer, dict):
        _limit(found, tokenizer.get("model_max_length"))
    prompts = read_json(os.path.join(folder, "config_sentence_transformers.json"))
    if isinstance(prompts, dict):
        found.update(_prompts(prompts, folder))
    return found


def read_json(path: str) -> Any:
    """Return what a JSON file holds, None where there is no such file."""
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise EmbedError(f"{path} has more than {_MOST_BYTES} bytes; it should have some 1000")
        with open(path, "rb") as file:
            return json.loads(file.read(_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EmbedError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise EmbedError(f"{path} is no JSON ({error!s:.100}); get the file again") from None


def _modules(told: Any, folder: str) -> dict[str, str]:
    """Return the folders of a model's steps by their kinds."""
    if told is None:
        return {}
    if not isinstance(told, list) or not all(isinstance(step, Mapping) for step in told):
        raise EmbedError(f"{folder}: modules.json is {told!r:.60}, not a list of steps")
    steps: dict[str, str] = {}
    for step in told:
        kind, path = str(step.get("type")).rpartition(".")[2], str(step.get("path") or "")
        if os.path.isabs(path) or ".." in path.replace("\\", "/").split("/") or "\0" in path:
            raise EmbedError(f"{folder}: modules.json has the path {path!r:.60}, which leads out")
        steps[kind] = path
    return steps


def _pooling(told: dict[str, Any], folder: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    modes = [name for key, name in _MODES.items() if told.get(key) is True]
    mode = told.get("pooling_mode")
    if isinstance(mode, str):
        modes = [mode]
    elif isinstance(mode, list):
        modes = [str(one) for one in mode]
    if modes:
        found["pooling"] = "+".join(modes)
    if told.get("include_prompt") is False:
        found["modules"] = ("pooling without the prefix",)
    return found


def _limit(found: dict[str, Any], told: Any) -> None:
    """Keep the first limit of tokens that a file tells."""
    if type(told) is int and 0 < told < _NO_LIMIT:
        found.setdefault("max_tokens", told)


def _prompts(told: dict[str, Any], folder: str) -> dict[str, Any]:
    prompts = told.get("prompts") or {}
    if not isinstance(prompts, Mapping):
        raise EmbedError(f"{folder}: prompts are {prompts!r:.60}, not texts by name")
    found: dict[str, Any] = {}
    default = prompts.get(told.get("default_prompt_name") or "")
    for side, names in (("query_prefix", _QUERIES), ("document_prefix", _DOCUMENTS)):
        texts = [prompts[name] for name in names if isinstance(prompts.get(name), str)]
        prefix = texts[0] if texts else default
        if isinstance(prefix, str) and prefix:
            found[side] = prefix
    return found
