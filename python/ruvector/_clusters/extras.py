"""The engines themselves: imported when a verb needs one, named by their extra where absent."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .._errors import MissingExtra

_CALLED = {"ray": "Ray Data", "spark": "Spark"}
_NEEDS = {"ray": ("ray", "ray.data", "pyarrow"), "spark": ("pyspark.sql", "pyarrow")}


def module(name: str) -> Any:
    """Return a module of an engine, whose types are not known where it is not installed."""
    return import_module(name)


def engine(extra: str) -> Any:
    """Import what an extra brings; returns its first module.

    Raises
    ------
    MissingExtra
        Something is not installed; ``pip`` is the command that installs it.
    """
    found = [importable(name, extra) for name in _NEEDS[extra]]
    return found[0]


def importable(name: str, extra: str) -> Any:
    """Import one module that an extra brings.

    Raises
    ------
    MissingExtra
        It cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        pip = f"pip install 'ruvector-arrow[{extra}]'"
        raise MissingExtra(
            f"{_CALLED[extra]} needs {name.split('.')[0]}, which cannot be imported ({error}): "
            f"{pip}",
            pip=pip,
        ) from error
