"""The user's own embedders: callables, and objects that have a method for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import numpy as np

from .._errors import ColumnError, EmbedError, InvalidVector
from .._input.cells import Validity
from .._input.vectors import Float32Matrix, read_vectors
from .batches import Told
from .model import Model


def open_foreign(spec: Any) -> Model:
    """Return the model that an object or a callable is.

    Raises
    ------
    EmbedError
        It is neither callable nor has ``encode``.
    """
    encode = getattr(spec, "encode", None)
    if not callable(encode):
        encode = spec
    if isinstance(spec, type):
        raise EmbedError(f"embedder={spec.__name__} is a class; pass an object made by it")
    if not callable(encode):
        method = getattr(spec, "embed_documents", None)
        raise EmbedError(
            f"embedder={type(spec).__name__} is neither callable nor has encode(texts)"
            + ("; pass its method: embedder=(it).embed_documents" if callable(method) else "")
        )
    # A method is made anew each time it is looked up; all of one object's are equal.
    key = encode if isinstance(encode, MethodType) else _Same(encode)
    name = _name_of(spec)
    return Model(name, _Foreign(encode), key, resolved=(f"{name} was given",))


class _Foreign:
    """The user's own callable."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[list[str]], Any]) -> None:
        self._function = function

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs of `size`."""
        for start in range(0, len(texts), size):
            yield start, min(start + size, len(texts))

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return what the callable gives for texts."""
        try:
            found = read_vectors(self._function(texts), "the embedder's answer", warn=False)
        except (InvalidVector, ColumnError) as error:
            raise EmbedError(str(error)) from error
        if found.nulls:
            raise EmbedError(f"the embedder gave no vector for {found.nulls} of its texts")
        if not found.dim:
            raise EmbedError("the embedder gave vectors of no dimensions")
        matrix = found.floats()
        if len(matrix) != len(texts):
            raise EmbedError(f"the embedder gave {len(matrix)} vectors for {len(texts)} texts")
        floats = np.array(matrix, np.float32, order="C")  # its memory may be used again
        return floats, np.ones(len(texts), np.bool_)


class _Same:
    """Equal only to one of the same function, which it keeps: an id could be given again."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        self._function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._function is self._function

    def __hash__(self) -> int:
        return id(self._function)


def _name_of(spec: Any) -> str:
    named = spec if hasattr(spec, "__qualname__") else type(spec)
    return f"{named.__module__}.{named.__qualname__}"
