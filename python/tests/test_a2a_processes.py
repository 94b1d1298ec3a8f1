"""Clients of agents in processes that are interrupted, forked, or at their end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from agent_loops import agent, nothing_is_left

import ruvector as rv

__all__ = ["agent", "nothing_is_left"]

TESTS = Path(__file__).parent


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    path = os.pathsep.join([str(Path(rv.__file__).parents[1]), str(TESTS)])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *words],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


CONNECT = """
    import os, signal, sys, threading, asyncio, time
    import ruvector as rv
    from agent_loops import LOCAL
    client = rv.A2aClientSync.connect(sys.argv[1], network=LOCAL)
"""


@pytest.mark.parametrize("what", ["client.send_task('silent')", "stream.result()", "next(stream)"])
def test_an_interrupt_ends_a_request(agent, what):
    code = f"""{CONNECT}
    stream = client.stream_task(rv.TaskSpec("silent"))
    from ruvector._native import task
    def interrupt():
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    try:
        {what}
    except KeyboardInterrupt:
        print("interrupted", client.get_task is not None)
    """
    done = python(code, agent.url)
    assert done.stdout == "interrupted True\n", done.stderr
    agent.until(lambda a: a.gone == 1)


def test_a_forked_child_is_refused(agent):
    code = f"""{CONNECT}
    stream = client.stream_task(rv.TaskSpec("first"))
    next(stream)
    child = os.fork()
    if not child:
        for ask in (lambda: client.get_task("t-1"), lambda: next(stream), client.close,
                    lambda: client.stream_task("t-1").result()):
            try:
                ask()
            except rv.ForkedProcessError:
                print("refused", flush=True)
            else:
                print("done", flush=True)
        del stream
        os._exit(0)
    os.waitpid(child, 0)
    stream.close()
    client.close()
    """
    done = python(code, agent.url)
    assert done.stdout.split() == ["refused", "refused", "done", "refused"], done.stderr


def test_an_interpreter_ends_while_streams_are_open(agent):
    code = f"""{CONNECT}
    stream = client.stream_task(rv.TaskSpec("first"))
    next(stream)
    threading.Thread(target=lambda: next(stream, None), daemon=True).start()
    time.sleep(0.1)
    """
    done = python(code, agent.url)
    assert done.returncode == 0, done.stderr
