"""`read_vectors` reads what pyarrow, polars, DuckDB and pandas write, number by number."""

import os
import threading

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv

TYPES = {
    "float32": pa.float32(), "float64": pa.float64(), "float16": pa.float16(), "int8": pa.int8(),
    "uint8": pa.uint8(),
}  # fmt: skip
CODECS = ["NONE", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4"]
LEAF = "v.list.element"


def draw_rows(rng, number, rows, dim):
    """Draw a matrix, of few different rows at times, and which rows are not null."""
    matrix = rng.normal(size=(rows, dim)) * 20
    if rng.random() < 0.3:
        matrix = matrix[rng.integers(0, min(4, rows), rows)]
    if number == "uint8":
        matrix = np.abs(matrix)
    matrix = np.clip(matrix, -127, 127).astype(number)
    valid = rng.random(rows) > rng.choice([-1, -1, 0.05, 0.5, 0.9])
    valid[rng.integers(rows)] = True
    matrix[~valid] = 0
    return matrix, valid


def arrow_lists(rng, matrix, valid, *, sliced=True):
    """Return the rows as a random kind of lists, at times in chunks that are slices."""
    number, mask = TYPES[matrix.dtype.name], pa.array(~valid)
    kind = rng.integers(3)
    if kind == 0:
        flat = pa.array(matrix.reshape(-1), number)
        lists = pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1], mask=mask)
    else:
        offsets = np.concatenate([[0], np.cumsum(np.where(valid, matrix.shape[1], 0))])
        flat = pa.array(matrix[valid].reshape(-1), number)
        cls, width = [(pa.ListArray, np.int32), (pa.LargeListArray, np.int64)][kind - 1]
        lists = cls.from_arrays(pa.array(offsets.astype(width)), flat, mask=mask)
    if sliced and rng.random() < 0.5:
        cut = int(rng.integers(len(matrix) + 1))
        return pa.chunked_array([lists[:cut], lists[cut:]])
    return lists


def pyarrow_options(rng, number):
    """Return how pyarrow writes: everything that changes what lies in the file."""
    options = {
        "compression": str(rng.choice(CODECS)),
        "data_page_version": str(rng.choice(["1.0", "2.0"])),
        "data_page_size": int(rng.choice([100, 1000, 20_000, 1 << 20])),
        "row_group_size": int(rng.choice([50, 700, 5000])),
        "write_page_checksum": bool(rng.random() < 0.5),
        "write_page_index": bool(rng.random() < 0.5),
        "write_batch_size": int(rng.choice([13, 128, 1024])),
        "use_dictionary": bool(rng.random() < 0.3),
    }
    if not options["use_dictionary"]:
        whole = "DELTA_BINARY_PACKED" if number.endswith("int8") else "PLAIN"
        other = {"float16": "DELTA_BYTE_ARRAY"}.get(number, whole)
        options["column_encoding"] = {LEAF: str(rng.choice(["PLAIN", "BYTE_STREAM_SPLIT", other]))}
    return options


def same(column, matrix, valid):
    """Compare a column with the rows that were written."""
    assert (len(column), column.dim, column.dtype) == (*matrix.shape, matrix.dtype)
    assert column.null_count == np.count_nonzero(~valid)
    there = np.asarray(pa.chunked_array(column).is_valid())
    assert np.array_equal(there, valid)
    rows = column.__array__() if valid.all() else column._matrix
    assert rows.tobytes() == matrix.tobytes()


