"""A forked worker that is sent an index says so where its parent sees it; no lock outlives a fork.

Every case runs in a process of its own with a limit: what it guards against is waiting for ever.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

LIMIT = 60  # seconds until a process that hangs is killed

SETUP = """
    import multiprocessing as mp, os, pickle, signal, threading, time
    from concurrent.futures import ProcessPoolExecutor
    import numpy as np
    import ruvector as rv
    X = np.eye(3, dtype=np.float32)
    ix = rv.Index.build(X)
    def length(ix): return len(ix)
    def dimensions(ix): return ix.dim
    def row(ix): return ix[0]
    def matrix(ix): return np.asarray(ix)
    def saved(ix): ix.save("/nonexistent/x")
    def framed(ix):
        import pandas as pd
        return rv.search(pd.DataFrame({"v": list(X)}), X[0], on="v", index=ix)
    def private(ix): return ix._handle
    def inside(pair): return pair["ix"].within(X[0], min_similarity=.5)
    fork = mp.get_context("fork")
"""


def output(code: str) -> list[str]:
    """Run code after SETUP and return the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SETUP) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_pool_that_maps_a_search_gets_the_error_of_every_task() -> None:
    assert (
        output("""
        with fork.Pool(2) as pool:
            for _ in range(3):
                try:
                    pool.map(ix.search, [X[0], X[1]])
                except rv.ForkedProcessError as error:
                    print("spawn" in str(error))
    """)
        == ["True"] * 3
    )


@pytest.mark.parametrize(
    "task", ["length", "dimensions", "row", "matrix", "saved", "framed", "private"]
)
def test_whatever_a_task_does_with_an_index_is_refused(task: str) -> None:
    assert output(f"""
        with fork.Pool(1) as pool:
            try:
                pool.apply({task}, (ix,))
            except rv.ForkedProcessError as error:
                print("refused")
    """) == ["refused"]


def test_an_index_inside_something_else_and_classic_ones_are_refused_too() -> None:
    assert (
        output("""
        classic = rv.RabitqPlusIndex.build(np.random.default_rng(0).random((50, 8)))
        with fork.Pool(1) as pool:
            for work, given in [(inside, {"ix": ix}), (length, classic)]:
                try:
                    pool.apply(work, (given,))
                except rv.ForkedProcessError:
                    print("refused")
            try:
                pool.apply(classic.search, (np.zeros(8), 1))
            except rv.ForkedProcessError:
                print("refused")
    """)
        == ["refused"] * 3
    )


def test_an_executor_gets_the_error_and_stays_usable() -> None:
    assert output("""
        with ProcessPoolExecutor(1, mp_context=fork) as pool:
            error = pool.submit(ix.search, X[0]).exception()
            print(type(error).__name__, pool.submit(abs, -2).result())
    """) == ["ForkedProcessError 2"]


def test_what_stands_for_an_index_shows_itself_and_is_never_sent_on() -> None:
    assert output("""
        data = pickle.dumps(ix)
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            lost = pickle.loads(data)
            ok = isinstance(lost, rv.Index) and "forked" in repr(lost)
            for use in (pickle.dumps, hash):
                try:
                    use(lost)
                except rv.ForkedProcessError:
                    ok = ok and use is pickle.dumps
            os._exit(0 if ok else 1)
        print(os.waitpid(pid, 0)[1], pickle.loads(data).search(X[2], 1).ids.tolist())
    """) == ["0 [2]"]


def test_workers_of_another_kind_get_the_index_itself() -> None:
    assert output("""
        with mp.get_context("forkserver").Pool(1) as pool:
            print([found.ids.tolist() for found in pool.map(ix.search, [X[1]])][0][0])
    """) == ["1"]


HELD = """
    import ruvector.{module} as module
    lock = {lock}
    entered, leave = threading.Event(), threading.Event()
    def hold():
        with lock:
            entered.set()
            leave.wait()
    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            {use}
        except rv.ForkedProcessError:
            pass
        os._exit(0)
    print(os.waitpid(pid, 0)[1])
    leave.set()
    thread.join()
"""

LOCKS = [
    ("_settings", "module._lock", "rv.set_threads(2)"),
    ("_frames.cache", "module.cache._lock", "rv.cache.info(); rv.cache.clear()"),
    ("_text.embedder", "module._lock", "rv.Embedder.from_pretrained()"),
    ("_native.library", "module._lock", "rv.Index.build(X)"),
    ("_recommend.machine", "module._lock", "module.speeds()"),
]


@pytest.mark.parametrize(("module", "lock", "use"), LOCKS)
def test_a_child_forked_while_a_lock_is_held_goes_on_or_is_told(
    module: str, lock: str, use: str
) -> None:
    assert output(HELD.format(module=module, lock=lock, use=use)) == ["0"]


def test_a_child_forked_while_the_model_is_loaded_does_not_wait() -> None:
    assert output("""
        from ruvector._text import embedder as _embedder
        loading, go_on, real = threading.Event(), threading.Event(), _embedder._load
        def slow():
            loading.set()
            go_on.wait()
            return real()
        _embedder._load = slow
        thread = threading.Thread(target=rv.Embedder.from_pretrained)
        thread.start()
        loading.wait()
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            _embedder._load = real
            try:
                rv.Embedder.from_pretrained()
            except rv.ForkedProcessError:
                os._exit(0)
            os._exit(1)
        status = os.waitpid(pid, 0)[1]
        go_on.set()
        thread.join()
        print(status, rv.Embedder.from_pretrained().encode("word").shape)
    """) == ["0 (256,)"]


def test_every_lock_of_the_package_is_one_that_a_fork_frees() -> None:
    from pathlib import Path

    import ruvector

    folder = Path(ruvector.__file__).parent
    found = [
        path.name
        for path in sorted(folder.rglob("*.py"))
        for line in path.read_text().splitlines()
        if any(f"threading.{name}(" in line for name in ("Lock", "RLock", "Condition", "Semaphore"))
    ]
    assert found == ["_locks.py"] * 2
