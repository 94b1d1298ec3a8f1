"""The door to the library: its verbs with Python's types, a file each.

Every function raises the exceptions of `_errors`. Functions may be called from any thread; the
interpreter lock is free while the library works. A `Handle` may be closed while others use it:
they finish first. Nothing outside this package imports ctypes.
"""

from .arrow import export_stream
from .build import begin_build, build_from, close_index, end_build
from .column import (
    array_rows,
    column_and_validity,
    column_from_capsule,
    column_from_matrix,
    column_hash,
    column_info,
    column_matrix,
    column_row_hashes,
    column_with_gaps,
    gather,
    pca,
    scores,
)
from .facts import Facts, facts_of
from .files import decode, encode, load, save
from .handle import Handle, info
from .library import configure, cpu_features, forked_error, library_info, live_structs
from .one.asked import asked_of
from .params import CLOSE_BOUNDS
from .quality import calibrate, measure_recall
from .rows import attach, ids, lookup, matrix, vectors, vectors_of
from .search import Found, Search, search_rows
from .structs import Plan
from .texts import PackedTexts, pool_tokens, text_hashes, texts_from_stream, texts_hash

__all__ = [
    "CLOSE_BOUNDS", "Facts", "Found", "Handle", "PackedTexts", "Plan", "Search",
    "array_rows", "asked_of", "attach", "begin_build", "build_from", "calibrate", "close_index",
    "column_and_validity", "column_from_capsule", "column_from_matrix", "column_hash",
    "column_info", "column_matrix", "column_row_hashes", "column_with_gaps", "configure",
    "cpu_features", "decode", "encode", "end_build", "export_stream", "facts_of", "forked_error",
    "gather", "ids", "info", "library_info", "live_structs", "load", "lookup", "matrix",
    "measure_recall", "pca", "pool_tokens", "save", "scores", "search_rows", "text_hashes",
    "texts_from_stream", "texts_hash", "vectors", "vectors_of",
]  # fmt: skip
