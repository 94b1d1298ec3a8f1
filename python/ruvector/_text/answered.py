"""What the user's embedders answer, in whatever form, becomes a matrix or a named error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np

from .._errors import ColumnError, EmbedError, InvalidVector, LimitExceeded
from .._input.vectors import Float32Matrix, read_vectors
from .._settings import current

_CALLED: Final = "the embedder's answer"


def held(answer: Any, count: int) -> Any:
    """Return an answer that is not made while it is read, and lies where the CPU can read it.

    Of a generator only one vector more than `count` is taken.
    """
    if isinstance(answer, Iterator):
        answer = list(islice(answer, count + 1))
    if type(answer) is list:
        return [_on_cpu(row) for row in answer]
    return _on_cpu(answer)


def _on_cpu(tensor: Any) -> Any:
    """Return a tensor of torch as one that NumPy can read, and anything else as it is."""
    if callable(getattr(tensor, "detach", None)) and callable(getattr(tensor, "cpu", None)):
        tensor = tensor.detach().cpu()
        if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":  # NumPy has no such numbers
            tensor = tensor.float()
    return tensor


def matrix_of(answer: Any, texts: list[str]) -> Float32Matrix:
    """Return the vectors of an answer, which shares no memory with it.

    Raises
    ------
    EmbedError
        It is something else than one vector a text, all of one length. ``row`` is the place of the
        text among these.
    InvalidVector
        A number is NaN or infinite.
    """
    matrix = _of_lists(answer)
    if matrix is None:
        try:
            found = read_vectors(answer, _CALLED, warn=False)
        except (InvalidVector, ColumnError, LimitExceeded) as error:
            raise EmbedError(str(error), row=error.row, column=error.column) from error
        except (RuntimeError, TypeError, ValueError, BufferError) as error:
            raise EmbedError(
                f"{_CALLED}, a {type(answer).__name__}, cannot be read: {error!s:.200}"
            ) from error
        if found.nulls:
            raise EmbedError(f"the embedder gave no vector for {found.nulls} of its texts")
        _check_count(found.rows, len(texts))
        if not found.dim:
            raise EmbedError("the embedder gave vectors of no dimensions")
        matrix = np.array(found.floats(), np.float32, order="C")  # its memory may be used again
    _check_count(len(matrix), len(texts))
    _check_finite(matrix, texts)
    return matrix


def _of_lists(answer: Any) -> Float32Matrix | None:
    """Return a list of lists of numbers as a matrix, None where it is something else.

    Row by row, so that other threads have their turn meanwhile.
    """
    if type(answer) is not list or not answer or type(answer[0]) is not list or not answer[0]:
        return None
    matrix = np.empty((len(answer), len(answer[0])), np.float32)
    for i, row in enumerate(answer):
        if type(row) is not list or len(row) != matrix.shape[1] or type(row[0]) is not float:
            return None
        try:
            numbers = np.array(row)
        except (ValueError, OverflowError):
            return None
        if numbers.dtype != np.float64 or numbers.ndim != 1:
            return None
        with np.errstate(over="ignore"):
            matrix[i] = numbers
    return matrix


def _check_count(count: int, wanted: int) -> None:
    if count > wanted:
        raise EmbedError(f"the embedder gave {count:,} vectors or more for {wanted:,} texts")
    if count < wanted:
        raise EmbedError(f"the embedder gave {count:,} vectors for {wanted:,} texts")


def _check_finite(matrix: Float32Matrix, texts: list[str]) -> None:
    if current.bad_vectors == "skip":
        return  # who reads the vectors leaves out these rows
    fine = np.isfinite(matrix)
    if not fine.all():
        row, column = np.argwhere(~fine)[0].tolist()
        number = (
            "NaN" if np.isnan(matrix[row, column]) else "infinity, or more than a float32 holds,"
        )
        raise InvalidVector(
            f"the embedder gave {number} as element {column} of the vector of {texts[row]!r:.60}",
            row=row,
            column=column,
        )
