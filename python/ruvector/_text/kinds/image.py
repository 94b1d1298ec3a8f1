"""The image kind: an ONNX file that makes one vector of one image, as MobileNetV3 does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError
from ..._input.cells import Validity
from ..._input.vectors import Float32Matrix
from ..batches import Told
from ..model import Files, Model, Pixels
from .beside import identity, read_json
from .pooling import unit
from .resizing import KERNELS, Window, resample
from .session import Port, Session

_SETTINGS: Final = "preprocessor_config.json"
_OUTPUTS: Final = (
    "image_embeds", "image_embedding", "embeddings", "embedding", "pooler_output", "features",
    "output", "last_hidden_state",
)  # fmt: skip
_CLASSES: Final = frozenset({"logits", "probabilities", "probs", "scores"})
# What ImageNet's models were trained with: the shorter side scaled to 256, of which 224 are kept.
_SHORTER, _KEPT = 256, 224
_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)
_MOST_SIDE: Final = 4096
_COLOURS: Final = 3


class Preparation(NamedTuple):
    """How an image becomes what the model reads.

    ``shorter`` is the length that the shorter side is scaled to, 0 where both sides are scaled to
    ``scaled`` (None: not at all); ``kept`` is the part in the middle that is taken, None for all.
    """

    shorter: int
    scaled: tuple[int, int] | None
    kept: tuple[int, int] | None
    kernel: int
    factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def windows(self, height: int, width: int) -> tuple[Window, Window]:
        """Return what to make of the two axes of an image."""
        size = (height, width)
        if self.shorter:
            short = min(size)
            scaled = [side * self.shorter // short for side in size]
        else:
            scaled = list(self.scaled or size)
        kept = self.kept or (scaled[0], scaled[1])
        if max(kept) > _MOST_SIDE:
            raise EmbedError(
                f"an image of {height} x {width} would become {kept[0]} x {kept[1]}, "
                f"{_MOST_SIDE} are the most; cut it"
            )
        rows, columns = (
            Window(length, (length - part) // 2, part)
            for length, part in zip(scaled, kept, strict=True)
        )
        return rows, columns


class Images:
    """An opened image model: `vectors` is what `embed_image` asks.

    Attributes
    ----------
    dim : int or None
        Dimensions; None while the file has not said and nothing was asked.
    preparation : Preparation
    """

    __slots__ = ("_colours_first", "_input", "_output", "_session", "dim", "preparation")

    def __init__(
        self, session: Session, asked: Port, output: str, preparation: Preparation, dim: int | None
    ) -> None:
        self._session = session
        self._input = asked
        self._colours_first = asked.shape[3] != _COLOURS or asked.shape[1] == _COLOURS
        self._output = output
        self.preparation = preparation
        self.dim = dim

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Refuse texts."""
        self._no_texts()

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Refuse texts."""
        self._no_texts()

    def _no_texts(self) -> NoReturn:
        raise EmbedError(
            f"{self._session.path} makes vectors of images: pass arrays to embed_image, or take a "
            "model of texts"
        )

    def vectors(self, pixels: Pixels) -> Float32Matrix:
        """Return one vector of length 1 for each of (n, H, W, 3), on as many threads as are set."""
        found = self._session.in_parallel(partial(self._one, pixels), range(len(pixels)), bool)
        matrix = np.zeros((len(pixels), self.dim or 0), np.float32)
        for row, vector in found.items():
            matrix[row] = vector
        return matrix

    def _one(self, pixels: Pixels, row: int) -> npt.NDArray[np.float32]:
        try:
            fed = self._prepared(pixels[row])
            found = self._session.run({self._input.name: fed}, self._output)
            return self._checked(found)
        except EmbedError as error:
            raise EmbedError(f"image {row}: {error}", row=row) from None

    def _prepared(self, image: Pixels) -> npt.NDArray[Any]:
        how = self.preparation
        made = resample(image, *how.windows(*image.shape[:2]), how.kernel)
        if self._input.dtype == np.uint8:
            made = np.rint(made)
        else:
            mean, std = (np.array(three, np.float32) for three in (how.mean, how.std))
            made = (made * np.float32(how.factor) - mean) / std
        if self._colours_first:
            made = made.transpose(2, 0, 1)
        return np.ascontiguousarray(made[np.newaxis], self._input.dtype)

    def _checked(self, found: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vector in an output; one of places in the image is averaged over them."""
        if found.ndim == 4 and len(found) == 1 and found.size:
            places = (2, 3) if self._colours_first else (1, 2)
            found = found.mean(axis=places, dtype=np.float64)
        if found.ndim != 2 or len(found) != 1 or not found.shape[1]:
            raise EmbedError(
                f"the model's output {self._output!r} has the shape {found.shape}; it must be "
                "(1, dim), or have two more axes of places in the image"
            )
        if not np.isfinite(found).all():
            raise EmbedError("the model's vector is not finite; use a sound copy of the model")
        if self.dim is None:
            self.dim = found.shape[1]
        if found.shape[1] != self.dim:
            raise EmbedError(
                f"the model gave a vector of {found.shape[1]} dimensions; it has {self.dim}"
            )
        vector: npt.NDArray[np.float32] = unit(found)[0]
        return vector


