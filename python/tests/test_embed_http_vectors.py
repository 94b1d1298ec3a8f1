"""Embeddings of a server: every text has its vector, and nobody sees the key."""

from __future__ import annotations

import http.client
import os
import pickle
import signal
import ssl
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scripted_server import (
    Asked,
    Scripted,
    Wire,
    cut,
    embeds,
    hang,
    matrix,
    no_environment,
    of_dim,
    packed,
    raw,
    says,
    status,
    vector,
)  # fmt: skip

import ruvector as rv

FINE = says({"fine": True})


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    no_environment(monkeypatch)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(FINE) as made:
        yield made


# ---- the key ----


def test_the_key_is_sent_and_shown_nowhere(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    key = "sk-Very/Secret+0123456789"
    caplog.set_level("DEBUG")
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    embedder = rv.Embedder.openai(server.url, "m", api_key=key, retries=1, timeout=0.2)
    shown = [repr(embedder), embedder._repr_html_(), repr(embedder._model), str(embedder.key)]
    shown += [pickle.dumps(embedder).decode("latin-1"), embedder.id]
    echo = f"Incorrect API key provided: {key}. " + "x" * 150 + key
    for step in (
        status(401, echo), status(500, echo), status(400, {"error": echo}), cut, hang,
        says(f"<html>{key}</html>".encode(), kind="text/html"), says(b"{"), says({"data": key}),
        says({"data": [{"index": 0, "embedding": key}]}), raw(b"HTTP/1.1 200 " + key.encode()),
        status(302, headers={"Location": "http://elsewhere.invalid/v1"}),
    ):  # fmt: skip
        server.usual = step
        with pytest.raises(rv.EmbedError) as caught:
            embedder.embed("text")
        assert caught.tb.tb_next is not None  # the frame of this test has the key
        lines = traceback.TracebackException(
            caught.type, caught.value, caught.tb.tb_next, capture_locals=True
        )
        shown += [*lines.format(), repr(caught.value), str(vars(caught.value))]
    assert all(asked.headers["Authorization"] == f"Bearer {key}" for asked in server.asked)
    shown += [*capfd.readouterr(), caplog.text]
    for text in shown:
        assert "Secret" not in text
        assert "Bearer" not in text


def test_a_pickle_takes_the_key_of_where_it_is_opened(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.usual = embeds
    embedder = rv.Embedder.openai(server.url, "m", api_key="sk-one", document_prefix="d: ")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-two")
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.embed("x"), vector("d: x"))
    assert server.asked[-1].headers["Authorization"] == "Bearer sk-two"
    assert (again.id, again.key) == (embedder.id, embedder.key)


def test_the_environment_names_server_and_key(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.usual = embeds
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    embedder = rv.Embedder.from_pretrained("openai:my-model")
    np.testing.assert_array_equal(embedder.embed_batch(["a", "b"]), matrix(["a", "b"]))
    assert server.asked[-1].headers["Authorization"] == "Bearer sk-env"
    assert server.asked[-1].document["model"] == "my-model"
    assert embedder.id == "openai:my-model"
    rv.Embedder.openai(model="m", api_key="").embed("x")
    assert "Authorization" not in server.asked[-1].headers
    with pytest.raises(rv.EmbedError, match=r"OPENAI_API_KEY would be sent to http:"):
        rv.Embedder.openai("http://192.0.2.1/v1", "m")
    rv.Embedder.openai("http://192.0.2.1/v1", "m", api_key="sk-mine")
    rv.Embedder.openai("https://192.0.2.1/v1", "m")
    for key in ("sk-ä", "sk\nX-Header: y", "sk a"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(rv.EmbedError, match="no header can hold") as caught:
            rv.Embedder.openai(model="m")
        assert key not in str(caught.value)


# ---- certificates ----


def test_a_server_whose_certificate_nobody_trusts_gets_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", made, "-out", tmp_path / "cert.pem", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", made)
    with Scripted(embeds, tls=context) as server:
        with pytest.raises(rv.EmbedError, match="certificate that is not trusted"):
            rv.Embedder.openai(server.url, "m", api_key="sk-x").embed("text")
        assert not server.asked
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
            embedder = rv.Embedder.openai(server.url, "m", api_key="sk-x")
            np.testing.assert_array_equal(embedder.embed("text"), vector("text"))
            server.usual = hang
            embedder = rv.Embedder.openai(server.url, "m", api_key="", timeout=0.2, retries=0)
            with pytest.raises(rv.EmbedError, match="no whole answer"):
                embedder.embed("text")


# ---- embeddings ----


def opened(server: Scripted, **named: Any) -> rv.Embedder:
    return rv.Embedder.openai(server.url, "m", api_key="", **named)


@pytest.fixture
def model(server: Scripted) -> Scripted:
    rv.cache.clear()
    server.usual = embeds
    return server


TEXTS = [f"text {i}" for i in range(700)]


def test_texts_are_sent_in_batches_and_come_back_in_order(model: Scripted) -> None:
    def in_disorder(asked: Asked, wire: Wire) -> None:
        time.sleep(0.03 * ("text 0" in asked.document["input"]))
        data = [{"index": i, "embedding": packed(vector(t))}
                for i, t in enumerate(asked.document["input"])]  # fmt: skip
        wire.answer(200, {"data": data[::-1]})

    model.usual = in_disorder
    found = opened(model, batch=100).embed_batch(TEXTS)
    np.testing.assert_array_equal(found, matrix(TEXTS))
    assert sorted(len(asked.document["input"]) for asked in model.asked) == [100] * 7
    assert 2 <= model.most_at_once <= 4
    assert model.asked[0].document["encoding_format"] == "base64"
    assert model.asked[0].path == "/v1/embeddings"
    frame = pd.DataFrame({"t": TEXTS})
    assert rv.search(frame, "text 7", text="t", embedder=opened(model), k=1)["t"].tolist() == [
        "text 7"
    ]


def test_batches_keep_to_the_limits_of_the_server(model: Scripted) -> None:
    long = [f"{i} " + "x" * 150_000 for i in range(6)]
    opened(model).embed_batch([*long, "y" * 900_000, "short"])
    assert max(len(asked.body) for asked in model.asked) < 1_000_000
    assert all(len(a.document["input"]) <= 2 for a in model.asked)
    for wrong in (0, 2049, True, 1.5):
        with pytest.raises(rv.InvalidArgument, match="batch"):
            opened(model, batch=wrong)


@pytest.mark.parametrize(
    "refusal",
    [status(413, "no"), status(400, "maximum context length is 8192 tokens"),
     status(422, "batch size 100 > maximum allowed batch size 32")],
    ids=["413", "400", "422"],
)  # fmt: skip
def test_what_is_too_much_is_cut_in_halves(model: Scripted, refusal: Any) -> None:
    def limited(asked: Asked, wire: Wire) -> None:
        texts = asked.document["input"]
        (embeds if len(texts) <= 32 and "too long" not in texts else refusal)(asked, wire)

    model.usual = limited
    np.testing.assert_array_equal(opened(model).embed_batch(TEXTS), matrix(TEXTS))
    with pytest.raises(rv.EmbedError, match="takes no text of 8 letters: answered 4") as caught:
        opened(model).embed_batch([*TEXTS[:40], "too long", *TEXTS[40:]])
    assert caught.value.row == 40


def test_both_sides_have_their_prefixes(model: Scripted) -> None:
    embedder = opened(model, query_prefix="query: ", document_prefix="passage: ")
    np.testing.assert_array_equal(embedder.embed("x"), vector("passage: x"))
    np.testing.assert_array_equal(embedder.embed_query("x"), vector("query: x"))
    assert embedder.provenance["query_prefix"] == "query: "
    assert embedder.provenance["document_prefix"] == "passage: "
    assert embedder.key != opened(model).key


def test_numbers_come_as_base64_or_lists_or_because_base64_is_refused(model: Scripted) -> None:
    model.usual = of_dim(8, lists=True)
    np.testing.assert_array_equal(opened(model).embed_batch(TEXTS), matrix(TEXTS))

    def no_base64(asked: Asked, wire: Wire) -> None:
        well = asked.document["encoding_format"] == "float"
        (embeds if well else status(400, "unknown encoding_format"))(asked, wire)

    model.usual = no_base64
    rv.cache.clear()
    np.testing.assert_array_equal(opened(model).embed_batch(TEXTS), matrix(TEXTS))
    assert opened(model, dimensions=3).embed("x").shape == (3,)
    assert opened(model, dimensions=3).dim == 3


def vectors(*data: Any) -> Any:
    return says({"data": list(data)})


GOOD = packed(vector("x"))
DEEP = b'{"data": ' + b"[" * 200_000


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (vectors(), "0 vectors for 2"),
        (vectors({"index": 0, "embedding": GOOD}), "1 vectors for 2"),
        (vectors(*[{"index": i, "embedding": GOOD} for i in range(3)]), "3 vectors for 2"),
        (vectors(*[{"index": 1, "embedding": GOOD}] * 2), "index 1, twice"),
        (vectors(*[{"index": i + 1, "embedding": GOOD} for i in range(2)]), "index 2, for 2"),
        (vectors(*[{"index": -1, "embedding": GOOD}] * 2), "index -1"),
        (vectors(*[{"index": True, "embedding": GOOD}] * 2), "index True"),
        (vectors(*[{"embedding": GOOD}] * 2), "without an index"),
        (vectors(*[{"index": i, "embedding": [1.0] * (i + 1)} for i in range(2)]), "1 and of 2"),
        (vectors(*[{"index": i, "embedding": []} for i in range(2)]), "of 0 dimensions"),
        (vectors(*[{"index": i, "embedding": ""} for i in range(2)]), "of 0 dimensions"),
        (vectors(*[{"index": i, "embedding": "AAA="} for i in range(2)]), "not base64 of float32"),
        (vectors(*[{"index": i, "embedding": "{}!"} for i in range(2)]), "not base64 of float32"),
        (vectors(*[{"index": i, "embedding": [None]} for i in range(2)]), "else than numbers"),
        (vectors(*[{"index": i, "embedding": [True]} for i in range(2)]), "else than numbers"),
        (vectors(*[{"index": i, "embedding": ["1"]} for i in range(2)]), "else than numbers"),
        (vectors(*[{"index": i, "embedding": [[1.0]]} for i in range(2)]), "else than numbers"),
        (vectors(*[{"index": i} for i in range(2)]), "else than numbers"),
        (vectors(*[{"index": i, "embedding": [float("nan")]} for i in range(2)]), "NaN or an inf"),
        (vectors(*[{"index": i, "embedding": [1e300]} for i in range(2)]), "NaN or an infinite"),
        (vectors(*[{"index": i, "embedding": [10**400]} for i in range(2)]), "beyond float32"),
        (vectors(*[{"index": i, "embedding": packed(np.full(2, np.nan))} for i in range(2)]),
         "NaN or an infinite"),
        (vectors(1, 2), "a int where a vector"),
        (says({"data": {}}), "no list 'data'"),
        (says({"embeddings": []}), "no list 'data'"),
        (says([1, 2]), "missing at letter 0"),
        (says(b'{"data": []} more'), "more follows"),
        (says(b'{"data": [,]}'), "cannot be read"),
        (says(b'{"data": [] "x": 1}'), "',' is missing"),
        (says(b'{"data": [{"index": 1' + b"0" * 5000 + b"}]}"), "cannot be read"),
        (says(DEEP), "nested too deeply"),
        (says(b'{"x": ' + b'{"y":' * 200_000), "nested too deeply"),
        (says(b'{"data": ["\xff"]}'), "not valid UTF-8"),
        (says(b""), "cannot be read"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_vectors_is_refused(model: Scripted, step: Any, said: str) -> None:
    model.usual = step
    with pytest.raises(rv.EmbedError, match=said):
        opened(model).embed_batch(["one", "two"])


def test_dimensions_of_all_batches_are_those_that_were_asked_for(model: Scripted) -> None:
    def grows(asked: Asked, wire: Wire) -> None:
        of_dim(8 if "text 0" in asked.document["input"] else 9)(asked, wire)

    model.usual = grows
    with pytest.raises(rv.EmbedError, match=r"9 dimensions, and of 8|8 dimensions, and of 9"):
        opened(model, batch=300).embed_batch(TEXTS)
    model.usual = lambda asked, wire: vectors({"index": 0, "embedding": [1.0, 2.0]})(asked, wire)
    with pytest.raises(rv.EmbedError, match="2 dimensions, dimensions=3 were asked for"):
        opened(model, dimensions=3).embed("x")


def test_an_interrupt_keeps_what_was_finished(model: Scripted) -> None:
    reached = threading.Event()

    def some(asked: Asked, wire: Wire) -> None:
        if "text 699" in asked.document["input"]:
            reached.set()
            hang(asked, wire)
        embeds(asked, wire)

    def interrupt() -> None:
        reached.wait(10)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    model.usual = some
    embedder = opened(model, batch=100)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        embedder.embed_batch(TEXTS)
    thread.join()
    model.usual = embeds
    model.asked.clear()
    np.testing.assert_array_equal(embedder.embed_batch(TEXTS), matrix(TEXTS))
    assert [len(asked.document["input"]) for asked in model.asked] == [100]


def test_threads_share_a_client_and_a_forked_child_has_its_own(model: Scripted) -> None:
    embedder = opened(model)
    embedder.embed("warm")
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append((i, embedder.embed(f"text {i}"))))
        for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for i, one in found:
        np.testing.assert_array_equal(one, vector(f"text {i}"))


def test_no_model_is_named() -> None:
    for name in ("", " ", None, 3):
        with pytest.raises(rv.EmbedError, match="no model is named"):
            rv.Embedder.openai("http://localhost/v1", name)  # type: ignore[arg-type]
    with pytest.raises(rv.EmbedError, match="no model is named"):
        rv.Embedder.from_pretrained("openai:")
    with pytest.raises(rv.InvalidArgument, match="query_prefix"):
        rv.Embedder.openai("http://localhost/v1", "m", query_prefix=3)  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="concurrency"):
        rv.Embedder.openai("http://localhost/v1", "m", concurrency=0)
