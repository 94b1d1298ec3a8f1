"""What a server answered, and what that means: done, try again, too large, or never."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any, Final, NamedTuple

_EXCERPT: Final = 200  # letters of what a server says
_TRANSIENT: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_NO_QUOTA: Final = "insufficient_quota"  # an answer 429 that waiting does not mend
_TOO_LARGE: Final = (
    "too large", "too long", "too many", "maximum", "max_tokens", "exceed", "larger than",
    "longer than", "context length", "batch size", "limit",
)  # fmt: skip


class Answer(NamedTuple):
    """One exchange with a server.

    ``problem`` says what is wrong, empty for an answer that is well. ``again`` tells that another
    try may do better, ``wait`` how many seconds from now the server wants none, ``large`` that less
    at once may do better.
    """

    status: int = 0
    body: bytes = b""
    problem: str = ""
    again: bool = False
    wait: float | None = None
    large: bool = False


def stopped() -> Answer:
    """Return the answer to a question that nobody asks any more."""
    return Answer(problem="nobody waits for it any more")


def judged(status: int, headers: http.client.HTTPMessage, body: bytes) -> Answer:
    """Return what a complete answer means."""
    if 200 <= status < 300:
        kind = headers.get_content_type() if "Content-Type" in headers else "application/json"
        if kind != "application/json" and not kind.endswith("+json"):
            return Answer(
                status,
                problem=f"answered {kind!r:.60}, not JSON ({_excerpt(body)}); is the address "
                "right? It often ends with /v1",
            )
        return Answer(status, body)
    said, code = _said(body)
    problem = f"answered {status}" + (f": {said}" if said else "")
    if status in (401, 403):
        problem += "; is the key right? (api_key=, or the variable OPENAI_API_KEY)"
    elif status == 404:
        problem += "; is the address right, and does the server have this model?"
    large = status == 413 or (
        status in (400, 422) and any(words in said.lower() for words in _TOO_LARGE)
    )
    again = status in _TRANSIENT and code != _NO_QUOTA
    return Answer(status, body, problem, again, _wait(headers) if again else None, large)


def _said(body: bytes) -> tuple[str, str]:
    """Return the words of an error and its code, as servers spell them."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return _excerpt(body), ""
    if not isinstance(told, dict):
        return _excerpt(body), ""
    inner: Any = told.get("error", told)
    if isinstance(inner, str):
        return _short(inner), ""
    if not isinstance(inner, dict):
        return _excerpt(body), ""
    words = next(
        (
            inner[name]
            for name in ("message", "detail", "error")
            if isinstance(inner.get(name), str)
        ),
        None,
    )
    code = inner.get("code") or inner.get("type") or ""
    return _excerpt(body) if words is None else _short(words), str(code)[:_EXCERPT]


def _excerpt(body: bytes) -> str:
    return _short(body[: 4 * _EXCERPT].decode("utf-8", "replace")) if body else ""


def _short(text: str) -> str:
    """Return text on one line, without letters that a terminal would act on."""
    one = "".join(c if c.isprintable() else " " for c in text[: 4 * _EXCERPT])
    one = " ".join(one.split())
    return one if len(one) <= _EXCERPT else one[:_EXCERPT] + "..."


def _wait(headers: http.client.HTTPMessage) -> float | None:
    """Return the seconds that a server asks to wait: given as a number, or as a date."""
    for name, unit in (("Retry-After-Ms", 1e-3), ("Retry-After", 1.0)):
        told = headers.get(name, "").strip()
        try:
            seconds = float(told) * unit
        except ValueError:
            continue
        if 0 <= seconds < 1e9:
            return seconds
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(headers["Retry-After"]).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def broken(error: Exception, known: bool, late: bool, timeout: float) -> Answer:
    """Return what an exchange means that did not come to its end.

    `known` tells that this server answered before, `late` that its time was over.
    """
    if late or isinstance(error, TimeoutError):
        return Answer(problem=f"gave no whole answer within {timeout:g} s", again=True)
    if isinstance(error, socket.gaierror):
        return Answer(problem=f"is not found: {_words(error)}", again=known)
    if isinstance(error, ConnectionRefusedError):
        return Answer(problem="refuses connections: is it started?", again=known)
    if type(error).__module__ == "ssl" and "CERTIFICATE" in str(error):
        return Answer(problem=f"has a certificate that is not trusted: {_words(error)}")
    if isinstance(error, http.client.IncompleteRead):
        return Answer(problem="cut the connection within its answer", again=True)
    if isinstance(error, ConnectionError):
        return Answer(problem="cut the connection", again=True)
    if isinstance(error, http.client.HTTPException):
        return Answer(
            problem=f"speaks no HTTP that is understood ({type(error).__name__})", again=True
        )
    return Answer(problem=f"cannot be reached: {_words(error)}", again=isinstance(error, OSError))


def _words(error: Exception) -> str:
    return _short(f"{type(error).__name__}: {error}")