def open_image(path: str) -> Model:
    """Return the model of an ONNX file that reads one image.

    A ``preprocessor_config.json`` beside it, or in the folder above, says how images are made
    ready; without one they are as ImageNet's: the shorter side bilinearly scaled to 256, the 224 x
    224 in the middle (or what the file's input is, in this proportion), scaled to 0 to 1, less the
    mean, over the deviation of ImageNet's colours. Whether colours are the first or the last axis
    is read from the file's input.

    Raises
    ------
    EmbedError
        The file is damaged, reads no image, or sorts images into classes.
    MissingExtra
        onnxruntime is not installed.
    """
    session = Session(path)
    asked = _input_of(session)
    output = _output_of(session)
    encode = Images(session, asked, output, _preparation(path, asked), _dim_of(session, output))
    if encode.dim is None:  # the file does not say
        encode.vectors(np.zeros((1, _KEPT, _KEPT, _COLOURS), np.uint8))
    folder = os.path.dirname(os.path.abspath(path))
    name = os.path.splitext(os.path.basename(path))[0]
    key = (name, *identity(Files(folder, path)), encode.preparation)
    return Model(name, encode, key, encode.dim, (path,), normalized=True, images=encode.vectors)


def _input_of(session: Session) -> Port:
    asked = list(session.inputs.values())
    if len(asked) != 1 or len(asked[0].shape) != 4:
        raise EmbedError(
            f"{session.path} has the inputs {', '.join(session.inputs)[:200] or '(none)'}; a model "
            "of images has one of four axes"
        )
    port = asked[0]
    if port.dtype not in (np.float32, np.float16, np.uint8):
        raise EmbedError(f"{session.path}: {port.name} is a {port.told}, not of float32 or uint8")
    if port.shape[0] not in (1, None) or not {port.shape[1], port.shape[3]} & {_COLOURS, None}:
        raise EmbedError(
            f"{session.path}: {port.name} has the shape {list(port.shape)}; it must be (1, 3, "
            "height, width) or (1, height, width, 3): export it for one image"
        )
    return port


def _output_of(session: Session) -> str:
    names = list(session.outputs)
    for name in _OUTPUTS if len(names) > 1 else names:
        if name in names and name.lower() not in _CLASSES:
            return name
    raise EmbedError(
        f"{session.path} has the outputs {', '.join(names)[:200] or '(none)'}: none of them is the "
        "vector of an image; export the model without its classifier (its 'features', 576 or 960 "
        "numbers of MobileNetV3)"
    )


def _dim_of(session: Session, output: str) -> int | None:
    shape = session.outputs[output].shape
    if len(shape) == 4:
        (asked,) = session.inputs.values()
        return shape[3] if asked.shape[3] == _COLOURS != asked.shape[1] else shape[1]
    return shape[1] if len(shape) == 2 else None


