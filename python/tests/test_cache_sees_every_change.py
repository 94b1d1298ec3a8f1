"""The cache behind frame verbs: whatever is changed in place, answers are of what is there now."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector import _native
from ruvector._native import column as _column

N, D = 10_700, 24
SEED = 5150
DTYPES = ("f4", "f8", "f2", "i1", "u1")


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    rv.cache.clear()
    yield
    rv.cache.clear()


def _rows(dtype: str = "f4", n: int = N) -> np.ndarray:
    print(f"seed {SEED}")
    return np.random.default_rng(SEED).integers(0, 50, (n, D)).astype(dtype)


def _fixed(rows: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), D)


def _lists(rows: np.ndarray, kind: Any) -> Any:
    wide = kind is pa.LargeListArray
    offsets = np.arange(len(rows) + 1, dtype="i8" if wide else "i4") * D
    return kind.from_arrays(pa.array(offsets), pa.array(rows.reshape(-1)))


def _over_buffer(rows: np.ndarray) -> pa.FixedSizeListArray:
    """Memory that pyarrow believes to be nobody else's to write to."""
    read_only = rows.view()
    read_only.flags.writeable = False
    kind = pa.from_numpy_dtype(rows.dtype)
    values = pa.Array.from_buffers(kind, rows.size, [None, pa.py_buffer(read_only)])
    return pa.FixedSizeListArray.from_arrays(values, D)


def _frames(rows: np.ndarray) -> dict[str, Any]:
    """The same memory as a column of every kind of frame that does not copy it."""
    n, fixed = np.arange(len(rows)), _fixed(rows)
    half = len(rows) // 2
    chunks = pa.chunked_array([fixed[:half], fixed[half:]])
    frames = {
        "pandas views": pd.DataFrame({"n": n, "emb": list(rows)}),
        "pandas arrow": pd.DataFrame(
            {"n": n, "emb": pd.Series(fixed, dtype=pd.ArrowDtype(fixed.type))}
        ),
        "fixed": pa.table({"n": n, "emb": fixed}),
        "list": pa.table({"n": n, "emb": _lists(rows, pa.ListArray)}),
        "large": pa.table({"n": n, "emb": _lists(rows, pa.LargeListArray)}),
        "chunks": pa.table({"n": n, "emb": chunks}),
        "py_buffer": pa.table({"n": n, "emb": _over_buffer(rows)}),
        "taken from a capsule": pa.RecordBatchReader.from_stream(
            pa.table({"n": n, "emb": fixed})
        ).read_all(),
    }
    if rows.dtype != np.float16:
        frames["polars array"] = pl.from_arrow(pa.table({"n": n, "emb": fixed}))
        frames["polars list"] = pl.from_arrow(
            pa.table({"n": n, "emb": _lists(rows, pa.LargeListArray)})
        )
        frames["polars numpy"] = pl.DataFrame({"n": n, "emb": rows})
    return frames


def _first(frame: Any, query: Any, **arguments: Any) -> tuple[int, float, str]:
    hits = rv.search(frame, query, k=1, metric="l2", on="emb", **arguments)
    hits = pa.table(hits) if hasattr(hits, "__arrow_c_stream__") else hits
    row = hits["n"].to_pylist()[0] if isinstance(hits, pa.Table) else hits["n"].tolist()[0]
    distance = hits["l2_distance"]
    distance = distance.to_pylist() if isinstance(hits, pa.Table) else distance.tolist()
    return int(row), float(distance[0]), rv.last_plan().index


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_changed_in_place_is_found_in_every_kind_of_frame(dtype: str) -> None:
    rng = np.random.default_rng(SEED + 1)
    rows = _rows(dtype)
    before, far = rows.copy(), np.full(D, 100, "f4")
    for name, frame in _frames(rows).items():
        rv.cache.clear()
        for _ in range(2):
            assert _first(frame, far)[1] > 0
        for row in (int(rng.integers(N)), 1, N - 2):
            rows[row] = far
            found = _first(frame, far)
            if name != "polars numpy":  # polars may have copied it
                assert (name, *found) == (name, row, 0.0, "built")
            rows[row] = before[row]
        assert _first(frame, far)[2] == "cached", name


def test_one_bit_of_one_number_changed_in_place_is_seen() -> None:
    rng = np.random.default_rng(SEED + 2)
    rows = _rows("f4")
    octets = rows.view(np.uint8).reshape(-1)
    for name, frame in _frames(rows).items():
        if name == "polars numpy":
            continue
        rv.cache.clear()
        _first(frame, rows[0])
        for _ in range(3):
            at, bit = int(rng.integers(octets.size)), np.uint8(1 << rng.integers(7))
            octets[at] ^= bit
            if np.isfinite(rows).all() and abs(rows).max() < 1e10:
                assert _first(frame, rows[0])[2] == "built", (name, at)
            octets[at] ^= bit
        assert _first(frame, rows[0])[2] == "cached", name


