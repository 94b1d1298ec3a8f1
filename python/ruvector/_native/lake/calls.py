"""Lakes and stores as handles, and the verbs that are asked and answered in JSON."""

from __future__ import annotations

import json
from ctypes import addressof, byref, c_int64, sizeof
from typing import Any

from ..handle import Handle
from ..library import call, call_for_bytes
from ..params import Names, values
from ..structs import BackendChange
from ..task import Task
from .pending import Pending

VERBS = {"put": 0, "append": 1, "upsert": 2, "delete": 3}


def _packed(request: dict[str, Any]) -> tuple[bytes, int]:
    text = json.dumps(request, ensure_ascii=False).encode()
    return text, len(text)


def new_lake(options: dict[str, Any]) -> Handle:
    """Make a lake; what options do not name has its default."""
    lake = Handle()
    call("rv_lake_new", *_packed(options), byref(lake.cell))
    return lake.adopt()


def new_store(options: dict[str, Any]) -> Handle:
    """Make a store."""
    store = Handle()
    call("rv_backend_new", *_packed(options), byref(store.cell))
    return store.adopt()


def register(lake: Handle, store: Handle) -> None:
    """Have a lake search a store."""
    call("rv_lake_register", lake.value, store.value)


def target(lake: Handle, backend: str, collection: str) -> Handle:
    """Return a collection of a lake, which need not be there."""
    made = Handle()
    key = _packed({"backend": backend, "collection": collection})
    call("rv_lake_target", lake.value, *key, byref(made.cell))
    return made.adopt()


def session(lake: Handle) -> Handle:
    """Return a session, in which every collection is looked at once."""
    made = Handle()
    call("rv_session_new", lake.value, byref(made.cell))
    return made.adopt()


def change(
    store: Handle,
    verb: str,
    collection: str,
    ids: Names,
    vectors: Handle | None = None,
    missing: bool = False,
) -> Pending[int]:
    """Begin a change of a collection; the answer is how many rows were replaced or deleted."""
    name = collection.encode()
    given, kept = values(ids)
    count = c_int64(0)
    params = BackendChange(
        size=sizeof(BackendChange), verb=VERBS[verb], collection=name, collection_len=len(name),
        vectors=0 if vectors is None else vectors.value, ids=addressof(given),
        missing=int(missing), count=addressof(count),
    )  # fmt: skip
    task = Task(lent=(given, kept, count))
    call("rv_backend_change_start", store.value, byref(params), byref(task.cell))
    return Pending(task, lambda _: count.value, verb)


def ask(lake: Handle, verb: str, **arguments: Any) -> Any:
    """Return the answer to what a lake knows without asking a store."""
    request = _packed({"verb": verb, **arguments})
    return json.loads(call_for_bytes("rv_lake_ask", lake.value, *request))


def begin(lake: Handle, verb: str, **arguments: Any) -> Pending[Any]:
    """Begin what may take long."""
    task = Task()
    request = _packed({"verb": verb, **arguments})
    call("rv_lake_call_start", lake.value, *request, byref(task.cell))
    return Pending(task, read_note, verb)


def read_note(note: Handle) -> Any:
    """Return what a note says, and free it."""
    try:
        return json.loads(call_for_bytes("rv_note", note.value))
    finally:
        note.close()
