"""Rerankers of every make, as they are: the real packages where they can run here."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from flashrank import Ranker
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import ruvector as rv
from ruvector._text.awaited import awaited
from ruvector._text.rerankers import ask, scorer_of

QUERY = "red fast car"
TEXTS = ["a slow blue bus", "the red bus", "car fast red", "fast car", "an old tree", "red red red"]
SHARED = [0.0, 1.0, 3.0, 2.0, 0.0, 3.0]  # pairs of equal words
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MODEL = "ms-marco-TinyBERT-L-2-v2"


def shared(query: str, text: str) -> float:
    """Return how many pairs of equal words a query and a text have."""
    return float(sum(text.split().count(word) for word in query.split()))


def plain(query: str, texts: list[str]) -> list[float]:
    return [shared(query, text) for text in texts]


def asked(reranker: Any, query: str = QUERY, texts: Sequence[str] = TEXTS) -> list[float]:
    """Return the scores of texts in rows 10, 11, ..."""
    rows = np.arange(10, 10 + len(texts))
    return ask(scorer_of(reranker), query, list(texts), rows, at=2, column="body").tolist()


def _write_cross_encoder(folder: Path) -> None:
    """Write a model that counts equal words of its two texts, as flashrank keeps its own."""
    words = sorted({word for text in [QUERY, *TEXTS] for word in text.split()})
    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, told in {
        "config.json": {"pad_token_id": 0},
        "tokenizer_config.json": {"model_max_length": 64, "pad_token": "[PAD]"},
        "special_tokens_map.json": {"pad_token": "[PAD]", "unk_token": "[UNK]"},
    }.items():
        (folder / name).write_text(json.dumps(told))
    ids, types = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"])
        for name in ("input_ids", "token_type_ids")
    )
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["n", "t"])
    node, constant = helper.make_node, helper.make_tensor
    initial = [
        constant("first", TensorProto.INT64, [1], [2]),
        constant("second", TensorProto.INT64, [1], [1]),
        constant("both", TensorProto.INT64, [2], [1, 2]),
        constant("least", TensorProto.INT64, [1], [len(SPECIAL)]),
        constant("one", TensorProto.INT64, [1], [1]),
        constant("last", TensorProto.INT64, [1], [1]),
    ]
    nodes = [
        node("GreaterOrEqual", ["input_ids", "least"], ["word"]),
        node("Equal", ["token_type_ids", "one"], ["in_text"]),
        node("Not", ["in_text"], ["in_query"]),
        node("And", ["word", "in_query"], ["query_word"]),
        node("And", ["word", "in_text"], ["text_word"]),
        node("Unsqueeze", ["input_ids", "first"], ["left"]),
        node("Unsqueeze", ["input_ids", "second"], ["right"]),
        node("Equal", ["left", "right"], ["equal"]),
        node("Unsqueeze", ["query_word", "first"], ["of_query"]),
        node("Unsqueeze", ["text_word", "second"], ["of_text"]),
        node("And", ["of_query", "of_text"], ["pair"]),
        node("And", ["equal", "pair"], ["shared"]),
        node("Cast", ["shared"], ["counts"], to=TensorProto.FLOAT),
        node("ReduceSum", ["counts", "both"], ["total"], keepdims=0),
        node("Unsqueeze", ["total", "last"], ["logits"]),
    ]
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "shared", [ids, mask, types], [out], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "flashrank-TinyBERT-L-2-v2.onnx"))


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    """Return flashrank's own class over a model of ours."""
    folder = tmp_path_factory.mktemp("flashrank")
    _write_cross_encoder(folder / MODEL)
    return Ranker(MODEL, cache_dir=str(folder), log_level="WARNING")


def test_flashrank_scores_every_text_in_its_place(ranker: Ranker) -> None:
    assert asked(ranker) == pytest.approx(1 / (1 + np.exp(-np.array(SHARED))), abs=1e-6)


