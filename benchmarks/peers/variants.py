"""What is run on a data set: every peer, how it is built, and the settings it is swept over.

A new peer is one class in adapters/ and one line here. Sweeps go from fast to exact; the worker
leaves one early when recall has reached its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Settings = dict[str, Any]
TARGETS = (0.90, 0.95, 0.99)
FLAT_TARGETS = (0.80, *TARGETS)
MANY = 500_000  # rows above which graphs are built with a smaller beam, as building takes minutes
CELLS = {
    "docstrings": 128, "glove": 1024, "mnist": 1024, "synth100k": 1024, "synth1m": 4096,
    "text": 1024,
}  # fmt: skip
OURS = "ruvector"
GRAPHS = (
    "SymphonyQG", "rabitqlib HNSW", "faiss HNSW", "hnswlib", "usearch", "Rust ruvector",
)  # fmt: skip
SHORT_SETS = ("synth100k", "glove")
SHORT = (
    "ruvector-ivf",
    "ruvector-flat",
    "rabitqlib-ivf-b7",
    "rabitqlib-ivf-b32raw",
    "faiss-ivfrabitqfs1+RFlat",
    "turbovec-4bit",
)
_RERANKS = (12, 15, 20, 30, 50, 100, 200)
_FACTORS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Variant(NamedTuple):
    """One way to build one peer, and its sweep.

    `adapter` is ``module:class`` of adapters/, `needs` the distribution it imports, `environment`
    the virtual environment it runs in, `fixed_threads` says that the number of threads is fixed
    when the process starts: such a variant is built once for each.
    """

    name: str
    family: str
    adapter: str
    needs: str
    build: Settings
    sweep: tuple[Settings, ...]
    environment: str = "peers"
    fixed_threads: bool = False


class NotApplicable(NamedTuple):
    """A peer that cannot be asked for this data set, and why."""

    name: str
    reason: str


def _sweep(name: str, values: Sequence[Any], **fixed: Any) -> tuple[Settings, ...]:
    return tuple({name: value, **fixed} for value in values)


def _probes(cells: int) -> list[int]:
    """Cells probed: finer steps where recall moves, never more than there are."""
    steps = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
    return [p for p in steps if p <= cells]


def thinned(sweep: tuple[Settings, ...]) -> tuple[Settings, ...]:
    """Every second setting of a sweep, and all recall targets: what the short form measures."""
    targets = tuple(s for s in sweep if "recall" in s)
    return targets + tuple(s for s in sweep if "recall" not in s)[::2]


_BEAMS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)


def for_set(meta: dict[str, Any]) -> list[Variant]:
    """All variants for a data set described by its `meta` (name, n, dim, metric)."""
    return [
        *_ours(meta),
        Variant("numpy", "NumPy", "exact:NumPy", "numpy", {}, ({},)),
        *_rabitqlib(meta),
        *_faiss(meta),
        *_flat(meta),
        *_graphs(meta),
        *_rust(meta),
    ]


def not_applicable(meta: dict[str, Any], graphs: bool = False) -> list[NotApplicable]:
    """What is left out for this data set, with the reason that the report prints.

    `graphs` measures the graphs of many rows too.
    """
    found = []
    if meta["n"] > MANY and not graphs:
        reason = "a graph of so many rows takes long to build; --graphs measures it"
        found = [NotApplicable(v.name, reason) for v in for_set(meta) if v.family in GRAPHS]
    if meta["metric"] != "cosine":
        reason = f"inner products only; this data set is {meta['metric']}"
        found += [NotApplicable(f"turbovec-{bits}bit", reason) for bits in (2, 4)]
    return found


def _cells(meta: dict[str, Any]) -> int:
    return CELLS[meta["name"]]


def _ours(meta: dict[str, Any]) -> Iterator[Variant]:
    targets = _sweep("recall", TARGETS)
    probed = targets + _sweep("probes", _probes(_cells(meta)))
    ivf = {"kind": "ivf", "cells": _cells(meta)}
    flat = _sweep("recall", FLAT_TARGETS)
    yield Variant("ruvector-ivf", OURS, "ours:Ours", "ruvector-arrow", ivf, probed)
    yield Variant("ruvector-flat", OURS, "ours:Ours", "ruvector-arrow", {"kind": "flat"}, flat)
    yield Variant("ruvector-auto", OURS, "ours:Ours", "ruvector-arrow", {"kind": "auto"}, targets)


def _rabitqlib(meta: dict[str, Any]) -> Iterator[Variant]:
    cells, many = _cells(meta), meta["n"] > MANY
    sweep = _sweep("nprobe", _probes(cells))

    def ivf(name: str, **build: Any) -> Variant:
        build = {"cells": cells, **build}
        return Variant(
            f"rabitqlib-ivf-{name}", "rabitqlib IVF", "rabitq:Ivf", "rabitqlib", build, sweep
        )

    for bits in (5, 7, 9):
        yield ivf(f"b{bits}", bits=bits)
    yield ivf("b7-exact", bits=7, fast=False)
    yield ivf("b32raw", bits=32)
    for bits in (5, 7, 9) if many else (7,):
        yield ivf(f"b{bits}-flat_rabitq", bits=bits, routing="flat_rabitq")
    yield ivf("b32raw-flat_rabitq", bits=32, routing="flat_rabitq")
    beams = _sweep("ef", _BEAMS)
    for bits in (0, 8):
        build = {"bits": bits, "construction": 150 if many else 200}
        name = f"rabitqlib-symqg-{'8bit' if bits else 'raw'}"
        yield Variant(name, "SymphonyQG", "rabitq:SymphonyQG", "rabitqlib", build, beams)
    for bits in (5, 9):
        build = {"bits": bits, "construction": 100 if many else 200}
        name = f"rabitqlib-hnsw-b{bits}"
        yield Variant(name, "rabitqlib HNSW", "rabitq:Hnsw", "rabitqlib", build, beams)


def _faiss(meta: dict[str, Any]) -> Iterator[Variant]:
    cells, dim = _cells(meta), meta["dim"]
    probes = _probes(cells)
    low, high = (30, 100) if dim < 200 else (4, 10)

    def refined(low: int, high: int) -> tuple[Settings, ...]:
        few = [p for p in probes if 4 <= p <= 96]
        much = [p for p in probes if p >= min(48, cells // 4)]
        return _sweep("nprobe", few, kf=low) + _sweep("nprobe", much, kf=high)

    def variant(name: str, factory: str, sweep: tuple[Settings, ...], **build: Any) -> Variant:
        family = "faiss HNSW" if "HNSW" in factory else "faiss IVF"
        build = {"factory": factory, **build}
        return Variant(f"faiss-{name}", family, "facebook:Faiss", "faiss-cpu", build, sweep)

    turned = f"RR{dim},IVF{cells}"
    yield variant("ivfrabitqfs1+RFlat", f"{turned},RaBitQfs,RFlat", refined(low, high))
    yield variant("ivfrabitqfs4+RFlat", f"{turned},RaBitQfs4,RFlat", refined(2, 4))
    yield variant("ivfpqfs+RFlat", f"IVF{cells},PQ{dim // 2}x4fs,RFlat", refined(low, high))
    yield variant("ivfflat", f"IVF{cells},Flat", _sweep("nprobe", probes))
    yield variant("hnsw32", "HNSW32,Flat", _sweep("ef", _BEAMS), construction=100)


def _flat(meta: dict[str, Any]) -> Iterator[Variant]:
    if meta["metric"] != "cosine":
        return
    sweep = _sweep("rerank", (0, *_RERANKS))
    for bits in (2, 4):
        build = {"bits": bits}
        name, adapter = f"turbovec-{bits}bit", "turbo:TurboVec"
        yield Variant(name, "turbovec", adapter, "turbovec", build, sweep, fixed_threads=True)


def _graphs(meta: dict[str, Any]) -> Iterator[Variant]:
    beams = _sweep("ef", _BEAMS)
    build: Settings = {"construction": 100 if meta["n"] > MANY else 200}
    yield Variant("hnswlib", "hnswlib", "graphs:HnswLib", "hnswlib", build, beams)
    for dtype in ("f32", "i8") if meta["metric"] == "cosine" else ("f32",):
        build = {"dtype": dtype, "construction": 128}
        yield Variant(f"usearch-{dtype}", "usearch", "graphs:USearch", "usearch", build, beams)


def _rust(meta: dict[str, Any]) -> Iterator[Variant]:
    def variant(name: str, adapter: str, build: Settings, sweep: tuple[Settings, ...]) -> Variant:
        return Variant(name, "Rust ruvector", adapter, "ruvector", build, sweep, "peers-rust")

    yield variant("rust-ruvector-rabitq", "rust:Rabitq", {}, _sweep("rerank", _FACTORS))
    build = {"construction": 100}
    yield variant("rust-ruvector-hnsw", "rust:Hnsw", build, _sweep("ef_search", _BEAMS))
