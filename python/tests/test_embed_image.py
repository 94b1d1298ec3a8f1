"""Images become vectors by the ONNX file that a person names, made ready as it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_files import image_model, image_weights, save

import ruvector as rv
from ruvector._text.kinds.image import open_image
from ruvector._text.kinds.resizing import Window, resample
from ruvector._text.model import Model

RNG = np.random.default_rng(576)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def picture(height: int, width: int) -> np.ndarray:
    """Return an image that is smooth with some noise, as photographs are."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / 17 + c) + np.cos(x / (11 + c)) for c in range(3)]
    noise = RNG.normal(0, 8, (height, width, 3))
    return np.clip(127 + 50 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def vectors(model: Model, *images: np.ndarray) -> np.ndarray:
    assert model.images is not None
    return model.images(np.stack(images))


def kernel_matrix(size: int, length: int, kernel: int) -> np.ndarray:
    """Return the (length, size) weights of a resampling, written from its definition."""
    scale = size / length
    wide = max(scale, 1)
    at, to = np.mgrid[:length, :size] + 0.5
    x = abs((to - at * scale) / wide)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    out = np.maximum(1 - x, 0)
    if kernel == 3:
        out = np.where(x < 1, near, np.where(x < 2, far, 0))
    return out / out.sum(axis=1, keepdims=True)


def scaled_to(image: np.ndarray, height: int, width: int, kernel: int = 2) -> np.ndarray:
    rows = kernel_matrix(image.shape[0], height, kernel)
    columns = kernel_matrix(image.shape[1], width, kernel)
    tall = np.tensordot(rows, image.astype(np.float64), 1)
    return np.clip(np.tensordot(tall, columns, (1, 1)).transpose(0, 2, 1), 0, 255)


def by_hand(planes: np.ndarray, dim: int = 576) -> np.ndarray:
    """Return what `image_model` gives for (3, h, w), in float64."""
    height, width = (planes.shape[1] - 2) // 2 + 1, (planes.shape[2] - 2) // 2 + 1
    maps = np.zeros((dim, height, width))
    weights = image_weights(dim).astype(np.float64)
    for y in range(2):
        for x in range(2):
            part = planes[:, y : y + 2 * height - 1 : 2, x : x + 2 * width - 1 : 2]
            maps += np.tensordot(weights[:, :, y, x], part, 1)
    mean = (maps * np.clip(maps / 6 + 0.5, 0, 1)).mean(axis=(1, 2))
    return mean / np.linalg.norm(mean)


def imagenet(image: np.ndarray) -> np.ndarray:
    """Return an image as ImageNet's models read it, (3, 224, 224)."""
    height, width = (side * 256 // min(image.shape[:2]) for side in image.shape[:2])
    made = scaled_to(image, height, width)
    top, left = (height - 224) // 2, (width - 224) // 2
    made = made[top : top + 224, left : left + 224] / 255
    return ((made - MEAN) / STD).transpose(2, 0, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"size": (224, 224)},
        {"size": (224, 224), "dim": 960},
        {"size": ("h", "w"), "places": True, "dim": 16},
        {"size": (224, 224), "colours_first": False, "dim": 16},
        {"size": ("h", "w"), "colours_first": False, "places": True, "dim": 16},
        {"size": (224, 224), "batch": 1, "dim": 16},
    ],
    ids=str,
)
def test_an_image_is_made_ready_as_imagenet_was(tmp_path: Path, options: dict[str, Any]) -> None:
    dim = options.get("dim", 576)
    image_model(tmp_path / "model.onnx", **options)
    model = open_image(str(tmp_path / "model.onnx"))
    images = [picture(224, 224), picture(300, 451), picture(90, 61)]
    for image in images:
        (got,) = vectors(model, image)
        assert got.shape == (dim,) and got.dtype == np.float32
        np.testing.assert_allclose(got, by_hand(imagenet(image), dim), atol=2e-5)
        np.testing.assert_allclose(np.linalg.norm(got), 1, atol=1e-6)
    assert (model.dim, model.normalized, model.id) == (dim, True, "model")


def test_dimensions_that_the_file_does_not_say_are_asked_for(tmp_path: Path) -> None:
    odd(tmp_path / "model.onnx", ["b", 3, "h", "w"], {"features": ["b", "d"]})
    model = open_image(str(tmp_path / "model.onnx"))
    assert model.dim == 3  # the mean of each colour
    assert vectors(model, picture(9, 9)).shape == (1, 3)


def test_a_file_is_opened_by_its_path(tmp_path: Path) -> None:
    image_model(tmp_path / "mobilenetv3.onnx")
    embedder = rv.Embedder.from_pretrained(str(tmp_path / "mobilenetv3.onnx"))
    image = picture(224, 224)
    got = embedder.embed_image(image)
    assert (got.shape, embedder.dim) == ((576,), 576)
    np.testing.assert_array_equal(embedder.embed_image(np.stack([image, image]))[1], got)
    with pytest.raises(rv.EmbedError, match="embed_image"):
        embedder.embed("a text")