def test_flashrank_is_asked_for_some_texts_at_a_time(
    ranker: Ranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def counted(request: Any) -> Any:
        seen.append(len(request.passages))
        return Ranker.rerank(ranker, request)

    monkeypatch.setattr(ranker, "rerank", counted)
    many = TEXTS * 25
    want = 1 / (1 + np.exp(-np.array(SHARED * 25)))
    assert asked(ranker, texts=many) == pytest.approx(want, abs=1e-6)
    assert seen == [64, 64, 22]


def test_flashrank_that_lists_without_scores_gives_an_order(
    ranker: Ranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writes:
        """A language model that answers with numbers of passages."""

        said = "[3] > [6] > [4] > [2] > [1] > [5]"

        def create_chat_completion(self, messages: Any) -> Any:
            return {"choices": [{"message": {"content": self.said}}]}

    monkeypatch.setattr(ranker, "llm_model", Writes())
    scores = asked(ranker)
    assert np.argsort(-np.array(scores)).tolist() == [2, 5, 3, 1, 0, 4]
    monkeypatch.setattr(Writes, "said", "[3] > [6]")
    with pytest.raises(rv.InvalidArgument, match="for 4 of 6 texts, first for row 10"):
        asked(ranker)
    monkeypatch.setattr(Writes, "said", "[3] > [3] > [1]")
    with pytest.raises(rv.InvalidArgument, match="for every text, once"):
        asked(ranker)


def test_flashrank_reranks_frames(ranker: Ranker) -> None:
    frame = pd.DataFrame({"body": TEXTS, "emb": list(np.eye(6, 4, dtype=np.float32) + 0.1)})

    def embed(texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 4))

    answer = rv.search(frame, QUERY, on="emb", k=3, reranker=ranker, embedder=embed)
    assert sorted(answer["body"][:2]) == ["car fast red", "red red red"]
    assert answer["body"].iloc[2] == "fast car"
    assert answer["rerank_score"].is_monotonic_decreasing


class OfOnesOwn:
    """The protocol itself."""

    def rerank(self, query: str, texts: list[str]) -> list[float]:
        return plain(query, texts)


class Pairs(BaseCrossEncoder):
    """LangChain's interface of cross-encoders."""

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        return [shared(*pair) for pair in text_pairs]


class Compressor(BaseDocumentCompressor):
    """LangChain's interface of rerankers, such as that of Cohere's."""

    scored: bool = True
    top_n: int | None = None

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        best = sorted(documents, key=lambda one: -shared(query, one.page_content))
        for one in best if self.scored else ():
            one.metadata["relevance_score"] = shared(query, one.page_content)
        return best[: self.top_n]


class Result:
    """As of the package ``rerankers``."""

    def __init__(self, doc_id: int, score: float | None, rank: int) -> None:
        self.doc_id, self.score, self.rank = doc_id, score, rank


class Results:
    """As of the package ``rerankers``: iterable, best first."""

    def __init__(self, scored: bool = True) -> None:
        self.scored = scored

    def rank(self, query: str, docs: list[str]) -> Any:
        order = sorted(range(len(docs)), key=lambda at: -shared(query, docs[at]))
        return (
            Result(at, shared(query, docs[at]) if self.scored else None, place)
            for place, at in enumerate(order, 1)
        )


class WithNumpyPlaces:
    """Records whose places are NumPy's."""

    def rank(self, query: str, documents: list[str]) -> Any:
        scores = plain(query, documents)
        order = np.argsort(scores)
        return [{"corpus_id": at, "score": np.float32(scores[at]), "text": "x"} for at in order]


async def in_time(query: str, texts: list[str]) -> list[float]:
    await asyncio.sleep(0.001)
    return plain(query, texts)


class Awaits:
    """The protocol with a coroutine."""

    async def rerank(self, query: str, texts: list[str]) -> np.ndarray:
        return np.array(await in_time(query, texts))


class AwaitsPairs:
    """``predict`` with a coroutine."""

    async def predict(self, pairs: list[tuple[str, str]]) -> list[float]:
        return [shared(*pair) for pair in pairs]


class AwaitsRecords:
    """``rank`` with a coroutine."""

    async def rank(self, query: str, documents: list[str]) -> Any:
        return WithNumpyPlaces().rank(query, documents)


@pytest.mark.parametrize(
    "reranker",
    [
        OfOnesOwn(), OfOnesOwn().rerank, plain, Pairs(), Compressor(), Results(), WithNumpyPlaces(),
        in_time, Awaits(), AwaitsPairs(), AwaitsRecords(),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)  # fmt: skip
def test_every_make_gives_the_scores_of_the_plain_model(reranker: Any) -> None:
    assert asked(reranker) == SHARED
    assert asked(reranker, texts=["red"]) == [1.0]


@pytest.mark.parametrize("reranker", [Compressor(scored=False), Results(scored=False)])
def test_an_order_without_scores_is_an_order(reranker: Any) -> None:
    assert np.argsort(-np.array(asked(reranker))).tolist()[:4] == [2, 5, 3, 1]


def test_a_compressor_that_keeps_the_best_alone_is_told_to_keep_all() -> None:
    with pytest.raises(rv.InvalidArgument, match="returned 3 of 6 documents; give it a top_n of"):
        asked(Compressor(top_n=3))
    assert asked(Compressor(top_n=6)) == SHARED


def test_rerank_goes_before_predict_and_rank() -> None:
    class Many(OfOnesOwn):
        def predict(self, pairs: Any) -> Any:
            raise AssertionError

        rank = predict

    assert asked(Many()) == SHARED


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"corpus_id": 9, "score": 1.0}], "for every text, once"),
        ([{"corpus_id": -1, "score": 1.0}], "for every text, once"),
        ([{"corpus_id": 0, "score": 1.0}] * 2, "for every text, once"),
        ([{"corpus_id": "0", "score": 1.0}], "for every text, once"),
        ([{"corpus_id": 0}], "'corpus_id' and 'score'"),
        ([{"corpus_id": 0, "score": "high"}], "cannot be read|not numbers"),
        ([{"corpus_id": 0, "score": None}], "no number .* for 6 of 6 texts"),
        ([], "shape"),
        (None, "cannot be read|shape"),
        ("abcdef", "cannot be read|not numbers"),
    ],
)
def test_records_that_name_no_text_are_refused(records: Any, says: str) -> None:
    class Ranks:
        def rank(self, query: str, documents: list[str]) -> Any:
            return records

    with pytest.raises(rv.InvalidArgument, match=says):
        asked(Ranks())


