"""Text to vectors: the installed static model, or whatever the user brings."""

from __future__ import annotations

import importlib.util
import os.path
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from types import MethodType
from typing import Any, Final

import numpy as np

from .._errors import ColumnError, EmbedError, InvalidArgument, InvalidVector, MissingExtra
from .._input.cells import Validity
from .._input.text_columns import checked
from .._input.values import values_of
from .._input.vectors import Float32Matrix, read_vectors
from .._locks import Lock
from .._native import forked_error
from .._progress import Progress
from .._settings import checked_by, current
from .._show import html
from .batches import BATCH_TEXTS, Encode, Rows, Told, in_batches
from .static import Static

_PACKAGE: Final = "wordllama"
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
DEFAULT_ID: Final = "wordllama/l2_supercat_256"
_SHOWN: Final = 100  # letters of what a file says
_PIP: Final = "pip install 'ruvector-arrow[text]'"


class Embedder:
    """Turns texts into vectors of one number of dimensions, length 1.

    Made by `from_pretrained`. The same text gives the same vector in any batch. Thread-safe for
    the default model; for the user's own callables as safe as they are.

    Attributes
    ----------
    id : str
        Names the embedder, for example ``"wordllama/l2_supercat_256"``.
    """

    __slots__ = ("_dim", "_encode", "_sha256", "_weights", "id", "key")

    id: str
    _encode: Encode
    _dim: int | None
    _weights: str | None
    _sha256: str | None
    key: Hashable  # equal only for embedders that give equal vectors; for the cache

    def __init__(self) -> None:
        raise TypeError("an Embedder is made by Embedder.from_pretrained(spec)")

    @classmethod
    def _from_function(
        cls,
        name: str,
        encode: Encode,
        dim: int | None,
        weights: str | None,
        key: Hashable,
    ) -> Embedder:
        self = object.__new__(cls)
        self.id = name
        self.key = key
        self._encode = encode
        self._dim = dim
        self._weights = weights
        self._sha256 = None
        return self

    @classmethod
    def from_pretrained(cls, spec: Any = "default") -> Embedder:
        """Return the embedder that `spec` means. Never uses the network.

        Parameters
        ----------
        spec : {"default"}, callable, object with ``encode``, or Embedder
            ``"default"`` is the static model inside the installed ``wordllama`` package: 256
            dimensions, the mean of the token rows, length 1. A callable or an ``encode`` method
            takes a list of texts, at most 256 at a time, and returns as many vectors. Retry what
            may fail in there: its errors come back as they are.

        Raises
        ------
        MissingExtra
            The default model is not installed; the message has the pip line.
        EmbedError
            `spec` is none of these.
        """
        if isinstance(spec, Embedder):
            return spec
        if isinstance(spec, str):
            if spec != "default":
                raise EmbedError(
                    f"no embedder is called {spec!r}; use 'default', or pass a callable or an "
                    "object with encode(texts)"
                )
            return _default()
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
        return cls._from_function(_name_of(spec), _Foreign(encode), None, None, key)

    @property
    def dim(self) -> int:
        """Dimensions of the vectors (asks a foreign embedder once, with the text "dimension")."""
        if self._dim is None:
            self._dim = int(self._encode(["dimension"], bool)[0].shape[1])
        return self._dim

    def makes(self, dim: int) -> None:
        """Know the dimensions from vectors that were kept, so that nothing is asked for them."""
        if self._dim is None:
            self._dim = dim

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the vectors: ``embedder``, ``dim``, ``normalized`` and ``sha256``.

        ``sha256`` is the digest of the weights, worked out when first asked for; None where
        there is no file of weights.
        """
        if self._sha256 is None and self._weights is not None:
            import hashlib

            with open(self._weights, "rb") as file:
                self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "embedder": self.id,
            "dim": self.dim,
            "normalized": self._weights is not None,
            "sha256": self._sha256,
        }

    def encode(self, texts: str | Sequence[str]) -> Float32Matrix:
        """Return the vectors of texts.

        Parameters
        ----------
        texts : str or sequence of n str

        Returns
        -------
        ndarray of float32, shape (dim,) for one text, else (n, dim)
            Texts without any token (empty ones) have no vector: their rows are NaN, and one such
            text alone is an error.

        Raises
        ------
        EmbedError
            A text is not a string, or a foreign embedder gave something else than n vectors.
        """
        if isinstance(texts, str):
            vector: Float32Matrix = self.query([texts])[0]
            return vector
        matrix, valid = self.column(values_of(texts).tolist())
        if not valid.all():
            matrix = matrix.copy()
            matrix[~valid] = np.nan
        return matrix

    __call__ = encode

    def column(self, texts: list[Any]) -> tuple[Float32Matrix, Validity]:
        """Return ``(matrix, valid)`` of a column of texts; null and empty texts are not valid."""
        present = np.fromiter(
            (isinstance(text, str) and not text.isspace() and text != "" for text in texts),
            np.bool_,
            len(texts),
        )
        if not present.all():
            checked(texts)
        if present.all() and texts:
            return self._measured(texts)
        kept = [text for text, ok in zip(texts, present, strict=True) if ok]
        if not kept:
            return np.zeros((len(texts), self.dim), np.float32), present
        found, valid = self._measured(kept)
        matrix = np.zeros((len(texts), found.shape[1]), np.float32)
        matrix[present] = found
        present[present] = valid
        return matrix, present

    def _measured(self, texts: list[str]) -> tuple[Float32Matrix, Validity]:
        matrix: Float32Matrix = np.empty((0, 0), np.float32)
        valid: Validity = np.empty(len(texts), np.bool_)
        for start, end, found, ok in self.batches(texts, BATCH_TEXTS, None, _texts_named):
            if end - start == len(texts):
                return found, ok
            if not len(matrix):
                matrix = np.empty((len(texts), found.shape[1]), np.float32)
            matrix[start:end], valid[start:end] = found, ok
        return matrix, valid

    def batches(
        self, texts: list[str], size: int, progress: Progress, rows: Rows
    ) -> Iterator[tuple[int, int, Float32Matrix, Validity]]:
        """Yield ``(start, end, matrix, valid)`` of some texts, none empty, after the others."""
        shown = current.progress if progress is None else progress
        for batch in in_batches(self._encode, texts, size, shown, rows):
            self._dim = batch[2].shape[1]
            yield batch

    def query(self, texts: list[str]) -> Float32Matrix:
        """Return the vectors of queries, shape (n, dim); a text without tokens is an error."""
        matrix, valid = self.column(texts)
        check_queries(texts, valid)
        return matrix

    def __repr__(self) -> str:
        return f"Embedder({self.id!r})"

    def _repr_html_(self) -> str:
        return html.facts(
            "ruvector.Embedder",
            [
                ("id", self.id),
                ("dimensions", self._dim or "not asked yet"),
                ("weights", os.path.basename(self._weights) if self._weights else "the user's own"),
            ],
        )


def _texts_named(start: int, end: int) -> str:
    return f"while texts {start} to {end - 1} were embedded"


def check_queries(texts: list[str], valid: Validity) -> None:
    """Raise EmbedError naming the first query that has no vector."""
    if not valid.all():
        row = int(np.argmin(valid))
        raise EmbedError(f"query {row} ({texts[row]!r:.40}) has no text to search for", row=row)


class _Foreign:
    """The user's own callable."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[list[str]], Any]) -> None:
        self._function = function

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs of `size`."""
        for start in range(0, len(texts), size):
            yield start, min(start + size, len(texts))

    def __call__(self, texts: list[str], told: Told) -> tuple[Float32Matrix, Validity]:
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


_loaded: Embedder | None = None
_half_loaded = False


def _forget() -> None:
    """Know, in a forked child, that the thread that loaded the model did not come along.

    What it had begun to import is locked by the interpreter, for ever.
    """
    global _half_loaded
    _half_loaded = True


_lock = Lock(_forget)


def _default() -> Embedder:
    """Return the default model, loaded once for the process."""
    global _loaded
    if _half_loaded:
        raise forked_error()
    with _lock:
        if _loaded is None:
            _loaded = _load()
        return _loaded


def _load() -> Embedder:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise _missing(_PACKAGE)
    folder = next(iter(found.submodule_search_locations))
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _missing(error.name or "tokenizers") from error
    weights, config = (os.path.join(folder, name) for name in (_WEIGHTS, _TOKENIZER))
    for path in (weights, config):
        if not os.path.isfile(path):
            raise EmbedError(f"{path} is missing from the {_PACKAGE} package: reinstall it, {_PIP}")
    tensors = load_file(weights)
    if len(tensors) != 1:
        raise EmbedError(f"{weights} holds {len(tensors)} tensors, one table is expected")
    table = np.ascontiguousarray(next(iter(tensors.values())))
    tokenizer = Tokenizer.from_file(config)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    encode = Static(table, tokenizer)
    return Embedder._from_function(DEFAULT_ID, encode, table.shape[1], weights, DEFAULT_ID)


def _missing(module: str) -> MissingExtra:
    reason = ""
    if sys.version_info >= (3, 14):
        reason = (
            f" ({_PACKAGE} has no wheel for Python 3.14 and later: use Python 3.11 to 3.13, or "
            "pass your own embedder=)"
        )
    return MissingExtra(
        f"the default text model needs {module}, which is not installed: {_PIP}{reason}", pip=_PIP
    )


def origin_of(embedder: Embedder, column: object) -> str:
    """Return what an index of texts remembers of how they were embedded, as JSON."""
    import json  # here, so that importing the package stays short

    return json.dumps({**embedder.provenance, "column": str(column)}, sort_keys=True)


def recall_origin(origin: str) -> Embedder:
    """Return the embedder that `origin_of` described, if it is the installed model.

    Raises
    ------
    EmbedError
        It is another one, the installed model has other weights, or `origin` (a file may say
        anything) names none; names both, at most some hundred letters of either.
    MissingExtra
        The model is not installed.
    """
    name, weights = _told(origin)
    if name != DEFAULT_ID:
        raise EmbedError(
            f"the vectors of this index were made by {_short(name)}, which cannot be loaded by "
            "name; search with ix.search(embedder.encode(text))"
        )
    embedder = _default()
    here = embedder.provenance["sha256"]
    if weights not in (None, here):
        raise EmbedError(
            f"the vectors of this index were made by {name!r} with weights {_short(weights)}, "
            f"installed are weights {here}: their vectors do not compare"
        )
    return embedder


def _told(origin: str) -> tuple[str, Any]:
    """Return the embedder and the digest of its weights that an index tells of."""
    import json  # here, so that importing the package stays short

    try:
        made = json.loads(origin)
    except (ValueError, RecursionError):
        return origin, None
    if not isinstance(made, dict) or not isinstance(made.get("embedder"), str):
        raise EmbedError(
            f"the index says that its vectors were made by {_short(origin)}, which names no "
            "embedder; search with ix.search(embedder.encode(text))"
        )
    return made["embedder"], made.get("sha256")


def _short(told: object) -> str:
    """Return what a file says as text that an error can show."""
    text = told if isinstance(told, str) else type(told).__name__
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def resolve(embedder: Any) -> Embedder:
    """Return the embedder to use: the one given, else the configured one, else the default."""
    if embedder is None:
        embedder = current.embedder
    return Embedder.from_pretrained("default" if embedder is None else embedder)


def _check_setting(embedder: Any) -> None:
    """Refuse what cannot be an embedder; that the default model is there shows when it is used."""
    if embedder is None or (isinstance(embedder, str) and embedder == "default"):
        return
    try:
        Embedder.from_pretrained(embedder)
    except EmbedError as error:
        raise InvalidArgument(str(error)) from None


checked_by("embedder", _check_setting)
