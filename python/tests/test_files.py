"""Saving replaces a file's content and nothing else; loading reads only what can be an index."""

import os
import pickle
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import ruvector as rv

ROWS = np.random.default_rng(5).standard_normal((300, 16)).astype("f4")
ACCESS_LIST = "system.posix_acl_access"


@pytest.fixture
def index() -> rv.Index:
    return rv.Index.build(ROWS, kind="flat", keep="copy")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """The bytes of an access list: tag, permissions, id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


# ---- what is no regular file ----


def special(kind: str, folder: Path) -> Path:
    path = folder / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/null")
    else:
        path.symlink_to(special(kind.removeprefix("link to "), folder))
    return path


@pytest.mark.parametrize(
    "kind", ["fifo", "socket", "folder", "device", "link to fifo", "link to folder"]
)
def test_what_is_no_regular_file_is_neither_replaced_nor_waited_for(
    kind: str, index: rv.Index, tmp_path: Path
) -> None:
    path = special(kind, tmp_path)
    before = os.lstat(path)
    there = names(tmp_path)
    for verb in (lambda: index.save(path, vectors=True), lambda: rv.Index.load(path)):
        begin = time.monotonic()
        with pytest.raises(rv.PersistError, match=re.escape(str(path))) as caught:
            verb()
        assert time.monotonic() - begin < 5
        assert isinstance(caught.value, IsADirectoryError) == kind.endswith("folder")
        assert kind.removeprefix("link to ") in str(caught.value)
    after = os.lstat(path)
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert names(tmp_path) == there


@pytest.mark.parametrize(
    "target", ["other/real.rvx", "../real.rvx", "absolute", "twice", "dangling"]
)
def test_a_link_is_followed_and_stays_a_link(target: str, index: rv.Index, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "other").mkdir(parents=True)
    link = home / "link.rvx"
    real = {
        "other/real.rvx": home / "other" / "real.rvx",
        "../real.rvx": tmp_path / "real.rvx",
    }.get(target, tmp_path / "real.rvx")
    if target == "absolute":
        link.symlink_to(real)
    elif target == "twice":
        (home / "other" / "second").symlink_to("../../real.rvx")
        link.symlink_to("other/second")
    elif target == "dangling":
        link.symlink_to("../real.rvx")
    else:
        link.symlink_to(target)
    if target != "dangling":
        real.write_bytes(b"what was there before")
    index.save(link, vectors=True)
    assert link.is_symlink()
    assert not real.is_symlink()
    assert len(rv.Index.load(real)) == len(rv.Index.load(link)) == len(ROWS)
    assert names(home) == ["link.rvx", "other"]


def test_links_in_a_circle_and_to_files_without_a_name_are_named_errors(
    index: rv.Index, tmp_path: Path
) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).symlink_to(other)
    for verb in (lambda: index.save(tmp_path / "a", vectors=True),
                 lambda: rv.Index.load(tmp_path / "a")):  # fmt: skip
        with pytest.raises(rv.PersistError) as caught:
            verb()
        assert isinstance(caught.value, OSError)
    gone = tmp_path / "gone"
    with gone.open("wb") as file:
        gone.unlink()
        with pytest.raises(rv.PersistError):
            index.save(f"/proc/self/fd/{file.fileno()}", vectors=True)
    assert names(tmp_path) == ["a", "b"]


# ---- what stays of the file that is replaced ----


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o444, 0o4755, 0o2750])
def test_the_mode_of_a_replaced_file_is_kept(mode: int, index: rv.Index, tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    path.write_bytes(b"")
    path.chmod(mode)
    index.save(path, vectors=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_owner_of_a_replaced_file_is_kept(index: rv.Index, tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    path.write_bytes(b"")
    os.chown(path, 12345, 54321)
    path.chmod(0o4640)
    index.save(path, vectors=True)
    after = path.stat()
    assert (after.st_uid, after.st_gid) == (12345, 54321)
    assert stat.S_IMODE(after.st_mode) == 0o4640


def test_the_access_list_of_a_replaced_file_is_kept(index: rv.Index, tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    path.write_bytes(b"")
    none = 0xFFFFFFFF
    given = access_list((1, 6, none), (2, 4, 1234), (4, 4, none), (0x10, 4, none), (0x20, 0, none))
    os.setxattr(path, ACCESS_LIST, given)
    index.save(path, vectors=True)
    assert os.getxattr(path, ACCESS_LIST) == given
    # A folder's default list does not come to a file that had none.
    plain = tmp_path / "plain.rvx"
    plain.write_bytes(b"")
    plain.chmod(0o640)
    os.setxattr(tmp_path, "system.posix_acl_default", given)
    index.save(plain, vectors=True)
    assert ACCESS_LIST not in os.listxattr(plain)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640
    index.save(tmp_path / "new.rvx", vectors=True)
    assert ACCESS_LIST in os.listxattr(tmp_path / "new.rvx")


def test_a_temporary_is_never_more_open_than_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "secret.rvx"
    path.write_bytes(b"")
    path.chmod(0o600)
    big = rv.Index.build(np.random.default_rng(0).standard_normal((20_000, 128)).astype("f4"))
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    seen.add(stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode))
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(5):
            big.save(path, vectors=True)
    finally:
        done.set()
        watcher.join()
    assert seen == {0o600}


# ---- temporaries ----

WRITER = """
import sys, numpy as np, ruvector as rv
index = rv.Index.build(np.zeros((60_000, 256), "f4") + np.arange(256, dtype="f4"), metric="l2")
print("ready", flush=True)
while True:
    index.save(sys.argv[1], vectors=True)
