"""Ctrl-C during a build: milliseconds from the signal to KeyboardInterrupt, over many tries.

Run in a process of its own: interrupt.py TRIES prints a JSON list. After every try the same
process must still answer a search.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

import numpy as np

import ruvector as rv


def main() -> int:
    """Interrupt TRIES builds at moments spread over their length."""
    tries = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
    random = np.random.default_rng(5)
    rows = random.standard_normal((1_500_000, 128), dtype=np.float32)
    alive = rv.Index.build(rows[:500])
    waits = []
    for delay in random.uniform(0.01, 0.25, tries):
        sent = [0.0]

        def strike(sent: list[float] = sent) -> None:
            sent[0] = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(float(delay), strike)
        try:
            timer.start()
            rv.Index.build(rows, kind="flat", progress=False).close()
        except KeyboardInterrupt:
            waits.append(1000 * (time.perf_counter() - sent[0]))
        else:
            print(f"a build ended before the signal after {delay:.3f} s", file=sys.stderr)
            return 1
        assert len(alive.search(rows[0], 5).ids) == 5
    print(json.dumps(waits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
