"""`sim_join` with an index that was given, and with text on either side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from test_sim_join import FRAMES, LEFT, RIGHT, every_library, frame, lists, names, nearest

import ruvector as rv

BEST = [nearest(query, 2) for query in LEFT]
IDS: dict[str, Any] = {
    "positions": None,
    "int64": np.arange(40) * 7 - 100,
    "uint64": np.arange(40, dtype=np.uint64) + np.uint64(2**63),
    "texts": [f"row {i}" for i in range(40)],
}
TYPES = {
    "positions": ("int64", pl.Int64, pa.int64()), "int64": ("int64", pl.Int64, pa.int64()),
    "uint64": ("uint64", pl.UInt64, pa.uint64()),
    "texts": (str(pd.Series(["a"]).dtype), pl.String, pa.string()),
}  # fmt: skip


@every_library
@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("kind", IDS)
def test_an_index_gives_its_ids(library: str, kind: str, how: Any) -> None:
    index = rv.Index.build(RIGHT, ids=IDS[kind])
    rows: list[Any] = list(LEFT)
    rows[1] = None
    joined = rv.sim_join(frame(library, rows, id=list(range(6))), index, k=2, how=how)
    assert names(joined) == ["v", "id", "id_right", "rank", "cosine_similarity"]
    ids = IDS["positions" if kind == "positions" else kind]
    ids = list(range(40)) if ids is None else list(ids)
    wanted = [[ids[row] for row in best] for best in BEST]
    wanted[1] = [None] if how == "left" else []
    assert lists(joined, "id_right") == [name for found in wanted for name in found]
    position = list(FRAMES).index(library)
    if library == "pandas":
        held: Any = str(joined["id_right"].dtype)
    else:
        held = joined.select(["id_right"]).schema
        held = held["id_right"] if library == "polars" else held.types[0]
    nullable = library == "pandas" and how == "left"
    kinds = {"int64": "Int64", "uint64": "UInt64"} if nullable else {}
    assert held == kinds.get(TYPES[kind][position], TYPES[kind][position])
    joined = rv.sim_join(frame(library, LEFT), index)
    assert names(joined) == ["v", "id", "rank", "cosine_similarity"]


@pytest.mark.parametrize("kind", IDS)
def test_an_index_takes_a_mask_of_its_rows(kind: str) -> None:
    index, mask = rv.Index.build(RIGHT, ids=IDS[kind]), np.arange(40) % 2 == 0
    joined = rv.sim_join(frame("polars", LEFT), index, where_right=mask)
    ids = list(range(40)) if IDS[kind] is None else list(IDS[kind])
    assert joined["id"].to_list() == [ids[nearest(query, 1, mask)[0]] for query in LEFT]
    with pytest.raises(rv.InvalidArgument, match="names a column, and an Index has none"):
        rv.sim_join(frame("polars", LEFT), index, right_on="v")
    with pytest.raises(rv.InvalidArgument, match="ids_on='v' names a column, and an Index"):
        rv.sim_join(frame("polars", LEFT), index, ids_on="v")


def test_an_index_that_was_changed_still_answers() -> None:
    index = rv.Index.build(RIGHT, ids=IDS["int64"])
    index.delete([int(IDS["int64"][BEST[0][0]])])
    index.add([9999], LEFT[1:2])
    joined = rv.sim_join(frame("pandas", LEFT[:1]), index, k=2)
    assert IDS["int64"][BEST[0][0]] not in joined["id"].tolist()
    assert rv.sim_join(frame("pandas", LEFT[1:2]), index)["id"].tolist() == [9999]
    with pytest.raises(rv.InvalidArgument, match="where="):
        rv.sim_join(frame("pandas", LEFT), index, where_right=np.ones(40, bool))


@every_library
@pytest.mark.parametrize("kind", IDS)
def test_an_index_of_the_right_frame(library: str, kind: str) -> None:
    columns: dict[str, Any] = {"m": list(range(40))}
    if IDS[kind] is not None:
        columns["key"] = IDS[kind]
    right = frame(library, RIGHT, **columns)
    index = rv.build_index(right, ids=None if IDS[kind] is None else "key")
    left = frame(library, LEFT, n=list(range(6)))
    joined = rv.sim_join(left, right, index=index, k=2)
    assert lists(joined, "m") == [row for best in BEST for row in best]
    plan = rv.last_plan()
    assert plan is not None and plan.index == "given"
    mask = np.arange(40) % 2 == 0
    joined = rv.sim_join(left, right, index=index, where_right=mask)
    assert lists(joined, "m") == [nearest(query, 1, mask)[0] for query in LEFT]
    assert names(joined)[2:4] == ["v_right", "m"]


@every_library
def test_an_index_of_other_content_is_refused(library: str) -> None:
    index = rv.Index.build(RIGHT)
    with pytest.raises(rv.VectorsChanged, match="row 0"):
        rv.sim_join(frame(library, LEFT), frame(library, RIGHT[::-1]), index=index)
    with pytest.raises(rv.InvalidArgument, match="40 rows, the frame has 39"):
        rv.sim_join(frame(library, LEFT), frame(library, RIGHT[1:]), index=index)
    with pytest.raises(rv.MetricError, match="index= was built for 'cosine'"):
        rv.sim_join(frame(library, LEFT), index, metric="l2")


def test_an_index_that_was_saved_and_loaded(tmp_path: Path) -> None:
    right = frame("pandas", RIGHT, key=IDS["texts"])
    rv.build_index(right, ids="key").save(tmp_path / "a.rv", vectors=True)
    loaded = rv.Index.load(tmp_path / "a.rv")
    left = frame("pandas", LEFT)
    joined = rv.sim_join(left, right.sample(frac=1, random_state=1), index=loaded)
    assert joined["key"].tolist() == [f"row {best[0]}" for best in BEST]


# ---- text ----

TEXTS = ["refund took weeks", "the parcel was broken", "cannot log in", None, ""]
HELP = ["reset your password to log in", "broken parcels", "refunds take two weeks"]
WANTED = [2, 1, 0]


class Letters:
    """An embedder that counts letters, and the texts that it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, texts: list[str]) -> Any:
        self.seen += texts
        return np.array([[t.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts], "f4")


def texts(library: str, name: str, values: list[Any], **columns: Any) -> Any:
    return FRAMES[library]({name: values, **columns})


def _cosines(rows: Any, query: Any) -> Any:
    return rows @ query / np.linalg.norm(rows, axis=1)


@every_library
def test_text_on_both_sides_is_embedded_once(library: str) -> None:
    rv.cache.clear()
    letters = Letters()
    left = texts(library, "ask", TEXTS, n=[0, 1, 2, 3, 4])
    right = texts(library, "help", HELP, m=[0, 1, 2])
    for _ in range(2):
        joined = rv.sim_join(
            left, right, left_on="ask", right_on="help", embedder=letters, how="left"
        )
        assert lists(joined, "m") == [*WANTED, None, None]  # null and empty texts match nothing
    assert sorted(letters.seen) == sorted([*TEXTS[:3], *HELP])
    assert names(joined) == ["ask", "n", "help", "m", "rank", "cosine_similarity"]


@every_library
def test_one_side_text_and_one_side_vectors(library: str) -> None:
    letters = Letters()
    made = letters(HELP)
    column: Any = pd.Series(list(made)) if library == "pandas" else made.tolist()
    vectors = FRAMES[library]({"v": column, "m": [0, 1, 2]})
    asks = texts(library, "ask", TEXTS[:3], n=[0, 1, 2])
    joined = rv.sim_join(asks, vectors, left_on="ask", embedder=letters)
    assert lists(joined, "m") == WANTED
    joined = rv.sim_join(vectors, asks, right_on="ask", embedder=letters)
    wanted = [int(np.argmax(_cosines(letters(TEXTS[:3]), row))) for row in made]
    assert lists(joined, "n") == wanted
    with pytest.raises(rv.EmbedError, match=r"made the vectors of 'v'.*embedder="):
        rv.sim_join(asks, vectors, left_on="ask")
    with pytest.raises(rv.EmbedError, match=r"left column 'v' holds vectors and it is not.*'ask'"):
        rv.sim_join(vectors, asks, right_on="ask")
    with pytest.raises(rv.EmbedError, match=r"left column 'ask' is text.*of the index.*embedder="):
        rv.sim_join(asks, rv.Index.build(made), left_on="ask")
    joined = rv.sim_join(asks, rv.Index.build(made), left_on="ask", embedder=letters)
    assert lists(joined, "id") == WANTED
    with rv.config(embedder=letters):
        assert lists(rv.sim_join(vectors, asks, right_on="ask"), "n") == wanted


@every_library
def test_columns_that_embed_made_remember_what_made_them(library: str) -> None:
    letters = Letters()
    asks, helps = texts(library, "ask", TEXTS[:3]), texts(library, "help", HELP, m=[0, 1, 2])
    made = rv.embed(helps, "help", embedder=letters)
    assert lists(rv.sim_join(asks, made, left_on="ask", right_on="embedding"), "m") == WANTED
    index = rv.build_index(helps, on="help", embedder=letters)
    assert lists(rv.sim_join(asks, index, left_on="ask"), "id") == WANTED
    joined = rv.sim_join(asks, helps, left_on="ask", right_on="help", index=index)
    assert lists(joined, "m") == WANTED


@every_library
def test_texts_that_cannot_be_embedded_name_their_side(library: str) -> None:
    def broken(texts: list[str]) -> Any:
        raise RuntimeError("no network")

    asks, helps = texts(library, "ask", TEXTS[:3]), texts(library, "help", HELP)
    with pytest.raises(rv.InvalidVector, match=r"left column 'ask': row 0"):
        rv.sim_join(texts(library, "ask", ["[1, 2]"]), helps, left_on="ask", right_on="help")
    with pytest.raises(rv.InvalidVector, match=r"right column 'help': row 0"):
        rv.sim_join(asks, texts(library, "help", ["[1, 2]"]), left_on="ask", right_on="help")
    with pytest.raises(Exception, match="no network"):
        rv.sim_join(asks, helps, left_on="ask", right_on="help", embedder=broken)