"""


def test_temporaries_of_killed_writers_go_at_the_next_save(index: rv.Index, tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            until = time.monotonic() + 20
            while not any(name.endswith(".tmp") for name in names(tmp_path)):
                assert time.monotonic() < until
            writer.send_signal(signal.SIGKILL)
    index.save(path, vectors=True)
    assert names(tmp_path) == ["x.rvx"]


def test_a_sweep_takes_only_unlocked_temporaries_of_the_same_name(
    index: rv.Index, tmp_path: Path
) -> None:
    import fcntl

    path = tmp_path / "x.rvx"
    mine = [".x.rvx.12-ab34.tmp", ".x.rvx.99999999-0.tmp"]
    others = [
        ".y.rvx.12-ab34.tmp", ".x.rvx.12-ab34.tmpx", ".x.rvx.ab-12.tmp", ".x.rvx.12.tmp",
        "x.rvx.12-ab34.tmp", ".x.rvx.tmp", ".x.rvx.12-AB.tmp", ".x.rvx.bak.12-ab.tmp",
    ]  # fmt: skip
    held = ".x.rvx.77-77.tmp"
    for name in [*mine, *others, held]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".x.rvx.5-5.tmp").mkdir()
    (tmp_path / ".x.rvx.6-6.tmp").symlink_to("x.rvx")
    kept = sorted([*others, held, ".x.rvx.5-5.tmp", ".x.rvx.6-6.tmp", "x.rvx"])
    with (tmp_path / held).open("rb+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        index.save(path, vectors=True)
        assert names(tmp_path) == kept
    index.save(path, vectors=True)
    kept.remove(held)
    assert names(tmp_path) == kept


@pytest.mark.parametrize("length", [1, 100, 179, 180, 181, 229, 230, 231, 254, 255])
def test_every_name_that_a_file_can_have_is_saved_to(
    length: int, index: rv.Index, tmp_path: Path
) -> None:
    for letter in ("x", "é"):
        name = letter * (length // len(letter.encode())) or "x"
        path = tmp_path / name
        index.save(path, vectors=True)
        assert len(rv.Index.load(path)) == len(ROWS)
        index.save(path, vectors=True)
        assert names(tmp_path) == [name]
        path.unlink()
    with pytest.raises(rv.PersistError) as caught:
        index.save(tmp_path / ("x" * 256), vectors=True)
    assert isinstance(caught.value, OSError)
    assert ".tmp" not in str(caught.value)


def test_raw_bytes_are_names_and_what_cannot_be_a_name_is_an_argument_error(
    index: rv.Index, tmp_path: Path
) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.rvx"
    index.save(raw, vectors=True)
    assert len(rv.Index.load(raw)) == len(ROWS)
    assert len(rv.Index.load(os.fsdecode(raw))) == len(ROWS)
    for bad, why in (("a\ud800b", "surrogate"), ("a\0b", "NUL"), ("", "empty")):
        for verb in (lambda bad=bad: index.save(bad, vectors=True),
                     lambda bad=bad: rv.Index.load(bad)):  # fmt: skip
            with pytest.raises(rv.InvalidArgument, match=why):
                verb()


# ---- what is read of a file that is none of ours ----

READS_LITTLE = """
import os, resource, sys, time, ruvector as rv
rv.Index.build([[1.0, 2.0]]).close()
def read():
    return int(next(line for line in open("/proc/self/io") if line.startswith("rchar")).split()[1])
