"""`rv.score_parquet`: what is written, and that it is what a search of every row alone finds."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from scoring_job import (
    BASE,
    DIM,
    expected,
    files,
    index,
    only_parts,
    parts,
    rows_of,
    table,
    vectors,
    write,
)

import ruvector as rv
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring import planning

SCORE = "cosine_similarity"


def score(folder: Any, out: pathlib.Path, **options: Any) -> rv.ScoreReport:
    given = {"on": "emb", "k": 3, "index": index()} | options
    ix = given.pop("index")
    return rv.score_parquet(folder, ix, out=out, **given)


# ---- rows ----


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "sqeuclidean"])
def test_the_output_is_what_a_search_of_every_row_finds(
    tmp_path: pathlib.Path, metric: str
) -> None:
    folder = files(tmp_path / "in")
    ix = index(metric=metric)
    report = score(folder, tmp_path / "out", index=ix)
    assert rows_of(tmp_path / "out") == expected(sorted(folder.iterdir()), ix, 3)
    assert parts(tmp_path / "out") == [f"part-00000{i}-0000.parquet" for i in range(3)]
    assert (report.rows_in, report.rows_out, report.files) == (180, 540, 3)
    assert (report.parts, report.parts_done, report.parts_before) == (3, 3, 0)
    assert (report.skipped, report.null_queries) == ((), 0)
    assert report.out == str(tmp_path / "out")
    assert report.seconds > 0
    assert report.rows_per_second > 0
    queries = np.concatenate([vectors(i, 60) for i in range(3)])
    plan = ix.search(queries, 3).plan
    assert report.plan["queries"] == plan.queries == 180
    assert report.plan["rows_scanned"] == plan.rows_scanned == 180 * len(ix)
    assert report.plan["rows_reranked"] == plan.rows_reranked
    assert score(folder, tmp_path / "out", index=ix).plan == {}


def test_only_parts_and_the_manifest_are_left(tmp_path: pathlib.Path) -> None:
    score(files(tmp_path / "in"), tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [manifests.NAME, *parts(tmp_path / "out")]


def test_a_large_file_becomes_pieces_of_whole_row_groups(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)
    write(tmp_path / "in" / "a.parquet", 1, rows=110, group=20)
    write(tmp_path / "in" / "b.parquet", 2, rows=10)
    ix = index()
    report = score(tmp_path / "in", tmp_path / "out", index=ix)
    names = parts(tmp_path / "out")
    assert names == [*(f"part-000000-000{i}.parquet" for i in range(3)), "part-000001-0000.parquet"]
    counts = [pq.ParquetFile(tmp_path / "out" / name).metadata.num_rows for name in names]
    assert counts == [120, 120, 90, 30]
    assert rows_of(tmp_path / "out") == expected(sorted((tmp_path / "in").iterdir()), ix, 3)
    assert report.parts == 4


@pytest.mark.parametrize(
    ("groups", "pieces"),
    [
        ([], ((0, 0, 0),)),
        ([(0, 0)], ((0, 1, 0),)),
        ([(5, 9)] * 3, ((0, 3, 15),)),
        ([(300_000, 9)] * 3, ((0, 1, 300_000), (1, 1, 300_000), (2, 1, 300_000))),
        ([(250_000, 9)] * 3, ((0, 2, 500_000), (2, 1, 250_000))),
        ([(2_000_000, 9), (1, 9)], ((0, 1, 2_000_000), (1, 1, 1))),
        ([(1, 200 << 20)] * 2, ((0, 1, 1), (1, 1, 1))),
    ],
)
def test_where_files_are_cut(groups: Any, pieces: Any) -> None:
    assert planning.cut(groups) == pieces


def test_bytes_depend_on_nothing_else(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PIECE_ROWS", 45)
    folder = files(tmp_path / "in")
    score(folder, tmp_path / "one")
    for i, options in enumerate(
        ({"threads": 1}, {"batch_rows": 7}, {"memory": "64MiB"}, {"on_error": "skip"})
    ):
        score(folder, tmp_path / str(i), **options)
        assert only_parts(tmp_path / str(i)) == only_parts(tmp_path / "one")
        text = (tmp_path / str(i) / manifests.NAME).read_text()
        assert text == (tmp_path / "one" / manifests.NAME).read_text()


def test_rows_without_a_vector_find_nothing_and_are_counted(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a.parquet", 1, rows=30, nulls=[0, 7, 29])
    ix = index()
    report = score(tmp_path / "a.parquet", tmp_path / "out", index=ix)
    assert rows_of(tmp_path / "out") == expected([tmp_path / "a.parquet"], ix, 3)
    assert (report.rows_in, report.rows_out, report.null_queries) == (30, 81, 3)


def test_files_without_rows_give_parts_without_rows(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    pq.write_table(table(3, 1).slice(0, 0), folder / "empty.parquet")
    schema = table(3, 1).schema
    pq.ParquetWriter(folder / "no_groups.parquet", schema).close()
    report = score(folder, tmp_path / "out")
    assert report.files == 3
    for name in parts(tmp_path / "out"):
        assert pq.read_schema(tmp_path / "out" / name).names == [
            "doc",
            "n",
            "query_row",
            "rank",
            "id",
            SCORE,
        ]
    assert report.rows_out == 180


def test_fewer_rows_where_fewer_are_eligible(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    mask = np.zeros(len(BASE), bool)
    mask[[5, 9]] = True
    score(folder, tmp_path / "out", where=mask)
    assert {row["id"] for row in rows_of(tmp_path / "out")} == {5, 9}
    assert len(rows_of(tmp_path / "out")) == 120


def test_thresholds(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    score(folder, tmp_path / "all", k=10)
    score(folder, tmp_path / "near", k=10, min_similarity=0.75)
    near = [row for row in rows_of(tmp_path / "all") if row[SCORE] >= 0.75]
    assert 0 < len(near) < len(rows_of(tmp_path / "all"))
    assert rows_of(tmp_path / "near") == near
    ix = index(metric="l2")
    score(folder, tmp_path / "far", k=10, max_distance=2.0, index=ix)
    assert all(row["l2_distance"] <= 2.0 for row in rows_of(tmp_path / "far"))
    with pytest.raises(rv.MetricError, match="min_similarity"):
        score(folder, tmp_path / "no", min_similarity=0.5, index=ix)
    assert not (tmp_path / "no").exists()


def test_an_index_of_ids_gives_ids(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    score(folder, tmp_path / "a")
    for kind, names in (
        ("text", [f"row {i}" for i in range(len(BASE))]),
        ("number", np.arange(len(BASE), dtype=np.uint64) + 2**63),
    ):
        score(folder, tmp_path / kind, index=rv.Index.build(BASE, ids=names))
        assert [row["id"] for row in rows_of(tmp_path / kind)] == [
            names[row["id"]] for row in rows_of(tmp_path / "a")
        ]


def test_an_index_by_its_path(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    ix = index()
    ix.save(tmp_path / "x.rvx", vectors=True)
    score(folder, tmp_path / "a", index=ix)
    score(folder, tmp_path / "b", index=tmp_path / "x.rvx")
    assert only_parts(tmp_path / "a") == only_parts(tmp_path / "b")
    report = score(folder, tmp_path / "a", index=str(tmp_path / "x.rvx"))  # the same job
    assert (report.parts_done, report.parts_before) == (0, 3)
    with pytest.raises(rv.FileMissing, match="none"):
        score(folder, tmp_path / "c", index=tmp_path / "none.rvx")
    with pytest.raises(rv.InvalidArgument, match=r"pass an rv\.Index or the path"):
        score(folder, tmp_path / "c", index=BASE)
    assert not (tmp_path / "c").exists()


def test_the_score_column_of_the_settings(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    with rv.config(score_column="nearness"):
        score(folder, tmp_path / "out")
    assert "nearness" in rows_of(tmp_path / "out")[0]


# ---- columns ----


def test_chosen_columns_and_none(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    score(folder, tmp_path / "a", columns=["n", "emb"])
    assert list(rows_of(tmp_path / "a")[0]) == ["n", "emb", "query_row", "rank", "id", SCORE]
    assert rows_of(tmp_path / "a")[0]["emb"] == vectors(0, 60)[0].tolist()
    score(folder, tmp_path / "b", columns=[])
    assert list(rows_of(tmp_path / "b")[0]) == ["query_row", "rank", "id", SCORE]


def test_folders_are_columns(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "in" / "y=1" / "c=NO" / "a.parquet", 1)
    write(tmp_path / "in" / "y=2" / "c=__HIVE_DEFAULT_PARTITION__" / "b.parquet", 2)
    score(tmp_path / "in", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["doc", "n", "y", "c", "query_row", "rank", "id", SCORE]
    assert {(row["y"], row["c"]) for row in rows} == {(1, "NO"), (2, None)}
    assert (
        pq.read_schema(tmp_path / "out" / parts(tmp_path / "out")[0]).field("y").type == pa.int64()
    )
    score(tmp_path / "in", tmp_path / "one", columns=["n", "c"])
    assert list(rows_of(tmp_path / "one")[0])[:2] == ["n", "c"]
    assert "y" not in rows_of(tmp_path / "one")[0]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"on": "embb"}, rv.ColumnError, "no column 'embb'.*did you mean 'emb'"),
        ({"on": "doc", "index": None}, rv.EmbedError, "not known what made the vectors"),
        ({"on": "n"}, rv.ColumnError, "on='n'.*neither of vectors nor of text; 'doc', 'emb'"),
        ({"on": 3}, rv.InvalidArgument, "on=3 is not the name"),
        ({"columns": "n"}, rv.InvalidArgument, r"pass a list: \['n'\]"),
        ({"columns": ["x"]}, rv.ColumnError, r"no column 'x' \(columns=\)"),
        ({"columns": ["n", "n"]}, rv.InvalidArgument, "has 'n' twice"),
        ({"columns": [3]}, rv.InvalidArgument, "not the name of a column"),
        ({"columns": 3}, rv.InvalidArgument, "not a list of names"),
        ({"k": 0}, rv.InvalidArgument, "between 1 and 100,000"),
        ({"k": 2.5}, rv.InvalidArgument, "whole number"),
        ({"memory": "1 potato"}, rv.InvalidArgument, "is not a size"),
        ({"memory": 0}, rv.InvalidArgument, "memory=0"),
        ({"batch_rows": 0}, rv.InvalidArgument, "batch_rows=0"),
        ({"threads": -1}, rv.InvalidArgument, "threads=-1"),
        ({"on_error": "ignore"}, rv.InvalidArgument, "'stop' or 'skip'"),
        ({"resume": 1}, rv.InvalidArgument, "True or False"),
        ({"where": [True]}, rv.InvalidArgument, "400 rows"),
        ({"ids_on": "n"}, rv.InvalidArgument, "right=, which is not given"),
        ({"right": 7}, rv.InvalidArgument, "pass a frame or the path"),
        ({"max_distance": 1.0}, rv.MetricError, "max_distance"),
        ({"id_column": ""}, rv.InvalidArgument, "id_column='' is not the name"),
        ({"id_column": "rank"}, rv.InvalidArgument, "'rank' names another column"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_before_anything_is_written(
    tmp_path: pathlib.Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    folder = files(tmp_path / "in", 1)
    if "index" in options:
        options = options | {"index": index()}
    with pytest.raises(error, match=text):
        score(folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_argument_that_is_called_otherwise_elsewhere_is_answered(tmp_path: pathlib.Path) -> None:
    with pytest.raises(TypeError, match="score_parquet"):
        rv.score_parquet("x", index(), output="y", on="emb")  # type: ignore[call-arg]


def test_a_column_that_scoring_adds_is_named(tmp_path: pathlib.Path) -> None:
    for name, advice in (("id", "id_column="), ("rank", "columns="), (SCORE, "score_column")):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(table(1, 5).rename_columns([name, "n", "emb"]), path)
        for on_error in ("stop", "skip"):
            with pytest.raises(rv.ColumnError, match=f"has a column '{name}'.*{advice}"):
                score(path, tmp_path / "out", on_error=on_error)
        assert not (tmp_path / "out").exists()
        score(path, tmp_path / f"out of {name}", columns=["n"])
    score(tmp_path / "id.parquet", tmp_path / "both", id_column="found")
    (first, *_) = rows_of(tmp_path / "both")
    assert list(first) == ["id", "n", "query_row", "rank", "found", SCORE]


# ---- beside the rows that are found ----


LOOKS = pd.DataFrame({"name": [f"row {i}" for i in range(len(BASE))], "n": range(len(BASE))})


def beside(kind: str, frame: pd.DataFrame, folder: pathlib.Path) -> Any:
    if kind == "path":
        frame.to_parquet(folder / "right.parquet")
        return folder / "right.parquet"
    return {
        "pandas": lambda: frame,
        "polars": lambda: pl.from_pandas(frame),
        "pyarrow": lambda: pa.Table.from_pandas(frame, preserve_index=False),
    }[kind]()


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "path"])
def test_columns_of_the_rows_that_are_found(tmp_path: pathlib.Path, kind: str) -> None:
    folder = files(tmp_path / "in", 1)
    score(folder, tmp_path / "out", right=beside(kind, LOOKS, tmp_path))
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["doc", "n", "query_row", "rank", "id", SCORE, "name", "n_right"]
    assert all(row["name"] == f"row {row['id']}" for row in rows)
    assert all(row["n_right"] == row["id"] for row in rows)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_rows_of_right_are_told_by_ids(tmp_path: pathlib.Path, kind: str) -> None:
    folder = files(tmp_path / "in", 1)
    keys = [f"key {i}" for i in range(len(BASE))]
    frame = LOOKS.assign(key=keys).sample(frac=1, random_state=3).iloc[:350]
    ix = rv.Index.build(BASE, ids=keys)
    score(folder, tmp_path / "out", index=ix, right=beside(kind, frame, tmp_path), ids_on="key")
    rows = rows_of(tmp_path / "out")
    assert list(rows[0])[-3:] == [SCORE, "name", "n_right"]
    known = set(frame["key"])
    missing = [row for row in rows if row["id"] not in known]
    assert missing
    for row in rows:
        told = f"row {row['id'].removeprefix('key ')}" if row["id"] in known else None
        assert row["name"] == told
    with pytest.raises(rv.ColumnError, match="ids_on="):
        score(folder, tmp_path / "no", index=ix, right=frame)


def test_an_index_of_a_frame_knows_its_ids_and_vectors(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    frame = LOOKS.assign(key=[f"key {i}" for i in range(len(BASE))], emb=list(BASE))
    ix = rv.build_index(frame, on="emb", ids="key")
    score(folder, tmp_path / "out", index=ix, right=frame.sample(frac=1, random_state=1))
    rows = rows_of(tmp_path / "out")
    assert list(rows[0])[-2:] == ["name", "n_right"]
    assert all(row["name"] == f"row {row['id'].removeprefix('key ')}" for row in rows)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_frame_with_the_vectors_must_have_those_of_the_index(
    tmp_path: pathlib.Path, kind: str
) -> None:
    folder = files(tmp_path / "in", 1)
    frame = LOOKS.assign(vec=list(BASE))
    ix = rv.build_index(frame, on="vec")
    score(folder, tmp_path / "out", index=ix, right=beside(kind, frame, tmp_path))
    rows = rows_of(tmp_path / "out")
    assert list(rows[0])[-2:] == ["name", "n_right"]
    assert all(row["name"] == f"row {row['id']}" for row in rows)
    score(folder, tmp_path / "two", index=ix, right=beside(kind, LOOKS, tmp_path))
    assert only_parts(tmp_path / "two") == only_parts(tmp_path / "out")
    turned = frame.iloc[::-1].reset_index(drop=True)
    with pytest.raises(rv.VectorsChanged):
        score(folder, tmp_path / "no", index=ix, right=beside(kind, turned, tmp_path))
    assert not (tmp_path / "no").exists()


def test_right_that_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in", 1)
    with pytest.raises(rv.InvalidArgument, match="the index has 400 rows, the frame has 399"):
        score(folder, tmp_path / "out", right=LOOKS.iloc[1:])
    with pytest.raises(rv.ColumnError, match="'rank'"):
        score(folder, tmp_path / "out", right=LOOKS.rename(columns={"name": "rank"}))
    with pytest.raises(rv.InvalidArgument, match="collect it"):
        score(folder, tmp_path / "out", right=pl.from_pandas(LOOKS).lazy())
    with pytest.raises(rv.FileMissing, match="nothere"):
        score(folder, tmp_path / "out", right=tmp_path / "nothere.parquet")
    with pytest.raises(rv.ColumnError, match="names of columns of files are texts"):
        score(folder, tmp_path / "out", right=LOOKS.rename(columns={"name": 7}))
    keys = [f"key {i}" for i in range(len(BASE))]
    twice = pa.table({"key": [*keys, keys[0]], "v": range(len(BASE) + 1)})
    with pytest.raises(rv.DuplicateId, match="key 0"):
        ix = rv.Index.build(BASE, ids=keys)
        score(folder, tmp_path / "out", index=ix, right=twice, ids_on="key")
    assert not (tmp_path / "out").exists()


# ---- texts ----


TEXTS = ["a cat sits", None, "dogs bark loudly", "", "the price of bread", "   ", "ships at sea"]


def test_texts_are_embedded_on_the_way(tmp_path: pathlib.Path) -> None:
    catalog = pl.DataFrame({"body": ["a dog", "a kitten", "bakery", "boats", "tax law"]})
    ix = rv.build_index(catalog, on="body")
    pq.write_table(
        pa.table({"i": range(len(TEXTS)), "t": TEXTS}), tmp_path / "a.parquet", row_group_size=3
    )
    report = rv.score_parquet(
        tmp_path, ix, out=tmp_path.with_name("texts"), on="t", k=1, batch_rows=2
    )
    rows = rows_of(tmp_path.with_name("texts"))
    best = {row["i"]: catalog["body"][row["id"]] for row in rows}
    assert best == {0: "a kitten", 2: "a dog", 4: "bakery", 6: "boats"}
    assert (report.rows_in, report.null_queries, report.rows_out) == (7, 3, 4)
    for row in rows:
        alone = ix.search(TEXTS[row["i"]], 1)
        assert (alone.ids[0], row["query_row"]) == (row["id"], row["i"])
        assert alone.scores[0] == pytest.approx(row[SCORE], abs=1e-6)


def test_a_users_embedder(tmp_path: pathlib.Path) -> None:
    def embed(texts: list[str]) -> Any:
        return [np.full(DIM, len(text)) for text in texts]

    pq.write_table(pa.table({"t": ["xx", None, "y"]}), tmp_path / "a.parquet")
    out = tmp_path.with_name("own")
    ix = index(metric="l2")
    rv.score_parquet(tmp_path, ix, out=out, on="t", k=1, embedder=embed)
    alone = [ix.search(np.full(DIM, n, "f4"), 1) for n in (2, 1)]
    assert [row["id"] for row in rows_of(out)] == [int(found.ids[0]) for found in alone]
    with pytest.raises(rv.DimensionMismatch):
        wide = lambda texts: np.ones((len(texts), DIM + 1))  # noqa: E731
        rv.score_parquet(tmp_path, ix, out=tmp_path.with_name("no"), on="t", embedder=wide)
    with pytest.raises(ZeroDivisionError):
        rv.score_parquet(
            tmp_path, ix, out=tmp_path.with_name("no"), on="t", embedder=lambda t: 1 / 0
        )
    assert not tmp_path.with_name("no").exists()


# ---- how it is told ----


def test_progress_in_rows(tmp_path: pathlib.Path) -> None:
    folder = files(tmp_path / "in")
    seen: list[tuple[int, int]] = []
    score(folder, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (180, 180)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {180}


def test_nothing_is_imported_for_it(tmp_path: pathlib.Path) -> None:
    program = (
        "import sys, ruvector as rv\n"
        "assert 'ruvector._parquet.scoring' not in sys.modules\n"
        "assert callable(rv.score_parquet)\n"
        "rv.score_parquet(sys.argv[1], sys.argv[2], out=sys.argv[3], on='emb')\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'fsspec', 'obstore', 'deltalake', 'pyiceberg'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    ix = index()
    ix.save(tmp_path / "x.rvx", vectors=True)
    folder = files(tmp_path / "in", 1)
    given = [str(folder), str(tmp_path / "x.rvx"), str(tmp_path / "out")]
    subprocess.run([sys.executable, "-c", program, *given], check=True)
    assert len(rows_of(tmp_path / "out")) == 600


def test_no_warning_without_a_reason(tmp_path: pathlib.Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(files(tmp_path / "in"), tmp_path / "out")
