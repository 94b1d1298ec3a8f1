"""Execute every notebook from its plain-text source, in a kernel of this environment.

The executed notebooks go to notebooks/*.ipynb (not committed). Agents that they ask run in the
environment of checks/agents.py. A notebook fails the run when a
cell raises, when it takes over 60 s, when it shows no picture, or when a cell tagged `N-lines`
does not have exactly that many lines of code.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_SECONDS = 60
LINES = {"five-lines": 5}


def main() -> int:
    """Run all; returns the number of notebooks that failed."""
    failed = 0
    agents = HERE.parent / "checks" / "agents.py"
    subprocess.run([sys.executable, agents, "peers"], check=True)
    os.environ["RUVECTOR_AGENTS"] = str(HERE.parent / "build" / "agents" / "bin" / "python")
    for source in sorted(HERE.glob("[0-9]*.py")):
        begin = time.perf_counter()
        faults = execute(source)
        seconds = time.perf_counter() - begin
        if seconds > LIMIT_SECONDS:
            faults.append(f"took {seconds:.0f} s, at most {LIMIT_SECONDS}")
        print(f"{source.name}: {seconds:.1f} s, {'; '.join(faults) or 'ok'}")
        failed += bool(faults)
    return failed


def execute(source: pathlib.Path) -> list[str]:
    """Run one notebook and write its .ipynb; returns what is wrong with it."""
    notebook = jupytext.read(source)
    with tempfile.TemporaryDirectory() as folder:
        kernel = Config()  # local sockets: no TCP port is opened
        kernel.AsyncKernelManager.transport = "ipc"
        kernel.AsyncKernelManager.ip = str(pathlib.Path(folder, "kernel"))
        client = NotebookClient(
            notebook,
            config=kernel,
            kernel_name="python3",
            timeout=2 * LIMIT_SECONDS,
            resources={"metadata": {"path": str(HERE)}},
        )
        client.execute()
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    return [*wrong_line_counts(notebook), *missing_picture(notebook)]


def wrong_line_counts(notebook: Any) -> list[str]:
    """Cells that promise a number of lines in a tag and break the promise."""
    faults = []
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            if tag in LINES and len(lines) != LINES[tag]:
                faults.append(f"{tag}: {len(lines)} lines")
    return faults


def missing_picture(notebook: Any) -> list[str]:
    """A fault where no cell shows an image."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return []
    return ["no picture"]


if __name__ == "__main__":
    sys.exit(main())
