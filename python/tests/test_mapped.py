"""`Index.load(mmap=True)`: the file stays where it is."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ruvector as rv

ROWS, DIM = 4_000, 32
Made = tuple[rv.Index, Path, Any]


def rows_of(n: int, dim: int = DIM, seed: int = 7) -> Any:
    return np.random.default_rng(seed).standard_normal((n, dim), dtype=np.float32)


@pytest.fixture(params=["exact", "flat", "ivf"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    index = rv.Index.build(rows_of(ROWS), kind=request.param, keep="copy")
    path = tmp_path / "rows.rvx"
    index.save(path)
    return index, path, rows_of(20, seed=8)


def same(a: rv.Index, b: rv.Index, queries: Any, **options: Any) -> None:
    one, two = a.search(queries, k=9, **options), b.search(queries, k=9, **options)
    assert np.array_equal(one.ids, two.ids)
    assert np.array_equal(one.scores, two.scores, equal_nan=True)


@pytest.mark.parametrize("memory", [None, "200MB"])
def test_a_mapped_index_answers_like_the_one_that_was_saved(made: Made, memory: Any) -> None:
    index, path, queries = made
    mapped = rv.Index.load(path, mmap=True, memory=memory)
    same(index, mapped, queries)
    mask = np.arange(ROWS) % 7 == 0
    for _ in range(12):  # filters are remembered
        same(index, mapped, queries, where=mask)
    same(index, mapped, queries, ids=[3, 5, 3999])
    assert np.array_equal(index[17], mapped[17])
    mapped.verify()
    info = mapped.info()
    assert info["mapped_bytes"] == path.stat().st_size
    assert info["index_bytes"] < info["mapped_bytes"] / 2
    assert index.info()["mapped_bytes"] == 0
    assert pickle.loads(pickle.dumps(mapped)).info()["mapped_bytes"] == 0


def test_a_mapped_index_takes_rows_and_gives_them_up(made: Made, tmp_path: Path) -> None:
    index, path, queries = made
    mapped = rv.Index.load(path, mmap=True)
    for one in (index, mapped):
        one.add(None, rows_of(300, seed=9))
        one.delete([0, 5, 4_100])
    same(index, mapped, queries)
    mapped.save(path)  # over the file that is mapped
    same(index, mapped, queries)
    same(rv.Index.load(path), rv.Index.load(path, mmap=True), queries)
    mapped.compact()
    assert mapped.info()["mapped_bytes"] == 0
    index.compact()
    same(index, mapped, queries)
    mapped.close()
    with pytest.raises(rv.IndexClosed):
        mapped.search(queries)


def test_vectors_can_be_attached(tmp_path: Path) -> None:
    vectors = rows_of(ROWS)
    index = rv.Index.build(vectors, kind="flat")
    path = tmp_path / "codes.rvx"
    index.save(path, vectors=False)
    mapped = rv.Index.load(path, vectors=vectors, mmap=True)
    same(index, mapped, rows_of(20, seed=8))
    with pytest.raises(rv.VectorsChanged):
        rv.Index.load(path, vectors=rows_of(ROWS, seed=1), mmap=True)


def test_what_is_damaged_is_named_by_who_meets_it(made: Made) -> None:
    index, path, queries = made
    data = bytearray(path.read_bytes())
    at = data.rindex(np.asarray(rows_of(ROWS)[ROWS // 2]).tobytes())
    data[at] ^= 4
    other = path.with_name("damaged.rvx")
    other.write_bytes(data)
    mapped = rv.Index.load(other, mmap=True)
    with pytest.raises(rv.CorruptIndex, match=r"section vectors at offset \d+: checksum"):
        mapped.verify()
    with pytest.raises(rv.CorruptIndex, match=r"damaged\.rvx"):
        mapped[ROWS // 2]
    mapped[ROWS - 1]  # the others live on
    same(index, rv.Index.load(path, mmap=True), queries)


def test_a_file_that_is_cut_is_an_error_and_nothing_else(made: Made) -> None:
    index, path, queries = made
    mapped = rv.Index.load(path, mmap=True)
    other = rv.Index.load(path)
    mapped.search(queries[0])
    os.truncate(path, 5_000)
    for _ in range(3):
        with pytest.raises(rv.PersistError, match="the file shrank from"):
            mapped.search(queries)
        with pytest.raises(rv.PersistError, match="the file shrank from"):
            mapped.verify()
    same(index, other, queries)
    mapped.close()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"memory": "1GB"}, rv.InvalidArgument, "add mmap=True"),
        ({"mmap": True, "memory": "much"}, rv.InvalidArgument, "is not a size"),
        ({"mmap": True, "memory": 0}, rv.InvalidArgument, "1 byte or more"),
        ({"mmap": True, "memory": 1_000_000}, rv.LimitExceeded, r"the least is \d+"),
    ],
)
def test_impossible_limits_are_refused(
    made: Made, options: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        rv.Index.load(made[1], **options)


def test_the_least_memory_that_is_named_is_enough(made: Made) -> None:
    index, path, queries = made
    with pytest.raises(rv.LimitExceeded) as caught:
        rv.Index.load(path, mmap=True, memory=1)
    least = int(str(caught.value).split("the least is ")[1].split(";")[0])
    mapped = rv.Index.load(path, mmap=True, memory=least)
    same(index, mapped, queries)
    for verb in (mapped.compact, mapped.neighbors):
        with pytest.raises(rv.LimitExceeded, match="load it without memory="):
            verb()


BUDGET = """
import re, sys
import numpy as np
import ruvector as rv

def anonymous():
    with open("/proc/self/status") as status:
        return int(re.search(r"RssAnon:\\s+(\\d+)", status.read())[1]) * 1024

rng = np.random.default_rng(3)
queries = rng.standard_normal((400, 256), dtype=np.float32)
masks = [rng.random(60_000) < share for share in (0.001, 0.02, 0.3, 0.9)]
small = rv.Index.build(queries, kind="flat")  # what the library and its threads take by themselves
small.search(queries)
before = anonymous()
index = rv.Index.load(sys.argv[1], mmap=True, memory=int(sys.argv[2]))
turns = []
for turn in range(5):
    index.search(queries, k=10)
    index.search(queries, k=200)
    for query in queries[:50]:
        index.search(query, k=10)
    for mask in masks:
        for _ in range(4):
            index.search(queries[:40], k=10, where=mask)
    index.search(queries[:20], k=10, ids=list(range(0, 60_000, 33)))
    turns.append(anonymous() - before)
print(max(turns))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("kind", ["flat", pytest.param("ivf", marks=pytest.mark.long)])
def test_memory_beside_the_file_stays_under_the_limit(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "large.rvx"
    ids = np.arange(60_000)[::-1] * 3
    rv.Index.build(rows_of(60_000, 256), kind=kind, keep="copy", ids=ids).save(path)
    limit = 30_000_000
    assert path.stat().st_size > 2 * limit
    done = subprocess.run(
        [sys.executable, "-c", BUDGET, str(path), str(limit)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < limit