@pytest.mark.sample(11)
@pytest.mark.parametrize("seed", range(150))
def test_what_pyarrow_writes(seed, tmp_path):
    rng = np.random.default_rng(seed)
    number = str(rng.choice(list(TYPES)))
    rows, dim = int(rng.choice([1, 5, 64, 300, 2000])), int(rng.choice([1, 2, 3, 7, 8, 31, 200]))
    matrix, valid = draw_rows(rng, number, rows, dim)
    table = pa.table({"id": np.arange(rows), "v": arrow_lists(rng, matrix, valid)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, **pyarrow_options(rng, number))
    same(rv.read_vectors(path, threads=int(rng.integers(3))), matrix, valid)


@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", range(40))
def test_what_polars_and_duckdb_write(seed, tmp_path):
    rng = np.random.default_rng(seed)
    number = str(rng.choice(["float32", "float64", "int8", "uint8"]))
    rows, dim = int(rng.choice([1, 64, 1000, 5000])), int(rng.choice([1, 2, 3, 8, 100]))
    matrix, valid = draw_rows(rng, number, rows, dim)
    lists = arrow_lists(rng, matrix, valid, sliced=False)  # polars 2.1 refuses slices with nulls
    table = pa.table({"v": lists, "name": ["x"] * rows})
    codec, path = str(rng.choice(CODECS)).lower(), str(tmp_path / "a.parquet")
    if seed % 2:
        codec = {"none": "uncompressed"}.get(codec, codec)
        pages = [None, 700][rng.integers(2)]
        pl.from_arrow(table).write_parquet(
            path, compression=codec, row_group_size=2048, data_page_size=pages
        )
    else:
        codec = {"lz4": "lz4_raw", "none": "uncompressed"}.get(codec, codec)
        written = duckdb.from_arrow(table)
        written.write_parquet(path, compression=codec, row_group_size=2048)
    same(rv.read_vectors(path, "v"), matrix, valid)


def test_what_pandas_writes(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(300, 12))
    frame = pd.DataFrame({"text": "a", "emb": list(matrix)})
    frame.to_parquet(tmp_path / "a.parquet")
    same(rv.read_vectors(tmp_path / "a.parquet"), matrix, np.ones(300, bool))


@pytest.mark.parametrize("seed", range(12))
def test_rows_of_bytes(seed, tmp_path):
    rng = np.random.default_rng(seed)
    matrix, valid = draw_rows(rng, ["float32", "float64", "float16"][seed % 3], 500, 9)
    cells = [row.tobytes() if there else None for row, there in zip(matrix, valid, strict=True)]
    table = pa.table({"v": pa.array(cells, pa.binary(9 * matrix.itemsize)), "n": range(500)})
    encoding = str(rng.choice(["PLAIN", "BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY"]))
    options = {"compression": str(rng.choice(CODECS)), "row_group_size": 200}
    path = tmp_path / "a.parquet"
    if seed % 4 == 0:
        pq.write_table(table, path, **options)
    else:
        options["column_encoding"] = {"v": encoding}
        pq.write_table(table, path, use_dictionary=False, data_page_size=300, **options)
    same(rv.read_vectors(path, dim=9, dtype=matrix.dtype), matrix, valid)
    with pytest.raises(rv.ColumnError, match=r"say dim="):
        rv.read_vectors(path)
    with pytest.raises(rv.DimensionMismatch, match=r"not 10 numbers of float32"):
        rv.read_vectors(path, dim=10)


def test_lists_in_structures_and_required_ones(tmp_path):
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), 3)
    inner = pa.StructArray.from_arrays([lists, pa.array(range(4))], ["emb", "n"])
    inner = pa.StructArray.from_arrays(
        inner.flatten(), ["emb", "n"], mask=pa.array([False, True, False, False])
    )
    field = pa.field(
        "w", pa.list_(pa.field("element", pa.float64(), nullable=False)), nullable=False
    )
    table = pa.table(
        [inner, pa.array(matrix.tolist(), field.type)],
        schema=pa.schema([pa.field("s", inner.type), field]),
    )
    pq.write_table(table, tmp_path / "a.parquet")
    column = rv.read_vectors(tmp_path / "a.parquet", "s.emb")
    assert column.null_count == 1
    assert np.isnan(np.asarray(column, np.float32)[1]).all()
    assert np.array_equal(rv.read_vectors(tmp_path / "a.parquet", "w"), matrix)
    with pytest.raises(rv.ColumnError, match=r"2 columns hold vectors: \"s.emb\", \"w\""):
        rv.read_vectors(tmp_path / "a.parquet")


