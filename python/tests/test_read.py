"""`rv.read`: which files are read, in which order, and what the answer is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from made_documents import folder_of_every_kind

import ruvector as rv

COLUMNS = ["text", "path", "start", "end", "heading", "page"]
FILES = [
    "README",
    "book.ipynb",
    "guide.rst",
    "more.zip/in/a.md",
    "page.html",
    "paper.pdf",
    "plain.txt",
    "reviews.csv",
    "sub/notes.md",
    "tickets.jsonl",
    "tool.py",
]


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents of every kind."""
    return folder_of_every_kind(tmp_path_factory.mktemp("read") / "docs")


def _letters(texts: list[str]) -> list[list[float]]:
    return [[t.count("a") + 1.0, t.count("e"), t.count("o"), len(t)] for t in texts]


# ---- the answer ----


@pytest.mark.parametrize("chunk", [True, False])
def test_every_text_is_its_place_in_the_source(docs: Path, chunk: bool) -> None:
    found = rv.read(docs, chunk=chunk)
    names = [str(Path(path).relative_to(docs)) for path in found["path"]]
    assert list(dict.fromkeys(names)) == FILES
    for row in found.itertuples():
        assert rv.source(row.path)[row.start : row.end] == row.text
        assert row.text.strip() == row.text != ""
    report = rv.last_read()
    assert report is not None
    assert not report.skipped
    assert [Path(name).name for name in report.others] == ["code.c"]
    assert report.rows == len(found) == sum(file.rows for file in report.files)


def test_positions_are_those_of_the_decoded_file(docs: Path) -> None:
    found = rv.read([docs / "plain.txt", docs / "sub", docs / "guide.rst", docs / "tool.py"])
    for path, start, end, text in zip(
        found["path"], found["start"], found["end"], found["text"], strict=True
    ):
        with open(path, encoding="utf-8", newline="") as file:
            assert file.read()[start:end] == text
    assert "\r\n" in found["text"][list(found["path"]).index(str(docs / "plain.txt"))]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_of_every_library_say_the_same(docs: Path, library: Any) -> None:
    found = rv.read(docs, frame=library)
    if isinstance(found, pd.DataFrame):
        assert found["start"].dtype == found["end"].dtype == "int64"
        assert found["page"].dtype == "Int64"
        rows = found.astype(object).where(found.notna(), None).to_numpy().tolist()
    elif isinstance(found, pl.DataFrame):
        assert found.schema["text"] == pl.String
        assert found.schema["page"] == found.schema["start"] == pl.Int64
        rows = [list(row) for row in found.rows()]
    else:
        assert isinstance(found, pa.Table)
        assert found.schema.field("page").type == pa.int64()
        rows = [list(row.values()) for row in found.to_pylist()]
    names = found.column_names if isinstance(found, pa.Table) else list(found.columns)
    assert names == COLUMNS
    expected = rv.read(docs, frame="polars").rows()
    assert [tuple(row) for row in rows] == expected


