"""What `hybrid` promises, on all three libraries and against a plain model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._native.words import WORDS_VERSION, build_words, words_info

TEXTS = [
    "error E1017 on start of the motor", "the engine will not run", None, "refund took weeks",
    "my money came back late", "", "E1017 E1017 again", "cats sleep all day", "--- !!!",
    "the refund of the engine was late",
]  # fmt: skip
FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
every_library = pytest.mark.parametrize("library", FRAMES)


def letters(texts: list[str]) -> np.ndarray:
    """Embed texts as how often they have some letters."""
    return np.array([[t.lower().count(c) + 0.25 for c in "aeiostnr"] for t in texts], np.float32)


def frame(library: str, texts: Any = TEXTS, **columns: Any) -> Any:
    return FRAMES[library]({"body": texts, "n": list(range(len(texts))), **columns})


def lists(answer: Any, name: str) -> list[Any]:
    """Return a column as a list, null being None."""
    if isinstance(answer, pd.DataFrame):
        missing = answer[name].isna()
        return [None if gone else value for value, gone in zip(answer[name], missing, strict=True)]
    return answer[name].to_list() if isinstance(answer, pl.DataFrame) else answer[name].to_pylist()


def names(answer: Any) -> list[str]:
    return list(answer.column_names if isinstance(answer, pa.Table) else answer.columns)


def ask(data: Any, query: Any = "E1017 engine", **named: Any) -> Any:
    return rv.hybrid(data, query, **{"text": "body", "embedder": letters, **named})


@every_library
def test_the_answer_has_the_frames_columns_and_three_scores(library):
    data = frame(library)
    answer = ask(data, k=3)
    assert type(answer) is type(data)
    scores = ["bm25_score", "cosine_similarity", "fused_score"]
    assert names(answer) == ["body", "n", *scores]
    assert len(lists(answer, "n")) == 3
    batch = ask(data, ["E1017 engine", "late refund"], k=2, columns=["n"])
    assert names(batch) == ["n", "query_row", "query", "rank", *scores]
    assert lists(batch, "query_row") == [0, 0, 1, 1]
    assert lists(batch, "query") == ["E1017 engine"] * 2 + ["late refund"] * 2
    assert lists(batch, "rank") == [1, 2] * 2
    assert lists(batch, "n")[:2] == lists(ask(data, k=2), "n")
    if library == "polars":
        assert [answer.schema[name] for name in scores] == [pl.Float32] * 3
    elif library == "pandas":
        assert [str(answer[name].dtype) for name in scores] == ["float32"] * 3
        assert list(answer.index) == lists(answer, "n"), "labels stay with their rows"
    else:
        assert [answer.schema.field(name).type for name in scores] == [pa.float32()] * 3


@every_library
def test_a_score_that_a_row_has_not_is_null(library):
    vectors: list[Any] = list(letters([text or "" for text in TEXTS]))
    vectors = vectors if library == "pandas" else [row.tolist() for row in vectors]
    vectors[0] = None  # a text without a vector; row 2 is a vector without a text
    data = frame(library, v=vectors)
    answer = ask(data, k=10, on="v")
    rows = dict(zip(lists(answer, "n"), range(10), strict=True))
    words, likeness = lists(answer, "bm25_score"), lists(answer, "cosine_similarity")
    assert sorted(rows) == list(range(10))
    has = [row for row in range(10) if words[rows[row]] is not None]
    assert has == [0, 1, 6, 9], "those with a word of the query"
    assert [row for row in range(10) if likeness[rows[row]] is None] == [0]
    fused = lists(answer, "fused_score")
    assert all(value is not None for value in fused) and fused == sorted(fused, reverse=True)


@every_library
def test_words_alone_answer_where_nothing_has_a_vector(library):
    data = frame(library, v=pa.nulls(10, pa.list_(pa.float32())) if library == "pyarrow" else
                 pl.Series([None] * 10, dtype=pl.Array(pl.Float32, 8)) if library == "polars" else
                 [None] * 10)  # fmt: skip
    answer = ask(data, on="v", k=10)
    assert lists(answer, "n") == [6, 1, 9, 0] or set(lists(answer, "n")) == {0, 1, 6, 9}
    assert lists(answer, "cosine_similarity") == [None] * 4
    assert lists(answer, "fused_score") == pytest.approx([1 / 61, 1 / 62, 1 / 63, 1 / 64])


@every_library
def test_vectors_alone_answer_where_no_row_has_a_word(library):
    data = frame(library)
    answer, plain = ask(data, "zebra", k=4), rv.search(data, "zebra", text="body", k=4,
                                                       embedder=letters)  # fmt: skip
    assert lists(answer, "n") == lists(plain, "n")
    assert lists(answer, "bm25_score") == [None] * 4
    assert lists(answer, "cosine_similarity") == lists(plain, "cosine_similarity")


@every_library
def test_where_holds_for_both_sides_and_k_means_k(library):
    data = frame(library)
    allowed = np.array([row not in (6, 1) for row in range(10)])
    answer = ask(data, k=10, where=allowed)
    assert set(lists(answer, "n")) == {0, 3, 4, 7, 8, 9}, "texts that are allowed and have a vector"
    assert ask(data, k=0) is not None and lists(ask(data, k=0), "n") == []
    assert lists(ask(data, k=3, where=np.zeros(10, bool)), "n") == []
    full = ask(data, k=10)
    score = dict(zip(lists(full, "n"), lists(full, "bm25_score"), strict=True))
    for row, value in zip(lists(answer, "n"), lists(answer, "bm25_score"), strict=True):
        assert value == score[row], "how rare a word is does not depend on where="


@every_library
def test_frames_without_rows_or_texts(library):
    string = {"pandas": lambda n: pd.Series([None] * n, dtype="str"),
              "polars": lambda n: pl.Series([None] * n, dtype=pl.String),
              "pyarrow": lambda n: pa.nulls(n, pa.string())}[library]  # fmt: skip
    for height in (0, 3):
        for query in ("a", ["a", "b"], []):
            data = FRAMES[library]({"body": string(height)})
            answer = ask(data, query, k=2)
            assert lists(answer, "fused_score") == []
            batch = [] if query == "a" else ["query_row", "query", "rank"]
            assert names(answer) == ["body", *batch, "bm25_score", "cosine_similarity",
                                     "fused_score"]  # fmt: skip


def test_a_lazy_frame_is_searched_as_part_of_its_plan():
    data = frame("polars")
    lazy = data.lazy().ruvector.hybrid("E1017 engine", text="body", k=3, embedder=letters)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect_schema() == ask(data, k=3).schema
    assert lazy.collect().equals(ask(data, k=3))


def test_the_accessor_forwards():
    for library in ("pandas", "polars"):
        data = frame(library)
        forwarded = data.ruvector.hybrid("E1017 engine", text="body", k=2, embedder=letters)
        assert lists(forwarded, "n") == lists(ask(data, k=2), "n")


def test_a_column_of_every_layout_has_the_same_words():
    layouts = [
        pl.Series(TEXTS, dtype=pl.Categorical), pl.Series(TEXTS, dtype=pl.String),
        pd.Series(TEXTS, dtype="category"), pd.Series(TEXTS, dtype=object),
        pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())), pd.Series(TEXTS, dtype="str"),
        pa.array(TEXTS).dictionary_encode(), pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
    ]  # fmt: skip
    want = lists(ask(frame("pandas"), k=10), "fused_score")
    for column in layouts:
        kind = {"polars": pl.DataFrame, "pandas": pd.DataFrame, "pyarrow": pa.table}
        data = kind[type(column).__module__.split(".")[0]]({"body": column})
        assert lists(ask(data, k=10), "fused_score") == want, str(getattr(column, "dtype", column))


def test_vectors_that_embed_made_are_used_and_others_are_not():
    data = rv.embed(frame("polars"), "body", into="v", embedder=letters)
    made: list[str] = []

    def counted(texts):
        made.extend(texts)
        return letters(texts)

    assert rv.hybrid(data, "late engine", text="body", k=2).columns == ["body", "n", "v",
        "bm25_score", "cosine_similarity", "fused_score"]  # fmt: skip
    ask(data.drop("v"), "late engine", embedder=counted)
    assert len(made) == 1 + sum(1 for text in TEXTS if text), "the texts and the query"
    foreign = frame("polars", v=pl.Series(np.ones((10, 3), "f4")))
    made.clear()
    ask(foreign, "late engine", embedder=counted)  # not v, of which nobody knows what made it
    assert made == ["late engine"], "embedded before: the texts are cached"
    with pytest.raises(rv.EmbedError, match="not known what made the vectors of 'v'"):
        rv.hybrid(foreign, "late", text="body", on="v")


def test_a_given_index_is_the_side_of_the_vectors():
    data = frame("pandas", id=[f"t{row}" for row in range(10)])
    index = data.ruvector.build_index(text="body", embedder=letters, ids="id")
    shuffled = data.sample(frac=1, random_state=3)
    want, got = ask(shuffled, k=6), ask(shuffled, k=6, index=index)
    assert got["n"].tolist() == want["n"].tolist()
    pd.testing.assert_frame_equal(got, want)
    assert "index given" in repr(rv.last_plan())
    with pytest.raises(rv.VectorsChanged):
        ask(data.iloc[::-1], index=data.ruvector.build_index(text="body", embedder=letters))


@every_library
def test_the_score_of_the_vectors_is_called_as_the_settings_say(library):
    with rv.config(score_column="likeness"):
        answer = ask(frame(library), k=2, metric="l2")
    assert names(answer) == ["body", "n", "bm25_score", "likeness", "fused_score"]
    for taken in ("bm25_score", "fused_score", "rerank_score", "kept_row", "dropped_row"):
        with pytest.raises(rv.InvalidArgument, match=f"score_column='{taken}' is what answers"):
            rv.config(score_column=taken)


def test_the_index_of_words_is_cached_by_content():
    rv.cache.clear()
    ask(frame("pandas"))
    assert rv.cache.info().indexes == 1 and rv.cache.info().bytes > 0
    ask(frame("polars"))
    stages = rv.last_plan().milliseconds
    assert {"words", "fuse", "score"} <= set(stages)
    assert not {"read words", "build words"} & set(stages), "read once, for both sides"
    changed = [*TEXTS[:-1], "other words"]
    ask(frame("pandas", changed))
    assert "build words" in rv.last_plan().milliseconds
    assert rv.cache.info().indexes == 2
    assert words_info(build_words(["a"]))["version"] == WORDS_VERSION
    with rv.config(cache_bytes=0):
        ask(frame("pandas"))
        assert rv.cache.info().indexes == 0


@every_library
def test_what_cannot_be_asked_names_the_way_out(library):
    rows = np.eye(10, 4, dtype="f4")
    data = frame(library, v=list(rows) if library == "pandas" else rows.tolist())
    for named, kind, said in [
        ({"query": np.ones(8)}, rv.InvalidArgument, "the query is ndarray, not text"),
        ({"query": [1.0, 2.0]}, rv.InvalidArgument, "not text"),
        ({"query": ""}, rv.EmbedError, "no text to search for"),
        ({"query": ["a", " "]}, rv.EmbedError, "query 1"),
        ({"query": ["a", None]}, rv.InvalidVector, "row 1 is null, not text"),
        ({"text": "n"}, rv.ColumnError, "'n' is a column of [Ii]nt64, not of text"),
        ({"text": "v"}, rv.ColumnError, "not of text"),
        ({"text": "boddy"}, rv.ColumnError, "no column 'boddy'"),
        ({"text": ["body"]}, rv.InvalidArgument, "names no column"),
        ({"k": -1}, rv.InvalidArgument, "k=-1"),
        ({"metric": "hamming"}, rv.MetricError, "compares bits"),
        ({"on": "v"}, rv.DimensionMismatch, "8 dimensions"),
        ({"k": 2**40}, rv.LimitExceeded, "ask for fewer"),
        ({"columns": ["nothing"]}, rv.ColumnError, "nothing"),
    ]:
        with pytest.raises(kind, match=said):
            ask(data, **{"query": "late", **named})
    clash = frame(library, bm25_score=list(range(10)))
    with pytest.raises(rv.ColumnError, match="already has a column 'bm25_score'"):
        ask(clash)
    assert len(lists(ask(clash, columns=["body"]), "body")) == 8
    odd = pd.DataFrame({"body": ["a", 5]})
    with pytest.raises((rv.EmbedError, rv.ColumnError)):
        ask(odd)


def terms(text: Any) -> list[str]:
    return (text or "").lower().split()


def bm25(texts: list[Any], query: str) -> np.ndarray:
    """Score texts by the formula of the documents; 0 for those without a term of the query."""
    cut = [terms(text) for text in texts]
    n, tokens = sum(map(bool, cut)), sum(map(len, cut))
    scores = np.zeros(len(texts))
    for term, times in sorted(Counter(terms(query)).items()):
        df = sum(term in words for words in cut)
        weight = times * math.log1p((n - df + 0.5) / (df + 0.5))
        for row, words in enumerate(cut):
            tf = words.count(term)
            if tf:
                scores[row] += weight * tf / (tf + 0.3 + 0.9 * n / tokens * len(words))
    return scores


def model(texts: Any, vectors: Any, query: str, at: np.ndarray, k: int, allowed: Any) -> list[Any]:
    """Return (row, fused score) of the answer, worked out without any index."""
    words = bm25(texts, query)
    far = [math.inf if v is None else float(((np.array(v) - at) ** 2).sum()) for v in vectors]
    rows = [row for row in range(len(texts)) if allowed[row]]
    depth = max(k, 5)
    sides = [
        sorted((r for r in rows if far[r] < math.inf), key=lambda r: (far[r], r)),
        sorted((r for r in rows if words[r] > 0), key=lambda r: (-words[r], r)),
    ]
    worth: Counter[int] = Counter()
    for side in sides:
        for rank, row in enumerate(side[:depth], 1):
            worth[row] += 1 / (60 + rank)
    best = sorted(worth, key=lambda r: (-worth[r], r))[:k]
    return [(r, worth[r], words[r] or None, far[r] if far[r] < math.inf else None) for r in best]


WORDS = st.lists(st.sampled_from(["aa", "b", "cc", "d", "é"]), max_size=5).map(" ".join)
ROWS = st.tuples(st.none() | WORDS, st.none() | st.tuples(*[st.integers(-2, 2)] * 2), st.booleans())


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, max_size=25), st.lists(WORDS.filter(bool), max_size=3), st.integers(0, 9),
       st.sampled_from(sorted(FRAMES)), st.booleans())  # fmt: skip
def test_answers_are_those_of_the_model(rows, queries, k, library, filtered):
    texts, vectors, allowed = ([row[i] for row in rows] for i in range(3))
    points = {query: np.array([len(query) % 3 - 1, query.count("c")]) for query in queries}
    columns = {
        "pandas": lambda: pd.DataFrame({"body": pd.Series(texts, dtype="str"),
                                        "v": pd.Series(vectors, dtype=object)}),
        "polars": lambda: pl.DataFrame({"body": pl.Series(texts, dtype=pl.String),
                                        "v": pl.Series(vectors, dtype=pl.Array(pl.Float32, 2))}),
        "pyarrow": lambda: pa.table({"body": pa.array(texts, pa.string()),
                                     "v": pa.array(vectors, pa.list_(pa.float32(), 2))}),
    }  # fmt: skip
    data = columns[library]()
    where = np.array(allowed, bool) if filtered else None
    answer = rv.hybrid(
        data, queries, text="body", on="v", k=k, metric="sqeuclidean", where=where,
        embedder=lambda texts: np.array([points[text] for text in texts], np.float32),
    )  # fmt: skip
    want = [
        (query, *row)
        for query, text in enumerate(queries)
        for row in model(texts, vectors, text, points[text], k,
                         allowed if filtered else [True] * len(texts))
    ]  # fmt: skip
    assert lists(answer, "query_row") == [w[0] for w in want]
    assert lists(answer, "body") == [texts[w[1]] for w in want]
    for name, i in (("fused_score", 2), ("bm25_score", 3), ("sqeuclidean_distance", 4)):
        got = lists(answer, name)
        assert [g is None for g in got] == [w[i] is None for w in want]
        assert [g for g in got if g is not None] == pytest.approx(
            [w[i] for w in want if w[i] is not None], rel=1e-5
        )
