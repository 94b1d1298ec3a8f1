"""Damaged and forged files of ONNX models are errors that name them; the process lives on."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files
import pytest
from model_folders import TEXTS, WORDS, files_of, wordpiece
from onnx import TensorProto, helper, numpy_helper
from onnx_files import DIM, save, text_model

import ruvector as rv
from ruvector._text.kinds.onnx import open_onnx
from ruvector._text.model import Files

SIZE = wordpiece().get_vocab_size()
TEXT = ("input_ids", "attention_mask")


def folder_of(folder: Path, config: dict[str, Any] | None = None, **model: Any) -> Files:
    text_model(folder / "model.onnx", SIZE, **model)
    wordpiece().save(str(folder / "tokenizer.json"))
    return files_of(folder, config or {}, "model.onnx")


def shaped(path: Path, made: str, axes: list[Any], kind: int = TensorProto.FLOAT) -> None:
    """Write a model whose only output is made from the ids by one or two nodes."""
    nodes = {
        "ids": [helper.make_node("Cast", ["input_ids"], ["out"], to=kind)],
        "four axes": [
            helper.make_node("Cast", ["input_ids"], ["flat"], to=kind),
            helper.make_node("Unsqueeze", ["flat", "axes"], ["out"]),
        ],
        "turned": [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Transpose", ["rows"], ["out"], perm=[1, 0, 2]),
        ],
        "one token": [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Slice", ["rows", "zero", "one", "one"], ["out"]),
        ],
        "as wide as long": [helper.make_node("Gather", ["wide", "input_ids"], ["out"])],
        "not finite": [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Div", ["rows", "none"], ["out"]),
        ],
        "a sequence": [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("SequenceConstruct", ["rows"], ["out"]),
        ],
    }[made]
    constants = [
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.ones((SIZE, 4), np.float32), "table"),
        numpy_helper.from_array(np.ones((SIZE, 0), np.float32), "wide"),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array(0, np.float32), "none"),
    ]
    told = helper.make_tensor_value_info("out", kind, axes)
    if made == "a sequence":
        told = helper.make_tensor_sequence_value_info("out", kind, None)
    asked = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "s"])
    save(path, nodes, [asked], [told], constants)


@pytest.mark.parametrize(
    ("made", "axes", "kind", "what"),
    [
        ("ids", ["b", "s"], TensorProto.INT64, "not of floats"),
        ("four axes", ["b", "s", 1, 1], TensorProto.FLOAT, r"shape \(1, \d, 1, 1\)"),
        ("turned", ["s", "b", 4], TensorProto.FLOAT, "shape"),
        ("one token", ["b", "s", 4], TensorProto.FLOAT, r"shape \(1, 1, 4\)"),
        ("as wide as long", ["b", "s", 0], TensorProto.FLOAT, r"shape \(1, \d, 0\)"),
        ("not finite", ["b", "s", 4], TensorProto.FLOAT, "not finite"),
        ("a sequence", [], TensorProto.FLOAT, "not of floats"),
    ],
)
def test_outputs_of_another_form_are_refused_with_the_text(
    tmp_path: Path, made: str, axes: list[Any], kind: int, what: str
) -> None:
    files = folder_of(tmp_path)
    shaped(Path(files.weights), made, axes, kind)
    model = open_onnx(files)
    with pytest.raises(rv.EmbedError, match=what) as caught:
        model.encode(["", "the dog runs"], bool, False)
    assert caught.value.row == 1
    assert "the dog runs" in str(caught.value)


def test_vectors_whose_dimensions_change_are_refused(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    shaped(Path(files.weights), "ids", ["b", "s"])  # as many numbers as tokens
    with rv.config(threads=1), pytest.raises(rv.EmbedError, match="5 dimensions; it has 3") as it:
        open_onnx(files).encode(["dog", "the dog runs"], bool, False)
    assert it.value.row == 1


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    path = Path(files.weights)
    whole = path.read_bytes()
    rng = np.random.default_rng(8)
    for data in (b"", b"not a model", rng.bytes(5000), whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(rv.EmbedError, match=r"model\.onnx"):
            open_onnx(files)
    path.unlink()
    with pytest.raises(rv.EmbedError, match="is not there"):
        open_onnx(files)
    path.mkdir()
    with pytest.raises(rv.EmbedError, match="is no file"):
        open_onnx(files)


def test_a_file_with_changed_bytes_never_ends_the_process(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    code = f"""
        import numpy as np, ruvector as rv
        from pathlib import Path
        from ruvector._text.kinds.onnx import open_onnx
        from ruvector._text.model import Files
        files = Files({files.folder!r}, {files.weights!r}, {files.tokenizer!r})
        whole = Path(files.weights).read_bytes()
        rng = np.random.default_rng(9)
        outcomes = set()
        for _ in range(150):
            data = np.frombuffer(whole, np.uint8).copy()
            data[rng.integers(0, len(data), rng.integers(1, 9))] = rng.integers(0, 256)
            Path(files.weights).write_bytes(data.tobytes())
            try:
                open_onnx(files).encode(["the dog runs"], bool, False)
                outcomes.add("read")
            except rv.EmbedError:
                outcomes.add("refused")
        assert outcomes == {{"read", "refused"}}, outcomes
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"inputs": ("attention_mask", "input_ids", "token_type_ids", "x")}, "has the inputs"),
        ({"integers": TensorProto.FLOAT}, "cannot open"),  # floats look nothing up
        ({"outputs": ("first", "second")}, "has the outputs first, second"),
        ({"outputs": ("pooled", "first")}, "has the outputs pooled, first"),
    ],
    ids=str,
)
def test_inputs_and_outputs_that_are_not_known_are_refused(
    tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    files = folder_of(tmp_path, **options)
    with pytest.raises(rv.EmbedError, match=what):
        open_onnx(files)


def test_a_model_without_ids_and_one_of_images_are_refused(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 3, 8, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 3, 8, 8])
    save(
        Path(files.weights), [helper.make_node("Relu", ["pixel_values"], ["out"])], [pixels],
        [out], [],
    )  # fmt: skip
    with pytest.raises(rv.EmbedError, match="has the inputs pixel_values; a text model has"):
        open_onnx(files)
    with pytest.raises(rv.EmbedError, match=r"needs its tokenizer\.json"):
        open_onnx(Files(files.folder, files.weights))


