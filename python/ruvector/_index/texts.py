"""Texts that an index is asked or given, made vectors by what made its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from .._errors import DimensionMismatch, EmbedError, InvalidArgument, MissingExtra
from .._input.advice import refuse_written_vector
from .._input.numbers import FloatMatrix
from .._input.text_columns import TextColumn
from .._input.texts import texts_of, typed_text
from .._input.vectors import Float32Matrix
from .._progress import Progress
from .._settings import current
from .._text.embedder import Embedder, resolve
from .._text.remembered import embed_queries, embed_texts

if TYPE_CHECKING:
    from .index import Index


class NewRows(NamedTuple):
    """Rows of a frame that go into an index: ids, and vectors in any form that `add` takes."""

    ids: Any
    vectors: Any


GrowWith = Callable[["Index", Any, bool, Any, Progress], NewRows | None]
_read: list[GrowWith] = [lambda index, frame, replace, embedder, progress: None]


def new_rows_read_by(read: GrowWith) -> None:
    """Have the rows of a frame read by whoever knows frames, who returns None for other objects.

    It is called with the index, the frame, whether rows are replaced, the embedder that was given,
    and whether to show progress.
    """
    _read[:] = [read]


def new_rows(
    index: Index, frame: Any, replace: bool, embedder: Any, progress: Progress
) -> NewRows | None:
    """Return ids and vectors of a frame, None where it is no frame."""
    return _read[0](index, frame, replace, embedder, progress)


def maker_of(index: Index, embedder: Any, what: str, way: str) -> Embedder:
    """Return what makes vectors of texts for an index: the embedder given, else its own.

    Raises
    ------
    EmbedError
        It is not known what made the vectors, or that cannot be loaded by name; or the embedder
        given did not make them. `what` is text, and `way` is another way to say the same.
    """
    maker = own_maker(index) if embedder is None else given_maker(index, embedder)
    if maker is None:
        raise EmbedError(
            f"{what} is text, and it is not known what made the vectors of this index; name it "
            f"with embedder=, or {way}"
        )
    return maker


def own_maker(index: Index) -> Embedder | None:
    """Return what made the vectors of an index, else what the settings name; None without both.

    Raises
    ------
    EmbedError
        What made them cannot be loaded by name, or the settings name another.
    """
    try:
        maker = index._maker()
    except (EmbedError, MissingExtra):
        if current.embedder is None:
            raise
        maker = None
    if maker is None and current.embedder is not None:
        return given_maker(index, None)
    return maker


def given_maker(index: Index, embedder: Any) -> Embedder:
    """Return the embedder that was given for an index, None being that of the settings.

    Raises
    ------
    EmbedError
        Another one made the vectors of the index; names both.
    """
    maker = resolve(embedder)
    made = index._made()
    if made is not None:
        from .._text.recalled import check_same  # no part of a start

        called = "embedder= is" if embedder is not None else "rv.config(embedder=) is"
        check_same("the vectors of this index were made", made, called, maker)
    return maker


def queries_of_texts(
    index: Index, texts: list[str], single: bool, embedder: Any
) -> tuple[FloatMatrix, bool]:
    """Return the vectors of queries that are texts.

    Raises
    ------
    EmbedError, DimensionMismatch
        It is not known what makes their vectors, or it makes others than the index has.
    """
    if embedder is None and index._made() is None:
        refuse_written_vector(texts[0])
    maker = maker_of(
        index, embedder, "the query",
        "search ix.search(embedder.embed_query(text)), or a frame with rv.search(frame, text, "
        "index=ix, embedder=...)",
    )  # fmt: skip
    matrix = embed_queries(texts, maker)
    _check_dim(index, maker, matrix, "the query has")
    return matrix, single


def vectors_of_texts(
    index: Index, vectors: Any, embedder: Any, progress: Progress
) -> Float32Matrix | None:
    """Return the vectors of rows that are given as texts, None where they are no texts.

    Raises
    ------
    EmbedError, InvalidVector, DimensionMismatch
        A text is null, or has nothing to embed; names the row.
    """
    if isinstance(vectors, str):
        raise InvalidArgument("vectors= is one text; pass a list of texts, one for each id")
    if index._packed or vectors is None:
        return None
    typed = typed_text(vectors)
    if typed is False or (typed is None and not any(isinstance(v, str) for v in vectors)):
        return None
    texts = texts_of(vectors, "texts") or []
    if not texts:
        return np.empty((0, index.dim), np.float32)
    maker = maker_of(index, embedder, "what is added", "add the vectors: embedder.encode(texts)")
    matrix, valid = embed_texts(TextColumn.of_list(texts), maker, progress=progress)
    if not valid.all():
        _refuse_blank(texts, int(np.argmin(valid)))
    _check_dim(index, maker, matrix, "the texts have")
    return matrix


def _check_dim(index: Index, maker: Embedder, matrix: FloatMatrix, what: str) -> None:
    if matrix.shape[1] != index.dim:
        raise DimensionMismatch(
            f"{what} {matrix.shape[1]} dimensions (embedder {maker.id!r}), the vectors of the "
            f"index have {index.dim}; give the embedder that made them"
        )


def _refuse_blank(texts: list[str], row: int) -> NoReturn:
    raise EmbedError(
        f"row {row} ({texts[row]!r:.40}) has no text, and so no vector; nothing was added", row=row
    )
