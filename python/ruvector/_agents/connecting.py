"""What both kinds of client are made of: what connecting is asked with, and what is known then."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Self, TypedDict

from .._errors import A2aError, InvalidArgument
from .._native import agents as native
from .._native.handle import Handle
from . import show
from .asking import card_of, ok
from .auth import Auth
from .budget import GlobalBudget
from .card import AgentCard, AgentInterface, CardTrust
from .checked import maybe, name_of, names_of
from .network import A2aLimits, A2aRetry, A2aTimeouts, NetworkPolicy
from .policy import AgentIdentity, RecursionPolicy, TaskContext, TaskPolicy
from .reading import encode, mapping
from .tokens import Tokens
from .trust import Trust

DIALECTS: Final = ("a2a", "rvagent-0.1")


class Defaults(NamedTuple):
    """What is spoken where nothing else is asked for."""

    versions: tuple[str, ...] = ("1.0", "0.3")
    bindings: tuple[str, ...] = ("JSONRPC", "HTTP+JSON")


DEFAULTS: Final = Defaults()


class Options(TypedDict, total=False):
    """The options of `A2aClient.connect`."""

    trust: Trust | None
    auth: Auth | Sequence[Auth]
    policy: TaskPolicy | None
    budget: GlobalBudget | None
    recursion: RecursionPolicy | None
    context: TaskContext | None
    identity: AgentIdentity | None
    extensions: Sequence[str]
    versions: Sequence[str]
    bindings: Sequence[str]
    fallback: bool
    dialect: Literal["a2a", "rvagent-0.1"]
    endpoint: str | None
    card_path: str | None
    timeouts: A2aTimeouts | None
    limits: A2aLimits | None
    retry: A2aRetry | None
    network: NetworkPolicy | None
    strict_verify: bool | None
    cancel_remote_on_abort: bool


_KINDS: Final[dict[str, type]] = {
    "trust": Trust, "policy": TaskPolicy, "budget": GlobalBudget, "recursion": RecursionPolicy,
    "context": TaskContext, "identity": AgentIdentity, "timeouts": A2aTimeouts,
    "limits": A2aLimits, "retry": A2aRetry, "network": NetworkPolicy,
}  # fmt: skip


class Request(NamedTuple):
    """How a client is made."""

    op: str
    options: dict[str, Any]
    auth: tuple[Auth, ...]
    tokens: Tokens
    budget: Handle | None

    def with_tokens(self, tokens: Mapping[int, str]) -> dict[str, Any]:
        """Return what the library is asked, with the tokens of functions in their places."""
        said = []
        for at, one in enumerate(self.auth):
            known = one.to_json(tokens.get(at))
            said.append(known if one.maker is None else {**known, "changes": True})
        return {**self.options, "auth": said}


def request_of(op: str, where: Any, options: Mapping[str, Any]) -> Request:
    """Check the options of a client.

    Parameters
    ----------
    op : {"connect", "from_card"}
    where : str, or a card
        The agent's URL, or its card.
    options : mapping
        `Options`.

    Raises
    ------
    InvalidArgument
    """
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise InvalidArgument(
            f"{sorted(unknown)[0]}= is no option of a client; there are "
            f"{', '.join(Options.__annotations__)}"
        )
    asked: dict[str, Any] = {"url": name_of("url", where)} if op == "connect" else coded_card(where)
    for name, kind in _KINDS.items():
        value = options.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidArgument(f"{name}={value!r:.80} must be of {kind.__name__}")
        if value is not None and name != "budget":
            asked[name] = options[name].to_json()
    _name_words(asked, options)
    given = options.get("auth", ())
    auth = (given,) if isinstance(given, Auth) else tuple(given)
    for one in auth:
        if not isinstance(one, Auth):  # what it is may be a secret
            raise InvalidArgument(
                f"auth: an object of type {type(one).__name__} is none of rv.Auth: Auth.Bearer, "
                f"Auth.ApiKey, Auth.Basic, Auth.OAuth2ClientCredentials, Auth.MutualTls"
            )
    budget = options.get("budget")
    return Request(op, asked, auth, Tokens([one.maker for one in auth]),
                   None if budget is None else budget._handle)  # fmt: skip


def _name_words(asked: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Add the options that are texts, lists of texts and switches."""
    for name, default in (("extensions", ()), *DEFAULTS._asdict().items()):
        asked[name] = names_of(name, options.get(name, default))
    for name in ("endpoint", "card_path"):
        asked[name] = maybe(name, options.get(name))
    for name in ("fallback", "cancel_remote_on_abort"):
        asked[name] = bool(options.get(name, False))
    dialect = options.get("dialect", "a2a")
    if dialect not in DIALECTS:
        raise InvalidArgument(f"dialect={dialect!r:.80} must be one of {', '.join(DIALECTS)}")
    asked["dialect"] = dialect
    strict = options.get("strict_verify")
    asked["strict_verify"] = None if strict is None else bool(strict)


