"""What came without a client, checked: cards from anywhere, and push notifications."""

from __future__ import annotations

import base64
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from .._errors import InvalidArgument
from .._native.agents import begin
from .asking import card_of, ok
from .auth import Secret, hidden
from .auth import secret as secret_of
from .card import AgentCard, CardTrust
from .checked import maybe
from .connecting import coded_card
from .errors import ResponseTooLarge, TaskNotFound
from .reading import encode, mapping, shown, word
from .task import TaskUpdate
from .trust import Trust

_MOST_BODY: Final = 4 << 20


def verify_card(
    card: AgentCard | Mapping[str, Any] | bytes, trust: Trust, *, origin: str | None = None
) -> tuple[AgentCard, CardTrust]:
    """Return a card, decoded from the bytes that verified, and what is known of who wrote it.

    Nothing is asked: no key is fetched, whatever the card names.

    Parameters
    ----------
    card : bytes, mapping or AgentCard
        Bytes are verified as they are.
    trust : Trust
    origin : str, optional
        Where it came from, as ``"https://agents.example"``.

    Raises
    ------
    CardSignatureInvalid
        A signature is bad under the key that it should be of.
    CardUntrusted
        Nobody that `trust` believes signed it.
    CardInvalid, InvalidArgument

    Notes
    -----
    Thread-safe. Specification 1.0, section 8.4.
    """
    if not isinstance(trust, Trust):
        raise InvalidArgument(f"trust={trust!r:.80} must be a Trust, as rv.Trust.pin(agent_id=...)")
    asked = {**coded_card(card), "trust": trust.to_json(), "origin": maybe("origin", origin) or ""}
    said = mapping(ok(begin("verify_card", encode(asked)).wait().document))
    return card_of(said), CardTrust.from_json(said.get("trust"))


def verify_push(
    headers: Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]],
    body: bytes,
    *,
    token: str | None = None,
    bearer: str | None = None,
    task_ids: Container[str],
) -> TaskUpdate:
    """Return the update that was posted to the address of a `PushConfig`, once it is checked.

    Anybody can post to an address: what comes counts with the secret that was agreed on, and for a
    task that is waited for. As it has no date, one that was seen may come again: whoever acts on
    it asks the agent for the task first. This is no web server: hand over what yours received.

    Parameters
    ----------
    headers : mapping or pairs
        Of the request, in any case; every value of those that came more than once.
    body : bytes
        At most 4 MiB: a server should stop reading there.
    token, bearer : str, optional
        What the configuration said: ``token=``, and that of ``auth=Auth.Bearer(...)``. All that
        are given must have come, and one of them must be given.
    task_ids : container of str
        Tasks that are waited for.

    Returns
    -------
    TaskUpdate
        With ``seq`` 0.

    Raises
    ------
    Unauthenticated, PermissionDenied
        A secret is missing, or another one: answer 401, or 403.
    InvalidAgentResponse, ResponseTooLarge
        It is no update: answer 400, or 413.
    TaskNotFound
        Nobody waits for the task.
    InvalidArgument

    Notes
    -----
    Thread-safe; takes microseconds. Specification 1.0, sections 4.3 and 13.2.
    """
    token, bearer = (None if one is None else hidden(one) for one in (token, bearer))
    asked: dict[str, Any] = {"headers": _headers(headers), "body": _body(body)}
    for name, value in (("token", token), ("bearer", bearer)):
        if value is not None:
            asked[name] = secret_of(name, value)
    if len(asked) == 2:
        raise InvalidArgument(
            "nothing checks who sends push notifications; give token= or bearer=, as the "
            "configuration has them"
        )
    if isinstance(task_ids, str) or not isinstance(task_ids, Container):
        kind = type(task_ids).__name__
        raise InvalidArgument(f"task_ids is {kind}, and must be a set of ids, or what has `in`")
    said = mapping(ok(begin("verify_push", encode(asked)).wait().document))
    task_id = word(said.get("task_id"))
    if task_id not in task_ids:
        raise TaskNotFound(
            f"a push notification is about the task {shown(task_id)}, which is not waited for; "
            "drop it, or add the task",
            op="verify_push",
            task_id=task_id,
        )
    return TaskUpdate.from_json(said)


def _headers(given: Any) -> dict[str, list[str]]:
    pairs = given.items() if isinstance(given, Mapping) else given
    found: dict[str, list[str]] = {}
    try:
        for name, value in pairs:
            many = [value] if isinstance(value, str | bytes) else list(value)
            found.setdefault(_latin(name), []).extend(map(_latin, many))
    except (TypeError, ValueError):  # which may hold a secret
        raise InvalidArgument(
            "headers must be a mapping of names to texts, or pairs of them, as your server has them"
        ) from None
    return found


def _latin(value: Any) -> str:
    if isinstance(value, bytes):  # as ASGI has them
        value = value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError
    return Secret(value.encode("utf-8", "replace").decode())


def _body(body: Any) -> str:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise InvalidArgument(f"body is {type(body).__name__}, and must be the bytes that came")
    if len(body) > _MOST_BODY:
        raise ResponseTooLarge(
            f"a push notification has {len(body):,} bytes; at most {_MOST_BODY:,} are read",
            op="verify_push",
            detail={"what": "push notification", "limit": _MOST_BODY},
        )
    return base64.b64encode(body).decode()
