"""Progress: one line after a second, in terminals and notebooks, and silence where it is asked."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

import ruvector as rv
from ruvector import _progress


class Terminal(io.StringIO):
    """Text that a terminal shows."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    yield now


def look(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let stderr be a terminal; in the test itself, since pytest puts its own there before."""
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    return out


def test_the_line_is_quiet_for_a_second(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = look(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    report = _progress.reporter(None, "build")
    report(1, 10)
    clock[0] = 0.9
    report(2, 10)
    assert terminal.getvalue() == ""
    clock[0] = 2.0
    report(5, 10)
    assert terminal.getvalue() == "\rbuild: 50 % of 10, 2 s, 2 s left"
    clock[0] = 3.0
    report(9, 10)
    clock[0] = 4.0
    report(-1, -1)
    assert terminal.getvalue().endswith("\rbuild: 100 % of 10, 4 s         \n")
    assert terminal.getvalue().count("\n") == 1


def test_work_that_ends_within_a_second_says_nothing(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = look(monkeypatch)
    report = _progress.reporter(True, "build")
    report(1, 10)
    report(10, 10)
    report(-1, -1)
    clock[0] = 99
    empty = _progress.reporter(True, "build")
    empty(0, 0)
    clock[0] = 200
    empty(0, 0)
    empty(-1, -1)
    assert terminal.getvalue() == ""


def test_work_that_fails_does_not_say_that_it_is_done(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = look(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    report = _progress.reporter(None, "build")
    clock[0] = 2.0
    with pytest.raises(KeyboardInterrupt):
        try:
            report(5, 10)
            raise KeyboardInterrupt
        finally:
            report(-1, -1)
    assert "50 %" in terminal.getvalue() and "100 %" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


def test_the_line_is_tqdms_in_a_terminal_that_has_it(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = look(monkeypatch)
    assert importlib.util.find_spec("tqdm")
    report = _progress.reporter(None, "build")
    clock[0] = 2.0
    report(3_000, 10_000)
    report(7_000, 10_000)
    report(-1, -1)
    text = terminal.getvalue()
    assert "build:" in text and "10.0k/10.0k" in text and "rows" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("value", ["0", "false", "OFF", " no "])
def test_nobody_is_told_where_it_is_not_wanted(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch)
    assert isinstance(_progress.reporter(None, "x"), _progress.Line)
    monkeypatch.setenv("RUVECTOR_PROGRESS", value)
    assert not isinstance(_progress.reporter(None, "x"), _progress.Line)
    assert isinstance(_progress.reporter(True, "x"), _progress.Line)
    monkeypatch.setenv("RUVECTOR_PROGRESS", "1")
    assert isinstance(_progress.reporter(None, "x"), _progress.Line)
    assert not isinstance(_progress.reporter(False, "x"), _progress.Line)
    for quiet in (io.StringIO(), None):  # a file, and none as under pythonw
        monkeypatch.setattr(sys, "stderr", quiet)
        assert not isinstance(_progress.reporter(None, "x"), _progress.Line)


def test_a_function_is_told_and_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look(monkeypatch)
    seen: list[tuple[int, int]] = []
    report = _progress.reporter(lambda done, total: seen.append((done, total)), "x")
    report(1, 2)
    report(2, 2)
    report(-1, -1)
    assert seen == [(1, 2), (2, 2)]
    assert terminal.getvalue() == ""


def test_the_settings_switch_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look(monkeypatch)
    import numpy as np
    import pandas as pd

    def slow(texts: list[str]) -> Any:
        import time

        time.sleep(0.15)
        return np.ones((len(texts), 2), np.float32)

    frame = pd.DataFrame({"body": [f"a {i}" for i in range(2500)]})
    with rv.config(progress=False):
        rv.embed(frame, "body", embedder=slow)
    assert terminal.getvalue() == ""


SETUP = """
    import os, sys, time
    import numpy as np, pandas as pd, ruvector as rv
    def slow(texts):
        time.sleep(0.12)
        return np.ones((len(texts), 3), np.float32)
    frame = pd.DataFrame({"body": [f"text {i}" for i in range(3000)]})
    def embed(rows=3000):
        rv.cache.clear()
        return rv.embed(frame.head(rows), "body", embedder=lambda texts: slow(texts))
    def build(**options):
        rows = np.random.default_rng(0).random((40_000, 256), np.float32)
        seconds = 0
        while seconds < 1.5:  # on any machine
            rows, begin = np.concatenate([rows, rows]), time.monotonic()
            rv.Index.build(rows, kind="flat", bits=9, keep="none", threads=1, **options).close()
            seconds = time.monotonic() - begin
"""
CELLS = {
    "embed": "made = embed()",
    "build": "build()",
    "without tqdm": "sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None; made = embed()",
    "quick": "made = embed(300)",
    "settings": "with rv.config(progress=False): made = embed()",
    "argument": "build(progress=False)",
    "environment": "os.environ['RUVECTOR_PROGRESS'] = '0'; made = embed()",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What a notebook shows of each cell, which one real kernel runs in order."""
    cells = [nbformat.v4.new_code_cell(text) for text in (textwrap.dedent(SETUP), *CELLS.values())]
    kernel = Config()  # local sockets: no TCP port is opened
    kernel.AsyncKernelManager.transport = "ipc"
    kernel.AsyncKernelManager.ip = str(tmp_path_factory.mktemp("k") / "kernel")
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, config=kernel, kernel_name="python3", timeout=120).execute()
    assert notebook.cells[0].outputs == []
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells[1:], strict=True)}


@pytest.mark.long
@pytest.mark.skipif(
    importlib.util.find_spec("ipywidgets") is not None, reason="this is about its absence"
)
@pytest.mark.parametrize("name", ["embed", "build", "without tqdm"])
def test_a_plain_kernel_shows_one_line_and_no_warning(
    name: str, shown: dict[str, list[Any]]
) -> None:
    outputs = shown[name]
    assert outputs and all(output.output_type == "display_data" for output in outputs), outputs
    text = outputs[-1].data["text/plain"]
    assert text.startswith("build: 100 % of " if name == "build" else "embed: 100 % of 3,000, ")
    assert "left" not in text
    assert name == "build" or len(outputs) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["quick", "settings", "argument", "environment"])
def test_a_kernel_is_silent_where_it_is_asked_to_be(name: str, shown: dict[str, list[Any]]) -> None:
    assert shown[name] == []


def test_a_program_whose_output_goes_to_a_file_is_silent() -> None:
    code = textwrap.dedent(SETUP) + "made = embed()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == "" and ended.stdout == ""
