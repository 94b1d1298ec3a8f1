"""Models that tell what asks from what is searched: the two are never taken for each other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ruvector as rv
from ruvector._text.batches import Told
from ruvector._text.embedder import Embedder
from ruvector._text.model import Model

TEXTS = [f"text {number}" for number in range(300)]  # more than are asked without the cache


class Sides:
    """Vectors that say which side they are of, and how many texts were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[bool, int]] = []

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        for start in range(0, len(texts), size):
            yield start, min(start + size, len(texts))

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Any, Any]:
        self.asked.append((query, len(texts)))
        numbers = [float(text.split()[-1]) if text[-1].isdigit() else 0.0 for text in texts]
        matrix = np.array([[number, 1, query] for number in numbers], np.float32)
        return matrix, np.ones(len(texts), np.bool_)


def _embedder(encode: Sides, **facts: Any) -> Embedder:
    return Embedder._of(Model("sides", encode, ("sides", id(encode)), **facts))


DIFFERENT: dict[str, dict[str, Any]] = {
    "prefixes": {"query_prefix": "query: ", "document_prefix": "passage: "},
    "one prefix": {"query_prefix": "Represent this: "},
    "methods": {"sided": True},
}


@pytest.mark.parametrize("facts", DIFFERENT.values(), ids=DIFFERENT)
@pytest.mark.parametrize("queries_first", [False, True])
def test_documents_and_queries_of_equal_text_keep_their_own_vectors(
    facts: dict[str, Any], queries_first: bool
) -> None:
    rv.cache.clear()
    encode = Sides()
    embedder = _embedder(encode, **facts)
    assert embedder.key != embedder.query_key
    frame = pd.DataFrame({"t": TEXTS})
    if queries_first:
        rv.search(pd.DataFrame({"v": list(np.eye(3))}), TEXTS, on="v", embedder=embedder)
    made = np.stack(list(rv.embed(frame, "t", embedder=embedder)["embedding"]))
    assert (made[:, 2] == 0).all()
    hits = rv.search(frame, TEXTS, text="t", k=1, metric="l2", embedder=embedder)
    np.testing.assert_allclose(hits["l2_distance"], 1, atol=1e-6)  # the two sides are 1 apart
    asked = [(query, sum(n for side, n in encode.asked if side == query)) for query in (0, 1)]
    assert asked == [(0, 300), (1, 300)]
    rv.search(frame, TEXTS, text="t", k=1, metric="l2", embedder=embedder)
    assert sum(n for _, n in encode.asked) == 600  # both sides were kept


@pytest.mark.parametrize("prefix", ["", "both: "])
def test_sides_that_are_made_alike_share_what_is_known(prefix: str) -> None:
    rv.cache.clear()
    encode = Sides()
    embedder = _embedder(encode, query_prefix=prefix, document_prefix=prefix)
    assert embedder.key == embedder.query_key
    frame = pd.DataFrame({"t": TEXTS})
    rv.embed(frame, "t", embedder=embedder)
    rv.search(frame, TEXTS, text="t", k=1, embedder=embedder)
    assert sum(n for _, n in encode.asked) == 300


def test_each_method_takes_its_side() -> None:
    embedder = _embedder(Sides(), query_prefix="q ")
    assert embedder.embed("text 7").tolist() == [7, 1, 0]
    assert embedder.embed_query("text 7").tolist() == [7, 1, 1]
    assert embedder.encode("text 7").tolist() == [7, 1, 0]
    assert embedder.encode(["text 7"]).tolist() == [[7, 1, 0]]
    assert embedder.embed_batch(["text 7", ""])[0].tolist() == [7, 1, 0]
    assert np.isnan(embedder.embed_batch(["text 7", ""])[1]).all()
    assert asyncio.run(embedder.embed_batch_async(["text 7"])).tolist() == [[7, 1, 0]]


