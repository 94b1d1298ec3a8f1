"""Settings, threads, warnings and the classic classes; what on= chooses in frames."""

from __future__ import annotations

import asyncio
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

N, D = 40, 6
MATRIX = np.random.default_rng(61).standard_normal((N, D), dtype=np.float32)
QUERY = MATRIX[7] + np.float32(0.05)
CLASSIC = [rv.FlatF32Index, rv.RabitqIndex, rv.RabitqPlusIndex, rv.RabitqAsymIndex]


def _threads() -> int:
    return rv.Index.build(MATRIX, kind="flat").search(MATRIX, 3).plan.threads


def _frame(**columns: Any) -> Any:
    return pd.DataFrame({"n": np.arange(N), "emb": list(MATRIX), **columns})


def test_nested_blocks_put_back_what_they_found_in_any_order_of_leaving() -> None:
    frame = _frame()

    def name() -> str:
        return str(frame.ruvector.search(QUERY, k=1).columns[-1])

    with rv.config(score_column="outer"):
        with rv.config(score_column="inner", bad_vectors="skip"):
            assert name() == "inner"
        assert name() == "outer"
        with pytest.raises(ZeroDivisionError), rv.config(score_column="third"):
            assert name() == "third"
            1 / 0  # noqa: B018
        assert name() == "outer"
        with rv.config(score_column=None):
            assert name() == "cosine_similarity"
        with rv.config(cache_bytes=5):
            assert name() == "outer"
    assert name() == "cosine_similarity"


def test_a_setting_refused_changes_none_of_the_others() -> None:
    for wrong in ({"threads": -1}, {"bad_vectors": "drop"}, {"cache_bytes": 1.5},
                  {"cache_bytes": -1}, {"score_column": 3}, {"score_column": "rank"},
                  {"embedder": 3}):  # fmt: skip
        with pytest.raises(rv.RuVectorError) as caught:
            rv.config(**{"score_column": "changed", **wrong})  # type: ignore[arg-type]
        assert next(iter(wrong)) in str(caught.value)
        assert _frame().ruvector.search(QUERY, k=1).columns[-1] == "cosine_similarity"
    with pytest.raises(TypeError):
        rv.config(treads=2)  # type: ignore[call-arg]


def test_numbers_of_numpy_are_numbers_of_threads_and_bytes() -> None:
    with rv.config(threads=np.int64(1), cache_bytes=np.uint32(77)):
        assert _threads() == 1
        assert rv.cache.info().limit == 77
    rv.Index.build(MATRIX, threads=np.int8(1)).search(QUERY, 1, threads=np.int16(1))


@pytest.mark.parametrize("value", [-1, 1.5, "two", [2], np.nan])
def test_threads_are_whole_numbers_from_zero_everywhere(value: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="threads"):
        rv.set_threads(value)
    with pytest.raises(rv.InvalidArgument, match="threads"):
        rv.Index.build(MATRIX).search(QUERY, 1, threads=value)


def test_a_limit_of_threads_reaches_searches_and_answers_do_not_depend_on_it() -> None:
    matrix = np.random.default_rng(1).standard_normal((30_000, 64), dtype=np.float32)
    answers = set()
    for threads in (1, 2, 5, 0):
        with rv.config(threads=threads):
            index = rv.Index.build(matrix, kind="flat", keep="none")
            found = index.search(matrix[:300], 10, rerank=0)
            assert threads == 0 or found.plan.threads <= threads
            answers.add((found.ids.tobytes(), found.scores.tobytes()))
    assert len(answers) == 1


