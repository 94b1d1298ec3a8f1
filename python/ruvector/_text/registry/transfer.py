"""Getting a file from a hub by HTTP: whole, of the right content, or not at all.

Plain `urllib`. A cut connection goes on where it was cut; what a server, a proxy or a login page
sends instead of the file is refused; a token goes to the hub alone, never to where it redirects.
"""

from __future__ import annotations

import os
import random
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Final, NamedTuple, TypeVar

from ..._errors import EmbedError

BLOCK: Final = 256 << 10
TRIES: Final = 5
UNREACHED: Final = 3  # tries where nobody answers
_REDIRECTS: Final = 8
_FIRST_WAIT: Final = 0.5  # seconds, doubled with each try
_LONGEST_WAIT: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})

Told = Callable[[int, int], object]
T = TypeVar("T")


class Answer(NamedTuple):
    """What a server said: its status, its headers, and where it was asked at last."""

    status: int
    headers: HTTPMessage
    url: str


class Hub(NamedTuple):
    """Where models are asked for, and with what; its repr does not have the token."""

    endpoint: str
    token: str = ""
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"Hub({self.endpoint!r})"


class Failed(EmbedError):
    """A server did not give what it was asked for.

    Attributes
    ----------
    status : int
        What it answered; 0 where it was not reached.
    code : str
        What a hub says more exactly.
    again : int
        How often it is worth to be tried in all.
    wait : float
        Seconds that it asks for.
    """

    def __init__(
        self, message: str, status: int = 0, code: str = "", again: int = 1, wait: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.again = again
        self.wait = wait


def secure(url: str) -> bool:
    """Return whether what comes from an address came from there: https, or this machine."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers like others: each is looked at before it is followed."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: HTTPMessage, newurl: str,
    ) -> None:  # fmt: skip
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_Stay()]
    if urllib.parse.urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _ask(hub: Hub, method: str, url: str, headers: dict[str, str]) -> Any:
    """Return the response, not read yet. Raises Failed."""
    for _ in range(_REDIRECTS):
        request = urllib.request.Request(url, method=method, headers=headers)
        request.add_header("User-Agent", "ruvector")
        request.add_header("Accept-Encoding", "identity")
        if hub.token and _origin(url) == _origin(hub.endpoint):
            request.add_header("Authorization", f"Bearer {hub.token}")
        try:
            return _opener(url).open(request, timeout=hub.timeout)
        except urllib.error.HTTPError as error:
            to = error.headers.get("Location")
            if error.code not in _REDIRECTED or not to:
                error.url = url
                return error
            if method == "HEAD" and urllib.parse.urlsplit(to).netloc:
                error.url = url
                return error  # the facts of the file are here, not where it lies
            error.close()
            url = _followed(url, to)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Failed(f"{shown(url)} was not reached: {reason}", again=UNREACHED) from error
    raise Failed(f"{shown(url)} redirects more than {_REDIRECTS} times")


def _followed(url: str, to: str) -> str:
    new = urllib.parse.urljoin(url, to)
    if not secure(new) or (url.startswith("https:") and not new.startswith("https:")):
        raise Failed(
            f"{shown(url)} redirects to {shown(new)}, from where nothing is taken: only https, or "
            "this machine"
        )
    return new


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def shown(url: str) -> str:
    """Return an address for people: without a user, and without a query, which may be a key."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"[:300]


def look(hub: Hub, url: str) -> Answer:
    """Ask for the headers of a file; follows redirects within the hub alone.

    Raises
    ------
    Failed
        The server was not reached, or has no such file for us.
    """
    return _with_patience(lambda: _look(hub, url))


def _look(hub: Hub, url: str) -> Answer:
    with _ask(hub, "HEAD", url, {}) as response:
        status = response.status
        if status >= 400:
            raise _refused(hub, response, url)
        return Answer(status, response.headers, response.url)


def read(hub: Hub, url: str, most: int) -> bytes:
    """Return what is at an address, at most so many bytes.

    Raises
    ------
    Failed
        The server was not reached, has no such thing for us, or sends more.
    """

    def attempt() -> bytes:
        with _ask(hub, "GET", url, {}) as response:
            if response.status != 200:
                raise _refused(hub, response, url)
            body: bytes = _some(response, url, most + 1)
            length = response.headers.get("Content-Length", "")
        if len(body) > most:
            raise Failed(f"{shown(url)} sends more than {most:,} bytes", 200)
        if length.isdecimal() and int(length) != len(body):
            raise _cut(url, len(body), int(length))
        return body

    return _with_patience(attempt)


def fetch(hub: Hub, url: str, path: str, size: int | None, most: int, told: Told) -> None:
    """Write what is at an address to `path`, going on after what is in there already.

    Parameters
    ----------
    size : int or None
        Bytes that it must have, where they are known.
    most : int
        Bytes that it may have.

    Raises
    ------
    Failed
        The server was not reached, has no such file for us, or sends something else.
    """
    _with_patience(lambda: _fetch(hub, url, path, size, most, told), path)


def _fetch(hub: Hub, url: str, path: str, size: int | None, most: int, told: Told) -> None:
    have = os.path.getsize(path) if os.path.exists(path) else 0
    if size is not None and have >= size:
        os.truncate(path, 0 if have > size else size)
        have = os.path.getsize(path)
        if have:
            return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _ask(hub, "GET", url, headers) as response:
        if response.status == 416:
            os.truncate(path, 0)
            raise Failed(f"{shown(url)} has another length than before", 416, again=2)
        if response.status not in (200, 206):
            raise _refused(hub, response, url)
        _refuse_page(response, url)
        if response.status == 206:
            _check_range(response, url, have, size, path)
        else:
            have = 0
        length = response.headers.get("Content-Length", "")
        end = have + int(length) if length.isdecimal() else None
        if (end or 0) > most or (None not in (end, size) and end != size):
            raise Failed(
                f"{shown(url)} has {end:,} bytes"
                + (f", {size:,} are expected" if size else f", {most:,} are taken at most"), 200,
            )  # fmt: skip
        with open(path, "r+b" if have else "wb") as file:
            file.seek(have)
            while block := _some(response, url, min(BLOCK, most + 1 - have)):
                file.write(block)
                have += len(block)
                told(have, end or size or 0)
                if have > (most if size is None else size):
                    file.truncate(0)
                    raise Failed(f"{shown(url)} sends more than it said", 200)
    whole = end if size is None else size
    if whole is not None and have != whole:
        raise _cut(url, have, whole)


def _some(response: Any, url: str, most: int) -> bytes:
    try:
        body: bytes = response.read(most)
    except (OSError, HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Failed(f"{shown(url)} was cut: {why}", again=TRIES) from error
    return body


def _cut(url: str, have: int, whole: int) -> Failed:
    return Failed(f"{shown(url)} was cut after {have:,} of {whole:,} bytes", again=TRIES)


def _check_range(response: Any, url: str, have: int, size: int | None, path: str) -> None:
    said = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", said.strip())
    if match is None or int(match[1]) != have or (size and match[3] not in ("*", str(size))):
        os.truncate(path, 0)
        raise Failed(
            f"{shown(url)} sends {said!r:.60}, bytes from {have:,} on were asked for", 206, again=2
        )


def _refuse_page(response: Any, url: str) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        raise Failed(
            f"{shown(url)} sent a web page instead of the file: a login page, or a proxy's", 200
        )


def _refused(hub: Hub, response: Any, url: str) -> Failed:
    status, headers = response.status, response.headers
    code = headers.get("X-Error-Code", "")[:40]
    why = {
        401: "the model is private, needs an agreement, or does not exist",
        403: "you may not read the model",
        404: "there is no such file, model or revision",
        429: "it was asked too often",
    }.get(status, "the server failed" if status >= 500 else "it was refused")
    way = ""
    if status in (401, 403):
        way = (
            "; your token was sent: look at its rights, and accept the model's terms on its page"
            if hub.token
            else "; set HF_TOKEN if the model needs an account"
        )
    after = headers.get("Retry-After", "").strip()
    wait = float(after) if after.isdecimal() and len(after) < 10 else 0.0
    again = TRIES if status in _AGAIN and wait <= _LONGEST_WAIT else 1
    message = f"{shown(url)} answered {status}: {why}{way}"
    return Failed(message, status, code, again, wait)


def _with_patience(attempt: Callable[[], T], path: str = "") -> T:
    """Try again what may go better the next time; each time anew while the file at `path` grows."""
    number = have = 0
    while True:
        number += 1
        try:
            return attempt()
        except Failed as error:
            now = os.path.getsize(path) if path and os.path.exists(path) else 0
            number, have = (1 if now > have and error.again == TRIES else number), now
            if number >= error.again:
                raise
            wait = min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_WAIT)
            time.sleep(max(wait * (0.5 + random.random() / 2), error.wait))
