"""Images as an image model reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import EmbedError
from .model import Pixels

_COLOURS = 3


def read_images(images: Any) -> tuple[Pixels, bool]:
    """Return images as contiguous ``(n, H, W, 3)`` uint8, and whether one was given.

    Raises
    ------
    EmbedError
        They have another type or shape, or an image without pixels.
    """
    try:
        array = np.asarray(images)
    except ValueError as error:
        raise EmbedError(
            f"the images are not all of one size ({error}); resize them, or embed one at a time"
        ) from None
    if array.dtype != np.uint8:
        raise EmbedError(
            f"an image of {array.dtype} is not taken: pass uint8, 0 to 255 "
            "(of numbers from 0 to 1: (255 * image).astype('uint8'))"
        )
    single = array.ndim == 3
    if array.ndim not in (3, 4) or array.shape[-1] != _COLOURS:
        raise EmbedError(
            f"an image of shape {array.shape} is not taken: pass (height, width, 3), red, green "
            f"and blue{_hint(array.shape)}"
        )
    if 0 in array.shape[-3:]:
        raise EmbedError(f"an image of shape {array.shape} has no pixels")
    pixels: Pixels = np.ascontiguousarray(array[np.newaxis] if single else array)
    return pixels, single


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return " (of grey: np.stack([image] * 3, axis=-1))"
    if len(shape) in (3, 4) and shape[-1] == 4:
        return " (without transparency: image[..., :3])"
    if len(shape) in (3, 4) and shape[-3] == _COLOURS:
        return " (colours last: np.moveaxis(image, -3, -1))"
    return ""
