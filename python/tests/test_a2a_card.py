"""Cards: who signed them, what they prove, and that nothing of a changed one is used.

The signed cards are those that the SDKs of others made; see agentclient/internal/card/testdata.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import pickle
from typing import Any

import pytest
from agent_server import Agent

import ruvector as rv
from ruvector import Trust
from ruvector.a2a import A2aClientSync, AgentCard, NetworkPolicy, verify_card

FILE = "agentclient/internal/card/testdata/signed.json"
SIGNED = json.loads((pathlib.Path(__file__).parents[2] / FILE).read_text("utf-8"))
NAMES = [f"{one['maker']}, {one['jwk']['kid']}" for one in SIGNED]
LOCAL = NetworkPolicy(allow_loopback_http=True)
MINIMAL = {
    "name": "n", "description": "d", "version": "1", "capabilities": {}, "skills": [],
    "defaultInputModes": [], "defaultOutputModes": [],
    "supportedInterfaces": [{"url": "https://a.example/", "protocolBinding": "JSONRPC",
                             "protocolVersion": "1.0"}],
}  # fmt: skip


def agent_id(jwk: dict[str, str]) -> str | None:
    """Return what the key of a card proves: SHAKE-256 of an Ed25519 key."""
    if jwk["kty"] != "OKP":
        return None
    key = base64.urlsafe_b64decode(jwk["x"] + "=")
    return hashlib.shake_256(key).hexdigest(32)


@pytest.mark.parametrize("one", SIGNED, ids=NAMES)
def test_a_signed_card_verifies_and_proves_who_it_is(one: dict[str, Any]) -> None:
    trust = Trust.pin(jwk=one["jwk"])
    card, found = verify_card(one["card"].encode(), trust, origin="https://a.example")
    assert found.level == "verified" and found.is_verified and found.form in ("A", "B", "C")
    assert found.key_id == one["jwk"]["kid"]
    assert card.name == "Signed € 😀" and card.agent_id == found.agent_id == agent_id(one["jwk"])
    assert pickle.loads(pickle.dumps(card)) == card
    assert "signatures" not in card.raw
    again, found = verify_card(one["card"].encode(), Trust.keys([one["jwk"]]))
    assert again == card and found.is_verified


@pytest.mark.parametrize("one", SIGNED, ids=NAMES)
def test_a_changed_card_is_refused(one: dict[str, Any]) -> None:
    said = one["card"].replace("https://a.example/rpc", "https://evil.example/rpc")
    assert said != one["card"]
    with pytest.raises(rv.CardSignatureInvalid) as caught:
        verify_card(said.encode(), Trust.pin(jwk=one["jwk"]))
    assert caught.value.reason and isinstance(caught.value, rv.a2a.CardError)
    with pytest.raises(rv.CardSignatureInvalid):
        A2aClientSync.from_card(said.encode(), trust=Trust.pin(jwk=one["jwk"]))


@pytest.mark.parametrize("one", SIGNED[:3], ids=NAMES[:3])
def test_what_is_added_to_a_signed_card_is_not_used(one: dict[str, Any]) -> None:
    said = json.loads(one["card"])
    said["supportedInterfaces"][0]["URL"] = "https://evil.example"
    said["unknown"] = {"evil": True}
    try:
        card, _ = verify_card(json.dumps(said).encode(), Trust.pin(jwk=one["jwk"]))
    except rv.CardSignatureInvalid:
        return
    assert "evil" not in json.dumps(card.raw)


def test_a_card_of_another_key_or_none_is_untrusted() -> None:
    one, other = SIGNED[0], SIGNED[4]
    with pytest.raises((rv.a2a.CardUntrusted, rv.CardSignatureInvalid)):
        verify_card(one["card"].encode(), Trust.pin(jwk=other["jwk"]))
    bare = {k: v for k, v in json.loads(one["card"]).items() if k != "signatures"}
    with pytest.raises(rv.a2a.CardUntrusted) as caught:
        verify_card(bare, Trust.pin(jwk=one["jwk"]))
    assert caught.value.level == "unsigned"
    card, found = verify_card(bare, Trust.tls())
    assert found.level == "unsigned" and not found.is_verified and card.agent_id is None
    assert verify_card(card, Trust.insecure_skip())[0].raw == card.raw


def test_an_agent_with_a_signed_card_does_a_task() -> None:
    one = SIGNED[2]
    with Agent() as agent:
        client = A2aClientSync.from_card(
            one["card"].encode(), trust=Trust.pin(jwk=one["jwk"]), endpoint=f"{agent.url}/rpc",
            network=LOCAL,
        )  # fmt: skip
        with client:
            assert client.card.agent_id == agent_id(one["jwk"])
            assert client.card_trust.level == "verified" and client.card_trust.alg == "EdDSA"
            task = client.send_task("say five days").raise_for_state()
            assert task.state == "completed" and task.text == "five days"
            assert "agent_id, proved" in client.card._repr_html_()


@pytest.mark.parametrize(
    "card",
    [
        b"", b"{", b"[]", b"null", b"\xef\xbb\xbf{}", b'{"name":NaN}', b"[" * 100_000,
        b'{"name":"\\ud800"}', {}, {"supportedInterfaces": [None]}, {"supportedInterfaces": []},
        b'{"name":"a","name":"b"}', {**MINIMAL, "supportedInterfaces": [{}] * 100_000},
        {**MINIMAL, "skills": [{"id": "s", "name": "n", "description": "d", "tags": []}] * 513},
        {**MINIMAL, "description": "x" * (513 << 10)},
    ],
    ids=range(15),
)  # fmt: skip
def test_a_card_that_is_none_is_refused(card: Any) -> None:
    with pytest.raises(rv.a2a.CardInvalid) as caught:
        verify_card(card, Trust.tls())
    assert len(str(caught.value)) < 1500


def test_what_is_no_card_and_no_trust_is_told() -> None:
    with pytest.raises(rv.InvalidArgument, match="trust='tls' must be a Trust"):
        verify_card(MINIMAL, "tls")  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="card is a int"):
        verify_card(3, Trust.tls())  # type: ignore[arg-type]
    with pytest.raises(rv.InvalidArgument, match="cannot be written as JSON"):
        verify_card({"name": {1}}, Trust.tls())
    with pytest.raises(rv.InvalidArgument):
        verify_card(MINIMAL, Trust.tls(), origin="nowhere")


def test_a_card_is_read_as_it_is() -> None:
    said = {
        **MINIMAL,
        "supportedInterfaces": [{"url": "u", "protocolBinding": "X", "tenant": "t"}, 7],
        "capabilities": {"streaming": True, "extensions": [{"uri": "e", "params": {"n": 2**64}}]},
        "skills": [{"id": "s", "tags": ["a", 1], "examples": None}, None],
        "securitySchemes": {"b": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}, "odd": 3,
                            "m": {"mtlsSecurityScheme": {}}},
        "securityRequirements": [{"schemes": {"b": {"list": ["r"]}}}, {"schemes": {"m": []}}],
        "provider": {"organization": "o"},
    }  # fmt: skip
    card = AgentCard.from_json(said)
    assert card.interfaces == (rv.a2a.AgentInterface("u", "X", "", "t"),)
    assert card.capabilities.streaming and not card.capabilities.extended_card
    assert card.capabilities.extensions[0].params == {"n": 2**64}
    assert card.skill("s").tags == ("a",) and card.provider == rv.AgentProvider("o")
    kinds = {scheme.name: scheme.kind for scheme in card.schemes}
    assert kinds == {"b": "http", "odd": "unknown", "m": "mutual_tls"}
    assert card.requirements == ({"b": ("r",)}, {"m": ()})
    assert repr(card) == "AgentCard('n' '1', ['s'])" and hash(card)
    with pytest.raises(KeyError, match="has no skill 'x'; it lists 's'"):
        card.skill("x")
    with pytest.raises(rv.a2a.CardInvalid, match="a card is a JSON object, not list"):
        AgentCard.from_json([])
