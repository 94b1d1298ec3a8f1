"""What a search did: `Plan`, and the plan of the last search of this thread or task."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from .._caller import warn
from .._native import Plan as Struct
from . import html

_KINDS: Final = {1: "exact", 2: "flat", 3: "ivf"}
_TIERS: Final = {0: "pure", 1: "avx2", 2: "avx512", 3: "neon"}
_ENGINE_STAGES: Final = ("prepare", "route", "scan", "rerank")
_UNLIKE: Final = Struct.unlike.offset
_put: Final = object.__setattr__
# What a Plan is made of, or in the first place the Plan: shared by all who may ask for it, so that
# they get the same one and a search makes none.
Told: TypeAlias = list[Any]
_last: ContextVar[Plan | Told | None] = ContextVar("ruvector_last_plan", default=None)


class Plan:
    """What one search did: small, frozen, one line as text and a table in a notebook.

    Nothing is worked out before it is asked for, so that a search does not pay for it.
    A Plan may be read from any thread.
    """

    __slots__ = ("_facts",)

    # An rv_plan or its bytes, where the index came from, the recall asked for, whether the index
    # is calibrated for it, the frame's own stages. One slot: filling five costs a microsecond.
    _facts: tuple[Any, str, float | None, bool, tuple[tuple[str, float], ...]]

    def __init__(
        self,
        raw: Any,
        index: str = "given",
        asked: float | None = None,
        calibrated: bool = False,
        stages: tuple[tuple[str, float], ...] = (),
    ) -> None:
        _put(self, "_facts", (raw, index, asked, calibrated, stages))

    @property
    def _raw(self) -> Any:
        raw = self._facts[0]
        return Struct.from_buffer_copy(raw) if type(raw) is bytes else raw

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Plan is frozen: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan, self._facts

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Plan is frozen: {name} cannot be deleted")

    def after(self, stage: str, milliseconds: float) -> Plan:
        """Return this plan with one more stage of the frame's own."""
        raw, index, asked, calibrated, stages = self._facts
        return Plan(raw, index, asked, calibrated, (*stages, (stage, milliseconds)))

    @property
    def kind(self) -> str:
        """Kind of index that answered: ``"exact"``, ``"flat"`` or ``"ivf"``."""
        kind = int(self._raw.kind)
        return _KINDS.get(kind, str(kind))

    @property
    def backend(self) -> str:
        """The kernels that ran: ``"pure"``, ``"avx2"``, ``"avx512"`` or ``"neon"``."""
        tier = int(self._raw.tier)
        return _TIERS.get(tier, str(tier))

    @property
    def bits(self) -> int:
        """Bits per dimension in the codes; 0 when there are none."""
        return int(self._raw.bits)

    @property
    def plane(self) -> int:
        """Bits per dimension that the scan reads at first; 0 for ``exact``, 8 for whole graphs."""
        return int(self._raw.plane)

    @property
    def cells(self) -> int:
        """Cells that the index is divided into: 1 for ``flat``, 0 for ``exact``."""
        return int(self._raw.cells)

    @property
    def probes(self) -> float:
        """Cells looked into, the mean over the queries; 0 for other kinds than ``ivf``."""
        raw = self._raw
        return raw.probed / raw.queries if raw.queries else 0.0

    @property
    def threads(self) -> int:
        """Threads that the search was allowed."""
        return int(self._raw.threads)

    @property
    def queries(self) -> int:
        """Number of queries answered together."""
        return int(self._raw.queries)

    @property
    def rows(self) -> int:
        """Rows of the index, null ones included."""
        return int(self._raw.rows)

    @property
    def rows_eligible(self) -> int:
        """Rows that could be found: neither null nor filtered out."""
        return int(self._raw.eligible)

    @property
    def null_rows(self) -> int:
        """Rows without a vector; they are never candidates."""
        return int(self._raw.nulls)

    @property
    def rows_scanned(self) -> int:
        """Rows whose scan code (or, for ``exact``, vector) was read, over all queries."""
        return int(self._raw.scanned)

    @property
    def rows_coded(self) -> int:
        """Rows whose full code was read after the scan, over all queries."""
        return int(self._raw.coded)

    @property
    def rows_reranked(self) -> int:
        """Rows whose distance was computed from the vectors, over all queries."""
        return int(self._raw.reranked)

    @property
    def certified(self) -> float:
        """Share of the queries whose bound closed: no row left out can belong to the answer."""
        queries = int(self._raw.queries)
        return int(self._raw.certified) / queries if queries else 1.0

    @property
    def scores(self) -> str:
        """``"exact"`` when scores come from the vectors, ``"estimated"`` from codes."""
        return "exact" if self._raw.exact_scores else "estimated"

    @property
    def index(self) -> str:
        """Where the index came from: ``"given"``, ``"built"`` for this call, ``"cached"``.

        ``"merged"`` is the plan of several searches together: see `merge_topk`.
        """
        return self._facts[1]

    @property
    def epsilon0(self) -> float:
        """Width of the error bound that pruned rows (RaBitQ's epsilon0)."""
        return float(self._raw.epsilon0)

    @property
    def recall_target(self) -> float | None:
        """The ``recall=`` that was asked for, None when none was."""
        return self._facts[2]

    @property
    def calibrated(self) -> bool:
        """Whether the index was calibrated for recall targets: kind ``ivf`` is when it is built."""
        return self._facts[3]

    @property
    def milliseconds(self) -> Mapping[str, float]:
        """Milliseconds of each stage, in order; the frame's own stages come first."""
        raw = self._raw
        stages = dict(self._facts[4])
        for name in _ENGINE_STAGES:
            spent = getattr(raw, f"ns_{name}")
            if spent:
                stages[name] = spent / 1e6
        return MappingProxyType(stages)

    @property
    def total_milliseconds(self) -> float:
        """Milliseconds of the search and of the frame's own stages together."""
        return float(self._raw.ns_total) / 1e6 + sum(spent for _, spent in self._facts[4])

    def __repr__(self) -> str:
        rows = f"{self.rows:,} rows"
        if self.rows_eligible != self.rows:
            rows += f" ({self.rows_eligible:,} eligible"
            rows += f", {self.null_rows:,} null)" if self.null_rows else ")"
        parts = [f"{self.kind} ({self.backend})", rows]
        if self.kind == "ivf":
            parts.append(f"probed {self.probes:,.4g} of {self.cells:,} cells")
        parts += [
            f"scanned {self.rows_scanned:,}",
            f"reranked {self.rows_reranked:,}",
            f"certified {self.certified:.0%}",
            f"{self.scores} scores",
            f"index {self.index}",
        ]
        if self.recall_target is not None:
            parts.append(f"recall {self._target()}")
        stages = ", ".join(f"{name} {spent:.2f}" for name, spent in self.milliseconds.items())
        parts.append(f"{self.total_milliseconds:.2f} ms" + (f" ({stages})" if stages else ""))
        return "Plan: " + " | ".join(parts)

    def _target(self) -> str:
        if self.recall_target is None:
            return "none"
        return f"{self.recall_target:g}" + ("" if self.calibrated else " not calibrated")

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("kind", self.kind),
            ("backend", self.backend),
            ("rows", f"{self.rows:,}"),
            ("eligible", f"{self.rows_eligible:,}"),
            ("null rows", f"{self.null_rows:,}"),
            ("queries", f"{self.queries:,}"),
            ("cells", f"{self.cells:,}"),
            ("cells probed", f"{self.probes:,.4g}"),
            ("rows scanned", f"{self.rows_scanned:,}"),
            ("rows reranked", f"{self.rows_reranked:,}"),
            ("certified", f"{self.certified:.0%}"),
            ("scores", self.scores),
            ("index", self.index),
            ("recall target", self._target()),
        ]
        rows += [(f"{name} ms", f"{spent:.2f}") for name, spent in self.milliseconds.items()]
        rows.append(("total ms", f"{self.total_milliseconds:.2f}"))
        return html.facts("Plan", rows)


