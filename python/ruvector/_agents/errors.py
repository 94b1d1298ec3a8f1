"""What goes wrong with other agents.

::

    A2aError
    |- CardError
    |  |- CardNotFound, CardInvalid, CardSignatureInvalid, CardUntrusted, UnsupportedPeer
    |- TransportError
    |  |- ConnectFailed, TlsError, HttpStatusError, A2aTimeout (TimeoutError), StreamInterrupted
    |  |- ResponseTooLarge, BlockedAddress, RedirectBlocked, UntrustedOrigin
    |- ProtocolError
    |  |- InvalidAgentResponse, MethodNotFound, InvalidParams, VersionNotSupported
    |  |- PeerInternalError
    |- TaskError
    |  |- TaskNotFound (LookupError), TaskNotCancelable, UnsupportedOperation
    |  |- ContentTypeNotSupported, TaskFailed
    |- AuthError
    |  |- Unauthenticated, PermissionDenied
    |- ExtensionRequired, ExtendedCardNotConfigured, PushNotSupported
    |- PolicyViolation, BudgetExceeded, RecursionLimit
    `- ArtifactVersionUnsupported

No error holds a credential. Texts of peers in messages are cut and escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from .._errors import CANCELLED, CLASSES, A2aError, InvalidArgument, error_of
from .reading import flat, mapping, text, texts, whole

if TYPE_CHECKING:
    from .task import Task

__all__ = [
    "A2aError",
    "A2aTimeout",
    "ArtifactVersionUnsupported",
    "AuthError",
    "BlockedAddress",
    "BudgetExceeded",
    "CardError",
    "CardInvalid",
    "CardNotFound",
    "CardSignatureInvalid",
    "CardUntrusted",
    "ConnectFailed",
    "ContentTypeNotSupported",
    "ExtendedCardNotConfigured",
    "ExtensionRequired",
    "HttpStatusError",
    "InvalidAgentResponse",
    "InvalidParams",
    "MethodNotFound",
    "PeerInternalError",
    "PermissionDenied",
    "PolicyViolation",
    "ProtocolError",
    "PushNotSupported",
    "RecursionLimit",
    "RedirectBlocked",
    "ResponseTooLarge",
    "StreamInterrupted",
    "TaskError",
    "TaskFailed",
    "TaskNotCancelable",
    "TaskNotFound",
    "TlsError",
    "TransportError",
    "Unauthenticated",
    "UnsupportedOperation",
    "UnsupportedPeer",
    "UntrustedOrigin",
    "VersionNotSupported",
    "error_of_json",
]

_Reads: TypeAlias = Mapping[str, tuple[str, Callable[[Any], Any]]]


class _Detailed(A2aError):
    """An A2aError with attributes of its own, each read from what the library says."""

    _reads: ClassVar[_Reads] = {}

    def __init__(
        self,
        message: str = "",
        *,
        op: str | None = None,
        url: str | None = None,
        task_id: str | None = None,
        attempts: int = 0,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, op=op, url=url, task_id=task_id, attempts=attempts)
        said = detail or {}
        for name, (key, read) in self._reads.items():
            setattr(self, name, read(said.get(key)))


def _same(value: Any) -> Any:
    return value


class CardError(_Detailed):
    """The card of an agent cannot be used."""


class CardNotFound(CardError):
    """There is no card at the address; ``status`` is what HTTP said, None if nothing did."""

    _reads: ClassVar[_Reads] = {"status": ("status", whole)}
    status: int | None


class CardInvalid(CardError):
    """A card is not what the specification allows; ``path`` says where, as ``skills[2].id``."""

    _reads: ClassVar[_Reads] = {"path": ("path", text)}
    path: str | None


class CardSignatureInvalid(CardError):
    """No signature of a card verifies; ``reason`` says what is wrong with them."""

    _reads: ClassVar[_Reads] = {"reason": ("reason", text)}
    reason: str | None


class CardUntrusted(CardError):
    """A card has not the trust that was asked for; ``level`` is what it has."""

    _reads: ClassVar[_Reads] = {"level": ("level", text)}
    level: str | None


class UnsupportedPeer(CardError):
    """An agent offers no interface that both sides speak; ``offered`` lists its interfaces."""

    _reads: ClassVar[_Reads] = {"offered": ("offered", texts)}
    offered: tuple[str, ...]


class TransportError(_Detailed):
    """A request did not get an answer of an agent."""


class ConnectFailed(TransportError):
    """No connection could be made."""


class TlsError(TransportError):
    """The other side has not the certificate that it should have, or speaks no TLS of today."""


class HttpStatusError(TransportError):
    """An HTTP status that stands for no error of the protocol.

    Attributes
    ----------
    status : int or None
    headers : mapping of str to str
        Those that help, without cookies.
    body : str
        At most 4,096 bytes of it.
    retry_after : float or None
        Seconds.
    """

    _reads: ClassVar[_Reads] = {
        "status": ("status", whole),
        "headers": ("headers", flat),
        "body": ("body", lambda value: value if isinstance(value, str) else ""),
        "retry_after": ("retry_after", lambda value: _number(value)),
    }
    status: int | None
    headers: Mapping[str, str]
    body: str
    retry_after: float | None


class A2aTimeout(TransportError, TimeoutError):
    """An answer took too long; ``stage`` is what was waited for, ``seconds`` how long."""

    _reads: ClassVar[_Reads] = {
        "stage": ("stage", text),
        "seconds": ("seconds", lambda value: _number(value)),
    }
    stage: str | None
    seconds: float | None


class StreamInterrupted(TransportError):
    """A stream ended before its task did; ``last_seq`` is the last update that came, or None.

    ``task_id`` is None where it is not known whether the agent has begun: nothing is sent again.
    """

    _reads: ClassVar[_Reads] = {"last_seq": ("last_seq", whole)}
    last_seq: int | None


class ResponseTooLarge(TransportError):
    """An answer is longer than ``limit`` bytes; ``what`` says which."""

    _reads: ClassVar[_Reads] = {"what": ("what", text), "limit": ("limit", whole)}
    what: str | None
    limit: int | None


class BlockedAddress(TransportError):
    """A name stands for an address that is not asked; ``address`` says which."""

    _reads: ClassVar[_Reads] = {"address": ("address", text)}
    address: str | None


class RedirectBlocked(TransportError):
    """An agent sends requests elsewhere; ``to`` says where."""

    _reads: ClassVar[_Reads] = {"to": ("to", text)}
    to: str | None


class UntrustedOrigin(TransportError):
    """A card names an address of another origin; ``origin`` says which."""

    _reads: ClassVar[_Reads] = {"origin": ("origin", text)}
    origin: str | None


class _Answered(_Detailed):
    """What an agent itself answered.

    Attributes
    ----------
    code : int or None
        Of JSON-RPC.
    status : int or None
        Of HTTP.
    reason : str or None
        As ``TASK_NOT_FOUND``.
    data : object
        What came beside it, any JSON.
    """

    _reads: ClassVar[_Reads] = {
        "code": ("rpc_code", whole),
        "status": ("status", whole),
        "reason": ("reason", text),
        "data": ("data", _same),
    }
    code: int | None
    status: int | None
    reason: str | None
    data: Any


class ProtocolError(_Answered):
    """An agent answered with an error, or with what is no answer.

    Attributes
    ----------
    code : int or None
        Of JSON-RPC.
    status : int or None
        Of HTTP.
    reason : str or None
        As ``INVALID_AGENT_RESPONSE``.
    data : object
        What came beside it, any JSON.
    """


class InvalidAgentResponse(ProtocolError):
    """An agent answered what the protocol does not allow."""


class MethodNotFound(ProtocolError):
    """An agent does not know the operation: often one of another version of the protocol."""


class InvalidParams(ProtocolError):
    """An agent refuses the arguments of an operation."""


class VersionNotSupported(ProtocolError):
    """An agent does not speak the version of the protocol that was asked for."""


class PeerInternalError(ProtocolError):
    """An agent says that it failed."""


class TaskError(_Answered):
    """An agent cannot do what was asked with a task."""


class TaskNotFound(TaskError, LookupError):
    """An agent has no such task."""


class TaskNotCancelable(TaskError):
    """A task that has ended cannot be cancelled."""


class UnsupportedOperation(TaskError):
    """An agent does not do this, or not with a task in this state."""


class ContentTypeNotSupported(TaskError):
    """An agent does not take, or does not give, this type of content."""


class TaskFailed(TaskError):
    """A task did not complete: `Task.raise_for_state`; ``task`` is it."""

    task: Task | None = None


class AuthError(_Answered):
    """An agent does not let us."""


class Unauthenticated(AuthError):
    """An agent wants credentials, or others; ``challenges`` are those of ``WWW-Authenticate``."""

    _reads: ClassVar[_Reads] = {**_Answered._reads, "challenges": ("challenges", texts)}
    challenges: tuple[str, ...]


class PermissionDenied(AuthError):
    """An agent knows who asks, and refuses."""


class ExtensionRequired(_Answered):
    """An agent demands extensions that were not enabled; ``uris`` are those."""

    _reads: ClassVar[_Reads] = {**_Answered._reads, "uris": ("uris", texts)}
    uris: tuple[str, ...]


class ExtendedCardNotConfigured(_Answered):
    """An agent has no extended card."""


class PushNotSupported(_Answered):
    """An agent sends no push notifications."""


class PolicyViolation(_Detailed):
    """A task would break, or broke, its `TaskPolicy`.

    Attributes
    ----------
    field : str or None
        Of the policy: ``"max_cost_usd"``.
    limit, actual : object
        What it allows, and what was estimated or reported.
    """

    _reads: ClassVar[_Reads] = {
        "field": ("field", text),
        "limit": ("limit", _same),
        "actual": ("actual", _same),
    }
    field: str | None
    limit: Any
    actual: Any


class BudgetExceeded(_Detailed):
    """A `GlobalBudget` has no room: of ``dim`` the ``limit`` is reached; ``current`` is used."""

    _reads: ClassVar[_Reads] = {
        "dim": ("dim", text),
        "limit": ("limit", _same),
        "current": ("current", _same),
    }
    dim: str | None
    limit: Any
    current: Any


class RecursionLimit(_Detailed):
    """Agents that call agents went too deep, or in a circle; ``path`` are those on the way."""

    _reads: ClassVar[_Reads] = {"depth": ("depth", whole), "path": ("path", texts)}
    depth: int | None
    path: tuple[str, ...]


class ArtifactVersionUnsupported(_Detailed):
    """A typed artifact is of a version that is not known here."""

    _reads: ClassVar[_Reads] = {"got": ("got", text), "supported": ("supported", texts)}
    got: str | None
    supported: tuple[str, ...]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 2**1023 else None


_BY_CODE: Final[dict[str, type[A2aError]]] = {
    name: cls
    for name, cls in list(globals().items())
    if isinstance(cls, type) and issubclass(cls, A2aError) and not name.startswith("_")
}
_OTHERS: Final = {cls.__name__: cls for cls in CLASSES.values() if cls is not A2aError}


def error_of_json(said: Any) -> BaseException:
    """Return the exception for an error that the library wrote as JSON.

    Parameters
    ----------
    said : mapping
        ``code``, ``message``, ``op``, ``url``, ``task_id``, ``attempts`` and ``detail``; what is
        missing or of another type is left out, and a code that is not known is an `A2aError`.
    """
    said = mapping(said)
    code = said.get("code")
    message = said.get("message")
    message = message if isinstance(message, str) and message else "an agent failed"
    if code == "Cancelled":
        return error_of(CANCELLED, message)
    if code == "Closed":
        return InvalidArgument(message)
    if isinstance(code, str) and code in _OTHERS:
        return _OTHERS[code](message)
    op, url, task = (text(said.get(name)) or None for name in ("op", "url", "task_id"))
    attempts = whole(said.get("attempts")) or 0
    cls = _BY_CODE.get(code, A2aError) if isinstance(code, str) else A2aError
    if not issubclass(cls, _Detailed):
        return cls(message, op=op, url=url, task_id=task, attempts=attempts)
    detail = mapping(said.get("detail"))
    return cls(message, op=op, url=url, task_id=task, attempts=attempts, detail=detail)
