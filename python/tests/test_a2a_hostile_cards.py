"""Cards of agents that mean harm: H1 to H7 and H17. Nothing is verified by trying to be lenient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from agents import signing
from agents.asking import LOOPBACK, SECRET, connect, within
from agents.faulty import CARD, Faulty, answer, plain_card, result, task
from agents.signing import Key, signed

import ruvector as rv
from ruvector import a2a

KEY = Key(7)


@pytest.fixture
def agent() -> Iterator[Faulty]:
    with Faulty() as started:
        yield started
        assert not started.unexpected


@pytest.fixture
def evil() -> Iterator[Faulty]:
    """Somebody else, who must hear nothing."""
    with Faulty() as started:
        yield started
        assert started.asked == []


def pinned(key: Key = KEY) -> a2a.Trust:
    """Return the trust in one key."""
    return a2a.Trust.pin(jwk=key.jwk, kid=key.kid)


def refused(agent: Faulty, error: type[BaseException], **more: Any) -> Any:
    """Connect, which must fail with exactly this error and little memory; returns it."""
    with within(64), pytest.raises(a2a.A2aError) as raised:
        connect(agent, **more)
    assert type(raised.value) is error, repr(raised.value)
    assert str(raised.value)
    return raised.value


# H1


@pytest.mark.parametrize(
    "interfaces",
    [[None], [{}], None, {}, "x", [], [{"url": 1}], [None] * 80_000, [{}] * 100_000],
    ids=["null", "empty", "missing", "object", "text", "none", "number", "8e4", "1e5-objects"],
)
def test_h1_interfaces_that_are_none(agent: Faulty, interfaces: Any) -> None:
    agent.card = plain_card(agent.url, supportedInterfaces=interfaces)
    assert "supportedInterfaces" in str(refused(agent, a2a.CardInvalid))


# H2


def _spelled(url: str, change: str, by: str) -> bytes:
    text = json.dumps(plain_card(url))
    assert change in text
    return text.replace(change, by, 1).encode()


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ('"url": ', '"URL": "https://evil.example/", "url": '),
        ('"url": ', '"url": "https://evil.example/", "url": '),
        ('"name": "Faulty"', '"name": "a", "name": "b"'),
        ('"name": "Faulty"', '"name": "a", "n\\u0061me": "b"'),
        ("{", "\ufeff{"),
        ('"version": "1"', '"version": NaN'),
        ('"version": "1"', '"version": 1e999'),
        ('"version": "1"', '"version": "\\ud800"'),
        ('"version": "1"', '"version": ' + "[" * 100_000),
        ('"version": "1"', '"version": ' + '{"a":' * 50_000),
        ('"version": "1"', '"version": "\x00"'),
        ("{", "[{"),
        ('"version": "1"', '"version": "1"} {'),
    ],
    ids=[
        "other-case",
        "twice",
        "twice-at-the-top",
        "twice-escaped",
        "byte-order-mark",
        "nan",
        "infinite",
        "lone-surrogate",
        "deep-arrays",
        "deep-objects",
        "control",
        "not-an-object",
        "two-values",
    ],
)
def test_h2_json_with_two_readings(agent: Faulty, change: str, by: str) -> None:
    agent.card = lambda one, wire: wire.answer(200, _spelled(agent.url, change, by))
    refused(agent, a2a.CardInvalid)


def test_h2_a_card_that_is_no_text(agent: Faulty) -> None:
    agent.card = lambda one, wire: wire.answer(200, b"\xff\xfe\x00")
    refused(agent, a2a.CardInvalid)


# H3


@pytest.mark.parametrize(
    "added",
    [
        {"unknown": {"a": 1}},
        {"documentationUrl": ""},
        {"URL": "https://evil.example/"},
        {"SupportedInterfaces": [{"url": "https://evil.example/"}]},
        {"Name": "Evil", "NAME": "Evil"},
        {"url": "https://evil.example/", "preferredTransport": "JSONRPC"},
    ],
    ids=["unknown", "empty", "url", "interfaces", "name", "as-in-0.3"],
)
def test_h3_what_was_added_after_signing_changes_nothing(
    agent: Faulty, added: dict[str, Any]
) -> None:
    card = plain_card(agent.url)
    agent.card = {**signed(card, KEY.entry(card)), **added}
    try:
        with connect(agent, trust=pinned()) as client:
            assert client.card_trust.level == "verified"
            assert client.card.name == "Faulty"
            assert client.interface.url == agent.url + "/rpc"
            assert "evil.example" not in json.dumps(dict(client.card.raw))
    except a2a.CardSignatureInvalid:
        pass  # the other safe end


def test_h3_a_changed_card_is_not_what_was_signed(agent: Faulty) -> None:
    card = plain_card(agent.url)
    agent.card = {**signed(card, KEY.entry(card)), "name": "Evil"}
    refused(agent, a2a.CardSignatureInvalid, trust=pinned())


# H4: each entry was made for the card that is served, and would verify if the rule were not.

P384 = {
    "kty": "EC",
    "crv": "P-384",
    "x": "qsefzdZJWeKAqF6V0xRO6zfiMfeTPVNAFyYiHpOmNOp5nFGMGyDVjSBpbZvFFPgT",
    "y": "0jPv7TTdIE2O7HPp2CCCsfQUwmoF9PzHR6kV-qVt8ZT3zQkMW7W9n6IzHi7QvdKQ",
    "kid": "key",
}
LOW_ORDER = {"kty": "OKP", "crv": "Ed25519", "x": signing.b64(b"\x01" + bytes(31)), "kid": "key"}
LOW_SIGNATURE = b"\x01" + bytes(63)  # verifies everything under the point of order one


def _forged(name: str, card: dict[str, Any], evil: str) -> tuple[dict[str, Any], dict[str, str]]:
    plain: dict[str, Any] = {"kid": "key", "typ": "JOSE"}
    if name == "none":
        return signing.sealed(card, {"alg": "none", **plain}, lambda data: b""), KEY.jwk
    if name == "hs256":
        sign = signing.hs256(KEY.public)
        return signing.sealed(card, {"alg": "HS256", **plain}, sign), KEY.jwk
    if name == "hs256-jwk":
        sign = signing.hs256(json.dumps(KEY.jwk).encode())
        return signing.sealed(card, {"alg": "HS256", **plain}, sign), KEY.jwk
    if name == "rsa-1024":
        header = {"alg": "RS256", **plain}
        return signing.sealed(card, header, signing.rs256), signing.rsa_jwk()
    if name == "other-curve":
        return signing.sealed(card, {"alg": "ES256", **plain}, lambda data: bytes(64)), P384
    if name == "low-order":
        header = {"alg": "EdDSA", **plain}
        return signing.sealed(card, header, lambda data: LOW_SIGNATURE), LOW_ORDER
    if name == "other-alg":
        return KEY.entry(card, alg="ES256"), KEY.jwk
    if name == "crit":
        return KEY.entry(card, crit=["exp"], exp=4_102_444_800), KEY.jwk
    if name == "b64":
        return KEY.entry(card, b64=False, crit=["b64"]), KEY.jwk
    if name == "expired":
        return KEY.entry(card, exp=1_000_000_000), KEY.jwk
    if name == "embedded":
        return Key(9, "key").entry(card, jwk=Key(9, "key").jwk), KEY.jwk
    if name == "jku":
        return Key(9, "key").entry(card, jku=evil + "/jwks.json"), KEY.jwk
    if name == "x5u":
        return Key(9, "key").entry(card, x5u=evil + "/x5u", x5c=["MIIB"]), KEY.jwk
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "hs256",
        "hs256-jwk",
        "rsa-1024",
        "other-curve",
        "low-order",
        "other-alg",
        "crit",
        "b64",
        "expired",
        "embedded",
        "jku",
        "x5u",
    ],
)
def test_h4_forged_signatures(agent: Faulty, evil: Faulty, name: str) -> None:
    card = plain_card(agent.url)
    entry, jwk = _forged(name, card, evil.url)
    agent.card = signed(card, entry)
    refusals = (a2a.CardSignatureInvalid, a2a.CardUntrusted, rv.InvalidArgument)
    if name == "none":
        refusals += (a2a.CardInvalid,)  # no signature at all
    with pytest.raises(refusals) as raised:
        connect(agent, trust=a2a.Trust.pin(jwk=jwk, kid="key"))
    if name not in ("rsa-1024", "other-curve", "low-order"):  # keys that may be refused at once
        assert not isinstance(raised.value, rv.InvalidArgument), raised.value
    assert [one.path for one in agent.asked] in ([], [CARD])


def test_h4_the_same_cards_verify_without_the_attack(agent: Faulty) -> None:
    card = plain_card(agent.url)
    agent.card = signed(card, KEY.entry(card))
    with connect(agent, trust=pinned()) as client:
        assert (client.card_trust.level, client.card_trust.key_id) == ("verified", "key")
    agent.card = signed(card, Key(9).entry(card, kid="old"), KEY.entry(card, exp=4_102_444_800))
    with connect(agent, trust=pinned()) as client:
        assert client.card_trust.level == "verified"


def test_h4_a_bad_signature_of_a_known_key_is_never_let_through(agent: Faulty) -> None:
    card = plain_card(agent.url)
    agent.card = {**signed(card, KEY.entry(card)), "description": "other"}
    refused(agent, a2a.CardSignatureInvalid, trust=a2a.Trust.keys([KEY.jwk]))


def test_h4_without_its_signature_a_pinned_card_is_not_trusted(agent: Faulty) -> None:
    refused(agent, a2a.CardUntrusted, trust=pinned())


# H5


@pytest.mark.parametrize(
    "signatures",
    [
        [{"protected": "", "signature": ""}] * 10_000,
        [{"protected": signing.b64(b'{"alg":"EdDSA"}' + b" " * 100_000), "signature": "AA"}],
        [{"protected": "!!!", "signature": "???"}],
        [{"protected": "eyJ=", "signature": "AA=="}],
        [{"protected": signing.b64(b'{"alg":"EdDSA","kid":"a","kid":"key"}'), "signature": "AA"}],
        [{"protected": signing.b64(b"[]"), "signature": "AA"}],
        [{"protected": 7, "signature": None}],
        {"protected": "", "signature": ""},
        "x",
    ],
    ids=["1e4", "long", "not-base64", "padded", "kid-twice", "array", "number", "object", "text"],
)
def test_h5_signatures_that_cost(agent: Faulty, signatures: Any) -> None:
    agent.card = plain_card(agent.url, signatures=signatures)
    error = refused(agent, a2a.CardInvalid, trust=pinned())
    assert "signatures" in str(error)


def test_h5_a_megabyte_of_header_is_not_read(agent: Faulty) -> None:
    entry = {"protected": "A" * 1_000_000, "signature": "AA"}
    agent.card = plain_card(agent.url, signatures=[entry])
    refused(agent, a2a.ResponseTooLarge, trust=pinned())
    with within(64), pytest.raises(a2a.CardInvalid):
        rv.A2aClientSync.from_card(json.dumps(agent.card).encode(), network=LOOPBACK)


# H6


@pytest.mark.parametrize(
    "url",
    [
        "{evil}/rpc",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:7f00:1]/",
        "https://good.example@{host}/",
        "file:///etc/passwd",
        "http://0.0.0.0/",
        "gopher://127.0.0.1/",
        "//127.0.0.1/rpc",
        "http://2130706433/",
        "https://exa\u0301mple.org\u3002evil/",
        "{own}@evil.example/",
        "{own}/rpc#{own}",
        "",
    ],
)
def test_h6_interfaces_of_others(agent: Faulty, evil: Faulty, url: str) -> None:
    host = evil.url.removeprefix("http://")
    named = url.format(evil=evil.url, own=agent.url, host=host)
    interface = {"url": named, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    agent.card = plain_card(agent.url, supportedInterfaces=[interface])
    with pytest.raises(
        (a2a.UntrustedOrigin, a2a.BlockedAddress, a2a.CardInvalid, a2a.UnsupportedPeer)
    ) as raised:
        connect(agent, auth=a2a.Bearer(SECRET))
    if url.startswith(("{evil}", "http://169", "https://good", "http://0")):
        assert isinstance(raised.value, (a2a.UntrustedOrigin, a2a.BlockedAddress, a2a.CardInvalid))
    assert SECRET not in json.dumps([one.headers for one in agent.asked])


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/", "https://10.0.0.7:8443/", "https://[fd00:ec2::254]/"]
)
def test_h6_who_signs_a_card_may_name_no_private_address(agent: Faulty, url: str) -> None:
    interface = {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    card = plain_card(agent.url, supportedInterfaces=[interface])
    agent.card = signed(card, KEY.entry(card))
    with (
        pytest.raises((a2a.BlockedAddress, a2a.UntrustedOrigin)),
        connect(agent, trust=pinned()) as client,
    ):
        client.send_task("x", wait=False)


# H7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_h7_a_card_is_not_fetched_from_elsewhere(agent: Faulty, evil: Faulty, status: int) -> None:
    agent.card = answer(status, b"", {"Location": evil.url + CARD})
    error = refused(agent, a2a.RedirectBlocked, auth=a2a.Bearer(SECRET))
    assert evil.url in str(error)


@pytest.mark.parametrize("location", ["http://evil.example/", "file:///etc/passwd", "::", ""])
def test_h7_redirects_downwards_and_to_nowhere(agent: Faulty, location: str) -> None:
    agent.card = answer(302, b"", {"Location": location})
    with pytest.raises((a2a.RedirectBlocked, a2a.CardNotFound, a2a.HttpStatusError)):
        connect(agent)


def test_h7_a_redirect_to_itself_ends(agent: Faulty) -> None:
    agent.card = answer(302, b"", {"Location": agent.url + CARD})
    refused(agent, a2a.RedirectBlocked)
    assert len(agent.asked) <= 4


def test_h7_redirects_within_the_origin_are_followed(agent: Faulty) -> None:
    agent.card = answer(307, b"", {"Location": "/elsewhere.json"})
    agent.on("GET", "/elsewhere.json", answer(200, plain_card(agent.url)))
    with connect(agent) as client:
        assert client.card.name == "Faulty"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_h7_a_call_is_never_sent_on(agent: Faulty, evil: Faulty, status: int) -> None:
    with connect(agent, auth=a2a.Bearer(SECRET)) as client:
        for step in (client.send_task, client.get_task):
            agent.script(answer(status, b"", {"Location": evil.url + "/rpc"}))
            with pytest.raises(a2a.RedirectBlocked):
                step("t1")
        agent.script(answer(status, b"", {"Location": agent.url + "/other"}))
        with pytest.raises(a2a.RedirectBlocked):
            list(client.stream_task(a2a.TaskSpec("x")))


# H17


def test_h17_not_modified_without_a_card_to_keep(agent: Faulty) -> None:
    agent.card = answer(304, b"", {"ETag": 'W/"1"'})
    with pytest.raises((a2a.CardNotFound, a2a.CardInvalid, a2a.HttpStatusError)):
        connect(agent)


def test_h17_an_etag_that_stays_on_another_card(agent: Faulty) -> None:
    def step(one: Any, wire: Any) -> None:
        if one.headers.get("if-none-match"):
            wire.answer(304, b"", {"ETag": '"same"'})
            return
        wire.answer(200, plain_card(agent.url, name="First"), {"ETag": '"same"'})

    agent.card = step
    with connect(agent) as client:
        assert not client.refresh_card()
        assert client.card.name == "First"
        agent.card = answer(200, plain_card(agent.url, name="Second"), {"ETag": '"same"'})
        assert client.refresh_card()
        assert client.card.name == "Second"


def test_h17_an_older_card_comes_back(agent: Faulty) -> None:
    old = plain_card(agent.url, version="1.0.0")
    new = plain_card(agent.url, version="2.0.0")
    agent.card = signed(new, KEY.entry(new))
    trust = a2a.Trust.pin(jwk=KEY.jwk, kid=KEY.kid, rollback="refuse")
    with connect(agent, trust=trust) as client:
        agent.card = signed(old, KEY.entry(old))
        with pytest.raises(a2a.CardUntrusted, match=r"from 2\.0\.0 to 1\.0\.0"):
            client.refresh_card()
        assert client.card.version == "2.0.0"


def test_h17_a_refreshed_card_has_to_be_trusted_too(agent: Faulty) -> None:
    card = plain_card(agent.url)
    agent.card = signed(card, KEY.entry(card))
    with connect(agent, trust=pinned()) as client:
        agent.card = plain_card(agent.url, name="Evil")
        with pytest.raises(a2a.CardUntrusted):
            client.refresh_card()
        assert client.card.name == "Faulty"
        agent.script(result({"task": task(state="COMPLETED")}))
        assert client.send_task("x", wait=False).done
