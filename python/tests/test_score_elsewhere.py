"""Files and tables that lie elsewhere give the parts that files of this machine give."""

from __future__ import annotations

import pathlib
from typing import Any, ClassVar

import fsspec
import pyarrow as pa
import pyarrow.fs
import pytest
from deltalake import DeltaTable, write_deltalake
from fsspec.implementations.memory import MemoryFileSystem
from obstore.store import LocalStore
from pyiceberg.catalog.sql import SqlCatalog
from scoring_job import files, index, only_parts, parts, rows_of, table, write

import ruvector as rv
from ruvector._parquet.scoring import planning, staging


def score(folder: Any, out: pathlib.Path) -> rv.ScoreReport:
    return rv.score_parquet(folder, index(), out=out, on="emb", k=3)


@pytest.mark.parametrize("kind", ["fsspec", "url", "pyarrow", "obstore"])
def test_files_elsewhere_give_the_same_parts(
    tmp_path: pathlib.Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)
    folder = files(tmp_path / "in")
    write(folder / "long.parquet", 9, rows=300, group=50)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for path in folder.iterdir():
        memory.pipe(f"/bucket/{path.name}", path.read_bytes())
    given: Any = {
        "fsspec": (memory, "/bucket"),
        "url": "memory://bucket/*.parquet",
        "pyarrow": (pyarrow.fs.LocalFileSystem(), str(folder)),
        "obstore": (LocalStore(folder), ""),
    }[kind]
    score(folder, tmp_path / "here")
    report = score(given, tmp_path / "there")
    assert only_parts(tmp_path / "there") == only_parts(tmp_path / "here")
    assert report.rows_in == 480
    assert score(given, tmp_path / "there").parts_before == report.parts


def test_of_files_elsewhere_each_part_is_fetched_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 500)
    monkeypatch.setattr(staging, "_TAIL", 100)  # so that the footer is longer
    path = tmp_path / "a.parquet"
    write(path, 1, rows=4000, group=250)

    class Counting(MemoryFileSystem):  # type: ignore[misc]
        protocol = "counting"
        store: ClassVar[dict[str, Any]] = {}
        read: ClassVar[list[int]] = []

        def cat_file(self, path: str, start: int, end: int, **_: Any) -> Any:
            Counting.read.append(end - start)
            return super().cat_file(path, start, end)

    fs = Counting()
    fs.pipe("/b/a.parquet", path.read_bytes())
    score((fs, "/b"), tmp_path / "there")
    score(path, tmp_path / "here")
    assert only_parts(tmp_path / "there") == only_parts(tmp_path / "here")
    assert len(parts(tmp_path / "there")) == 8
    size = path.stat().st_size
    footer = int.from_bytes(path.read_bytes()[-8:-4], "little")
    assert size < sum(Counting.read) < size + 9 * (footer + 200) + 16 * 200
    assert max(Counting.read) < size / 8


def test_a_delta_table_with_its_partitions(tmp_path: pathlib.Path) -> None:
    rows = table(5, 60).append_column("kind", pa.array(["a", "b", None] * 20))
    write_deltalake(str(tmp_path / "d"), rows, partition_by=["kind"])
    score(DeltaTable(str(tmp_path / "d")), tmp_path / "out")
    found = rows_of(tmp_path / "out")
    assert {row["doc"]: row["kind"] for row in found} == dict(
        zip(rows["doc"].to_pylist(), rows["kind"].to_pylist(), strict=True)
    )
    write_deltalake(str(tmp_path / "d"), rows, mode="append")
    with pytest.raises(rv.PersistError, match="are new"):
        score(DeltaTable(str(tmp_path / "d")), tmp_path / "out")
    again = score(DeltaTable(str(tmp_path / "d"), version=0), tmp_path / "out")
    assert again.parts_done == 0


def test_an_iceberg_table_and_its_columns_by_number(tmp_path: pathlib.Path) -> None:
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/ice")
    catalog.create_namespace("n")
    rows = table(5, 60)
    ice = catalog.create_table("n.t", rows.schema)
    ice.append(rows)
    ice.append(rows.slice(0, 20))
    report = score(ice, tmp_path / "out")
    assert (report.files, report.rows_in, report.rows_out) == (2, 80, 240)
    with ice.update_schema() as change:
        change.rename_column("n", "number")
    with pytest.raises(rv.ColumnError, match="calls 'n' is called 'number' now"):
        score(ice, tmp_path / "no")
    assert not (tmp_path / "no").exists()
    catalog.close()