def test_a_large_frame_is_hashed_whole() -> None:
    rows = _rows("f4", 300_000)
    frame = pa.table({"n": np.arange(len(rows)), "emb": _fixed(rows)})
    far = np.full(D, 100, "f4")
    _first(frame, far)
    for row in (3, 123_457, 299_998):
        kept = rows[row].copy()
        rows[row] = far
        assert _first(frame, far) == (row, 0.0, "built")
        rows[row] = kept
    assert _first(frame, far)[2] == "cached"


def test_a_memory_map_written_to_by_another_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "rows.f4"
    _rows("f4").tofile(path)
    shown = np.memmap(path, np.float32, "r", shape=(N, D))
    other = np.memmap(path, np.float32, "r+", shape=(N, D))
    far = np.full(D, 100, "f4")
    for frame in (
        pa.table({"n": np.arange(N), "emb": _over_buffer(np.asarray(shown))}),
        pd.DataFrame({"n": np.arange(N), "emb": list(shown)}),
    ):
        rv.cache.clear()
        _first(frame, far)
        other[4321] = far
        assert _first(frame, far) == (4321, 0.0, "built")
        other[4321] = 0


def _with_validity(rows: np.ndarray, bitmap: np.ndarray) -> pa.FixedSizeListArray:
    kind = pa.list_(pa.float32(), D)
    return pa.Array.from_buffers(
        kind, len(rows), [pa.py_buffer(bitmap)], children=[pa.array(rows.reshape(-1))]
    )


