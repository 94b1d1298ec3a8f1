"""Rounds of the comparison: where variants live, which settings are asked, and what is found."""

from __future__ import annotations

import os
import pathlib
import sys
import time
from typing import Any

import numpy as np
import pytest
from peer_examples import cache, every_variant, made, metas, result_of
from peers import __main__ as peers_main
from peers import chosen, command, datasets, houses, measured, rounds, served, variants
from peers.chosen import Coarse, Member
from peers.environments import Environment
from peers.pipes import Gone
from peers.variants import OURS, Variant

__all__ = ["cache", "made"]

META = next(m for m in metas() if m["name"] == "synth100k")
MILLION = next(m for m in metas() if m["name"] == "synth1m")


def find(name: str) -> Variant:
    return next(v for v in variants.for_set(META) if v.name == name)


# Houses and groups.


def test_ours_lives_with_those_that_goals_are_about() -> None:
    together = {v.family for v in every_variant() if houses.houses(v, 2)[0][0].name == "together"}
    assert together >= {OURS, "rabitqlib IVF", "faiss IVF", "hnswlib", "usearch"}
    assert not together & {"NumPy", "turbovec", "Rust ruvector", "SymphonyQG"}


def test_every_variant_is_asked_each_way_in_one_house() -> None:
    for v in every_variant():
        found = houses.houses(v, 2)
        assert sorted(part for _, parts in found for part in parts) == ["batch", "one"]
        assert all(house.environment == v.environment for house, _ in found)
    assert [h.threads for h, _ in houses.houses(find("turbovec-4bit"), 2)] == [2, 1]
    assert len(houses.houses(find("turbovec-4bit"), 1)) == 1


def test_only_the_house_with_faiss_has_its_kernel_and_only_that_with_ours_our_tree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command.platform, "machine", lambda: "x86_64")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    both = houses.houses(find("ruvector-ivf"), 2)[0][0]
    assert both == houses.houses(find("faiss-ivfflat"), 2)[0][0]
    environment = command.house_environment(both, tree=True)
    assert environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert environment["PYTHONPATH"].endswith("/python")
    for name in ("numpy", "rust-ruvector-hnsw", "turbovec-2bit"):
        environment = command.house_environment(houses.houses(find(name), 2)[0][0], tree=True)
        assert "OPENBLAS_CORETYPE" not in environment
        assert not environment["PYTHONPATH"].endswith("/python")


def test_groups_hold_every_peer_once_and_ours_always() -> None:
    for meta in metas():
        every = variants.for_set(meta)
        for memory in (2e9, 8e9, 24e9, 1e12):
            found = houses.groups(every, meta, memory)
            peers = [v.name for group in found for v in group if v.family != OURS]
            assert sorted(peers) == sorted(v.name for v in every if v.family != OURS)
            ours = [v.name for v in every if v.family == OURS]
            assert all([v.name for v in group[: len(ours)]] == ours for group in found)
            assert all(len(group) > len(ours) for group in found)


def test_groups_fit_into_memory() -> None:
    assert len(houses.groups(variants.for_set(META), META, 24e9)) == 1
    left = {n.name for n in variants.not_applicable(MILLION)}
    every = [v for v in variants.for_set(MILLION) if v.name not in left]
    found = houses.groups(every, MILLION, 24e9)
    assert len(found) == 3
    rows = MILLION["n"] * MILLION["dim"] * 4
    assert all(rows * (3 + sum(map(houses.copies, g))) <= 0.7 * 24e9 for g in found)


def test_families_stay_together_where_they_fit() -> None:
    found = houses.groups(variants.for_set(MILLION), MILLION, 48e9)
    where = [(v.family, n) for n, group in enumerate(found) for v in group if v.family != OURS]
    assert len(set(where)) == len({family for family, _ in where})


# What is asked in turns.


def coarse(*points: tuple[float, float]) -> list[Coarse]:
    """Points of (recall, rate), both ways."""
    return [Coarse({"n": i}, recall, rate, 2 * rate) for i, (recall, rate) in enumerate(points)]


