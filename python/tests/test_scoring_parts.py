"""A part of a scoring is what Index.search says of each row, beside the row as it was."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector._native.parquet import scoring

DIM = 12
NAMES = ("query_row", "rank", "id", "cosine_similarity")


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype("float32")


def every_type(n: int) -> dict[str, pa.Array]:
    """Columns of every type that parquet keeps, with nulls among their rows."""

    def some(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array([None if i % 4 == 2 else values[i % len(values)] for i in range(n)], kind)

    day = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456)
    return {
        "bool": some([True, False], pa.bool_()),
        **{
            f"{sign}int{bits}": some([0, 1, 2 ** (bits - 1) - 1], getattr(pa, f"{sign}int{bits}")())
            for sign in ("", "u")
            for bits in (8, 16, 32, 64)
        },
        "float16": some([np.float16(0.5), np.float16(-2)], pa.float16()),
        "float32": some([0.1, -0.0, float("inf")], pa.float32()),
        "float64": some([0.1, float("nan"), 1e300], pa.float64()),
        "string": some(["", "æøå", "x" * 3000], pa.string()),
        "binary": some([b"", b"\0\xff", b"y" * 2000], pa.binary()),
        "fixed": some([b"abcd", b"\0\0\0\0"], pa.binary(4)),
        "decimal": some([decimal.Decimal("-12.34"), decimal.Decimal("0.01")], pa.decimal128(20, 2)),
        "date": some([day.date()], pa.date32()),
        "time": some([day.time()], pa.time64("us")),
        "stamp": some([day], pa.timestamp("ns")),
        "zoned": some([day], pa.timestamp("us", "UTC")),
        "nothing": pa.nulls(n, pa.string()),
        "list": some([[], [1, None, 3], [4]], pa.list_(pa.int32())),
        "deep": some([[], [[], ["a", None]], [None, ["b"]]], pa.list_(pa.list_(pa.string()))),
        "struct": some(
            [{"a": 1, "b": ["x", "y"]}, {"a": None, "b": None}],
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
        ),
        "map": some([[], [("k", 1), ("l", None)]], pa.map_(pa.string(), pa.int32())),
    }


def column(matrix: np.ndarray, nulls: set[int]) -> pa.Array:
    rows = [None if i in nulls else row for i, row in enumerate(matrix)]
    return pa.array(rows, pa.list_(pa.float32()))


def run(source: Any, out: Path, index: rv.Index, **more: Any) -> scoring.Counts:
    options: dict[str, Any] = {"k": 3, "on": "emb", "names": NAMES} | more
    with scoring.Part(source, str(out), index=index._handle, **options) as part:
        task = part.run()
        task.wait()
        task.result()
        return part.finish()


def answers(index: rv.Index, matrix: np.ndarray, nulls: set[int], k: int, **more: Any) -> pa.Table:
    """What Index.search finds, a hit a row."""
    found = index.search(matrix, k=k, **more)
    rows: dict[str, list[Any]] = {name: [] for name in NAMES}
    for row in range(len(matrix)):
        if row in nulls:
            continue
        for rank in range(int(found.counts[row])):
            cells = (row, rank + 1, found.ids[row][rank], found.scores[row][rank])
            for name, value in zip(NAMES, cells, strict=True):
                rows[name].append(value)
    return pa.table(
        {
            **{name: pa.array(rows[name], pa.int64()) for name in NAMES[:2]},
            "id": rows["id"],
            NAMES[3]: pa.array(rows[NAMES[3]], pa.float32()),
        }
    )


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """Rows that compare equal where NaN is NaN."""
    return [{name: repr(cell) for name, cell in row.items()} for row in table.to_pylist()]


def test_every_type_survives_beside_what_was_found(tmp_path: Path) -> None:
    n, nulls = 230, {3, 50, 229}
    matrix = vectors(n)
    table = pa.table({**every_type(n), "emb": column(matrix, nulls)})
    index = rv.Index.build(vectors(400, 1))
    # what pyarrow reads where the file says no Arrow types
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=70, store_schema=False)
    out = tmp_path / "out.parquet"
    counts = run(str(tmp_path / "in.parquet"), out, index)
    read = pq.read_table(out)
    expected = answers(index, matrix, nulls, 3)
    assert read.select(NAMES).cast(expected.schema).equals(expected)
    back = pq.read_table(tmp_path / "in.parquet").drop_columns("emb")
    assert read.schema.names == [*back.schema.names, *NAMES]
    kept = read.select(back.schema.names)
    assert kept.schema.equals(back.schema)
    assert plain(kept) == plain(back.take(expected["query_row"]))
    assert counts[:4] == (n, len(expected), len(nulls), out.stat().st_size)


def test_polars_and_duckdb_read_what_pyarrow_reads(tmp_path: Path) -> None:
    n = 90
    table = pa.table({**every_type(n), "emb": column(vectors(n), set())})
    pq.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    run(str(tmp_path / "in.parquet"), out, rv.Index.build(vectors(30, 1)))
    flat = [name for name, kind in zip(table.column_names, table.schema.types, strict=True)
            if not pa.types.is_nested(kind) and name != "float16"]  # fmt: skip
    read = pq.read_table(out, columns=[*flat, *NAMES])
    frame = pl.read_parquet(out, columns=[*flat, *NAMES])
    assert [str(v) for v in frame["uint64"]] == [str(v.as_py()) for v in read["uint64"]]
    assert frame["zoned"].to_list() == read["zoned"].to_pylist()
    assert frame["decimal"].to_list() == read["decimal"].to_pylist()
    assert frame["string"].to_list() == read["string"].to_pylist()
    assert pl.read_parquet(out)["struct"].to_list() == pq.read_table(out)["struct"].to_pylist()
    rows = duckdb.sql(f"select query_row, rank, id, string, list from '{out}'").fetchall()
    columns = pq.read_table(out, columns=["query_row", "rank", "id", "string", "list"])
    assert rows == [tuple(row.values()) for row in columns.to_pylist()]


@pytest.mark.parametrize("kind", ["float16", "float64", "int8", "uint8"])
def test_vectors_of_other_numbers_find_what_search_finds(tmp_path: Path, kind: str) -> None:
    matrix = (vectors(60) * 20).astype(kind)
    rows = pa.array([list(row) for row in matrix], pa.list_(getattr(pa, _arrow_name(kind))()))
    pq.write_table(pa.table({"emb": rows}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(100, 1).astype("float64" if kind == "float64" else "float32"))
    out = tmp_path / "out.parquet"
    run(str(tmp_path / "in.parquet"), out, index, k=5)
    expected = answers(index, matrix, set(), 5)
    assert pq.read_table(out).cast(expected.schema).equals(expected)


def _arrow_name(kind: str) -> str:
    return kind if kind != "float" else "float32"


def test_ids_keep_their_type(tmp_path: Path) -> None:
    matrix = vectors(20)
    pq.write_table(pa.table({"emb": column(matrix, set())}), tmp_path / "in.parquet")
    for name, ids in {
        "text": [f"doc {i}" for i in range(50)],
        "unsigned": np.arange(50, dtype=np.uint64) + np.uint64(2**63),
        "signed": np.arange(50) - 25,
    }.items():
        index = rv.Index.build(vectors(50, 1), ids=ids)
        out = tmp_path / f"{name}.parquet"
        run(str(tmp_path / "in.parquet"), out, index)
        kind = {"text": pa.string(), "unsigned": pa.uint64(), "signed": pa.int64()}[name]
        read = pq.read_table(out)
        assert read.schema.field("id").type == kind
        found = index.search(matrix, k=3)
        assert read["id"].to_pylist() == [v for row in found.ids for v in np.asarray(row).tolist()]


def test_masks_and_thresholds_leave_rows_out(tmp_path: Path) -> None:
    matrix = vectors(80)
    pq.write_table(pa.table({"emb": column(matrix, set())}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(200, 1))
    mask = np.arange(200) % 3 == 0
    run(str(tmp_path / "in.parquet"), tmp_path / "mask.parquet", index, mask=mask)
    expected = answers(index, matrix, set(), 3, where=mask)
    assert pq.read_table(tmp_path / "mask.parquet").cast(expected.schema).equals(expected)
    run(str(tmp_path / "in.parquet"), tmp_path / "least.parquet", index, least=0.6)
    found = answers(index, matrix, set(), 3)
    kept = found.filter(pa.compute.greater_equal(found[NAMES[3]].cast(pa.float64()), 0.6))
    assert 0 < len(kept) < len(found)
    assert pq.read_table(tmp_path / "least.parquet").cast(kept.schema).equals(kept)
    counts = run(str(tmp_path / "in.parquet"), tmp_path / "none.parquet", index,
                 mask=np.zeros(200, bool))  # fmt: skip
    assert counts.rows_out == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert pl.read_parquet(tmp_path / "none.parquet").columns == list(NAMES)
    counts = run(str(tmp_path / "in.parquet"), tmp_path / "all.parquet", index, k=1000)
    assert counts.rows_out == 80 * 200


def test_columns_of_matched_rows_are_beside_them(tmp_path: Path) -> None:
    matrix = vectors(40)
    pq.write_table(pa.table({"emb": column(matrix, set())}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(60, 1))
    flat = {f"r_{n}": a for n, a in every_type(60).items() if not pa.types.is_nested(a.type)}
    flat["r_category"] = pa.array(["a", None, "b"] * 20).dictionary_encode()
    flat["r_large"] = flat["r_string"].cast(pa.large_string())
    beside = pa.table(flat)
    order = np.random.default_rng(5).permutation(60)
    place = np.where(np.arange(60) % 10 == 0, -1, np.argsort(order))
    for name, table in {
        "rows": beside,
        "place": beside.take(order),
        "chunks": pa.concat_tables([beside.slice(0, 7), beside.slice(7)]),
    }.items():
        viewed = table.append_column("r_view", table["r_string"].cast(pa.string_view()))
        right = scoring.Right(viewed, rows=60, place=place if name == "place" else None)
        assert right.names == (*flat, "r_view")
        out = tmp_path / f"{name}.parquet"
        run(str(tmp_path / "in.parquet"), out, index, right=right)
        right.close()
        read = pq.read_table(out)
        ids = read["id"].to_pylist()
        places = [None if name == "place" and i % 10 == 0 else i for i in ids]
        expected = beside.take(pa.array(places, pa.int64()))
        for column_name in flat:
            got, want = read[column_name].to_pylist(), expected[column_name].to_pylist()
            assert [repr(v) for v in got] == [repr(v) for v in want], column_name
        assert read["r_view"].equals(read["r_string"])


def test_constants_are_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": column(vectors(5), set())}), tmp_path / "in.parquet")
    day = datetime.date(1969, 12, 30)
    constants = [("year", "int64", -2024), ("part", "string", "a=b/æ"), ("x", "float64", 0.1),
                 ("on", "bool", True), ("day", "date32", day), ("gone", "int64", None)]  # fmt: skip
    out = tmp_path / "out.parquet"
    run(str(tmp_path / "in.parquet"), out, rv.Index.build(vectors(9, 1)), constants=constants)
    read = pq.read_table(out)
    assert len(read) == 15
    for name, _, value in constants:
        assert read[name].to_pylist() == [value] * 15
    assert read.schema.field("day").type == pa.date32()


def test_texts_are_given_out_and_vectors_taken(tmp_path: Path) -> None:
    texts = [None if i % 5 == 1 else f"text {i} æ" * (i % 3) for i in range(70)]
    table = pa.table({"body": pa.array(texts, pa.string()), "n": range(70)})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=33)
    index = rv.Index.build(vectors(100, 1))
    matrix, seen = vectors(70), []
    out = tmp_path / "out.parquet"
    with scoring.Part(str(tmp_path / "in.parquet"), str(out), index=index._handle, k=2,
                      on="body", text=True, names=NAMES) as part:  # fmt: skip
        while batch := part.texts(16):
            at = len(seen)
            seen += batch
            part.step(matrix[[at + i for i, text in enumerate(batch) if text is not None]])
        counts = part.finish()
    assert seen == texts
    nulls = {i for i, text in enumerate(texts) if text is None}
    expected = answers(index, matrix, nulls, 2)
    read = pq.read_table(out)
    assert read.select(NAMES).cast(expected.schema).equals(expected)
    assert read["n"].to_pylist() == expected["query_row"].to_pylist()
    assert counts.nulls == len(nulls)


@pytest.mark.parametrize("null", [True, False])
def test_a_text_without_a_vector_counts_as_null(tmp_path: Path, null: bool) -> None:
    texts = ["a", None if null else "b", "", "c", " ", "d"]
    pq.write_table(pa.table({"body": texts}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(100, 1))
    matrix = vectors(6)
    matrix[[2, 4]] = np.nan
    matrix[0, 0] = 0.5
    out = tmp_path / "out.parquet"
    with scoring.Part(str(tmp_path / "in.parquet"), str(out), index=index._handle, k=2,
                      on="body", text=True, names=NAMES) as part:  # fmt: skip
        while batch := part.texts(6):
            part.step(matrix[[i for i, text in enumerate(batch) if text is not None]])
        counts = part.finish()
    nulls = {2, 4} | ({1} if null else set())
    expected = answers(index, np.nan_to_num(matrix), nulls, 2)
    assert pq.read_table(out).select(NAMES).cast(expected.schema).equals(expected)
    assert counts.nulls == len(nulls)


def test_a_text_with_one_number_that_is_no_number_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a", "b"]}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(100, 1))
    matrix = vectors(2)
    matrix[1, 0] = np.nan
    with scoring.Part(str(tmp_path / "in.parquet"), str(tmp_path / "out"), index=index._handle,
                      k=2, on="body", text=True, names=NAMES) as part:  # fmt: skip
        part.texts(6)
        with pytest.raises(rv.InvalidVector, match="row 1"):
            part.step(matrix)


def test_a_part_needs_its_row_groups_and_the_footer_alone(tmp_path: Path) -> None:
    table = pa.table({"emb": column(vectors(90), set()), "n": [f"row {i}" for i in range(90)]})
    path = tmp_path / "in.parquet"
    pq.write_table(table, path, row_group_size=30)
    whole, index = path.read_bytes(), rv.Index.build(vectors(100, 1))
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    facts = scoring.look(whole)
    assert len(facts.spans) == 3
    assert facts.spans[0][0] > 0
    assert facts.spans[2][1] <= footer

    def score(data: bytes, group: int) -> bytes:
        out = tmp_path / "out"
        out.unlink(missing_ok=True)
        with scoring.Part(data, str(out), index=index._handle, k=2, on="emb", names=NAMES,
                          groups=(group, 1)) as part:  # fmt: skip
            task = part.run()
            task.wait()
            task.result()
            part.finish()
        return out.read_bytes()

    for group, (begin, end) in enumerate(facts.spans):
        holes = bytearray(len(whole))
        holes[begin:end], holes[footer:] = whole[begin:end], whole[footer:]
        assert score(bytes(holes), group) == score(whole, group)


def test_a_file_in_memory_is_scored_like_one_on_disk(tmp_path: Path) -> None:
    table = pa.table({"emb": column(vectors(30), {4})})
    pq.write_table(table, tmp_path / "in.parquet")
    index = rv.Index.build(vectors(9, 1))
    run(str(tmp_path / "in.parquet"), tmp_path / "a.parquet", index)
    data = (tmp_path / "in.parquet").read_bytes()
    run(data, tmp_path / "b.parquet", index, label="memory")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert scoring.look(data) == scoring.look(str(tmp_path / "in.parquet"))


def test_bytes_of_fixed_length_are_vectors_when_their_dimension_is_said(tmp_path: Path) -> None:
    matrix = vectors(40)
    rows = pa.array([row.tobytes() for row in matrix], pa.binary(4 * DIM))
    pq.write_table(pa.table({"emb": rows}), tmp_path / "in.parquet")
    index = rv.Index.build(vectors(60, 1))
    out = tmp_path / "out.parquet"
    with pytest.raises(rv.ColumnError, match="dim="):
        run(str(tmp_path / "in.parquet"), out, index)
    with pytest.raises(rv.DimensionMismatch, match="48 bytes"):
        run(str(tmp_path / "in.parquet"), out, index, dim=11)
    run(str(tmp_path / "in.parquet"), out, index, dim=DIM, dtype="float32")
    expected = answers(index, matrix, set(), 3)
    assert pq.read_table(out).cast(expected.schema).equals(expected)


@pytest.mark.parametrize("kind", ["list", "bytes"])
def test_packed_bits_find_what_search_finds(tmp_path: Path, kind: str) -> None:
    random = np.random.default_rng(3)
    bits, corpus = (random.integers(0, 256, (n, 8), dtype=np.uint8) for n in (30, 50))
    cells = [None if i == 7 else list(row) if kind == "list" else row.tobytes()
             for i, row in enumerate(bits)]  # fmt: skip
    column_type = pa.list_(pa.uint8()) if kind == "list" else pa.binary(8)
    pq.write_table(pa.table({"emb": pa.array(cells, column_type)}), tmp_path / "in.parquet")
    index = rv.Index.build(corpus, metric="hamming")
    out = tmp_path / "out.parquet"
    run(str(tmp_path / "in.parquet"), out, index)
    expected = answers(index, bits, {7}, 3)
    assert pq.read_table(out).cast(expected.schema).equals(expected)
    wrong = pa.table({"emb": column(vectors(3), set())})
    pq.write_table(wrong, tmp_path / "wrong.parquet")
    with pytest.raises((rv.ColumnError, rv.DimensionMismatch)):
        run(str(tmp_path / "wrong.parquet"), tmp_path / "o", index)


def test_a_file_without_row_groups_is_scored(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64()), ("emb", pa.list_(pa.float32()))])
    pq.write_table(schema.empty_table(), tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    counts = run(str(tmp_path / "in.parquet"), out, rv.Index.build(vectors(9, 1)))
    assert counts[:3] == (0, 0, 0)
    assert pq.read_table(out).schema.names == ["n", *NAMES]
    nulls = pa.table({"n": range(3), "emb": pa.nulls(3, pa.list_(pa.float32()))})
    pq.write_table(nulls, tmp_path / "nulls.parquet")
    counts = run(str(tmp_path / "nulls.parquet"), tmp_path / "o", rv.Index.build(vectors(9, 1)))
    assert counts[:3] == (3, 0, 3)


def test_an_index_of_no_rows_finds_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": column(vectors(8), {2})}), tmp_path / "in.parquet")
    index = rv.Index.build(np.empty((0, DIM), "float32"))
    counts = run(str(tmp_path / "in.parquet"), tmp_path / "out.parquet", index, k=10**9)
    assert counts[:3] == (8, 0, 1)
    index.add([5], vectors(1, 9))
    counts = run(str(tmp_path / "in.parquet"), tmp_path / "one.parquet", index, k=10**9)
    assert counts[:3] == (8, 7, 1)
    assert set(pq.read_table(tmp_path / "one.parquet")["id"].to_pylist()) == {5}


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "snappy", "data_page_version": "2.0"},
        {"compression": "gzip", "data_page_size": 300},
        {"compression": "brotli", "use_dictionary": False},
        {"compression": "lz4", "data_page_version": "2.0", "use_dictionary": False},
        {"compression": "none", "use_dictionary": False, "data_page_size": 100},
        {"compression": "zstd", "use_dictionary": False, "use_byte_stream_split": ["float64"]},
        {"compression": "zstd", "version": "1.0", "write_page_index": True},
        {
            "compression": "zstd",
            "use_dictionary": False,
            "column_encoding": {
                "int64": "DELTA_BINARY_PACKED",
                "string": "DELTA_BYTE_ARRAY",
                "binary": "DELTA_LENGTH_BYTE_ARRAY",
            },
        },
    ],
    ids=lambda how: "-".join(str(v) for v in how.values())[:40],
)
def test_columns_pass_however_they_were_written(tmp_path: Path, how: dict[str, Any]) -> None:
    n = 150
    table = pa.table({**every_type(n), "emb": column(vectors(n), {9})})
    if how.get("version") == "1.0":
        table = table.drop_columns(["uint32", "stamp"])  # it changes their types
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=64, store_schema=False, **how)
    index = rv.Index.build(vectors(40, 1))
    out = tmp_path / "out.parquet"
    run(str(tmp_path / "in.parquet"), out, index, k=4, batch_rows=10)
    back = pq.read_table(tmp_path / "in.parquet").drop_columns("emb")
    read = pq.read_table(out)
    assert read.select(back.schema.names).schema.equals(back.schema)
    assert plain(read.select(back.schema.names)) == plain(back.take(read["query_row"]))


@pytest.mark.parametrize("writer", ["polars", "duckdb", "pandas"])
def test_columns_of_other_writers_pass(tmp_path: Path, writer: str) -> None:
    n = 60
    frame = pl.DataFrame({
        "text": [None if i % 7 == 0 else f"row {i}" for i in range(n)],
        "when": [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(n)],
        "tags": [[str(j) for j in range(i % 4)] for i in range(n)],
        "deep": [{"a": i, "b": [{"c": i / 2}]} for i in range(n)],
        "emb": vectors(n).tolist(),
    }).with_columns(pl.col("emb").cast(pl.List(pl.Float32)))  # fmt: skip
    path = tmp_path / "in.parquet"
    if writer == "polars":
        frame.write_parquet(path)
    elif writer == "duckdb":
        duckdb.sql(f"copy (from frame) to '{path}' (format parquet)")
    else:
        frame.to_pandas().to_parquet(path)
    out = tmp_path / "out.parquet"
    run(str(path), out, rv.Index.build(vectors(40, 1)), k=2)
    read, back = pl.read_parquet(out), pl.read_parquet(path)
    rows = back.drop("emb")[[i for i in range(n) for _ in range(2)]]
    assert read.select(rows.columns).equals(rows.cast(dict(read.select(rows.columns).schema)))
