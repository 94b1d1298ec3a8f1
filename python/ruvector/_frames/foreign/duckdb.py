"""DuckDB relations: rows stay in DuckDB, on the connection that they came from.

duckdb is imported by the user before this file is. Nothing else is needed: columns come and go
through Arrow's C interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import ColumnError, InvalidArgument
from ..._input.masks import Mask, read_mask, refuse_mapping
from ..._input.numbers import WHOLE
from ..._input.text_columns import TextColumn
from ..protocol import Added, ColumnFacts, Frame, one_of, position_of
from .converted import ConvertedFrame

_NUMBERS: Final = frozenset(
    (
        "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger",
        "ubigint", "uhugeint", "float", "double", "decimal",
    )
)  # fmt: skip
_AS_THEY_ARE: Final = frozenset(("float", "double", "tinyint", "utinyint"))
_TEXTS: Final = frozenset(("varchar", "enum"))


class Rows:
    """Columns of ours as Arrow data that DuckDB can scan, any number of times."""

    __slots__ = ("_columns", "_names")

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._names = list(columns)
        self._columns = [_exported(values) for values in columns.values()]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a fresh stream."""
        return _native.export_stream(self._names, self._columns)


class _Lists(NamedTuple):
    """A column of structs of lists: the values of all rows, of each as many as its count says."""

    fields: Added
    counts: npt.NDArray[np.int64]


def _exported(values: Any) -> Any:
    if isinstance(values, tuple):
        return _exported(values[0]), values[1]
    return values.tolist() if values.dtype == object else values


