"""`HttpReranker`: scores of servers that fail in every way, by a scripted one on the loopback."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scripted_server import Asked, Scripted, Wire, cut, hang, raw, says, status

import ruvector as rv

QUERY = "red fast car"
WORDS = ["red", "fast", "car", "bus", "old"]
RNG = np.random.default_rng(5)
TEXTS = [" ".join(RNG.choice(WORDS, 4)) + f" {i}" for i in range(90)]
AT_ONCE = {"Retry-After": "0"}
KEY = "very-secret-key"


def shared(query: str, text: str) -> float:
    return float(sum(text.split().count(word) for word in query.split())) / 4


def want(texts: list[str] = TEXTS) -> list[float]:
    return [shared(QUERY, text) for text in texts]


def records(asked: Asked, field: str, name: str) -> list[dict[str, Any]]:
    """Return results, best first, as servers list them."""
    told = asked.document
    found = [
        {"index": at, name: shared(told["query"], text)} for at, text in enumerate(told[field])
    ]
    return sorted(found, key=lambda one: -one[name])


def as_cohere(asked: Asked, wire: Wire) -> None:
    wire.answer(200, {"id": "x", "results": records(asked, "documents", "relevance_score")})


def as_voyage(asked: Asked, wire: Wire) -> None:
    wire.answer(200, {"object": "list", "data": records(asked, "documents", "relevance_score")})


def as_tei(asked: Asked, wire: Wire) -> None:
    wire.answer(200, records(asked, "texts", "score"))


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(as_cohere) as found:
        yield found


def reranker(server: Scripted, model: str | None = "m", **named: Any) -> rv.HttpReranker:
    return rv.HttpReranker(server.url, model, **{"retries": 3, "timeout": 5, **named})


def test_scores_come_in_the_order_of_the_texts(server: Scripted) -> None:
    scores = reranker(server, api_key=KEY).rerank(QUERY, TEXTS)
    assert scores.dtype == np.float32 and scores.tolist() == want()
    (asked,) = server.asked
    assert asked.path == "/v1/rerank"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.document == {"query": QUERY, "documents": TEXTS, "model": "m", "top_n": 90}
    assert reranker(server).rerank(QUERY, []).shape == (0,)
    assert len(server.asked) == 1, "nobody is asked about nothing"


@pytest.mark.parametrize(
    ("step", "named"), [(as_cohere, {}), (as_voyage, {}), (as_tei, {"field": "texts"})]
)
@pytest.mark.parametrize("batch", [1, 7, 89, 90, None])
def test_batches_of_any_size_give_the_same(step: Any, named: Any, batch: int | None) -> None:
    texts = TEXTS[:30] if batch == 1 else TEXTS
    with Scripted(step) as server:
        found = reranker(server, None, batch=batch, **named).rerank(QUERY, texts)
        assert found.tolist() == want(texts)
        most = batch or (32 if named else 100)
        assert len(server.asked) == -(-len(texts) // most)
        assert server.most_at_once <= 4
        told = server.asked[0].document
        assert "model" not in told and ("truncate" in told) == bool(named)


def test_requests_are_limited_by_letters_too(server: Scripted) -> None:
    texts = ["red " + "x" * 150_000 for _ in range(5)]
    assert reranker(server).rerank(QUERY, texts).tolist() == want(texts)
    assert sorted(len(asked.document["documents"]) for asked in server.asked) == [1, 2, 2]


@pytest.mark.parametrize(
    "step",
    [
        status(429, "slow down", AT_ONCE), status(503, "later", AT_ONCE),
        status(500, "oh", AT_ONCE), cut, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
    ],
)  # fmt: skip
def test_what_fails_for_a_moment_is_asked_again(server: Scripted, step: Any) -> None:
    asks = reranker(server)
    asks.rerank(QUERY, TEXTS[:3])
    server.script(step)
    assert asks.rerank(QUERY, TEXTS).tolist() == want()
    assert len(server.asked) == 3


def test_a_request_that_is_too_large_is_halved() -> None:
    def small(asked: Asked, wire: Wire) -> None:
        if len(asked.document["documents"]) > 20:
            return wire.answer(413, {"error": "batch size 90 > maximum allowed 20"})
        return as_cohere(asked, wire)

    with Scripted(small) as server:
        assert reranker(server).rerank(QUERY, TEXTS).tolist() == want()
        server.usual = status(413, "too large")
        with pytest.raises(rv.EmbedError, match="takes no text of"):
            reranker(server).rerank(QUERY, TEXTS[:2])


RESULTS = {
    "too few": ({"results": [{"index": 0, "relevance_score": 1.0}]}, "sent 1 scores for 2 texts"),
    "too many": ([{"index": 0, "score": 1.0}] * 3, "sent 3 scores for 2 texts"),
    "twice": ([{"index": 0, "score": 1.0}] * 2, "a score of index 0, twice"),
    "beyond": ([{"index": 0, "score": 1}, {"index": 2, "score": 1}], "index 2, for 2 texts"),
    "negative": ([{"index": 0, "score": 1}, {"index": -1, "score": 1}], "index -1"),
    "no index": ([{"score": 1}, {"score": 1}], "index None"),
    "index as text": ([{"index": "0", "score": 1}] * 2, "index '0'"),
    "index as bool": ([{"index": False, "score": 1}] * 2, "index False"),
    "null": ([{"index": 0, "score": None}] * 2, "sent None as score of text 0, not a number"),
    "text": ([{"index": 1, "score": "1"}] * 2, "sent '1' as score of text 1"),
    "bool": ([{"index": 1, "score": True}] * 2, "sent True as score of text 1"),
    "none": ([{"index": 1}] * 2, "not a number"),
    "numbers alone": ([1.0, 2.0], "a float where a result should be"),
    "no list": ({"results": {}}, "without a list of results"),
    "another list": ({"scores": [1, 2]}, "without a list of results"),
    "null alone": (None, "without a list of results"),
    "NaN": (b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}]', "sent nan as score"),
    "infinite": (b'[{"index": 0, "score": 1e999}, {"index": 1, "score": 1}]', "sent inf as"),
    "huge": (b'[{"index": 0, "score": 1e300}, {"index": 1, "score": 1}]', r"sent 1e\+300 as"),
    "huge whole": (b'[{"index": 0, "score": 1' + b"0" * 400 + b"}, 1]", "as score of text 0"),
    "not JSON": (b'[{"index"', "cannot be read"),
    "deep": (b"[" * 100_000, "cannot be read"),
    "nothing": (b"", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_answers_that_are_no_score_a_text_are_refused(server: Scripted, name: str) -> None:
    body, problem = RESULTS[name]
    server.script(says(body))
    with pytest.raises(rv.EmbedError, match=problem) as caught:
        reranker(server).rerank(QUERY, TEXTS[:2])
    said = str(caught.value)
    assert "the rerank server http://127.0.0.1" in said and "(texts 0 to 1 of 2)" in said
    assert len(said) < 500
    assert len(server.asked) == 1, "asking again would not help"


def test_errors_say_which_texts_and_what_to_do(server: Scripted) -> None:
    def later(asked: Asked, wire: Wire) -> None:
        if TEXTS[20] in asked.document["documents"]:
            return wire.answer(422, {"error": {"message": "missing field `texts`"}})
        return as_cohere(asked, wire)

    server.usual = later
    with pytest.raises(rv.EmbedError, match=r"does it want field='texts'\? \(texts 20 to 29 of 90"):
        reranker(server, batch=10).rerank(QUERY, TEXTS)
    server.usual = status(401, f"key {KEY} is wrong")
    with pytest.raises(rv.EmbedError, match="RERANK_API_KEY") as caught:
        reranker(server, api_key=KEY).rerank(QUERY, TEXTS)
    assert KEY not in str(caught.value) and "OPENAI" not in str(caught.value)
    sent = [asked.headers.get("Authorization", "") for asked in server.asked]
    assert sum(KEY in header for header in sent) == 1
    server.usual = hang
    with pytest.raises(rv.EmbedError, match=r"no whole answer within 0.2 s"):
        reranker(server, timeout=0.2, retries=0).rerank(QUERY, TEXTS)


def test_keys_are_neither_shown_nor_pickled_nor_those_of_others(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    asks = reranker(server, api_key=KEY)
    assert KEY not in repr(asks) and KEY.encode() not in pickle.dumps(asks)
    again = pickle.loads(pickle.dumps(asks))
    assert repr(again) == repr(asks) == f"HttpReranker({server.url!r}, 'm')"
    assert again.rerank(QUERY, TEXTS).tolist() == want()
    assert "Authorization" not in server.asked[-1].headers
    monkeypatch.setenv("RERANK_API_KEY", "of-the-environment")
    assert pickle.loads(pickle.dumps(asks)).rerank(QUERY, TEXTS).tolist() == want()
    assert server.asked[-1].headers["Authorization"] == "Bearer of-the-environment"


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ({"field": "passages"}, rv.InvalidArgument), ({"batch": 0}, rv.InvalidArgument),
        ({"batch": True}, rv.InvalidArgument), ({"concurrency": 1000}, rv.InvalidArgument),
        ({"model": " "}, rv.InvalidArgument), ({"model": 3}, rv.InvalidArgument),
        ({"timeout": 0}, rv.InvalidArgument), ({"retries": -1}, rv.InvalidArgument),
        ({"base_url": "ftp://x"}, rv.RuVectorError), ({"base_url": ""}, rv.RuVectorError),
    ],
)  # fmt: skip
def test_arguments_are_checked_before_anything_is_asked(named: Any, kind: Any) -> None:
    with pytest.raises(kind):
        rv.HttpReranker(**{"base_url": "http://127.0.0.1:9/v1", **named})


def test_texts_that_no_server_reads_are_named(server: Scripted) -> None:
    frame = pd.DataFrame(
        {"body": pd.Series(["a", "b\ud800", "c"], dtype=object), "emb": list(np.eye(3))}
    )
    with pytest.raises(rv.EmbedError, match="half of a surrogate pair") as caught:
        rv.search(frame, "a", on="emb", reranker=reranker(server), embedder=lambda t: [[1, 0.5, 0]])
    assert caught.value.row == 1
    with pytest.raises(rv.EmbedError, match="the query"):
        reranker(server).rerank("\ud800", ["a"])
    odd = ["nul\0", "\u202eabc", "👩‍👩‍👧", "x" * 1_000_000, "\u2028"]
    assert reranker(server).rerank(QUERY, odd).tolist() == [0.0] * 5
    assert sorted(text for one in server.asked for text in one.document["documents"]) == sorted(odd)


@pytest.mark.parametrize("verb", [rv.search, rv.hybrid])
def test_frames_are_reranked_by_a_server(server: Scripted, verb: Any) -> None:
    frame = pd.DataFrame({"body": TEXTS, "emb": list(RNG.standard_normal((90, 4)))})
    named: dict[str, Any] = {
        "on": "emb", "text": "body", "k": 9, "embedder": lambda texts: np.ones((len(texts), 4)),
    }  # fmt: skip
    by_hand = verb(frame, QUERY, reranker=lambda q, texts: want(texts), **named)
    answer = verb(frame, QUERY, reranker=reranker(server, batch=13), **named)
    pd.testing.assert_frame_equal(answer, by_hand)
    server.usual = status(400, "no such model")
    with pytest.raises(rv.EmbedError, match="no such model") as caught:
        verb(frame, QUERY, reranker=reranker(server), **named)
    assert "reranker=HttpReranker, query 0 ('red fast car')" in caught.value.__notes__[0]


def test_an_interrupt_ends_the_waiting(server: Scripted) -> None:
    server.usual = hang
    timer = threading.Timer(0.1, os.kill, (os.getpid(), 2))
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        reranker(server, timeout=60).rerank(QUERY, TEXTS)
    assert time.perf_counter() - begin < 5
    timer.join()
    server.usual = as_cohere
    assert reranker(server).rerank(QUERY, TEXTS).tolist() == want()


def test_a_reranker_is_used_by_many_threads(server: Scripted) -> None:
    asks = reranker(server, batch=11)
    found: list[list[float]] = []
    threads = [
        threading.Thread(target=lambda: found.append(asks.rerank(QUERY, TEXTS).tolist()))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [want()] * 6
