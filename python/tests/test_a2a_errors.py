"""Errors of agents: one class for each code of the library, with what it says beside its text."""

from __future__ import annotations

import inspect
import pathlib
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest

import ruvector as rv
from ruvector._agents.errors import error_of_json

CODES_GO = pathlib.Path(__file__).parents[2] / "agentclient" / "problem" / "codes.go"
CLASSES = {
    name: cls
    for name, cls in vars(rv.a2a).items()
    if inspect.isclass(cls) and issubclass(cls, rv.A2aError)
}
TREE = {
    "CardError": "CardNotFound CardInvalid CardSignatureInvalid CardUntrusted UnsupportedPeer",
    "TransportError": "ConnectFailed TlsError HttpStatusError A2aTimeout StreamInterrupted "
    "ResponseTooLarge BlockedAddress RedirectBlocked UntrustedOrigin",
    "ProtocolError": "InvalidAgentResponse MethodNotFound InvalidParams VersionNotSupported "
    "PeerInternalError",
    "TaskError": "TaskNotFound TaskNotCancelable UnsupportedOperation ContentTypeNotSupported "
    "TaskFailed",
    "AuthError": "Unauthenticated PermissionDenied",
    "A2aError": "CardError TransportError ProtocolError TaskError AuthError ExtensionRequired "
    "ExtendedCardNotConfigured PushNotSupported PolicyViolation BudgetExceeded RecursionLimit "
    "ArtifactVersionUnsupported",
}


def codes() -> list[str]:
    """Return the codes of the library, read from its source."""
    return [code for code in re.findall(r'Code\s*=\s*"(\w*)"', CODES_GO.read_text()) if code]


def made(code: str, **detail: Any) -> Any:
    return error_of_json(
        {
            "code": code, "message": f"what {code} is", "op": "send_task", "url": "https://a/b",
            "task_id": "t-1", "attempts": 3, "detail": detail,
        }
    )  # fmt: skip


@pytest.mark.parametrize("code", codes())
def test_every_code_of_the_library_is_an_error_of_its_name(code: str) -> None:
    error = made(code)
    assert str(error) == f"what {code} is"
    if code == "Cancelled":
        assert type(error) is KeyboardInterrupt
    elif code in ("Closed", "InvalidArgument"):
        assert type(error) is rv.InvalidArgument
    else:
        assert type(error).__name__ == code
        assert (error.op, error.url, error.task_id, error.attempts) == (
            "send_task", "https://a/b", "t-1", 3,
        )  # fmt: skip


def test_every_class_has_a_code_or_stands_above_some() -> None:
    above = {base.__name__ for cls in CLASSES.values() for base in cls.__mro__[1:]}
    assert not set(CLASSES) - set(codes()) - above


@pytest.mark.parametrize("above", TREE)
def test_the_tree_is_the_one_that_is_drawn(above: str) -> None:
    for name in TREE[above].split():
        assert issubclass(CLASSES[name], CLASSES[above]), name
    assert issubclass(rv.A2aError, rv.RuVectorError)
    assert issubclass(rv.a2a.A2aTimeout, TimeoutError)
    assert issubclass(rv.a2a.TaskNotFound, LookupError)


@pytest.mark.parametrize(
    "name", ["CardSignatureInvalid", "PolicyViolation", "BudgetExceeded", "TransportError"]
)
def test_names_of_before_are_names_of_the_package(name: str) -> None:
    assert getattr(rv, name) is getattr(rv.a2a, name)
    assert name in rv.__all__ and name in rv.a2a.__all__


