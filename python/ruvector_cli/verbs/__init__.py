"""One file a verb, imported when it is asked for: ``run(asked)`` prints the answer."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from typing import TextIO


def run(asked: argparse.Namespace) -> None:
    """Do what is asked and print the answer."""
    if asked.quiet:
        os.environ["RUVECTOR_PROGRESS"] = "off"
        warnings.simplefilter("ignore")
    warnings.showwarning = _told
    importlib.import_module(f".{asked.verb}", __name__).run(asked)


def _told(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as a line, without the place in our own files."""
    if sys.stderr is not None:
        print(f"ruvector: warning: {message}", file=sys.stderr)
