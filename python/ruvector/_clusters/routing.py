"""Cells that rows of both sides are sent to, and hot cells cut into smaller ones.

Centroids are trained on a sample. A right row belongs to its nearest cell; a left row asks so many
of its nearest cells as the recall needs, measured on the sample. A cell that many rows of one side
come to is a grid of `down x across` cells: left rows go to one line of it, right rows to one
column, so that every pair of both still meets in exactly one of them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._errors import InvalidArgument
from .._index.index import Index
from .._input.matrices import to_matrix
from .._settings import config
from .asking import Asked, ask_index, ask_rows
from .columns import nulls, storage
from .partial import Partial, hits, markers

Rows = npt.NDArray[np.int64]
CELL: Final = "ruvector_cell"
_SIDE, _ROW = "ruvector_side", "ruvector_row"
_HOME, _ASKS, _FOUND, _MUTE = 0, 1, 2, 3  # left row with its columns, copy, right row, no vector
_MOST_SALTS: Final = 1024  # of one side of one cell
_CELL_ROWS: Final = 50_000  # right rows of a cell, about
_ROUNDS: Final = 8
_TRIES: Final = 256  # left rows of the sample that probes are measured with
SAMPLE: Final = 20_000  # rows of either side


class Routing(NamedTuple):
    """Cells, and where rows go; can be sent to a worker.

    Attributes
    ----------
    centroids : ndarray of float32, shape (cells, dim)
    metric : str
        That left rows choose their cells by.
    home : str
        That right rows choose theirs by.
    probes : int
        Cells that each left row asks.
    down, across : ndarray of int64, shape (cells,)
        Into how many parts left and right rows of a cell are cut.
    """

    centroids: npt.NDArray[np.float32]
    metric: str
    home: str
    probes: int
    down: Rows
    across: Rows

    @property
    def hot(self) -> int:
        """How many cells are cut."""
        return int((self.down * self.across > 1).sum())


_METRICS: Final = {
    "cosine": ("cosine", "cosine"), "dot": ("dot", "sqeuclidean"),
    "l2": ("sqeuclidean", "sqeuclidean"), "sqeuclidean": ("sqeuclidean", "sqeuclidean"),
}  # fmt: skip


def train(
    left: Any, right: Any, counts: tuple[int, int], asked: Asked, workers: int,
    cells: int | None = None,
) -> Routing:  # fmt: skip
    """Return cells and probes for the rows of two sides, from samples of them.

    Parameters
    ----------
    left, right : pyarrow.Table
        Samples that hold the columns compared.
    counts : (int, int)
        Rows of both sides.
    asked : Asked
    workers : int
    cells : int, optional
        As many as the rows need when not given.
    """
    metric, home = _METRICS[asked.metric]
    sample = _matrix(right, asked.right_on)
    if not len(sample):
        raise InvalidArgument("no right row of the sample has a vector: there are no cells")
    if cells is None:
        cells = max(2 * workers, counts[1] // _CELL_ROWS, 4)
    cells = max(1, min(cells, len(sample) // 4 or 1, 65_536))
    if home == "cosine":
        lengths = np.linalg.norm(sample, axis=1, keepdims=True)
        sample = sample / np.where(lengths > 0, lengths, 1)
    with config(threads=asked.threads or None):
        centroids = _centroids(sample.astype(np.float32), cells, home)
    draft = Routing(centroids, metric, home, cells, *(np.ones((2, cells), np.int64)))
    probes = _probes(draft, left, right, asked)
    draft = draft._replace(probes=probes)
    sides = [
        _part(cells_of(draft, left, asked.left_on, probes, metric)[1], cells),
        _part(cells_of(draft, right, asked.right_on, 1, home)[1], cells),
    ]
    return draft._replace(down=salts(sides[0]), across=salts(sides[1]))


def salts(share: npt.NDArray[np.float64]) -> Rows:
    """Return into how many parts each cell is cut: those with over twice the mean share."""
    mean = share.mean() if len(share) else 0.0
    if not mean:
        return np.ones(len(share), np.int64)
    return np.clip(np.ceil(share / (2 * mean)), 1, _MOST_SALTS).astype(np.int64)


def _part(cells: Rows, n: int) -> npt.NDArray[np.float64]:
    return np.bincount(cells, minlength=n).astype(np.float64)


def _matrix(table: Any, label: str) -> npt.NDArray[Any]:
    column = storage(table.column(label)).drop_null()
    return np.asarray(to_matrix(column)) if len(column) else np.empty((0, 0), np.float32)


def _centroids(sample: npt.NDArray[np.float32], n: int, metric: str) -> npt.NDArray[np.float32]:
    """Return `n` centroids of a sample: Lloyd's k-means from rows drawn with a fixed seed."""
    drawn = np.random.default_rng(1234)
    centroids = sample[np.sort(drawn.choice(len(sample), n, replace=False))].copy()
    for _ in range(_ROUNDS):
        found = _nearest(centroids, metric).search(sample, k=1).ids[:, 0]
        order = np.argsort(found, kind="stable")
        numbers, begins = np.unique(found[order], return_index=True)
        sums = np.add.reduceat(sample[order].astype(np.float64), begins, axis=0)
        counts = np.diff(begins, append=len(order))[:, None]
        centroids[numbers] = sums / counts
        empty = np.setdiff1d(np.arange(n), numbers)
        if len(empty):
            centroids[empty] = sample[drawn.choice(len(sample), len(empty))]
    return centroids


