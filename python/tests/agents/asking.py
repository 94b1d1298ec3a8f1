"""What tests of the client of agents share: how they connect, and what memory they may take."""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from agents.faulty import Faulty

import ruvector as rv
from ruvector import a2a

LOOPBACK = a2a.NetworkPolicy(allow_loopback_http=True)
SECRET = "s3cr3t-9f8e7d6c5b4a-token"  # what must be seen nowhere


def connect(agent: Faulty | str, **more: Any) -> rv.A2aClientSync:
    """Return a client of an agent on the loopback."""
    url = agent if isinstance(agent, str) else agent.url
    return rv.A2aClientSync.connect(url, **{"network": LOOPBACK, **more})


def _memory(name: str) -> int:
    text = pathlib.Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    assert found is not None
    return int(found.group(1)) >> 10


@contextlib.contextmanager
def within(mib: int) -> Iterator[None]:
    """Assert that the process never holds `mib` MiB more than before, the library's included."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
    before = _memory("VmRSS")
    yield
    grown = _memory("VmHWM") - before
    assert grown < mib, f"{grown} MiB more were held"
