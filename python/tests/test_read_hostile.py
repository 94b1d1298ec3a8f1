"""`rv.read`: files that are no documents, lie, change, or are made to do harm."""

from __future__ import annotations

import errno
import os
import random
import re
import socket
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from made_documents import notebook, pdf

import ruvector as rv
from ruvector._documents.document import Fault
from ruvector._documents.opening import fault_of, read_bytes


def read(path: Any, **options: Any) -> list[str]:
    """Read, with warnings expected or not."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rv.RuVectorWarning)
        texts: list[str] = rv.read(path, chunk=False, **options)["text"].tolist()
    return texts


def reasons() -> dict[str, str]:
    report = rv.last_read()
    assert report is not None
    return {Path(path).name: reason for path, reason in (*report.skipped, *report.empty)}


# ---- what is no file ----


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "null.txt").symlink_to("/dev/null")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "sock.txt"))
    try:
        assert read(tmp_path) == ["good"]
    finally:
        server.close()
    assert {name: why.split(",")[0] for name, why in reasons().items()} == {
        "pipe.txt": "it is a pipe",
        "sock.txt": "it is a socket",
        "null.txt": "it is a device",
        "zero.md": "it is a device",
    }
    with pytest.raises(rv.PersistError, match="a pipe, which is not opened"):
        rv.read(tmp_path / "pipe.txt", on_error="stop")
    with pytest.raises(rv.PersistError, match="a pipe"):
        rv.source(tmp_path / "pipe.txt")


def test_a_pipe_that_takes_a_files_place_does_not_hold_up(tmp_path: Path) -> None:
    path = str(tmp_path / "swapped")
    os.mkfifo(path)
    regular = os.stat(__file__)
    flags = os.O_RDONLY | os.O_NONBLOCK
    os.close(os.open(path, flags))  # what read_bytes does: it ends at once
    with pytest.raises(Fault, match="a pipe"):
        read_bytes(path)
    assert stat.S_ISREG(regular.st_mode)


def test_links_that_loop_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.md").write_text("x")
    for i in range(20):  # a web of links: as paths, more than there are atoms
        (tmp_path / "a" / f"up{i}").symlink_to(tmp_path)
        (tmp_path / f"down{i}").symlink_to(tmp_path / "a")
    (tmp_path / "self.md").symlink_to(tmp_path / "self.md")
    (tmp_path / "dangling.md").symlink_to(tmp_path / "gone.md")
    assert read(tmp_path) == ["x"]
    assert "leads to itself" in reasons()["self.md"]
    assert "not there" in reasons()["dangling.md"]
    assert read(str(tmp_path / "**/*.md")) == ["x"]
    assert read(str(tmp_path / "**")) == ["x"]


def test_names_that_are_not_utf8_are_read_and_named(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, b"gr\xfc\xdfe.md"), "wb") as file:
        file.write(b"# Hello\n")
    with open(os.path.join(folder, b"bad\xff.pdf"), "wb") as file:
        file.write(b"no pdf")
    for library in ("pandas", "polars"):
        with pytest.warns(rv.RuVectorWarning, match=r"bad\\xff\.pdf"):
            found = rv.read(tmp_path, frame=library)
        assert list(found["path"]) == [f"{tmp_path}/gr\\xfc\\xdfe.md"]
    assert rv.source(found["path"][0]) == "# Hello\n"


def test_files_that_vanish_or_change_meanwhile_are_named(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(name)

    def told(done: int, files: int) -> None:
        if done == 1:
            (tmp_path / "b.txt").unlink()
            (tmp_path / "c.txt").unlink()
            os.mkfifo(tmp_path / "c.txt")

    assert read(tmp_path, progress=told) == ["a", "d"]
    assert "not there (any more)" in reasons()["b.txt"]
    assert "it is a pipe" in reasons()["c.txt"]


def test_what_the_system_refuses_is_named() -> None:
    says = {
        errno.EACCES: "may not be read",
        errno.ENOENT: "not there",
        errno.ELOOP: "itself",
        errno.EIO: "Input/output error",
    }
    for code, text in says.items():
        fault = fault_of(OSError(code, os.strerror(code)))
        assert text in fault.reason
        assert issubclass(fault.kind, rv.PersistError)
    assert issubclass(fault_of(OSError(errno.EACCES, "")).kind, PermissionError)


def test_unreadable_files_and_folders_are_named(tmp_path: Path) -> None:
    """As a user without rights: the process of the tests may have all."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "x.md").write_text("x")
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "open.md").write_text("open")
    (tmp_path / "shut").chmod(0)
    (tmp_path / "secret.md").chmod(0)
    code = (
        "import sys, os, warnings\nimport pandas, numpy, ruvector as rv\nrv.read, rv.last_read\n"
        "import ruvector._documents.read, ruvector._documents.readers.markdown\n"
        "warnings.simplefilter('ignore')\nos.chdir(sys.argv[1])\n"
        "os.getuid() or os.setuid(65534)\n"
        "print(rv.read('.', chunk=False)['text'].tolist())\nprint(rv.last_read().skipped)\n"
    )
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o755)
    try:
        run = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
    finally:
        (tmp_path / "shut").chmod(0o755)
    lines = run.stdout.splitlines()
    assert lines[0] == "['open']"
    assert "path='secret.md', reason='it may not be read" in lines[1]
    assert "path='shut', reason='of this folder: it may not be read" in lines[1]


