"""Embedders that answer nonsense, fail half way or hang: a named error, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scripted_server import Asked, Scripted, Wire, embeds, matrix, status

import ruvector as rv
from ruvector._text.foreign import open_foreign

TEXTS = [f"text {i}" for i in range(1000)]  # four batches


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


def ask(spec: Any, texts: list[str] = TEXTS) -> Any:
    return rv.Embedder.from_pretrained(spec).embed_batch(texts)


def at(row: int, column: int, value: Any) -> Callable[[list[str]], Any]:
    """Return an embedder that has a wrong element in the vector of one text."""

    def spec(texts: list[str]) -> Any:
        found = matrix(texts).tolist()
        if f"text {row}" in texts:
            found[texts.index(f"text {row}")][column] = value
        return found

    return spec


# ---- answers ----


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("row", [0, 3, 700, 999])
def test_a_number_that_is_none_is_named_with_its_text(value: float, row: int) -> None:
    with pytest.raises(rv.InvalidVector, match=f"element 5 of the vector of 'text {row}'") as got:
        ask(at(row, 5, value))
    assert got.value.row == row
    assert got.value.column == 5
    with pytest.raises(rv.InvalidVector) as got:
        ask(at(row, 5, value), ["", *TEXTS, " "])
    assert got.value.row == row + 1
    frame = pd.DataFrame({"t": ["", "text 0", *TEXTS]})
    with pytest.raises(rv.InvalidVector, match="column 't'") as got:
        rv.search(frame, "x", text="t", embedder=at(row, 5, value))
    assert got.value.row == (row + 2 if row else 1)


def test_a_number_beyond_float32_is_an_infinite_one() -> None:
    for value in (1e300, -(10**400)):
        with pytest.raises(rv.RuVectorError, match=r"float32|float64") as caught:
            ask(at(700, 2, value))
        assert caught.value.row == 700


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda found: found[:-1], "255 vectors for 256 texts"),
        (lambda found: found[:0], "0 vectors for 256 texts"),
        (lambda found: np.vstack([found, found]), "512 vectors or more for 256 texts"),
        (lambda found: (found[0] for _ in count()), "257 vectors or more for 256 texts"),
        (lambda found: [*found[:-1].tolist(), [1.0]], "1 numbers|length|dimensions"),
        (lambda found: [[0.5] * 3] * 255 + [[0.5] * 2 + [None]], "null"),
        (lambda found: [["a"] * 3] * 256, "text"),
        (lambda found: found.astype(complex), "complex"),
        (lambda found: [{"embedding": [1.0]}] * 256, "."),
        (lambda found: {"data": found}, "dict"),
        (lambda found: None, "NoneType"),
        (lambda found: "vector", "."),
        (lambda found: found[0], "1 axes"),
        (lambda found: found[None], "3 axes"),
        (lambda found: found[:, :0], "no dimensions"),
        (lambda found: [[]] * 256, "no dimensions"),
        (lambda found: [[10**400] * 3] * 256, "."),
        (lambda found: [None] * 256, "no vector for 256"),
        (lambda found: pd.DataFrame(found), "whole"),
        (lambda found: object(), "object"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_vectors_is_a_named_error(answer: Any, said: str) -> None:
    with pytest.raises(rv.EmbedError, match=said) as caught:
        ask(lambda texts: answer(matrix(texts)))
    assert caught.value.__notes__ == ["while texts of rows 0 to 255 were embedded"]
    assert rv.cache.info().texts == 0


def test_a_tensor_that_cannot_be_read_is_a_named_error() -> None:
    class OnADevice:
        def __len__(self) -> int:
            return 1000

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

    with pytest.raises(rv.EmbedError, match="cuda:0"):
        ask(lambda texts: OnADevice())


def test_another_number_of_dimensions_in_the_second_batch_is_an_error() -> None:
    dims = iter([4, 6])
    with pytest.raises(rv.EmbedError, match="vectors of 6 dimensions, and of 4") as caught:
        ask(lambda texts: matrix(texts, next(dims)))
    assert "rows 256 to 511" in caught.value.__notes__[0]
    assert "256 texts before are kept" in caught.value.__notes__[0]


def test_an_answer_in_the_same_memory_each_time_is_copied() -> None:
    memory = np.empty((256, 8), np.float32)

    def reuses(texts: list[str]) -> Any:
        memory[: len(texts)] = matrix(texts)
        return memory[: len(texts)]

    np.testing.assert_array_equal(ask(reuses), matrix(TEXTS))
    memory[:] = 0
    np.testing.assert_array_equal(ask(reuses), matrix(TEXTS))


def test_an_embedder_may_do_what_it_likes_with_its_list() -> None:
    def eats(texts: list[str]) -> Any:
        found = matrix(texts)
        texts.clear()
        return found

    given = list(TEXTS)
    np.testing.assert_array_equal(ask(eats, given), matrix(TEXTS))
    assert given == TEXTS


def test_what_it_raises_comes_back_as_it_is_with_a_note() -> None:
    def stops(texts: list[str]) -> Any:
        raise StopIteration

    with pytest.raises(rv.EmbedError, match="raised StopIteration"):
        ask(stops)

    async def cancelled(texts: list[str]) -> Any:
        raise asyncio.CancelledError

    with pytest.raises(rv.EmbedError, match="was cancelled"):
        ask(cancelled)

    async def times_out(texts: list[str]) -> Any:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        ask(times_out)

    class Mine(Exception):
        pass

    def raises(texts: list[str]) -> Any:
        raise Mine("by chance") from ValueError("why")

    with pytest.raises(Mine, match="by chance") as caught:
        ask(raises)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__notes__ == ["while texts of rows 0 to 255 were embedded"]


# ---- half way ----


class Fails:
    """Raises at one batch until it is mended; writes down what it was asked."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.mended = False
        self.asked: list[str] = []
        self.calls = 0

    def encode(self, texts: list[str]) -> Any:
        self.calls += len(texts) > 1
        if not self.mended and self.calls == self.at:
            raise ConnectionError("the line is dead")
        self.asked += texts
        return matrix(texts)


