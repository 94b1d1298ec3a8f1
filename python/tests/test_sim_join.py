"""What `sim_join` promises, on all three libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

RNG = np.random.default_rng(20)
LEFT = RNG.standard_normal((6, 8)).astype("f4")
RIGHT = RNG.standard_normal((40, 8)).astype("f4")


def vectors_of(library: str, rows: Any) -> Any:
    """Return a column of vectors, None being null."""
    if library == "pandas":
        return pd.Series(list(rows), dtype=object)
    cells = [None if row is None else [float(x) for x in row] for row in rows]
    if library == "polars":
        return pl.Series(cells, dtype=pl.Array(pl.Float32, 8))
    return pa.array(cells, pa.list_(pa.float32(), 8))


FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
every_library = pytest.mark.parametrize("library", FRAMES)


def frame(library: str, rows: Any, name: str = "v", **columns: Any) -> Any:
    """Return a frame of a column of vectors and others."""
    return FRAMES[library]({name: vectors_of(library, rows), **columns})


def lists(answer: Any, name: str) -> list[Any]:
    """Return a column as a list, null being None."""
    if isinstance(answer, pd.DataFrame):
        missing = answer[name].isna()
        return [None if gone else value for value, gone in zip(answer[name], missing, strict=True)]
    return answer[name].to_list() if isinstance(answer, pl.DataFrame) else answer[name].to_pylist()


def names(answer: Any) -> list[str]:
    return list(answer.column_names if isinstance(answer, pa.Table) else answer.columns)


def nearest(query: Any, k: int, allowed: Any = None) -> list[int]:
    """Return the k rows of RIGHT most similar to a vector."""
    scores = RIGHT @ query / np.linalg.norm(RIGHT, axis=1)
    scores = scores if allowed is None else np.where(allowed, scores, -np.inf)
    return np.argsort(-scores, kind="stable")[:k].tolist()


@every_library
def test_left_rows_come_in_order_and_their_matches_best_first(library: str) -> None:
    left = frame(library, LEFT, n=list(range(6)))
    right = frame(library, RIGHT, m=list(range(40)))
    joined = rv.sim_join(left, right, k=3)
    assert type(joined) is type(left)
    assert names(joined) == ["v", "n", "v_right", "m", "rank", "cosine_similarity"]
    assert lists(joined, "n") == [row for row in range(6) for _ in range(3)]
    assert lists(joined, "m") == [row for query in LEFT for row in nearest(query, 3)]
    assert lists(joined, "rank") == [1, 2, 3] * 6


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_accessor_forwards(library: str) -> None:
    left, right = frame(library, LEFT, n=list(range(6))), frame(library, RIGHT, m=list(range(40)))
    joined = left.ruvector.sim_join(right, k=2)
    assert lists(joined, "m") == lists(rv.sim_join(left, right, k=2), "m")
    assert "left :" not in type(left.ruvector).sim_join.__doc__
    assert "right : frame" in type(left.ruvector).sim_join.__doc__


def test_types_of_rank_and_score() -> None:
    for how, rank in (("inner", "int64"), ("left", "Int64")):
        joined = rv.sim_join(frame("pandas", LEFT), frame("pandas", RIGHT), how=how)
        assert joined.dtypes.astype(str)[["rank", "cosine_similarity"]].tolist() == [
            rank,
            "float32",
        ]
        joined = rv.sim_join(frame("polars", LEFT), frame("polars", RIGHT), how=how)
        assert joined.dtypes[-2:] == [pl.UInt32, pl.Float32]
        joined = rv.sim_join(frame("pyarrow", LEFT), frame("pyarrow", RIGHT), how=how)
        assert joined.schema.types[-2:] == [pa.int64(), pa.float32()]


@every_library
def test_left_keeps_rows_without_a_match_and_null_vectors(library: str) -> None:
    rows: list[Any] = list(LEFT)
    rows[2], rows[4] = None, -RIGHT[nearest(LEFT[4], 1)[0]] * 1000
    left = frame(library, rows, n=list(range(6)))
    right = frame(library, RIGHT[:2], m=["a", "b"])
    joined = rv.sim_join(left, right, how="left", k=2, min_similarity=0.2)
    inner = rv.sim_join(left, right, k=2, min_similarity=0.2)
    assert sorted(set(lists(joined, "n"))) == list(range(6))
    missing = [n for n, m in zip(lists(joined, "n"), lists(joined, "m"), strict=True) if m is None]
    assert 2 in missing
    assert len(missing) == len(set(missing)) == 6 - len(set(lists(inner, "n")))
    for name in ("m", "rank", "cosine_similarity", "v_right"):
        where = [value is None for value in lists(joined, name)]
        assert where == [m is None for m in lists(joined, "m")]
    kept = [row for row in zip(lists(joined, "n"), lists(joined, "m"), strict=True) if row[1]]
    assert kept == list(zip(lists(inner, "n"), lists(inner, "m"), strict=True))


@every_library
def test_null_vectors_on_the_right_are_never_found(library: str) -> None:
    rows: list[Any] = list(RIGHT)
    rows[nearest(LEFT[0], 1)[0]] = None
    joined = rv.sim_join(frame(library, LEFT), frame(library, rows, m=list(range(40))), k=40)
    assert len(lists(joined, "m")) == 6 * 39


@every_library
def test_fewer_right_rows_than_k_give_fewer(library: str) -> None:
    joined = rv.sim_join(frame(library, LEFT), frame(library, RIGHT[:3]), k=100_000)
    assert lists(joined, "rank") == [1, 2, 3] * 6


@every_library
@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("by", [None, "g"])
def test_no_rows_on_either_side(library: str, how: str, by: str | None) -> None:
    empty = frame(library, [], g=pl.Series([], dtype=pl.Int64) if library == "polars" else [])
    if library == "pyarrow":
        empty = empty.set_column(1, "g", pa.array([], pa.int64()))
    full = frame(library, LEFT, g=[1] * 6)
    for left, right in ((empty, full), (full, empty), (empty, empty)):
        joined = rv.sim_join(left, right, on="v", how=how, by=by)
        wanted = 6 if how == "left" and left is full else 0
        assert len(lists(joined, "rank")) == wanted
        assert names(joined) == [
            "v", "g", "v_right", *(["g_right"] if by is None else []), "rank", "cosine_similarity"
        ]  # fmt: skip


@every_library
def test_a_frame_may_be_joined_with_itself_and_finds_itself(library: str) -> None:
    rows = frame(library, RIGHT, m=list(range(40)))
    joined = rv.sim_join(rows, rows)
    assert lists(joined, "m") == lists(joined, "m_right") == list(range(40))


@every_library
def test_where_right_limits_who_is_found(library: str) -> None:
    right = frame(library, RIGHT, m=list(range(40)))
    import pyarrow.compute as pc

    where: Any = {"pandas": "m < 10", "polars": pl.col("m") < 10, "pyarrow": pc.field("m") < 10}
    for mask in (where[library], np.arange(40) < 10):
        joined = rv.sim_join(frame(library, LEFT), right, k=2, where_right=mask)
        wanted = [row for query in LEFT for row in nearest(query, 2, np.arange(40) < 10)]
        assert lists(joined, "m") == wanted


@every_library
def test_columns_called_differently(library: str) -> None:
    left = frame(library, LEFT, "a", b=vectors_of(library, LEFT))
    right = frame(library, RIGHT, "c", d=vectors_of(library, -RIGHT), m=list(range(40)))
    with pytest.raises(rv.ColumnError, match=r"left frame: several .*'a' .*'b'.*left_on="):
        rv.sim_join(left, right, right_on="c")
    with pytest.raises(rv.ColumnError, match=r"right frame: several .*'c' .*'d'.*right_on="):
        rv.sim_join(left, right, left_on="a")
    with pytest.raises(rv.ColumnError, match=r"left frame: there is no column 'c'"):
        rv.sim_join(left, right, on="c")
    with pytest.raises(rv.ColumnError, match=r"right frame: there is no column 'a'"):
        rv.sim_join(left, right, on="a")
    joined = rv.sim_join(left, right, left_on="b", right_on="c")
    assert lists(joined, "m") == [nearest(query, 1)[0] for query in LEFT]
    joined = rv.sim_join(left, right, on="a", right_on="c")
    assert lists(joined, "m") == [nearest(query, 1)[0] for query in LEFT]


@every_library
def test_numbers_in_columns_of_their_own(library: str) -> None:
    left = FRAMES[library]({f"x{i}": LEFT[:, i] for i in range(8)} | {"n": list(range(6))})
    right = FRAMES[library]({f"x{i}": RIGHT[:, i] for i in range(8)} | {"m": list(range(40))})
    joined = rv.sim_join(left, right, on=["x*"])
    assert lists(joined, "m") == [nearest(query, 1)[0] for query in LEFT]


@every_library
@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_rows_of_bits(library: str, metric: Any) -> None:
    bits = RNG.integers(0, 256, (30, 4)).astype(np.uint8)
    cells: list[Any] = [row.tobytes() for row in bits]
    cells[3] = None
    right = FRAMES[library]({"v": cells, "m": list(range(30))})
    left = FRAMES[library]({"v": [cells[7], None, cells[9]], "n": [0, 1, 2]})
    if metric == "hamming":
        for other in (right, rv.Index.build(bits, metric="hamming")):
            with pytest.raises(rv.InvalidArgument, match="rows of 32 bits differ in 0 to 32"):
                rv.sim_join(left, other, left_on="v", metric=metric, max_distance=33)
        with pytest.raises(rv.InvalidArgument, match="rows of 32 bits differ in 0 to 32"):
            rv.similar_to(right, 7, on="v", metric=metric, max_distance=33)
    joined = rv.sim_join(left, right, on="v", metric=metric, max_distance=0, how="left")
    assert lists(joined, "m") == [7, None, 9]
    assert lists(joined, f"{metric}_distance") == [0, None, 0]


@every_library
@pytest.mark.parametrize("given", [False, True])
def test_every_number_type_on_the_left(library: str, given: bool) -> None:
    values = RNG.integers(-9, 10, (5, 8))
    right = frame(library, values, m=list(range(5)))
    index = rv.build_index(right) if given else None
    if library == "pandas":
        kinds: Any = [pd.Series(list(values.astype(t))) for t in ("f4", "f8", "f2", "i1", "i8")]
    elif library == "polars":
        kinds = [
            pl.Series(values.tolist(), dtype=pl.List(t)) for t in (pl.Float64, pl.Int8, pl.Int32)
        ]
    else:
        kinds = [
            pa.array(values.tolist(), pa.list_(t)) for t in (pa.float64(), pa.int8(), pa.int32())
        ]
    for column in kinds:
        joined = rv.sim_join(FRAMES[library]({"w": column}), right, index=index, metric=None)
        assert lists(joined, "m") == list(range(5)), column.dtype


def test_float64_is_compared_as_float64() -> None:
    step = 2.0**-40
    right = pd.DataFrame({"v": [np.array([1 + step * i, 0.0]) for i in range(6)]})
    left = pd.DataFrame({"v": [np.array([1 + step * 4, 0.0])]})
    assert rv.sim_join(left, right, metric="l2", k=1)["v_right"][0][0] == 1 + step * 4


@every_library
def test_bad_numbers_on_the_left_are_named_or_skipped(library: str) -> None:
    rows = LEFT.copy()
    rows[3, 5] = np.nan
    left, right = frame(library, rows, n=list(range(6))), frame(library, RIGHT)
    with pytest.raises(
        rv.InvalidVector, match=r"left column 'v': row 3, column 5 holds NaN"
    ) as caught:
        rv.sim_join(left, right)
    assert (caught.value.row, caught.value.column) == (3, 5)
    with pytest.raises(rv.InvalidVector, match=r"right column 'v': build: row 3"):
        rv.sim_join(right, left)
    with rv.config(bad_vectors="skip"):
        assert lists(rv.sim_join(left, right), "n") == [0, 1, 2, 4, 5]
        assert None in lists(rv.sim_join(left, right, how="left"), "rank")


@every_library
def test_other_dimensions_name_both_sides(library: str) -> None:
    left = FRAMES[library]({"w": pd.Series([np.ones(3)]) if library == "pandas" else [[1.0] * 3]})
    right = frame(library, RIGHT)
    with pytest.raises(rv.DimensionMismatch, match=r"'w' has 3 dim.*right column 'v' has 8"):
        rv.sim_join(left, right)
    with pytest.raises(rv.DimensionMismatch, match=r"'w' has 3 dim.*the index has 8"):
        rv.sim_join(left, rv.Index.build(RIGHT))


def test_arguments_that_cannot_be() -> None:
    left, right = frame("pandas", LEFT), frame("pandas", RIGHT)
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"k": 0}, rv.InvalidArgument, "k=0 must lie between 1 and 100,000"),
        ({"k": 100_001}, rv.InvalidArgument, "k=100001 must lie"),
        ({"k": 1.5}, rv.InvalidArgument, "k=1.5 must be a whole number"),
        ({"how": "outer"}, rv.InvalidArgument, "how='outer' must be 'inner' or 'left'"),
        ({"recall": 0}, rv.InvalidArgument, "recall=0"),
        ({"metric": "ip"}, rv.MetricError, "metric='ip' is not"),
        ({"max_distance": 1}, rv.MetricError, "max_distance=1 cannot limit metric 'cosine'"),
        ({"metric": "l2", "min_similarity": 1}, rv.MetricError, "cannot limit metric 'l2'"),
        ({"by": []}, rv.InvalidArgument, "names no column"),
        ({"suffix": None}, rv.InvalidArgument, "suffix=None is not a text"),
        ({"index": rv.Index}, rv.InvalidArgument, "is not an Index"),
    ]
    for arguments, kind, message in bad:
        with pytest.raises(kind, match=message):
            rv.sim_join(left, right, **arguments)


@every_library
def test_the_right_side_must_be_a_frame_of_the_same_library_or_an_index(library: str) -> None:
    left = frame(library, LEFT)
    with pytest.raises(rv.InvalidArgument, match=r"right side: .*ndarray.* Index is taken"):
        rv.sim_join(left, RIGHT)
    for other in FRAMES:
        if other != library:
            with pytest.raises(
                rv.InvalidArgument, match=f"left is a {library} frame and right a {other} one"
            ):
                rv.sim_join(left, frame(other, RIGHT))
    with pytest.raises(rv.InvalidArgument, match="index= is given as well"):
        rv.sim_join(left, rv.Index.build(RIGHT), index=rv.Index.build(RIGHT))
    with pytest.raises(rv.InvalidArgument, match=r"^a numpy ndarray.* is not a frame"):
        rv.sim_join(LEFT, frame(library, RIGHT))


@every_library
def test_names_that_clash(library: str) -> None:
    left, right = frame(library, LEFT, n=[1] * 6), frame(library, RIGHT, n=[1] * 40)
    joined = rv.sim_join(left, right, suffix="_r")
    assert names(joined) == ["v", "n", "v_r", "n_r", "rank", "cosine_similarity"]
    with pytest.raises(rv.ColumnError, match=r"right frame's column 'v'.*suffix=''"):
        rv.sim_join(left, right, suffix="")
    taken = frame(library, LEFT, n=[1] * 6, n_right=[1] * 6)
    with pytest.raises(rv.ColumnError, match=r"'n' is called 'n_right' .* left frame has"):
        rv.sim_join(taken, right)
    taken = frame(library, RIGHT, n=[1] * 40, n_right=[1] * 40)
    with pytest.raises(rv.ColumnError, match=r"'n' is called 'n_right' .* right frame has"):
        rv.sim_join(left, taken)
    for side in ("left", "right"):
        for name in ("rank", "cosine_similarity"):
            pair = [left, right]
            pair[side == "right"] = frame(
                library, [LEFT, RIGHT][side == "right"][:5], **{name: [1] * 5}
            )
            with pytest.raises(rv.ColumnError, match=f"the {side} frame's column {name!r}"):
                rv.sim_join(*pair)
    with (
        rv.config(score_column="n"),
        pytest.raises(rv.ColumnError, match="left frame's column 'n'"),
    ):
        rv.sim_join(left, right)
    with rv.config(score_column="near"):
        assert names(rv.sim_join(left, right))[-1] == "near"


@every_library
def test_inputs_are_not_changed(library: str) -> None:
    left, right = frame(library, LEFT, n=[1] * 6), frame(library, RIGHT, n=[1] * 40)
    before = names(left), names(right), lists(left, "n"), lists(right, "n")
    rv.sim_join(left, right, how="left", min_similarity=0.9)
    assert (names(left), names(right), lists(left, "n"), lists(right, "n")) == before


def test_progress_is_told_and_the_plan_adds_up() -> None:
    told: list[tuple[int, int]] = []
    rows = RNG.standard_normal((2500, 8)).astype("f4")
    left = frame("pandas", rows)
    rv.sim_join(
        left, frame("pandas", RIGHT), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1024, 2500), (2048, 2500), (2500, 2500)]
    plan = rv.last_plan()
    assert plan is not None and plan.queries == 2500


def test_the_right_index_is_cached_by_content() -> None:
    rv.cache.clear()
    rows = RNG.standard_normal((10_500, 8)).astype("f4")
    left = frame("pandas", LEFT)
    first = rv.sim_join(left, frame("pandas", rows))
    plan = rv.last_plan()
    assert plan is not None and plan.index == "built"
    second = rv.sim_join(left, frame("pandas", rows.copy()))
    plan = rv.last_plan()
    assert plan is not None and plan.index == "cached"
    pd.testing.assert_frame_equal(first, second)
    rv.cache.clear()