class _Nothing:
    """The numbers of a search that had nothing to search."""

    kind = 1
    tier = exact_scores = threads = bits = plane = eligible = 0
    cells = probed = scanned = coded = reranked = 0
    ns_prepare = ns_route = ns_first = ns_scan = ns_rerank = ns_total = 0
    epsilon0 = recall = 0.0

    def __init__(self, rows: int, queries: int) -> None:
        self.rows = self.nulls = rows
        self.queries = self.certified = queries
        self.exact_scores = 1


def nothing(rows: int, queries: int, stages: tuple[tuple[str, float], ...]) -> Plan:
    """Return the plan of a search over `rows` rows none of which has a vector."""
    return Plan(_Nothing(rows, queries), "built", None, False, stages)


def remember(plan: Plan) -> None:
    """Make `plan` the last one of this thread and task, and say what users must know of it."""
    raw = plan._facts[0]
    if raw[_UNLIKE] if type(raw) is bytes else getattr(raw, "unlike", 0):
        _warn_unlike(raw)
    _last.set(plan)


def remember_told(told: Told) -> None:
    """As `remember`, of a plan that is made when somebody asks for it; its raw part are bytes."""
    if told[0][_UNLIKE]:
        _warn_unlike(told[0])
    _last.set(told)


def plan_of(told: Told) -> Plan:
    """Return the plan that is made of this, which is the same whoever asks."""
    raw = told[0]
    if isinstance(raw, Plan):  # made before, here or by another thread
        return raw
    plan = told[0] = Plan(raw, *told[1:])
    return plan


def _warn_unlike(raw: Any) -> None:
    """Say that queries are unlike those of the calibration; once for a plan remembered again."""
    before = last_plan()
    if before is None or before._facts[0] is not raw:
        warn(
            "many queries lie further from all rows than those that the index was calibrated with, "
            "which were rows of its own unless you gave others: the recall asked for does not hold "
            "for them; call index.calibrate(queries) with some hundred like them"
        )


def last_plan() -> Plan | None:
    """Return the plan of the last search of this thread and task, None before the first.

    Frames cannot carry a plan; this is where the one of ``df.ruvector.search`` is found.
    Each thread and each asyncio task sees its own.
    """
    last = _last.get()
    return plan_of(last) if isinstance(last, list) else last
