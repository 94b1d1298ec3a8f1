"""Vectors of the tokens of texts become one vector a text."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import EmbedError
from ..._input.vectors import Float32Matrix

# In the order in which sentence-transformers puts vectors side by side where a model has several.
# "weighted_mean" gives the i-th token (from 0) the weight i + 1, as its ``weightedmean`` does, and
# "reciprocal_mean" 1 / (i + 1).
POOLINGS: Final = (
    "cls", "max", "mean", "mean_sqrt_len", "weighted_mean", "last", "reciprocal_mean",
)  # fmt: skip
_OTHER_NAMES: Final = {
    "lasttoken": "last", "last_token": "last", "weightedmean": "weighted_mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len", "mean_tokens": "mean", "max_tokens": "max",
    "cls_token": "cls",
}  # fmt: skip


def read_pooling(told: Any, place: str) -> tuple[str, ...]:
    """Return the poolings of a model: ``"mean"``, or several, ``"cls+max"``."""
    names = tuple(_OTHER_NAMES.get(name, name) for name in str(told).split("+"))
    if not isinstance(told, str) or not set(names) <= set(POOLINGS):
        raise EmbedError(
            f"{place}: pooling {told!r:.60} is not known; it is one of {', '.join(POOLINGS)}, or "
            "several of them with + between"
        )
    return tuple(sorted(set(names), key=POOLINGS.index))


def pool(
    hidden: npt.NDArray[Any], how: tuple[str, ...], normalize: bool
) -> npt.NDArray[np.float32]:
    """Return one vector for the tokens of a text, (dim,) of float32.

    Parameters
    ----------
    hidden : array of float32 or float16, (tokens, d)
        At least one token.
    how : tuple of str
        Some of `POOLINGS`; dim is d for each of them.
    normalize : bool
        Scale the vector to length 1.

    Notes
    -----
    Sums are taken in float64 in the order of the tokens.
    """
    if len(how) == 1:
        return _pooled(hidden, how[0], normalize)
    beside = np.concatenate([_pooled(hidden, one, False) for one in how])
    return unit(beside[np.newaxis])[0] if normalize else beside


def unit(matrix: npt.NDArray[Any]) -> Float32Matrix:
    """Return rows of length 1, (n, d) of float32; a row of zeros stays as it is."""
    exact = matrix.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    return (exact / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)


def _pooled(hidden: npt.NDArray[Any], how: str, normalize: bool) -> npt.NDArray[np.float32]:
    n = len(hidden)
    if how in ("cls", "last", "max"):
        row = hidden.max(axis=0) if how == "max" else hidden[0 if how == "cls" else -1]
        one: npt.NDArray[np.float32] = row.astype(np.float32)
        return unit(one[np.newaxis])[0] if normalize else one
    tokens = np.arange(n, dtype=np.uint32)
    cuts = np.array([0, n], np.int64)
    matrix, _ = _native.pool_tokens(
        hidden, tokens, cuts, normalize, threads=1, weights=_weights(how, n)
    )
    vector: npt.NDArray[np.float32] = matrix[0]
    return vector


def _weights(how: str, n: int) -> npt.NDArray[np.float64] | None:
    """Return what each of n tokens counts, times n, by which their sum is divided."""
    if how == "mean":
        return None
    if how == "mean_sqrt_len":
        return np.full(n, np.sqrt(n))
    weights: npt.NDArray[np.float64] = np.arange(1, n + 1, dtype=np.float64)
    if how == "reciprocal_mean":
        weights = 1 / weights
    weights *= n / weights.sum()
    return weights