class FailsLater(Fails):
    """Does so as a coroutine."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.encode = self._encode  # type: ignore[method-assign]

    async def _encode(self, texts: list[str]) -> Any:
        await asyncio.sleep(0)
        return Fails.encode(self, texts)


FRAME = pd.DataFrame({"id": range(1000), "t": TEXTS})
WAYS: dict[str, Callable[[Any], Any]] = {
    "embed_batch": ask,
    "embed_batch_async": lambda spec: asyncio.run(
        rv.Embedder.from_pretrained(spec).embed_batch_async(TEXTS)
    ),
    "embed": lambda spec: rv.embed(FRAME, "t", embedder=spec),
    "search": lambda spec: rv.search(FRAME, "text 5", text="t", embedder=spec),
    "build_index": lambda spec: rv.build_index(FRAME, text="t", embedder=spec),
    "hybrid": lambda spec: rv.hybrid(FRAME, "text 5", text="t", embedder=spec),
    "batch of queries": lambda spec: rv.search(FRAME[:2], TEXTS, text="t", embedder=spec),
    "add": lambda spec: rv.Index.build(matrix(["a"])).add(ids=range(9, 1009), vectors=TEXTS,
                                                          embedder=spec),
}  # fmt: skip


@pytest.mark.parametrize("kind", [Fails, FailsLater])
@pytest.mark.parametrize("way", WAYS)
def test_what_was_finished_is_kept_whatever_asked(way: str, kind: type[Fails]) -> None:
    spec = kind(at=4)
    if way == "batch of queries":
        spec.at = 5  # the frame's two texts are a batch of their own
    with pytest.raises(ConnectionError, match="the line is dead") as caught:
        WAYS[way](spec)
    assert any("768 texts before are kept" in note for note in caught.value.__notes__)
    spec.mended = True
    done = set(spec.asked)
    spec.asked.clear()
    WAYS[way](spec)
    assert not done & set(spec.asked) - {"text 5"}, "the rest alone is asked for"
    rv.cache.clear()


def test_batch_90_of_100_fails_and_11_are_asked_again() -> None:
    texts = [f"text {i}" for i in range(25_600)]
    calls: list[int] = []

    def encode(given: list[str]) -> Any:
        calls.append(len(given))
        if len(calls) == 90:
            raise ConnectionError
        return np.full((len(given), 2), len(given[0]), np.float32)

    with pytest.raises(ConnectionError):
        ask(encode, texts)
    assert len(ask(encode, texts)) == 25_600
    assert len(calls) == 90 + 11


def test_a_file_that_is_scored_asks_for_its_questions_once(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": TEXTS}), tmp_path / "a.parquet")
    index = rv.Index.build(matrix(TEXTS[:20]))
    spec = Fails(at=4)

    def score() -> Any:
        return rv.score_parquet(
            tmp_path / "a.parquet", index, on="t", out=tmp_path / "out", embedder=spec, k=1
        )

    with pytest.raises(ConnectionError):
        score()
    spec.mended = True
    done = set(spec.asked)
    spec.asked.clear()
    score()
    assert not done & set(spec.asked) - {"dimension"}


def test_batches_of_a_server_that_were_finished_are_kept() -> None:
    refused = "text 500"
    asked: list[str] = []

    def step(request: Asked, wire: Wire) -> None:
        texts = request.document["input"]
        if refused in texts:
            status(400, "no such words here")(request, wire)
            return
        asked.extend(texts)
        embeds(request, wire)

    with Scripted(step) as server:
        embedder = rv.Embedder.openai(server.url, "m", api_key="", batch=50)
        for way in (ask, WAYS["embed_batch_async"]):
            asked.clear()
            rv.cache.clear()
            with pytest.raises(rv.EmbedError, match="no such words") as caught:
                way(embedder)
            assert any("rows 500 to 549" in note for note in caught.value.__notes__)
            done = set(asked)
            assert {f"text {i}" for i in range(450)} <= done
            refused, before = "", refused
            asked.clear()
            np.testing.assert_array_equal(way(embedder), matrix(TEXTS))
            assert set(asked) == set(TEXTS) - done
            refused = before


# ---- hanging ----


def waits_for_a_lock(texts: list[str]) -> Any:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def waits_for_an_event(texts: list[str]) -> Any:
    threading.Event().wait()


def waits_for_a_socket(texts: list[str]) -> Any:
    one, other = socket.socketpair()
    with one, other:
        one.recv(1)


async def waits_for_a_future(texts: list[str]) -> Any:
    await asyncio.get_running_loop().create_future()


def goes_on(texts: list[str]) -> Any:
    return (x for x in iter(lambda: time.sleep(0.001), 1) if x)


HANGING = [
    waits_for_a_lock, waits_for_an_event, waits_for_a_socket, 
    waits_for_a_future, goes_on,
]  # fmt: skip


def heard(work: Callable[[], Any]) -> float:
    """Return the seconds from SIGINT to KeyboardInterrupt, of the best of some tries."""
    waits = []
    for _ in range(3):
        sent: list[float] = []

        def send(sent: list[float] = sent) -> None:
            time.sleep(0.1)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=send)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            work()
        waits.append(time.monotonic() - sent[0])
        thread.join()
        if waits[-1] < 0.1:
            break
    return min(waits)


@pytest.mark.parametrize("spec", HANGING)
def test_an_interrupt_is_heard_while_an_embedder_hangs(spec: Any) -> None:
    assert heard(lambda: ask(spec)) < 0.1


def test_an_interrupt_is_heard_while_a_package_computes() -> None:
    go_on = threading.Event()

    class Computes:
        def encode(self, texts: list[str]) -> Any:
            while True:  # as foreign code does that lets no signal through
                try:
                    go_on.wait(60)
                    return matrix(texts)
                except KeyboardInterrupt:
                    continue

    Computes.__module__ = "sentence_transformers.SentenceTransformer"
    assert heard(lambda: ask(Computes())) < 0.1
    go_on.set()


@pytest.mark.parametrize("spec", [waits_for_an_event, waits_for_a_future, goes_on])
def test_a_call_has_no_more_than_its_time(spec: Any) -> None:
    embedder = rv.Embedder._of(open_foreign(spec, timeout=0.1))
    begun = time.monotonic()
    with pytest.raises(rv.EmbedError, match=r"gave no answer within 0\.1 s"):
        embedder.embed_batch(TEXTS)
    assert time.monotonic() - begun < 3
    quick = rv.Embedder._of(open_foreign(matrix, timeout=30))
    np.testing.assert_array_equal(quick.embed_batch(TEXTS), matrix(TEXTS))
    for wrong in (0, -1, "1", True):
        with pytest.raises(rv.InvalidArgument, match="timeout"):
            open_foreign(matrix, timeout=wrong)  # type: ignore[arg-type]


def test_texts_that_no_server_reads_are_named() -> None:
    with Scripted(embeds) as server:
        embedder = rv.Embedder.openai(server.url, "m", api_key="")
        with pytest.raises(rv.EmbedError, match="surrogate") as caught:
            embedder.embed_batch(["fine", "", "half \ud800"])
        assert caught.value.row == 2
        assert not server.asked
        odd = ["\x00", "‮right to left", "👩‍👩‍👧‍👦", "x" * 1_000_000]
        np.testing.assert_array_equal(embedder.embed_batch(odd), matrix(odd))
