"""``python -m ruvector``: the command ``ruvector``, which is told of in ``ruvector_cli``."""

import sys

from ruvector_cli import main

if __name__ == "__main__":
    sys.exit(main())
