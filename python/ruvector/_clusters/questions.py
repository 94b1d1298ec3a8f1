"""Queries of `search`, as left rows of a join."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

from .._index.texts import maker_of
from .._input.bits import read_bit_queries
from .._input.queries import read_queries
from .._input.texts import texts_of
from .._metric import BINARY
from .._text.embedder import Embedder, resolve
from .columns import Layout
from .opened import Source, opened
from .rights import Right

VECTOR = "ruvector_query"


class Questions(NamedTuple):
    """Queries as a table.

    Attributes
    ----------
    table : pyarrow.Table
        ``ruvector_query``, the vectors, and the columns of a batch that answers have:
        ``query_row`` and, of texts, ``query``.
    single : bool
        One query, whose answer has neither, nor ``rank``.
    """

    table: Any
    single: bool


def read_questions(query: Any, right: Right, embedder: Any) -> Questions:
    """Return a query, or a batch of them, as a table; texts embedded by what made an index.

    Raises
    ------
    InvalidVector, EmbedError, InvalidArgument
    """
    texts = texts_of(query)
    matrix: Any
    if texts is not None:
        matrix, single = _maker(right, embedder).query(texts), isinstance(query, str)
    elif right.metric in BINARY:
        matrix, single = read_bit_queries(query, 0, right.metric)
    else:
        matrix, single = read_queries(query, 0)
    matrix = np.ascontiguousarray(matrix)
    width = matrix.shape[1] if matrix.size else 1
    offsets = pa.array(np.arange(0, matrix.size + 1, width, dtype=np.int32))
    vectors = pa.ListArray.from_arrays(offsets, pa.array(matrix.ravel()))
    columns = {VECTOR: vectors}
    if not single:
        columns["query_row"] = pa.array(np.arange(len(matrix), dtype=np.int64))
        if texts is not None:
            columns["query"] = pa.array(texts, pa.string())
    return Questions(pa.table(columns), single)


def _maker(right: Right, embedder: Any) -> Embedder:
    """Return what makes vectors of queries.

    Raises
    ------
    EmbedError
        What made those of the index is not known, or the embedder given did not; names both.
    """
    index = right.held
    if index is None and right.files:
        index = opened(Source(right.files[:1])).indexes[0]  # shards are of one build
    if index is None:
        return resolve(embedder)
    return maker_of(index, embedder, "the query", "search with its vector: embed_query(text)")


def search_layout(layout: Layout, questions: Questions) -> Layout:
    """Return the layout of a join with the queries as that of a search: right columns first."""
    assert layout.right is not None
    left = [name for name in questions.table.column_names if name != VECTOR]
    names = [*(named for _, named in layout.right), *left, "rank", layout.score]
    schema = pa.schema([layout.schema.field(name) for name in names])
    return layout._replace(left=left, schema=schema)
