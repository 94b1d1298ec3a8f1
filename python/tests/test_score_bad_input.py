"""Bad inputs of a scoring job: each is named, and stops the run or is set aside whole."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from scoring_job import DIM, everything, files, index, parts, rows_of, table, vectors, write

import ruvector as rv
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring import planning


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)


def score(folder: Any, out: pathlib.Path, **options: Any) -> rv.ScoreReport:
    given = {"on": "emb", "k": 3, "index": index()} | options
    return rv.score_parquet(folder, given.pop("index"), out=out, **given)


# ---- files that are bad in one way each ----


def with_cells(path: pathlib.Path, change: Callable[[list[Any]], None], kind: Any = None) -> None:
    """Write a file like the others, but for some of its vectors."""
    good = table(1, 60)
    cells = good["emb"].to_pylist()
    change(cells)
    emb = pa.array(cells, kind or pa.list_(pa.float32()))
    pq.write_table(good.set_column(2, "emb", emb), path, row_group_size=20)


def set_cell(row: int, value: Any) -> Callable[[list[Any]], None]:
    return lambda cells: cells.__setitem__(row, value)


def nan_at(row: int, column: int, value: float = float("nan")) -> Callable[[list[Any]], None]:
    return lambda cells: cells[row].__setitem__(column, value)


def nothing(cells: list[Any]) -> None:
    pass


def cut(path: pathlib.Path, keep: float) -> None:
    write(path, 1)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def flipped(path: pathlib.Path) -> None:
    """A file whose last page of vectors is no page of its codec any more."""
    pq.write_table(table(1, 60), path, row_group_size=20, compression="snappy")
    footer = pq.ParquetFile(path).metadata
    column = footer.row_group(2).column(2)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)


WIDE = [[0.5] * (DIM + 1)] * 60
LATE = rv.InvalidVector, rv.DimensionMismatch, rv.PersistError
BAD: dict[str, tuple[Callable[[pathlib.Path], object], Any, str]] = {
    "nan": (lambda p: with_cells(p, nan_at(47, 3)), rv.InvalidVector, r"row 47.*row group 2"),
    "infinity": (
        lambda p: with_cells(p, nan_at(21, 0, float("-inf"))), rv.InvalidVector, "row 21",
    ),
    "ragged": (lambda p: with_cells(p, set_cell(50, [1.0] * 3)), LATE, "row 50"),
    "empty list": (lambda p: with_cells(p, set_cell(50, [])), LATE, "row 50"),
    "null inside": (lambda p: with_cells(p, nan_at(33, 2, None)), rv.InvalidVector, "row 33"),
    "dimensions": (
        lambda p: with_cells(p, lambda cells: cells.__setitem__(slice(None), WIDE)),
        rv.DimensionMismatch, f"{DIM + 1}",
    ),
    "no column": (
        lambda p: pq.write_table(table(1, 60).drop_columns(["emb"]), p), rv.ColumnError,
        "no column 'emb'",
    ),
    "less columns": (
        lambda p: pq.write_table(table(1, 60).drop_columns(["n"]), p), rv.ColumnError,
        r"no column 'n', which .*f0\.parquet has",
    ),
    "more columns": (
        lambda p: pq.write_table(table(1, 60).append_column("x", pa.array(range(60))), p),
        rv.ColumnError, r"has a column 'x', which .*f0\.parquet has not",
    ),
    "other type": (
        lambda p: pq.write_table(table(1, 60).set_column(1, "n", pa.array([0.5] * 60)), p),
        rv.ColumnError, r"'n' is a column of .*DOUBLE.*f0\.parquet of .*INT32",
    ),
    "texts": (
        lambda p: pq.write_table(table(1, 60).set_column(2, "emb", pa.array(["x"] * 60)), p),
        rv.ColumnError, r"on='emb' is a column of .*String.*f0\.parquet",
    ),
    "numbers": (
        lambda p: pq.write_table(table(1, 60).set_column(2, "emb", pa.array([1.5] * 60)), p),
        rv.ColumnError, "on='emb' is a column of",
    ),
    "no parquet": (lambda p: p.write_bytes(b"name,n\nx,1\n" * 99), rv.PersistError, ""),
    "no bytes": (lambda p: p.write_bytes(b""), rv.PersistError, ""),
    "cut off": (lambda p: cut(p, 0.7), rv.PersistError, ""),
    "damaged page": (flipped, LATE, ""),
    "a dead link": (lambda p: p.symlink_to("nowhere"), rv.FileMissing, ""),
}  # fmt: skip


@pytest.fixture(params=BAD)
def bad(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> tuple[pathlib.Path, Any, str]:
    """A folder whose second of three files is bad, the error, and what it says."""
    make, error, text = BAD[request.param]
    folder = files(tmp_path / "in")
    (folder / "f1.parquet").unlink()
    make(folder / "f1.parquet")
    return folder, error, text


def test_a_bad_file_stops_the_run_and_is_not_half_scored(
    tmp_path: pathlib.Path, bad: tuple[pathlib.Path, Any, str]
) -> None:
    folder, error, text = bad
    out = tmp_path / "out"
    with pytest.raises(error, match=rf"(?s)f1\.parquet.*{text}"):
        score(folder, out)
    if out.exists():  # it was found bad when its rows were read
        assert parts(out) == ["part-000000-0000.parquet", "part-000000-0001.parquet"]
        assert sorted(everything(out)) == [manifests.NAME, *parts(out)]
    # Once the file is mended, the same call goes on.
    (folder / "f1.parquet").unlink()
    write(folder / "f1.parquet", 1)
    report = score(folder, out)
    assert (report.files, report.skipped) == (3, ())
    score(folder, tmp_path / "whole")
    assert everything(out) == everything(tmp_path / "whole")


def test_a_bad_file_is_set_aside_whole(
    tmp_path: pathlib.Path, bad: tuple[pathlib.Path, Any, str]
) -> None:
    folder, _, _text = bad
    out, path = tmp_path / "out", folder / "f1.parquet"
    with pytest.warns(rv.RuVectorWarning, match=r"(?s)1 of 3 input files were set aside.*f1"):
        report = score(folder, out, on_error="skip")
    assert report.files == 2
    [(file, reason)] = report.skipped
    assert file == str(path)
    assert reason
    assert f"{path}: {reason}" in report._repr_html_().replace("&quot;", '"').replace("&#x27;", "'")
    assert [name[:11] for name in parts(out)] == ["part-000000"] * 2 + ["part-000002"] * 2
    assert sorted(everything(out)) == [manifests.NAME, *parts(out)]
    before = everything(out)
    with pytest.warns(rv.RuVectorWarning, match="set aside"):
        again = score(folder, out, on_error="skip")
    assert (again.parts_done, again.skipped) == (0, report.skipped)
    assert everything(out) == before
    with pytest.raises(rv.RuVectorError, match=r"f1\.parquet"):
        score(folder, out)  # "stop" does not pass over it
    path.unlink()
    write(path, 1)
    assert score(folder, out).skipped == ()
    score(folder, tmp_path / "whole")
    assert everything(out) == everything(tmp_path / "whole")


def test_the_first_file_may_be_the_bad_one(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    (folder / "f0.parquet").write_bytes(b"no parquet at all")
    with pytest.warns(rv.RuVectorWarning, match="f0"):
        report = score(folder, tmp_path / "out", on_error="skip")
    assert report.files == 2
    assert {name[:11] for name in parts(tmp_path / "out")} == {"part-000001", "part-000002"}


def test_all_files_may_be_bad(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.parquet").write_bytes(b"no parquet at all")
    with pytest.warns(rv.RuVectorWarning, match="3 of 3"):
        report = score(folder, tmp_path / "out", on_error="skip")
    assert (report.files, report.rows_in, len(report.skipped)) == (0, 0, 3)
    assert not (tmp_path / "out").exists()


def test_many_bad_files_among_many(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 12)
    for i in (2, 3, 7):
        with_cells(folder / f"f{i}.parquet", nan_at(59, 7))
    with pytest.warns(rv.RuVectorWarning, match="3 of 12"):
        report = score(folder, tmp_path / "out", on_error="skip")
    assert [pathlib.Path(file).name for file, _ in report.skipped] == [
        "f2.parquet",
        "f3.parquet",
        "f7.parquet",
    ]
    assert all("row 59" in reason for _, reason in report.skipped)
    assert (report.parts, report.rows_in) == (18, 9 * 60)


def test_what_is_nobodys_file_always_stops(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    ix = index()
    ix.close()
    with pytest.raises(rv.IndexClosed):
        score(folder, tmp_path / "out", index=ix, on_error="skip")

    def broken(texts: list[str]) -> Any:
        if len(texts) > 1:
            raise ConnectionError("the service is down")
        return np.ones((1, DIM), "f4")

    with pytest.raises(ConnectionError):
        score(folder, tmp_path / "out", on="doc", embedder=broken, on_error="skip")
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_read_at_the_moment_keeps_its_finished_parts(
    tmp_path: pathlib.Path,
) -> None:
    class Failing(MemoryFileSystem):  # type: ignore[misc]
        protocol = "failing"
        store: dict[str, Any] = {}  # noqa: RUF012
        left = 10**9

        def cat_file(self, path: str, **options: Any) -> Any:
            Failing.left -= 1
            if Failing.left < 0:
                raise TimeoutError(110, "Connection timed out")
            return super().cat_file(path, **options)

    fs = Failing()
    write(tmp_path / "a.parquet", 1, rows=200, group=40)
    fs.pipe("/b/a.parquet", (tmp_path / "a.parquet").read_bytes())
    score((fs, "/b"), tmp_path / "whole")
    reads = 10**9 - Failing.left
    Failing.left = reads - 2
    with pytest.raises(rv.PersistError, match=r"b/a\.parquet.*timed out") as caught:
        score((fs, "/b"), tmp_path / "out")
    assert isinstance(caught.value, OSError)
    kept = parts(tmp_path / "out")
    assert kept
    Failing.left = 10**9
    report = score((fs, "/b"), tmp_path / "out")
    assert report.parts_before == len(kept)
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_an_output_folder_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(rv.PersistError, match="is a file"):
        score(folder, tmp_path / "file")
    with pytest.raises(rv.PersistError, match="a file lies where a folder should"):
        score(folder, tmp_path / "file" / "out")
    with pytest.raises(rv.InvalidArgument, match="lies in the folder of the inputs"):
        score(folder, folder / "out")
    with pytest.raises(rv.InvalidArgument, match="NUL"):
        score(folder, tmp_path / "a\0b")


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(6))
def test_any_damage_is_an_error_or_rows(tmp_path: pathlib.Path, seed: int) -> None:
    """Bytes of a file changed at random: named or scored, and never half scored."""
    chance = np.random.default_rng(seed)
    folder = files(tmp_path / "in", 2)
    path, ix = folder / "f1.parquet", index()
    good = path.read_bytes()
    for case in range(25):
        data = bytearray(good)
        for at in chance.integers(0, len(data), chance.integers(1, 4)):
            data[at] ^= 1 << int(chance.integers(0, 8))
        path.write_bytes(data)
        out = tmp_path / f"out{case}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rv.RuVectorWarning)
            report = score(folder, out, index=ix, on_error="skip")
        assert report.files + len(report.skipped) == 2
        mine = [name for name in parts(out) if name.startswith("part-000001")]
        assert len(mine) == (0 if report.skipped else len(mine))
        assert sorted(everything(out)) == [manifests.NAME, *parts(out)]
        assert len(rows_of(out)) == report.rows_out


def test_a_type_of_vectors_may_differ_between_files(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    with_cells(folder / "f1.parquet", nothing, pa.list_(pa.float64()))
    with_cells(folder / "f2.parquet", nothing, pa.list_(pa.float32(), DIM))
    score(folder, tmp_path / "out", columns=["n"])
    rows = rows_of(tmp_path / "out")
    one, other = rows[180:360], rows[360:]
    assert one == other
    with pytest.raises(rv.ColumnError, match="'emb' is a column of"):
        score(folder, tmp_path / "all", columns=["emb"])


def test_other_dimensions_are_found_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    make, error, _ = BAD["dimensions"]
    make(folder / "f9.parquet")
    with pytest.raises(error, match=r"f9\.parquet.*9 dimensions, not 8"):
        score(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_vectors_of_other_dimensions_everywhere(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    ix = rv.Index.build(np.hstack([vectors(1, 50)] * 2))
    with pytest.raises(rv.DimensionMismatch, match=r"f0\.parquet"):
        score(folder, tmp_path / "out", index=ix)
    assert not (tmp_path / "out").exists()
