"""Results in memory and in results.json: one `Result` a variant, one `Point` a setting.

Points are written as bare lists in the order of their fields, as there are hundreds of them.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Point(NamedTuple):
    """One setting of one variant. Rates are queries a second; None where not measured.

    `one` is a Python call a query on one thread, with its percentiles in microseconds, the cores
    that the process kept busy, and by how much the recall of these answers differs from the
    batch's; `batch` is all queries in one call. `*_others` are cores used by other processes.

    In the comparison `one` comes from each query's minimum over `passes`, `batch` from the shortest
    of its calls, `*_median` from medians; all asked in turns with everybody else. `coarse_*` are of
    the sweep that chose the settings, and compare nothing.
    """

    settings: str
    recall: float
    one: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    cores: float | None = None
    gap: float | None = None
    one_others: float | None = None
    batch: float | None = None
    batch_others: float | None = None
    one_median: float | None = None
    batch_median: float | None = None
    passes: int | None = None
    coarse_one: float | None = None
    coarse_batch: float | None = None


class Result(NamedTuple):
    """One variant on one data set. Sizes are bytes a row; `peak` is bytes of memory growth.

    `build_others` are the cores that others used during the build, which is timed once; `group` is
    the number of those that were asked in turns together, which alone may be compared.
    """

    name: str
    family: str
    version: str
    backend: str
    build: float
    stages: dict[str, float]
    peak: int | None
    disk: float
    borrowed: float
    points: list[Point]
    build_others: float | None = None
    group: int = 0


class SetResults(NamedTuple):
    """Everything measured on one data set, and what was not, as (name, reason)."""

    meta: dict[str, Any]
    results: list[Result]
    missing: list[tuple[str, str]]


def significant(value: float | None, digits: int = 4) -> float | None:
    """A figure without the digits that mean nothing."""
    return None if value is None else float(f"{value:.{digits}g}")


def collect(name: str, family: str, records: Iterable[dict[str, Any]]) -> Result | None:
    """Put the records of a variant's processes together; None where none was built.

    Of two processes (threads fixed at their start) the first one's build stands.
    """
    build: dict[str, Any] | None = None
    points: dict[str, Point] = {}
    for record in records:
        if record["record"] == "build":
            build = build or record
            continue
        settings = ", ".join(f"{k}={v}" for k, v in record["settings"].items())
        fields: dict[str, Any] = _FIGURES[record["record"]](record)
        known = points.get(settings) or Point(settings, round(record["recall"], 4))
        points[settings] = known._replace(**fields)
    if build is None:
        return None
    return Result(
        name,
        family,
        build["version"],
        build["backend"],
        round(build["seconds"], 3),
        {stage: round(s, 3) for stage, s in build["stages"].items()},
        build["peak_bytes"],
        round(build["disk_bytes"] / build["rows"], 1),
        round(build["borrowed_bytes"] / build["rows"], 1),
        list(points.values()),
        significant(build["others"], 2),
    )


def _coarse(record: dict[str, Any]) -> dict[str, float | None]:
    """Of the sweep before the round."""
    return {f"coarse_{way}": significant(record.get(way), 3) for way in ("one", "batch")
            if way in record}  # fmt: skip


def _alone(record: dict[str, Any]) -> dict[str, float | None]:
    """Of the round, one at a time."""
    figures = {"one": 1e6 / record["best_us"], "one_median": 1e6 / record["median_us"]}
    return {
        **{name: significant(rate) for name, rate in figures.items()},
        **{name: significant(record[name], 3) for name in ("p50_us", "p99_us", "cores")},
        "gap": round(record["gap"], 4), "passes": record["passes"],
        "one_others": significant(record["others"], 2),
    }  # fmt: skip


def _together(record: dict[str, Any]) -> dict[str, float | None]:
    """Of the round, in batches."""
    figures = {"batch": record["rate"], "batch_median": record["median_rate"]}
    return {
        **{name: significant(rate) for name, rate in figures.items()},
        "batch_others": significant(record["others"], 2),
    }


def _figures(record: dict[str, Any]) -> dict[str, float | None]:
    """The fields of a point of operations, whose sweep is its measurement."""
    figures: dict[str, float | None] = {}
    if one := record.get("one"):
        figures["one"] = significant(one["rate"])
        for field in ("p50_us", "p99_us", "cores"):
            figures[field] = significant(one[field], 3)
        figures["gap"] = round(one["gap"], 4)
        figures["one_others"] = significant(one["others"], 2)
    if batch := record.get("batch"):
        figures["batch"] = significant(batch["rate"])
        figures["batch_others"] = significant(batch["others"], 2)
    return figures


_FIGURES = {"coarse": _coarse, "one": _alone, "batch": _together, "point": _figures}


def write(path: pathlib.Path, machine: dict[str, Any], sets: list[SetResults]) -> None:
    """Write results.json, one point a line."""
    path.write_text("".join(_lines(machine, sets)))


def _lines(machine: dict[str, Any], sets: list[SetResults]) -> Iterator[str]:
    yield '{"machine": ' + json.dumps(machine) + ',\n"points_are": '
    yield json.dumps(Point._fields) + ',\n"sets": [\n'
    yield from set_lines(sets)
    yield "]}\n"


def set_lines(sets: list[SetResults]) -> Iterator[str]:
    """The members of a JSON list of sets."""
    for i, one in enumerate(sets):
        yield (",\n" if i else "") + '{"meta": ' + json.dumps(one.meta)
        yield ',\n"missing": ' + json.dumps(one.missing) + ',\n"results": [\n'
        for j, result in enumerate(one.results):
            head = json.dumps({k: v for k, v in result._asdict().items() if k != "points"})
            yield (",\n" if j else "") + head[:-1] + ', "points": ['
            yield ",".join("\n" + json.dumps(p) for p in result.points) + "]}"
        yield "]}"


def read(path: pathlib.Path) -> tuple[dict[str, Any], list[SetResults]]:
    """Read what `write` wrote."""
    content = json.loads(path.read_text())
    return content["machine"], [set_of(one) for one in content["sets"]]


def set_of(one: dict[str, Any]) -> SetResults:
    """A set of results from its JSON."""
    return SetResults(
        one["meta"],
        [Result(**{**r, "points": [Point(*p) for p in r["points"]]}) for r in one["results"]],
        [(name, reason) for name, reason in one["missing"]],
    )
