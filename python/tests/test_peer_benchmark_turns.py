"""Asking in turns: who comes when, what is counted, and the processes that are asked."""

from __future__ import annotations

import itertools
import os
import pathlib
import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest
from peer_examples import BENCHMARKS, cache, made
from peers import command, staged, stages, turns
from peers.pipes import Gone, Servant

__all__ = ["cache", "made"]


# Blocks and their order.


@pytest.mark.parametrize("count", [1, 49, 50, 51, 1000])
def test_every_query_is_in_one_block_of_at_most_fifty(count: int) -> None:
    for turn in range(6):
        cut = list(turns.blocks(count, turn))
        assert [q for b in cut for q in range(b.low, b.high)] == list(range(count))
        assert all(0 < b.high - b.low <= turns.BLOCK for b in cut)
        assert [b.number for b in cut] == list(range(len(cut)))


def test_blocks_begin_elsewhere_in_every_pass() -> None:
    begins = [{b.low for b in turns.blocks(1000, turn)} - {0} for turn in range(6)]
    assert all(not one & other for one, other in itertools.combinations(begins, 2))


def test_everybody_is_asked_once_a_block_and_nobody_is_always_first() -> None:
    members = list("abcdefg")
    rounds = [turns.order(members, turn, block) for turn in range(4) for block in range(20)]
    assert all(sorted(one) == members for one in rounds)
    assert {one[0] for one in rounds} == set(members) == {one[-1] for one in rounds}
    assert turns.order([], 0, 0) == []


def test_neighbours_in_the_order_change_sides() -> None:
    """What is cold after one neighbour is not cold after that one only."""
    after = {
        pair for block in range(2) for pair in itertools.pairwise(turns.order("abcd", 0, block))
    }
    assert ("a", "b") in after and ("b", "a") in after


# What queries took.


def test_slow_peers_are_asked_some_queries_spread_evenly() -> None:
    assert turns.stride(0.0, 1000, 1.0) == 1
    assert turns.stride(0.001, 1000, 1.0) == 1
    assert turns.stride(0.01, 1000, 1.0) == 10
    assert turns.stride(5.0, 1000, 1.0) == 50  # at least twenty


def test_minima_and_medians_are_of_each_query() -> None:
    spent = turns.Spent(4)
    for given in ([1000, 9000, 5000, 5000], [3000, 1000, 5000, 5000], [2000, 2000, 5000, 5000]):
        spent.begin()
        spent.add(0, given[:2])
        spent.add(2, given[2:])
    assert spent.passes == 3
    assert spent.best() == pytest.approx((1 + 1 + 5 + 5) / 4)
    assert spent.middle() == pytest.approx((2 + 2 + 5 + 5) / 4)
    assert spent.percentile(100) == 9.0


def test_a_stride_asks_the_same_queries_in_every_pass() -> None:
    spent = turns.Spent(1000, 7)
    for turn in range(3):
        spent.begin()
        asked = []
        for block in turns.blocks(1000, turn):
            here = spent.queries(block.low, block.high)
            spent.add(block.low, [1000 * (q + 1) for q in here])
            asked += here
        assert asked == list(range(0, 1000, 7))
    assert spent.best() == pytest.approx(np.mean([q + 1 for q in range(0, 1000, 7)]))


# Processes that answer.

_ANSWERS = """
import os, signal, time
from peers import pipes
def echo(text): print("printed"); return {"text": text}
def fail(): raise ValueError("no\\nsuch")
def die(): os.kill(os.getpid(), signal.SIGSEGV)
def leave(): raise SystemExit("gone for good")
def wait(): time.sleep(60)
pipes.serve({"echo": echo, "fail": fail, "die": die, "leave": leave, "wait": wait})
"""


@pytest.fixture
def servant(tmp_path: pathlib.Path) -> Iterator[Servant]:
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    with Servant([sys.executable, "-c", _ANSWERS], environment, tmp_path / "log") as one:
        yield one


def test_a_process_answers_again_after_a_failure(servant: Servant) -> None:
    assert servant.ask({"do": "echo", "text": "a\nb"}) == {"text": "a\nb"}
    with pytest.raises(Gone, match=r"^ValueError: no such$"):
        servant.ask({"do": "fail"})
    assert servant.alive and servant.ask({"do": "echo", "text": ""}) == {"text": ""}


