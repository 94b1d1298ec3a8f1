"""Every docstring of the running Python's standard library, read from its sources.

Nothing is imported or executed: files are parsed with `ast`. Test packages are left out.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import sysconfig
import warnings
from collections.abc import Iterator
from typing import NamedTuple

LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Entry(NamedTuple):
    """One docstring: its qualified name, and the text with indentation taken out."""

    name: str
    doc: str

    @property
    def text(self) -> str:
        """What is embedded: the qualified name, a colon, and the docstring."""
        return f"{self.name}: {self.doc}"

    @property
    def first_line(self) -> str:
        """The docstring's first line that is not empty."""
        return next((line.strip() for line in self.doc.splitlines() if line.strip()), "")


def docstrings() -> list[Entry]:
    """All entries, in the order of their files and of their place in the file."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    entries: list[Entry] = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if LEFT_OUT.isdisjoint(parts) and not parts[-1].startswith("test_"):
            entries.extend(_read(path, parts))
    return entries


def _read(path: pathlib.Path, parts: tuple[str, ...]) -> list[Entry]:
    """The entries of one file; none where it is not valid Python (2to3 keeps such samples)."""
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError):
            return []
    return list(_walk(tree, module))


def _walk(node: Documented, name: str) -> Iterator[Entry]:
    doc = ast.get_docstring(node, clean=False)
    if doc is not None and doc.strip():
        yield Entry(name, inspect.cleandoc(doc))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, f"{name}.{child.name}")
