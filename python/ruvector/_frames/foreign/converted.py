"""A frame that another one stands in for: answers go back as what came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._input.masks import Mask
from ..._input.text_columns import TextColumn
from ..protocol import Added, ColumnFacts, Frame


class ConvertedFrame:
    """What a frame of a library that is served natively says, with `back` for every answer."""

    __slots__ = ("_back", "frame", "height", "inner")

    def __init__(self, inner: Frame, back: Callable[[Any], Any]) -> None:
        self.inner = inner
        self._back = back
        self.frame = inner.frame
        self.height = inner.height

    @property
    def library(self) -> str:
        return self.inner.library

    @property
    def outline(self) -> bool:
        return False

    def names(self) -> list[Any]:
        return self.inner.names()

    def fact(self, position: int) -> ColumnFacts:
        return self.inner.fact(position)

    def column(self, label: Any) -> Any:
        return self.inner.column(label)

    def column_at(self, position: int) -> Any:
        return self.inner.column_at(position)

    def texts(self, label: Any) -> list[Any]:
        return self.inner.texts(label)

    def text_column(self, label: Any) -> TextColumn:
        return self.inner.text_column(label)

    def mask(self, where: Any) -> Mask:
        return self.inner.mask(where)

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        return self.inner.group_codes(labels)

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        return self._back(self.inner.take(rows, columns, added))

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        return self._back(self.inner.with_columns(columns))

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> Any:
        return self._back(self.inner.join_rows(rows, other, other_rows, columns, added, nullable))

    def position(self, label: Any) -> int:
        return self.inner.position(label)

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> Any:
        return self.inner.structs(name, fields, counts)

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        return self.inner.values(label, rows)

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        return self._back(self.inner.series(values, name))

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        return self._back(self.inner.make(columns, kinds))
