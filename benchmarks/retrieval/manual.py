"""The PostgreSQL manual as Debian ships it, and questions with the page that answers each."""

from __future__ import annotations

import pathlib
import subprocess

PACKAGE = "postgresql-doc-15"
QUESTIONS: list[tuple[str, str]] = [
    ("How do I rebuild an index without locking out writes?", "sql-reindex.html"),
    ("Which setting limits the number of clients at a time?", "runtime-config-connection.html"),
    ("Back up a running server and replay its log to a moment", "continuous-archiving.html"),
    ("Can an index cover only some of the rows of a table?", "indexes-partial.html"),
    ("Let users see only their own rows", "ddl-rowsecurity.html"),
    ("Why was my transaction rolled back with a serialization failure?",
     "mvcc-serialization-failure-handling.html"),
    ("Split a huge table by date", "ddl-partitioning.html"),
    ("Encrypt the connection between client and server", "ssl-tcp.html"),
    ("How does the server get rid of dead rows by itself?", "routine-vacuuming.html"),
    ("Show what a query does and how long each step took", "using-explain.html"),
]  # fmt: skip


def pages_of(build: pathlib.Path) -> pathlib.Path:
    """Return the folder of the HTML pages, fetched with apt-get and unpacked the first time."""
    folder = build / "x" / "usr/share/doc" / PACKAGE / "html"
    if not folder.is_dir():
        build.mkdir(parents=True, exist_ok=True)
        if not list(build.glob("*.deb")):
            subprocess.run(["apt-get", "download", PACKAGE], cwd=build, check=True)
        (archive,) = build.glob("*.deb")
        subprocess.run(["dpkg", "-x", str(archive), str(build / "x")], check=True)
    return folder
