"""What is run for each part: every index, how it is built, and the settings it is swept over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..variants import OURS, TARGETS, Settings, Variant
from .judged import Scale

PARTS = ("filters", "updates", "graph")
SHORT = {
    "filters": ("ruvector-ivf", "ruvector-flat", "faiss-ivfpqfs+RFlat", "turbovec-4bit",
                "lancedb-all", "numpy-gather", "numpy-kept"),
    "updates": ("ruvector-ivf", "ruvector-flat", "rabitqlib-ivf-b32raw", "faiss-ivfflat",
                "hnswlib"),
    "graph": ("ruvector-ivf", "ruvector-ivf-row-by-row", "pynndescent", "faiss-ivfpqfs+RFlat"),
}  # fmt: skip
PYPI = {"faiss": "faiss-cpu", "ours": "ruvector-arrow", "turbo": "turbovec", "numpy": "numpy"}
KEPT = "NumPy, rows of the mask kept"
ONE_STEP = ("pynndescent",)  # the graph is the index: there is no figure without the build
ONE_BY_ONE = "ruvector, row by row"
_RERANKS = (0, 12, 20, 50, 100, 200)
_BEAMS = (32, 64, 128, 256)
_DESCENTS: tuple[Settings, ...] = (
    {"n_neighbors": 16},
    {"n_neighbors": 16, "low_memory": False},
    {"n_neighbors": 16, "low_memory": False, "max_candidates": 60},
    {"n_neighbors": 20, "low_memory": False},
    {"n_neighbors": 30, "low_memory": False},
    {"n_neighbors": 40, "low_memory": False},
)


def _sweep(name: str, values: Sequence[Any], **fixed: Any) -> tuple[Settings, ...]:
    return tuple({name: value, **fixed} for value in values)


def _probes(cells: int, least: int, most: int | None = None) -> list[int]:
    steps = [2**i for i in range(15)]
    return [p for p in steps if least <= p <= (most or cells)]


def for_part(part: str, scale: Scale) -> list[Variant]:
    """All variants of a part, ours first."""
    make = {"filters": _filters, "updates": _updates, "graph": _graphs}
    return list(make[part](scale))


def _filters(scale: Scale) -> Iterator[Variant]:
    cells, dim = scale.cells, 384
    targets = _sweep("recall", TARGETS)
    for kind in ("ivf", "flat", "exact"):
        build = {"kind": kind} | ({"cells": cells} if kind == "ivf" else {})
        sweep = targets if kind != "exact" else ({},)
        yield Variant(f"ruvector-{kind}", OURS, "ours:OursFiltered", PYPI["ours"], build, sweep)
    probes, turned = _probes(cells, 8), f"RR{dim},IVF{cells}"
    forms = {
        "ivfrabitqfs4+RFlat": (f"{turned},RaBitQfs4,RFlat", _sweep("nprobe", probes, kf=4)),
        "ivfpqfs+RFlat": (f"IVF{cells},PQ{dim // 2}x4fs,RFlat", _sweep("nprobe", probes, kf=10)),
        "ivfflat": (f"IVF{cells},Flat", _sweep("nprobe", probes)),
        "flat": ("Flat", ({},)),
    }  # fmt: skip
    for name, (factory, sweep) in forms.items():
        yield Variant(
            f"faiss-{name}", "faiss IDSelector", "facebook:FaissFiltered", PYPI["faiss"],
            {"factory": factory}, sweep,
        )  # fmt: skip
    reranks = _sweep("rerank", _RERANKS)
    for bits in (2, 4):
        yield Variant(
            f"turbovec-{bits}bit", "turbovec mask", "turbo:TurboFiltered", PYPI["turbo"],
            {"bits": bits}, reranks, fixed_threads=True,
        )  # fmt: skip
    lance: dict[str, tuple[int, tuple[Settings, ...]]] = {
        "all": (0, ({},)), "ivfflat": (256, _sweep("nprobe", _probes(256, 8)))
    }  # fmt: skip
    for name, (number, sweep) in lance.items():
        yield Variant(
            f"lancedb-{name}", "lancedb prefilter", "lance:Lance", "lancedb",
            {"cells": number}, sweep, fixed_threads=True,
        )  # fmt: skip
    ways: dict[str, tuple[str, str, Settings]] = {
        "numpy-gather": ("NumPy mask", "exact:Gathered", {"kept": False}),
        "numpy-all": ("NumPy mask", "exact:ScoredAll", {}),
        "numpy-kept": (KEPT, "exact:Gathered", {"kept": True}),
    }
    for name, (family, adapter, build) in ways.items():
        yield Variant(name, family, adapter, PYPI["numpy"], build, ({},))


def _updates(scale: Scale) -> Iterator[Variant]:
    cells, dim = scale.cells, 384
    targets = _sweep("recall", TARGETS)
    for kind in ("ivf", "flat"):
        build = {"kind": kind} | ({"cells": cells} if kind == "ivf" else {})
        yield Variant(f"ruvector-{kind}", OURS, "ours:OursChanging", PYPI["ours"], build, targets)
    probes, turned = _sweep("nprobe", _probes(cells, 16, 256)), f"RR{dim},IVF{cells}"
    for bits in (7, 32):
        yield Variant(
            f"rabitqlib-ivf-b{bits}{'raw' if bits == 32 else ''}", "rabitqlib IVF",
            "rabitq:IvfChanging", "rabitqlib", {"cells": cells, "bits": bits}, probes,
        )  # fmt: skip
    forms = {
        "ivfflat": (f"IVF{cells},Flat", probes),
        "ivfrabitq7": (f"{turned},RaBitQ7", probes),
        "ivfrabitqfs4+RFlat": (
            f"{turned},RaBitQfs4,RFlat",
            _sweep("nprobe", _probes(cells, 16, 256), kf=4),
        ),
    }
    for name, (factory, sweep) in forms.items():
        yield Variant(
            f"faiss-{name}", "faiss IVF", "facebook:FaissChanging", PYPI["faiss"],
            {"factory": factory}, sweep,
        )  # fmt: skip
    build = {"construction": 200}
    beams = _sweep("ef", _BEAMS)
    yield Variant("hnswlib", "hnswlib", "graphs:HnswChanging", "hnswlib", build, beams)
    yield Variant(
        "turbovec-4bit", "turbovec", "turbo:TurboChanging", PYPI["turbo"], {"bits": 4},
        _sweep("rerank", (0, 12, 20, 50)), fixed_threads=True,
    )  # fmt: skip


def _graphs(scale: Scale) -> Iterator[Variant]:
    cells, dim = scale.cells, 384
    targets = _sweep("recall", TARGETS)
    ways = (("", OURS, "ours:OursGraph"), ("-row-by-row", ONE_BY_ONE, "ours:OursOneByOne"))
    for suffix, family, adapter in ways:
        for kind in ("ivf", "flat"):
            build = {"kind": kind} | ({"cells": cells} if kind == "ivf" else {})
            name = f"ruvector-{kind}{suffix}"
            yield Variant(name, family, adapter, PYPI["ours"], build, targets)
    yield Variant("pynndescent", "pynndescent", "descent:Descent", "pynndescent", {}, _DESCENTS)
    probes, turned = _probes(cells, 8, 64), f"RR{dim},IVF{cells}"
    forms = {
        "ivfrabitqfs4+RFlat": (f"{turned},RaBitQfs4,RFlat", _sweep("nprobe", probes, kf=2)),
        "ivfpqfs+RFlat": (f"IVF{cells},PQ{dim // 2}x4fs,RFlat", _sweep("nprobe", probes, kf=4)),
        "ivfflat": (f"IVF{cells},Flat", _sweep("nprobe", probes)),
    }  # fmt: skip
    for name, (factory, sweep) in forms.items():
        yield Variant(
            f"faiss-{name}", "faiss IVF", "facebook:FaissGraph", PYPI["faiss"],
            {"factory": factory}, sweep,
        )  # fmt: skip
