"""`rv.build_index`: an index over a column of a frame, to be searched again and again, or saved."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ... import _native
from ..._habits import told
from ..._index.building import column_found_by
from ..._index.index import Index, Keep, Kind
from ..._index.provenance import remember as remember_origin
from ..._input.masks import read_ids
from ..._input.vectors import Vectors
from ..._metric import MetricName, canonical
from .. import protocol
from ..adapters import wrap
from ..origin import check_rows, maker_of
from ..question import Label
from ..target import Stages, open_target

_WAY: Final = "leave embedder= out, or build with the numbers alone: rv.Index.build(matrix)"


@told
def build_index(
    frame: Any,
    on: Label | list[str] | None = None,
    *,
    text: Label | None = None,
    ids: Any = None,
    embedder: Any = None,
    metric: MetricName = "cosine",
    kind: Kind = "auto",
    bits: int | None = None,
    cells: int | None = None,
    keep: Keep = "auto",
    recall: float = 0.95,
    seed: int = 42,
    budget: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Index:
    """Build an index over a column of a frame, to be searched again and again, or saved.

    Parameters
    ----------
    frame : pandas or polars DataFrame, pyarrow Table, or another frame that `search` takes
    on, text, embedder
        As in `search`. The index remembers what made its vectors, in files too, so that it can be
        asked by text, ``ix.search("some text")``, and refuses other embedders: that of text; that
        of a column which `embed` made, here or as the metadata of a pyarrow table tells; or the
        one that is given.
    ids : column label or sequence, optional
        What the rows are called in answers of the index; their positions when not given. The name
        of a column is remembered, in files too: `search` and `SearchResult.rows` join by it.
    metric, kind, bits, cells, keep, recall, seed, budget, threads, progress
        As in `Index.build`. Null rows are never found.

    Returns
    -------
    Index
        Give it back to `search` as ``index=`` with this frame.
    """
    wrapped = wrap(frame)
    target = open_target(wrapped, on, text, embedder, Stages(), canonical(metric))
    assert target.vectors is not None
    ids, ids_on = _ids_of(wrapped, ids)
    maker = target.embedder or maker_of(target.vectors).embedder
    if target.embedder is not None and not target.text:
        check_rows(target.vectors, target.label, target.embedder, "embedder= is", _WAY)
    target.vectors.provenance = remember_origin(
        target.vectors.made if maker is None else maker.made(),
        target.label,
        ids_on,
        target.digest,
        None if target.vectors.handle is None else _native.column_hash(target.vectors.handle),
    )
    built = Index.build(
        target.vectors,
        ids=ids,
        metric=metric,
        kind=kind,
        bits=bits,
        cells=cells,
        keep=keep,
        recall=recall,
        nulls="skip",
        seed=seed,
        budget=budget,
        threads=threads,
        progress=progress,
    )
    built._embedder = maker
    return built


def _ids_of(frame: protocol.Frame, ids: Any) -> tuple[Any, Label | None]:
    """Return the ids and the name of their column; None where there is none."""
    names = frame.names()
    column = isinstance(ids, str) or (isinstance(ids, tuple) and protocol.times(names, ids) > 0)
    if ids is None or (not column and hasattr(ids, "__len__")):
        name = getattr(ids, "name", None)  # of a Series, which may be a column of the frame
        if name is None or protocol.times(names, name) != 1:
            return ids, None
        mine, theirs = read_ids(ids), read_ids(frame.column(name))
        return ids, name if np.array_equal(mine, theirs) else None
    return frame.column(ids), ids


def _column_of_source(data: Any, packed: bool) -> Any:
    """Return the column of vectors of a frame that `Index.build` was given."""
    if isinstance(data, np.ndarray | list | Vectors):
        return data
    from ..sources import column_of_source

    return column_of_source(data, packed)


column_found_by(_column_of_source)
