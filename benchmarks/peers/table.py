"""results.md: ours against every peer as ratios, then every figure. A ratio below 1 says loss."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from . import curves
from .curves import TARGETS, WAYS, Way
from .records import Point, Result, SetResults
from .timing import QUIET
from .variants import OURS

TITLES: dict[Way, str] = {"one": "one at a time", "batch": "batch"}
SHORTFALL = 0.01  # how far measured recall may stay below a calibrated target
_BUSY = 1.25  # cores above which "one thread" is doubted
_STARVED = 0.9  # cores below which a process waited for others
_GAP = 0.01
_COLUMNS = 90  # of running text
GOALS = {
    "NumPy": "20x",
    "rabitqlib IVF": "2x / 3x",
    "faiss IVF": "2x / 3x",
    "turbovec": "1.2x / 2x",
    "SymphonyQG": "0.9x, 1x, 1.3x / 1.5x",
    "hnswlib": "2x",
    "usearch": "2x",
    "faiss HNSW": "2x",
    "Rust ruvector": "10x",
}
FLAT_GOALS = {"turbovec": GOALS["turbovec"], "NumPy": "10x"}


def ratio(ours: float | None, theirs: float | None) -> str:
    """Our rate over theirs; a loss is said in words, and so is a recall that nobody reaches."""
    if ours is None:
        return "neither" if theirs is None else "we do not reach it (loss)"
    if theirs is None:
        return "only we do"
    times = ours / theirs
    text = f"{times:.1f}x" if times >= 1 else f"{times:.2f}x"
    return text if times >= 1 else f"{text} (loss)"


def number(value: float | None) -> str:
    """A figure of three digits or more, a dash where there is none."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def row(cells: Iterable[Any]) -> str:
    """One line of a markdown table."""
    return "| " + " | ".join(str(c) for c in cells) + " |"


def heading(cells: Sequence[str]) -> list[str]:
    """The head of a markdown table."""
    return [row(cells), "|" + "---|" * len(cells)]


def document(machine: dict[str, Any], sets: list[SetResults]) -> str:
    """Everything as markdown, the machine first."""
    lines = [
        "# Peers, side by side",
        "",
        *machine_lines(machine),
        "",
        *disturbance(sets),
        "Ratios are our queries a second over theirs at equal recall@10, each side with its best",
        "variant; between measured points the logarithm of the rate is interpolated. Below 1 is a",
        "loss. All were asked in turns, 50 queries at a time, then a batch at a time: a rate is",
        "that of each query's minimum over the passes (of a batch: its shortest call), and ratios",
        "are made of these; medians stand beside them. What did not fit into memory at once was",
        "measured in groups, ours in each: a ratio is within a group, and the least counts.",
        "Written by `make peers`; compare figures of one run only. The protocol is in",
        "[README.md](README.md).",
        "",
        "## Ours over the best peer of all",
        "",
        *_overview(sets),
    ]
    for one in sets:
        lines += ["", *_set(one)]
    return "\n".join(lines) + "\n"


def machine_lines(m: dict[str, Any]) -> list[str]:
    """CPU, memory, system, Python, commit, day and threads."""
    features = ", ".join(m["features"]) or "none of those asked for"
    about = (
        f"{m['cpu']}, {m['cores']} cores ({features}), {m['memory_gib']} GiB, {m['system']}; "
        f"Python {m['python']}, commit {m['commit']}, {m['date']}; "
        f"batches and builds on {m['threads']} threads."
    )
    return textwrap.wrap(about, _COLUMNS)


def disturbance(sets: list[SetResults]) -> list[str]:
    """A warning before the first figure when the machine was not ours alone."""
    points = [p for one in sets for r in one.results for p in r.points]
    timed = [(p, way) for p in points for way in WAYS if curves.rate_of(p, way) is not None]
    spoilt = sum(curves.disturbed(p, way) for p, way in timed)
    if not spoilt:
        return []
    return [
        f"**Disturbed: others used {QUIET} cores or more in {spoilt} of {len(timed)} timings.**",
        "Figures and ratios that rest on them are marked ~. They compare how busy the machine was",
        "as much as the libraries: do not quote them.",
        "",
    ]


