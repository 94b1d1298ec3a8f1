"""What docs/lake.md says of witnesses, worked out with hashlib; and what lakes write."""

from __future__ import annotations

import hashlib
import pathlib
import re
import shutil
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import ruvector as rv

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "lake.md"
KEY = ("b", "c")
ROWS = np.random.default_rng(8).standard_normal((3000, 5), dtype=np.float32)


def shown() -> list[tuple[str, bytes, str]]:
    """The name of a hash, the bytes shown and what they are hashed to, for every example."""
    found, now = [], b""
    for line in PAGE.read_text("utf-8").splitlines():
        if given := re.match(r"((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:   .*)?$", line):
            now += bytes.fromhex(given[1])
        elif end := re.match(r"(SHAKE-256|SHA-256): ([0-9a-f]{64})$", line):
            found.append((end[1], now, end[2]))
            now = b""
    return found


def test_the_examples_of_the_page_are_what_they_say() -> None:
    examples = shown()
    assert [name for name, _, _ in examples] == ["SHAKE-256", "SHA-256", "SHA-256", "SHAKE-256"]
    for name, told, hashed in examples:
        if name == "SHA-256":
            assert hashlib.sha256(told).hexdigest() == hashed
        else:
            assert hashlib.shake_256(told).hexdigest(32) == hashed
    assert rv.RuLakeBundle("gs://bucket/x.parquet", 128, 42, 20, 7).witness == examples[0][2]
    content = rv.BundleContent("fht", "l2", "exact", 6, 2, examples[2][2])
    assert rv.RuLakeBundle("local://b/c", 2, 42, 20, 1, content=content).witness == examples[3][2]


def saved(folder: pathlib.Path, ids: Any, vectors: Any) -> rv.RuLakeBundle:
    """What a lake saves of a collection."""
    store = rv.LocalBackend("b")
    store.put("c", ids, vectors)
    lake = rv.RuLake([store])
    lake.prime(KEY)
    lake.save_cache_to_dir(KEY, folder)
    return rv.RuLakeBundle.read(folder)


def test_a_lake_saves_the_bundle_of_the_page(tmp_path: pathlib.Path) -> None:
    bundle = saved(tmp_path, [700, 42], np.array([[1, -2], [0.5, 0]], np.float32))
    assert bundle.witness == shown()[3][2]
    assert bundle.content is not None and bundle.content.digest == shown()[2][2]


def digest(ids: list[int] | list[str], vectors: npt.NDArray[Any]) -> str:
    """The recipe of the page, written a second time."""
    blocks = b""
    for first in range(0, len(ids), 1024):
        block = b""
        for id, row in zip(ids[first:][:1024], vectors[first:][:1024], strict=True):
            if isinstance(id, str):
                block += b"\2" + struct.pack("<Q", len(id.encode())) + id.encode()
            else:
                block += struct.pack("<B", id < 0) + struct.pack("<Q", id % 2**64)
            narrow = row.astype(np.float32)
            exact = bool((narrow == row).all())
            block += struct.pack("<BI", 4 if exact else 8, len(row))
            block += narrow.tobytes() if exact else row.tobytes()
        blocks += hashlib.sha256(block).digest()
    return hashlib.sha256(b"ruvector-content-v1|" + blocks).hexdigest()


@pytest.mark.parametrize(
    "ids",
    [
        list(range(-1000, 2000)), [2**64 - 1 - i for i in range(3000)],
        [f"é{i}" * (i % 3) + str(i) for i in range(3000)],
    ],
    ids=["int64", "uint64", "texts"],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8"])
def test_digests_are_those_of_the_recipe(tmp_path: pathlib.Path, ids: Any, dtype: str) -> None:
    vectors = (ROWS * 20).astype(dtype) if dtype != "float64" else ROWS.astype(dtype) + 1e-12
    given = np.array(ids, np.uint64) if ids[0] == 2**64 - 1 else ids
    bundle = saved(tmp_path, given, vectors)
    assert bundle.content is not None and bundle.content.rows == 3000
    assert bundle.content.digest == digest(ids, vectors)
    bundle.verify()


def test_a_digest_does_not_depend_on_how_a_collection_came(tmp_path: pathlib.Path) -> None:
    ids = [str(i) for i in range(3000)]
    want = digest(ids, ROWS)
    flat = pa.array(ROWS.ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, 5)
    chunks = pa.chunked_array([column[:7], column[7:2000], column[2000:]])
    for i, (names, rows) in enumerate([
        (pa.array(ids, pa.large_string()), chunks), (ids, ROWS.astype(np.float64)),
        (np.array(ids), ROWS[::-1][::-1]),
    ]):  # fmt: skip
        bundle = saved(tmp_path / str(i), names, rows)
        assert bundle.content is not None and bundle.content.digest == want
    store = rv.LocalBackend("b")
    store.put("c", ids[:1500], ROWS[:1500])
    for at in range(1500, 3000, 500):
        store.append("c", ids[at : at + 500], ROWS[at : at + 500])
    published = rv.RuLake([store]).publish_bundle(KEY, tmp_path / "published", format=3)
    assert published.content is not None and published.content.digest == want
    assert published.generation == 4


def test_warming_hashes_the_content_where_it_is_asked_to(tmp_path: pathlib.Path) -> None:
    ids = list(range(3000))
    saved(tmp_path, ids, ROWS)
    lake = rv.RuLake(consistency=rv.Consistency.FROZEN)
    assert lake.warm_from_dir(KEY, tmp_path, content=True) == 3000
    assert lake.search_one("c", ROWS[7], k=1, backend="b").ids[0] == 7
    with pytest.raises(rv.InvalidArgument, match="content="):
        lake.warm_from_dir(KEY, tmp_path, content="yes")  # type: ignore[arg-type]
    rv.RuLakeBundle("local://b/c", 5, 42, 20, 1).write(tmp_path)
    assert lake.warm_from_dir(KEY, tmp_path) == 3000
    with pytest.raises(rv.WitnessMismatch, match="digest"):
        lake.warm_from_dir(KEY, tmp_path, content=True)


def test_two_contents_of_one_witness_are_told_apart_by_format_3(tmp_path: pathlib.Path) -> None:
    first = saved(tmp_path / "one", [1, 2], ROWS[:2])
    second = saved(tmp_path / "two", [1, 2], ROWS[1:3])
    assert first.cache_witness == second.cache_witness and first.witness != second.witness
    with pytest.raises(rv.WitnessMismatch, match=r"content\.digest is") as caught:
        first.verify(against=second)
    assert "dim" not in str(caught.value)
    shutil.copy(tmp_path / "two" / "table.rulake.json", tmp_path / "one")
    lake = rv.RuLake(consistency=rv.Consistency.FROZEN)
    with pytest.raises(rv.WitnessMismatch):
        lake.warm_from_dir(KEY, tmp_path / "one")
