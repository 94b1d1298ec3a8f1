"""Stores that are written in Python: `BackendAdapter`, the threads that call it, its errors."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import lake_conformance as conformance
import numpy as np
import pyarrow as pa
import pytest
from lake_conformance import Known, Native

from ruvector import _errors as errors
from ruvector._lake import serving
from ruvector._lake.adapter import BackendAdapter
from ruvector._native.library import live_structs

EYE = np.eye(3, dtype=np.float32)


class Rows(BackendAdapter):
    """Rows in a dictionary, with a number that counts changes."""

    def __init__(self, name: str = "rows", **collections: Any) -> None:
        self.id = name
        self.rows: dict[str, tuple[Any, Any]] = dict(collections)
        self.number = 1

    def _of(self, collection: str) -> tuple[Any, Any]:
        if collection not in self.rows:
            raise errors.UnknownCollection(f"nothing is called {collection}")
        return self.rows[collection]

    def list_collections(self) -> Any:
        return self.rows

    def generation(self, collection: str) -> Any:
        self._of(collection)
        return self.number

    def pull_vectors(self, collection: str) -> Any:
        return self._of(collection)


def test_an_adapter_keeps_what_every_store_must() -> None:
    store = Rows(docs=([1, 2, 3], EYE))

    def change() -> tuple[list[Any], Any]:
        ids = [*store.rows["docs"][0], 10 + store.number]
        vectors = np.vstack([store.rows["docs"][1], np.full((1, 3), store.number, np.float32)])
        store.rows["docs"] = ids, vectors
        store.number += 1
        return ids, vectors

    conformance.check_store(
        Known(
            store, "docs", [1, 2, 3], EYE, change,
            add=lambda name: store.rows.update({name: ([1], EYE[:1])}),
            drop=lambda name: store.rows.pop(name),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        ([7, 9], EYE[:2]),
        (np.array([7, 9], np.int32), EYE[:2].astype(np.float64)),
        (np.array([2**63, 2**64 - 1], np.uint64), EYE[:2]),
        (["a", "\u00e4 \U0001f600"], EYE[:2]),
        (pa.array(["a", "b"]), pa.array(EYE[:2].tolist(), pa.list_(pa.float32()))),
        (pa.array([5, 6]), pa.FixedSizeListArray.from_arrays(EYE[:2].ravel(), 3)),
        ([1, 2], EYE[:2].tolist()),
        ([1, 2], [EYE[0], EYE[1]]),
        ([1, 2], EYE[:2].astype(np.int8)),
        ([], np.zeros((0, 3), np.float32)),
        ([], []),
    ],
    ids=str,
)
def test_rows_come_in_every_shape(ids: Any, vectors: Any) -> None:
    pulled = Native(Rows(docs=(ids, vectors))).pull("docs")
    assert pulled.ids == (ids.to_pylist() if isinstance(ids, pa.Array) else list(ids))
    assert pulled.generation == 1 or not pulled.ids
    np.testing.assert_array_equal(pulled.vectors[:, :3], EYE[: len(ids), : pulled.vectors.shape[1]])


class Streams(Rows):
    """Rows as Arrow streams."""

    made: Any = None

    def pull_vectors(self, collection: str) -> Any:
        return self.made()


def _batches(*parts: Any) -> pa.RecordBatchReader:
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), 2))])

    def generate() -> Any:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            rows = pa.array([[float(i), 1.0] for i in part], schema.field("vector").type)
            yield pa.record_batch([pa.array(part, pa.int64()), rows], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, generate())


def test_streams_are_read_part_by_part() -> None:
    store = Streams(docs=0)
    store.made = lambda: _batches([1, 2], [], [3])
    pulled = Native(store).pull("docs")
    assert pulled.ids == [1, 2, 3]
    assert pulled.vectors.tolist() == [[1, 1], [2, 1], [3, 1]]
    store.made = lambda: (_batches([4]), 1)
    assert Native(store).pull("docs").ids == [4]
    store.made = lambda: (_batches([4]), "v2")
    assert Native(store).pull("docs").generation == "v2"
    store.made = lambda: pa.table({"id": ["x"], "vector": [[1.0, 2.0]]})
    assert Native(store).pull("docs").ids == ["x"]
    sliced = pa.table({"id": [1, 2, 3], "vector": [[1.0], [2.0], [3.0]]}).slice(1, 1)
    store.made = lambda: sliced
    pulled = Native(store).pull("docs")
    assert (pulled.ids, pulled.vectors.tolist()) == ([2], [[2.0]])


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: _batches([1], ValueError("disk on fire")), "broke.*disk on fire"),
        (lambda: pa.table({"id": [1], "vec": [[1.0]]}), "columns.*vec"),
        (lambda: pa.table({"id": [1.5], "vector": [[1.0]]}), "ids of float64"),
        (lambda: pa.table({"id": [True], "vector": [[1.0]]}), "ids of bool"),
        (lambda: pa.table({"id": [1], "vector": ["x"]}), "vector"),
        (lambda: pa.table({"id": [1, None], "vector": [[1.0], [2.0]]}), "null"),
        (lambda: pa.table({"id": [1, 2], "vector": [[1.0], None]}), "null"),
        (lambda: pa.table({"id": [1, 2], "vector": [[1.0], [2.0, 3.0]]}), "row 1"),
        (lambda: pa.table({"id": [1, 1], "vector": [[1.0], [2.0]]}), "used before"),
        (lambda: pa.array([1]), "returned a Int64Array"),
        (lambda: "rows", "pull_vectors.. returned a str"),
        (lambda: (1, 2, 3, 4), "returned a tuple of 4"),
        (lambda: None, "returned a NoneType"),
    ],
)
def test_streams_that_cannot_be_are_named(made: Any, why: str) -> None:
    store = Streams(docs=0)
    store.made = made
    with pytest.raises(errors.BackendError, match=f"(?s)rows.*docs.*{why}"):
        Native(store).pull("docs")


@pytest.mark.parametrize(
    ("ids", "vectors", "why"),
    [
        ([1, 2], EYE, "2 ids for 3 vectors"),
        ([1, 1, 2], EYE, "1"),
        ([1, 2, None], EYE, "row 2 is null"),
        ([1.5, 2, 3], EYE, "ids"),
        ([True, False, True], EYE, "ids"),
        ({1, 2, 3}, EYE, "no order"),
        ([1, 2, "x"], EYE, "ids"),
        ([1, 2, 2**64], EYE, "ids"),
        ([1, 2, 3], [[1.0], [1.0, 2.0], [3.0]], "row"),
        ([1, 2, 3], EYE * np.nan, "row 0"),
        ([1, 2], np.array([[1, 2], [np.inf, 1]]), "row 1"),
        ([1], ["text"], "text"),
        ([1, 2], [[1.0], None], "null"),
        ([1], np.array([1.0]), "axes"),
        ([1], 5, "int"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_are_named(ids: Any, vectors: Any, why: str) -> None:
    with pytest.raises(errors.BackendError, match=f"(?s)rows.*docs.*{why}"):
        Native(Rows(docs=(ids, vectors))).pull("docs")


@pytest.mark.parametrize(
    "generation", [True, 1.0, -1, 2**64, None, b"1", "x" * 5000, "\ud800", np.True_, np.float64(1)]
)
def test_generations_that_cannot_be_are_named(generation: Any) -> None:
    store = Rows(docs=([1, 2, 3], EYE))
    store.number = generation
    with pytest.raises(errors.BackendError, match=r"backend .rows., collection .docs.*generation"):
        Native(store).generation("docs")
    with pytest.raises(errors.BackendError, match="generation"):
        Native(store).pull("docs")


@pytest.mark.parametrize("generation", [0, 2**64 - 1, np.uint64(2**64 - 1), "", "\u00e4", "7"])
def test_generations_are_numbers_or_texts(generation: Any) -> None:
    store = Rows(docs=([1, 2, 3], EYE))
    store.number = generation
    told = Native(store)
    assert told.generation("docs") == generation
    assert told.pull("docs").generation == generation
    assert isinstance(told.generation("docs"), str) == isinstance(generation, str)


def test_a_generation_that_goes_back_is_named() -> None:
    store = Rows(docs=([1, 2, 3], EYE))
    store.number = 7
    told = Native(store)
    assert told.generation("docs") == 7
    store.number = 3
    with pytest.raises(errors.BackendError, match=r"docs.*went back from 7 to 3"):
        told.generation("docs")
    store.number = 8
    assert told.generation("docs") == 8


def test_what_an_adapter_raises_is_the_cause() -> None:
    store, told = Rows(docs=([1], EYE[:1])), None
    told = Native(store)
    kept: list[BaseException] = []

    def broken(*_: Any) -> Any:
        kept.append(ZeroDivisionError("by nothing"))
        raise kept[-1]

    for name, ask in (
        ("list_collections", told.collections),
        ("generation", lambda: told.generation("docs")),
        ("pull_vectors", lambda: told.pull("docs")),
        ("data_ref", lambda: told.data_ref("docs")),
    ):
        setattr(store, name, broken)
        with pytest.raises(errors.BackendError, match=r"rows.*ZeroDivisionError.*by noth") as it:
            ask()
        assert it.value.__cause__ is kept[-1]
        assert it.value.__cause__.__traceback__ is not None
        delattr(store, name)
    assert told.generation("docs") == 1, "an adapter that failed is asked again"


def test_names_that_cannot_be_are_named() -> None:
    for names, why in (
        ([1], "list_collections"), (["a", "../x"], "name"), (["a", "a"], "twice"),
        (["\ud800"], "UTF-8"), (None, "NoneType"),
    ):  # fmt: skip
        store = Rows()
        store.list_collections = lambda names=names: names  # type: ignore[method-assign]
        with pytest.raises(errors.BackendError, match=why):
            Native(store).collections()
    for name in ("", "a/b", None, 5, "\ud800"):
        with pytest.raises(errors.RuVectorError, match=r"(?i)name|id"):
            Native(Rows(name))  # type: ignore[arg-type]
    store = Rows(docs=([1], EYE[:1]))
    store.data_ref = lambda collection: 5  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(errors.BackendError, match=r"data_ref.*5"):
        Native(store).data_ref("docs")


def test_rows_that_change_while_they_are_pulled_are_pulled_again() -> None:
    class Busy(Rows):
        changes = 2

        def pull_vectors(self, collection: str) -> Any:
            if self.changes:
                self.changes -= 1
                self.number += 1
            return [self.number], EYE[:1]

    pulled = Native(Busy(docs=0)).pull("docs")
    assert (pulled.ids, pulled.generation) == ([3], 3)
    never = Busy(docs=0)
    never.changes = 100
    with pytest.raises(errors.BackendError, match=r"changed 3 times.*return .ids, vectors, gen"):
        Native(never).pull("docs")

    class Moved(Streams):
        def pull_vectors(self, collection: str) -> Any:
            self.number += 1
            return _batches([1])

    with pytest.raises(errors.BackendError, match="changed from generation 1 to 2"):
        Native(Moved(docs=0)).pull("docs")


def test_calls_run_at_once_and_not_more_than_the_class_allows() -> None:
    class Slow(Rows):
        def __init__(self) -> None:
            super().__init__(docs=([1], EYE[:1]))
            self.running, self.most, self.lock = 0, 0, threading.Lock()

        def generation(self, collection: str) -> int:
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
            time.sleep(0.002)
            with self.lock:
                self.running -= 1
            return 1

    for allowed in (1, 2, 5):
        store = Slow()
        store.max_calls = allowed
        told = Native(store)

        def ask(told: Native = told) -> None:
            for _ in range(15):
                told.generation("docs")

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert min(2, allowed) <= store.most <= allowed


def test_calls_that_never_return_are_counted_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HANGING", 3)
    release, entered = threading.Event(), threading.Semaphore(0)

    class Hangs(Rows):
        def generation(self, collection: str) -> int:
            entered.release()
            release.wait()
            return 1

    def interrupt() -> None:
        entered.acquire()
        signal.raise_signal(signal.SIGINT)

    store = Hangs(docs=([1], EYE[:1]))
    store.max_calls = 1
    told = Native(store)
    for _ in range(4):
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            told.generation("docs")
    with pytest.raises(errors.BackendError, match=r"no thread is left.*4 calls have not returned"):
        told.generation("docs")
    release.set()
    until = time.monotonic() + 30
    while True:  # as soon as they return there are threads again
        try:
            assert told.generation("docs") == 1
            break
        except errors.BackendError:
            assert time.monotonic() < until


def test_a_hang_ends_with_ctrl_c_and_leaves_the_rest_alone() -> None:
    release = threading.Event()

    class Hangs(Rows):
        def generation(self, collection: str) -> int:
            if collection == "bad":
                release.wait()
            return 1

    store = Hangs(bad=([1], EYE[:1]), good=([1], EYE[:1]))
    store.max_calls = 1
    told = Native(store)
    for _ in range(3):
        timer = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            told.generation("bad")
        assert time.monotonic() - began < 5
        assert told.generation("good") == 1
    release.set()


def test_threads_end_with_the_lake_and_memory_comes_back() -> None:
    gc.collect()
    before, structs = set(threading.enumerate()), live_structs()
    told = Native(Rows(docs=([1, 2, 3], EYE)))
    told.pull("docs")
    mine = set(threading.enumerate()) - before
    assert len(mine) >= 2
    del told
    gc.collect()
    until = time.monotonic() + 30
    while mine & set(threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not mine & set(threading.enumerate())
    until = time.monotonic() + 30
    while live_structs() > structs and time.monotonic() < until:
        Native(Rows(docs=([], []))).collections()  # whatever enters the library brings them back
    assert live_structs() <= structs


ENDS = """
import os, sys, threading, time
sys.path[:0] = {path!r}
import numpy as np
import lake_conformance as conformance
from test_adapter import Rows, EYE
class Hangs(Rows):
    def generation(self, collection):
        print("asked", flush=True)
        threading.Event().wait()
told = conformance.Native(Hangs(docs=([1], EYE[:1])))
asking = threading.Thread(target=lambda: told.generation("docs"), daemon=True)
asking.start()
time.sleep(.3)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise SystemExit(4)"])
def test_the_interpreter_ends_while_an_adapter_hangs(end: str) -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    code = ENDS.format(path=[here], end=end)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (int(end[-2]) if end else 0), done.stderr
    assert done.stdout.startswith("asked")
    assert "Fatal" not in done.stderr


def test_a_forked_child_is_told_and_does_not_hang() -> None:
    told = Native(Rows(docs=([1], EYE[:1])))
    assert told.generation("docs") == 1
    child = os.fork()
    if not child:
        code = 1
        try:
            told.generation("docs")
        except errors.ForkedProcessError:
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert os.waitstatus_to_exitcode(status) == 0
            break
        time.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child hangs")
    assert told.generation("docs") == 1


def test_an_abstract_method_is_needed() -> None:
    class Half(BackendAdapter):
        id = "half"

        def list_collections(self) -> list[str]:
            return []

    with pytest.raises(TypeError, match="generation"):
        Half()  # type: ignore[abstract]
