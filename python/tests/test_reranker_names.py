"""`reranker="exact"`, `"mmr"` and `"rrf"`: what has a name, held against what is there already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from test_reranker import MAKE, QUERIES, ROWS, TEXTS, VECTORS, by_hand, column, embed, frame_of

import ruvector as rv

every_library = pytest.mark.parametrize("library", MAKE)
ASKED: dict[str, Any] = {"on": "emb", "embedder": embed}


@every_library
@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
def test_exact_is_the_order_of_an_exact_search(library: str, metric: str) -> None:
    frame = frame_of(library)
    plain = rv.search(frame, VECTORS[:3], on="emb", k=7, metric=metric)
    answer = rv.search(frame, VECTORS[:3], on="emb", k=7, metric=metric, reranker="exact")
    assert column(answer, "row") == column(plain, "row")
    name = {"cosine": "cosine_similarity", "l2": "l2_distance", "dot": "dot_product"}[metric]
    sign = -1 if metric == "l2" else 1
    assert column(answer, "rerank_score") == [sign * s for s in column(plain, name)]
    assert column(answer, "rank") == column(plain, "rank")


@every_library
@pytest.mark.parametrize("ids", [None, "row"])
def test_exact_scores_the_frames_vectors_where_the_index_has_codes_alone(
    library: str, ids: Any
) -> None:
    frame = frame_of(library)
    index = rv.build_index(frame, "emb", ids=ids, kind="flat", bits=1, keep="none")
    exact = rv.search(frame, QUERIES, k=8, **ASKED)
    asked: dict[str, Any] = {**ASKED, "index": index, "recall": 0.5}
    coarse = rv.search(frame, QUERIES, k=8, **asked)
    answer = rv.search(frame, QUERIES, k=8, reranker="exact", **asked)

    def hits(found: Any) -> int:
        return len(set(_pairs(found)) & set(_pairs(exact)))

    assert hits(answer) > hits(coarse), "codes of one bit miss some of the best"
    known = dict(zip(_pairs(exact), column(exact, "cosine_similarity"), strict=True))
    for pair, score in zip(_pairs(answer), column(answer, "rerank_score"), strict=True):
        assert pair not in known or score == pytest.approx(known[pair], abs=1e-6)
    assert rv.last_plan() is not None


def _pairs(answer: Any) -> list[tuple[int, int]]:
    return list(zip(column(answer, "query_row"), column(answer, "row"), strict=True))


def test_exact_without_any_vectors_says_so() -> None:
    frame = frame_of("pandas")
    index = rv.build_index(frame, "emb", ids="row", kind="flat", keep="none")
    with pytest.raises(rv.ColumnError, match="index= kept none"):
        rv.search(frame.drop(columns="emb"), VECTORS[0], index=index, reranker="exact")


@every_library
@pytest.mark.parametrize("diversity", [None, 0.2, 0.9])
def test_mmr_is_what_diversity_is(library: str, diversity: float | None) -> None:
    frame = frame_of(library)
    named = {} if diversity is None else {"diversity": diversity}
    for query in (QUERIES[0], QUERIES):
        want = rv.search(frame, query, k=9, diversity=diversity or 0.5, **ASKED)
        answer = rv.search(frame, query, k=9, reranker="mmr", **named, **ASKED)
        assert column(answer, "row") == column(want, "row")
        assert column(answer, "cosine_similarity") == column(want, "cosine_similarity")
        ranks = np.tile(np.arange(1, 10), len(column(answer, "row")) // 9)
        assert column(answer, "rerank_score") == (1 / ranks).astype(np.float32).tolist()


@every_library
def test_rrf_fuses_the_ranks_of_vectors_and_words(library: str) -> None:
    frame = frame_of(library, 40)
    query = "red new 3"
    by_vectors = column(rv.search(frame, query, k=40, **ASKED), "row")
    fused = rv.hybrid(frame, query, text="body", k=40, **ASKED)
    answer = rv.search(frame, query, k=40, text="body", reranker="rrf", **ASKED)
    assert sorted(column(answer, "row")) == sorted(by_vectors)
    assert column(answer, "row") == column(fused, "row")
    assert column(answer, "rerank_score") == column(fused, "fused_score")


@every_library
def test_names_go_with_thresholds_filters_and_indexes(library: str) -> None:
    frame = frame_of(library)
    where = np.arange(ROWS) % 3 > 0
    for name in ("exact", "mmr", "rrf"):
        for index in (None, rv.build_index(frame, "emb"), rv.build_index(frame, "emb", ids="row")):
            answer = rv.search(
                frame, QUERIES, k=6, text="body", reranker=name, where=where, index=index,
                min_similarity=0.2, **ASKED,
            )  # fmt: skip
            assert all(row % 3 for row in column(answer, "row"))
            assert min(column(answer, "cosine_similarity")) >= 0.2
            assert column(answer, "rank") == [1, 2, 3, 4, 5, 6] * 2


@every_library
def test_nothing_found_is_nothing_to_order(library: str) -> None:
    frame = frame_of(library)
    for name in ("exact", "mmr", "rrf"):
        for more in ({"k": 0}, {"where": np.zeros(ROWS, bool)}):
            answer = rv.search(frame, QUERIES, reranker=name, **more, **ASKED)
            assert column(answer, "row") == []
            assert column(answer, "rerank_score") == []
            both = rv.hybrid(frame, QUERIES, text="body", reranker=name, **more, **ASKED)
            assert column(both, "rerank_score") == []


def test_what_a_name_needs_is_asked_for() -> None:
    frame = frame_of("pandas").assign(title="x")
    with pytest.raises(rv.ColumnError, match=r"name their column with text="):
        rv.search(frame, "red", reranker="rrf", **ASKED)
    with pytest.raises(rv.InvalidArgument, match="'rrf' compares texts, and the query is a vector"):
        rv.search(frame, VECTORS[0], on="emb", text="body", reranker="rrf")
    with pytest.raises(rv.InvalidArgument, match="with reranker='mmr'"):
        rv.search(frame, "red", reranker="exact", diversity=0.5, **ASKED)
    with pytest.raises(rv.InvalidArgument, match="by= and reranker="):
        rv.search(frame, "red", reranker="mmr", by="row", **ASKED)
    assert len(rv.search(frame, VECTORS[0], on="emb", reranker="mmr")) == 10, "no text is read"


# hybrid


def fusion(frame: Any, query: Any, k: int, **named: Any) -> Any:
    return rv.hybrid(frame, query, text="body", k=k, **{**ASKED, **named})


@every_library
def test_hybrid_reads_the_best_of_the_fusion(library: str) -> None:
    frame = frame_of(library)
    for k in (3, 20):
        pool = max(4 * k, 50)
        wide = fusion(frame, QUERIES[0], pool)
        scores = by_hand(QUERIES[0], [TEXTS[row] for row in column(wide, "row")])
        order = np.argsort(-np.array(scores), kind="stable")[:k]
        answer = fusion(frame, QUERIES[0], k, reranker=by_hand)
        assert type(answer) is type(frame)
        assert column(answer, "row") == [column(wide, "row")[at] for at in order]
        assert column(answer, "rerank_score") == [scores[at] for at in order]
        for name in ("bm25_score", "cosine_similarity", "fused_score"):
            theirs = [column(wide, name)[at] for at in order]
            np.testing.assert_array_equal(
                np.array(column(answer, name), float), np.array(theirs, float)
            )
        names = list(getattr(answer, "column_names", None) or answer.columns)
        assert names[-2:] == ["fused_score", "rerank_score"]


@every_library
def test_a_batch_of_hybrid_is_as_its_queries_alone(library: str) -> None:
    frame = frame_of(library)
    for reranker in (by_hand, "exact", "mmr", "rrf"):
        answer = fusion(frame, QUERIES, 7, reranker=reranker)
        alone = [column(fusion(frame, query, 7, reranker=reranker), "row") for query in QUERIES]
        assert column(answer, "row") == [*alone[0], *alone[1]]
        assert column(answer, "rank") == [*range(1, 8), *range(1, 8)]


@every_library
def test_hybrid_has_the_names(library: str) -> None:
    frame = frame_of(library)
    plain = fusion(frame, QUERIES[0], 8)
    rrf = fusion(frame, QUERIES[0], 8, reranker="rrf")
    assert column(rrf, "row") == column(plain, "row")
    assert column(rrf, "rerank_score") == column(plain, "fused_score")
    exact = fusion(frame, QUERIES[0], 8, reranker="exact")
    scores = column(exact, "rerank_score")
    assert scores == column(exact, "cosine_similarity") == sorted(scores, reverse=True)
    wide = column(fusion(frame, QUERIES[0], 50), "row")
    assert set(column(exact, "row")) <= set(wide)
    mmr = fusion(frame, QUERIES[0], 8, reranker="mmr")
    assert column(mmr, "row") != column(exact, "row") and len(set(column(mmr, "row"))) == 8


@every_library
def test_rows_without_a_vector_come_last_and_rows_without_text_are_not_read(library: str) -> None:
    texts: list[Any] = [*TEXTS[:30], None, "  "]
    vectors: list[Any] = [None if row in (4, 5) else VECTORS[row].tolist() for row in range(32)]
    columns: dict[str, Any] = {"row": range(32), "body": texts, "emb": vectors}
    frame = MAKE[library](columns)
    seen: list[str] = []

    def sees(query: str, given: list[str]) -> list[float]:
        seen.extend(given)
        return by_hand(query, given)

    answer = fusion(frame, TEXTS[4], 32, reranker=sees)
    assert all(text.strip() for text in seen)
    assert set(column(answer, "row")) == set(range(30)) - {5} | ({5} & set(column(answer, "row")))
    for name in ("exact", "mmr"):
        answer = fusion(frame, TEXTS[4], 32, reranker=name)
        last = column(answer, "row")[-2:]
        lacking = [row for row in column(answer, "row") if row in (4, 5)]
        assert lacking and last[-len(lacking) :] == lacking
        score = column(answer, "rerank_score")[-1]
        assert score is None or np.isnan(score)


@pytest.mark.parametrize("reranker", [by_hand, "exact", "mmr", "rrf"])
@pytest.mark.parametrize("verb", [rv.search, rv.hybrid])
def test_lazy_frames_and_relations_rerank_as_frames_do(reranker: Any, verb: Any) -> None:
    import duckdb

    frame = pl.DataFrame({"row": range(60), "body": TEXTS[:60], "emb": VECTORS[:60]})
    named = {"text": "body", "k": 5, "reranker": reranker, **ASKED}
    want = verb(frame, QUERIES[0], **named)
    lazy = verb(frame.lazy(), QUERIES[0], **named)
    assert lazy.collect_schema()["rerank_score"] == pl.Float32
    assert lazy.collect().equals(want)
    arrow = frame.to_arrow()
    relation = verb(duckdb.from_arrow(arrow), QUERIES[0], **named)
    rows = relation.pl() if hasattr(relation, "pl") else pl.from_arrow(relation)
    assert rows["row"].to_list() == want["row"].to_list()
    assert rows["rerank_score"].to_list() == want["rerank_score"].to_list()


def test_the_plan_of_hybrid_names_the_stage() -> None:
    frame = frame_of("pandas")
    fusion(frame, QUERIES[0], 5, reranker=by_hand)
    plan = rv.last_plan()
    assert plan is not None and plan.milliseconds["reranker"] > 0
    for name in ("exact", "mmr", "rrf"):
        assert rv.explain(frame, "red", text="body", reranker=name, **ASKED).milliseconds[
            "reranker"
        ]


def test_hybrid_refuses_what_search_refuses() -> None:
    frame = frame_of("pandas")
    with pytest.raises(rv.ColumnError, match="already has a column 'rerank_score'"):
        fusion(frame.assign(rerank_score=1), "red", 3, reranker=by_hand)
    with pytest.raises(rv.InvalidArgument, match="scores nothing"):
        fusion(frame, "red", 3, reranker=7)
    with pytest.raises(rv.InvalidArgument, match="null or NaN") as caught:
        fusion(frame, "red", 3, reranker=lambda query, texts: [np.nan] * len(texts))
    assert caught.value.row == column(fusion(frame, "red", 50), "row")[0]
    assert isinstance(fusion(frame, "red", 3, reranker=by_hand), pd.DataFrame)


def _lake(name: str) -> Any:
    method = getattr(rv.RuLake, name)
    return lambda **named: method(None, "c", [1.0], **named)


@pytest.mark.parametrize("verb", ["Index", "within", "ray", "ray shards", "spark", "lake", "many"])
def test_searches_that_read_no_texts_say_so(verb: str) -> None:
    import ruvector.ray
    import ruvector.spark

    frame = frame_of("pandas")
    calls: dict[str, Any] = {
        "Index": lambda **named: rv.build_index(frame, "emb").search(VECTORS[0], **named),
        "within": lambda **named: rv.within(frame, VECTORS[0], **named),
        "ray": lambda **named: ruvector.ray.search(None, VECTORS[0], **named),
        "ray shards": lambda **named: ruvector.ray.search_shards([], VECTORS[0], **named),
        "spark": lambda **named: ruvector.spark.search(None, VECTORS[0], **named),
        "lake": _lake("search_one"),
        "many": _lake("search_batch"),
    }
    with pytest.raises(TypeError, match=r"texts are not read here: .*rerank them as a frame"):
        calls[verb](reranker=by_hand)