@pytest.mark.parametrize("place", ["../outside.bin", "absolute", "link.bin", "missing.bin"])
def test_tensors_outside_the_folder_are_not_read(tmp_path: Path, place: str) -> None:
    files = folder_of(tmp_path / "model", dim=2)
    outside = tmp_path / "outside.bin"
    outside.write_bytes(bytes(8 * SIZE))
    (tmp_path / "model/link.bin").symlink_to(outside)
    import onnx

    model = onnx.load(files.weights)
    table = next(one for one in model.graph.initializer if one.name == "table")
    table.ClearField("raw_data")
    table.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", str(8 * SIZE))):
        if value == "absolute":
            value = str(outside)
        table.external_data.add(key=key, value=value)
    Path(files.weights).write_bytes(model.SerializeToString())
    with pytest.raises(rv.EmbedError, match="cannot open"):
        open_onnx(files)


def test_a_tokenizer_of_another_model_is_named_with_the_text(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    text_model(Path(files.weights), 12)  # a table of fewer tokens
    model = open_onnx(files)
    few = [word for word in WORDS[:5] if word.isalpha()]
    assert model.encode([few[0]], bool, False)[1].all()
    with pytest.raises(rv.EmbedError, match=r"text 1 \('password'\): onnxruntime fails") as caught:
        model.encode([few[0], "password"], bool, False)
    assert caught.value.row == 1


def test_positions_that_the_model_has_not_are_named_with_the_text(tmp_path: Path) -> None:
    files = folder_of(tmp_path, {"max_tokens": 100})
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["length"], start=1),
        helper.make_node("Sub", ["length", "one"], ["final"]),
        helper.make_node("Gather", ["places", "final"], ["place"]),
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Add", ["rows", "place"], ["out"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.ones((SIZE, 4), np.float32), "table"),
        numpy_helper.from_array(np.ones((8, 4), np.float32), "places"),
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "s"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", "s", 4])
    save(Path(files.weights), nodes, [ids], [out], constants)
    with pytest.raises(rv.EmbedError, match=r"text 1 .*onnxruntime fails") as caught:
        open_onnx(files).encode(["dog", "dog " * 50], bool, False)
    assert caught.value.row == 1


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"modules.json": {"type": "x"}}, "not a list of steps"),
    ({"modules.json": ["x"]}, "not a list of steps"),
    ({"modules.json": [{"type": "m.Pooling", "path": "../../etc"}]}, "leads out"),
    ({"modules.json": [{"type": "m.Pooling", "path": "/etc"}]}, "leads out"),
    ({"modules.json": [{"type": "m.Transformer"}, {"type": "m.Dense"}]}, "goes on with Dense"),
    ({"1_Pooling/config.json": {"include_prompt": False}}, "pooling without the prefix"),
    ({"1_Pooling/config.json": {"pooling_mode": "oracle"}}, "pooling 'oracle' is not known"),
    ({"config_sentence_transformers.json": {"prompts": ["a"]}}, "not texts by name"),
]


