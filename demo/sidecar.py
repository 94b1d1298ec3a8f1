"""A daemon that publishes, and readers that follow: `python demo/sidecar.py`.

The daemon, a process of its own, writes a new state of its store every now and then and saves its
cache to a folder. Readers look at the bundle in that folder every 100 ms; when it tells of another
state they warm from it. They never ask the store. Each state's rows lie in one corner of space, so
a mix of two would be seen.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import ruvector as rv

ROWS, DIM = 100, 8
KEY = ("vectors", "docs")
EVERY = 0.1  # seconds between two looks


def publish(root: pathlib.Path, folder: pathlib.Path, states: int) -> None:
    """Be the daemon: write, prime and save one state after the other."""
    store = rv.FsBackend(KEY[0], root)
    lake = rv.RuLake([store])
    for state in range(1, states + 1):
        noise = np.random.default_rng(state).standard_normal((ROWS, DIM), dtype="f4")
        store.put(KEY[1], 1000 * state + np.arange(ROWS), 100 * state + noise)
        lake.prime(KEY)
        lake.save_cache_to_dir(KEY, folder)
        time.sleep(4 * EVERY)


class Reader:
    """Somebody who answers from what was published last."""

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name, self.folder = name, folder
        self.lake = rv.RuLake(consistency=rv.Consistency.FROZEN)

    def follow(self) -> str | None:
        """Look at the folder; returns what is new there."""
        told = self.lake.refresh_from_bundle_dir(KEY, self.folder)
        if told is rv.RefreshResult.BUNDLE_MISSING or KEY in self.lake:
            return None
        rows = self.lake.warm_from_dir(KEY, self.folder)
        found = self.lake.search_one(KEY[1], np.zeros(DIM), k=ROWS, backend=KEY[0])
        states = sorted(set((found.ids // 1000).tolist()))
        stats = self.lake.cache_stats()
        return (
            f"{self.name}: {told.name.lower()}, {rows} rows of state {states}, warmed "
            f"{stats.warm_installs} times, primed {stats.primes}"
        )


def main() -> None:
    """Start the daemon and follow it to its last state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=5)
    parser.add_argument("--daemon", nargs=2, type=pathlib.Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.daemon:
        publish(*given.daemon, given.states)
        return
    with tempfile.TemporaryDirectory() as scratch:
        root, folder = pathlib.Path(scratch, "store"), pathlib.Path(scratch, "published")
        words = [sys.executable, __file__, "--states", str(given.states)]
        daemon = subprocess.Popen([*words, "--daemon", str(root), str(folder)])
        readers = [Reader(name, folder) for name in ("first reader", "second reader")]
        running = True
        while running:
            running = daemon.poll() is None
            for reader in readers:
                if said := reader.follow():
                    print(said, flush=True)
            time.sleep(EVERY)
        if daemon.returncode:
            sys.exit(daemon.returncode)


if __name__ == "__main__":
    main()
