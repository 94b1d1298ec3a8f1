"""Event loops and the process: what begins when, forks, descriptors, and what C may ask wrongly."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap

import pytest
from test_awaiting import ended, little

from ruvector._errors import InvalidArgument
from ruvector._native.build import begin_build, end_build
from ruvector._native.library import call

__all__ = ["little"]


def program(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_begins_before_the_first_wait():
    assert (
        program(
            """
        import os, sys
        def pipes():
            links = []
            for name in range(3, 100):
                if os.path.exists(f"/proc/self/fd/{name}"):
                    links.append(os.readlink(f"/proc/self/fd/{name}"))
            return [link for link in links if link.startswith("pipe:")]
        before = pipes()
        import numpy as np, ruvector as rv
        index = rv.Index.build(np.eye(4, dtype=np.float32))
        index.search(np.ones(4, np.float32))
        late = {"asyncio", "ruvector._native.waiting"} & set(sys.modules)
        print(late, pipes() == before)
        """
        )
        == "set() True"
    )


def test_a_child_is_told_and_the_parents_queue_goes_on():
    assert (
        program(
            """
        import asyncio, os, signal
        import numpy as np, ruvector as rv
        from ruvector import _native
        from ruvector._native import waiting
        from ruvector._native.build import begin_build, end_build

        column = _native.column_from_matrix(np.eye(8, dtype=np.float32))

        async def built():
            task = begin_build(column, None, {})
            await waiting.awaited(task)
            end_build(task).close()

        async def main():
            await built()
            waits = [asyncio.ensure_future(built()) for _ in range(50)]
            await asyncio.sleep(0)
            pid = os.fork()
            if not pid:
                signal.alarm(5)
                try:
                    asyncio._set_running_loop(None)
                    loop = asyncio.SelectorEventLoop()
                    loop.run_until_complete(built())
                except rv.ForkedProcessError:
                    os._exit(0)
                except BaseException as error:
                    print(repr(error), flush=True)
                os._exit(1)
            await asyncio.gather(*waits)
            _, status = os.waitpid(pid, 0)
            for _ in range(50):
                await built()
            print(status)

        asyncio.run(main())
        """
        )
        == "0"
    )


def test_a_child_may_begin_what_its_parent_had_not():
    assert (
        program(
            """
        import asyncio, os, signal
        import numpy as np, ruvector as rv
        pid = os.fork()
        if not pid:
            signal.alarm(20)
            from ruvector import _native
            from ruvector._native import waiting
            from ruvector._native.build import begin_build, end_build
            column = _native.column_from_matrix(np.eye(8, dtype=np.float32))

            async def main():
                task = begin_build(column, None, {})
                await waiting.awaited(task)
                end_build(task).close()

            asyncio.run(main())
            os._exit(0)
        print(os.waitpid(pid, 0)[1])
        """
        )
        == "0"
    )


def test_doors_of_queues_refuse_what_cannot_be(little):
    queue, fd, n = ctypes.c_uint64(), ctypes.c_int32(), ctypes.c_int64()
    tokens = (ctypes.c_uint64 * 4)()
    call("rv_queue_new", ctypes.byref(queue), ctypes.byref(fd))
    task = begin_build(little, None, {})
    count = ctypes.byref(n)
    for name, *arguments in [
        ("rv_queue_new", None, ctypes.byref(fd)),
        ("rv_queue_new", ctypes.byref(ctypes.c_uint64()), None),
        ("rv_queue_watch", 0, task.cell.value, 1),
        ("rv_queue_watch", queue.value, 0, 1),
        ("rv_queue_watch", task.cell.value, queue.value, 1),
        ("rv_queue_watch", queue.value, little.value, 1),
        ("rv_queue_drain", little.value, tokens, 4, count),
        ("rv_queue_drain", 12345 << 6, tokens, 4, count),
        ("rv_queue_drain", queue.value, None, 4, count),
        ("rv_queue_drain", queue.value, tokens, -1, count),
        ("rv_queue_drain", queue.value, tokens, 4, None),
    ]:
        with pytest.raises(InvalidArgument):
            call(name, *arguments)
    call("rv_queue_drain", queue.value, None, 0, count)
    assert ended(task)
    for token in (7, 7, 0):
        call("rv_queue_watch", queue.value, task.cell.value, token)
    call("rv_queue_drain", queue.value, tokens, 4, count)
    assert tokens[: n.value] == [7, 7, 0]
    end_build(task).close()
    call("rv_free", queue.value)
    with pytest.raises(InvalidArgument, match="queue of ended tasks is closed"):
        call("rv_queue_drain", queue.value, tokens, 4, count)


def test_without_descriptors_a_wait_says_so_and_a_later_one_works():
    assert program(
        """
        import asyncio, resource
        import numpy as np, ruvector as rv
        from ruvector._native import waiting  # which opens its own file
        index = rv.Index.build(np.eye(8, dtype=np.float32))

        async def main():
            most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                await index.search_async(np.ones(8, np.float32))
            except OSError as error:
                print(type(error).__name__, error.errno, "ulimit -n" in str(error))
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            print(len((await index.search_async(np.ones(8, np.float32), 3)).ids))

        asyncio.run(main())
        """
    ).split() == ["FileError", "24", "True", "3"]
