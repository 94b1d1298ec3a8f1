"""The static kind: a table of token vectors, and the tokenizer that looks into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import EmbedError
from ..._input.cells import Validity
from ..._input.vectors import Float32Matrix
from ..batches import Told
from ..model import Files, Model
from .beside import identity, name_of, told_beside, typed
from .tensors import Tensors
from .tokenizing import TokenIds, Tokens, check_texts, runs

PIP: Final = "pip install 'ruvector-arrow[text]'"
# What is kept if the rest is interrupted: some tenths of a second of work.
_PART_CHARACTERS: Final = 4 << 20
_PART_TEXTS: Final = 16 << 10
_MODEL2VEC_TOKENS: Final = 512  # that count where the model does not say

_Table = npt.NDArray[Any]


class Static:
    """A table of token vectors and its tokenizer: the mean of the rows of a text's tokens.

    Parameters
    ----------
    table : array of int8, float16 or float32, (rows, dim)
    tokens : Tokens
    rows : array of uint32, optional
        By token id the row of `table`; without it they are the same.
    weights : array of float64, optional
        By token id what its row is multiplied by.
    unknown : int, optional
        The token id that is dropped.
    most, characters : int, optional
        Tokens of a text that count, the unknown ones among them; letters of it that are read.
    normalize : bool
        Scale every vector to length 1.
    prefixes : two of str
        What is put before texts that ask, and before those that are searched.
    """

    __slots__ = (
        "_characters", "_most", "_normalize", "_prefixes", "_rows", "_table", "_tokens", "_unknown",
        "_weights",
    )  # fmt: skip

    def __init__(
        self,
        table: _Table,
        tokens: Tokens,
        rows: npt.NDArray[np.uint32] | None = None,
        weights: npt.NDArray[np.float64] | None = None,
        unknown: int | None = None,
        most: int | None = None,
        characters: int | None = None,
        normalize: bool = True,
        prefixes: tuple[str, str] = ("", ""),
    ) -> None:
        self._table = table
        self._tokens = tokens
        self._rows = rows
        self._weights = weights
        self._unknown = unknown
        self._most = most
        self._characters = characters
        self._normalize = normalize
        self._prefixes = prefixes

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into large runs, whatever `size` says: one costs no more than another."""
        return runs(texts, _PART_CHARACTERS, _PART_TEXTS)

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return the mean of the token rows of every text, and which texts have tokens."""
        check_texts(texts)
        prefix = self._prefixes[0 if query else 1]
        if not prefix:
            return self._pooled(texts, told)
        present = self._tokens.count(texts) > 0
        matrix, valid = self._pooled([prefix + text for text in texts], told)
        return matrix, valid & present

    def _pooled(self, texts: list[str], told: Told) -> tuple[Float32Matrix, Validity]:
        if self._characters is not None:
            texts = [text[: self._characters] for text in texts]
        tokens = self._counted(self._tokens.ids(texts, told, special=False))
        cuts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)), out=cuts[1:])
        flat = np.concatenate(tokens) if tokens else np.empty(0, np.uint32)
        weights = None if self._weights is None else self._weights[flat]
        if self._rows is not None:
            flat = self._rows[flat]
        matrix, valid = _native.pool_tokens(
            self._table, flat, cuts, self._normalize, weights=weights
        )
        self._check_finite(matrix, texts)
        return matrix, valid

    def _counted(self, tokens: list[TokenIds]) -> list[TokenIds]:
        """Return the tokens that count: the first ones, without the unknown."""
        if self._most is not None:
            tokens = [one[: self._most] for one in tokens]
        if self._unknown is not None:
            tokens = [one[one != self._unknown] for one in tokens]
        return tokens

    def _check_finite(self, matrix: Float32Matrix, texts: list[str]) -> None:
        finite = np.isfinite(matrix).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise EmbedError(
                f"the vector of text {row} ({texts[row]!r:.60}) is not finite: the model's table "
                "has NaN or infinity in the rows of its tokens; use a sound copy of the model",
                row=row,
            )


def open_static(files: Files) -> Model:
    """Return the static model in a folder, or of a package.

    A file with a tensor ``embeddings`` is of Model2Vec: its ``weights`` and ``mapping`` are used,
    unknown tokens are dropped, and 512 tokens count unless ``max_length`` says otherwise. One with
    a single table is of WordLlama or sentence-transformers: all tokens count.

    Raises
    ------
    EmbedError
        The files are damaged, hold no such table, or do not belong together.
    MissingExtra
        The tokenizer needs a package that is not installed.
    """
    if not files.tokenizer:
        raise EmbedError(
            f"{files.folder} has a table of tokens and no tokenizer.json to look into it with; "
            "add the one that it was made with"
        )
    said = {**told_beside(files.folder), **files.config}
    tokens = Tokens(files.tokenizer, PIP, typed(files, said, "lower_case", bool, False))
    prefixes = (
        typed(files, said, "query_prefix", str, ""), typed(files, said, "document_prefix", str, ""),
    )  # fmt: skip
    with Tensors(files.weights) as tensors:
        if "embeddings" in tensors.places:
            encode, dim, most, normalized = _model2vec(files, tensors, tokens, prefixes)
        else:
            encode, dim, most, normalized = _plain(files, tensors, tokens, said, prefixes)
    name = name_of(files)
    return Model(
        name, encode, (name, *identity(files), normalized, most, *prefixes), dim,
        (files.weights, files.tokenizer), normalized, *prefixes, max_tokens=most, pooling="mean",
        count_tokens=tokens.count, token_ends=tokens.ends,
        sha256=files.sha256.get(files.weights),
    )  # fmt: skip


_Opened = tuple[Static, int, int | None, bool]  # the model, its dimensions, tokens, length 1


def _model2vec(
    files: Files, tensors: Tensors, tokens: Tokens, prefixes: tuple[str, str]
) -> _Opened:
    table = _table(files, tensors, "embeddings")
    rows = weights = None
    if "mapping" in tensors.places:
        rows = _mapping(files, tensors.read("mapping"), tokens, len(table))
    elif len(table) != tokens.size:
        raise EmbedError(
            f"{files.weights} has {len(table)} rows for tokens and {files.tokenizer} has "
            f"{tokens.size}; use the tokenizer that belongs to the table"
        )
    if "weights" in tensors.places:
        weights = _weights(files, tensors.read("weights"), tokens)
    most = _most(files)
    characters = None
    if most is not None:
        lengths = [len(token) for token in tokens.vocabulary()]
        characters = most * int(np.median(lengths))
    normalize = typed(files, files.config, "normalize", bool, False)
    encode = Static(
        table, tokens, rows, weights, tokens.unknown(), most, characters, normalize, prefixes
    )
    return encode, table.shape[1], most, normalize


def _plain(
    files: Files,
    tensors: Tensors,
    tokens: Tokens,
    said: dict[str, Any],
    prefixes: tuple[str, str],
) -> _Opened:
    names = list(tensors.places)
    if len(names) != 1:
        raise EmbedError(
            f"{files.weights} holds {len(names)} tensors ({', '.join(names[:5])!s:.100}): a static "
            "model has one table, or a tensor 'embeddings'; of other models pass the ONNX file"
        )
    table = _table(files, tensors, names[0])
    if tokens.size > len(table):
        raise EmbedError(
            f"{files.weights} has {len(table)} rows for tokens and {files.tokenizer} has "
            f"{tokens.size}; use the tokenizer that belongs to the table"
        )
    if said.get("modules"):
        raise EmbedError(
            f"{files.folder}: the model goes on with {', '.join(said['modules'])!s:.100}, which is "
            "not done here; pass a callable that does it"
        )
    normalize = typed(files, said, "normalize", bool, True)
    return (
        Static(table, tokens, normalize=normalize, prefixes=prefixes),
        table.shape[1],
        None,
        normalize,
    )


def _table(files: Files, tensors: Tensors, name: str) -> _Table:
    place = tensors.places[name]
    if len(place.shape) != 2 or 0 in place.shape:
        raise EmbedError(
            f"{files.weights}: {name!r} has the shape {list(place.shape)}, a table has rows of "
            "tokens and columns"
        )
    if place.dtype not in ("F64", "F32", "F16", "BF16", "I8"):
        raise EmbedError(
            f"{files.weights}: {name!r} is of {place.dtype}, a table is of F32, F16, BF16, F64 or "
            "I8"
        )
    table = tensors.read(name)
    return table.astype(np.float32) if table.dtype == np.float64 else table


def _mapping(
    files: Files, mapping: npt.NDArray[Any], tokens: Tokens, height: int
) -> npt.NDArray[np.uint32]:
    if mapping.ndim != 1 or mapping.dtype.kind not in "iu" or len(mapping) < tokens.size:
        raise EmbedError(
            f"{files.weights}: 'mapping' is {mapping.dtype} of shape {list(mapping.shape)}, it "
            f"has a row for each of the {tokens.size} tokens of {files.tokenizer}"
        )
    wrong = (mapping < 0) | (mapping >= height)
    if wrong.any():
        token = int(np.argmax(wrong))
        raise EmbedError(
            f"{files.weights}: 'mapping' sends token {token} to row {mapping[token]} of a table "
            f"of {height}"
        )
    return mapping.astype(np.uint32)


def _weights(files: Files, weights: npt.NDArray[Any], tokens: Tokens) -> npt.NDArray[np.float64]:
    if weights.ndim != 1 or weights.dtype.kind != "f" or len(weights) < tokens.size:
        raise EmbedError(
            f"{files.weights}: 'weights' is {weights.dtype} of shape {list(weights.shape)}, it "
            f"has a number for each of the {tokens.size} tokens of {files.tokenizer}"
        )
    return weights.astype(np.float64)


def _most(files: Files) -> int | None:
    """Return how many tokens count: as Model2Vec does, which does not read ``seq_length``."""
    for name in ("max_tokens", "max_length"):
        if name in files.config:
            most = files.config[name]
            if most is None or (type(most) is int and most > 0):
                return most
            raise EmbedError(f"{files.folder}: {name} is {most!r:.40}, not a number of tokens")
    return _MODEL2VEC_TOKENS
