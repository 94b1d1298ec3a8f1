"""Vectors of two embedders of equal dimensions are never compared unknowingly: a test a path."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ruvector as rv
from ruvector._text.provenance import Provenance

WORDS = ["red apple", "green pear", "blue plum", "old oak", "tall elm", "sour lime"]
BOTH = r"first_model.*second_model|second_model.*first_model"


def first_model(texts: list[str]) -> Any:
    return np.array([[t.count(c) + 0.01 for c in "abcdefghijklmnop"] for t in texts], "f4")


def second_model(texts: list[str]) -> Any:
    return np.ascontiguousarray(first_model(texts)[:, ::-1] * 3)


def frame_of(library: str, words: list[str] = WORDS, **more: Any) -> Any:
    data = {"key": list(range(len(words))), "body": words, **more}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library]
    return make(data)


def embedded(library: str, model: Any, words: list[str] = WORDS) -> Any:
    return rv.embed(frame_of(library, words), "body", embedder=model)


def joined(library: str, one: Any, other: Any) -> Any:
    if library == "pandas":
        return pd.concat([one, other], ignore_index=True)
    if library == "polars":
        return pl.concat([one, other])
    return pa.concat_tables([one, other])


def cells(frame: Any, name: str) -> list[Any]:
    column = frame[name]
    return list(column.to_pylist() if isinstance(frame, pa.Table) else column.to_list())


def refused(ask: Callable[[], object], *, row: int | None = None, says: str = BOTH) -> str:
    with pytest.raises(rv.EmbedError, match=says) as caught:
        ask()
    if row is not None:  # what the metadata of a table tells is of the whole column
        assert caught.value.row == row or (caught.value.row is None and "row " not in str(caught))
    assert len(str(caught.value)) < 600
    return str(caught.value)


LIBRARIES = ["pandas", "polars", "pyarrow"]


@pytest.fixture(params=LIBRARIES)
def library(request: Any) -> str:
    return str(request.param)


class Made:
    """Makes indexes of the first model, as they are built or come back from elsewhere."""

    def __init__(self, how: str, folder: Path) -> None:
        self.how, self.folder = how, folder

    def __call__(self) -> rv.Index:
        built = rv.build_index(frame_of("pandas"), text="body", ids="key", embedder=first_model)
        if self.how == "pickled":
            return pickle.loads(pickle.dumps(built))
        if self.how == "loaded":
            built.save(self.folder / "x.rvx", vectors=True)
            return rv.Index.load(self.folder / "x.rvx")
        return built


@pytest.fixture(params=["built", "loaded", "pickled"])
def made(request: Any, tmp_path: Path) -> Made:
    return Made(request.param, tmp_path)


def test_index_search_and_within(made: Made) -> None:
    index = made()
    for query in ("apple", ["apple", "oak"]):
        refused(lambda query=query: index.search(query, embedder=second_model))
        refused(lambda query=query: index.within(query, min_similarity=0, embedder=second_model))
        assert index.search(query, 1, embedder=first_model).ids.size
    wanted = index.search(first_model(["apple"])[0], 6).ids.tolist()
    assert index.search("apple", 6, embedder=first_model).ids.tolist() == wanted
    assert len(index.search(second_model(["apple"])[0], 6).ids) == 6, "vectors are the way out"


def test_index_add_and_upsert(made: Made) -> None:
    index = made()
    for verb in (index.add, index.upsert):
        refused(lambda verb=verb: verb([9], ["new"], embedder=second_model))
        refused(lambda verb=verb: verb(frame_of("pandas", ["x"]), embedder=second_model))
    assert len(index) == 6
    assert index.add([9], ["new"], embedder=first_model) == 0
    assert index.add([10], second_model(["new"])) == 0, "vectors are the way out"


def test_frames_of_vectors_that_are_added(library: str) -> None:
    built = rv.build_index(embedded(library, first_model), on="embedding", ids="key")
    more = frame_of(
        library,
        ["new", "newer"],
    )

    def renumbered(model: Any) -> Any:
        frame = rv.embed(more, "body", embedder=model)
        keys = [90, 91]
        if library == "pandas":
            return frame.assign(key=keys)
        if library == "polars":
            return frame.with_columns(key=pl.Series(keys))
        return frame.set_column(0, "key", pa.array(keys))

    says = refused(lambda: built.add(renumbered(second_model)), row=None)
    assert "ix.add(ids, vectors)" in says
    assert len(built) == 6
    assert built.add(renumbered(first_model)) == 0
    assert built.search("apple", 1).ids.tolist(), "it knows what made the column"


def test_a_frame_with_a_given_index(library: str, made: Made) -> None:
    index = made()
    frame = frame_of(library)
    for ask in (
        lambda **m: rv.search(frame, "apple", index=index, **m),
        lambda **m: rv.within(frame, "apple", index=index, min_similarity=0, **m),
        lambda **m: rv.hybrid(frame, "apple", text="body", index=index, **m),
        lambda **m: rv.similar_to(frame, 0, index=index, **m),
    ):
        refused(lambda ask=ask: ask(embedder=second_model))
        assert len(ask(embedder=first_model))
    assert len(rv.search(frame, second_model(["apple"])[0], index=index, ids_on="key"))


def test_an_embedded_column_is_asked(library: str) -> None:
    frame = embedded(library, first_model)
    for ask in (
        lambda **m: rv.search(frame, "apple", on="embedding", **m),
        lambda **m: rv.within(frame, "apple", on="embedding", min_similarity=0, **m),
        lambda **m: rv.hybrid(frame, "apple", text="body", on="embedding", **m),
    ):
        refused(lambda ask=ask: ask(embedder=second_model))
        assert len(ask(embedder=first_model)) == len(ask())
    assert len(rv.search(frame, second_model(["apple"])[0], on="embedding", k=2)) == 2


def test_settings_are_no_excuse(library: str, made: Made) -> None:
    index = made()
    frame = embedded(library, first_model)
    with rv.config(embedder=second_model):
        known = rv.search(frame, "apple", on="embedding", k=6)
        assert cells(known, "key") == cells(
            rv.search(frame, "apple", on="embedding", k=6, embedder=first_model), "key"
        ), "what is known goes before the settings"
        if index._embedder is None:
            says = refused(lambda: index.search("apple"))
            assert "rv.config(embedder=)" in says
        else:
            assert index.search("apple", 1).ids.size
    with rv.config(embedder=first_model):
        assert index.search("apple", 1).ids.size


def test_an_index_of_an_embedded_column(library: str, tmp_path: Path) -> None:
    frame = embedded(library, first_model)
    refused(lambda: rv.build_index(frame, on="embedding", embedder=second_model))
    built = rv.build_index(frame, on="embedding", ids="key")
    built.save(tmp_path / "x", vectors=True)
    loaded = rv.Index.load(tmp_path / "x")
    refused(lambda: loaded.search("apple", embedder=second_model))
    assert loaded.search("apple", 1, embedder=first_model).ids.tolist() == [0]
    assert loaded.info()["embedder"]["embedder"].endswith("first_model")
    assert "first_model" in repr(loaded)
    assert "first_model" in loaded._repr_html_()
    matrix = second_model(WORDS)
    told = rv.build_index(pd.DataFrame({"v": list(matrix)}), on="v", embedder=second_model)
    told.save(tmp_path / "y", vectors=True)
    refused(lambda: rv.Index.load(tmp_path / "y").search("apple", embedder=first_model))


def test_rows_of_two_embedders_in_one_column(library: str) -> None:
    mixed = joined(library, embedded(library, first_model), embedded(library, second_model, ["x"]))
    says = refused(lambda: rv.search(mixed, "apple", on="embedding"), row=6)
    assert "row 6" in says
    says = refused(lambda: rv.search(mixed, "apple", on="embedding", embedder=first_model), row=6)
    refused(lambda: rv.search(mixed, "apple", on="embedding", embedder=second_model), row=0)
    with rv.config(embedder=first_model):
        refused(lambda: rv.search(mixed, "apple", on="embedding"), row=6)


def test_sim_join_of_two_embedded_columns(library: str) -> None:
    left, right = embedded(library, first_model), embedded(library, second_model)
    refused(lambda: rv.sim_join(left, right, on="embedding"), row=0)
    assert len(rv.sim_join(left, embedded(library, first_model), on="embedding", k=1)) == 6
    numbers = rv.Index.build(second_model(WORDS))
    assert len(rv.sim_join(left, numbers, on="embedding", k=1)) == 6, "the way out"
    refused(lambda: rv.sim_join(left, frame_of(library), left_on="embedding", right_on="body",
                                embedder=second_model))  # fmt: skip
    refused(lambda: rv.sim_join(frame_of(library), right, left_on="body", right_on="embedding",
                                embedder=first_model))  # fmt: skip


def test_sim_join_with_an_index(library: str, made: Made) -> None:
    index = made()
    left = embedded(library, second_model)
    refused(lambda: rv.sim_join(left, index, on="embedding"), row=0)
    refused(lambda: rv.sim_join(left, frame_of(library), left_on="embedding", index=index))
    refused(lambda: rv.sim_join(frame_of(library), index, on="body", embedder=second_model))
    assert len(rv.sim_join(embedded(library, first_model), index, on="embedding", k=1)) == 6
    assert len(rv.sim_join(frame_of(library), index, on="body", k=1, embedder=first_model)) == 6


def test_columns_side_by_side() -> None:
    one = embedded("pandas", first_model)["embedding"]
    other = embedded("pandas", second_model)["embedding"]
    refused(lambda: rv.similarity(one, other))
    refused(lambda: rv.similarity(one, "apple", embedder=second_model))
    assert len(rv.similarity(one, embedded("pandas", first_model)["embedding"])) == 6


def test_similar_to_with_an_index(library: str, made: Made) -> None:
    index = made()
    frame = embedded(library, second_model)
    refused(lambda: rv.similar_to(frame, 0, on="embedding", index=index, ids_on="key"), row=0)
    fine = embedded(library, first_model)
    assert len(rv.similar_to(fine, 0, on="embedding", index=index, ids_on="key", k=2)) == 2


def test_files_that_are_scored(tmp_path: Path, made: Made) -> None:
    index = made()
    pq.write_table(pa.table({"body": WORDS}), tmp_path / "in.parquet")
    score = lambda **m: rv.score_parquet(  # noqa: E731
        tmp_path / "in.parquet", index, out=tmp_path / "out", on="body", k=1, **m
    )
    refused(lambda: score(embedder=second_model))
    assert score(embedder=first_model).rows_out == 6


def test_clusters_embed_queries_by_what_made_the_index(made: Made, tmp_path: Path) -> None:
    from ruvector._clusters.questions import VECTOR, read_questions
    from ruvector._clusters.rights import Right, right_of

    index = made()
    rights = [right_of(index, None, False)]
    if made.how == "loaded":
        rights.append(right_of(tmp_path / "x.rvx", None, False))
    for right in rights:
        refused(lambda right=right: read_questions("apple", right, second_model))
        table = read_questions("apple", right, first_model).table
        assert np.allclose(table[VECTOR].to_pylist(), first_model(["apple"]))
    plain = right_of(rv.Index.build(first_model(WORDS)), None, False)
    refused(lambda: read_questions("apple", plain, None), says="not known what made")
    assert read_questions("apple", plain, second_model).single
    assert read_questions("apple", Right("frame", "cosine"), second_model).single


def test_clusters_join_texts_by_what_made_the_index(made: Made) -> None:
    from ruvector._clusters.asking import Asked, ask_index

    index, table = made(), pa.table({"body": WORDS})
    asked = Asked("body", "body", 1, "cosine", None, 0.95, 1)
    refused(lambda: ask_index(table, index, asked._replace(embedder=second_model)))
    assert len(ask_index(table, index, asked._replace(embedder=first_model)).left) == 6


def test_what_is_not_known_is_not_refused(library: str, tmp_path: Path) -> None:
    matrix = np.random.default_rng(5).standard_normal((6, 16)).astype("f4")
    plain = rv.Index.build(matrix)
    assert plain.search("apple", 1, embedder=second_model).ids.size
    frame = frame_of(library, v=list(matrix))
    assert len(rv.search(frame, "apple", on="v", embedder=second_model))
    assert plain.info()["embedder"] is None


def test_the_default_is_found_again(library: str, tmp_path: Path) -> None:
    built = rv.build_index(frame_of(library), text="body", ids="key")
    built.save(tmp_path / "x", vectors=True)
    loaded = rv.Index.load(tmp_path / "x")
    assert loaded.search("an apple", 1).ids.tolist() == [0]
    assert loaded.info()["embedder"] == rv.Embedder.from_pretrained().made().to_dict()
    refused(lambda: loaded.search("x", embedder=first_model), says="wordllama.*first_model")


def test_an_embedder_that_cannot_be_found_again_is_named(made: Made) -> None:
    index = made()
    if index._embedder is None:
        says = refused(lambda: index.search("apple"), says=r"first_model.*embedder=")
        assert "cannot be loaded by name" in says


MINE = Provenance("a/model", "0" * 64, 16, True, "query: ", "passage: ", 256, "mean")


def test_which_fields_make_vectors_others() -> None:
    assert MINE.differs(MINE) == []
    for name, value in {
        "sha256": "1" * 64, "dim": 8, "normalized": False, "query_prefix": "", "pooling": "cls",
        "document_prefix": "",
    }.items():  # fmt: skip
        other = MINE._replace(**{name: value})
        assert MINE.differs(other) == other.differs(MINE) == [name]
        assert MINE.differs(MINE._replace(**{name: None})) == [], "not known"
    assert MINE.differs(MINE._replace(max_tokens=512)) == [], "it cuts texts, no more"
    assert MINE.differs(MINE._replace(embedder="b")) == [], "weights tell, names do not"
    unknown = MINE._replace(sha256=None)
    assert unknown.differs(MINE._replace(embedder="b")) == ["embedder"]


def test_json_of_any_age_is_read() -> None:
    assert Provenance.from_json(MINE.to_json()) == MINE
    assert Provenance.from_json('{"embedder": "a", "new": [1], "column": {"x": 1}}') == Provenance(
        "a"
    )
    old = {"embedder": "a", "dim": 3, "normalized": True, "sha256": None}
    assert Provenance.from_dict(old) == Provenance("a", None, 3, True)
    assert Provenance.from_json("by hand") == Provenance("by hand")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256", "G" * 64), ("sha256", "0" * 63), ("sha256", ["0"]), ("dim", 0), ("dim", True),
        ("dim", 1 << 30), ("dim", "3"), ("normalized", 1), ("query_prefix", 5), ("max_tokens", 0),
        ("query_prefix", "x" * 5000), ("document_prefix", {}), ("pooling", []), ("dim", 3.0),
        ("embedder", "x" * 5000),
    ],
)  # fmt: skip
def test_fields_that_cannot_be_are_named(name: str, value: object) -> None:
    with pytest.raises(rv.EmbedError, match=name) as caught:
        Provenance.from_dict({"embedder": "a", name: value})
    assert len(str(caught.value)) < 400
