"""Lakes at the edge: forks, interrupts, what is let go of, and requests that nobody should send."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from ctypes import byref, c_uint64, sizeof
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._lake.adapter import BackendAdapter
from ruvector._native.lake import calls
from ruvector._native.library import call
from ruvector._native.structs import LakeFederated, LakeQuery, SearchParams

RNG = np.random.default_rng(20)
ROWS = RNG.standard_normal((400, 8)).astype(np.float32)
KEY = ("mine", "docs")
LIMIT = 10  # seconds until a child that hangs is killed


@pytest.fixture
def lake() -> rv.RuLake:
    store = rv.LocalBackend("mine")
    store.put("docs", None, ROWS)
    made = rv.RuLake([store])
    made.search_one("docs", ROWS[0])
    return made


def child(work: Callable[[], None]) -> int:
    """Run work in a forked child; returns its exit status."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT)
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def test_a_forked_child_is_told_at_once(lake: rv.RuLake) -> None:
    store = lake._stores["mine"]

    def work() -> None:
        for verb in (
            lambda: lake.search_one("docs", ROWS[0]),
            lambda: lake.search_one("docs", ROWS[0], k=3, backend="mine"),
            lambda: lake.search_batch("docs", ROWS[:2]),
            lambda: lake.search_federated(ROWS[0]),
            lambda: lake.cache_stats(),
            lambda: lake.prime(KEY),
            lambda: store.put("docs", None, ROWS),
            lambda: rv.LocalBackend("other"),
            lambda: rv.RuLake(),
        ):
            with pytest.raises(rv.ForkedProcessError):
                verb()
        assert "mine" in repr(lake)
        lake.close()

    assert child(work) == 0
    assert len(lake.search_one("docs", ROWS[0]).ids) == 10


def test_a_child_forked_while_targets_are_looked_up_goes_on() -> None:
    lock_held, go = threading.Event(), threading.Event()
    store = rv.LocalBackend("mine")
    store.put("docs", None, ROWS)
    lake = rv.RuLake([store])

    def hold() -> None:
        with lake._lock:
            lock_held.set()
            go.wait(LIMIT)

    thread = threading.Thread(target=hold)
    thread.start()
    lock_held.wait(LIMIT)

    def work() -> None:
        with pytest.raises(rv.ForkedProcessError):
            lake.search_one("docs", ROWS[0], backend="mine")

    assert child(work) == 0
    go.set()
    thread.join()


class Hanging(BackendAdapter):
    """A store that never answers what it holds."""

    id = "hanging"

    def __init__(self) -> None:
        self.end = threading.Event()

    def list_collections(self) -> list[str]:
        return ["docs"]

    def generation(self, collection: str) -> int:
        return 1

    def pull_vectors(self, collection: str) -> Any:
        self.end.wait(60)
        return [1], ROWS[:1]


def test_an_interrupt_ends_a_search_whose_store_hangs(lake: rv.RuLake) -> None:
    hanging, before = Hanging(), set(threading.enumerate())
    lake.register_backend(hanging)
    try:
        for ask in (
            lambda: lake.search_one("docs", ROWS[0], backend="hanging"),
            lambda: lake.search_federated(ROWS[0], targets=[KEY, ("hanging", "docs")]),
            lambda: lake.prime(("hanging", "docs")),
        ):
            timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
            timer.start()
            start = time.perf_counter()
            with pytest.raises(KeyboardInterrupt):
                ask()
            assert time.perf_counter() - start < 5
            timer.join()
        assert len(lake.search_one("docs", ROWS[0], backend="mine").ids) == 10
    finally:
        hanging.end.set()
        lake.close()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)  # what they answer now is given back by them


def handles() -> int:
    gc.collect()
    return int(_native.library_info()["handles"])


def test_nothing_is_left_of_what_is_let_go() -> None:
    def use() -> None:
        store = rv.LocalBackend("mine")
        store.put("docs", [f"t{i}" for i in range(400)], ROWS)
        lake = rv.RuLake([store])
        with lake.session() as session:
            session.search_one("docs", ROWS[0])
        lake.search_batch("docs", ROWS[:3])
        lake.search_federated(ROWS[:3])
        lake.cache_stats_by_collection()
        with pytest.raises(rv.UnknownCollection):
            lake.search_one("x", ROWS[0])

    use()
    before = handles(), _native.live_structs()  # tests before it may hold some
    for _ in range(5):
        use()
    assert (handles(), _native.live_structs()) == before


