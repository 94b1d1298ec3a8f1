"""Bundles say what made the vectors of a collection, and lakes keep and compare that."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ruvector as rv

WORDS = ["red apple", "green pear", "blue plum", "old oak", "tall elm", "sour lime"]
KEY = ("mine", "docs")
MADE = {
    "embedder": "a/model", "sha256": "0" * 64, "dim": 768, "normalized": True,
    "query_prefix": "query: ", "document_prefix": "", "max_tokens": 256, "pooling": "mean",
}  # fmt: skip
GOLDEN = "4489f866af997a44"  # of the docstring: no witness covers the embedder


def second_model(texts: list[str]) -> Any:
    return np.array([[t.count(c) + 0.01 for c in "abcdefghijklmnop"] for t in texts], "f4")


def bundle_of(**more: Any) -> rv.RuLakeBundle:
    return rv.RuLakeBundle("local://b/c", 768, 42, 20, 1, **more)


def test_a_bundle_says_what_made_its_vectors(tmp_path: Path) -> None:
    bundle = bundle_of(embedder=MADE)
    assert bundle.witness.startswith(GOLDEN)
    assert bundle.witness == bundle_of().witness
    assert bundle.embedder is not None
    assert bundle.embedder._asdict() == MADE
    bundle.write(tmp_path)
    said = json.loads((tmp_path / "table.rulake.json").read_text())
    assert said["embedder"] == MADE
    for again in (
        rv.RuLakeBundle.read(tmp_path), rv.RuLakeBundle.from_json(bundle.to_json()),
        pickle.loads(pickle.dumps(bundle)), dataclasses.replace(bundle),
        bundle_of(embedder=bundle.embedder),
    ):  # fmt: skip
        assert again == bundle
        assert hash(again) == hash(bundle)
        again.verify()
        again.verify(bundle_of())
    assert "a/model" in repr(bundle)
    assert "a/model" in bundle._repr_html_()
    assert bundle_of().embedder is None
    assert "embedder" not in bundle_of().to_json()
    assert "embedder" not in repr(bundle_of())


@pytest.mark.parametrize(
    ("embedder", "says"),
    [
        (5, "must be a mapping"), ({}, "names no embedder"), ({"embedder": 5}, "names no embedder"),
        ({**MADE, "sha256": "x"}, "sha256"), ({**MADE, "dim": 0}, "dim"),
        ({**MADE, "normalized": "yes"}, "normalized"), ({**MADE, "query_prefix": 1}, "query_p"),
        ({**MADE, "max_tokens": -1}, "max_tokens"), ({**MADE, "pooling": "x" * 9000}, "pooling"),
    ],
)  # fmt: skip
def test_what_no_embedder_can_be_is_named(embedder: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        bundle_of(embedder=embedder)
    if isinstance(embedder, dict):
        said = json.loads(bundle_of().to_json())
        with pytest.raises(rv.LakeError, match="embedder"):
            rv.RuLakeBundle.from_json(json.dumps({**said, "embedder": embedder}))


def stores(folder: Path, kind: str, model: Any = None) -> Any:
    """Return a store whose one collection says what made it."""
    folder.mkdir()
    frame = pd.DataFrame({"id": range(6), "body": WORDS})
    if kind == "index":
        built = rv.build_index(frame, text="body", ids="id", embedder=model)
        built.save(folder / "docs.rvx", vectors=True)
        return rv.FsBackend("mine", folder)
    rv.write_parquet(rv.embed(frame, "body", embedder=model), folder / "docs.parquet")
    return rv.ParquetBackend("mine", folder, column="embedding", ids="id")


@pytest.mark.parametrize("kind", ["index", "parquet"])
def test_what_a_store_knows_is_kept(kind: str, tmp_path: Path) -> None:
    made = rv.Embedder.from_pretrained().made()
    with rv.RuLake([stores(tmp_path / "store", kind)], metric="cosine") as lake:
        assert lake.publish_bundle(KEY, tmp_path / "early").embedder in (None, made)
        lake.prime(KEY)
        for format in (2, 3):
            bundle = lake.publish_bundle(KEY, tmp_path / "out", format=format)
            assert bundle.embedder == made
            assert rv.RuLakeBundle.read(tmp_path / "out").embedder == made
        assert lake.refresh_from_bundle_dir(KEY, tmp_path / "out").name == "UP_TO_DATE"
        path = lake.save_cache_to_dir(KEY, tmp_path / "saved")
        assert rv.RuLakeBundle.read(tmp_path / "saved").embedder == made
    with rv.RuLake(metric="cosine", consistency=rv.Consistency.FROZEN) as other:
        assert other.warm_from_dir(KEY, tmp_path / "saved", content=True) == 6
        other.save_cache_to_dir(KEY, tmp_path / "again")
        assert rv.RuLakeBundle.read(tmp_path / "again").embedder == made
    with rv.Index.load(path) as index:
        assert index.info()["embedder"] == made.to_dict()
        assert index.search("an apple", 1).ids.tolist() == [0]
        with pytest.raises(rv.EmbedError, match=r"wordllama.*second_model"):
            index.search("an apple", embedder=second_model)


def test_vectors_of_another_embedder_are_not_warmed(tmp_path: Path) -> None:
    def other(texts: list[str]) -> Any:
        return np.ascontiguousarray(second_model(texts)[:, ::-1])

    for name, model in (("one", second_model), ("two", other)):
        with rv.RuLake([stores(tmp_path / name, "index", model)], metric="cosine") as lake:
            lake.prime(KEY)
            lake.save_cache_to_dir(KEY, tmp_path / f"saved {name}")
    with rv.RuLake(metric="cosine", consistency=rv.Consistency.FROZEN) as lake:
        lake.warm_from_dir(KEY, tmp_path / "saved one")
        with pytest.raises(rv.WitnessMismatch, match=r"other.*second_model") as caught:
            lake.warm_from_dir(KEY, tmp_path / "saved two")
        assert "invalidate" in str(caught.value)
        lake.invalidate_cache(KEY)
        assert lake.warm_from_dir(KEY, tmp_path / "saved two") == 6
    # A bundle that names another than the index beside it.
    path = tmp_path / "saved one" / "table.rulake.json"
    said = json.loads(path.read_text())
    said["embedder"]["embedder"] = "somebody/else"
    path.write_text(json.dumps(said))
    says = r"second_model.*somebody/else"
    lake = rv.RuLake(metric="cosine", consistency=rv.Consistency.FROZEN)
    with lake, pytest.raises(rv.WitnessMismatch, match=says):
        lake.warm_from_dir(KEY, tmp_path / "saved one")


def test_files_of_two_embedders_are_no_collection(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "docs"
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"id": range(6), "body": WORDS})
    rv.write_parquet(rv.embed(frame, "body", embedder=second_model), folder / "1.parquet")
    reverse = lambda texts: np.ascontiguousarray(second_model(texts)[:, ::-1])  # noqa: E731
    more = frame.assign(id=frame["id"] + 10)
    rv.write_parquet(rv.embed(more, "body", embedder=reverse), folder / "2.parquet")
    store = rv.ParquetBackend("mine", tmp_path / "store", column="embedding", ids="id")
    says = r"2\.parquet.*1\.parquet.*locals.*second_model"
    with rv.RuLake([store]) as lake, pytest.raises(rv.BackendError, match=says):
        lake.prime(KEY)