def split(one: SetResults) -> tuple[list[Result], dict[str, list[Result]]]:
    """Our results, and those of each family of peers."""
    ours = [r for r in one.results if r.family == OURS]
    families: dict[str, list[Result]] = {}
    for result in one.results:
        if result.family != OURS:
            families.setdefault(result.family, []).append(result)
    return ours, families


def columns() -> list[tuple[Way, float]]:
    """How asked and at which recall, in the order of the tables."""
    return [(way, target) for way in WAYS for target in TARGETS]


def compared(ours: list[Result], theirs: list[Result]) -> list[str]:
    """A ratio for each of `columns`."""
    cells = []
    for way, target in columns():
        we, they = curves.hardest(ours, theirs, way, target)
        text = ratio(we and we.rate, they and they.rate)
        if we and they and (we.disturbed or they.disturbed):
            text = text.replace("x", "x~", 1)
        cells.append(text)
    return cells


def _overview(sets: list[SetResults]) -> list[str]:
    head = [f"{TITLES[way]}, {target:.2f}" for way, target in columns()]
    lines = heading(["data set", *head])
    losses = total = 0
    for one in sets:
        ours, families = split(one)
        peers = [r for results in families.values() for r in results]
        cells = []
        for (way, target), text in zip(columns(), compared(ours, peers), strict=True):
            first = curves.hardest(ours, peers, way, target)[1]
            cells.append(f"{text}: {first.name}" if first else text)
            losses += "loss" in text
            total += 1
        lines.append(row([one.meta["name"], *cells]))
    return [*lines, "", f"{losses} of {total} are losses."]


def _set(one: SetResults) -> list[str]:
    m = one.meta
    ours, families = split(one)
    return [
        f"## {m['name']}: {m['n']:,} x {m['dim']}, {m['metric']}",
        "",
        f"{m['source']}; seed {m['seed']}; {m['nq']:,} queries held out.",
        "",
        f"![Recall against queries a second](curves-{m['name']}.png)",
        "",
        *_ratios(ours, families),
        "",
        *_builds([r for r in one.results if r.group == 0 or r.family != OURS], ours),
        *_rates(one.results),
        *_calibrated(ours),
        *_remarks(one),
    ]


def _ratios(ours: list[Result], families: dict[str, list[Result]]) -> list[str]:
    head = [f"{TITLES[way]}, {target:.2f}" for way, target in columns()]
    lines = heading(["ours over", *head, "goal (one / batch)"])
    for family, results in families.items():
        lines.append(row([family, *compared(ours, results), GOALS.get(family, "-")]))
    flat = [r for r in ours if r.name.endswith("-flat")]
    for family, goal in FLAT_GOALS.items():
        if family in families and flat:
            cells = compared(flat, families[family])
            lines.append(row([f"{family}, flat against flat", *cells, goal]))
    return lines


def _builds(results: list[Result], ours: list[Result]) -> list[str]:
    """Seconds, memory and bytes; the ratio is against the first of our variants."""
    lines = heading(
        ["variant", "version", "build s", "of which", "we build", "peak MiB", "bytes a row on disk",
         "bytes a row borrowed", "highest recall@10"]
    )  # fmt: skip
    own = ours[0].build if ours else None
    for r in results:
        stages = ", ".join(f"{name} {number(s)}" for name, s in r.stages.items()) or "-"
        seconds = number(r.build) + _disturbed(r.build_others)
        times = "-" if own is None or r.family in (OURS, "NumPy") else ratio(r.build, own)
        if _disturbed(r.build_others) or (ours and _disturbed(ours[0].build_others)):
            times = times.replace("x", "x~", 1)
        peak = "-" if r.peak is None else f"{r.peak / 2**20:,.0f}"
        highest = max((p.recall for p in r.points), default=0.0)
        lines.append(
            row([r.name, r.version, seconds, stages, times, peak, f"{r.disk:,.0f}",
                 f"{r.borrowed:,.0f}", f"{highest:.4f}"])
        )  # fmt: skip
    first = f"`{ours[0].name}`" if ours else "ours"
    return [*lines, "", f'"We build": their build time over that of {first}.']


