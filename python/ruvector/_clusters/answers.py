"""Pairs as rows of the answer: joins and scorings against an index, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._frames.pairing.beside import keep_unmatched
from .._frames.pairing.pairs import Pairs
from .asking import Asked, ask_shards, placed
from .columns import Layout, assemble
from .opened import Opened, Source, opened

Rows = npt.NDArray[np.int64]
_CELLS: Final = 2**18  # of one answer, rows x k


def answer_batch(table: Any, opened: Opened, asked: Asked, layout: Layout, how: str) -> Any:
    """Return the answer of one batch of left rows.

    Parameters
    ----------
    table : pyarrow.Table
        Left rows.
    opened : Opened
    asked : Asked
    layout : Layout
    how : {"inner", "left"}

    Returns
    -------
    pyarrow.Table
        Of the layout's schema; left rows in order, the matches of each best first.
    """
    pairs = ask_shards(table, opened.indexes, asked)
    return take_pairs(table, pairs, opened.rows, layout, how)


def answer_stream(
    batches: Iterable[Any], source: Source, asked: Asked, layout: Layout, how: str,
    partition: int | None, first: int = 0,
) -> Iterator[Any]:  # fmt: skip
    """Yield the answers of the batches of one partition, as tables; row 0 is its row `first`.

    Long answers come in several parts. The index is opened when the first batch is there.
    """
    step, row = max(1, _CELLS // asked.k), first
    for batch in batches:
        for start in range(0, len(batch), step):
            part = batch.slice(start, step)
            with placed(partition, row + start):
                yield answer_batch(part, opened(source), asked, layout, how)
        row += len(batch)


def take_pairs(left: Any, pairs: Pairs, rows: Any, layout: Layout, how: str) -> Any:
    """Return pairs as a table.

    Parameters
    ----------
    left : pyarrow.Table
    pairs : Pairs
        ``found`` are ids, or where `rows` is given, rows of it.
    rows : pyarrow.Table or None
    layout : Layout
    how : {"inner", "left"}
    """
    place, asking = np.arange(len(pairs.left)), pairs.left
    if how == "left":
        asking, _, place = keep_unmatched(len(left), pairs.left, pairs.left)
    chosen = left.select(layout.left).take(pa.array(asking))
    columns = dict(zip(layout.left, chosen.columns, strict=True))
    spread = pa.array(place, pa.int64(), mask=place < 0)
    if layout.right is None:
        columns[layout.id] = taken(ids_of(pairs.found, layout), spread)
    else:
        found = taken(pa.array(pairs.found, pa.int64()), spread)
        other = rows.select([name for name, _ in layout.right]).take(found)
        for (_, named), values in zip(layout.right, other.columns, strict=True):
            columns[named] = values
    columns["rank"] = taken(pa.array(pairs.ranks, pa.int64()), spread)
    columns[layout.score] = taken(pa.array(pairs.scores, pa.float32()), spread)
    return assemble(layout, columns, len(asking))


def ids_of(found: npt.NDArray[Any], layout: Layout) -> Any:
    """Return ids as an Arrow array of the answer's type; those of no pairs too."""
    kind = layout.schema.field(layout.id).type
    if not len(found):
        return pa.array([], kind)
    values = found.tolist() if found.dtype == object else found
    return pa.array(values).cast(kind)


def taken(values: Any, places: Any) -> Any:
    """Return values by place, null where the place is."""
    return values.take(places)
