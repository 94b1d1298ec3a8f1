"""The comparison with peers: what is run, how it is timed, what is kept and what is missing."""

from __future__ import annotations

import ast
import pathlib
import sys
from typing import Any

import numpy as np
import pytest
from peer_examples import (
    BENCHMARKS,
    build_record,
    cache,
    every_variant,
    full_sort,
    made,
    metas,
    rows_and_queries,
)  # fmt: skip
from peers import __main__ as peers_main
from peers import command, datasets, environments, machine, records, timing, truth, variants, worker
from peers.adapters.peer import Peer
from peers.environments import Environment
from peers.records import SetResults

__all__ = ["cache", "made"]


# Records.


def test_two_processes_of_a_variant_become_one_result() -> None:
    one = {"rate": 123456.0, "p50_us": 8.1234, "p99_us": 20.0, "asked": 1000, "cores": 1.0,
           "gap": 0.00001, "others": 0.0}  # fmt: skip
    head = {"record": "point", "settings": {"nprobe": 4, "kf": 2}, "recall": 0.91237}
    found = records.collect(
        "v", "f",
        [build_record(1.5), head | {"batch": {"rate": 777.0, "others": 0.31}},
         build_record(9.0), head | {"one": one}],
    )  # fmt: skip
    assert found is not None
    assert (found.build, found.disk, found.borrowed) == (1.5, 200.0, 400.0)
    (p,) = found.points
    assert (p.settings, p.recall) == ("nprobe=4, kf=2", 0.9124)
    assert (p.one, p.p50_us, p.gap, p.batch, p.batch_others) == (123500.0, 8.12, 0.0, 777.0, 0.31)


def test_without_a_build_there_is_no_result() -> None:
    assert records.collect("v", "f", []) is None


# Timing.


class FakeNeighbours:
    """Says in turn how busy others were."""

    busy: list[float | None]

    def __enter__(self) -> FakeNeighbours:
        self.cores = self.busy.pop(0)
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("busy", "tries", "kept"),
    [([0.1, 0.0, 0.0], 1, 0.1), ([0.9, 0.1, 0.0], 2, 0.1), ([0.9, 0.5, 0.7], 3, 0.5),
     ([None, None, None], 1, None)],
)  # fmt: skip
def test_a_disturbed_timing_is_repeated_and_the_quietest_stands(
    busy: list[float | None], tries: int, kept: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeNeighbours, "busy", [*busy], raising=False)
    monkeypatch.setattr(timing, "Around", FakeNeighbours)
    calls: list[int] = []
    watched = timing.undisturbed(lambda: calls.append(1))
    assert (len(calls), watched.others) == (tries, kept)


def test_what_is_shorter_than_the_clock_can_tell_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "_TELLING", float("inf"))
    with timing.Around() as around:
        pass
    assert around.cores is None


def test_one_at_a_time_asks_each_query_and_keeps_the_answers() -> None:
    timed = timing.one_at_a_time(lambda q: q * 2, list(range(100)))
    assert timed.asked == 100 and timed.found == [2 * q for q in range(100)]
    assert timed.rate > 0 and timed.p50_us <= timed.p99_us


def test_slow_calls_are_asked_at_least_thirty_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_SECONDS_ONE", 0.0)
    assert timing.one_at_a_time(lambda q: q, list(range(100))).asked == 30


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_peak_memory_is_seen_though_it_was_given_back() -> None:
    with timing.Peak() as peak:
        bytearray(b"x" * (64 << 20))
    assert peak.bytes is not None and peak.bytes > 48 << 20


# The worker.


class FakePeer(Peer):
    """Answers exactly, but only from the first `share` of the true neighbours."""

    def build(self, rows: Any, threads: int) -> None:
        self.rows = rows

    def tune(self, threads: int, **settings: Any) -> None:
        self.share = settings.get("share", settings.get("recall"))

    def many(self, queries: Any) -> Any:
        found = full_sort(self.rows, queries, 10)
        found[:, round(10 * self.share) :] = -1
        return found

    def save(self, path: str) -> None:
        pathlib.Path(path).write_bytes(b"12345")


def swept(*sweep: dict[str, Any], parts: set[str] | None = None) -> list[dict[str, Any]]:
    rows, queries = rows_and_queries(200, 8)
    data = datasets.DataSet(rows, queries, *truth.nearest(rows, queries, depth=20), {})
    variant = variants.Variant("fake", "fake", "fake:Fake", "numpy", {}, sweep)
    peer = FakePeer(8, "l2")
    peer.build(rows, 1)
    return list(worker.swept(peer, data, variant, 1, {"one"} if parts is None else parts))


