"""Errors as people and programs read them: what failed, where, why, and how to mend it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing for it would take as long as all of this file
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

WIDTH = 8  # columns of "where", "why" and "mend"

# By the name of the class: the classes are not imported before something of theirs fails.
MENDING = {
    "FileMissing": "check the name and the folder",
    "NotAnIndex": "give a file that `ruvector build` or Index.save wrote",
    "FormatTooNew": "pip install --upgrade ruvector-arrow",
    "CorruptIndex": "copy the file again from where it was whole, or build it again",
    "VectorsChanged": "give the vectors that the index was built from, in their order",
    "DimensionMismatch": "ask with vectors made by what made those of the index",
    "OutOfMemory": "give --memory less, --threads fewer, or the machine more",
    "EmbedError": "name what made the vectors of the index: --model NAME",
    "NativeError": "this is a defect of ruvector: please report it with the command and its data",
}


class Usage(Exception):
    """A command line without meaning; ``command`` is the part that knows its options."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.command = command


class Unreadable(Exception):
    """Input of the command line that is not what it should be; ``where`` names it."""

    def __init__(self, message: str, where: str, mend: str = "") -> None:
        super().__init__(message)
        self.where, self.mend = where, mend


class Problem:
    """What went wrong: ``kind`` is the class of the error, ``exit`` the exit code."""

    def __init__(
        self,
        kind: str,
        verb: str,
        why: str,
        exit: int,
        mend: str = "",
        where: dict[str, Any] | None = None,
        trace: str = "",  # of a defect
    ) -> None:
        self.kind, self.verb, self.why, self.exit = kind, verb, why, exit
        self.mend, self.where, self.trace = mend, where or {}, trace

    def block(self) -> str:
        """Return lines for a person."""
        place = ", ".join(
            str(value) if name == "path" else f"{name} {value}"
            for name, value in self.where.items()
        )
        lines = [f"ruvector: {self.verb} failed: {self.kind}"]
        for name, text in (("where", place), ("why", self.why), ("mend", self.mend)):
            if text:
                lines.append(f"  {name:{WIDTH}}" + text.replace("\n", "\n" + " " * (WIDTH + 2)))
        return "\n".join([*lines, self.trace] if self.trace else lines)

    def json(self) -> str:
        """Return one line of JSON: ``{"error": {...}}``."""
        import json

        told = {name: value for name, value in vars(self).items() if value or name == "exit"}
        return json.dumps({"error": told})


def explain(error: BaseException, words: Sequence[str], code: int) -> Problem:
    """Return what an exception means to whoever wrote the command line `words`."""
    verb = next((word for word in words if not word.startswith("-")), "the command")
    if isinstance(error, KeyboardInterrupt):
        mend = "the same command again goes on where this one was" if verb == "score" else ""
        return Problem("KeyboardInterrupt", verb, "stopped by Ctrl-C", code, mend)
    if isinstance(error, Usage):
        return Problem(
            "Usage", verb, str(error), 2, f"`{error.command} --help` tells what it takes"
        )
    if isinstance(error, Unreadable):
        where = {"path": error.where}
        return Problem("Unreadable", verb, str(error), code, error.mend, where)
    kinds = [cls.__name__ for cls in type(error).__mro__]
    if "RuVectorError" in kinds:
        return _of_ours(error, kinds, verb, code)
    if isinstance(error, OSError) and error.strerror:
        where = {"path": _path(error.filename)} if error.filename else {}
        return Problem("OSError", verb, error.strerror, code, where=where)
    if isinstance(error, ImportError):
        return Problem("ImportError", verb, str(error), code)
    if isinstance(error, MemoryError):
        return Problem("OutOfMemory", verb, "no memory is left", code, MENDING["OutOfMemory"])
    import traceback

    return Problem(
        type(error).__name__, verb, str(error) or repr(error), code, MENDING["NativeError"],
        trace="".join(traceback.format_exception(error)).rstrip(),
    )  # fmt: skip


def _of_ours(error: BaseException, kinds: list[str], verb: str, code: int) -> Problem:
    public = sys.modules["ruvector"].__all__
    kind = next(name for name in kinds if name in public)
    where: dict[str, Any] = {}
    path = getattr(error, "filename", None) or getattr(error, "path_", None)
    if path:
        where["path"] = _path(path)
    for name in ("file", "row_group", "row", "column"):
        value = getattr(error, name, None)
        if value is not None:
            where[name] = value if isinstance(value, int) else _path(value)
    mend = getattr(error, "pip", None) or next((MENDING[k] for k in kinds if k in MENDING), "")
    if verb == "score" and "columns=" in str(error):
        mend = "`--columns A,B` names the columns that are passed on"
    if kind in ("InvalidArgument", "MetricError"):
        code, mend = 2, f"`ruvector {verb} --help` tells what it takes"
    return Problem(kind, verb, str(error), code, mend, where)


def _path(name: Any) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)
