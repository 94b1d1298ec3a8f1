"""Which candidate to take, and why, in one sentence."""

from __future__ import annotations

from typing import Final, NamedTuple

from .._errors import LimitExceeded
from .._show import html
from .table import Candidate, Limits

_AUTO_EXACT_ROWS: Final = 10_000  # as the engine's kind='auto'
_AUTO_FLAT_ROWS: Final = 250_000
_FASTER: Final = 2.0  # times as fast that a candidate must be to be preferred to kind='auto'
_HARDLY_FASTER: Final = 1.3  # times as fast that does not make up for scores that are estimates
_EARNED: Final = 20_000  # queries within which it must earn back a longer build


class Choice(NamedTuple):
    """The candidate taken, and the sentence that says why."""

    candidate: Candidate
    why: str


def auto_kind(rows: int) -> str:
    """Return what ``kind="auto"`` builds over so many rows."""
    if rows <= _AUTO_EXACT_ROWS:
        return "exact"
    return "flat" if rows <= _AUTO_FLAT_ROWS else "ivf"


def choose(table: list[Candidate], rows: int, limits: Limits, measured: bool) -> Choice:
    """Return what to build.

    It is what ``kind="auto"`` builds if that keeps to the limits, unless another was measured to be
    twice as fast and to earn its longer build back soon; else the fastest that keeps to them; else
    what comes nearest within the memory.

    Raises
    ------
    LimitExceeded
        Nothing fits into the memory; names the smallest, and the smallest that reaches the recall.
    """
    fitting = [candidate for candidate in table if candidate.meets_memory]
    if not fitting:
        raise LimitExceeded(_too_small(table, limits))
    default = next(c for c in table if c.kind == auto_kind(rows) and _is_default(c))
    good = _fastest_first([c for c in table if c.meets])
    if not good:
        nearest = max(fitting, key=lambda c: _nearness(c, limits))
        begin = f"{nearest.label} comes nearest: it {_lack(nearest, limits)}"
        return Choice(nearest, _sentence(begin, nearest, table, limits))
    if not default.meets:
        begin = (
            f"{good[0].label} is the fastest that keeps to what was asked; {default.label}, which "
            f"kind='auto' builds, {_lack(default, limits)}"
        )
        return Choice(good[0], _sentence(begin, good[0], table, limits, default))
    better = [c for c in good if measured and _pays(c, default)]
    if better:
        begin = (
            f"{better[0].label} was measured to answer {default.p50_ms / better[0].p50_ms:.1f} "
            f"times as fast as {default.label}, which kind='auto' builds"
        )
        return Choice(better[0], _sentence(begin, better[0], table, limits, default))
    begin = f"{default.label}, as kind='auto' builds for {rows:,} rows, keeps to what was asked"
    return Choice(default, _sentence(begin, default, table, limits))


def _fastest_first(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates by time, those with vectors before codes alone that are hardly faster."""
    return sorted(
        candidates,
        key=lambda c: (c.p50_ms * (1.0 if c.keep == "auto" else _HARDLY_FASTER), c.memory_bytes),
    )


def _is_default(candidate: Candidate) -> bool:
    if candidate.kind == "exact":
        return True
    return candidate.keep == "auto" and (candidate.bits == 5 or candidate.kind == "ivf")


def _pays(candidate: Candidate, default: Candidate) -> bool:
    """Return whether a faster candidate is worth its longer build and its recall its use."""
    if candidate.p50_ms * _FASTER > default.p50_ms:
        return False
    if candidate.queries_per_second < default.queries_per_second:
        return False
    saved = (default.p50_ms - candidate.p50_ms) / 1e3
    return candidate.build_seconds - default.build_seconds <= _EARNED * saved


def _nearness(candidate: Candidate, limits: Limits) -> tuple[float, ...]:
    kept = candidate.meets_recall + candidate.meets_qps
    return kept, min(candidate.recall, limits.recall), candidate.queries_per_second


def _sentence(
    begin: str, chosen: Candidate, table: list[Candidate], limits: Limits, told: object = None
) -> str:
    """Add the runner-up and what it lacks, unless the beginning has told it."""
    others = [c for c in table if c.kind != chosen.kind and c is not told]
    others = others or [c for c in table if c is not chosen]
    second = min(
        _fastest_first(others),
        key=lambda c: (not c.meets, not c.meets_recall, not c.meets_memory),
    )
    return f"{begin}; the runner-up, {second.label}, {_lack(second, limits, chosen)}."


def _lack(candidate: Candidate, limits: Limits, chosen: Candidate | None = None) -> str:
    """Return what a candidate lacks, as the end of a sentence."""
    if not candidate.meets_recall:
        return f"finds {candidate.recall:.3f} of the neighbours, not {limits.recall:g}"
    if limits.memory is not None and not candidate.meets_memory:
        need = html.size(candidate.memory_bytes)
        return f"needs {need} of memory, not {html.size(limits.memory)}"
    if limits.qps is not None and not candidate.meets_qps:
        return f"answers {candidate.queries_per_second:,.0f} queries a second, not {limits.qps:,g}"
    assert chosen is not None
    if candidate.p50_ms > chosen.p50_ms:
        return f"takes {candidate.p50_ms / chosen.p50_ms:.1f} times as long a query"
    saved = (chosen.p50_ms - candidate.p50_ms) / 1e3
    longer = candidate.build_seconds - chosen.build_seconds
    if longer > 0 and saved > 0:
        return f"needs {longer / saved:,.0f} queries to earn back a build {longer:.2g} s longer"
    gain = chosen.p50_ms / candidate.p50_ms
    return f"gains too little to leave what kind='auto' builds ({gain:.1f} times as fast)"


def _too_small(table: list[Candidate], limits: Limits) -> str:
    assert limits.memory is not None
    least = min(table, key=lambda c: c.memory_bytes)
    said = (
        f"memory={limits.memory:,} bytes hold no index of these rows; the smallest is "
        f"{least.label}: {least.memory_bytes:,} bytes, recall about {least.recall:.2f}"
    )
    reaching = [c for c in table if c.meets_recall]
    if not reaching:
        return said
    works = min(reaching, key=lambda c: c.memory_bytes)
    if works is least:
        return said
    return f"{said}; the smallest that finds {limits.recall:g} of the neighbours is " + (
        f"{works.label}: {works.memory_bytes:,} bytes"
    )
