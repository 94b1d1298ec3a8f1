"""A server that fails in every way: what may heal is asked again, what does not is named."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest
from scripted_server import (
    Asked,
    Scripted,
    Wire,
    cut,
    hang,
    no_environment,
    raw,
    says,
    status,
)  # fmt: skip

import ruvector as rv
from ruvector._text.remote import calling
from ruvector._text.remote.client import Client

FINE = says({"fine": True})


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    no_environment(monkeypatch)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(FINE) as made:
        yield made


def ask(server: Scripted, key: str | None = None, **named: Any) -> Any:
    client = Client(server.url, key, **named)
    try:
        return client.post_json("/x", {"a": 1})
    finally:
        client.close()


# ---- what heals ----


@pytest.mark.parametrize(
    "failing",
    [
        *[status(code) for code in (408, 409, 429, 500, 502, 503, 504)],
        cut,
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a"),
        raw(b"\x00\x01\x02\r\n\r\n"),
    ],
    ids=[
        "408", "409", "429", "500", "502", "503", "504", "cut", "short", "half a chunk", "garbage",
    ],
)  # fmt: skip
def test_what_may_heal_is_asked_again(server: Scripted, failing: Any) -> None:
    server.script(failing, failing)
    assert ask(server) == {"fine": True}
    assert [asked.document for asked in server.asked] == [{"a": 1}] * 3
    assert {asked.path for asked in server.asked} == {"/v1/x"}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422, 501])
def test_what_does_not_heal_is_said_at_once(server: Scripted, code: int) -> None:
    server.script(status(code, "not in this way"))
    with pytest.raises(rv.EmbedError, match=f"127.0.0.1.*answered {code}: not in this way"):
        ask(server)
    assert len(server.asked) == 1


def test_tries_end_and_the_last_answer_is_said(server: Scripted) -> None:
    server.usual = status(503, "warming up")
    with pytest.raises(rv.EmbedError, match=r"503: warming up \(4 tries\)"):
        ask(server, retries=3)
    assert len(server.asked) == 4


def test_a_quota_that_is_used_up_is_not_waited_for(server: Scripted) -> None:
    server.usual = status(429, {"error": {"message": "buy more", "code": "insufficient_quota"}})
    with pytest.raises(rv.EmbedError, match="buy more"):
        ask(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "asked_for", [lambda: "0.3", lambda: formatdate(time.time() + 1.5, usegmt=True)]
)
def test_a_wait_that_is_asked_for_is_kept(server: Scripted, asked_for: Callable[[], str]) -> None:
    server.script(status(429, headers={"Retry-After": asked_for()}))
    begun = time.monotonic()
    assert ask(server) == {"fine": True}
    assert 0.3 <= time.monotonic() - begun < 5


def test_a_wait_of_an_hour_is_an_error_at_once(server: Scripted) -> None:
    server.usual = status(429, "later", {"Retry-After": "3600"})
    with pytest.raises(rv.EmbedError, match="asks to wait 3,600 s"):
        ask(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize("told", ["soon", "-3", "nan", "inf", "1e999", "Mon, 99 Foo", "9" * 5000])
def test_a_wait_that_means_nothing_is_ours_to_choose(server: Scripted, told: str) -> None:
    server.script(status(503, headers={"Retry-After": told}))
    assert ask(server) == {"fine": True}


def test_waits_grow_by_chance_up_to_a_bound(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(calling.Call, "_waited", lambda self, wait: bool(waits.append(wait)))
    monkeypatch.setattr(calling, "_FIRST_WAIT", 0.5)
    monkeypatch.setattr(calling.random, "random", lambda: 1.0)
    server.usual = status(500)
    with pytest.raises(rv.EmbedError):
        ask(server, retries=8)
    assert waits[1::2] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_total_deadline_ends_the_tries(server: Scripted) -> None:
    server.usual = status(503, "warming up", {"Retry-After": "0.2"})
    begun = time.monotonic()
    with pytest.raises(rv.EmbedError, match=r"deadline 0\.5 s"):
        ask(server, retries=100, total=0.5)
    assert time.monotonic() - begun < 2


# ---- time ----


def drips(asked: Asked, wire: Wire) -> None:
    """Send a letter now and then, for ever."""
    wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
    while not wire.closing.wait(0.02):
        wire.raw(b" ")


def drips_headers(asked: Asked, wire: Wire) -> None:
    wire.raw(b"HTTP/1.1 200 OK\r\nX: ")
    while not wire.closing.wait(0.02):
        wire.raw(b"x")


@pytest.mark.parametrize("slow", [hang, drips, drips_headers])
def test_a_try_has_its_time_and_no_more(server: Scripted, slow: Any) -> None:
    server.script(slow)
    begun = time.monotonic()
    assert ask(server, timeout=0.2) == {"fine": True}
    assert 0.2 <= time.monotonic() - begun < 2
    server.usual = slow
    with pytest.raises(rv.EmbedError, match=r"no whole answer within 0.2 s \(2 tries\)"):
        ask(server, timeout=0.2, retries=1)


@pytest.mark.parametrize("slow", [hang, drips, status(503, headers={"Retry-After": "50"})])
def test_an_interrupt_is_heard_while_a_server_hangs(server: Scripted, slow: Any) -> None:
    server.usual = slow
    sent: list[float] = []

    def interrupt() -> None:
        while not server.asked:
            time.sleep(0.001)
        time.sleep(0.05)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    waits = []
    for _ in range(3):
        server.asked.clear()
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            ask(server)
        waits.append(time.monotonic() - sent[-1])
        thread.join()
    assert min(waits) < 0.1, waits


# ---- connections ----


def test_connections_are_kept_and_a_dead_one_is_replaced(server: Scripted) -> None:
    client = Client(server.url)
    for _ in range(3):
        client.post("/x", {})
    assert len({asked.peer for asked in server.asked}) == 1

    def ends(asked: Asked, wire: Wire) -> None:
        wire.answer(200, {})
        wire.last()

    server.script(ends)
    client.post("/x", {})
    time.sleep(0.05)
    assert json.loads(client.post("/x", {})) == {"fine": True}
    assert len({asked.peer for asked in server.asked}) == 2
    client.close()


def test_a_port_that_nobody_listens_on_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(rv.EmbedError, match=rf"127.0.0.1:{port}/v1 refuses connections"):
        Client(f"http://127.0.0.1:{port}/v1").post("/x", {})
    assert time.monotonic() - begun < 1


def test_a_proxy_of_the_environment_is_used_unless_it_is_told_not_to(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(says({"proxy": True})) as proxy:
        monkeypatch.setenv("http_proxy", f"http://ann:s%40y@127.0.0.1:{proxy.port}")
        assert ask(server) == {"proxy": True}
        assert proxy.asked[0].path == f"{server.url}/x"
        assert proxy.asked[0].headers["Proxy-Authorization"] == "Basic YW5uOnNAeQ=="
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert ask(server) == {"fine": True}
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        proxy.usual = lambda asked, wire: (wire.answer(403), wire.cut())[0]
        with pytest.raises(rv.EmbedError, match="403"):
            Client("https://models.invalid/v1", retries=0).post("/x", {})
        assert proxy.asked[-1].path == "models.invalid:443"
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(rv.EmbedError, match="only http proxies"):
        ask(server)


# ---- answers ----


def test_an_answer_beyond_the_bound_is_refused(server: Scripted) -> None:
    server.usual = says(b" " * 5000 + b"{}")
    assert ask(server, most_bytes=6000) == {}
    with pytest.raises(rv.EmbedError, match="answers 5,002 bytes, more than the 4,000"):
        ask(server, most_bytes=4000)
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 100_000
    server.usual = raw(endless)
    with pytest.raises(rv.EmbedError, match="more than the 4,000 bytes"):
        ask(server, most_bytes=4000)
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"
    server.usual = raw(forged)
    with pytest.raises(rv.EmbedError, match="answers 99,999,999,999,999,999,999 bytes"):
        ask(server)


def test_an_answer_that_is_no_json_is_refused(server: Scripted) -> None:
    server.usual = says(b"<html>\x1b[31mwelcome</html>", kind="text/html; charset=utf-8")
    with pytest.raises(rv.EmbedError, match=r"'text/html', not JSON \(<html> \[31mwelcome") as got:
        ask(server)
    assert "\x1b" not in str(got.value)
    server.usual = says(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with pytest.raises(rv.EmbedError, match="compressed"):
        ask(server)
    for body in (b"{", b"", b"[" * 100_000, b"\xff\xfe\x00", b"1" * 5000):
        server.usual = says(body)
        with pytest.raises(rv.EmbedError, match="sent an answer that cannot be read"):
            ask(server)
    server.usual = says({"fine": 1}, kind=None)
    assert ask(server) == {"fine": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "m" * 900}}, "m" * 200 + r"\.\.\."),
        ({"error": "plain"}, "400: plain"),
        ({"detail": "of FastAPI"}, "400: of FastAPI"),
        ({"error": {"message": ["x"]}}, "400: "),
        ([1], "400: "),
        (b"[" * 100_000, "400: "),
        (b"\xff\xfe", "400"),
        (b"", "answered 400$"),
    ],
)
def test_errors_are_said_in_the_words_of_the_server(server: Scripted, body: Any, said: str) -> None:
    server.usual = lambda asked, wire: wire.answer(400, body)
    with pytest.raises(rv.EmbedError, match=said) as caught:
        ask(server)
    assert len(str(caught.value)) < 400


# ---- redirects ----


def test_redirects_stay_within_the_server(server: Scripted) -> None:
    server.script(status(307, headers={"Location": "/v2/x?y=1"}))
    assert ask(server, "sk-secret") == {"fine": True}
    assert [asked.path for asked in server.asked] == ["/v1/x", "/v2/x?y=1"]
    assert server.asked[1].document == {"a": 1}
    server.script(status(301, headers={"Location": "/v2/x"}))
    with pytest.raises(rv.EmbedError, match=r"redirects \(301\)"):
        ask(server)
    server.usual = status(308, headers={"Location": "/v1/x"})
    with pytest.raises(rv.EmbedError, match="in a circle"):
        ask(server)
    server.usual = status(302, headers={"Location": "http://[::1"})
    with pytest.raises(rv.EmbedError, match="no address"):
        ask(server)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_and_sees_no_key(server: Scripted, code: int) -> None:
    with Scripted(FINE) as other:
        for place in (other.url, other.url.replace("http:", ""), "https://models.invalid/v1"):
            server.script(status(code, headers={"Location": place}))
            with pytest.raises(rv.EmbedError, match="the key goes to no other"):
                ask(server, "sk-secret")
        assert not other.asked


# ---- addresses ----


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:11434", "ftp://x/v1", "http://", "file:///etc/passwd", "http://[::1/v1",
        "http://x:99999/v1", "http://x:y/", "http://a b/", "http://x/\r\nHost: y", "http://x/ä", 7,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(rv.EmbedError, match="base_url"):
        Client(url)


def test_an_address_with_a_secret_is_refused_without_showing_it() -> None:
    with pytest.raises(rv.EmbedError, match="api_key=") as caught:
        Client("https://ann:hunter2@x/v1")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(rv.EmbedError) as caught:
        Client("ftp://x/v1?key=hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("option", [{"timeout": 0}, {"timeout": "1"}, {"total": float("nan")},
                                    {"retries": -1}, {"retries": 1.5}])  # fmt: skip
def test_options_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(rv.InvalidArgument):
        Client("http://localhost/v1", **option)
