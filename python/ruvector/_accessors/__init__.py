"""Registers ``.ruvector`` with pandas and polars, now or when they are imported later.

Neither library is imported by us. A finder on ``sys.meta_path`` waits for them. It must stay
until the library is really executed: polars asks for the spec of pandas while it loads without
importing it, which would use up a finder that fires once.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

_LIBRARIES: Final = {"pandas": ".pandas", "polars": ".polars"}
_registered: set[str] = set()


class _Finder:  # importlib.abc, whose classes these could inherit from, takes 25 ms to import
    """Finds pandas and polars as everybody else would, and puts `_Loader` in front."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in _LIBRARIES or fullname in _registered:
            return None
        for finder in tuple(sys.meta_path):
            if isinstance(finder, _Finder):  # another copy of us, or ourselves
                continue
            find = getattr(finder, "find_spec", None)
            spec = None if find is None else find(fullname, path, target)
            if spec is not None:
                found: ModuleSpec = spec
                if found.loader is not None:
                    found.loader = _Loader(found.loader)  # type: ignore[assignment]
                return found
        return None


class _Loader:
    """Runs the real loader, then registers."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register(module.__name__)


def _register(name: str) -> None:
    """Register with a library that is loaded; an error there must not break its import."""
    if name in _registered:
        return
    _registered.add(name)
    try:
        importlib.import_module(_LIBRARIES[name], __package__).register()
    except Exception as error:
        _registered.discard(name)
        warnings.warn(
            f"ruvector could not add .ruvector to {name} ({type(error).__name__}: {error}); "
            "rv.search(frame, ...) works without it",
            stacklevel=2,
        )


def install() -> None:
    """Register with the libraries that are loaded, and wait for the others."""
    for name in _LIBRARIES:
        module = sys.modules.get(name)
        if module is not None and not _is_loading(module):
            _register(name)
    if len(_registered) < len(_LIBRARIES):
        sys.meta_path.insert(0, _Finder())


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))
