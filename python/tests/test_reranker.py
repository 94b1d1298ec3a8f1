"""`search(reranker=)`: candidates put in order by what reads them, held against a plain model."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv

ROWS = 300
RNG = np.random.default_rng(99)
VECTORS = RNG.standard_normal((ROWS, 8), dtype=np.float32)
WORDS = ["red", "green", "blue", "fast", "slow", "old", "new"]
TEXTS = [" ".join(RNG.choice(WORDS, 3)) + f" {i % 17}" for i in range(ROWS)]
QUERIES = ["a red one", "slow and old"]
MAKE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": lambda columns: pd.DataFrame(
        {name: list(values) for name, values in columns.items()},
        index=[f"label {i}" for i in range(len(columns["row"]))],
    ),
    "polars": pl.DataFrame,
    "pyarrow": lambda columns: pa.table({name: list(v) for name, v in columns.items()}),
}


def embed(texts: list[str]) -> Any:
    """Make a vector of a text from its letters, the same anywhere."""
    out = np.zeros((len(texts), 8), np.float32)
    for row, text in enumerate(texts):
        for at, letter in enumerate(text.encode()):
            out[row, (at + letter) % 8] += letter % 13
    return out + 0.1


def score(query: str, text: str) -> float:
    """Return what the plain model thinks of a pair; many pairs are equal."""
    return float((len(query) * 7 + sum(map(len, text.split()[:2])) + int(text.split()[-1])) % 11)


def by_hand(query: str, texts: list[str]) -> list[float]:
    return [score(query, text) for text in texts]


def frame_of(library: str, rows: int = ROWS, texts: list[Any] | None = None) -> Any:
    told = TEXTS[:rows] if texts is None else texts
    return MAKE[library]({"row": range(rows), "body": told, "emb": VECTORS[:rows]})


def column(answer: Any, name: str) -> list[Any]:
    values = answer[name]
    return list(values.to_pylist() if hasattr(values, "to_pylist") else values)


def expected(query: str, k: int, eligible: Any, candidates: int | None = None) -> list[int]:
    """Return the rows of a plain model: cosine, the best few of it, then the scores."""
    asked = embed([query])[0]
    near = VECTORS @ asked / np.linalg.norm(VECTORS, axis=1)
    near = np.where(eligible, near, -np.inf)
    fetch = max(4 * k, 50) if candidates is None else candidates
    order = [row for row in np.argsort(-near, kind="stable")[:fetch] if eligible[row]]
    return sorted(order, key=lambda row: -score(query, TEXTS[row]))[:k]


@pytest.mark.parametrize("library", MAKE)
@pytest.mark.parametrize("k", [1, 10, 40])
def test_rows_come_in_the_order_of_a_plain_model(library: str, k: int) -> None:
    frame = frame_of(library)
    answer = rv.search(
        frame, QUERIES[0], on="emb", text="body", k=k, embedder=embed, reranker=by_hand
    )
    assert type(answer) is type(frame)
    rows = column(answer, "row")
    assert rows == expected(QUERIES[0], k, np.ones(ROWS, bool))
    scores = column(answer, "rerank_score")
    assert scores == [score(QUERIES[0], TEXTS[row]) for row in rows]
    plain = rv.search(frame, QUERIES[0], on="emb", k=ROWS, embedder=embed)
    known = dict(zip(column(plain, "row"), column(plain, "cosine_similarity"), strict=True))
    assert column(answer, "cosine_similarity") == [known[row] for row in rows]
    if library == "pandas":
        assert list(answer.index) == [f"label {row}" for row in rows]
        assert answer["rerank_score"].dtype == np.float32
    elif library == "polars":
        assert answer.schema["rerank_score"] == pl.Float32
    else:
        assert answer.schema.field("rerank_score").type == pa.float32()
    names = list(answer.columns) if library != "pyarrow" else answer.column_names
    assert names[-2:] == ["cosine_similarity", "rerank_score"]


@pytest.mark.parametrize("library", MAKE)
def test_a_batch_is_as_its_queries_alone(library: str) -> None:
    frame = frame_of(library)
    asked: dict[str, Any] = {
        "on": "emb", "text": "body", "k": 7, "embedder": embed, "reranker": by_hand,
    }  # fmt: skip
    for batch in (QUERIES, pd.Series(QUERIES), pl.Series(QUERIES), pa.array(QUERIES)):
        answer = rv.search(frame, batch, **asked)
        alone = [column(rv.search(frame, query, **asked), "row") for query in QUERIES]
        assert column(answer, "row") == [*alone[0], *alone[1]]
        assert column(answer, "query_row") == [0] * 7 + [1] * 7
        assert column(answer, "rank") == [*range(1, 8), *range(1, 8)]
        assert column(answer, "query") == [QUERIES[0]] * 7 + [QUERIES[1]] * 7


@pytest.mark.parametrize("library", MAKE)
def test_filters_thresholds_and_nulls_come_before(library: str) -> None:
    texts: list[Any] = list(TEXTS)
    texts[:40] = [None, "", "  \n"] * 13 + [None]
    eligible = np.arange(ROWS) >= 40
    where = np.arange(ROWS) % 3 > 0
    answer = rv.search(
        frame_of(library, texts=texts), QUERIES[0], on="emb", text="body", k=20, embedder=embed,
        reranker=by_hand, where=where,
    )  # fmt: skip
    assert column(answer, "row") == expected(QUERIES[0], 20, eligible & where)
    seen: list[str] = []

    def sees(query: str, texts: list[str]) -> list[float]:
        seen.extend(texts)
        return by_hand(query, texts)

    answer = rv.search(
        frame_of(library), QUERIES[0], on="emb", text="body", k=20, embedder=embed, reranker=sees,
        min_similarity=0.3,
    )  # fmt: skip
    assert min(column(answer, "cosine_similarity")) >= 0.3
    asked = embed([QUERIES[0]])[0]
    near = VECTORS @ asked / np.linalg.norm(VECTORS, axis=1) / np.linalg.norm(asked)
    assert len(seen) == min((near >= 0.3).sum(), 80)


@pytest.mark.parametrize("library", MAKE)
def test_a_text_column_that_is_searched_is_the_one_that_is_read(library: str) -> None:
    texts: list[Any] = [*TEXTS[:60], None, "  "]
    frame = frame_of(library, 62, texts=texts)
    for named in ({"text": "body"}, {"on": "body"}):
        answer = rv.search(frame, "blue", k=62, embedder=embed, reranker=by_hand, **named)
        assert sorted(column(answer, "row")) == list(range(60))
        scores = column(answer, "rerank_score")
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("library", MAKE)
def test_an_index_is_reranked_as_its_frame_is(library: str) -> None:
    frame = frame_of(library)
    index = rv.build_index(frame, "emb")
    named = rv.build_index(frame, "emb", ids="row")
    want = expected(QUERIES[0], 9, np.ones(ROWS, bool))
    for given in (index, named):
        answer = rv.search(
            frame, QUERIES[0], on="emb", text="body", k=9, index=given, embedder=embed,
            reranker=by_hand,
        )  # fmt: skip
        assert column(answer, "row") == want


class Predicts:
    """As a CrossEncoder: pairs to an array."""

    def predict(self, pairs: list[tuple[str, str]]) -> Any:
        assert all(type(pair) is tuple and len(pair) == 2 for pair in pairs)
        return np.array([score(*pair) for pair in pairs], np.float32)

    def rank(self, query: str, documents: list[str]) -> Any:
        raise AssertionError("predict is there")


class Computes:
    """As a FlagReranker: pairs to a list, and one pair to a number."""

    def compute_score(self, pairs: list[tuple[str, str]]) -> Any:
        scores = [score(*pair) for pair in pairs]
        return scores if len(scores) > 1 else scores[0]


class Ranks:
    """Best first, as records."""

    def rank(self, query: str, documents: list[str]) -> Any:
        scores = [(score(query, text), at) for at, text in enumerate(documents)]
        return [{"corpus_id": at, "score": value} for value, at in sorted(scores, reverse=True)]


class Calls:
    """A function with a state; its scores are a column, one a row."""

    def __call__(self, query: str, texts: list[str]) -> Any:
        return np.array([[score(query, text)] for text in texts])


def _series(query: str, texts: list[str]) -> Any:
    return pl.Series(by_hand(query, texts))


def _arrow(query: str, texts: list[str]) -> Any:
    return pa.array(by_hand(query, texts), pa.float64())


def _lazily(query: str, texts: list[str]) -> Any:
    return (score(query, text) for text in texts)


@pytest.mark.parametrize(
    "reranker", [Predicts(), Computes(), Ranks(), Calls(), _series, _arrow, _lazily]
)
@pytest.mark.parametrize("rows", [ROWS, 1])
def test_whatever_scores_pairs_is_taken(reranker: Any, rows: int) -> None:
    frame = frame_of("pandas", rows)
    asked: dict[str, Any] = {"on": "emb", "text": "body", "k": 12, "embedder": embed}
    want = rv.search(frame, QUERIES[0], reranker=by_hand, **asked)
    pd.testing.assert_frame_equal(rv.search(frame, QUERIES[0], reranker=reranker, **asked), want)


def test_equal_scores_keep_the_order_of_the_search() -> None:
    frame = frame_of("pandas")
    asked: dict[str, Any] = {"on": "emb", "k": 30, "embedder": embed}
    for flat in (0.0, float("-inf"), float("inf"), 1e300):
        answer = rv.search(frame, "red", reranker=lambda q, t, f=flat: [f] * len(t), **asked)
        plain = rv.search(frame, "red", **asked)
        pd.testing.assert_frame_equal(answer.drop(columns="rerank_score"), plain)


def test_the_text_column_is_the_only_one_or_named() -> None:
    frame = frame_of("pandas").assign(title="x")
    asked: dict[str, Any] = {"on": "emb", "embedder": embed, "reranker": by_hand}
    with pytest.raises(rv.ColumnError, match=r"with text= \(there are 'body', 'title'\)"):
        rv.search(frame, "red", **asked)
    with pytest.raises(rv.ColumnError, match="the frame has no column of text"):
        rv.search(frame.drop(columns=["body", "title"]), "red", **asked)
    with pytest.raises(rv.ColumnError, match="no column 'bdy'"):
        rv.search(frame, "red", text="bdy", **asked)
    with pytest.raises(rv.ColumnError, match="reranker= reads a column of text"):
        rv.search(frame, "red", text="row", **asked)
    assert len(rv.search(frame.drop(columns="title"), "red", **asked)) == 10


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda n: [1.0] * (n - 1), r"query 0 \('red'\): returned scores of shape \(49,\) for 50"),
        (lambda n: 1.0, r"shape \(\) for 50 texts"),
        (lambda n: None, "for 50 texts|cannot be read"),
        (lambda n: np.ones((n, 2)), r"shape \(50, 2\)"),
        (lambda n: [1.0] * 3 + [np.nan] + [1.0] * (n - 4), r"null or NaN\) for 1 of 50 texts"),
        (lambda n: [1.0] * 3 + [None] + [1.0] * (n - 4), r"null or NaN\) for 1 of 50 texts"),
        (lambda n: ["high"] * n, r"the scores cannot be read|not numbers"),
        (lambda n: [True] * n, "not numbers"),
        (lambda n: {"a": 1}, "query 0"),
    ],
)
def test_scores_that_are_none_are_refused(answer: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        rv.search(
            frame_of("pandas"), "red", on="emb", embedder=embed,
            reranker=lambda query, texts: answer(len(texts)),
        )  # fmt: skip
    assert "reranker=" in str(caught.value)
    if "null or NaN" in says:
        plain = rv.search(frame_of("pandas"), "red", on="emb", embedder=embed, k=4)
        assert caught.value.row == plain["row"].iloc[3]


def test_a_ranker_that_leaves_texts_out_is_refused() -> None:
    class Short(Ranks):
        def rank(self, query: str, documents: list[str]) -> Any:
            return super().rank(query, documents)[:5]

    class Odd:
        def rank(self, query: str, documents: list[str]) -> Any:
            return [{"index": 0, "relevance": 1.0}]

    asked: dict[str, Any] = {"on": "emb", "embedder": embed}
    with pytest.raises(rv.InvalidArgument, match=r"for 45 of 50 texts"):
        rv.search(frame_of("pandas"), "red", reranker=Short(), **asked)
    with pytest.raises(rv.InvalidArgument, match="'corpus_id' and 'score'"):
        rv.search(frame_of("pandas"), "red", reranker=Odd(), **asked)


@pytest.mark.parametrize("kind", [RuntimeError, TypeError, KeyError, KeyboardInterrupt])
def test_an_error_of_the_reranker_comes_out_as_it_is(kind: type[BaseException]) -> None:
    def fails(query: str, texts: list[str]) -> Any:
        raise kind("out of memory")

    with pytest.raises(kind, match="out of memory") as caught:
        rv.search(frame_of("pandas"), QUERIES, on="emb", embedder=embed, reranker=fails)
    notes = getattr(caught.value, "__notes__", [])
    if kind is not KeyboardInterrupt:
        assert "it was scoring 50 texts of column 'body'" in notes[0]


class Encodes:
    """As a SentenceTransformer: an embedder, and callable."""

    encode = staticmethod(embed)

    def __call__(self, texts: Any) -> Any:
        raise AssertionError("not what is meant")


@pytest.mark.parametrize(
    ("reranker", "says"),
    [
        (Predicts, "reranker=Predicts is a class; pass an object"),
        (Encodes(), "reranker=Encodes makes vectors of texts: pass it as embedder="),
        ("cross-encoder/ms-marco", "reranker='cross-encoder/ms-marco' scores nothing: pass a"),
        (3, "scores nothing"),
    ],
)
def test_what_scores_nothing_is_refused_before_the_search(reranker: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        rv.search(frame_of("pandas"), "red", on="emb", embedder=embed, reranker=reranker)


def test_what_does_not_go_together_is_refused() -> None:
    frame = frame_of("pandas")
    asked: dict[str, Any] = {"on": "emb", "embedder": embed, "reranker": by_hand}
    with pytest.raises(rv.InvalidArgument, match="by= and reranker="):
        rv.search(frame, "red", by="row", **asked)
    with pytest.raises(rv.InvalidArgument, match="diversity= and reranker="):
        rv.search(frame, "red", diversity=0.5, **asked)
    with pytest.raises(rv.InvalidArgument, match="the query is a vector: ask with the text"):
        rv.search(frame, VECTORS[0], **asked)
    with pytest.raises(rv.InvalidArgument, match="the query is a vector"):
        rv.search(frame, VECTORS[:3], **asked)
    with pytest.raises(rv.ColumnError, match="already has a column 'rerank_score'"):
        rv.search(frame.assign(rerank_score=1), "red", **asked)
    with pytest.raises(rv.InvalidArgument, match="both name the column"):
        rv.search(frame, "red", on="emb", text="body")
    bad = frame.assign(body=[1, *TEXTS[1:]])
    with pytest.raises((rv.EmbedError, rv.ColumnError), match="body"):
        rv.search(bad, "red", text="body", **asked)


@pytest.mark.parametrize("library", MAKE)
def test_nothing_found_is_nothing_to_read(library: str) -> None:
    def never(query: str, texts: list[str]) -> Any:
        raise AssertionError("there is nothing to score")

    frame, asked = frame_of(library), {"on": "emb", "embedder": embed, "reranker": never}
    empty: tuple[dict[str, Any], ...] = ({"k": 0}, {"where": np.zeros(ROWS, bool)})
    for more, query in itertools.product(empty, ("red", QUERIES)):
        answer: Any = rv.search(frame, query, **asked, **more)
        assert len(answer) == 0
        names = answer.column_names if library == "pyarrow" else list(answer.columns)
        assert names[-1] == "rerank_score"


def test_the_plan_says_what_reading_took() -> None:
    frame = frame_of("pandas")
    plan = rv.explain(frame, "red", on="emb", embedder=embed, reranker=by_hand)
    assert "reranker" in plan.milliseconds
    assert plan.total_milliseconds >= plan.milliseconds["reranker"] > 0
    assert plan == plan and rv.last_plan() is plan
    accessor: Any = frame.ruvector
    answer = accessor.search("red", on="emb", embedder=embed, reranker=by_hand, columns=["row"])
    assert list(answer.columns) == ["row", "cosine_similarity", "rerank_score"]
