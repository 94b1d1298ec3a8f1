"""Print the kernel tier, then digests that must not depend on it: index bytes, and answers.

Rows are small whole numbers over 64, made without a random generator, so that every CPU and every
NumPy makes the same ones.
"""

from __future__ import annotations

import hashlib
import pickle
import sys

import numpy as np

import ruvector as rv


def main() -> int:
    """Build one flat index and search it."""
    cells = np.arange(3000 * 96, dtype=np.uint64).reshape(3000, 96)
    cells = (cells * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(57)
    rows = (cells.astype(np.float32) - np.float32(64)) / np.float32(64)
    index = rv.Index.build(rows, kind="flat", bits=5)
    found = index.search(rows[:50], 10)
    answers = hashlib.sha256(found.ids.tobytes() + found.scores.tobytes()).hexdigest()
    stored = hashlib.sha256(pickle.dumps(index)).hexdigest()
    print(rv.cpu_features()["tier"], f"index {stored[:16]} answers {answers[:16]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
