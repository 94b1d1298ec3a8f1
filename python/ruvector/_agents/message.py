"""What agents say to each other: roles, parts and messages."""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from .._errors import InvalidArgument
from .checked import json_of, maybe, names_of, object_of, text_of
from .errors import InvalidAgentResponse, ResponseTooLarge
from .reading import mapping, objects, shown, text, texts

PartKind = Literal["text", "raw", "url", "data", "unknown"]
_MOST_BYTES: Final = 256 << 20  # of one part, decoded
_PAYLOADS: Final[tuple[PartKind, ...]] = ("text", "data", "raw", "url")


class Role(enum.StrEnum):
    """Who wrote a message."""

    UNSPECIFIED = "unspecified"
    USER = "user"
    AGENT = "agent"

    @classmethod
    def of(cls, said: Any) -> Role:
        """Return the role of JSON: a name of any version, or a number; else UNSPECIFIED."""
        return _ROLES.get(said, cls.UNSPECIFIED) if isinstance(said, str | int) else _NO_ROLE

    @property
    def wire(self) -> str:
        """What version 1.0 of the protocol calls it."""
        return f"ROLE_{self.name}"


_NO_ROLE: Final = Role.UNSPECIFIED
_ROLES: Final[dict[Any, Role]] = {
    form: role
    for number, role in enumerate(Role)
    for form in (role.wire, role.value, role.name, number)
}


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """A piece of a message or an artifact: a text, JSON, bytes, or an address.

    ``Part("hello")``, ``Part(data={"rows": 3})``, `Part.of_bytes`, ``Part(url="https://...")``.

    Parameters
    ----------
    text : str, optional
    data : object, optional
        Any JSON. Whole numbers of any size come and go as they are; agents whose software reads
        all numbers as floats round those above 2**53, so that ids are better texts.
    base64 : str, optional
        Bytes, in base64; see `of_bytes` and `decoded`.
    url : str, optional
        An address, which is never fetched.
    media_type, filename : str, optional
    metadata : mapping, optional
    kind : {"text", "data", "raw", "url"}, optional
        Which of these it is; needed for JSON null alone, ``Part(kind="data")``. ``"unknown"``
        where an agent sent something else.

    Raises
    ------
    InvalidArgument
    """

    text: str | None = None
    data: Any = field(default=None, hash=False)
    base64: str | None = field(default=None)
    url: str | None = None
    media_type: str | None = None
    filename: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    kind: PartKind = "unknown"

    def __post_init__(self) -> None:
        given: list[PartKind] = [
            kind
            for kind, value in zip(
                _PAYLOADS, (self.text, self.data, self.base64, self.url), strict=True
            )
            if value is not None
        ] or (["data"] if self.kind == "data" else [])
        if len(given) != 1 or self.kind not in ("unknown", given[0]):
            raise InvalidArgument(
                f"a Part is one of text=, data=, base64= and url=, not {given or 'none of them'}; "
                "for JSON null write Part(kind='data')"
            )
        kind = given[0]
        put = object.__setattr__
        put(self, "kind", kind)
        if kind == "data":
            put(self, "data", json_of("data", self.data))
        else:
            name = "base64" if kind == "raw" else str(kind)
            put(self, name, text_of(name, getattr(self, name)))
        for name in ("media_type", "filename"):
            put(self, name, maybe(name, getattr(self, name)))
        put(self, "metadata", object_of("metadata", self.metadata))

    @classmethod
    def of_bytes(
        cls,
        content: bytes | bytearray | memoryview,
        *,
        media_type: str | None = None,
        filename: str | None = None,
    ) -> Self:
        """Return a part of bytes, which are copied.

        Raises
        ------
        InvalidArgument
        """
        if not isinstance(content, bytes | bytearray | memoryview):
            raise InvalidArgument(f"content is {type(content).__name__}, which is not bytes")
        coded = base64.b64encode(content).decode()
        return cls(base64=coded, media_type=media_type, filename=filename)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the part of JSON of version 1.0; of more than one payload the first counts."""
        said = mapping(raw)
        self = object.__new__(cls)
        put = object.__setattr__
        found: dict[str, Any] = {"text": None, "data": None, "raw": None, "url": None}
        kind: PartKind = "unknown"
        for name in _PAYLOADS:
            if name in said and (name == "data" or isinstance(said[name], str)):
                kind, found[name] = name, said[name]
                break
        put(self, "text", found["text"])
        put(self, "data", found["data"])
        put(self, "base64", found["raw"])
        put(self, "url", found["url"])
        put(self, "media_type", text(said.get("mediaType")) or None)
        put(self, "filename", text(said.get("filename")) or None)
        put(self, "metadata", mapping(said.get("metadata")))
        put(self, "kind", kind)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the part as JSON of version 1.0."""
        value = {"text": self.text, "data": self.data, "raw": self.base64, "url": self.url}
        said: dict[str, Any] = {} if self.kind == "unknown" else {self.kind: value[self.kind]}
        if self.media_type:
            said["mediaType"] = self.media_type
        if self.filename:
            said["filename"] = self.filename
        if self.metadata:
            said["metadata"] = dict(self.metadata)
        return said

    def decoded(self, limit: int = 64 << 20) -> bytes:
        """Return the bytes of a part of kind ``"raw"``.

        Parameters
        ----------
        limit : int
            The most bytes to return.

        Raises
        ------
        InvalidArgument
            It is of another kind.
        ResponseTooLarge
            There are more bytes.
        InvalidAgentResponse
            It is no base64.
        """
        if self.base64 is None:
            raise InvalidArgument(f"a part of kind {self.kind!r} has no bytes; read .{self.kind}")
        limit = min(limit, _MOST_BYTES)
        if len(self.base64) * 3 // 4 - 2 > limit:
            raise ResponseTooLarge(
                f"a part has about {len(self.base64) * 3 // 4:,} bytes, more than limit={limit:,}",
                detail={"what": "part", "limit": limit},
            )
        plain = self.base64.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidAgentResponse(f"a part's bytes are no base64: {error}") from None

    def __repr__(self) -> str:
        if self.kind == "raw":
            said = f"raw, about {len(self.base64 or '') * 3 // 4:,} bytes"
        elif self.kind == "data":
            said = f"data={repr(self.data)[:60]}"
        elif self.kind == "unknown":
            said = "unknown"
        else:
            said = f"{self.kind}={shown(self.text if self.kind == 'text' else self.url)}"
        named = f", filename={shown(self.filename)}" if self.filename else ""
        return f"Part({said}{f', {shown(self.media_type)}' if self.media_type else ''}{named})"


