"""Reading what a command line names: indexes, their vectors, queries."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import numpy as np

import ruvector as rv

from .problem import Unreadable, Usage


def index_of(asked: argparse.Namespace) -> rv.Index:
    """Return the index that was named, mapped, with the vectors that were."""
    vectors, column = getattr(asked, "vectors", None), getattr(asked, "column", None)
    if vectors is not None and any(map(is_array, vectors)):
        if len(vectors) > 1 or column is not None:
            told = "--vectors is one .npy file, or parquet files with --column"
            raise Usage(told, f"ruvector {asked.verb}")
        vectors = array_of(vectors[0])
    try:
        return rv.Index.load(asked.index, vectors=vectors, column=column, mmap=True)
    except rv.RuVectorError as error:
        raise named(error, asked.index) from None


def named(error: rv.RuVectorError, path: str) -> rv.RuVectorError:
    """Return the error, which knows now what file it is about."""
    if getattr(error, "filename", None) is None:
        error.filename = path  # type: ignore[attr-defined]
    return error


def is_array(path: str) -> bool:
    """Return whether a path is that of an array rather than of a parquet file."""
    return path.endswith(".npy")


def array_of(path: str) -> Any:
    """Return the array of a .npy file, mapped and never unpickled."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Unreadable(
            f"no array of numbers: {error}", path, "write it with numpy.save(path, array)"
        ) from None


def queries_of(text: str) -> Any:
    """Return the vector, or the matrix of them, that ``--vector`` names."""
    if is_array(text):
        return array_of(text)
    where = "--vector"
    if text == "-":
        if sys.stdin is None:
            raise Unreadable("standard input is closed", "--vector -")
        text, where = sys.stdin.read(), "standard input"
    elif not text.lstrip().startswith("["):
        where = text
        with open(text, encoding="utf-8") as file:
            text = file.read()
    try:
        told = json.loads(text)
        array = np.asarray(told, dtype=np.float32)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unreadable(
            f"no vector in JSON: {error}", where, "write [0.1, 0.2, ...], or a list of such lists"
        ) from None
    if array.ndim not in (1, 2):
        raise Unreadable(f"{array.ndim} levels of lists, where a vector has 1 and a batch 2", where)
    return array


def bytes_of(path: str) -> int:
    """Return the size of a file."""
    return os.stat(os.path.expanduser(path)).st_size
