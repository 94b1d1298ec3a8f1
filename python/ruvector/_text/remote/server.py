"""One server: its address, its key, its limits, and the connections to it that are open."""

from __future__ import annotations

import http.client
import os
import time
from typing import Final

from ..._errors import InvalidArgument
from ..._locks import Lock
from .address import Address, address_of, connection_to, key_of, proxy_for

_LIVES: Final = 4  # connections that are kept open


class Secret:
    """A key that no `repr` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<a key>"

    def header(self) -> dict[str, str]:
        """Return the header that has it."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}

    def out_of(self, body: bytes) -> bytes:
        """Return the bytes of an error without the key, before they are cut anywhere."""
        return body.replace(self._text.encode(), b"(the key)") if self._text else body

    def without(self, text: str) -> str:
        """Return what a server said, without the key that it may repeat."""
        return text.replace(self._text, "(the key)") if self._text else text


class Server:
    """What all questions to a server share. Thread-safe; a forked child opens its own connections.

    Attributes
    ----------
    known : bool
        Whether it ever answered.
    not_before : float
        When questions may be sent again, by the monotonic clock.
    """

    __slots__ = (
        "_idle", "_lock", "_pid", "address", "known", "most_bytes", "not_before", "retries",
        "secret", "timeout", "total", "variable",
    )  # fmt: skip

    def __init__(
        self, url: str, key: str | None, variable: str, timeout: float, retries: int, total: float,
        most_bytes: int,
    ) -> None:  # fmt: skip
        self.address = address_of(url)
        self.secret = Secret(key_of(key, variable, self.address))
        self.variable = variable
        self.timeout = _positive("timeout", timeout)
        self.total = _positive("deadline", total)
        if not isinstance(retries, int) or not 0 <= retries <= 100:
            raise InvalidArgument(f"retries={retries!r:.40}: 0 to 100 further tries are possible")
        self.retries = retries
        self.most_bytes = most_bytes
        self.known = False
        self.not_before = 0.0
        self._lock = Lock()
        self._idle: list[tuple[Address, http.client.HTTPConnection]] = []
        self._pid = os.getpid()

    def take(self, address: Address) -> tuple[http.client.HTTPConnection, bool]:
        """Return a connection, and whether it was used before."""
        with self._lock:
            if self._pid != os.getpid():
                self._idle, self._pid = [], os.getpid()  # their sockets are the parent's, too
            for i, (to, connection) in enumerate(self._idle):
                if to.origin == address.origin:
                    del self._idle[i]
                    return connection, True
        return connection_to(address, proxy_for(address), self.timeout), False

    def give(self, address: Address, connection: http.client.HTTPConnection) -> None:
        """Keep a connection open for the next question."""
        with self._lock:
            if len(self._idle) < _LIVES:
                self._idle.append((address, connection))
                return
        connection.close()

    def close(self) -> None:
        """Close the connections that are kept open; others are opened when they are needed."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def headers(self, extra: dict[str, str]) -> dict[str, str]:
        """Return the headers of a question, the key among them."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "ruvector",
        }
        return headers | self.secret.header() | extra

    def hold(self, seconds: float) -> None:
        """Have all questions wait: the server said that it has too many."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e7:
        raise InvalidArgument(f"{name}={value!r:.40}: pass seconds, more than 0")
    return float(value)
