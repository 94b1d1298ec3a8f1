"""Static models give what their own packages give, from any layout; damaged files are named."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import model_folders
import numpy as np
import pytest
from model_folders import TEXTS, WORDS, byte_pairs, files_of, static_folder, unigram, wordpiece

import ruvector as rv
from ruvector._text.kinds.static import open_static
from ruvector._text.kinds.tensors import Tensors
from ruvector._text.model import Files, Model

SEED = 16
# Of texts of thousands of tokens the packages' own float32 sums are off by 1e-5: what is compared
# there is what they give for the same table in float64.
LONG = " ".join(f"{WORDS[i * 7 % 17]} {'zzz' if i % 5 == 0 else 'cat'}" for i in range(700))
SHORT = [*TEXTS, "the\x00dog", "\u05e9\u05dc\u05d5\u05dd the", "👩‍👩‍👧 dog"]
ALL = [*SHORT, LONG, "x" * 3000]


def encode(model: Model, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return model.encode(texts, bool, False)


def table_of(tokenizer: Any, dtype: str = "float32", dim: int = 24) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    table = rng.normal(size=(tokenizer.get_vocab_size(), dim))
    return (40 * table).clip(-128, 127).astype(dtype) if dtype == "int8" else table.astype(dtype)


TOKENIZERS = {"wordpiece": wordpiece, "unigram": unigram, "byte pairs": byte_pairs}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8"])
@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("normalize", [True, False])
def test_a_model2vec_folder_gives_what_model2vec_gives(
    tmp_path: Path, dtype: str, kind: str, normalize: bool
) -> None:
    from model2vec import StaticModel

    tokenizer = TOKENIZERS[kind]()
    config = {"normalize": normalize, "seq_length": 1_000_000}
    files = static_folder(tmp_path, tokenizer, config, embeddings=table_of(tokenizer, dtype))
    model = open_static(files)
    matrix, valid = encode(model, SHORT)
    theirs = StaticModel.from_pretrained(tmp_path).encode(SHORT).astype(np.float64)
    # They round to the table's type, which of float16 is 2**-11 of a number.
    near = {"rtol": 2**-10, "atol": 2e-4} if dtype == "float16" else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(matrix, theirs, **near)
    assert (valid | ~theirs.any(axis=1)).all()
    assert (model.dim, model.normalized, model.max_tokens) == (24, normalize, 512)


@pytest.mark.parametrize("extra", ["weights", "mapping", "both", "float64 weights"])
def test_weights_and_mappings_of_tokens_are_used(tmp_path: Path, extra: str) -> None:
    from model2vec import StaticModel

    tokenizer, rng = wordpiece(), np.random.default_rng(SEED)
    size = tokenizer.get_vocab_size()
    tensors: dict[str, np.ndarray] = {"embeddings": table_of(tokenizer, "float64")}
    if extra in ("mapping", "both"):
        tensors["embeddings"] = tensors["embeddings"][:11]
        tensors["mapping"] = rng.integers(0, 11, size)
    if extra != "mapping":
        dtype = np.float64 if "64" in extra else np.float32
        tensors["weights"] = rng.normal(size=size).astype(dtype)
    model = open_static(static_folder(tmp_path, tokenizer, {"normalize": False}, **tensors))
    theirs = StaticModel.from_pretrained(tmp_path).encode(ALL)
    np.testing.assert_allclose(encode(model, ALL)[0], theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("most", [1, 3, 40, None])
def test_texts_are_cut_as_model2vec_cuts_them(tmp_path: Path, most: int | None) -> None:
    from model2vec import StaticModel

    for kind, make in TOKENIZERS.items():
        folder = tmp_path / kind
        config = {"normalize": False, "max_length": most}
        files = static_folder(folder, make(), config, embeddings=table_of(make(), "float64"))
        model = open_static(files)
        theirs = StaticModel.from_pretrained(folder).encode(ALL)
        np.testing.assert_allclose(encode(model, ALL)[0], theirs, rtol=1e-6, atol=1e-6)
        assert model.max_tokens == most


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    single = table_of(tokenizer)
    half = (single.view(np.uint32) >> 16).astype(np.uint16)
    header = {
        "embeddings": {"dtype": "BF16", "shape": list(half.shape), "data_offsets": [0, half.nbytes]}
    }
    files = static_folder(tmp_path, tokenizer, {}, embeddings=single)
    Path(files.weights).write_bytes(model_folders.safetensors_bytes(header, half.tobytes()))
    got, _ = encode(open_static(files), ALL)
    exact = (half.astype(np.uint32) << 16).view(np.float32)
    want, _ = encode(open_static(static_folder(tmp_path, tokenizer, {}, embeddings=exact)), ALL)
    np.testing.assert_array_equal(got, want)


def test_the_wordllama_table_gives_what_wordllama_gives() -> None:
    spec = importlib.util.find_spec("wordllama")
    if spec is None:
        pytest.skip("wordllama has no wheel for this Python; the lock leaves it out")
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    weights = folder / "weights/l2_supercat_256.safetensors"
    config = folder / "tokenizers/l2_supercat_tokenizer_config.json"
    theirs = WordLlamaInference(
        load_file(weights)["embedding.weight"], Tokenizer.from_file(str(config))
    )
    for normalize in (True, False):
        files = Files(str(folder), str(weights), str(config), {"normalize": normalize})
        model = open_static(files)
        matrix, valid = encode(model, SHORT)
        np.testing.assert_allclose(matrix, theirs.embed(SHORT, norm=normalize), atol=1e-6)
        assert valid.all()
        assert model.normalized is normalize


def test_a_text_has_one_vector_in_any_batch_and_a_blank_one_has_none(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table_of(tokenizer))
    model = open_static(files)
    alone = np.concatenate([encode(model, [text])[0] for text in ALL])
    order = np.random.default_rng(SEED).permutation(np.arange(len(ALL)).repeat(50))
    np.testing.assert_array_equal(encode(model, [ALL[i] for i in order])[0], alone[order])
    matrix, valid = encode(model, ["", " \n\t", "dog", "\u200b", "zzz"])
    assert valid.tolist() == [False, False, True, False, False]  # unknown tokens are dropped
    assert not matrix[~valid].any()
    assert encode(model, [])[0].shape == (0, 24)


def test_tokens_are_counted_without_the_limit_and_their_ends_are_told(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    config = {"max_length": 4}
    files = static_folder(tmp_path, tokenizer, config, embeddings=table_of(tokenizer))
    model = open_static(files)
    assert model.count_tokens is not None and model.token_ends is not None
    counts = model.count_tokens(["", "the dog runs", "trees", LONG, "zzz"])
    assert counts.dtype == np.int64
    assert counts.tolist() == [0, 3, 2, 1400, 1]
    text = "Thé dog 日本 🙂runs!"
    ends = model.token_ends([text, ""])
    assert ends[1].tolist() == []
    assert [text[a:b].strip() for a, b in zip([0, *ends[0]], ends[0], strict=False)] == [
        "Thé", "dog", "日", "本", "🙂runs", "!",
    ]  # fmt: skip


def test_lowering_that_makes_texts_longer_keeps_the_ends_inside_them(tmp_path: Path) -> None:
    tokenizer = wordpiece(lowercase=False)
    config = {"lower_case": True}
    files = static_folder(tmp_path, tokenizer, config, embeddings=table_of(tokenizer))
    model = open_static(files)
    assert model.token_ends is not None
    text = "İİİ DOG"
    assert model.token_ends([text])[0].tolist()[-1] == len(text)
    assert encode(model, ["DOG"])[0].tolist() == encode(model, ["dog"])[0].tolist()


@pytest.mark.parametrize(
    ("texts", "what", "row"),
    [
        (["a", "b \ud800"], "surrogate", 1),
        (["a"] * 3000 + ["\udfff"], "surrogate", 3000),
        (["dog " * 20_000, "cat", "\ud800"], "surrogate", 2),
        (["a", b"bytes"], "text 1 is bytes", 1),
        (["a", 5], "text 1 is int", 1),
        (["a", None], "text 1 is NoneType", 1),
    ],
)
def test_a_text_that_is_none_is_named_with_its_row(
    tmp_path: Path, texts: Any, what: str, row: int
) -> None:
    tokenizer = wordpiece()
    config = {"max_length": None}
    files = static_folder(tmp_path, tokenizer, config, embeddings=table_of(tokenizer))
    with pytest.raises(rv.EmbedError, match=what) as caught:
        open_static(files).encode(texts, bool, False)
    assert caught.value.row == row


def test_a_text_of_a_million_letters_is_read_whole(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    config = {"max_length": None, "normalize": False}
    table = table_of(tokenizer)
    model = open_static(static_folder(tmp_path, tokenizer, config, embeddings=table))
    text = "dog cat " * 125_000
    ids = [tokenizer.token_to_id("dog"), tokenizer.token_to_id("cat")]
    want = table[ids].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(encode(model, ["cat", text])[0][1], want, atol=1e-6)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    table, size = table_of(tokenizer), tokenizer.get_vocab_size()
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"embeddings": table[:-1]}, rf"has {size - 1} rows .* has {size}"),
        ({}, {"embeddings": np.ones((size + 1, 3), np.float32)}, "belongs to the table"),
        ({}, {"table": table[:-1]}, "belongs to the table"),
        ({}, {"one": table, "two": table}, "2 tensors"),
        ({}, {"embeddings": table[0]}, "shape"),
        ({}, {"embeddings": np.ones((size, 0), np.float32)}, "shape"),
        ({}, {"embeddings": np.ones((size, 2), np.int32)}, "I32"),
        ({}, {"embeddings": table, "mapping": np.full(size, -1)}, "sends token 0 to row -1"),
        ({}, {"embeddings": table, "mapping": np.full(size, size)}, "to row"),
        ({}, {"embeddings": table, "mapping": np.zeros(size - 1, np.int64)}, "'mapping' is"),
        ({}, {"embeddings": table, "mapping": np.zeros(size)}, "'mapping' is float64"),
        ({}, {"embeddings": table, "weights": np.ones(size - 1)}, "'weights' is"),
        ({}, {"embeddings": table, "weights": np.ones((size, 1))}, "'weights' is"),
        ({"normalize": "yes"}, {"embeddings": table}, "normalize is 'yes'"),
        ({"max_length": 0}, {"embeddings": table}, "max_length is 0"),
        ({"max_length": True}, {"embeddings": table}, "max_length is True"),
    ]
    for i, (config, tensors, what) in enumerate(cases):
        files = static_folder(tmp_path / str(i), tokenizer, config, **tensors)
        with pytest.raises(rv.EmbedError, match=what):
            open_static(files)
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table)
    with pytest.raises(rv.EmbedError, match=r"no tokenizer\.json"):
        open_static(Files(files.folder, files.weights))


def test_a_table_that_is_not_finite_is_named_with_the_text(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    table = table_of(tokenizer)
    table[tokenizer.token_to_id("cat"), 3] = np.nan
    model = open_static(static_folder(tmp_path, tokenizer, {}, embeddings=table))
    assert encode(model, ["dog", "tree"])[1].all()
    with pytest.raises(rv.EmbedError, match=r"text 1 \('a cat'\) is not finite") as caught:
        encode(model, ["dog", "a cat"])
    assert caught.value.row == 1


def entry(dtype: Any = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


FORGED: dict[str, tuple[Any, bytes, int | None]] = {
    "a header of a gigabyte": ({}, b"", 1 << 30),
    "a header beyond all numbers": ({}, b"", (1 << 64) - 1),
    "a header of no length": (b"", b"", 0),
    "no JSON": (b"{", b"", None),
    "a deep JSON": (b"[" * 200_000, b"", None),
    "not an object": ([1], b"", None),
    "an entry of text": ({"embeddings": "F32"}, b"", None),
    "no type": ({"embeddings": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4), None),
    "an unknown type": ({"embeddings": entry("F4")}, bytes(24), None),
    "a type that is a list": ({"embeddings": entry(["F32"])}, bytes(24), None),
    "a negative shape": ({"embeddings": entry(shape=[-2, -3])}, bytes(24), None),
    "a shape of fractions": ({"embeddings": entry(shape=[2.0, 3])}, bytes(24), None),
    "a shape of booleans": ({"embeddings": entry(shape=[True, 6])}, bytes(24), None),
    "a shape beyond all memory": ({"embeddings": entry(shape=[1 << 62, 1 << 62])}, bytes(24), None),
    "many axes": ({"embeddings": entry(shape=[1] * 1000, offsets=[0, 4])}, bytes(4), None),
    "bytes for another shape": ({"embeddings": entry(offsets=[0, 20])}, bytes(24), None),
    "the end before the start": ({"embeddings": entry(offsets=[24, 0])}, bytes(24), None),
    "three offsets": ({"embeddings": entry(offsets=[0, 12, 24])}, bytes(24), None),
    "past the end": ({"embeddings": entry()}, bytes(23), None),
    "bytes left over": ({"embeddings": entry()}, bytes(25), None),
    "an overlap": ({"embeddings": entry(), "b": entry(offsets=[12, 36])}, bytes(36), None),
    "a gap": ({"embeddings": entry(), "b": entry(offsets=[28, 52])}, bytes(52), None),
    "a name twice": (
        b'{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},'
        b'"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"1", None,
    ),
    "a pickle": (b"\x80\x04\x95", b"", 0x0000_1000_0495_8000),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged_safetensors_are_refused_by_name(tmp_path: Path, name: str) -> None:
    header, data, length = FORGED[name]
    tokenizer = wordpiece()
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table_of(tokenizer))
    path = Path(files.weights)
    path.write_bytes(model_folders.safetensors_bytes(header, data, length))
    with pytest.raises(rv.EmbedError, match=r"model\.safetensors"):
        open_static(files)


def test_every_cut_of_a_sound_file_is_refused(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table_of(tokenizer, dim=2))
    path = Path(files.weights)
    whole = path.read_bytes()
    for end in range(0, len(whole), 5):
        path.write_bytes(whole[:end])
        with pytest.raises(rv.EmbedError, match=r"model\.safetensors"):
            open_static(files)
    path.unlink()
    with pytest.raises(rv.EmbedError, match="cannot be read"):
        open_static(files)


def test_tensors_are_read_as_the_package_reads_them(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    rng = np.random.default_rng(SEED)
    kinds = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
    tensors = {kind: (100 * rng.random((3, 2, 4))).astype(kind) for kind in kinds}
    tensors |= {"empty": np.empty((0, 4), np.float32), "scalar": np.array(3.5)}
    save_file(tensors, tmp_path / "t.safetensors", metadata={"format": "pt"})
    with Tensors(str(tmp_path / "t.safetensors")) as opened:
        assert set(opened.places) == set(tensors)
        for name, want in load_file(tmp_path / "t.safetensors").items():
            got = opened.read(name)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "another JSON": b"[1, 2]",
    "no model": b'{"version": "1.0"}',
    "deep": b"[" * 500_000,
    "not UTF-8": b'{"version": "\xff"}',
    "ids that are text": b'{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":"b"}}}',
    "negative ids": b'{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":-1}}}',
    "an unknown kind": b'{"version":"1.0","model":{"type":"Oracle","vocab":{"a":1}}}',
    "nothing in it": b'{"version":"1.0","model":{"type":"WordLevel","vocab":{},"unk_token":"u"}}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tokenizers_are_refused_by_name(tmp_path: Path, name: str) -> None:
    tokenizer = wordpiece()
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table_of(tokenizer))
    Path(files.tokenizer).write_bytes(BROKEN[name])
    with pytest.raises(rv.EmbedError, match=r"tokenizer\.json"):
        open_static(files)


def test_a_huge_tokenizer_is_not_read(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table_of(tokenizer))
    with open(files.tokenizer, "wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(rv.EmbedError, match="at the most"):
        open_static(files)
    Path(files.tokenizer).unlink()
    with pytest.raises(rv.EmbedError, match="cannot be read"):
        open_static(files)


def test_a_tokenizer_that_pads_and_cuts_by_itself_does_neither_here(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    table = table_of(tokenizer)
    want, _ = encode(open_static(static_folder(tmp_path, tokenizer, {}, embeddings=table)), ALL)
    tokenizer.enable_padding(length=64)
    tokenizer.enable_truncation(2)
    files = static_folder(tmp_path, tokenizer, {}, embeddings=table)
    np.testing.assert_array_equal(encode(open_static(files), ALL)[0], want)
    assert files_of(tmp_path, {}) == files
