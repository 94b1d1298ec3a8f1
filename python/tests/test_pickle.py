"""Pickling takes little memory, hears Ctrl-C, and gives the same index with every protocol."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import ruvector as rv
from ruvector import _native

ROWS = np.random.default_rng(6).standard_normal((3000, 32)).astype("f4")
BITS = np.random.default_rng(7).integers(0, 256, (2000, 8), dtype=np.uint8)


def made(kind: str, changed: bool) -> rv.Index:
    if kind == "bits":
        index = rv.Index.build(BITS, metric="hamming", ids=[f"é{i}" for i in range(len(BITS))])
        new: Any = BITS[:3]
    else:
        index = rv.Index.build(ROWS, kind=kind, ids=np.arange(5, 3005))  # type: ignore[arg-type]
        new = ROWS[:3]
    if changed:
        index.add(["a", "b", "c"] if kind == "bits" else [1, 2, 3], new)
        index.delete(["é7"] if kind == "bits" else [99])
    return index


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("kind", ["exact", "flat", "ivf", "bits"])
def test_a_pickled_index_answers_as_before(kind: str, changed: bool, protocol: int) -> None:
    index = made(kind, changed)
    queries = BITS[:20] if kind == "bits" else ROWS[:20]
    want = index.search(queries, 5, recall=1.0)
    buffers: list[pickle.PickleBuffer] = []
    copies = [pickle.loads(pickle.dumps(index, protocol))]
    if protocol == 5:
        data = pickle.dumps(index, 5, buffer_callback=buffers.append)
        assert len(data) < 500, "the bytes are out of band"
        copies += [pickle.loads(data, buffers=buffers),
                   pickle.loads(data, buffers=[bytearray(b) for b in buffers])]  # fmt: skip
    if protocol == 2:
        copies += [copy.copy(index), copy.deepcopy(index)]
    for again in copies:
        got = again.search(queries, 5, recall=1.0)
        assert np.array_equal(np.asarray(got.ids), np.asarray(want.ids))
        assert np.array_equal(got.scores, want.scores)
        assert len(again) == len(index)


def test_the_bytes_are_those_of_a_saved_file(tmp_path: Any) -> None:
    for kind in ("exact", "flat", "ivf", "bits"):
        index = made(kind, True)
        index.save(tmp_path / "x", vectors=True)
        assert _native.encode(index._handle) == (tmp_path / "x").read_bytes()


def test_any_buffer_is_decoded_and_no_other_bytes() -> None:
    data = _native.encode(made("flat", False)._handle)
    for one in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        _native.decode(one).close()
    for bad in (b"", b"x", data[:-1], data + b"x"):
        with pytest.raises(rv.PersistError):
            _native.decode(bad)


def test_threads_may_pickle_an_index_that_others_change() -> None:
    index = made("flat", False)
    stop = threading.Event()

    def change() -> None:
        i = 10_000
        while not stop.is_set():
            index.add([i], ROWS[:1])
            index.delete([i])
            i += 1

    writer = threading.Thread(target=change)
    writer.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            for again in pool.map(lambda _: pickle.loads(pickle.dumps(index)), range(24)):
                assert len(again) in (3000, 3001)
                assert again.search(ROWS[7], 1).ids.tolist() == [12]
    finally:
        stop.set()
        writer.join()


def test_pickling_leaves_nothing_behind() -> None:
    index = made("ivf", True)
    pickle.loads(pickle.dumps(index)).close()
    gc.collect()
    before = _native.library_info()
    for _ in range(20):
        pickle.loads(pickle.dumps(index)).close()
    gc.collect()
    after = _native.library_info()
    assert after["handles"] <= before["handles"]


PEAK = """
import pickle, sys, numpy as np, ruvector as rv
def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) << 10
rows = np.random.default_rng(0).standard_normal((30_000, 256)).astype("f4")
index = rv.Index.build(rows, kind="flat", keep="copy")
del rows
if sys.argv[1] == "changed":
    index.delete([7])
pickle.dumps(rv.Index.build(np.eye(4, dtype="f4")))
for protocol in (4, 5):
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    data = pickle.dumps(index, protocol)
    dumps = (status("VmHWM") - before) / len(data)
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    again = pickle.loads(data)
    print(dumps, (status("VmHWM") - before) / len(data))
    again.close()
"""


@pytest.mark.parametrize("state", ["built", "changed"])
def test_a_pickle_takes_at_most_2_2_times_its_bytes(state: str) -> None:
    out = subprocess.run(
        [sys.executable, "-c", PEAK, state], capture_output=True, text=True, check=True
    ).stdout
    ratios = [float(word) for word in out.split()]
    assert len(ratios) == 4
    assert max(ratios) <= 2.2, out


INTERRUPTED = """
import os, pickle, signal, threading, time, numpy as np, ruvector as rv
rows = np.random.default_rng(0).standard_normal((100_000, 256)).astype("f4")
index = rv.Index.build(rows, kind="flat", keep="copy")
begin = time.perf_counter()
data = pickle.dumps(index)
whole = time.perf_counter() - begin
slowest = heard = 0
for share in (0.05, 0.2, 0.4, 0.6, 0.8):
    sent = []
    def send():
        time.sleep(share * whole)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=send)
    try:
        thread.start()
        pickle.dumps(index)
        thread.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        slowest = max(slowest, time.perf_counter() - sent[0])
        heard += 1
    thread.join()
assert pickle.dumps(index) == data
print(heard, slowest)
"""


def test_a_pickle_hears_an_interrupt_within_300_ms() -> None:
    out = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(out[0]) == 5, out
    assert float(out[1]) < 0.3, out
