"""Tasks of agents: their state, what they made, and what changes in them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from .._index.result import missing_extra
from . import show
from .artifacts import Artifact
from .errors import InvalidAgentResponse, TaskFailed
from .message import Message
from .reading import amount, mapping, objects, shown, text, whole, word

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl

UpdateKind = Literal["task", "status", "artifact", "message"]
_COLUMNS: Final = ("task_id", "artifact_id", "name", "part", "text", "media_type")
_MOST_STATE: Final = 64  # letters of a state that is not known


class TaskState(enum.StrEnum):
    """Where a task is.

    A state that is not known is kept, with what the agent called it as ``value``, and counts as
    active. States are equal to their texts: ``task.state == "completed"``.
    """

    UNSPECIFIED = "unspecified"
    SUBMITTED = "submitted"
    WORKING = "working"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    INPUT_REQUIRED = "input-required"
    REJECTED = "rejected"
    AUTH_REQUIRED = "auth-required"

    @classmethod
    def _missing_(cls, value: object) -> TaskState:
        known = _STATES.get(value) if isinstance(value, str | int) else None
        if known is not None:
            return known
        if isinstance(value, int) and 0 <= value < 2**31 and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            return cls.UNSPECIFIED
        said = value[:_MOST_STATE]
        made = str.__new__(cls, said)
        made._name_ = said
        made._value_ = said
        return made

    @classmethod
    def of(cls, said: Any) -> TaskState:
        """Return the state of JSON: a name of any version, a number, or what is not known."""
        try:
            return _STATES[said]
        except (KeyError, TypeError):
            return cls._missing_(said)

    @property
    def wire(self) -> str:
        """What version 1.0 of the protocol calls it."""
        return f"TASK_STATE_{self.name}" if self.name in TaskState.__members__ else self.value

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in _TERMINAL

    @property
    def is_interrupted(self) -> bool:
        """Whether the agent waits for us."""
        return self in _INTERRUPTED

    @property
    def is_active(self) -> bool:
        """Whether the agent may still be at work."""
        return not (self.is_terminal or self.is_interrupted)


_STATES: Final[dict[Any, TaskState]] = {
    form: state
    for number, state in enumerate(TaskState)
    for form in (state.wire, state.value, state.name, number)
}
_TERMINAL: Final = frozenset(
    (TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELED, TaskState.REJECTED)
)
_INTERRUPTED: Final = frozenset((TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED))


@dataclass(frozen=True, slots=True, repr=False)
class TaskStatus:
    """The state of a task, what the agent said with it, and since when it is so."""

    state: TaskState
    message: Message | None = None
    timestamp: datetime | None = None

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the status of JSON of version 1.0; a time that cannot be read is None."""
        said = mapping(raw)
        message = said.get("message")
        return cls(
            TaskState.of(said.get("state")),
            Message.from_json(message) if isinstance(message, dict) else None,
            moment(said.get("timestamp")),
        )

    def __repr__(self) -> str:
        said = f": {shown(self.message.text)}" if self.message is not None else ""
        return f"TaskStatus({shown(self.state.value)}{said})"


