"""Where a server is: its address, whether a proxy stands before it, and connections to it."""

from __future__ import annotations

import http.client
import os
import socket
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from ..._errors import EmbedError

_PORTS: Final = {"http": 80, "https": 443}
_SHOWN: Final = 100


class Address(NamedTuple):
    """An address without its query, which may hold a secret, and that query."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> str:
        """What a redirect must not leave: scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def shown(self) -> str:
        """The address as messages name it."""
        return self.origin + self.path

    @property
    def local(self) -> bool:
        """Whether it is this machine, so that nothing is sent over a net."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")

    def at(self, path: str) -> Address:
        """Return the address of something below this one."""
        return self._replace(path=self.path.rstrip("/") + path)


def address_of(url: object, name: str = "base_url") -> Address:
    """Return the parts of an address.

    Raises
    ------
    EmbedError
        It is none of http or https, names no host, or holds a user and a password. The message
        does not show what may be secret.
    """
    if not isinstance(url, str):
        raise EmbedError(
            f"{name} is a {type(url).__name__}; pass text: 'http://localhost:11434/v1'"
        )
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise EmbedError(f"{name} is no address; write it as 'https://host/v1'") from None
    if parts.username is not None or parts.password is not None:
        raise EmbedError(f"{name} holds a user or a password; pass the key with api_key=")
    if parts.scheme not in _PORTS or not host:
        raise EmbedError(
            f"{name}={_unsecret(parts)!r:.{_SHOWN}} is no http or https address; "
            "write it as 'http://localhost:11434/v1'"
        )
    if not url.isprintable() or not (parts.path + parts.query + host).isascii() or " " in host:
        raise EmbedError(f"{name} has letters that an address cannot have: escape them with %")
    number = _PORTS[parts.scheme] if port is None else port
    path = parts.path.replace(" ", "%20")
    return Address(parts.scheme, host, number, path, parts.query.replace(" ", "%20"))


def _unsecret(parts: SplitResult) -> str:
    return parts._replace(query="", fragment="").geturl()


class Proxy(NamedTuple):
    """A proxy of the environment; ``login`` is the header that it wants."""

    host: str
    port: int
    login: dict[str, str]


def proxy_for(address: Address) -> Proxy | None:
    """Return the proxy that the environment names for an address.

    ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in either case of letters.

    Raises
    ------
    EmbedError
        It is no HTTP proxy.
    """
    import urllib.request

    proxies = urllib.request.getproxies_environment()
    named = "proxy_bypass_environment"  # which the stubs do not know
    bypass: Any = getattr(urllib.request, named)
    url = proxies.get(address.scheme) or proxies.get("all")
    if not url or bypass(address.host, proxies):
        return None
    name = f"the proxy of the environment ({address.scheme.upper()}_PROXY)"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        raise EmbedError(f"{name} is no address") from None
    if parts.scheme != "http" or not host:
        raise EmbedError(
            f"{name} is of kind {parts.scheme!r:.20}, only http proxies are known; "
            f"NO_PROXY={address.host} goes without"
        )
    if parts.username is None:
        return Proxy(host, port, {})
    import base64

    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(host, port, {"Proxy-Authorization": "Basic " + base64.b64encode(login).decode()})


def connection_to(
    address: Address, proxy: Proxy | None, timeout: float
) -> http.client.HTTPConnection:
    """Return a connection that is opened when it is first used; certificates are checked."""
    host, port = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
    made: http.client.HTTPConnection
    if address.scheme == "https":
        import ssl

        context = ssl.create_default_context()
        made = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        if proxy is not None:
            made.set_tunnel(address.host, address.port, proxy.login)
    else:
        made = http.client.HTTPConnection(host, port, timeout=timeout)
    made.set_debuglevel(0)  # else it prints headers, and with them the key, where a class says so
    return made


def target_of(address: Address, proxy: Proxy | None) -> str:
    """Return what the first line of a request names."""
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    through = proxy is not None and address.scheme == "http"
    return address.origin + path if through else path


def cut(connection: http.client.HTTPConnection) -> None:
    """End what waits for a connection on another thread."""
    sock = getattr(connection, "sock", None)
    if sock is not None:
        with suppress(OSError):  # it is not connected any more
            # Not the method of an SSL socket, which forgets its state while the other reads.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def key_of(given: str | None, variable: str, address: Address) -> str:
    """Return the key to send, "" for none: the one given, else the environment's.

    Raises
    ------
    EmbedError
        It cannot be sent; or it is the environment's and would go over a net in the clear.
    """
    key = os.environ.get(variable, "") if given is None else given
    if not isinstance(key, str):
        raise EmbedError(f"api_key= is a {type(key).__name__}; pass text")
    key = key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        where = f"of {variable}" if given is None else "api_key="
        raise EmbedError(f"the key {where} has letters that no header can hold")
    if key and given is None and address.scheme == "http" and not address.local:
        raise EmbedError(
            f"{variable} would be sent to {address.origin} in the clear; pass api_key= for that "
            "server (api_key='' for none), or an https address"
        )
    return key
