"""What `recommend` returns: `Recommendation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .._errors import DimensionMismatch, MissingExtra
from .._frames.adapters import is_frame
from .._frames.verbs.build_index import build_index
from .._index.index import Index
from .._show import html
from .choice import Choice
from .curve import CurvePoint, picture
from .drawn import draw
from .table import HEADER, Candidate, Limits, line

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    from matplotlib.axes import Axes

_put: Final = object.__setattr__


class Recommendation:
    """How to index so many vectors, and what else was considered. Frozen; made by `recommend`.

    Attributes
    ----------
    kind : str
        ``"exact"``, ``"flat"`` or ``"ivf"``.
    params : dict
        Keyword arguments for `Index.build`: the index that is recommended.
    why : str
        One sentence: why this one, and what the runner-up lacks.
    table : tuple of Candidate
        Every candidate; `to_pandas` gives a frame.
    choice : Candidate
        The one recommended.
    curve : tuple of CurvePoint
        recall@10 and milliseconds of a query for other values of ``recall=``.
    source : str
        ``"model"`` (nothing was built) or ``"measured"`` (on this machine).
    rows, dim, sample : int
        The vectors. Cells were measured over `sample` of them (0 from the model), codes over as
        many or more; figures for more rows than were measured are extrapolated.
    metric : str
    recall_target : float
    memory : int or None
        In bytes.
    qps : float or None
    filtered : bool
    meets : bool
        Whether what is recommended keeps to all that was asked; if not, nothing does.
    """

    __slots__ = (
        "_embedder", "_on", "choice", "curve", "dim", "filtered", "limits", "metric", "rows",
        "sample", "source", "table", "why",
    )  # fmt: skip

    choice: Candidate
    curve: tuple[CurvePoint, ...]
    dim: int
    filtered: bool
    limits: Limits
    metric: str
    rows: int
    sample: int
    source: str
    table: tuple[Candidate, ...]
    why: str
    _on: Any
    _embedder: Any

    def __init__(
        self,
        shape: tuple[int, int, str],
        limits: Limits,
        choice: Choice,
        table: Sequence[Candidate],
        curve: Sequence[CurvePoint],
        *,
        sample: int = 0,
        filtered: bool = False,
        on: Any = None,
        embedder: Any = None,
    ) -> None:
        rows, dim, metric = shape
        fields = {
            "_embedder": embedder, "_on": on, "choice": choice.candidate, "curve": tuple(curve),
            "dim": dim, "filtered": filtered, "limits": limits, "metric": metric, "rows": rows,
            "sample": sample, "source": "measured" if sample else "model",
            "table": tuple(table), "why": choice.why,
        }  # fmt: skip
        for name, value in fields.items():
            _put(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Recommendation is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Recommendation is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the figures; the embedder stays behind, name it to `build_index` instead."""
        shape, choice = (self.rows, self.dim, self.metric), Choice(self.choice, self.why)
        return _restore, (
            (shape, self.limits, choice, self.table, self.curve),
            {"sample": self.sample, "filtered": self.filtered, "on": self._on},
        )

    @property
    def kind(self) -> str:
        """Kind of index recommended."""
        return self.choice.kind

    @property
    def params(self) -> dict[str, Any]:
        """Keyword arguments for `Index.build`, a fresh dict."""
        return {"metric": self.metric, **self.choice.params}

    @property
    def meets(self) -> bool:
        """Whether what is recommended keeps to all that was asked."""
        return self.choice.meets

    @property
    def recall_target(self) -> float:
        """Share of the true neighbours that was asked for."""
        return self.limits.recall

    @property
    def memory(self) -> int | None:
        """Bytes that were allowed, None for any number."""
        return self.limits.memory

    @property
    def qps(self) -> float | None:
        """Queries a second that were asked of a batch, None for any number."""
        return self.limits.qps

    def build(self, data: Any, ids: Any = None) -> Index:
        """Build the index that is recommended.

        Parameters
        ----------
        data : what `Index.build` or `build_index` takes
            Usually what the recommendation was made for; other rows of as many dimensions do.
        ids : sequence, or (for a frame) column label, optional
            What the rows are called; their positions when not given.

        Raises
        ------
        DimensionMismatch
            The vectors have another number of dimensions than was asked about.
        InvalidVector, ColumnError, DuplicateId, LimitExceeded
        """
        if is_frame(data):
            index = build_index(data, self._on, ids=ids, embedder=self._embedder, **self.params)
        else:
            index = Index.build(data, ids=ids, **self.params)
        if index.dim != self.dim and len(index):
            found = index.dim
            index.close()
            raise DimensionMismatch(
                f"the vectors have {found} dimensions, the recommendation is for {self.dim}; ask "
                "again: rv.recommend(data).build(data)"
            )
        return index

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a pandas DataFrame, a row a candidate."""
        try:
            import pandas as pd  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            pip = "pip install 'ruvector-arrow[pandas]'"
            raise MissingExtra(f"pandas is not installed: {pip}", pip=pip) from error
        frame = pd.DataFrame(self.table)
        frame.insert(0, "chosen", [candidate == self.choice for candidate in self.table])
        return frame

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve: recall@10 and milliseconds of a query, what is recommended marked.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw. New ones are transparent with grey ink, for light and dark.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        MissingExtra
            matplotlib is not installed; says the pip line.
        """
        return draw(self.curve, self._chosen(), self.recall_target, self._subject(), ax)

    def _chosen(self) -> CurvePoint:
        return CurvePoint(self.kind, self.choice.aim, self.choice.recall, self.choice.p50_ms)

    def _subject(self) -> str:
        return f"{self.choice.label} for {self.rows:,} x {self.dim}, {self.metric}"

    def _said(self) -> str:
        if self.source == "model":
            return "model, not measured"
        share = "all rows" if self.sample >= self.rows else f"a sample of {self.sample:,} rows"
        return f"measured on {share}"

    def _title(self) -> str:
        asked = [f"recall {self.recall_target:g}"]
        if self.memory is not None:
            asked.append(f"memory {html.size(self.memory)}")
        if self.qps is not None:
            asked.append(f"{self.qps:,g} queries/s")
        if self.filtered:
            asked.append("filtered")
        return f"{self._subject()} ({', '.join(asked)}; {self._said()})"

    def _lines(self) -> list[list[str]]:
        return [
            [("-> " if candidate == self.choice else "") + cells[0], *cells[1:]]
            for candidate in self.table
            for cells in [line(candidate)]
        ]

    def __repr__(self) -> str:
        rows = [list(HEADER), *self._lines()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([f"Recommendation: {self._title()}", self.why, *text])

    def _repr_html_(self) -> str:
        return (
            f'<div style="color-scheme:light dark">'
            f"{html.grid(f'Recommendation: {self._title()}', HEADER, self._lines())}"
            f'<p style="margin:6px 8px">{html.escape(self.why)}</p>'
            f"{picture(self.curve, self._chosen(), self.recall_target)}</div>"
        )


def _restore(arguments: tuple[Any, ...], named: dict[str, Any]) -> Recommendation:
    return Recommendation(*arguments, **named)
