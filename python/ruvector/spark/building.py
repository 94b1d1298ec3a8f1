"""`build`: shard indexes of a DataFrame, one of each partition."""

from __future__ import annotations

import pickle
import uuid
from typing import Any

from .._arguments import positive
from .._clusters.columns import compared
from .._clusters.extras import engine
from .._clusters.shards import Building, Built, Shards, abandon, claim, finish
from .._errors import ColumnError, InvalidArgument
from .._metric import MetricName, canonical
from .frames import arrow_schema, checked, cores_of
from .tasks import RESULT
from .tasks import building as building_task


def build(
    df: Any,
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
    threads: int | None = None,
) -> Shards:
    """Build an index of every partition of a DataFrame, in a folder that all machines share.

    Parameters
    ----------
    df : DataFrame
    column : str
        The vectors: arrays of numbers, each of the same length. Null rows are left out.
    out : path
        A folder that is empty or not there.
    ids : str
        The column of ids, whole numbers or text, each there once. Duplicates within a partition
        are refused, those across partitions are taken for one row by a merge.
    shards : int, optional
        Into how many parts rows are shuffled; as the DataFrame is when not given.
    metric, kind, bits, recall, seed
        As in `ruvector.Index.build`.
    vectors : bool
        Store the vectors, for exact scores; without them files are a fraction of the size.
    threads : int, optional
        Of one worker; the cores of a task when not given.

    Returns
    -------
    Shards
        A right side for `score` and `sim_join`, and for `search_shards`.

    Raises
    ------
    InvalidArgument
        The folder holds something; no row has a vector.
    InvalidVector, DuplicateId, DimensionMismatch, ColumnError, PersistError
        With the partition, and the row of it where that is known.

    Notes
    -----
    Every file is complete or not there, and the manifest is written last: a folder without one
    holds no shards. A build that fails removes its files. May be called from any thread.
    """
    engine("spark")
    checked(df, "df")
    name, theirs = canonical(metric), arrow_schema(df)
    compared(theirs, column, "right", name, texts=False)
    if not isinstance(ids, str) or theirs.names.count(ids) != 1:
        raise ColumnError(f"ids={ids!r} is no column; there are {', '.join(theirs.names)}")
    count = None if shards is None else positive("shards", shards)
    each = cores_of(df.sparkSession)[1] if threads is None else positive("threads", threads)
    options = {
        "metric": name, "kind": kind, "bits": bits, "recall": recall, "seed": seed, "nulls": "skip",
    }  # fmt: skip
    folder = claim(out)
    how = Building(folder, uuid.uuid4().hex[:8], column, ids, name, options, vectors, each)
    rows = df.select(column, ids)
    if count is not None:
        rows = rows.repartition(count)
    try:
        told = rows.mapInArrow(building_task(how), RESULT).collect()
        built = [pickle.loads(one) for one in found_of(told)]
        return finish([one for one in built if isinstance(one, Built)], how)
    except BaseException:
        abandon(how, mine=True)
        raise


def found_of(told: Any) -> list[bytes]:
    """Return what partitions found, in order; raises the error of the first that failed."""
    rows = sorted(told, key=lambda row: row["shard"])
    for row in rows:
        if row["failed"] is not None:
            failed = pickle.loads(row["failed"])
            if isinstance(failed, BaseException):
                raise failed
            raise InvalidArgument(f"a worker failed with {failed!r}")
    return [bytes(row["found"]) for row in rows if row["found"] is not None]
