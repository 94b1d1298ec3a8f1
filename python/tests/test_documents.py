"""Every code block of every document runs, and what documents point at exists."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tomllib
from typing import NamedTuple

import pytest

import ruvector

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    """One fenced block of a document."""

    document: pathlib.Path
    line: int
    language: str
    text: str


def _documents() -> list[pathlib.Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in names.splitlines() if (ROOT / name).exists()]


DOCUMENTS = _documents()


def _blocks(document: pathlib.Path) -> list[Block]:
    text = document.read_text("utf-8")
    return [
        Block(document, text.count("\n", 0, m.start()) + 2, m[1], m[2])
        for m in FENCE.finditer(text)
    ]


BLOCKS = [block for document in DOCUMENTS for block in _blocks(document)]


def _name(value: object) -> str:
    if isinstance(value, Block):
        return f"{value.document.relative_to(ROOT)}:{value.line}"
    assert isinstance(value, pathlib.Path)
    return str(value.relative_to(ROOT))


def _of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_there_are_documents_and_every_block_has_a_language_that_is_checked() -> None:
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= {
        document.name for document in DOCUMENTS
    }
    assert not [_name(b) for b in BLOCKS if b.language not in {"python", "go", "sh", "text"}]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if _blocks(d)], ids=_name)
def test_python_blocks_run_in_the_order_of_the_page(
    document: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    blocks = [block for block in _blocks(document) if block.language == "python"]
    if not blocks:
        return
    lines: list[str] = []
    for block in blocks:  # keep line numbers, so that a traceback points into the document
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    script = tmp_path / f"{document.stem}.py"
    script.write_text("\n".join(lines), "utf-8")
    package = pathlib.Path(ruvector.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(package)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", _of("go"), ids=_name)
def test_go_blocks_run_and_print_what_they_say(block: Block, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "main.go"
    program.write_text(block.text)
    done = subprocess.run(["go", "run", str(program)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"Println\(.*\) // (.*)", block.text)
    assert done.stdout.splitlines() == said


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "python/pyproject.toml").read_text())["project"]
    assert project["name"] == "ruvector-arrow"
    return set(project["optional-dependencies"])


def _fault(command: str) -> str | None:
    """What is wrong with one line of a shell block; None when it would work."""
    words = command.split("#")[0].split()
    if not words:
        return None
    if words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        return done.stderr if done.returncode else None
    if words[:2] == ["pip", "install"]:
        named = re.findall(r"\[([\w,]+)\]", command)
        unknown = {extra for group in named for extra in group.split(",")} - _extras()
        return f"unknown extras {unknown}" if unknown else None
    if words[:2] == ["bash", "checks/run"]:
        legs = [leg for leg in words[2:] if not list((ROOT / "checks").glob(f"{leg}.*"))]
        return f"no such check: {legs}" if legs else None
    return "a command that this test does not know"


@pytest.mark.parametrize("block", _of("sh"), ids=_name)
def test_shell_blocks_name_commands_that_exist(block: Block) -> None:
    faults = [(line, _fault(line)) for line in block.text.splitlines()]
    assert not [fault for fault in faults if fault[1] is not None]


def test_a_shell_line_that_does_not_exist_is_found() -> None:
    assert _fault("make coffee")
    assert _fault("pip install 'ruvector-arrow[nonsense]'")
    assert _fault("bash checks/run nonsense")
    assert _fault("curl something")
    assert _fault("make help   # fine") is None


def test_make_help_lists_every_target_and_not_too_many() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    listed = [line.split()[1] for line in said.stdout.splitlines() if line.startswith("  make ")]
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert sorted(listed) == sorted(phony[1].split())
    assert len(listed) <= 16


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_lead_to_files(document: pathlib.Path) -> None:
    targets = LINK.findall(FENCE.sub("", document.read_text("utf-8")))
    inside = [t for t in targets if "://" not in t]
    assert not [t for t in inside if not (document.parent / t).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_paths_in_code_marks_exist(document: pathlib.Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    tops = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    paths = re.findall(r"`([\w./-]+/[\w./*-]*)`", text)
    missing = [
        path
        for path in paths
        if path.split("/")[0] in tops - {"dist", "build"} and not list(ROOT.glob(path.rstrip("/")))
    ]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_tests_that_documents_name_exist(document: pathlib.Path) -> None:
    named = re.findall(r"`([\w./]+)::(\w+)`", document.read_text("utf-8"))
    assert document.name != "README.md" or document.parent != ROOT or named
    for path, test in named:
        source = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(def|func) {test}\(", source, re.MULTILINE), f"{path}::{test}"


def test_the_readme_shows_figures_of_the_recorded_run() -> None:
    recorded = set((ROOT / "benchmarks/results.md").read_text().splitlines())
    section = (ROOT / "README.md").read_text().split("## How fast")[1].split("\n## ")[0]
    shown = [line for line in section.splitlines() if line.startswith("|")]
    assert len(shown) > 3
    assert not [line for line in shown if line not in recorded]