REQUESTS = [
    b"", b"{", b"[]", b"null x", b'{"verb": 7}', b'{"verb": "nothing"}', b'{"other": 1}',
    b'{"verb": "set_consistency", "mode": 9}', b'{"verb": "stats"} {"verb": "stats"}', b"\xff\xfe",
]  # fmt: skip


@pytest.mark.parametrize("text", REQUESTS)
def test_requests_that_mean_nothing_are_refused(lake: rv.RuLake, text: bytes) -> None:
    task, made = c_uint64(0), c_uint64(0)
    with pytest.raises(rv.InvalidArgument):
        _native.library.call_for_bytes("rv_lake_ask", lake._handle.value, text, len(text))
    for door in ("rv_lake_call_start", "rv_lake_target"):
        if door == "rv_lake_target" and text.startswith(b"null"):
            continue
        with pytest.raises(rv.InvalidArgument):
            call(door, lake._handle.value, text, len(text), byref(task))
    for door in ("rv_lake_new", "rv_backend_new"):
        with pytest.raises((rv.InvalidArgument, rv.LakeError)):
            call(door, text, len(text), byref(made))


def test_a_request_is_not_longer_than_names_are(lake: rv.RuLake) -> None:
    text = json.dumps({"verb": "x" * (17 << 20)}).encode()
    with pytest.raises(rv.LimitExceeded):
        _native.library.call_for_bytes("rv_lake_ask", lake._handle.value, text, len(text))


def test_handles_of_other_things_are_refused(lake: rv.RuLake) -> None:
    store = lake._stores["mine"]._handle
    target, task = lake._targets[KEY].handle, c_uint64(0)
    params = SearchParams(size=sizeof(SearchParams))
    terms = LakeQuery(size=sizeof(LakeQuery), consistency=-1)
    for wrong in (0, 12345678, store.value, lake._handle.value):
        with pytest.raises(rv.InvalidArgument):
            call("rv_lake_search_start", wrong, byref(params), byref(terms), byref(task))
    for wrong in (0, store.value, target.value):
        with pytest.raises(rv.InvalidArgument):
            call("rv_session_new", wrong, byref(task))
        with pytest.raises(rv.InvalidArgument):
            call("rv_lake_register", wrong, store.value)
        with pytest.raises(rv.InvalidArgument):
            calls.read_note(lake._handle)


def test_parameters_that_do_not_fit_are_refused(lake: rv.RuLake) -> None:
    target, task = lake._targets[KEY].handle.value, c_uint64(0)
    good = SearchParams(size=sizeof(SearchParams))
    terms = LakeQuery(size=sizeof(LakeQuery), consistency=-1)
    bad: list[tuple[SearchParams, LakeQuery]] = [
        (SearchParams(size=1), terms),
        (good, LakeQuery(size=1)),
        (good, LakeQuery(size=sizeof(LakeQuery), consistency=7)),
        (good, LakeQuery(size=sizeof(LakeQuery), consistency=-1, session=99)),
        (SearchParams(size=sizeof(SearchParams), nq=1, dim=8, k=1), terms),
        (SearchParams(size=sizeof(SearchParams), nq=-1), terms),
        (SearchParams(size=sizeof(SearchParams), diversity=0.5), terms),
        (SearchParams(size=sizeof(SearchParams), source=5), terms),
    ]
    for params, query in bad:
        with pytest.raises(rv.RuVectorError):
            call("rv_lake_search_start", target, byref(params), byref(query), byref(task))
    whole = LakeFederated(size=sizeof(LakeFederated))
    with pytest.raises(rv.InvalidArgument):
        call("rv_lake_federated_start", lake._handle.value, byref(whole), byref(task))
    with pytest.raises(rv.InvalidArgument):
        call("rv_backend_change_start", lake._stores["mine"]._handle.value, None, byref(task))
    assert len(lake.search_one("docs", ROWS[0]).ids) == 10
