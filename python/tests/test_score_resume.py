"""A scoring job that is cut off, changed or disturbed goes on, or says what is not as it was."""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_job import (
    BASE,
    DIM,
    everything,
    expected,
    files,
    index,
    only_parts,
    parts,
    rows_of,
    write,
)

import ruvector as rv
from ruvector._native.parquet import scoring
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring import planning, running

HERE = str(pathlib.Path(__file__).parent)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)


def score(folder: Any, out: pathlib.Path, **options: Any) -> rv.ScoreReport:
    given = {"on": "emb", "k": 3, "index": index()} | options
    return rv.score_parquet(folder, given.pop("index"), out=out, **given)


class CutOff(Exception):
    """What a run is cut off with."""


def cut_off(after: int) -> Callable[[int, int], None]:
    """Return a progress function that ends the run once so many rows are done."""

    def told(done: int, total: int) -> None:
        if done >= after:
            raise CutOff

    return told


def touched(out: pathlib.Path) -> dict[str, tuple[int, int]]:
    found = {name: (out / name).stat() for name in parts(out)}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


# ---- cut off and resumed ----


@pytest.mark.parametrize("after", [1, 60, 61, 100, 180])
def test_a_run_that_is_cut_off_goes_on_where_it_was(tmp_path: pathlib.Path, after: int) -> None:
    folder = files(tmp_path / "in")
    score(folder, tmp_path / "whole")
    out = tmp_path / "out"
    with pytest.raises(CutOff):
        score(folder, out, progress=cut_off(after))
    before = touched(out) if out.exists() else {}
    assert not out.exists() or sorted(everything(out)) == [manifests.NAME, *before]
    report = score(folder, out)
    assert everything(out) == everything(tmp_path / "whole")
    assert (report.parts_before, report.parts_done) == (len(before), 6 - len(before))
    assert report.rows_in == 180
    after_it = touched(out)
    assert all(after_it[name] == mark for name, mark in before.items())


