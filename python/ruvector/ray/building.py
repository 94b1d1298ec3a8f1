"""`build`: shard indexes of a Dataset, one of each block."""

from __future__ import annotations

import uuid
from typing import Any

from .._arguments import positive
from .._clusters.columns import compared
from .._clusters.extras import engine
from .._clusters.shards import Building, Built, Shards, abandon, claim, finish
from .._errors import ColumnError
from .._metric import MetricName, canonical
from .datasets import arrow_schema, checked, divided, numbered, typed
from .tasks import ruvector_build


def build(
    ds: Any,
    column: str,
    out: Any,
    *,
    ids: str,
    shards: int | None = None,
    metric: MetricName = "cosine",
    kind: str = "auto",
    bits: int | None = None,
    recall: float = 0.95,
    seed: int = 42,
    vectors: bool = True,
    workers: int | None = None,
    threads: int | None = None,
) -> Shards:
    """Build an index of every block of a Dataset, in a folder that all machines share.

    Parameters
    ----------
    ds : Dataset
    column : str
        The vectors: lists or tensors of numbers, each of the same length. Null rows are left out.
    out : path
        A folder that is empty or not there.
    ids : str
        The column of ids, whole numbers or text, each there once. Duplicates within a block are
        refused, those across blocks are taken for one row by a merge.
    shards : int, optional
        Into how many blocks rows are put first; as the Dataset is when not given.
    metric, kind, bits, recall, seed
        As in `ruvector.Index.build`.
    vectors : bool
        Store the vectors, for exact scores; without them files are a fraction of the size.
    workers, threads : int, optional
        Tasks at once, and the threads of each: they divide the cores of the cluster.

    Returns
    -------
    Shards
        A right side for `score` and `sim_join`, and for `search_shards`.

    Raises
    ------
    InvalidArgument
        The folder holds something; no row has a vector.
    InvalidVector, DuplicateId, DimensionMismatch, ColumnError, PersistError
        With the task as partition, and the row of it where that is known.

    Notes
    -----
    Every file is complete or not there, and the manifest is written last: a folder without one
    holds no shards. A build that fails removes its files. May be called from any thread.
    """
    engine("ray")
    checked(ds, "ds")
    name, theirs = canonical(metric), arrow_schema(ds, "ds")
    compared(theirs, column, "right", name, texts=False)
    if not isinstance(ids, str) or theirs.names.count(ids) != 1:
        raise ColumnError(f"ids={ids!r} is no column; there are {', '.join(theirs.names)}")
    count = None if shards is None else positive("shards", shards)
    many, each = divided(workers, threads)
    options = {
        "metric": name, "kind": kind, "bits": bits, "recall": recall, "seed": seed, "nulls": "skip",
    }  # fmt: skip
    how = Building(claim(out), uuid.uuid4().hex[:8], column, ids, name, options, vectors, each)
    rows = ds.select_columns([column] if ids == column else [column, ids])
    if count is not None:
        rows = rows.repartition(count)
    told = numbered(rows).map_batches(
        ruvector_build, fn_kwargs={"how": how}, batch_format="pyarrow", batch_size=None,
        num_cpus=each, concurrency=many,
    )  # fmt: skip
    try:
        built = [Built(**one) for one in typed(told).take_all()]
        return finish(built, how)
    except BaseException:
        abandon(how, mine=True)
        raise
