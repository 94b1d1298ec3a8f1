"""How a client uses the network: times, sizes, tries and addresses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from .._errors import InvalidArgument
from .checked import names_of, whole_of

_LONGEST: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class A2aTimeouts:
    """How long a client waits, in seconds; None waits for ever.

    Attributes
    ----------
    connect, tls : float
        For a connection, and for its encryption.
    headers : float
        For the first byte of an answer that is no stream.
    total : float
        For such an answer as a whole.
    card : float
        For a card.
    idle : float
        Between any two bytes of a stream, comments included. A stream as a whole has no limit.

    Raises
    ------
    InvalidArgument
    """

    connect: float | None = 10.0
    tls: float | None = 10.0
    headers: float | None = 30.0
    total: float | None = 60.0
    card: float | None = 15.0
    idle: float | None = 90.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidArgument(f"{name}={value!r:.80} must be seconds, or None")
            if not 0 < value <= _LONGEST:
                raise InvalidArgument(f"{name}={value!r:.80} must be over 0 s and at most a week")

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library; 0 is no limit."""
        return {name: value or 0 for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class A2aLimits:
    """How many bytes an agent may send, after inflation.

    A card has at most 512 KiB, whatever these say.

    Attributes
    ----------
    answer, error, header : int
        Of an answer that is no stream, of the body of an error, of all headers of an answer.
    event : int
        Of one update of a stream.
    task : int
        Of a task that is streamed, all its artifacts together.

    Raises
    ------
    InvalidArgument
    """

    answer: int = 8 << 20
    error: int = 64 << 10
    header: int = 64 << 10
    event: int = 4 << 20
    task: int = 256 << 20

    def __post_init__(self) -> None:
        for name in self.__slots__:
            whole_of(name, getattr(self, name), 1, 1 << 32)

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class A2aRetry:
    """What is asked again where an agent cannot be reached or is busy.

    Attributes
    ----------
    retries : int
        Of one request, after the first time.
    first_wait, longest_wait : float
        Seconds between tries, which double from try to try; each is a random part of that.
    longest_retry_after : float
        The most seconds that an agent may have a client wait.
    send : {"safe", "never", "always"}
        New tasks: ``"safe"`` sends again only what surely did not reach the agent.
    resume_attempts : int
        Connections of a stream that broke, one after another without success; 0 resumes none.
    resume_for : float
        Seconds after which a stream that broke is given up.

    Raises
    ------
    InvalidArgument
    """

    retries: int = 3
    first_wait: float = 0.2
    longest_wait: float = 5.0
    longest_retry_after: float = 30.0
    send: Literal["safe", "never", "always"] = "safe"
    resume_attempts: int = 8
    resume_for: float = 600.0

    def __post_init__(self) -> None:
        whole_of("retries", self.retries, 0, 100)
        whole_of("resume_attempts", self.resume_attempts, 0, 10_000)
        for name in ("first_wait", "longest_wait", "longest_retry_after", "resume_for"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidArgument(f"{name}={value!r:.80} must be seconds")
            if not 0 <= value <= _LONGEST:
                raise InvalidArgument(f"{name}={value!r:.80} must be 0 s to a week")
        if self.send not in ("safe", "never", "always"):
            raise InvalidArgument(f"send={self.send!r:.80} must be 'safe', 'never' or 'always'")

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """Which addresses a client asks.

    The origin that the caller named is always asked, over ``https``.

    Attributes
    ----------
    allowed_origins : tuple of str
        Others that a card may name: ``("https://agents.example",)``.
    allow_loopback_http : bool
        ``http`` to this machine, where the caller's own URL says so.
    allow_private : bool
        Addresses of private networks, also where a card names them.
    proxy : {None, "env"}
        ``"env"`` uses the proxies of the environment; who is asked is then decided by its name.

    Raises
    ------
    InvalidArgument
    """

    allowed_origins: tuple[str, ...] = ()
    allow_loopback_http: bool = False
    allow_private: bool = False
    proxy: Literal["env"] | None = None

    def __post_init__(self) -> None:
        origins = names_of("allowed_origins", self.allowed_origins)
        object.__setattr__(self, "allowed_origins", origins)
        if self.proxy not in (None, "env"):
            raise InvalidArgument(f"proxy={self.proxy!r:.80} must be None or 'env'")

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        return asdict(self)
