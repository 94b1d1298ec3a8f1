"""An index of right rows, built where they are all at hand, for every worker to open."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

from .._errors import InvalidArgument
from .._frames.target import CODE_BITS, EXACT_ROWS
from .._index.index import Index
from .._metric import BINARY
from .._native.facts import EVERY_VECTOR
from .asking import Asked
from .columns import storage
from .opened import write_rows


def folder_of_run() -> str:
    """Return a new folder that is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="ruvector-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def write_index(rows: Any, asked: Asked, folder: str) -> tuple[str, str]:
    """Build the index that `rv.sim_join` would build, and write it and the rows to files.

    Parameters
    ----------
    rows : pyarrow.Table
        The right rows.
    asked : Asked
    folder : str

    Returns
    -------
    index, rows : str
        Paths.

    Raises
    ------
    InvalidVector, LimitExceeded, PersistError
    """
    vectors = storage(rows.column(asked.right_on))
    if not vectors.length() or vectors.null_count == len(vectors):
        raise InvalidArgument(
            f"right column {asked.right_on!r} has no vectors: nothing can be found"
        )
    exact = len(vectors) <= EXACT_ROWS or asked.recall > EVERY_VECTOR or asked.metric in BINARY
    options: dict[str, Any] = {"metric": asked.metric, "kind": "exact"}
    if not exact:
        options |= {"kind": "flat", "bits": CODE_BITS}
    index = Index.build(vectors, nulls="skip", recall=0.95, progress=False, **options)
    paths = os.path.join(folder, "right.rvx"), os.path.join(folder, "right.arrow")
    save_index(index, paths[0])
    write_rows(rows, paths[1])
    return paths


def save_index(index: Index, path: str) -> None:
    """Write an index with its vectors, if it has any."""
    index.save(path, vectors=bool(index.info()["vectors"]))
