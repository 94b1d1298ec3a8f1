"""What the parts of a join find, and the best of all parts.

A row of a partial table is either a *marker*, a left row with its columns and no hit, or a *hit*,
a right row with its columns and its score. Every left row has one marker. Merging is associative:
the best of the best of parts are the best of all.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._frames.pairing.beside import keep_unmatched
from .._metric import larger_is_better
from .asking import PLACE_BITS, Asked, ask_rows, placed
from .columns import Layout, assemble, nulls

Rows = npt.NDArray[np.int64]
BUCKET: Final = "ruvector_bucket"  # rows of one bucket are merged together
_ROW, _HIT, _SCORE = "ruvector_row", "ruvector_hit", "ruvector_score"


class Partial(NamedTuple):
    """Schemas of both sides, and of the table of what parts find; can be sent to a worker.

    Columns of the two sides are ``l0, l1, ...`` and ``r0, r1, ...`` there, so that no names clash.
    """

    left: Any
    right: Any
    buckets: int

    @property
    def schema(self) -> Any:
        """The schema of a partial table."""
        fields = [pa.field(BUCKET, pa.int64()), pa.field(_ROW, pa.int64())]
        fields += [pa.field(_HIT, pa.int64()), pa.field(_SCORE, pa.float32())]
        fields += [pa.field(f"l{i}", field.type) for i, field in enumerate(self.left)]
        fields += [pa.field(f"r{i}", field.type) for i, field in enumerate(self.right)]
        return pa.schema(fields)


def markers(partial: Partial, left: Any, rows: Rows) -> Any:
    """Return left rows, numbered `rows`, as markers."""
    columns = {f"l{i}": left.column(i) for i in range(left.num_columns)}
    return _table(partial, columns, rows, None, None)


def hits(partial: Partial, right: Any, rows: Rows, found: Rows, scores: Any) -> Any:
    """Return right rows, numbered `found`, as hits of left rows numbered `rows`."""
    columns = {f"r{i}": right.column(i) for i in range(right.num_columns)}
    return _table(partial, columns, rows, found, scores)


def _table(partial: Partial, columns: dict[str, Any], rows: Rows, found: Any, scores: Any) -> Any:
    n, arrays = len(rows), []
    columns = {
        BUCKET: pa.array(rows % partial.buckets),
        _ROW: pa.array(rows),
        _HIT: pa.nulls(n, pa.int64()) if found is None else pa.array(found, pa.int64()),
        _SCORE: pa.nulls(n, pa.float32()) if scores is None else pa.array(scores, pa.float32()),
        **columns,
    }
    for field in partial.schema:
        values = columns.get(field.name)
        if values is None:
            values = nulls(field.type, n)
        arrays.append(values if values.type == field.type else values.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=partial.schema)


def search_part(
    partial: Partial, queries: Any, rows: Rows, right: Any, numbers: Rows, asked: Asked
) -> Any:
    """Return the hits of all queries among some right rows.

    Parameters
    ----------
    partial : Partial
    queries : pyarrow.Table
        Left rows, or their compared column alone.
    rows : ndarray of int64
        Their numbers.
    right : pyarrow.Table
        Right rows.
    numbers : ndarray of int64
        Their numbers.
    asked : Asked
    """
    pairs = ask_rows(queries, right, asked)
    found = pairs.found.astype(np.int64)
    chosen = right.take(pa.array(found))
    return hits(partial, chosen, rows[pairs.left], numbers[found], pairs.scores)


def best_hits(table: Any, k: int, metric: str) -> Any:
    """Return of a table of hits the k best of each left row: better scores first, then rows."""
    order, _ = _order(table, k, metric)
    return table.take(pa.array(order))


def _order(table: Any, k: int, metric: str) -> tuple[Rows, Rows]:
    """Return the places of the k best hits of every left row, by row, and their ranks."""
    row = table.column(_ROW).to_numpy()
    score = table.column(_SCORE).to_numpy()
    keys = -score if larger_is_better(metric) else score
    order = np.lexsort((table.column(_HIT).to_numpy(), keys, row))
    sorted_rows = row[order]
    begins = np.flatnonzero(np.diff(sorted_rows, prepend=sorted_rows[:1] - 1))
    counts = np.diff(begins, append=len(order))
    rank = np.arange(1, len(order) + 1) - np.repeat(begins, counts)
    kept = rank <= k
    return order[kept], rank[kept]


def merge_bucket(table: Any, partial: Partial, layout: Layout, asked: Asked, how: str) -> Any:
    """Return the answer for the left rows of one bucket, in the order of their numbers.

    Parameters
    ----------
    table : pyarrow.Table
        Markers and hits of these rows, of all parts, in any order.
    partial : Partial
    layout : Layout
    asked : Asked
    how : {"inner", "left"}
    """
    table = table.select(partial.schema.names)
    is_marker = np.asarray(table.column(_HIT).is_null())
    left, found = table.filter(pa.array(is_marker)), table.filter(pa.array(~is_marker))
    numbers = left.column(_ROW).to_numpy()
    by_number = np.argsort(numbers, kind="stable")
    left, numbers = left.take(pa.array(by_number)), numbers[by_number]
    order, ranks = _order(found, asked.k, asked.metric)
    best = found.take(pa.array(order))
    asking = np.searchsorted(numbers, best.column(_ROW).to_numpy())
    place = np.arange(len(order))
    if how == "left":
        asking, _, place = keep_unmatched(len(left), asking, asking)
    spread = pa.array(place, pa.int64(), mask=place < 0)
    best, chosen = best.take(spread), left.take(pa.array(asking))
    columns = {name: chosen.column(f"l{i}") for i, name in enumerate(layout.left)}
    for i, (_, named) in enumerate(layout.right or []):
        columns[named] = best.column(f"r{i}")
    columns["rank"] = pa.array(ranks, pa.int64()).take(spread)
    columns[layout.score] = best.column(_SCORE)
    return assemble(layout, columns, len(asking))


def search_stream(partial: Partial, queries: Any, rows: Rows, batches: Any, asked: Asked) -> Any:
    """Return the k best hits of all queries among right rows that come in batches.

    `batches` are pairs of a table and the numbers of its rows; what is held is one of them and the
    best so far.
    """
    best = partial.schema.empty_table()
    for batch, numbers in batches:
        with placed(*place_of(numbers), "right"):
            found = search_part(partial, queries, rows, batch, numbers, asked)
        best = best_hits(pa.concat_tables([best, found]), asked.k, asked.metric)
    return best


def numbered(partition: int, row: int, count: int) -> Rows:
    """Return the numbers of rows of a partition, from one on."""
    return (partition << PLACE_BITS) + row + np.arange(count, dtype=np.int64)


def place_of(numbers: Rows) -> tuple[int | None, int]:
    """Return the partition and the row there of the first of some numbers."""
    if not len(numbers):
        return None, 0
    first = int(numbers[0])
    return first >> PLACE_BITS, first & ((1 << PLACE_BITS) - 1)
