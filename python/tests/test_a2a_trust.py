"""Which cards are believed: what is said to the library, and what is refused before."""

from __future__ import annotations

import json
import pathlib
import pickle
from typing import Any

import pytest

import ruvector as rv

ID = "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e"
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}
EC = {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "k1"}


def test_what_the_library_is_told(tmp_path: pathlib.Path) -> None:
    store = tmp_path / "seen.json"
    for trust, said in (
        (rv.Trust.tls(), {"kind": "tls"}),
        (rv.Trust.tls(min_version="1.2.0", rollback="refuse"),
         {"kind": "tls", "min_version": "1.2.0", "rollback": "refuse"}),
        (rv.Trust.pin(agent_id=ID), {"kind": "pin", "agent_id": ID}),
        (rv.Trust.pin(agent_id=f"shake256:{ID.upper()}"), {"kind": "pin", "agent_id": ID}),
        (rv.Trust.pin(jwk=JWK, kid="k"), {"kind": "pin", "jwk": JWK, "kid": "k"}),
        (rv.Trust.pin(jwk=json.dumps(JWK)), {"kind": "pin", "jwk": JWK}),
        (rv.Trust.keys({"keys": [JWK, EC]}), {"kind": "keys", "jwks": {"keys": [JWK, EC]}}),
        (rv.Trust.keys([EC], ["https://a.example"]),
         {"kind": "keys", "jwks": {"keys": [EC]}, "origins": ["https://a.example"]}),
        (rv.Trust.keys(EC), {"kind": "keys", "jwks": {"keys": [EC]}}),
        (rv.Trust.tofu(store), {"kind": "tofu", "path": str(store)}),
        (rv.Trust.require(rv.Trust.tls(), rv.Trust.pin(agent_id=ID)),
         {"kind": "require", "all": [{"kind": "tls"}, {"kind": "pin", "agent_id": ID}]}),
        (rv.Trust.require(), {"kind": "require", "all": []}),
        (rv.Trust.insecure_skip(), {"kind": "insecure"}),
    ):  # fmt: skip
        assert trust.to_json() == said
        assert trust.kind == said["kind"]
        assert pickle.loads(pickle.dumps(trust)) == trust
        assert hash(trust) == hash(pickle.loads(pickle.dumps(trust)))
        assert repr(trust).startswith("Trust.") and len(repr(trust)) < 300


def test_a_trust_never_changes() -> None:
    trust = rv.Trust.pin(agent_id=ID)
    with pytest.raises(AttributeError):
        trust.kind = "tls"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="never changes"):
        trust._said = "{}"
    trust.to_json()["kind"] = "insecure"
    assert trust.kind == "pin"
    with pytest.raises(TypeError, match=r"use Trust\.tls\(\)"):
        rv.Trust()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rv.Trust.pin(), "nothing is pinned; give agent_id= or jwk="),
        (lambda: rv.Trust.pin(agent_id="abc"), "agent_id='abc' is not 64 hex digits"),
        (lambda: rv.Trust.pin(agent_id=3), "agent_id=3 must be a text"),
        (lambda: rv.Trust.pin(jwk="/etc/key.pem"), "jwk is no JSON; .* not a path or PEM"),
        (lambda: rv.Trust.pin(jwk="[" * 10**5), "jwk is no JSON"),
        (lambda: rv.Trust.pin(jwk=[JWK]), "jwk is list, and must be a JWK: a mapping"),
        (lambda: rv.Trust.pin(jwk={**JWK, "d": "private"}), "jwk holds a secret"),
        (lambda: rv.Trust.pin(jwk={"kty": "oct", "k": "x"}), "jwk holds a secret"),
        (lambda: rv.Trust.pin(jwk={"kty": "?"}), "kty='\\?' must be one of OKP, EC, RSA"),
        (lambda: rv.Trust.pin(jwk={"kty": "EC", "crv": "P-256"}), "a key of kty EC has 'x'"),
        (lambda: rv.Trust.keys([]), "jwks must hold 1 to 64 keys"),
        (lambda: rv.Trust.keys([EC] * 65), "jwks must hold 1 to 64 keys"),
        (lambda: rv.Trust.keys({"keys": 3}), "jwks must hold 1 to 64 keys"),
        (lambda: rv.Trust.keys([EC, 3]), r"jwks\[1\] is int"),
        (lambda: rv.Trust.keys([EC], []), r"origins=\[\] believes no card"),
        (lambda: rv.Trust.keys([EC], "https://a"), "must be a list of texts"),
        (lambda: rv.Trust.keys([EC], ["a.example"]), "is no address"),
        (lambda: rv.Trust.tofu(""), "store_path='' is no path"),
        (lambda: rv.Trust.tofu(3), "store_path is int"),
        (lambda: rv.Trust.tofu("/"), "is a folder; name a file in it"),
        (lambda: rv.Trust.require("tls"), "'tls' is no Trust"),
        (lambda: rv.Trust.require(*[rv.Trust.tls()] * 17), "17 trusts are required, at most 16"),
        (lambda: rv.Trust.tls(min_version="new"), "min_version='new' is no version"),
        (lambda: rv.Trust.tls(rollback="no"), "rollback='no' must be 'warn' or 'refuse'"),
    ],
)
def test_what_is_no_trust_is_told(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        make()
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    "level", ["verified", "self_certified", "signed_unknown_key", "unsigned", "unknown"]
)
def test_only_a_key_that_the_caller_trusts_verifies(level: str) -> None:
    # Anybody can make a key and sign his card with it: that proves an agent_id, and no more.
    trust = rv.a2a.CardTrust.from_json({"level": level, "agent_id": "a" * 64})
    assert trust.is_verified == (level == "verified")
    assert trust.level == level
    assert trust.warning is None


def test_what_was_let_through_is_told() -> None:
    trust = rv.a2a.CardTrust.from_json({"level": "me", "warning": "an older card", "form": ""})
    assert trust == rv.a2a.CardTrust("unknown", warning="an older card")
    assert not trust.is_verified
