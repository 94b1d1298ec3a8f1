"""`Trust`: which cards are believed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self

from .._errors import InvalidArgument
from .auth import origin_of
from .checked import json_of, maybe, names_of

Rollback = Literal["warn", "refuse"]
_AGENT = re.compile(r"(?:shake256:)?([0-9a-fA-F]{64})")
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,3}")
_MOST_KEYS: Final = 64
_MOST: Final = 16
_PUBLIC: Final = {"OKP": ("crv", "x"), "EC": ("crv", "x", "y"), "RSA": ("n", "e")}


class Trust:
    """Which cards are believed. The caller decides; a card never says itself where its keys are.

    Made by `tls`, `pin`, `keys`, `tofu`, `require` and `insecure_skip`. Never changes, is
    hashable, and can be pickled; any number of clients may share one.

    Each takes `min_version`, the least version of a card, as ``"1.2.0"``, and `rollback`: what
    happens when a card is older than one that was seen of the same key, ``"warn"`` or
    ``"refuse"``.
    """

    __slots__ = ("_said",)

    _said: str

    def __init__(self) -> None:
        raise TypeError("use Trust.tls(), Trust.pin(agent_id=...), or another of its makers")

    @classmethod
    def _of(cls, kind: str, min_version: Any, rollback: Any, **said: Any) -> Self:
        if rollback not in ("warn", "refuse"):
            raise InvalidArgument(f"rollback={rollback!r:.80} must be 'warn' or 'refuse'")
        version = maybe("min_version", min_version)
        if version is not None and not _VERSION.fullmatch(version):
            raise InvalidArgument(f"min_version={version!r:.80} is no version; write it as '1.2.0'")
        found = {"kind": kind, **{name: value for name, value in said.items() if value is not None}}
        if version is not None:
            found["min_version"] = version
        if rollback != "warn":
            found["rollback"] = rollback
        self = object.__new__(cls)
        object.__setattr__(self, "_said", json.dumps(found, sort_keys=True))
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Trust never changes; {name} cannot be set")

    @classmethod
    def tls(cls, *, min_version: str | None = None, rollback: Rollback = "warn") -> Self:
        """Believe whoever answers at the address with its certificate: the default.

        Cards need no signature; a bad one of a known key is an error all the same.
        """
        return cls._of("tls", min_version, rollback)

    @classmethod
    def pin(
        cls,
        *,
        agent_id: str | None = None,
        jwk: Mapping[str, Any] | str | bytes | None = None,
        kid: str | None = None,
        min_version: str | None = None,
        rollback: Rollback = "warn",
    ) -> Self:
        """Believe the card that one key signed.

        Parameters
        ----------
        agent_id : str, optional
            64 hex digits, the SHAKE-256 of an Ed25519 key: `AgentCard.agent_id`.
        jwk : mapping or JSON, optional
            A public key, RFC 7517.
        kid : str, optional
            Only signatures of this name; alone, it has to be made of the key.

        Raises
        ------
        InvalidArgument
            Nothing is pinned, or no key is.
        """
        name = maybe("agent_id", agent_id)
        if name is not None:
            match = _AGENT.fullmatch(name)
            if match is None:
                raise InvalidArgument(
                    f"agent_id={name!r:.80} is not 64 hex digits; it is what client.card.agent_id "
                    "says after a signature proved it"
                )
            name = match[1].lower()
        key = None if jwk is None else _key("jwk", _json("jwk", jwk))
        label = maybe("kid", kid)
        if name is None and key is None and label is None:
            raise InvalidArgument("nothing is pinned; give agent_id= or jwk=")
        return cls._of("pin", min_version, rollback, agent_id=name, jwk=key, kid=label)

    @classmethod
    def keys(
        cls,
        jwks: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | bytes,
        origins: Sequence[str] | None = None,
        *,
        min_version: str | None = None,
        rollback: Rollback = "warn",
    ) -> Self:
        """Believe cards that one of these keys signed.

        Parameters
        ----------
        jwks : mapping, sequence of mappings, or JSON
            Public keys, RFC 7517: ``{"keys": [...]}``, or a list of them.
        origins : sequence of str, optional
            Only cards of these origins: ``["https://agents.example"]``.

        Raises
        ------
        InvalidArgument
        """
        said = _json("jwks", jwks)
        found = said.get("keys", [said]) if isinstance(said, dict) else said
        if not isinstance(found, list) or not 1 <= len(found) <= _MOST_KEYS:
            raise InvalidArgument(
                f"jwks must hold 1 to {_MOST_KEYS} keys, as {{'keys': [...]}} or a list of them"
            )
        keys = [_key(f"jwks[{i}]", one) for i, one in enumerate(found)]
        named = None
        if origins is not None:
            named = [origin_of("origins", one) for one in names_of("origins", origins)]
            if not named:
                raise InvalidArgument("origins=[] believes no card; None stands for any origin")
        return cls._of("keys", min_version, rollback, jwks={"keys": keys}, origins=named)

    @classmethod
    def tofu(
        cls,
        store_path: str | os.PathLike[str],
        *,
        min_version: str | None = None,
        rollback: Rollback = "warn",
    ) -> Self:
        """Believe the key that an origin's card shows at first, and from then on that key alone.

        Parameters
        ----------
        store_path : path
            The file of what was seen, which only its owner can read; made when it is not there.
            Any number of processes may share it.

        Raises
        ------
        InvalidArgument
        """
        try:
            path = os.path.expanduser(os.fsdecode(store_path))
        except TypeError:
            kind = type(store_path).__name__
            raise InvalidArgument(f"store_path is {kind}, and must be a path") from None
        if not path or "\0" in path:
            raise InvalidArgument(f"store_path={path!r:.80} is no path")
        if os.path.isdir(path):
            raise InvalidArgument(f"store_path={path!r:.80} is a folder; name a file in it")
        return cls._of("tofu", min_version, rollback, path=os.path.abspath(path))

    @classmethod
    def require(
        cls, *trusts: Trust, min_version: str | None = None, rollback: Rollback = "warn"
    ) -> Self:
        """Believe what all of these believe, and only with a signature of a key that one knows.

        Without any, a signature by the key of the card itself is enough.

        Raises
        ------
        InvalidArgument
        """
        if len(trusts) > _MOST:
            raise InvalidArgument(
                f"{len(trusts)} trusts are required, at most {_MOST} are possible"
            )
        for one in trusts:
            if not isinstance(one, Trust):
                raise InvalidArgument(f"{one!r:.80} is no Trust; write Trust.require(Trust.tls())")
        every = [one.to_json() for one in trusts]
        return cls._of("require", min_version, rollback, all=every)

    @classmethod
    def insecure_skip(cls) -> Self:
        """Look at no signature, not even at bad ones: for tests."""
        return cls._of("insecure", None, "warn")

    @property
    def kind(self) -> str:
        """``"tls"``, ``"pin"``, ``"keys"``, ``"tofu"``, ``"require"`` or ``"insecure"``."""
        return str(self.to_json()["kind"])

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        found: dict[str, Any] = json.loads(self._said)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trust) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._said,)

    def __repr__(self) -> str:
        said = self.to_json()
        kind = said.pop("kind")
        keys = said.pop("jwks", {}).get("keys", [])
        jwk = said.pop("jwk", None)
        named = [repr(_again(json.dumps(one))) for one in said.pop("all", [])]
        named += [f"<{len(keys)} keys>"] if keys else []
        named += [f"jwk=<{jwk['kty']}>"] if jwk else []
        named += [f"{name}={value!r:.80}" for name, value in said.items()]
        return f"Trust.{'insecure_skip' if kind == 'insecure' else kind}({', '.join(named)})"


def _again(said: str) -> Trust:
    """Return the trust that was pickled."""
    self = object.__new__(Trust)
    object.__setattr__(self, "_said", said)
    return self


def _json(what: str, value: Any) -> Any:
    if isinstance(value, str | bytes | bytearray):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidArgument(
                f"{what} is no JSON; give a mapping, or the text of a JWK, not a path or PEM"
            ) from None
    return json_of(what, value)


def _key(what: str, key: Any) -> dict[str, Any]:
    """Return a public key; whether it is a good one the library says."""
    if not isinstance(key, dict):
        raise InvalidArgument(f"{what} is {type(key).__name__}, and must be a JWK: a mapping")
    kind = key.get("kty")
    if kind == "oct" or "d" in key or "k" in key:
        raise InvalidArgument(
            f"{what} holds a secret; give the public part of the key alone, without 'd' and 'k'"
        )
    if kind not in _PUBLIC:
        raise InvalidArgument(f"{what}: kty={kind!r:.40} must be one of {', '.join(_PUBLIC)}")
    for name in _PUBLIC[kind]:
        if not isinstance(key.get(name), str) or not key[name]:
            raise InvalidArgument(f"{what}: a key of kty {kind} has {name!r}, a text")
    return key
