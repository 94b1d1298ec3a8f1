"""`A2aClientSync`: another agent, asked by code that blocks, in any thread and in notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from .._native.agents import Call, begin
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
from .stream import TaskStreamSync
from .task import Task, TaskState
from .trust import Trust

T = TypeVar("T")


class A2aClientSync(Connected):
    """Another agent that speaks A2A, asked by code that blocks; `connect` makes it.

    The same as `A2aClient` without an event loop: it works where one runs already, as in notebooks,
    and in threads. Ctrl-C ends a request at once. What the agent does with a task that it has goes
    on, unless the client was made with ``cancel_remote_on_abort=True``.

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
    Thread-safe; the interpreter lock is free while it waits. A forked child gets
    ForkedProcessError.

    Examples
    --------
    >>> import ruvector as rv
    >>> def ask(url: str, question: str) -> str:
    ...     with rv.A2aClientSync.connect(url) as client:
    ...         return client.send_task(question).raise_for_state().text
    """

    __slots__ = ()

    @classmethod
    def connect(
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

        The parameters are those of `A2aClient.connect`; functions that give tokens must not be
        async.

        Raises
        ------
        CardError
            There is no card, it is not valid, not trusted, or offers nothing that is spoken here.
        TransportError
            The agent cannot be reached, or its address is not allowed.
        InvalidArgument
        """
        given = {name: value for name, value in locals().items() if name not in ("cls", "url")}
        return cls._connected(request_of("connect", url, given))

    @classmethod
    def from_card(
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
        return cls._connected(request_of("from_card", card, options))

    @classmethod
    def _connected(cls, request: Request) -> Self:
        asked = request.with_tokens(request.tokens.changed_now())
        reply = begin(request.op, encode(asked), None, request.budget).wait()
        return cls._made(request, ok(reply.document), reply.made)

    def _renew(self) -> bool:
        """Ask for tokens; whether there are new ones."""
        return bool(self._tokens) and self._set_tokens(self._tokens.changed_now())

    def _begin(self, op: str, request: bytes) -> Call:
        self._refuse_closed()
        self._renew()
        return begin(op, request, self._handle)

    def _answer(self, asked: Ask[T]) -> T:
        return asked.read(ok(self._begin(asked.op, encode(asked.request)).wait().document))

    def send_task(
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
            return self._answer(asking.send(spec, wait, timeout, context))
        except Unauthenticated as refused:
            if not self._may_follow(refused, timeout):
                raise
            task_id = str(refused.task_id)
        with self.stream_task(task_id) as stream:
            return stream.result()

    def stream_task(
        self,
        spec_or_id: TaskSpec | Task | str,
        *,
        resume: bool = True,
        context: TaskContext | None = None,
    ) -> TaskStreamSync:
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
        return TaskStreamSync(self, *asking.stream(spec_or_id, resume, context), bool(resume))

    def get_task(self, task_id: str, *, history_length: int | None = None) -> Task:
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
        return self._answer(asking.get(task_id, history_length))

    def list_tasks(
        self,
        *,
        context_id: str | None = None,
        state: TaskState | str | None = None,
        since: datetime | None = None,
        page_size: int = 50,
        include_artifacts: bool = False,
    ) -> Iterator[Task]:
        """Return the tasks that the agent has, those that changed last first, for ``for``.

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
        return self._listed(asked)

    def _listed(self, asked: dict[str, Any]) -> Iterator[Task]:
        token: str | None = ""
        while token is not None:
            found, following = self._answer(asking.page(asked, token))
            yield from found
            token = asking.following(following, token)

    def cancel_task(self, task_id: str) -> Task:
        """Ask the agent to cancel a task; return it as it is then.

        Raises
        ------
        TaskNotFound, TaskNotCancelable
        """
        return self._answer(asking.cancel(task_id))

    def reply(self, task: Task, message: Message | str) -> Task:
        """Answer a task that needs input, and wait as `send_task` does.

        Raises
        ------
        InvalidArgument
            It is no task of an agent.
        """
        return self.send_task(asking.reply(task, message))

    def refresh_card(self) -> bool:
        """Ask for the card again and verify it; whether it has changed.

        Raises
        ------
        CardError
            The client keeps the card that it has.
        """
        return self._learn(self._answer(asking.refresh()))

    def get_extended_card(self) -> AgentCard:
        """Ask for the card that only some may see, and verify it; it is `card` from now on.

        Raises
        ------
        ExtendedCardNotConfigured, AuthError, CardError
        """
        said = self._answer(asking.extended())
        self._learn(said)
        return self.card

    def set_push(
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
        return self._answer(asking.set_push(task_id, url, token, auth))

    def get_push(self, task_id: str, config_id: str) -> PushConfig:
        """Return one address that the agent sends updates to.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        return self._answer(asking.get_push(task_id, config_id))

    def list_push(self, task_id: str) -> tuple[PushConfig, ...]:
        """Return the addresses that the agent sends updates of a task to.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        return self._answer(asking.list_push(task_id))

    def delete_push(self, task_id: str, config_id: str) -> None:
        """Have the agent send no more updates to an address.

        Raises
        ------
        PushNotSupported, TaskNotFound
        """
        self._answer(asking.delete_push(task_id, config_id))

    def close(self) -> None:
        """End all streams and requests of this client, here alone. More than once is fine."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