def test_around_a_recall_are_the_fastest_that_reaches_it_and_the_one_below() -> None:
    points = coarse((0.8, 900), (0.89, 500), (0.92, 300), (0.94, 350), (0.97, 100))
    assert chosen.around(points, "one", 0.90) == [1, 3]  # the third is beaten by the fourth
    assert chosen.around(points, "one", 0.95) == [3, 4]
    assert chosen.around(points, "batch", 0.99) == []
    assert chosen.around(points, "one", 0.5) == [0]


def variant(name: str, family: str) -> Variant:
    return Variant(name, family, "a:B", "numpy", {}, ({},))


def test_variants_far_behind_their_family_are_left_out_and_ours_never() -> None:
    every = [variant("fast", "f"), variant("slow", "f"), variant("ours-a", OURS),
             variant("ours-b", OURS), variant("lone", "g")]  # fmt: skip
    swept = {"fast": coarse((0.999, 1000)), "slow": coarse((0.999, 600)),
             "ours-a": coarse((0.999, 1000)), "ours-b": coarse((0.999, 10)),
             "lone": coarse((0.999, 1))}  # fmt: skip
    found = {m.variant for m in chosen.members(every, swept)}
    assert found == {"fast", "ours-a", "ours-b", "lone"}
    swept["slow"] = coarse((0.999, 800))
    assert "slow" in {m.variant for m in chosen.members(every, swept)}


def test_one_that_alone_reaches_a_recall_is_measured_though_it_is_slow() -> None:
    every = [variant("fast", "f"), variant("deep", "f")]
    swept = {"fast": coarse((0.93, 1000)), "deep": coarse((0.94, 10), (0.999, 9))}
    found = {(m.variant, m.settings["n"]) for m in chosen.members(every, swept)}
    assert found == {("fast", 0), ("deep", 0), ("deep", 1)}


def test_recall_targets_are_promises_and_always_measured() -> None:
    points = [Coarse({"recall": 0.9}, 0.93, 10.0, 10.0), Coarse({"probes": 9}, 0.99, 90.0, 90.0)]
    found = chosen.members([variant("o", OURS)], {"o": points})
    assert [m.settings for m in found] == [{"recall": 0.9}, {"probes": 9}]
    assert all(m.ways == ("one", "batch") for m in found)


def test_ways_of_two_processes_are_one_point() -> None:
    head = {"record": "coarse", "settings": {"rerank": 9}, "recall": 0.95}
    found = chosen.merged([{"record": "build"}, {**head, "batch": 7.0}, {**head, "one": 3.0}])
    assert found == [Coarse({"rerank": 9}, 0.95, 3.0, 7.0)]


# The round.


class FakeHall:
    """Answers in constant times; what was asked is in `log`. `dying` goes after so many calls."""

    def __init__(self, dying: str = "", calls: int = 0) -> None:
        self.log: list[tuple[str, list[int]]] = []
        self.dying, self.calls = dying, calls

    def __call__(self, name: str, way: str, request: dict[str, Any]) -> Any:
        if name == self.dying:
            self.calls -= 1
            if self.calls < 0:
                raise Gone("ended by SIGSEGV")
        if request["do"] == "judge":
            return {"recall": 0.9, "gap": 0.0}
        if request["do"] == "batch":
            self.log.append((name, []))
            return 2_000_000 if name == "a" else 4_000_000
        self.log.append((name, request["queries"]))
        each = 1000 if name == "a" else 3000
        return {"spent": [each] * len(request["queries"]), "cpu": each * len(request["queries"])}


MEMBERS = [Member("a", {"n": 1}, ("one", "batch")), Member("b", {"n": 2}, ("one",))]
EACH = {rounds.key(m): 1e-6 for m in MEMBERS}


def test_everybody_answers_the_same_queries_before_the_next_come() -> None:
    hall = FakeHall()
    records, lost = rounds.one_at_a_time(MEMBERS, EACH, 1000, hall, 0.0)
    assert not lost and [r["passes"] for r in records] == [5, 5]
    for one, other in zip(hall.log[::2], hall.log[1::2], strict=True):
        assert {one[0], other[0]} == {"a", "b"} and one[1] == other[1] and len(one[1]) <= 50
    a, b = records
    assert (a["best_us"], b["best_us"], a["median_us"]) == (1.0, 3.0, 1.0)
    assert a["cores"] == pytest.approx(1.0) and a["recall"] == 0.9


