"""What tasks may cost, how deep agents call agents, and what is asked: checked where it is made."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from agent_server import Agent

import ruvector as rv
from ruvector._agents.extension import TRACE
from ruvector.a2a import (
    A2aClientSync,
    AgentIdentity,
    Message,
    NetworkPolicy,
    Part,
    RecursionPolicy,
    TaskContext,
)

ID = "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_policy_says_what_is_limited_and_nothing_else() -> None:
    assert rv.TaskPolicy().to_json() == {"wait": False}
    policy = rv.TaskPolicy(
        max_tokens=10, max_cost_usd=0, max_duration_ms=1, max_concurrency=2,
        allowed_skills=frozenset(("b", "a")), wait=True,
    )  # fmt: skip
    assert policy.to_json() == {
        "max_tokens": 10, "max_cost_usd": 0.0, "max_duration_ms": 1, "max_concurrency": 2,
        "allowed_skills": ["a", "b"], "wait": True,
    }  # fmt: skip
    assert rv.TaskPolicy(allowed_skills=frozenset()).to_json()["allowed_skills"] == []
    assert pickle.loads(pickle.dumps(policy)) == policy and hash(policy)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.max_tokens = 99  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_tokens": -1}, "max_tokens=-1 must be between 0 and 1,000,000,000,000,000"),
        ({"max_tokens": 1.5}, "max_tokens=1.5 must be a whole number"),
        ({"max_tokens": True}, "max_tokens=True must be a whole number"),
        ({"max_cost_usd": float("nan")}, "max_cost_usd=nan must be between 0 and 1e"),
        ({"max_cost_usd": -0.01}, "max_cost_usd=-0.01 must be between"),
        ({"max_cost_usd": 10**400}, r"max_cost_usd=2\*\*1328 or more must be between"),
        ({"max_tokens": -(10**5000)}, r"max_tokens=-2\*\*16609 or more must be between"),
        ({"max_cost_usd": "1"}, "max_cost_usd='1' must be a number"),
        ({"max_duration_ms": 0}, "max_duration_ms=0 must be between 1 and"),
        ({"max_concurrency": 0}, "max_concurrency=0 must be between 1 and"),
        ({"allowed_skills": "one"}, r"list of texts; write \['one'\]"),
        ({"allowed_skills": [1]}, r"allowed_skills\[0\]=1 must be a text"),
        ({"allowed_skills": [str(i) for i in range(513)]}, "has 513 skills, at most 512"),
        ({"wait": 1}, "wait=1 must be True or False"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        rv.TaskPolicy(**given)


def test_recursion() -> None:
    assert RecursionPolicy().to_json() == {
        "max_call_depth": 8, "deny_revisit": True, "revisit_allowlist": [],
    }  # fmt: skip
    policy = RecursionPolicy(revisit_allowlist=frozenset((ID.upper(), "HTTPS://A.Example:443/x?y")))
    assert policy.revisit_allowlist == {ID, "https://a.example"}
    for given, says in (
        ({"max_call_depth": 0}, "max_call_depth=0 must be between 1 and 64"),
        ({"max_call_depth": 65}, "max_call_depth=65"),
        ({"deny_revisit": None}, "deny_revisit=None must be True or False"),
        ({"revisit_allowlist": ["nobody"]}, r"revisit_allowlist\[0\]='nobody' is no agent"),
    ):
        with pytest.raises(rv.InvalidArgument, match=says):
            RecursionPolicy(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (ID, ID),
        (ID.upper(), ID),
        ("https://a.example", "https://a.example"),
        ("https://A.example:8443/rpc", "https://a.example:8443"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_agent_has_one_name(name: str, known: str) -> None:
    assert AgentIdentity(name).agent_id == known
    assert AgentIdentity(name).to_json() == {"agent_id": known}


@pytest.mark.parametrize(
    "name",
    [
        "", "x", ID[1:], "ftp://a", "https://", "https://a:b", "https://[", 3, None,
        "https://é.example",
    ],
)  # fmt: skip
def test_what_is_no_agent_is_told(name: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="agent_id"):
        AgentIdentity(name)


# ---- contexts: strangers' words ----


def test_a_context_comes_with_a_request_and_goes_with_the_next() -> None:
    said = {
        "depth": 2, "visitedAgents": [ID, "https://b.example"], "rootAgentId": ID,
        "parentTaskId": "t-1", "traceparent": PARENT,
    }  # fmt: skip
    context = TaskContext.from_metadata({TRACE: said, "else": 1})
    assert (context.depth, context.parent_task_id, context.root_agent) == (2, "t-1", ID)
    assert context.to_json() == said
    assert TaskContext.from_metadata({TRACE: json.loads(json.dumps(said))}) == context
    assert TaskContext.from_metadata({}) == TaskContext.from_metadata(None) == TaskContext()
    assert pickle.loads(pickle.dumps(context)) == context and hash(context)


@pytest.mark.parametrize("depth", [65, 10**30, 10**5000, 1e308, float("inf")], ids=range(5))
def test_a_context_that_is_too_deep_is_a_recursion(depth: Any) -> None:
    with pytest.raises(rv.a2a.RecursionLimit, match="no chain of calls may be longer than 64"):
        TaskContext.from_metadata({TRACE: {"depth": depth}})


def test_a_context_of_a_million_agents_is_a_recursion() -> None:
    with pytest.raises(rv.a2a.RecursionLimit, match="visitedAgents 1000000"):
        TaskContext.from_metadata({TRACE: {"depth": 3, "visitedAgents": [ID] * 10**6}})


@pytest.mark.parametrize(
    "said",
    [
        [], "x", 3, {"depth": -1}, {"depth": 1.5}, {"depth": "1"}, {"depth": None},
        {"depth": float("nan")}, {"depth": True}, {"depth": 0, "visitedAgents": [ID]},
        {"depth": 3, "visitedAgents": [ID, "x"]}, {"depth": 3, "visitedAgents": [[]]},
        {"depth": 3, "visitedAgents": "x"}, {"depth": 3, "visitedAgents": {"a": 1}},
        {"rootAgentId": "?"}, {"rootAgentId": 3}, {"parentTaskId": "../x"},
        {"parentTaskId": "a\r\nb"}, {"traceparent": "00-0-0-0"}, {"traceparent": 4},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
    ],
)  # fmt: skip
def test_a_context_that_is_none_is_refused(said: Any) -> None:
    with pytest.raises(rv.InvalidArgument):
        TaskContext.from_metadata({TRACE: said})


# ---- what is asked ----


def test_a_text_is_a_task() -> None:
    assert rv.TaskSpec("sum up").to_json() == {
        "message": {"role": "ROLE_USER", "parts": [{"text": "sum up"}]},
    }  # fmt: skip
    assert repr(rv.TaskSpec("sum up")) == "TaskSpec('sum up')"


def test_all_that_a_task_says() -> None:
    message = Message(["a", Part(data={"n": 2**64 - 1})], context_id="c-1", task_id="t-1")
    spec = rv.TaskSpec(
        message, skill="s", policy=rv.TaskPolicy(max_tokens=5), metadata={"k": 1},
        accepted_output_modes=["text/plain"], est_tokens=4, est_cost_usd=0.25, history_length=0,
    )  # fmt: skip
    assert spec.to_json() == {
        "message": message.to_json(), "skill": "s", "policy": {"max_tokens": 5, "wait": False},
        "task_id": "t-1", "context_id": "c-1", "accepted_output_modes": ["text/plain"],
        "metadata": {"k": 1}, "est_tokens": 4, "est_cost_usd": 0.25, "history_length": 0,
    }  # fmt: skip
    assert spec.input == message and pickle.loads(pickle.dumps(spec)) == spec and hash(spec)
    assert rv.TaskSpec(message, task_id="t-2").task_id == "t-2"
    assert "policy=TaskPolicy(max_tokens=5)" in repr(spec)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.skill = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rv.TaskSpec(3), "input=3 must be a text, a Part, or a list of them"),
        (lambda: rv.TaskSpec([]), "input has no parts"),
        (lambda: rv.TaskSpec(b"x"), "Part.of_bytes"),
        (lambda: rv.TaskSpec("a", skill=""), "skill='' says nothing"),
        (lambda: rv.TaskSpec("a", policy={"max_tokens": 1}), r"must be a TaskPolicy, as rv\.Task"),
        (lambda: rv.TaskSpec("a", task_id="../x?y"), "task_id='../x\\?y' is no id"),
        (lambda: rv.TaskSpec("a", task_id="a\r\nb"), "is no id"),
        (lambda: rv.TaskSpec("a", task_id="x" * 10**6), "is no id"),
        (lambda: rv.TaskSpec("a", context_id="é"), "context_id='é' is no id"),
        (lambda: rv.TaskSpec("a", est_tokens=-1), "est_tokens=-1"),
        (lambda: rv.TaskSpec("a", est_cost_usd=float("inf")), "est_cost_usd=inf"),
        (lambda: rv.TaskSpec("a", metadata={"a": {1, 2}}), "JSON has no form of"),
        (lambda: rv.TaskSpec("a", accepted_output_modes="text/plain"), "list of texts"),
        (lambda: rv.TaskSpec("a", history_length=-1), "history_length=-1"),
    ],
)
def test_what_cannot_be_asked_is_told_and_short(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        make()
    assert len(str(caught.value)) < 300


# ---- with an agent ----


def test_a_task_over_its_policy_is_not_sent() -> None:
    cheap = rv.TaskPolicy(max_cost_usd=0.01)
    with Agent() as agent:
        network = NetworkPolicy(allow_loopback_http=True)
        with A2aClientSync.connect(agent.url, network=network, policy=cheap) as client:
            before = len(agent.asked)
            with pytest.raises(rv.PolicyViolation) as caught:
                client.send_task(rv.TaskSpec("count 3", est_cost_usd=0.02))
            assert (caught.value.field, caught.value.limit) == ("max_cost_usd", 0.01)
            assert caught.value.actual == 0.02 and caught.value.task_id is None
            own = rv.TaskPolicy(max_tokens=5, allowed_skills=frozenset())
            for spec, field in (
                (rv.TaskSpec("a", policy=rv.TaskPolicy(max_tokens=5), est_tokens=6), "max_tokens"),
                (rv.TaskSpec("a", skill="no such skill"), "skill"),
                (rv.TaskSpec("a", policy=own), "skill"),
            ):
                with pytest.raises(rv.PolicyViolation) as caught:
                    client.send_task(spec)
                assert caught.value.field == field
            assert len(agent.asked) == before  # nothing was sent
            assert client.send_task(rv.TaskSpec("count 1", est_cost_usd=0.01)).state == "completed"


def test_agents_that_call_too_deep_are_not_asked() -> None:
    with Agent() as agent:
        network = NetworkPolicy(allow_loopback_http=True)
        with A2aClientSync.connect(
            agent.url, network=network, recursion=RecursionPolicy(max_call_depth=2)
        ) as client:
            before = len(agent.asked)
            with pytest.raises(rv.a2a.RecursionLimit) as caught:
                client.send_task("count 1", context=TaskContext(depth=2))
            assert caught.value.depth == 3
            circle = TaskContext(depth=1, visited_agents=(agent.url,))
            with pytest.raises(rv.a2a.RecursionLimit) as caught:
                client.send_task("count 1", context=circle)
            assert agent.url in caught.value.path
            assert len(agent.asked) == before
            assert client.send_task("count 1", context=TaskContext(depth=1)).done
