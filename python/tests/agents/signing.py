"""Signs cards as no library would: rightly with Ed25519, and wrongly in the ways of attackers.

Ed25519 is RFC 8032's, slowly; canonical JSON is right for what these tests sign: names of ASCII,
strings, booleans and small integers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_Point = tuple[int, int, int, int]
_BASE_Y = 4 * pow(5, _P - 2, _P) % _P


def _add(a: _Point, b: _Point) -> _Point:
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(k: int, point: _Point) -> _Point:
    made = (0, 1, 1, 0)
    while k:
        if k & 1:
            made = _add(made, point)
        point, k = _add(point, point), k >> 1
    return made


def _base() -> _Point:
    y = _BASE_Y
    xx = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(xx, (_P + 3) // 8, _P)
    if x * x % _P != xx:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    x = x if x % 2 == 0 else _P - x
    return x, y, 1, x * y % _P


_BASE = _base()


def _packed(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: Any) -> bytes:
    """Return canonical JSON (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    """An Ed25519 key made from a number."""

    def __init__(self, seed: int, kid: str = "key") -> None:
        digest = hashlib.sha512(bytes([seed]) * 32).digest()
        scalar = int.from_bytes(digest[:32], "little")
        self._scalar = scalar & (1 << 254) - 8 | 1 << 254
        self._prefix = digest[32:]
        self.public = _packed(_times(self._scalar, _BASE))
        self.kid = kid

    @property
    def jwk(self) -> dict[str, str]:
        """The public half."""
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public), "kid": self.kid}

    @property
    def agent_id(self) -> str:
        """SHAKE-256 of the public half, 32 bytes in hex."""
        return hashlib.shake_256(self.public).hexdigest(32)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of RFC 8032."""
        r = int.from_bytes(hashlib.sha512(self._prefix + data).digest(), "little") % _L
        packed = _packed(_times(r, _BASE))
        k = int.from_bytes(hashlib.sha512(packed + self.public + data).digest(), "little")
        return packed + ((r + k * self._scalar) % _L).to_bytes(32, "little")

    def entry(self, card: dict[str, Any], **header: Any) -> dict[str, Any]:
        """Return an entry of "signatures" for a card; `header` changes the protected header."""
        whole = {"alg": "EdDSA", "kid": self.kid, "typ": "JOSE", **header}
        return sealed(card, whole, self.sign)


def sealed(card: dict[str, Any], header: dict[str, Any] | bytes, sign: Any) -> dict[str, Any]:
    """Return an entry of "signatures" under a header, whose bytes `sign` makes."""
    protected = b64(header if isinstance(header, bytes) else canonical(header))
    payload = canonical({name: value for name, value in card.items() if name != "signatures"})
    return {"protected": protected, "signature": b64(sign(f"{protected}.{b64(payload)}".encode()))}


def signed(card: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    """Return a card with signatures."""
    return {**card, "signatures": list(entries)}


def hs256(secret: bytes) -> Any:
    """Return what signs with a shared secret, as attackers do with a public key."""
    return lambda data: hmac.new(secret, data, "sha256").digest()


# 1024 bits, made for these tests: too short for anything else.
RSA_N = int(
    "d46c956383e8bee368d058288ab3d8b229a5e4846cce2c90c99434f3362b6168"
    "f4c77ce202c330af8b91bd96cdc7335c8c90a185dec86acfd241f0782199aed5"
    "2c792ebaa93cb10a8ba8b7207d4a1732d225261141d3215195f5fcdc4cdfecef"
    "724628e53c804576a51433193cd9d504d499758f47b59a5660113eb6d403e125",
    16,
)
RSA_D = int(
    "095196201e7a485d7b8ca0416f0c42b6562363e9f747f82685e14d8d59d3ff5a"
    "f65a05fd78378ddc35983823f47507a8c8b5d39026dccdeabe038c84089d5051"
    "0f34589d0de9b27e310d6e81c0b6b6860654dcbd7cf80c5212d07d5a1f4df4c8"
    "299be99bf1384a84e3b1c4ee7366d3080511540c0ace8ba915154f2daf26c425",
    16,
)


def rs256(data: bytes) -> bytes:
    """Return a right signature of RSA with the short key."""
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    padded = b"\x00\x01" + b"\xff" * (128 - 3 - len(digest)) + b"\x00" + digest
    return pow(int.from_bytes(padded, "big"), RSA_D, RSA_N).to_bytes(128, "big")


def rsa_jwk() -> dict[str, str]:
    """Return the public half of the short key."""
    return {"kty": "RSA", "n": b64(RSA_N.to_bytes(128, "big")), "e": "AQAB", "kid": "key"}