def test_a_sweep_ends_when_recall_has_reached_its_end() -> None:
    found = swept(*({"share": s} for s in (0.9, 1.0, 1.0, 1.0)))
    assert [r["recall"] for r in found] == [0.9, 1.0]
    found = swept(*({"share": s} for s in (0.9, 0.9, 0.9, 0.9, 0.9, 1.0)))
    assert [r["recall"] for r in found] == [0.9] * 4


def test_lines_of_a_sweep_end_apart_and_targets_never() -> None:
    found = swept({"share": 1.0, "kf": 1}, {"share": 1.0, "kf": 1}, {"share": 0.9, "kf": 2})
    assert [r["recall"] for r in found] == [1.0, 0.9]
    found = swept({"recall": 1.0}, {"recall": 1.0})
    assert len(found) == 2


def test_what_recalls_little_is_not_timed() -> None:
    low, high = swept({"share": 0.5}, {"share": 0.8}, parts={"one", "batch"})
    assert "one" not in low and "batch" not in low
    assert high["one"]["gap"] == 0.0 and high["batch"]["rate"] > 0


def test_a_build_record_says_bytes_and_seconds() -> None:
    rows, queries = rows_and_queries(200, 8)
    data = datasets.DataSet(rows, queries, *truth.nearest(rows, queries, depth=20), {})
    variant = variants.Variant("fake", "fake", "fake:Fake", "numpy", {}, ({},))
    record = worker.built(FakePeer(8, "l2"), data, variant, 1)
    assert record["disk_bytes"] == 5 and record["rows"] == 200 and record["seconds"] >= 0
    assert record["version"] == np.__version__


# What is run, and where.


def test_variants_have_names_of_their_own_and_sweeps_within_the_cells() -> None:
    for meta in metas():
        names = [v.name for v in variants.for_set(meta)]
        assert len(names) == len(set(names))
        cells = variants.CELLS[meta["name"]]
        for v in variants.for_set(meta):
            assert v.sweep
            assert all(s.get("nprobe", s.get("probes", 1)) <= cells for s in v.sweep)
            assert v.build.get("cells", cells) == cells
            assert f"IVF{cells}" in v.build.get("factory", "HNSW") or v.family == "faiss HNSW" or (
                "factory" not in v.build
            )  # fmt: skip


def test_what_is_left_out_has_a_reason() -> None:
    for meta in metas():
        names = {v.name for v in variants.for_set(meta)}
        excused = {n.name for n in variants.not_applicable(meta)}
        assert {"turbovec-2bit", "turbovec-4bit"} <= names | excused
        known = {v.name for v in variants.for_set(meta) if v.family in variants.GRAPHS}
        assert names & excused == (known if meta["n"] > variants.MANY else set())


def test_a_thinned_sweep_keeps_every_target_and_every_second_other() -> None:
    sweep = ({"recall": 0.9}, {"recall": 0.95}, *({"probes": p} for p in (1, 2, 4, 8, 16)))
    kept = variants.thinned(sweep)
    assert kept == (*sweep[:2], {"probes": 1}, {"probes": 4}, {"probes": 16})


def test_the_short_form_is_two_sets_and_three_peers() -> None:
    known = {v.name: v for v in every_variant()}
    assert set(variants.SHORT) <= set(known) and len(variants.SHORT_SETS) == 2
    assert len({known[n].needs for n in variants.SHORT} - {"ruvector-arrow"}) == 3


def test_every_adapter_exists() -> None:
    for v in every_variant():
        module, name = v.adapter.split(":")
        tree = ast.parse((BENCHMARKS / "peers" / "adapters" / f"{module}.py").read_text())
        assert name in {n.name for n in tree.body if isinstance(n, ast.ClassDef)}, v.adapter


def test_every_peer_is_pinned_in_its_environment_and_none_in_ours() -> None:
    for v in every_variant():
        if v.needs == "ruvector-arrow":
            continue
        text = (BENCHMARKS / "peers" / environments.FILES[v.environment]).read_text()
        pinned = [r for r in environments.wanted(text) if environments.distribution(r) == v.needs]
        assert len(pinned) == 1 and "==" in pinned[0], v.needs
    assert "ruvector" not in map(
        environments.distribution,
        environments.wanted((BENCHMARKS / "peers" / "requirements.txt").read_text()),
    )


