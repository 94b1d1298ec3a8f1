"""Models that installed packages carry."""

from __future__ import annotations

import importlib.util
import os.path
import sys
from typing import Final

import numpy as np

from ..._errors import EmbedError, MissingExtra
from ..model import Model
from ..static import Static

_PACKAGE: Final = "wordllama"
_ID: Final = "wordllama/l2_supercat_256"
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
_PIP: Final = "pip install 'ruvector-arrow[text]'"


def open_wordllama() -> Model:
    """Return the model of the installed ``wordllama``.

    Raises
    ------
    MissingExtra
        It, or what reads it, is not installed.
    EmbedError
        Files are missing from it.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise _missing(_PACKAGE)
    folder = next(iter(found.submodule_search_locations))
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _missing(error.name or "tokenizers") from error
    weights, config = (os.path.join(folder, name) for name in (_WEIGHTS, _TOKENIZER))
    for path in (weights, config):
        if not os.path.isfile(path):
            raise EmbedError(f"{path} is missing from the {_PACKAGE} package: reinstall it, {_PIP}")
    tensors = load_file(weights)
    if len(tensors) != 1:
        raise EmbedError(f"{weights} holds {len(tensors)} tensors, one table is expected")
    table = np.ascontiguousarray(next(iter(tensors.values())))
    tokenizer = Tokenizer.from_file(config)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    encode = Static(table, tokenizer)
    return Model(
        _ID, encode, _ID, table.shape[1], (weights, config), True,
        pooling="mean", count_tokens=encode.count_tokens,
        resolved=(f"the package {_PACKAGE} carries it",),
    )  # fmt: skip


def _missing(module: str) -> MissingExtra:
    reason = ""
    if sys.version_info >= (3, 14):
        reason = (
            f" ({_PACKAGE} has no wheel for Python 3.14 and later: use Python 3.11 to 3.13, or "
            "pass your own embedder=)"
        )
    return MissingExtra(
        f"the default text model needs {module}, which is not installed: {_PIP}{reason}", pip=_PIP
    )
