"""Push notifications: where an agent is to tell of a task, and what is believed of that."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

import ruvector as rv
from ruvector.a2a import Auth, PushConfig, verify_push

SECRET = "s3cr3t-T0ken_0123456789"
URL = "https://me.example/told?x=1"


def test_a_configuration_says_what_comes_back() -> None:
    plain = PushConfig("t-1", URL)
    assert plain.to_json() == {"url": URL}
    assert pickle.loads(pickle.dumps(plain)) == plain and hash(plain)
    bearer = PushConfig("t-1", URL, id="c-1", token=SECRET, auth=Auth.Bearer(SECRET))
    assert bearer.to_json() == {
        "id": "c-1", "url": URL, "token": SECRET, "scheme": "Bearer", "credentials": SECRET,
    }  # fmt: skip
    basic = PushConfig("t-1", URL, auth=Auth.Basic("me", "pw"))
    assert (basic.scheme, basic.credentials) == ("Basic", "bWU6cHc=")
    assert bearer != plain and bearer == copy.copy(bearer)


def test_the_answer_of_an_agent_is_read() -> None:
    said = {
        "taskId": "t-1", "id": "c-1", "url": URL, "token": SECRET, "tenant": "x",
        "authentication": {"scheme": "Bearer", "credentials": SECRET},
    }  # fmt: skip
    config = PushConfig.from_json(json.loads(json.dumps(said)))
    assert config == PushConfig("t-1", URL, id="c-1", token=SECRET, auth=Auth.Bearer(SECRET))
    for odd in (None, [], {}, {"authentication": 3, "token": [], "url": 7, "id": {}}):
        assert PushConfig.from_json(odd).to_json() == {"url": ""}


def test_no_secret_is_shown() -> None:
    config = PushConfig("t-1", URL, token=SECRET, auth=Auth.Bearer(SECRET))
    assert SECRET not in repr(config) and SECRET not in repr(config.to_json())
    assert SECRET not in repr(PushConfig.from_json({"token": SECRET}))
    with pytest.raises(TypeError, match="credentials are not pickled"):
        pickle.dumps(config)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: PushConfig("", URL), "task_id='' says nothing"),
        (lambda: PushConfig("../x", URL), "task_id='../x' is no id"),
        (lambda: PushConfig("t", "me.example"), "url='me.example' is no address"),
        (lambda: PushConfig("t", f"https://u:{SECRET}@a"), r"https://\*\*\*@a"),
        (lambda: PushConfig("t", URL, id="a b"), "id='a b' is no id"),
        (lambda: PushConfig("t", URL, token=""), "token is empty"),
        (lambda: PushConfig("t", URL, token=SECRET + "\r\nX: y"), "no header can hold"),
        (lambda: PushConfig("t", URL, token=SECRET.encode()), "token is bytes"),
        (lambda: PushConfig("t", URL, auth=SECRET), "auth is str; an agent can send Auth.Bearer"),
        (lambda: PushConfig("t", URL, auth=Auth.ApiKey(SECRET)), "auth is ApiKey"),
        (lambda: PushConfig("t", URL, auth=Auth.Bearer(lambda: SECRET)), "auth is Bearer"),
    ],
)
def test_what_cannot_be_told_to_is_refused(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        make()
    assert SECRET not in str(caught.value)


# ---- what came ----

UPDATE = (
    b'{"statusUpdate":{"taskId":"t-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"},'
    b'"metadata":{"n":18446744073709551615}}}'
)
TOLD = {"A2A-Notification-Token": SECRET, "Content-Type": "application/a2a+json"}


@pytest.mark.parametrize(
    "headers",
    [
        TOLD,
        {name.lower(): [value] for name, value in TOLD.items()},
        list(TOLD.items()),
        [(name.encode(), value.encode()) for name, value in TOLD.items()],  # of ASGI
    ],
)
def test_what_was_agreed_on_is_an_update(headers: Any) -> None:
    update = verify_push(headers, UPDATE, token=SECRET, task_ids={"t-1"})
    assert isinstance(update, rv.TaskStatusUpdateEvent)
    assert (update.task_id, update.seq, update.metadata["n"]) == ("t-1", 0, 2**64 - 1)
    assert update.status is not None and update.status.state == "working"
    bearer = {"authorization": f"Bearer {SECRET}"}
    assert verify_push(bearer, bytearray(UPDATE), bearer=SECRET, task_ids=["t-1"]) == update


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({}, UPDATE, "Unauthenticated"),
        ({"A2A-Notification-Token": "guess"}, UPDATE, "PermissionDenied"),
        ([*TOLD.items(), ("a2a-notification-token", "guess")], UPDATE, "PermissionDenied"),
        (TOLD, b"{}", "InvalidAgentResponse"),
        (TOLD, b"[" * 10**6, "InvalidAgentResponse"),
        ({**TOLD, "content-type": "text/html"}, UPDATE, "InvalidAgentResponse"),
        (TOLD, UPDATE.replace(b"t-1", b"t-2"), "TaskNotFound"),
        (TOLD, UPDATE + b" " * (4 << 20), "ResponseTooLarge"),
    ],
    ids=range(8),
)
def test_what_was_not_is_refused(headers: Any, body: bytes, error: str) -> None:
    with pytest.raises(getattr(rv.a2a, error)) as caught:
        verify_push(headers, body, token=SECRET, task_ids=frozenset(["t-1"]))
    assert SECRET not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"token": None}, "nothing checks who sends"),
        ({"token": ""}, "token is empty"),
        ({"task_ids": "t-1"}, "task_ids is str"),
        ({"task_ids": None}, "task_ids is NoneType"),
        ({"headers": 3}, "headers must be a mapping"),
        ({"headers": [SECRET]}, "headers must be a mapping"),
        ({"headers": {"a": 3}}, "headers must be a mapping"),
        ({"body": UPDATE.decode()}, "body is str, and must be the bytes"),
    ],
)
def test_what_cannot_be_checked_is_told(given: Any, says: str) -> None:
    asked = {"headers": TOLD, "body": UPDATE, "token": SECRET, "task_ids": {"t-1"}, **given}
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        verify_push(asked.pop("headers"), asked.pop("body"), **asked)
    assert SECRET not in str(caught.value)
