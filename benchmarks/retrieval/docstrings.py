"""Names of functions ask for their docstrings, out of which their names were taken.

Of the standard library, NumPy and pandas as they are installed: the digest of the task says whether
two runs had the same.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .tasks import Task

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SKIPPED = {"antigravity", "this", "idlelib", "lib2to3", "turtledemo", "test", "turtle", "tkinter"}
_OTHERS = [
    "numpy",
    "numpy.linalg",
    "numpy.fft",
    "numpy.random",
    "numpy.ma",
    "numpy.polynomial",
    "pandas",
    "pandas.api.types",
    "pandas.io.formats.style",
    "pandas.tseries.offsets",
]
_PACKAGES = [
    "email",
    "http",
    "xml.etree",
    "urllib",
    "concurrent",
    "asyncio",
    "importlib",
    "json",
    "logging",
    "unittest",
    "collections",
    "multiprocessing",
    "ctypes",
]


def words_of(name: str) -> list[str]:
    """Return the words in the name of a function: ``get_HTTPHeader2`` has get, http, header, 2."""
    return [word.lower() for word in _WORDS.findall(name)]


def _modules() -> Iterator[Any]:
    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
    for name in (*names, *_PACKAGES, *_OTHERS):
        if name.split(".")[0] in _SKIPPED:
            continue
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield module
        if name in _PACKAGES:
            for part in pkgutil.iter_modules(module.__path__):
                if not part.name.startswith("_"):
                    try:
                        yield importlib.import_module(f"{name}.{part.name}")
                    except ImportError:
                        continue


def _told(value: Any) -> str:
    """Return the docstring of a value, and not that of its type."""
    told = getattr(value, "__doc__", None)
    own = inspect.isclass(value) or told != getattr(type(value), "__doc__", None)
    return told if own and isinstance(told, str) else ""


def _functions() -> Iterator[tuple[str, str]]:
    """Yield the bare name and the docstring of functions, methods and classes."""
    for module in _modules():
        for name, value in sorted(vars(module).items()):
            if name.startswith("_") or inspect.ismodule(value):
                continue
            yield name, _told(value)
            if inspect.isclass(value):
                for method, own in sorted(vars(value).items()):
                    if not method.startswith("_"):
                        yield method, _told(own)


def document_of(name: str, told: str) -> str:
    """Return the first paragraphs of a docstring, without the words of the name put together."""
    text = inspect.cleandoc(told)
    joined = {name, name.replace("_", ""), " ".join(words_of(name)), "-".join(words_of(name))}
    for form in sorted(joined, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", " ", text, flags=re.IGNORECASE)
    # Signatures at the top of built-in functions are no prose.
    text = re.sub(r"\A\s*\(.*?\)\s*(->.*)?$", "", text, flags=re.MULTILINE)
    return " ".join(text.split())[:600]


def task(*, queries: int, seed: int) -> Task:
    """Return the task: a name of two words or more asks for the documents of that name."""
    answers: dict[str, list[int]] = {}
    documents: dict[str, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, told in _functions():
            text = document_of(name, told)
            if len(text.split()) < 6:
                continue
            row = documents.setdefault(text, len(documents))
            rows = answers.setdefault(" ".join(words_of(name)), [])
            if row not in rows:
                rows.append(row)
    able = [
        (name, rows) for name, rows in sorted(answers.items())
        if len(name.split()) >= 2 and len(rows) <= 10
    ]  # fmt: skip
    rng = np.random.default_rng(seed)
    drawn = [able[i] for i in rng.permutation(len(able))[:queries].tolist()]
    return Task(
        "name to docstring",
        f"{len(documents):,} docstrings of the standard library, NumPy and pandas, seed {seed}",
        list(documents),
        [name for name, _ in drawn],
        [dict.fromkeys(rows, 1.0) for _, rows in drawn],
    )
