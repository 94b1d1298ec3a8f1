"""Which parts of python/ruvector may import which: what is wrong, one sentence each.

A part is a sub-package, or a module at the package's root. Imports inside functions count, those
for type checkers alone do not: there a file may name what is made of it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping

PACKAGE = "python/ruvector/"
MOST_FILES = 25
LEAVES = frozenset(
    (
        "_arguments",
        "_caller",
        "_collector",
        "_conflict",
        "_errors",
        "_habits",
        "_locks",
        "_metric",
        "_progress",
        "_record",
        "_settings",
        "_version",
    )
)
# Lowest first: each may import those before it.
ORDER = (
    "_native", "_input", "_show", "_text", "_index", "_frames", "_parquet", "_lake",
    "_documents", "_agents", "a2a", "_recommend", "_accessors", "_clusters", "ray", "spark",
)  # fmt: skip
DOOR = "_native"  # alone imports ctypes
COMMAND = "__main__"  # hands over to ruvector_cli


def layer_findings(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """What is wrong with the imports and the sizes of the sub-packages."""
    inside = {n: tree for n, tree in trees.items() if n.startswith(PACKAGE)}
    graph: dict[str, set[str]] = {}
    for name, tree in inside.items():
        me = parts_of(name)
        graph[".".join(me)] = set()
        for line, target in imports(me, name.endswith("__init__.py"), tree):
            graph[".".join(me)].add(".".join(target))
            if not _allowed(part_of(me), part_of(target)):
                yield f"{name}:{line}: {part_of(me)} imports {part_of(target)}, which is not below"
        if part_of(me) != DOOR:
            for line in _ctypes_lines(tree):
                yield f"{name}:{line}: ctypes outside {DOOR}"
        if part_of(me) not in {*ORDER, *LEAVES, COMMAND, ""}:
            yield f"{name}:1: {part_of(me)} has no place in python_layers.py"
    yield from _sizes(inside)
    yield from _cycles(graph)


def parts_of(name: str) -> tuple[str, ...]:
    """Return the dotted parts of a file's module below ruvector; none for the package itself."""
    parts = name[len(PACKAGE) : -len(".py")].split("/")
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: tuple[str, ...]) -> str:
    """Return the sub-package or root module that a module belongs to, "" for the package itself."""
    return module[0] if module else ""


def imports(
    me: tuple[str, ...], package: bool, tree: ast.Module
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line and dotted parts of every relative import, those for type checkers left out."""
    silent = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level or id(node) in silent:
            continue
        up = node.level - 1 if package else node.level
        base = (*me[: len(me) - up], *(node.module.split(".") if node.module else ()))
        for alias in node.names:  # a name may be a module of that package
            yield node.lineno, base if node.module else (*base, alias.name)


def _allowed(mine: str, other: str) -> bool:
    if mine in ("", other) or other == "":
        return mine == "" or mine == other
    if other in LEAVES:
        return mine in ORDER or mine in LEAVES
    return mine in ORDER and other in ORDER and ORDER.index(other) < ORDER.index(mine)


def _ctypes_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.split(".")[0] == "ctypes" for name in names):
            yield node.lineno


def _sizes(names: Mapping[str, ast.Module]) -> Iterator[str]:
    files = Counter(name.rpartition("/")[0] for name in names)
    for folder, n in sorted(files.items()):
        if n > MOST_FILES:
            yield f"{folder}: {n} files, at most {MOST_FILES}"


def _cycles(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield every module that reaches itself, with the module that closes the circle."""
    for start in sorted(graph):
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            here = ahead.pop()
            for target in graph.get(here, ()):
                if target == start:
                    yield f"{PACKAGE}{start.replace('.', '/')}: a circle of imports through {here}"
                    ahead, seen = [], {*seen, start}
                    break
                if target not in seen:
                    seen.add(target)
                    ahead.append(target)
