"""A data set, measured: groups of variants built, swept coarsely, then asked in turns.

What every step found is written at once, so that a run that was stopped can go on.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

from . import chosen, rounds
from .command import Run, house_environment
from .hall import Hall
from .houses import House, groups
from .pipes import Gone, Servant
from .records import Result, SetResults, collect
from .variants import OURS, Variant, for_set, not_applicable

Records = list[dict[str, Any]]
Lost = dict[str, str]


def measure_set(
    run: Run, meta: dict[str, Any], wanted: Callable[[str], bool], *, graphs: bool = False
) -> SetResults:
    """Every wanted variant of one data set; graphs of a million rows only with `graphs`."""
    excused = not_applicable(meta, graphs)
    missing = {n.name: n.reason for n in excused if wanted(n.name)}
    variants = []
    for variant in for_set(meta):
        if not wanted(variant.name) or variant.name in missing:
            continue
        reason = run.environments[variant.environment].missing.get(variant.needs)
        if reason is None:
            variants.append(variant)
        else:
            _lose(missing, meta, variant.name, f"{variant.needs} could not be installed: {reason}")
    results: list[Result] = []
    folder = run.folder / meta["name"]
    folder.mkdir(exist_ok=True)
    with Hall(_starter(run, meta["name"]), folder, run.threads, run.limit) as hall:
        for number, group in enumerate(groups(variants, meta, _memory())):
            found, lost = _Group(run, hall, meta, folder, number).measure(group)
            results += found
            for name, reason in lost.items():
                _lose(missing, meta, name, reason)
    return SetResults(meta, results, list(missing.items()))


def _lose(missing: Lost, meta: dict[str, Any], name: str, reason: str) -> None:
    if name not in missing:
        print(f"!! {meta['name']} {name}: {reason}", file=sys.stderr, flush=True)
        missing[name] = reason


def _memory() -> float:
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _starter(run: Run, name: str) -> Callable[[House, pathlib.Path], Servant]:
    def start(house: House, log: pathlib.Path) -> Servant:
        python = str(run.environments[house.environment].python)
        command = [python, "-m", "peers.served", str(run.cache), name, str(house.threads)]
        return Servant(command, house_environment(house, run.tree), log)

    return start


class _Group:
    """Variants that are in memory together."""

    def __init__(
        self, run: Run, hall: Hall, meta: dict[str, Any], folder: pathlib.Path, number: int
    ) -> None:
        self._run, self._hall, self._meta = run, hall, meta
        self._folder, self._number = folder, number
        self._lost: Lost = {}

    def measure(self, group: list[Variant]) -> tuple[list[Result], Lost]:
        """Build, sweep and ask in turns; results, and why variants are missing or incomplete."""
        swept = {v.name: self._swept(v) for v in group}
        swept = {name: records for name, records in swept.items() if records}
        asked = self._asked([v for v in group if v.name in swept], swept)
        results = []
        for variant in group:
            own = [r for r in asked if r.get("variant") == variant.name]
            records = swept.get(variant.name, [])
            result = collect(variant.name, variant.family, [*records, *own])
            if result is not None:
                results.append(result._replace(group=self._number))
        self._hall.keep(v.name for v in group if v.family == OURS)
        return results, self._lost

    def _swept(self, variant: Variant) -> Records:
        """Build and coarse records; read again where an earlier run, or group, made them."""
        file = self._folder / f"{variant.name.replace('+', '_')}.json"
        if file.exists():
            kept: Records = json.loads(file.read_text())
            return kept
        begin = time.perf_counter()
        try:
            records = self._hall.open(variant)
            records += self._hall.sweep(variant, self._run.thin)
        except Gone as gone:
            self._lost[variant.name] = str(gone)
            return []
        file.write_text(json.dumps(records))
        self._tell(variant, records, time.perf_counter() - begin)
        return records

    def _tell(self, variant: Variant, records: Records, seconds: float) -> None:
        highest = max((r["recall"] for r in records if r["record"] == "coarse"), default=0.0)
        built = next(r["seconds"] for r in records if r["record"] == "build")
        told = f"build {built:.1f} s, recall to {highest:.4f} ({seconds:.0f} s)"
        print(f"{self._meta['name']} {variant.name}: {told}", flush=True)

    def _asked(self, variants: list[Variant], swept: dict[str, Records]) -> Records:
        """The records of the round."""
        file = self._folder / f"round-{self._number}.json"
        if file.exists():
            kept = json.loads(file.read_text())
            self._lost.update(kept["lost"])
            found: Records = kept["records"]
            return found
        coarse = {name: chosen.merged(records) for name, records in swept.items()}
        members = chosen.members(variants, coarse)
        self._hall.keep(m.variant for m in members)
        members = self._ready(variants, members)
        begin = time.perf_counter()
        records = self._in_turns(members, coarse)
        took = f"{len(members)} settings asked in turns, {time.perf_counter() - begin:.0f} s"
        print(f"{self._meta['name']} group {self._number + 1}: {took}", flush=True)
        lost = {m.variant: self._lost[m.variant] for m in members if m.variant in self._lost}
        file.write_text(json.dumps({"records": records, "lost": lost}))
        return records

    def _ready(self, variants: list[Variant], members: list[chosen.Member]) -> list[chosen.Member]:
        """Build what is not there: a run that goes on, or after the death of a process."""
        for variant in variants:
            if any(m.variant == variant.name for m in members):
                try:
                    self._hall.open(variant)
                except Gone as gone:
                    self._lost[variant.name] = str(gone)
        return [m for m in members if m.variant not in self._lost]

    def _in_turns(
        self, members: list[chosen.Member], coarse: dict[str, list[chosen.Coarse]]
    ) -> Records:
        each = {
            rounds.key(chosen.Member(name, point.settings, ())): 1 / point.one
            for name, points in coarse.items()
            for point in points
            if point.one
        }
        alone = rounds.of_way(members, "one")
        with rounds.Busy(self._hall.pids()) as busy:
            records, lost = rounds.one_at_a_time(
                alone, each, self._meta["nq"], self._hall.ask, self._run.budget.one
            )
        self._lost.update(lost)
        for record in records:
            record["others"] = busy.cores
        together = [m for m in rounds.of_way(members, "batch") if m.variant not in self._lost]
        with rounds.Busy(self._hall.pids()) as busy:
            more, lost = rounds.batches(
                together, self._meta["nq"], self._hall.ask, self._run.budget.batch
            )
        self._lost.update(lost)
        return [*records, *({**record, "others": busy.cores} for record in more)]
