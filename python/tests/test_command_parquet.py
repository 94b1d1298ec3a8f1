"""The command ``ruvector`` on parquet files: build, search and verify with them, score, resume."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import COMMAND, answer, environment, failure, ruvector_command

import ruvector as rv

ROWS = np.random.default_rng(8).standard_normal((900, 16), dtype=np.float32)


def write(path, rows, **columns):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    table = pa.table({"number": np.arange(len(rows)) + 1000, "emb": vectors, **columns})
    pq.write_table(table, path, row_group_size=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files of vectors, an index of them, and an index that holds the vectors."""
    path = tmp_path_factory.mktemp("parquet")
    (path / "in").mkdir()
    for part in range(3):
        rows = ROWS[300 * part : 300 * part + 300]
        write(path / "in" / f"{part}.parquet", rows, title=[f"t{part}"] * 300)
    with rv.Index.build(ROWS, kind="flat") as index:
        index.save(path / "codes.rvx", vectors=False)
        index.save(path / "with.rvx", vectors=True)
    np.save(path / "rows.npy", ROWS)
    return path


# Build.


def test_build_writes_the_index_that_the_library_builds(folder, tmp_path):
    out = tmp_path / "x.rvx"
    told = answer("build", folder / "in", "--column", "emb", "--kind", "flat", "--out", out)
    assert told["rows"] == 900 and told["dim"] == 16 and told["kind"] == "flat"
    assert told["file_bytes"] == out.stat().st_size and told["vectors"] is False
    with rv.Index.build_parquet(folder / "in", "emb", kind="flat") as index:
        index.save(tmp_path / "same.rvx", vectors=False)
    assert out.read_bytes() == (tmp_path / "same.rvx").read_bytes()


def test_build_of_an_array_is_the_same_search(folder, tmp_path):
    out = tmp_path / "x.rvx"
    answer("build", folder / "rows.npy", "--out", out, "--keep", "inside", "--metric", "l2")
    asked = json.dumps(ROWS[5].tolist())
    told = answer("search", out, "--vector", asked, "--k", 1)
    assert told["metric"] == "l2" and told["hits"] == [[{"rank": 1, "id": 5, "score": 0.0}]]


def test_ids_of_a_column_name_the_rows_that_are_found(folder, tmp_path):
    out = tmp_path / "x.rvx"
    words = ("build", folder / "in", "--column", "emb", "--ids", "number", "--out", out)
    one = folder / "in" / "0.parquet"
    done = ruvector_command(*(one if w == folder / "in" else w for w in words), "--keep", "inside")
    assert done.returncode == 0 and "300 x 16, cosine" in done.stdout, done.stderr
    told = answer("search", out, "--vector", json.dumps(ROWS[7].tolist()), "--k", 1)
    assert told["hits"][0][0]["id"] == 1007
    twice = failure(1, *words)  # every file counts from 1000 on
    assert twice["kind"] == "DuplicateId" and not list(tmp_path.glob("*.tmp*"))


@pytest.mark.parametrize(
    "words, code, kind",
    [
        (["absent.parquet", "--column", "emb"], 1, "FileMissing"),
        (["{in}", "--column", "nothing"], 1, "ColumnError"),
        (["{in}", "--column", "title"], 1, "ColumnError"),
        (["{in}", "--column", "emb", "--bits", "12"], 2, "InvalidArgument"),
        (["{in}", "--column", "emb", "--memory", "lots"], 2, "InvalidArgument"),
        (["{in}", "--column", "emb", "--metric", "manhattan"], 2, "Usage"),
        (["a.npy", "b.npy"], 2, "Usage"),
        (["a.npy", "--column", "emb"], 2, "Usage"),
        (["absent.npy"], 1, "OSError"),
        (["{in}/../codes.rvx", "--column", "emb"], 1, "PersistError"),
    ],
)
def test_what_cannot_be_built_leaves_no_file(folder, tmp_path, words, code, kind):
    words = [word.replace("{in}", str(folder / "in")) for word in words]
    told = failure(code, "build", *words, "--out", tmp_path / "x.rvx")
    assert told["kind"] == kind
    assert not list(tmp_path.iterdir())


# Vectors beside an index.


@pytest.mark.parametrize("verb", ["search", "verify"])
def test_vectors_in_parquet_files_are_attached(folder, verb):
    more = () if verb == "verify" else ("--vector", folder / "rows.npy", "--k", 1)
    attached = ("--vectors", folder / "in", "--column", "emb")
    told = answer(verb, folder / "codes.rvx", *more, *attached)
    if verb == "verify":
        assert told["vectors"] == "compared"
    else:
        assert told["scores"] == "exact"
        assert [row[0]["id"] for row in told["hits"]] == list(range(900))
    other = failure(1, verb, folder / "codes.rvx", *more, "--vectors", folder / "in" / "1.parquet",
                    "--column", "emb")  # fmt: skip
    assert other["kind"] in ("VectorsChanged", "DimensionMismatch")


# Score.


def score(folder, out, *more):
    return ("score", folder / "in", "--index", folder / "with.rvx", "--out", out, "--on", "emb",
            "--k", 3, *more)  # fmt: skip


