"""Datasets of Ray: their schemas, their sizes, and what is stored beside them."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._clusters.broadcast import folder_of_run, save_index
from .._clusters.extras import engine, module
from .._clusters.opened import Source
from .._clusters.plans import divide
from .._clusters.rights import Right
from .._errors import InvalidArgument
from .tasks import NUMBER, Stored


def is_dataset(data: Any) -> bool:
    """Return whether something is a Ray Dataset."""
    return any(
        kind.__module__.startswith("ray.data") and kind.__name__ == "Dataset"
        for kind in type(data).__mro__
    )


def checked(data: Any, name: str) -> Any:
    """Return a Dataset; InvalidArgument for other objects."""
    if not is_dataset(data):
        raise InvalidArgument(
            f"{name} is {type(data).__name__}, not a Ray Dataset: ray.data.from_arrow(table), "
            "ray.data.from_pandas(df)"
        )
    return data


def same(table: Any) -> Any:
    """Return a batch as it is: Ray makes it an Arrow table on the way."""
    return table


def arrow_schema(data: Any, name: str) -> Any:
    """Return the Arrow schema of a Dataset; Ray reads what it needs for that.

    Raises
    ------
    InvalidArgument
        It has no rows that tell one.
    """
    found = data.schema()
    found = None if found is None else found.base_schema
    if found is not None and not isinstance(found, pa.Schema):
        found = data.limit(1).map_batches(same, batch_format="pyarrow").schema()
        found = None if found is None else found.base_schema
    if found is None:
        raise InvalidArgument(f"{name} has no rows and no schema: there are no columns to compare")
    return found


def divided(workers: int | None, threads: int | None) -> tuple[int, int]:
    """Return workers and the threads of each for this cluster's cores."""
    ray = engine("ray")
    if not ray.is_initialized():
        ray.init()
    return divide(int(ray.cluster_resources().get("CPU", 1)), workers, threads)


def numbered(data: Any) -> Any:
    """Return a Dataset with a number for each row, by the task that reads it."""
    monotonically_increasing_id = module("ray.data.expressions").monotonically_increasing_id

    return data.with_column(NUMBER, monotonically_increasing_id())


def mapped(data: Any, actor: Any, arguments: tuple[Any, ...], workers: int, threads: int) -> Any:
    """Return a Dataset whose blocks an actor of ours answers; errors come out as they are.

    Actors hold half of their cores as Ray counts them, so that there are some for what reads.
    """
    ActorPoolStrategy = module("ray.data").ActorPoolStrategy

    return typed(
        data.map_batches(
            actor, fn_constructor_args=arguments, batch_format="pyarrow", batch_size=None,
            compute=ActorPoolStrategy(size=workers), num_cpus=threads / 2, zero_copy_batch=True,
        )
    )  # fmt: skip


def grouped(data: Any, column: str, function: Any, arguments: dict[str, Any], parts: int) -> Any:
    """Return a Dataset of what a function of ours makes of the rows with one value in a column."""
    groups = data.groupby(column, num_partitions=parts)
    return typed(groups.map_groups(function, fn_kwargs=arguments, batch_format="pyarrow"))


def typed(data: Any) -> Any:
    """Have errors of workers be raised as what they are, not as Ray's wrapping of them."""
    data.context.raise_original_map_exception = True
    return data


def collected(data: Any, schema: Any) -> Any:
    """Return all rows of a Dataset as a table, in order."""
    ray = engine("ray")
    tables = [table for table in ray.get(data.to_arrow_refs()) if len(table)]
    return pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")


def source_of(right: Right) -> Source:
    """Return an index for workers to open: its path, or its bytes in the object store."""
    if right.held is None:
        return Source(right.files)
    path = os.path.join(folder_of_run(), "index.rvx")
    save_index(right.held, path)
    return Source((stored(path),))


def stored(path: str) -> Stored:
    """Put the bytes of a file into the object store, and remove it."""
    ray = engine("ray")
    data = np.fromfile(path, np.uint8)
    os.unlink(path)
    name = hashlib.sha256(data.tobytes()).hexdigest()[:32] + os.path.splitext(path)[1]
    return Stored(ray.put(data), name)
