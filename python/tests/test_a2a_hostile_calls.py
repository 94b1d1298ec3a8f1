"""What agents answer, ask for and report to do harm: H11 to H16, H18 and H19."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from agents.asking import connect, within
from agents.faulty import (
    Asked,
    Faulty,
    Wire,
    answer,
    error,
    frames,
    piece,
    plain_card,
    result,
    status,
    task,
)

import ruvector as rv
from ruvector import a2a

BEGIN = {"task": task()}
NEW = a2a.TaskSpec("x")
BASE = "https://github.com/ruvector/ruvector-arrow/a2a/ext"
AGENT = "ab" * 32


@pytest.fixture
def agent() -> Iterator[Faulty]:
    with Faulty() as started:
        yield started
        assert not started.unexpected


@pytest.fixture
def client(agent: Faulty) -> Iterator[rv.A2aClientSync]:
    with connect(agent) as made:
        yield made


# H11


@pytest.mark.parametrize(
    "data",
    [
        {"a": 1},
        [{"@type": "x", "reason": "NO"}],
        "text",
        7,
        None,
        [None, 1, "x", {"reason": 7}],
        "a" * 1_000_000,
    ],
    ids=["object", "array", "text", "number", "null", "mixed", "huge"],
)
def test_h11_data_of_any_kind(agent: Faulty, client: rv.A2aClientSync, data: Any) -> None:
    agent.script(error(-32602, "wrong", data=data))
    with within(64), pytest.raises(a2a.InvalidParams) as raised:
        client.get_task("t1")
    assert raised.value.code == -32602
    assert "wrong" in str(raised.value)
    assert len(str(raised.value)) < 2000
    if len(json.dumps(data)) < 1000:
        assert raised.value.data == data


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("-32001", "gone"),
        (-32001, {"a": 1}),
        (-32001, None),
        (None, "x"),
        (1.5, "x"),
        (10**30, "x"),
        ([], []),
        (-32001, "a" * 1_000_000),
        (-32001, "\x1b[2J\r\n\x00\u202e"),
    ],
    ids=["text", "object", "null", "none", "half", "huge", "arrays", "long", "escapes"],
)
def test_h11_errors_that_are_not_as_they_should_be(
    agent: Faulty, client: rv.A2aClientSync, code: Any, message: Any
) -> None:
    agent.script(error(code, message))
    with pytest.raises((a2a.ProtocolError, a2a.TaskError)) as raised:
        client.get_task("t1")
    said = str(raised.value)
    assert len(said) < 1000
    assert said.isprintable()
    if code == -32001:
        assert type(raised.value) is a2a.TaskNotFound


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b"{}", b'"x"', b"", b'{"error":null}'])
def test_h11_answers_that_are_none(agent: Faulty, client: rv.A2aClientSync, body: bytes) -> None:
    agent.script(answer(200, body))
    with pytest.raises(a2a.InvalidAgentResponse):
        client.get_task("t1")


# H12


@pytest.mark.parametrize(
    "task_id",
    [
        "../x?y",
        "a/b",
        "a\r\nX-Evil: 1",
        "",
        "a b",
        "a#b",
        "%2e%2e",
        "é",
        "a" * 257,
        "a" * 1_000_000,
    ],
    ids=["path", "slash", "lines", "none", "space", "hash", "percent", "letter", "long", "1 MB"],
)
def test_h12_ids_are_looked_at_before_they_are_sent(
    agent: Faulty, client: rv.A2aClientSync, task_id: str
) -> None:
    asked = len(agent.asked)
    for call in (client.get_task, client.cancel_task, client.list_push):
        with pytest.raises(rv.InvalidArgument) as raised:
            call(task_id)
        assert len(str(raised.value)) < 1000
    with pytest.raises(rv.InvalidArgument):
        client.stream_task(task_id).result()
    assert len(agent.asked) == asked


@pytest.mark.parametrize("given", ["", 7, None, {}])
def test_h12_tasks_without_an_id(agent: Faulty, client: rv.A2aClientSync, given: Any) -> None:
    made = {**task(), "id": given}
    agent.script(result({"task": made}), frames({"task": made}, finish="hang"))
    with pytest.raises(a2a.InvalidAgentResponse):
        client.send_task("x", wait=False)
    with pytest.raises(a2a.InvalidAgentResponse):
        client.stream_task(NEW).result()


@pytest.mark.parametrize(
    "given", ["../x?y", "a\r\nb", "a" * 1_000_000], ids=["path", "lines", "1 MB"]
)
def test_h12_ids_of_an_agent_lead_nowhere_else(
    agent: Faulty, client: rv.A2aClientSync, given: str
) -> None:
    made = {**task(), "id": given}
    agent.script(result({"task": made}), frames({"task": made}))
    with pytest.raises((a2a.InvalidAgentResponse, rv.InvalidArgument)):
        client.get_task(client.send_task("x", wait=False).id or "")
    with pytest.raises((a2a.InvalidAgentResponse, rv.InvalidArgument)):
        client.stream_task(NEW).result()
    assert agent.calls() == ["SendMessage", "SendStreamingMessage"]


# H13


def test_h13_an_extension_that_must_be_known(agent: Faulty) -> None:
    uri = "https://example.org/must"
    needed = [{"uri": uri, "required": True}]
    agent.card = plain_card(agent.url, capabilities={"streaming": True, "extensions": needed})
    with connect(agent) as client:
        with pytest.raises(a2a.ExtensionRequired) as raised:
            client.send_task("x")
        assert raised.value.uris == (uri,)
        assert agent.calls() == []
    with connect(agent, extensions=[uri]) as client:
        agent.script(result({"task": task(state="COMPLETED")}))
        assert client.send_task("x", wait=False).done
        assert agent.asked[-1].headers["a2a-extensions"].split(",")[0] == uri


def test_h13_streams_that_a_card_claims(agent: Faulty, client: rv.A2aClientSync) -> None:
    done = task(state="COMPLETED", artifacts=[{"artifactId": "a", "parts": [{"text": "1"}]}])
    agent.script(error(-32004, "no streams here"), result({"task": task()}), result(done))
    assert client.send_task("x").text == "1"
    assert agent.calls() == ["SendStreamingMessage", "SendMessage", "GetTask"]


# H14


def _usage(**reported: Any) -> dict[str, Any]:
    return status("WORKING", metadata={f"{BASE}/policy/v1/usage": reported})


def test_h14_more_tokens_than_are_allowed(agent: Faulty) -> None:
    with connect(agent, policy=a2a.TaskPolicy(max_tokens=100)) as client:
        agent.script(
            frames(BEGIN, _usage(inputTokens=60, outputTokens=41), finish="hang"),
            result(task(state="CANCELED")),
        )
        with pytest.raises(a2a.PolicyViolation) as raised, client.stream_task(NEW) as stream:
            list(stream)
        assert (raised.value.field, raised.value.limit) == ("max_tokens", 100)
        assert raised.value.actual == 101
        agent.wait(lambda: "CancelTask" in agent.calls())


def test_h14_more_cost_than_is_allowed(agent: Faulty) -> None:
    with connect(agent, policy=a2a.TaskPolicy(max_cost_usd=1.0)) as client:
        agent.script(
            frames(BEGIN, _usage(costUsd=1.25), finish="hang"), result(task(state="CANCELED"))
        )
        with pytest.raises(a2a.PolicyViolation) as raised:
            client.stream_task(NEW).result()
        assert raised.value.field == "max_cost_usd"
        agent.wait(lambda: "CancelTask" in agent.calls())


@pytest.mark.parametrize(
    "reported",
    [
        {"inputTokens": -5, "outputTokens": -7},
        {"inputTokens": "NaN", "costUsd": "NaN"},
        {"costUsd": -1.0},
        {"inputTokens": 1.5},
        {"inputTokens": None},
        {"inputTokens": [1]},
        {"inputTokens": 2**63},
        {"costUsd": 1e308},
    ],
)
def test_h14_usage_that_is_none(agent: Faulty, reported: dict[str, Any]) -> None:
    policy = a2a.TaskPolicy(max_tokens=10**15, max_cost_usd=10.0)
    with connect(agent, policy=policy) as client:
        agent.script(frames(BEGIN, _usage(**reported), status("COMPLETED"), finish="hang"))
        found = client.stream_task(NEW).result()
        assert found.done
        assert found.usage is None or not (found.usage.total_tokens or found.usage.cost_usd)


# H15


def _context(**given: Any) -> Any:
    whole = {"depth": 1, "rootAgentId": AGENT, "visitedAgents": [], **given}
    return a2a.TaskContext.from_metadata({f"{BASE}/trace/v1": whole})


@pytest.mark.parametrize(
    "given",
    [
        {"visitedAgents": [AGENT] * 1_000_000},
        {"visitedAgents": ["x"]},
        {"visitedAgents": [7]},
        {"depth": -1},
        {"depth": 2**63},
        {"depth": "NaN"},
        {"rootAgentId": "../"},
    ],
    ids=["1e6", "not-hex", "number", "negative", "huge", "nan", "root"],
)
def test_h15_contexts_that_are_none(given: dict[str, Any]) -> None:
    with within(128), pytest.raises((a2a.RecursionLimit, rv.InvalidArgument)):
        _context(**given)


def test_h15_too_deep_and_in_a_circle(agent: Faulty, client: rv.A2aClientSync) -> None:
    deep = _context(depth=8)
    with pytest.raises(a2a.RecursionLimit) as raised:
        client.send_task("x", context=deep)
    assert raised.value.depth == 9
    assert agent.calls() == []


# H16


def _typed(kind: str, version: str = "1", **value: Any) -> dict[str, Any]:
    data = {"kind": kind, **value}
    media = "application/vnd.ruvector.artifact+json"
    part = {"data": data, "mediaType": media}
    meta = {f"{BASE}/artifacts/v1": {"kind": kind, "version": version}}
    return {
        "artifactId": "a",
        "parts": [part],
        "metadata": meta,
        "extensions": [f"{BASE}/artifacts/v1"],
    }


WITNESS = "0f" * 32
VECTORS = {"backend": "b", "collection": "c", "witness": WITNESS, "dim": 3, "count": 5}


@pytest.mark.parametrize(
    "changed",
    [
        {"witness": "xyz"},
        {"witness": WITNESS[:-1]},
        {"witness": WITNESS.upper()},
        {"witness": None},
        {"dim": 2**40},
        {"dim": 0},
        {"count": -1},
        {"count": 1.5},
        {"count": "5"},
        {"collection": "../x\x00"},
        {"backend": 7},
    ],
)
def test_h16_references_to_vectors_that_are_none(
    agent: Faulty, client: rv.A2aClientSync, changed: dict[str, Any]
) -> None:
    made = _typed("vector_ref", **{**VECTORS, **changed})
    agent.script(result({"task": task(state="COMPLETED", artifacts=[made])}))
    found = client.send_task("x", wait=False)
    with pytest.raises(a2a.InvalidAgentResponse):
        _ = found.artifacts[0].kind


def test_h16_a_version_that_is_not_known(agent: Faulty, client: rv.A2aClientSync) -> None:
    made = [_typed("vector_ref", "2", **VECTORS), _typed("vector_ref", **VECTORS)]
    agent.script(result({"task": task(state="COMPLETED", artifacts=made)}))
    found = client.send_task("x", wait=False)
    with pytest.raises(a2a.ArtifactVersionUnsupported) as raised:
        _ = found.artifacts[0].kind
    assert raised.value.got == "2"
    assert found.artifacts[1].kind == a2a.VectorRef(**VECTORS)


# H18


def test_h18_who_must_say_who_they_are(agent: Faulty, client: rv.A2aClientSync) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="a", error="invalid_token"'}
    agent.script(answer(401, b"", challenge))
    with pytest.raises(a2a.Unauthenticated) as raised:
        client.get_task("t1")
    assert "Bearer" in raised.value.challenges[0]
    agent.script(answer(403, {"error": "no"}))
    with pytest.raises(a2a.PermissionDenied):
        client.get_task("t1")


def test_h18_a_wait_of_a_day_is_not_waited(agent: Faulty) -> None:
    retry = a2a.A2aRetry(retries=1, longest_retry_after=0.1)
    with connect(agent, retry=retry) as client:
        agent.script(*[answer(429, b"slow down", {"Retry-After": "99999"})] * 2)
        begin = time.monotonic()
        with pytest.raises(a2a.HttpStatusError) as raised:
            client.get_task("t1")
        assert time.monotonic() - begin < 60
        assert raised.value.status == 429
        agent._steps.clear()


@pytest.mark.parametrize("after", ["-5", "x", "1e400", "\u0661", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_h18_waits_that_are_none(agent: Faulty, after: str) -> None:
    with connect(agent, retry=a2a.A2aRetry(retries=0)) as client:
        said = {"Retry-After": after.encode().decode("latin-1")}
        agent.script(answer(503, b"", said))
        with pytest.raises(a2a.HttpStatusError) as raised:
            client.get_task("t1")
        assert raised.value.status == 503


def test_h18_a_message_is_not_sent_twice(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(answer(502, b"bad gateway"))
    with pytest.raises(a2a.HttpStatusError):
        client.send_task("x", wait=False)
    agent.script(lambda one, wire: wire.reset())
    with pytest.raises(a2a.TransportError):
        client.send_task("x", wait=False)
    assert agent.calls() == ["SendMessage", "SendMessage"]


# H19


def test_h19_an_old_agent_behind_a_new_card(agent: Faulty, client: rv.A2aClientSync) -> None:
    agent.script(error(-32601, "Method not found: SendMessage"))
    with pytest.raises(a2a.MethodNotFound, match=r"0\.3"):
        client.send_task("x", wait=False)
    assert agent.calls() == ["SendMessage"]  # and nothing older was tried


def test_h19_an_rvagent_is_not_spoken_to_unasked(agent: Faulty) -> None:
    old = {"name": "old", "description": "d", "version": "0.1.0", "url": agent.url, "skills": []}
    agent.card = answer(404)
    agent.on("GET", "/.well-known/agent.json", answer(200, old))
    with pytest.raises(a2a.CardNotFound):
        connect(agent)
    assert "/.well-known/agent.json" not in [one.path for one in agent.asked]


def test_h19_a_0_3_card_is_not_used_where_only_1_0_was_asked_for(agent: Faulty) -> None:
    agent.card = {
        "protocolVersion": "0.3.0",
        "name": "old",
        "description": "d",
        "version": "1",
        "url": agent.url,
        "preferredTransport": "JSONRPC",
        "capabilities": {},
        "defaultInputModes": [],
        "defaultOutputModes": [],
        "skills": [],
    }
    with pytest.raises(a2a.UnsupportedPeer) as raised:
        connect(agent, versions=["1.0"])
    assert "0.3" in "".join(raised.value.offered)
    with connect(agent) as client:
        assert client.interface.version == "0.3"


def test_h9_answers_under_the_wrong_length(agent: Faulty, client: rv.A2aClientSync) -> None:
    def short(one: Asked, wire: Wire) -> None:
        wire.head(200, {"Content-Type": "application/json", "Content-Length": "500"})
        wire.raw(b'{"jsonrpc":')
        wire.close()

    agent.script(*[short] * 4)
    with pytest.raises(a2a.TransportError):
        client.get_task("t1")
    agent._steps.clear()
    assert piece("x")["artifactUpdate"]["taskId"] == "t1"
