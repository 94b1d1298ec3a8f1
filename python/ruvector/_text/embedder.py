"""Text to vectors: the installed static model, or whatever the user brings."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Generator, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._errors import EmbedError, InvalidArgument, RuVectorError
from .._input.cells import Validity
from .._input.text_columns import checked
from .._input.values import values_of
from .._input.vectors import Float32Matrix
from .._locks import Lock
from .._native import forked_error
from .._progress import Progress
from .._settings import checked_by, current
from .._show import html
from .batches import BATCH_TEXTS, Look, Rows, in_batches
from .served import openai

if TYPE_CHECKING:  # made of dataclasses, which an import of the package does without
    from .model import Counts, Model
    from .provenance import Provenance

DEFAULT_ID: Final = "wordllama/l2_supercat_256"
_SHOWN: Final = 100  # letters of what a file says


class Embedder:
    """Turns texts into vectors of one number of dimensions.

    Made by `from_pretrained`. The same text gives the same vector in any batch. Thread-safe for
    the models that this package runs; for the user's own callables as safe as they are.

    Attributes
    ----------
    id : str
        Names the embedder, for example ``"wordllama/l2_supercat_256"``.
    """

    __slots__ = ("_dim", "_model", "_sha256", "id", "key", "query_key")

    id: str
    _model: Model
    _dim: int | None
    _sha256: str | None
    # Equal only for embedders that give equal vectors, of documents and of queries; for the cache.
    key: Hashable
    query_key: Hashable

    def __init__(self) -> None:
        raise TypeError("an Embedder is made by Embedder.from_pretrained(spec)")

    @classmethod
    def _of(cls, model: Model) -> Embedder:
        self = object.__new__(cls)
        self.id = model.id
        self.key = model.key
        self.query_key = model.query_key
        self._model = model
        self._dim = model.dim
        self._sha256 = model.sha256
        return self

    @classmethod
    def from_pretrained(
        cls,
        spec: Any = "default",
        *,
        revision: str | None = None,
        sha256: str | None = None,
        local_files_only: bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> Embedder:
        """Return the embedder that `spec` means.

        It is looked for in this order; `provenance` has the steps under ``resolved``. Weights are
        safetensors or ONNX; pickles are never opened.

        Parameters
        ----------
        spec : str, path, callable, object, or Embedder
            ``"default"``: the static model inside the installed ``wordllama`` package, 256
            dimensions, needs no network. ``"best"``: a better and slower one.

            1. A callable, or an object with ``encode`` or ``embed_documents``: takes a list of
               texts, at most 256 at a time, and returns as many vectors. Retry what may fail in
               there: its errors come back as they are.
            2. A folder with ``model.safetensors`` or ``onnx/model.onnx``, ``tokenizer.json`` and
               ``config.json``, or the path of a file of weights in one.
            3. The name that an installed package offers under the entry points
               ``ruvector.models``.
            4. A name of the registry, ``"bge-small-en-v1.5"``: its commit and the SHA-256 of its
               files are fixed. An unknown name lists those that are known.
            5. ``"hf:organisation/name"``, ``"hf:organisation/name@commit"``: a hub, by way of the
               cache that other tools use too (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN).
            6. ``"openai:model"``: a server, see `openai`.
        revision : str, optional
            Commit, tag or branch on the hub.
        sha256 : str, optional
            The digest that the file of weights must have.
        local_files_only : bool, optional
            Whether the network must not be used. HF_HUB_OFFLINE=1 says so for all calls.
        cache_dir : path, optional
            The cache to use, instead of that of the environment.

        Raises
        ------
        MissingExtra
            A package that the model needs is not installed; the message has the pip line.
        EmbedError
            Nothing is known by `spec`, a file is missing or not the expected one, or the hub was
            not reached.
        """
        given = (revision, sha256, local_files_only, cache_dir)
        if isinstance(spec, Embedder):
            if any(one is not None for one in given):
                raise EmbedError(f"{spec!r} is opened already: pass no other argument with it")
            return spec
        if isinstance(spec, str) and spec == "default" and sha256 is revision is None:
            return _default()
        from .registry.opened import model_of
        from .registry.resolve import Wanted

        return cls._of(model_of(spec, Wanted(*given)))

    openai = classmethod(openai)

    @property
    def dim(self) -> int:
        """Dimensions of the vectors (asks a foreign embedder once, with the text "dimension")."""
        if self._dim is None:
            self._dim = int(self._model.encode(["dimension"], bool, False)[0].shape[1])
        return self._dim

    def makes(self, dim: int) -> None:
        """Know the dimensions from vectors that were kept, so that nothing is asked for them."""
        if self._dim is None:
            self._dim = dim

    def made(self) -> Provenance:
        """Return what indexes and files record; dimensions only where they are known already."""
        from .provenance import Provenance  # no part of a start

        model = self._model
        if self._sha256 is None and model.files:
            from .registry.digests import digest_of  # no part of a start

            self._sha256 = digest_of(model.files[0])
        return Provenance(
            self.id,
            self._sha256,
            self._dim,
            model.normalized,
            model.query_prefix,
            model.document_prefix,
            model.max_tokens,
            model.pooling or None,
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the vectors.

        ``embedder``, ``sha256``, ``dim``, ``normalized``, ``query_prefix``, ``document_prefix``,
        ``max_tokens``, ``pooling``, and ``resolved``: the steps by which the embedder was found.
        ``sha256`` is the digest of the weights, worked out when first asked for; None where there
        is no file of weights. Vectors of other provenance are refused where they would be compared:
        all of it counts but ``max_tokens``, and of two known digests no name.
        """
        facts = self.made()._replace(dim=self.dim)._asdict()
        return {**facts, "resolved": list(self._model.resolved)}

    def embed(self, text: str) -> Float32Matrix:
        """Return the vector of one text as a document, ndarray of float32, shape (dim,).

        Raises
        ------
        EmbedError
            `text` is no string or has nothing to embed, or the embedder failed.
        """
        return self._one(text, False)

    def embed_query(self, text: str) -> Float32Matrix:
        """Return the vector of a text that asks, ndarray of float32, shape (dim,).

        Differs from `embed` where the model has other prefixes, or another way, for queries.

        Raises
        ------
        EmbedError
            `text` is no string or has nothing to embed, or the embedder failed.
        """
        return self._one(text, True)

    def _one(self, text: object, query: bool) -> Float32Matrix:
        if not isinstance(text, str):
            raise EmbedError(
                f"text={type(text).__name__} is not one text; use embed_batch(texts) for many"
            )
        matrix, valid = self.column([text], query)
        if not valid[0]:
            raise EmbedError(f"text {text!r:.40} has no text to embed", row=0)
        vector: Float32Matrix = matrix[0]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Float32Matrix:
        """Return the vectors of texts as documents.

        Parameters
        ----------
        texts : sequence of n str

        Returns
        -------
        ndarray of float32, shape (n, dim)
            Texts without any token (empty ones) have no vector: their rows are NaN.

        Raises
        ------
        EmbedError
            A text is not a string, or a foreign embedder gave something else than n vectors.
        """
        if isinstance(texts, str):
            raise EmbedError("texts is one text; use embed(text)")
        return self._embedded(texts)

    def _embedded(self, texts: Sequence[str], look: Look = bool) -> Float32Matrix:
        matrix, valid = self.column(values_of(texts).tolist(), False, look)
        if not valid.all():
            matrix = matrix.copy()
            matrix[~valid] = np.nan
        return matrix

    async def embed_batch_async(self, texts: Sequence[str]) -> Float32Matrix:
        """Return what `embed_batch` returns, while the event loop goes on.

        Coroutine functions run in that loop, all else on a thread beside it. `texts` must not
        change meanwhile.

        Raises
        ------
        EmbedError
            As of `embed_batch`.
        asyncio.CancelledError
            Who awaited was cancelled. Requests to servers end at once, calls of embedders after
            the batch that they are at; what was finished is kept as after an error.
        RuntimeError
            No event loop of asyncio runs on this thread.
        """
        from .looping import beside

        return await beside(lambda look: self._embedded(texts, look))

    def embed_image(self, image: Any) -> Float32Matrix:
        """Return the vector of an image.

        Parameters
        ----------
        image : array_like of uint8, shape (H, W, 3) or (n, H, W, 3)
            Red, green and blue, 0 to 255.

        Returns
        -------
        ndarray of float32, shape (dim,) or (n, dim)

        Raises
        ------
        EmbedError
            The embedder is one of texts, or `image` has another shape or type.
        """
        from .pixels import read_images

        if self._model.images is None:
            raise EmbedError(
                f"embedder {self.id!r} makes vectors of texts; for images open a file of a model: "
                "Embedder.from_pretrained('mobilenetv3.onnx')"
            )
        pixels, single = read_images(image)
        matrix = self._model.images(pixels)
        vector: Float32Matrix = matrix[0]
        return vector if single else matrix

    def count_tokens(self, texts: str | Sequence[str]) -> Counts:
        """Return how many tokens texts have, ndarray of int64, shape (n,); n is 1 for one text.

        Special tokens and prefixes do not count, and what is beyond the model's limit does.

        Raises
        ------
        EmbedError
            The model cannot tell, or a text is not a string.
        """
        count = self._model.count_tokens
        if count is None:
            raise EmbedError(
                f"embedder {self.id!r} cannot count tokens: it has no tokenizer that is known here"
            )
        given = [texts] if isinstance(texts, str) else values_of(texts).tolist()
        for row, text in enumerate(given):
            if not isinstance(text, str):
                raise EmbedError(f"row {row} is {type(text).__name__}, not a text", row=row)
        return count(given)

    def encode(self, texts: str | Sequence[str]) -> Float32Matrix:
        """Return the vectors of texts as documents: `embed` of one text, `embed_batch` of more.

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
            return self.embed(texts)
        return self.embed_batch(texts)

    __call__ = encode

    def column(
        self, texts: list[Any], query: bool = False, look: Look = bool
    ) -> tuple[Float32Matrix, Validity]:
        """Return ``(matrix, valid)`` of a column of texts; null and empty texts are not valid.

        `look` is called after each batch; what it raises ends the work.
        """
        present = np.fromiter(
            (isinstance(text, str) and not text.isspace() and text != "" for text in texts),
            np.bool_,
            len(texts),
        )
        if not present.all():
            checked(texts)
        if present.all() and texts:
            return self._measured(texts, query, look)
        places = np.flatnonzero(present).tolist()
        if not places:
            return np.zeros((len(texts), self.dim), np.float32), present
        try:
            found, valid = self._measured([texts[i] for i in places], query, look)
        except RuVectorError as error:
            if error.row is not None and error.row < len(places):
                error.row = places[error.row]
            raise
        matrix = np.zeros((len(texts), found.shape[1]), np.float32)
        matrix[present] = found
        present[present] = valid
        return matrix, present

    def _measured(
        self, texts: list[str], query: bool, look: Look
    ) -> tuple[Float32Matrix, Validity]:
        encode = self._model.encode
        if getattr(encode, "dear", False) and any(
            end < len(texts) for _, end in encode.batches(texts, BATCH_TEXTS)
        ):
            return _keep_list[0](texts, self, query, look)
        matrix: Float32Matrix = np.empty((0, 0), np.float32)
        valid: Validity = np.empty(len(texts), np.bool_)
        for start, end, found, ok in self.batches(
            texts, BATCH_TEXTS, None, _texts_named, query, look
        ):
            if end - start == len(texts):
                return found, ok
            if not len(matrix):
                matrix = np.empty((len(texts), found.shape[1]), np.float32)
            matrix[start:end], valid[start:end] = found, ok
        return matrix, valid

    def batches(
        self, texts: list[str], size: int, progress: Progress, rows: Rows, query: bool = False,
        look: Look = bool,
    ) -> Generator[tuple[int, int, Float32Matrix, Validity], None, None]:  # fmt: skip
        """Yield ``(start, end, matrix, valid)`` of some texts, none empty, after the others.

        `look` is called while it works and after each batch; what it raises ends the work.
        """
        shown = current.progress if progress is None else progress
        for batch in in_batches(self._model.encode, texts, size, shown, rows, query, look):
            self._dim = batch[2].shape[1]
            yield batch

    def query(self, texts: list[str]) -> Float32Matrix:
        """Return the vectors of queries, shape (n, dim); a text without tokens is an error."""
        matrix, valid = self.column(texts, True)
        check_queries(texts, valid)
        return matrix

    def __repr__(self) -> str:
        return f"Embedder({self.id!r})"

    def _repr_html_(self) -> str:
        files = self._model.files
        return html.facts(
            "ruvector.Embedder",
            [
                ("id", self.id),
                ("dimensions", self._dim or "not asked yet"),
                ("weights", os.path.basename(files[0]) if files else "the user's own"),
            ],
        )


KeepList = Callable[[list[str], Embedder, bool, Look], tuple[Float32Matrix, Validity]]
_keep_list: list[KeepList] = []


def lists_kept_by(keep: KeepList) -> None:
    """Have lists of texts embedded by who keeps what was finished, where that is dear."""
    _keep_list[:] = [keep]


def _texts_named(start: int, end: int) -> str:
    return f"while texts {start} to {end - 1} were embedded"


def check_queries(texts: list[str], valid: Validity) -> None:
    """Raise EmbedError naming the first query that has no vector."""
    if not valid.all():
        row = int(np.argmin(valid))
        raise EmbedError(f"query {row} ({texts[row]!r:.40}) has no text to search for", row=row)


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
    from .registry.wheels import open_wordllama

    return Embedder._of(open_wordllama())


def facts_of(embedder: Embedder) -> dict[str, Any]:
    """Return the provenance without how the embedder was found, which differs between machines."""
    facts = embedder.provenance
    del facts["resolved"]
    return facts


def resolve(embedder: Any) -> Embedder:
    """Return the embedder to use: the one given, else the configured one, else the default."""
    if embedder is None:
        embedder = current.embedder
    return Embedder.from_pretrained("default" if embedder is None else embedder)


def _check_setting(embedder: Any) -> None:
    """Refuse what cannot be an embedder; that a model of a name is there shows when it is used."""
    if embedder is None or (isinstance(embedder, str) and embedder == "default"):
        return
    try:
        if isinstance(embedder, str):
            from .registry.resolve import check_name

            check_name(embedder)
        else:
            Embedder.from_pretrained(embedder)
    except EmbedError as error:
        raise InvalidArgument(str(error)) from None


checked_by("embedder", _check_setting)
