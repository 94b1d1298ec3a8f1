"""Text in: who embeds it, what is remembered, and what is refused instead of guessed."""

from __future__ import annotations

import gc
import pickle
import threading
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

WORDS = ["zip files", "regular expressions", "network sockets", "random numbers", "dates and times"]


class Letters:
    """An embedder of 26 dimensions: how often each letter occurs. Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode(self, texts: list[str]) -> Any:
        self.asked.append(list(texts))
        return np.array([[t.count(chr(97 + i)) for i in range(26)] for t in texts], float)


def letters(texts: list[str]) -> Any:
    return Letters().encode(texts)


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


def _frames(texts: list[Any] | None = None) -> list[Any]:
    data = {"n": list(range(len(texts or WORDS))), "text": texts or WORDS}
    return [pd.DataFrame(data), pl.DataFrame(data), pa.table(data)]


def _numbers(hits: Any) -> list[int]:
    return [int(n) for n in hits["n"].to_numpy()]


def test_a_text_column_is_searched_by_text_in_every_library_and_spelling() -> None:
    for frame in _frames():
        for name in ("on", "text"):
            hits = rv.search(frame, "zip files", k=2, embedder=letters, **{name: "text"})
            assert _numbers(hits)[0] == 0
            assert float(hits["cosine_similarity"].to_numpy()[0]) == pytest.approx(1)
        batch = rv.search(frame, ["random numbers", "zip files"], k=1, text="text",
                          embedder=letters)  # fmt: skip
        assert _numbers(batch) == [3, 0]
        assert list(batch["query"].to_numpy()) == ["random numbers", "zip files"]


def test_every_embedder_of_the_users_is_taken() -> None:
    class Listing(Letters):
        def encode(self, texts: list[str]) -> Any:
            return super().encode(texts).tolist()

    class Halves(Letters):
        def encode(self, texts: list[str]) -> Any:
            return super().encode(texts).astype(np.float16)

    class Called:
        def __call__(self, texts: list[str]) -> Any:
            return letters(texts)

    spellings = [letters, Letters(), Listing(), Halves(), Called(), Letters().encode,
                 lambda texts: letters(texts), lambda texts: list(letters(texts)),
                 rv.Embedder.from_pretrained(letters)]  # fmt: skip
    for embedder in spellings:
        hits = rv.search(_frames()[0], "zip files", k=1, text="text", embedder=embedder)
        assert _numbers(hits) == [0]


def test_embedder_of_config_is_used_where_none_is_given_and_only_there() -> None:
    frame = _frames()[0]
    mine, other = Letters(), Letters()
    with rv.config(embedder=mine):
        rv.search(frame, "zip files", k=1, text="text")
        asked = len(mine.asked)
        assert asked > 0
        rv.search(frame, "zip files", k=1, text="text", embedder=other)
    assert len(mine.asked) == asked
    assert other.asked


def test_a_text_column_is_embedded_once_and_only_what_is_not_null() -> None:
    embedder = Letters()
    for frame in _frames([*WORDS, None, ""]):
        embedder.asked.clear()
        rv.cache.clear()
        for query in ("zip files", "dates"):
            hits = rv.search(frame, query, k=10, text="text", embedder=embedder)
            assert sorted(_numbers(hits)) == [0, 1, 2, 3, 4]
            assert rv.last_plan().null_rows == 2
        asked = [text for texts in embedder.asked for text in texts]
        assert asked.count("network sockets") == 1
        assert not {"", None} & set(asked)


def test_columns_of_embedders_and_of_texts_are_kept_apart() -> None:
    frame = _frames()[0]

    def backwards(texts: list[str]) -> Any:
        return letters(texts)[:, ::-1] + np.arange(26)

    first = rv.search(frame, "zip files", k=5, text="text", embedder=letters)
    second = rv.search(frame, "zip files", k=5, text="text", embedder=backwards)
    assert first["cosine_similarity"].tolist() != second["cosine_similarity"].tolist()
    frame.loc[0, "text"] = "zap fales"
    third = rv.search(frame, "zip files", k=5, text="text", embedder=letters)
    assert third["cosine_similarity"].tolist() != first["cosine_similarity"].tolist()
    again = rv.search(_frames()[0], "zip files", k=5, text="text", embedder=letters)
    assert again["cosine_similarity"].tolist() == first["cosine_similarity"].tolist()


def test_a_vector_column_is_asked_by_text_only_with_its_embedder() -> None:
    frame = _frames()[0].assign(emb=list(letters(WORDS)))
    with pytest.raises(rv.EmbedError, match="embedder="):
        frame.ruvector.search("zip files", on="emb")
    with pytest.raises(rv.EmbedError, match="embedder="):
        rv.Index.build(np.stack(frame["emb"])).search("zip files")
    hits = frame.ruvector.search("zip files", on="emb", embedder=letters, k=1)
    assert _numbers(hits) == [0]
    with pytest.raises(rv.DimensionMismatch, match=r"26.*3|3.*26"):
        frame.ruvector.search("zip", on="emb", embedder=lambda t: np.ones((len(t), 3)))


def test_text_insists_on_text_and_on_takes_either() -> None:
    frame = _frames()[0].assign(emb=list(letters(WORDS)), flag=True)
    for wrong in ("emb", "n", "flag"):
        with pytest.raises(rv.ColumnError, match=wrong):
            frame.ruvector.search("zip", text=wrong, embedder=letters)
    for wrong in ("n", "flag"):
        with pytest.raises(rv.ColumnError, match=wrong):
            frame.ruvector.search(np.ones(26), on=wrong)
    with pytest.raises(rv.ColumnError, match="nobody"):
        frame.ruvector.search("zip", text="nobody", embedder=letters)
    with pytest.raises(rv.RuVectorError, match="on"):
        frame.ruvector.search("zip", text="text", on="emb", embedder=letters)
    with pytest.raises(rv.RuVectorError, match="text"):
        _frames()[0].ruvector.search(np.ones(26))


def test_vectors_may_ask_a_text_column_when_their_dimensions_fit() -> None:
    frame = _frames()[0]
    hits = frame.ruvector.search(letters(["zip files"])[0], text="text", embedder=letters, k=1)
    assert _numbers(hits) == [0]
    with pytest.raises(rv.DimensionMismatch, match=r"26"):
        frame.ruvector.search(np.ones(5), text="text", embedder=letters)


ANSWERS = {
    "one row too few": lambda texts: np.ones((len(texts) - 1, 4)),
    "one axis": lambda texts: np.ones(len(texts)),
    "three axes": lambda texts: np.ones((len(texts), 2, 2)),
    "nothing": lambda texts: None,
    "words": lambda texts: texts,
    "no dimensions": lambda texts: np.ones((len(texts), 0)),
    "ragged": lambda texts: [[1.0] * (i + 1) for i in range(len(texts))],
    "nan": lambda texts: np.full((len(texts), 4), np.nan),
    "infinite": lambda texts: np.full((len(texts), 4), np.inf),
    "complex": lambda texts: np.full((len(texts), 4), 1j),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_embedder_that_answers_nonsense_is_a_named_error(name: str) -> None:
    for frame in _frames():
        with pytest.raises(rv.RuVectorError) as caught:
            rv.search(frame, "zip", text="text", embedder=ANSWERS[name])
        assert isinstance(caught.value, (rv.EmbedError, rv.InvalidVector)), caught.value
        assert rv.cache.info().indexes == 0
        assert rv.cache.info().texts == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_wrong_answer_of_an_embedder_is_forgotten_and_the_next_one_counts(wrong: float) -> None:
    answers: list[float] = []

    def recovers(texts: list[str]) -> np.ndarray:
        matrix = letters(texts).copy()
        if len(texts) > 1:
            answers.append(wrong if not answers else 0.0)
            matrix[0, 0] += answers[-1]
        return matrix

    frame = _frames()[0]
    with pytest.raises(rv.InvalidVector):
        frame.ruvector.search("zip files", text="text", embedder=recovers)
    want = _numbers(frame.ruvector.search("zip files", text="text", embedder=letters, k=1))
    for _ in range(2):
        got = frame.ruvector.search("zip files", text="text", embedder=recovers, k=1)
        assert _numbers(got) == want
    assert answers == [wrong, 0.0], "the right answer is kept"


@pytest.mark.parametrize("spec", [3, b"default", ["default"], object(), Letters, "no-such-model",
                                  "", 1.5, {}])  # fmt: skip
def test_what_is_no_embedder_is_refused_before_anything_is_embedded(spec: Any) -> None:
    for build in (rv.Embedder.from_pretrained, lambda e: rv.config(embedder=e)):
        with pytest.raises((rv.RuVectorError, ImportError)) as caught:
            build(spec)
            rv.search(_frames()[0], "zip", text="text", embedder=spec)
        assert len(str(caught.value)) > 20
    rv.config(embedder=None)


def test_an_error_of_the_embedder_arrives_and_leaves_nothing_behind() -> None:
    def fails(texts: list[str]) -> Any:
        raise ConnectionError("rate limit")

    frame = _frames()[0]
    with pytest.raises(ConnectionError, match="rate limit"):
        frame.ruvector.search("zip", text="text", embedder=fails)
    assert rv.cache.info().texts == 0
    assert _numbers(frame.ruvector.search("zip files", text="text", embedder=letters, k=1)) == [0]


def test_the_default_model_gives_unit_vectors_alike_alone_and_in_batches() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    texts = ["", "a", *WORDS, "漢字 و עברית", "\x00", "x" * 20_000, "😀" * 50, " \n\t "]
    together = embedder.encode(texts)
    assert together.shape == (len(texts), embedder.dim)
    assert together.dtype == np.float32
    for text, vector in zip(texts, together, strict=True):
        if not text.strip():
            assert np.isnan(vector).all()
            with pytest.raises(rv.EmbedError, match="no text"):
                embedder.encode(text)
            continue
        alone = embedder.encode(text)
        assert alone.shape == (embedder.dim,)
        assert alone.tobytes() == vector.tobytes()
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
    assert embedder.encode([]).shape == (0, embedder.dim)
    for wrong in (["a", 3], b"a", [["a"]], [b"a"]):
        with pytest.raises(rv.EmbedError):
            embedder.encode(wrong)
    with pytest.raises(rv.RuVectorError):
        rv.search(_frames()[0], "", text="text")


def test_the_default_model_is_the_same_from_every_thread_and_after_pickling() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    expected = embedder.encode(WORDS)
    again = pickle.loads(pickle.dumps(embedder))
    assert again.encode(WORDS).tobytes() == expected.tobytes()
    assert again.provenance == embedder.provenance
    assert set(embedder.provenance) == {
        "embedder", "sha256", "dim", "normalized", "query_prefix", "document_prefix", "max_tokens",
        "pooling", "resolved",
    }  # fmt: skip
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(embedder.encode(WORDS).tobytes()))
               for _ in range(6)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {expected.tobytes()}


def test_an_index_of_text_answers_text_also_after_a_file_and_refuses_another_origin(
    tmp_path: Path,
) -> None:
    frame = _frames()[0]
    index = rv.build_index(frame, on="text")
    index.save(tmp_path / "texts", vectors=True)
    for one in (index, rv.Index.load(tmp_path / "texts"), pickle.loads(pickle.dumps(index))):
        assert one.search("zip files", 1).ids.tolist() == [0]
        assert one.search(["dates and times", "zip files"], 1).ids.tolist() == [[4], [0]]
        assert _numbers(frame.ruvector.search("zip files", index=one, k=1)) == [0]
    with pytest.raises(rv.RuVectorError):
        frame.ruvector.search("zip files", index=index, embedder=letters, k=1)


class Axis:
    """An embedder under which one text in 10,100 is nearest to every query.

    Of a size that few objects have, so that its memory is soon another one's.
    """

    __slots__ = ("best", *(f"padding{i}" for i in range(50)))

    def __init__(self, best: int) -> None:
        self.best = str(best)

    def encode(self, texts: list[str]) -> Any:
        numbers = np.array([len(t) if t == "query" else int(t) for t in texts], float)
        vectors = np.random.default_rng(1).standard_normal((1, 64)) + np.zeros((len(texts), 1))
        vectors[:, 0] = np.cos(numbers)
        vectors[:, 1] = np.sin(numbers)
        for i, text in enumerate(texts):
            if text in (self.best, "query"):
                vectors[i] = np.eye(64)[2]
        return vectors


def _at(address: int, best: int) -> Axis:
    """Return an Axis, at the address of one that is gone where memory allows."""
    others = []
    for _ in range(10_000):
        axis = Axis(best)
        if id(axis) == address:
            break
        others.append(axis)
    return axis


def test_an_index_of_an_embedder_that_is_gone_is_not_taken_for_anothers() -> None:
    frame = pd.DataFrame({"text": [str(i) for i in range(10_100)]})
    embedder = Axis(0)
    with rv.config(cache_bytes=10_100 * 64 * 4):  # too small for the vectors, not for their index
        rv.search(frame, "query", k=1, text="text", embedder=embedder)
        assert (rv.cache.info().texts, rv.cache.info().indexes) == (0, 1)
        for best in (1, 2, 3):
            address = id(embedder)
            del embedder
            gc.collect()
            embedder = _at(address, best)
            hits = rv.search(frame, "query", k=1, text="text", embedder=embedder)
            assert hits.index.tolist() == [best]
            assert rv.last_plan().index == "built"


def test_a_method_is_the_same_embedder_each_time_it_is_looked_up() -> None:
    embedder, frame = Letters(), _frames()[0]
    for _ in range(3):
        rv.search(frame, "zip files", text="text", embedder=embedder.encode)
        rv.search(frame, "zip files", text="text", embedder=embedder)
    assert len([texts for texts in embedder.asked if len(texts) > 1]) == 1
    other = Letters()
    rv.search(frame, "zip files", text="text", embedder=other.encode)
    assert other.asked[0] == WORDS


def test_an_embedder_that_nobody_holds_is_let_go() -> None:
    embedder = Letters()
    watch = weakref.ref(embedder)
    rv.search(_frames()[0], "zip files", k=1, text="text", embedder=embedder)
    del embedder
    rv.cache.clear()
    gc.collect()
    assert watch() is None


def test_texts_of_pandas_strings_categories_and_arrow_are_one_column() -> None:
    base = _frames()[0]
    kinds = [object, "string", "category", pd.ArrowDtype(pa.string()), "string[pyarrow]"]
    expected = base.ruvector.search("zip files", text="text", embedder=letters, k=5)
    for kind in kinds:
        frame = base.astype({"text": kind})
        hits = frame.ruvector.search("zip files", text="text", embedder=letters, k=5)
        assert _numbers(hits) == _numbers(expected)
        assert hits["text"].dtype == frame["text"].dtype
    table = pa.table({"n": range(5), "text": pa.array(WORDS).dictionary_encode()})
    assert _numbers(rv.search(table, "zip files", text="text", embedder=letters, k=5)) == _numbers(
        expected
    )
    polars = pl.DataFrame({"n": range(5), "text": pl.Series(WORDS, dtype=pl.Categorical)})
    assert _numbers(rv.search(polars, "zip files", text="text", embedder=letters, k=5)) == _numbers(
        expected
    )


def test_a_search_of_clean_data_warns_about_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for frame in _frames():
            rv.search(frame, "zip files", text="text", embedder=letters)
            rv.describe(frame)