def _rates(results: list[Result]) -> list[str]:
    """For each recall, the fastest measured point of every variant that has one."""
    lines: list[str] = []
    for target in TARGETS:
        lines += ["", f"Fastest measured point at recall@10 >= {target:.2f}", ""]
        lines += heading(
            ["variant", "one at a time: setting", "recall", "queries/s", "of medians",
             "p50 / p99 us", "batch: setting", "recall", "queries/s", "of medians"]
        )  # fmt: skip
        found = [(grouped(r), *_fastest(r, target)) for r in results]
        found.sort(key=lambda f: -((f[1] and f[1].one) or 0.0))
        lines += [row([name, *_alone(p), *_together(q)]) for name, p, q in found if p or q]
        never = [name for name, p, q in found if not (p or q)]
        if never:
            lines += ["", *wrapped("Not reached by " + ", ".join(never) + ".")]
    return lines


def grouped(result: Result) -> str:
    """A variant's name, with the number of its group from the second on."""
    return result.name if result.group == 0 else f"{result.name} (group {result.group + 1})"


def _fastest(result: Result, target: float) -> tuple[Point | None, Point | None]:
    """Its fastest points one at a time and in a batch; they may differ."""
    one = curves.fastest(result.points, "one", target)
    return one, curves.fastest(result.points, "batch", target)


def _disturbed(others: float | None) -> str:
    return "~" if others is not None and others >= QUIET else ""


def _alone(p: Point | None) -> list[str]:
    if p is None:
        return ["-"] * 5
    rate = number(p.one) + _disturbed(p.one_others)
    percentiles = f"{number(p.p50_us)} / {number(p.p99_us)}"
    return [p.settings or "-", f"{p.recall:.4f}", rate, number(p.one_median), percentiles]


def _together(p: Point | None) -> list[str]:
    if p is None:
        return ["-"] * 4
    rate = number(p.batch) + _disturbed(p.batch_others)
    return [p.settings or "-", f"{p.recall:.4f}", rate, number(p.batch_median)]


def _calibrated(ours: list[Result]) -> list[str]:
    """Whether `recall=` was kept on queries that calibration never saw."""
    first = [r for r in ours if r.group == 0]  # the others say the same
    kept = [(r.name, p) for r in first for p in r.points if p.settings.startswith("recall=")]
    if not kept:
        return []
    lines = ["", "Recall that was asked for, and what was measured", ""]
    lines += heading(["variant", "asked", "measured", f"at least asked - {SHORTFALL}"])
    for name, p in kept:
        asked = float(p.settings.removeprefix("recall="))
        verdict = "yes" if p.recall >= asked - SHORTFALL else "no (broken promise)"
        lines.append(row([name, f"{asked:.2f}", f"{p.recall:.4f}", verdict]))
    return lines


def _remarks(one: SetResults) -> list[str]:
    """Backends, what was not measured and why, and what makes a figure doubtful."""
    lines = ["", "Backends:", ""]
    backends: dict[str, list[str]] = {}
    for r in one.results:
        if r.backend:
            backends.setdefault(r.backend, []).append(r.name)
    for backend, names in backends.items():
        lines += wrapped(f"- {', '.join(names)}: {backend}")
    if one.missing:
        lines += ["", "**Not measured:**", ""]
        for name, reason in one.missing:
            lines += wrapped(f"- {name}: {reason}")
    doubts = list(_doubts(one.results))
    if doubts:
        lines += ["", "Doubtful:", ""]
        for doubt in doubts:
            lines += wrapped("- " + doubt)
    return lines


def _doubts(results: list[Result]) -> Iterable[str]:
    points = [(r.name, p) for r in results for p in r.points]
    busy = sorted({name for name, p in points if (p.cores or 0.0) > _BUSY})
    if busy:
        yield f"more than {_BUSY} cores were busy one at a time: {', '.join(busy)}"
    starved = sorted({name for name, p in points if p.cores is not None and p.cores < _STARVED})
    if starved:
        yield f"got less than {_STARVED} of a core one at a time: {', '.join(starved)}"
    apart = sorted({name for name, p in points if abs(p.gap or 0.0) > _GAP})
    if apart:
        yield f"recall alone and in a batch differ by more than {_GAP}: {', '.join(apart)}"


def wrapped(text: str, width: int = 98) -> list[str]:
    """Lines of at most `width` columns; the following ones are indented for lists."""
    lines, indent = [""], "  " if text.startswith("- ") else ""
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1].strip():
            lines.append(indent + word)
        else:
            lines[-1] += (" " if lines[-1].strip() else "") + word
    return lines
