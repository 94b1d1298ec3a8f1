"""Tables of pyiceberg and deltalake as inputs: their files, and what they refuse."""

from __future__ import annotations

import datetime
import pathlib
import shutil
from typing import Any, ClassVar

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat

import ruvector as rv
from ruvector._parquet.scoring import tables
from ruvector._parquet.scoring.inputs import Inputs, find_inputs

VECTORS = pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float32()))
TABLE = pa.table({"id": [1, 2, 3, 4], "p": ["a", "b", "a b/c", None], "v": VECTORS})


def ids(found: Inputs) -> list[int]:
    return [
        value
        for file in found.files
        for value in pq.ParquetFile(file.place.name).read(["id"])["id"].to_pylist()
    ]


@pytest.fixture
def iceberg(tmp_path: pathlib.Path) -> Any:
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/ice")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", TABLE.schema)
    table.append(TABLE)
    table.append(TABLE.slice(0, 2))
    yield table
    catalog.close()


# ---- Iceberg ----


def test_the_files_of_an_iceberg_table_are_those_of_its_snapshot(iceberg: Any) -> None:
    found = find_inputs(iceberg)
    assert sorted(ids(found)) == [1, 1, 2, 2, 3, 4]
    assert [file.place.local for file in found.files] == [True, True]
    number = iceberg.current_snapshot().snapshot_id
    assert found.snapshots == (f"iceberg {iceberg.metadata.table_uuid} snapshot {number}",)
    names = [file.place.name for file in found.files]
    assert names == sorted(names)


def test_rows_that_iceberg_deleted_by_rewriting_are_gone(iceberg: Any) -> None:
    iceberg.delete("id = 2")
    assert sorted(ids(find_inputs(iceberg))) == [1, 1, 3, 4]


def test_an_older_snapshot_of_iceberg(iceberg: Any) -> None:
    first = iceberg.history()[0].snapshot_id
    found = find_inputs(iceberg.scan(snapshot_id=first))
    assert sorted(ids(found)) == [1, 2, 3, 4]
    assert found.snapshots[0].endswith(f"snapshot {first}")


def test_a_scan_of_some_rows_or_columns_is_refused(iceberg: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="row_filter="):
        find_inputs(iceberg.scan(row_filter="id = 1"))
    with pytest.raises(rv.InvalidArgument, match="limit=1"):
        find_inputs(iceberg.scan(limit=1))
    with pytest.raises(rv.InvalidArgument, match="selects fields"):
        find_inputs(iceberg.scan(selected_fields=("id",)))


def test_an_iceberg_table_without_rows_is_refused(tmp_path: pathlib.Path, iceberg: Any) -> None:
    iceberg.delete("id > 0")
    with pytest.raises(rv.InvalidArgument, match="the table has no rows"):
        find_inputs(iceberg)


def test_delete_files_of_iceberg_are_refused(iceberg: Any) -> None:
    scan = iceberg.scan()
    tasks = list(scan.plan_files())
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path="file:///deletes.parquet",
        file_format=FileFormat.PARQUET,
        record_count=1,
        file_size_in_bytes=1,
    )
    # pyiceberg reads such files and writes none, so the plan is given one.
    tasks[1].delete_files.add(deletes)
    scan.plan_files = lambda: iter(tasks)
    with pytest.raises(rv.InvalidArgument, match=r"1 delete file.*compact the table") as caught:
        tables._iceberg(scan)
    assert tasks[1].file.file_path in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused(iceberg: Any) -> None:
    scan = iceberg.scan()
    tasks = list(scan.plan_files())
    tasks[0].file._data[2] = FileFormat.ORC
    scan.plan_files = lambda: iter(tasks)
    with pytest.raises(rv.InvalidArgument, match=r"ORC.*only parquet"):
        tables._iceberg(scan)


def test_columns_of_iceberg_are_known_by_their_numbers(iceberg: Any) -> None:
    fields = find_inputs(iceberg).fields
    assert fields is not None
    fields.check("f", [("id", 1), ("p", 2), ("v", 3)])
    with pytest.raises(rv.ColumnError, match="f: column 'id' has no field id"):
        fields.check("f", [("id", None)])
    with iceberg.update_schema() as change:
        change.rename_column("id", "number")
        change.delete_column("p")
    changed = find_inputs(iceberg).fields
    assert changed is not None
    with pytest.raises(rv.ColumnError, match="calls 'id' is called 'number' now"):
        changed.check("f", [("id", 1)])
    with pytest.raises(rv.ColumnError, match="calls 'p' was dropped since"):
        changed.check("f", [("p", 2)])


def test_a_file_elsewhere_is_read_with_the_tables_own_credentials(iceberg: Any) -> None:
    path = next(iter(iceberg.scan().plan_files())).file.file_path
    store = tables._IcebergStore(iceberg.io)
    mark = store.mark(path)
    assert mark is not None
    local = pathlib.Path(path.removeprefix("file://"))
    assert mark.size == local.stat().st_size
    assert store.read(path, mark.size - 4, mark.size) == b"PAR1"
    assert store.name(path) == path
    local.unlink()
    assert store.mark(path) is None


# ---- Delta ----


@pytest.fixture
def delta(tmp_path: pathlib.Path) -> Any:
    deltalake.write_deltalake(str(tmp_path / "d"), TABLE)
    deltalake.write_deltalake(str(tmp_path / "d"), TABLE.slice(0, 2), mode="append")
    return deltalake.DeltaTable(str(tmp_path / "d"))


