"""Streams of a task's updates: in an event loop, and for code that blocks.

A stream begins with its first use. What the agent sends is read ahead, at most 64 updates and
8 MiB; then the agent waits. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._errors import InvalidArgument, RuVectorError
from .._locks import Lock
from .._native.agents import Call, Feed, forked
from .._native.waiting import running_loop, watch
from . import show
from .asking import ok
from .errors import error_of_json
from .reading import decode, encode, mapping
from .task import Task, TaskUpdate

if TYPE_CHECKING:
    from .blocking import A2aClientSync
    from .client import A2aClient

_CUT = (
    "the stream was closed when waiting for its next update was cancelled; go on with a new one: "
    "client.stream_task(task_id)"
)


class Received:
    """What a stream has read and not given yet, and how it ends."""

    __slots__ = (
        "__weakref__", "_call", "_document", "_error", "_feed", "_found", "_over", "_refused",
        "_renewed", "_request", "_resume", "_seq", "_stale", "_task",
    )  # fmt: skip

    def __init__(self, request: dict[str, Any], known: Task, resume: bool) -> None:
        self._request = encode(request)
        self._resume = resume
        self._task = known
        self._document: bytes | None = None  # of a later state, not read yet
        self._stale = False  # whether the library knows more of the task
        self._call: Call | None = None  # while the stream is opened
        self._feed: Feed | None = None
        self._found: deque[Any] = deque()
        self._over = False
        self._error: BaseException | None = None  # raised where the updates end, once
        self._refused: BaseException | None = None  # for its credentials, when it was resumed
        self._renewed = False
        self._seq = 0  # of the last update that came

    @property
    def task(self) -> Task:
        """The task as it is known, which may be some updates ahead of the one given last."""
        try:
            self._ask_for_task()
        except RuVectorError:
            if not self._over:  # another thread closed it
                raise
        document, self._document = self._document, None
        if document is not None:
            known = mapping(ok(document))
            if known.get("task") is not None or known.get("direct_message") is not None:
                self._task = Task.from_answer(known)
        return self._task

    def _ask_for_task(self) -> None:
        """Have the document of the task as it is now; reading it may take long, and can wait."""
        feed = self._feed
        if self._stale and feed is not None:
            self._document = feed.ask("snapshot")
            self._stale = False

    def _given(self) -> TaskUpdate:
        return TaskUpdate.from_json(self._found.popleft())

    def _take(self, feed: Feed) -> None:
        """Read what has come."""
        events = decode(feed.take())
        last = events[-1] if events else {}
        kind = last.get("kind")
        if kind in ("end", "error"):
            events.pop()
        if events:
            self._stale, self._renewed = True, False
            self._seq = int(events[-1]["seq"])
        self._found.extend(events)
        if kind == "end":
            self._end(None)
        elif kind == "error":
            error = error_of_json(last.get("error"))
            if self._resume and last["error"].get("code") == "Unauthenticated":
                self._refused = error
            else:
                self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Know how it ends, once what was read is given; nothing is read any more."""
        if self._over:
            return
        self._over, self._error = True, error
        feed = self._feed
        if feed is not None:
            self._ask_for_task()
            self._feed = None
            feed.close()

    def _finished(self) -> bool:
        """Raise the error that the stream ended with, if that was not done."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        return False

    def _shut(self, error: BaseException | None = None) -> None:
        """End it here; the agent goes on."""
        self._found.clear()
        try:
            self._end(error)
        except RuVectorError:
            self._drop()
        opening = self._call
        if opening is not None:
            opening.cancel()

    def _fail(self, error: Exception) -> None:
        """End with an error, unless it was closed meanwhile."""
        if not self._over:
            self._shut(error)

    def _may_go_on(self, renewed: bool) -> bool:
        """Whether to resume what was refused; if not, it ends with that."""
        refused, self._refused = self._refused, None
        if renewed and not self._renewed:
            self._renewed = True  # once, until an update comes
            return True
        self._end(refused)
        return False

    def _drop(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    def _opened(self, feed: Feed) -> None:
        """Be open, or close what was opened meanwhile."""
        if self._over:
            feed.close()
        else:
            self._feed = feed

    def _task_id(self) -> str:
        """Return the id of the task.

        Raises
        ------
        InvalidArgument
        """
        found = self.task.id
        if found is None:
            raise InvalidArgument(
                "the agent has not named the task yet; read the first update before cancelling it"
            )
        return found

    def __repr__(self) -> str:
        ended = "closed" if self._over else "open" if self._feed is not None else "not begun"
        return f"{type(self).__name__}({ended}, {self._task!r})"

    def _repr_html_(self) -> str:
        return show.progress(self.task, self._seq, self._over)

    def __del__(self) -> None:
        if getattr(self, "_feed", None) is None or forked():
            return
        warnings.warn(
            f"a {type(self).__name__} was not closed; use `with`, or call its close",
            ResourceWarning, stacklevel=2, source=self,
        )  # fmt: skip
        self._drop()


class TaskStream(Received):
    """The updates of a task, for ``async for``; `A2aClient.stream_task` makes it.

    It ends when the task does, or waits for input. Use ``async with``, or `aclose` it: the agent's
    answer stays open until then, or until its end. Cancelling whoever waits for the next update
    closes it, too.

    Attributes
    ----------
    task : Task
        The task as it is known, which may be some updates ahead of the one that was given last.

    Notes
    -----
    Belongs to the event loop of its client. One task at a time may wait for updates; `aclose` may
    be called from any.

    Examples
    --------
    >>> import ruvector as rv
    >>> async def follow(client: rv.A2aClient, spec: str) -> None:
    ...     async with client.stream_task(rv.TaskSpec(spec)) as stream:
    ...         async for update in stream:
    ...             print(update.kind, stream.task.state)
    """

    __slots__ = ("_client", "_reading")

    def __init__(
        self, client: A2aClient, request: dict[str, Any], known: Task, resume: bool
    ) -> None:
        super().__init__(request, known, resume)
        self._client = client
        self._reading = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TaskUpdate:
        """Return the next update.

        Raises
        ------
        A2aError
            The stream broke and could not be resumed, the agent broke the protocol, a limit was
            exceeded; see the classes of ``rv.a2a``.
        RuntimeError
            Another task waits for the next update, or another event loop runs.
        """
        if not self._found and not await self._fill():
            raise StopAsyncIteration
        return self._given()

    async def _fill(self) -> bool:
        """Wait for updates; whether there are any."""
        if self._over:
            return self._finished()
        self._client._belongs_here()
        if self._reading:
            raise RuntimeError("another task waits for the next update of this stream")
        self._reading = True
        try:
            while not self._found and not self._over:
                await self._read_more()
        except (asyncio.CancelledError, GeneratorExit):
            self._abandon()
            raise
        finally:
            self._reading = False
        return bool(self._found) or self._finished()

    async def _read_more(self) -> None:
        if self._feed is None:
            await self._open()
        elif self._refused is not None:
            await self._go_on(self._feed)
        else:
            feed = self._feed
            await watch(running_loop(), feed)
            if not self._over:
                self._take(feed)

    async def _open(self) -> None:
        try:
            call = self._call = await self._client._begin("stream", self._request)
            if self._over:  # while a token was fetched
                call.cancel()
            reply = await call.awaited()
            self._opened(Feed(reply.made))
            if not self._over:
                ok(reply.document)
        except Exception as error:  # a token's, too
            self._fail(error)
        finally:
            self._call = None

    async def _go_on(self, feed: Feed) -> None:
        """Resume with new credentials what was refused; end with that where there are none."""
        try:
            renewed = await self._client._renew()
            if not self._over and self._may_go_on(renewed):
                ok((await feed.begin("resume", b"{}").awaited()).document)
        except Exception as error:
            self._fail(error)

    def _abandon(self) -> None:
        """Close it for whoever was cancelled."""
        feed = self._feed
        if feed is not None and self._client._cancels_remotely:
            feed.ask("abort")
        self._shut(InvalidArgument(_CUT))

    async def result(self) -> Task:
        """Return the task once it has ended, or waits for input; updates are read and dropped.

        Raises
        ------
        A2aError
            As ``async for`` does. Nothing is raised for a task that failed: see
            `Task.raise_for_state`.
        """
        self._found.clear()
        while await self._fill():
            self._found.clear()
        return self.task

    async def cancel(self) -> Task:
        """Ask the agent to cancel the task, and return it; the stream goes on to its end.

        Raises
        ------
        InvalidArgument
            The agent has not named the task yet.
        TaskNotCancelable
        """
        return await self._client.cancel_task(self._task_id())

    async def aclose(self) -> None:
        """End the stream here; the agent goes on with the task. More than once is fine.

        Whoever waits for the next update finds the stream at its end.
        """
        self._shut()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self._abandon()
        else:
            self._shut()


class TaskStreamSync(Received):
    """The updates of a task, for ``for``; `A2aClientSync.stream_task` makes it.

    It ends when the task does, or waits for input. Use ``with``, or `close` it: the agent's answer
    stays open until then, or until its end.

    Attributes
    ----------
    task : Task
        The task as it is known, which may be some updates ahead of the one that was given last.

    Notes
    -----
    May be used by any number of threads: each update is given to one of them. `close` ends those
    that wait. Ctrl-C closes it.
    """

    __slots__ = ("_client", "_lock")

    def __init__(
        self, client: A2aClientSync, request: dict[str, Any], known: Task, resume: bool
    ) -> None:
        super().__init__(request, known, resume)
        self._client = client
        self._lock = Lock()  # of reading

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TaskUpdate:
        """Return the next update.

        Raises
        ------
        A2aError
            The stream broke and could not be resumed, the agent broke the protocol, a limit was
            exceeded; see the classes of ``rv.a2a``.
        """
        with self._lock:
            if not self._found and not self._fill():
                raise StopIteration
            return self._given()

    def _fill(self) -> bool:
        """Wait for updates; whether there are any."""
        try:
            while not self._found and not self._over:
                self._read_more()
        except RuVectorError:
            if not self._over:  # another thread closed it
                raise
        except BaseException:
            self._abandon()
            raise
        return bool(self._found) or self._finished()

    def _read_more(self) -> None:
        feed = self._feed
        if feed is None:
            self._open()
        elif self._refused is not None:
            self._go_on(feed)
        else:
            feed.wait()
            self._take(feed)

    def _open(self) -> None:
        try:
            call = self._call = self._client._begin("stream", self._request)
            reply = call.wait()
            self._opened(Feed(reply.made))
            if not self._over:
                ok(reply.document)
        except Exception as error:  # a token's, too
            self._fail(error)
        finally:
            self._call = None

    def _go_on(self, feed: Feed) -> None:
        """Resume with new credentials what was refused; end with that where there are none."""
        try:
            if self._may_go_on(self._client._renew()):
                ok(feed.begin("resume", b"{}").wait().document)
        except Exception as error:
            self._fail(error)

    def _abandon(self) -> None:
        """Close it for whoever was interrupted."""
        feed = self._feed
        if feed is not None and self._client._cancels_remotely:
            feed.ask("abort")
        self._shut(InvalidArgument(_CUT))

    def result(self) -> Task:
        """Return the task once it has ended, or waits for input; updates are read and dropped.

        Raises
        ------
        A2aError
            As ``for`` does. Nothing is raised for a task that failed: see `Task.raise_for_state`.
        """
        with self._lock:
            self._found.clear()
            while self._fill():
                self._found.clear()
        return self.task

    def cancel(self) -> Task:
        """Ask the agent to cancel the task, and return it; the stream goes on to its end.

        Raises
        ------
        InvalidArgument
            The agent has not named the task yet.
        TaskNotCancelable
        """
        return self._client.cancel_task(self._task_id())

    def close(self) -> None:
        """End the stream here; the agent goes on with the task. More than once is fine.

        Whoever waits for the next update finds the stream at its end.
        """
        self._shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shut()
