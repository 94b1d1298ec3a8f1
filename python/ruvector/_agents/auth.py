"""Credentials: what proves to an agent who asks. No text and no pickle of them has a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final, Literal, NoReturn, TypeAlias

from .._errors import InvalidArgument, PersistError, error_of
from .checked import flag_of, maybe, names_of

TokenMaker: TypeAlias = Callable[[], "str | Awaitable[str]"]
_TOKEN = re.compile(r"[\x21-\x7e]+")
_TEXT = re.compile(r"[\x20-\x7e]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_LOCATIONS: Final = ("header", "query", "cookie")
_MOST_PEM: Final = 1 << 20


class Secret(str):
    """A text that is not shown: its repr is ``'***'``. JSON has it as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> NoReturn:
        _no_pickle()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _no_pickle()


class _NoText:
    """What should be a secret and is no text: a traceback with locals does not show it."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind


def hidden(value: Any) -> Any:
    """Return a secret in a form in which locals of a traceback do not show it.

    Constructors put it in the place of their argument before anything can fail.
    """
    return Secret(value) if isinstance(value, str) else _NoText(type(value).__name__)


def _no_pickle() -> NoReturn:
    raise TypeError(
        "credentials are not pickled: a pickle is a file that others read; make them in each "
        "process, from its environment or its store of secrets"
    )


class Auth:
    """What proves to an agent who asks; its kinds are ``Auth.Bearer``, ``Auth.ApiKey``, ...

    A credential goes to the origin that the caller named, or to `origins`, and nowhere else;
    there only where the agent's card asks for a scheme that it fits. It cannot be pickled, and
    its repr says its kind alone. Any number of clients may share one.

    Parameters
    ----------
    scheme : str, optional
        The card's name of the scheme that it is for; any that it fits when not given.
    origins : sequence of str
        Origins that it may go to, ``("https://agents.example",)``, instead of the caller's.
    force : bool
        Send it even though the card does not ask for it.

    Raises
    ------
    InvalidArgument
        No message repeats a secret.
    """

    __slots__ = ("_force", "_origins", "_said", "_scheme", "maker")

    kind: ClassVar[str] = ""
    Bearer: ClassVar[type[Bearer]]
    ApiKey: ClassVar[type[ApiKey]]
    Basic: ClassVar[type[Basic]]
    OAuth2ClientCredentials: ClassVar[type[OAuth2ClientCredentials]]
    MutualTls: ClassVar[type[MutualTls]]

    maker: TokenMaker | None
    _said: dict[str, Any]

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError("use Auth.Bearer(token), or another kind of Auth")

    def _keep(
        self,
        said: dict[str, Any],
        scheme: Any,
        origins: Any,
        force: Any,
        maker: TokenMaker | None = None,
    ) -> None:
        self._said = said
        self._scheme = maybe("scheme", scheme)
        self._origins = tuple(origin_of("origins", one) for one in names_of("origins", origins))
        self._force = flag_of("force", force)
        self.maker = maker

    def to_json(self, token: str | None = None) -> dict[str, Any]:
        """Return JSON for the library, secrets with it, which a repr of it does not show.

        Parameters
        ----------
        token : str, optional
            What `maker` gave.
        """
        token = None if token is None else hidden(token)
        said = {"kind": self.kind, **self._said, "force": self._force}
        if self._scheme is not None:
            said["scheme"] = self._scheme
        if self._origins:
            said["origins"] = list(self._origins)
        if self.maker is not None:
            said["changes"] = True
        if token is not None:
            said["secret"] = secret("token", token, _TOKEN)
        return said

    def __repr__(self) -> str:
        return f"Auth.{type(self).__name__}(***)"

    def __reduce__(self) -> NoReturn:
        _no_pickle()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _no_pickle()


class Bearer(Auth):
    """A token, sent as ``Authorization: Bearer``.

    Parameters
    ----------
    token : str, or callable
        A function is asked before each request, and may be async with `A2aClient`.
    scheme, origins, force
        See `Auth`.

    Raises
    ------
    InvalidArgument
    """

    __slots__ = ()
    kind = "bearer"

    def __init__(
        self,
        token: str | TokenMaker,
        *,
        scheme: str | None = None,
        origins: Sequence[str] = (),
        force: bool = False,
    ) -> None:
        if callable(token):
            self._keep({}, scheme, origins, force, token)
            return
        token = hidden(token)
        self._keep({"secret": secret("token", token, _TOKEN)}, scheme, origins, force)


class ApiKey(Auth):
    """A key, sent where the card says.

    Parameters
    ----------
    value : str
    name : str, optional
        Of the header, the parameter or the cookie, instead of what the card says.
    location : {"header", "query", "cookie"}, optional
        Instead of what the card says.
    scheme, origins, force
        See `Auth`. What is sent whatever the card says needs a `name`.

    Raises
    ------
    InvalidArgument
    """

    __slots__ = ()
    kind = "api_key"

    def __init__(
        self,
        value: str,
        name: str | None = None,
        location: Literal["header", "query", "cookie"] | None = None,
        *,
        scheme: str | None = None,
        origins: Sequence[str] = (),
        force: bool = False,
    ) -> None:
        value = hidden(value)
        said: dict[str, Any] = {"secret": secret("value", value, _TEXT)}
        if name is not None:
            if not isinstance(name, str) or not _HEADER.fullmatch(name):
                raise InvalidArgument(f"name={name!r:.80} cannot name a header or a parameter")
            said["name"] = name
        if location is not None:
            if location not in _LOCATIONS:
                raise InvalidArgument(
                    f"location={location!r:.80} must be one of {', '.join(_LOCATIONS)}"
                )
            said["location"] = location
        if force and name is None:
            raise InvalidArgument("force=True sends the key whatever the card says: give name=")
        self._keep(said, scheme, origins, force)


class Basic(Auth):
    """A user and a password, sent as ``Authorization: Basic``.

    Parameters
    ----------
    user, password : str
        A user has no colon.
    scheme, origins, force
        See `Auth`.

    Raises
    ------
    InvalidArgument
    """

    __slots__ = ()
    kind = "basic"

    def __init__(
        self,
        user: str,
        password: str,
        *,
        scheme: str | None = None,
        origins: Sequence[str] = (),
        force: bool = False,
    ) -> None:
        password = hidden(password)
        name = secret("user", user, None)
        if ":" in name:
            raise InvalidArgument("user has a colon, which HTTP uses to end it")
        word = secret("password", password, None) if password != "" else Secret("")
        self._keep({"user": name, "secret": word}, scheme, origins, force)


class OAuth2ClientCredentials(Auth):
    """A client's name and secret, for tokens of an issuer: RFC 6749, section 4.4.

    The client asks the issuer, keeps a token until shortly before it ends, and asks again once
    where an agent does not take it.

    Parameters
    ----------
    token_url : str
        Of the issuer, ``https``. The one that a card names is never asked.
    client_id, client_secret : str
    scopes : sequence of str
    scheme, origins, force
        See `Auth`.

    Raises
    ------
    InvalidArgument
    """

    __slots__ = ()
    kind = "oauth2"

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str] = (),
        *,
        scheme: str | None = None,
        origins: Sequence[str] = (),
        force: bool = False,
    ) -> None:
        client_secret = hidden(client_secret)
        origin_of("token_url", token_url)
        said = {
            "token_url": str(token_url),
            "user": secret("client_id", client_id, _TEXT),
            "secret": secret("client_secret", client_secret, None),
            "scopes": list(names_of("scopes", scopes)),
        }
        self._keep(said, scheme, origins, force)


class MutualTls(Auth):
    """A certificate of ours and its key, shown in the TLS handshake.

    Parameters
    ----------
    cert, key : path, or bytes
        PEM; a path is read now. A key that has a password is not read.
    scheme, origins, force
        See `Auth`.

    Raises
    ------
    InvalidArgument
        They are no PEM.
    FileMissing, PersistError
        A file cannot be read.
    """

    __slots__ = ()
    kind = "mtls"

    def __init__(
        self,
        cert: str | os.PathLike[str] | bytes,
        key: str | os.PathLike[str] | bytes,
        *,
        scheme: str | None = None,
        origins: Sequence[str] = (),
        force: bool = False,
    ) -> None:
        if isinstance(key, bytes | bytearray):
            key = hidden(key.decode("utf-8", "replace"))
        key = hidden(key) if _is_pem(key) else key
        said = {
            "certificate": _pem("cert", cert, "CERTIFICATE"),
            "key": _pem("key", key, "PRIVATE KEY"),
        }
        self._keep(said, scheme, origins, force)


for _kind in (Bearer, ApiKey, Basic, OAuth2ClientCredentials, MutualTls):
    setattr(Auth, _kind.__name__, _kind)


def origin_of(what: str, value: Any) -> str:
    """Return an address whose scheme and host can be read; it is checked again where it is used.

    Raises
    ------
    InvalidArgument
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} has {type(value).__name__}, and must be an address")
    if not re.match(r"https?://[^\s/?#@\\]+(?:[/?#]|\Z)", value) or not value.isprintable():
        safe = re.sub(r"//[^/]*@", "//***@", value)
        raise InvalidArgument(
            f"{what}={safe!r:.80} is no address; write it as 'https://agents.example', without a "
            "user"
        )
    return str(value)


