"""Frames of pandas, polars and pyarrow: search, within, groups, filters, a given index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

import ruvector as rv

from .bit_columns import SHAPES as BIT_SHAPES
from .bit_columns import draw_bits, spell_bits
from .columns import PANDAS, objects
from .columns_arrow import ARROW, POLARS
from .drawing import Case, require
from .filters import draw_mask
from .judging import Asked
from .matrices import draw_query, draw_rows, may_be_refused
from .model import BITS, NAMES, NUMBERS, Model
from .spellings import spell_batch, spell_query
from .subject import refuses
from .ways import other_way

LIBRARIES = ("pandas", "polars", "pyarrow")
SHAPES: dict[str, dict[str, Any]] = {"pandas": PANDAS, "polars": POLARS, "pyarrow": ARROW}
BIT_COLUMNS = {
    "pandas": ("pandas arrow binary", "pandas packed rows", "pandas truths"),
    "polars": ("polars array", "polars binary"),
    "pyarrow": ("arrow fixed binary", "arrow binary", "arrow large binary", "arrow lists"),
}


class Framed:
    """A frame with a column of vectors, and the model of it."""

    def __init__(self, case: Case, like: Framed | None = None) -> None:
        self.case = case
        if like is None:
            self.library = case.pick(LIBRARIES)
            self.metric = case.pick(BITS) if case.chance(0.15) else case.pick(NUMBERS)
        else:
            self.library, self.metric = like.library, like.metric
        n = case.pick([1, 2, 5, 17, 40])
        self.group: list[Any] = [case.pick([None, "a", "b", "c"]) for _ in range(n)]
        self.price = [case.whole(0, 9) for _ in range(n)]
        width = None if like is None else like.model.x.shape[1]
        if self.metric in BITS:
            packed = draw_bits(case, n, width or case.whole(1, 9))
            name = case.pick(BIT_COLUMNS[self.library])
            column, x, valid = BIT_SHAPES[name](case, packed), packed, np.ones(n, bool)
        else:
            rows = draw_rows(case, n, width or case.whole(1, 20), nulls=case.chance(0.3))
            name = case.pick(list(SHAPES[self.library]))
            column, x, valid = SHAPES[self.library][name](case, rows), rows.wide, ~rows.null
        case.note(self.library, self.metric, "as", name)
        self.model = Model(self.metric, x, valid, list(range(n)))
        self.frame = self._frame(column)

    def _frame(self, column: Any) -> Any:
        n = len(self.model)
        if self.library == "polars":
            columns = {"row": range(n), "g": pl.Series(self.group, dtype=pl.String)}
            return pl.DataFrame({**columns, "price": self.price, "v": column})
        if self.library == "pyarrow":
            beside = {"text": pa.array(self.group, pa.string_view())}
            group = pa.array(self.group, pa.string())
            columns = {"row": range(n), "g": group, "price": self.price, "v": column}
            return pa.table({**columns, **(beside if self.case.chance(0.3) else {})})
        labels = column.index
        columns = {"row": range(n), "g": objects(self.group), "price": self.price}
        return pd.DataFrame(columns, index=labels).assign(v=column.array)

    @property
    def strange(self) -> bool:
        """Whether rows may be refused for their size."""
        if self.metric in BITS:
            return False
        return bool(may_be_refused(self.model.x[self.model.valid], self.metric).any())

    def odd(self, queries: np.ndarray) -> bool:
        """Say whether a query may be refused for its size."""
        if self.metric in BITS:
            return False
        valid = self.model.x[self.model.valid]
        longest = float(np.abs(valid).max(initial=0))
        queries = queries.reshape(-1, self.model.x.shape[1])
        return bool(may_be_refused(queries, self.metric, longest).any())

    def filter(self, arguments: dict[str, Any]) -> np.ndarray:
        """Add ``where=`` to the arguments, or not; return who may be found."""
        case, n = self.case, len(self.model)
        floor = case.whole(0, 9)
        by_price = np.array(self.price) > floor
        mask = draw_mask(case, n)
        pandas = self.library == "pandas"
        spellings = {
            "none": (None, np.ones(n, bool)),
            "numpy": (mask, mask),
            "list": (mask.tolist(), mask),
            "text": (f"price > {floor}", by_price),
        }
        if pandas:
            index = self.frame.index
            spellings["series"] = (pd.Series(mask, index=index), mask)
            spellings["column"] = (self.frame["price"] > floor, by_price)
            spellings["col"] = (pd.col("price") > floor, by_price)
            spellings["callable"] = (lambda frame: frame["price"] > floor, by_price)
        elif self.library == "polars":
            spellings["expression"] = (pl.col("price") > floor, by_price)
            spellings["series"] = (pl.Series(mask), mask)
        else:
            del spellings["text"]
            spellings["expression"] = (pc.field("price") > floor, by_price)
            spellings["array"] = (pa.array(mask), mask)
        how = case.pick(["none", *spellings])
        case.note("where", how)
        where, allowed = spellings[how]
        if where is not None:
            arguments["where"] = where
        return allowed

    def query(self) -> tuple[Any, np.ndarray]:
        """Return one query as it is asked, and as the model reads it."""
        if self.metric in BITS:
            query = draw_bits(self.case, 1, self.model.x.shape[1])[0]
            return spell_bits(self.case, query), query
        rows = self.model.x[self.model.valid]
        return spell_query(self.case, draw_query(self.case, rows, self.model.x.shape[1]))

    def batch(self) -> tuple[Any, np.ndarray]:
        """Return a batch of queries as it is asked, and as the model reads it."""
        count, d = self.case.pick([0, 1, 3]), self.model.x.shape[1]
        if self.metric in BITS:
            queries = draw_bits(self.case, count, d)
            return queries, queries
        rows = self.model.x[self.model.valid]
        drawn = [draw_query(self.case, rows, d) for _ in range(count)]
        return spell_batch(self.case, np.array(drawn).reshape(count, d))


def _columns(frame: Any) -> list[str]:
    return list(frame.column_names if isinstance(frame, pa.Table) else frame.columns)


def values_of(frame: Any, name: str) -> np.ndarray:
    """Return a column as NumPy."""
    return np.asarray(frame[name].to_numpy())


def has_shape(f: Framed, hits: Any, extras: list[str]) -> None:
    """Require the type of the frame, its columns, then the extras."""
    require(type(hits) is type(f.frame), "type of the answer", str(type(hits)))
    expected = [*_columns(f.frame), *extras]
    require(_columns(hits) == expected, "columns of the answer", str(_columns(hits)))
    rows = values_of(hits, "row").astype(np.int64)
    for name in extras:
        counted = np.uint32 if isinstance(hits, pl.DataFrame) else np.int64
        kind = counted if name in ("rank", "query_row") else np.float32
        require(values_of(hits, name).dtype == kind, f"type of {name}", str(hits))
    if isinstance(hits, pd.DataFrame):
        same = hits.index.equals(f.frame.index.take(rows))
        require(same, "labels of the answer", str(hits.index))
    group = hits["g"].to_pylist() if isinstance(hits, pa.Table) else list(hits["g"])
    same = [f.group[row] for row in rows.tolist()] == [None if g != g else g for g in group]
    require(same, "columns of the user's rows", str(group))


def _call(f: Framed, verb: Any, query: Any, queries: np.ndarray, **arguments: Any) -> Any:
    try:
        return verb(f.frame, query, on="v", metric=f.metric, **arguments)
    except rv.InvalidVector:
        if f.strange or f.odd(queries):
            return None
        raise


def _verb(f: Framed, name: str) -> Any:
    verb = getattr(rv, name)
    if f.library != "pyarrow" and f.case.chance(0.5):

        def verb(frame: Any, *args: Any, **named: Any) -> Any:
            return getattr(frame.ruvector, name)(*args, **named)

    return other_way(f.case, f.library, verb)


def search_one(f: Framed) -> None:
    """One query: the rows found, best first."""
    arguments: dict[str, Any] = {}
    given, query = f.query()
    allowed, k = f.filter(arguments), f.case.pick([0, 1, 3, 10, 50])
    f.case.note("search", f"k={k}")
    asked = Asked(f.model, query, allowed)
    hits = _call(f, _verb(f, "search"), given, query, k=k, **arguments)
    if hits is None:
        return
    has_shape(f, hits, [NAMES[f.metric]])
    asked.is_nearest(values_of(hits, "row").tolist(), values_of(hits, NAMES[f.metric]), k)


def search_batch(f: Framed) -> None:
    """A batch: the rows of each query, with its number and their ranks."""
    arguments: dict[str, Any] = {}
    given, queries = f.batch()
    allowed, k = f.filter(arguments), f.case.pick([0, 1, 3, 50])
    f.case.note("search batch", len(queries), f"k={k}")
    hits = _call(f, _verb(f, "search"), given, queries, k=k, **arguments)
    if hits is None:
        return
    has_shape(f, hits, ["query_row", "rank", NAMES[f.metric]])
    rows, scores = values_of(hits, "row"), values_of(hits, NAMES[f.metric])
    numbers, ranks = values_of(hits, "query_row"), values_of(hits, "rank")
    require((np.diff(numbers.astype(np.int64)) >= 0).all(), "order of query_row", str(numbers))
    for i, query in enumerate(queries):
        of_it = numbers == i
        count = int(of_it.sum())
        require(ranks[of_it].tolist() == list(range(1, count + 1)), "ranks", str(ranks))
        Asked(f.model, query, allowed).is_nearest(rows[of_it].tolist(), scores[of_it], k)


def search_groups(f: Framed) -> None:
    """``by=``: the k best of every group; pandas leaves null groups out."""
    arguments: dict[str, Any] = {}
    given, query = f.query()
    allowed, k = f.filter(arguments), f.case.pick([0, 1, 2, 10])
    f.case.note("by", f"k={k}")
    hits = _call(f, _verb(f, "search"), given, query, k=k, by="g", **arguments)
    if hits is None:
        return
    rows = values_of(hits, "row").astype(np.int64)
    scores = values_of(hits, NAMES[f.metric])
    groups = np.array([f.group[row] or "" for row in rows.tolist()], object)
    wanted = {g for g in f.group if g is not None or f.library != "pandas"}
    firsts: list[int] = []
    for g in wanted:
        within_group = allowed & np.array([one == g for one in f.group])
        of_it = groups == (g or "")
        places = np.flatnonzero(of_it)
        together = len(places) == 0 or places[-1] - places[0] == len(places) - 1
        require(together, "rows of a group lie together", str(groups))
        asked = Asked(f.model, query, within_group)
        asked.is_nearest(rows[of_it].tolist(), scores[of_it], k)
        if len(places):
            firsts.append(int(places[0]))
    counted = sum((groups == (g or "")).sum() for g in wanted)
    require(counted == len(rows), "rows of other groups", str(groups))
    Asked(f.model, query, allowed).is_sorted(scores[sorted(firsts)])


def within(f: Framed) -> None:
    """``within``: all rows inside a threshold; one of the other kind is refused."""
    arguments: dict[str, Any] = {}
    given, query = f.query()
    allowed = f.filter(arguments)
    asked = Asked(f.model, query, allowed)
    scores = asked.scores.values[asked.best]
    edge = float(f.case.pick(scores.tolist())) if len(scores) else 0.5
    name, other = ("min_similarity", "max_distance")
    if not f.model.larger:
        name, other = other, name
    edge = min(max(edge, f.model.bounds()[0]), f.model.bounds()[1])
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(edge)):
            return
    f.case.note("within", f"{name}={edge!r}")
    verb = _verb(f, "within")
    hits = _call(f, verb, given, query, **{name: edge}, **arguments)
    if hits is None:
        return
    has_shape(f, hits, [NAMES[f.metric]])
    found = values_of(hits, NAMES[f.metric])
    asked.is_within(values_of(hits, "row").tolist(), found, edge, None)
    wrong = {other: edge}
    call = lambda: verb(f.frame, given, on="v", metric=f.metric, **wrong)  # noqa: E731
    refuses(call, rv.MetricError, "threshold of the other kind")


def given_index(f: Framed) -> None:
    """``index=``: the same answer from an index built before."""
    case = f.case
    kind = case.pick(["exact", "flat", "ivf"]) if f.metric in NUMBERS else "exact"
    try:
        built = rv.build_index(f.frame, "v", metric=f.metric, kind=kind)
    except rv.InvalidVector:
        if f.strange:
            return
        raise
    arguments: dict[str, Any] = {}
    given, query = f.query()
    allowed, k = f.filter(arguments), case.pick([1, 3, 50])
    case.note("index", kind, f"k={k}")
    hits = _call(f, rv.search, given, query, k=k, index=built, recall=1.0, **arguments)
    if hits is None:
        return
    has_shape(f, hits, [NAMES[f.metric]])
    asked = Asked(f.model, query, allowed)
    asked.is_nearest(values_of(hits, "row").tolist(), values_of(hits, NAMES[f.metric]), k)
    _in_another_order(f, built, given, k)
    found = built.search(given, k, recall=1.0)
    again = found.rows(f.frame)
    require(values_of(again, "row").tolist() == found.ids.tolist(), "rows of an answer")


def _in_another_order(f: Framed, built: rv.Index, given: Any, k: int) -> None:
    x = np.where(f.model.valid[:, None], f.model.x, 0)
    if (x == x[::-1]).all() and (f.model.valid == f.model.valid[::-1]).all():
        return
    other = _reversed(f.frame)
    call = lambda: rv.search(other, given, k=k, on="v", index=built)  # noqa: E731
    refuses(call, rv.VectorsChanged, "an index with a frame in another order")


def _reversed(frame: Any) -> Any:
    if isinstance(frame, pd.DataFrame):
        return frame.iloc[::-1]
    if isinstance(frame, pl.DataFrame):
        return frame.reverse()
    parts = [frame.slice(row, 1) for row in range(frame.num_rows - 1, -1, -1)]
    return pa.concat_tables(parts)


def index_by_ids(f: Framed) -> None:
    """``build_index(ids="row")``: a frame in another order is joined by that column."""
    case = f.case
    try:
        built = rv.build_index(f.frame, "v", ids="row", metric=f.metric)
    except rv.InvalidVector:
        if f.strange:
            return
        raise
    given, query = f.query()
    k = case.pick([1, 3, 50])
    case.note("index by ids", f"k={k}")
    frame = _reversed(f.frame) if case.chance(0.7) else f.frame
    try:
        hits = rv.search(frame, given, k=k, on="v", index=built)
    except rv.InvalidVector:
        if f.odd(query):
            return
        raise
    asked = Asked(f.model, query, np.ones(len(f.model), bool))
    rows = values_of(hits, "row").tolist()
    asked.is_nearest(rows, values_of(hits, NAMES[f.metric]), k)
    group = hits["g"].to_pylist() if isinstance(hits, pa.Table) else list(hits["g"])
    theirs = [None if g != g else g for g in group]
    require(theirs == [f.group[row] for row in rows], "rows of other ids", str(theirs))


def to_matrix(f: Framed) -> None:
    """``to_matrix`` and ``to_column`` keep the numbers; null rows are NaN."""
    if f.metric in BITS:
        return
    f.case.note("to_matrix")
    model, valid = f.model, f.model.valid
    matrix = rv.to_matrix(f.frame["v"])
    require(matrix.shape == model.x.shape, "shape of to_matrix", str(matrix.shape))
    require(matrix.dtype == np.float32, "type of to_matrix", str(matrix.dtype))
    with np.errstate(over="ignore", under="ignore"):
        single = model.x.astype(np.float32)
    require((matrix[valid] == single[valid]).all(), "numbers of to_matrix", str(matrix))
    require(np.isnan(matrix[~valid]).all(), "nulls of to_matrix", str(matrix))
    column = rv.to_column(matrix, like=f.frame)
    again = rv.to_matrix(column)
    require((again[valid] == single[valid]).all(), "numbers of to_column", str(again))
    require(np.isnan(again[~valid]).all(), "nulls of to_column", str(again))


def limited_search(f: Framed) -> None:
    """``search`` with a threshold, and with some of the columns only."""
    given, query = f.query()
    k = f.case.pick([1, 3, 50])
    asked = Asked(f.model, query, np.ones(len(f.model), bool))
    scores = asked.scores.values[asked.best]
    edge = float(f.case.pick(scores.tolist())) if len(scores) else 0.5
    edge = min(max(edge, f.model.bounds()[0]), f.model.bounds()[1])
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(edge)):
            return
    name = "min_similarity" if f.model.larger else "max_distance"
    f.case.note("search", f"k={k}", f"{name}={edge!r}")
    verb = _verb(f, "search")
    hits = _call(f, verb, given, query, k=k, columns=["g", "row"], **{name: edge})
    if hits is None:
        return
    require(_columns(hits) == ["g", "row", NAMES[f.metric]], "columns asked for")
    rows, found = values_of(hits, "row").tolist(), values_of(hits, NAMES[f.metric])
    asked.is_within(rows, found, edge, k)


def scalar_columns(case: Case) -> None:
    """``on=["e*"]``: numbers in columns of their own are one vector a row."""
    library, metric = case.pick(LIBRARIES), case.pick(NUMBERS)
    rows = draw_rows(case, case.pick([1, 5, 17]), case.whole(1, 6))
    n, d = rows.values.shape
    if rows.code == "f2" or may_be_refused(rows.wide, metric).any():
        return
    columns: dict[str, Any] = {"row": np.arange(n)}
    columns |= {f"e{j}": np.ascontiguousarray(rows.values[:, j]) for j in range(d)}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library]
    query = draw_query(case, rows.wide, d).astype(np.float32)
    if may_be_refused(query[None, :].astype(float), metric, float(np.abs(rows.wide).max())).any():
        return
    case.note(library, metric, "scalar columns")
    hits = rv.search(make(columns), query, k=3, on=["e*"], metric=metric)
    asked = Asked(
        Model(metric, rows.wide, np.ones(n, bool), list(range(n))), query, np.ones(n, bool)
    )
    asked.is_nearest(values_of(hits, "row").tolist(), values_of(hits, NAMES[metric]), 3)


def skipped_rows(case: Case) -> None:
    """``bad_vectors="skip"``: rows that are not finite count as null, and the others are found."""
    rows = draw_rows(case, case.pick([2, 5, 17]), case.whole(1, 6))
    if rows.code[0] != "f" or may_be_refused(rows.wide, "l2").any():
        return
    n = len(rows)
    bad = case.np.random(n) < 0.4
    bad[case.whole(0, n - 1)] = False
    values = rows.values.copy()
    values[bad, case.whole(0, rows.dim - 1)] = case.pick([np.nan, np.inf, -np.inf])
    shape = case.pick(["pandas", "polars", "pyarrow"])
    name = case.pick([one for one in SHAPES[shape] if one != "arrow tensor"])
    column = SHAPES[shape][name](case, type(rows)(values, rows.null))
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[shape]
    numbers = np.arange(n)
    frame = make({"row": numbers, "v": column.array if shape == "pandas" else column})
    query = draw_query(case, rows.wide[~bad], rows.dim).astype(np.float32)
    longest = float(np.abs(rows.wide[~bad]).max())
    if may_be_refused(query[None, :].astype(float), "l2", longest).any():
        return
    case.note(name, "bad vectors skipped")
    with rv.config(bad_vectors="skip"):
        hits = rv.search(frame, query, k=3, on="v", metric="l2")
    asked = Asked(Model("l2", rows.wide, ~bad, list(range(n))), query, np.ones(n, bool))
    asked.is_nearest(values_of(hits, "row").tolist(), values_of(hits, "l2_distance"), 3)


VERBS = {
    search_one: 5,
    search_batch: 3,
    search_groups: 2,
    limited_search: 1,
    within: 2,
    given_index: 2,
    index_by_ids: 1,
    to_matrix: 1,
}


def frames(case: Case) -> None:
    """Ask one frame several times: the second answer comes from the cache."""
    framed = Framed(case)
    for _ in range(case.whole(1, 3)):
        case.weigh(VERBS)(framed)


def changed_cells(case: Case) -> None:
    """A row changed in place is seen by the next search, whatever was cached."""
    n, d = case.pick([2, 17, 40]), case.whole(2, 9)
    matrix = case.np.standard_normal((n, d)).astype(case.pick(["f4", "f8"]))
    how = case.pick(["views", "copies", "lists"])
    shape = {"views": lambda r: r, "copies": np.copy, "lists": np.ndarray.tolist}[how]
    frame = pd.DataFrame({"row": range(n), "v": objects([shape(row) for row in matrix])})
    query = case.np.standard_normal(d)
    case.note(f"{n} x {d} {matrix.dtype}", how, "changed in place")
    rv.search(frame, query, k=3, metric="l2")
    row = case.whole(0, n - 1)
    frame["v"].iloc[row][:] = query.astype(matrix.dtype)
    x = np.array([np.asarray(cell, np.float64) for cell in frame["v"]])
    hits = rv.search(frame, query, k=3, metric="l2")
    asked = Asked(Model("l2", x, np.ones(n, bool), list(range(n))), query, np.ones(n, bool))
    asked.is_nearest(hits["row"].tolist(), hits["l2_distance"].to_numpy(), 3)
