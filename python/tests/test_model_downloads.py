"""A file of a model comes whole and is the right one, or is not there at all."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hub_server import Fault, HubServer, serving

import ruvector as rv
from ruvector._text.registry import download, hub, transfer
from ruvector._text.registry.aliases import Pin

SMALL = b'{"model_type": "test"}'
LARGE = np.random.default_rng(5).bytes(700_000)
FILES = {"org/model": {"config.json": SMALL, "onnx/model.onnx": LARGE}}
DIGEST = hashlib.sha256(LARGE).hexdigest()
PIN = Pin("onnx/model.onnx", len(LARGE), DIGEST)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(transfer, "_FIRST_WAIT", 0.001)
    with serving(FILES) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", "/nowhere")
        yield running


def _bring(cache: Path, name: str = "onnx/model.onnx", pin: Pin | None = PIN) -> tuple[str, int]:
    place = hub.place_of("org/model", "a" * 40, cache)
    return download.bring(place, "a" * 40, name, pin, download.hub_of_environment())


def _rest(cache: Path) -> list[str]:
    """Return what is in the cache beside locks and whole files."""
    files = [path for path in cache.rglob("*") if path.is_file() and ".locks" not in path.parts]
    return [path.name for path in files if path.name not in (DIGEST, "model.onnx")]


def test_a_file_comes_into_the_layout_that_other_tools_read(
    server: HubServer, tmp_path: Path
) -> None:
    path, sent = _bring(tmp_path)
    assert sent == len(LARGE)
    snapshot = tmp_path / "models--org--model" / "snapshots" / ("a" * 40)
    assert Path(path) == snapshot / "onnx" / "model.onnx"
    assert os.readlink(path) == f"../../../blobs/{DIGEST}"
    assert Path(path).read_bytes() == LARGE
    config, _ = _bring(tmp_path, "config.json", None)
    assert Path(config).read_bytes() == SMALL
    assert os.readlink(config).startswith("../../blobs/")
    asked = len(server.asked)
    assert _bring(tmp_path)[1] == 0  # nothing is sent twice
    assert server.paths()[asked:] == []
    assert hub.kept_names(hub.place_of("org/model", "a" * 40, tmp_path), "a" * 40) == [
        "config.json", "onnx/model.onnx",
    ]  # fmt: skip


def test_a_revision_means_a_commit_and_is_remembered(server: HubServer, tmp_path: Path) -> None:
    place = hub.place_of("org/model@v1", None, tmp_path)
    assert hub.commit_of(place) is None
    commit, names = download.listed(place, download.hub_of_environment())
    assert (commit, names) == ("a" * 40, sorted(FILES["org/model"]))
    assert hub.commit_of(place) == commit
    assert (tmp_path / "models--org--model/refs/v1").read_text() == commit


@pytest.mark.parametrize("cuts", [[1], [300_000], [100_000, 200_000, 50_000], [0, 0, 0]])
def test_what_was_cut_goes_on_where_it_was_cut(
    server: HubServer, tmp_path: Path, cuts: list[int]
) -> None:
    server.faults = [Fault("GET", "/cdn/", "cut", number) for number in cuts]
    path, _ = _bring(tmp_path)
    assert Path(path).read_bytes() == LARGE
    ranges = [one.range for one in server.asked if one.path.startswith("/cdn/")]
    starts = np.cumsum(cuts).tolist()
    assert ranges == [None, *(f"bytes={n}-" if n else None for n in starts)]
    assert _rest(tmp_path) == []


def test_an_interrupt_ends_a_download_at_once_and_the_next_goes_on(
    server: HubServer, tmp_path: Path
) -> None:
    server.faults = [Fault("GET", "/cdn/", "hang", 300_000)]
    pid = os.getpid()
    timer = threading.Timer(0.5, lambda: os.kill(pid, signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _bring(tmp_path)
    assert time.monotonic() - begun < 2  # it would wait for 5
    server.released.set()
    path, sent = _bring(tmp_path)
    assert Path(path).read_bytes() == LARGE
    assert 0 < sent < len(LARGE)


def test_what_another_process_left_goes_on(server: HubServer, tmp_path: Path) -> None:
    part = tmp_path / "models--org--model" / "blobs" / f"{DIGEST}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(LARGE[:1234])
    path, sent = _bring(tmp_path)
    assert (Path(path).read_bytes(), sent) == (LARGE, len(LARGE) - 1234)


def test_what_was_left_of_another_file_is_found_out(server: HubServer, tmp_path: Path) -> None:
    part = tmp_path / "models--org--model" / "blobs" / f"{DIGEST}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1234)
    with pytest.raises(rv.EmbedError, match="sent another file"):
        _bring(tmp_path)
    path, _ = _bring(tmp_path)  # it is gone, and the next try is good
    assert Path(path).read_bytes() == LARGE


def test_a_wrong_digest_is_refused_naming_both(server: HubServer, tmp_path: Path) -> None:
    other = Pin("onnx/model.onnx", len(LARGE), "0" * 64)
    with pytest.raises(rv.EmbedError) as caught:
        _bring(tmp_path, pin=other)
    assert "0" * 64 in str(caught.value)
    assert DIGEST in str(caught.value)
    assert not hub.kept_names(hub.place_of("org/model", "a" * 40, tmp_path), "a" * 40)
    _bring(tmp_path)
    with pytest.raises(rv.EmbedError, match="0" * 64):  # nor is it taken from the cache
        _bring(tmp_path, pin=other)


@pytest.mark.parametrize("name", ["onnx/model.onnx", "config.json"])
def test_a_changed_byte_is_found_without_a_pin(
    server: HubServer, tmp_path: Path, name: str
) -> None:
    server.faults = [Fault("GET", "/cdn/|config", "other")]
    with pytest.raises(rv.EmbedError, match=r"sent another file.*the hub says"):
        _bring(tmp_path, name, None)
    assert _rest(tmp_path) == []


FAULTS: dict[str, tuple[Fault, str]] = {
    "401": (Fault("HEAD", "model.onnx", "status", 401), "answered 401.*set HF_TOKEN"),
    "403": (Fault("GET", "/cdn/", "status", 403), "answered 403"),
    "404": (Fault("HEAD", "model.onnx", "status", 404), "answered 404: there is no such file"),
    "429 for long": (
        Fault("HEAD", "model.onnx", "status", 429, {"Retry-After": "3600"}),
        "answered 429: it was asked too often",
    ),
    "page": (Fault("GET", "/cdn/", "page"), "sent a web page instead of the file"),
    "endless": (Fault("GET", "/cdn/", "endless"), "sends more than it said"),
    "longer": (
        Fault("HEAD", "model.onnx", "headers", 0, {"X-Linked-Size": "700001"}),
        "700,001 bytes, 700,000 are expected",
    ),
    "huge": (
        Fault("HEAD", "model.onnx", "headers", 0, {"X-Linked-Size": str(1 << 50)}),
        "are expected",
    ),
    "other commit": (
        Fault("HEAD", "model.onnx", "headers", 0, {"X-Repo-Commit": "b" * 40}),
        f"answers for commit '{'b' * 40}'",
    ),
    "climbing etag": (
        Fault("HEAD", "model.onnx", "headers", 0, {"X-Linked-Etag": '"../../../etc/passwd"'}),
        "no ETag that names a file",
    ),
    "to http elsewhere": (
        Fault("GET", "/cdn/", "status", 302, {"Location": "http://example.com/model"}),
        "redirects to http://example.com/model, from where nothing is taken",
    ),
    "to a file": (
        Fault("GET", "/cdn/", "status", 302, {"Location": "file:///etc/passwd"}),
        "from where nothing is taken",
    ),
    "in circles": (Fault("GET", "/cdn/", "status", 302, {"Location": "/cdn/x"}), "answered 404"),
}


@pytest.mark.parametrize(("fault", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_the_file_is_refused(
    server: HubServer, tmp_path: Path, fault: Fault, said: str
) -> None:
    server.faults = [fault]
    with pytest.raises(rv.EmbedError, match=said) as caught:
        _bring(tmp_path)
    assert "secret" not in str(caught.value)  # the key in an address is for nobody to see
    assert not hub.kept_names(hub.place_of("org/model", "a" * 40, tmp_path), "a" * 40)
    path, _ = _bring(tmp_path)  # nothing that is left is in the way
    assert Path(path).read_bytes() == LARGE


@pytest.mark.sample(3)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_server_that_fails_for_a_while_is_asked_again(
    server: HubServer, tmp_path: Path, status: int, method: str
) -> None:
    server.faults = [Fault(method, "model.onnx", "status", status, {"Retry-After": "0"})] * 4
    path, _ = _bring(tmp_path)
    assert Path(path).read_bytes() == LARGE
    server.faults = [Fault("HEAD", "config", "status", status)] * 5
    with pytest.raises(rv.EmbedError, match=f"answered {status}"):
        _bring(tmp_path, "config.json", None)


def test_retry_after_is_kept(server: HubServer, tmp_path: Path) -> None:
    server.faults = [Fault("HEAD", "config", "status", 429, {"Retry-After": "1"})]
    begun = time.monotonic()
    _bring(tmp_path, "config.json", None)
    assert time.monotonic() - begun >= 1


def test_a_file_that_is_too_large_is_not_read(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 100_000)
    with pytest.raises(rv.EmbedError, match="700,000 bytes, 100,000 are taken"):
        _bring(tmp_path, pin=None)
    assert server.paths() == []
    monkeypatch.setattr(download, "MOST_TEXT", 10)
    server.faults = [Fault("GET", "config", "endless")]
    with pytest.raises(rv.EmbedError, match="22 bytes, 10 are taken"):
        _bring(tmp_path, "config.json", None)


def test_a_hub_that_is_not_there_is_named(server: HubServer, tmp_path: Path) -> None:
    with serving() as other:
        closed = other.url
    os.environ["HF_ENDPOINT"] = closed
    with pytest.raises(rv.EmbedError, match=f"{closed}.*was not reached") as caught:
        _bring(tmp_path)
    assert download.gone(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    ["http://example.com", "ftp://127.0.0.1", "huggingface.co", "https://me:word@example.com"],
)
def test_an_endpoint_that_cannot_be_trusted_is_refused(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(rv.EmbedError, match="HF_ENDPOINT") as caught:
        download.hub_of_environment()
    assert "word" not in str(caught.value)


def test_a_token_goes_to_the_hub_alone_and_is_shown_nowhere(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_quite_secret")
    assert "hf_quite_secret" not in repr(download.hub_of_environment())
    with serving(FILES) as elsewhere:
        server.elsewhere = elsewhere.url
        _bring(tmp_path)
        assert {one.authorization for one in server.asked} == {"Bearer hf_quite_secret"}
        assert [one.authorization for one in elsewhere.asked] == [None]
    server.faults = [Fault("HEAD", "config", "status", 403)]
    with pytest.raises(rv.EmbedError, match="your token was sent") as caught:
        _bring(tmp_path, "config.json", None)
    assert "hf_quite" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "two\nlines")
    with pytest.raises(rv.EmbedError, match="letters that a token cannot have") as caught:
        download.hub_of_environment()
    assert "lines" not in str(caught.value)


def test_a_token_in_a_file_is_read(server: HubServer, monkeypatch: pytest.MonkeyPatch,
                                   tmp_path: Path) -> None:  # fmt: skip
    (tmp_path / "token").write_text("hf_from_a_file\n")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert download.hub_of_environment().token == "hf_from_a_file"
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert download.hub_of_environment().token == ""


def test_several_threads_send_for_a_file_once(server: HubServer, tmp_path: Path) -> None:
    found: list[tuple[str, int]] = []
    threads = [threading.Thread(target=lambda: found.append(_bring(tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent for _, sent in found) == [0] * 5 + [len(LARGE)]
    assert len([path for path in server.paths() if path.startswith("/cdn/")]) == 1


def test_several_processes_send_for_a_file_once(server: HubServer, tmp_path: Path) -> None:
    code = f"""
