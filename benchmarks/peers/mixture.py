"""The documented generator: rows that behave like sentence embeddings, from a formula and a seed.

Every row is drawn from one of `leaves` low-rank Gaussians around centres, and brought to length 1:

- the mean of everything is not zero, and global directions have standard deviations 1/sqrt(i);
- `TOPICS` topics lie around the mean; each has a subspace of `RANK` axes of its own;
- a leaf belongs to a topic: its centre lies mostly in the topic's subspace, two thirds of its axes
  are the topic's and the rest its own, so leaves of one topic overlap; its axes have a power-law
  spectrum i^-0.4, its width is log-normal (0.35), its weight Zipf-like (rank^-0.6);
- small noise in all directions comes on top.

The scales were chosen so that local intrinsic dimension, distances of neighbours and recall by
cells probed look like those of sentence embeddings. Easier than real ones for cells, harder for
graphs. Rows and queries come from the same draw, in random order.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .truth import Matrix

Floats: TypeAlias = npt.NDArray[np.float64]

TOPICS = 60
RANK = 56
SHARED = RANK * 2 // 3
MEAN, TOPIC, CENTRE, SPREAD, NOISE = 0.35, 0.40, 0.33, 0.88, 0.36
OFF_TOPIC = 0.15
DECAY = 0.4
ZIPF = 0.6
WIDTH = 0.35


class _World(NamedTuple):
    """What the leaves are drawn from: owner topic, subspaces, centres of the leaves, weights."""

    own: npt.NDArray[np.int64]
    axes: Floats
    centre: Floats
    weight: Floats


def unit(rows: npt.NDArray[np.floating]) -> Matrix:
    """Rows of length 1 as float32; lengths and quotients in float64."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.ascontiguousarray(rows / lengths, np.float32)


def mixture(
    base: Matrix, query: Matrix, *, leaves: int, seed: int
) -> None:  # arrays of the caller: a million rows may be a memory map
    """Fill `base` (n, d) and `query` (nq, d) from the mixture; the same seed, the same rows."""
    random = np.random.default_rng(seed)
    dim, count = base.shape[1], len(base)
    world = _world(random, dim, leaves)
    sizes = random.multinomial(count + len(query), world.weight)
    place = random.permutation(count + len(query))
    begin = 0
    for leaf, size in enumerate(sizes):
        rows = _leaf(random, world, leaf, size)
        at = place[begin : begin + size]
        base[at[at < count]] = rows[at < count]
        query[at[at >= count] - count] = rows[at >= count]
        begin += size


def _world(random: np.random.Generator, dim: int, leaves: int) -> _World:
    spectrum = np.arange(1, dim + 1) ** -0.5
    turned = np.linalg.qr(random.standard_normal((dim, dim)))[0].T

    def directions(number: int) -> Floats:
        drawn: Floats = random.standard_normal((number, dim)) * spectrum
        return np.asarray(drawn @ turned / np.linalg.norm(spectrum), np.float64)

    mean = directions(1)[0] * MEAN
    topic = directions(TOPICS) * TOPIC
    own = random.integers(0, TOPICS, leaves)
    axes = np.empty((TOPICS, dim, RANK))
    for t in range(TOPICS):
        leaning = directions(RANK).T
        axes[t] = np.linalg.qr(leaning + 0.3 * random.standard_normal((dim, RANK)) / dim**0.5)[0]
    inside = random.standard_normal((leaves, RANK)) * (CENTRE / RANK**0.5)
    centre = mean + topic[own] + np.einsum("lr,ldr->ld", inside, axes[own])
    centre += directions(leaves) * OFF_TOPIC
    weight = np.arange(1, leaves + 1) ** -ZIPF
    return _World(own, axes, centre, random.permutation(weight / weight.sum()))


def _leaf(random: np.random.Generator, world: _World, leaf: int, size: int) -> Matrix:
    """`size` rows of one leaf."""
    dim = world.centre.shape[1]
    shared = world.axes[world.own[leaf]][:, random.permutation(RANK)[:SHARED]]
    alone = random.standard_normal((dim, RANK - SHARED))
    axes = np.linalg.qr(np.hstack([shared, alone]))[0]
    width = np.exp(WIDTH * random.standard_normal())
    spectrum = np.arange(1, RANK + 1) ** -DECAY
    spectrum *= SPREAD / np.linalg.norm(spectrum) * width
    rows = random.standard_normal((size, RANK)) * spectrum
    rows = world.centre[leaf] + rows @ axes[:, random.permutation(RANK)].T
    rows += random.standard_normal((size, dim)) * (NOISE / dim**0.5)
    return unit(rows)
