"""Two engines behind one face: the same promises are asked of both.

The tests of this folder run in an environment of their own (checks/clusters.py), which says by
RUVECTOR_CLUSTERS which engine; `make test` collects none of them.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

ENGINE = os.environ.get("RUVECTOR_CLUSTERS")
collect_ignore_glob = [] if ENGINE else ["test_*.py"]
if ENGINE:
    other = {"ray": "spark", "spark": "ray"}[ENGINE]
    collect_ignore_glob = [f"test_{other}_*.py"]


class Engine:
    """One engine: its module of ours, and tables in and out."""

    name: str
    rv: Any

    def frame(self, table: Any, parts: int = 3) -> Any:
        """Return a pyarrow table as a data set of several partitions, rows in order."""
        raise NotImplementedError

    def table(self, frame: Any) -> Any:
        """Run a data set and return its rows."""
        raise NotImplementedError

    def failure(self, error: BaseException) -> BaseException | None:
        """Return the error of ours that a failed run reports."""
        raise NotImplementedError


class Ray(Engine):
    """Ray Data with two workers."""

    name = "ray"

    def __init__(self) -> None:
        import ray
        import ray.data

        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )  # fmt: skip
        ray.data.DataContext.get_current().enable_progress_bars = False
        # Shuffles by actors, which are the default, take ten seconds each to begin.
        strategies = ray.data.context.ShuffleStrategy
        ray.data.DataContext.get_current().shuffle_strategy = strategies.SORT_SHUFFLE_PULL_BASED
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self.ray = ray
        self.rv = importlib.import_module("ruvector.ray")

    def frame(self, table: Any, parts: int = 3) -> Any:
        step = -(-len(table) // parts) or 1
        blocks = [table.slice(start, step) for start in range(0, max(1, len(table)), step)]
        return self.ray.data.from_arrow(blocks)

    def table(self, frame: Any) -> Any:
        import pyarrow as pa

        blocks = self.ray.get(frame.to_arrow_refs())
        full = [block for block in blocks if len(block)]
        return pa.concat_tables(full or blocks[:1], promote_options="permissive")

    def failure(self, error: BaseException) -> BaseException | None:
        return error  # is one of ours itself

    def stop(self) -> None:
        self.ray.shutdown()


class Spark(Engine):
    """Spark with two cores of this machine."""

    name = "spark"

    def __init__(self) -> None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").appName("ruvector")
        for key, value in (
            ("spark.ui.enabled", "false"), ("spark.sql.shuffle.partitions", "3"),
            ("spark.driver.bindAddress", "127.0.0.1"), ("spark.driver.host", "127.0.0.1"),
            ("spark.ui.showConsoleProgress", "false"), ("spark.default.parallelism", "2"),
        ):  # fmt: skip
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("OFF")
        self.rv = importlib.import_module("ruvector.spark")

    def frame(self, table: Any, parts: int = 3) -> Any:
        import pyarrow as pa

        part = pa.array([i * parts // len(table) for i in range(len(table))], pa.int32())
        frame = self.session.createDataFrame(table.append_column("part", part))
        return frame.repartitionByRange(parts, "part").drop("part")

    def table(self, frame: Any) -> Any:
        return frame.toArrow()

    def failure(self, error: BaseException) -> BaseException | None:
        found: BaseException | None = self.rv.error_of(error)
        return found

    def stop(self) -> None:
        self.session.stop()


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """The engine that is tested."""
    made = {"ray": Ray, "spark": Spark}[ENGINE or ""]()
    yield made
    made.stop()
