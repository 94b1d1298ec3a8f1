"""What every store must keep, whatever language it is written in: a list of checks in Python.

`Native` asks a store as a lake does, and shows what the lake would hear. `check_store` goes through
the list with a store whose rows a test knows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from ctypes import addressof, byref
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from ruvector import _errors as errors
from ruvector._native.lake import adapter as native
from ruvector._native.library import call
from ruvector._native.within import ArrowArrayStream

IDS = [3, 1, 2]
ROWS = np.array([[3, 0.25], [1, 0.5], [2, 0.75]], np.float32)


def changes(write: Callable[[list[Any], np.ndarray], None]) -> Callable[[], Any]:
    """Return a function that adds a row, then changes one, then removes one, again and again."""
    state: dict[str, Any] = {"ids": list(IDS), "rows": ROWS.copy(), "step": 0}

    def change() -> tuple[list[Any], np.ndarray]:
        step = state["step"]
        if step % 3 == 0:
            state["ids"].append(100 + step)
            state["rows"] = np.vstack([state["rows"], np.full((1, 2), step + 7, np.float32)])
        elif step % 3 == 1:
            state["rows"][0, 0] += 1
        else:
            state["ids"], state["rows"] = state["ids"][1:], state["rows"][1:]
        state["step"] += 1
        write(state["ids"], state["rows"])
        return list(state["ids"]), state["rows"].copy()

    return change


class Owner:
    """Stands for the lake that registers a store: the store is let go with it."""


class Pulled(NamedTuple):
    """What one pull brought."""

    ids: list[Any]
    vectors: np.ndarray
    generation: int | str


class Native:
    """A store as a lake hears it."""

    def __init__(self, store: Any) -> None:
        self.owner = Owner()
        self.handle = store._handle_for(self.owner)

    def table(self, op: str, collection: str = "") -> pa.Table:
        answer = native.ask(self.handle, op, collection)
        stream = ArrowArrayStream()
        call("rv_answer_stream", answer.value, byref(stream))
        answer.close()
        return pa.RecordBatchReader._import_from_c(addressof(stream)).read_all()

    def collections(self) -> list[str]:
        return self.table("collections")["name"].to_pylist()

    def generation(self, collection: str) -> int | str:
        return json.loads(self.table("stamp", collection)["generation"][0].as_py())

    def data_ref(self, collection: str) -> str:
        return self.table("stamp", collection)["data_ref"][0].as_py()

    def pull(self, collection: str) -> Pulled:
        table = self.table("pull", collection)
        vectors = table["vector"].combine_chunks()
        matrix = vectors.flatten().to_numpy(zero_copy_only=False)
        dim = vectors.type.list_size
        said = table["generation"].unique().to_pylist()
        return Pulled(
            table["id"].to_pylist(),
            matrix.reshape(len(table), dim),
            json.loads(said[0]) if said else 0,
        )


class Known(NamedTuple):
    """A store, and what a test knows of it.

    `change` changes rows of `collection` and returns the ids and vectors that are then there; `add`
    and `drop` make another collection and remove it, where the store can.
    """

    store: Any
    collection: str
    ids: list[Any]
    vectors: np.ndarray
    change: Callable[[], tuple[list[Any], np.ndarray]]
    add: Callable[[str], None] | None = None
    drop: Callable[[str], None] | None = None


def same_rows(pulled: Pulled, ids: list[Any], vectors: np.ndarray) -> None:
    """The rows are these, in any order."""
    assert sorted(pulled.ids) == sorted(ids)
    assert len(set(pulled.ids)) == len(ids)
    place = {name: row for row, name in enumerate(pulled.ids)}
    rows = [place[name] for name in ids]
    np.testing.assert_array_equal(pulled.vectors[rows].astype(np.float32), np.float32(vectors))


def check_store(known: Known) -> None:
    """Go through the list."""
    told = Native(known.store)
    check_names(told, known)
    check_rows(told, known)
    check_changes(told, known)
    check_unknown(told, known)
    check_threads(told, known)
    check_lists(told, known)


def check_names(told: Native, known: Known) -> None:
    names = told.collections()
    assert names == sorted(set(names))
    assert known.collection in names
    assert told.collections() == names
    where = told.data_ref(known.collection)
    assert where and where == told.data_ref(known.collection)
    others = [told.data_ref(name) for name in names if name != known.collection]
    assert where not in others


def check_rows(told: Native, known: Known) -> None:
    before = told.generation(known.collection)
    pulled = told.pull(known.collection)
    same_rows(pulled, known.ids, known.vectors)
    assert pulled.generation == before == told.generation(known.collection)
    again = told.pull(known.collection)
    assert again.ids == pulled.ids, "the order of rows does not change by itself"
    np.testing.assert_array_equal(again.vectors, pulled.vectors)


def check_changes(told: Native, known: Known) -> None:
    """Every change gives a new generation, and it belongs to the rows that are there then."""
    seen = [told.generation(known.collection)]
    for _ in range(3):
        ids, vectors = known.change()
        seen.append(told.generation(known.collection))
        assert seen.count(seen[-1]) == 1, f"a change was not seen: {seen}"
        pulled = told.pull(known.collection)
        assert pulled.generation == seen[-1]
        same_rows(pulled, ids, vectors)
    numbers = [g for g in seen if isinstance(g, int)]
    assert numbers in ([], sorted(numbers))


def check_unknown(told: Native, known: Known) -> None:
    for op in ("stamp", "pull"):
        with pytest.raises(errors.UnknownCollection) as caught:
            told.table(op, "no_such_collection")
        assert "no_such_collection" in str(caught.value)
        assert repr(known.store.id).strip("'") in str(caught.value)
        for name in ("../x", "a/b", "a\\b", "C:x", "", ".", "..", "a\nb", "x" * 300):
            with pytest.raises(errors.LakeError):
                told.table(op, name)
    assert told.generation(known.collection) == told.generation(known.collection)


def check_threads(told: Native, known: Known) -> None:
    """Many threads ask at once, and hear the same."""
    wanted = told.pull(known.collection)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(3):
                assert told.generation(known.collection) == wanted.generation
                pulled = told.pull(known.collection)
                assert pulled.ids == wanted.ids
                np.testing.assert_array_equal(pulled.vectors, wanted.vectors)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def check_lists(told: Native, known: Known) -> None:
    if known.add is None or known.drop is None:
        return
    known.add("another")
    assert "another" in told.collections()
    told.generation("another")
    known.drop("another")
    assert "another" not in told.collections()
    with pytest.raises(errors.UnknownCollection):
        told.generation("another")