@pytest.mark.parametrize(("told", "what"), SETTINGS, ids=str)
def test_settings_that_cannot_be_followed_are_refused(
    tmp_path: Path, told: dict[str, Any], what: str
) -> None:
    files = folder_of(tmp_path)
    for name, content in told.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(rv.EmbedError, match=what):
        open_onnx(files)


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"pooling": "oracle"}, "pooling 'oracle'"),
        ({"pooling": ["mean"]}, "pooling"),
        ({"pooling": ""}, "pooling ''"),
        ({"normalize": 1}, "normalize is 1, not bool"),
        ({"max_tokens": "512"}, "max_tokens is '512', not int"),
        ({"max_tokens": 2}, "2 special tokens are in every text"),
        ({"max_tokens": -5}, "max_tokens is -5"),
        ({"query_prefix": 3}, "query_prefix is 3, not str"),
    ],
    ids=str,
)
def test_entries_that_cannot_be_followed_are_refused(
    tmp_path: Path, config: dict[str, Any], what: str
) -> None:
    with pytest.raises(rv.EmbedError, match=what):
        open_onnx(folder_of(tmp_path, config))


def test_settings_that_are_no_json_or_are_huge_are_refused(tmp_path: Path) -> None:
    files = folder_of(tmp_path)
    for data in (b"{", b"[" * 100_000, b"\xff\xfe"):
        (tmp_path / "modules.json").write_bytes(data)
        with pytest.raises(rv.EmbedError, match=r"modules\.json is no JSON"):
            open_onnx(files)
    with open(tmp_path / "modules.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(rv.EmbedError, match="more than"):
        open_onnx(files)


def test_what_later_steps_do_is_taken_from_the_model_that_does_it(tmp_path: Path) -> None:
    files = folder_of(tmp_path, outputs=("token_embeddings", "sentence_embedding"))
    steps = [{"type": "m.Transformer"}, {"type": "m.Dense"}, {"type": "m.Normalize"}]
    (tmp_path / "modules.json").write_text(json.dumps(steps))
    model = open_onnx(files)
    rows = onnx_files.hidden_of(wordpiece().encode(TEXTS[1]).ids, SIZE, False)
    want = rows.mean(axis=0)
    got = model.encode([TEXTS[1]], bool, False)[0][0]
    np.testing.assert_allclose(got, want / np.linalg.norm(want), atol=1e-6)
    assert (model.dim, model.pooling, model.normalized) == (DIM, "", True)


@pytest.mark.parametrize(
    ("texts", "what", "row"),
    [
        (["a", "b \ud800"], "surrogate", 1),
        (["a", 5], "text 1 is int", 1),
        (["a", None], "text 1 is NoneType", 1),
        ([b"a"], "text 0 is bytes", 0),
    ],
)
def test_a_text_that_is_none_is_named_with_its_row(
    tmp_path: Path, texts: Any, what: str, row: int
) -> None:
    with pytest.raises(rv.EmbedError, match=what) as caught:
        open_onnx(folder_of(tmp_path)).encode(texts, bool, False)
    assert caught.value.row == row
    with pytest.raises(rv.EmbedError, match=what):
        open_onnx(folder_of(tmp_path, {"query_prefix": "the "})).encode(texts, bool, True)