before, rss = read(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.monotonic()
try:
    rv.Index.load(sys.argv[1])
except rv.PersistError as error:
    print(type(error).__name__, read() - before,
          (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) << 10,
          time.monotonic() - begin)
"""


@pytest.mark.parametrize("begin", ["nothing", "magic", "header", "table"])
def test_little_is_read_of_a_large_file_that_is_refused(
    begin: str, index: rv.Index, tmp_path: Path
) -> None:
    large = 4 << 30
    path = tmp_path / "x"
    index.save(path, vectors=True)
    whole = path.read_bytes()
    head = bytearray(whole[: {"nothing": 0, "magic": 8}.get(begin, 64)])
    if begin in ("header", "table"):
        head = forged_head(whole, large, begin == "table")
    path.write_bytes(head)
    os.truncate(path, large)
    out = subprocess.run(
        [sys.executable, "-c", READS_LITTLE, str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert out[0] == {"nothing": "NotAnIndex"}.get(begin, "CorruptIndex"), out
    assert int(out[1]) < 64 << 20, out
    assert int(out[2]) < 64 << 20, out
    assert float(out[3]) < 5, out


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def forged_head(whole: bytes, size: int, fits: bool) -> bytearray:
    """A header and table with right checksums for a file of another size."""
    (count,) = struct.unpack_from("<I", whole, 40)
    head = bytearray(whole[: 64 + 48 * count])
    struct.pack_into("<Q", head, 24, size)
    if fits:  # the last section reaches to the end
        line = 64 + 48 * (count - 1)
        (offset,) = struct.unpack_from("<Q", head, line + 8)
        (element,) = struct.unpack_from("<I", head, line + 32)
        struct.pack_into("<QQ", head, line + 16, size - offset, (size - offset) // element)
    struct.pack_into("<I", head, 44, crc32c(bytes(head[64:])))
    struct.pack_into("<I", head, 60, crc32c(bytes(head[:60])))
    return head


# ---- errors ----


def test_errors_of_the_system_are_caught_as_the_builtin_ones_would_be(
    index: rv.Index, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    cases = [
        (tmp_path / "none.rvx", FileNotFoundError, lambda p: rv.Index.load(p)),
        (tmp_path / "no" / "x.rvx", FileNotFoundError, lambda p: index.save(p, vectors=True)),
        (tmp_path, IsADirectoryError, lambda p: index.save(p, vectors=True)),
        (tmp_path, IsADirectoryError, lambda p: rv.Index.load(p)),
        (file / "x", NotADirectoryError, lambda p: index.save(p, vectors=True)),
        (file / "x", NotADirectoryError, lambda p: rv.Index.load(p)),
        (f"{tmp_path}/none/", IsADirectoryError, lambda p: index.save(p, vectors=True)),
    ]
    for path, builtin, verb in cases:
        with pytest.raises(builtin) as caught:
            verb(path)
        error = caught.value
        assert isinstance(error, rv.PersistError)
        assert isinstance(error, rv.FileMissing) == (builtin is FileNotFoundError)
        assert error.filename == str(path)
        assert error.errno
        assert error.strerror == os.strerror(error.errno)
        assert str(path) in str(error)
        assert ".tmp" not in str(error)
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.errno, copy.filename) == (
            type(error), str(error), error.errno, error.filename)  # fmt: skip


DENIED = """
import os, sys, ruvector as rv
index = rv.Index.build([[1.0, 2.0]], keep="copy")
os.setgid(65534); os.setuid(65534)
for verb in (lambda: index.save(sys.argv[1] + "/new.rvx", vectors=True),
             lambda: rv.Index.load(sys.argv[1] + "/closed.rvx"),
             lambda: index.save(sys.argv[1] + "/open/roots.rvx", vectors=True)):
    try:
        verb()
    except PermissionError as error:
        assert isinstance(error, rv.PersistError) and not isinstance(error, rv.FileMissing)
        assert error.errno and ".tmp" not in str(error)
        print(os.path.basename(error.filename))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_what_the_system_does_not_allow_is_a_permission_error(tmp_path: Path) -> None:
    for folder in tmp_path.parents[:2]:
        if folder != Path("/tmp"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "closed.rvx").write_bytes(b"")
    (tmp_path / "closed.rvx").chmod(0o600)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    # The owner of this file cannot be kept by another user, so it is not replaced.
    (tmp_path / "open" / "roots.rvx").write_bytes(b"")
    out = subprocess.run(
        [sys.executable, "-c", DENIED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == ["new.rvx", "closed.rvx", "roots.rvx"]
    assert names(tmp_path / "open") == ["roots.rvx"]


FULL = """
import os, resource, signal, sys, numpy as np, ruvector as rv
index = rv.Index.build(np.ones((5000, 64), "f4"), metric="l2", keep="copy")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    index.save(sys.argv[1], vectors=True)
except OSError as error:
    assert isinstance(error, rv.PersistError)
    print(error.errno, error.filename, error)
"""


def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    path.write_bytes(b"old")
    out = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert out.startswith(f"27 {path} save: "), out
    assert ".tmp" not in out
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x.rvx"]


def test_a_failed_save_warns_of_nothing(tmp_path: Path) -> None:
    index = rv.Index.build(ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(rv.FileMissing):
            index.save(tmp_path / "none" / "x.rvx")
    with pytest.warns(rv.RuVectorWarning, match="without the borrowed vectors"):
        index.save(tmp_path / "x.rvx")


def test_a_file_that_shrinks_while_it_is_read_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.rvx"
    rows = np.random.default_rng(1).standard_normal((60_000, 64)).astype("f4")
    rv.Index.build(rows, kind="flat").save(path, vectors=True)
    whole = path.read_bytes()
    saw = set()
    for i in range(12):
        path.write_bytes(whole)
        thread = threading.Timer(0.001 * i, lambda: os.truncate(path, 100_000))
        thread.start()
        try:
            assert len(rv.Index.load(path)) == len(rows)
        except rv.PersistError as error:
            saw.add(type(error))
        finally:
            thread.join()
    assert saw <= {rv.PersistError, rv.CorruptIndex}


def test_a_file_that_is_removed_while_it_is_replaced_is_written_again(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).standard_normal((20_000, 64)).astype("f4")
    index = rv.Index.build(rows, kind="flat", keep="copy")
    path = tmp_path / "x.rvx"
    done = threading.Event()

    def remove() -> None:
        while not done.is_set():
            path.unlink(missing_ok=True)
            time.sleep(0.001)

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(15):
            path.touch()
            index.save(path, vectors=True)
    finally:
        done.set()
        remover.join()
    index.save(path, vectors=True)
    assert names(tmp_path) == ["x.rvx"]
