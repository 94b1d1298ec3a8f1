"""Images to the size that a model was trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_Numbers = npt.NDArray[Any]


class Window(NamedTuple):
    """What to make of one axis: that it is scaled to `length`, and which part of it is kept."""

    length: int
    start: int
    kept: int


def _triangle(x: _Numbers) -> _Numbers:
    weights: _Numbers = np.maximum(1 - np.abs(x), 0)
    return weights


def _cubic(x: _Numbers) -> _Numbers:
    """Keys' kernel with a = -0.5 (Keys 1981, "Cubic convolution interpolation")."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


# By its number in the settings of image models: the kernel, and how far it reaches.
KERNELS: Final[dict[int, tuple[Callable[[_Numbers], _Numbers], int]]] = {
    2: (_triangle, 1),
    3: (_cubic, 2),
}


def resample(pixels: npt.NDArray[np.uint8], rows: Window, columns: Window, kernel: int) -> Floats:
    """Return the part of a scaled image that is kept, (rows.kept, columns.kept, 3).

    Where an image becomes smaller, the kernel is widened by the same factor, so that every pixel
    counts. Nothing outside of the kept part is computed; what lies beyond the image is 0.

    Parameters
    ----------
    pixels : array of uint8, (H, W, 3)
    rows, columns : Window
    kernel : {2, 3}
        Bilinear or bicubic.

    Returns
    -------
    ndarray of float32
        0 to 255.
    """
    # The axis first of which less is left: an image of 1 x 4,000,000 must not become 224 of these.
    if columns.kept * pixels.shape[0] < rows.kept * pixels.shape[1]:
        wide = _along(pixels.transpose(1, 0, 2), columns, kernel)
        made = _along(wide.transpose(1, 0, 2), rows, kernel)
    else:
        tall = _along(pixels, rows, kernel)
        made = _along(tall.transpose(1, 0, 2), columns, kernel).transpose(1, 0, 2)
    return np.clip(made, 0, 255)


def _along(pixels: npt.NDArray[np.uint8] | Floats, window: Window, kernel: int) -> Floats:
    """Return an image with its first axis scaled."""
    lines: npt.NDArray[Any] = np.ascontiguousarray(pixels)
    function, reach = KERNELS[kernel]
    size = len(lines)
    scale = size / window.length
    wide = max(scale, 1)
    out: Floats = np.zeros((window.kept, *lines.shape[1:]), np.float32)
    for i in range(window.kept):
        at = window.start + i
        if not 0 <= at < window.length:
            continue
        centre = (at + 0.5) * scale
        low = max(int(centre - reach * wide + 0.5), 0)
        high = min(int(centre + reach * wide + 0.5), size)
        weights = function((np.arange(low, high) + 0.5 - centre) / wide)
        weights /= weights.sum()
        part = lines[low:high].astype(np.float32, copy=False)
        out[i] = np.tensordot(weights.astype(np.float32), part, 1)
    return out