def test_an_image_has_one_vector_in_any_batch_and_for_any_threads(tmp_path: Path) -> None:
    image_model(tmp_path / "model.onnx")
    model = open_image(str(tmp_path / "model.onnx"))
    images = [picture(70, 90) for _ in range(5)]
    alone = np.concatenate([vectors(model, image) for image in images])
    for threads in (1, 2, 4):
        with rv.config(threads=threads):
            np.testing.assert_array_equal(vectors(model, *images), alone)
    assert model.images is not None
    assert model.images(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 576)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize(
    ("size", "to"),
    [((64, 48), (16, 12)), ((37, 53), (64, 91)), ((50, 50), (50, 50)), ((1, 300), (7, 20))],
)
def test_scaling_is_that_of_its_definition_and_of_pillow(
    kernel: int, size: tuple[int, int], to: tuple[int, int]
) -> None:
    image = picture(*size)
    got = resample(image, Window(to[0], 0, to[0]), Window(to[1], 0, to[1]), kernel)
    np.testing.assert_allclose(got, scaled_to(image, *to, kernel), atol=1e-3)
    pillow = pytest.importorskip("PIL.Image")
    theirs = np.asarray(pillow.fromarray(image).resize(to[::-1], kernel)).astype(float)
    # They round to whole numbers twice, the first time before weights whose sizes add up to 1.25.
    assert abs(got - theirs).max() <= 0.5 + 0.5 * {2: 1, 3: 1.25}[kernel] + 0.01


def test_only_what_is_kept_is_computed_and_beyond_the_image_is_nothing() -> None:
    image = picture(40, 30)
    whole = resample(image, Window(80, 0, 80), Window(60, 0, 60), 2)
    part = resample(image, Window(80, 13, 20), Window(60, 50, 10), 2)
    np.testing.assert_allclose(part, whole[13:33, 50:60], atol=1e-3)
    around = resample(image, Window(80, -5, 90), Window(60, -2, 64), 2)
    np.testing.assert_array_equal(around[5:85, 2:62], whole)
    assert not around[:5].any() and not around[:, 62:].any()
    line = np.zeros((1, 2_000_000, 3), np.uint8)  # 5 GB, were its one row scaled first
    far = resample(line, Window(224, 0, 224), Window(224, 0, 224), 2)
    assert far.shape == (224, 224, 3)


def ready(model: Path, told: Any) -> Model:
    (model.parent / "preprocessor_config.json").write_text(json.dumps(told))
    return open_image(str(model))


def test_settings_beside_the_file_say_how_images_are_made_ready(tmp_path: Path) -> None:
    image_model(tmp_path / "onnx/model.onnx")
    image = picture(60, 90)
    half = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    cases: list[tuple[dict[str, Any], np.ndarray]] = [
        ({"size": {"height": 32, "width": 40}, **half}, (scaled_to(image, 32, 40) / 255 - 0.5) * 4),
        (
            {"size": {"shortest_edge": 40}, "crop_size": 32, "resample": 3, **half},
            (scaled_to(image, 40, 60, 3)[4:36, 14:46] / 255 - 0.5) * 4,
        ),
        (
            {"do_resize": False, "crop_size": {"height": 20, "width": 30}, "do_normalize": False},
            image[20:40, 30:60] / 255,
        ),
        (
            {"do_resize": False, "do_rescale": False, "do_normalize": False},
            image.astype(np.float64),
        ),
        (
            {"do_resize": False, "rescale_factor": 1 / 127.5, "image_mean": [1, 1, 1],
             "image_std": [1, 1, 1]},
            image / 127.5 - 1,
        ),
    ]  # fmt: skip
    for told, want in cases:
        (got,) = vectors(ready(tmp_path / "onnx/model.onnx", told), image)
        np.testing.assert_allclose(got, by_hand(want.transpose(2, 0, 1)), atol=2e-5)
    (tmp_path / "onnx/preprocessor_config.json").rename(tmp_path / "preprocessor_config.json")
    (again,) = vectors(open_image(str(tmp_path / "onnx/model.onnx")), image)
    np.testing.assert_array_equal(again, got)


