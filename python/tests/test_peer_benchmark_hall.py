"""Processes of the comparison: who is built where, what a death costs, who is let go."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from peer_examples import BENCHMARKS, full_sort, metas, rows_and_queries
from peers import variants, worker
from peers.hall import Hall
from peers.houses import House
from peers.pipes import Gone, Servant
from peers.variants import Variant

META = next(m for m in metas() if m["name"] == "synth100k")
_PROCESS = """
import os, signal, sys
from peers import pipes
built = []
def open(name):
    if name == "usearch-i8": raise MemoryError("no room")
    built.append(name); return {"record": "build", "name": name}
def drop(name): built.remove(name)
def sweep(name, parts, thin): return [{"name": name, "parts": parts, "threads": int(sys.argv[1])}]
def ask(name):
    if name == "hnswlib": os.kill(os.getpid(), signal.SIGKILL)
    return {"name": name, "built": built, "pid": os.getpid()}
pipes.serve({"open": open, "drop": drop, "sweep": sweep, "ask": ask})
"""


def find(name: str) -> Variant:
    return next(v for v in variants.for_set(META) if v.name == name)


@pytest.fixture
def hall(tmp_path: pathlib.Path) -> Iterator[Hall]:
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}

    def start(house: House, log: pathlib.Path) -> Servant:
        return Servant([sys.executable, "-c", _PROCESS, str(house.threads)], environment, log)

    with Hall(start, tmp_path, 2, 60.0) as made:
        yield made


def test_variants_of_one_house_share_a_process_and_are_built_once(hall: Hall) -> None:
    assert hall.pids() == []
    for name in ("ruvector-ivf", "faiss-ivfflat"):
        assert [r["name"] for r in hall.open(find(name))] == [name]
        assert hall.open(find(name)) == []
    found = [hall.ask(n, "one", {"do": "ask"}) for n in ("ruvector-ivf", "faiss-ivfflat")]
    assert found[0]["built"] == ["ruvector-ivf", "faiss-ivfflat"]
    assert hall.pids() == [found[0]["pid"]] == [found[1]["pid"]]


def test_a_variant_with_fixed_threads_is_asked_in_two_processes(hall: Hall) -> None:
    turbo = find("turbovec-4bit")
    assert len(hall.open(turbo)) == 2
    swept = hall.sweep(turbo, False)
    assert [(r["parts"], r["threads"]) for r in swept] == [(["batch"], 2), (["one"], 1)]
    one, batch = (hall.ask(turbo.name, way, {"do": "ask"})["pid"] for way in ("one", "batch"))
    assert sorted(hall.pids()) == sorted([one, batch]) and one != batch


def test_after_a_death_the_others_are_built_again(hall: Hall) -> None:
    for name in ("ruvector-ivf", "hnswlib"):
        hall.open(find(name))
    before = hall.ask("ruvector-ivf", "one", {"do": "ask"})["pid"]
    with pytest.raises(Gone, match="SIGKILL"):
        hall.ask("hnswlib", "one", {"do": "ask"})
    found = hall.ask("ruvector-ivf", "one", {"do": "ask"})
    assert found["built"] == ["ruvector-ivf"] and found["pid"] != before


def test_a_failed_build_leaves_the_process_to_the_others(hall: Hall) -> None:
    hall.open(find("ruvector-ivf"))
    with pytest.raises(Gone, match="MemoryError: no room"):
        hall.open(find("usearch-i8"))
    assert hall.ask("ruvector-ivf", "one", {"do": "ask"})["built"] == ["ruvector-ivf"]


def test_who_is_let_go_is_dropped_and_an_empty_house_closed(hall: Hall) -> None:
    for name in ("ruvector-ivf", "faiss-ivfflat", "numpy"):
        hall.open(find(name))
    assert len(hall.pids()) == 2
    hall.keep(["ruvector-ivf"])
    assert len(hall.pids()) == 1
    assert hall.ask("ruvector-ivf", "one", {"do": "ask"})["built"] == ["ruvector-ivf"]
    assert hall.ask("numpy", "one", {"do": "ask"})["built"] == ["numpy"]  # built again when asked


def test_all_processes_end_with_the_hall(tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    with Hall(
        lambda house, log: Servant([sys.executable, "-c", _PROCESS, "1"], environment, log),
        tmp_path, 1, 60.0,
    ) as hall:  # fmt: skip
        hall.open(find("numpy"))
        (pid,) = hall.pids()
    assert hall.pids() == [] and pid > 0


@pytest.mark.parametrize("name", ["ruvector-ivf", "ruvector-flat", "ruvector-auto"])
def test_ours_measures_by_the_metric_of_the_set(name: str) -> None:
    """A set of l2, whose rows differ in length: cosine would find others."""
    rows, queries = rows_and_queries(1500, 32)
    rows *= np.linspace(0.2, 3, len(rows), dtype=np.float32)[:, None]
    peer = worker.load(find(name), 32, "l2", "peers")
    peer.build(rows, 1)
    peer.tune(1, recall=0.99)
    found, true = peer.many(queries), full_sort(rows, queries, 10)
    hits = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), true.tolist(), strict=True))
    assert hits >= 0.97 * true.size
