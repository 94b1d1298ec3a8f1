"""The manifest and the folder of a job: deterministic, atomic, held by one run, nobody else's."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import ruvector as rv
from ruvector._parquet.scoring import folder as folders
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring.failing import file_error, foreign_error
from ruvector._parquet.scoring.manifest import Entry, Manifest, Part
from ruvector._parquet.scoring.places import Mark
from ruvector._parquet.scoring.report import ScoreReport, Skipped


def part(number: int, piece: int, data: bytes = b"rows") -> Part:
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    name = manifests.part_name(number, piece)
    return Part(name, 10, 20, 1, len(data), digest)


def job(*done: int) -> Manifest:
    """A job of as many inputs, each of three pieces of which so many are finished."""
    entries = [
        Entry(
            f"/in/{i}.parquet", Mark(100, "17"), "ab", 30, ((0, 1, 10), (1, 1, 10), (2, 1, 10)),
            parts=[part(i, j) for j in range(count)],
        )
        for i, count in enumerate(done)
    ]  # fmt: skip
    return Manifest("digest", {"k": 10, "columns": ["a"]}, [], "[]", entries)


# ---- text ----


def test_a_manifest_comes_back_as_it_was(tmp_path: pathlib.Path) -> None:
    whole = job(3, 1, 0)
    whole.entries.append(Entry("/in/\udcff é.parquet", Mark(1, ""), "", 0, (), "NaN in row 7"))
    manifests.write(str(tmp_path), whole)
    assert manifests.read(str(tmp_path)) == whole
    assert [entry.done for entry in whole.entries] == [True, False, False, False]


def test_the_same_job_has_the_same_text_and_no_clock(tmp_path: pathlib.Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    for path in (one, other):
        path.mkdir()
        manifests.write(str(path), job(3, 1))
    assert (one / manifests.NAME).read_bytes() == (other / manifests.NAME).read_bytes()
    assert os.listdir(one) == [manifests.NAME]


def test_names_that_readers_of_folders_leave_out() -> None:
    assert manifests.NAME.startswith("_")
    assert manifests.part_name(3, 12) == "part-000003-0012.parquet"
    for name in (manifests.part_name(0, 0), manifests.NAME):
        hidden = manifests.hidden(name)
        assert hidden.startswith(".")
        assert not hidden.endswith(".parquet")
        assert "tmp" not in hidden
    names = [manifests.part_name(i, j) for i in (0, 9, 10, 999_999) for j in (0, 9, 10)]
    assert names == sorted(names)


def test_a_folder_without_one_has_none(tmp_path: pathlib.Path) -> None:
    assert manifests.read(str(tmp_path)) is None


WRONG: list[Any] = [
    "", "{", "[]", "null", "7", '"x"', "{}", "\x00", "[" * 100_000,
    {"format": -1}, {"format": "1"}, {"format": True}, {"index": 3}, {"inputs": {}},
    {"parameters": []}, {"snapshots": "x"}, {"snapshots": [1]}, {"schema": None}, {"inputs": [3]},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_damaged_manifest_is_named(tmp_path: pathlib.Path, wrong: Any) -> None:
    text = wrong
    if isinstance(wrong, dict) and wrong:
        text = json.dumps(json.loads(job(1).text()) | wrong)
    (tmp_path / manifests.NAME).write_text(text)
    with pytest.raises(rv.PersistError, match=r"_ruvector_job\.json is damaged.*another out="):
        manifests.read(str(tmp_path))


INPUTS: list[dict[str, Any]] = [
    {"size": -1}, {"size": 1.5}, {"rows": None}, {"name": 3}, {"pieces": [[1]]}, {"pieces": [3]},
    {"pieces": []}, {"parts": [3]}, {"parts": {}}, {"failed": "why"}, {"changed": 3},
    {"pieces": [[0, 2, 3]] * 3, "parts": [{}]}, {"footer": None},
]  # fmt: skip


@pytest.mark.parametrize("wrong", INPUTS, ids=range(len(INPUTS)))
def test_a_damaged_input_of_a_manifest_is_named(
    tmp_path: pathlib.Path, wrong: dict[str, Any]
) -> None:
    whole = json.loads(job(2, 1).text())
    whole["inputs"][1] |= wrong
    (tmp_path / manifests.NAME).write_text(json.dumps(whole))
    with pytest.raises(rv.PersistError, match="is damaged"):
        manifests.read(str(tmp_path))


@pytest.mark.parametrize("name", ["../../etc/passwd", "part-000000-0001.parquet", "x", ""])
def test_a_part_of_another_name_is_never_touched(tmp_path: pathlib.Path, name: str) -> None:
    whole = json.loads(job(1).text())
    whole["inputs"][0]["parts"][0]["name"] = name
    (tmp_path / manifests.NAME).write_text(json.dumps(whole))
    with pytest.raises(rv.PersistError, match="is damaged"):
        manifests.read(str(tmp_path))


def test_every_byte_that_is_cut_off_is_noticed(tmp_path: pathlib.Path) -> None:
    text = job(2, 1).text().rstrip()
    for length in range(0, len(text), 7):
        (tmp_path / manifests.NAME).write_text(text[:length])
        with pytest.raises(rv.PersistError):
            manifests.read(str(tmp_path))


def test_a_manifest_of_a_later_version_says_so(tmp_path: pathlib.Path) -> None:
    whole = json.loads(job(1).text()) | {"format": 2, "inputs": "unknown"}
    (tmp_path / manifests.NAME).write_text(json.dumps(whole))
    with pytest.raises(rv.FormatTooNew, match="update ruvector"):
        manifests.read(str(tmp_path))


def test_a_manifest_that_cannot_be_written_leaves_the_one_before(tmp_path: pathlib.Path) -> None:
    manifests.write(str(tmp_path), job(1))
    before = (tmp_path / manifests.NAME).read_bytes()
    program = """
