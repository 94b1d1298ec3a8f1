"""The id of a row that was deleted is never given to another, whatever the index goes through."""

from __future__ import annotations

import copy
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ruvector as rv

Way = Callable[[rv.Index, Path], rv.Index]


def _saved(index: rv.Index, path: Path) -> rv.Index:
    index.save(path, vectors=True)
    return rv.Index.load(path)


def _compacted(index: rv.Index, _: Path) -> rv.Index:
    index.compact()
    return index


WAYS: dict[str, Way] = {
    "nothing": lambda index, _: index,
    "save": _saved,
    "save twice": lambda index, path: _saved(_saved(index, path), path),
    "pickle": lambda index, _: pickle.loads(pickle.dumps(index)),
    "deepcopy": lambda index, _: copy.deepcopy(index),
    "compact": _compacted,
    "compact, then pickle": lambda index, path: pickle.loads(pickle.dumps(_compacted(index, path))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gone", [[0], [8, 9], [9], list(range(10))], ids=str)
@pytest.mark.parametrize("metric", ["cosine", "l2", "hamming"])
def test_rows_without_ids_go_on_after_the_greatest_id_ever_used(
    tmp_path: Path, metric: rv.MetricName, gone: list[int], way: str
) -> None:
    """Deleted rows keep their ids to themselves: twice in a row, also when no row is left."""
    rng = np.random.default_rng(5)
    rows: npt.NDArray[Any] = rng.standard_normal((10, 8)).astype(np.float32)
    if metric == "hamming":
        rows = rng.integers(0, 256, (10, 2)).astype(np.uint8)
    index = rv.Index.build(rows, metric=metric, keep="copy")
    index.delete(gone)
    left = [i for i in range(10) if i not in gone]
    for expected in (10, 11):
        index = WAYS[way](index, tmp_path / "a.rvx")
        index.add(None, rows[:1])
        assert sorted(index.search(rows[0], 99).ids.tolist()) == [*left, expected]
        assert index.search(rows[0], 1, ids=[expected]).ids.tolist() == [expected]
        index.delete([expected])


def test_a_reader_from_the_page_finds_the_next_id(tmp_path: Path) -> None:
    """Section 20 is there when the rows do not tell, in a file of version 0.4."""
    index = rv.Index.build(np.eye(4, dtype=np.float32))
    path = tmp_path / "a.rvx"
    for gone, minor, told in (([], 2, None), ([0], 3, None), ([3], 4, 4), ([1, 2], 4, 4)):
        index.delete(gone)
        index.save(path, vectors=True)
        data = path.read_bytes()
        assert struct.unpack_from("<HH", data, 8) == (0, minor)
        count = struct.unpack_from("<I", data, 40)[0]
        last = struct.unpack_from("<IIQQQII", data, 64 + 48 * (count - 1))
        if told is None:
            assert last[0] != 20
        else:
            assert last[0] == 20 and last[3:6] == (8, 1, 8)
            assert struct.unpack_from("<Q", data, last[2]) == (told,)