def test_score_writes_parts_and_says_what_it_did(folder, tmp_path):
    told = answer(*score(folder, tmp_path / "out", "--columns", "title"))
    assert told["rows_in"] == 900 and told["rows_out"] == 2700 and told["files"] == 3
    table = pq.read_table(tmp_path / "out")
    assert table.column_names == ["title", "query_row", "rank", "id", "cosine_similarity"]
    best = table.filter(pa.compute.equal(table["rank"], 1))
    assert best["id"].to_pylist() == list(range(900))
    shown = ruvector_command(*score(folder, tmp_path / "out", "--columns", "title"))
    assert shown.returncode == 0 and "0 now, 3 before" in shown.stdout


def test_where_and_thresholds_limit_what_is_found(folder, tmp_path):
    np.save(tmp_path / "mask.npy", np.arange(900) % 2 == 0)
    more = ("--where", tmp_path / "mask.npy", "--min-similarity", 0.5)
    answer(*score(folder, tmp_path / "out", *more))
    table = pq.read_table(tmp_path / "out").to_pydict()
    assert table["id"] and all(i % 2 == 0 for i in table["id"])
    assert min(table["cosine_similarity"]) >= 0.5


def test_a_bad_file_stops_the_job_or_is_set_aside(folder, tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.parquet", ROWS[:50])
    (tmp_path / "in" / "b.parquet").write_bytes(b"no parquet at all")
    words = ("score", tmp_path / "in", "--index", folder / "with.rvx", "--on", "emb")
    told = failure(1, *words, "--out", tmp_path / "one")
    assert "b.parquet" in json.dumps(told)
    done = ruvector_command(*words, "--out", tmp_path / "two", "--on-error", "skip", "--json")
    assert done.returncode == 0 and "set aside" in done.stderr and "b.parquet" in done.stderr
    report = json.loads(done.stdout)
    assert report["rows_in"] == 50 and "b.parquet" in report["skipped"][0][0]


@pytest.mark.parametrize(
    "more, code, kind",
    [
        (["--on", "nothing"], 1, "ColumnError"),
        (["--index", "absent.rvx"], 1, "FileMissing"),
        (["--max-distance", "1"], 2, "MetricError"),
        (["--columns", "nothing"], 1, "ColumnError"),
        (["--memory", "lots"], 2, "InvalidArgument"),
        (["--min-similarity", "0.5", "--max-distance", "1"], 2, "Usage"),
        (["--on-error", "panic"], 2, "Usage"),
    ],
)
def test_what_cannot_be_scored_is_an_error_and_leaves_no_part(folder, tmp_path, more, code, kind):
    told = failure(code, *score(folder, tmp_path / "out", *more))
    assert told["kind"] == kind
    assert not list(tmp_path.rglob("*.parquet"))


def test_columns_of_the_rows_found_come_beside(folder, tmp_path):
    pq.write_table(pa.table({"name": [f"row {i}" for i in range(900)]}), tmp_path / "names.parquet")
    answer(*score(folder, tmp_path / "out", "--right", tmp_path / "names.parquet"))
    table = pq.read_table(tmp_path / "out").to_pydict()
    assert table["name"] == [f"row {i}" for i in table["id"]]


def test_a_name_that_scoring_adds_is_left_out_by_an_option(folder, tmp_path):
    pq.write_table(pa.table({"id": range(5), "emb": ROWS[:5].tolist()}), tmp_path / "in.parquet")
    words = ("score", tmp_path / "in.parquet", *score(folder, tmp_path / "out")[2:])
    told = failure(1, *words)
    assert told["kind"] == "ColumnError" and "--columns" in told["mend"]


def test_another_job_may_not_use_the_folder(folder, tmp_path):
    answer(*score(folder, tmp_path / "out"))
    told = failure(2, *score(folder, tmp_path / "out", "--columns", "title"))
    assert told["kind"] == "InvalidArgument" and "columns was None" in told["why"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.csv").write_text("1")
    told = failure(1, *score(folder, tmp_path / "full"))
    assert told["kind"] == "PersistError" and "mine.csv" in told["why"]


@pytest.fixture(scope="module")
def many(folder, tmp_path_factory):
    """A folder of 20 files, and what an undisturbed job makes of it."""
    path = tmp_path_factory.mktemp("many")
    (path / "in").mkdir()
    for part in range(20):
        write(path / "in" / f"{part:02}.parquet", np.tile(ROWS, (2, 1)))
    rv.score_parquet(path / "in", folder / "with.rvx", out=path / "whole", on="emb", k=3)
    return path


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_a_stopped_job_goes_on_and_nobody_can_tell(folder, many, tmp_path, end):
    out = tmp_path / "out"
    words = [*map(str, ("score", many / "in", *score(folder, out)[2:])), "--threads", "1"]
    process = subprocess.Popen(  # it must not be done before we look, however busy the machine
        ["nice", "-n", "19", *COMMAND, *words, "--json"], env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and len(list(out.glob("*.parquet"))) < 4:
        time.sleep(0.001)
    process.send_signal(end)
    shown, said = process.communicate(timeout=30)
    assert shown == "" and process.returncode == (130 if end == signal.SIGINT else -end), said
    if end == signal.SIGINT:
        told = json.loads(said)["error"]
        assert told["kind"] == "KeyboardInterrupt" and "goes on" in told["mend"]
    finished = (out / "_ruvector_job.json").read_text().count('"sha256"')
    again = answer(*words)
    assert again["parts_before"] == finished > 0 and again["parts_done"] == 20 - finished
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in (many / "whole").iterdir())
    for name in names:
        assert (out / name).read_bytes() == (many / "whole" / name).read_bytes()
