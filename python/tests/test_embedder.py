"""Text becomes vectors by the installed model or the user's own; never by a stand-in."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import safetensors.numpy as safetensors

import ruvector as rv

TEXTS = [
    "The refund took three weeks to arrive",
    "Where do I change my password?",
    "Parcel arrived broken, please replace it",
    "Card was charged two times",
]


def _model_folder() -> Path:
    spec = importlib.util.find_spec("wordllama")
    if spec is None and sys.version_info >= (3, 14):
        pytest.skip("wordllama has no wheel for Python 3.14 and later; the lock leaves it out")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _by_hand(text: str) -> np.ndarray:
    """Return what the default model must give, from its two files in float64."""
    from tokenizers import Tokenizer

    folder = _model_folder()
    table = safetensors.load_file(folder / "weights/l2_supercat_256.safetensors")
    tokens = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    ids = tokens.encode(text, add_special_tokens=False).ids
    mean = table["embedding.weight"][ids].astype(np.float64).mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_the_default_model_is_the_mean_of_its_token_rows_at_length_one() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    matrix = embedder.encode([*TEXTS, "naïve café, 日本語 🙂", "x" * 5000])
    assert matrix.shape == (6, 256)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    for row, text in zip(matrix, TEXTS, strict=False):
        np.testing.assert_allclose(row, _by_hand(text), atol=2e-6)


def test_a_text_has_the_same_vector_alone_and_in_any_batch() -> None:
    embedder = rv.Embedder.from_pretrained()
    many = embedder.encode(TEXTS * 700)
    np.testing.assert_array_equal(many[: len(TEXTS)], many[-len(TEXTS) :])
    for row, text in zip(many, TEXTS, strict=False):
        np.testing.assert_array_equal(row, embedder.encode(text))
        np.testing.assert_array_equal(row, embedder(text))


def test_empty_texts_have_no_vector() -> None:
    embedder = rv.Embedder.from_pretrained()
    matrix = embedder.encode(["", "word", "  \n"])
    assert np.isnan(matrix).all(axis=1).tolist() == [True, False, True]
    assert embedder.encode([]).shape == (0, 256)
    with pytest.raises(rv.EmbedError, match="no text"):
        embedder.encode("")
    with pytest.raises(rv.EmbedError, match="row 1"):
        embedder.encode(["a", 3])  # type: ignore[list-item]


def test_the_default_model_says_where_its_vectors_come_from() -> None:
    embedder = rv.Embedder.from_pretrained("default")
    weights = (_model_folder() / "weights/l2_supercat_256.safetensors").read_bytes()
    assert embedder.provenance == {
        "embedder": "wordllama/l2_supercat_256",
        "dim": 256,
        "normalized": True,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "query_prefix": "",
        "document_prefix": "",
        "max_tokens": None,
        "pooling": "mean",
        "resolved": ["the package wordllama carries it"],
    }
    assert repr(embedder) == "Embedder('wordllama/l2_supercat_256')"
    assert rv.Embedder.from_pretrained("default") is embedder


def test_the_package_that_carries_the_model_is_not_imported() -> None:
    code = """
        import sys
        import ruvector as rv
        rv.Embedder.from_pretrained("default").encode("a word")
        assert "wordllama" not in sys.modules
        assert "pandas" not in sys.modules and "polars" not in sys.modules
    """
    _run(code)


@pytest.mark.parametrize("missing", ["wordllama", "tokenizers"])
def test_a_missing_model_names_the_pip_line(missing: str) -> None:
    code = f"""
        import sys
        sys.modules[{missing!r}] = None
        import importlib.util
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *a: None if name == {missing!r} else find(name, *a)
        import ruvector as rv
        try:
            rv.Embedder.from_pretrained("default")
        except rv.MissingExtra as error:
            assert {missing!r} in str(error), error
            assert "pip install 'ruvector-arrow[text]'" in str(error), error
            assert error.pip == "pip install 'ruvector-arrow[text]'"
            assert isinstance(error, ImportError)
        else:
            raise AssertionError("nothing was missed")
    """
    _run(code)


def test_python_3_14_is_given_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from ruvector._text.registry import wheels

    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert "no wheel for Python 3.14" in str(wheels._missing("wordllama"))


def _run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# ---- the user's own ----


def _letters(texts: list[str]) -> np.ndarray:
    """Count letters: a model small enough to know its answers."""
    return np.array([[text.count(c) for c in "abcdefgh"] for text in texts], np.float64)


class Encoder:
    """A model with an encode method, as sentence-transformers has."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        return _letters(texts).tolist()


