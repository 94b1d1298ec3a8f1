"""operations.md: goals first, then every figure. A ratio below 1 says loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import curves
from ..curves import TARGETS, Way
from ..records import Point, Result, SetResults
from ..table import (
    TITLES,
    columns,
    compared,
    disturbance,
    heading,
    machine_lines,
    number,
    ratio,
    row,
    split,
    wrapped,
)
from ..timing import QUIET
from ..variants import OURS
from .cases import KEPT, ONE_BY_ONE
from .figures import STATES, Change, Operations, Updated

_AT = 0.95
_GOAL_SHARE = 0.01
_GOALS = {"filters": 5.0, "appends": 10.0, "graph": 3.0, "row by row": 3.0}


def document(run: Operations) -> str:
    """Everything as markdown."""
    scale = run.scale
    lines = [
        "# Operations, side by side",
        "",
        *machine_lines(run.machine),
        f"{scale['rows']:,} x {scale['dim']} of {scale['data']}: {scale['source']};",
        f"seeds: {', '.join(f'{name} {seed}' for name, seed in scale['seeds'].items())}.",
        "",
        *_warning(run),
        "Ratios are our rate over theirs at equal recall, each side with its best variant; between",
        "measured points the logarithm of the rate is interpolated. Below 1 is a loss. Written by",
        "`make peers OPERATIONS=1`; compare figures of one run only. The protocol is in",
        "[README.md](README.md).",
        "",
        "## Goals",
        "",
        *goals(run),
        "",
        *_filters(run.filters),
        *_updates(run.updates),
        *_graphs(run.graph),
        *_remarks(run),
    ]
    return "\n".join(lines) + "\n"


def _warning(run: Operations) -> list[str]:
    searched = [
        SetResults({}, [r for u in run.updates for r in u.searched.values()], []),
        *run.filters,
        *run.graph,
    ]
    lines = disturbance(searched)
    changes = [c for u in run.updates for c in u.changes if c.row_us is not None]
    spoilt = sum(_busy(c.others) for c in changes)
    if spoilt:
        lines += [f"**Disturbed: {spoilt} of {len(changes)} timings of changes.**", ""]
    return lines


def _busy(others: float | None) -> bool:
    return others is not None and others >= QUIET


# Goals.


def goals(run: Operations) -> list[str]:
    """Each goal, what was measured, and whether it was reached; what was not measured says so."""
    rows: list[tuple[str, str, float, str]] = []
    for one in run.filters:
        if one.meta["share"] == _GOAL_SHARE:
            rows += _filter_goals(one)
    rows += _append_goals(run.updates)
    rows += _graph_goals(run.graph)
    lines = heading(["what", "ours over", "measured", "goal", ""])
    for what, peer, goal, text in rows:
        aim = (f"{goal:g}x", verdict(text, goal)) if goal else ("-", "")
        lines.append(row([what, peer, text, *aim]))
    aimed = [verdict(text, goal) for *_, goal, text in rows if goal]
    missed = len(aimed) - aimed.count("reached")
    losses = sum("loss" in text for *_, text in rows)
    told = f"{missed} of {len(aimed)} goals not reached; {losses} of {len(rows)} rows are losses."
    return [*lines, "", told]


def verdict(text: str, goal: float) -> str:
    """Whether a ratio reaches its goal."""
    if text in ("-", "neither"):
        return "not measured"
    if text == "only we do":
        return "reached"
    if "do not reach" in text:
        return "missed"
    return "reached" if float(text.split("x")[0]) >= goal else "missed"


def _over(
    ours: Sequence[Result], theirs: Sequence[Result], way: Way, target: float
) -> tuple[str, str]:
    """(the best peer's name, the ratio), `-` where a side was not measured at all."""
    we, they = (curves.best(side, way, target) for side in (ours, theirs))
    if not ours or not theirs:
        return (they.name if they else "-"), "-"
    text = ratio(we and we.rate, they and they.rate)
    if we and they and (we.disturbed or they.disturbed):
        text = text.replace("x", "x~", 1)
    return (they.name if they else "-"), text


def _filter_goals(one: SetResults) -> list[tuple[str, str, float, str]]:
    ours, families = split(one)
    fresh = one.meta["fresh"]
    kept = families.pop(KEPT, [])
    rest = [r for results in families.values() for r in results]
    ways: tuple[Way, ...] = ("one",) if fresh else ("one", "batch")
    goal = _GOALS["filters"]
    found = []
    for way in ways:
        what = f"filter of 1 %, {'fresh masks' if fresh else 'one mask'}, {TITLES[way]}"
        name, text = _over(ours, rest, way, _AT)
        found.append((what, f"best peer: {name}", goal, text))
        if kept and not fresh:
            found.append((what, KEPT, 0.0, _over(ours, kept, way, _AT)[1]))
    return found


def _append_goals(updates: list[Updated]) -> list[tuple[str, str, float, str]]:
    names = dict.fromkeys(c.name for u in updates for c in u.changes if "append" in c.name)
    found = []
    for name in names:
        ours = _quickest([u for u in updates if u.family == OURS], name)
        theirs = _quickest([u for u in updates if u.family == "rabitqlib IVF"], name)
        text = "-"
        if ours and theirs:
            text = ratio(1 / (ours[1].row_us or 1), 1 / (theirs[1].row_us or 1))
            if _busy(ours[1].others) or _busy(theirs[1].others):
                text = text.replace("x", "x~", 1)
        peer = theirs[0] if theirs else "rabitqlib IVF"
        found.append((f"{name} a call", peer, _GOALS["appends"], text))
    return found


def _quickest(updates: list[Updated], name: str) -> tuple[str, Change] | None:
    timed = [(u.name, c) for u in updates for c in u.changes if c.name == name and c.row_us]
    return min(timed, key=lambda t: t[1].row_us or 0.0, default=None)


def _graph_goals(sets: list[SetResults]) -> list[tuple[str, str, float, str]]:
    found = []
    for one in sets:
        ours, families = split(one)
        if one.meta["building"]:
            for target in TARGETS:
                _, text = _over(ours, families.get("pynndescent", []), "batch", target)
                what = f"graph, building included, recall {target:.2f}"
                found.append((what, "pynndescent", _GOALS["graph"], text))
            continue
        for target in TARGETS:
            we = curves.best(ours, "batch", target)
            they = curves.best(families.get(ONE_BY_ONE, []), "one", target)
            text = ratio(we.rate, they.rate) if we and they else "-"
            if we and they and (we.disturbed or they.disturbed):
                text = text.replace("x", "x~", 1)
            what = f"graph of an index, recall {target:.2f}"
            found.append((what, "our search, row by row", _GOALS["row by row"], text))
    return found


# Filters.


def _filters(sets: list[SetResults]) -> list[str]:
    lines = ["## Filters: k = 10 among the rows of a mask", ""]
    for fresh in (False, True):
        chosen = [one for one in sets if one.meta["fresh"] == fresh]
        wanted = [c for c in columns() if not (fresh and c[0] == "batch")]
        title = "Fresh masks, one a query" if fresh else "One mask, used by all queries"
        head = [f"{TITLES[way]}, {target:.2f}" for way, target in wanted]
        lines += [f"### {title}", "", *heading(["eligible", "ours over", *head])]
        for one in chosen:
            ours, families = split(one)
            for family, results in families.items():
                cells = compared(ours, results)[: len(wanted)]
                lines.append(row([_eligible(one), family, *cells]))
        lines.append("")
    for one in sets:
        lines += _points(one)
    return lines


def _eligible(one: SetResults) -> str:
    return f"{one.meta['share']:.2%} ({one.meta['eligible']:,})"


def _points(one: SetResults) -> list[str]:
    """The fastest measured point of each variant at the recall that tables are for."""
    kind = "fresh masks" if one.meta["fresh"] else "one mask"
    lines = [f"{_eligible(one)} eligible, {kind}: fastest measured at recall@10 >= {_AT}", ""]
    lines += heading(
        ["variant", "one at a time: setting", "recall", "queries/s", "p50 / p99 us",
         "batch: setting", "recall", "queries/s"]
    )  # fmt: skip
    found = [(r, *_fastest(r)) for r in one.results]
    found.sort(key=lambda f: -((f[1] and f[1].one) or (f[2] and f[2].batch) or 0.0))
    lines += [row([r.name, *_alone(p), *_together(q)]) for r, p, q in found if p or q]
    never = [r.name for r, p, q in found if not (p or q)]
    if never:
        lines += ["", *wrapped("Not reached by " + ", ".join(never) + ".")]
    return [*lines, ""]


def _fastest(result: Result) -> tuple[Point | None, Point | None]:
    one = curves.fastest(result.points, "one", _AT)
    return one, curves.fastest(result.points, "batch", _AT)


def _marked(value: float | None, others: float | None) -> str:
    return number(value) + ("~" if value is not None and _busy(others) else "")


def _alone(p: Point | None) -> list[str]:
    if p is None:
        return ["-"] * 4
    percentiles = f"{number(p.p50_us)} / {number(p.p99_us)}"
    return [p.settings or "-", f"{p.recall:.4f}", _marked(p.one, p.one_others), percentiles]


def _together(p: Point | None) -> list[str]:
    if p is None:
        return ["-"] * 3
    return [p.settings or "-", f"{p.recall:.4f}", _marked(p.batch, p.batch_others)]


# Updates.


def _updates(updates: list[Updated]) -> list[str]:
    names = list(dict.fromkeys(c.name for u in updates for c in u.changes))
    lines = ["## Updates", "", "Microseconds a row (of a call, for the first search after appends)"]
    lines += ["", *heading(["variant", "build s", *names])]
    for u in updates:
        known = {c.name: c for c in u.changes}
        lines.append(row([u.name, number(u.build), *(_spent(known.get(n)) for n in names)]))
    lines += ["", "The longest single call, in microseconds", "", *heading(["variant", *names])]
    for u in updates:
        known = {c.name: c for c in u.changes}
        cells = (_figure(known.get(n), lambda c: c.most_us) for n in names)
        lines.append(row([u.name, *cells]))
    lines += ["", *_ratios_of_changes(updates, names), *_after(updates), *_bytes(updates)]
    lacking = [
        f"- {u.name}, {c.name}: {c.lacking}" for u in updates for c in u.changes if c.lacking
    ]
    if lacking:
        lines += ["", "Not offered:", "", *(text for one in lacking for text in wrapped(one))]
    return [*lines, ""]


def _figure(change: Change | None, field: Callable[[Change], float | None]) -> str:
    return "-" if change is None else _marked(field(change), change.others)


def _spent(change: Change | None) -> str:
    return _figure(change, lambda c: c.row_us)


def _ratios_of_changes(updates: list[Updated], names: list[str]) -> list[str]:
    lines = ["Our quickest over theirs (their time over ours)", ""]
    lines += heading(["ours over", *names])
    for u in updates:
        if u.family == OURS:
            continue
        cells = []
        for name in names:
            ours = _quickest([one for one in updates if one.family == OURS], name)
            theirs = _quickest([u], name)
            text = "-"
            if ours and theirs:
                text = ratio(theirs[1].row_us, ours[1].row_us)
                if _busy(ours[1].others) or _busy(theirs[1].others):
                    text = text.replace("x", "x~", 1)
            cells.append(text)
        lines.append(row([u.name, *cells]))
    return [*lines, ""]


def _after(updates: list[Updated]) -> list[str]:
    """How each index searches as built, after appends, and at the end."""
    lines = [f"Search at recall@10 {_AT}, and the highest recall measured, in each state", ""]
    lines += heading(["variant", "state", "one at a time", "batch", "highest recall"])
    for u in updates:
        for state, result in u.searched.items():
            one, batch = (curves.best([result], way, _AT) for way in curves.WAYS)
            highest = max(p.recall for p in result.points)
            cells = [
                number(b.rate) + ("~" if b.disturbed else "") if b else "-" for b in (one, batch)
            ]
            lines.append(row([u.name, state, *cells, f"{highest:.4f}"]))
    found = [f"{u.name} {u.returned}" for u in updates if u.returned]
    told = "none" if not found else ", ".join(found)
    return [*lines, "", *wrapped(f"Deleted rows that searches found again: {told}."), ""]


def _bytes(updates: list[Updated]) -> list[str]:
    lines = ["Bytes of the file, and in memory where the library tells, in MiB", ""]
    lines += heading(
        ["variant", *(f"{s}: file" for s in STATES), *(f"{s}: memory" for s in STATES)]
    )
    for u in updates:
        sizes: list[Any] = [u.disk.get(s) for s in STATES] + [u.held.get(s) for s in STATES]
        lines.append(row([u.name, *("-" if b is None else f"{b / 2**20:,.1f}" for b in sizes)]))
    return lines


# Graphs.


def _graphs(sets: list[SetResults]) -> list[str]:
    lines = ["## Neighbour graph: the 15 nearest other rows of every row", ""]
    for one in sets:
        ours, families = split(one)
        kind = "building included" if one.meta["building"] else "of an index that is there"
        head = [f"{target:.2f}" for target in TARGETS]
        lines += [f"### Graph, {kind}", "", *heading(["ours over, at recall@15", *head])]
        for family, results in families.items():
            way: Way = "one" if family == ONE_BY_ONE else "batch"
            if family == ONE_BY_ONE and one.meta["building"]:
                continue
            cells = [_crossed(ours, results, way, target) for target in TARGETS]
            lines.append(row([family, *cells]))
        lines += ["", *heading(["variant", "setting", "recall@15", "build s", "rows/s"])]
        for r in one.results:
            for p in r.points:
                rate, others = (p.batch, p.batch_others) if p.batch else (p.one, p.one_others)
                if rate is not None:
                    build = number(r.build)
                    cells = [p.settings or "-", f"{p.recall:.4f}", build, _marked(rate, others)]
                    lines.append(row([r.name, *cells]))
        lines.append("")
    return lines


def _crossed(ours: list[Result], theirs: list[Result], way: Way, target: float) -> str:
    """Our graph in one go over theirs, which may be asked row by row."""
    we, they = curves.best(ours, "batch", target), curves.best(theirs, way, target)
    if not ours:
        return "-"
    text = ratio(we and we.rate, they and they.rate)
    spoilt = we and they and (we.disturbed or they.disturbed)
    return text.replace("x", "x~", 1) if spoilt else text


# The rest.


def _remarks(run: Operations) -> list[str]:
    lines = ["## Versions and backends", ""]
    known: dict[str, None] = {}
    results = [r for one in (*run.filters, *run.graph) for r in one.results]
    for name, version, backend in (
        *((r.name, r.version, r.backend) for r in results),
        *((u.name, u.version, u.backend) for u in run.updates),
    ):
        known[f"- {name}: {version}{', ' + backend if backend else ''}"] = None
    for text in known:
        lines += wrapped(text)
    if run.missing:
        lines += ["", "**Not measured:**", ""]
        for name, reason in run.missing:
            lines += wrapped(f"- {name}: {reason}")
    return lines
