"""Bundles in folders: links, damage, full disks, several writers."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import ruvector as rv

NAME = "table.rulake.json"
BUNDLE = rv.RuLakeBundle("local://b/c", 768, 42, 20, 1, lineage_id="run/17")


def test_a_folder_is_made_and_holds_the_last_bundle(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "é" / "b"
    assert BUNDLE.write(folder) == str(folder / NAME)
    other = rv.RuLakeBundle("local://b/c", 768, 42, 20, 2)
    assert other.write(str(folder)) == str(folder / NAME)
    assert rv.RuLakeBundle.read(folder) == other
    assert os.listdir(folder) == [NAME]
    assert (folder / NAME).read_text() == other.to_json()


def test_a_folder_without_a_bundle_is_a_file_that_is_missing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(rv.FileMissing, match="publish") as caught:
        rv.RuLakeBundle.read(tmp_path)
    assert isinstance(caught.value, FileNotFoundError) and caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("wrong", ["", "a\0b", "\ud800"])
def test_folders_that_cannot_be_are_arguments_that_are_wrong(wrong: str) -> None:
    for call in (BUNDLE.write, rv.RuLakeBundle.read):
        with pytest.raises(rv.InvalidArgument, match="dir="):
            call(wrong)


def test_a_changed_bundle_is_not_read_and_not_written(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(BUNDLE.write(tmp_path))
    path.write_text(path.read_text().replace("768", "769"))
    with pytest.raises(rv.WitnessMismatch, match=NAME) as caught:
        rv.RuLakeBundle.read(tmp_path)
    assert BUNDLE.witness in str(caught.value)
    changed = rv.RuLakeBundle.from_json(path.read_bytes())
    with pytest.raises(rv.WitnessMismatch):
        changed.write(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_links_are_not_followed(tmp_path: pathlib.Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    secret = pathlib.Path(BUNDLE.write(elsewhere))
    folder.mkdir()
    (folder / NAME).symlink_to(secret)
    with pytest.raises(rv.LakeError, match="symbolic link"):
        rv.RuLakeBundle.read(folder)
    before = secret.stat()
    rv.RuLakeBundle("x", 1, 0, 1, 7).write(folder)
    assert secret.stat() == before and not (folder / NAME).is_symlink()


def test_what_is_no_file_is_refused_at_once(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / NAME)
    began = time.monotonic()
    with pytest.raises(rv.LakeError, match="regular file"):
        rv.RuLakeBundle.read(tmp_path)
    assert time.monotonic() - began < 5
    (tmp_path / NAME).unlink()
    with open(tmp_path / NAME, "wb") as file:
        file.truncate(2**40)  # holes
    with pytest.raises(rv.LakeError, match="1099511627776"):
        rv.RuLakeBundle.read(tmp_path)


def test_a_folder_that_cannot_be_written_gives_the_reason_of_the_system(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(rv.LakeError, match="not a directory") as caught:
        BUNDLE.write(tmp_path / "file")
    assert isinstance(caught.value, OSError) and caught.value.errno == errno.ENOTDIR
    assert caught.value.filename == str(tmp_path / "file")


def test_temporaries_that_were_left_do_not_matter(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".table.rulake.json.tmp.77").write_text("{")
    with pytest.raises(rv.FileMissing):
        rv.RuLakeBundle.read(tmp_path)
    BUNDLE.write(tmp_path)
    assert rv.RuLakeBundle.read(tmp_path) == BUNDLE


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_full_disk_is_named_and_leaves_the_old_bundle(tmp_path: pathlib.Path) -> None:
    BUNDLE.write(tmp_path)
    done = run(
        """
        import errno, resource, sys
        import ruvector as rv
        bundle = rv.RuLakeBundle("local://b/c", 768, 42, 20, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            bundle.write(sys.argv[1])
        except rv.LakeError as error:
            assert isinstance(error, OSError) and error.errno == errno.EFBIG, error
            assert "make room" in str(error) and ".tmp" not in str(error), error
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            assert rv.RuLakeBundle.read(sys.argv[1]).generation == 1
            print("named")
        """,
        tmp_path,
    )
    assert done.stdout == "named\n", done.stderr
    assert os.listdir(tmp_path) == [NAME]


WRITER = """
import sys
import ruvector as rv
bundles = [
    rv.RuLakeBundle("local://b/c", 768, 42, 20, int(sys.argv[2]) + i, lineage_id=str(i) * 2000)
    for i in (1, 2)
]
print("begun", flush=True)
while True:
    for bundle in bundles:
        bundle.write(sys.argv[1])
"""


def test_writers_that_are_killed_leave_a_whole_bundle(tmp_path: pathlib.Path) -> None:
    for turn in range(4):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), str(10 * i)], stdout=subprocess.PIPE
            )
            for i in range(2)
        ]
        try:
            for writer in writers:
                assert writer.stdout is not None and writer.stdout.readline() == b"begun\n"
            end = time.monotonic() + 0.1 + 0.05 * turn
            seen = set()
            while time.monotonic() < end:
                try:
                    seen.add(rv.RuLakeBundle.read(tmp_path).generation)
                except rv.FileMissing:
                    assert not turn, "there is one from the first write on"
        finally:
            for writer in writers:
                writer.send_signal(signal.SIGKILL)
                writer.wait()
                assert writer.stdout is not None
                writer.stdout.close()
        assert seen <= {1, 2, 11, 12}
        assert rv.RuLakeBundle.read(tmp_path).generation in {1, 2, 11, 12}
    BUNDLE.write(tmp_path)
    assert os.listdir(tmp_path) == [NAME], "what the killed left is gone"
