"""The documented generator: rows that look like sentence embeddings, the same for the same seed.

A row is ``unit(mean + centre[c] + noise)`` in a randomly rotated basis:

* one non-zero mean of length 0.4 for all rows, as embedding models have;
* centres of `clusters` clusters, drawn with standard deviations i^-1/2 over the axes (a power-law
  spectrum) and length about 0.6; cluster c is chosen with a probability proportional to c^-0.6;
* noise of length about 0.7 with the same spectrum, its axes permuted for every cluster.

Queries come from the same mixture and are no rows. Default seed 20; NumPy's PCG64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
CHUNK = 20_000


def clustered(
    rows: int, queries: int, dim: int, *, clusters: int = 1000, seed: int = 20
) -> tuple[Matrix, Matrix]:
    """Return (rows, dim) and (queries, dim) float32 matrices of unit rows."""
    random = np.random.default_rng(seed)
    spectrum = np.arange(1, dim + 1) ** -0.5
    spectrum /= np.linalg.norm(spectrum)
    basis = np.linalg.qr(random.standard_normal((dim, dim)))[0]
    mean = random.standard_normal(dim)
    mean *= 0.4 / np.linalg.norm(mean)
    centres = mean + 0.6 * random.standard_normal((clusters, dim)) * spectrum
    axes = np.stack([random.permutation(dim) for _ in range(clusters)])
    weights = np.arange(1, clusters + 1) ** -0.6
    weights /= weights.sum()

    out = np.empty((rows + queries, dim), np.float32)
    for begin in range(0, len(out), CHUNK):
        part = out[begin : begin + CHUNK]
        label = random.choice(clusters, len(part), p=weights)
        noise = 0.7 * random.standard_normal(part.shape) * spectrum[axes[label]]
        points = (centres[label] + noise) @ basis.T
        part[:] = points / np.linalg.norm(points, axis=1, keepdims=True)
    return out[:rows], out[rows:]
