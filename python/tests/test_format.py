"""docs/format.md is complete enough to write a reader from: this is one, from that page alone."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

import ruvector as rv

MAGIC = bytes.fromhex("895256580D0A1A0A")
LINE = struct.Struct("<II QQQ II Q")
POINT = struct.Struct("<dddd IIIf")
WEIGHTED = struct.Struct("<dddd IIIf d")
PARAMETERS = struct.Struct("<4B I QQQ d ff 32s")
Floats = npt.NDArray[np.float64]


def crc32c(data: bytes) -> int:
    """CRC32-C, bit by bit from its polynomial, a table of 256 entries at a time."""
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


class File(NamedTuple):
    """Sections by kind, and the parameters."""

    sections: dict[int, bytes]
    kind: int
    metric: int
    bits: int
    dim: int
    rows: int
    seed: int
    scale: float
    digest: bytes


def read(data: bytes) -> File:
    """Read a file as the page says, checking every checksum."""
    assert data[:8] == MAGIC
    assert struct.unpack_from("<HH", data, 8) in ((0, 2), (0, 5))  # 0.5: points with a weight
    (length, table, count, table_crc) = struct.unpack_from("<QQII", data, 24)
    assert length == len(data) and table == 64
    assert struct.unpack_from("<I", data, 60)[0] == crc32c(data[:60])
    assert table_crc == crc32c(data[64 : 64 + 48 * count])
    sections, sums, end = {}, b"", 64 + 48 * count
    for i in range(count):
        kind, _, offset, size, n, element, crc, _ = LINE.unpack_from(data, 64 + 48 * i)
        assert offset == -(-end // 64) * 64 and n * element == size
        assert not any(data[end:offset])
        part, end = data[offset : offset + size], offset + size
        if kind != 1 and size > 262_144:
            blocks = [part[at : at + 262_144] for at in range(0, size, 262_144)]
            wanted = b"".join(struct.pack("<I", crc32c(b)) for b in blocks)
            assert sums[: len(wanted)] == wanted
            sums = sums[len(wanted) :]
            assert crc == crc32c(wanted)
        else:
            assert crc == crc32c(part)
        if kind == 1:
            sums = part
        sections[kind] = part
    assert end == len(data) and sums == b""
    kind, metric, bits, _, dim, rows, _, seed, _, scale, _, digest = PARAMETERS.unpack(sections[2])
    return File(sections, kind, metric, bits, dim, rows, seed, scale, digest)


def rotate(x: Floats, signs: npt.NDArray[np.uint8]) -> Floats:
    """The page's rotation in float64."""
    d = x.shape[1]
    w = 1 << (d.bit_length() - 1)
    for r in range(4):
        x = x * np.where(signs[r * d : (r + 1) * d], -1.0, 1.0)
        at = slice(0, w) if r % 2 == 0 else slice(d - w, d)
        part, h = x[:, at] / np.sqrt(w), 1
        while h < w:
            pairs = part.reshape(len(x), -1, 2, h)
            part = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], 2)
            part, h = part.reshape(len(x), w), 2 * h
        x[:, at] = part
        if w < d:
            a, b = x[:, : d // 2], x[:, d // 2 :]
            x = np.hstack([a + b, a - b])
    return x / 4 if w < d else x


def split_mix(seed: int, words: int) -> bytes:
    """SplitMix64's outputs, little-endian."""
    out, mask = [], (1 << 64) - 1
    for _ in range(words):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        out.append(struct.pack("<Q", z ^ z >> 31))
    return b"".join(out)


def codes(
    file: File, padded: int, lanes: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Signs and their factors, whole codes u and their factors, of the lanes that hold rows."""
    stride, n, e = 4 * padded + 384, len(lanes), file.bits - 1
    blocks = np.frombuffer(file.sections[6], np.uint8).reshape(-1, stride)
    plane = blocks[:, : 4 * padded].reshape(-1, padded // 8, 32).transpose(0, 2, 1)
    signs = np.unpackbits(plane.reshape(-1, padded // 8), axis=1, bitorder="little")[lanes]
    factors = blocks[:, 4 * padded :].copy().view("<f4").reshape(-1, 3, 32).transpose(0, 2, 1)
    factors = factors.reshape(-1, 3)[lanes].astype(float)
    if e == 0:
        return signs.astype(float), factors, signs, np.empty(0)
    extra = np.frombuffer(file.sections[7], np.uint8).reshape(n, -1)
    x, at, left = np.zeros((n, padded)), 0, e
    for w in (8, 4, 2, 1):
        if not e & w:
            continue
        left -= w
        groups = extra[:, at : at + padded * w // 8].reshape(n, -1, 8 * w)
        at += padded * w // 8
        if w == 1:
            part = np.unpackbits(groups, axis=2, bitorder="little")
        else:
            part = np.concatenate([groups >> s & (1 << w) - 1 for s in range(0, 8, w)], axis=2)
        x += part.reshape(n, padded) * 2.0**left
    whole = extra[:, at:].copy().view("<f4").astype(float)
    return signs.astype(float), factors, signs * 2.0**e + x, whole


@pytest.mark.parametrize("metric", ["l2", "cosine", "dot"])
@pytest.mark.parametrize(("dim", "bits"), [(100, 5), (64, 8), (30, 4), (200, 9)])
def test_a_reader_from_the_page_gets_codes_and_estimates(
    tmp_path: Path, metric: rv.MetricName, dim: int, bits: int
) -> None:
    """Signs, extra bits, factors and estimates agree with the vectors that were saved."""
    rng = np.random.default_rng(dim)
    x = (rng.standard_normal((700, dim)) + 0.5).astype(np.float32)
    path = tmp_path / "a.rvx"
    rv.Index.build(x, metric=metric, kind="flat", bits=bits, seed=77).save(path, vectors=True)
    file = read(path.read_bytes())
    assert (file.kind, file.bits, file.dim, file.rows, file.seed) == (2, bits, dim, 700, 77)
    assert file.sections[5] == split_mix(77, -(-dim // 64) * 4)
    _check_estimates(file, metric, x, np.arange(700), np.arange(700), None)


@pytest.mark.parametrize("metric", ["l2", "cosine", "dot"])
@pytest.mark.parametrize(("dim", "bits"), [(100, 5), (64, 1), (30, 9)])
def test_a_reader_from_the_page_gets_the_cells_of_kind_ivf(
    tmp_path: Path, metric: rv.MetricName, dim: int, bits: int
) -> None:
    """Cells, the order of rows, codes of residuals and the calibration points."""
    rng = np.random.default_rng(dim)
    x = (rng.standard_normal((900, dim)) + 0.5).astype(np.float32)
    path = tmp_path / "a.rvx"
    index = rv.Index.build(x, metric=metric, kind="ivf", bits=bits, cells=9)
    index.save(path, vectors=False)
    file = read(path.read_bytes())
    sizes = np.frombuffer(file.sections[16], "<u4").astype(int)
    rows = np.frombuffer(file.sections[18], "<u4").astype(int)
    assert (file.kind, len(sizes), sizes.sum(), len(rows)) == (3, 9, 900, 900)
    blocks = -(-sizes // 32)
    starts = 32 * (np.cumsum(blocks) - blocks)
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    assert all((np.diff(part) > 0).all() for part in parts)
    assert sorted(rows) == list(range(900))
    lanes = np.concatenate([s + np.arange(n) for s, n in zip(starts, sizes, strict=True)])
    centroids = np.frombuffer(file.sections[15], "<f4").reshape(9, -1).astype(float)
    cell = np.repeat(np.arange(9), sizes)
    residual = _check_estimates(file, metric, x, rows, lanes, centroids[cell])
    extents = np.frombuffer(file.sections[17], "<f4").reshape(9, 2)
    lengths = [residual[cell == i] for i in range(9)]
    want = [(part.max(), part.mean()) for part in lengths]
    np.testing.assert_allclose(extents, want, rtol=1e-4, atol=1e-6)
    told = index.info()["calibration"]
    plain = metric == "dot"  # inner products have no weight
    assert len(file.sections[19]) == len(told) * (POINT if plain else WEIGHTED).size
    assert path.read_bytes()[10] == (2 if plain else 5), "as old as can express it"
    if plain:
        lines = [(*line, 0.0) for line in POINT.iter_unpack(file.sections[19])]
    else:
        lines = list(WEIGHTED.iter_unpack(file.sections[19]))
    names = (
        "target",
        "recall",
        "epsilon0",
        "cut",
        "probes",
        "rerank",
        "vectors",
        "usual",
        "weight",
    )
    told = [{**point, "usual": np.float32(point["usual"])} for point in told]
    assert [dict(zip(names, line, strict=True)) for line in lines] == told
    _check_usual(file, metric, x, centroids, {line[7] for line in lines})


def _rotated(file: File, metric: str, v: Floats) -> tuple[Floats, Floats]:
    """Return vectors as they are coded, shape (n, padded), and before mean and rotation."""
    padded = -(-file.dim // 64) * 64
    signs = np.unpackbits(np.frombuffer(file.sections[5], np.uint8), bitorder="little")
    mean = np.frombuffer(file.sections[4], "<f4").astype(float)
    v = v * file.scale
    if metric == "cosine":
        v = v / np.linalg.norm(v, axis=1, keepdims=True)
    return rotate(np.pad(v - mean, ((0, 0), (0, padded - file.dim))), signs), v


def _check_usual(
    file: File,
    metric: str,
    x: npt.NDArray[np.float32],
    centroids: npt.NDArray[np.float64],
    usual: set[float],
) -> None:
    """Of rows, at least 64 of which calibrated: between the middle and the greatest distance."""
    (found,) = usual
    if metric == "dot":
        assert found == 0
        return
    near = _rotated(file, metric, x.astype(float))[0]
    far2 = ((near[:, None] - centroids) ** 2).sum(-1).min(1)
    assert np.median(far2) < found <= far2.max() * (1 + 1e-5)


def _check_estimates(
    file: File,
    metric: str,
    x: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    lanes: npt.NDArray[np.int64],
    centroids: Floats | None,
) -> Floats:
    """Compare signs and estimates of the rows in these lanes; return the lengths of residuals."""
    dim, bits = file.dim, file.bits
    padded = -(-dim // 64) * 64
    mean = np.frombuffer(file.sections[4], "<f4").astype(float)
    query = np.random.default_rng(dim + 1).standard_normal((1, dim)) + 0.5
    r, v = _rotated(file, metric, x[rows].astype(float))
    q, w = _rotated(file, metric, query)
    c = np.zeros_like(r) if centroids is None else centroids
    signs, plane, u, whole = codes(file, padded, lanes)
    lengths: Floats = np.linalg.norm(r - c, axis=1)
    far = lengths > 1e-5  # a row alone in its cell is the centroid but for rounding
    same = (r - c > 0) == (signs > 0)
    assert np.mean(same[far]) > 0.9999, "only rounding may move a sign"
    if metric == "l2":
        truth, g_add = ((r - q) ** 2).sum(1), ((q - c) ** 2).sum(1)
    else:
        truth, g_add = -(v @ w[0]), mean @ mean - (w @ mean)[0] - c @ q[0]
    for code, factors, centre in ((signs, plane, 0.5), (u, whole, (2**bits - 1) / 2)):
        if factors.size:
            estimate = factors[:, 0] + g_add + factors[:, 1] * ((code - centre) @ q[0])
            with np.errstate(divide="ignore", invalid="ignore"):
                z = (estimate - truth) / (factors[:, 2] * np.linalg.norm(q - c, axis=1))
            assert abs(z[far].mean()) < 0.2 and 0.5 < z[far].std() < 1.1
    return lengths


def test_stored_vectors_and_digests_are_as_described(tmp_path: Path) -> None:
    """Vectors, sample digest and content digest."""
    x = np.arange(70 * 6, dtype=np.float32).reshape(70, 6)
    path = tmp_path / "a.rvx"
    rv.Index.build(x, ids=np.arange(70), metric="l2").save(path, vectors=True)
    file = read(path.read_bytes())
    assert file.sections[13] == x.tobytes()
    digest = hashlib.sha256(b"70 6 " + b"".join(x[69 * i // 63].tobytes() for i in range(64)))
    assert file.digest == digest.digest()
    content = hashlib.sha256(np.arange(70).astype("<u8").tobytes() + x.tobytes())
    assert file.sections[14] == content.digest()
