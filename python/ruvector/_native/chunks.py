"""Texts cut into chunks by the library, which may ask for the tokens of their parts."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, sizeof
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .arrow import address
from .handle import Handle, info
from .library import call
from .structs import ChunkParams
from .task import Progress, Task
from .texts import PackedTexts

Ints = npt.NDArray[np.int64]

KINDS: Final = ("text", "markdown", "rst", "docstring", "code")
UNITS: Final = ("estimated", "characters", "counted")
_ASKED, _CHUNKS, _HEADINGS = range(3)
_COLUMNS: Final = 7

Count = Callable[[Ints], Ints]


class Sizes(NamedTuple):
    """How texts are cut.

    `base` is how many tokens a text without a word is counted to have, `line_break` about how many
    a line end between two parts.
    """

    unit: Literal["estimated", "characters", "counted"]
    budget: int
    overlap: int
    base: int = 0
    line_break: int = 0


class Cuts(NamedTuple):
    """Chunks and headings, an array each.

    Rows are: text, start and end in bytes, the same in characters; then of chunks the row of the
    heading (or -1) and the tokens, of headings the level and the row of the heading above (or -1).
    """

    chunks: Ints
    headings: Ints


def cut(
    texts: PackedTexts,
    kind: int,
    sizes: Sizes,
    marks: Ints,
    *,
    count: Count | None = None,
    threads: int = 0,
    progress: Progress = False,
) -> Cuts:
    """Cut texts.

    ``marks`` is (n, 4): text, start and end in characters, level. Where tokens are counted,
    ``count`` is called, on this thread, with rows (text, start and end in bytes, and in
    characters, two more) of what it is to count.
    """
    params = ChunkParams(
        size=sizeof(ChunkParams), threads=threads, kind=kind, unit=UNITS.index(sizes.unit),
        budget=sizes.budget, overlap=sizes.overlap, base=sizes.base,
        line_break=sizes.line_break, marks=address(marks), n_marks=len(marks),
    )  # fmt: skip
    values = texts.values()
    cuts = Handle()
    task = Task(lent=(texts, values, params, marks))
    call("rv_chunk_start", byref(values), byref(params), byref(task.cell))
    task.wait(progress, "chunks")
    task.result(cuts.cell)
    cuts.adopt()
    try:
        while count is not None and info(cuts)["asked"]:
            tokens = np.ascontiguousarray(count(_read(cuts, _ASKED, "asked")), np.int64)
            task = Task(lent=(tokens, texts))
            call("rv_chunk_count_start", cuts.value, address(tokens), len(tokens), byref(task.cell))
            task.wait()
            task.result()
        return Cuts(_read(cuts, _CHUNKS, "chunks"), _read(cuts, _HEADINGS, "headings"))
    finally:
        cuts.close()


def _read(cuts: Handle, what: int, name: str) -> Ints:
    rows: Ints = np.empty((info(cuts)[name], _COLUMNS), np.int64)
    call("rv_chunk_read", cuts.value, what, address(rows), len(rows))
    return rows
