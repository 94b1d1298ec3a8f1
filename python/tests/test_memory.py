"""What a build costs in memory beside the column it borrows."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import pathlib
import numpy as np
import ruvector as rv

x = np.empty((102_400, 1000), np.float32)  # 410 MB
rng = np.random.default_rng(0)
for at in range(0, len(x), 1024):
    x[at : at + 1024] = rng.standard_normal((1024, 1000))
rv.Index.build(x[:64], kind="flat")  # the library is loaded, its threads run

def status(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(v.split()[1]) * 1024 for v in lines if v.startswith(field))

pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins again from here
before = status("VmRSS")
ix = rv.Index.build(x, kind="flat", bits=5, keep="borrow")
print((status("VmHWM") - before) / x.nbytes, ix.memory_bytes / x.nbytes)
"""


def test_building_flat_over_a_borrowed_400_mb_column_grows_by_less_than_30_percent() -> None:
    """Peak resident memory: codes of 5 bits are 16 % of float32, the rest is scratch."""
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    growth, codes = (float(v) for v in run.stdout.split())
    assert codes < growth < 0.30, f"peak grew by {growth:.1%} of the column"