def test_an_answer_without_rows_has_its_columns_and_types(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("")
    for library in ("pandas", "polars", "pyarrow"):
        found = rv.read(tmp_path, frame=library)
        full = tmp_path / "full.md"
        full.write_text("text")
        other = rv.read(full, frame=library)
        full.unlink()
        if library == "pandas":
            assert list(found.dtypes) == list(other.dtypes)
        else:
            assert found.schema == other.schema
    report = rv.last_read()
    assert report is not None
    assert rv.read(tmp_path).empty
    assert rv.last_read().empty == ((str(tmp_path / "empty.md"), "it is empty"),)


def test_the_frame_is_of_the_library_that_the_caller_imported(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    code = "import ruvector as rv, sys\n{}\nprint(type(rv.read({!r})).__module__)"
    for line, library in (("import polars", "polars"), ("import pandas", "pandas"), ("", "pandas")):
        run = subprocess.run(
            [sys.executable, "-c", code.format(line, str(tmp_path))],
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.startswith(library)


def test_chunk_false_is_a_row_a_document_or_page_or_cell_or_record(docs: Path) -> None:
    found = rv.read(docs, chunk=False)
    rows = found.groupby(found["path"].map(lambda p: str(Path(p).relative_to(docs)))).size()
    assert rows.to_dict() == dict.fromkeys(FILES, 1) | {
        "book.ipynb": 2, "paper.pdf": 2, "reviews.csv": 2, "tickets.jsonl": 2, "tool.py": 3,
    }  # fmt: skip


def test_a_budget_bounds_every_chunk_and_loses_nothing(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {i} says something about keys. It is short." for i in range(60))
    (tmp_path / "long.txt").write_text(text)
    few, many = rv.read(tmp_path, budget=400), rv.read(tmp_path, budget=20)
    assert len(few) < len(many)
    assert "".join("".join(many["text"]).split()) == "".join(text.split())
    assert (many["start"].to_numpy()[1:] >= many["end"].to_numpy()[:-1]).all()
    again = rv.read(tmp_path, budget=40, overlap=20)
    assert (again["start"].to_numpy()[1:] < again["end"].to_numpy()[:-1]).any()


def test_a_splitter_of_the_users_cuts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one. two. three.")
    found = rv.read(tmp_path, splitter=lambda text: text.split(" "))
    assert found["text"].tolist() == ["one.", "two.", "three."]
    assert found["start"].tolist() == [0, 5, 10]


# ---- five lines ----


def test_five_lines_answer_a_question_about_a_folder(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(docs.parent)
    with rv.config(embedder=_letters):
        kb = rv.read("docs/**/*.md").ruvector.embed("text")
        hits = kb.ruvector.search("how do I rotate keys?", k=2)
        said = rv.prompt("how do I rotate keys?", hits)
    assert set(hits["path"]) == {"docs/sub/notes.md"}
    assert list(hits.columns[:6]) == COLUMNS
    start, end = hits["start"].iloc[0], hits["end"].iloc[0]
    assert f"docs/sub/notes.md (characters {start}-{end}, {hits['heading'].iloc[0]})" in str(said)


# ---- which files ----


def test_paths_patterns_folders_and_lists_mean_files(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(docs)

    def names(paths: Any) -> list[str]:
        return list(dict.fromkeys(rv.read(paths, chunk=False)["path"]))

    assert names("plain.txt") == ["plain.txt"]
    assert names(Path("plain.txt")) == ["plain.txt"]
    assert names(b"plain.txt") == ["plain.txt"]
    assert names("./sub/../plain.txt") == ["plain.txt"]
    assert names("**/*.md") == ["sub/notes.md"]
    assert names("**/notes.md") == ["sub/notes.md"]
    assert names("s[tu]b/*") == ["sub/notes.md"]
    assert names("sub/**") == ["sub/notes.md"]
    assert names(["tool.py", "guide.rst"]) == ["guide.rst", "tool.py"]
    assert names(["plain.txt", "*.txt", docs / "plain.txt"]) == [
        str(docs / "plain.txt"),
        "plain.txt",
    ]
    assert names(".hidden.md") == [".hidden.md"]
    assert names(".*.md") == [".hidden.md"]
    assert names("code.c") == ["code.c"]
    assert names("*.c") == ["code.c"]
    assert names("file://" + str(docs / "plain.txt")) == [str(docs / "plain.txt")]


def test_a_name_with_wildcards_in_it_is_a_name_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("the file itself")
    (tmp_path / "a1.txt").write_text("another")
    assert rv.read(tmp_path / "a[1].txt")["text"].tolist() == ["the file itself"]


@pytest.mark.parametrize(
    ("paths", "error", "says"),
    [
        ("gone.md", rv.FileMissing, "no such file or folder"),
        ("*.nothing", rv.FileMissing, "no file has a name like this"),
        ([], rv.InvalidArgument, "no files"),
        (7, rv.InvalidArgument, "int, not a path"),
        ("", rv.InvalidArgument, "is empty"),
        ("a\0b", rv.InvalidArgument, "NUL"),
        ("https://example.org/a.html", rv.InvalidArgument, "download it first"),
    ],
)
def test_paths_that_mean_nothing_are_refused(paths: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        rv.read(paths)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"on_error": "ignore"}, "on_error='ignore' must be"),
        ({"encoding": "klingon"}, "no encoding of text"),
        ({"encoding": "hex"}, "no encoding of text"),
        ({"budget": 0}, "budget=0"),
        ({"budget": 10, "overlap": 10}, "overlap=10"),
        ({"overlap": -1}, "overlap=-1"),
        ({"threads": -1}, "threads=-1"),
        ({"frame": "spark"}, "frame='spark'"),
    ],
)
def test_arguments_without_a_meaning_are_refused(docs: Path, arguments: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        rv.read(docs, **arguments)


# ---- the report ----


def test_what_is_not_read_is_named_in_report_and_warning(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "old.docx").write_bytes(b"PK")
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "tape.txt").write_bytes(b"\0\1\2\3")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")
    with pytest.warns(rv.RuVectorWarning, match=r"4 not read: .*rv\.last_read\(\)") as caught:
        found = rv.read(tmp_path)
    assert caught[0].filename == __file__
    assert found["text"].tolist() == ["good"]
    report = rv.last_read()
    assert isinstance(report, rv.ReadReport)
    said = {Path(path).name: reason for path, reason in report.skipped}
    assert set(said) == {"old.docx", "sheet.xlsx", "bad.pdf", "tape.txt"}
    assert "save it as PDF" in said["old.docx"]
    assert "CSV" in said["sheet.xlsx"]
    assert "binary" in said["tape.txt"]
    assert report.others == (str(tmp_path / "picture.png"),)
    assert "4 skipped" in repr(report)
    assert "1 others" in repr(report)
    shown = report._repr_html_()
    assert "old.docx" in shown
    assert "utf-8 1" in shown
    assert report.encodings == {"utf-8": 1}
    with pytest.raises(rv.PersistError, match=r"bad\.pdf"):
        rv.read(tmp_path / "bad.pdf", on_error="stop")
    with pytest.raises(rv.PersistError, match="save it as PDF"):
        rv.read(tmp_path, on_error="stop")


def test_each_thread_and_task_has_its_own_report(docs: Path) -> None:
    rv.read(docs / "plain.txt")
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(rv.last_read()))
    thread.start()
    thread.join()
    assert seen == [None]

    async def task() -> None:
        rv.read(docs / "guide.rst")

    asyncio.run(task())
    report = rv.last_read()
    assert report is not None
    assert [Path(file.path).name for file in report.files] == ["plain.txt"]


def test_progress_is_told_in_files(docs: Path) -> None:
    told: list[tuple[int, int]] = []
    rv.read(docs, chunk=False, progress=lambda done, files: told.append((done, files)))
    assert told == [(i, len(FILES)) for i in range(1, len(FILES) + 1)]


def test_reading_imports_nothing_that_it_does_not_need(docs: Path) -> None:
    code = (
        "import sys, polars, ruvector as rv\n"
        f"rv.read([{str(docs / 'plain.txt')!r}, {str(docs / 'page.html')!r}])\n"
        "print(sorted({'pandas', 'pypdf', 'ast', 'csv', 'zipfile'} & set(sys.modules)"
        " - set(before)))"
    )
    code = "import sys, polars\nbefore = list(sys.modules)\n" + code
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---- sources ----


def test_sources_that_are_not_there_are_named(docs: Path) -> None:
    with pytest.raises(rv.FileMissing, match="not there"):
        rv.source(docs / "gone.md")
    with pytest.raises(rv.PersistError, match=r"no document 'in/gone\.md'"):
        rv.source(docs / "more.zip" / "in/gone.md")
    with pytest.raises(rv.PersistError, match="name a document in it"):
        rv.source(docs / "more.zip")
    with pytest.raises(rv.PersistError, match="it is a folder"):
        rv.source(docs / "sub")
    with pytest.raises(rv.InvalidArgument, match="not a path"):
        rv.source(3)  # type: ignore[arg-type]


def test_a_zip_file_is_a_folder_of_documents(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "docs.zip", "w") as archive:
        archive.writestr("b.md", "second")
        archive.writestr("a.html", "<p>first")
        archive.writestr("../../up.txt", "leads out")
        archive.writestr(".git/x.md", "hidden")
        archive.writestr("inner.zip", b"PK")
        archive.writestr("sheet.xlsx", b"PK")
    with pytest.warns(rv.RuVectorWarning, match=r"3 not read: .*leads out of the zip file"):
        found = rv.read(tmp_path / "docs.zip")
    assert found["text"].tolist() == ["first", "second"]
    for path, text in zip(found["path"], found["text"], strict=True):
        assert rv.source(path) == text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(Path(tmp_path).iterdir()) == [tmp_path / "docs.zip"]
