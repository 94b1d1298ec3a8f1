"""What a part of a scoring does with damage, full disks, little memory, and being stopped."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector._native.parquet import scoring

DIM = 16
NAMES = ("query_row", "rank", "id", "cosine_similarity")


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype("float32")


def table(n: int, **more: Any) -> pa.Table:
    flat = pa.array(vectors(n).ravel())
    return pa.table({"emb": pa.FixedSizeListArray.from_arrays(flat, DIM), **more})


def part(source: Any, out: Path, index: rv.Index, **more: Any) -> scoring.Part:
    options: dict[str, Any] = {"k": 3, "on": "emb", "names": NAMES} | more
    return scoring.Part(source, str(out), index=index._handle, **options)


def scored(opened: scoring.Part) -> scoring.Counts:
    with opened:
        task = opened.run()
        task.wait()
        task.result()
        return opened.finish()


def some_index() -> rv.Index:
    return rv.Index.build(vectors(100, 1))


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_a_wrong_checksum_of_a_column_that_passes_is_found(tmp_path: Path, codec: str) -> None:
    index = some_index()
    rows = table(300, title=[f"the title of row {i}" for i in range(300)])
    path = tmp_path / "in.parquet"
    pq.write_table(rows, path, write_page_checksum=True, use_dictionary=False, compression=codec)
    scored(part(str(path), tmp_path / "fine.parquet", index))
    meta = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert meta.path_in_schema == "title"
    data = bytearray(path.read_bytes())
    data[meta.data_page_offset + meta.total_compressed_size - 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(rv.PersistError, match=r"in\.parquet.*title.*checksum"):
        scored(part(str(path), tmp_path / "out.parquet", index))
    assert not (tmp_path / "out.parquet").exists()
    read = part(str(path), tmp_path / "other.parquet", index, columns=[])
    assert scored(read).rows_out == 900  # a column that nobody asked for is not looked at


def test_errors_name_the_file_the_way_it_is_called(tmp_path: Path) -> None:
    index = some_index()
    rows = vectors(50)
    rows[33, 7] = np.nan
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIM)
    pq.write_table(pa.table({"emb": flat}), tmp_path / "in.parquet")
    with pytest.raises(rv.InvalidVector, match="s3://bucket/x") as error:
        opened = part(str(tmp_path / "in.parquet"), tmp_path / "o", index, label="s3://bucket/x")
        scored(opened)
    assert error.value.row == 33
    assert error.value.column == 7
    (tmp_path / "in.parquet").write_bytes(b"no parquet at all")
    for make in (lambda p: scoring.look(p), lambda p: part(p, tmp_path / "o", index)):
        with pytest.raises(rv.PersistError, match=r"in\.parquet"):
            make(str(tmp_path / "in.parquet"))
        with pytest.raises(FileNotFoundError, match="gone"):
            make(str(tmp_path / "gone"))
    assert not (tmp_path / "o").exists()


def test_a_name_that_both_sides_have_is_refused(tmp_path: Path) -> None:
    index = some_index()
    pq.write_table(table(5, id=range(5)), tmp_path / "in.parquet")
    with pytest.raises(rv.ColumnError, match=r'"id".*a column of the input.*what was found.*colu'):
        part(str(tmp_path / "in.parquet"), tmp_path / "o", index)
    right = scoring.Right(pa.table({"rank": range(100)}), rows=100)
    with pytest.raises(rv.ColumnError, match=r'"rank".*what was found.*right='):
        part(str(tmp_path / "in.parquet"), tmp_path / "o", index, columns=[], right=right)
    right.close()


def test_what_cannot_be_beside_answers_is_said() -> None:
    for column, words in {
        "nested": (pa.array([[1]] * 5), r"nested.*arrow"),
        "struct": (pa.array([{"a": 1}] * 5), r"struct.*arrow"),
        "duration": (pa.array([1] * 5, pa.duration("s")), "duration"),
        "nothing": (pa.nulls(5), "nothing"),
    }.items():
        with pytest.raises(rv.ColumnError, match=words[1]):
            scoring.Right(pa.table({column: words[0]}), rows=5)
    with pytest.raises(rv.InvalidArgument, match="4 rows, the index 5"):
        scoring.Right(pa.table({"a": range(4)}), rows=5)
    with pytest.raises(rv.InvalidArgument, match="row 2 of the index is at row 9"):
        scoring.Right(pa.table({"a": range(4)}), rows=3, place=np.array([0, -1, 9]))
    with pytest.raises(rv.ColumnError, match="not a table"):
        scoring.Right(pa.chunked_array([range(5)]), rows=5)
    with pytest.raises(rv.ColumnError, match="too many for milliseconds"):
        scoring.Right(pa.table({"t": pa.array([2**62], pa.timestamp("s"))}), rows=1)


def test_deleted_rows_do_not_shift_columns_of_matched_rows(tmp_path: Path) -> None:
    pq.write_table(table(40), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(50, 1), ids=np.arange(50) * 2)
    index.delete(np.arange(20) * 2)
    index.add(np.arange(5) * 2 + 1, vectors(5, 3))
    names = pa.array([f"row of {i}" for i in [*range(40, 100, 2), *range(1, 11, 2)]])
    right = scoring.Right(pa.table({"name": names}), rows=len(index))
    out = tmp_path / "out.parquet"
    scored(part(str(tmp_path / "in.parquet"), out, index, right=right))
    read = pq.read_table(out)
    assert read["name"].to_pylist() == [f"row of {i}" for i in read["id"].to_pylist()]
    wrong = scoring.Right(pa.table({"name": range(50)}), rows=50)
    with pytest.raises(rv.InvalidArgument, match="50 rows, this one has 35"):
        part(str(tmp_path / "in.parquet"), tmp_path / "o", index, right=wrong)
    right.close(), wrong.close()


def test_an_index_that_changes_meanwhile_is_said(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a", "b", "c"]}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(50, 1))
    with part(str(tmp_path / "in.parquet"), tmp_path / "o", index, on="body", text=True) as opened:
        opened.texts(1)
        opened.step(vectors(1))
        index.add([77], vectors(1, 5))
        opened.texts(1)
        with pytest.raises(rv.InvalidArgument, match="was changed"):
            opened.step(vectors(1))


def test_a_part_is_used_by_one_thread_at_a_time(tmp_path: Path) -> None:
    pq.write_table(table(60_000), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(9_000, 1))
    with part(str(tmp_path / "in.parquet"), tmp_path / "o", index, k=10) as opened:
        task = opened.run()
        with pytest.raises(rv.InvalidArgument, match="in use"):
            opened.finish()
        task.stop()
        with pytest.raises(BaseException, match="cancelled"):
            task.result()
    assert not (tmp_path / "o").exists()


def test_abandoned_parts_give_everything_back(tmp_path: Path) -> None:
    index = some_index()
    pq.write_table(table(3_000), tmp_path / "in.parquet")
    handles = rv._native.library_info()["handles"]
    opened_files = len(os.listdir("/proc/self/fd"))
    for i in range(20):
        opened = part(str(tmp_path / "in.parquet"), tmp_path / "o", index)
        if i % 2:
            task = opened.run()
            if i % 4 == 1:
                task.stop()
            del task
        opened.abandon()
        deadline = time.monotonic() + 10  # a task that still ran removes the file when it ends
        while (tmp_path / "o").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not (tmp_path / "o").exists()
    assert rv._native.library_info()["handles"] == handles
    assert len(os.listdir("/proc/self/fd")) == opened_files
    with pytest.raises(rv.InvalidArgument, match="abandoned"):
        opened.run()


CHILD = """
import resource, sys
import numpy as np, ruvector as rv
from ruvector._native.parquet import scoring
source, out, what = sys.argv[1:]
index = rv.Index.build(np.random.default_rng(1).standard_normal((200, 16)).astype("float32"))
index.search(np.ones((4000, 16), "float32"), k=10)
def peak():
    lines = open("/proc/self/status").read().split("\\n")
    return int(next(l for l in lines if l.startswith("VmHWM")).split()[1]) << 10
