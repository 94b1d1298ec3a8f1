"""Credentials: what they say to the library, and that nothing else of them is ever seen."""

from __future__ import annotations

import copy
import json
import pathlib
import pickle
import traceback
from typing import Any

import pytest

import ruvector as rv
from ruvector.a2a import ApiKey, Auth, Basic, Bearer, MutualTls, OAuth2ClientCredentials

SECRET = "s3cr3t-T0ken_0123456789"
PEM = "-----BEGIN {0}-----\n" + SECRET + "\n-----END {0}-----\n"
CERTIFICATE = PEM.format("CERTIFICATE").replace(SECRET, "which everybody may see")
KEY = PEM.format("PRIVATE KEY")


def kinds() -> dict[str, Auth]:
    return {
        "bearer": Bearer(SECRET),
        "api_key": ApiKey(SECRET, "X-Key", "header"),
        "basic": Basic("me", SECRET),
        "oauth2": OAuth2ClientCredentials("https://issuer.example/token", "me", SECRET, ["a"]),
        "mtls": MutualTls(CERTIFICATE, KEY.encode()),
    }


@pytest.mark.parametrize("kind", kinds())
def test_no_secret_is_in_a_text_or_a_pickle(kind: str) -> None:
    auth = kinds()[kind]
    said = auth.to_json()
    assert said["kind"] == kind and SECRET in json.dumps(said)
    shown = [repr(auth), str(auth), f"{auth}", repr([auth]), repr(said), repr(vars(type(auth)))]
    assert not [text for text in shown if SECRET in text]
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        for thing in (auth, said.get("secret", said.get("key"))):
            with pytest.raises(TypeError, match="credentials are not pickled") as caught:
                write(thing)
            assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", kinds())
def test_no_secret_is_in_a_traceback_with_all_that_it_could_show(kind: str) -> None:
    def fails(auth: Auth) -> None:
        said = auth.to_json()
        raise rv.A2aError(f"with {auth} and {said}")

    with pytest.raises(rv.A2aError) as caught:
        fails(kinds()[kind])
    assert SECRET not in all_of(caught.value)


def all_of(error: BaseException) -> str:
    """Return a traceback with the locals of its frames."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def test_what_the_library_is_told() -> None:
    assert Bearer(SECRET, scheme="b", origins=["https://a.example"], force=True).to_json() == {
        "kind": "bearer", "secret": SECRET, "scheme": "b", "origins": ["https://a.example"],
        "force": True,
    }  # fmt: skip
    assert ApiKey(SECRET).to_json() == {"kind": "api_key", "secret": SECRET, "force": False}
    assert Basic("me", "").to_json() == {
        "kind": "basic", "user": "me", "secret": "", "force": False,
    }  # fmt: skip
    assert kinds()["oauth2"].to_json() == {
        "kind": "oauth2", "token_url": "https://issuer.example/token", "user": "me",
        "secret": SECRET, "scopes": ["a"], "force": False,
    }  # fmt: skip
    assert kinds()["mtls"].to_json() == {
        "kind": "mtls", "certificate": CERTIFICATE, "key": KEY, "force": False,
    }  # fmt: skip


def test_kinds_are_found_in_auth() -> None:
    assert Auth.Bearer is Bearer and Auth.MutualTls is MutualTls and Auth.ApiKey is ApiKey
    assert isinstance(rv.Auth.Basic("a", "b"), rv.Auth)
    with pytest.raises(TypeError, match=r"use Auth\.Bearer"):
        Auth(SECRET)


def test_a_function_gives_tokens() -> None:
    auth = Bearer(lambda: SECRET)
    assert auth.maker is not None and auth.maker() == SECRET
    assert auth.to_json() == {"kind": "bearer", "changes": True, "force": False}
    assert auth.to_json("new")["secret"] == "new"
    assert Bearer(SECRET).maker is None
    for bad in ("", "a b", "a\r\nX-Evil: 1", 3):
        with pytest.raises(rv.InvalidArgument, match=r"^token "):
            auth.to_json(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Bearer(""), "token is empty"),
        (lambda: Bearer(SECRET + "\n"), r"white space, often of a file; write token\.strip\(\)"),
        (lambda: Bearer(f"Bearer {SECRET}"), "begins with 'Bearer '"),
        (lambda: Bearer(SECRET + " " + SECRET), "a character that no header can hold"),
        (lambda: Bearer(SECRET + "\x00x"), "a character that no header can hold"),
        (lambda: Bearer(SECRET + "é"), "a character that no header can hold"),
        (lambda: Bearer(SECRET.encode()), "token is bytes, and must be a text"),
        (lambda: Bearer(SECRET * 10_000), "at most 65,536 are possible"),
        (lambda: Bearer(SECRET, force=1), "force=1 must be True or False"),
        (lambda: Bearer(SECRET, origins="https://a"), "must be a list of texts"),
        (lambda: Bearer(SECRET, origins=["a.example"]), "is no address"),
        (lambda: ApiKey(SECRET, "X Key"), "name='X Key' cannot name a header"),
        (lambda: ApiKey(SECRET, location="body"), "must be one of header, query, cookie"),
        (lambda: ApiKey(SECRET, force=True), "whatever the card says: give name="),
        (lambda: Basic("a:b", SECRET), "user has a colon"),
        (lambda: Basic("", SECRET), "user is empty"),
        (lambda: Basic("a", SECRET.encode()), "password is bytes"),
        (lambda: OAuth2ClientCredentials("issuer", "a", SECRET), "token_url=.* is no address"),
        (lambda: OAuth2ClientCredentials("https://i", "a", ""), "client_secret is empty"),
        (lambda: OAuth2ClientCredentials("https://i", "a", SECRET, "x"), "list of texts"),
        (lambda: MutualTls(b"nothing", KEY), "cert is no PEM of a certificate"),
        (lambda: MutualTls(CERTIFICATE, CERTIFICATE), "key is no PEM of a private key"),
        (lambda: MutualTls(CERTIFICATE, PEM.format("ENCRYPTED PRIVATE KEY")), "has a password"),
        (lambda: MutualTls(CERTIFICATE, 3), "key is int, and must be a path or bytes"),
        (lambda: MutualTls("a\0b", KEY), "is no path"),
    ],
)
def test_what_is_wrong_is_told_and_no_secret_is(make: Any, says: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=says) as caught:
        make()
    assert SECRET not in str(caught.value)
    frames = caught.value.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.endswith("_agents/auth.py"):
        frames = frames.tb_next  # those before are the caller's
    assert SECRET not in all_of(caught.value.with_traceback(frames))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(rv.InvalidArgument, match=r"https://\*\*\*@a") as caught:
        Bearer(SECRET, origins=[f"https://u:{SECRET}@a"])
    assert SECRET not in str(caught.value)


def test_certificates_are_read_from_files(tmp_path: pathlib.Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_text(CERTIFICATE)
    key.write_text(KEY)
    assert MutualTls(cert, str(key)).to_json()["key"] == KEY
    with pytest.raises(rv.FileMissing, match=r"nothing\.pem cannot be read"):
        MutualTls(tmp_path / "nothing.pem", key)
    with pytest.raises(rv.PersistError, match="cannot be read"):
        MutualTls(tmp_path, key)
    (tmp_path / "big").write_bytes(CERTIFICATE.encode() + b" " * (1 << 20))
    with pytest.raises(rv.InvalidArgument, match="no PEM of a certificate"):
        MutualTls(tmp_path / "big", key)
