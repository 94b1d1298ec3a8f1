"""What was measured of the operations, in memory and in operations.json.

Filters and graphs are sets of results as those of searches; updates have their own record.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..records import (
    Point,
    Result,
    SetResults,
    collect,
    set_lines,
    set_of,
    significant,
)

Record = dict[str, Any]
STATES = ("built", "appended", "deleted", "compacted")


class Change(NamedTuple):
    """One kind of change: rows a call, calls, and microseconds; `lacking` says why there is none.

    `row_us` is of all calls together; `median_us` and `most_us` are of one call.
    """

    name: str
    rows: int
    calls: int
    row_us: float | None = None
    median_us: float | None = None
    most_us: float | None = None
    others: float | None = None
    lacking: str = ""


class Updated(NamedTuple):
    """One index that was changed: its changes, bytes after each state, and how it searched then.

    `disk` and `held` are bytes (None where the library does not tell), `returned` the deleted
    rows that searches found again. `searched` holds a result a state, with that state's points.
    """

    name: str
    family: str
    version: str
    backend: str
    build: float
    changes: list[Change]
    disk: dict[str, int]
    held: dict[str, int | None]
    returned: int | None
    searched: dict[str, Result]


class Operations(NamedTuple):
    """A whole run. Of filters there are sets of one mask and of fresh masks for each share."""

    machine: dict[str, Any]
    scale: dict[str, Any]
    filters: list[SetResults]
    updates: list[Updated]
    graph: list[SetResults]
    missing: list[tuple[str, str]]


def filter_results(
    name: str, family: str, kept: list[Record]
) -> Iterable[tuple[float, bool, int, Result]]:
    """(share, fresh, eligible rows, result) of one variant for each share it was measured at."""
    head = [r for r in kept if r["record"] == "build"]
    points = [r for r in kept if r["record"] == "point"]
    for share in dict.fromkeys(r["share"] for r in points):
        here = [r for r in points if r["share"] == share]
        eligible = here[0]["eligible"]
        plain = [{k: v for k, v in r.items() if k != "fresh"} for r in here]
        if (same := collect(name, family, [*head, *plain])) is not None:
            yield share, False, eligible, same
        fresh = [
            {**r, "recall": r["fresh"]["recall"], "batch": None, "one": {**r["fresh"], "gap": 0.0}}
            for r in here
            if r.get("fresh")
        ]
        if fresh and (own := collect(name, family, [*head, *fresh])) is not None:
            yield share, True, eligible, own


def updated(name: str, family: str, kept: list[Record]) -> Updated | None:
    """The record of one variant; None where it was not built."""
    head = [r for r in kept if r["record"] == "build"]
    built = collect(name, family, head)
    if built is None:
        return None
    changes: dict[str, Change] = {}
    disk: dict[str, int] = {}
    held: dict[str, int | None] = {}
    returned: int | None = None
    for r in kept:
        if r["record"] == "change":
            changes.setdefault(r["name"], _change(r))
        elif r["record"] == "bytes":
            disk.setdefault(r["state"], r["disk"])
            held.setdefault(r["state"], r["held"])
        elif r["record"] == "returned":
            returned = (returned or 0) + r["rows"]
    searched: dict[str, Result] = {}
    for state in STATES:
        points = [r for r in kept if r["record"] == "point" and r["state"] == state]
        result = collect(name, family, [*head, *points]) if points else None
        if result is not None:
            searched[state] = result
    return Updated(
        name, family, built.version, built.backend, built.build, list(changes.values()),
        disk, held, returned, searched,
    )  # fmt: skip


def _change(r: Record) -> Change:
    if "lacking" in r:
        return Change(r["name"], r["rows"], r["calls"], lacking=r["lacking"])
    row, median, most = (
        significant(s * 1e6) for s in (r["seconds"] / (r["rows"] * r["calls"]), r["p50"], r["most"])
    )
    others = significant(r["others"], 2)
    return Change(r["name"], r["rows"], r["calls"], row, median, most, others)


def graph_results(
    name: str, family: str, rows: int, kept: list[Record]
) -> tuple[Result, Result] | None:
    """(with the build, without it): rates are rows a second, `batch` for a graph in one go."""
    head = [r for r in kept if r["record"] == "build"]
    points = [r for r in kept if r["record"] == "point"]
    if not head or not points:
        return None
    build = head[0]["seconds"]
    found = []
    for before in (build, 0.0):
        timed = [
            {**r, "batch": {"rate": rows / (before + r["seconds"]), "others": r["others"]}}
            if "seconds" in r
            else ({**r, "one": None} if before else r)
            for r in points
        ]
        found.append(collect(name, family, [*head, *timed]))
    whole, verb = found
    assert whole is not None and verb is not None
    return whole, verb


def write(path: pathlib.Path, run: Operations) -> None:
    """Write operations.json."""
    lines = ['{"machine": ' + json.dumps(run.machine), ',\n"scale": ' + json.dumps(run.scale)]
    lines += [',\n"points_are": ', json.dumps(Point._fields), ',\n"missing": ']
    lines += [json.dumps(run.missing), ',\n"filters": [\n', *set_lines(run.filters)]
    lines += ['],\n"graph": [\n', *set_lines(run.graph), '],\n"updates": [\n']
    lines += [",\n".join(json.dumps(_plain(u)) for u in run.updates), "]}\n"]
    path.write_text("".join(lines))


def _plain(one: Updated) -> Record:
    changes = [c._asdict() for c in one.changes]
    searched = {state: r._asdict() for state, r in one.searched.items()}
    return {**one._asdict(), "changes": changes, "searched": searched}


def read(path: pathlib.Path) -> Operations:
    """Read what `write` wrote."""
    content = json.loads(path.read_text())
    return Operations(
        content["machine"],
        content["scale"],
        [set_of(one) for one in content["filters"]],
        [_updated_of(one) for one in content["updates"]],
        [set_of(one) for one in content["graph"]],
        [(name, reason) for name, reason in content["missing"]],
    )


def _updated_of(one: Record) -> Updated:
    searched = {
        state: Result(**{**r, "points": [Point(*p) for p in r["points"]]})
        for state, r in one["searched"].items()
    }
    changes = [Change(**c) for c in one["changes"]]
    return Updated(**{**one, "changes": changes, "searched": searched})
