"""Python files: the docstrings in them."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final

from ..document import Document, Fault, Part, trimmed

_LINES: Final = re.compile(r"\r\n|\r|\n")
_OPENING: Final = re.compile(r"[rRuU]?(\"\"\"|'''|\"|')")
_Owner = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def read_python(text: str, name: str) -> Document:
    """Return a Python file with a part a docstring, whose heading is what it describes.

    Parameters
    ----------
    text : str
    name : str
        Of the file, from which the module has its name.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strings with odd escapes
            tree = ast.parse(text)
    except SyntaxError as error:
        where = f" (line {error.lineno:,})" if error.lineno else ""
        raise Fault(f"Python {_version()} cannot parse it: {error.msg}{where}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Fault(f"Python cannot parse it: {error or type(error).__name__}") from None
    starts = [0, *(found.end() for found in _LINES.finditer(text))]
    parts = []
    for heading, node in _strings(tree, _module(name)):
        span = _inside(text, starts, node)
        if span is not None:
            parts.append(Part(*span, None, heading))
    return Document(text, trimmed(text, sorted(parts)), "docstring")


def _version() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _module(name: str) -> str:
    folder, _, base = name.rpartition("/")
    stem = base.rpartition(".")[0] or base
    return folder.rpartition("/")[2] or stem if stem == "__init__" else stem


def _strings(tree: ast.Module, module: str) -> Iterator[tuple[str, ast.Constant]]:
    """Yield the path of everything that has a docstring, and its string."""
    waiting: list[tuple[str, _Owner]] = [(module, tree)]
    while waiting:
        path, owner = waiting.pop()
        first = owner.body[0] if owner.body else None
        said = first.value if isinstance(first, ast.Expr) else None
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            yield path, said
        waiting += [(f"{path}.{node.name}", node) for node in _owned(owner)]


def _owned(owner: _Owner) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield classes and functions in a body, also under ``if`` and ``try``; not within others."""
    waiting: list[ast.AST] = list(owner.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                waiting += getattr(node, name, [])


def _inside(text: str, starts: list[int], node: ast.Constant) -> tuple[int, int] | None:
    """Return where the letters of a string lie, without its quotes."""
    if node.end_lineno is None or node.end_col_offset is None:
        return None
    start = _place(text, starts, node.lineno, node.col_offset)
    end = _place(text, starts, node.end_lineno, node.end_col_offset)
    opening = _OPENING.match(text, start)
    if opening is None:
        return None
    closing = 3 if text[end - 3 : end] in ('"""', "'''") and end - 3 >= opening.end() else 1
    return (opening.end(), end - closing) if end - closing >= opening.end() else None


def _place(text: str, starts: list[int], line: int, column: int) -> int:
    """Return the character at a line (from 1) and a column in bytes of UTF-8."""
    start = starts[line - 1]
    end = starts[line] if line < len(starts) else len(text)
    head = text[start:end]
    return start + (column if head.isascii() else len(head.encode()[:column].decode()))
