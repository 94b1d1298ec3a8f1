"""What an embedder is made of, whichever way it was found: made by the registry and the kinds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._input.vectors import Float32Matrix
from .batches import Encode

Counts = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Spans = list[npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a model, found and, where digests of them are known, compared with those.

    Attributes
    ----------
    folder : str
        The folder that they are in.
    weights, tokenizer : str
        Paths; `tokenizer` is "" where there is none.
    config : dict
        What the model's own files and the registry say: ``config.json``, above it the keys that
        `registry.folder` takes from the files beside it and from the entry of an alias: ``id``,
        ``pooling``, ``normalize``, ``query_prefix``, ``document_prefix``, ``max_tokens``,
        ``lower_case``. A key that nothing says is absent.
    sha256 : dict
        Hexadecimal digests by path, of those files of which one was worked out.
    """

    folder: str
    weights: str
    tokenizer: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """An opened model.

    Attributes
    ----------
    id : str
        Names it in files and errors.
    encode : Encode
        Texts to vectors. Puts the prefixes before the texts by itself.
    key : hashable
        Equal only for models that give equal vectors for equal texts.
    dim : int or None
        Dimensions; None while nobody has asked.
    files : tuple of str
        Paths, the weights first.
    normalized : bool
        All vectors have length 1.
    query_prefix, document_prefix : str
        What `encode` puts before a text that asks, or that is searched.
    max_tokens : int or None
        Tokens of a text that count, the special ones among them; None for all.
    pooling : str
        How vectors of tokens become one, "" where it is not known.
    resolved : tuple of str
        The steps that found it, a sentence each.
    count_tokens : callable or None
        Texts to the number of tokens of each, int64 of shape (n,): without special tokens and
        prefixes, and not cut at `max_tokens`.
    token_ends : callable or None
        Texts to the character positions where their tokens end, ascending, an array each.
    images : callable or None
        ``(n, H, W, 3)`` uint8 to ``(n, dim)`` float32.
    sided : bool
        Queries become vectors in another way than documents, whatever the prefixes say.
    sha256 : str or None
        Digest of the weights where it is known already.
    """

    id: str
    encode: Encode
    key: Hashable
    dim: int | None = None
    files: tuple[str, ...] = ()
    normalized: bool = False
    query_prefix: str = ""
    document_prefix: str = ""
    max_tokens: int | None = None
    pooling: str = ""
    resolved: tuple[str, ...] = ()
    count_tokens: Callable[[list[str]], Counts] | None = None
    token_ends: Callable[[list[str]], Spans] | None = None
    images: Callable[[Pixels], Float32Matrix] | None = None
    sided: bool = False
    sha256: str | None = None

    @property
    def query_key(self) -> Hashable:
        """Return the key of the vectors of queries: `key` where both sides are made alike."""
        if self.sided or self.query_prefix != self.document_prefix:
            return ("query", self.key)
        return self.key