def test_a_model_of_bytes_and_one_of_halves_are_fed_what_they_read(tmp_path: Path) -> None:
    image = picture(256, 256)
    for kind in (TensorProto.UINT8, TensorProto.FLOAT16):
        path = tmp_path / f"{kind}.onnx"
        image_model(path, size=(224, 224), floats=kind)
        (got,) = vectors(open_image(str(path)), image)
        bare = image[16:240, 16:240].astype(np.float64)
        want = bare if kind == TensorProto.UINT8 else ((bare / 255 - MEAN) / STD)
        np.testing.assert_allclose(got, by_hand(want.transpose(2, 0, 1)), atol=1e-3)


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ([1], "not settings by name"),
        ({"size": {"height": 0, "width": 5}}, "size is"),
        ({"size": {"shortest_edge": 10**9}}, "of 1 to 4096"),
        ({"size": "large"}, "size is 'large'"),
        ({"size": [1, 2, 3]}, "size is"),
        ({"crop_size": True}, "crop_size is True"),
        ({"resample": 0}, "resample is 0"),
        ({"image_mean": [0.5]}, "image_mean is"),
        ({"image_std": [0.5, "a", 1]}, "image_std is"),
        ({"image_std": [0.5, 0, 1]}, "not 0"),
        ({"rescale_factor": None, "image_mean": [float("nan")] * 3}, "image_mean is"),
        ({"rescale_factor": "1/255"}, "rescale_factor is"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_followed_are_refused(tmp_path: Path, told: Any, what: str) -> None:
    image_model(tmp_path / "model.onnx")
    with pytest.raises(rv.EmbedError, match=what):
        ready(tmp_path / "model.onnx", told)


def test_settings_of_another_size_than_the_file_are_refused(tmp_path: Path) -> None:
    image_model(tmp_path / "model.onnx", size=(224, 224))
    with pytest.raises(rv.EmbedError, match=r"reads images of 224 x 224.*makes them 160 x 160"):
        ready(tmp_path / "model.onnx", {"size": {"height": 160, "width": 160}})
    image_model(tmp_path / "model.onnx")
    model = ready(tmp_path / "model.onnx", {"size": {"shortest_edge": 256}})
    with pytest.raises(rv.EmbedError, match=r"image 0: .* would become 256 x 12800") as caught:
        vectors(model, picture(2, 100))
    assert caught.value.row == 0


def odd(path: Path, axes: list[Any], outputs: dict[str, list[Any]], kind: int = 1) -> None:
    told = [helper.make_tensor_value_info(name, 1, shape) for name, shape in outputs.items()]
    nodes = [helper.make_node("Cast", ["pixels"], ["numbers"], to=1)]
    for name, shape in outputs.items():
        middle = {2: "GlobalAveragePool", 3: "Identity"}.get(len(shape), "Identity")
        source = "numbers"
        if len(shape) == 2:
            nodes.append(helper.make_node(middle, ["numbers"], [f"mean {name}"]))
            nodes.append(helper.make_node("Flatten", [f"mean {name}"], [name]))
            continue
        nodes.append(helper.make_node(middle, [source], [name]))
    save(path, nodes, [helper.make_tensor_value_info("pixels", kind, axes)], told, [])


@pytest.mark.parametrize(
    ("axes", "outputs", "kind", "what"),
    [
        (["b", 3, "h", "w"], {"logits": ["b", 3]}, 1, "without its classifier"),
        (["b", 3, "h", "w"], {"one": ["b", 3], "two": ["b", 3]}, 1, "outputs one, two"),
        (["b", 3, "h"], {"features": ["b", 3, "h"]}, 1, "one of four axes"),
        ([8, 3, "h", "w"], {"features": [8, 3]}, 1, "export it for one image"),
        (["b", 4, "h", "w"], {"features": ["b", 4]}, 1, None),
        (["b", 4, 8, 4], {"features": ["b", 4]}, 1, "must be"),
        (["b", 3, "h", "w"], {"features": ["b", 3]}, TensorProto.INT64, "not of float32 or uint8"),
    ],
    ids=str,
)
def test_files_that_make_no_vector_of_an_image_are_refused(
    tmp_path: Path, axes: list[Any], outputs: dict[str, list[Any]], kind: int, what: str | None
) -> None:
    odd(tmp_path / "model.onnx", axes, outputs, kind)
    if what is None:  # the last axis may be of colours; that it is not shows when it runs
        with pytest.raises(rv.EmbedError, match="image 0: onnxruntime fails"):
            vectors(open_image(str(tmp_path / "model.onnx")), picture(9, 9))
        return
    with pytest.raises(rv.EmbedError, match=what):
        open_image(str(tmp_path / "model.onnx"))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(rv.EmbedError, match="cannot open"):
        open_image(str(path))
    with pytest.raises(rv.EmbedError, match="is not there"):
        open_image(str(tmp_path / "other.onnx"))


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (np.zeros((9, 9), np.uint8), "np.stack"),
        (np.zeros((9, 9, 4), np.uint8), r"\[..., :3\]"),
        (np.zeros((3, 9, 9), np.uint8), "np.moveaxis"),
        (np.zeros((9, 9, 3), np.float32), "255 \\* image"),
        (np.zeros((9, 9, 3), np.int64), "uint8"),
        (np.zeros((0, 9, 3), np.uint8), "no pixels"),
        (np.zeros((9, 9, 0), np.uint8), "shape"),
        (np.zeros(3, np.uint8), "shape"),
        ([], "float64"),
        ("a.png", "image of"),
        ([np.zeros((9, 9, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)], "one size"),
    ],
    ids=lambda case: str(getattr(case, "shape", case))[:20],
)
def test_what_is_no_image_is_refused_with_the_way_to_mend_it(
    tmp_path: Path, image: Any, what: str
) -> None:
    image_model(tmp_path / "model.onnx")
    embedder = rv.Embedder.from_pretrained(str(tmp_path / "model.onnx"))
    with pytest.raises(rv.EmbedError, match=what):
        embedder.embed_image(image)