def test_sixteen_threads_with_indexes_frames_and_filters_get_the_answers_of_one() -> None:
    index = rv.Index.build(MATRIX, kind="flat", metric="l2")
    frame, polars = _frame(), pl.DataFrame({"n": range(N), "emb": MATRIX})
    expected = [oracle.nearest(MATRIX, query, 5, "l2")[0].tolist() for query in MATRIX]
    failures: list[Any] = []

    def work(seed: int) -> None:
        try:
            for i in np.random.default_rng(seed).permutation(N)[:12]:
                one = index.search(MATRIX[i], 5, recall=1.0).ids.tolist()
                two = frame.ruvector.search(MATRIX[i], k=5, metric="l2")["n"].tolist()
                three = polars.ruvector.search(MATRIX[i], k=5, metric="l2")["n"].to_list()
                if not one == two == three == expected[i]:
                    failures.append((i, one, two, three))
                if rv.last_plan().rows != N:
                    failures.append("plan")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_each_task_of_a_loop_sees_its_own_last_plan() -> None:
    indexes = [rv.Index.build(MATRIX[: 10 + i]) for i in range(8)]

    async def ask(i: int) -> bool:
        for _ in range(5):
            indexes[i].search(QUERY, 2)
            await asyncio.sleep(0)
            if rv.last_plan().rows != 10 + i:
                return False
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(ask(i) for i in range(8)))

    assert all(asyncio.run(all_of_them()))


