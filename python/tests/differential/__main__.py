"""The command line: run many cases, or one again."""

from __future__ import annotations

import argparse
import faulthandler
import sys

from .cases import run_case
from .running import new_seed, report, run_many, work


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--one", help="run one case, SEED:NUMBER, in this process")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(*map(int, arguments.work.split(":")))
        return
    if arguments.one:
        faulthandler.enable()
        found = run_case(arguments.one)
        print("as the model has it" if found is None else report(found))
        sys.exit(found is not None)
    seed = arguments.seed if arguments.seed is not None else new_seed()
    sys.exit(run_many(seed, arguments.cases) > 0)


if __name__ == "__main__":
    main()