@pytest.mark.parametrize("spec", [_letters, Encoder()], ids=["callable", "object"])
def test_callables_and_objects_with_encode_are_embedders(spec: object) -> None:
    embedder = rv.Embedder.from_pretrained(spec)
    assert embedder.dim == 8
    assert embedder.encode(["abba", "hah"]).tolist() == _letters(["abba", "hah"]).tolist()
    assert embedder.encode("abba").dtype == np.float32
    assert embedder.provenance["sha256"] is None
    assert rv.Embedder.from_pretrained(embedder) is embedder
    frame = pd.DataFrame({"word": ["abba", "head", "cab"]})
    hits = frame.ruvector.search("abba", text="word", embedder=spec, k=1)
    assert hits["word"].tolist() == ["abba"]


@pytest.mark.parametrize("spec", [3, None, "potion", object()])
def test_what_is_no_embedder_is_refused(spec: object) -> None:
    with pytest.raises(rv.EmbedError):
        rv.Embedder.from_pretrained(spec)


@pytest.mark.parametrize(
    "answer",
    [
        lambda texts: np.ones((1, 3)),
        lambda texts: np.ones(3),
        lambda texts: ["x"] * len(texts),
        lambda texts: None,
    ],
)
def test_an_embedder_that_answers_nonsense_is_named(answer: object) -> None:
    with pytest.raises(rv.EmbedError, match="embedder"):
        rv.Embedder.from_pretrained(answer).encode(["a", "b"])


def test_errors_of_the_users_embedder_pass_through() -> None:
    def broken(texts: list[str]) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        rv.Embedder.from_pretrained(broken).encode(["a"])


# ---- frames of text ----


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("name", ["on", "text"])
def test_a_text_column_is_searched_in_one_line(library: str, name: str) -> None:
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library](
        {"id": [71, 72, 73, 74, 75, 76], "body": [*TEXTS, None, ""]}
    )
    hits = rv.search(frame, "how do I reset my login", k=9, **{name: "body"})
    assert type(hits) is type(frame)
    assert hits["id"][next(iter(hits.index)) if library == "pandas" else 0] in (72, pa.scalar(72))
    assert len(hits) == 4
    plan = rv.last_plan()
    assert plan is not None
    assert plan.null_rows == 2


def test_a_batch_of_texts_brings_its_texts_along() -> None:
    questions = ["money back", "login"]
    frame = pd.DataFrame({"body": TEXTS})
    for query in (questions, tuple(questions), np.array(questions), pd.Series(questions)):
        hits = frame.ruvector.search(query, text="body", k=2)
        assert list(hits.columns) == ["body", "query_row", "query", "rank", "cosine_similarity"]
        assert hits["query"].tolist() == ["money back"] * 2 + ["login"] * 2
    hits = pl.DataFrame({"body": TEXTS}).ruvector.search(pl.Series(questions), text="body", k=1)
    assert hits["query"].to_list() == questions
    hits = rv.search(pa.table({"body": TEXTS}), pa.array(questions), text="body", k=1)
    assert hits["query"].to_pylist() == questions
    similar = frame.ruvector.search(frame.iloc[:2], text="body", k=1)
    assert similar["body"].tolist() == TEXTS[:2]


def test_text_queries_of_vectors_of_unknown_origin_name_the_embedder() -> None:
    frame = pd.DataFrame({"emb": list(rv.Embedder.from_pretrained().encode(TEXTS))})
    with pytest.raises(rv.EmbedError, match="embedder="):
        frame.ruvector.search("password")
    assert frame.ruvector.search("password", k=1, embedder="default").index.tolist() == [1]
    with rv.config(embedder="default"):
        assert frame.ruvector.search("password", k=1).index.tolist() == [1]
    with pytest.raises(rv.DimensionMismatch, match=r"8 dimensions .*_letters.* 256"):
        frame.ruvector.search("password", embedder=_letters)