# ---- bytes that lie ----


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.txt", b"", "it is empty"),
        ("a.txt", b"\xef\xbb\xbf", "it is empty"),
        ("a.md", b" \n\t\r\n", "it is empty"),
        ("a.txt", b"\0" * 1000, "binary"),
        ("a.txt", b"text\0text", "binary"),
        ("a.txt", b"x" * 70_000 + b"\0", "a NUL at character 70,000"),
        ("a.txt", bytes(range(256)) * 40, "binary"),
        ("a.html", b"\x7fELF\x02\x01" + bytes(range(128, 256)) * 9 + b"\x01\x02" * 99, "binary"),
        ("a.txt", b"\xff\xfe\x00\xd8", "not utf-16, as its byte order mark says"),
        ("a.txt", b"\xef\xbb\xbf\xff", "not utf-8-sig, as its byte order mark says: byte 0"),
        ("a.html", b"<script>only</script>", "it has no text"),
        ("a.ipynb", b"{", "JSON is broken"),
        ("a.ipynb", b"[1]", "has no cells"),
        ("a.ipynb", b'{"cells": 3}', "has no cells"),
        ("a.ipynb", b'{"cells": [3, {"cell_type": "code", "source": 7}]}', "it has no text"),
        ("a.ipynb", b"[" * 100_000, "JSON is broken"),
        ("a.jsonl", b"[" * 100_000, "no JSON"),
        ("a.jsonl", b"nothing", "line 1 is no JSON"),
        ("a.py", b"def f(:\n", r"cannot parse it: .* \(line 1\)"),
        ("a.py", b"(" * 10_000, "cannot parse it"),
        ("a.py", b"-" * 500_000 + b"1", "cannot parse it"),
        ("a.zip", b"PK\3\4 nothing", "no zip file that can be read"),
        ("a.pdf", b"%PDF-1.7\n" + b"\0\xff" * 500, "no PDF that can be read"),
        ("a.tar.gz", b"\x1f\x8b", "unpack it first"),
        ("a.epub", b"PK", "convert it to HTML"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert read(tmp_path / name) == []
    assert re.search(says, reasons()[name]), reasons()


def test_a_broken_page_is_named_and_the_others_read(tmp_path: Path) -> None:
    data = pdf(["First page.", "Second page.", "Third page."])
    broken = data.replace(b"(Second page.) Tj", b"(Second page.) \xff<<")
    (tmp_path / "a.pdf").write_bytes(broken)
    texts = read(tmp_path)
    assert texts[0] == "First page."
    assert texts[-1] == "Third page."


def test_random_bytes_are_never_a_crash(tmp_path: Path) -> None:
    seed = 20_261
    draw = random.Random(seed)
    whole = {
        "a.pdf": pdf(["One.", "Two."], outline=[("x", 1)]),
        "a.ipynb": notebook([("markdown", "# a"), ("code", "b")]).encode(),
        "a.html": b"<h1>x</h1><table><tr><td>a<pre>b</pre><script>c</script>&amp;",
        "a.md": b"---\na: 1\n---\n# x\n\n```\n# y\n```\nz\n===\n",
        "a.rst": b"==\nA\n==\n\nB\n--\n",
        "a.py": b'"""a"""\ndef f():\n    "b"\n',
        "a.csv": b'id,b\n1,"x"\n2,y\n',
        "a.jsonl": b'{"text": "a"}\n',
    }
    for round_ in range(12):
        for name, data in whole.items():
            raw = bytearray(data)
            for _ in range(draw.randrange(1, 6)):
                raw[draw.randrange(len(raw))] = draw.randrange(256)
            if draw.random() < 0.3:
                del raw[draw.randrange(len(raw)) :]
            (tmp_path / name).write_bytes(bytes(raw))
        try:
            read(tmp_path)
        except Exception as error:
            error.add_note(f"seed {seed}, round {round_}")
            raise


# ---- zip files ----


def test_zip_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * (8 << 20))
    assert read(tmp_path) == []
    assert "unpacks to 8,388,608 bytes" in reasons()["bomb.zip"]
    with pytest.raises(rv.LimitExceeded, match=r"bomb\.zip"):
        rv.read(tmp_path, on_error="stop")