def _preparation(path: str, asked: Port) -> Preparation:
    folder = os.path.dirname(os.path.abspath(path))
    for place in (folder, os.path.dirname(folder)):
        told = read_json(os.path.join(place, _SETTINGS))
        if told is not None:
            break
    first = asked.shape[3] != _COLOURS or asked.shape[1] == _COLOURS
    fixed = asked.shape[2:] if first else asked.shape[1:3]
    size = (fixed[0] or _KEPT, fixed[1] or _KEPT)
    if told is None:
        shorter = round(min(size) * _SHORTER / _KEPT)
        return Preparation(shorter, None, size, 2, 1 / 255, _MEAN, _STD)
    if not isinstance(told, Mapping):
        raise EmbedError(f"{path}: {_SETTINGS} is {told!r:.60}, not settings by name")
    made = _Settings(path, told).preparation(size)
    if made.kept is not None and None not in fixed and made.kept != fixed:
        raise EmbedError(
            f"{path} reads images of {fixed[0]} x {fixed[1]}, and {_SETTINGS} makes them "
            f"{made.kept[0]} x {made.kept[1]}"
        )
    return made


class _Settings:
    """A ``preprocessor_config.json``."""

    def __init__(self, path: str, told: Mapping[str, Any]) -> None:
        self._path = path
        self._told = told

    def preparation(self, size: tuple[int, int]) -> Preparation:
        shorter, scaled = 0, None
        if self._flag("do_resize"):
            shorter, scaled = self._size("size", size)
        kept = scaled
        if self._flag("do_center_crop", self._told.get("crop_size") is not None):
            square, both = self._size("crop_size", size)
            kept = both or (square, square)
        kernel = self._said("resample", 2)
        if kernel not in KERNELS:
            self._wrong("resample", "2 (bilinear) or 3 (bicubic)")
        factor = self._number("rescale_factor", 1 / 255) if self._flag("do_rescale") else 1.0
        mean: tuple[float, ...] = (0.0,) * _COLOURS
        std: tuple[float, ...] = (1.0,) * _COLOURS
        if self._flag("do_normalize"):
            mean, std = self._three("image_mean", _MEAN), self._three("image_std", _STD)
            if 0 in std:
                self._wrong("image_std", "not 0")
        return Preparation(shorter, scaled, kept, kernel, factor, mean, std)

    def _flag(self, name: str, otherwise: bool = True) -> bool:
        return self._said(name, otherwise) is True

    def _said(self, name: str, otherwise: Any) -> Any:
        value = self._told.get(name)
        return otherwise if value is None else value

    def _size(self, name: str, otherwise: tuple[int, int]) -> tuple[int, tuple[int, int] | None]:
        """Return ``(shorter side, None)`` or ``(0, (height, width))``."""
        told = self._said(name, list(otherwise))
        if isinstance(told, Mapping):
            if "shortest_edge" in told:
                return self._side(name, told["shortest_edge"]), None
            told = [told.get("height"), told.get("width")]
        if isinstance(told, list) and len(told) == 2:
            return 0, (self._side(name, told[0]), self._side(name, told[1]))
        return self._side(name, told), None

    def _side(self, name: str, told: Any) -> int:
        if type(told) is not int or not 0 < told <= _MOST_SIDE:
            self._wrong(name, f"of 1 to {_MOST_SIDE} pixels")
        return int(told)

    def _number(self, name: str, otherwise: float) -> float:
        told = self._said(name, otherwise)
        if isinstance(told, bool) or not isinstance(told, int | float) or not np.isfinite(told):
            self._wrong(name, "a number")
        return float(told)

    def _three(self, name: str, otherwise: tuple[float, ...]) -> tuple[float, ...]:
        told = self._said(name, list(otherwise))
        if not isinstance(told, list) or len(told) != _COLOURS:
            self._wrong(name, "three numbers")
        for one in told:
            if isinstance(one, bool) or not isinstance(one, int | float) or not np.isfinite(one):
                self._wrong(name, "three numbers")
        return tuple(map(float, told))

    def _wrong(self, name: str, want: str) -> NoReturn:
        raise EmbedError(
            f"{self._path}: {_SETTINGS} says {name} is {self._told.get(name)!r:.60}; it must be "
            f"{want}"
        )
