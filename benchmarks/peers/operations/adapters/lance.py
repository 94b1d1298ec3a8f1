"""lancedb: a where clause over a boolean column with a bitmap index, applied before the search."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa

from ...adapters.peer import K, Peer
from ...truth import Ids, Matrix
from .operation import Filtered, Mask, NotOffered

_MOST_IDS = 1_000


class Lance(Filtered, Peer):
    """A table on disk. ``cells=0`` has no index of vectors: eligible rows are all compared.

    A mask that is used many times is a boolean column; a fresh one can only be written as a list
    of ids, which is measured up to 1,000 of them.
    """

    def __init__(self, dim: int, metric: str, *, cells: int) -> None:
        super().__init__(dim, metric)
        self._cells = cells
        self._folder = tempfile.TemporaryDirectory()
        self._where = ""

    def build(self, rows: Matrix, threads: int) -> None:
        """The table, an index for each boolean column and the ids, then IVF_FLAT."""
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), self.dim)
        columns = {"id": pa.array(np.arange(len(rows))), "vector": vectors}
        columns |= {name: pa.array(mask) for name, mask in self._known.items()}
        with self.stage("table"):
            database = lancedb.connect(self._folder.name)
            self._table = database.create_table("rows", pa.table(columns))
        with self.stage("scalar indexes"):
            self._table.create_scalar_index("id", index_type="BTREE")
            for name in self._known:
                self._table.create_scalar_index(name, index_type="BITMAP")
        if self._cells:
            with self.stage("IVF_FLAT"):
                self._table.create_index(
                    metric="l2", num_partitions=self._cells, index_type="IVF_FLAT"
                )

    def tune(self, threads: int, **settings: Any) -> None:
        """`nprobe`; its threads are fixed when the process starts."""
        self._probes = settings.get("nprobe")

    def choose(self, mask: Mask) -> None:
        """Name the column, or list the ids."""
        for name, known in self._known.items():
            if known is mask:
                self._where = f"{name} = true"
                return
        ids = np.flatnonzero(mask)
        if len(ids) > _MOST_IDS:
            raise NotOffered(f"a fresh mask of more than {_MOST_IDS:,} rows is a text of its ids")
        self._where = f"id IN ({','.join(map(str, ids.tolist()))})"

    def singles(self, queries: Matrix) -> Sequence[Any]:
        """Vectors."""
        return list(queries)

    def _ask(self, asked: Any) -> Any:
        query = self._table.search(asked).distance_type("l2").where(self._where, prefilter=True)
        query = query.nprobes(self._probes) if self._probes else query.bypass_vector_index()
        return query.select(["id", "_distance"]).limit(K).to_arrow()

    def one(self, query: Any) -> Ids:
        """The answer as an Arrow table, its ids as an array."""
        ids: Ids = self._ask(query)["id"].to_numpy()
        return ids

    def many(self, queries: Matrix) -> Any:
        """A list of queries in one call; one row of ids a query."""
        found = self._ask(list(queries))
        number, ids = found["query_index"].to_numpy(), found["id"].to_numpy()
        table = np.full((len(queries), K), -1, np.int64)
        order = np.argsort(number, kind="stable")
        number, ids = number[order], ids[order]
        place = np.arange(len(number)) - np.searchsorted(number, number)
        table[number, place] = ids
        return table

    def save(self, path: str) -> None:
        """Its folder, packed without compression."""
        shutil.move(shutil.make_archive(path, "tar", self._folder.name), path)
