"""Rules for Python files, read with ast. Prints JSON.

python_rules.py rules ROOT FILE...   what is wrong, one sentence each
python_rules.py lines ROOT FILE...   lines of code of each file, comments and docstrings left out
"""

from __future__ import annotations

import ast
import io
import json
import pathlib
import sys
import tokenize
from collections.abc import Iterator

from python_layers import layer_findings

MAX_BODY = 60
PACKAGES = "python/ruvector/", "python/ruvector_cli/"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def long_functions(name: str, tree: ast.Module) -> Iterator[str]:
    """Functions longer than MAX_BODY lines, docstring not counted (nor is Go's comment)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                first = node.body[0]
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            if lines > MAX_BODY:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {MAX_BODY}"


def is_overload(node: Definition) -> bool:
    """True for a typing.overload: the implementation carries the docstring."""
    names = [
        d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "")
        for d in node.decorator_list
    ]
    return "overload" in names or "setter" in names


def protocol_methods(tree: ast.Module) -> set[str]:
    """Methods that a Protocol documents: what implements it need not say it again."""
    return {
        method.name
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
    }


def undocumented(
    name: str, body: list[ast.stmt], known: set[str], owner: str = ""
) -> Iterator[str]:
    """Public functions and classes, and public methods of public classes, without docstring."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_") or is_overload(node):
            continue
        if ast.get_docstring(node) is None and not (owner and node.name in known):
            yield f"{name}:{node.lineno}: {owner}{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(name, node.body, known, node.name + ".")


def unsorted_exports(name: str, tree: ast.Module) -> Iterator[str]:
    """An `__all__` that is not in order (capitals first, as sorted() gives)."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            exported = ast.literal_eval(node.value)
            if list(exported) != sorted(exported):
                yield f"{name}:{node.lineno}: __all__ is not sorted"


def findings(name: str, tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Everything that is wrong with one file."""
    yield from long_functions(name, tree)
    if name.startswith(PACKAGES):
        if ast.get_docstring(tree) is None:
            yield f"{name}:1: the module has no docstring"
        yield from undocumented(name, tree.body, known)
        yield from unsorted_exports(name, tree)


def lines_of_code(source: str, tree: ast.Module) -> int:
    """Lines that hold a token which is neither comment nor docstring."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    used: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent and token.type != tokenize.ENDMARKER:
            used.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | Definition) and ast.get_docstring(node) is not None:
            first = node.body[0]
            used.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(used)


def main() -> int:
    """Print what was asked for of every file named on the command line."""
    root = pathlib.Path(sys.argv[2])
    sources = {n: (root / n).read_text("utf-8") for n in sys.argv[3:]}
    trees = {n: ast.parse(source, n) for n, source in sources.items()}
    if sys.argv[1] == "lines":
        print(json.dumps({n: lines_of_code(sources[n], tree) for n, tree in trees.items()}))
        return 0
    known = {
        m for n, tree in trees.items() if n.startswith(PACKAGES) for m in protocol_methods(tree)
    }
    found = [f for n, tree in trees.items() for f in findings(n, tree, known)]
    found += layer_findings(trees)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
