"""One process: one variant of one part, built, operated, timed. Writes records as JSON lines.

python -m peers.operations.worker CACHE PART VARIANT THREADS FILE WAY...    WAY is `one`, `batch`
or both; `thin` is the short form
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import threadpoolctl

from .. import datasets
from ..variants import Variant, thinned
from ..worker import load
from . import judged, measured
from .adapters.operation import NotOffered
from .cases import for_part


def records(
    cache: pathlib.Path,
    part: str,
    scale: judged.Scale,
    variant: Variant,
    threads: int,
    ways: set[str],
) -> Iterator[dict[str, Any]]:
    """Everything that is measured of a variant."""
    data = datasets.read(cache, scale.changing if part == "updates" else scale.data)
    peer: Any = load(variant, data.meta["dim"], data.meta["metric"], __package__)
    if part == "filters":
        data = data._replace(base=np.ascontiguousarray(data.base[: scale.rows]))
        judges = {s: judged.read_judges(cache, scale, s) for s in scale.shares}
        return measured.filters(peer, data, judges, variant, threads, ways)
    if part == "updates":
        data = data._replace(base=data.base[: scale.rows + scale.appended])
        known = judged.read_part(cache, scale, "changes")
        return measured.updates(
            peer, data, known, scale.appends, variant, threads, ways, scale.rows
        )
    rows = np.ascontiguousarray(data.base[: scale.rows])
    return measured.graphs(peer, rows, judged.read_part(cache, scale, "graph"), variant, threads)


def main(arguments: list[str]) -> int:
    """Run one variant and write its records."""
    cache, part, wanted, threads, file, *ways = arguments
    scale = judged.SHORT if "thin" in ways else judged.FULL
    variant = next(v for v in for_part(part, scale) if v.name == wanted)
    if "thin" in ways:
        variant = variant._replace(sweep=thinned(variant.sweep))
    threadpoolctl.threadpool_limits(int(threads))
    with open(file, "w", encoding="utf-8") as out:
        try:
            for record in records(
                pathlib.Path(cache), part, scale, variant, int(threads), {*ways} - {"thin"}
            ):
                print(json.dumps(record), file=out, flush=True)
        except NotOffered as lacking:
            print(lacking, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
