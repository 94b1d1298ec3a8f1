"""Questions to a server as JSON over HTTP: several at once, asked again where that may help.

Exchanges run on threads of their own, so that an interrupt is heard at once; errors are made from
what was found, on the thread of who asks, so that no traceback holds the headers and their key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from ..._errors import EmbedError, RuVectorError
from .address import Address
from .answers import Answer
from .calling import Call
from .documents import NotJSON, whole
from .flight import Failed, Flight
from .server import Server

MOST_BYTES: Final = 256 << 20  # of an answer

T = TypeVar("T")
J = TypeVar("J")


class Client:
    """Asks one server. Thread-safe; a forked child opens connections of its own.

    Parameters
    ----------
    url : str
        The address that paths are appended to.
    key : str or None
        Sent as bearer token; None takes that of the environment's `variable`. Shown nowhere: not by
        ``repr``, not in errors, tracebacks or pickles.
    timeout : float
        Seconds for one try, from connecting to the last byte.
    retries : int
        Further tries after 408, 409, 429, 5xx, a timeout or a cut connection.
    total : float
        Seconds for one question with all its tries.
    what : str
        Names the server in errors.
    error : class
        What is raised.
    """

    __slots__ = ("_error", "_server", "what")

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 6,
        total: float = 600.0,
        what: str = "the embedding server",
        variable: str = "OPENAI_API_KEY",
        most_bytes: int = MOST_BYTES,
        error: type[RuVectorError] = EmbedError,
    ) -> None:
        self._server = Server(url, key, variable, timeout, retries, total, most_bytes)
        self.what = what
        self._error = error

    def __repr__(self) -> str:
        return f"Client({self.address.shown!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        server = self._server
        query = f"?{self.address.query}" if self.address.query else ""
        return _again, (
            self.address.shown + query, server.variable, server.timeout, server.retries,
            server.total, self.what, server.most_bytes, self._error,
        )  # fmt: skip

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._server.address

    def failure(self, problem: str) -> RuVectorError:
        """Return the error that says what the server did."""
        return self._error(f"{self.what} {self.address.shown} {problem}")

    def post(self, path: str, document: Any) -> bytes:
        """Return the body of the answer to one question, JSON whose shape nobody checked.

        Raises
        ------
        RuVectorError
            Of the class that was named: the server gave no answer, or an error.
        """

        def work(job: bytes, call: Call) -> Iterator[Answer]:
            yield call.ask(path, job)

        try:
            (answer,) = self.each([json.dumps(document).encode()], work, 1)
        except Failed as failed:
            answer = Answer(problem=failed.problem)
        if answer.problem:
            raise self.failure(answer.problem)
        return answer.body

    def post_json(self, path: str, document: Any) -> Any:
        """Return the answer to one question, whatever JSON it is.

        Raises
        ------
        RuVectorError
            As of `post`; or the answer is no JSON.
        """
        body = self.post(path, document)
        try:
            return whole(body)
        except NotJSON as error:
            problem = f"sent an answer that cannot be read: {error}"
        raise self.failure(problem)

    def each(
        self, jobs: Iterable[J], work: Callable[[J, Call], Iterator[T]], concurrency: int,
        look: Callable[[], object] = bool,
    ) -> Iterator[T]:  # fmt: skip
        """Yield what `work` yields for the jobs, as it comes, so many at a time.

        `work` runs on threads, and asks by the `Call` it is given. When it raises `Failed` no
        other job is begun; those under way end, what they found is yielded, and the failure is
        raised. So is an interrupt, at once, after what was found, and what `look` raises, which is
        called while answers are waited for.
        """
        return Flight(self._server, jobs, work, concurrency, look).results()

    def close(self) -> None:
        """Close the connections that are kept open; others are opened when they are needed."""
        self._server.close()


def _again(
    url: str, variable: str, timeout: float, retries: int, total: float, what: str, most: int,
    error: type[RuVectorError],
) -> Client:  # fmt: skip
    """Return a client that was pickled, with the environment's key."""
    return Client(
        url, None, variable=variable, timeout=timeout, retries=retries, total=total, what=what,
        most_bytes=most, error=error,
    )  # fmt: skip
