"""What a task may cost, how deep agents may call agents, and what is asked of one: `TaskSpec`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from .._errors import InvalidArgument
from .checked import amount_of, flag_of, maybe, name_of, names_of, object_of, whole_of
from .checked import said as said_of
from .errors import RecursionLimit
from .extension import TRACE
from .message import Message, parts_of
from .reading import Json, mapping, shown

_MOST_TOKENS: Final = 10**15
_MOST_USD: Final = 1e9
_MOST_MS: Final = 366 * 86_400_000
_MOST_TASKS: Final = 10**6
_MOST_SKILLS: Final = 512
_MOST_VISITED: Final = 64
_HEX = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9._~:@-]{1,256}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def agent_of(what: str, value: Any) -> str:
    """Return the name of an agent: 64 hex digits in lower case, or the origin of its URL.

    Raises
    ------
    InvalidArgument
    """
    name = name_of(what, value)
    if _HEX.fullmatch(name.lower()):
        return name.lower()
    try:
        parts = urlsplit(name)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or len(host) > 256 or not host.isascii():
        raise InvalidArgument(
            f"{what}={name!r:.80} is no agent; give its agent_id, 64 hex digits, or its URL"
        )
    host = f"[{host}]" if ":" in host else host
    plain = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if plain else f":{port}")


def id_of(what: str, value: Any) -> str | None:
    """Return the id of a task or a context, or None.

    Raises
    ------
    InvalidArgument
        It has a character that does not belong into an address; nothing is sent.
    """
    if value is None:
        return None
    found = name_of(what, value)
    if not _ID.fullmatch(found):
        raise InvalidArgument(
            f"{what}={found!r:.80} is no id; ids are 1 to 256 letters, digits and . _ ~ : @ -"
        )
    return found


def _put(thing: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(thing, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """What one task may cost. None is no limit.

    Checked before anything is sent, by what is estimated, and while the task runs, by what the
    agent reports; a task over a limit is cancelled. An agent that reports nothing is not limited
    but in time.

    Parameters
    ----------
    max_tokens : int, optional
        Input and output together.
    max_cost_usd : float, optional
    max_duration_ms : int, optional
        Since the task was sent.
    allowed_skills : iterable of str, optional
        Ids of skills; with none of them, no task is allowed.
    max_concurrency : int, optional
        Tasks of one client and one skill at once.
    wait : bool
        A task over `max_concurrency` waits for its turn instead of failing.

    Raises
    ------
    InvalidArgument
    """

    max_tokens: int | None = None
    max_cost_usd: float | None = None
    max_duration_ms: int | None = None
    allowed_skills: frozenset[str] | None = None
    max_concurrency: int | None = None
    wait: bool = False

    def __post_init__(self) -> None:
        for name, least, most in (
            ("max_tokens", 0, _MOST_TOKENS),
            ("max_duration_ms", 1, _MOST_MS),
            ("max_concurrency", 1, _MOST_TASKS),
        ):
            if getattr(self, name) is not None:
                _put(self, **{name: whole_of(name, getattr(self, name), least, most)})
        if self.max_cost_usd is not None:
            _put(self, max_cost_usd=amount_of("max_cost_usd", self.max_cost_usd, 0, _MOST_USD))
        if self.allowed_skills is not None:
            skills = frozenset(names_of("allowed_skills", self.allowed_skills))
            if len(skills) > _MOST_SKILLS:
                raise InvalidArgument(
                    f"allowed_skills has {len(skills)} skills, at most {_MOST_SKILLS} are possible"
                )
            _put(self, allowed_skills=skills)
        flag_of("wait", self.wait)

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library: what is None is left out."""
        said: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("max_tokens", "max_cost_usd", "max_duration_ms", "max_concurrency")
            if getattr(self, name) is not None
        }
        if self.allowed_skills is not None:
            said["allowed_skills"] = sorted(self.allowed_skills)
        return {**said, "wait": self.wait}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursionPolicy:
    """How deep agents may call agents that call agents.

    Parameters
    ----------
    max_call_depth : int
        The greatest depth of a task that is sent, 1 to 64: with 1, only tasks that a person asked
        for.
    deny_revisit : bool
        No agent is called by one that it called, or by itself.
    revisit_allowlist : iterable of str
        Agents that may be: their agent_id, or their URL.

    Raises
    ------
    InvalidArgument
    """

    max_call_depth: int = 8
    deny_revisit: bool = True
    revisit_allowlist: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        depth = whole_of("max_call_depth", self.max_call_depth, 1, _MOST_VISITED)
        flag_of("deny_revisit", self.deny_revisit)
        given = names_of("revisit_allowlist", self.revisit_allowlist)
        agents = frozenset(agent_of(f"revisit_allowlist[{i}]", x) for i, x in enumerate(given))
        if len(agents) > _MOST_SKILLS:
            raise InvalidArgument(
                f"revisit_allowlist has {len(agents)} agents, at most {_MOST_SKILLS} are possible"
            )
        _put(self, max_call_depth=depth, revisit_allowlist=agents)

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        return {
            "max_call_depth": self.max_call_depth,
            "deny_revisit": self.deny_revisit,
            "revisit_allowlist": sorted(self.revisit_allowlist),
        }


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Who we are, where we are an agent: told to agents that we call, to find circles.

    Parameters
    ----------
    agent_id : str
        64 hex digits, or the URL of an agent without a key.

    Raises
    ------
    InvalidArgument
    """

    agent_id: str

    def __post_init__(self) -> None:
        _put(self, agent_id=agent_of("agent_id", self.agent_id))

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library."""
        return {"agent_id": self.agent_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """How a task that we handle came to be: which agents have called each other up to us.

    An agent that is asked takes it from the request, `from_metadata`, and gives it to what it
    sends itself. The default is a task that a person asked for.

    Parameters
    ----------
    depth : int
        How many calls led here, 0 to 64.
    parent_task_id : str, optional
    root_agent : str, optional
        The first to call: agent_id or URL.
    visited_agents : sequence of str
        All who called, in order.
    traceparent : str, optional
        Of W3C Trace Context, version 00.

    Raises
    ------
    InvalidArgument
    """

    depth: int = 0
    parent_task_id: str | None = None
    root_agent: str | None = None
    visited_agents: tuple[str, ...] = ()
    traceparent: str | None = None

    def __post_init__(self) -> None:
        visited = names_of("visited_agents", self.visited_agents)
        agents = tuple(agent_of(f"visited_agents[{i}]", x) for i, x in enumerate(visited))
        depth = whole_of("depth", self.depth, 0, _MOST_VISITED)
        if len(agents) > depth:
            raise InvalidArgument(
                f"depth={depth}, and {len(agents)} agents were visited; each call is one deeper "
                "and visits one agent"
            )
        root = None if self.root_agent is None else agent_of("root_agent", self.root_agent)
        parent = id_of("parent_task_id", self.parent_task_id)
        trace = maybe("traceparent", self.traceparent)
        if trace is not None and not _TRACEPARENT.fullmatch(trace):
            raise InvalidArgument(
                f"traceparent={trace!r:.80} is not of the form 00-<32 hex>-<16 hex>-<2 hex>"
            )
        _put(self, depth=depth, visited_agents=agents, root_agent=root, parent_task_id=parent)

    @classmethod
    def from_metadata(cls, metadata: Any) -> Self:
        """Return the context that came with a request.

        Parameters
        ----------
        metadata : mapping
            Of the message that was received. One without a context gives the default.

        Raises
        ------
        RecursionLimit
            It is deeper than 64 calls, or lists more agents.
        InvalidArgument
            It is none: it comes from strangers.
        """
        said = mapping(metadata).get(TRACE)
        if said is None:
            return cls()
        if not isinstance(said, dict):
            raise InvalidArgument(f"context is {type(said).__name__}, and must be an object")
        depth, visited = said.get("depth", 0), said.get("visitedAgents") or []
        for what, count in (
            ("depth", depth),
            ("visitedAgents", len(visited) if isinstance(visited, list) else 0),
        ):
            if isinstance(count, int | float) and count > _MOST_VISITED:
                raise RecursionLimit(
                    f"the task comes with {what} {said_of(count)}, no chain of calls may be longer "
                    f"than {_MOST_VISITED}; end the chain",
                    detail={"depth": _MOST_VISITED + 1 if isinstance(count, float) else count},
                )
        return cls(
            depth=depth,
            parent_task_id=said.get("parentTaskId"),
            root_agent=said.get("rootAgentId"),
            visited_agents=cast("tuple[str, ...]", visited),
            traceparent=said.get("traceparent"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON as it stands in the metadata of a message."""
        said: dict[str, Any] = {"depth": self.depth, "visitedAgents": list(self.visited_agents)}
        for name, value in (
            ("parentTaskId", self.parent_task_id),
            ("rootAgentId", self.root_agent),
            ("traceparent", self.traceparent),
        ):
            if value is not None:
                said[name] = value
        return said


@dataclass(frozen=True, slots=True, init=False, repr=False)
class TaskSpec:
    """What an agent is asked for. Never changes once it is made.

    Parameters
    ----------
    input : str, Message, Part, a typed artifact, or a sequence of parts
        A text is a message of one part. Typed artifacts (`VectorRef`, `StructuredJson`, ...) are
        sent by reference: a witness, not the vectors.
    skill : str, optional
        The id of one of the card's skills; one that the card lacks is refused before anything is
        sent.
    policy : TaskPolicy, optional
        Instead of the client's.
    task_id, context_id : str, optional
        To go on with a task or a conversation, as the agent named it.
    accepted_output_modes : sequence of str
        Media types; any where there are none.
    metadata : mapping, optional
        Of the request.
    est_tokens : int, optional
    est_cost_usd : float, optional
        What it will probably take, for policies and budgets.
    history_length : int, optional
        How many messages of the past the agent is to give back; as many as it likes where it is
        None.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.TaskSpec("sum up", skill="summarize", policy=rv.TaskPolicy(max_cost_usd=0.1))
    TaskSpec('sum up', skill='summarize', policy=TaskPolicy(max_cost_usd=0.1))
    """

    message: Message
    skill: str | None
    policy: TaskPolicy | None
    task_id: str | None
    context_id: str | None
    accepted_output_modes: tuple[str, ...]
    metadata: Json = field(hash=False)
    est_tokens: int | None
    est_cost_usd: float | None
    history_length: int | None

    def __init__(
        self,
        input: Any,
        *,
        skill: str | None = None,
        policy: TaskPolicy | None = None,
        task_id: str | None = None,
        context_id: str | None = None,
        accepted_output_modes: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        est_tokens: int | None = None,
        est_cost_usd: float | None = None,
        history_length: int | None = None,
    ) -> None:
        message = input if isinstance(input, Message) else Message(parts_of("input", input))
        if policy is not None and not isinstance(policy, TaskPolicy):
            raise InvalidArgument(
                f"policy={policy!r:.80} must be a TaskPolicy, as rv.TaskPolicy(max_cost_usd=0.5)"
            )
        if est_tokens is not None:
            est_tokens = whole_of("est_tokens", est_tokens, 0, _MOST_TOKENS)
        if est_cost_usd is not None:
            est_cost_usd = amount_of("est_cost_usd", est_cost_usd, 0, _MOST_USD)
        if history_length is not None:
            history_length = whole_of("history_length", history_length, 0, 2**31 - 1)
        _put(
            self,
            message=message,
            skill=maybe("skill", skill),
            policy=policy,
            task_id=id_of("task_id", task_id) or message.task_id,
            context_id=id_of("context_id", context_id) or message.context_id,
            accepted_output_modes=names_of("accepted_output_modes", accepted_output_modes),
            metadata=object_of("metadata", metadata or {}),
            est_tokens=est_tokens,
            est_cost_usd=est_cost_usd,
            history_length=history_length,
        )

    @property
    def input(self) -> Message:
        """``message``: what `input` became."""
        return self.message

    def to_json(self) -> dict[str, Any]:
        """Return JSON for the library: ``message`` of version 1.0; what is None is left out."""
        said: dict[str, Any] = {"message": self.message.to_json()}
        for name, value in (
            ("skill", self.skill),
            ("policy", None if self.policy is None else self.policy.to_json()),
            ("task_id", self.task_id),
            ("context_id", self.context_id),
            ("accepted_output_modes", list(self.accepted_output_modes) or None),
            ("metadata", dict(self.metadata) or None),
            ("est_tokens", self.est_tokens),
            ("est_cost_usd", self.est_cost_usd),
            ("history_length", self.history_length),
        ):
            if value is not None:
                said[name] = value
        return said

    def __repr__(self) -> str:
        said = shown(self.message.text) if self.message.text else repr(self.message)
        named = [said]
        for name in ("skill", "policy", "task_id", "context_id", "est_tokens", "est_cost_usd"):
            value = getattr(self, name)
            if value is not None:
                shown_value = _policy(value) if name == "policy" else repr(value)
                named.append(f"{name}={shown_value}")
        return f"TaskSpec({', '.join(named)})"


def _policy(policy: TaskPolicy) -> str:
    said = {name: value for name, value in policy.to_json().items() if name != "wait" or value}
    return f"TaskPolicy({', '.join(f'{name}={value!r}' for name, value in said.items())})"
