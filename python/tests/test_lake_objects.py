"""Parquet files in object stores, in memory and in folders, are a store."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import fsspec
import lake_conformance as conformance
import numpy as np
import obstore
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from lake_conformance import IDS, ROWS, Known, Native, changes

from ruvector import _errors as errors
from ruvector._lake.adapters.objects import ObjectStoreBackend


def _places(tmp_path: pathlib.Path) -> dict[str, tuple[Any, str, Any]]:
    """Return stores with a prefix, and how a file is put into each."""
    memory, local = obstore.store.MemoryStore(), obstore.store.LocalStore(str(tmp_path))
    files, cloud = fsspec.filesystem("file"), fsspec.filesystem("memory")
    here = pyarrow.fs.LocalFileSystem()
    inside = str(tmp_path / "lake")

    def put_file(key: str, data: bytes | None) -> None:
        path = pathlib.Path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data) if data is not None else path.unlink()

    def put_obstore(store: Any) -> Any:
        return lambda key, data: (
            obstore.put(store, key, data) if data is not None else obstore.delete(store, key)
        )

    def put_cloud(key: str, data: bytes | None) -> None:
        cloud.pipe_file(key, data) if data is not None else cloud.rm(key)

    return {
        "obstore memory": (memory, "lake", put_obstore(memory)),
        "obstore whole": (obstore.store.MemoryStore(), "", None),
        "obstore local": (local, "lake", put_obstore(local)),
        "fsspec file": (files, inside, put_file),
        "fsspec memory": (cloud, f"bucket-{tmp_path.name}/lake", put_cloud),
        "pyarrow": (here, inside, put_file),
    }


def _file_of(ids: Any, rows: Any, group: int = 2) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "other": [os.urandom(500).hex() for _ in ids],
            "v": pa.array(np.asarray(rows, np.float32).tolist(), pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, sink, row_group_size=group)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "kind",
    ["obstore memory", "obstore whole", "obstore local", "fsspec file", "fsspec memory", "pyarrow"],
)
def test_object_stores(tmp_path: pathlib.Path, kind: str) -> None:
    base, prefix, put = _places(tmp_path)[kind]
    if put is None:
        put = lambda key, data: (  # noqa: E731
            obstore.put(base, key, data) if data is not None else obstore.delete(base, key)
        )
    start = f"{prefix}/" if prefix else ""
    put(f"{start}docs/a.parquet", _file_of(IDS[:2], ROWS[:2]))
    put(f"{start}docs/b.parquet", _file_of(IDS[2:], ROWS[2:]))
    put(f"{start}docs/_notes.parquet", b"not one of them")
    put(f"{start}docs/readme.txt", b"not one of them")
    put(f"{start}docs2/a.parquet", _file_of([8], ROWS[:1]))
    store = ObjectStoreBackend("objects", base, prefix, ids="id", column="v")

    def write(ids: Any, rows: Any) -> None:
        put(f"{start}docs/a.parquet", _file_of(ids[:2], rows[:2]))
        put(f"{start}docs/b.parquet", _file_of(ids[2:], rows[2:]))

    conformance.check_store(
        Known(
            store, "docs", IDS, ROWS, changes(write),
            add=lambda name: put(f"{start}{name}.parquet", _file_of(IDS, ROWS)),
            drop=lambda name: put(f"{start}{name}.parquet", None),
        )
    )  # fmt: skip
    assert Native(store).collections() == ["docs", "docs2"]
    put(f"{start}docs/a.parquet", _file_of([], ROWS[:0]))
    put(f"{start}docs/b.parquet", _file_of([7, 5], ROWS[:2]))
    assert Native(store).pull("docs").ids == [7, 5]
    plain = Native(ObjectStoreBackend("objects", base, prefix, column="v"))
    assert plain.pull("docs").ids == [0, 1]
    put(f"{start}docs/b.parquet", b"PAR1 but not really PAR1")
    with pytest.raises(errors.BackendError, match=r"objects.*docs"):
        Native(store).pull("docs")
    for ids, column in (("nope", "v"), ("id", "nope")):
        odd = ObjectStoreBackend("objects", base, prefix, ids=ids, column=column)
        with pytest.raises(errors.BackendError, match="no column 'nope'"):
            Native(odd).pull("docs2")


def test_objects_are_read_by_ranges() -> None:
    base = obstore.store.MemoryStore()
    whole = _file_of(range(3000), np.random.default_rng(1).random((3000, 2)), group=500)
    obstore.put(base, "docs.parquet", whole)
    store = ObjectStoreBackend("objects", base, ids="id", column="v")
    read: list[int] = []
    real = store._store.read

    class Watched(type(store._store)):  # type: ignore[misc]
        def read(self, key: str, start: int, end: int) -> bytes:
            read.append(end - start)
            return real(key, start, end)

    store._store = Watched(base)
    assert len(Native(store).pull("docs").ids) == 3000
    assert 0 < sum(read) < len(whole)


def test_an_object_that_changes_while_it_is_read_breaks_the_pull() -> None:
    base = obstore.store.MemoryStore()
    obstore.put(base, "docs.parquet", _file_of(IDS, ROWS))
    store = ObjectStoreBackend("objects", base, ids="id", column="v")
    real, kind = store._store.read, type(store._store)

    class Changing(kind):  # type: ignore[misc,valid-type]
        def read(self, key: str, start: int, end: int) -> bytes:
            found = real(key, start, end)
            obstore.put(base, "docs.parquet", _file_of(IDS, ROWS))
            return found

    store._store = Changing(base)
    with pytest.raises(errors.BackendError, match="changed while it was read"):
        Native(store).pull("docs")
    with pytest.raises(errors.InvalidArgument, match="no store"):
        ObjectStoreBackend("objects", "s3://bucket", column="v")