def coded_card(card: Any) -> dict[str, Any]:
    """Return a card as the bytes that are verified."""
    if isinstance(card, AgentCard):
        card = card.raw
    if isinstance(card, Mapping):
        try:
            card = encode(card)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"card: it cannot be written as JSON: {error}") from None
    if not isinstance(card, bytes | bytearray | memoryview):
        raise InvalidArgument(
            f"card is a {type(card).__name__}; give an AgentCard, a mapping, or the bytes of JSON"
        )
    return {"card": base64.b64encode(card).decode()}


class Connected:
    """What both kinds of client know: the card, who signed it, where the agent is asked."""

    __slots__ = (
        "__weakref__", "_cancels_remotely", "_card", "_handle", "_interface", "_tokens", "_trust",
    )  # fmt: skip

    _cancels_remotely: bool
    _card: AgentCard
    _handle: Handle
    _interface: AgentInterface
    _tokens: Tokens
    _trust: CardTrust

    def __init__(self, *_: Any, **__: Any) -> None:
        kind = type(self).__name__
        wait = "await " if kind == "A2aClient" else ""
        raise TypeError(f"use {wait}{kind}.connect(url), or {wait}{kind}.from_card(card)")

    @classmethod
    def _made(cls, request: Request, said: Any, handle: Handle) -> Self:
        client = cls.__new__(cls)
        client._handle = handle
        client._tokens = request.tokens
        client._cancels_remotely = request.options["cancel_remote_on_abort"]
        client._learn(said)
        return client

    @property
    def card(self) -> AgentCard:
        """What the agent says of itself, read from the bytes that were verified."""
        return self._card

    @property
    def card_trust(self) -> CardTrust:
        """What is known of who said it."""
        return self._trust

    @property
    def interface(self) -> AgentInterface:
        """Where the agent is asked, and how."""
        return self._interface

    def _learn(self, said: Any) -> bool:
        """Know a card; whether it is another one."""
        found = mapping(said)
        if "card" in found:
            self._card = card_of(found)
            self._trust = CardTrust.from_json(found.get("trust"))
            self._interface = AgentInterface.from_json(found.get("interface"))
        return found.get("changed") is True

    def _set_tokens(self, tokens: Mapping[int, str]) -> bool:
        """Have requests from now on show these tokens; whether there are any."""
        if tokens:
            asked = [{"at": at, "token": token} for at, token in tokens.items()]
            ok(native.ask(self._handle, "tokens", encode({"tokens": asked})))
        return bool(tokens)

    def _may_follow(self, refused: A2aError, timeout: float | None) -> bool:
        """Whether a task whose token ran out while it was waited for is followed with another."""
        return bool(self._tokens) and refused.task_id is not None and timeout is None

    def _refuse_closed(self) -> None:
        """Raise InvalidArgument when the client is closed."""
        if not self._handle.value and not native.forked():
            raise InvalidArgument("the client is closed; connect again")

    def _close(self) -> None:
        handle = self._handle
        if handle.value and not native.forked():
            native.ask(handle, "close")
        handle.close()

    def _repr_html_(self) -> str:
        return show.card(self._card, self._trust)

    def __repr__(self) -> str:
        closed = "" if self._handle.value else ", closed"
        return f"{type(self).__name__}({self._card.name!r:.80}, {self._interface.url!r}{closed})"