def test_errors_name_query_row_and_text() -> None:
    def bad(query: str, texts: list[str]) -> Any:
        return [1.0, 2.0, float("nan"), 0.0, None, 1.0]

    with pytest.raises(rv.InvalidArgument) as caught:
        asked(bad)
    assert caught.value.row == 12
    said = str(caught.value)
    assert "query 2 ('red fast car')" in said and "row 12 ('car fast red')" in said
    assert "2 of 6 texts" in said

    async def fails(query: str, texts: list[str]) -> Any:
        raise ConnectionError("the model has gone")

    with pytest.raises(ConnectionError, match="has gone") as raised:
        asked(fails)
    note = raised.value.__notes__[0]
    assert "reranker=fails, query 2 ('red fast car')" in note
    assert "6 texts of column 'body', the first that of row 10 ('a slow blue bus')" in note


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 1_000_000, "\u202eabc", "👩‍👩‍👧"])
def test_hostile_texts_reach_the_reranker_as_they_are(text: str) -> None:
    seen: list[str] = []

    def sees(query: str, texts: list[str]) -> list[int]:
        seen.extend([query, *texts])
        return [len(one) for one in texts]

    assert asked(sees, text, [text, "b"]) == [float(len(text)), 1.0]
    assert seen == [text, text, "b"]

    def bad(query: str, texts: list[str]) -> list[float]:
        return [float("nan")] * len(texts)

    with pytest.raises(rv.InvalidArgument) as caught:
        asked(bad, text, [text])
    assert len(str(caught.value)) < 600, "an error shows a part of a long text"


def test_a_reranker_cannot_change_what_is_scored() -> None:
    texts = list(TEXTS)

    def clears(query: str, given: list[str]) -> list[float]:
        scores = plain(query, given)
        given.clear()
        return scores

    assert asked(clears, texts=texts) == SHARED and texts == TEXTS


def test_unknown_names_list_those_there_are() -> None:
    with pytest.raises(rv.InvalidArgument, match="by name there are 'exact', 'mmr', 'rrf'"):
        scorer_of("flashrank")
    with pytest.raises(rv.InvalidArgument, match="is a class"):
        scorer_of(Ranker)


def test_coroutines_are_awaited_beside_a_running_loop() -> None:
    async def notebook() -> list[float]:
        return asked(in_time)

    assert asyncio.run(notebook()) == SHARED


def test_every_coroutine_is_awaited_on_one_loop_with_the_callers_context() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    async def where() -> tuple[int, str]:
        return id(asyncio.get_running_loop()), name.get()

    name.set("caller")
    first, second = awaited(where()), awaited(where())
    assert first == second and first[1] == "caller"


def test_what_a_coroutine_raises_comes_out_as_it_is() -> None:
    async def late() -> None:
        raise TimeoutError("the server is slow")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(TimeoutError, match="the server is slow"):
        awaited(late())
    with pytest.raises(asyncio.CancelledError):
        awaited(cancelled())


def test_an_interrupt_cancels_what_is_awaited() -> None:
    ended = threading.Event()

    async def hangs(query: str, texts: list[str]) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    timer = threading.Timer(0.05, os.kill, (os.getpid(), 2))
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        asked(hangs)
    assert time.perf_counter() - begin < 5
    assert ended.wait(5), "it was cancelled, not left behind"
    timer.join()
    assert asked(in_time) == SHARED
