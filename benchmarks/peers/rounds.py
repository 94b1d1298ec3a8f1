"""The round: members of a group asked in turns, in processes of which one works at a time."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import turns
from .chosen import Member
from .curves import Way
from .pipes import Gone

_SECONDS = 0.5  # of one member in a pass: slow ones are asked some of the queries
_PASSES = (5, 12)  # fewest and most
_SLOW_BATCH = 5.0  # seconds above which a batch is asked twice only
_STAT = pathlib.Path("/proc")

Ask = Callable[..., Any]  # (variant, way, request without "variant") -> answer; raises Gone


class Budget(NamedTuple):
    """Seconds that each half of a round, one at a time and batches, should take."""

    one: float = 120.0
    batch: float = 60.0


class Busy:
    """How many cores others used over a block; this process and `pids` are not others."""

    cores: float | None = None

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = [os.getpid(), *pids]

    def __enter__(self) -> Busy:
        self._begin = time.perf_counter(), self._others()
        return self

    def __exit__(self, *_: object) -> None:
        before, now = self._begin[1], self._others()
        if before is not None and now is not None:
            spent = time.perf_counter() - self._begin[0]
            self.cores = max(0.0, now - before) / max(spent, 1e-9)

    def _others(self) -> float | None:
        if not (_STAT / "stat").exists():
            return None
        fields = [int(x) for x in (_STAT / "stat").read_text().splitlines()[0].split()[1:9]]
        used = sum(fields) - fields[3] - fields[4]
        return (used - sum(map(_ticks, self._pids))) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    """Ticks of the processor that a process has used; 0 when it is gone."""
    try:
        fields = (_STAT / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def one_at_a_time(
    members: Sequence[Member], each: dict[str, float], count: int, ask: Ask, seconds: float
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Ask all members query by query, and judge what they found.

    `each` holds the coarse seconds a query by `key`. Returns a record a member, and why a variant
    ended early.
    """
    spent = {key(m): turns.Spent(count, turns.stride(each[key(m)], count, _SECONDS))
             for m in members}  # fmt: skip
    cpu = dict.fromkeys(spent, 0)
    left, lost = list(members), {}
    begin, turn = time.perf_counter(), 0
    while turn < _PASSES[0] or (turn < _PASSES[1] and _time_left(begin, turn, seconds)):
        for member in left:
            spent[key(member)].begin()
        for block in turns.blocks(count, turn):
            for member in turns.order(left, turn, block.number):
                one = spent[key(member)]
                queries = one.queries(block.low, block.high)
                if not queries or member.variant in lost:
                    continue
                request = {"do": "ask", "settings": member.settings, "queries": queries}
                try:
                    got = ask(member.variant, "one", {**request, "first": turn == 0})
                except Gone as gone:
                    lost[member.variant] = str(gone)
                    continue
                one.add(block.low, got["spent"])
                cpu[key(member)] += got["cpu"]
            left = [m for m in left if m.variant not in lost]
        turn += 1
    records = []
    for member in left:
        try:
            judged = ask(member.variant, "one", {"do": "judge", "settings": member.settings})
        except Gone as gone:
            lost[member.variant] = str(gone)
            continue
        records.append(_alone(member, spent[key(member)], cpu[key(member)], judged))
    return records, lost


def _time_left(begin: float, turn: int, seconds: float) -> bool:
    """Whether another pass like those before fits."""
    spent = time.perf_counter() - begin
    return spent * (turn + 1) / turn <= seconds


def _alone(
    member: Member, spent: turns.Spent, cpu: int, judged: dict[str, float]
) -> dict[str, Any]:
    return {
        "record": "one", "variant": member.variant, "settings": member.settings,
        "best_us": spent.best(), "median_us": spent.middle(), "p50_us": spent.percentile(50),
        "p99_us": spent.percentile(99), "passes": spent.passes, "cores": cpu / spent.total(),
        **judged,
    }  # fmt: skip


def batches(
    members: Sequence[Member], count: int, ask: Ask, seconds: float
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All `count` queries in one call a member, in turns."""
    taken: dict[str, list[int]] = {key(m): [] for m in members}
    left, lost = list(members), {}
    begin, turn = time.perf_counter(), 0
    while turn < _PASSES[0] or (turn < _PASSES[1] and _time_left(begin, turn, seconds)):
        for member in turns.order(left, turn, 0):
            past = taken[key(member)]
            if member.variant in lost or (len(past) >= 2 and past[0] > _SLOW_BATCH * 1e9):
                continue
            request = {"do": "batch", "settings": member.settings}
            try:
                past.append(ask(member.variant, "batch", request))
            except Gone as gone:
                lost[member.variant] = str(gone)
        left = [m for m in left if m.variant not in lost]
        turn += 1
    records = [
        {"record": "batch", "variant": m.variant, "settings": m.settings,
         "rate": count / min(taken[key(m)]) * 1e9,
         "median_rate": count / float(np.median(taken[key(m)])) * 1e9, "passes": len(taken[key(m)])}
        for m in left
    ]  # fmt: skip
    return records, lost


def key(member: Member) -> str:
    """A member's name."""
    return f"{member.variant} {sorted(member.settings.items())}"


def of_way(members: Iterable[Member], way: Way) -> list[Member]:
    """Those that are asked that way."""
    return [member for member in members if way in member.ways]
