"""Push notifications: where an agent is to tell of a task."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Self

from .._errors import InvalidArgument
from .auth import Auth, Basic, Bearer, Secret, hidden, origin_of
from .auth import secret as secret_of
from .checked import name_of
from .policy import id_of
from .reading import mapping, shown, text, word


@dataclass(frozen=True, slots=True, init=False, repr=False)
class PushConfig:
    """Where an agent tells of a task, and with which secrets, so that what comes can be checked.

    Frozen. Secrets are not in its repr; one that has some cannot be pickled.

    Parameters
    ----------
    task_id : str
    url : str
        An address of ours that the agent can reach.
    id : str, optional
        Of the configuration; the agent makes one otherwise.
    token : str, optional
        Comes back as the header ``A2A-Notification-Token``.
    auth : Auth.Bearer or Auth.Basic, optional
        Comes back as ``Authorization``.

    Attributes
    ----------
    scheme, credentials : str or None
        What `auth` became.

    Raises
    ------
    InvalidArgument
    """

    task_id: str
    url: str
    id: str | None
    token: str | None = field(hash=False)
    scheme: str | None
    credentials: str | None = field(hash=False)

    def __init__(
        self,
        task_id: str,
        url: str,
        *,
        id: str | None = None,
        token: str | None = None,
        auth: Auth | None = None,
    ) -> None:
        token = None if token is None else hidden(token)
        scheme, credentials = _authorization(auth)
        self._put(
            id_of("task_id", name_of("task_id", task_id)),
            origin_of("url", url),
            id_of("id", id),
            None if token is None else secret_of("token", token),
            scheme,
            credentials,
        )

    def _put(self, *values: Any) -> None:
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the configuration of JSON of version 1.0; what is missing reads as absent."""
        said = mapping(raw)
        proof = mapping(said.get("authentication"))
        self = object.__new__(cls)
        self._put(
            word(said.get("taskId")),
            word(said.get("url")),
            text(said.get("id")) or None,
            _hidden(said.get("token")),
            text(proof.get("scheme")) or None,
            _hidden(proof.get("credentials")),
        )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library, secrets with it; what is None is left out."""
        names = ("id", "url", "token", "scheme", "credentials")
        return {n: getattr(self, n) for n in names if getattr(self, n) is not None}

    def __repr__(self) -> str:
        secrets = [name for name in ("token", "credentials") if getattr(self, name) is not None]
        named = f", id={shown(self.id)}" if self.id else ""
        hidden_ones = "".join(f", {name}=***" for name in secrets)
        return f"PushConfig({shown(self.task_id)}, {shown(self.url, 100)}{named}{hidden_ones})"


def _hidden(value: Any) -> Secret | None:
    return Secret(value) if isinstance(value, str) and value else None


def _authorization(auth: Any) -> tuple[str | None, Secret | None]:
    if auth is None:
        return None, None
    if isinstance(auth, Bearer) and auth.maker is None:
        return "Bearer", auth.to_json()["secret"]
    if isinstance(auth, Basic):
        said = auth.to_json()
        both = f"{said['user']}:{said['secret']}".encode()
        return "Basic", Secret(base64.b64encode(both).decode())
    raise InvalidArgument(
        f"auth is {type(auth).__name__}; an agent can send Auth.Bearer(text) or Auth.Basic"
    )