def test_the_files_of_a_delta_table_are_those_of_its_version(delta: Any) -> None:
    found = find_inputs(delta)
    assert sorted(ids(found)) == [1, 1, 2, 2, 3, 4]
    assert found.snapshots == (f"delta {delta.metadata().id} version 1",)
    delta.load_as_version(0)
    assert sorted(ids(find_inputs(delta))) == [1, 2, 3, 4]


def test_rows_that_delta_deleted_by_rewriting_are_gone(delta: Any) -> None:
    delta.delete("id = 2")
    assert sorted(ids(find_inputs(delta))) == [1, 1, 3, 4]


def test_partitions_of_delta_are_columns_of_the_tables_types(tmp_path: pathlib.Path) -> None:
    days = pa.array([0, 1, 20000, None], pa.date32())
    wide = TABLE.append_column("day", days).append_column("n", pa.array([1, 2, 3, 4], pa.int32()))
    wide = wide.append_column("ok", pa.array([True, False, True, None]))
    path = str(tmp_path / "d")
    deltalake.write_deltalake(path, wide, partition_by=["p", "day", "n", "ok"])
    found = find_inputs(deltalake.DeltaTable(path))
    rows = {}
    for file in found.files:
        [number] = pq.ParquetFile(file.place.name).read(["id"])["id"].to_pylist()
        assert [(c.name, c.type) for c in file.constants] == [
            ("p", "string"),
            ("day", "date32"),
            ("n", "int64"),
            ("ok", "bool"),
        ]
        rows[number] = [c.value for c in file.constants]
    assert rows == {
        1: ["a", datetime.date(1970, 1, 1), 1, True],
        2: ["b", datetime.date(1970, 1, 2), 2, False],
        3: ["a b/c", datetime.date(2024, 10, 4), 3, True],
        4: [None, None, 4, None],
    }


def test_a_partition_that_cannot_be_a_column_is_refused(tmp_path: pathlib.Path) -> None:
    when = pa.array(
        [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 4, pa.timestamp("us", "UTC")
    )
    path = str(tmp_path / "d")
    deltalake.write_deltalake(path, TABLE.append_column("t", when), partition_by=["t"])
    with pytest.raises(rv.InvalidArgument, match="partitioned by 't' of type timestamp"):
        find_inputs(deltalake.DeltaTable(path))


def test_column_mapping_is_refused(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "d")
    mapped = {"delta.columnMapping.mode": "name"}
    deltalake.write_deltalake(path, TABLE, configuration=mapped)
    with pytest.raises(rv.InvalidArgument, match="maps columns by name"):
        find_inputs(deltalake.DeltaTable(path))


class Table:
    """A Delta table that says something else of itself in one place."""

    def __init__(self, inner: Any, **said: Any) -> None:
        self._inner, self._said = inner, said

    def __getattr__(self, name: str) -> Any:
        if name in self._said:
            if self._said[name] is None:
                raise AttributeError(name)
            return lambda: self._said[name]
        return getattr(self._inner, name)


class Protocol:
    def __init__(self, *features: str) -> None:
        self.reader_features = list(features)


def test_features_that_are_not_known_are_refused(delta: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="uses rowsOnMars, which is not known"):
        tables._delta(Table(delta, protocol=Protocol("rowsOnMars", "timestampNtz")))


def test_deletion_vectors_are_refused(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "d")
    allowed = {"delta.enableDeletionVectors": "true"}
    deltalake.write_deltalake(path, TABLE, configuration=allowed)
    table = deltalake.DeltaTable(path)
    assert ids(find_inputs(table)) == [1, 2, 3, 4]  # allowed, and none is there
    # deltalake reads such vectors and writes none.
    batch = pa.record_batch({"filepath": ["f.parquet"], "selection_vector": [[True, False]]})
    with pytest.raises(rv.InvalidArgument, match=r"rows of f\.parquet were deleted.*compact it"):
        tables._delta(Table(table, deletion_vectors=[batch]))
    with pytest.raises(rv.InvalidArgument, match=r"may have deletion vectors.*1\.6"):
        tables._delta(Table(table, deletion_vectors=None))


def test_a_delta_table_elsewhere_is_read_by_its_own_options(
    tmp_path: pathlib.Path, delta: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore.store

    asked: list[Any] = []

    def from_url(uri: str, **options: Any) -> Any:
        asked.append((uri, options))
        return obstore.store.LocalStore(tmp_path / "d")

    monkeypatch.setattr(obstore.store, "from_url", from_url)
    found = tables._delta(_Elsewhere(delta))
    assert asked == [("s3://bucket/d/", {"region": "here"})]
    place = found.files[0].place
    assert not place.local
    size = place.mark().size
    assert place.read(size - 4, size) == b"PAR1"
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(rv.MissingExtra, match="pip install obstore"):
        tables._delta(_Elsewhere(delta))


class _Elsewhere(Table):
    table_uri = "s3://bucket/d/"
    _storage_options: ClassVar = {"region": "here"}


# ---- both ----


def test_a_table_is_an_input_by_itself(delta: Any, iceberg: Any, tmp_path: pathlib.Path) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet")
    for given in ([delta, tmp_path / "x.parquet"], [delta, iceberg]):
        with pytest.raises(rv.InvalidArgument, match="an input by itself"):
            find_inputs(given)


def test_a_file_that_vanished_from_a_table_is_named(delta: Any, tmp_path: pathlib.Path) -> None:
    for path in (tmp_path / "d").glob("*.parquet"):
        path.unlink()
    with pytest.raises(rv.FileMissing, match="d/part-"):
        find_inputs(delta).files[0].place.mark()
    shutil.rmtree(tmp_path / "d")