def test_a_job_that_is_finished_is_not_done_again(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    first = score(folder, tmp_path / "out")
    before, marks = everything(tmp_path / "out"), touched(tmp_path / "out")
    seen: list[Any] = []
    again = score(folder, tmp_path / "out", progress=lambda *a: seen.append(a))
    assert (again.parts_done, again.parts_before, again.rows_per_second) == (0, 6, 0)
    assert (again.rows_in, again.rows_out) == (first.rows_in, first.rows_out)
    assert everything(tmp_path / "out") == before
    assert touched(tmp_path / "out") == marks
    assert seen == []


def test_progress_of_a_run_that_goes_on_is_of_what_is_left(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    with pytest.raises(CutOff):
        score(folder, tmp_path / "out", progress=cut_off(100))
    done = sum(part.rows_in for part in _parts(tmp_path / "out"))
    assert 0 < done < 180
    seen: list[tuple[int, int]] = []
    score(folder, tmp_path / "out", progress=lambda *a: seen.append(a))
    assert seen[-1] == (180 - done, 180 - done)


def _parts(out: pathlib.Path) -> list[manifests.Part]:
    found = manifests.read(str(out))
    assert found is not None
    return [part for entry in found.entries for part in entry.parts]


PROGRAM = """
import sys
import ruvector as rv
from scoring_job import index
from ruvector._parquet.scoring import planning
planning.PIECE_ROWS = 45
print("begin", flush=True)
rv.score_parquet(sys.argv[1], index(), out=sys.argv[2], on="emb", k=3, threads=1)
print("end", flush=True)
"""


def begin(folder: pathlib.Path, out: pathlib.Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def test_a_run_that_is_killed_goes_on_with_the_same_bytes(tmp_path: pathlib.Path) -> None:
    seed = int(time.time())
    print(f"seed {seed}")
    chance = random.Random(seed)
    folder = files(tmp_path / "in", 40)
    begun = time.monotonic()
    score(folder, tmp_path / "whole", threads=1)
    whole = time.monotonic() - begun
    out = tmp_path / "out"
    kept: dict[str, tuple[int, int]] = {}
    for _ in range(8):
        process = begin(folder, out)
        time.sleep(chance.uniform(0, whole / 2))
        process.kill()
        process.communicate()
        found = manifests.read(str(out)) if out.exists() else None
        finished = set() if found is None else set(found.part_names())
        assert set(kept) <= finished
        now = touched(out) if out.exists() else {}
        assert all(now[name] == mark for name, mark in kept.items())
        kept = {name: now[name] for name in finished}
    process = begin(folder, out)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert everything(out) == everything(tmp_path / "whole")
    assert all(touched(out)[name] == mark for name, mark in kept.items())


def test_ctrl_c_ends_at_once_and_leaves_what_is_finished(tmp_path: pathlib.Path) -> None:
    for i in range(4):
        write(tmp_path / "in" / f"{i}.parquet", i, rows=20_000, group=20)
    process = begin(tmp_path / "in", tmp_path / "out")
    while not list((tmp_path / "out").glob("*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - sent < 2  # with the end of the interpreter
    assert said.strip().endswith("KeyboardInterrupt")
    names = sorted(everything(tmp_path / "out"))
    assert names == [manifests.NAME, *(part.name for part in _parts(tmp_path / "out"))]


def test_the_manifest_is_not_written_for_every_small_part(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def slowly(folder: str, manifest: manifests.Manifest) -> None:
        written.append(sum(len(entry.parts) for entry in manifest.entries))
        time.sleep(0.05)
        write_now(folder, manifest)

    write_now = manifests.write
    monkeypatch.setattr(running.manifests, "write", slowly)
    score(files(tmp_path / "in", 20), tmp_path / "out")
    assert written[0] == 0
    assert written[-1] == 40
    assert len(written) < 8
    assert rows_of(tmp_path / "out") == expected(sorted((tmp_path / "in").iterdir()), index(), 3)


def test_a_crash_between_name_and_manifest_is_mended(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files(tmp_path / "in")
    score(folder, tmp_path / "whole")
    calls: list[int] = []

    def stop(path: str) -> None:
        calls.append(1)
        if len(calls) == 4:
            raise SystemError("power cut")
        sync(path)

    sync = manifests.sync_folder
    monkeypatch.setattr(manifests, "sync_folder", stop)
    with pytest.raises(SystemError):
        score(folder, tmp_path / "out")
    monkeypatch.setattr(manifests, "sync_folder", sync)
    score(folder, tmp_path / "out")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


# ---- what is not as it was ----


@pytest.fixture
def half(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A folder of inputs, and an output of which the first file is finished."""
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    with pytest.raises(CutOff):
        score(folder, out, progress=cut_off(100))
    assert "part-000000-0001.parquet" in parts(out)
    return folder, out


def refused(half: tuple[pathlib.Path, pathlib.Path], text: str, **options: Any) -> None:
    """The job is refused with a text, and its folder stays as it was."""
    folder, out = half
    before = everything(out)
    for on_error in ("stop", "skip"):
        with pytest.raises((rv.PersistError, rv.InvalidArgument), match=text):
            score(options.pop("inputs", folder), out, **{"on_error": on_error, **options})
        assert everything(out) == before


def test_a_changed_input_is_named(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    write(half[0] / "f0.parquet", 77)
    refused(half, r"f0\.parquet changed since this job began.*another out=")


def test_an_input_of_other_bytes_and_the_old_time_is_named(
    half: tuple[pathlib.Path, pathlib.Path],
) -> None:
    path = half[0] / "f0.parquet"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-30] + b"x" + path.read_bytes()[-29:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused(half, r"f0\.parquet")


def test_an_input_that_is_not_yet_scored_may_not_change_either(
    half: tuple[pathlib.Path, pathlib.Path],
) -> None:
    os.utime(half[0] / "f2.parquet")
    refused(half, r"f2\.parquet changed since this job began \(it was written again\)")


def test_an_input_that_is_gone_is_named(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    (half[0] / "f1.parquet").unlink()
    refused(half, r"1 are gone, first .*f1\.parquet")


def test_a_new_input_is_named(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    write(half[0] / "f9.parquet", 9)
    refused(half, r"1 are new, first .*f9\.parquet")
    given = [half[0] / f"f{i}.parquet" for i in range(3)]
    assert score(given, half[1]).parts == 6


def test_another_index_is_refused(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    other = BASE.copy()
    other[399, 7] += 1
    refused(half, "another index", index=rv.Index.build(other))
    refused(half, "another index", index=rv.Index.build(BASE, kind="flat"))
    refused(half, "another index", index=rv.Index.build(BASE, ids=np.arange(400) + 1))


def test_other_arguments_are_named(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    where = np.arange(400) % 2 == 0
    right = pa.table({"name": [str(i) for i in range(400)]})
    refused(half, "k was 3, now 4", k=4)
    refused(half, r"columns was None, now \['n'\]", columns=["n"])
    refused(half, "min_similarity was None, now 0.5", min_similarity=0.5)
    refused(half, "where was None", where=where)
    refused(half, "right was None", right=right)
    with rv.config(score_column="nearness"):
        refused(half, "names was")


def test_another_right_side_or_filter_is_refused(tmp_path: pathlib.Path) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    right = pa.table({"name": [str(i) for i in range(400)]})
    where = np.arange(400) % 2 == 0
    with pytest.raises(CutOff):
        score(folder, out, right=right, where=where, progress=cut_off(100))
    other = right.set_column(0, "name", pa.array(["x", *right["name"].to_pylist()[1:]]))
    with pytest.raises(rv.InvalidArgument, match="right was"):
        score(folder, out, right=other, where=where)
    with pytest.raises(rv.InvalidArgument, match="where was"):
        score(folder, out, right=right, where=~where)
    score(folder, out, right=right, where=where)


def test_what_changes_no_answer_may_change(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    folder, out = half
    score(folder, out.with_name("whole"))
    score(folder, out, threads=1, memory="64MB", batch_rows=5, on_error="skip")
    assert everything(out) == everything(out.with_name("whole"))


@pytest.mark.parametrize("how", ["gone", "shorter", "one bit"])
def test_a_finished_part_that_is_damaged_is_named(
    half: tuple[pathlib.Path, pathlib.Path], how: str
) -> None:
    path = half[1] / "part-000000-0000.parquet"
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data if how == "one bit" else data[:-1])
    refused(half, r"part-000000-0000\.parquet is (damaged|finished by the manifest)")


def test_a_damaged_manifest_is_named(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    path = half[1] / manifests.NAME
    path.write_bytes(path.read_bytes()[:-40])
    refused(half, "_ruvector_job.json is damaged")


def test_a_folder_of_others_and_no_resume(half: tuple[pathlib.Path, pathlib.Path]) -> None:
    refused(half, "resume=False", resume=False)
    (half[1] / manifests.NAME).unlink()
    refused(half, "no job of this kind wrote")


# ---- memory ----


HUNGRY = """
import sys
import ruvector as rv
import numpy as np
ix = rv.Index.build(np.random.default_rng(0).standard_normal((50, 128), dtype="f4"))

def high() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))

given = {"on": "emb", "k": 1, "columns": [], "memory": "128MiB"}
rv.score_parquet(sys.argv[1] + "/small.parquet", ix, out=sys.argv[2] + "/a", **given)
before = high()
rv.score_parquet(sys.argv[1], ix, out=sys.argv[2] + "/b", **given)
print(high() - before)
"""


def test_memory_does_not_grow_with_the_inputs(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    long = np.random.default_rng(3).standard_normal((400_000, DIM * 16), dtype="f4")
    emb = pa.FixedSizeListArray.from_arrays(pa.array(long.ravel()), DIM * 16)
    whole = pa.table({"n": pa.array(np.arange(len(long))), "emb": emb})
    pq.write_table(whole.slice(0, 50_000), folder / "small.parquet", row_group_size=50_000)
    pq.write_table(whole, folder / "z.parquet", row_group_size=50_000)
    del long, emb, whole
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", HUNGRY, str(folder), str(tmp_path)],
        check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert 400_000 * DIM * 16 * 4 > 1.5 * (128 << 20)
    assert int(done.stdout) < 128 << 20


# ---- the library's own promise ----


def test_parts_are_those_of_the_library_alone(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a.parquet", 1, rows=40)
    score(tmp_path / "a.parquet", tmp_path / "out")
    ix = index()
    names = ("query_row", "rank", "id", "cosine_similarity")
    with scoring.Part(
        str(tmp_path / "a.parquet"), str(tmp_path / "alone"), index=ix._handle, k=3, on="emb",
        names=names, columns=["doc", "n"],
    ) as part:  # fmt: skip
        task = part.run()
        task.wait()
        task.result()
        part.finish()
    [data] = only_parts(tmp_path / "out").values()
    assert (tmp_path / "alone").read_bytes() == data
