"""How busy other processes kept the machine while we measured (Linux; None elsewhere)."""

from __future__ import annotations

import os
import pathlib
import time
from types import TracebackType

STAT = pathlib.Path("/proc/stat")


def _used() -> tuple[float, float]:
    """Seconds of CPU that everything, and that this process with its children, has used."""
    fields = [int(x) for x in STAT.read_text().splitlines()[0].split()[1:9]]
    everything = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return everything, own.user + own.system + own.children_user + own.children_system


class Neighbours:
    """Measures over a `with` block; `cores` is the mean number of cores that others used."""

    cores: float | None = None

    def __enter__(self) -> Neighbours:
        if STAT.exists():
            self._begin = (time.perf_counter(), *_used())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if STAT.exists():
            wall = time.perf_counter() - self._begin[0]
            everything, own = (
                now - then for now, then in zip(_used(), self._begin[1:], strict=True)
            )
            self.cores = max(0.0, everything - own) / wall