def test_a_slow_member_is_asked_fewer_queries() -> None:
    hall = FakeHall()
    slow = EACH | {rounds.key(MEMBERS[1]): 0.005}
    rounds.one_at_a_time(MEMBERS, slow, 1000, hall, 0.0)
    asked = {name: sum(len(q) for n, q in hall.log if n == name) for name in "ab"}
    assert asked == {"a": 5000, "b": 500}


@pytest.mark.parametrize("calls", [0, 30, 104])
def test_one_that_dies_costs_only_itself(calls: int) -> None:
    records, lost = rounds.one_at_a_time(MEMBERS, EACH, 1000, FakeHall("b", calls), 0.0)
    assert lost == {"b": "ended by SIGSEGV"} and [r["variant"] for r in records] == ["a"]
    assert records[0]["best_us"] == 1.0
    records, lost = rounds.batches(MEMBERS, 1000, FakeHall("a", 1), 0.0)
    assert lost == {"a": "ended by SIGSEGV"} and [r["variant"] for r in records] == ["b"]


def test_batches_come_in_turns_too() -> None:
    hall = FakeHall()
    records, _ = rounds.batches(MEMBERS, 1000, hall, 0.0)
    assert [r["rate"] for r in records] == [500_000.0, 250_000.0]
    assert all(a != b for (a, _), (b, _) in zip(hall.log[::2], hall.log[1::2], strict=True))


