"""The three measurements, as records for a file of JSON lines."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import timing, truth
from ..datasets import DataSet
from ..truth import Ids, Matrix
from ..variants import Variant
from ..worker import built, recall_of, swept
from .adapters.operation import GRAPH_K, Changing, Filtered, Graph, NotOffered
from .judged import Judge, column

Record = dict[str, Any]


def filters(
    peer: Filtered,
    data: DataSet,
    judges: dict[float, tuple[Judge, Judge]],
    variant: Variant,
    threads: int,
    parts: set[str],
) -> Iterator[Record]:
    """For each share of eligible rows, the whole sweep under one mask and under fresh ones."""
    peer.know({column(share): same.mask for share, (same, _) in judges.items()})
    yield built(peer, data, variant, threads)
    for share, (same, fresh) in judges.items():
        under = data._replace(ids=same.ids, distances=same.distances)
        peer.tune(threads, **variant.sweep[0])
        peer.choose(same.mask)
        for record in swept(peer, under, variant, threads, parts):
            record |= {"share": share, "eligible": int(same.mask.sum())}
            if "one" in record:
                record["fresh"] = _fresh(peer, data, fresh)
                peer.choose(same.mask)
            yield record


def _fresh(peer: Filtered, data: DataSet, judge: Judge) -> Record | None:
    """A query and its mask a call; None where the library has no form for it."""
    asked = list(zip(peer.singles(data.query[: len(judge.ids)]), judge.mask, strict=True))
    try:
        timed = timing.undisturbed(lambda: timing.one_at_a_time(peer.fresh, asked))
    except NotOffered:
        return None
    fields: Record = timed.value._asdict()
    found = fields.pop("found")
    reach = recall_of(found, data._replace(ids=judge.ids, distances=judge.distances))
    return {**fields, "recall": reach, "others": timed.others}


def updates(
    peer: Changing,
    data: DataSet,
    known: dict[str, Any],
    appends: tuple[tuple[int, int], ...],
    variant: Variant,
    threads: int,
    parts: set[str],
    base: int,
) -> Iterator[Record]:
    """Build, append, delete, compact, upsert; search and weigh the index between them."""
    rows, at = data.base, base

    def state(name: str, judge: str, timed: set[str]) -> Iterator[Record]:
        under = data._replace(ids=known[f"{judge}_ids"], distances=known[f"{judge}_distances"])
        yield _weighed(peer, name)
        for record in swept(peer, under, variant, threads, timed):
            yield record | {"state": name}

    start = data._replace(base=rows[:base])
    yield built(peer, start, variant, threads)
    peer.know(rows)
    yield from state("built", "built", parts)
    for size, calls in appends:
        blocks = [rows[low : low + size] for low in range(at, at + size * calls, size)]
        appended = _changed(f"append {size:,}", size, [partial(peer.append, b) for b in blocks])
        yield appended
        if "lacking" in appended:
            return  # nothing that follows would say anything
        at += size * calls
    peer.tune(threads, **variant.sweep[0])
    single = peer.singles(data.query[:1])[0]
    yield _changed("first search after", 1, [lambda: peer.one(single)])
    yield from state("appended", "appended", parts)
    gone: Ids = known["gone"]
    deleted = _changed("delete 1 %", len(gone), [lambda: peer.delete(gone)])
    yield deleted
    if "lacking" not in deleted:
        yield from state("deleted", "deleted", parts)
        yield _returned(peer, data.query, gone)
    compacted = _changed("compact", at - len(gone), [peer.compact])
    yield compacted
    if "lacking" not in compacted:
        yield from state("compacted", "deleted", parts)
    replaced: Ids = known["replaced"]
    yield _changed("upsert", len(replaced), [lambda: peer.upsert(replaced, rows[replaced])])


def _changed(name: str, rows: int, calls: list[Callable[[], Any]]) -> Record:
    """All calls one after another: seconds of each. A change cannot be repeated: it stands."""
    spent: list[float] = []
    record: Record = {"record": "change", "name": name, "rows": rows, "calls": len(calls)}
    try:
        with timing.Around() as around:
            for call in calls:
                begin = time.perf_counter()
                call()
                spent.append(time.perf_counter() - begin)
    except NotOffered as lacking:
        return record | {"lacking": str(lacking)}
    return record | {
        "seconds": sum(spent), "p50": float(np.median(spent)), "most": max(spent),
        "others": around.cores,
    }  # fmt: skip


def _weighed(peer: Changing, state: str) -> Record:
    """Bytes of the file, and in memory where the library tells."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index")
        peer.save(path)
        size = os.path.getsize(path)
    return {"record": "bytes", "state": state, "disk": size, "held": peer.held()}


def _returned(peer: Changing, queries: Matrix, gone: Ids) -> Record:
    """How many deleted rows were found again by all queries together: 0 is right."""
    found = np.asarray(peer.many(queries))
    return {"record": "returned", "rows": int(np.isin(found, gone).sum())}


def without_itself(found: Any, sample: Ids) -> Ids:
    """The first 15 of each row of answers that are not the row that was asked for."""
    kept = np.full((len(sample), GRAPH_K), -1, np.int64)
    for i, (ids, own) in enumerate(zip(found, sample, strict=True)):
        others = np.asarray(ids)[np.asarray(ids) != own][:GRAPH_K]
        kept[i, : len(others)] = others
    return kept


def graphs(
    peer: Graph, rows: Matrix, known: dict[str, Any], variant: Variant, threads: int
) -> Iterator[Record]:
    """Build once, then a graph for each setting; timed once each, as builds are."""
    sample: Ids = known["sample"]

    def reach(found: Any, asked: Ids, count: int) -> float:
        ids, far = known["ids"][:count], known["distances"][:count]
        return truth.recall(without_itself(found, asked), ids, far, GRAPH_K)

    yield built(peer, DataSet(rows, rows[:0], sample, known["distances"], {}), variant, threads)
    for settings in variant.sweep:
        record: Record = {"record": "point", "settings": settings}
        if not peer.rows_at_once:
            peer.tune(1, **settings)
            timed = timing.undisturbed(
                lambda: timing.one_at_a_time(peer.one, peer.singles(rows[sample]))
            )
            fields = timed.value._asdict()
            found = fields.pop("found")
            record["recall"] = reach(found, sample[: len(found)], len(found))
            yield record | {"one": {**fields, "gap": 0.0, "others": timed.others}}
            continue
        peer.tune(threads, **settings)
        peer.warm(rows)
        with timing.Around() as around:
            begin = time.perf_counter()
            found = peer.graph()
            seconds = time.perf_counter() - begin
        record["recall"] = reach(found[sample], sample, len(sample))
        yield record | {"seconds": seconds, "others": around.cores}
