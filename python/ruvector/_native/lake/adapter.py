"""Stores that this process answers: their questions out of the library, their answers into it.

Questions are taken and answered on threads of Python's. Answers return False when nobody waits for
them any more.
"""

from __future__ import annotations

import json
from ctypes import byref, c_int32
from typing import Any, NamedTuple

from ..._errors import InvalidArgument
from ..arrow import _STREAM, _pointer, collect
from ..handle import Handle
from ..library import call, call_for_bytes
from ..params import Names, values
from ..task import Task


class Question(NamedTuple):
    """A call of a store; `op` is ``collections``, ``stamp``, ``pull`` or ``bundle``."""

    id: int
    op: str
    collection: str


def new_adapter(name: str, describes: bool) -> Handle:
    """Make a store that is answered here; `describes` says that it answers ``bundle``."""
    handle = Handle()
    text = name.encode()
    call("rv_adapter_new", text, len(text), int(describes), byref(handle.cell))
    return handle.adopt()


def next_question(store: Handle, ms: int) -> Question | None:
    """Wait for a question up to `ms` with the interpreter free; None when none came.

    Raises
    ------
    BackendError, InvalidArgument
        The store is closed.
    """
    text = call_for_bytes("rv_adapter_next", store.value, ms)
    collect()
    return Question(**json.loads(text)) if text else None


def answer(store: Handle, question: int, said: Any) -> bool:
    """Answer with what JSON holds: names, a stamp or the document of a bundle."""
    text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    wanted = c_int32(0)
    call("rv_adapter_answer", store.value, question, text, len(text), byref(wanted))
    return bool(wanted.value)


def answer_rows(
    store: Handle, question: int, ids: Names, vectors: Handle | None, generation: int | str,
    owned: bool,
) -> bool:  # fmt: skip
    """Answer a pull with ids and a column of vectors; `owned` if nobody will write to these."""
    given, kept = values(ids)
    stamp, wanted = json.dumps(generation).encode(), c_int32(0)
    call(
        "rv_adapter_answer_rows", store.value, question, byref(given),
        0 if vectors is None else vectors.value, stamp, len(stamp), int(owned), byref(wanted),
    )  # fmt: skip
    del kept
    return bool(wanted.value)


class Rows:
    """Rows that were all sent and wait to be called complete."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def end(self, why: str | None = None) -> None:
        """Say that they are complete, or why they are not."""
        text = None if why is None else why.encode("utf-8", "replace")
        try:
            call("rv_adapter_end", self._handle.value, text, 0 if text is None else len(text))
        finally:
            self._handle.close()


def answer_stream(
    store: Handle, question: int, rows: Any, generation: int | str, owned: bool
) -> Rows | None:
    """Answer a pull with an object that has ``__arrow_c_stream__``: tables of "id" and "vector".

    It is read here, as fast as it is wanted. Returns None when that was not to the end; whoever
    waits has been told then.
    """
    export = getattr(rows, "__arrow_c_stream__", None)
    if export is None:
        raise InvalidArgument(f"{type(rows).__name__} is no Arrow stream")
    capsule = export()
    stamp, wanted, handle = json.dumps(generation).encode(), c_int32(0), Handle()
    call(
        "rv_adapter_answer_stream", store.value, question, _pointer(capsule, _STREAM), stamp,
        len(stamp), int(owned), byref(handle.cell), byref(wanted),
    )  # fmt: skip
    handle.adopt()
    if not wanted.value:
        if handle.value:
            handle.close()
        return None
    return Rows(handle)


def fail(store: Handle, question: int, kind: int, code: int, message: str) -> bool:
    """Answer with an error; `code` comes back with it."""
    text = message.encode("utf-8", "replace")
    wanted = c_int32(0)
    call("rv_adapter_fail", store.value, question, kind, code, text, len(text), byref(wanted))
    return bool(wanted.value)


def is_wanted(store: Handle, question: int) -> bool:
    """Return whether somebody waits for the answer."""
    wanted = c_int32(0)
    call("rv_adapter_wanted", store.value, question, byref(wanted))
    return bool(wanted.value)


def close_adapter(store: Handle) -> None:
    """End every question, those to come included."""
    if store.value:
        call("rv_adapter_close", store.value)


def ask(store: Handle, op: str, collection: str = "") -> Handle:
    """Ask any store what a lake asks it; return an answer for ``rv_answer_stream``.

    ``collections``: column "name"; ``stamp``: "data_ref" and "generation" as text; ``pull``: "id",
    "vector" and the "generation" of the pull as text.
    """
    task = Task()
    name = collection.encode()
    call("rv_backend_ask_start", store.value, op.encode(), name, len(name), byref(task.cell))
    task.wait()
    answer = Handle()
    task.result(answer.cell)
    return answer.adopt()