def test_passes_end_with_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    records, _ = rounds.one_at_a_time(MEMBERS, EACH, 100, FakeHall(), 1e9)
    assert records[0]["passes"] == rounds._PASSES[1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_what_we_use_ourselves_is_not_others() -> None:
    with rounds.Busy([]) as busy:
        begin = time.process_time()
        while time.process_time() - begin < 0.2:
            pass
    own = busy.cores
    with rounds.Busy([]) as alien:
        alien._pids = []  # now this process is a stranger
        begin = time.process_time()
        while time.process_time() - begin < 0.2:
            pass
    assert own is not None and alien.cores is not None and alien.cores > 0.05
    assert rounds._ticks(2**22 + 1) == 0 and rounds._ticks(os.getpid()) > 0


# The process.


def test_a_process_answers_with_times_recall_and_the_gap(made: pathlib.Path) -> None:
    one = served.Served(made, "synth100k", 1)
    assert one.open("numpy")["borrowed_bytes"] == 3000 * 64 * 4
    (swept,) = one.sweep("numpy", ["one", "batch"], False)
    assert swept["recall"] == 1.0 and swept["one"] > 0 and swept["batch"] > 0
    found = one.ask("numpy", {}, [0, 7, 14], True)
    assert len(found["spent"]) == 3 and min(found["spent"]) > 0
    assert one.judge("numpy", {}) == {"recall": 1.0, "gap": 0.0}
    assert one.judge("numpy", {})["recall"] == 1.0  # asked again where nothing was kept
    assert one.batch("numpy", {}) > 0
    one.drop("numpy")
    assert not len(one._data.base)  # nobody borrows the rows any more


def test_rows_are_held_once_and_only_for_those_who_borrow(made: pathlib.Path) -> None:
    one = served.Served(made, "synth100k", 1)
    one.open("ruvector-ivf")
    one.open("ruvector-flat")
    base = one._data.base
    assert len(base) and all(o.peer._index is not None for o in one._open.values())
    one.drop("ruvector-ivf")
    assert one._data.base is base
    one.drop("ruvector-flat")
    assert not len(one._data.base)


# A whole run.


def plan(cache: pathlib.Path, **missing: str) -> command.Run:
    (cache / "run").mkdir(exist_ok=True)
    place = Environment(pathlib.Path(sys.executable), missing)
    places = {"peers": place, "peers-rust": place}
    budget = rounds.Budget(0.0, 0.0)
    return command.Run(cache, cache / "run", places, 1, 120.0, True, True, budget=budget)


def test_a_whole_run_measures_numpy_exactly_and_once(
    cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = datasets.read_meta(cache, "synth100k")
    found = measured.measure_set(plan(cache), meta, "numpy".__eq__)
    assert found.missing == []
    (r,) = found.results
    (p,) = r.points
    assert (r.name, r.borrowed, p.recall, p.gap) == ("numpy", 64 * 4, 1.0, 0.0)
    assert p.one and p.batch and p.one_median and p.batch_median and p.coarse_one
    assert p.one >= p.one_median and p.passes == 5
    monkeypatch.setattr(measured, "Servant", None)  # what is done is not run again
    assert measured.measure_set(plan(cache), meta, "numpy".__eq__) == found


def test_groups_share_our_build_and_each_measures_it(
    cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = datasets.read_meta(cache, "synth100k")
    numpy = find("numpy")
    flat = find("ruvector-flat")
    monkeypatch.setattr(measured, "groups", lambda *_: [[flat, numpy], [flat]])
    wanted = {"numpy", "ruvector-flat"}.__contains__
    found = measured.measure_set(plan(cache), meta, wanted)
    assert found.missing == []
    assert [(r.name, r.group) for r in found.results] == [
        ("ruvector-flat", 0), ("numpy", 0), ("ruvector-flat", 1),
    ]  # fmt: skip
    first, _, again = found.results
    assert first.build == again.build and first.points != again.points
    assert all(p.one for r in found.results for p in r.points if p.passes)


def test_what_is_not_measured_is_said_loudly(
    cache: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = datasets.read_meta(cache, "synth100k")
    # The Rust package's adapter meets ours under the same name here, which has no HnswIndex.
    wanted = {"hnswlib", "rust-ruvector-hnsw"}
    run = plan(cache, hnswlib="no compiler")
    found = measured.measure_set(run, meta, wanted.__contains__)
    assert found.results == []
    reasons = dict(found.missing)
    assert reasons["hnswlib"] == "hnswlib could not be installed: no compiler"
    assert "Error: " in reasons["rust-ruvector-hnsw"]
    assert "!! synth100k hnswlib" in capsys.readouterr().err
    assert set(peers_main.failures(found)) == wanted


def test_a_build_that_takes_too_long_is_ended(cache: pathlib.Path) -> None:
    run = plan(cache)._replace(limit=0.01)
    found = measured.measure_set(run, datasets.read_meta(cache, "synth100k"), "numpy".__eq__)
    assert found.missing == [("numpy", "ended after its 0 s")] and found.results == []


def test_graphs_of_a_million_rows_are_left_out_unless_asked_for() -> None:
    left = {n.name for n in variants.not_applicable(MILLION)}
    assert {"hnswlib", "rabitqlib-symqg-raw", "faiss-hnsw32"} <= left
    assert not left & {"numpy", "rabitqlib-ivf-b7", "faiss-ivfflat", "ruvector-ivf"}
    assert not variants.not_applicable(MILLION, graphs=True)
    assert not variants.not_applicable(META)


def test_records_of_a_round_become_rates_beside_the_coarse_ones() -> None:
    head = {"settings": {"n": 1}}
    r = result_of(
        {**head, "record": "coarse", "recall": 0.95123, "one": 1234.5, "batch": 99.0},
        {**head, "record": "one", "recall": 0.94, "gap": 0.0, "best_us": 50.0, "median_us": 80.0,
         "p50_us": 81.0, "p99_us": 200.0, "passes": 7, "cores": 1.0, "others": 0.05},
        {**head, "record": "batch", "rate": 5e4, "median_rate": 4e4, "passes": 7, "others": 0.0},
    )  # fmt: skip
    (p,) = r.points
    assert (p.recall, p.one, p.one_median, p.passes) == (0.9512, 20_000.0, 12_500.0, 7)
    assert (p.batch, p.batch_median, p.coarse_one, p.one_others) == (5e4, 4e4, 1230.0, 0.05)


def test_a_coarse_rate_is_no_rate() -> None:
    head = {"record": "coarse", "settings": {"n": 1}, "recall": 0.95}
    (p,) = result_of({**head, "one": 10.0, "batch": 10.0}).points
    assert p.one is None and p.batch is None


def test_few_queries_are_enough_for_a_coarse_rate() -> None:
    class Slow:
        def __init__(self) -> None:
            self.calls = 0

        def one(self, _: Any) -> None:
            self.calls += 1
            time.sleep(0.2)

    peer: Any = Slow()
    rate = served._few_alone(peer, list(np.eye(200)))
    assert peer.calls < 8 and rate < 5.1
