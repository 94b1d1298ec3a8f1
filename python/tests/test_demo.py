"""The demo's collector reads the standard library, and the default model finds the right entry."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import ruvector as rv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "demo"))

import stdlib_docs


@pytest.fixture(scope="module")
def entries() -> Any:
    return stdlib_docs.docstrings()


def test_every_docstring_of_the_standard_library_is_an_entry(entries: Any) -> None:
    by_name = {entry.name: entry for entry in entries}
    assert 6_000 < len(entries) < 12_000
    assert by_name["zipfile.ZipFile.read"].first_line == "Return file bytes for name."
    assert by_name["json"].text.startswith("json: JSON (JavaScript Object Notation)")
    assert by_name["asyncio.tasks.wait_for"].doc.startswith("Wait for the single Future")


def test_test_packages_are_left_out(entries: Any) -> None:
    for package in (
        "test.",
        "unittest.test.",
        "lib2to3.tests.",
        "idlelib.idle_test.",
        "ctypes.test.",
    ):
        assert not [entry.name for entry in entries if entry.name.startswith(package)]
    assert not [entry.name for entry in entries if "site-packages" in entry.name]


def test_indentation_is_taken_out_and_nested_names_are_qualified() -> None:
    source = 'class A:\n    """One.\n\n        Two."""\n    def f(self):\n        """Three."""\n'
    found = list(stdlib_docs._walk(ast.parse(source), "m"))
    assert [(entry.name, entry.doc) for entry in found] == [
        ("m.A", "One.\n\nTwo."),
        ("m.A.f", "Three."),
    ]


def test_a_question_about_zip_files_is_answered_by_zipfile_first(entries: Any) -> None:
    embedder = rv.Embedder.from_pretrained("default")
    index = rv.Index.build(embedder.encode([entry.text for entry in entries]))
    first = index.search(embedder.encode("how do I read a zip file"), k=1).ids[0]
    assert entries[first].name.startswith("zipfile.")


def test_readers_follow_the_daemon_that_publishes() -> None:
    script = pathlib.Path(__file__).resolve().parents[2] / "demo" / "sidecar.py"
    done = subprocess.run(
        [sys.executable, str(script), "--states", "3"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    for reader in ("first reader", "second reader"):
        own = [line for line in lines if line.startswith(reader)]
        assert "up_to_date, 100 rows of state [" in own[0]
        assert "invalidated, 100 rows of state [3]" in own[-1]
        assert all("primed 0" in line for line in own)