import resource, sys
from test_score_manifest import job
from ruvector._parquet.scoring import manifest as manifests
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    manifests.write(sys.argv[1], job(*[3] * 50))
except OSError as error:
    print(type(error).__mro__[1].__name__, error.errno, error)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    here = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.stdout.startswith(f"PersistError {errno.EFBIG} the manifest cannot be written")
    assert (tmp_path / manifests.NAME).read_bytes() == before


# ---- finished parts ----


def test_a_finished_part_is_checked_by_all_its_bytes(tmp_path: pathlib.Path) -> None:
    one = part(0, 0)
    path = tmp_path / one.name
    path.write_bytes(b"rows")
    manifests.check_part(str(tmp_path), one)
    path.write_bytes(b"rowz")
    with pytest.raises(rv.PersistError, match=r"part-000000-0000\.parquet is damaged"):
        manifests.check_part(str(tmp_path), one)
    path.write_bytes(b"row")
    with pytest.raises(rv.PersistError, match="3 bytes, not the 4 that were written"):
        manifests.check_part(str(tmp_path), one)
    path.unlink()
    with pytest.raises(rv.FileMissing, match="finished by the manifest, but not there"):
        manifests.check_part(str(tmp_path), one)
    path.mkdir()
    with pytest.raises(rv.PersistError, match=r"part-000000-0000\.parquet"):
        manifests.check_part(str(tmp_path), one)


# ---- the folder ----


def hold(path: pathlib.Path, resume: bool = True) -> list[str]:
    with folders.held(path, resume) as folder:
        assert folder.path == str(path)
        return sorted(os.listdir(path))


def test_a_folder_is_made_with_those_above_it_and_goes_when_nothing_came_into_it(
    tmp_path: pathlib.Path,
) -> None:
    out = tmp_path / "a" / "b"
    with folders.held(out, True) as folder:
        assert out.is_dir()
        assert folder.manifest is None
        assert folder.file("x") == str(out / "x")
    assert not out.exists()
    with folders.held(out, True):
        (out / "part").write_text("x")
    assert out.exists()


def test_an_empty_folder_that_was_there_stays(tmp_path: pathlib.Path) -> None:
    assert hold(tmp_path) == []
    assert tmp_path.is_dir()


