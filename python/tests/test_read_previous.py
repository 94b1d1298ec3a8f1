"""`rv.read(previous=)`: only what changed is read and embedded again."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector._documents import job as jobs

OLD = 1_700_000_000


class Counting:
    """An embedder that remembers what it was asked."""

    def __init__(self, shift: float = 0.0) -> None:
        self.asked: list[str] = []
        self._shift = shift

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [[t.count("a") + 1.0, t.count("e") + self._shift, len(t) % 7] for t in texts]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Return a folder of five files, all of long ago."""
    for name in "abcde":
        path = tmp_path / f"{name}.md"
        path.write_text(f"# {name}\n\nabout {name} and every letter\n\n## More\n\nof {name}\n")
        os.utime(path, (OLD, OLD))
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of files that are read from now on; they are read all the same."""
    names: list[str] = []
    load = jobs.load

    def noted(source: Any) -> Any:
        names.append(Path(source.name).name)
        return load(source)

    monkeypatch.setattr(jobs, "load", noted)
    return names


def change(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (OLD + 100, OLD + 100))


def plain(frame: Any) -> list[tuple[Any, ...]]:
    """Return the six columns as rows of Python objects."""
    if isinstance(frame, pa.Table):
        frame = pl.from_arrow(frame)
    if isinstance(frame, pd.DataFrame):
        frame = pl.from_pandas(frame[["text", "path", "start", "end", "heading", "page"]])
    return frame.select("text", "path", "start", "end", "heading", "page").rows()


LIBRARIES = ["pandas", "polars", "pyarrow"]


def saved(frame: Any, folder: Path) -> Any:
    """Save a frame to a parquet file as its library does, and load it again."""
    path = folder / "kb.parquet"
    if isinstance(frame, pd.DataFrame):
        frame.to_parquet(path)
        return pd.read_parquet(path)
    if isinstance(frame, pl.DataFrame):
        frame.write_parquet(path)
        return pl.read_parquet(path)
    pq.write_table(frame, path)
    return pq.read_table(path)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("through_file", [False, True])
def test_only_changed_files_are_read(
    docs: Path, opened: list[str], library: Any, through_file: bool, tmp_path_factory: Any
) -> None:
    first = rv.read(docs, frame=library, fingerprint=library != "pandas")
    assert opened == [f"{name}.md" for name in "abcde"]
    if through_file:
        first = saved(first, tmp_path_factory.mktemp("saved"))
    change(docs / "b.md", "# b\n\nnew words\n")
    (docs / "c.md").unlink()
    (docs / "f.md").write_text("a new file\n")
    opened.clear()
    second = rv.read(docs, previous=first)
    assert type(second) is type(first)
    assert opened == ["b.md", "f.md"]
    report = rv.last_read()
    assert report is not None
    assert report.unchanged == 3
    assert report.vanished == (str(docs / "c.md"),)
    assert "3 unchanged" in repr(report)
    assert plain(second) == plain(rv.read(docs, frame="polars"))
    opened.clear()
    third = rv.read(docs, previous=second)
    assert opened == ["f.md"]  # written a moment ago: its time says nothing yet, its bytes do
    assert plain(third) == plain(second)


def test_a_frame_that_knows_no_files_is_read_again_and_equal(docs: Path, opened: list[str]) -> None:
    first = rv.read(docs, frame="polars")
    assert first.columns == ["text", "path", "start", "end", "heading", "page"]
    second = rv.read(docs, previous=first)
    assert len(opened) == 10
    assert second.equals(first)


def test_a_file_that_was_touched_alone_is_not_cut_again(
    docs: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rv.read(docs, frame="pandas")
    os.utime(docs / "a.md", (OLD + 5, OLD + 5))
    monkeypatch.setattr(jobs, "parse", None)  # whatever parses, fails
    opened.clear()
    second = rv.read(docs, previous=first)
    assert opened == ["a.md"]
    opened.clear()
    assert rv.read(docs, previous=second).equals(first)
    assert opened == []


def test_a_file_changed_within_the_tick_of_its_time_is_seen(docs: Path) -> None:
    path = docs / "a.md"
    path.write_text("# a\n\nfirst\n")
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    first = rv.read(docs, frame="pandas")
    path.write_text("# a\n\nother\n")  # as long
    os.utime(path, ns=(now, now))
    second = rv.read(docs, previous=first)
    assert "other" in second["text"][0]


@pytest.mark.parametrize(
    "options", [{"budget": 5}, {"chunk": False}, {"encoding": "utf-8"}, {"overlap": 1}]
)
def test_other_options_read_all_files_again(docs: Path, opened: list[str], options: Any) -> None:
    first = rv.read(docs, frame="pandas")
    opened.clear()
    second = rv.read(docs, previous=first, **options)
    assert len(opened) == 5
    assert plain(second) == plain(rv.read(docs, **options))


def test_rows_that_were_taken_out_come_back(docs: Path, opened: list[str]) -> None:
    first = rv.read(docs, frame="pandas")
    opened.clear()
    assert rv.read(docs, previous=first.drop(index=[0, 5])).equals(first)
    assert opened == ["a.md", "c.md"]
    assert rv.read(docs, previous=first.sample(frac=1, random_state=3)).equals(first)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("fingerprint", [False, True])
def test_embeddings_are_kept_and_only_new_texts_embedded(
    docs: Path, library: Any, fingerprint: bool
) -> None:
    embedder = Counting()
    kb = rv.embed(rv.read(docs, frame=library, fingerprint=fingerprint), "text", embedder=embedder)
    embedder.asked.clear()
    change(docs / "b.md", "# b\n\nabout b and every letter\n\n## Fresh\n\nwords\n")
    second = rv.read(docs, previous=kb)
    assert embedder.asked == ["## Fresh\n\nwords"]
    assert plain(second) == plain(rv.read(docs, frame="polars"))
    matrix = rv.to_matrix(second["embedding"])
    texts = [row[0] for row in plain(second)]
    np.testing.assert_array_equal(matrix, np.array(Counting()(texts), np.float32))
    hits = rv.search(second, "## Fresh\n\nwords", k=1)
    assert [row[0] for row in plain(hits)] == ["## Fresh\n\nwords"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_embeddings_of_a_saved_frame_need_the_name_of_their_embedder(
    docs: Path, library: Any, tmp_path_factory: Any
) -> None:
    kb = rv.embed(rv.read(docs, frame=library), "text", embedder=Counting())
    loaded = saved(kb, tmp_path_factory.mktemp("saved"))
    matrix = np.array(rv.to_matrix(loaded["embedding"])) * 2.0 ** (1 + LIBRARIES.index(library))
    # Vectors that no call of this process made, with the directions of those that were.
    names = loaded.column_names if isinstance(loaded, pa.Table) else list(loaded.columns)
    column = rv.to_column(matrix, like=loaded)
    if isinstance(loaded, pa.Table):
        loaded = loaded.set_column(names.index("embedding"), "embedding", column)
    elif isinstance(loaded, pl.DataFrame):
        loaded = loaded.with_columns(column.alias("embedding"))
    else:
        loaded["embedding"] = column
    change(docs / "b.md", "fresh words\n")
    with pytest.raises(rv.EmbedError, match="1 rows are new, and it is not known what made"):
        rv.read(docs, previous=loaded)
    other = Counting(shift=50.0)
    with pytest.raises(rv.EmbedError, match="did not make the vectors of 'embedding'"):
        rv.read(docs, previous=loaded, embedder=other)
    embedder = Counting()
    second = rv.read(docs, previous=loaded, embedder=embedder)
    assert "fresh words" in embedder.asked
    assert len(embedder.asked) == 4  # three to see that it made them
    assert rv.to_matrix(second["embedding"]).shape == (9, 3)
    unchanged = rv.read(docs, previous=second)
    assert plain(unchanged) == plain(second)


def test_another_embedder_than_the_one_that_is_known_is_refused(docs: Path) -> None:
    kb = rv.read(docs, frame="pandas").ruvector.embed("text", embedder=Counting())
    change(docs / "b.md", "fresh words\n")
    with pytest.raises(rv.EmbedError, match="were made by"):
        rv.read(docs, previous=kb, embedder=Counting(1.0))
    with pytest.raises(rv.EmbedError, match="were made by"):
        rv.read(docs, previous=kb, embedder=lambda texts: [[1.0, 2.0] for _ in texts])


@pytest.mark.parametrize("library", LIBRARIES)
def test_columns_of_the_users_own_stay_with_rows_that_did_not_change(
    docs: Path, library: Any
) -> None:
    first = rv.read(docs, frame=library)
    marks = list(range(10))
    if library == "pandas":
        first["mark"] = marks
    elif library == "polars":
        first = first.with_columns(pl.Series("mark", marks))
    else:
        first = first.append_column("mark", pa.array(marks))
    change(docs / "b.md", "# b\n\nabout b and every letter\n\n## Fresh\n\nwords\n")
    second = rv.read(docs, previous=first)
    values = second["mark"].to_pylist() if library == "pyarrow" else list(second["mark"])
    assert [None if pd.isna(v) else int(v) for v in values] == [0, 1, 2, None, *range(4, 10)]
    change(docs / "a.md", "all is new\n")
    for name in "bcde":
        (docs / f"{name}.md").unlink()
    third = rv.read(docs, previous=first)
    assert len(third) == 1
    assert "mark" in (third.column_names if library == "pyarrow" else list(third.columns))


@pytest.mark.parametrize(
    ("previous", "error", "says"),
    [
        (pd.DataFrame({"text": ["a"]}), rv.ColumnError, "no column 'path'"),
        (pd.DataFrame(), rv.ColumnError, "no column 'text'"),
        ("kb.parquet", rv.InvalidArgument, "not a frame"),
        (3, rv.InvalidArgument, "not a frame"),
    ],
)
def test_what_is_no_earlier_answer_is_refused(
    docs: Path, previous: Any, error: Any, says: str
) -> None:
    with pytest.raises(error, match=says):
        rv.read(docs, previous=previous)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("column", ["text", "start", "end", "page"])
def test_cells_that_no_answer_has_are_named_with_their_row(
    docs: Path, library: Any, column: str
) -> None:
    first = rv.read(docs, frame="polars")
    cells: list[Any] = first[column].to_list()
    cells[3] = "nowhere" if column == "page" else None
    broken = first.with_columns(pl.Series(column, cells))
    previous = broken.to_pandas() if library == "pandas" else broken
    with pytest.raises(rv.ColumnError, match=r"previous= has .* row 3") as caught:
        rv.read(docs, previous=previous)
    assert caught.value.row == 3


@pytest.mark.parametrize(
    "kept", ["", "{", "[]", '{"a": 3}', '{"PATH": "1:2:3"}', '{"PATH": "x:y:z:o:1:2"}', "[" * 5000]
)
def test_attrs_that_anybody_wrote_only_cost_a_read(
    docs: Path, opened: list[str], kept: str
) -> None:
    first = rv.read(docs, frame="pandas")
    first.attrs["ruvector_read"] = kept.replace("PATH", first["path"][0])
    opened.clear()
    assert rv.read(docs, previous=first).equals(first)
    assert len(opened) == 5


def test_frames_of_another_library_are_asked_for_in_vain_where_columns_were_added(
    docs: Path,
) -> None:
    first = rv.read(docs, frame="pandas")
    assert isinstance(rv.read(docs, previous=first, frame="polars"), pl.DataFrame)
    first["mark"] = 1
    with pytest.raises(rv.InvalidArgument, match="leave frame= out"):
        rv.read(docs, previous=first, frame="polars")


def test_documents_in_zip_files_are_taken_over_by_their_checksums(
    tmp_path: Path, opened: list[str]
) -> None:
    import zipfile

    def write(second: str) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.md", "first")
            archive.writestr("b.md", second)

    write("second")
    first = rv.read(tmp_path, frame="pandas")
    write("other")
    opened.clear()
    second = rv.read(tmp_path, previous=first)
    assert second["text"].tolist() == ["first", "other"]
    assert opened == ["b.md"]


def test_columns_with_a_splitter_are_read_again_and_keep_their_vectors(
    docs: Path, opened: list[str]
) -> None:
    embedder = Counting()
    split = {"splitter": lambda text: text.split("\n\n")}
    kb = rv.read(docs, frame="pandas", **split).ruvector.embed("text", embedder=embedder)
    asked = len(embedder.asked)
    opened.clear()
    again = rv.read(docs, previous=kb, **split)
    assert len(opened) == 5
    assert len(embedder.asked) == asked
    assert plain(again) == plain(kb)
