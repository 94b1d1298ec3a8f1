"""Eager frames that only narwhals serves (Modin, cuDF): read as pandas, gathered where they live.

narwhals is imported before this file is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from ..protocol import Added, Frame, one_of
from .converted import ConvertedFrame


class NarwhalsFrame(ConvertedFrame):
    """A native frame behind narwhals; see `Frame`. Labels of its index stay with the rows."""

    __slots__ = ("_met",)

    def __init__(self, met: Any, inner: Frame) -> None:
        super().__init__(inner, lambda answer: answer)
        self._met = met

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        names = self.names()
        chosen = names if columns is None else [names[one_of(names, label)] for label in columns]
        backend = self._met.implementation
        extra = [_added(name, values, backend) for name, values in added.items()]
        if not chosen:
            return nw.from_dict({s.name: s for s in extra}, backend=backend).to_native()
        found = self._met.select(chosen)[rows.tolist()]
        return found.with_columns(*extra).to_native()

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        return self._met.with_columns(*self._series(columns)).to_native()

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> Any:
        joined = self.inner.join_rows(rows, other, other_rows, columns, added, nullable)
        beside = {name: joined[name] for name in joined.columns[len(self.names()) :]}
        return self._met[rows.tolist()].with_columns(*self._series(beside)).to_native()

    def _series(self, columns: Mapping[str, Any]) -> list[Any]:
        backend = self._met.implementation
        return [nw.new_series(n, list(values), backend=backend) for n, values in columns.items()]

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        return nw.new_series(name, values, backend=self._met.implementation).to_native()

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        dtypes = {
            "int": nw.Int64(),
            "float": nw.Float64(),
            "bool": nw.Boolean(),
            "text": nw.String(),
        }
        schema = {name: dtypes[kind] for name, kind in kinds.items()}
        made = nw.from_dict(dict(columns), schema, backend=self._met.implementation)
        return made.to_native()


def _added(name: str, values: npt.NDArray[Any], backend: Any) -> Any:
    if isinstance(values, np.ma.MaskedArray):
        return nw.new_series(name, values.tolist(), nw.Float32(), backend=backend)
    values = values.tolist() if values.dtype == object else values
    return nw.new_series(name, values, backend=backend)
