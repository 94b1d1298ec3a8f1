"""What `score_parquet` was asked for: read and checked before any file is."""

from __future__ import annotations

import os
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._arguments import bytes_of, limit, positive, whole
from ..._errors import InvalidArgument
from ..._index.asking import filter_of
from ..._index.index import Index
from ..._metric import BINARY, SCORE_NAMES, check_bits, larger_is_better, threshold
from ..._native import Facts
from ..._native.files import file_path
from ..._settings import current
from ..._text.embedder import Embedder, facts_of, resolve
from .columns import asked_columns
from .digests import index_digest, mask_digest
from .right import Beside, read_right

MOST_ROWS: Final = 100_000  # beside one row, as of `sim_join`
OnError = Literal["stop", "skip"]


class Asked(NamedTuple):
    """The arguments, read."""

    searched: Index
    facts: Facts  # of its version, which must stay
    digest: str
    on: str
    k: int
    columns: list[str] | None
    names: tuple[str, str, str, str]
    least: float | None
    most: float | None
    mask: npt.NDArray[np.bool_] | None
    right: Beside | None
    embedder: Embedder | None
    threads: int
    memory: int
    batch_rows: int
    skip: bool

    def parameters(self, maker: Embedder | None) -> dict[str, Any]:
        """Return what the bytes of parts depend on, besides index and inputs.

        `maker` is what embeds the rows, where they are texts.
        """
        return {
            "on": self.on,
            "k": self.k,
            "columns": self.columns,
            "names": list(self.names),
            "min_similarity": self.least,
            "max_distance": self.most,
            "where": None if self.mask is None else mask_digest(self.mask),
            "right": None if self.right is None else self.right.digest,
            "embedder": None if maker is None else facts_of(maker),
        }

    def close(self) -> None:
        """Give up what was read for the job alone."""
        if self.right is not None:
            self.right.close()


def read_arguments(
    index: Any,
    on: Any,
    k: Any,
    columns: Any,
    right: Any,
    ids_on: Any,
    id_column: Any,
    where: Any,
    bounds: tuple[float | None, float | None],
    embedder: Any,
    limits: tuple[Any, Any, Any],
    on_error: Any,
) -> Asked:
    """Return the arguments of `score_parquet`, read; see there.

    ``bounds`` is (min_similarity, max_distance), ``limits`` (threads, memory, batch_rows).
    """
    if not isinstance(on, str):
        raise InvalidArgument(f"on={on!r} is not the name of a column")
    if not isinstance(id_column, str) or not id_column:
        raise InvalidArgument(f"id_column={id_column!r} is not the name of a column")
    if on_error not in ("stop", "skip"):
        raise InvalidArgument(f"on_error={on_error!r} must be 'stop' or 'skip'")
    count = whole("k", k)
    if not 1 <= count <= MOST_ROWS:
        raise InvalidArgument(f"k={count} must lie between 1 and {MOST_ROWS:,}")
    named = asked_columns(columns)
    threads, memory, batch_rows = limits
    threads = current.threads if threads is None else limit(threads)
    memory = bytes_of(memory)
    batch_rows = 0 if batch_rows is None else positive("batch_rows", batch_rows)
    opened, path = open_index(index)
    metric = opened.metric
    bound = threshold(metric, *bounds)
    check_bits(metric, bound, opened.dim)
    if metric in BINARY:
        raise InvalidArgument(
            f"the index is of bits ({metric}), and columns of bits in parquet files are not scored"
        )
    upwards = larger_is_better(metric)
    score = current.score_column or SCORE_NAMES[metric]
    facts = opened._facts
    mask = None if where is None else filter_of(opened, where, None, facts)[0]
    maker = None if embedder is None else resolve(embedder)
    beside = None if right is None else read_right(right, opened, ids_on, maker)
    if beside is None and ids_on is not None:
        raise InvalidArgument(f"ids_on={ids_on!r} names a column of right=, which is not given")
    names = ("query_row", "rank", id_column, score)
    if len(set(names)) < len(names):
        raise InvalidArgument(f"id_column={id_column!r} names another column that is added")
    return Asked(
        opened, facts, index_digest(opened, path), on, count, named, names,
        bound if upwards else None, None if upwards else bound, mask, beside, maker, threads,
        memory, batch_rows, on_error == "skip",
    )  # fmt: skip


def open_index(index: Any) -> tuple[Index, str | None]:
    """Return the index, and its path where that was given.

    Raises
    ------
    InvalidArgument
        Neither an Index nor a path.
    """
    if isinstance(index, Index):
        return index, None
    if isinstance(index, str | os.PathLike):
        path = file_path(index)
        return Index.load(path, mmap=True), path
    raise InvalidArgument(
        f"index is of type {type(index).__name__}: pass an rv.Index or the path of a file that its "
        "save wrote"
    )
