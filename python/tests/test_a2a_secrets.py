"""Credentials are seen by the agent that they are for, and nowhere else: not in any text."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agents.asking import LOOPBACK, SECRET, connect
from agents.faulty import Asked, Faulty, Wire, answer, error, frames, plain_card, result, task

import ruvector as rv
from ruvector import a2a

SCHEMES = {
    "bearer": {"httpAuthSecurityScheme": {"scheme": "bearer"}},
    "basic": {"httpAuthSecurityScheme": {"scheme": "basic"}},
    "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}},
    "query": {"apiKeySecurityScheme": {"location": "query", "name": "key"}},
}
CREDENTIALS: dict[str, Callable[[], Any]] = {
    "bearer": lambda: a2a.Bearer(SECRET),
    "called": lambda: a2a.Bearer(lambda: SECRET),
    "basic": lambda: a2a.Basic("user", SECRET),
    "key": lambda: a2a.ApiKey(SECRET, name="X-Key"),
    "query": lambda: a2a.ApiKey(SECRET, name="key", location="query"),
}
BASIC = "dXNlcjpzM2NyM3Q"  # how user:s3cr3t begins in base64


@pytest.fixture
def agent() -> Iterator[Faulty]:
    with Faulty() as started:
        yield started


def _card(agent: Faulty, name: str) -> dict[str, Any]:
    scheme = {"called": "bearer"}.get(name, name)
    return plain_card(
        agent.url,
        securitySchemes={scheme: SCHEMES[scheme]},
        securityRequirements=[{"schemes": {scheme: {"list": []}}}],
    )


def _tells(text: str) -> bool:
    return SECRET in text or BASIC in text


def _carried(agent: Faulty) -> bool:
    return any(_tells(one.path + repr(one.headers)) for one in agent.asked)


def _texts(failure: BaseException) -> Iterator[str]:
    """Yield everything that somebody may print of an error, its causes included."""
    yield from traceback.format_exception(failure)
    shown = traceback.TracebackException.from_exception(failure, capture_locals=True)
    yield from shown.format()
    seen: BaseException | None = failure
    while seen is not None:
        yield from (str(seen), repr(seen), repr(seen.args), repr(vars(seen)))
        seen = seen.__cause__ or seen.__context__


def _echo(one: Asked, wire: Wire) -> None:
    """Answer an error that repeats everything that was sent, as a debugging server does."""
    wire.answer(
        500, {"error": {"message": f"{one.path} {one.headers}"}}, {"X-Echo": str(one.headers)}
    )


FAILURES: dict[str, Any] = {
    "401": answer(401, b"", {"WWW-Authenticate": "Bearer"}),
    "403": answer(403),
    "500": answer(500, b"oops"),
    "error": error(-32603, "broken"),
    "page": answer(200, b"<html>", {"Content-Type": "text/html"}),
    "reset": lambda one, wire: wire.reset(),
    "redirect": answer(302, b"", {"Location": "http://127.0.0.1:9/"}),
    "truncated": answer(200, b'{"jsonrpc":'),
}


@pytest.mark.parametrize("name", list(CREDENTIALS))
@pytest.mark.parametrize("failure", list(FAILURES))
def test_no_error_tells_it(
    agent: Faulty, name: str, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent.card = _card(agent, name)
    retry = a2a.A2aRetry(retries=0)
    with connect(agent, auth=CREDENTIALS[name](), retry=retry) as client:
        steps = [
            lambda: client.get_task("t1"),
            lambda: client.send_task("x", wait=False),
            lambda: client.stream_task(a2a.TaskSpec("x")).result(),
        ]
        for step in steps:
            agent.script(FAILURES[failure])
            with pytest.raises(a2a.A2aError) as raised:
                step()
            for text in _texts(raised.value):
                assert not _tells(text), text
        assert not _tells(repr(client) + repr(client.card) + repr(vars(type(client))))
    assert _carried(agent)  # the agent itself got it
    assert not _tells(caplog.text)


@pytest.mark.parametrize("name", list(CREDENTIALS))
def test_who_repeats_it_is_not_repeated(agent: Faulty, name: str) -> None:
    agent.card = _card(agent, name)
    retry = a2a.A2aRetry(retries=0)
    with connect(agent, auth=CREDENTIALS[name](), retry=retry) as client:
        agent.script(_echo)
        with pytest.raises(a2a.A2aError) as raised:
            client.get_task("t1")
        for text in _texts(raised.value):
            assert not _tells(text), text


@pytest.mark.parametrize("name", list(CREDENTIALS))
def test_values_do_not_show_it(name: str) -> None:
    value = CREDENTIALS[name]()
    assert not _tells(repr(value) + str(value) + f"{value}" + f"{value!r}" + f"{[value]}")
    out = io.StringIO()
    print(value, {"auth": value}, file=out)
    assert not _tells(out.getvalue())
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as raised:
            copied(value)
        assert not _tells(str(raised.value))


def test_a_failing_source_of_tokens_is_told_without_them(agent: Faulty) -> None:
    agent.card = _card(agent, "bearer")

    def source() -> str:
        raise LookupError("no token today")

    with (
        pytest.raises(LookupError) as raised,
        connect(agent, auth=a2a.Bearer(source)) as client,
    ):
        client.get_task("t1")
    assert any("no token today" in text for text in _texts(raised.value))


@pytest.mark.parametrize("bad", [SECRET + "\r\nX-Evil: 1", SECRET + "\n", SECRET + "\x00", ""])
def test_a_token_that_no_header_can_carry(agent: Faulty, bad: str) -> None:
    agent.card = _card(agent, "bearer")
    with (
        pytest.raises((rv.InvalidArgument, a2a.A2aError)) as raised,
        connect(agent, auth=a2a.Bearer(bad)) as client,
    ):
        client.get_task("t1")
    for text in (str(raised.value), repr(raised.value)):
        assert not _tells(text)
    assert not any("x-evil" in one.headers for one in agent.asked)


def test_a_card_that_wants_none_gets_none(agent: Faulty) -> None:
    agent.card = plain_card(agent.url)
    with connect(agent, auth=a2a.Bearer(SECRET)) as client:
        agent.script(result(task()))
        client.get_task("t1")
    assert not _carried(agent)


def test_before_a_card_has_been_read_nothing_is_shown(agent: Faulty) -> None:
    agent.card = _card(agent, "bearer")
    with connect(agent, auth=a2a.Bearer(SECRET)) as client:
        assert not _carried(agent)
        agent.script(frames({"task": task(state="COMPLETED")}))
        client.stream_task(a2a.TaskSpec("x")).result()
        assert agent.asked[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_no_credential_in_an_address(agent: Faulty) -> None:
    address = agent.url.replace("http://", f"http://user:{SECRET}@")
    with pytest.raises((rv.InvalidArgument, a2a.A2aError)) as raised:
        connect(address, network=LOOPBACK)
    for text in (str(raised.value), repr(raised.value), repr(raised.value.args)):
        assert not _tells(text), text
    assert agent.asked == []
