"""Seconds of a fresh interpreter: import, first verb, and the machine's yardstick beside them.

Every figure is the best of `tries` fresh processes, measured inside the process with
`time.perf_counter`, NumPy being imported before the clock starts. The yardstick is a fixed piece
of pure Python (a sum over 200,000 integers): divide by it to compare machines.
"""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, time
import numpy as np
clock = time.perf_counter
begin = clock(); total = sum(range(200_000)); yardstick = clock() - begin
rows = np.random.default_rng(1).standard_normal((100, 64), dtype=np.float32)
begin = clock()
import ruvector
imported = clock()
index = ruvector.Index.build(rows)
index.search(rows[0], 10)
done = clock()
print(json.dumps({"yardstick": yardstick, "import": imported - begin,
                  "first_verb": done - imported}))
"""


def measure(tries: int = 5) -> dict[str, float]:
    """Best seconds of `import`, `first_verb` and `yardstick` over fresh processes."""
    runs = []
    for _ in range(tries):
        done = subprocess.run(
            [sys.executable, "-c", PROBE], check=True, capture_output=True, text=True
        )
        runs.append(json.loads(done.stdout))
    return {name: min(run[name] for run in runs) for name in runs[0]}


if __name__ == "__main__":
    for name, seconds in measure().items():
        print(f"{name:12} {1000 * seconds:7.2f} ms")
