"""Ray alone: tensors, killed workers, copies of an index, and the shuffle that is its default."""

from __future__ import annotations

import os
import pathlib
import pickle
import signal
import threading
import time
from typing import Any

import numpy as np
import pyarrow as pa

import ruvector as rv

LIST = pa.list_(pa.float32())


def table_of(rows: int, name: str, seed: int) -> Any:
    made = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    return pa.table({name: pa.array(range(rows)), "v": pa.array(list(made), LIST)})


def in_order(table: Any) -> Any:
    return table.sort_by([("ask", "ascending"), ("rank", "ascending")])


def test_tensors_of_ray_ask_and_are_found(engine: Any) -> None:
    left, right = table_of(30, "ask", 1), table_of(80, "name", 2)
    data = engine.ray.data

    def tensors(table: Any, name: str) -> Any:
        matrix = np.stack(table["v"].to_pylist()).astype(np.float32)
        rows = [{name: i, "v": row} for i, row in enumerate(matrix)]
        return data.from_items(rows, override_num_blocks=2)

    mine, theirs = tensors(left, "ask"), tensors(right, "name")
    wanted = rv.sim_join(left, right, on="v", k=2, recall=1.0)
    for plan in ("index", "queries"):
        joined = engine.rv.sim_join(mine, theirs, on="v", k=2, recall=1.0, plan=plan)
        found = in_order(engine.table(joined))
        assert found["name"].to_pylist() == wanted["name"].to_pylist(), plan
        assert found["v"].type == mine.schema().base_schema.field("v").type


def test_pandas_blocks_are_taken(engine: Any) -> None:
    left = table_of(20, "ask", 1)
    index = rv.Index.build(table_of(50, "name", 2)["v"], keep="copy")
    frame = engine.ray.data.from_pandas([left.slice(0, 9).to_pandas(), left.slice(9).to_pandas()])
    found = in_order(engine.table(engine.rv.score(frame, index, k=3)))
    wanted = rv.sim_join(left, index, on="v", k=3)
    assert found["id"].to_pylist() == wanted["id"].to_pylist()


def test_the_default_shuffle_routes_rows_too(engine: Any) -> None:
    context = engine.ray.data.DataContext.get_current()
    before = context.shuffle_strategy
    context.shuffle_strategy = type(context)().shuffle_strategy
    try:
        left, right = table_of(30, "ask", 1), table_of(80, "name", 2)
        joined = engine.rv.sim_join(
            engine.frame(left), engine.frame(right), on="v", k=2, recall=1.0, plan="routed"
        )
        wanted = rv.sim_join(left, right, on="v", k=2, recall=1.0)
        found = in_order(engine.table(joined))
        assert found["name"].to_pylist() == wanted["name"].to_pylist()
    finally:
        context.shuffle_strategy = before


def workers() -> list[int]:
    """Return our actors, among the processes that this one began."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            named = (folder / "cmdline").read_text()
        except OSError:
            continue
        if named.startswith("ray::") and "RuvectorAnswer" in named and _is_mine(int(folder.name)):
            found.append(int(folder.name))
    return found


def _is_mine(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return False


def test_a_worker_that_is_killed_costs_no_row(engine: Any) -> None:
    left = table_of(400, "ask", 1)
    index = rv.Index.build(table_of(100, "name", 2)["v"], keep="copy")

    def slow(table: Any) -> Any:  # here, so that its code is sent and not the name of this file
        time.sleep(0.4)
        return table

    frame = engine.frame(left, 20).map_batches(slow, batch_format="pyarrow", num_cpus=1)
    killed: list[int] = []

    def kill() -> None:
        end = time.monotonic() + 60
        while not killed and time.monotonic() < end:
            time.sleep(0.2)
            there = workers()
            if len(there) == 2:
                time.sleep(1.5)
                os.kill(there[0], signal.SIGKILL)
                killed.append(there[0])

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        found = in_order(engine.table(engine.rv.score(frame, index, k=2)))
    finally:
        thread.join()
    assert killed, "no actor is named after ours"
    wanted = rv.sim_join(left, index, on="v", k=2)
    assert found["id"].to_pylist() == wanted["id"].to_pylist()


def test_a_machine_has_one_copy_of_an_index_until_its_last_worker_ends(
    engine: Any, tmp_path: Any
) -> None:
    from ruvector.ray.datasets import stored

    path = tmp_path / "ix.rvx"
    rv.Index.build(np.eye(4, dtype="f4"), keep="copy").save(path)
    data = path.read_bytes()
    place = stored(str(path))
    assert not path.exists()

    @engine.ray.remote
    class Holder:
        def path(self, place: Any) -> tuple[str, bytes]:
            found = place.path()
            return found, pathlib.Path(found).read_bytes()

        def end(self) -> None:
            engine_exit()

    def engine_exit() -> None:
        import ray

        ray.actor.exit_actor()

    place = pickle.loads(pickle.dumps(place._replace(bytes=None)))._replace(bytes=place.bytes)
    one, two = Holder.options(num_cpus=0.1).remote(), Holder.options(num_cpus=0.1).remote()
    first, second = engine.ray.get([one.path.remote(place), two.path.remote(place)])
    assert first == second
    assert first[1] == data
    one.end.remote()
    time.sleep(2)
    assert os.path.exists(first[0])
    two.end.remote()
    end = time.monotonic() + 20
    while os.path.exists(first[0]) and time.monotonic() < end:
        time.sleep(0.2)
    assert not os.path.exists(first[0])


def test_an_actor_loads_an_index_once_and_divides_the_cores(engine: Any, tmp_path: Any) -> None:
    from ruvector._clusters import opened
    from ruvector._clusters.asking import Asked
    from ruvector._clusters.columns import score_layout
    from ruvector._clusters.opened import AtPath, Source
    from ruvector.ray.tasks import NUMBER, RuvectorAnswer

    rv.Index.build(table_of(50, "name", 2)["v"], keep="copy").save(tmp_path / "ix.rvx")
    left = table_of(10, "ask", 1).append_column(NUMBER, pa.array(range(10)))
    layout = score_layout(table_of(1, "ask", 1).schema, ["ask"], pa.int64(), "cosine")
    source = Source((AtPath(str(tmp_path / "ix.rvx")),))
    before = opened.loads
    actor = RuvectorAnswer(source, Asked("v", "v", 2, "cosine", None, 0.95, 1), layout, "inner")
    for _ in range(3):
        assert sum(map(len, actor(left))) == 20
    assert opened.loads == before + 1
    index = rv.Index.load(tmp_path / "ix.rvx")
    scored = engine.rv.score(engine.frame(table_of(10, "ask", 1)), index, workers=1)
    assert engine.rv.last_plan().threads == 2
    assert len(engine.table(scored)) == 100


def test_where_right_is_ray_s_own_filter(engine: Any) -> None:
    from ray.data.expressions import col

    left, right = table_of(20, "ask", 1), table_of(60, "name", 2)
    wanted = rv.sim_join(left, right.slice(0, 30), on="v", k=2, recall=1.0)
    joined = engine.rv.sim_join(
        engine.frame(left), engine.frame(right), on="v", k=2, recall=1.0,
        where_right=col("name") < 30,
    )  # fmt: skip
    assert in_order(engine.table(joined))["name"].to_pylist() == wanted["name"].to_pylist()
