"""Answers and streams of agents that mean harm, or break: H8 to H10 and H20."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from agents.asking import connect, within
from agents.faulty import (
    Asked,
    Faulty,
    Wire,
    answer,
    endless,
    error,
    framed,
    frames,
    hang,
    piece,
    plain_card,
    result,
    status,
    task,
)

import ruvector as rv
from ruvector import a2a

JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
MOST = 512 << 20  # bytes that an endless answer would send at most
BEGIN = {"task": task()}
END = status("COMPLETED")
SHORT = a2a.A2aTimeouts(connect=30, headers=0.4, total=1.0, card=1.0, idle=0.6)
NEW = a2a.TaskSpec("x")


@pytest.fixture
def agent() -> Iterator[Faulty]:
    with Faulty() as started:
        yield started
        assert not started.unexpected


@pytest.fixture
def client(agent: Faulty) -> Iterator[rv.A2aClientSync]:
    with connect(agent) as made:
        yield made


def broken(client: rv.A2aClientSync, kind: type[BaseException], **more: Any) -> Any:
    """Stream a new task, which must fail with exactly this error; returns it."""
    with pytest.raises(a2a.A2aError) as raised, client.stream_task(NEW, **more) as stream:
        for _ in stream:
            pass
    assert type(raised.value) is kind, repr(raised.value)
    return raised.value


# H8


def test_h8_a_card_without_an_end(agent: Faulty) -> None:
    agent.card = endless(agent, JSON, b" " * 65536, MOST)
    with within(64), pytest.raises(a2a.ResponseTooLarge):
        connect(agent)
    assert agent.sent < 32 << 20


@pytest.mark.parametrize("begin", [b"", b'{"jsonrpc":"2.0","id":"1","result":"'])
def test_h8_an_answer_without_an_end(agent: Faulty, client: rv.A2aClientSync, begin: bytes) -> None:
    agent.script(endless(agent, JSON, b"a" * 65536, MOST, begin))
    with within(96), pytest.raises(a2a.ResponseTooLarge) as raised:
        client.get_task("t1")
    assert raised.value.limit
    assert agent.sent < 64 << 20


def test_h8_an_error_without_an_end(agent: Faulty, client: rv.A2aClientSync) -> None:
    def step(one: Asked, wire: Wire) -> None:
        wire.head(400, JSON)
        while agent.sent < MOST and wire.raw(b"a" * 65536):
            agent.sent += 65536

    agent.script(step)
    with within(64), pytest.raises(a2a.A2aError):
        client.get_task("t1")
    assert agent.sent < 32 << 20


def test_h8_compressed_zeros(agent: Faulty, client: rv.A2aClientSync) -> None:
    bomb = gzip.compress(bytes(64 << 20), 9)
    headers = {"Content-Encoding": "gzip"}
    agent.script(lambda one, wire: wire.answer(200, bomb, headers))
    with within(96), pytest.raises(a2a.A2aError) as raised:
        client.get_task("t1")
    assert type(raised.value) in (a2a.ResponseTooLarge, a2a.InvalidAgentResponse)
    agent.card = lambda one, wire: wire.answer(200, bomb, headers)
    with within(64), pytest.raises((a2a.ResponseTooLarge, a2a.CardInvalid)):
        connect(agent)


def _drip(begin: bytes, agent: Faulty) -> Any:
    def step(one: Asked, wire: Wire) -> None:
        wire.last = True
        going = wire.raw(begin)
        while going:  # a byte now and then, for as long as somebody listens
            agent.released.wait(0.05)
            going = wire.raw(b"a")

    return step


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n{",
    ],
    ids=["nothing", "headers", "body", "long-body"],
)
def test_h8_answers_that_take_for_ever(agent: Faulty, begin: bytes) -> None:
    network = a2a.NetworkPolicy(allow_loopback_http=True, allowed_origins=(agent.url,))
    once = a2a.A2aRetry(retries=0)
    card = plain_card(agent.url)  # not fetched, which might take longer than that
    with rv.A2aClientSync.from_card(card, timeouts=SHORT, retry=once, network=network) as client:
        agent.script(_drip(begin, agent) if begin else hang)
        with pytest.raises(a2a.A2aTimeout) as raised:
            client.get_task("t1")
        assert isinstance(raised.value, TimeoutError)
        assert raised.value.stage
    agent.card = _drip(begin, agent) if begin else hang
    with pytest.raises(a2a.A2aTimeout):
        connect(agent, timeouts=SHORT, retry=once)


def test_h8_headers_without_an_end(agent: Faulty, client: rv.A2aClientSync) -> None:
    def step(one: Asked, wire: Wire) -> None:
        wire.last = True
        going = wire.raw(b"HTTP/1.1 200 OK\r\n")
        while going and agent.sent < MOST:
            going = wire.raw(b"X-More: " + b"a" * 8192 + b"\r\n")
            agent.sent += 8192

    agent.script(step, step, step, step)
    with within(64), pytest.raises(a2a.TransportError):
        client.get_task("t1")
    assert agent.sent < 64 << 20
    agent._steps.clear()


def test_h8_an_event_too_long(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(frames(BEGIN, b"data: " + b"a" * (5 << 20) + b"\n\n", finish="hang"))
    with within(96):
        broken(client, a2a.ResponseTooLarge)


def test_h8_an_event_without_an_end(agent: Faulty, client: rv.A2aClientSync) -> None:
    begin = b"data: "
    agent.script(endless(agent, EVENTS, b"a" * 65536, MOST, begin))
    with within(96):
        broken(client, a2a.ResponseTooLarge)
    assert agent.sent < 64 << 20


def test_h8_a_million_comments(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(frames(BEGIN, b":\n" * 1_000_000, END, finish="hang"))
    with within(64), client.stream_task(NEW) as stream:
        assert [update.kind for update in stream] == ["task", "status"]


def test_h8_a_million_updates_that_nobody_takes(agent: Faulty, client: rv.A2aClientSync) -> None:
    def step(one: Asked, wire: Wire) -> None:
        wire.head(200, EVENTS)
        wire.raw(framed(one, BEGIN))
        data = framed(one, piece("a" * 1000)) * 50
        wire.connection.settimeout(1)
        while agent.sent < MOST and wire.raw(data):
            agent.sent += len(data)
        agent.stuck.set()

    agent.script(step)
    with within(96), client.stream_task(NEW) as stream:
        assert next(stream).kind == "task"
        assert agent.stuck.wait(60)
    assert agent.sent < 64 << 20


def test_h8_an_event_that_was_not_closed(agent: Faulty, client: rv.A2aClientSync) -> None:
    half = b'data: {"jsonrpc":"2.0"'
    agent.script(frames(BEGIN, half), frames({"task": task(state="COMPLETED")}))
    with client.stream_task(NEW) as stream:
        assert [(u.kind, u.resumed) for u in stream] == [("task", False), ("task", True)]
    assert agent.calls() == ["SendStreamingMessage", "SubscribeToTask"]


# H9


def test_h9_an_error_instead_of_a_stream(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(error(-32602, "no such skill"))
    assert "no such skill" in str(broken(client, a2a.InvalidParams))
    agent.script(error(-32001), error(-32001))  # and to who asks for the task
    with pytest.raises(a2a.TaskNotFound), client.stream_task("t9") as stream:
        list(stream)


def test_h9_a_page_instead_of_a_stream(agent: Faulty, client: rv.A2aClientSync) -> None:
    page = b"<html><body>sign in</body></html>"
    agent.script(lambda one, wire: wire.answer(200, page, {"Content-Type": "text/html"}))
    broken(client, a2a.InvalidAgentResponse)
    agent.script(lambda one, wire: wire.answer(200, page, {"Content-Type": "text/html"}))
    with pytest.raises(a2a.InvalidAgentResponse):
        client.get_task("t1")


@pytest.mark.parametrize("given", ["other", 1, None, True, {"a": 1}, [1]])
def test_h9_another_id(agent: Faulty, client: rv.A2aClientSync, given: Any) -> None:
    envelope = {"jsonrpc": "2.0", "id": given, "result": BEGIN}
    event = b"data: " + json.dumps(envelope).encode() + b"\n\n"
    agent.script(frames(event, finish="hang"))
    broken(client, a2a.InvalidAgentResponse)
    agent.script(answer(200, {"jsonrpc": "2.0", "id": given, "result": task()}))
    with pytest.raises(a2a.InvalidAgentResponse):
        client.get_task("t1")


@pytest.mark.parametrize("frame", [status("WORKING", "t2"), piece("x", task_id="t2")])
def test_h9_an_update_of_another_task(
    agent: Faulty, client: rv.A2aClientSync, frame: dict[str, Any]
) -> None:
    agent.script(frames(BEGIN, frame, finish="hang"))
    broken(client, a2a.InvalidAgentResponse)


def test_h9_nothing_follows_the_end(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(frames(BEGIN, END, piece("late"), status("WORKING"), finish="hang"))
    with client.stream_task(NEW) as stream:
        updates = list(stream)
        assert updates[-1].status is not None
        assert stream.task.state == a2a.TaskState.COMPLETED
        assert stream.task.artifacts == ()


def test_h9_silence_after_the_end_is_not_waited_for(
    agent: Faulty, client: rv.A2aClientSync
) -> None:
    agent.script(frames(BEGIN, END, finish="hang"))
    with client.stream_task(NEW) as stream:
        assert stream.result().done


@pytest.mark.parametrize(
    "frame",
    [None, [], "x", {"task": task(), **status("WORKING")}, {"statusUpdate": 7}],
    ids=["null", "array", "text", "two", "number"],
)
def test_h9_frames_that_are_none(agent: Faulty, client: rv.A2aClientSync, frame: Any) -> None:
    agent.script(frames(BEGIN, frame, finish="hang"))
    broken(client, a2a.InvalidAgentResponse)


def test_h9_what_is_not_known_is_passed_over(agent: Faulty, client: rv.A2aClientSync) -> None:
    more = [{"newThing": {"a": 1}}, {"task": None}, {}, {**piece("b", append=False), "beside": 1}]
    agent.script(frames(BEGIN, *more, status("DREAMING"), END, finish="hang"))
    with client.stream_task(NEW) as stream:
        assert [u.kind for u in stream] == ["task", "artifact", "status", "status"]
        assert stream.task.text == "b"


@pytest.mark.parametrize("event", [b"data: {\n\n", b"data: \xff\xfe\n\n", b"data: [1,2]\n\n"])
def test_h9_events_that_are_no_json(agent: Faulty, client: rv.A2aClientSync, event: bytes) -> None:
    agent.script(frames(BEGIN, event, finish="hang"))
    broken(client, a2a.InvalidAgentResponse)


# H10. The other side of a reset loses what it has not read yet: `seen` waits until it has.


def seen(agent: Faulty) -> Any:
    """Return what steps call to wait until a test says that it has read what was sent."""
    return lambda: agent.released.wait(60)


def read(agent: Faulty, stream: a2a.TaskStreamSync, count: int) -> list[a2a.TaskUpdate]:
    """Take some updates, then let the agent go on; returns all that come."""
    taken = [next(stream) for _ in range(count)]
    agent.released.set()
    return taken + list(stream)


@pytest.mark.parametrize("finish", ["close", "end", "reset"])
def test_h10_a_stream_that_breaks_is_resumed(
    agent: Faulty, client: rv.A2aClientSync, finish: str
) -> None:
    there = {"artifactId": "a", "parts": [{"text": "1"}, {"text": "2"}]}
    agent.script(
        frames(BEGIN, piece("1", append=False), seen(agent), finish=finish),
        frames({"task": task(artifacts=[there])}, piece("3"), END),
    )
    with client.stream_task(NEW) as stream:
        updates = read(agent, stream, 2)
        assert [u.resumed for u in updates] == [False, False, True, False, False]
        assert [u.seq for u in updates] == list(range(updates[0].seq, updates[0].seq + 5))
        assert [part.text for part in stream.task.artifacts[0].parts] == ["1", "2", "3"]
    assert agent.calls() == ["SendStreamingMessage", "SubscribeToTask"]


@pytest.mark.parametrize("code", [-32001, -32004])
@pytest.mark.parametrize("event", [False, True])
def test_h10_who_cannot_be_subscribed_to_is_asked(
    agent: Faulty, client: rv.A2aClientSync, code: int, event: bool
) -> None:
    def refuse(one: Asked, wire: Wire) -> None:
        said = {"jsonrpc": "2.0", "id": one.document["id"], "error": {"code": code, "message": ""}}
        frames(b"data: " + json.dumps(said).encode() + b"\n\n")(one, wire)

    agent.script(
        frames(BEGIN, seen(agent), finish="reset"),
        refuse if event else error(code),
        result(task(state="COMPLETED", artifacts=[{"artifactId": "a", "parts": [{"text": "1"}]}])),
    )
    with client.stream_task(NEW) as stream:
        read(agent, stream, 1)
        assert stream.task.text == "1"
    assert agent.calls() == ["SendStreamingMessage", "SubscribeToTask", "GetTask"]


def test_h10_before_the_first_event_nothing_is_sent_again(
    agent: Faulty, client: rv.A2aClientSync
) -> None:
    agent.script(frames(finish="reset"))
    broke = broken(client, a2a.StreamInterrupted)
    assert broke.task_id is None
    assert agent.calls() == ["SendStreamingMessage"]


def test_h10_a_stream_may_be_told_not_to_resume(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(frames(BEGIN, finish="close"))
    broke = broken(client, a2a.StreamInterrupted, resume=False)
    assert broke.task_id == "t1"
    assert agent.calls() == ["SendStreamingMessage"]


def test_h10_a_snapshot_with_less_than_was_seen_is_told(
    agent: Faulty, client: rv.A2aClientSync
) -> None:
    agent.script(
        frames(BEGIN, piece("1", append=False), piece("2"), seen(agent), finish="reset"),
        frames({"task": task(artifacts=[])}, END),
    )
    with client.stream_task(NEW) as stream:
        updates = read(agent, stream, 3)
    assert [u.gap for u in updates if u.resumed] == [True]


# H20


@pytest.mark.parametrize("number", [9007199254740993, 18446744073709551615, -(2**63), 10**40])
def test_h20_numbers_stay_exact(agent: Faulty, client: rv.A2aClientSync, number: int) -> None:
    made = {"artifactId": "a", "parts": [{"data": {"id": number, "more": [number]}}]}
    done = task(state="COMPLETED", artifacts=[made], metadata={"id": number})
    agent.script(result({"task": done}), frames({"task": done}))
    for found in (client.send_task("x", wait=False), client.stream_task(NEW).result()):
        assert found.artifacts[0].parts[0].data == {"id": number, "more": [number]}
        assert found.metadata["id"] == number


def test_h8_nesting_of_an_answer_is_bounded(agent: Faulty, client: rv.A2aClientSync) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    agent.script(result(task(metadata={"a": deep})))
    with pytest.raises(a2a.InvalidAgentResponse):
        client.get_task("t1")
    assert plain_card(agent.url)["name"] == client.card.name
