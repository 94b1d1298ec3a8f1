"""What the figures of a run depend on."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
_CPUINFO = pathlib.Path("/proc/cpuinfo")
_FEATURES = ("avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "asimd")


def describe(threads: int) -> dict[str, Any]:
    """CPU, its features, cores, memory, Python, commit, day, and the threads of batches."""
    cpu = _cpu(_CPUINFO.read_text() if _CPUINFO.exists() else "")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        **cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d"),
        "threads": threads,
    }


def _cpu(text: str) -> dict[str, Any]:
    """Model, and which of the features that matter here it has, from /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "cpu": fields.get("model name") or platform.processor() or "unknown",
        "features": [f for f in _FEATURES if f in flags],
    }


def _commit() -> str:
    """The commit of the tree, with a plus where files under version control differ from it."""
    try:
        command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.strip()
