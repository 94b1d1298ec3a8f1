"""Exchanges with a server: tried again where that may help, ended where they take too long."""

from __future__ import annotations

import http.client
import random
import threading
import time
from typing import Final

from ..._errors import EmbedError
from .address import Address, address_of, cut, proxy_for, target_of
from .answers import Answer, broken, judged, stopped
from .server import Server

_ERROR_BYTES: Final = 64 << 10  # that are read of an error
_PIECE: Final = 64 << 10
_FIRST_WAIT: Final = 0.5  # seconds, doubled with every try
_LONGEST_WAIT: Final = 30.0
MOST_ASKED_WAIT: Final = 60.0  # seconds that a server may ask to wait; else it is an error at once
_REDIRECTS: Final = 3


class Call:
    """One thread's exchanges. Others look at it: what is late is cut."""

    __slots__ = ("_connection", "_cut_at", "_late", "_over", "_server", "_stop")

    def __init__(self, server: Server, stop: threading.Event, over: threading.Event) -> None:
        self._server = server
        self._stop = stop  # nobody waits any more
        self._over = over  # another job failed: no further tries
        self._connection: http.client.HTTPConnection | None = None
        self._cut_at = float("inf")
        self._late = False

    def ask(self, path: str, body: bytes) -> Answer:
        """Return the last answer to a question, tried again as often as that may help."""
        server = self._server
        address = server.address.at(path)
        begun = time.monotonic()
        tries = 0
        while True:
            pause = server.not_before - time.monotonic()
            if self._waited(pause):
                return stopped()
            answer, address = self._followed(address, body)
            tries += 1
            if not answer.problem or self._stop.is_set():
                return answer if not self._stop.is_set() else stopped()
            if not answer.again:
                return answer
            wait = random.random() * min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (tries - 1))
            told = _given_up(server, answer, tries, begun, wait)
            if told or self._over.is_set():
                return answer._replace(problem=answer.problem + told)
            if answer.wait is not None:
                server.hold(answer.wait)
                wait = answer.wait + wait / 10
            if self._waited(wait):
                return stopped() if self._stop.is_set() else answer

    def without_key(self, text: str) -> str:
        """Return text that may be shown."""
        return self._server.secret.without(text)

    def _waited(self, seconds: float) -> bool:
        """Wait; return whether there is nothing to wait for any more."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if self._stop.is_set() or (left > 0 and self._over.is_set()):
                return True
            if left <= 0:
                return False
            self._stop.wait(min(left, 0.1))

    def _followed(self, address: Address, body: bytes) -> tuple[Answer, Address]:
        """Return an answer, and where it came from: redirects within one server are followed."""
        for _ in range(_REDIRECTS + 1):
            answer, to = self._once(address, body)
            if not to:
                return answer, address
            try:
                there = address_of(_absolute(address, to))
            except (EmbedError, ValueError):
                return Answer(problem="redirects to what is no address"), address
            if there.origin != address.origin or answer.status not in (307, 308):
                say = "" if there.origin == address.origin else ", and the key goes to no other"
                return Answer(
                    problem=f"redirects ({answer.status}) to {there.shown:.200}{say}: "
                    "give that address if it is meant"
                ), address
            address = there
        return Answer(problem="redirects in a circle"), address

    def _once(self, address: Address, body: bytes) -> tuple[Answer, str]:
        """Return an answer, and where it redirects to. Raises nothing, whatever happens."""
        server = self._server
        while True:
            used = False
            self._late = False
            try:
                connection, used = server.take(address)
                self._cut_at = time.monotonic() + server.timeout
                self._connection = connection
                answer, to = self._exchange(connection, address, body)
            except EmbedError as error:
                return Answer(problem=str(error)), ""
            except Exception as error:
                self._drop()
                given_up = self._late or self._stop.is_set()
                if used and not given_up and isinstance(error, ConnectionError):
                    continue  # the server closed it while nobody used it
                answer, to = broken(error, server.known, self._late, server.timeout), ""
            finally:
                self._cut_at = float("inf")
            said = server.secret.without(answer.problem)
            return answer._replace(problem=said), to

    def _exchange(
        self, connection: http.client.HTTPConnection, address: Address, body: bytes
    ) -> tuple[Answer, str]:
        server = self._server
        proxy = proxy_for(address)
        extra = proxy.login if proxy is not None and address.scheme == "http" else {}
        connection.request("POST", target_of(address, proxy), body, server.headers(extra))
        response = connection.getresponse()
        well = 200 <= response.status < 300
        if well:
            found, problem = _read(response, server.most_bytes)
        else:
            found, problem = server.secret.out_of(response.read(_ERROR_BYTES)), ""
        if self._late:
            raise TimeoutError
        if problem:
            self._drop()
            return Answer(response.status, problem=problem), ""
        self._connection = None
        server.known = True
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            server.give(address, connection)
        to = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
        return judged(response.status, response.headers, found), to

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def look(self, now: float) -> None:
        """Cut the exchange, from another thread, if its time is over."""
        if now > self._cut_at:
            self._late = True
            self.cut()

    def cut(self) -> None:
        """End the exchange, from another thread."""
        connection = self._connection
        if connection is not None:
            cut(connection)


def _given_up(server: Server, answer: Answer, tries: int, begun: float, wait: float) -> str:
    """Return why there is no further try, empty if there is one."""
    took = time.monotonic() - begun
    if answer.wait is not None and answer.wait > MOST_ASKED_WAIT:
        return f"; it asks to wait {answer.wait:,.0f} s: ask again then"
    if tries > server.retries:
        return f" ({tries} tries)" if tries > 1 else ""
    if took + (answer.wait or wait) > server.total:
        return f" ({tries} tries in {took:.0f} s, deadline {server.total:g} s)"
    return ""


def _read(response: http.client.HTTPResponse, most: int) -> tuple[bytes, str]:
    """Return the body of an answer, and what is wrong with it."""
    length = response.length
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return b"", "sent compressed bytes that nobody asked for"
    if length is not None and length > most:
        return b"", f"answers {length:,} bytes, more than the {most:,} that are read"
    parts: list[bytes] = []
    size = 0
    while part := response.read(_PIECE):
        parts.append(part)
        size += len(part)
        if size > most:
            return b"".join(parts)[:most], f"answers more than the {most:,} bytes that are read"
    if length is not None and size < length:
        raise http.client.IncompleteRead(b"", length - size)
    return b"".join(parts), ""


def _absolute(address: Address, to: str) -> str:
    from urllib.parse import urljoin

    return urljoin(address.shown, to)
