"""The style test for Python finds what breaks it: each rule on a sample that does."""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "internal" / "tidy"))

import python_layers
import python_rules

INSIDE = "python/ruvector/_sample.py"


def _findings(source: str, name: str = INSIDE) -> list[str]:
    tree = ast.parse(source)
    return list(python_rules.findings(name, tree, python_rules.protocol_methods(tree)))


def test_a_documented_module_has_nothing_to_find() -> None:
    assert not _findings('"""A."""\n\n\ndef f():\n    """B."""\n')


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("x = 1\n", "the module has no docstring"),
        ('"""A."""\ndef f():\n    pass\n', "f has no docstring"),
        ('"""A."""\nclass C:\n    """B."""\n    def g(self):\n        pass\n', "C.g has no"),
        ('"""A."""\n__all__ = ["b", "a"]\n', "__all__ is not sorted"),
    ],
)
def test_what_is_missing_is_found(source: str, complaint: str) -> None:
    found = _findings(source)
    assert len(found) == 1
    assert complaint in found[0]


def test_long_functions_are_found_everywhere_and_docstrings_are_not_counted() -> None:
    body = "    x = 1\n" * 60
    assert "has 61 lines" in _findings(f"def f():\n{body}", "checks/sample.py")[0]
    text = "    line\n" * 80
    assert not _findings(f'def f():\n    """A.\n{text}    """\n    x = 1\n', "checks/sample.py")


def test_private_names_overloads_and_setters_need_no_docstring() -> None:
    source = (
        '"""A."""\nfrom typing import overload\n'
        "def _f():\n    pass\n"
        "@overload\ndef g(x: int) -> int: ...\n"
        'def g(x):\n    """B."""\n'
        'class C:\n    """D."""\n'
        '    @property\n    def p(self):\n        """E."""\n'
        "    @p.setter\n    def p(self, value):\n        pass\n"
    )
    assert not _findings(source)


def test_a_method_that_a_protocol_documents_is_documented() -> None:
    protocol = (
        '"""A."""\nfrom typing import Protocol\n'
        'class P(Protocol):\n    """B."""\n    def m(self):\n        """C."""\n'
    )
    assert not _findings(protocol + 'class D:\n    """E."""\n    def m(self):\n        pass\n')
    assert _findings(protocol + 'class D:\n    """E."""\n    def n(self):\n        pass\n')


def test_outside_the_package_only_length_counts() -> None:
    assert not _findings("def f():\n    pass\n", "demo/sample.py")


def test_lines_of_code_leave_out_comments_docstrings_and_empty_lines() -> None:
    source = '"""A.\n\nB."""\n\n# a comment\nx = [  # here\n    1,\n]\n\n\ndef f():\n    """C."""\n'
    source += '    return """two\nlines"""\n'
    assert python_rules.lines_of_code(source, ast.parse(source)) == 6


def _layers(**sources: str) -> list[str]:
    files = {f"python/ruvector/{n.replace('__', '/')}.py": text for n, text in sources.items()}
    return list(python_layers.layer_findings({n: ast.parse(s) for n, s in files.items()}))


def test_what_is_below_may_be_imported() -> None:
    assert not _layers(
        _errors="import sys\n",
        _native__search="from .._errors import A\nimport ctypes\n",
        _index__index="from .. import _native\nfrom .._show import html\nfrom . import rows\n",
        _index__rows="from __future__ import annotations\n",
        _frames__verbs__search="from ..._index.index import Index\nfrom .. import protocol\n",
    )


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("_native__search", "from .._input import masks", "_native imports _input"),
        ("_native__search", "def f():\n    from .._input.masks import A", "_native imports _input"),
        ("_index__result", "from .. import _frames", "_index imports _frames"),
        ("_frames__verbs__search", "from ..._accessors import frame", "_frames imports _accessors"),
        ("_settings", "from . import _native", "_settings imports _native"),
        ("_settings", "from ._text.embedder import A", "_settings imports _text"),
        ("_input__cells", "import ctypes.util", "ctypes outside _native"),
        ("_input__cells", "from ctypes import c_int", "ctypes outside _native"),
        ("_odd__a", "import sys", "_odd has no place"),
    ],
)
def test_imports_upward_and_second_doors_are_found(name: str, source: str, complaint: str) -> None:
    found = _layers(**{name: source})
    assert len(found) == 1
    assert complaint in found[0]


def test_circles_are_found_but_for_those_of_type_checkers() -> None:
    back = "from .a import A\n"
    assert "a circle" in _layers(_index__a="from . import b\n", _index__b=back)[0]
    silent = f"if TYPE_CHECKING:\n    {back}"
    assert not _layers(_index__a="from . import b\n", _index__b=silent)


def test_packages_of_more_than_25_files_are_found() -> None:
    names = [f"_index__m{i}" for i in range(26)]
    assert "26 files" in _layers(**dict.fromkeys(names, ""))[0]
    assert not _layers(**dict.fromkeys(names[1:], ""))
