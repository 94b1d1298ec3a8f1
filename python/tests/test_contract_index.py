"""Index as its page promises: ids, filters, files, errors with what, where and what to do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ruvector as rv

N, D = 64, 5
MATRIX = np.random.default_rng(6).standard_normal((N, D), dtype=np.float32)
QUERY = np.random.default_rng(7).standard_normal(D, dtype=np.float32)

ID_SPELLINGS = {
    "range": range(100, 100 + N),
    "int8": np.arange(N, dtype=np.int8) - 20,
    "uint64": np.arange(N, dtype=np.uint64) + np.uint64(2**64 - 2 - N),
    "list": [i * i for i in range(N)],
    "pandas": pd.Series(np.arange(N) + 5, index=np.arange(N)[::-1]),
    "pandas nullable": pd.Series(np.arange(N) + 5, dtype="Int64"),
    "pandas index": pd.Index([f"k{i}" for i in range(N)]),
    "pandas text": pd.Series([f"k{i}" for i in range(N)]),
    "polars": pl.Series(range(7, 7 + N)),
    "polars text": pl.Series([f"k{i}" for i in range(N)]),
    "arrow": pa.array(range(N)),
    "arrow chunks": pa.chunked_array([range(0, 9), range(9, N)]),
    "arrow large text": pa.array([f"k{i}" for i in range(N)], pa.large_string()),
    "arrow view": pa.array([f"k{i}" for i in range(N)], pa.string_view()),
    "text of any script": ["", *(chr(0x4E00 + i) * i for i in range(1, N))],
    "numpy text": np.array([f"k{i}" for i in range(N)]),
    "objects": np.array([f"k{i}" for i in range(N)], dtype=object),
}


@pytest.mark.parametrize("spelling", ID_SPELLINGS)
def test_ids_of_any_library_name_the_rows_and_find_them(spelling: str, tmp_path: Path) -> None:
    ids = ID_SPELLINGS[spelling]
    index = rv.Index.build(MATRIX, ids=ids)
    rows = oracle.nearest(MATRIX, QUERY, 5, "cosine")[0]
    plain = ids.to_pylist() if hasattr(ids, "to_pylist") else [
        i.item() if isinstance(i, np.generic) else i for i in ids
    ]  # fmt: skip
    index.save(tmp_path / "index", vectors=True)
    for one in (index, rv.Index.load(tmp_path / "index")):
        assert one.search(QUERY, 5).ids.tolist() == [plain[row] for row in rows]
        assert one[plain[9]].tobytes() == MATRIX[9].tobytes()
        assert one[[plain[9], plain[2], plain[9]]].tobytes() == MATRIX[[9, 2, 9]].tobytes()
        few = [plain[row] for row in rows[1:3]]
        assert one.search(QUERY, 5, ids=few).ids.tolist() == few
        assert one.search(QUERY, 5, ids=[*few, *few]).ids.tolist() == few
        assert one.search(QUERY, 5, ids=[]).ids.tolist() == []


NO_IDS: dict[str, tuple[Any, type[Exception], str]] = {
    "too few": (range(N - 1), rv.InvalidArgument, str(N - 1)),
    "too many": (range(N + 1), rv.InvalidArgument, str(N + 1)),
    "twice": ([*range(N - 1), 3], rv.DuplicateId, "3"),
    "text twice": ([*(f"k{i}" for i in range(N - 1)), "k4"], rv.DuplicateId, "k4"),
    "null": ([None, *range(N - 1)], rv.RuVectorError, "ids"),
    "floats": (np.arange(N) + 0.5, rv.RuVectorError, "ids"),
    "mixed": ([*range(N - 1), "x"], rv.RuVectorError, "ids"),
    "truth": ([True, False] * (N // 2), rv.RuVectorError, "ids"),
    "two axes": (np.arange(N)[:, None], rv.RuVectorError, "ids"),
    "great": ([2**64 + i for i in range(N)], rv.RuVectorError, "ids"),
    "negative and great": ([-1, *range(2**63, 2**63 + N - 1)], rv.RuVectorError, "ids"),
    "bytes": ([b"%d" % i for i in range(N)], rv.RuVectorError, "ids"),
    "a number": (3, rv.RuVectorError, "ids"),
    "a text": ("x" * N, rv.RuVectorError, "ids"),
    "surrogates": (["\ud800", *(f"k{i}" for i in range(N - 1))], rv.RuVectorError, "row 0"),
    "dates": (pd.date_range("2026-01-01", periods=N), rv.RuVectorError, "ids"),
}


@pytest.mark.parametrize("name", NO_IDS)
def test_ids_that_cannot_name_rows_are_refused(name: str) -> None:
    ids, error, said = NO_IDS[name]
    with pytest.raises(error) as caught:
        rv.Index.build(MATRIX, ids=ids)
    assert said in str(caught.value), caught.value


def test_an_id_that_is_not_there_is_named_and_is_a_lookup_error() -> None:
    for ids, unknown in ((None, N), (None, -1), ([f"k{i}" for i in range(N)], "k99"),
                         (range(100, 100 + N), 5)):  # fmt: skip
        index = rv.Index.build(MATRIX, ids=ids)
        for ask in (lambda i=index, u=unknown: i[u], lambda i=index, u=unknown: i[[u]],
                    lambda i=index, u=unknown: i.search(QUERY, 3, ids=[u])):  # fmt: skip
            with pytest.raises(rv.UnknownId, match=str(unknown)) as caught:
                ask()
            assert isinstance(caught.value, LookupError)
    for wrong in ("text", 1.5, None, [None], [[1]], slice(3), object()):
        with pytest.raises((rv.UnknownId, rv.InvalidArgument)):
            rv.Index.build(MATRIX)[wrong]


@pytest.mark.parametrize(
    ("name", "value"),
    [("metric", "cos"), ("kind", "hnsw"), ("bits", 0), ("bits", 10), ("bits", 2.5),
     ("bits", "5"), ("keep", "all"), ("recall", 0), ("recall", 1.5), ("recall", "high"),
     ("recall", float("nan")), ("nulls", "drop"), ("seed", "x"), ("seed", 1.5), ("threads", -1),
     ("threads", 1.5), ("threads", "two")],
)  # fmt: skip
def test_an_argument_without_meaning_is_named_with_its_value(name: str, value: Any) -> None:
    with pytest.raises(rv.RuVectorError) as caught:
        rv.Index.build(MATRIX, **{"kind": "flat", name: value})
    assert name in str(caught.value), caught.value
    assert repr(value).strip("'") in str(caught.value), caught.value


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400), st.integers(0, 10_000), st.integers(1, 255))
def test_any_bytes_are_an_index_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("file") / "index"
    rv.Index.build(MATRIX, kind="flat", keep="copy").save(path, vectors=True)
    whole = path.read_bytes()
    spoiled = bytearray(whole)
    spoiled[at % len(whole)] ^= flip
    for data in (junk, whole[: at % len(whole)], bytes(spoiled), whole + junk, junk + whole):
        path.write_bytes(data)
        try:
            index = rv.Index.load(path)
        except rv.PersistError as error:
            assert str(path) in str(error) or "index" in str(error)
        else:
            assert len(index) == N
            assert index.search(QUERY, 3, recall=1.0).ids.tolist() == (
                oracle.nearest(MATRIX, QUERY, 3, "cosine")[0].tolist()
            )


def test_saving_replaces_a_file_whole_and_takes_any_path(tmp_path: Path) -> None:
    index = rv.Index.build(MATRIX, keep="copy")
    for path in (str(tmp_path / "a.rv"), tmp_path / "b c.rv", tmp_path / "é漢.rv",
                 os.fsencode(tmp_path / "bytes.rv")):  # fmt: skip
        index.save(path)
        index.save(path)
        assert len(rv.Index.load(path)) == N
    before = {p.name for p in tmp_path.iterdir()}
    for wrong in (tmp_path, tmp_path / "no" / "where", "", "a\x00b"):
        with pytest.raises((OSError, rv.RuVectorError, ValueError)):
            index.save(wrong)
        with pytest.raises((OSError, rv.RuVectorError, ValueError)):
            rv.Index.load(wrong)
    assert {p.name for p in tmp_path.iterdir()} == before
    with pytest.raises(TypeError):
        index.save(3.5)  # type: ignore[arg-type]


def test_a_file_without_vectors_says_so_once_and_takes_them_back(
    tmp_path: Path, capsys: Any
) -> None:
    index = rv.Index.build(MATRIX, kind="flat", keep="borrow", metric="l2")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        index.save(tmp_path / "codes")
    out = capsys.readouterr()
    said = [str(w.message) for w in told] + list((out.out + out.err).splitlines())
    assert len(said) == 1
    assert "vectors" in said[0]
    expected = index.search(QUERY, 5)
    alone = rv.Index.load(tmp_path / "codes")
    assert alone.search(QUERY, 5).plan.scores == "estimated"
    with pytest.raises(rv.RuVectorError, match="vectors"):
        alone[0]
    for column in (MATRIX, list(MATRIX), pa.array(MATRIX.tolist(), pa.list_(pa.float32(), D)),
                   pd.Series(list(MATRIX)), MATRIX.astype("f8")):  # fmt: skip
        whole = rv.Index.load(tmp_path / "codes", vectors=column)
        found = whole.search(QUERY, 5)
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.scores.tobytes() == expected.scores.tobytes()
    for wrong in (MATRIX[:-1], MATRIX[::-1], MATRIX[:, :-1], np.zeros_like(MATRIX)):
        with pytest.raises((rv.VectorsChanged, rv.DimensionMismatch)):
            rv.Index.load(tmp_path / "codes", vectors=wrong)


def test_borrowed_memory_that_changed_is_never_an_answer_out_of_order() -> None:
    matrix = np.random.default_rng(1).standard_normal((3000, 64), dtype=np.float32)
    index = rv.Index.build(matrix, kind="flat", keep="borrow", metric="l2")
    queries = matrix[:200].copy()
    matrix[:] = np.random.default_rng(2).standard_normal(matrix.shape) * 50
    with pytest.raises(rv.VectorsChanged, match="row"):
        for _ in range(20):
            index.search(queries, 10)


def test_the_seed_and_nothing_else_decides_the_bytes() -> None:
    matrix = np.random.default_rng(3).standard_normal((500, 70), dtype=np.float32)
    made = {
        (seed, threads): pickle.dumps(
            rv.Index.build(matrix.copy(), kind="flat", keep="none", seed=seed, threads=threads)
        )
        for seed in (1, 2)
        for threads in (1, 2, 7)
    }
    assert len(set(made.values())) == 2
    assert made[1, 1] != made[2, 1]


def test_errors_are_of_the_tree_and_of_the_builtin_kind_a_user_would_catch() -> None:
    parents = {
        rv.DimensionMismatch: (rv.VectorIndexError, ValueError),
        rv.InvalidVector: (rv.VectorIndexError, ValueError),
        rv.IndexClosed: (rv.VectorIndexError, ValueError),
        rv.UnknownId: (rv.VectorIndexError, LookupError),
        rv.ColumnError: (rv.RuVectorError, LookupError),
        rv.MetricError: (rv.RuVectorError, ValueError),
        rv.InvalidArgument: (rv.RuVectorError, ValueError),
        rv.LimitExceeded: (rv.RuVectorError, ValueError),
        rv.OutOfMemory: (rv.RuVectorError, MemoryError),
        rv.MissingExtra: (rv.RuVectorError, ImportError),
        rv.ForkedProcessError: (rv.RuVectorError, RuntimeError),
        rv.CorruptIndex: (rv.PersistError, rv.RuVectorError),
        rv.Poisoned: (rv.NativeError, rv.RuVectorError),
    }
    for error, bases in parents.items():
        assert all(issubclass(error, base) for base in bases), error
        again = pickle.loads(pickle.dumps(error("why, and what to do")))
        assert type(again) is error
        assert str(again) == "why, and what to do"


@pytest.mark.parametrize("row", [0, 17, N - 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_bad_number_is_told_by_row_and_column_as_attributes_too(row: int, value: float) -> None:
    matrix = MATRIX.copy()
    matrix[row, 3] = value
    for column in (matrix, matrix.astype("f8"), list(matrix), pl.Series(matrix),
                   pa.array(matrix.tolist()), pd.Series(list(matrix))):  # fmt: skip
        with pytest.raises(rv.InvalidVector) as caught:
            rv.Index.build(column)
        assert (caught.value.row, caught.value.column) == (row, 3)
        assert f"row {row}" in str(caught.value)


def test_two_searches_run_at_once_and_other_python_runs_beside_them() -> None:
    matrix = np.random.default_rng(4).standard_normal((20_000, 128), dtype=np.float32)
    index = rv.Index.build(matrix, kind="exact", metric="l2")
    ticks, done = [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            ticks[0] += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    begin = time.perf_counter()
    index.search(matrix[:400], 10, threads=1)
    took = time.perf_counter() - begin
    done.set()
    thread.join()
    assert ticks[0] > min(20, took / 0.0005 / 20)


def test_importing_from_any_folder_and_ending_with_open_indexes_is_silent(tmp_path: Path) -> None:
    code = (
        "import numpy as np, ruvector as rv\n"
        "keep = [rv.Index.build(np.eye(8, dtype='f4'), kind=k) for k in ('exact', 'flat')]\n"
        "loop = [keep]; loop.append(loop)\n"
        "print(keep[0].search(np.eye(8)[3], 1).ids[0])\n"
    )
    path = os.pathsep.join(p for p in sys.path if p.endswith("python"))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "3", "")