def parts_of(what: str, value: Any) -> tuple[Part, ...]:
    """Return the parts that a user means: a text, a part, a typed artifact, or several of them.

    Raises
    ------
    InvalidArgument
    """
    if isinstance(value, str | Part) or hasattr(value, "to_parts"):
        value = (value,)
    if isinstance(value, bytes | Mapping) or not isinstance(value, Sequence):
        raise InvalidArgument(
            f"{what}={value!r:.80} must be a text, a Part, or a list of them; write "
            "Part.of_bytes(...) for bytes and Part(data=...) for JSON"
        )
    found: list[Part] = []
    for i, one in enumerate(value):
        if isinstance(one, str):
            found.append(Part(text=text_of(f"{what}[{i}]", one)))
        elif isinstance(one, Part):
            found.append(one)
        elif hasattr(one, "to_parts"):
            found.extend(one.to_parts())
        else:
            raise InvalidArgument(
                f"{what}[{i}] is {type(one).__name__}, which is neither text nor Part"
            )
    if not found:
        raise InvalidArgument(f"{what} has no parts")
    return tuple(found)


def joined(parts: Sequence[Part]) -> str:
    """Return the texts of parts as one text: chunks are joined with nothing between them."""
    return "".join(part.text for part in parts if part.text is not None)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Message:
    """Something said, by a user or an agent.

    Parameters
    ----------
    parts : str, Part, or a sequence of them
    role : Role
    message_id : str, optional
        Made when it is sent, where there is none.
    context_id, task_id : str, optional
        What it belongs to, as the agent named it.
    metadata : mapping, optional
    extensions, reference_task_ids : sequence of str

    Raises
    ------
    InvalidArgument
    """

    parts: tuple[Part, ...]
    role: Role = Role.USER
    message_id: str | None = None
    context_id: str | None = None
    task_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    extensions: tuple[str, ...] = ()
    reference_task_ids: tuple[str, ...] = ()

    def __init__(
        self,
        parts: Any,
        role: Role | str = Role.USER,
        message_id: str | None = None,
        context_id: str | None = None,
        task_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        extensions: Sequence[str] = (),
        reference_task_ids: Sequence[str] = (),
    ) -> None:
        who = Role.of(role)
        if who is Role.UNSPECIFIED:
            raise InvalidArgument(f"role={role!r:.60} must be Role.USER or Role.AGENT")
        put = object.__setattr__
        put(self, "parts", parts_of("parts", parts))
        put(self, "role", who)
        put(self, "message_id", maybe("message_id", message_id))
        put(self, "context_id", maybe("context_id", context_id))
        put(self, "task_id", maybe("task_id", task_id))
        put(self, "metadata", object_of("metadata", metadata or {}))
        put(self, "extensions", names_of("extensions", extensions))
        put(self, "reference_task_ids", names_of("reference_task_ids", reference_task_ids))

    @property
    def text(self) -> str:
        """Its texts as one."""
        return joined(self.parts)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the message of JSON of version 1.0; what is missing reads as absent."""
        said = mapping(raw)
        self = object.__new__(cls)
        put = object.__setattr__
        put(self, "parts", tuple(map(Part.from_json, objects(said.get("parts")))))
        put(self, "role", Role.of(said.get("role")))
        put(self, "message_id", text(said.get("messageId")) or None)
        put(self, "context_id", text(said.get("contextId")) or None)
        put(self, "task_id", text(said.get("taskId")) or None)
        put(self, "metadata", mapping(said.get("metadata")))
        put(self, "extensions", texts(said.get("extensions")))
        put(self, "reference_task_ids", texts(said.get("referenceTaskIds")))
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the message as JSON of version 1.0, without an id where it has none."""
        said: dict[str, Any] = {
            "role": self.role.wire,
            "parts": [part.to_json() for part in self.parts],
        }
        for name, value in (
            ("messageId", self.message_id),
            ("contextId", self.context_id),
            ("taskId", self.task_id),
            ("metadata", dict(self.metadata)),
            ("extensions", list(self.extensions)),
            ("referenceTaskIds", list(self.reference_task_ids)),
        ):
            if value:
                said[name] = value
        return said

    def __repr__(self) -> str:
        return f"Message({self.role.value}: {shown_parts(self.parts)})"


def shown_parts(parts: Sequence[Part]) -> str:
    """Return parts for a repr."""
    if parts and all(part.kind == "text" for part in parts):
        return shown(joined(parts))
    more = ", ..." if len(parts) > 4 else ""
    return f"[{', '.join(map(repr, parts[:4]))}{more}]"
