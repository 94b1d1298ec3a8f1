"""The recall/latency curve of a recommendation as a small picture: inline SVG without script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from .._show import html

_WIDTH: Final = 460
_HEIGHT: Final = 210
_LEFT: Final = 52
_RIGHT: Final = 16
_TOP: Final = 30
_BOTTOM: Final = 40
_COLOURS: Final = {"exact": "#8c8c8c", "flat": "#2f9e8f", "ivf": "#d9822b"}  # on white and black


class CurvePoint(NamedTuple):
    """One setting of one candidate: recall@10 and the median milliseconds of a query."""

    kind: str
    aim: float
    recall: float
    p50_ms: float


def picture(points: Sequence[CurvePoint], chosen: CurvePoint, target: float) -> str:
    """Return the points, recall to the right and milliseconds (by logarithm) upwards.

    Text and axes take the colour of the page, so that they are seen on light and dark.
    """
    ends = _ends(points, chosen, target)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="max-width:100%;color:inherit" '
        'font-family="sans-serif" font-size="11" fill="currentColor">',
        "<title>recall@10 and milliseconds of a query</title>",
    ]
    parts += _axes(ends, target)
    for kind in _COLOURS:
        parts += _line([p for p in points if p.kind == kind], kind, ends)
    x, y = _place(chosen.recall, chosen.p50_ms, ends)
    parts.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="currentColor" '
        'stroke-width="1.5"><title>recommended</title></circle>'
    )
    parts += _legend([kind for kind in _COLOURS if any(p.kind == kind for p in points)])
    return "".join(parts) + "</svg>"


class _Ends(NamedTuple):
    least: float  # recall
    fast: float  # milliseconds, powers of ten
    slow: float


def _ends(points: Sequence[CurvePoint], chosen: CurvePoint, target: float) -> _Ends:
    every = [*points, chosen]
    least = min([p.recall for p in every] + [target])
    times = [max(p.p50_ms, 1e-6) for p in every]
    fast = 10.0 ** math.floor(math.log10(min(times)))
    slow = 10.0 ** math.ceil(math.log10(max(times)))
    return _Ends(math.floor(least * 20 - 1e-9) / 20, fast, max(slow, 10 * fast))


def _place(recall: float, milliseconds: float, ends: _Ends) -> tuple[float, float]:
    along = (recall - ends.least) / max(1 - ends.least, 1e-9)
    up = math.log(max(milliseconds, 1e-6) / ends.fast) / math.log(ends.slow / ends.fast)
    x = _LEFT + along * (_WIDTH - _LEFT - _RIGHT)
    return x, _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def _axes(ends: _Ends, target: float) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.6"/>'
    ]
    for i in range(round(math.log10(ends.slow / ends.fast)) + 1):
        value = ends.fast * 10**i
        y = _place(1, value, ends)[1]
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for i in range(6):
        share = ends.least + (1 - ends.least) * i / 5
        x = _place(share, ends.fast, ends)[0]
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{share:.3g}</text>')
    x = _place(target, ends.fast, ends)[0]
    parts.append(
        f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="currentColor" stroke-dasharray="3 3" '
        f'stroke-opacity="0.6"><title>recall target {target:g}</title></path>'
    )
    parts.append(
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        "recall@10 (dashed: target)</text>"
        f'<text x="12" y="{(_TOP + bottom) / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {(_TOP + bottom) / 2:.0f})">ms a query</text>'
    )
    return parts


def _line(points: Sequence[CurvePoint], kind: str, ends: _Ends) -> list[str]:
    places = [_place(p.recall, p.p50_ms, ends) for p in points]
    colour, parts = _COLOURS[kind], []
    if len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
    for point, (x, y) in zip(points, places, strict=True):
        said = f"{kind}, recall={point.aim:g}: {point.recall:.3f}, {point.p50_ms:.3g} ms"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">'
            f"<title>{html.escape(said)}</title></circle>"
        )
    return parts


def _legend(kinds: Sequence[str]) -> list[str]:
    parts, x = [], _LEFT
    for kind in kinds:
        parts.append(
            f'<circle cx="{x + 4}" cy="14" r="3.5" fill="{_COLOURS[kind]}"/>'
            f'<text x="{x + 12}" y="18">{kind}</text>'
        )
        x += 62
    parts.append(
        f'<circle cx="{x + 8}" cy="14" r="6" fill="none" stroke="currentColor"/>'
        f'<text x="{x + 20}" y="18">recommended</text>'
    )
    return parts
