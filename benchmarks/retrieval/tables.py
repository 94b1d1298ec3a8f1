"""Tables of token vectors: read, weighted by how rare tokens are, distilled from transformers.

Weights: Arora, Liang, Ma, "A simple but tough-to-beat baseline for sentence embeddings" (2017),
a / (a + p) for a token of frequency p. Frequencies are not counted but taken from the order of the
vocabulary by Zipf's law, as Model2Vec does: tokenizers number frequent tokens first.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
SIF = 1e-3  # of the paper
_WORD = re.compile(r"\w+|[^\w\s]")


class Table:
    """The mean of the rows of a text's tokens, scaled to length 1."""

    def __init__(self, rows: Matrix, tokens: Callable[[list[str]], list[list[int]]]) -> None:
        self.rows = rows
        self.tokens = tokens

    @classmethod
    def read(cls, weights: pathlib.Path, tokenizer: pathlib.Path, *, special: bool) -> Table:
        """Read a safetensors file of one tensor, and its tokenizer."""
        from safetensors.numpy import load_file

        (rows,) = load_file(str(weights)).values()
        return cls(rows.astype(np.float32), tokens_of(tokenizer, special=special))

    def narrowed(self, dim: int) -> Table:
        """Return the table of the first `dim` columns."""
        return Table(np.ascontiguousarray(self.rows[:, :dim]), self.tokens)

    def __call__(self, texts: list[str]) -> Matrix:
        """Return float32 of shape (texts, dim); zeros for texts without tokens."""
        made = np.zeros((len(texts), self.rows.shape[1]), np.float32)
        for row, ids in enumerate(self.tokens(texts)):
            if ids:
                total = self.rows[ids].sum(axis=0)
                made[row] = total / max(float(np.linalg.norm(total)), 1e-12)
        return made


def tokens_of(path: pathlib.Path, *, special: bool) -> Callable[[list[str]], list[list[int]]]:
    """Return the tokens of texts by a tokenizer.json."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda texts: [
        one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=special)
    ]


def zipf(count: int, a: float = SIF) -> npt.NDArray[np.float64]:
    """Return the weight a / (a + p) of `count` tokens in order, p proportional to 1 / rank."""
    shares = 1 / np.arange(2, count + 2)
    shares /= shares.sum()
    return a / (a + shares)


def weighted(table: Table, how: str, a: float = SIF) -> Table:
    """Return a table with rows weighted and moved; `how` is "" or names joined by "-".

    ``sif``: rows times their weight; ``mean``: the mean row taken off first; ``pc``: the first
    principal component of the weighted rows taken off (Mu and Viswanath 2018 do so for words).
    """
    rows = table.rows.astype(np.float64)
    for step in how.split("-"):
        if step == "mean":
            rows = rows - rows.mean(axis=0)
        elif step == "sif":
            rows = rows * zipf(len(rows), a)[:, None]
        elif step == "pc":
            _, _, axes = np.linalg.svd(rows.T @ rows)
            rows = rows - np.outer(rows @ axes[0], axes[0])
        elif step:
            raise ValueError(f"no such step: {step}")
    return Table(rows.astype(np.float32), table.tokens)


def words(rows: pathlib.Path, index: pathlib.Path) -> Table:
    """Return the table of word vectors in a .npy file; a parquet file has the words in order."""
    import pyarrow.parquet

    names = pyarrow.parquet.read_table(index).column(0).to_pylist()
    at = {name: row for row, name in enumerate(names)}

    def tokens(texts: list[str]) -> list[list[int]]:
        return [[at[word] for word in _WORD.findall(text.lower()) if word in at] for text in texts]

    return Table(np.load(rows).astype(np.float32), tokens)


def distilled(
    encode: Callable[[list[list[int]]], Matrix],
    tokenizer: pathlib.Path,
    cache: pathlib.Path,
    dim: int,
) -> Table:
    """Return the table of a transformer's vectors of single tokens, as Model2Vec's recipe is.

    Every token of the vocabulary alone between the special tokens, the principal components of what
    comes out, rows weighted by `zipf` with a = 1e-4. `encode` takes ids; its vectors are kept in
    `cache`.
    """
    from tokenizers import Tokenizer

    vocabulary = Tokenizer.from_file(str(tokenizer))
    if not cache.exists():
        first, last = (vocabulary.token_to_id(name) for name in ("[CLS]", "[SEP]"))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, encode([[first, i, last] for i in range(vocabulary.get_vocab_size())]))
    found: npt.NDArray[Any] = np.load(cache).astype(np.float64)
    centred = found - found.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.T @ centred)
    rows = (centred @ axes[:dim].T) * zipf(len(found), 1e-4)[:, None]
    return Table(rows.astype(np.float32), tokens_of(tokenizer, special=False))