class DuckDBFrame:
    """A relation, executed once: its rows are held by DuckDB while this lives; see `Frame`."""

    __slots__ = ("_held", "_order", "_row", "frame", "height")

    def __init__(self, relation: Any) -> None:
        self.frame = relation
        names = {name.lower() for name in _reading(lambda: relation.columns)}
        self._row = next(name for name in _row_names() if name not in names)
        self._held = _reading(
            lambda: relation.project(
                f"*, row_number() OVER () - 1 AS {_quoted(self._row)}"
            ).materialize()
        )
        self.height = int(self._held.count("*").fetchall()[0][0])
        kept = self._ask("SELECT current_setting('preserve_insertion_order')").fetchall()[0][0]
        self._order = "" if kept else f" ORDER BY {_quoted(self._row)}"

    @property
    def library(self) -> str:
        return "duckdb"

    @property
    def outline(self) -> bool:
        return False

    def names(self) -> list[Any]:
        return list(self._held.columns[:-1])

    def fact(self, position: int) -> ColumnFacts:
        name, kind = self._held.columns[position], self._held.types[position]
        facts = ColumnFacts(name, _kind_of(kind), str(kind), None)
        if facts.kind == "vector" or (facts.kind == "bits" and kind.id != "blob"):
            size = dict(kind.children).get("size")
            return facts._replace(dim=size if kind.id == "array" else self._width(name, "len"))
        if facts.kind == "bits":
            width = self._width(name, "octet_length")
            return facts._replace(dim=None if width is None else 8 * width)
        return facts

    def _width(self, name: str, measure: str) -> int | None:
        size = f"{measure}({_quoted(name)})"
        found = self._ask(f"SELECT {size} FROM ruvector_held WHERE {size} > 0 LIMIT 1").fetchall()
        return int(found[0][0]) if found else None

    def column(self, label: Any) -> Any:
        return self.column_at(one_of(self.names(), label))

    def column_at(self, position: int) -> Any:
        name, kind = self._held.columns[position], self._held.types[position]
        held = _kind_of(kind)
        if held == "vector" or kind.id == "blob":
            return self._select(_read_as(self, name, kind))
        if held == "number":
            found = self._select(_quoted(name)).fetchnumpy()
            return next(iter(found.values()))
        cells = np.empty(self.height, object)
        found = [row[0] for row in self._select(_quoted(name)).fetchall()]
        if held == "bits":
            found = [None if cell is None else np.array(cell) for cell in found]
        for row, cell in enumerate(found):
            cells[row] = cell
        return cells

    def texts(self, label: Any) -> list[Any]:
        name = self._held.columns[one_of(self.names(), label)]
        return [row[0] for row in self._select(f"CAST({_quoted(name)} AS VARCHAR)").fetchall()]

    def text_column(self, label: Any) -> TextColumn:
        return TextColumn.of_list(self.texts(label))

    def mask(self, where: Any) -> Mask:
        if isinstance(where, Mapping):
            refuse_mapping(where, self.library)
        if isinstance(where, str):
            where = self._evaluate(where, f"({where})")
        elif isinstance(where, duckdb.Expression):
            where = self._evaluate(where, str(where))
        elif isinstance(where, duckdb.DuckDBPyRelation):
            where = next(iter(where.fetchnumpy().values()))
        elif callable(where):
            return self.mask(where(self.frame))
        return read_mask(where, self.height)

    def _evaluate(self, where: Any, text: str) -> Any:
        try:
            found = self._select(f"{text} AS found")
            kind = found.types[0].id
            values = found.fetchnumpy()["found"]
        except duckdb.Error as error:
            raise InvalidArgument(f"where={str(where)!r} cannot be evaluated: {error}") from error
        if kind not in ("boolean", "sqlnull", "null"):
            raise InvalidArgument(
                f"where={str(where)!r} is of type {kind.upper()}, and a condition is needed, such "
                "as 'year > 2000'"
            )
        return values if kind == "boolean" else np.zeros(self.height, np.bool_)

    def group_codes(self, labels: Sequence[Any]) -> npt.NDArray[np.int64]:
        names = [self._held.columns[one_of(self.names(), label)] for label in labels]
        keys = ", ".join(map(_quoted, names))
        found = self._ask(
            f"SELECT {_quoted(self._row)} AS r, dense_rank() OVER (ORDER BY {keys}) - 1 AS g "
            "FROM ruvector_held"
        ).fetchnumpy()
        codes = np.empty(self.height, np.int64)
        codes[np.asarray(found["r"])] = np.asarray(found["g"])
        return codes

    def take(self, rows: npt.NDArray[np.int64], columns: Sequence[Any] | None, added: Added) -> Any:
        names = self.names()
        chosen = names if columns is None else [names[one_of(names, name)] for name in columns]
        extra = {
            name: (values.data, ~np.ma.getmaskarray(values))
            if isinstance(values, np.ma.MaskedArray)
            else values
            for name, values in added.items()
        }
        return self._gathered(rows, chosen, extra)

    def _gathered(
        self, rows: npt.NDArray[np.int64], chosen: Sequence[Any], added: Mapping[str, Any]
    ) -> Any:
        mine = [(f"ruvector_held.{_quoted(name)}", name) for name in chosen]
        inside = f"JOIN ruvector_held ON ruvector_held.{_quoted(self._row)} = ruvector_found.row"
        return self._answer(rows, mine, added, inside, None)

    def _answer(
        self,
        rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[str, str]],
        added: Mapping[str, Any],
        joins: str,
        others: DuckDBFrame | None,
        other_rows: npt.NDArray[np.int64] | None = None,
    ) -> Any:
        """Return rows in the order given: columns as expressions and names, then those added."""
        named = [*(name for _, name in columns), *added]
        _refuse_equal_names(named)
        place = {"place": np.arange(len(rows)), "row": np.ascontiguousarray(rows, np.int64)}
        if other_rows is not None:
            place["other"] = np.ascontiguousarray(other_rows, np.int64)
        extra = {f"added {i}": values for i, values in enumerate(added.values())}
        listed = [f"{expression} AS {_quoted(name)}" for expression, name in columns]
        listed += [f"ruvector_found.{_quoted(key)} AS {_quoted(name)}"
                   for key, name in zip(extra, added, strict=True)]  # fmt: skip
        return self._ask(
            f"SELECT {', '.join(listed)} FROM ruvector_found {joins} ORDER BY ruvector_found.place",
            Rows({**place, **extra}),
            None if others is None else others._held,
        ).materialize()

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        out: Any = self
        for name, column in columns.items():
            if isinstance(column, _Lists):
                made = out._with_lists(name, column)
            else:
                made = out._gathered(np.arange(self.height), out.names(), {name: column})
            out = DuckDBFrame(made)
        return out.frame

    def _with_lists(self, name: str, lists: _Lists) -> Any:
        """Add a column of structs of lists, null where they are empty."""
        names = self.names()
        _refuse_equal_names([*names, name])
        fields = list(lists.fields)
        mine = [f"ruvector_held.{_quoted(held)}" for held in names]
        packed = ", ".join(f"{_quoted(f)} := list({_quoted(f)} ORDER BY place)" for f in fields)
        return self._ask(
            f"SELECT {', '.join([*mine, f'cell AS {_quoted(name)}'])} FROM ruvector_held LEFT JOIN "
            f"(SELECT owner, struct_pack({packed}) AS cell FROM ruvector_found GROUP BY owner) "
            f"ON owner = ruvector_held.{_quoted(self._row)} "
            f"ORDER BY ruvector_held.{_quoted(self._row)}",
            Rows(
                {
                    "owner": np.repeat(np.arange(len(lists.counts)), lists.counts),
                    "place": np.arange(int(lists.counts.sum())),
                    **lists.fields,
                }
            ),
        ).materialize()

    def join_rows(
        self,
        rows: npt.NDArray[np.int64],
        other: Frame | None,
        other_rows: npt.NDArray[np.int64],
        columns: Sequence[tuple[int, Any]],
        added: Added,
        nullable: bool,
    ) -> Any:
        mine = [(f"ruvector_held.{_quoted(name)}", name) for name in self.names()]
        joins = f"JOIN ruvector_held ON ruvector_held.{_quoted(self._row)} = ruvector_found.row"
        extra: Mapping[str, Any] = added
        if nullable:
            extra = {name: (values, other_rows >= 0) for name, values in added.items()}
        if other is None:
            return self._answer(rows, mine, extra, joins, None)
        other = other.inner if isinstance(other, ConvertedFrame) else other
        assert isinstance(other, DuckDBFrame)
        theirs = other.names()
        mine += [(f"ruvector_others.{_quoted(theirs[place])}", name) for place, name in columns]
        theirs_on = f"ruvector_others.{_quoted(other._row)} = ruvector_found.other"
        joins += f" LEFT JOIN ruvector_others ON {theirs_on}"
        return self._answer(rows, mine, extra, joins, other, other_rows)

    def position(self, label: Any) -> int:
        return position_of(label, self.height)

    def structs(self, name: str, fields: Added, counts: npt.NDArray[np.int64]) -> Any:
        return _Lists(fields, counts)

    def series(self, values: npt.NDArray[Any], name: str) -> Any:
        return self._ask("SELECT * FROM ruvector_found", Rows({name: values})).materialize()

    def values(self, label: Any, rows: npt.NDArray[np.int64]) -> list[Any]:
        name = self._held.columns[one_of(self.names(), label)]
        return [row[0] for row in self._gathered(rows, [name], {}).fetchall()]

    def make(self, columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> Any:
        arrays = {name: _array_of(columns[name], kind) for name, kind in kinds.items()}
        return self._ask("SELECT * FROM ruvector_found", Rows(arrays)).materialize()

    def _select(self, expressions: str) -> Any:
        """Return an expression in every row, in order."""
        return self._ask(f"SELECT {expressions} FROM ruvector_held{self._order}")

    def _ask(self, sql: str, found: Rows | None = None, others: Any = None) -> Any:
        """Return a query over the rows.

        It calls them ``ruvector_held``, names that no table of a user's has, since DuckDB looks at
        tables first. The others it finds among the variables of this function.
        """
        ruvector_found, ruvector_others = found, others
        try:
            return self._held.query("ruvector_held", sql)
        except duckdb.InvalidInputException as error:
            if others is None:
                raise
            raise InvalidArgument(
                f"left and right are relations of two databases, and DuckDB joins those of one: "
                f"read one of them into the other's, or both with to_arrow_table() ({error})"
            ) from error
        except duckdb.CatalogException as error:
            if "ruvector_" not in str(error):
                raise
            raise InvalidArgument(
                "DuckDB does not look at Python variables on this connection, and answers come "
                "through one: SET python_enable_replacements = true"
            ) from error
        finally:
            del ruvector_found, ruvector_others  # used by the query, by their names


def _reading(read: Any) -> Any:
    """Read a relation; what DuckDB says of one that cannot be is said as ours.

    Raises
    ------
    InvalidArgument
        Its table was dropped, its connection closed, a cast in it fails, and the like; or DuckDB
        is older than 2.0.
    """
    try:
        return read()
    except duckdb.Error as error:
        raise InvalidArgument(f"the DuckDB relation cannot be read: {error}") from error
    except AttributeError as error:
        raise InvalidArgument(
            f"DuckDB {duckdb.__version__} has no relations that can be searched, 2.0 has: read it "
            "first, for example relation.arrow() or relation.df()"
        ) from error


def _row_names() -> Any:
    yield "row"
    for i in range(1, 1 << 30):
        yield f"row {i}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kind_of(kind: Any) -> str:
    if kind.id in ("array", "list"):
        inner = kind.children[0][1].id
        if inner == "boolean":
            return "bits"
        return "vector" if inner in _NUMBERS else "other"
    if kind.id in _TEXTS:
        return "text"
    if kind.id == "blob":
        return "bits"
    if kind.id in _NUMBERS:
        return "number"
    return "null" if kind.id in ("sqlnull", "null", '"null"') else "other"


def _read_as(frame: DuckDBFrame, name: str, kind: Any) -> str:
    """Return the expression that reads a column of vectors in numbers that can be searched."""
    column = _quoted(name)
    if kind.id == "blob":
        return column
    inner = kind.children[0][1].id
    if inner in _AS_THEY_ARE:
        return column
    wanted = "DOUBLE"
    if inner != "decimal":
        largest = (
            f"SELECT max(abs(e)) FROM (SELECT unnest({column})::DOUBLE AS e FROM ruvector_held)"
        )
        if (frame._ask(largest).fetchall()[0][0] or 0) <= WHOLE:
            wanted = "FLOAT"
    size = dict(kind.children).get("size") if kind.id == "array" else ""
    return f"CAST({column} AS {wanted}[{size}]) AS {column}"


def _refuse_equal_names(names: Sequence[str]) -> None:
    """Refuse names that DuckDB, to which capitals are the same, cannot tell apart."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first is not name:
            raise ColumnError(
                f"the answer would have columns {first!r} and {name!r}, which are one name to "
                'DuckDB: rename yours, or the score with rv.config(score_column="...")'
            )


def _array_of(cells: list[Any], kind: str) -> Any:
    """Return cells as what `Rows` takes; None is null."""
    if kind == "text":
        texts = np.empty(len(cells), object)
        texts[:] = cells
        return texts
    valid = np.array([cell is not None for cell in cells], np.bool_)
    dtype = {"bool": np.bool_, "int": np.int64, "float": np.float64}[kind]
    return np.array([cell or 0 for cell in cells], dtype), valid