@pytest.mark.parametrize(
    ("what", "why"),
    [("die", "ended by SIGSEGV"), ("leave", "gone for good"), ("wait", "ended after its 1 s")],
)
def test_a_process_that_goes_says_why(servant: Servant, what: str, why: str) -> None:
    servant.ask({"do": "echo", "text": ""})  # it has started
    with pytest.raises(Gone, match=why):
        servant.ask({"do": what}, 1.0 if what == "wait" else 60.0)
    assert not servant.alive
    with pytest.raises(Gone):
        servant.ask({"do": "echo", "text": ""})


def test_a_process_ends_with_its_block(tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    with Servant([sys.executable, "-c", _ANSWERS], environment, tmp_path / "log") as one:
        assert one.alive and one.pid
    assert not one.alive


# The command that tells a query's stages.


def test_stages_are_minima_and_differences_within_a_call() -> None:
    # prepare route first scan rerank total call, in ns, of two passes over two queries
    spent = np.array(
        [[[1000, 2000, 500, 2500, 4000, 11000, 20000], [1000, 2000, 500, 2500, 4000, 10000, 30000]],
         [[2000, 1000, 500, 2500, 4000, 12000, 16000], [1000, 2000, 500, 2500, 4000, 10000, 12000]]]
    )  # fmt: skip
    found = stages.reduced(spent)
    assert found["prepare"] == 1.0 and found["route"] == 1.5 and found["total"] == 10.5
    assert found["between"] == pytest.approx((1 + 0) / 2)
    assert found["python"] == pytest.approx((4 + 2) / 2)
    assert found["call"] == 14.0 and found["median"] == pytest.approx((18 + 21) / 2)


def test_stages_of_two_builds_stand_beside_each_other(
    made: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    library = stages.ROOT / "python" / "ruvector" / "_lib" / "libruvector.so"
    monkeypatch.setattr(stages, "BUILT", tmp_path / "built")
    said = ["stages", "--data", str(made), "--cells", "32", "--passes", "2", "--recall", ".9"]
    monkeypatch.setattr(sys, "argv", [*said, "--against", str(library)])
    assert stages.main() == 0
    out = capsys.readouterr().out
    this, against = (line.split() for line in out.splitlines() if line.startswith("0.9 "))
    assert (this[1], against[1]) == ("this", "against")
    assert this[2] == against[2] and float(this[2]) >= 0.85  # one library: the same answers
    assert this[-4:] == against[-4:] and float(this[-4]) > 0
    assert all(float(cell) >= 0 for cell in this[3:13]) and float(this[5]) > 0  # first thresholds
    assert len(list((tmp_path / "built").iterdir())) == 1  # built once


def test_first_thresholds_are_a_part_of_routing_that_older_builds_do_not_tell() -> None:
    spent = {"prepare": 1, "route": 9, "scan": 5, "rerank": 6, "total": 30}
    old = types.SimpleNamespace(**{f"ns_{name}": ns for name, ns in spent.items()})
    assert staged.engine(old) == [1, 9, 0, 5, 6, 30]
    old.ns_first = 4
    assert staged.engine(old) == [1, 5, 4, 5, 6, 30]


def test_a_build_is_a_tree_or_a_library(tmp_path: pathlib.Path) -> None:
    assert stages.package_of(stages.ROOT, tmp_path) == stages.ROOT / "python"
    library = tmp_path / "other.so"
    library.write_bytes(b"x")
    place = stages.package_of(library, tmp_path / "made")
    assert (place / "ruvector" / "_lib" / "libruvector.so").read_bytes() == b"x"
    assert (place / "ruvector" / "__init__.py").exists()


def test_stages_take_the_cells_of_the_comparison_and_every_target() -> None:
    chosen = stages.options([])
    assert (chosen.cells, chosen.recall) == (1024, [0.90, 0.95, 0.99])
    assert stages.options(["--cells", "7", "--recall", ".5"]).cells == 7


def test_processes_start_from_one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    plain = command.plain_environment(3)
    assert "OPENBLAS_CORETYPE" not in plain and plain["OMP_NUM_THREADS"] == "3"