def _nearest(centroids: npt.NDArray[np.float32], metric: str) -> Index:
    options: dict[str, Any] = {"metric": metric, "kind": "exact", "keep": "copy"}
    return Index.build(centroids, progress=False, **options)


def cells_of(
    routing: Routing, table: Any, label: str, probes: int, metric: str
) -> tuple[Rows, Rows]:
    """Return rows of a table and the cells they go to, nearest first; null rows have none."""
    if not len(table):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    asks = Asked(label, label, min(probes, len(routing.centroids)), metric, None, 1.0)
    pairs = ask_index(table, _nearest(routing.centroids, metric), asks)
    return pairs.left, pairs.found.astype(np.int64)


def _probes(routing: Routing, left: Any, right: Any, asked: Asked) -> int:
    """Return the fewest cells in which the share of true neighbours is what is asked for.

    Neighbours within a sample are farther away than those among all rows, and lie in more cells:
    what is measured is a lower bound.
    """
    n = len(routing.centroids)
    if asked.recall >= 1:
        return n
    tries = left.slice(0, _TRIES)
    exact = asked._replace(recall=1.0, bound=None, k=min(asked.k, max(1, len(right) // 4)))
    pairs = ask_rows(tries, right, exact)
    if not len(pairs.left):
        return n
    home = np.full(len(right), -1, np.int64)
    rows, cells = cells_of(routing, right, asked.right_on, 1, routing.home)
    home[rows] = cells
    rows, cells = cells_of(routing, tries, asked.left_on, n, routing.metric)
    place = np.full((len(tries), n), n, np.int64)
    order = np.concatenate([np.arange(c) for c in np.bincount(rows) if c] or [rows])
    place[rows, cells] = order
    needed = place[pairs.left, home[pairs.found]]
    enough = np.cumsum(np.bincount(needed, minlength=n)[:n]) / len(needed)
    return int(np.argmax(enough >= asked.recall)) + 1 if (enough >= asked.recall).any() else n


def _code(cells: Rows, line: Rows, column: Rows) -> Rows:
    return (cells * _MOST_SALTS + line) * _MOST_SALTS + column


def routed_schema(partial: Partial) -> Any:
    """Return the schema of rows on their way to a cell."""
    sides = [
        field for field in partial.schema if field.name[0] in "lr" and field.name[1:].isdigit()
    ]
    fields = [pa.field(CELL, pa.int64()), pa.field(_SIDE, pa.int8()), pa.field(_ROW, pa.int64())]
    return pa.schema(fields + sides)


def send_left(routing: Routing, partial: Partial, table: Any, numbers: Rows, asked: Asked) -> Any:
    """Return left rows, one for each cell that they ask; columns are with the first of them."""
    rows, cells = cells_of(routing, table, asked.left_on, routing.probes, routing.metric)
    first = np.diff(rows, prepend=-1) != 0
    across = routing.across[cells]
    line = numbers[rows] % routing.down[cells]
    copies = np.repeat(np.arange(len(rows)), across)
    column = _counted(across)
    mute = np.setdiff1d(np.arange(len(table)), rows)
    home = first[copies] & (column == 0)
    code = np.concatenate([
        _code(cells[copies], line[copies], column),
        _code(numbers[mute] % len(routing.centroids), 0 * mute, 0 * mute),
    ])  # fmt: skip
    places = np.concatenate([rows[copies], mute])
    side = np.concatenate([np.where(home, _HOME, _ASKS), np.full(len(mute), _MUTE)])
    whole = pa.array(places, pa.int64(), mask=side == _ASKS)
    columns = {f"l{i}": table.column(i).take(whole) for i in range(table.num_columns)}
    on = f"l{table.schema.get_field_index(asked.left_on)}"
    columns[on] = table.column(asked.left_on).take(pa.array(places))
    return _send(partial, columns, code, side, numbers[places])


def send_right(routing: Routing, partial: Partial, table: Any, numbers: Rows, asked: Asked) -> Any:
    """Return right rows, one for each line of their cell; rows without a vector are left out."""
    rows, cells = cells_of(routing, table, asked.right_on, 1, routing.home)
    down = routing.down[cells]
    column = numbers[rows] % routing.across[cells]
    copies = np.repeat(np.arange(len(rows)), down)
    code = _code(cells[copies], _counted(down), column[copies])
    places = rows[copies]
    columns = {f"r{i}": table.column(i).take(pa.array(places)) for i in range(table.num_columns)}
    return _send(partial, columns, code, np.full(len(places), _FOUND), numbers[places])


def _counted(counts: Rows) -> Rows:
    """Return 0 to n - 1 for each n."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _send(partial: Partial, columns: dict[str, Any], code: Rows, side: Rows, row: Rows) -> Any:
    schema = routed_schema(partial)
    columns = {
        CELL: pa.array(code, pa.int64()), _SIDE: pa.array(side.astype(np.int8)),
        _ROW: pa.array(row, pa.int64()), **columns,
    }  # fmt: skip
    arrays = []
    for field in schema:
        values = columns.get(field.name)
        if values is None:
            values = nulls(field.type, len(code))
        arrays.append(values if values.type == field.type else values.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def search_cell(table: Any, partial: Partial, asked: Asked) -> Any:
    """Return what the rows of one cell find: markers of left rows at home, hits of all.

    Parameters
    ----------
    table : pyarrow.Table
        All rows that were sent to the cell.
    partial : Partial
    asked : Asked
    """
    table = table.select(routed_schema(partial).names).combine_chunks()
    side, row = table.column(_SIDE).to_numpy(), table.column(_ROW).to_numpy()
    left = _side(table, partial.left, "l", (side == _HOME) | (side == _ASKS))
    right = _side(table, partial.right, "r", side == _FOUND)
    asks, found = row[(side == _HOME) | (side == _ASKS)], row[side == _FOUND]
    at_home = (side == _HOME) | (side == _MUTE)
    parts = [markers(partial, _side(table, partial.left, "l", at_home), row[at_home])]
    order = np.argsort(found, kind="stable")  # ties go to the smaller number
    right, found = right.take(pa.array(order)), found[order]
    pairs = ask_rows(left, right, asked)
    if len(pairs.left):
        hit = pairs.found.astype(np.int64)
        chosen = right.take(pa.array(hit))
        parts.append(hits(partial, chosen, asks[pairs.left], found[hit], pairs.scores))
    return pa.concat_tables(parts)


def _side(table: Any, schema: Any, letter: str, mask: npt.NDArray[np.bool_]) -> Any:
    chosen = table.filter(pa.array(mask))
    arrays = [chosen.column(f"{letter}{i}") for i in range(len(schema))]
    return pa.Table.from_arrays(arrays, names=list(schema.names))
