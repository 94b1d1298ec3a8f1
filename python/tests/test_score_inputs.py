"""What `inputs=` means: which files, in which order, with which columns of their folders."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from obstore.store import LocalStore, MemoryStore

import ruvector as rv
from ruvector._parquet.scoring import globs
from ruvector._parquet.scoring.hive import Constant, partitions_of, typed
from ruvector._parquet.scoring.inputs import Inputs, find_inputs, refuse_inside

TABLE = pa.table({"id": [1, 2]})


def make(folder: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(TABLE, folder / name)
    return folder


def names(found: Inputs, folder: Any = "") -> list[str]:
    start = f"{folder}/" if folder else ""
    return [file.place.name.removeprefix(start) for file in found.files]


def constants(found: Inputs) -> list[tuple[Any, ...]]:
    return [tuple((c.name, c.type, c.value) for c in file.constants) for file in found.files]


# ---- paths, folders, patterns ----


def test_a_file_is_itself(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "one.parquet")
    assert names(find_inputs(tmp_path / "one.parquet"), tmp_path) == ["one.parquet"]
    assert names(find_inputs(str(tmp_path / "one.parquet")), tmp_path) == ["one.parquet"]
    assert names(find_inputs(f"file://{tmp_path}/one.parquet"), tmp_path) == ["one.parquet"]


def test_a_file_may_have_any_ending(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "rows.pq", "part-0")
    assert names(find_inputs([tmp_path / "rows.pq", tmp_path / "part-0"]), tmp_path) == [
        "part-0",
        "rows.pq",
    ]


def test_a_relative_path_is_known_by_its_whole_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "in/a.parquet")
    monkeypatch.chdir(tmp_path)
    assert names(find_inputs("in")) == [f"{tmp_path}/in/a.parquet"]
    assert names(find_inputs("./in/../in/a.parquet")) == [f"{tmp_path}/in/a.parquet"]


def test_the_home_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "x.parquet")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names(find_inputs("~/x.parquet"), tmp_path) == ["x.parquet"]


def test_a_folder_is_its_parquet_files_at_any_depth_in_path_order(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "b.parquet", "a/2.parquet", "a/10.parquet", "c/d/e.parquet")
    (tmp_path / "notes.txt").write_text("no rows")
    assert names(find_inputs(tmp_path), tmp_path) == [
        "a/10.parquet",
        "a/2.parquet",
        "b.parquet",
        "c/d/e.parquet",
    ]


def test_names_of_underscore_or_dot_are_left_out_of_folders(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.parquet", "_b.parquet", ".c.parquet", "_tmp/d.parquet", ".git/e.parquet")
    assert names(find_inputs(tmp_path), tmp_path) == ["a.parquet"]
    assert names(find_inputs(tmp_path / "**" / "*.parquet"), tmp_path) == ["a.parquet"]
    assert names(find_inputs(tmp_path / "_*.parquet"), tmp_path) == ["_b.parquet"]
    assert names(find_inputs(tmp_path / "_b.parquet"), tmp_path) == ["_b.parquet"]


def test_the_order_of_a_list_does_not_matter(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.parquet", "b.parquet", "c.parquet")
    paths = [tmp_path / "c.parquet", tmp_path / "a.parquet", tmp_path / "b.parquet"]
    expected = ["a.parquet", "b.parquet", "c.parquet"]
    assert names(find_inputs(paths), tmp_path) == expected
    assert names(find_inputs(tuple(paths)), tmp_path) == expected
    assert names(find_inputs(iter(paths)), tmp_path) == expected


PATTERNS = [
    ("*.parquet", ["a.parquet", "b.parquet"]),
    ("[ab].parquet", ["a.parquet", "b.parquet"]),
    ("[!a].parquet", ["b.parquet"]),
    ("?.parquet", ["a.parquet", "b.parquet"]),
    ("**/*.parquet", ["a.parquet", "b.parquet", "in/c.parquet", "in/out/d.parquet"]),
    ("**", ["a.parquet", "b.parquet", "in/c.parquet", "in/out/d.parquet"]),
    ("in/**/d.parquet", ["in/out/d.parquet"]),
    ("*/c.parquet", ["in/c.parquet"]),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_patterns_on_disk(tmp_path: pathlib.Path, pattern: str, expected: list[str]) -> None:
    make(tmp_path, "a.parquet", "b.parquet", "in/c.parquet", "in/out/d.parquet")
    assert names(find_inputs(tmp_path / pattern), tmp_path) == expected


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_patterns_in_a_store_mean_the_same(pattern: str, expected: list[str]) -> None:
    store = MemoryStore()
    for name in ("a.parquet", "b.parquet", "in/c.parquet", "in/out/d.parquet"):
        store.put(f"root/{name}", b"x")
    found = find_inputs((store, f"root/{pattern}"))
    assert names(found, "MemoryStore/root") == expected


def test_a_folder_that_matches_a_pattern_is_walked(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "x1/a.parquet", "x2/b.parquet", "y/c.parquet")
    assert names(find_inputs(f"{tmp_path}/x*"), tmp_path) == ["x1/a.parquet", "x2/b.parquet"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "[1].parquet", "1.parquet")
    assert names(find_inputs(tmp_path / "[1].parquet"), tmp_path) == ["[1].parquet"]


def test_a_link_to_a_folder_above_is_no_endless_way(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "in/a.parquet")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert names(find_inputs(tmp_path / "in"), tmp_path) == ["in/a.parquet"]


@pytest.mark.parametrize("what", ["missing", "missing/*.parquet", "*.arrow", "empty"])
def test_what_is_not_there_is_named(tmp_path: pathlib.Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(rv.FileMissing, match=r"empty|missing|arrow") as caught:
        for file in find_inputs(tmp_path / what).files:
            file.place.mark()
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("what", [[], 7, None, object(), b"bytes.parquet", [[]]])
def test_what_is_no_input_is_refused(what: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="pass a path, a pattern, a folder"):
        find_inputs(what)


def test_a_file_named_twice_is_refused(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.parquet", "b.parquet")
    with pytest.raises(rv.InvalidArgument, match=r"names .*a\.parquet twice"):
        find_inputs([tmp_path, tmp_path / "a.parquet"])


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "in/a.parquet", "in/shut/b.parquet")

    def refuse(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    scan = os.scandir
    monkeypatch.setattr(globs.os, "scandir", refuse)  # root may read everything
    with pytest.raises(rv.PersistError, match="shut") as caught:
        find_inputs(tmp_path / "in")
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize(
    ("kind", "inside"), [("Delta", "_delta_log/x"), ("Iceberg", "metadata/v1.metadata.json")]
)
@pytest.mark.parametrize("way", ["", "**/*.parquet"])
def test_the_folder_of_a_table_is_refused(
    tmp_path: pathlib.Path, kind: str, inside: str, way: str
) -> None:
    make(tmp_path, "a.parquet")
    (tmp_path / inside).parent.mkdir()
    (tmp_path / inside).write_text("{}")
    with pytest.raises(rv.InvalidArgument, match=f"is an? {kind} table.*pass the table"):
        find_inputs(f"{tmp_path}/{way}")


# ---- folders that are columns ----


def test_folders_of_numbers_become_int64(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "year=2023/m=01/a.parquet", "year=2024/m=12/b.parquet")
    found = find_inputs(tmp_path)
    assert constants(found) == [
        (("year", "int64", 2023), ("m", "int64", 1)),
        (("year", "int64", 2024), ("m", "int64", 12)),
    ]


def test_one_value_that_is_no_number_makes_all_text(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "k=1/a.parquet", "k=x/b.parquet", "k=-3/c.parquet")
    assert [c[0][1:] for c in constants(find_inputs(tmp_path))] == [
        ("string", "-3"),
        ("string", "1"),
        ("string", "x"),
    ]


def test_folders_are_decoded_like_urls(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a%20b=x%2Fy%C3%A9/a.parquet")
    assert constants(find_inputs(tmp_path)) == [(("a b", "string", "x/yé"),)]


def test_the_null_of_hive_is_null(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "k=__HIVE_DEFAULT_PARTITION__/a.parquet", "k=5/b.parquet")
    found = sorted(constants(find_inputs(tmp_path)), key=repr)
    assert found == [(("k", "int64", 5),), (("k", "int64", None),)]


@pytest.mark.parametrize(
    "text", ["", " 1", "+1", "1_000", "1.0", "9223372036854775808", "٣", "--1"]
)
def test_what_is_no_int64_is_text(text: str) -> None:
    [(column,)] = typed([("f", (("k", text),))])
    assert column == Constant("k", "string", text)


@pytest.mark.parametrize("text", ["0", "-1", "007", "9223372036854775807", "-9223372036854775808"])
def test_what_is_an_int64_is_one(text: str) -> None:
    [(column,)] = typed([("f", (("k", text),))])
    assert column == Constant("k", "int64", int(text))


def test_the_parts_of_a_pattern_below_its_first_wildcard_are_columns(
    tmp_path: pathlib.Path,
) -> None:
    make(tmp_path, "y=1/m=2/a.parquet", "y=1/m=3/b.parquet")
    assert constants(find_inputs(f"{tmp_path}/y=*/m=*/*.parquet"))[0] == (
        ("y", "int64", 1),
        ("m", "int64", 2),
    )
    assert constants(find_inputs(f"{tmp_path}/y=1/*/*.parquet"))[0] == (("m", "int64", 2),)


def test_the_folders_above_a_file_or_folder_that_is_named_are_no_columns(
    tmp_path: pathlib.Path,
) -> None:
    make(tmp_path, "y=1/m=2/a.parquet")
    assert constants(find_inputs(tmp_path / "y=1" / "m=2" / "a.parquet")) == [()]
    assert constants(find_inputs(tmp_path / "y=1")) == [(("m", "int64", 2),)]


def test_files_of_other_columns_are_named(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "y=1/a.parquet", "b.parquet")
    with pytest.raises(rv.ColumnError, match=r"y=1/a\.parquet.*'y'.*b\.parquet.*no column"):
        find_inputs(tmp_path)


def test_a_key_that_is_met_twice_is_refused(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "y=1/y=2/a.parquet")
    with pytest.raises(rv.ColumnError, match="two folders above it give a value of 'y'"):
        find_inputs(tmp_path)


def test_folders_without_a_key_are_folders() -> None:
    assert partitions_of(["plain", "=x", "a=b=c", "k="]) == (("a", "b=c"), ("k", ""))


# ---- file systems ----


def memory() -> Any:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for name in ("b.parquet", "k=1/a.parquet", "k=1/_x.parquet", "note.txt"):
        fs.pipe(f"/bucket/in/{name}", b"0123456789")
    return fs


def test_fsspec_by_url_pair_and_open_files() -> None:
    fs = memory()
    fs.rm("/bucket/in/b.parquet")
    for given in (
        "memory://bucket/in",
        (fs, "/bucket/in"),
        "memory://bucket/in/**/a.parquet",
        (fs, "/bucket/in/*/*.parquet"),
        (fs, ["/bucket/in"]),
    ):
        found = find_inputs(given)
        assert names(found) == ["memory:///bucket/in/k=1/a.parquet"], given
        assert constants(found) == [(("k", "int64", 1),)]
    for given in (
        fsspec.open("memory://bucket/in/k=1/a.parquet"),
        fsspec.open_files("memory://bucket/in/k=1/*.parquet")[1:],
    ):
        assert names(find_inputs(given)) == ["memory:///bucket/in/k=1/a.parquet"]


def test_pyarrow_file_systems_and_datasets(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "k=1/a.parquet", "k=2/b.parquet", "_c/d.parquet")
    fs = pyarrow.fs.LocalFileSystem()
    found = find_inputs((fs, str(tmp_path)))
    expected = [f"file://{tmp_path}/k=1/a.parquet", f"file://{tmp_path}/k=2/b.parquet"]
    assert names(found) == expected
    assert constants(found) == [(("k", "int64", 1),), (("k", "int64", 2),)]
    pair = pyarrow.fs.FileSystem.from_uri(f"file://{tmp_path}/k=1/a.parquet")
    assert names(find_inputs(pair)) == expected[:1]
    files = pyarrow.dataset.dataset([f"{tmp_path}/k=2/b.parquet"], filesystem=fs)
    assert names(find_inputs(files)) == expected[1:]


def test_stores_of_obstore(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "in/k=1/a.parquet", "in/b.txt")
    found = find_inputs((LocalStore(tmp_path), "in"))
    assert [name.rpartition("/in/")[2] for name in names(found)] == ["k=1/a.parquet"]
    size = (tmp_path / "in/k=1/a.parquet").stat().st_size
    place = found.files[0].place
    assert place.mark().size == size
    assert place.read(size - 4, size) == b"PAR1"


@pytest.mark.parametrize("kind", ["fsspec", "pyarrow", "obstore"])
def test_bytes_and_marks_of_stored_files(kind: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    given: Any = {
        "fsspec": (fsspec.filesystem("file"), f"{tmp_path}/f"),
        "pyarrow": (pyarrow.fs.LocalFileSystem(), f"{tmp_path}/f"),
        "obstore": (LocalStore(tmp_path), "f"),
    }[kind]
    place = find_inputs(given).files[0].place
    assert not place.local
    before = place.mark()
    assert before.size == 10
    assert before.changed
    assert place.read(3, 6) == b"345"
    with pytest.raises(rv.PersistError, match="f"):
        place.read(8, 20)
    os.utime(tmp_path / "f", ns=(1, 10**18))
    assert place.mark() != before
    (tmp_path / "f").unlink()
    with pytest.raises(rv.FileMissing):
        place.mark()
    with pytest.raises(rv.PersistError):
        place.read(0, 1)


def test_what_a_file_system_raises_names_the_file() -> None:
    class Broken(fsspec.AbstractFileSystem):
        protocol = "broken"

        def info(self, path: str, **_: Any) -> Any:
            raise RuntimeError("the token has expired\nsecond line")

    with pytest.raises(rv.PersistError, match=r"broken://x.*RuntimeError: the token has expired$"):
        find_inputs((Broken(), "x"))


def test_a_url_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(rv.InvalidArgument, match=r"nosuch.*pair"):
        find_inputs("nosuch://bucket/x.parquet")


def test_a_url_without_its_package_says_how_to_install_it() -> None:
    with pytest.raises(rv.MissingExtra, match="pip install fsspec gcsfs") as caught:
        find_inputs("gs://bucket/x.parquet")
    assert caught.value.pip == "pip install fsspec gcsfs"


def test_an_absent_fsspec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(rv.MissingExtra, match="pip install fsspec s3fs"):
        find_inputs("s3://bucket/x.parquet")


# ---- the output folder ----


def test_an_output_within_the_inputs_is_refused(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "in/a.parquet")
    found = find_inputs(tmp_path / "in")
    for out in (tmp_path / "in" / "out", tmp_path / "in"):
        with pytest.raises(rv.InvalidArgument, match="lies in the folder of the inputs"):
            refuse_inside(str(out), found)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(rv.InvalidArgument, match="lies in the folder of the inputs"):
        refuse_inside(str(tmp_path / "link" / "out"), found)
    refuse_inside(str(tmp_path / "in2"), found)
    with pytest.raises(rv.InvalidArgument, match="holds the input"):
        refuse_inside(str(tmp_path), find_inputs(tmp_path / "in" / "a.parquet"))
