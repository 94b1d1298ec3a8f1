"""`A2aClient`: another agent, asked from an event loop."""

from __future__ import annotations

import weakref
from asyncio import AbstractEventLoop
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from .._native.agents import Call, Reply, begin
from .._native.waiting import running_loop
from . import asking
from .asking import Ask, ok
from .auth import Auth
from .budget import GlobalBudget
from .card import AgentCard
from .connecting import DEFAULTS, Connected, Options, Request, request_of
from .errors import Unauthenticated
from .message import Message
from .network import A2aLimits, A2aRetry, A2aTimeouts, NetworkPolicy
from .policy import AgentIdentity, RecursionPolicy, TaskContext, TaskPolicy, TaskSpec
from .push import PushConfig
from .reading import encode
from .stream import TaskStream
from .task import Task, TaskState
from .trust import Trust

T = TypeVar("T")


class A2aClient(Connected):
    """Another agent that speaks A2A, asked from an event loop; `connect` makes it.

    Cancelling whoever awaits an answer ends the request at once. What the agent does with a task
    that it has goes on, unless the client was made with ``cancel_remote_on_abort=True``.

    Attributes
    ----------
    card : AgentCard
        What the agent says of itself, read from the bytes that were verified.
    card_trust : CardTrust
        What is known of who said it.
    interface : AgentInterface
        Where it is asked, and how.

    Notes
    -----
    Belongs to the event loop that made it: used from another, it raises RuntimeError; use
    `A2aClientSync` from threads. A forked child gets ForkedProcessError. Follows version 1.0 of the
    protocol, and 0.3; https://a2a-protocol.org/v1.0.0/specification.

    Examples
    --------
    >>> import ruvector as rv
    >>> async def ask(url: str, question: str) -> str:
    ...     async with await rv.A2aClient.connect(url) as client:
    ...         task = await client.send_task(question)
    ...         return task.raise_for_state().text
    """

    __slots__ = ("_loop",)

    _loop: weakref.ref[AbstractEventLoop]

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        trust: Trust | None = None,
        auth: Auth | Sequence[Auth] = (),
        policy: TaskPolicy | None = None,
        budget: GlobalBudget | None = None,
        recursion: RecursionPolicy | None = None,
        context: TaskContext | None = None,
        identity: AgentIdentity | None = None,
        extensions: Sequence[str] = (),
        versions: Sequence[str] = DEFAULTS.versions,
        bindings: Sequence[str] = DEFAULTS.bindings,
        fallback: bool = False,
        dialect: Literal["a2a", "rvagent-0.1"] = "a2a",
        endpoint: str | None = None,
        card_path: str | None = None,
        timeouts: A2aTimeouts | None = None,
        limits: A2aLimits | None = None,
        retry: A2aRetry | None = None,
        network: NetworkPolicy | None = None,
        strict_verify: bool | None = None,
        cancel_remote_on_abort: bool = False,
    ) -> Self:
        """Find an agent, verify its card, and choose how to speak to it.

        Parameters
        ----------
        url : str
            Of the agent: ``https`` unless `network` allows ``http`` to this machine.
        trust : Trust, optional
            Who must have signed the card. ``Trust.tls()``, the default, asks for no signature, but
            refuses one that is wrong under a known key.
        auth : Auth or sequence of Auth
            Credentials; they are sent to the agent's origin alone, and only where the card asks
            for their scheme. Functions that give tokens are called before each operation.
        policy : TaskPolicy, optional
            Limits of each task, enforced here.
        budget : GlobalBudget, optional
            What all clients that share it may spend a minute.
        recursion : RecursionPolicy, optional
            How deep agents may call agents.
        context : TaskContext, optional
            Of the task that this client works for.
        identity : AgentIdentity, optional
            Who we are.
        extensions : sequence of str
            URIs of extensions that the caller understands.
        versions, bindings : sequence of str
            What may be spoken, the preferred first.
        fallback : bool
            Try the next interface where the agent does not know the methods of the first.
        dialect : {"a2a", "rvagent-0.1"}
        endpoint : str, optional
            Where to ask, instead of where the card says.
        card_path : str, optional
            Where the card is, instead of ``/.well-known/agent-card.json``.
        timeouts : A2aTimeouts, optional
        limits : A2aLimits, optional
        retry : A2aRetry, optional
        network : NetworkPolicy, optional
            Which addresses may be asked.
        strict_verify : bool, optional
            True: no card without a signature under a key of `trust`. False: ``Trust.tls()``.
        cancel_remote_on_abort : bool
            Ask the agent to cancel the task of whoever is cancelled here.

        Raises
        ------
        CardError
            There is no card, it is not valid, not trusted, or offers nothing that is spoken here.
        TransportError
            The agent cannot be reached, or its address is not allowed.
        InvalidArgument
        """
        given = {name: value for name, value in locals().items() if name not in ("cls", "url")}
        return await cls._connected(request_of("connect", url, given))

    @classmethod
    async def from_card(
        cls, card: AgentCard | Mapping[str, Any] | bytes, **options: Unpack[Options]
    ) -> Self:
        """Make a client of a card that was found elsewhere; it is verified as `connect` does.

        Parameters
        ----------
        card : AgentCard, mapping or bytes
            Bytes are verified as they are.
        **options
            Those of `connect`.

        Raises
        ------
        CardError
        InvalidArgument
        """
        return await cls._connected(request_of("from_card", card, options))

    @classmethod
    async def _connected(cls, request: Request) -> Self:
        loop = running_loop()
        asked = request.with_tokens(await request.tokens.changed() if request.tokens else {})
        reply = await begin(request.op, encode(asked), None, request.budget).awaited()
        client = cls._made(request, ok(reply.document), reply.made)
        client._loop = weakref.ref(loop)
        return client

    def _belongs_here(self) -> AbstractEventLoop:
        """Return the running loop.

        Raises
        ------
        RuntimeError
            It is not the one that the client was made in.
        """
        loop = running_loop("A2aClientSync")
        if self._loop() is not loop:
            raise RuntimeError(
                "this A2aClient belongs to another event loop; connect one in each loop, or use "
                "A2aClientSync, which belongs to none"
            )
        return loop

    async def _renew(self) -> bool:
        """Ask for tokens; whether there are new ones."""
        return bool(self._tokens) and self._set_tokens(await self._tokens.changed())

    async def _begin(self, op: str, request: bytes) -> Call:
        self._belongs_here()
        self._refuse_closed()
        if self._tokens:
            await self._renew()
        return begin(op, request, self._handle)

    async def _reply(self, op: str, request: dict[str, Any]) -> Reply:
        return await (await self._begin(op, encode(request))).awaited()

    async def _answer(self, asked: Ask[T]) -> T:
        return asked.read(ok((await self._reply(asked.op, asked.request)).document))

    async def send_task(
        self,
        spec: TaskSpec | str,
        *,
        wait: bool = True,
        timeout: float | None = None,
        context: TaskContext | None = None,
    ) -> Task:
        """Give the agent a task.

        Parameters
        ----------
        spec : TaskSpec or str
            What to do; a text is the text of a new task.
        wait : bool
            Return when the task has ended or needs input; else once the agent has taken it.
        timeout : float, optional
            Seconds to wait here; the task goes on.
        context : TaskContext, optional
            Of the task that this one is for.

        Returns
        -------
        Task
            In whatever state: see `Task.raise_for_state`. Where the agent answers with a message
            instead, ``id`` is None, ``direct_message`` is it, and the state is completed.

        Raises
        ------
        A2aTimeout
        PolicyViolation, BudgetExceeded, RecursionLimit
            Nothing was sent, or the task was cancelled because it used more than it may.
        TransportError, ProtocolError, AuthError
        """
        try:
            return await self._answer(asking.send(spec, wait, timeout, context))
        except Unauthenticated as refused:
            if not self._may_follow(refused, timeout):
                raise
            task_id = str(refused.task_id)
        async with self.stream_task(task_id) as stream:
            return await stream.result()

    def stream_task(
        self,
        spec_or_id: TaskSpec | Task | str,
        *,
        resume: bool = True,
        context: TaskContext | None = None,
    ) -> TaskStream:
        """Return the updates of a task; nothing is sent before the first is asked for.

        Parameters
        ----------
        spec_or_id : TaskSpec, Task or str
            A new task; or one that the agent has, as itself or by its id.
        resume : bool
            Connect again where the agent's answer breaks off.
        context : TaskContext, optional
            Of the task that a new one is for.

        Raises
        ------
        InvalidArgument
        """
        self._refuse_closed()
        return TaskStream(self, *asking.stream(spec_or_id, resume, context), bool(resume))

    async def get_task(self, task_id: str, *, history_length: int | None = None) -> Task:
        """Return a task as it is now.

        Parameters
        ----------
        task_id : str
        history_length : int, optional
            How many messages of the past; the agent decides where it is None.

        Raises
        ------
        TaskNotFound
        """
        return await self._answer(asking.get(task_id, history_length))

    def list_tasks(
        self,
        *,
        context_id: str | None = None,
        state: TaskState | str | None = None,
        since: datetime | None = None,
        page_size: int = 50,
        include_artifacts: bool = False,
    ) -> TaskList:
        """Return the tasks that the agent has, those that changed last first, for ``async for``.

        Parameters
        ----------
        context_id : str, optional
        state : TaskState, optional
        since : datetime, optional
            Only tasks whose status changed then or later.
        page_size : int
            Tasks of one request, 1 to 100.
        include_artifacts : bool

        Raises
        ------
        InvalidArgument
        """
        asked = asking.listed(context_id, state, since, page_size, include_artifacts)
        return TaskList(self, asked)

    async def cancel_task(self, task_id: str) -> Task:
        """Ask the agent to cancel a task; return it as it is then.

        Raises
        ------
        TaskNotFound, TaskNotCancelable
        """
        return await self._answer(asking.cancel(task_id))

    async def reply(self, task: Task, message: Message | str) -> Task:
        """Answer a task that needs input, and wait as `send_task` does.

        Raises
        ------
        InvalidArgument
            It is no task of an agent.
        """
        return await self.send_task(asking.reply(task, message))

    async def refresh_card(self) -> bool:
        """Ask for the card again and verify it; whether it has changed.

        Raises
        ------
        CardError
            The client keeps the card that it has.
        """
        return self._learn(await self._answer(asking.refresh()))

    async def get_extended_card(self) -> AgentCard:
        """Ask for the card that only some may see, and verify it; it is `card` from now on.

        Raises
        ------
        ExtendedCardNotConfigured, AuthError, CardError
        """
        said = await self._answer(asking.extended())
        self._learn(said)
        return self.card

    async def set_push(
        self, task_id: str, url: str, *, token: str | None = None, auth: Any = None
    ) -> PushConfig:
        """Have the agent send every update of a task to an address.

        Parameters
        ----------
        task_id : str
        url : str
            Of a server of yours; `verify_push` reads what comes.
        token : str, optional
            Comes with every update.
        auth : Bearer or Basic, optional
            What the agent shows your server.

        Raises
        ------
        PushNotSupported
        """
        return await self._answer(asking.set_push(task_id, url, token, auth))

    async def get_push(self, task_id: str, config_id: str) -> PushConfig:
        """Return one address that the agent sends updates to.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        return await self._answer(asking.get_push(task_id, config_id))

    async def list_push(self, task_id: str) -> tuple[PushConfig, ...]:
        """Return the addresses that the agent sends updates of a task to.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        return await self._answer(asking.list_push(task_id))

    async def delete_push(self, task_id: str, config_id: str) -> None:
        """Have the agent send no more updates to an address.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        await self._answer(asking.delete_push(task_id, config_id))

    async def aclose(self) -> None:
        """End all streams and requests of this client, here alone. More than once is fine."""
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()


class TaskList:
    """The tasks that an agent has, for ``async for``; `A2aClient.list_tasks` makes it.

    Pages are asked for as they are needed. One task at a time may use it.
    """

    __slots__ = ("_asked", "_client", "_found", "_token")

    def __init__(self, client: A2aClient, asked: dict[str, Any]) -> None:
        self._client = client
        self._asked = asked
        self._found: list[Task] = []
        self._token: str | None = ""  # None after the last page

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Task:
        """Return the next task.

        Raises
        ------
        A2aError
        """
        while not self._found:
            if self._token is None:
                raise StopAsyncIteration
            asked = asking.page(self._asked, self._token)
            found, token = await self._client._answer(asked)
            self._found = list(reversed(found))
            self._token = asking.following(token, self._token)
        return self._found.pop()