def test_a_peer_that_cannot_be_installed_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pip(_: pathlib.Path, *arguments: str) -> str | None:
        return "no compiler" if any("hnswlib" in a for a in arguments) else None

    monkeypatch.setattr(environments, "_pip", pip)
    missing = environments._install(pathlib.Path("python"), ["numpy==2", "hnswlib==0.8.0"])
    assert missing == {"hnswlib": "no compiler"}
    assert "hnswlib==0.8.0 CANNOT BE INSTALLED: no compiler" in capsys.readouterr().err


def test_without_a_wheel_ours_is_missing_with_the_way_out(tmp_path: pathlib.Path) -> None:
    here = environments.add_ours(Environment(pathlib.Path("python"), {}), tmp_path)
    assert "make wheel" in here.missing["ruvector-arrow"]


def find(name: str, of: str = "glove") -> variants.Variant:
    meta = next(m for m in metas() if m["name"] == of)
    return next(v for v in variants.for_set(meta) if v.name == name)


def test_processes_get_equal_threads_and_a_blas_of_their_own_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setattr(command.platform, "machine", lambda: "x86_64")
    plain = command.process_environment(find("numpy"), 2, tree=True)
    assert "OPENBLAS_CORETYPE" not in plain
    assert {plain[f"{n}_NUM_THREADS"] for n in ("OMP", "OPENBLAS", "RAYON")} == {"2"}
    faiss = command.process_environment(find("faiss-ivfflat"), 2, tree=True)
    assert faiss["OPENBLAS_CORETYPE"] == "Haswell"


def test_only_our_own_process_sees_our_tree() -> None:
    own = command.process_environment(find("ruvector-ivf"), 2, tree=True)["PYTHONPATH"]
    rust = command.process_environment(find("rust-ruvector-rabitq"), 2, tree=True)["PYTHONPATH"]
    assert own.endswith("/python") and rust == str(BENCHMARKS)


def test_a_peer_with_fixed_threads_takes_two_processes() -> None:
    assert command.processes(find("turbovec-4bit"), 2) == [(2, ["batch"]), (1, ["one"])]
    assert command.processes(find("hnswlib"), 2) == [(2, ["one", "batch"])]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("numpy", {}), ("ruvector-auto", {"recall": 0.95}), ("ruvector-flat", {"recall": 0.95}),
     ("ruvector-ivf", {"recall": 0.95}), ("ruvector-ivf", {"probes": 1024})],
)  # fmt: skip
def test_our_adapters_answer_alone_as_in_a_batch(
    name: str, settings: dict[str, Any], made: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    data = datasets.read(made, "synth100k")
    peer = worker.load(find(name, "synth100k"), 64, "cosine")
    peer.build(data.base, 1)
    peer.tune(1, **settings)
    together = peer.many(data.query)
    assert worker.recall_of(together, data) >= 0.94
    singles = peer.singles(data.query)
    alone = [np.asarray(peer.one(q)).reshape(-1) for q in singles[:50]]
    assert abs(worker.recall_of(alone, data) - worker.recall_of(together[:50], data)) <= 0.01
    peer.save(str(tmp_path / "index"))
    assert (tmp_path / "index").exists() and peer.borrowed == data.base.nbytes


def test_excused_variants_are_no_failures() -> None:
    meta = next(m for m in metas() if m["name"] == "mnist")
    missing = [("turbovec-4bit", "inner products only"), ("hnswlib", "no compiler")]
    assert peers_main.failures(SetResults(meta, [], missing)) == ["hnswlib"]


def test_options_choose_sets_and_variants() -> None:
    short = peers_main.options(["--short"])
    assert short.sets == list(variants.SHORT_SETS) and "build" in short.out.parts
    assert peers_main.wanted("turbovec-4bit", short) and not peers_main.wanted("hnswlib", short)
    full = peers_main.options(["--only", "ivf", "--skip", "faiss", "--sets", "glove"])
    assert full.sets == ["glove"] and full.out == BENCHMARKS / "peers"
    assert peers_main.wanted("rabitqlib-ivf-b5", full)
    assert not peers_main.wanted("faiss-ivfflat", full) and not peers_main.wanted("numpy", full)


def test_a_machine_is_described_by_what_figures_depend_on() -> None:
    about = machine.describe(2)
    assert about["threads"] == 2 and about["cores"] and about["cpu"]
    said = machine._cpu("model name\t: A CPU\nflags\t: sse avx2 fma\n\nmodel name\t: B\n")
    assert said == {"cpu": "A CPU", "features": ["avx2", "fma"]}