def test_text_queries_that_are_no_text_are_refused() -> None:
    frame = pd.DataFrame({"body": TEXTS})
    with pytest.raises(rv.EmbedError, match="no text"):
        frame.ruvector.search("  ", text="body")
    with pytest.raises(rv.EmbedError, match="query 1"):
        frame.ruvector.search(["password", ""], text="body")
    with pytest.raises(rv.InvalidVector, match="row 1"):
        frame.ruvector.search(["password", None], text="body")
    with pytest.raises(rv.ColumnError, match="int64"):
        pd.DataFrame({"n": [1, 2]}).ruvector.search("x", text="n")
    with pytest.raises(rv.ColumnError, match="search vectors with on="):
        pd.DataFrame({"v": [np.ones(3)]}).ruvector.search("x", text="v")


def test_an_index_of_text_remembers_its_embedder() -> None:
    frame = pd.DataFrame({"body": [*TEXTS, None]})
    index = frame.ruvector.build_index(text="body")
    assert index.search("login password", 1).ids.tolist() == [1]
    assert index.search(["login password", "refund"], 1).ids.tolist() == [[1], [0]]
    assert frame.ruvector.search("login password", k=1, index=index).index.tolist() == [1]
    assert index.search("refund", 9).plan.null_rows == 1
    frame["emb"] = list(np.eye(5, 256, dtype=np.float32))
    assert frame.ruvector.search("login password", k=1, index=index).index.tolist() == [1]
    frame = frame.drop(columns="emb")
    mine = frame.ruvector.build_index(text="body", embedder=_letters)
    assert mine.dim == 8
    assert frame.ruvector.search("card", k=1, index=mine).shape == (1, 2)


def test_a_saved_index_of_text_remembers_its_embedder(tmp_path: Path) -> None:
    frame = pd.DataFrame({"body": TEXTS})
    index = frame.ruvector.build_index(text="body")
    assert '"column": "body"' in index.info()["provenance"]
    index.save(tmp_path / "x.rvx", vectors=True)
    for again in (rv.Index.load(tmp_path / "x.rvx"), pickle.loads(pickle.dumps(index))):
        assert again.search("login password", 1).ids.tolist() == [1]
        hits = frame.ruvector.search("login password", k=1, index=again)
        assert hits.index.tolist() == [1]
    mine = frame.ruvector.build_index(text="body", embedder=_letters)
    with pytest.raises(rv.EmbedError, match="_letters"):
        pickle.loads(pickle.dumps(mine)).search("login")


def test_an_index_of_other_weights_of_the_model_is_refused() -> None:
    from ruvector._text.recalled import recall_origin

    embedder = rv.Embedder.from_pretrained()
    origin = embedder.made().to_json()
    assert recall_origin(origin) is embedder
    other = origin.replace(embedder.provenance["sha256"], "0" * 64)
    with pytest.raises(rv.EmbedError, match=f"weights 0000.*{embedder.provenance['sha256'][:16]}"):
        recall_origin(other)
    with pytest.raises(rv.EmbedError, match="by hand"):
        recall_origin("by hand")


def test_a_column_is_embedded_once_and_again_when_it_changes() -> None:
    encoder = Encoder()
    frame = pd.DataFrame({"word": ["abba", "head", "cab"]})
    for _ in range(3):
        frame.ruvector.search("abba", text="word", embedder=encoder)
    assert encoder.calls == 1 + 3  # the column once, the query each time
    frame.loc[0, "word"] = "fee"
    hits = frame.ruvector.search("abba", text="word", embedder=encoder, k=1)
    assert hits["word"].tolist() == ["cab"]
    assert encoder.calls == 4 + 2
    frame.ruvector.search("abba", text="word", embedder=Encoder())
    assert encoder.calls == 6


def test_categories_of_text_are_text() -> None:
    frame = pd.DataFrame({"body": pd.Categorical([*TEXTS, TEXTS[0]])})
    hits = frame.ruvector.search("refund", text="body", k=2)
    assert sorted(hits.index) == [0, 4]
    polars = pl.DataFrame({"body": TEXTS}).cast(pl.Categorical)
    assert polars.ruvector.search("refund", text="body", k=1)["body"].to_list() == [TEXTS[0]]