def secret(what: str, value: Any, form: re.Pattern[str] | None = _TEXT) -> Secret:
    """Return a secret that can be sent, of what `hidden` gave.

    Raises
    ------
    InvalidArgument
        It cannot; the message does not repeat it.
    """
    why = ""
    if isinstance(value, _NoText):
        why = f"is {value.kind}, and must be a text"
    elif not value:
        why = "is empty"
    elif value != value.strip():
        why = f"begins or ends with white space, often of a file; write {what}.strip()"
    elif form is _TOKEN and value.lower().startswith("bearer "):
        why = "begins with 'Bearer ', which is added when it is sent; leave it out"
    elif (form is not None and not form.fullmatch(value)) or not value.isprintable():
        why = "has a character that no header can hold"
    elif len(value) > 64 << 10:
        why = f"has {len(value):,} characters, at most 65,536 are possible"
    if why:
        raise InvalidArgument(f"{what} {why}")
    return Secret(value)


def _is_pem(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("-----BEGIN")


def _pem(what: str, value: Any, holds: str) -> Secret:
    if isinstance(value, bytes | bytearray):
        value = Secret(value.decode("utf-8", "replace"))
    elif not isinstance(value, Secret) and not _is_pem(value):
        if not isinstance(value, str | os.PathLike):
            raise InvalidArgument(f"{what} is {type(value).__name__}, and must be a path or bytes")
        value = _contents(what, os.fspath(value))
    if "ENCRYPTED" in value:
        raise InvalidArgument(
            f"{what} has a password; write it without one, to a file that only you can read: "
            "openssl pkey -in key.pem -out plain.pem"
        )
    if f"{holds}-----" not in value or not value.isascii() or len(value) > _MOST_PEM:
        raise InvalidArgument(f"{what} is no PEM of a {holds.lower()}")
    return Secret(value)


def _contents(what: str, path: str) -> Secret:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return Secret(file.read(_MOST_PEM + 1))
    except OSError as error:
        code = error.errno or 0
        raise error_of(
            PersistError.kind, f"{what}: {path} cannot be read: {error.strerror}", code=code
        ) from None
    except ValueError:
        raise InvalidArgument(f"{what}={path!r:.80} is no path") from None
