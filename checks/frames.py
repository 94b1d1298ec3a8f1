"""Columns that frames make slow, beside what memory can do. Prints JSON.

``gather``: reading an object column of 100,000 x 384 lone arrays, over copying a matrix of them.
``hash``: reading a matrix on all cores over hashing it as a column.
``text_hash``: the same for the bytes of a column of long texts.
``object_first``, ``object_second``: milliseconds of searches of the object column.
``text_second``: milliseconds of the second search of 100,000 texts in Arrow memory.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import ruvector as rv
from ruvector import _native
from ruvector._input.vectors import read_vectors

N, D, TRIES = 100_000, 384, 9


def best(*works: Callable[[], Any], tries: int = TRIES) -> list[float]:
    """Seconds of the fastest try of each; they take turns, so that what disturbs disturbs all."""
    seconds = [[float("inf")] for _ in works]
    for _ in range(tries):
        for work, known in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            work()
            known.append(time.perf_counter() - begin)
    return [min(known) for known in seconds]


def reading(memory: Any) -> Callable[[], Any]:
    """What reads all of a memory on all cores."""
    words = memory.reshape(-1).view(np.uint64)
    cores = len(os.sched_getaffinity(0))
    parts = [part for block in np.array_split(words, cores) for part in np.array_split(block, 16)]
    pool = ThreadPoolExecutor(cores)
    return lambda: list(pool.map(np.add.reduce, parts))


def of_vectors() -> dict[str, float]:
    """Figures of a column of arrays that lie apart."""
    matrix = np.random.default_rng(1).standard_normal((N, D), dtype=np.float32)
    frame = pd.DataFrame({"v": pd.Series([row.copy() for row in matrix], dtype=object)})
    copying, gathering = best(matrix.copy, lambda: rv.to_matrix(frame["v"]))
    column = read_vectors(matrix)
    read, hashing = best(reading(matrix), lambda: _native.column_hash(column.handle))
    first = []
    for _ in range(3):
        rv.cache.clear()
        first += best(lambda: frame.ruvector.search(matrix[7]), tries=1)
    (second,) = best(lambda: frame.ruvector.search(matrix[7]))
    return {
        "gather": gathering / copying,
        "hash": read / hashing,
        "object_first": 1e3 * min(first),
        "object_second": 1e3 * second,
    }


def of_texts() -> dict[str, float]:
    """Figures of texts: long ones to be hashed, many to be searched."""
    long = "".join(chr(97 + i % 26) for i in range(2000))
    column = pa.chunked_array([pa.array([f"{i} {long}" for i in range(40_000)])])
    texts = _native.texts_from_stream(column)
    buffer = np.frombuffer(column.chunk(0).buffers()[2], np.uint8)
    bytes_ = buffer[: len(buffer) // 8 * 8]
    vectors = np.random.default_rng(2).standard_normal((N, 32), dtype=np.float32)
    at = {f"text number {i} of a table": i for i in range(N)}
    frame = pl.DataFrame({"body": list(at)})
    embedder = lambda asked: vectors[[at[text] for text in asked]]  # noqa: E731
    search = lambda: frame.ruvector.search(  # noqa: E731
        "text number 5 of a table", text="body", embedder=embedder
    )
    search()
    (second,) = best(search)
    read, hashing = best(reading(bytes_), lambda: _native.texts_hash(texts))
    return {"text_hash": read / hashing, "text_second": 1e3 * second}


if __name__ == "__main__":
    print(json.dumps(of_vectors() | of_texts()))