def test_an_index_of_texts_is_asked_with_the_side_of_queries() -> None:
    embedder = _embedder(Sides(), query_prefix="q ")
    frame = pd.DataFrame({"t": TEXTS[:9]})
    index = rv.build_index(frame, text="t", metric="l2", embedder=embedder)
    result = index.search("text 3", k=1, embedder=embedder)
    assert result.scores.ravel().tolist() == [1.0]
    assert result.ids.ravel().tolist() == [3]


def test_one_text_and_many_are_not_mixed_up() -> None:
    embedder = _embedder(Sides())
    for wrong in (3, None, ["text"], b"text"):
        with pytest.raises(rv.EmbedError, match="one text"):
            embedder.embed(wrong)  # type: ignore[arg-type]
    for blank in ("", " \n"):
        with pytest.raises(rv.EmbedError, match="no text"):
            embedder.embed_query(blank)
    with pytest.raises(rv.EmbedError, match="use embed"):
        embedder.embed_batch("text")
    with pytest.raises(rv.EmbedError, match="row 1"):
        embedder.embed_batch(["a", 3])  # type: ignore[list-item]


def test_tokens_are_counted_where_the_model_can() -> None:
    embedder = rv.Embedder.from_pretrained()
    counts = embedder.count_tokens(["", "word", "two words"])
    assert counts.dtype == np.int64
    assert counts[0] == 0
    assert 0 < counts[1] < counts[2]
    assert embedder.count_tokens("word").tolist() == [counts[1]]
    assert embedder.count_tokens([]).shape == (0,)
    long = ["some words of a text " * 60_000]  # on a thread of its own
    assert embedder.count_tokens(long)[0] > 250_000
    with pytest.raises(rv.EmbedError, match="row 1 is int"):
        embedder.count_tokens(["a", 3])  # type: ignore[list-item]
    with pytest.raises(rv.EmbedError, match="'sides' cannot count tokens"):
        _embedder(Sides()).count_tokens(["a"])


def test_a_cancelled_batch_ends_after_the_texts_it_is_at() -> None:
    began, go_on = threading.Event(), threading.Event()

    class Waits(Sides):
        def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Any, Any]:
            began.set()
            go_on.wait(10)
            return super().__call__(texts, told, query)

    encode = Waits()
    embedder = _embedder(encode)

    async def run() -> None:
        task = asyncio.create_task(embedder.embed_batch_async(TEXTS * 10))
        while not began.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(run())
    end = time.monotonic() + 10  # it is on a thread that nobody waits for
    while not encode.asked and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(0.05)
    assert encode.asked == [(False, 256)]


PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def _means(pixels: np.ndarray) -> np.ndarray:
    means: np.ndarray = pixels.mean(axis=(1, 2)).astype(np.float32)
    return means


def test_an_image_model_takes_one_image_or_many() -> None:
    embedder = _embedder(Sides(), images=_means)
    assert embedder.embed_image(PICTURE).tolist() == [7.5, 8.5, 9.5]
    assert embedder.embed_image([PICTURE, PICTURE]).shape == (2, 3)
    assert embedder.embed_image(np.asfortranarray(PICTURE)).tolist() == [7.5, 8.5, 9.5]


WRONG: dict[str, tuple[Any, str]] = {
    "floats": (PICTURE / 255, "float64 is not taken: pass uint8"),
    "grey": (PICTURE[..., 0], "of grey"),
    "transparent": (np.zeros((4, 5, 4), np.uint8), "without transparency"),
    "colours first": (np.zeros((3, 8, 9), np.uint8), "colours last"),
    "no pixels": (np.zeros((0, 8, 3), np.uint8), "has no pixels"),
    "two sizes": ([PICTURE, PICTURE[:1]], "not all of one size"),
    "text": ("cat.png", "is not taken"),
}


@pytest.mark.parametrize(("image", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_image_is_told_how_to_become_one(image: Any, said: str) -> None:
    with pytest.raises(rv.EmbedError, match=said):
        _embedder(Sides(), images=_means).embed_image(image)


def test_a_text_model_names_what_embeds_images() -> None:
    with pytest.raises(rv.EmbedError, match="'sides' makes vectors of texts"):
        _embedder(Sides()).embed_image(PICTURE)