options = dict(index=index._handle, k=10, on="emb", names=("query_row", "rank", "id", "score"))
if what == "disk":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
memory = 160 << 20
before = peak()
for i in range(1 if what == "disk" else 3):
    with scoring.Part(source, out + str(i), memory=memory, **options) as part:
        try:
            task = part.run(); task.wait(); task.result(); part.finish()
        except rv.PersistError as error:
            print(type(error).__name__, error.errno, error)
if what == "memory":
    print(peak() - before, memory)
"""


def child(source: Path, out: Path, what: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(source), str(out), what],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


def fat(n: int) -> pa.Table:
    """Rows that no codec makes smaller."""
    random = np.random.default_rng(0)
    lists = pa.array(random.standard_normal(n * 64).astype("float32"))
    return table(n, bytes=pa.array([random.bytes(900) for _ in range(n)]),
                 lists=pa.FixedSizeListArray.from_arrays(lists, 64))  # fmt: skip


def test_a_disk_without_room_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    pq.write_table(fat(2_000), tmp_path / "in.parquet")
    said = child(tmp_path / "in.parquet", tmp_path / "out", "disk")
    assert said.startswith(f"FileError {errno.EFBIG} "), said
    assert f"{tmp_path}/out0" in said
    assert os.listdir(tmp_path) == ["in.parquet"]


def test_peak_memory_stays_under_the_limit_part_after_part(tmp_path: Path) -> None:
    pq.write_table(fat(25_000), tmp_path / "in.parquet")
    grown, limit = map(int, child(tmp_path / "in.parquet", tmp_path / "out", "memory").split())
    assert 0 < grown < limit, f"{grown >> 20} MiB"


def test_an_interrupt_ends_a_part_soon(tmp_path: Path) -> None:
    pq.write_table(table(200_000), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(9_000, 1))
    with part(str(tmp_path / "in.parquet"), tmp_path / "o", index, k=10) as opened:
        task = opened.run()
        begin = 0.0

        def interrupt() -> None:
            nonlocal begin
            begin = time.monotonic()
            import _thread

            _thread.interrupt_main()

        timer = threading.Timer(0.1, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            task.wait()
        assert time.monotonic() - begin < 2  # a shared machine; checks/interrupt.py is strict
        timer.join()
    assert not (tmp_path / "o").exists()