def test_zip_files_that_lie_of_their_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * (8 << 20))
        archive.writestr("b.txt", b"honest")
    raw = path.read_bytes()
    size = (8 << 20).to_bytes(4, "little")
    path.write_bytes(raw.replace(size, (5).to_bytes(4, "little")))
    assert read(tmp_path) == ["honest"]
    assert "unpack" in reasons()["a.txt"]


def test_damaged_and_locked_members_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bad.txt", b"some words")
        archive.writestr("good.txt", b"good words")
    path.write_bytes(path.read_bytes().replace(b"some words", b"Some words", 1))
    assert read(tmp_path) == ["good words"]
    assert "Bad CRC-32" in reasons()["bad.txt"]
    raw = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = raw.find(mark)
        raw[at + flags] |= 1  # says that it is encrypted
    path.write_bytes(bytes(raw))
    assert read(tmp_path) == ["good words"]
    assert "encrypted" in reasons()["bad.txt"]


# ---- much of it ----


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("a.html", "<a "), ("a.html", "<a =\""), ("a.html", "<!--"), ("a.html", "<nav>"),
        ("a.html", "<title>"), ("a.html", "<table><tr><td>"), ("a.html", "<![CDATA["),
        ("a.html", "<p role=navigation x=\">"), ("a.html", "&amp"), ("a.html", "<script>"),
        ("a.html", "<pre>"), ("a.html", "<h1>x"), ("a.html", "</div><svg>"), ("a.html", "<"),
        ("a.md", "#"), ("a.md", "# x\n"), ("a.md", "```\n"), ("a.md", "---\n"), ("a.md", "a\n-\n"),
        ("a.md", "---\na: b\n"), ("a.rst", "=\n"), ("a.rst", "a\n==\n"), ("a.rst", "=="),
        ("a.csv", "a,"), ("a.csv", "\"\n"), ("a.jsonl", "[]\n"), ("a.txt", "\u00e9"),
    ],
)  # fmt: skip
def test_no_markup_takes_more_than_its_length(tmp_path: Path, name: str, unit: str) -> None:
    times = []
    for length in (60_000, 240_000):
        (tmp_path / name).write_text(unit * (length // len(unit)), encoding="utf-8")
        began = time.process_time()
        read(tmp_path)
        times.append(time.process_time() - began)
    assert times[1] < 8 * times[0] + 0.3, times  # 4 times the text; by its square it were 16


@pytest.mark.long
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv", "a.rst"])
def test_50_megabytes_are_read_whole(tmp_path: Path, name: str) -> None:
    line = "id,body\n" if name == "a.csv" else ""
    unit = "7,A sentence about keys that are rotated once a year.\n"
    (tmp_path / name).write_text(line + unit * (50_000_000 // len(unit)))
    found = rv.read(tmp_path)
    letters = sum(map(len, found["text"]))
    assert letters > 45_000_000
    source = rv.source(tmp_path / name)
    for row in found.sample(50, random_state=1).itertuples():
        assert source[row.start : row.end] == row.text


def test_files_beyond_the_limit_of_their_kind_are_named(tmp_path: Path) -> None:
    with open(tmp_path / "a.py", "wb") as file:
        file.truncate(17 << 20)
    with open(tmp_path / "b.txt", "wb") as file:
        file.truncate((1 << 30) + 1)
    assert read(tmp_path) == []
    assert "more than the 16,777,216" in reasons()["a.py"]
    assert "more than the 1,073,741,824" in reasons()["b.txt"]
    with pytest.raises(rv.LimitExceeded):
        rv.read(tmp_path / "a.py", on_error="stop")


def test_an_interrupt_ends_a_read(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.txt").write_text("text")

    def told(done: int, files: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rv.read(tmp_path, progress=told)
    assert len(read(tmp_path)) == 5
