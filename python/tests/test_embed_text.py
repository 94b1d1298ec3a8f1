"""Texts become vectors: with a model of a package, of a hub once, and not without what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hub_server import HubServer, serving
from models_at_hand import minilm, no_network

import ruvector as rv
from ruvector._text.registry import aliases

NAME = "sentence-transformers/all-MiniLM-L6-v2"
SENTENCES = [f"sentence number {number} of a hundred" for number in range(100)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub that has MiniLM, in the registry by the digests of the files that are at hand."""
    files = minilm()
    alias = aliases.ALIASES["all-MiniLM-L6-v2"]
    pins = tuple(aliases.Pin(*one) for one in files.pins)
    monkeypatch.setitem(
        aliases.ALIASES, "all-MiniLM-L6-v2", alias._replace(files=pins, revision="a" * 40)
    )
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with serving({NAME: files.bodies}) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def test_a_hundred_strings_become_a_hundred_vectors_of_384_numbers() -> None:
    matrix = rv.Embedder.from_pretrained("best").embed_batch(SENTENCES)
    assert matrix.shape == (100, 384)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    assert len(np.unique(matrix.round(4), axis=0)) == 100


def test_a_fresh_cache_downloads_and_verifies_and_then_needs_no_network(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = rv.Embedder.from_pretrained("all-MiniLM-L6-v2")
    pins = aliases.ALIASES["all-MiniLM-L6-v2"].files
    assert embedder.provenance["sha256"] == pins[0].sha256
    assert len(server.paths("HEAD")) == len(pins)
    first = embedder.embed_batch(SENTENCES[:9])
    assert first.shape == (9, 384)
    asked = len(server.asked)
    no_network(monkeypatch)
    from ruvector._text.registry import opened

    opened._kept.clear()  # as in a new process
    again = rv.Embedder.from_pretrained("all-MiniLM-L6-v2")
    np.testing.assert_array_equal(again.embed_batch(SENTENCES[:9]), first)
    assert len(server.asked) == asked
    assert again.key == embedder.key


def test_prefixes_are_part_of_a_name(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """E5's entry with MiniLM's files: what counts is what is put before the texts."""
    pinned = aliases.ALIASES["all-MiniLM-L6-v2"]
    entry = aliases.ALIASES["e5-small-v2"]._replace(
        repository=pinned.repository, revision=pinned.revision, files=pinned.files
    )
    monkeypatch.setitem(aliases.ALIASES, "e5-small-v2", entry)
    e5 = rv.Embedder.from_pretrained("e5-small-v2")
    plain = rv.Embedder.from_pretrained("all-MiniLM-L6-v2")
    assert (e5.provenance["query_prefix"], e5.provenance["document_prefix"]) == (
        "query: ", "passage: ",
    )  # fmt: skip
    question = "how do I rotate keys?"
    for found, expected in (
        (e5.embed_query(question), plain.embed("query: " + question)),
        (e5.embed(question), plain.embed("passage: " + question)),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len({e5.key, e5.query_key, plain.key}) == 3
    assert plain.key == plain.query_key


def test_a_changed_file_in_the_cache_is_refused(server: HubServer) -> None:
    embedder = rv.Embedder.from_pretrained("all-MiniLM-L6-v2")
    weights = Path(embedder._model.files[0])
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    with pytest.raises(rv.EmbedError, match="is not the expected file") as caught:
        rv.Embedder.from_pretrained("all-MiniLM-L6-v2")
    assert aliases.ALIASES["all-MiniLM-L6-v2"].files[0].sha256 in str(caught.value)


@pytest.mark.sample(3)
@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
@pytest.mark.parametrize("name", ["best", "all-MiniLM-L6-v2"])
def test_a_missing_extra_is_named_before_anything_is_downloaded(package: str, name: str) -> None:
    code = f"""
        import sys
        sys.modules[{package!r}] = None
        import ruvector as rv
        import socket
        socket.socket = socket.create_connection = None
        try:
            rv.Embedder.from_pretrained({name!r})
        except rv.MissingExtra as error:
            assert isinstance(error, ImportError)
            assert {package!r} in str(error), error
            assert error.pip == "pip install 'ruvector-arrow[onnx]'", error.pip
            assert error.pip in str(error)
        else:
            raise AssertionError("nothing was missed")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
