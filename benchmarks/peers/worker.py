"""What a process does with a variant: builds it, sweeps it over its settings, times it."""

from __future__ import annotations

import importlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from . import datasets, timing, truth
from .adapters.peer import K, Peer
from .variants import Settings, Variant

ENOUGH = 0.995  # recall at which a sweep ends
LOWEST = 0.80  # recall below which nothing is timed
_STALE, _WINDOW = 0.001, 3  # a sweep also ends when its last points gained less than this


def load(variant: Variant, dim: int, metric: str, package: str | None = __package__) -> Peer:
    """Make the empty peer of a variant; its library is imported here."""
    module, name = variant.adapter.split(":")
    made: Peer = getattr(importlib.import_module(f".adapters.{module}", package), name)(
        dim, metric, **variant.build
    )
    return made


def built(peer: Peer, data: datasets.DataSet, variant: Variant, threads: int) -> dict[str, Any]:
    """Build, and say what it took: seconds by stage, peak memory, bytes on disk and borrowed."""

    def build() -> float:
        begin = time.perf_counter()
        peer.build(data.base, threads)
        return time.perf_counter() - begin

    with timing.Around() as around, timing.Peak() as peak:
        seconds = build()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index")
        peer.save(path)
        size = os.path.getsize(path)
    return {
        "record": "build", "seconds": seconds, "stages": peer.stages, "peak_bytes": peak.bytes,
        "disk_bytes": size, "borrowed_bytes": peer.borrowed, "rows": len(data.base),
        "others": around.cores, "version": peer.version(variant.needs), "backend": peer.backend(),
    }  # fmt: skip


def recall_of(found: Any, data: datasets.DataSet) -> float:
    """Recall@10 of answers to the first queries of the set; an answer may be short."""
    ids = np.full((len(found), K), -1, np.int64)
    for i, given in enumerate(found):
        few = np.ravel(given)[:K]
        ids[i, : len(few)] = few
    count = len(ids)
    return truth.recall(ids, data.ids[:count], data.distances[:count], K)


def sweep(
    settings: Iterable[Settings], measure: Callable[[Settings], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The record of each setting in turn; a line of the sweep ends when recall has reached its end.

    Recall targets are all measured: each is a promise.
    """
    reached: dict[str, list[float]] = {}
    for one in settings:
        past = reached.setdefault(_line(one), [])
        if past and "recall" not in one and _finished(past):
            continue
        record = measure(one)
        past.append(record["recall"])
        yield record


def swept(
    peer: Peer, data: datasets.DataSet, variant: Variant, threads: int, parts: set[str]
) -> Iterator[dict[str, Any]]:
    """One record a setting, with its rates."""
    singles = peer.singles(data.query)

    def measure(settings: Settings) -> dict[str, Any]:
        peer.tune(threads, **settings)
        found = np.asarray(peer.many(data.query))
        reach = recall_of(found, data)
        record = {"record": "point", "settings": settings, "recall": reach}
        if reach >= LOWEST or len(variant.sweep) == 1:
            if "batch" in parts:
                record["batch"] = asked_together(peer, data)
            if "one" in parts:
                peer.tune(1, **settings)
                record["one"] = asked_alone(peer, data, singles, found)
        return record

    return sweep(variant.sweep, measure)


def _line(settings: Settings) -> str:
    """The line of a sweep that a point is on: all but the value that grows along it."""
    grows, *fixed = settings.items() if settings else [("", None)]
    return json.dumps([grows[0], fixed])


def _finished(past: list[float]) -> bool:
    stale = len(past) > _WINDOW and past[-1] - past[-1 - _WINDOW] < _STALE and past[-1] > LOWEST
    return past[-1] >= ENOUGH or stale


def asked_together(peer: Peer, data: datasets.DataSet) -> dict[str, Any]:
    """All queries in one call."""
    timed = timing.undisturbed(lambda: timing.batch(lambda: peer.many(data.query)))
    return {"rate": len(data.query) / timed.value, "others": timed.others}


def asked_alone(
    peer: Peer, data: datasets.DataSet, singles: Sequence[Any], together: truth.Ids
) -> dict[str, Any]:
    """A call a query. `gap` is their recall less that of the batch's answers to the same."""
    timed = timing.undisturbed(lambda: timing.one_at_a_time(peer.one, singles))
    fields: dict[str, Any] = timed.value._asdict()
    alone = fields.pop("found")
    gap = recall_of(alone, data) - recall_of(together[: len(alone)], data)
    return {**fields, "gap": gap, "others": timed.others}
