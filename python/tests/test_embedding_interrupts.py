"""Ctrl-C while texts are embedded is heard soon, however long they are; nothing wrong is kept."""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._input.text_columns import TextColumn
from ruvector._native import texts as _texts
from ruvector._text.kinds import tokenizing as _tokenizing

WORDS = ["refund", "parcel", "arrived", "broken", "card", "charged", "twice", "password"]


def long_text(characters: int, seed: int = 1) -> str:
    rng = random.Random(seed)
    words = [rng.choice(WORDS) + str(rng.randrange(100)) for _ in range(characters // 9)]
    return " ".join(words)


def interrupted(work, after: float) -> float:
    """Return the seconds from SIGINT, sent while work runs, to KeyboardInterrupt."""
    sent: list[float] = []

    def send() -> None:
        time.sleep(after)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        while True:  # however fast the machine is
            work()
    seconds = time.monotonic() - sent[0]
    thread.join()
    return seconds


@pytest.mark.parametrize(
    ("characters", "count"), [(40, 60_000), (10_000, 400), (200_000, 20), (6_000_000, 1)]
)
def test_an_interrupt_is_heard_soon(characters: int, count: int) -> None:
    embedder = rv.Embedder.from_pretrained()
    embedder.encode("warm")
    texts = [long_text(characters, seed) for seed in range(min(count, 20))]
    texts = (texts * (count // len(texts) + 1))[:count]
    waits = [interrupted(lambda: embedder.encode(texts), after) for after in (0.05, 0.12)]
    assert min(waits) < 1, waits  # how soon exactly is checked where times are: make check


def test_an_interrupt_is_heard_where_the_collector_calls_python() -> None:
    """A callback of the collector swallows an interrupt that comes while foreign code runs."""

    def callback(phase: str, info: dict[str, int]) -> None:
        sum(range(3))

    embedder = rv.Embedder.from_pretrained()
    texts = [long_text(10_000, seed) for seed in range(20)] * 20
    gc.callbacks.append(callback)
    try:
        assert interrupted(lambda: embedder.encode(texts), 0.1) < 1
    finally:
        gc.callbacks.remove(callback)


def test_an_interrupted_search_keeps_nothing_and_the_next_is_right() -> None:
    rv.cache.clear()
    frame = pd.DataFrame({"body": [long_text(10_000, seed) for seed in range(60)]})
    interrupted(lambda: (rv.cache.clear(), frame.ruvector.search("card", text="body")), 0.05)
    rv.cache.clear()
    found = frame.ruvector.search("card", text="body", k=3)
    matrix = rv.Embedder.from_pretrained().encode(frame["body"].tolist())
    scores = matrix @ rv.Embedder.from_pretrained().encode("card")
    assert found.index.tolist() == np.argsort(-scores, kind="stable")[:3].tolist()


def test_an_embedder_that_fails_half_way_leaves_nothing_in_the_cache() -> None:
    calls: list[int] = []

    def failing(texts: list[str]) -> np.ndarray:
        calls.append(len(texts))
        if len(calls) == 1:
            raise ConnectionError("no answer")
        return np.eye(len(texts), 4, dtype=np.float32)

    frame = pd.DataFrame({"body": ["a", "b", "c"]})
    rv.cache.clear()
    with pytest.raises(ConnectionError):
        frame.ruvector.search("a", text="body", embedder=failing)
    assert rv.cache.info().texts == 0
    assert len(frame.ruvector.search("a", text="body", embedder=failing, k=2)) == 2


def test_texts_are_cut_so_that_each_call_is_short_and_none_is_lost() -> None:
    limit = _tokenizing.BATCH_CHARACTERS
    rng = random.Random(7)
    for _ in range(200):
        texts = ["x" * rng.choice([0, 1, 10, limit // 3, limit, 3 * limit]) for _ in range(30)]
        texts += [""] * rng.choice([0, 2500])
        runs = list(_tokenizing.runs(texts, limit, 1024))
        assert [i for start, end in runs for i in range(start, end)] == list(range(len(texts)))
        for start, end in runs:
            assert end - start == 1 or sum(map(len, texts[start:end])) <= limit
            assert end - start <= 1024
    assert list(_tokenizing.runs([], limit, 1024)) == []


def test_a_text_of_a_million_tokens_is_pooled_like_any_other() -> None:
    rng = np.random.default_rng(3)
    table = rng.standard_normal((50, 8)).astype(np.float32)
    lengths = [3, 2 * _texts.EMBED_TOKENS + 5, 0, 4]
    tokens = rng.integers(0, 50, sum(lengths)).astype(np.uint32)
    cuts = np.concatenate([[0], np.cumsum(lengths)])
    matrix, valid = _native.pool_tokens(table, tokens, cuts, normalize=False)
    assert valid.tolist() == [True, True, False, True]
    for i in (0, 1, 3):
        mean = table[tokens[cuts[i] : cuts[i + 1]]].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(matrix[i], mean, atol=1e-5)


def test_the_digest_of_texts_does_not_depend_on_how_they_are_cut() -> None:
    texts = [long_text(3_000_000, 1), "b", None, long_text(2_000_000, 2), "", "c"] + ["d"] * 600
    text_digest = lambda texts: TextColumn.of_list(texts).digest()  # noqa: E731
    assert text_digest(texts) == text_digest(list(texts))
    for i in (0, 3, 5, 600):
        other = list(texts)
        other[i] = str(other[i]) + "x"
        assert text_digest(other) != text_digest(texts)