from ruvector._text.registry import download, hub
place = hub.place_of("org/model", "a" * 40, {str(tmp_path)!r})
print(download.bring(place, "a" * 40, "onnx/model.onnx", None, download.hub_of_environment())[1])
"""
    command = [sys.executable, "-c", code]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(int(job.communicate(timeout=60)[0]) for job in jobs) == [0, len(LARGE)]


def test_a_process_that_holds_a_file_and_does_nothing_is_told_of(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_STILL", 0.2)
    place = hub.place_of("org/model", "a" * 40, tmp_path)
    (tmp_path / "models--org--model").mkdir()
    with (
        download._alone(place, DIGEST),
        pytest.raises(rv.EmbedError, match=r"makes no progress; .*\.lock"),
    ):
        _bring(tmp_path)
    assert _bring(tmp_path)[1] == len(LARGE)


def test_a_cache_that_cannot_be_written_is_named(server: HubServer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(rv.EmbedError, match=r"cannot be written.*cache_dir="):
        _bring(file / "below")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"sha": "x", "siblings": []}', b"{" * 10_000, b"[" * 100_000,
     b'{"sha": "' + b"a" * 40 + b'", "siblings": [{"rfilename": 3}]}'],
)  # fmt: skip
def test_a_list_of_files_that_is_none_is_refused(
    server: HubServer, tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "read", lambda *_: body)
    with pytest.raises(rv.EmbedError, match="did not answer what a hub answers"):
        download.listed(hub.place_of("org/model", None, tmp_path), download.hub_of_environment())


@pytest.mark.parametrize(
    "spec",
    ["", "a b", "../x", "org/../x", "org/model/more", "org/model@", "org/model@../../x",
     "org/model@a b", "org/model@/x", "-x/y", "org/" + "x" * 200, "org/model\n", "org--a/b"],
)  # fmt: skip
def test_names_that_would_leave_the_cache_are_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(rv.EmbedError, match=r"is no name of a model|is none"):
        hub.place_of(spec, None, tmp_path)


def test_two_revisions_are_one_too_many(tmp_path: Path) -> None:
    assert hub.place_of("a/b@v1", "v1", tmp_path).revision == "v1"
    with pytest.raises(rv.EmbedError, match="another"):
        hub.place_of("a/b@v1", "v2", tmp_path)
    for wrong in (3, "", b"x", object()):
        with pytest.raises(rv.EmbedError, match="cache_dir"):
            hub.cache_folder(wrong)


def test_the_cache_is_where_other_tools_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/own")
    assert hub.cache_folder() == "/own/.cache/huggingface/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert hub.cache_folder() == "/xdg/huggingface/hub"
    monkeypatch.setenv("HF_HOME", "/hf")
    assert hub.cache_folder() == "/hf/hub"
    monkeypatch.setenv("HF_HUB_CACHE", "~/mine")
    assert hub.cache_folder() == "/own/mine"
    assert hub.cache_folder("/given") == "/given"


@pytest.mark.parametrize("said", ["1", "true", "YES", "on"])
def test_the_environment_forbids_the_network(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", said)
    assert hub.offline(False) == hub.offline(None) == "HF_HUB_OFFLINE is set"
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert hub.offline(None) == ""
    assert hub.offline(True) == "local_files_only=True"