def test_validity_changed_in_place_is_seen() -> None:
    rows = _rows("f4")
    rows[777] = 100
    bitmap = np.full((N + 7) // 8, 255, np.uint8)
    bitmap[0] = 254  # one null, so that the count of nulls is not what tells
    for number in (False, True):
        far = np.full(D, 100, "f4")
        for wrap in (pa.table, lambda c: pl.from_arrow(pa.table(c))):
            if number:
                deep = np.full((N * D + 7) // 8, 255, np.uint8)
                values = pa.Array.from_buffers(
                    pa.float32(), N * D, [pa.py_buffer(deep), pa.py_buffer(rows)]
                )
                column = pa.FixedSizeListArray.from_arrays(values, D)
                at, mask = divmod(777 * D + 5, 8)
                place = deep, at, np.uint8(1 << mask)
            else:
                column = _with_validity(rows, bitmap)
                place = bitmap, 777 // 8, np.uint8(1 << 777 % 8)
            frame = wrap({"n": np.arange(N), "emb": column})
            with rv.config(bad_vectors="skip"):
                assert _first(frame, far)[:2] == (777, 0.0)
                place[0][place[1]] ^= place[2]
                again = wrap({"n": np.arange(N), "emb": _again(column)})
                assert _first(again, far)[0] != 777
                place[0][place[1]] ^= place[2]


def _again(column: Any) -> Any:
    """The same buffers without what pyarrow remembered of how many are null."""
    child = column.values
    values = pa.Array.from_buffers(child.type, len(child), child.buffers())
    return pa.Array.from_buffers(column.type, len(column), column.buffers()[:1], children=[values])


def test_offsets_changed_in_place_are_seen() -> None:
    rows = _rows("f4", N + 1)
    for kind, width in ((pa.ListArray, "i4"), (pa.LargeListArray, "i8")):
        offsets = np.arange(N + 1, dtype=width) * D
        column = kind.from_arrays(pa.array(offsets), pa.array(rows.reshape(-1)))
        frame = pa.table({"n": np.arange(N), "emb": column})
        query = rows[500].astype("f4")
        rv.cache.clear()
        assert _first(frame, query)[:2] == (500, 0.0)
        offsets += D
        assert _first(frame, query) == (499, 0.0, "built")


def _letters(texts: list[str]) -> np.ndarray:
    return np.array([[t.count(c) for c in "0123456789x"] for t in texts], "f4")


def test_one_text_changed_in_place_is_seen() -> None:
    texts = [f"{i:08d}" for i in range(N)]
    memory = np.frombuffer(bytearray("".join(texts).encode()), np.uint8)
    arrow = pa.StringArray.from_buffers(
        N, pa.py_buffer(np.arange(N + 1, dtype="i4") * 8), pa.py_buffer(memory)
    )
    pandas = pd.DataFrame({"n": np.arange(N), "body": np.array(texts, object)})
    table = pa.table({"n": np.arange(N), "body": arrow})
    for frame in (pandas, table):
        rv.cache.clear()
        ask = {"k": 1, "text": "body", "embedder": _letters, "metric": "l2"}
        for _ in range(2):
            rv.search(frame, "xxxxxxxx", **ask)
        memory[8 * 4000 : 8 * 4001] = ord("x")
        pandas.iat[4000, 1] = "xxxxxxxx"
        hits = rv.search(frame, "xxxxxxxx", **ask)
        assert np.asarray(hits["n"]).tolist() == [4000]
        assert rv.last_plan().index == "built"
        memory[8 * 4000 : 8 * 4001] = np.frombuffer(b"00004000", np.uint8)
        pandas.iat[4000, 1] = "00004000"


def test_an_embedder_that_uses_its_memory_again_changes_no_answer() -> None:
    room = np.zeros((N, 11), "f4")

    def lazy(texts: list[str]) -> np.ndarray:
        room[: len(texts)] = _letters(texts)
        return room[: len(texts)]

    for n in (500, N):
        texts = [f"{i:05d}" for i in range(n)]
        frame = pd.DataFrame({"n": np.arange(n), "body": texts})
        for text in ("x" * 5, "00007", "00011", "00007"):
            ask = {"k": 3, "text": "body", "metric": "l2"}
            hits = rv.search(frame, text, embedder=lazy, **ask)
            true = rv.search(frame, text, embedder=_letters, **ask)
            assert hits["l2_distance"].tolist() == true["l2_distance"].tolist()


def test_two_embedders_share_no_texts() -> None:
    frame = pd.DataFrame({"n": np.arange(N), "body": [f"{i:05d}" for i in range(N)]})
    for sign in (1, -1, 1):
        embedder = lambda texts, s=sign: _letters(texts) * s + 1  # noqa: E731
        hits = rv.search(frame, "00123", k=1, text="body", embedder=embedder, metric="l2")
        assert hits["l2_distance"].tolist() == [0.0]
        del embedder


def test_filters_and_groups_changed_in_place_are_seen() -> None:
    rows = _rows("f4")
    mask, group = np.ones(N, bool), np.zeros(N, "i8")
    table = pa.table({"n": np.arange(N), "g": pa.array(group), "emb": _fixed(rows)})
    query = rows[50].astype("f4")
    for _ in range(3):
        assert _first(table, query, where=mask)[0] == 50
    mask[50] = False
    assert _first(table, query, where=mask)[0] != 50
    by = rv.search(table, query, k=1, on="emb", by="g")
    assert len(by) == 1
    group[77] = 5
    again = rv.search(table, query, k=1, on="emb", by="g")
    assert sorted(again["n"].to_pylist()) == sorted({*by["n"].to_pylist(), 77})


def test_packed_bits_changed_in_place_are_seen() -> None:
    bits = np.random.default_rng(SEED).integers(0, 256, (N, 8), np.uint8)
    frame = pa.table(
        {"n": np.arange(N), "emb": pa.FixedSizeListArray.from_arrays(pa.array(bits.ravel()), 8)}
    )
    for _ in range(2):
        rv.search(frame, bits[9], k=1, on="emb", metric="hamming")
    bits[4001] = 255
    hits = rv.search(frame, np.full(8, 255, np.uint8), k=1, on="emb", metric="hamming")
    assert hits["n"].to_pylist() == [4001]


def test_ctrl_c_is_heard_while_a_column_is_hashed() -> None:
    chunk = _fixed(_rows("f4", 500_000))
    column = pa.chunked_array([chunk] * 400)  # 19 GB of the same memory
    handle = _native.column_from_capsule(column)
    sent: list[float] = []

    def strike() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.1, strike)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            _native.column_hash(handle)
    assert time.monotonic() - sent[0] < 0.5
    timer.join()
    one = _native.column_from_capsule(chunk)
    many = _native.column_from_capsule(pa.chunked_array([chunk[:7], chunk[7:]]))
    assert _native.column_hash(one) == _native.column_hash(many)


def test_short_and_long_calls_hash_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = _native.column_from_matrix(_rows("f4"))
    short = _native.column_hash(handle)
    monkeypatch.setattr(_column, "HASH_NUMBERS", 0)
    assert _native.column_hash(handle) == short


def test_a_frame_of_nothing_but_nulls_is_searched_without_a_key() -> None:
    frame = pa.table({"n": np.arange(N), "emb": pa.nulls(N, pa.list_(pa.float32()))})
    for _ in range(2):
        assert len(rv.search(frame, np.ones(3, "f4"), on="emb")) == 0
