"""One line of progress, from one second on, wherever people look: a notebook or a terminal.

In a notebook with ``tqdm`` and ``ipywidgets`` it is tqdm's widget; without them a line of our own
that the notebook replaces, which needs no extension and writes no errors. In a terminal it is
tqdm's where it is installed, else our own.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

QUIET_SECONDS: Final = 1.0
_SOONEST: Final = 0.1  # seconds between two looks of a line in a notebook, which sends each
_OFF: Final = frozenset({"0", "false", "no", "off"})

Progress: TypeAlias = Callable[[int, int], object] | bool | None


def reporter(progress: Progress, label: str) -> Callable[[int, int], object]:
    """Return what is told (done, total) now and then, and (-1, -1) at the end."""
    if callable(progress):
        tell = progress
        return lambda done, total: tell(done, total) if done >= 0 else None
    if progress is False or (progress is None and not _wanted()):
        return lambda done, total: None
    return Line(label)


def _wanted() -> bool:
    """Whether somebody looks at the output, and has not said that it shall be silent."""
    if os.environ.get("RUVECTOR_PROGRESS", "").strip().lower() in _OFF:
        return False
    return _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _in_notebook() -> bool:
    """Whether outputs go to a notebook, whose kernel shows what it is given."""
    shell = sys.modules.get("IPython")
    return "ipykernel" in sys.modules and shell is not None and shell.get_ipython() is not None


class Display(Protocol):
    """Where a line is shown."""

    def show(self, done: int, total: int, seconds: float) -> None:
        """Show how far the work is."""
        ...

    def close(self) -> None:
        """Leave what is shown as it is, and end the line."""
        ...


class Line:
    """One line of progress, from one second on."""

    __slots__ = ("_begin", "_display", "_label", "_total")

    def __init__(self, label: str) -> None:
        self._label = label
        self._begin = time.monotonic()
        self._display: Display | None = None
        self._total = 0

    def __call__(self, done: int, total: int) -> None:
        """Tell how far the work is; (-1, -1) once it has ended, in whatever way."""
        seconds = time.monotonic() - self._begin
        if done < 0:
            self._close(seconds)
        elif total > 0 and seconds >= QUIET_SECONDS:
            if self._display is None:
                self._display = display(self._label, total)
            self._total = total
            self._display.show(min(done, total), total, seconds)

    def _close(self, seconds: float) -> None:
        if self._display is None:
            return
        if sys.exc_info()[0] is None:  # else it has ended before its end
            self._display.show(self._total, self._total, seconds)
        self._display.close()
        self._display = None


def display(label: str, total: int) -> Display:
    """Return where a line is shown now."""
    notebook = _in_notebook()
    if notebook and importlib.util.find_spec("ipywidgets") is None:
        return _Shown(label)  # tqdm.auto would warn that there are no widgets, and fall back
    try:
        tqdm = importlib.import_module("tqdm.auto" if notebook else "tqdm")
    except ImportError:
        return _Shown(label) if notebook else _Written(label)
    return _Bar(tqdm.tqdm(desc=label, total=total, unit="rows", unit_scale=True))


def said(label: str, done: int, total: int, seconds: float) -> str:
    """Return the line, for example ``build: 50 % of 10,000, 2 s, 2 s left``."""
    text = f"{label}: {100 * done // total} % of {total:,}, {seconds:.0f} s"
    if 0 < done < total:
        text += f", {seconds * (total - done) / done:.0f} s left"
    return text


class _Bar:
    """tqdm's bar."""

    __slots__ = ("_bar",)

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def show(self, done: int, total: int, seconds: float) -> None:
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Written:
    """A line of a terminal, written over itself."""

    __slots__ = ("_label", "_wide")

    def __init__(self, label: str) -> None:
        self._label = label
        self._wide = 0

    def show(self, done: int, total: int, seconds: float) -> None:
        line = said(self._label, done, total, seconds)
        self._wide = max(self._wide, len(line))
        sys.stderr.write(f"\r{line.ljust(self._wide)}")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write("\n")


class _Shown:
    """A line of a notebook, replaced by the next one."""

    __slots__ = ("_handle", "_label", "_last")

    def __init__(self, label: str) -> None:
        self._label = label
        self._handle: Any = None
        self._last = 0.0

    def show(self, done: int, total: int, seconds: float) -> None:
        if done < total and seconds - self._last < _SOONEST:
            return
        self._last = seconds
        data = {"text/plain": said(self._label, done, total, seconds)}
        if self._handle is None:
            ipython: Any = importlib.import_module("IPython.display")
            self._handle = ipython.display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def close(self) -> None:
        pass