def test_lists_warn_once_at_the_line_of_the_user_and_name_the_fix() -> None:
    frame = pd.DataFrame({"slow_lists": MATRIX.tolist()})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            frame.ruvector.search(QUERY, k=1)
            rv.search(frame, QUERY, k=1)
    ours = [w for w in told if issubclass(w.category, rv.RuVectorWarning)]
    assert len(ours) <= 1
    for one in ours:
        assert one.filename == __file__
        assert "to_column" in str(one.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame["fast"] = rv.to_column(np.array(MATRIX.tolist()), like=frame)
        frame.ruvector.search(QUERY, on="fast", k=1)


def test_processor_features_are_a_copy_that_says_what_runs() -> None:
    told = rv.cpu_features()
    assert told["tier"] in told["available"]
    assert "pure" in told["available"]
    told["tier"] = "broken"
    assert rv.cpu_features()["tier"] != "broken"
    assert rv.cpu_features()["tier"] == rv.Index.build(MATRIX).search(QUERY, 1).plan.backend


CHOICES: dict[str, tuple[Any, list[int]]] = {
    "label": ("emb", [7]),
    "patterns": (["e[0-9]"], [7]),
    "listed": ([f"e{i}" for i in range(D)], [7]),
    "listed backwards": ([f"e{i}" for i in reversed(range(D))], []),
}


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("choice", CHOICES)
def test_on_chooses_a_column_or_gathers_columns_of_numbers(library: str, choice: str) -> None:
    on, rows = CHOICES[choice]
    frame: Any = _frame(**{f"e{i}": MATRIX[:, i].astype("f8") for i in range(D)})
    if library != "pandas":
        frame = pl.from_pandas(frame) if library == "polars" else pa.Table.from_pandas(frame)
    hits = rv.search(frame, QUERY, k=1, on=on, max_distance=0.2, metric="l2")
    assert [int(n) for n in hits["n"].to_numpy()] == rows
    names = hits.column_names if library == "arrow" else list(hits.columns)
    assert names == [*(frame.column_names if library == "arrow" else frame.columns), "l2_distance"]


def test_columns_are_gathered_in_the_order_they_are_listed_and_names_are_no_patterns() -> None:
    frame = pl.DataFrame({"a[1]": [3.0, 0.0], "a1": [4.0, 0.0], "b": [0.0, 1.0]})
    for on, query in ((["b", "a1"], [0, 4]), (["a1", "b"], [4, 0]), (["a[1]", "b"], [3, 0]),
                      (["b", "a*"], [0, 3, 4]), (["a1", "a*"], [4, 3])):  # fmt: skip
        hits = frame.ruvector.search(query, on=on, k=1, metric="l2")
        assert hits["l2_distance"].to_list() == [0.0]


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_on_that_fits_nothing_or_several_is_an_error_that_lists_what_there_is(library: str) -> None:
    frame: Any = _frame(other=list(MATRIX[:, :3]))
    if library != "pandas":
        frame = pl.from_pandas(frame) if library == "polars" else pa.Table.from_pandas(frame)
    with pytest.raises(rv.ColumnError) as caught:
        rv.search(frame, QUERY, k=1)
    assert all(part in str(caught.value) for part in ("emb", "other", "on="))
    for wrong in ("nobody", ["nobody_*"], ["n", "nobody"], ["n", "emb"], [], "n"):
        with pytest.raises(rv.RuVectorError) as caught:
            rv.search(frame, QUERY, k=1, on=wrong)
        assert len(str(caught.value)) > 20
    with pytest.raises(rv.DimensionMismatch, match="3"):
        rv.search(frame, QUERY, k=1, on="other")


def test_an_index_given_to_a_frame_must_be_of_its_rows_and_metric() -> None:
    frame = _frame()
    index = rv.Index.build(MATRIX, metric="l2", kind="flat")
    hits = frame.ruvector.search(QUERY, k=3, index=index)
    assert hits.columns[-1] == "l2_distance"
    assert hits["n"].tolist() == oracle.nearest(MATRIX, QUERY, 3, "l2")[0].tolist()
    with pytest.raises(rv.MetricError, match="l2"):
        frame.ruvector.search(QUERY, k=3, index=index, metric="cosine")
    with pytest.raises(rv.RuVectorError, match=str(N)):
        frame.iloc[:-1].ruvector.search(QUERY, k=3, index=index)
    for wrong in ("index", 3, MATRIX, frame):
        with pytest.raises(rv.InvalidArgument, match="index"):
            frame.ruvector.search(QUERY, k=3, index=wrong)
    index.close()
    with pytest.raises(rv.IndexClosed):
        frame.ruvector.search(QUERY, k=3, index=index)


@pytest.mark.parametrize("cls", CLASSIC)
def test_a_classic_index_keeps_the_laws_of_its_page(cls: Any, tmp_path: Path) -> None:
    ids = [f"id {i}" for i in range(N)]
    index = cls.build(MATRIX, ids=ids, seed=7)
    assert isinstance(index, rv.AnyIndex)
    hits = index.search(QUERY, 4)
    assert [type(hit) for hit in hits] == [rv.Hit] * 4
    assert [hit.score for hit in hits] == sorted(hit.score for hit in hits)
    assert index.search(QUERY, 0) == []
    assert len(index.search(QUERY, N + 9)) == N
    index.save(tmp_path / "classic")
    again = cls.load(tmp_path / "classic")
    assert again == index
    assert again.search(QUERY, 4) == hits
    assert (len(index), index.dim, list(index.ids)) == (N, D, ids)
    assert index.memory_bytes > 0
    assert index != cls.build(MATRIX[::-1].copy(), ids=ids, seed=7)
    assert index != 3
    for wrong in (QUERY[:-1], "text", None, MATRIX[:, :2]):
        with pytest.raises(rv.RuVectorError):
            index.search(wrong, 1)
    for k in (-1, 1.5, "x"):
        with pytest.raises(rv.RuVectorError):
            index.search(QUERY, k)
    for other in CLASSIC:
        if other is not cls:
            assert index != other.build(MATRIX, ids=ids, seed=7)


@pytest.mark.parametrize("cls", [rv.FlatF32Index, rv.RabitqPlusIndex])
def test_scores_of_classic_indexes_are_squared_distances_of_the_nearest(cls: Any) -> None:
    rows, scores = oracle.nearest(MATRIX, QUERY, 5, "sqeuclidean")
    hits = cls.build(MATRIX).search(QUERY, 5)
    assert [hit.id for hit in hits] == rows.tolist()
    assert [hit.score for hit in hits] == pytest.approx(scores.tolist(), rel=1e-6)


def test_texts_that_are_half_a_character_are_searched_or_refused_by_name() -> None:
    frame = pd.DataFrame({"text": pd.Series(["fine", "\ud800"], dtype=object)})

    def embed(texts: list[str]) -> Any:
        return np.array([[len(t), 1.0] for t in texts])

    assert len(frame.ruvector.search("fine", text="text", embedder=embed, k=2)) == 2
    for query, column in (("fine", frame), ("\ud800", frame.iloc[:1])):
        with pytest.raises(rv.RuVectorError):
            column.ruvector.search(query, text="text", k=1)


def test_an_accessor_has_no_state_that_could_be_set() -> None:
    for holder in (_frame(), _frame()["emb"], pl.from_pandas(_frame()), pl.Series(MATRIX)):
        with pytest.raises(AttributeError):
            holder.ruvector.k = 3
        assert not hasattr(holder.ruvector, "__dict__")
