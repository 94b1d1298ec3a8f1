"""Where memory is short verbs raise OutOfMemory and the process goes on.

`checks/headroom.py` runs every verb at every headroom; here are those that ended the process.
"""

import importlib.util
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from ruvector._native import memory as _memory

ROOT = pathlib.Path(__file__).resolve().parents[2]


def headroom() -> Any:
    spec = importlib.util.spec_from_file_location("headroom", ROOT / "checks" / "headroom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "verb", ["pickle", pytest.param("batch", marks=pytest.mark.long), "within", "add"]
)
def test_verbs_with_64_mib_more_give_an_answer_or_out_of_memory(verb: str) -> None:
    outcome, why = headroom().run(verb, 64)
    assert outcome in ("ok", "OutOfMemory", "MemoryError"), why


LOADED_LATE = """
import resource, sys, numpy as np, ruvector as rv
from ruvector._native import library as _library
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for _ in range(2):
    try:
        print(rv.Index.build(np.eye(8)).search(np.eye(8)[1], 1).ids.tolist())
    except rv.OutOfMemory as error:
        assert isinstance(error, MemoryError) and "ulimit -v" in str(error)
        print("OutOfMemory")
print("alive")
"""


@pytest.mark.parametrize("more", [32, 600, 1000, 1300, 1650, 4000])
def test_a_library_that_does_not_fit_is_out_of_memory(more: int) -> None:
    child = subprocess.run(
        [sys.executable, "-c", LOADED_LATE, str(more)], capture_output=True, text=True, check=False
    )
    said = child.stdout.split("\n")
    assert said[2] == "alive", child.stderr[-500:]
    assert child.stderr == ""
    assert said[:2] == (["[1]"] * 2 if more == 4000 else ["OutOfMemory"] * 2)


def test_no_limit_asks_for_nothing() -> None:
    _memory.require_space()


THREADS = """
import resource, threading, numpy as np, ruvector as rv
rows = np.random.default_rng(0).standard_normal((20_000, 64)).astype("f4")
index = rv.Index.build(rows, kind="flat", keep="copy")
index.search(rows[0], 3)
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (4 << 20)  # no stack of a thread fits
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for verb in (lambda: index.search(rows[:300], 5), lambda: index.recall(k=5),
             lambda: rv.Index.build(rows[:5000], kind="flat")):
    try:
        verb()
        print("ok")
    except MemoryError:
        print("OutOfMemory")
assert index.search(rows[9], 1).ids.tolist() == [9]
print("alive")
"""


def test_threads_that_cannot_be_made_end_nothing() -> None:
    child = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=False
    )
    assert child.stdout.endswith("alive\n"), child.stderr[-800:]


RAISED = """
import resource, numpy as np, ruvector as rv
rows = np.random.default_rng(0).standard_normal((20_000, 64)).astype("f4")
index = rv.Index.build(rows, kind="flat", keep="copy")
pages = int(open("/proc/self/statm").read().split()[0])
soft = pages * resource.getpagesize() + (64 << 20)
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
try:
    index.within(rows[:200], min_similarity=-1)
    print("ok")
except rv.OutOfMemory as error:
    print("OutOfMemory")
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(sum(len(ids) for ids in index.within(rows[:20], min_similarity=-1).ids))
"""


def test_what_did_not_fit_works_once_there_is_room() -> None:
    child = subprocess.run(
        [sys.executable, "-c", RAISED], capture_output=True, text=True, check=False
    )
    assert child.stdout.split() == ["OutOfMemory", "400000"], child.stderr[-800:]