@pytest.mark.parametrize(
    ("code", "detail", "read"),
    [
        ("CardNotFound", {"status": 404}, {"status": 404}),
        ("CardInvalid", {"path": "skills[2].id"}, {"path": "skills[2].id"}),
        ("CardSignatureInvalid", {"reason": "alg none"}, {"reason": "alg none"}),
        ("CardUntrusted", {"level": "unsigned"}, {"level": "unsigned"}),
        ("UnsupportedPeer", {"offered": ["GRPC 1.0", 3]}, {"offered": ("GRPC 1.0",)}),
        (
            "HttpStatusError",
            {"status": 503, "body": "no", "retry_after": 2, "headers": {"Server": ["x"], "n": 1}},
            {"status": 503, "body": "no", "retry_after": 2.0, "headers": {"Server": "x"}},
        ),
        ("A2aTimeout", {"stage": "idle", "seconds": 90.0}, {"stage": "idle", "seconds": 90.0}),
        ("StreamInterrupted", {"last_seq": 2**64 - 1}, {"last_seq": 2**64 - 1}),
        ("ResponseTooLarge", {"what": "card", "limit": 1}, {"what": "card", "limit": 1}),
        ("BlockedAddress", {"address": "169.254.169.254"}, {"address": "169.254.169.254"}),
        ("RedirectBlocked", {"to": "http://x"}, {"to": "http://x"}),
        ("UntrustedOrigin", {"origin": "https://evil"}, {"origin": "https://evil"}),
        (
            "InvalidAgentResponse",
            {"rpc_code": -32006, "status": 500, "reason": "INVALID_AGENT_RESPONSE", "data": [1]},
            {"code": -32006, "status": 500, "reason": "INVALID_AGENT_RESPONSE", "data": [1]},
        ),
        ("TaskNotFound", {"rpc_code": "-32001"}, {"code": -32001, "data": None}),
        ("Unauthenticated", {"challenges": ["Bearer"], "status": 401},
         {"challenges": ("Bearer",), "status": 401}),
        ("ExtensionRequired", {"uris": ["u"], "rpc_code": -32008},
         {"uris": ("u",), "code": -32008}),
        ("PolicyViolation", {"field": "max_cost_usd", "limit": 0.1, "actual": 2},
         {"field": "max_cost_usd", "limit": 0.1, "actual": 2}),
        ("BudgetExceeded", {"dim": "usd", "limit": 1, "current": 2},
         {"dim": "usd", "limit": 1, "current": 2}),
        ("RecursionLimit", {"depth": 9, "path": ["a", "b"]}, {"depth": 9, "path": ("a", "b")}),
        ("ArtifactVersionUnsupported", {"got": "2", "supported": ["1"]},
         {"got": "2", "supported": ("1",)}),
    ],
)  # fmt: skip
def test_what_stands_beside_the_text_is_read_and_survives_a_pickle(
    code: str, detail: dict[str, Any], read: dict[str, Any]
) -> None:
    error = made(code, **detail)
    again = pickle.loads(pickle.dumps(error))
    for one in (error, again):
        assert {name: getattr(one, name) for name in read} == read
        assert (str(one), one.task_id, type(one)) == (str(error), "t-1", type(error))


@pytest.mark.parametrize(
    "said",
    [
        None, [], "x", 3, {}, {"code": None}, {"code": 7, "message": 8, "detail": 9},
        {"code": ["CardInvalid"]}, {"code": "Nonsense", "message": ""},
        {"code": "__class__"}, {"code": "object", "attempts": "many"},
    ],
)  # fmt: skip
def test_errors_that_are_no_errors_are_one_all_the_same(said: Any) -> None:
    error = error_of_json(said)
    assert type(error) is rv.A2aError
    assert error.attempts == 0 and str(error)


DETAILS = (
    "status path reason level offered body retry_after headers stage seconds last_seq what limit "
    "address to origin rpc_code data challenges uris field actual dim current depth got supported"
)


@pytest.mark.parametrize("value", [None, -1, 1e400, float("nan"), "x", [], {}, [[]], True, 10**400])
def test_any_detail_is_read(value: Any) -> None:
    for code in sorted(set(codes()) - {"Cancelled"}):
        error = error_of_json({"code": code, "detail": dict.fromkeys(DETAILS.split(), value)})
        assert isinstance(error, rv.RuVectorError)
        assert repr(error)


def test_codes_of_the_rest_of_the_library_are_their_classes() -> None:
    assert type(made("OutOfMemory")) is rv.OutOfMemory
    assert type(made("NativeError")) is rv.NativeError
    assert type(made("LimitExceeded")) is rv.LimitExceeded


def test_errors_are_raised_with_their_text_alone() -> None:
    error = rv.PolicyViolation("too much", detail={"field": "max_tokens"}, task_id="t")
    assert (error.field, error.limit, error.task_id) == ("max_tokens", None, "t")
    assert rv.a2a.A2aTimeout("late").stage is None
    assert str(rv.a2a.A2aTimeout("late")) == "late"
    with pytest.raises(TimeoutError, match=r"^late$"):
        raise rv.a2a.A2aTimeout("late")


def test_nothing_of_agents_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, ruvector as rv\n"
        "heavy = {'asyncio', 'base64', 'ruvector.a2a'}\n"
        "print(sorted(m for m in sys.modules if '_agents' in m or m in heavy))\n"
        "print(rv.a2a.A2aTimeout.__name__, rv.a2a is sys.modules['ruvector.a2a'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["[]", "A2aTimeout True"]
