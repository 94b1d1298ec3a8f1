"""Values of agents: made by users, read from JSON of any kind, exact in what they hold."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._agents import reading
from ruvector._agents.task import moment, pages
from ruvector.a2a import (
    AgentCard,
    Artifact,
    Message,
    Part,
    Role,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
    TaskUpdate,
    Usage,
)

BIG = 18_446_744_073_709_551_615
ARTIFACT: dict[str, Any] = {
    "artifactId": "a-1",
    "name": "answer",
    "parts": [
        {"text": "one ", "mediaType": "text/plain"},
        {"text": "two"},
        {"data": {"id": BIG, "odd": 9_007_199_254_740_993}},
        {"raw": "aGVsbG8", "filename": "h.bin"},
        {"url": "https://x/y"},
    ],
}
TASK: dict[str, Any] = {
    "id": "t-1",
    "contextId": "c-1",
    "status": {
        "state": "TASK_STATE_COMPLETED",
        "timestamp": "2026-11-23T10:00:00.123456789Z",
        "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "done"}]},
    },
    "artifacts": [ARTIFACT, {"artifactId": "a-2", "parts": [{"text": "three"}]}],
    "history": [{"messageId": "u", "role": "ROLE_USER", "parts": [{"text": "go"}]}],
    "metadata": {"n": BIG},
    "unknown": [1],
}

OLD_NAMES = (
    "AgentCard AgentCapabilities AgentSkill AgentProvider AuthScheme Task TaskState TaskStatus "
    "Message Part Role Artifact TaskUpdate TaskStatusUpdateEvent TaskArtifactUpdateEvent"
)


# ---- states and roles ----


@pytest.mark.parametrize("state", TaskState)
def test_a_state_is_known_by_each_of_its_names(state: TaskState) -> None:
    for name in (state.wire, state.value, state.name, list(TaskState).index(state)):
        assert TaskState(name) is state
        assert TaskState.of(name) is state
    assert state == state.value and str(state) == state.value
    assert [state.is_terminal, state.is_interrupted, state.is_active].count(True) == 1


def test_states_end_wait_or_go_on() -> None:
    ended = {state.value for state in TaskState if state.is_terminal}
    assert ended == {"completed", "failed", "canceled", "rejected"}
    assert {s.value for s in TaskState if s.is_interrupted} == {"input-required", "auth-required"}


def test_a_state_that_is_not_known_is_kept_and_active() -> None:
    state = TaskState.of("TASK_STATE_PAUSED")
    assert state.value == state.wire == state == "TASK_STATE_PAUSED"
    assert state.is_active and not state.is_terminal
    assert isinstance(state, TaskState) and state not in list(TaskState)
    again = pickle.loads(pickle.dumps(state))
    assert again == state and hash(again) == hash(state)
    assert copy.deepcopy(state) == state
    assert TaskState.of(77) == "77"
    assert len(TaskState.of("x" * 10**6)) == 64
    assert "TASK_STATE_PAUSED" not in TaskState.__members__


@pytest.mark.parametrize("said", [None, {}, [], "", True, -1, 10**400, 1.5, float("nan")])
def test_what_is_no_state_is_unspecified(said: Any) -> None:
    assert TaskState.of(said) in (TaskState.UNSPECIFIED, TaskState.SUBMITTED)
    assert TaskState.of(said).is_active


def test_roles() -> None:
    assert Role.of("ROLE_AGENT") is Role.of("agent") is Role.of(2) is Role.AGENT
    assert Role.of("ROLE_SYSTEM") is Role.of({}) is Role.of(None) is Role.UNSPECIFIED
    assert Role.USER.wire == "ROLE_USER"


# ---- parts and messages of users ----


def test_a_part_is_one_thing() -> None:
    assert Part("hello").to_json() == {"text": "hello"}
    assert Part(data={"n": BIG}, media_type="a/b").to_json() == {
        "data": {"n": BIG}, "mediaType": "a/b",
    }  # fmt: skip
    assert Part(kind="data").to_json() == {"data": None}
    assert Part(url="https://a", filename="f").to_json() == {"url": "https://a", "filename": "f"}
    made = Part.of_bytes(b"\x00\xff", filename="x.bin", media_type="application/x")
    assert made.decoded() == b"\x00\xff"
    assert Part.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Part(), "one of text=, data=, base64= and url=, not none"),
        (lambda: Part("a", data=1), "not \\['text', 'data'\\]"),
        (lambda: Part("a", kind="url"), "one of"),
        (lambda: Part(3), "text=3 must be a text, not int"),
        (lambda: Part("\ud800"), "half of a surrogate pair at 0"),
        (lambda: Part(data=float("nan")), "data=nan cannot be written as JSON"),
        (lambda: Part(data={"a": [1, {2}]}), r"data\['a'\]\[1\] is set, which JSON has no form of"),
        (lambda: Part(data=[10**5000]), r"data\[0\] is 2\*\*16609 or more, too long for JSON"),
        (lambda: Part(data={1: 2}), "the key 1 must be a text"),
        (lambda: Part("a", media_type=""), "media_type='' says nothing"),
        (lambda: Part("a", metadata=[1]), "metadata=\\[1\\] must be a mapping"),
        (lambda: Part.of_bytes("text"), "content is str, which is not bytes"),
        (lambda: Message([]), "parts has no parts"),
        (lambda: Message(b"x"), "write Part.of_bytes"),
        (lambda: Message({"a": 1}), r"Part\(data=...\) for JSON"),
        (lambda: Message(["a", 3]), r"parts\[1\] is int, which is neither text nor Part"),
        (lambda: Message("a", role="boss"), "role='boss' must be Role.USER or Role.AGENT"),
        (lambda: Message("a", message_id=3), "message_id=3 must be a text"),
        (lambda: Message("a", extensions="uri"), r"must be a list of texts; write \['uri'\]"),
        (lambda: Message("a", metadata={"a": object()}), "metadata\\['a'\\] is object"),
    ],
)
def test_what_cannot_be_sent_is_told(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says):
        make()


def test_json_that_is_nested_too_deep_is_told() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(rv.InvalidArgument, match="nested more than 60 levels"):
        Part(data=deep)


def test_numbers_of_numpy_are_numbers() -> None:
    value = {"n": np.uint64(BIG), "f": np.float32(0.5), "v": np.arange(3), "b": np.bool_(True)}
    said = Part(data=value).to_json()["data"]
    assert said == {"n": BIG, "f": 0.5, "v": [0, 1, 2], "b": True}
    assert json.loads(json.dumps(said)) == said


def test_what_was_given_can_change_without_what_was_made() -> None:
    given_data = {"a": [1]}
    part = Part(data=given_data, metadata=given_data)
    given_data["a"].append(2)
    assert part.data == {"a": [1]} and part.metadata == {"a": [1]}


def test_a_message_of_a_user() -> None:
    message = Message(["a ", Part("b"), Part(data=1)], context_id="c", extensions=["u"])
    assert message.text == "a b"
    assert message.to_json() == {
        "role": "ROLE_USER",
        "parts": [{"text": "a "}, {"text": "b"}, {"data": 1}],
        "contextId": "c",
        "extensions": ["u"],
    }
    assert Message.from_json(message.to_json()) == message


def test_bytes_are_decoded_late_and_within_a_limit() -> None:
    assert Part.from_json({"raw": "aGVsbG8"}).decoded() == b"hello"
    assert Part.from_json({"raw": "-_-_"}).decoded() == b"\xfb\xff\xbf"
    with pytest.raises(rv.a2a.ResponseTooLarge, match="more than limit=10"):
        Part.from_json({"raw": "A" * 400}).decoded(10)
    with pytest.raises(rv.a2a.InvalidAgentResponse, match="no base64"):
        Part.from_json({"raw": "a$$$"}).decoded()
    with pytest.raises(rv.InvalidArgument, match="of kind 'text' has no bytes"):
        Part("a").decoded()


# ---- tasks ----


def test_a_task_is_read_as_it_is() -> None:
    task = Task.from_answer({"task": TASK, "usage": {"inputTokens": 3, "costUsd": 0.5}})
    assert (task.id, task.context_id, task.state) == ("t-1", "c-1", TaskState.COMPLETED)
    assert task.done and not task.needs_input and task.raise_for_state() is task
    assert task.text == "one two\nthree"
    assert task.status.timestamp == datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
    assert task.status.message is not None and task.status.message.role is Role.AGENT
    assert task.artifacts[0].parts[2].data == {"id": BIG, "odd": 9_007_199_254_740_993}
    assert task.artifacts[0].parts[3].decoded() == b"hello"
    assert task.metadata["n"] == BIG and task.raw["unknown"] == [1]
    assert task.usage == Usage(3, None, 0.5, False) and task.usage.total_tokens == 3
    assert task.history[0].text == "go"


def test_values_are_frozen_compared_hashed_and_pickled() -> None:
    task = Task.from_json(TASK)
    assert task == Task.from_json(copy.deepcopy(TASK))
    assert task != Task.from_json({**TASK, "id": "t-2"})
    assert hash(task) == hash(Task.from_json(copy.deepcopy(TASK)))
    assert pickle.loads(pickle.dumps(task)) == task
    update = TaskUpdate.from_json({"kind": "task", "raw": {"task": TASK}})
    assert pickle.loads(pickle.dumps(update)) == update and hash(update)
    for thing in (task, task.status, task.artifacts[0], task.history[0], update):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            thing.id = "x"


def test_a_message_instead_of_a_task_is_a_task_that_is_done() -> None:
    said = {"messageId": "m", "role": "ROLE_AGENT", "contextId": "c", "parts": [{"text": "hi"}]}
    task = Task.from_answer({"task": None, "direct_message": said})
    assert (task.id, task.state, task.context_id, task.text) == (None, "completed", "c", "hi")
    assert task.raise_for_state() is task
    assert task.to_polars().rows() == [(None, None, None, 0, "hi", None)]


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "REJECTED"])
def test_a_task_that_did_not_complete_is_raised_on_demand(state: str) -> None:
    said = {"parts": [{"text": "no money" + "!" * 1000}]}
    task = Task.from_json({"id": "t", "status": {"state": f"TASK_STATE_{state}", "message": said}})
    with pytest.raises(rv.a2a.TaskFailed, match=rf"'t' is {state.lower()}; .*no money") as caught:
        task.raise_for_state()
    assert caught.value.task is task and caught.value.task_id == "t"
    assert len(str(caught.value)) < 400
    assert pickle.loads(pickle.dumps(caught.value)).task == task


@pytest.mark.parametrize("state", ["INPUT_REQUIRED", "AUTH_REQUIRED", "WORKING", "PAUSED"])
def test_a_task_that_goes_on_is_not_raised(state: str) -> None:
    task = Task.from_json({"id": "t", "status": {"state": f"TASK_STATE_{state}"}})
    assert task.raise_for_state() is task and not task.done
    assert task.needs_input is (state == "INPUT_REQUIRED")
    assert task.needs_auth is (state == "AUTH_REQUIRED")


def test_texts_of_artifacts_are_rows_of_a_frame() -> None:
    task = Task.from_json(TASK)
    rows = [
        ("t-1", "a-1", "answer", 0, "one ", "text/plain"),
        ("t-1", "a-1", "answer", 1, "two", None),
        ("t-1", "a-2", None, 0, "three", None),
    ]
    polars = task.to_polars()
    assert polars.rows() == rows
    assert polars.columns == ["task_id", "artifact_id", "name", "part", "text", "media_type"]
    assert polars.schema["part"] == pl.Int64 and polars.schema["name"] == pl.String
    pandas = task.to_pandas()
    found = pandas.astype(object).where(pandas.notna(), None)
    assert list(found.itertuples(index=False, name=None)) == rows
    assert pandas["part"].dtype == np.int64


def test_a_task_without_texts_is_a_frame_of_the_same_columns() -> None:
    empty = Task.from_json({"id": "t"})
    full = Task.from_json(TASK)
    assert empty.to_polars().schema == full.to_polars().schema
    assert len(empty.to_pandas()) == 0
    assert (empty.to_pandas().dtypes == full.to_pandas().dtypes).all()
    both = pd.concat([empty.to_pandas(), full.to_pandas()])
    assert (both.dtypes == full.to_pandas().dtypes).all()


def test_texts_of_a_task_can_be_searched() -> None:
    found = rv.search(Task.from_json(TASK).to_pandas(), "three", k=1, text="text", embedder=letters)
    assert found["text"].tolist() == ["three"]


def letters(texts: list[str]) -> Any:
    return np.array([[text.count(c) + 0.01 for c in "eohtrwn"] for text in texts], np.float32)


# ---- updates ----


def test_updates_of_each_kind() -> None:
    status = {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}
    one = TaskUpdate.from_json(
        {"kind": "status", "seq": 3, "raw": {"statusUpdate": status}, "usage": {"final": True}}
    )
    assert isinstance(one, TaskStatusUpdateEvent) and one.kind == "status" and one.seq == 3
    assert (one.task_id, one.context_id, one.usage) == ("t", "c", Usage(final=True))
    assert one.status is not None and one.status.state is TaskState.WORKING
    chunk = {"taskId": "t", "artifact": ARTIFACT, "append": True, "lastChunk": True}
    two = TaskUpdate.from_json(
        {"kind": "artifact", "seq": 4, "raw": {"artifactUpdate": chunk}, "gap": True}
    )
    assert isinstance(two, TaskArtifactUpdateEvent) and two.text == "one two"
    assert two.append and two.last_chunk and two.gap and not two.resumed
    three = TaskUpdate.from_json({"kind": "task", "raw": {"task": TASK}, "resumed": True})
    assert three.task == Task.from_json(TASK) and three.resumed and three.text == "done"
    said = {"messageId": "m", "taskId": "t", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}
    four = TaskUpdate.from_json({"kind": "message", "raw": {"message": said}})
    assert four.message == Message.from_json(said) and four.text == "hi" and four.task is None


def test_the_names_of_before_are_there() -> None:
    for name in OLD_NAMES.split():
        assert getattr(rv, name) is getattr(rv.a2a, name)
    assert rv.a2a.__all__ == sorted(rv.a2a.__all__)


# ---- numbers, times, hostile JSON ----


def test_whole_numbers_come_exactly() -> None:
    said = reading.decode(b'{"a": 18446744073709551615, "b": 9007199254740993, "c": -1}')
    assert said == {"a": BIG, "b": 9_007_199_254_740_993, "c": -1}
    long = "7" * 5000
    found = reading.decode(f'{{"data": [{long}, 12, 1.5]}}')
    assert found == {"data": [long, 12, 1.5]}
    assert json.loads(reading.encode(said)) == said
    with pytest.raises(json.JSONDecodeError):
        reading.decode(b"{")


def test_times() -> None:
    assert moment("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    east = moment("2026-01-02T03:04:05+02:00")
    assert east == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert east is not None and east.utcoffset() == timedelta(0)
    for bad in (None, 3, "", "yesterday", "9999-99-99", "0001-01-01T00:00:00+14:00", "x" * 10**6):
        assert moment(bad) is None


def test_usage_that_cannot_be_is_left_out() -> None:
    bad = {"inputTokens": -1, "outputTokens": 1.5, "costUsd": float("nan"), "final": "yes"}
    assert Usage.from_json(bad) == Usage()
    assert Usage.from_json({"costUsd": 1e308, "inputTokens": "12"}) == Usage(12, None, 1e308)
    assert Usage.from_json({"costUsd": 10**400}) == Usage()
    assert Usage.from_json([]) is None and Usage().total_tokens is None


def test_a_page_of_tasks() -> None:
    tasks, token = pages({"tasks": [TASK, 3, {}], "nextPageToken": "n"})
    assert [task.id for task in tasks] == ["t-1", None] and token == "n"
    assert pages(None) == ((), "")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["TASK_STATE_WORKING", "ROLE_USER", BIG]),
)  # fmt: skip
MEMBERS = (
    "id contextId taskId status state message timestamp artifacts artifact artifactId parts text "
    "raw data url metadata history role append task statusUpdate artifactUpdate kind seq usage "
    "direct_message name skills capabilities supportedInterfaces securitySchemes schemes list "
    "securityRequirements provider extensions apiKeySecurityScheme params"
)
NAMES = st.sampled_from(MEMBERS.split())
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ANY)
def test_any_json_is_read_or_refused_with_our_errors(said: Any) -> None:
    for read in (
        Task.from_answer, Task.from_json, TaskUpdate.from_json, Message.from_json, Part.from_json,
        Artifact.from_json, AgentCard.from_json, TaskStatus.from_json, Usage.from_json,
        lambda x: TaskUpdate.from_json({"kind": "status", "raw": {"statusUpdate": x}}),
    ):  # fmt: skip
        try:
            thing = read(said)
        except (rv.a2a.InvalidAgentResponse, rv.a2a.CardInvalid):
            continue
        assert isinstance(repr(thing), str)
        assert repr(pickle.loads(pickle.dumps(thing))) == repr(thing)


def test_a_repr_is_short_and_one_line_whatever_a_peer_says() -> None:
    evil = "\x1b[31m\n\u202e" * 1000
    task = Task.from_json(
        {
            "id": evil,
            "status": {"state": evil, "message": {"parts": [{"text": evil}]}},
            "artifacts": [{"artifactId": evil, "name": evil, "parts": [{"text": evil}] * 100}],
        }
    )
    card = AgentCard.from_json({"name": evil, "version": evil, "skills": [{"id": evil}] * 100})
    for thing in (task, task.artifacts[0], task.status, card, task.artifacts[0].parts[0]):
        assert len(repr(thing)) < 1500
        assert not {"\x1b", "\n", "\u202e"} & set(repr(thing))


def test_reading_an_update_takes_microseconds() -> None:
    said = {
        "kind": "artifact", "seq": 1, "usage": None, "resumed": False, "gap": False,
        "raw": {"artifactUpdate": {"taskId": "t", "contextId": "c", "append": True,
                                   "artifact": {"artifactId": "a", "parts": [{"text": "w"}]}}},
    }  # fmt: skip
    calls = 0

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    TaskUpdate.from_json(said)
    sys.setprofile(count)
    TaskUpdate.from_json(said)
    sys.setprofile(None)
    assert calls < 130  # of Python and C: the clock of a busy machine says nothing