@pytest.fixture
def folder(tmp_path):
    """Four files of rows that count, one of them below, and what is no parquet file."""
    (tmp_path / "below").mkdir()
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    for i, name in enumerate(["a", "b", "below/c", "d"]):
        table = pa.table({"v": list(rows[5 * i : 5 * i + 5])})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    (tmp_path / "_hidden.parquet").write_text("no")
    (tmp_path / "notes.txt").write_text("no parquet file")
    return tmp_path, rows


def test_folders_and_patterns_are_read_in_the_order_of_names(folder):
    path, rows = folder
    column = rv.read_vectors(path)
    assert np.array_equal(column, rows)
    assert [os.path.basename(p) for p in column.paths] == [
        "a.parquet", "b.parquet", "c.parquet", "d.parquet",
    ]  # fmt: skip
    assert np.array_equal(
        rv.read_vectors(f"{path}/[ad].parquet"), rows[[*range(5), *range(15, 20)]]
    )
    swapped = rv.read_vectors([path / "d.parquet", f"{path}/a.parquet"])
    assert np.array_equal(swapped, rows[[*range(15, 20), *range(5)]])
    assert "2 files" in repr(swapped)


def test_paths_that_name_nothing(folder):
    path, _ = folder
    for missing in [path / "x.parquet", f"{path}/x*.parquet"]:
        with pytest.raises(rv.FileMissing) as caught:
            rv.read_vectors(missing)
        assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(rv.InvalidArgument, match="paths is empty"):
        rv.read_vectors([])
    with pytest.raises(rv.InvalidArgument, match="no path"):
        rv.read_vectors([path, 3])
    with pytest.raises(rv.InvalidArgument, match="pass a path"):
        rv.read_vectors(3)
    (path / "empty.parquet").write_bytes(b"")
    with pytest.raises(rv.PersistError, match="0 bytes are no parquet file"):
        rv.read_vectors(path / "empty.parquet")
    with pytest.raises(rv.PersistError, match="does not end like a parquet file"):
        rv.read_vectors(path / "notes.txt")


def test_arguments_are_read_with_their_names(folder):
    path, _ = folder
    for wrong in [{"dim": 0}, {"dtype": "int32"}, {"dtype": "x"}, {"threads": -1}, {"column": 3},
                  {"limits": {"x": 1}}, {"limits": {"ratio": 0}}]:  # fmt: skip
        with pytest.raises(rv.InvalidArgument, match=next(iter(wrong))):
            rv.read_vectors(path, **wrong)
    with pytest.raises(rv.DimensionMismatch, match="2 dimensions, not 3"):
        rv.read_vectors(path, dim=3)
    with pytest.raises(rv.ColumnError, match="holds float32"):
        rv.read_vectors(path, dtype="float64")
    with pytest.raises(rv.ColumnError, match=r'no column "w"; columns that can hold vectors: "v"'):
        rv.read_vectors(path, "w")
    with pytest.raises(rv.LimitExceeded, match='"footer"'):
        rv.read_vectors(path, limits={"footer": 10})


def test_rows_that_are_no_vectors(tmp_path):
    path = tmp_path / "a.parquet"
    for rows, says in [
        ([[1.0, 2], [3.0]], "row 1 has 1 dimensions"),
        ([[1.0, 2], [3.0, 4, 5]], "row 1 has more than 2 dimensions"),
        ([[1.0, 2], []], "row 1 has no numbers"),
        ([[1.0, 2], [3.0, None]], "row 1 has a null at dimension 1"),
    ]:
        pq.write_table(pa.table({"v": rows}), path)
        with pytest.raises(rv.InvalidVector, match=says) as caught:
            rv.read_vectors(path)
        assert caught.value.row == 1
    for strange in [["a", "b"], [1, 2], [[1, 2], [3, 4]], [[["a"]]], [{"x": 1}]]:
        pq.write_table(pa.table({"v": strange}), path)
        with pytest.raises(rv.ColumnError, match="holds no vectors"):
            rv.read_vectors(path, "v")