@pytest.mark.parametrize("name", ["notes.txt", "part-000000-0000.parquet", "_SUCCESS"])
def test_a_folder_of_other_files_is_refused_and_kept(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(rv.PersistError, match=f"no job of this kind wrote, first '{name}'"):
        hold(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_hidden_files_of_others_are_no_reason_to_refuse(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".DS_Store").write_text("x")
    assert hold(tmp_path) == [".DS_Store"]


def test_a_file_where_the_folder_should_be(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(rv.PersistError, match="is a file; give the name of a folder"):
        hold(tmp_path / "x")
    with pytest.raises(rv.PersistError, match="a file lies where a folder should"):
        hold(tmp_path / "x" / "y")


def test_a_folder_with_a_job_is_refused_without_resume(tmp_path: pathlib.Path) -> None:
    manifests.write(str(tmp_path), job(0))
    with pytest.raises(rv.PersistError, match="has a job already, and resume=False"):
        hold(tmp_path, resume=False)
    assert hold(tmp_path) == [manifests.NAME]
    assert hold(tmp_path / "new", resume=False) == []


def test_what_a_run_that_was_cut_off_left_is_cleared_and_nothing_else(
    tmp_path: pathlib.Path,
) -> None:
    manifests.write(str(tmp_path), job(1, 0))
    finished, unlisted = manifests.part_name(0, 0), manifests.part_name(0, 1)
    half, other = manifests.hidden(manifests.part_name(1, 0)), ".part-000000-0000.parquet"
    for name in (finished, unlisted, half, manifests.hidden(manifests.NAME), other, "notes.txt"):
        (tmp_path / name).write_text("x")
    assert hold(tmp_path) == [other, manifests.NAME, "notes.txt", finished]


def test_a_parquet_file_that_the_job_did_not_write_is_named(tmp_path: pathlib.Path) -> None:
    manifests.write(str(tmp_path), job(1))
    for name in ("more.parquet", manifests.part_name(1, 0), manifests.part_name(0, 3)):
        (tmp_path / name).write_text("mine")
        with pytest.raises(rv.PersistError, match=f"has '{name}', which its job did not write"):
            hold(tmp_path)
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_the_second_of_two_runs_is_refused(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out"
    with folders.held(out, True):
        with pytest.raises(rv.PersistError, match="another run writes into this folder"):
            hold(out)
        assert out.is_dir()
        program = "import sys; from ruvector._parquet.scoring import folder as f\n"
        program += "with f.held(sys.argv[1], True): pass"
        done = subprocess.run(
            [sys.executable, "-c", program, str(out)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "another run writes into this folder" in done.stderr
    assert hold(out) == []


def test_a_run_that_was_killed_holds_nothing(tmp_path: pathlib.Path) -> None:
    program = "import os, signal, sys; from ruvector._parquet.scoring import folder as f\n"
    program += "with f.held(sys.argv[1], True): os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert hold(tmp_path) == []


# ---- other arguments ----


def test_another_index_or_argument_is_named_with_both_values() -> None:
    found = job(1)
    folders.same_parameters(found, job(0))
    other = job(1)
    other.index = "else"
    with pytest.raises(rv.InvalidArgument, match=r"another index.*digest.*else"):
        folders.same_parameters(found, other)
    other = job(1)
    other.parameters = {"k": 5, "columns": ["a"], "where": "x"}
    with pytest.raises(rv.InvalidArgument, match="k was 10, now 5; where was None, now 'x'"):
        folders.same_parameters(found, other)
    other = job(1)
    other.snapshots = ["delta 1 version 2"]
    with pytest.raises(rv.InvalidArgument, match="the table was"):
        folders.same_parameters(found, other)


# ---- errors of files ----


def test_errors_of_the_system_are_ours_and_its() -> None:
    lost = file_error(FileNotFoundError(errno.ENOENT, "No such file"), "x", "cannot be read")
    assert isinstance(lost, rv.FileMissing)
    assert isinstance(lost, FileNotFoundError)
    full = file_error(OSError(errno.ENOSPC, "No space left on device"), "x", "cannot be written")
    assert isinstance(full, rv.PersistError)
    assert isinstance(full, OSError)
    assert full.errno == errno.ENOSPC
    assert full.filename == "x"
    assert str(full) == "cannot be written: x: No space left on device"
    odd = file_error(OSError("odd"), "x", "cannot be read")
    assert isinstance(odd, rv.PersistError)
    assert str(odd) == "cannot be read: x: odd"


def test_errors_of_a_users_file_system_are_ours() -> None:
    for given, expected in (
        (FileNotFoundError("gone"), rv.FileMissing),
        (FileNotFoundError(errno.ENOENT, "gone"), rv.FileMissing),
        (PermissionError(errno.EACCES, "no"), PermissionError),
        (ValueError("bad"), rv.PersistError),
        (rv.PersistError("ours"), rv.PersistError),
    ):
        error = foreign_error(given, "s3://b/x", "cannot be read")
        assert isinstance(error, expected)
        assert isinstance(error, rv.PersistError)


# ---- the report ----


def test_a_report_says_what_was_done() -> None:
    aside = (Skipped("bad.parquet", "NaN in row 3"),)
    report = ScoreReport("/out", 3, aside, 1000, 9000, 4, 5, 3, 2, 2.0, 500.0, {"rows_scanned": 7})
    assert repr(report) == (
        "ScoreReport(1,000 rows of 3 files -> 9,000 rows in 5 parts, 2.0 s, 1 file set aside)"
    )
    page = report._repr_html_()
    for text in ("bad.parquet: NaN in row 3", "500 rows/s", "3 now, 2 before", "rows scanned"):
        assert text in page
    with pytest.raises(AttributeError):
        report.files = 7  # type: ignore[misc]
