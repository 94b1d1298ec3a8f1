"""What a client asks an agent and what is made of the answer: the same for code that awaits and
code that blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from .._errors import InvalidArgument
from .card import AgentCard
from .checked import maybe, name_of, whole_of
from .errors import InvalidAgentResponse, error_of_json
from .message import Message
from .policy import TaskContext, TaskSpec
from .push import PushConfig
from .reading import decode, mapping, objects
from .task import Task, TaskState, TaskStatus, pages

T = TypeVar("T")


class Ask(NamedTuple, Generic[T]):
    """An operation, what is sent with it, and how its answer is read."""

    op: str
    request: dict[str, Any]
    read: Callable[[Any], T]


def ok(document: bytes) -> Any:
    """Return what an answer says.

    Raises
    ------
    A2aError
        It is an error.
    """
    said = mapping(decode(document))
    if "error" in said:
        raise error_of_json(said["error"])
    return said.get("ok")


def seconds_of(what: str, value: Any) -> float | None:
    """Return a time to wait, None for no limit.

    Raises
    ------
    InvalidArgument
        It is negative, or no number.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf") or isinstance(value, bool):
        raise InvalidArgument(f"{what}={value!r:.80} must be seconds, 0 or more, or None")
    return seconds


def spec_of(spec: TaskSpec | str) -> TaskSpec:
    """Return what an agent is asked to do; a text is the text of a new task."""
    if isinstance(spec, TaskSpec):
        return spec
    if isinstance(spec, str):
        return TaskSpec(spec)
    raise InvalidArgument(f"{spec!r:.80} is no task; give a text, or rv.TaskSpec(input, ...)")


def _asked(spec: TaskSpec, context: TaskContext | None) -> dict[str, Any]:
    if context is not None and not isinstance(context, TaskContext):
        raise InvalidArgument(f"context={context!r:.80} must be a TaskContext")
    return {"task": spec.to_json(), "context": None if context is None else context.to_json()}


def send(
    spec: TaskSpec | str, wait: bool, timeout: float | None, context: TaskContext | None
) -> Ask[Task]:
    """Send a task; wait until it ends or needs input, or only for the first answer."""
    asked = _asked(spec_of(spec), context)
    asked["timeout"] = seconds_of("timeout", timeout)
    return Ask("run" if wait else "send", asked, Task.from_answer)


def reply(task: Task, message: Message | str) -> TaskSpec:
    """Return what continues a task.

    Raises
    ------
    InvalidArgument
        It is no task of an agent.
    """
    if not isinstance(task, Task) or task.id is None:
        raise InvalidArgument(
            f"{task!r:.80} is no task that can be answered; send a new one with send_task"
        )
    return TaskSpec(message, task_id=task.id, context_id=task.context_id)


class Watched(NamedTuple):
    """Which stream is to be opened."""

    request: dict[str, Any]
    known: Task  # before the first update


def stream(spec: TaskSpec | Task | str, resume: bool, context: TaskContext | None) -> Watched:
    """Return the stream of a new task, or of one that is there.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(spec, TaskSpec):
        asked = {**_asked(spec, context), "resume": bool(resume)}
        return Watched(asked, Task(spec.task_id, spec.context_id))
    if isinstance(spec, Task):
        if spec.id is None:
            raise InvalidArgument(f"{spec!r:.80} is a direct answer; there is no task to stream")
        known = spec
    else:
        name = name_of("task_id", spec)
        if len(name.split()) != 1:
            raise InvalidArgument(
                f"{name!r:.80} is no id of a task; to give the agent a new one, stream "
                "rv.TaskSpec(text)"
            )
        known = Task(name, None, TaskStatus(TaskState.UNSPECIFIED))
    return Watched({"task_id": known.id, "resume": bool(resume)}, known)


def get(task_id: str, history_length: int | None) -> Ask[Task]:
    """Ask for a task."""
    length = None if history_length is None else whole_of("history_length", history_length)
    asked = {"task_id": name_of("task_id", task_id), "history_length": length}
    return Ask("get", asked, Task.from_answer)


def cancel(task_id: str) -> Ask[Task]:
    """Ask for a task to be cancelled."""
    return Ask("cancel", {"task_id": name_of("task_id", task_id)}, Task.from_answer)


def listed(
    context_id: str | None, state: Any, since: Any, page_size: int, include_artifacts: bool
) -> dict[str, Any]:
    """Return what is asked for every page of a list of tasks.

    Raises
    ------
    InvalidArgument
    """
    if since is not None and not isinstance(since, datetime):
        raise InvalidArgument(f"since={since!r:.80} must be a datetime")
    if since is not None:  # one without a zone is in local time, as everywhere in Python
        since = since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {
        "context_id": maybe("context_id", context_id),
        "state": None if state is None else TaskState(state).wire,
        "since": since,
        "page_size": whole_of("page_size", page_size, 1, 100),
        "include_artifacts": bool(include_artifacts),
    }


def page(asked: Mapping[str, Any], token: str) -> Ask[tuple[tuple[Task, ...], str]]:
    """Ask for a page of tasks: the answer has the token of the next one, "" after the last."""
    return Ask("list", {**asked, "page_token": token}, pages)


def refresh() -> Ask[Any]:
    """Ask for the card again."""
    return Ask("refresh", {}, mapping)


def extended() -> Ask[Any]:
    """Ask for the card that only some may see."""
    return Ask("extended", {}, mapping)


def card_of(said: Any) -> AgentCard:
    """Return the card of an answer."""
    found = mapping(said)
    trust = mapping(found.get("trust"))
    return AgentCard.from_json(found.get("card"), agent_id=trust.get("agent_id") or None)


def set_push(task_id: str, url: str, token: str | None, auth: Any) -> Ask[PushConfig]:
    """Have an agent tell an address of every update."""
    config = PushConfig(task_id, url, token=token, auth=auth)
    asked = {"task_id": config.task_id, "config": config.to_json()}
    return Ask("push_set", asked, PushConfig.from_json)


def get_push(task_id: str, config_id: str) -> Ask[PushConfig]:
    """Ask for one address that an agent tells of updates."""
    return Ask("push_get", _push(task_id, config_id), PushConfig.from_json)


def list_push(task_id: str) -> Ask[tuple[PushConfig, ...]]:
    """Ask for all addresses that an agent tells of a task's updates."""
    asked = {"task_id": name_of("task_id", task_id)}
    return Ask("push_list", asked, lambda said: tuple(map(PushConfig.from_json, objects(said))))


def delete_push(task_id: str, config_id: str) -> Ask[None]:
    """Have an agent tell an address no more."""
    return Ask("push_delete", _push(task_id, config_id), lambda _: None)


def _push(task_id: str, config_id: str) -> dict[str, Any]:
    return {"task_id": name_of("task_id", task_id), "config_id": name_of("config_id", config_id)}


def following(token: str, before: str) -> str | None:
    """Return the token of the next page, None after the last.

    Raises
    ------
    InvalidAgentResponse
        It is that of the page before: the list would have no end.
    """
    if token and token == before:
        raise InvalidAgentResponse(
            "list_tasks: the agent gave the token of the same page again; ask for fewer tasks "
            "with state= or since=, and tell who runs it"
        )
    return token or None
