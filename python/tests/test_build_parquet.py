"""`Index.build_parquet`: vectors stay in their files, and nothing else is different."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv

DIM = 24
ROWS = np.random.default_rng(12).standard_normal((3000, DIM)).astype("f4")
ROWS[::7] += 2  # of which some lie together


def fixed(rows: np.ndarray, type_: Any = None) -> Any:
    numbers = pa.array(rows.ravel(), type_)
    return pa.FixedSizeListArray.from_arrays(numbers, rows.shape[1])


def parts(folder: Path, rows: np.ndarray = ROWS, files: int = 3, **how: Any) -> Path:
    """A folder of files, each with ids and row groups of its own length."""
    folder.mkdir(exist_ok=True)
    for i in range(files):
        span = range(i * len(rows) // files, (i + 1) * len(rows) // files)
        table = pa.table(
            {
                "name": [f"row {j}" for j in span],
                "number": pa.array([10 * j for j in span], pa.uint64()),
                "emb": fixed(rows[span.start : span.stop]),
            }
        )
        pq.write_table(table, folder / f"part-{i}.parquet", row_group_size=170 * (i + 1), **how)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts(tmp_path_factory.mktemp("corpus"))


def saved(ix: rv.Index, tmp: Path, vectors: bool = True) -> bytes:
    ix.save(tmp / "saved.rv", vectors=vectors)
    return (tmp / "saved.rv").read_bytes()


def same_answers(a: rv.Index, b: rv.Index, queries: np.ndarray = ROWS[40:60]) -> None:
    for asked in (queries[0], queries):
        one, other = a.search(asked, k=8), b.search(asked, k=8)
        assert (one.ids == other.ids).all()
        assert (one.scores.view("u4") == other.scores.view("u4")).all()


# ---- the same index ----


@pytest.mark.parametrize("kind", ["auto", "exact", "flat", "ivf"])
@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
def test_the_index_is_that_of_the_vectors_byte_for_byte(
    folder: Path, tmp_path: Path, kind: Any, metric: Any
) -> None:
    near = rv.Index.build(ROWS, kind=kind, metric=metric)
    far = rv.Index.build_parquet(folder, "emb", kind=kind, metric=metric)
    assert far.kind == near.kind
    assert saved(far, tmp_path) == saved(near, tmp_path)
    same_answers(far, near)


def written_by_pandas(path: Path, rows: np.ndarray) -> None:
    pd.DataFrame({"emb": list(rows)}).to_parquet(path)


def written_by_polars(path: Path, rows: np.ndarray) -> None:
    pl.DataFrame({"emb": pl.Series(rows, dtype=pl.Array(pl.Float32, DIM))}).write_parquet(path)


def written_by_polars_lists(path: Path, rows: np.ndarray) -> None:
    pl.DataFrame({"emb": rows.tolist()}, {"emb": pl.List(pl.Float32)}).write_parquet(path)


def written_by_duckdb(path: Path, rows: np.ndarray) -> None:
    frame = pa.table({"emb": fixed(rows)})
    with duckdb.connect() as db:
        db.register("frame", frame)
        db.execute(f"copy (select emb::float[{DIM}] as emb from frame) to '{path}'")


@pytest.mark.parametrize(
    "write",
    [written_by_pandas, written_by_polars, written_by_polars_lists, written_by_duckdb],
    ids=lambda write: write.__name__,
)
def test_files_of_every_writer_give_the_index(
    tmp_path: Path, write: Callable[[Path, np.ndarray], None]
) -> None:
    write(tmp_path / "x.parquet", ROWS)
    far = rv.Index.build_parquet(tmp_path / "x.parquet", kind="flat")
    near = rv.Index.build(ROWS, kind="flat")
    assert saved(far, tmp_path) == saved(near, tmp_path)
    same_answers(far, near)


@pytest.mark.parametrize("number", ["float64", "float16", "int8", "uint8"])
def test_other_numbers_are_those_of_the_same_array(tmp_path: Path, number: str) -> None:
    rows = (ROWS * 20 + 70).clip(0, 127).astype(number)
    pq.write_table(pa.table({"emb": fixed(rows)}), tmp_path / "x.parquet", compression="zstd")
    for kind in ("exact", "flat", "ivf"):
        near = rv.Index.build(rows, kind=kind, metric="l2")  # type: ignore[arg-type]
        far = rv.Index.build_parquet(tmp_path, kind=kind, metric="l2")  # type: ignore[arg-type]
        assert saved(far, tmp_path) == saved(near, tmp_path), kind
        same_answers(far, near, rows[40:60].astype("f4"))


def test_bytes_of_a_fixed_length_are_vectors_once_their_dimension_is_said(tmp_path: Path) -> None:
    raw = pa.array([row.tobytes() for row in ROWS], pa.binary(4 * DIM))
    pq.write_table(pa.table({"emb": raw}), tmp_path / "x.parquet")
    far = rv.Index.build_parquet(tmp_path / "x.parquet", "emb", dim=DIM, kind="flat")
    near = rv.Index.build(ROWS, kind="flat")
    codes = saved(far, tmp_path, vectors=False)
    assert codes == saved(near, tmp_path, vectors=False)
    (tmp_path / "codes.rv").write_bytes(codes)
    same_answers(rv.Index.load(tmp_path / "codes.rv", vectors=tmp_path / "x.parquet"), near)
    with pytest.raises(rv.ColumnError, match="dim="):
        rv.Index.build_parquet(tmp_path / "x.parquet", "emb")
    with pytest.raises(rv.DimensionMismatch, match="96 bytes"):
        rv.Index.build_parquet(tmp_path / "x.parquet", "emb", dim=DIM, dtype="f8")


def test_rows_of_bits_stay_in_files(tmp_path: Path) -> None:
    bits = np.random.default_rng(1).integers(0, 256, (500, 16)).astype("u1")
    pq.write_table(pa.table({"emb": fixed(bits)}), tmp_path / "x.parquet")
    far = rv.Index.build_parquet(tmp_path / "x.parquet", metric="hamming")
    near = rv.Index.build(bits, metric="hamming")
    assert saved(far, tmp_path) == saved(near, tmp_path)
    assert (far.search(bits[:5], k=4).ids == near.search(bits[:5], k=4).ids).all()
    assert (far[7] == bits[7]).all()
    near.save(tmp_path / "near.rv", vectors=False)
    again = rv.Index.load(tmp_path / "near.rv", vectors=str(tmp_path / "x.parquet"))
    assert (again.search(bits[:5], k=4).ids == near.search(bits[:5], k=4).ids).all()


def test_null_rows_are_refused_or_keep_their_places(tmp_path: Path) -> None:
    lists = [None if i % 5 == 2 else row.tolist() for i, row in enumerate(ROWS[:900])]
    column = pa.array(lists, pa.list_(pa.float32()))
    for i in range(3):
        pq.write_table(
            pa.table({"emb": column[300 * i : 300 * i + 300]}), tmp_path / f"{i}.parquet"
        )
    with pytest.raises(rv.InvalidVector, match=r"row 2 is null .*0\.parquet") as caught:
        rv.Index.build_parquet(tmp_path)
    assert caught.value.row == 2
    near = rv.Index.build(column, nulls="skip", kind="flat")
    far = rv.Index.build_parquet(tmp_path, nulls="skip", kind="flat")
    assert far.info()["nulls"] == 180
    assert saved(far, tmp_path) == saved(near, tmp_path)
    same_answers(far, near)


def test_ids_come_from_a_column_of_the_files(folder: Path) -> None:
    asked = ROWS[1234]
    names = rv.Index.build_parquet(folder, "emb", ids="name", kind="flat")
    assert names.search(asked, k=1).ids.tolist() == ["row 1234"]
    assert (names["row 7"] == ROWS[7]).all()
    numbers = rv.Index.build_parquet(folder, "emb", ids="number", kind="flat")
    assert numbers.search(asked, k=1).ids.tolist() == [12340]
    assert numbers.info()["id_kind"] == "uint64"
    with pytest.raises(rv.ColumnError, match=r"no column .nam."):
        rv.Index.build_parquet(folder, "emb", ids="nam")
    with pytest.raises(rv.InvalidArgument, match="name a column"):
        rv.Index.build_parquet(folder, "emb", ids=[1, 2])  # type: ignore[arg-type]


def test_codes_alone_need_no_files_afterwards(tmp_path: Path) -> None:
    copy = parts(tmp_path / "c")
    for kind in ("flat", "ivf"):
        far = rv.Index.build_parquet(copy, "emb", vectors=None, kind=kind)  # type: ignore[arg-type]
        near = rv.Index.build(ROWS, keep="none", kind=kind)  # type: ignore[arg-type]
        assert far.bits == 8
        assert far.info()["where"] == ""
        assert saved(far, tmp_path, vectors=False) == saved(near, tmp_path, vectors=False)
    shutil.rmtree(copy)
    assert far.search(ROWS[9], k=1).ids.tolist() == [9]


def test_a_copy_in_memory_needs_no_files_afterwards(tmp_path: Path) -> None:
    copy = parts(tmp_path / "c")
    far = rv.Index.build_parquet(copy, "emb", vectors="memory", kind="flat")
    shutil.rmtree(copy)
    same_answers(far, rv.Index.build(ROWS, kind="flat"))
    assert far.neighbors(k=3).ids.shape == (len(ROWS), 3)
    assert (np.asarray(far) == ROWS).all()


# ---- which files ----


def test_paths_patterns_folders_and_lists_name_files(folder: Path) -> None:
    first, second, third = sorted(map(str, folder.glob("*.parquet")))
    whole = rv.Index.build_parquet(f"{folder}/*.parquet", "emb")
    assert len(whole) == len(rv.Index.build_parquet([first, second, third], "emb")) == len(ROWS)
    backwards = rv.Index.build_parquet([third, first], "emb")
    assert len(backwards) == 2000
    assert (backwards[0] == ROWS[2000]).all()
    for wrong, error, match in [
        (folder / "none.parquet", rv.FileMissing, "none.parquet"),
        (f"{folder}/*.csv", rv.FileMissing, "csv"),
        ([], rv.InvalidArgument, "no files"),
        ([first, first], rv.InvalidArgument, "twice"),
        ("s3://bucket/x.parquet", rv.InvalidArgument, "not on this machine"),
        (7, rv.InvalidArgument, "int"),
        (pd.DataFrame({"a": [1]}), rv.InvalidArgument, "DataFrame"),
        (folder / "part-0.parquet\0", rv.InvalidArgument, "NUL"),
    ]:
        with pytest.raises(error, match=match):
            rv.Index.build_parquet(wrong, "emb")


def test_what_is_no_column_of_vectors_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(rv.ColumnError, match="embb"):
        rv.Index.build_parquet(folder, "embb")
    with pytest.raises(rv.ColumnError, match="name"):
        rv.Index.build_parquet(folder, "name")
    with pytest.raises(rv.InvalidArgument, match="column="):
        rv.Index.build_parquet(folder, 3)  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="vectors="):
        rv.Index.build_parquet(folder, "emb", vectors="disk")  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="dtype="):
        rv.Index.build_parquet(folder, "emb", dtype="complex64")
    with pytest.raises(rv.ColumnError, match="dtype='int8'"):
        rv.Index.build_parquet(folder, "emb", dtype="int8")
    with pytest.raises(rv.InvalidArgument, match="build_parquet"):
        rv.Index.build(str(folder / "part-0.parquet"))
    (tmp_path / "a.parquet").write_text("no parquet file at all")
    with pytest.raises(rv.PersistError, match=r"a\.parquet") as caught:
        rv.Index.build_parquet(tmp_path)
    assert getattr(caught.value, "filename", str(tmp_path / "a.parquet")).endswith("a.parquet")


def test_a_bad_number_is_named_with_its_file(tmp_path: Path) -> None:
    rows = ROWS[:900].copy()
    rows[700, 5] = np.nan
    copy = parts(tmp_path / "c", rows)
    with pytest.raises(rv.InvalidVector, match=r"row 700, column 5 holds NaN .*part-2") as caught:
        rv.Index.build_parquet(copy, "emb")
    assert (caught.value.row, caught.value.column) == (700, 5)
    with rv.config(bad_vectors="skip"):
        assert rv.Index.build_parquet(copy, "emb").info()["bad"] == 1


def test_a_ragged_row_is_named_with_its_file(tmp_path: Path) -> None:
    lists = ROWS[:50].tolist()
    lists[33] = lists[33][:-1]
    pq.write_table(pa.table({"emb": lists}), tmp_path / "x.parquet")
    with pytest.raises(rv.InvalidVector, match=r"x.parquet.*33|33.*x.parquet"):
        rv.Index.build_parquet(tmp_path / "x.parquet")


# ---- an index whose vectors are in files ----


def test_it_says_where_its_vectors_are(folder: Path, tmp_path: Path) -> None:
    ix = rv.Index.build_parquet(folder, "emb", kind="flat")
    where = ix.info()["where"]
    assert "3 parquet files" in where and str(folder) in where
    assert where in repr(ix)
    assert where in ix._repr_html_()
    assert ix.info()["borrowed_bytes"] == 0
    with pytest.warns(rv.RuVectorWarning, match="vectors=paths"):
        ix.save(tmp_path / "x.rv")
    again = rv.Index.load(tmp_path / "x.rv", vectors=folder, column="emb")
    assert again.info()["where"] == where
    same_answers(again, ix)
    assert rv.Index.build(ROWS).info()["where"] == ""


def test_loading_refuses_other_files(folder: Path, tmp_path: Path) -> None:
    rv.Index.build(ROWS, kind="flat").save(tmp_path / "x.rv", vectors=False)
    other = parts(tmp_path / "other", ROWS[::-1].copy())
    with pytest.raises(rv.VectorsChanged):
        rv.Index.load(tmp_path / "x.rv", vectors=other, column="emb")
    with pytest.raises(rv.DimensionMismatch):
        rv.Index.load(tmp_path / "x.rv", vectors=folder / "part-0.parquet", column="emb")
    with pytest.raises(rv.InvalidArgument, match="goes with"):
        rv.Index.load(tmp_path / "x.rv", vectors=ROWS, column="emb")
    with pytest.raises(rv.FileMissing):
        rv.Index.load(tmp_path / "x.rv", vectors=tmp_path / "none.parquet")


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
def test_every_verb_works_or_says_why_not(folder: Path, kind: Any) -> None:
    far = rv.Index.build_parquet(folder, "emb", kind=kind)
    near = rv.Index.build(ROWS, kind=kind, keep="copy")
    assert len(far.within(ROWS[3], min_similarity=0.5).ids) == len(
        near.within(ROWS[3], min_similarity=0.5).ids
    )
    assert far.recall(k=3, sample=20) == near.recall(k=3, sample=20)
    where = np.arange(len(ROWS)) % 9 == 0
    assert (far.search(ROWS[5], where=where).ids == near.search(ROWS[5], where=where).ids).all()
    for index in (far, near):
        assert index.delete([17, 18]) == 2
        index.add(None, ROWS[100:103])
        assert index.upsert([5], ROWS[200:201]) == 1
    left = pd.DataFrame({"emb": list(ROWS[:30])})
    joined = [rv.sim_join(left, index, k=2).drop(columns="emb") for index in (far, near)]
    assert len(joined[0]) == 60
    pd.testing.assert_frame_equal(*joined)
    same_answers(far, near)
    far.compact()
    near.compact()
    same_answers(far, near)
    with pytest.raises(rv.InvalidArgument, match="vectors='memory'"):
        far.neighbors(k=3)


def test_a_file_that_changed_or_went_away_is_named_and_nothing_is_broken(tmp_path: Path) -> None:
    copy = parts(tmp_path / "c")
    ix = rv.Index.build_parquet(copy, "emb", kind="flat")
    before = ix.search(ROWS[8], k=3).ids.tolist()
    victim = copy / "part-1.parquet"
    stat, data = victim.stat(), victim.read_bytes()
    victim.write_bytes(data)
    for call in (
        lambda: ix.search(ROWS[8], k=3),
        lambda: ix.search(ROWS[:200], k=3),
        lambda: ix.within(ROWS[8], min_similarity=0.9),
        lambda: ix[5],
        lambda: np.asarray(ix),
        lambda: ix.save(tmp_path / "x.rv", vectors=True),
    ):
        with pytest.raises(rv.VectorsChanged, match=r"part-1\.parquet"):
            call()
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert ix.search(ROWS[8], k=3).ids.tolist() == before
    victim.unlink()
    with pytest.raises(rv.FileMissing, match=r"part-1\.parquet"):
        ix.search(ROWS[8], k=3)
    assert not (tmp_path / "x.rv").exists()
    ix.close()


# ---- memory ----

_PROGRAM = """
import resource, sys
import numpy as np
import ruvector as rv
rv.Index.build(np.random.default_rng(0).standard_normal((300, 256)).astype("f4"), kind="ivf")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
ix = rv.Index.build_parquet(sys.argv[1], "emb", kind=sys.argv[2], memory=sys.argv[3])
query = np.ones(256, "f4")
ix.search(query, k=5)
print(peak() - before, ix.memory_bytes / 2**20)
"""


@pytest.mark.parametrize("kind", ["flat", pytest.param("ivf", marks=pytest.mark.long)])
def test_the_column_is_never_whole_in_memory(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((100, 256), dtype="f4")
    for i in range(4):
        noise = rng.standard_normal((100_000, 256), dtype="f4")
        rows = centres[rng.integers(0, 100, len(noise))] + noise / 2
        pq.write_table(
            pa.table({"emb": fixed(rows)}),
            tmp_path / f"{i}.parquet",
            compression=["snappy", "none"][i % 2],
            row_group_size=[100_000, 7000][i // 2],
            use_dictionary=False,
        )
    del rows, noise
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path), kind, "180MB"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    more, index = map(float, done.stdout.split())
    column = 400_000 * 256 * 4 / 2**20
    sample = 180 - index if kind == "ivf" else 0
    assert index < column / 4
    assert more < index + sample + 150, (more, index, column)
    assert more < 0.75 * column


def test_a_mapped_index_measures_on_files(folder: Path, tmp_path: Path) -> None:
    near = rv.Index.build(ROWS, kind="flat")
    near.save(tmp_path / "x.rv", vectors=False)
    far = rv.Index.load(tmp_path / "x.rv", vectors=folder, column="emb", mmap=True)
    assert "3 parquet files" in far.info()["where"]
    same_answers(far, near)


_INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
import ruvector as rv
rows = np.random.default_rng(0).standard_normal((300, 64)).astype("f4")
rv.Index.build(rows, kind="ivf")
open_before = len(os.listdir("/proc/self/fd"))
for delay in (0.02, 0.2, 0.5):
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        while True:
            rv.Index.build_parquet(sys.argv[1], "emb", kind="ivf")
    except KeyboardInterrupt:
        timer.join()
assert len(os.listdir("/proc/self/fd")) == open_before
assert len(rv.Index.build_parquet(sys.argv[1], "emb", kind="flat")) == 40_000
print("interrupted")
"""


def test_an_interrupt_ends_a_build_and_leaves_nothing(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).standard_normal((40_000, 128), dtype="f4")
    pq.write_table(pa.table({"emb": fixed(rows)}), tmp_path / "x.parquet", compression="snappy")
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "interrupted\n", done.stderr
