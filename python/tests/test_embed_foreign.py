"""Whatever people embed with is taken as it is: its sides, its name, its forms of an answer."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from scripted_server import matrix, vector

import ruvector as rv

TEXTS = ["one", "two", "three"]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


def opened(spec: Any) -> rv.Embedder:
    return rv.Embedder.from_pretrained(spec)


# ---- LangChain ----


class TwoSided(Embeddings):
    """Documents and queries differ."""

    model = "sides-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return matrix(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return vector("query: " + text).tolist()


def test_embeddings_of_langchain_have_two_sides() -> None:
    embedder = opened(TwoSided())
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), matrix(TEXTS))
    np.testing.assert_array_equal(embedder.embed("one"), vector("one"))
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("query: one"))
    assert embedder.id == "test_embed_foreign.TwoSided(sides-1)"
    frame = pd.DataFrame({"t": [*TEXTS, "query: two"]})
    assert rv.search(frame, "two", text="t", embedder=TwoSided(), k=1)["t"].tolist() == [
        "query: two"
    ]


def test_the_fake_embeddings_of_langchain_are_taken_as_they_are() -> None:
    fake = DeterministicFakeEmbedding(size=384)
    embedder = opened(fake)
    assert embedder.dim == 384
    want = np.array(fake.embed_documents(TEXTS), np.float32)
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), want)
    frame = pd.DataFrame({"t": TEXTS})
    hit = rv.search(frame, "two", text="t", embedder=fake, k=1)
    assert hit["t"].tolist() == ["two"]
    index = rv.build_index(frame, text="t", embedder=fake)
    assert index.search("three", 1).ids.tolist() == [2]
    assert embedder.id.endswith("DeterministicFakeEmbedding")
    assert embedder.key == opened(fake).key != opened(DeterministicFakeEmbedding(size=384)).key


def test_asynchronous_methods_alone_are_enough() -> None:
    class Awaited:
        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            await asyncio.sleep(0)
            return matrix(texts).tolist()

        async def aembed_query(self, text: str) -> list[float]:
            return vector("query: " + text).tolist()

    embedder = opened(Awaited())
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), matrix(TEXTS))
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("query: one"))


# ---- sentence-transformers, and packages like it ----


class Tensor:
    """A tensor as torch has them: on some device, needing gradients, of some type."""

    def __init__(self, numbers: Any, steps: tuple[str, ...] = (), dtype: str = "float32") -> None:
        self._numbers = np.asarray(numbers)
        self._steps = steps
        self.dtype = f"torch.{dtype}"

    def detach(self) -> Tensor:
        return Tensor(self._numbers, (*self._steps, "detach"), self.dtype[6:])

    def cpu(self) -> Tensor:
        return Tensor(self._numbers, (*self._steps, "cpu"), self.dtype[6:])

    def float(self) -> Tensor:
        return Tensor(self._numbers, self._steps)

    def __len__(self) -> int:
        return len(self._numbers)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self._steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._numbers


class Normalize:
    pass


class SentenceModel:
    """Has what a model of sentence-transformers has, before version 5."""

    max_seq_length = 128
    default_prompt_name = None

    def __init__(self, prompts: dict[str, str]) -> None:
        self.prompts = prompts
        self._modules = {"0": object(), "1": Normalize()}
        self.model_card_data = type("Card", (), {"base_model": "intfloat/e5-small"})()
        self.options: list[dict[str, Any]] = []

    def get_sentence_embedding_dimension(self) -> int:
        return 8

    def encode(
        self,
        sentences: list[str],
        prompt: str | None = None,
        show_progress_bar: bool | None = None,
        convert_to_numpy: bool = True,
    ) -> Any:
        self.options.append({"bar": show_progress_bar, "numpy": convert_to_numpy})
        return matrix([(prompt or "") + text for text in sentences])


def test_prompts_of_sentence_transformers_are_its_sides() -> None:
    model = SentenceModel({"query": "query: ", "passage": "passage: "})
    embedder = opened(model)
    assert embedder.dim == 8
    assert not model.options, "nothing is embedded to know what the model says"
    np.testing.assert_array_equal(
        embedder.embed_batch(TEXTS), matrix([f"passage: {t}" for t in TEXTS])
    )
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("query: one"))
    assert model.options == [{"bar": False, "numpy": True}] * 2
    facts = embedder.provenance
    assert embedder.id == "test_embed_foreign.SentenceModel(intfloat/e5-small)"
    assert (facts["query_prefix"], facts["document_prefix"]) == ("query: ", "passage: ")
    assert (facts["max_tokens"], facts["normalized"]) == (128, True)


def test_sides_that_are_methods_win_over_prompts() -> None:
    class Newer(SentenceModel):
        def encode_query(self, sentences: list[str]) -> Any:
            return matrix(["Q" + text for text in sentences])

        def encode_document(self, sentences: list[str]) -> Any:
            return matrix(["D" + text for text in sentences])

    embedder = opened(Newer({}))
    np.testing.assert_array_equal(embedder.embed("one"), vector("Done"))
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("Qone"))


def test_a_model_without_prompts_has_one_side() -> None:
    embedder = opened(SentenceModel({"query": "", "document": ""}))
    assert embedder.key == embedder.query_key
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("one"))


FORMS = {
    "tensor": Tensor,
    "tensor of bfloat16": lambda found: Tensor(found, dtype="bfloat16"),
    "list of tensors": lambda found: [Tensor(row) for row in found],
    "generator": lambda found: (row for row in found),
    "generator of lists": lambda found: (row.tolist() for row in found),
    "lists": lambda found: found.tolist(),
    "float64": lambda found: found.astype(np.float64),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_may_have_any_form(form: str) -> None:
    found = opened(lambda texts: FORMS[form](matrix(texts))).embed_batch(TEXTS)
    np.testing.assert_array_equal(found, matrix(TEXTS))
    assert found.flags.writeable and found.dtype == np.float32


def test_fastembed_gives_generators_and_has_two_sides() -> None:
    class TextEmbedding:
        model_name = "BAAI/bge-small-en-v1.5"

        def embed(self, documents: list[str], batch_size: int = 256) -> Iterator[np.ndarray]:
            yield from matrix(documents)

        def query_embed(self, query: list[str]) -> Iterator[np.ndarray]:
            yield from matrix(["query: " + text for text in query])

    embedder = opened(TextEmbedding())
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), matrix(TEXTS))
    np.testing.assert_array_equal(embedder.embed_query("one"), vector("query: one"))
    assert embedder.id.endswith("TextEmbedding(BAAI/bge-small-en-v1.5)")


def test_a_model_of_model2vec_is_taken_as_it_is() -> None:
    pytest.importorskip("model2vec")
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[UNK]": 0, "one": 1, "two": 2, "three": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)
    model = StaticModel(table, tokenizer, normalize=True)
    embedder = opened(model)
    assert embedder.dim == 6
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), model.encode(TEXTS))
    assert embedder.provenance["normalized"] is True
    assert embedder.id.startswith("model2vec.model.StaticModel")


# ---- callables ----


async def awaited(texts: list[str]) -> Any:
    await asyncio.sleep(0)
    return matrix(texts)


async def awaited_rows(texts: list[str]) -> Any:
    for text in texts:
        yield vector(text)


class Called:
    async def __call__(self, texts: list[str]) -> Any:
        return matrix(texts)


@pytest.mark.parametrize(
    "spec",
    [
        awaited,
        awaited_rows,
        Called(),
        functools.partial(awaited),
        lambda texts: awaited(texts),
        lambda texts: awaited_rows(texts),
    ],
    ids=["function", "generator", "object", "partial", "answer", "answer that is a generator"],
)
def test_coroutine_functions_are_embedders_with_and_without_a_loop(spec: Any) -> None:
    np.testing.assert_array_equal(opened(spec).embed_batch(TEXTS), matrix(TEXTS))

    async def in_a_notebook() -> Any:
        return opened(spec).embed_batch(TEXTS), await opened(spec).embed_batch_async(TEXTS)

    for found in asyncio.run(in_a_notebook()):
        np.testing.assert_array_equal(found, matrix(TEXTS))
    frame = pd.DataFrame({"t": TEXTS})
    assert rv.search(frame, "two", text="t", embedder=spec, k=1)["t"].tolist() == ["two"]


def test_the_loop_of_coroutines_is_one_thread_started_with_the_first() -> None:
    seen = set()

    async def where(texts: list[str]) -> Any:
        seen.add((threading.current_thread().name, id(asyncio.get_running_loop())))
        return matrix(texts)

    embedder = opened(where)
    for _ in range(3):
        embedder.embed("one")
    assert len(seen) == 1
    assert next(iter(seen))[0] == "ruvector-embed"


def test_a_coroutine_that_would_wait_for_itself_is_an_error() -> None:
    inner = opened(awaited)

    async def nested(texts: list[str]) -> Any:
        return inner.embed_batch(texts)

    with pytest.raises(rv.EmbedError, match=r"await embedder\.embed_batch_async"):
        opened(nested).embed_batch(TEXTS)
    # In the caller's own loop ours is free.
    found = asyncio.run(opened(nested).embed_batch_async(TEXTS))
    np.testing.assert_array_equal(found, matrix(TEXTS))


def test_a_callable_is_called_on_the_thread_that_asks() -> None:
    seen = []

    def mine(texts: list[str]) -> Any:
        seen.append(threading.current_thread())
        return matrix(texts)

    opened(mine).embed_batch(TEXTS)
    assert seen == [threading.current_thread()]


@pytest.mark.parametrize("spec", [TwoSided, object(), 7, b"bytes", ["list"], {}])
def test_what_is_no_embedder_is_refused_by_name(spec: Any) -> None:
    with pytest.raises(rv.EmbedError, match=r"is a class|is neither callable nor has encode"):
        opened(spec)


def test_attributes_that_say_nothing_make_no_name() -> None:
    for model in ("", "a\nb", "x" * 300, 7, None):

        class Odd:
            def encode(self, texts: list[str]) -> Any:
                return matrix(texts)

        odd = Odd()
        odd.model_name = model  # type: ignore[attr-defined]
        assert opened(odd).id.endswith("Odd")
