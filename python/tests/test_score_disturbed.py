"""A scoring job that is disturbed: inputs, index and folder change, the disk is full."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from scoring_job import everything, expected, files, index, parts, rows_of, write

import ruvector as rv
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring import planning

HERE = str(pathlib.Path(__file__).parent)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)


def score(folder: Any, out: pathlib.Path, **options: Any) -> rv.ScoreReport:
    given = {"on": "emb", "k": 3, "index": index()} | options
    return rv.score_parquet(folder, given.pop("index"), out=out, **given)


def listed(out: pathlib.Path) -> list[str]:
    """The parts that the manifest has."""
    found = manifests.read(str(out))
    assert found is not None
    return list(found.part_names())


# ---- what changes meanwhile ----


def meanwhile(at: int, do: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a progress function that does something once."""
    did: list[bool] = []

    def told(done: int, total: int) -> None:
        if done >= at and not did:
            did.append(True)
            do()

    return told


@pytest.mark.parametrize("how", ["written", "gone", "touched"])
def test_an_input_that_changes_while_it_is_scored_is_named(
    tmp_path: pathlib.Path, how: str
) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    path = folder / "f1.parquet"
    change = {
        "written": lambda: write(path, 50, rows=61),
        "gone": path.unlink,
        "touched": lambda: os.utime(path, ns=(1, 1)),
    }[how]
    with pytest.raises(rv.PersistError, match=r"f1\.parquet"):
        score(folder, out, progress=meanwhile(100, change))
    names = parts(out)
    assert [name for name in names if name.startswith("part-000000")] == names[:2]
    assert not any(name.startswith("part-000002") for name in names)
    # Of a file that changed nothing stays, of one that is gone what was right.
    assert (len(names) > 2) == (how == "gone" and "part-000001-0000.parquet" in names)


def test_an_input_that_changes_meanwhile_is_set_aside_where_that_is_wanted(
    tmp_path: pathlib.Path,
) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    path = folder / "f1.parquet"
    with pytest.warns(rv.RuVectorWarning, match=r"1 of 3 input files were set aside.*f1"):
        report = score(
            folder, out, on_error="skip", progress=meanwhile(100, lambda: os.utime(path, ns=(1, 1)))
        )
    assert [name.partition("-000")[0] for name in parts(out)]
    assert not any(name.startswith("part-000001") for name in parts(out))
    assert report.skipped[0].file == str(path)
    assert "changed while it was scored" in report.skipped[0].reason
    # It is not as it was when it was set aside: the next run takes it.
    report = score(folder, out)
    assert (report.files, report.skipped) == (3, ())
    score(folder, tmp_path / "whole")
    assert everything(out) == everything(tmp_path / "whole")


def test_inputs_that_come_meanwhile_are_named_and_what_is_done_is_complete(
    tmp_path: pathlib.Path,
) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    new = folder / "f9.parquet"
    with pytest.raises(rv.PersistError, match=r"1 inputs came while.*f9\.parquet"):
        score(folder, out, progress=meanwhile(100, lambda: write(new, 9)))
    new.unlink()
    report = score(folder, out)
    assert (report.parts_done, report.parts_before) == (0, 6)


def test_two_runs_into_one_folder(tmp_path: pathlib.Path) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    errors: list[str] = []

    def other() -> None:
        try:
            score(folder, out)
        except rv.PersistError as error:
            errors.append(str(error))

    score(folder, out, progress=meanwhile(1, other))
    assert len(errors) == 1
    assert "another run writes into this folder" in errors[0]
    assert rows_of(out) == expected(sorted(folder.iterdir()), index(), 3)


def test_an_index_that_changes_meanwhile_stops_the_run(tmp_path: pathlib.Path) -> None:
    ix = index()
    for i in range(4):
        write(tmp_path / "in" / f"{i}.parquet", i, rows=4000, group=40)
    out = tmp_path / "out"
    with pytest.raises(rv.RuVectorError, match="changed"):
        score(tmp_path / "in", out, index=ix, progress=meanwhile(50, lambda: ix.delete([3])))


# ---- the disk ----


LIMITED = """
import resource, sys
import ruvector as rv
from scoring_job import index
from ruvector._parquet.scoring import planning
planning.PIECE_ROWS = 45
ix = index()
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    rv.score_parquet(sys.argv[1], ix, out=sys.argv[2], on="emb", k=3, on_error=sys.argv[4])
except rv.PersistError as error:
    print(isinstance(error, OSError), error.errno, error)
"""


def run_limited(folder: pathlib.Path, out: pathlib.Path, limit: int, on_error: str) -> str:
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", LIMITED, str(folder), str(out), str(limit), on_error]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    return done.stdout


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_an_output_that_may_not_grow_stops_the_run(tmp_path: pathlib.Path, on_error: str) -> None:
    folder, out = files(tmp_path / "in"), tmp_path / "out"
    write(folder / "f1.parquet", 1, rows=6000, group=6000)
    said = run_limited(folder, out, 20_000, on_error)
    assert said.startswith("True 27 a part cannot be written: ")
    assert "make room and call again" in said
    assert sorted(everything(out)) == [manifests.NAME, *parts(out)]
    assert parts(out) == ["part-000000-0000.parquet", "part-000000-0001.parquet"]
    score(folder, out)
    score(folder, tmp_path / "whole")
    assert everything(out) == everything(tmp_path / "whole")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs mount")
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_full_disk_stops_the_run(tmp_path: pathlib.Path, on_error: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        folder, out = tmp_path / "in", disk / "out"
        for i in range(20):
            write(folder / f"f{i:02}.parquet", i, rows=900, group=900)
        said = run_limited(folder, out, 0, on_error)
        assert said.startswith("True 28 ")
        done = parts(out)
        assert 0 < len(done) < 20
        assert sorted(everything(out)) == [manifests.NAME, *done]
        assert listed(out) == done
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        report = score(folder, out)
        assert report.parts_before == len(done)
        score(folder, tmp_path / "whole")
        assert everything(out) == everything(tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
