"""Random small cases of every verb of the Python library against a float64 model in NumPy.

    checks/differential.py [CASES [SEED]]

5,000 cases of a new seed when not told otherwise; what fails is printed with the command that
replays it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "python" / "tests")]

from differential.running import new_seed, run_many  # noqa: E402

if __name__ == "__main__":
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else new_seed()
    sys.exit(run_many(seed, cases) > 0)