def test_files_without_rows(tmp_path):
    empty = pa.table({"v": pa.array([], pa.list_(pa.float32()))})
    pq.write_table(empty, tmp_path / "a.parquet")
    column = rv.read_vectors(tmp_path / "a.parquet")
    assert (len(column), column.dim, np.asarray(column).shape) == (0, 0, (0, 0))
    pq.write_table(pa.table({"v": [[1.0, 2.0]]}), tmp_path / "b.parquet")
    pq.write_table(
        pa.table({"v": pa.array([None], pa.list_(pa.float64()))}), tmp_path / "c.parquet"
    )
    with pytest.raises(rv.ColumnError, match=r"is of float64, in .*a.parquet it is of float32"):
        rv.read_vectors(tmp_path)
    column = rv.read_vectors([tmp_path / "c.parquet", tmp_path / "b.parquet"])
    assert (column.dim, column.null_count) == (2, 1)


def test_a_damaged_page_is_noticed(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    path = tmp_path / "a.parquet"
    for codec in CODECS:
        pq.write_table(
            pa.table({"v": list(matrix)}), path, write_page_checksum=True, compression=codec,
            use_dictionary=False,
        )  # fmt: skip
        data = bytearray(path.read_bytes())
        data[1500] ^= 4
        path.write_bytes(data)
        with pytest.raises(rv.PersistError, match="checksum of the page"):
            rv.read_vectors(path)


def test_a_column_is_taken_where_columns_are(tmp_path):
    rng = np.random.default_rng(0)
    for number in TYPES:
        matrix, _ = draw_rows(rng, number, 200, 6)
        matrix[0] = matrix[0] + 1
        pq.write_table(pa.table({"v": list(matrix)}), tmp_path / "a.parquet")
        column = rv.read_vectors(tmp_path / "a.parquet")
        want = rv.Index.build(matrix, metric="l2").search(matrix[0].astype(np.float32), k=3)
        have = rv.Index.build(column, metric="l2").search(matrix[0].astype(np.float32), k=3)
        assert np.array_equal(want.ids, have.ids)
        assert np.array_equal(rv.to_matrix(column), matrix.astype(np.float32))
        assert rv.to_column(column, pl.DataFrame()).to_list() == matrix.astype(np.float32).tolist()
        assert np.shares_memory(np.asarray(column), column._matrix)
        assert pl.Series(column).to_list() == matrix.tolist()
        capsule = pa.chunked_array(column).chunk(0).flatten()
        assert capsule.buffers()[1].address == column._matrix.ctypes.data
        kept = pa.field("v", pa.list_(pa.field("item", TYPES[number], nullable=False), 6))
        assert pa.field(column).type == kept.type
    assert rv.Index.build(column, metric="l2").search(matrix[0].astype(np.float32), k=3) is not None


def test_null_rows_are_nan_or_said(tmp_path):
    pq.write_table(pa.table({"v": [[1.0, 2.0], None]}), tmp_path / "a.parquet")
    column = rv.read_vectors(tmp_path / "a.parquet")
    assert "1 null" in repr(column)
    assert np.isnan(np.asarray(column)[1]).all()
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(column, copy=False)
    with pytest.raises(rv.ColumnError, match="1 rows are null"):
        np.asarray(column, np.int64)
    with pytest.raises(rv.InvalidVector, match="row 1 is null"):
        rv.Index.build(column)
    skipping = rv.Index.build(column, metric="l2", nulls="skip")
    assert skipping.search([1, 2], k=2).ids.tolist() == [0]


def test_the_view_is_read_only_and_outlives_the_column(tmp_path):
    pq.write_table(pa.table({"v": [[1.0, 2.0]]}), tmp_path / "a.parquet")
    column = rv.read_vectors(tmp_path / "a.parquet")
    view, lists = np.asarray(column), pa.chunked_array(column)
    del column
    assert view.tolist() == lists.to_pylist() == [[1, 2]]
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0


def test_progress_counts_rows_and_many_read_at_once(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(20_000, 64)).astype(np.float32)
    table = pa.table({"v": pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), 64)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=500, compression="GZIP")
    told, wrong = [], []
    rv.read_vectors(tmp_path / "a.parquet", progress=lambda done, all: told.append((done, all)))
    assert told == sorted(told)
    assert {total for _, total in told} <= {20_000}

    def read():
        if not np.array_equal(rv.read_vectors(tmp_path / "a.parquet"), matrix):
            wrong.append(1)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
