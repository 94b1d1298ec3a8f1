"""where= in every spelling: always before the search, null is False, nothing guessed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import ruvector as rv

N, D = 30, 5
RANDOM = np.random.default_rng(5)
MATRIX = RANDOM.standard_normal((N, D), dtype=np.float32)
QUERY = RANDOM.standard_normal(D, dtype=np.float32)
PRICE = RANDOM.permutation(N)
ALLOWED = PRICE > 20
ROWS = oracle.nearest(MATRIX, QUERY, 4, "cosine", allowed=ALLOWED)[0].tolist()
FLOOR = 20  # found by text filters where the caller stands
DAY = dt.date(2026, 11, 24)


def _pandas(**columns: Any) -> Any:
    data = {"row": np.arange(N), "price": PRICE, "emb": list(MATRIX), **columns}
    return pd.DataFrame(data)


def _polars(**columns: Any) -> Any:
    vectors = pl.Series(MATRIX, dtype=pl.Array(pl.Float32, D))
    return pl.DataFrame({"row": range(N), "price": PRICE, "emb": vectors, **columns})


def _arrow() -> Any:
    return pa.Table.from_pandas(_pandas())


PANDAS = {
    "series": lambda f: f["price"] > 20,
    "nullable series": lambda f: (f["price"] > 20).astype("boolean"),
    "arrow series": lambda f: (f["price"] > 20).astype(pd.ArrowDtype(pa.bool_())),
    "object series of truth": lambda f: (f["price"] > 20).astype(object),
    "numpy": lambda f: ALLOWED,
    "strided numpy": lambda f: np.repeat(ALLOWED, 3)[::3],
    "read-only numpy": lambda f: np.frombuffer(ALLOWED.tobytes(), dtype=bool),
    "list": lambda f: ALLOWED.tolist(),
    "text": lambda f: "price > 20",
    "text with the caller's name": lambda f: "price > @FLOOR",
    "text with quoted names": lambda f: "`price` > 20 and row >= 0",
    "col": lambda f: pd.col("price") > 20,
    "callable": lambda f: lambda frame: frame["price"] > 20,
    "callable to numpy": lambda f: lambda frame: frame["price"].to_numpy() > 20,
    "callable to text": lambda f: lambda frame: frame.eval("price > 20"),
    "extension array": lambda f: pd.array(ALLOWED, dtype="boolean"),
    "arrow": lambda f: pa.array(ALLOWED),
}


@pytest.mark.parametrize("spelling", PANDAS)
@pytest.mark.parametrize("batch", [False, True])
def test_every_pandas_spelling_means_the_same_rows(spelling: str, batch: bool) -> None:
    frame = _pandas()
    query = np.stack([QUERY, QUERY]) if batch else QUERY
    hits = frame.ruvector.search(query, k=4, where=PANDAS[spelling](frame))
    assert hits["row"].tolist() == (ROWS * 2 if batch else ROWS)
    assert rv.last_plan().rows_eligible == ALLOWED.sum()


POLARS = {
    "expression": lambda f: pl.col("price") > 20,
    "expressions that all hold": lambda f: [pl.col("price") > 20, pl.col("row") >= 0],
    "series": lambda f: f["price"] > 20,
    "chunked series": lambda f: pl.concat(
        [pl.Series(ALLOWED[:7]), pl.Series(ALLOWED[7:])], rechunk=False
    ),
    "sql": lambda f: "price > 20",
    "sql with words": lambda f: "price > 20 AND row IS NOT NULL",
    "numpy": lambda f: ALLOWED,
}


@pytest.mark.parametrize("spelling", POLARS)
def test_every_polars_spelling_means_the_same_rows(spelling: str) -> None:
    frame = _polars()
    hits = frame.ruvector.search(QUERY, k=4, where=POLARS[spelling](frame))
    assert hits["row"].to_list() == ROWS


ARROW = {
    "array": lambda: pa.array(ALLOWED),
    "chunked": lambda: pa.chunked_array([ALLOWED[:9], ALLOWED[9:]]),
    "sliced": lambda: pa.array([True, *ALLOWED, False]).slice(1, N),
    "expression": lambda: pc.field("price") > 20,
    "numpy": lambda: ALLOWED,
    "polars": lambda: pl.Series(ALLOWED),
}


@pytest.mark.parametrize("spelling", ARROW)
def test_every_arrow_spelling_means_the_same_rows(spelling: str) -> None:
    hits = rv.search(_arrow(), QUERY, k=4, where=ARROW[spelling]())
    assert hits["row"].to_pylist() == ROWS


def test_a_filter_comes_before_the_search_and_an_ordinary_one_after_it() -> None:
    frame = _pandas()
    before = frame.ruvector.search(QUERY, k=4, where=frame["price"] > 20)
    after = frame.ruvector.search(QUERY, k=4).query("price > 20")
    assert len(before) == 4
    assert len(after) < 4
    assert set(after["row"]) <= set(before["row"])


def test_a_series_in_another_order_is_refused_although_its_labels_are_the_same() -> None:
    frame = _pandas()
    mask = (frame["price"] > 20).sort_values()
    with pytest.raises(rv.RuVectorError, match="index"):
        frame.ruvector.search(QUERY, k=4, where=mask)
    again = frame.ruvector.search(QUERY, k=4, where=mask.reindex(frame.index))
    assert again["row"].tolist() == ROWS


def test_a_text_filter_sees_the_locals_of_a_function_inside_a_function() -> None:
    floor = 25

    def inner() -> Any:
        ceiling = 28
        hits = _pandas().ruvector.search(QUERY, k=N, where="price > @floor and price < @ceiling")
        assert hits["price"].between(floor, ceiling, inclusive="neither").all()
        return hits

    assert sorted(inner()["price"]) == [26, 27]
    found = rv.search(_pandas(), QUERY, k=N, where="price > @floor")
    assert sorted(found["price"]) == [26, 27, 28, 29]
    plan = rv.explain(_pandas(), QUERY, k=N, where="price > @floor")
    assert plan.rows_eligible == 4
    plan = _pandas().ruvector.explain(QUERY, k=N, where="price > @floor")
    assert plan.rows_eligible == 4


def test_expressions_over_dates_and_text_are_filters() -> None:
    days = [DAY + dt.timedelta(days=i % 3) for i in range(N)]
    polars = _polars(day=days, name=["ab"[i % 2] for i in range(N)])
    chosen = (pl.col("day") == DAY) & (pl.col("name") == "a")
    hits = polars.ruvector.search(QUERY, k=N, where=chosen)
    assert sorted(hits["row"].to_list()) == list(range(0, N, 6))
    pandas = _pandas(day=pd.to_datetime(days), name=["ab"[i % 2] for i in range(N)])
    hits = pandas.ruvector.search(
        QUERY, k=N, where=(pd.col("day") == pd.Timestamp(DAY)) & (pd.col("name") == "a")
    )
    assert sorted(hits["row"]) == list(range(0, N, 6))


WRONG = {
    "short": (ALLOWED[:-1], "29"),
    "long": (np.append(ALLOWED, True), "31"),
    "numbers": (PRICE.astype(float), "bool"),
    "rows": (np.flatnonzero(ALLOWED), "bool"),
    "zeros and ones": (ALLOWED.astype(np.uint8), "bool"),
    "two axes": (ALLOWED[:, None], "1"),
    "words": (np.array(["yes"] * N), "bool"),
    "one truth": (np.True_, "where"),
    "a dictionary": ({"price": 20}, "where"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow", "index"])
def test_what_is_no_mask_is_refused_and_says_where(name: str, library: str) -> None:
    where, said = WRONG[name]
    frame = {"pandas": _pandas, "polars": _polars, "arrow": _arrow}.get(library)
    with pytest.raises(rv.InvalidArgument) as caught:
        if frame is None:
            rv.Index.build(MATRIX).search(QUERY, 3, where=where)
        else:
            rv.search(frame(), QUERY, k=3, where=where)
    text = str(caught.value)
    assert said in text or "where" in text, text
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "where", ["price >", "nobody > 3", "price + 1", "@undefined_name > 1", ""], ids=repr
)
def test_a_text_that_is_no_filter_fails_before_the_search(where: str) -> None:
    for frame in (_pandas(), _polars()):
        plan = rv.last_plan()
        with pytest.raises(Exception) as caught:
            frame.ruvector.search(QUERY, k=3, where=where)
        assert not isinstance(caught.value, (AssertionError, AttributeError, SystemError))
        assert rv.last_plan() is plan


def test_an_error_inside_a_callable_reaches_its_author() -> None:
    def wrong(frame: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        _pandas().ruvector.search(QUERY, k=1, where=wrong)


def test_a_callable_gets_the_users_frame_and_may_not_change_it_by_accident() -> None:
    frame = _pandas()
    seen = []
    frame.ruvector.search(QUERY, k=1, where=lambda f: seen.append(f) or f["price"] > 20)
    assert seen[0] is frame or seen[0].equals(frame)
    assert list(frame.columns) == ["row", "price", "emb"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_k_means_k_at_any_selectivity(share: float, kind: str) -> None:
    random = np.random.default_rng(int(share * 100))
    matrix = random.standard_normal((3000, 16), dtype=np.float32)
    mask = random.random(3000) < share
    queries = random.standard_normal((5, 16), dtype=np.float32)
    with rv.Index.build(matrix, kind=kind, metric="l2") as index:
        found = index.search(queries, 50, where=mask, recall=1.0)
        assert found.counts.tolist() == [min(50, int(mask.sum()))] * 5
        for i, query in enumerate(queries):
            rows, _ = oracle.nearest(matrix, query, 50, "l2", allowed=mask)
            assert found.ids[i, : len(rows)].tolist() == rows.tolist()


@pytest.mark.parametrize(
    "make", [set, frozenset, iter, lambda ids: dict.fromkeys(ids).keys(), tuple]
)
def test_ids_may_be_any_collection(make):
    rows = np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)
    index = rv.Index.build(rows, metric="l2")
    found = index.search(rows[9], 5, ids=make([3, 9, 40])).ids.tolist()
    assert sorted(found) == [3, 9, 40]
    assert found[0] == 9
    named = rv.Index.build(rows, ids=[f"r{i}" for i in range(50)])
    assert set(named.search(rows[9], 5, ids=make(["r1", "r9"])).ids.tolist()) == {"r1", "r9"}
    assert index.delete({3, 40}) == 2


def test_masks_that_are_empty_null_or_expressions():
    pl = pytest.importorskip("polars")
    empty = rv.Index.build(np.zeros((0, 4), np.float32))
    assert empty.search(np.ones(4, np.float32), 3, where=[]).ids.tolist() == []
    index = rv.Index.build(np.eye(4, dtype=np.float32))
    nulls = pl.Series([None] * 4)
    assert index.search(np.ones(4, np.float32), 3, where=nulls).ids.tolist() == []
    with pytest.raises(rv.InvalidArgument, match="expression"):
        index.search(np.ones(4, np.float32), 3, where=pl.col("a") > 1)