def moment(value: Any) -> datetime | None:
    """Return a time of RFC 3339, in UTC where it names no zone; None for what is none."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent reports to have used; what it does not report, or not rightly, is None."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    final: bool = False

    @property
    def total_tokens(self) -> int | None:
        """Input and output tokens together, where either is known."""
        known = [n for n in (self.input_tokens, self.output_tokens) if n is not None]
        return sum(known) if known else None

    @classmethod
    def from_json(cls, raw: Any) -> Self | None:
        """Return the usage of JSON, None for what is none."""
        if not isinstance(raw, dict):
            return None
        return cls(
            _count(raw.get("inputTokens", raw.get("input_tokens"))),
            _count(raw.get("outputTokens", raw.get("output_tokens"))),
            amount(raw.get("costUsd", raw.get("cost_usd"))),
            raw.get("final") is True,
        )


def _count(value: Any) -> int | None:
    count = whole(value)
    return count if count is not None and count >= 0 else None


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """A task of an agent, as it was when it was asked for.

    Frozen; any number of threads may use it; it can be pickled.

    Attributes
    ----------
    id : str or None
        The agent's. None where it answered with a message instead of a task.
    context_id : str or None
        What groups tasks of one conversation.
    status : TaskStatus
    artifacts : tuple of Artifact
    history : tuple of Message
    metadata : mapping
    direct_message : Message or None
        The answer of an agent that made no task; `state` is then ``COMPLETED``.
    usage : Usage or None
        The last that the agent reported.
    gap : bool
        Updates may be missing, because a stream was interrupted.
    raw : mapping
        The task as JSON of version 1.0, numbers exactly as they came; not to be changed.
    """

    id: str | None
    context_id: str | None = None
    status: TaskStatus = field(default_factory=lambda: TaskStatus(TaskState.UNSPECIFIED))
    artifacts: tuple[Artifact, ...] = ()
    history: tuple[Message, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    direct_message: Message | None = None
    usage: Usage | None = None
    gap: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def state(self) -> TaskState:
        """``status.state``."""
        return self.status.state

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return self.state.is_terminal

    @property
    def needs_input(self) -> bool:
        """Whether the agent waits for an answer: `A2aClient.reply`."""
        return self.state == TaskState.INPUT_REQUIRED

    @property
    def needs_auth(self) -> bool:
        """Whether the agent waits for credentials, which may reach it another way."""
        return self.state == TaskState.AUTH_REQUIRED

    @property
    def text(self) -> str:
        """The texts of the artifacts, one after another; of a direct message, its text."""
        if self.direct_message is not None and not self.artifacts:
            return self.direct_message.text
        return "\n".join(one.text for one in self.artifacts if one.text)

    def raise_for_state(self) -> Self:
        """Return the task, unless it ended without completing.

        A task that is still active, or waits for input, is returned too.

        Raises
        ------
        TaskFailed
            It failed, was cancelled or rejected; ``task`` is it, and the message says what the
            agent said.
        """
        if self.done and self.state != TaskState.COMPLETED:
            said = self.status.message.text if self.status.message is not None else ""
            error = TaskFailed(
                f"the task {shown(self.id)} is {self.state.value}"
                + (f"; the agent said {shown(said, 300)}" if said else "; the agent said nothing"),
                task_id=self.id,
            )
            error.task = cast("Task", self)
            raise error
        return self

    @classmethod
    def from_json(
        cls,
        raw: Any,
        *,
        direct_message: Any = None,
        usage: Any = None,
        gap: bool = False,
    ) -> Self:
        """Return the task of JSON of version 1.0.

        Parameters
        ----------
        raw : mapping or None
            None where an agent answered with `direct_message`.
        direct_message, usage : mapping, optional
        gap : bool

        Raises
        ------
        InvalidAgentResponse
            There is neither task nor message.
        """
        message = Message.from_json(direct_message) if isinstance(direct_message, dict) else None
        if not isinstance(raw, dict):
            if message is None:
                kind = type(raw).__name__
                raise InvalidAgentResponse(f"a task is a JSON object, not {kind}")
            raw = {}
        status = TaskStatus.from_json(raw.get("status"))
        if message is not None and not raw:
            status = TaskStatus(TaskState.COMPLETED)
        return cls(
            text(raw.get("id")) or None,
            text(raw.get("contextId")) or (message.context_id if message else None) or None,
            status,
            tuple(map(Artifact.from_json, objects(raw.get("artifacts")))),
            tuple(map(Message.from_json, objects(raw.get("history")))),
            mapping(raw.get("metadata")),
            message,
            Usage.from_json(usage),
            gap is True,
            raw,
        )

    @classmethod
    def from_answer(cls, said: Any) -> Self:
        """Return the task of what the library answers: JSON with what is known beside it."""
        found = mapping(said)
        return cls.from_json(
            found.get("task"),
            direct_message=found.get("direct_message"),
            usage=found.get("usage"),
            gap=found.get("gap") is True,
        )

    def _columns(self) -> dict[str, list[Any]]:
        """Return the parts that are texts: rows of ``_COLUMNS``."""
        rows: list[tuple[Any, ...]] = [
            (self.id, one.artifact_id, one.name, i, part.text, part.media_type)
            for one in self.artifacts
            for i, part in enumerate(one.parts)
            if part.text is not None
        ]
        if self.direct_message is not None:
            rows += [
                (self.id, None, None, i, part.text, part.media_type)
                for i, part in enumerate(self.direct_message.parts)
                if part.text is not None
            ]
        return {name: [row[at] for row in rows] for at, name in enumerate(_COLUMNS)}

    def to_pandas(self) -> pd.DataFrame:
        """Return the texts of the artifacts as a pandas DataFrame, a row each part.

        The columns are ``task_id``, ``artifact_id``, ``name``, ``part`` (the position in the
        artifact), ``text`` and ``media_type``. A direct message has rows without ``artifact_id``.
        Other parts are left out.

        Raises
        ------
        MissingExtra
        """
        try:
            import pandas as pd  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise missing_extra("pandas", "pandas") from error
        kind: Any = "str" if int(pd.__version__.split(".")[0]) > 2 else object
        return pd.DataFrame(
            {
                name: pd.Series(values, dtype="int64" if name == "part" else kind)
                for name, values in self._columns().items()
            }
        )

    def to_polars(self) -> pl.DataFrame:
        """Return the texts of the artifacts as a polars DataFrame; see `to_pandas`.

        Raises
        ------
        MissingExtra
        """
        try:
            import polars as pl
        except ImportError as error:
            raise missing_extra("polars", "polars") from error
        columns = self._columns()
        kinds = {name: pl.Int64 if name == "part" else pl.String for name in columns}
        return pl.DataFrame(columns, schema=kinds)

    def __repr__(self) -> str:
        made = f", {n} artifact{'s' * (n > 1)}" if (n := len(self.artifacts)) else ""
        said = self.direct_message or self.status.message
        spoken = f", {shown(said.text)}" if said is not None and said.text else ""
        lost = ", gap" if self.gap else ""
        return f"Task({shown(self.id)}, {shown(self.state.value)}{made}{spoken}{lost})"

    def _repr_html_(self) -> str:
        return show.task(self)


@dataclass(frozen=True, slots=True, repr=False)
class TaskUpdate:
    """A change of a task, or its state as a whole.

    Attributes
    ----------
    kind : {"task", "status", "artifact", "message"}
        ``"task"``: all of it, at the beginning and after an interruption; `task` has it.
        ``"message"``: a direct answer; `message` has it.
    seq : int
        Counts from 1 in a stream.
    task_id, context_id : str or None
    status : TaskStatus or None
    artifact : Artifact or None
        The whole one, or with `append` parts to be added to the one of its id.
    append, last_chunk : bool
    usage : Usage or None
        What the agent reports with it.
    metadata : mapping
    message : Message or None
    resumed : bool
        The first after an interruption.
    gap : bool
        Updates before it may be missing.
    raw : mapping
        As JSON of version 1.0 (a ``StreamResponse``), numbers exactly as they came; not to be
        changed.
    """

    kind: UpdateKind
    seq: int
    task_id: str | None = None
    context_id: str | None = None
    status: TaskStatus | None = None
    artifact: Artifact | None = None
    append: bool = False
    last_chunk: bool = False
    usage: Usage | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    message: Message | None = None
    resumed: bool = False
    gap: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def task(self) -> Task | None:
        """The task as a whole, of an update of kind ``"task"``."""
        if self.kind != "task":
            return None
        return Task.from_json(mapping(self.raw.get("task")), usage=None, gap=self.gap)

    @property
    def text(self) -> str:
        """The text that it brings: of the artifact, the message, or the message of the status."""
        said = self.status.message if self.status is not None else None
        for one in (self.artifact, self.message, said):
            if one is not None:
                return one.text
        return ""

    @classmethod
    def from_json(cls, said: Any) -> TaskUpdate:
        """Return the update of what the library gives.

        Parameters
        ----------
        said : mapping
            ``kind``, ``seq``, ``resumed``, ``gap``, ``usage`` and ``raw``.
        """
        found = mapping(said)
        raw = mapping(found.get("raw"))
        name, kind, of = _PAYLOADS.get(word(found.get("kind")), _PAYLOADS["task"])
        body = mapping(raw.get(name))
        usage = found.get("usage")
        return of(
            kind,
            whole(found.get("seq")) or 0,
            text(body.get("id" if name == "task" else "taskId")) or None,
            text(body.get("contextId")) or None,
            TaskStatus.from_json(body.get("status")) if name in _WITH_STATUS else None,
            Artifact.from_json(body.get("artifact")) if name == "artifactUpdate" else None,
            body.get("append") is True,
            body.get("lastChunk") is True,
            None if usage is None else Usage.from_json(usage),
            mapping(body.get("metadata")),
            Message.from_json(body) if name == "message" else None,
            found.get("resumed") is True,
            found.get("gap") is True,
            raw,
        )

    def __repr__(self) -> str:
        what = self.artifact or self.message or self.status
        flags = "".join(
            f", {name}"
            for name in ("append", "last_chunk", "resumed", "gap")
            if getattr(self, name)
        )
        return f"TaskUpdate({self.seq}, {self.kind}, {what!r}{flags})"


class TaskStatusUpdateEvent(TaskUpdate):
    """A `TaskUpdate` of kind ``"status"``."""

    __slots__ = ()


class TaskArtifactUpdateEvent(TaskUpdate):
    """A `TaskUpdate` of kind ``"artifact"``."""

    __slots__ = ()


_WITH_STATUS: Final = frozenset(("task", "statusUpdate"))
_PAYLOADS: Final[dict[str, tuple[str, UpdateKind, type[TaskUpdate]]]] = {
    "task": ("task", "task", TaskUpdate),
    "status": ("statusUpdate", "status", TaskStatusUpdateEvent),
    "artifact": ("artifactUpdate", "artifact", TaskArtifactUpdateEvent),
    "message": ("message", "message", TaskUpdate),
}


def pages(said: Any) -> tuple[tuple[Task, ...], str]:
    """Return the tasks of a page of a list and the token of the next one, "" after the last."""
    found = mapping(said)
    tasks = tuple(Task.from_json(one) for one in objects(found.get("tasks")))
    return tasks, word(found.get("nextPageToken", found.get("next_page_token")))
